// SPDX-License-Identifier: GPL-2.0-only
/* What a profile decides. Pure functions of profile, time and request number. */
#include "io/profile_int.h"

#include <stdlib.h>

/* Time within the repetition, and which repetition it is. */
struct moment {
	uint64_t t;
	uint64_t cycle;
	uint64_t base; /* when the repetition began */
	uint64_t end;  /* when it ends */
};

static struct moment moment_at(const struct profile *p, uint64_t t)
{
	struct moment m = { .t = t, .end = PROFILE_NEVER };

	if (p->repeat) {
		m.cycle = t / p->repeat;
		m.t = t % p->repeat;
		m.base = t - m.t;
		if (__builtin_add_overflow(m.base, p->repeat, &m.end))
			m.end = PROFILE_NEVER;
	}
	return m;
}

static bool holds(const struct profile_rule *r, uint64_t t)
{
	return t >= r->from && t < r->to;
}

/*
 * The generator is splitmix64, used as a hash: what is drawn depends on the
 * seed, the statement, and the numbers given, not on what was drawn before.
 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

enum draw { DRAW_CHANCE, DRAW_LENGTH, DRAW_START };

/* A number from 0 to @n, @n included. */
static uint64_t draw(const struct profile *p, const struct profile_rule *r, uint64_t a, uint64_t b,
		     enum draw what, uint64_t n)
{
	const uint64_t index = (uint64_t)(r - p->rule);
	const uint64_t x = mix(mix(mix(mix(p->seed) ^ (index << 8 | what)) ^ a) ^ b);

	return (uint64_t)(((unsigned __int128)x * ((unsigned __int128)n + 1)) >> 64);
}

/* --- limits --- */

static void sooner(uint64_t *until, uint64_t t)
{
	if (t < *until)
		*until = t;
}

/* The last point at or before @t, -1 before the first. */
static int point_at(const struct profile_rule *r, uint64_t t)
{
	unsigned int low = 0, high = r->nr_points;

	while (low < high) {
		const unsigned int mid = low + (high - low) / 2;

		if (r->point[mid].at <= t)
			low = mid + 1;
		else
			high = mid;
	}
	return (int)low - 1;
}

static uint64_t trace_time(const struct profile_rule *r, uint64_t t)
{
	return r->period ? t % r->period : t;
}

static bool trace_limits(const struct profile_rule *r, uint64_t rel, struct throttle_limits *limits,
			 uint64_t *until)
{
	const uint64_t t = trace_time(r, rel), began = r->from + (rel - t);
	const int i = point_at(r, t);

	if (i + 1 < (int)r->nr_points)
		sooner(until, began + r->point[i + 1].at);
	else if (r->period)
		sooner(until, began + r->period);
	if (i < 0 || !r->point[i].set)
		return false;
	*limits = r->point[i].limits;
	return true;
}

static bool square_limits(const struct profile_rule *r, uint64_t rel,
			  struct throttle_limits *limits, uint64_t *until)
{
	const uint64_t phase = rel % r->period, began = r->from + (rel - phase);
	const bool on = phase < r->on;

	sooner(until, began + (on ? r->on : r->period));
	*limits = on ? r->limits : r->other;
	return true;
}

static bool sets_limits(const struct profile_rule *r)
{
	return r->type == PROFILE_LIMIT || r->type == PROFILE_SQUARE || r->type == PROFILE_TRACE;
}

static bool rule_limits(const struct profile_rule *r, uint64_t t, struct throttle_limits *limits,
			uint64_t *until)
{
	if (t < r->from)
		sooner(until, r->from);
	else if (t < r->to)
		sooner(until, r->to);
	if (!holds(r, t))
		return false;
	switch (r->type) {
	case PROFILE_LIMIT:
		*limits = r->limits;
		return true;
	case PROFILE_SQUARE:
		return square_limits(r, t - r->from, limits, until);
	default:
		return trace_limits(r, t - r->from, limits, until);
	}
}

