// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test harness: the checks, the process a test runs in, and the command line.
 * Watching that process and judging how it ended is in ss_supervise.c.
 */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ss_harness_int.h"

static struct ss_test *tests, **tests_end = &tests;

/* The test that runs in this process; unused in the supervising one. */
static struct {
	struct ss_outcome *out;
	pid_t pid, tid;
	sigjmp_buf end;
} cur;

/* Present only in a sanitized or instrumented build. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
extern void __gcov_dump(void) __attribute__((weak));

void ss_test_add(struct ss_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

void ss_variant_add(struct ss_fixture *fixture, struct ss_variant *variant)
{
	struct ss_variant **end = &fixture->variants;

	while (*end)
		end = &(*end)->next;
	*end = variant;
}

/* One write, so that lines of several threads or processes don't mix. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	fflush(stdout);
	if (write(STDERR_FILENO, line, len) != len)
		cur.out->failed = 1;
}

/* ---- checks ---- */

static void fail(const struct ss_site *site, int err, const char *a, const char *b)
{
	__atomic_store_n(&cur.out->failed, 1, __ATOMIC_RELAXED);
	say("%s:%d: %s(%s%s%s) failed: %s%s%s, errno %d (%s)", site->file, site->line, site->check,
	    site->a, site->b ? ", " : "", site->b ?: "", a, b ? ", " : "", b ?: "", err,
	    strerror(err));
}

static long double as_double(struct ss_num v)
{
	switch (v.kind) {
	case SS_NUM_DOUBLE:
		return v.d;
	case SS_NUM_SIGNED:
		return v.s;
	default:
		return v.u;
	}
}

/* -1, 0 or 1; 2 when one of them is not a number. */
static int compare(struct ss_num a, struct ss_num b)
{
	if (a.kind == SS_NUM_DOUBLE || b.kind == SS_NUM_DOUBLE) {
		long double x = as_double(a), y = as_double(b);

		return isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
	}
	/* A negative number is below all unsigned ones and pointers. */
	if (a.kind == SS_NUM_SIGNED && a.s < 0)
		return b.kind == SS_NUM_SIGNED ? (a.s > b.s) - (a.s < b.s) : -1;
	if (b.kind == SS_NUM_SIGNED && b.s < 0)
		return 1;
	return (a.u > b.u) - (a.u < b.u);
}

/* "expr = value", or the value alone where the expression says the same. */
static const char *num_text(char *buf, size_t size, const char *expr, struct ss_num v)
{
	char text[64] = "";

	switch (v.kind) {
	case SS_NUM_SIGNED:
		snprintf(text, sizeof(text), "%lld", v.s);
		break;
	case SS_NUM_UNSIGNED:
		snprintf(text, sizeof(text), v.u < 10 ? "%llu" : "%llu (0x%llx)", v.u, v.u);
		break;
	case SS_NUM_DOUBLE:
		snprintf(text, sizeof(text), "%.17g", v.d);
		break;
	case SS_NUM_POINTER:
		snprintf(text, sizeof(text), "%p", (void *)(uintptr_t)v.p);
		break;
	}
	if (!strcmp(expr, text))
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, "%s = %s", expr, text);
	return buf;
}

bool ss_check_num(const struct ss_site *site, enum ss_op op, struct ss_num a, struct ss_num b)
{
	int err = errno, order = compare(a, b);
	char ta[256], tb[256];
	bool ok = false;

	switch (op) {
	case SS_OP_EQ:
		ok = order == 0;
		break;
	case SS_OP_NE:
		ok = order != 0;
		break;
	case SS_OP_LT:
		ok = order == -1;
		break;
	case SS_OP_LE:
		ok = order == -1 || order == 0;
		break;
	case SS_OP_GT:
		ok = order == 1;
		break;
	case SS_OP_GE:
		ok = order == 1 || order == 0;
		break;
	case SS_OP_HAS:
		break;
	}
	if (!ok)
		fail(site, err, num_text(ta, sizeof(ta), site->a, a),
		     site->b ? num_text(tb, sizeof(tb), site->b, b) : NULL);
	return !ok;
}

