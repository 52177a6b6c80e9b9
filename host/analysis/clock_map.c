// SPDX-License-Identifier: GPL-2.0-only
/*
 * Piecewise linear maps between two clocks, from noisy samples.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/clock_int.h"

/* Far beyond any uptime in ns or ticks, and products still fit 128 bits. */
#define COORD_MAX (1LL << 61)

static int64_t clip(__int128 v)
{
	if (v > COORD_MAX)
		return COORD_MAX;
	if (v < -COORD_MAX)
		return -COORD_MAX;
	return (int64_t)v;
}

uint64_t clock_scale_up(uint64_t v, int64_t num, int64_t den)
{
	unsigned __int128 p = (unsigned __int128)v * (uint64_t)num;

	p = (p + (uint64_t)den - 1) / (uint64_t)den;
	return p > UINT64_MAX ? UINT64_MAX : (uint64_t)p;
}

static int by_hw(const void *a, const void *b)
{
	uint64_t x = ((const struct clock_knot *)a)->hw, y = ((const struct clock_knot *)b)->hw;

	return (x > y) - (x < y);
}

static int by_x(const void *a, const void *b)
{
	const struct clock_knot *p = a, *q = b;

	if (p->x != q->x)
		return (p->x > q->x) - (p->x < q->x);
	return by_hw(a, b);
}

/* A sample whose taker was interrupted between the reads says next to nothing. */
static void drop_wide(struct clock_map *m)
{
	uint64_t limit;
	uint32_t n = 0;

	if (!m->nr)
		return;
	qsort(m->knot, m->nr, sizeof(*m->knot), by_hw);
	limit = m->knot[m->nr / 2].hw * 4;
	if (limit < 200)
		limit = 200;
	for (uint32_t i = 0; i < m->nr; i++)
		if (m->knot[i].hw <= limit)
			m->knot[n++] = m->knot[i];
	m->nr = n;
}

static void drop_out_of_range(struct clock_map *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->nr; i++) {
		const struct clock_knot *k = &m->knot[i];

		if (k->x > -COORD_MAX && k->x < COORD_MAX && k->y > -COORD_MAX && k->y < COORD_MAX)
			m->knot[n++] = *k;
	}
	m->nr = n;
}

/*
 * The longest subsequence of rising y (x rises already): one sample that leaps
 * ahead is dropped rather than all those behind it.
 */
static int keep_rising(struct clock_map *m)
{
	struct clock_knot *k = m->knot;
	uint32_t *tail, *prev, len = 0, at;

	if (m->nr < 2)
		return 0;
	tail = calloc(m->nr, 2 * sizeof(*tail));
	if (!tail)
		return -ENOMEM;
	prev = tail + m->nr;
	for (uint32_t i = 0; i < m->nr; i++) {
		uint32_t lo = 0, hi = len;

		while (lo < hi) {
			uint32_t mid = (lo + hi) / 2;

			if (k[tail[mid]].y < k[i].y)
				lo = mid + 1;
			else
				hi = mid;
		}
		prev[i] = lo ? tail[lo - 1] : UINT32_MAX;
		tail[lo] = i;
		if (lo == len)
			len++;
	}
	at = tail[len - 1];
	for (uint32_t i = len; i-- > 0; at = prev[at])
		tail[i] = at;
	for (uint32_t i = 0; i < len; i++)
		k[i] = k[tail[i]];
	m->nr = len;
	free(tail);
	return 0;
}

int clock_map_clean(struct clock_map *m)
{
	uint32_t n = 0;

	drop_out_of_range(m);
	drop_wide(m);
	if (!m->nr)
		return 0;
	qsort(m->knot, m->nr, sizeof(*m->knot), by_x);
	for (uint32_t i = 0; i < m->nr; i++)
		if (!n || m->knot[i].x != m->knot[n - 1].x)
			m->knot[n++] = m->knot[i];
	m->nr = n;
	return keep_rising(m);
}

/* On the line through a and b, from the nearer end for the rounding's sake. */
static int64_t line_at(const struct clock_knot *a, const struct clock_knot *b,
		       const struct clock_knot *from, int64_t x)
{
	__int128 dx = (__int128)x - from->x;
	__int128 step = dx * ((__int128)b->y - a->y);
	__int128 run = (__int128)b->x - a->x;

	step += (step < 0 ? -run : run) / 2;
	return clip(from->y + step / run);
}

int64_t clock_map_at(const struct clock_map *m, int64_t x)
{
	const struct clock_knot *first = &m->knot[0], *last = &m->knot[m->nr - 1];
	uint32_t lo = 0, hi = m->nr - 1;

	x = clip(x);
	if (x <= first->x)
		return line_at(first, last, first, x);
	if (x >= last->x)
		return line_at(first, last, last, x);
	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (m->knot[mid].x <= x)
			lo = mid;
		else
			hi = mid;
	}
	return line_at(&m->knot[lo], &m->knot[hi], &m->knot[lo], x);
}

uint64_t clock_map_max_hw(const struct clock_map *m)
{
	uint64_t max = 0;

	for (uint32_t i = 0; i < m->nr; i++)
		if (m->knot[i].hw > max)
			max = m->knot[i].hw;
	return max;
}

uint64_t clock_map_residual(const struct clock_map *m)
{
	uint64_t max = 0;

	if (m->nr < 3)
		return (uint64_t)(m->knot[m->nr - 1].y - m->knot[0].y) / 8000;
	for (uint32_t i = 1; i + 1 < m->nr; i++) {
		const struct clock_knot *k = &m->knot[i];
		int64_t y = line_at(k - 1, k + 1, k - 1, k->x);
		uint64_t off =
			y > k->y ? (uint64_t)y - (uint64_t)k->y : (uint64_t)k->y - (uint64_t)y;

		if (off > max)
			max = off;
	}
	return max;
}