void profile_limits_at(const struct profile *p, uint64_t t, struct profile_limits *out)
{
	const struct moment m = moment_at(p, t);
	uint64_t until = PROFILE_NEVER;

	*out = (struct profile_limits){ .set = false };
	/* The last statement that has something to say is the one that counts. */
	for (unsigned int i = 0; i < p->nr_rules; i++)
		if (sets_limits(&p->rule[i]) && rule_limits(&p->rule[i], m.t, &out->limits, &until))
			out->set = true;
	if (__builtin_add_overflow(m.base, until, &out->until))
		out->until = PROFILE_NEVER;
	if (out->until > m.end)
		out->until = m.end;
}

bool profile_has_limits(const struct profile *p)
{
	for (unsigned int i = 0; i < p->nr_rules; i++) {
		const struct profile_rule *r = &p->rule[i];

		if (r->type == PROFILE_LIMIT || r->type == PROFILE_SQUARE)
			return true;
		if (r->type == PROFILE_TRACE && r->point[r->nr_points - 1].set)
			return true;
	}
	return false;
}

/* --- stalls --- */

/* One of @len that began @ago: when does it end, if it hasn't yet? */
static uint64_t stall_end(uint64_t t, uint64_t ago, uint64_t len)
{
	return ago < len ? t - ago + len : 0;
}

static uint64_t random_stall(const struct profile *p, const struct profile_rule *r,
			     const struct moment *m)
{
	const uint64_t rel = m->t - r->from, slot = rel / r->period, in = rel % r->period;
	uint64_t len, start;

	if (draw(p, r, m->cycle, slot, DRAW_CHANCE, PROFILE_ALWAYS - 1) >= r->chance)
		return 0;
	len = r->min + draw(p, r, m->cycle, slot, DRAW_LENGTH, r->max - r->min);
	start = draw(p, r, m->cycle, slot, DRAW_START, r->period - len);
	return in < start ? 0 : stall_end(m->t, in - start, len);
}

/* A repetition begins afresh: a stall doesn't reach into the next one. */
static uint64_t trace_stall(const struct profile_rule *r, uint64_t rel, uint64_t t)
{
	const uint64_t now = trace_time(r, rel);
	const int i = point_at(r, now);
	uint64_t end = i < 0 ? 0 : r->point[i].stall_end;

	if (r->period)
		sooner(&end, r->period);
	return end > now ? t + (end - now) : 0;
}

static uint64_t rule_stall(const struct profile *p, const struct profile_rule *r,
			   const struct moment *m)
{
	const uint64_t rel = m->t - r->from;

	switch (r->type) {
	case PROFILE_STALL:
		return rel < r->first ? 0 : stall_end(m->t, (rel - r->first) % r->period, r->min);
	case PROFILE_RANDOM_STALL:
		return random_stall(p, r, m);
	case PROFILE_TRACE:
		return trace_stall(r, rel, m->t);
	default:
		return 0;
	}
}

uint64_t profile_stall_until(const struct profile *p, uint64_t t)
{
	const struct moment m = moment_at(p, t);
	uint64_t end = 0;

	for (unsigned int i = 0; i < p->nr_rules; i++) {
		const struct profile_rule *r = &p->rule[i];
		uint64_t e = holds(r, m.t) ? rule_stall(p, r, &m) : 0;

		sooner(&e, r->to);
		if (e > end)
			end = e;
	}
	if (!end)
		return 0;
	end += m.base;
	return end < m.end ? end : m.end;
}

