// SPDX-License-Identifier: GPL-2.0-only
/* Reads a profile: lines of words, each checked where it's read. */
#include "io/profile_values.h"
#include "lib/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 24

/* --- statements --- */

static int new_rule(struct profile_parser *ps, enum profile_rule_type type, struct profile_rule **r)
{
	if (ps->p->nr_rules == PROFILE_MAX_RULES)
		return profile_bad(ps, "too many statements: at most %d", PROFILE_MAX_RULES);
	*r = &ps->p->rule[ps->p->nr_rules++];
	**r = (struct profile_rule){ .type = type, .to = PROFILE_NEVER };
	return 0;
}

static int set_window(struct profile_parser *ps, const struct profile_values *v,
		      struct profile_rule *r)
{
	r->from = profile_get(v, KEY_FROM);
	if (v->given & KEY_TO)
		r->to = profile_get(v, KEY_TO);
	if (r->to <= r->from)
		return profile_bad(ps, "to= isn't after from=: nothing would ever happen");
	return 0;
}

static int begin_rule(struct profile_parser *ps, enum profile_rule_type type,
		      const struct profile_values *v, struct profile_rule **r)
{
	int ret = new_rule(ps, type, r);

	return ret ? ret : set_window(ps, v, *r);
}

static int stmt_limit(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r;
	struct profile_values v;
	int ret = profile_read_values(ps, word + 1, nr - 1, KEYS_WINDOW | KEYS_LIMITS, false, &v);

	if (ret)
		return ret;
	if (!(v.given & KEYS_RATES))
		return profile_bad(ps, "limit wants iops= or bps= (0 for unlimited)");
	ret = begin_rule(ps, PROFILE_LIMIT, &v, &r);
	return ret ? ret : profile_set_limits(ps, &v, &r->limits);
}

static int stmt_square(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_values v, w = { 0 };
	struct profile_rule *r;
	unsigned int i = 1;
	int ret;

	while (i < nr && strcmp(word[i], "else"))
		i++;
	ret = profile_read_values(ps, word + 1, i - 1,
				  KEYS_WINDOW | KEYS_LIMITS | KEY_PERIOD | KEY_DUTY, false, &v);
	if (!ret && i < nr)
		ret = profile_read_values(ps, word + i + 1, nr - i - 1, KEYS_LIMITS, false, &w);
	if (!ret)
		ret = profile_need(ps, &v, KEY_PERIOD, "square");
	if (ret)
		return ret;
	if (!(v.given & KEYS_RATES))
		return profile_bad(ps, "square wants iops= or bps= (0 for unlimited)");
	ret = begin_rule(ps, PROFILE_SQUARE, &v, &r);
	if (!ret)
		ret = profile_set_limits(ps, &v, &r->limits);
	if (!ret)
		ret = profile_set_limits(ps, &w, &r->other);
	if (ret)
		return ret;
	r->period = profile_get(&v, KEY_PERIOD);
	r->on = (uint64_t)((unsigned __int128)r->period *
			   (v.given & KEY_DUTY ? profile_get(&v, KEY_DUTY) : PROFILE_ALWAYS / 2) /
			   PROFILE_ALWAYS);
	if (r->period < PROFILE_MS)
		return profile_bad(ps, "period= is too short: at least 1ms");
	if (!r->on || r->on == r->period)
		return profile_bad(ps,
				   "duty= leaves only one of the two limits: use more than 0%% and "
				   "less than 100%%");
	return 0;
}

static int stmt_stall(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r;
	struct profile_values v;
	int ret = profile_read_values(ps, word + 1, nr - 1,
				      KEYS_WINDOW | KEY_EVERY | KEY_FOR | KEY_FIRST, true, &v);

	if (!ret)
		ret = profile_need(ps, &v, KEY_EVERY | KEY_FOR, "stall");
	if (!ret)
		ret = begin_rule(ps, PROFILE_STALL, &v, &r);
	if (ret)
		return ret;
	r->period = profile_get(&v, KEY_EVERY);
	r->min = profile_get(&v, KEY_FOR);
	r->first = v.given & KEY_FIRST ? profile_get(&v, KEY_FIRST) : r->period;
	if (v.for_max != r->min)
		return profile_bad(ps,
				   "stall wants one length in for=; random-stall takes a range");
	if (!r->min || r->min >= r->period)
		return profile_bad(ps, "for= must be more than 0 and shorter than every=");
	return 0;
}

static int stmt_random_stall(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r;
	struct profile_values v;
	int ret = profile_read_values(ps, word + 1, nr - 1,
				      KEYS_WINDOW | KEY_SLOT | KEY_FOR | KEY_CHANCE, true, &v);

	if (!ret)
		ret = profile_need(ps, &v, KEY_SLOT | KEY_FOR | KEY_CHANCE, "random-stall");
	if (!ret)
		ret = begin_rule(ps, PROFILE_RANDOM_STALL, &v, &r);
	if (ret)
		return ret;
	r->period = profile_get(&v, KEY_SLOT);
	r->min = profile_get(&v, KEY_FOR);
	r->max = v.for_max;
	r->chance = (uint32_t)profile_get(&v, KEY_CHANCE);
	if (!r->min || r->max > r->period)
		return profile_bad(ps, "for= must be more than 0 and not longer than slot=");
	return 0;
}

