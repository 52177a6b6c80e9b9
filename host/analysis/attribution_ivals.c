// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of time intervals and log-linear histograms: what makes attribution
 * of millions of IOs a matter of binary searches.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/attribution_int.h"

int ivals_add(struct ivals *l, int64_t a, int64_t b)
{
	if (b <= a)
		return 0;
	if (l->nr == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 64;
		struct ival *p = cap > l->cap ? realloc(l->p, cap * sizeof(*p)) : NULL;

		if (!p)
			return -ENOMEM;
		l->p = p;
		l->cap = cap;
	}
	l->p[l->nr++] = (struct ival){ .a = a, .b = b };
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	int64_t x = ((const struct ival *)a)->a, y = ((const struct ival *)b)->a;

	return (x > y) - (x < y);
}

/* Sorted by begin already: merge what touches, then the running totals. */
static void merge(struct ivals *l)
{
	uint64_t total = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->nr; i++) {
		struct ival *last = n ? &l->p[n - 1] : NULL;

		if (last && l->p[i].a <= last->b) {
			if (l->p[i].b > last->b)
				last->b = l->p[i].b;
			continue;
		}
		l->p[n++] = l->p[i];
	}
	l->nr = n;
	for (uint32_t i = 0; i < n; i++) {
		l->p[i].before = total;
		total += (uint64_t)(l->p[i].b - l->p[i].a);
	}
}

void ivals_seal(struct ivals *l)
{
	if (l->nr > 1)
		qsort(l->p, l->nr, sizeof(*l->p), by_begin);
	merge(l);
}

uint32_t ivals_after(const struct ivals *l, int64_t t)
{
	uint32_t lo = 0, hi = l->nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (l->p[mid].b > t)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint64_t ivals_total(const struct ivals *l)
{
	const struct ival *last;

	if (!l->nr)
		return 0;
	last = &l->p[l->nr - 1];
	return last->before + (uint64_t)(last->b - last->a);
}

/* Covered time before @t. */
static uint64_t covered_until(const struct ivals *l, int64_t t)
{
	uint32_t i = ivals_after(l, t);

	if (i == l->nr)
		return ivals_total(l);
	if (l->p[i].a >= t)
		return l->p[i].before;
	return l->p[i].before + (uint64_t)(t - l->p[i].a);
}

uint64_t ivals_cover(const struct ivals *l, int64_t a, int64_t b)
{
	if (b <= a || !l->nr)
		return 0;
	return covered_until(l, b) - covered_until(l, a);
}

uint64_t ivals_cover_except(const struct ivals *l, const struct ivals *except, int64_t a, int64_t b)
{
	uint64_t sum = 0;

	if (b <= a)
		return 0;
	for (uint32_t i = ivals_after(l, a); i < l->nr && l->p[i].a < b; i++) {
		int64_t from = l->p[i].a > a ? l->p[i].a : a;
		int64_t to = l->p[i].b < b ? l->p[i].b : b;

		sum += (uint64_t)(to - from) - ivals_cover(except, from, to);
	}
	return sum;
}

int ivals_subtract(struct ivals *out, const struct ivals *l, const struct ivals *except)
{
	uint32_t j = 0;

	out->nr = 0;
	for (uint32_t i = 0; i < l->nr; i++) {
		int64_t at = l->p[i].a;

		while (j < except->nr && except->p[j].b <= at)
			j++;
		/* One of @except may reach into the next of @l, so j stays behind. */
		for (uint32_t k = j; k < except->nr && except->p[k].a < l->p[i].b; k++) {
			if (ivals_add(out, at, except->p[k].a))
				return -ENOMEM;
			if (except->p[k].b > at)
				at = except->p[k].b;
			j = k;
		}
		if (ivals_add(out, at, l->p[i].b))
			return -ENOMEM;
	}
	merge(out);
	return 0;
}

int ivals_union(struct ivals *out, const struct ivals *l, const struct ivals *m)
{
	uint32_t i = 0, j = 0;

	out->nr = 0;
	while (i < l->nr || j < m->nr) {
		bool left = j == m->nr || (i < l->nr && l->p[i].a <= m->p[j].a);
		const struct ival *v = left ? &l->p[i++] : &m->p[j++];

		if (ivals_add(out, v->a, v->b))
			return -ENOMEM;
	}
	merge(out);
	return 0;
}

uint64_t ivals_longest(const struct ivals *l)
{
	uint64_t max = 0;

	for (uint32_t i = 0; i < l->nr; i++)
		if ((uint64_t)(l->p[i].b - l->p[i].a) > max)
			max = (uint64_t)(l->p[i].b - l->p[i].a);
	return max;
}

void ivals_free(struct ivals *l)
{
	free(l->p);
	memset(l, 0, sizeof(*l));
}

/* ---- percentiles: HIST_SUB buckets an octave, exact below 2 * HIST_SUB ---- */

static unsigned int bucket_of(uint64_t v)
{
	unsigned int shift;

	if (v < 2 * HIST_SUB)
		return (unsigned int)v;
	shift = 63 - (unsigned int)__builtin_clzll(v) - 7;
	return shift * HIST_SUB + (unsigned int)(v >> shift);
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_top(unsigned int i)
{
	unsigned int shift;

	if (i < 2 * HIST_SUB)
		return i;
	shift = i / HIST_SUB - 1;
	return ((uint64_t)(i - shift * HIST_SUB + 1) << shift) - 1;
}

void attr_hist_add(struct attr_hist *h, uint64_t v)
{
	h->n++;
	h->nonzero += v > 0;
	if (__builtin_add_overflow(h->sum, v, &h->sum))
		h->sum = UINT64_MAX;
	if (v > h->max)
		h->max = v;
	h->bucket[bucket_of(v)]++;
}

uint64_t attr_hist_percentile(const struct attr_hist *h, unsigned int permille)
{
	uint64_t rank = (h->n * permille + 999) / 1000, seen = 0;

	for (unsigned int i = 0; i < HIST_BUCKETS && h->n; i++) {
		seen += h->bucket[i];
		if (seen >= rank && h->bucket[i])
			return bucket_top(i) < h->max ? bucket_top(i) : h->max;
	}
	return h->max;
}

void attr_hist_stat(const struct attr_hist *h, struct attr_stat *out)
{
	*out = (struct attr_stat){
		.count = h->nonzero,
		.sum = h->sum,
		.p50 = attr_hist_percentile(h, 500),
		.p99 = attr_hist_percentile(h, 990),
		.max = h->max,
	};
}