/* When a stall may begin, seen from a time at which this statement has none. */
static uint64_t next_stall(const struct profile *p, const struct profile_rule *r,
			   const struct moment *m)
{
	uint64_t rel, next = PROFILE_NEVER;
	int i;

	if (m->t < r->from)
		return r->from;
	if (m->t >= r->to)
		return PROFILE_NEVER;
	rel = m->t - r->from;
	switch (r->type) {
	case PROFILE_STALL:
		next = rel < r->first ? r->first : rel - (rel - r->first) % r->period + r->period;
		break;
	case PROFILE_RANDOM_STALL: {
		const uint64_t slot = rel / r->period, began = slot * r->period;
		uint64_t len, start;

		next = began + r->period;
		if (draw(p, r, m->cycle, slot, DRAW_CHANCE, PROFILE_ALWAYS - 1) >= r->chance)
			break;
		len = r->min + draw(p, r, m->cycle, slot, DRAW_LENGTH, r->max - r->min);
		start = draw(p, r, m->cycle, slot, DRAW_START, r->period - len);
		if (rel - began < start)
			next = began + start;
		break;
	}
	case PROFILE_TRACE:
		i = point_at(r, trace_time(r, rel));
		if (i + 1 < (int)r->nr_points)
			next = rel - trace_time(r, rel) + r->point[i + 1].at;
		else if (r->period)
			next = rel - trace_time(r, rel) + r->period;
		break;
	default:
		break;
	}
	return next == PROFILE_NEVER ? next : r->from + next;
}

/* When a stall may next begin. */
static uint64_t stall_after(const struct profile *p, uint64_t t)
{
	const struct moment m = moment_at(p, t);
	uint64_t next = PROFILE_NEVER;

	for (unsigned int i = 0; i < p->nr_rules; i++)
		sooner(&next, next_stall(p, &p->rule[i], &m));
	if (__builtin_add_overflow(m.base, next, &next))
		next = PROFILE_NEVER;
	return next < m.end ? next : m.end;
}

uint64_t profile_stalled_ns(const struct profile *p, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < PROFILE_MAX_CHANGES && from < to; i++) {
		uint64_t end = profile_stall_until(p, from);

		sooner(&end, to);
		if (end)
			sum += end - from;
		from = end ? end : stall_after(p, from);
	}
	return sum;
}

/* --- single requests --- */

static bool chosen(const struct profile *p, const struct profile_rule *r, uint64_t nr)
{
	if (r->every)
		return nr % r->every == r->every - 1;
	return draw(p, r, 0, nr, DRAW_CHANCE, PROFILE_ALWAYS - 1) < r->chance;
}

uint64_t profile_delay_ns(const struct profile *p, uint64_t t, uint64_t nr)
{
	const struct moment m = moment_at(p, t);
	uint64_t ns = 0;

	for (unsigned int i = 0; i < p->nr_rules; i++) {
		const struct profile_rule *r = &p->rule[i];

		if (r->type == PROFILE_DELAY && holds(r, m.t) && chosen(p, r, nr))
			ns += r->min + draw(p, r, 0, nr, DRAW_LENGTH, r->max - r->min);
	}
	return ns;
}

bool profile_fails(const struct profile *p, uint64_t t, uint64_t nr)
{
	const struct moment m = moment_at(p, t);

	for (unsigned int i = 0; i < p->nr_rules; i++) {
		const struct profile_rule *r = &p->rule[i];

		if (r->type == PROFILE_ERROR && holds(r, m.t) && chosen(p, r, nr))
			return true;
	}
	return false;
}

/* --- all together --- */

void profile_eval(const struct profile *p, uint64_t t, uint64_t nr, struct profile_now *now)
{
	profile_limits_at(p, t, &now->limits);
	now->stall_until = profile_stall_until(p, t);
	now->delay_ns = profile_delay_ns(p, t, nr);
	now->fail = profile_fails(p, t, nr);
	now->next = stall_after(p, t);
	sooner(&now->next, now->limits.until);
	if (now->stall_until)
		sooner(&now->next, now->stall_until);
}

void profile_free(struct profile *p)
{
	for (unsigned int i = 0; p && i < p->nr_rules; i++)
		free(p->rule[i].point);
	free(p);
}