static int set_choice(struct profile_parser *ps, const struct profile_values *v,
		      struct profile_rule *r, const char *what)
{
	if (v->given & KEY_EVERY && v->given & KEY_CHANCE)
		return profile_bad(ps, "%s takes every= or chance=, not both", what);
	r->every = profile_get(v, KEY_EVERY);
	r->chance = v->given & KEY_CHANCE ? (uint32_t)profile_get(v, KEY_CHANCE) : PROFILE_ALWAYS;
	return 0;
}

static int stmt_delay(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r;
	struct profile_values v;
	int ret = profile_read_values(ps, word + 1, nr - 1,
				      KEYS_WINDOW | KEY_ADD | KEY_EVERY | KEY_CHANCE, false, &v);

	if (!ret)
		ret = profile_need(ps, &v, KEY_ADD, "delay");
	if (!ret)
		ret = begin_rule(ps, PROFILE_DELAY, &v, &r);
	if (!ret)
		ret = set_choice(ps, &v, r, "delay");
	if (ret)
		return ret;
	r->min = profile_get(&v, KEY_ADD);
	r->max = v.add_max;
	if (r->max > PROFILE_MAX_DELAY)
		return profile_bad(ps, "add= is too long: at most 60s");
	return 0;
}

static int stmt_error(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r;
	struct profile_values v;
	int ret = profile_read_values(ps, word + 1, nr - 1, KEYS_WINDOW | KEY_EVERY | KEY_CHANCE,
				      false, &v);

	if (ret)
		return ret;
	if (!(v.given & (KEY_EVERY | KEY_CHANCE)))
		return profile_bad(ps, "error wants every=N (requests) or chance=P%%");
	ret = begin_rule(ps, PROFILE_ERROR, &v, &r);
	return ret ? ret : set_choice(ps, &v, r, "error");
}

/* --- traces --- */

static int stmt_trace(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r;
	struct profile_values v;
	int ret = profile_read_values(ps, word + 1, nr - 1, KEYS_WINDOW | KEY_REPEAT, false, &v);

	if (!ret)
		ret = begin_rule(ps, PROFILE_TRACE, &v, &r);
	if (ret)
		return ret;
	if (v.given & KEY_REPEAT && !profile_get(&v, KEY_REPEAT))
		return profile_bad(ps, "repeat= wants more than 0");
	r->period = profile_get(&v, KEY_REPEAT);
	ps->trace = r;
	ps->trace_line = ps->line;
	return 0;
}

static int end_trace(struct profile_parser *ps, unsigned int nr)
{
	struct profile_rule *r = ps->trace;

	if (nr > 1)
		return profile_bad(ps, "nothing follows 'end'");
	ps->trace = NULL;
	if (!r->nr_points)
		return profile_bad(
			ps, "a trace without a line: give at least one, such as '0 iops=100'");
	if (r->period && r->point[r->nr_points - 1].at >= r->period)
		return profile_bad(ps, "the trace's last line comes at or after its repeat=");
	return 0;
}

static int add_point(struct profile_parser *ps, const struct profile_point *point)
{
	struct profile_rule *r = ps->trace;
	struct profile_point *grown;

	if (ps->points == PROFILE_MAX_POINTS)
		return profile_bad(ps, "too many trace lines: at most %d", PROFILE_MAX_POINTS);
	/* Grows at each power of two. */
	if (!(r->nr_points & (r->nr_points - 1))) {
		grown = realloc(r->point, (r->nr_points ? 2 * r->nr_points : 1) * sizeof(*grown));
		if (!grown) {
			profile_bad(ps, "out of memory");
			return -ENOMEM;
		}
		r->point = grown;
	}
	r->point[r->nr_points++] = *point;
	ps->points++;
	return 0;
}

/* What a line doesn't say stays as it was. */
static int trace_limits(struct profile_parser *ps, struct profile_values *v,
			struct profile_point *point)
{
	const struct throttle_limits *old = &point->limits;

	if (!(v->given & KEY_IOPS)) {
		v->v[profile_key_index(KEY_IOPS)] = old->ops.rate;
		if (!(v->given & KEY_IOPS_BURST))
			v->v[profile_key_index(KEY_IOPS_BURST)] = old->ops.burst;
	}
	if (!(v->given & KEY_BPS)) {
		v->v[profile_key_index(KEY_BPS)] = old->bytes.rate;
		if (!(v->given & KEY_BPS_BURST))
			v->v[profile_key_index(KEY_BPS_BURST)] = old->bytes.burst;
	}
	point->set = true;
	return profile_set_limits(ps, v, &point->limits);
}

