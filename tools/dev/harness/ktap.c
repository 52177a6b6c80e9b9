// SPDX-License-Identifier: GPL-2.0-only
/*
 * KTAP: reading, checking and repairing.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"

static void emit(struct ktap *k, int depth, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void emit(struct ktap *k, int depth, const char *fmt, ...)
{
	char line[KTAP_LINE_MAX + 256];
	int at = 4 * (k->indent + depth);
	va_list ap;

	memset(line, ' ', at);
	va_start(ap, fmt);
	vsnprintf(line + at, sizeof(line) - at, fmt, ap);
	va_end(ap);
	k->sink.line(k->sink.arg, line);
}

/* A plan and the lines before it come out with the first thing that needs them. */
static void open_level(struct ktap *k, int depth)
{
	struct ktap_level *l = &k->level[depth];

	emit(k, depth, "KTAP version 1");
	if (l->subtest[0])
		emit(k, depth, "# Subtest: %s", l->subtest);
	emit(k, depth, "1..%d", l->plan);
}

static void parents(const struct ktap *k, int depth, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 1; i <= depth && len < size; i++)
		len += snprintf(buf + len, size - len, "%s%s", len ? "/" : "",
				k->level[i].subtest[0] ? k->level[i].subtest : "?");
}

static enum ktap_status count(struct ktap_counts *c, const struct ktap_held *r)
{
	if (!r->ok) {
		c->failed++;
		return KTAP_FAIL;
	}
	if (!strcmp(r->directive, "SKIP")) {
		c->skipped++;
		return KTAP_SKIP;
	}
	if (!strcmp(r->directive, "XFAIL")) {
		c->xfailed++;
		return KTAP_XFAIL;
	}
	c->passed++;
	return KTAP_PASS;
}

static void emit_result(struct ktap *k, int depth, const struct ktap_held *r)
{
	struct ktap_level *l = &k->level[depth];
	struct ktap_result res = { .name = r->name, .reason = r->reason };
	char parent[512];

	emit(k, depth, "%s %d %s%s%s%s%s", r->ok ? "ok" : "not ok", l->seen, r->name,
	     r->directive[0] ? " # " : "", r->directive, r->reason[0] ? " " : "", r->reason);
	if (!r->ok) {
		l->failed = true;
		if (depth)
			k->level[depth - 1].child_failed = true;
	}
	if (!r->leaf)
		return;
	res.status = count(&k->counts, r);
	parents(k, depth, parent, sizeof(parent));
	res.parent = parent;
	k->sink.result(k->sink.arg, &res);
}

static void emit_diag(struct ktap *k, int depth, const char *text)
{
	emit(k, depth, "# %s", text);
	if (k->sink.diag)
		k->sink.diag(k->sink.arg, text);
}

static void add_diag(struct ktap *k, int depth, const char *text)
{
	struct ktap_level *l = &k->level[depth];
	size_t need = strlen(text) + 1;

	/* What follows the last result stays behind it. */
	if (l->held && l->post_len + need <= sizeof(l->post)) {
		memcpy(l->post + l->post_len, text, need);
		l->post_len += need;
	} else {
		emit_diag(k, depth, text);
	}
}