bool ss_check_truth(const struct ss_site *site, bool want, bool got)
{
	int err = errno;

	if (want == got)
		return false;
	fail(site, err, got ? "it is true" : "it is false", NULL);
	return true;
}

bool ss_check_str(const struct ss_site *site, enum ss_op op, const char *a, const char *b)
{
	int err = errno;
	char ta[900], tb[900];
	bool ok;

	/* Two NULLs are equal; NULL contains nothing. */
	if (op == SS_OP_HAS)
		ok = a && b && strstr(a, b);
	else
		ok = (a && b ? !strcmp(a, b) : a == b) == (op == SS_OP_EQ);
	if (ok)
		return false;
	snprintf(ta, sizeof(ta), "%s = %s%s%s", site->a, a ? "\"" : "", a ?: "NULL", a ? "\"" : "");
	snprintf(tb, sizeof(tb), "%s = %s%s%s", site->b, b ? "\"" : "", b ?: "NULL", b ? "\"" : "");
	fail(site, err, ta, tb);
	return true;
}

bool ss_check_mem(const struct ss_site *site, const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;
	int err = errno;
	char ta[256], tb[256];
	size_t i;

	for (i = 0; i < len && x[i] == y[i]; i++)
		;
	if (i == len)
		return false;
	snprintf(ta, sizeof(ta), "(%s)[%zu] = 0x%02x", site->a, i, x[i]);
	snprintf(tb, sizeof(tb), "(%s)[%zu] = 0x%02x", site->b, i, y[i]);
	fail(site, err, ta, tb);
	return true;
}

/* ---- ending a test early ---- */

void ss_bail(void)
{
	if (getpid() != cur.pid)
		_exit(1);
	if (syscall(SYS_gettid) == cur.tid)
		siglongjmp(cur.end, 1);
	cur.out->finished = 1;
	_exit(0);
}

void ss_skip(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	(void)file, (void)line;
	va_start(ap, fmt);
	vsnprintf(cur.out->reason, sizeof(cur.out->reason), fmt, ap);
	va_end(ap);
	cur.out->skipped = 1;
	ss_bail();
}

void ss_xfail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cur.out->reason, sizeof(cur.out->reason), fmt, ap);
	va_end(ap);
	cur.out->xfail = 1;
}

void ss_log(const char *file, int line, const char *fmt, ...)
{
	char text[1800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("%s:%d: %s", file, line, text);
}

const char *ss_tmpdir(void)
{
	return cur.out->scratch;
}

/* ---- the process of one test ---- */

/**
 * ss_case_child() - run one test in the process made for it; doesn't return.
 * @c:   the test
 * @out: shared with the supervisor, zeroed
 */
void ss_case_child(const struct ss_case *c, struct ss_outcome *out)
{
	const struct ss_fixture *fx = c->test->fixture;
	const void *variant = c->variant ? c->variant->data : NULL;
	/* volatile: read again after the jump */
	void *volatile self = NULL;
	volatile bool ready = false;
	struct ss_leaks before;

	cur.out = out;
	cur.pid = getpid();
	cur.tid = syscall(SYS_gettid);
	/* Unbuffered: what a test printed before a crash must not be lost. */
	setvbuf(stdout, NULL, _IONBF, 0);
	if (fx) {
		self = calloc(1, fx->size ?: 1);
		if (!self) {
			say("no memory for the fixture");
			_exit(1);
		}
	}
	ss_leaks_take(&before);
	errno = 0;
	if (!sigsetjmp(cur.end, 0)) {
		if (fx && fx->setup && !out->failed)
			fx->setup(self, variant);
		ready = true;
		if (!out->failed)
			c->test->fn(self, variant);
	}
	/* Teardown follows only a setup that was completed. */
	if (!sigsetjmp(cur.end, 0)) {
		if (ready && fx && fx->teardown)
			fx->teardown(self, variant);
	}
	free(self);
	self = NULL;
	fflush(NULL);
	/* After a failure or a skip, leftovers say nothing new. */
	if (!out->failed && !out->skipped) {
		ss_leaks_compare(&before, out);
		if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) {
			say("the test leaked memory");
			out->failed = 1;
		}
	}
	if (__gcov_dump)
		__gcov_dump();
	out->finished = 1;
	_exit(0);
}

