// SPDX-License-Identifier: GPL-2.0-only
/*
 * ss_harness.h inside a bare-metal guest: the same TEST() and the same checks.
 * A check that fails goes to the host with its place and both values, and is
 * printed there as the host's own are. The host boots a guest for one test.
 */
#include <stdarg.h>

#include "ss_harness.h"
#include "user.h"

typedef void (*constructor)(void);
extern const constructor bare_init_begin[], bare_init_end[];

static struct ss_test *tests;

void ss_test_add(struct ss_test *test)
{
	test->next = tests;
	tests = test;
}

void ss_bail(void)
{
	const struct bare_event event = { .kind = BARE_BAIL };

	user_report(&event);
	user_poweroff();
}

static struct bare_event event_of(enum bare_event_kind kind, const struct ss_site *site)
{
	return (struct bare_event){
		.kind = kind,
		.line = (uint32_t)site->line,
		.file = (uintptr_t)site->file,
		.check = (uintptr_t)site->check,
		.a_text = (uintptr_t)site->a,
		.b_text = (uintptr_t)site->b,
	};
}

/* As in mathematics: a negative number is below all unsigned ones. */
static int compare(struct ss_num a, struct ss_num b)
{
	const bool a_below = a.kind == SS_NUM_SIGNED && a.s < 0;
	const bool b_below = b.kind == SS_NUM_SIGNED && b.s < 0;

	if (a_below != b_below)
		return a_below ? -1 : 1;
	return a_below ? (a.s > b.s) - (a.s < b.s) : (a.u > b.u) - (a.u < b.u);
}

static bool holds(enum ss_op op, int order)
{
	switch (op) {
	case SS_OP_EQ:
		return order == 0;
	case SS_OP_NE:
		return order != 0;
	case SS_OP_LT:
		return order < 0;
	case SS_OP_LE:
		return order <= 0;
	case SS_OP_GT:
		return order > 0;
	case SS_OP_GE:
		return order >= 0;
	default:
		return false;
	}
}

bool ss_check_num(const struct ss_site *site, enum ss_op op, struct ss_num a, struct ss_num b)
{
	struct bare_event event;

	if (holds(op, compare(a, b)))
		return false;
	event = event_of(BARE_CHECK, site);
	event.op = op;
	event.a_kind = a.kind;
	event.b_kind = b.kind;
	event.a = a.u;
	event.b = b.u;
	user_report(&event);
	return true;
}

bool ss_check_truth(const struct ss_site *site, bool want, bool got)
{
	struct bare_event event;

	if (want == got)
		return false;
	event = event_of(BARE_TRUTH, site);
	event.op = want;
	user_report(&event);
	return true;
}

bool ss_check_mem(const struct ss_site *site, const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;
	struct bare_event event;

	for (size_t i = 0; i < len; i++) {
		if (x[i] == y[i])
			continue;
		event = event_of(BARE_MEM, site);
		event.a = (uintptr_t)a;
		event.b = (uintptr_t)b;
		event.len = (uint32_t)len;
		user_report(&event);
		return true;
	}
	return false;
}

/* ---- a line of diagnostics: %s, %d, %u, %x, and those with l ---- */

struct line {
	char *to, *end;
};

static void put(struct line *l, char c)
{
	if (l->to < l->end)
		*l->to++ = c;
}

static void put_number(struct line *l, unsigned long v, unsigned int base)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put(l, digits[--n]);
}

static void put_signed(struct line *l, long v)
{
	if (v < 0)
		put(l, '-');
	put_number(l, v < 0 ? -(unsigned long)v : (unsigned long)v, 10);
}

void ss_log(const char *file, int line, const char *fmt, ...)
{
	struct bare_event event = { .kind = BARE_LOG };
	struct line l = { event.text, event.text + sizeof(event.text) - 1 };
	va_list ap;

	event.file = (uintptr_t)file;
	event.line = (uint32_t)line;
	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		bool is_long = false;

		if (*fmt != '%') {
			put(&l, *fmt);
			continue;
		}
		while (*++fmt == 'l')
			is_long = true;
		if (*fmt == 's')
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(&l, *s);
		else if (*fmt == 'd')
			put_signed(&l, is_long ? va_arg(ap, long) : va_arg(ap, int));
		else
			put_number(&l,
				   is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int),
				   *fmt == 'x' ? 16 : 10);
	}
	va_end(ap);
	user_report(&event);
}

/* ---- the one test ---- */

void user_main(void)
{
	static const struct bare_event done = { .kind = BARE_DONE };

	for (const constructor *fn = bare_init_begin; fn < bare_init_end; fn++)
		(*fn)();
	for (const struct ss_test *t = tests; t; t = t->next) {
		if (!user_asked_for(t->name))
			continue;
		t->fn(NULL, NULL);
		user_report(&done);
		return;
	}
	ss_log(__FILE__, __LINE__, "there is no test of that name");
	ss_bail();
}