void ktap_diag(struct ktap *k, const char *fmt, ...)
{
	char text[KTAP_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emit_diag(k, 0, text);
}

static void make_bad(struct ktap_held *r)
{
	r->ok = false;
	r->directive[0] = '\0';
	r->reason[0] = '\0';
}

static void release(struct ktap *k, int depth)
{
	struct ktap_level *l = &k->level[depth];

	if (!l->held)
		return;
	l->held = false;
	emit_result(k, depth, &l->last);
	for (size_t at = 0; at < l->post_len; at += strlen(l->post + at) + 1)
		emit_diag(k, depth, l->post + at);
	l->post_len = 0;
}

static void add_result(struct ktap *k, int depth, struct ktap_held *r)
{
	struct ktap_level *l = &k->level[depth];

	l->seen++;
	r->leaf = !l->children;
	l->children = false;
	l->child_failed = false;
	if (l->seen < l->plan) {
		emit_result(k, depth, r);
		return;
	}
	l->held = true;
	l->last = *r;
}

/*
 * No more results at this depth. parent_ok: whether the result above says
 * that all was well; if it doesn't, neither may all results here.
 */
static void close_level(struct ktap *k, int depth, bool parent_ok)
{
	struct ktap_level *l = &k->level[depth];
	struct ktap_held none = { .ok = false };
	bool was_held = l->held;

	if (l->planned && !l->dissolved) {
		while (l->seen < l->plan) {
			snprintf(none.name, sizeof(none.name), "%s",
				 l->children && l->child_name[0] ? l->child_name : "no result");
			add_result(k, depth, &none);
		}
		if (was_held && !l->failed && l->last.ok && (l->broken || !parent_ok)) {
			add_diag(k, depth,
				 l->broken ? "failed by what is said above"
					   : "failed by the end of what runs it");
			make_bad(&l->last);
		}
		release(k, depth);
	}
	if (depth) {
		struct ktap_level *up = &k->level[depth - 1];

		/* Results without a plan can't be nested. */
		if (l->broken)
			up->child_failed = true;
		memcpy(up->child_name, l->subtest, sizeof(up->child_name));
		memset(l, 0, sizeof(*l));
		k->depth = depth - 1;
	}
}

static void close_below(struct ktap *k, int depth, bool parent_ok)
{
	/* At other depths the result above is missing and is made up for. */
	while (k->depth > depth)
		close_level(k, k->depth, k->depth == depth + 1 && parent_ok);
}

/* ---- lines ---- */

static bool is_result(const char *s, bool *ok, long *number, const char **rest)
{
	char *end;

	*ok = !strncmp(s, "ok ", 3);
	if (!*ok && strncmp(s, "not ok ", 7))
		return false;
	s += *ok ? 3 : 7;
	if (!isdigit((unsigned char)*s))
		return false;
	*number = strtol(s, &end, 10);
	if (*end && *end != ' ')
		return false;
	*rest = end + strspn(end, " ");
	if (!strncmp(*rest, "- ", 2))
		*rest += 2;
	return true;
}

static bool is_plan(const char *s, long *plan, const char **rest)
{
	char *end;

	if (strncmp(s, "1..", 3) || !isdigit((unsigned char)s[3]))
		return false;
	*plan = strtol(s + 3, &end, 10);
	*rest = end + strspn(end, " ");
	return *plan <= 1000000 && (!**rest || **rest == '#');
}

static bool is_version(const char *s)
{
	return !strcmp(s, "KTAP version 1") || !strcmp(s, "TAP version 13");
}

/* Splits "name # DIRECTIVE reason"; a '#' that begins no directive becomes '_'. */
static void parse_description(struct ktap_held *r, const char *rest)
{
	static const char *const known[] = { "SKIP", "XFAIL", "TODO" };
	const char *hash;
	size_t len;

	for (hash = strstr(rest, " # "); hash; hash = strstr(hash + 1, " # ")) {
		for (int i = 0; i < 3; i++) {
			size_t n = strlen(known[i]);

			if (strncasecmp(hash + 3, known[i], n) ||
			    isalnum((unsigned char)hash[3 + n]))
				continue;
			snprintf(r->directive, sizeof(r->directive), "%s", i ? "XFAIL" : "SKIP");
			snprintf(r->reason, sizeof(r->reason), "%s",
				 hash + 3 + n + strspn(hash + 3 + n, " "));
			goto found;
		}
	}
found:
	len = hash ? (size_t)(hash - rest) : strlen(rest);
	if (len >= sizeof(r->name))
		len = sizeof(r->name) - 1;
	memcpy(r->name, rest, len);
	r->name[len] = '\0';
	for (char *p = r->name; (p = strchr(p, '#'));)
		*p = '_';
	if (!r->name[0])
		strcpy(r->name, "unnamed");
	/* An expected failure is no failure; a skipped test can't have failed. */
	if (!r->ok && !strcmp(r->directive, "XFAIL"))
		r->ok = true;
	else if (!r->ok && r->directive[0])
		make_bad(r);
}

static void take_result(struct ktap *k, int depth, bool ok, long number, const char *rest)
{
	struct ktap_level *l = &k->level[depth];
	struct ktap_held r = { .ok = ok };
	char text[KTAP_LINE_MAX];

	parse_description(&r, rest);
	close_below(k, depth, r.ok);
	if (!l->planned || l->dissolved || l->seen >= l->plan) {
		snprintf(text, sizeof(text), "result %s: %s %ld %.800s",
			 l->planned ? "beyond the plan" : "without a plan", ok ? "ok" : "not ok",
			 number, rest);
		l->broken = true;
		add_diag(k, depth, text);
		return;
	}
	if (number != l->seen + 1) {
		snprintf(text, sizeof(text), "result %ld comes where %d was due", number,
			 l->seen + 1);
		l->broken = true;
		add_diag(k, depth, text);
	}
	if (l->child_failed && r.ok) {
		add_diag(k, depth, "a subtest failed");
		make_bad(&r);
	}
	add_result(k, depth, &r);
}

static void take_plan(struct ktap *k, int depth, long plan, const char *rest)
{
	struct ktap_level *l = &k->level[depth];

	if (l->planned) {
		l->broken = true;
		add_diag(k, depth, "a second plan");
		return;
	}
	l->planned = true;
	l->plan = plan;
	if (plan) {
		open_level(k, depth);
		if (depth)
			k->level[depth - 1].children = true;
		return;
	}
	/* Nothing to run: the test above stands for itself. */
	l->dissolved = true;
	if (!depth && !strncasecmp(rest, "# SKIP", 6))
		snprintf(k->skip, sizeof(k->skip), "%s", rest + 6 + strspn(rest + 6, " "));
}

static void take_version(struct ktap *k, int depth)
{
	struct ktap_level *l = &k->level[depth];

	if (l->version) {
		l->broken = true;
		add_diag(k, depth, "a second version line");
	}
	l->version = true;
}

void ktap_init(struct ktap *k, const char *name, int indent, const struct ktap_sink *sink)
{
	memset(k, 0, sizeof(*k));
	k->sink = *sink;
	k->indent = indent;
	snprintf(k->name, sizeof(k->name), "%s", name);
	snprintf(k->level[0].subtest, sizeof(k->level[0].subtest), "%s", name);
}

static void clean(char *to, const char *from)
{
	size_t n = 0;

	for (; *from && n < KTAP_LINE_MAX - 1; from++)
		to[n++] = (unsigned char)*from < ' ' && *from != '\t' ? '?' : *from;
	while (n && (to[n - 1] == ' ' || to[n - 1] == '\t'))
		n--;
	to[n] = '\0';
}

void ktap_line(struct ktap *k, const char *raw)
{
	char line[KTAP_LINE_MAX];
	const char *s, *rest;
	bool ok, version;
	int spaces, depth;
	long number;

	clean(line, raw);
	spaces = strspn(line, " ");
	depth = spaces / 4;
	s = line + spaces;
	version = is_version(s);
	/* A level deeper opens with its version or its plan. */
	if (spaces % 4 == 0 && depth == k->depth + 1 && depth < KTAP_DEPTH_MAX &&
	    k->level[k->depth].planned && k->level[k->depth].seen < k->level[k->depth].plan &&
	    (version || is_plan(s, &number, &rest)))
		k->depth = depth;
	if (spaces % 4 == 0 && depth <= k->depth) {
		if (is_result(s, &ok, &number, &rest)) {
			take_result(k, depth, ok, number, rest);
			return;
		}
		if (is_plan(s, &number, &rest) && depth == k->depth) {
			take_plan(k, depth, number, rest);
			return;
		}
		if (version && depth == k->depth) {
			take_version(k, depth);
			return;
		}
		if (!strncmp(s, "# Subtest: ", 11) && depth == k->depth &&
		    !k->level[depth].planned) {
			/* Level 0 has the program's name already. */
			if (!depth)
				return;
			snprintf(k->level[depth].subtest, sizeof(k->level[depth].subtest), "%.250s",
				 s + 11);
			return;
		}
	}
	if (*s == '#')
		s += 1 + (s[1] == ' ');
	else
		s = line;
	if (*s)
		add_diag(k, k->depth, s);
}

struct ktap_counts ktap_peek(const struct ktap *k)
{
	struct ktap_counts c = k->counts;

	for (int i = 0; i <= k->depth; i++)
		if (k->level[i].held && k->level[i].last.leaf)
			count(&c, &k->level[i].last);
	return c;
}

enum ktap_status ktap_end(struct ktap *k, const char *bad)
{
	struct ktap_level *l = &k->level[0];
	bool any;

	close_below(k, 0, false);
	/* Failing tests explain a failing exit status; anything else is said. */
	if (bad)
		add_diag(k, 0, bad);
	if (l->planned && !l->dissolved && l->seen < l->plan)
		ktap_diag(k, "%d of %d results are missing", l->plan - l->seen, l->plan);
	if (!l->planned && !l->broken && !bad)
		ktap_diag(k, "printed no results");
	any = l->planned && !l->dissolved;
	close_level(k, 0, !bad);
	if (!any) {
		/* It stands for itself. */
		bool skipped = l->dissolved && !l->broken && !bad && k->skip[0];

		k->counts.skipped += skipped;
		k->counts.failed += !skipped;
		return skipped ? KTAP_SKIP : KTAP_FAIL;
	}
	/* A failure that none of the subtests shows counts as one itself. */
	if ((bad || l->broken || l->failed) && !k->counts.failed)
		k->counts.failed++;
	if (k->counts.failed)
		return KTAP_FAIL;
	return k->counts.passed || k->counts.xfailed ? KTAP_PASS : KTAP_SKIP;
}