/* ---- command line ---- */

static void usage(const char *prog)
{
	printf("usage: %s [-l] [-t GLOB]...\n"
	       "  -l        list the tests, do not run them\n"
	       "  -t GLOB   run only tests whose full name, or name without fixture, matches\n"
	       "$SS_TEST_TIME_SCALE multiplies the time limits.\n",
	       prog);
}

static bool selected(const struct ss_case *c, char **globs, int n)
{
	for (int i = 0; i < n; i++)
		if (!fnmatch(globs[i], c->name, 0) || !fnmatch(globs[i], c->test->name, 0))
			return true;
	return n == 0;
}

static void case_name(struct ss_case *c)
{
	const struct ss_fixture *fx = c->test->fixture;

	if (!fx)
		snprintf(c->name, sizeof(c->name), "%s", c->test->name);
	else if (c->variant)
		snprintf(c->name, sizeof(c->name), "%s.%s.%s", fx->name, c->variant->name,
			 c->test->name);
	else
		snprintf(c->name, sizeof(c->name), "%s.%s", fx->name, c->test->name);
}

/* Calls fn for each selected test and variant; returns how many there were. */
static int for_each_case(char **globs, int n, void (*fn)(struct ss_case *c, void *arg), void *arg)
{
	int count = 0;

	for (struct ss_test *t = tests; t; t = t->next) {
		const struct ss_variant *v = t->fixture ? t->fixture->variants : NULL;

		do {
			struct ss_case c = { .test = t, .variant = v };

			case_name(&c);
			if (selected(&c, globs, n)) {
				c.number = ++count;
				if (fn)
					fn(&c, arg);
			}
			v = v ? v->next : NULL;
		} while (v);
	}
	return count;
}

static void list_case(struct ss_case *c, void *arg)
{
	(void)arg;
	printf("%s%s%s\n", c->name, c->test->opts.title ? "\t" : "", c->test->opts.title ?: "");
}

int ss_harness_main(int argc, char **argv)
{
	struct ss_totals totals = { 0 };
	bool list = false;
	char **globs;
	int opt, n = 0, count, ret;

	globs = calloc(argc + 1, sizeof(*globs));
	if (!globs)
		return 1;
	while ((opt = getopt(argc, argv, "hlt:")) != -1) {
		switch (opt) {
		case 'l':
			list = true;
			break;
		case 't':
			globs[n++] = optarg;
			break;
		case 'h':
			usage(argv[0]);
			free(globs);
			return 0;
		default:
			usage(argv[0]);
			free(globs);
			return 2;
		}
	}
	if (list) {
		for_each_case(globs, n, list_case, NULL);
		free(globs);
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	count = for_each_case(globs, n, NULL, NULL);
	printf("KTAP version 1\n");
	if (!count) {
		/* It has none of the tests asked for; a program without tests is a mistake. */
		printf(n ? "1..0 # SKIP no test of that name\n" : "1..0\n# it has no tests\n");
		free(globs);
		return n ? 4 : 1;
	}
	printf("1..%d\n", count);
	ret = ss_supervisor_init();
	if (!ret)
		for_each_case(globs, n, ss_case_supervise, &totals);
	else
		printf("Bail out! the harness can't start: %s\n", strerror(-ret));
	ss_supervisor_exit();
	free(globs);
	printf("# Totals: pass:%d fail:%d xfail:%d xpass:0 skip:%d error:0\n", totals.passed,
	       totals.failed, totals.xfailed, totals.skipped);
	if (ret || totals.failed)
		return 1;
	return totals.skipped == count ? 4 : 0;
}