static int trace_line(struct profile_parser *ps, char **word, unsigned int nr)
{
	struct profile_rule *r = ps->trace;
	const struct profile_point *prev = r->nr_points ? &r->point[r->nr_points - 1] : NULL;
	struct profile_point point = prev ? *prev : (struct profile_point){ 0 };
	struct profile_values v;
	int ret;

	if (!strcmp(word[0], "end"))
		return end_trace(ps, nr);
	if (profile_time(word[0], true, &point.at))
		return profile_bad(ps, "'%s' begins no trace line: give its time in ms, or 'end'",
				   word[0]);
	if (prev && point.at <= prev->at)
		return profile_bad(ps, "'%s' isn't later than the line before: a trace is in order",
				   word[0]);
	ret = profile_read_values(ps, word + 1, nr - 1, KEYS_LIMITS | KEY_STALL, false, &v);
	if (ret)
		return ret;
	if (!v.given)
		return profile_bad(ps, "a trace line wants iops=, bps= or stall=");
	if (v.given & KEYS_LIMITS)
		ret = trace_limits(ps, &v, &point);
	if (ret)
		return ret;
	if (v.given & KEY_STALL && point.at + profile_get(&v, KEY_STALL) > point.stall_end)
		point.stall_end = point.at + profile_get(&v, KEY_STALL);
	return add_point(ps, &point);
}

/* --- the file --- */

static int stmt_seed(struct profile_parser *ps, char **word, unsigned int nr)
{
	if (ps->seen_seed)
		return profile_bad(ps, "seed is given twice");
	if (nr != 2 || number_parse(word[1], UINT64_MAX, &ps->p->seed))
		return profile_bad(ps, "seed wants one whole number, such as 'seed 42'");
	ps->seen_seed = true;
	return 0;
}

static int stmt_repeat(struct profile_parser *ps, char **word, unsigned int nr)
{
	if (ps->seen_repeat)
		return profile_bad(ps, "repeat is given twice");
	if (nr != 2 || profile_time(word[1], false, &ps->p->repeat) || ps->p->repeat < PROFILE_MS)
		return profile_bad(ps,
				   "repeat wants one time of at least 1ms, such as 'repeat 60s'");
	ps->seen_repeat = true;
	return 0;
}

static int statement(struct profile_parser *ps, char **word, unsigned int nr)
{
	static const struct {
		const char *name;
		int (*parse)(struct profile_parser *ps, char **word, unsigned int nr);
	} statements[] = {
		{ "seed", stmt_seed },	 { "repeat", stmt_repeat },
		{ "limit", stmt_limit }, { "square", stmt_square },
		{ "stall", stmt_stall }, { "random-stall", stmt_random_stall },
		{ "delay", stmt_delay }, { "error", stmt_error },
		{ "trace", stmt_trace },
	};

	if (ps->trace)
		return trace_line(ps, word, nr);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (!strcmp(word[0], statements[i].name))
			return statements[i].parse(ps, word, nr);
	return profile_bad(ps,
			   "unknown statement '%s' (known: seed, repeat, limit, square, stall, "
			   "random-stall, delay, error, trace)",
			   word[0]);
}

static int parse_line(struct profile_parser *ps, char *line)
{
	char *word[MAX_WORDS], *rest = line, *w;
	unsigned int nr = 0;

	line[strcspn(line, "#")] = '\0';
	while ((w = strsep(&rest, " \t\r"))) {
		if (!*w)
			continue;
		if (nr == MAX_WORDS)
			return profile_bad(ps, "too many words in a line: at most %d", MAX_WORDS);
		word[nr++] = w;
	}
	return nr ? statement(ps, word, nr) : 0;
}

static int parse_text(struct profile_parser *ps, char *text, size_t len)
{
	char *rest = text, *line;
	int ret = 0;

	ps->line = 1;
	if (strlen(text) != len)
		return profile_bad(ps, "not a text file: it holds a zero byte");
	for (; !ret && (line = strsep(&rest, "\n")); ps->line += !ret)
		ret = parse_line(ps, line);
	if (ret)
		return ret;
	ps->line = ps->trace_line;
	if (ps->trace)
		return profile_bad(ps, "the trace that begins here has no 'end'");
	ps->line = 1;
	if (!ps->p->nr_rules)
		return profile_bad(ps, "no statement: the profile would do nothing");
	return 0;
}

int profile_parse(const char *text, size_t len, const char *name, struct profile **out, char *err,
		  size_t errlen)
{
	struct profile_parser ps = { .name = name, .err = err, .errlen = errlen };
	char *copy;
	int ret;

	*out = NULL;
	if (len > PROFILE_MAX_TEXT) {
		snprintf(err, errlen, "%s: too large for a profile: at most %u bytes", name,
			 PROFILE_MAX_TEXT);
		return -EFBIG;
	}
	ps.p = calloc(1, sizeof(*ps.p));
	copy = malloc(len + 1);
	if (!ps.p || !copy) {
		free(copy);
		profile_free(ps.p);
		snprintf(err, errlen, "%s: out of memory", name);
		return -ENOMEM;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	ret = parse_text(&ps, copy, len);
	free(copy);
	if (ret)
		profile_free(ps.p);
	else
		*out = ps.p;
	return ret;
}
