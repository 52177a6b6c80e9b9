// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks that waited longest for a CPU in the guest, and ksoftirqd: where
 * that waits, interrupts' work is left undone.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/attribution_int.h"

static int hist_by_tid(const void *a, const void *b)
{
	const struct ss_rec_g_hist *x = a, *y = b;

	if (x->tid != y->tid)
		return (x->tid > y->tid) - (x->tid < y->tid);
	return (x->h.ts > y->h.ts) - (x->h.ts < y->h.ts);
}

static int hist_by_max(const void *a, const void *b)
{
	const struct ss_rec_g_hist *x = a, *y = b;

	if (x->max_ns != y->max_ns)
		return (x->max_ns < y->max_ns) - (x->max_ns > y->max_ns);
	return hist_by_tid(a, b);
}

/* Upper edge of the slot that holds the @percent-th. */
static uint64_t slot_percentile(const struct ss_rec_g_hist *h, uint64_t count, unsigned int percent)
{
	/* percent of count rounded up; the product might not fit */
	uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100, seen = 0;

	for (unsigned int i = 0; i < SS_HIST_SLOTS; i++) {
		if (__builtin_add_overflow(seen, h->slots[i], &seen) ||
		    (h->slots[i] && seen >= rank))
			return (2ULL << i) - 1 < h->max_ns ? (2ULL << i) - 1 : h->max_ns;
	}
	return h->max_ns;
}

static uint64_t hist_count(const struct ss_rec_g_hist *h)
{
	uint64_t count = 0;

	for (unsigned int k = 0; k < SS_HIST_SLOTS; k++)
		if (__builtin_add_overflow(count, h->slots[k], &count))
			return UINT64_MAX;
	return count;
}

static uint64_t cap_sum(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

/* One thread a CPU: taken together. */
static void sum_ksoftirqd(struct attr_state *s, uint32_t nr)
{
	static const char name[] = "ksoftirqd/";
	struct attr_softirq *out = &s->out->ksoftirqd;
	struct ss_rec_g_hist all = { .tid = 0 };

	for (uint32_t i = 0; i < nr; i++) {
		const struct ss_rec_g_hist *h = &s->hist[i];

		if (strncmp(h->comm, name, strlen(name)))
			continue;
		out->threads++;
		all.total_ns = cap_sum(all.total_ns, h->total_ns);
		all.max_ns = h->max_ns > all.max_ns ? h->max_ns : all.max_ns;
		for (unsigned int k = 0; k < SS_HIST_SLOTS; k++)
			all.slots[k] = cap_sum(all.slots[k], h->slots[k]);
	}
	out->count = hist_count(&all);
	out->total_ns = all.total_ns;
	out->max_ns = all.max_ns;
	out->p50_ns = slot_percentile(&all, out->count, 50);
	out->p99_ns = slot_percentile(&all, out->count, 99);
}

/* A task's histogram grows over the run: its latest one has it all. */
void attr_tasks(struct attr_state *s)
{
	uint32_t n = 0;

	if (!s->hists)
		return;
	qsort(s->hist, s->hists, sizeof(*s->hist), hist_by_tid);
	for (uint32_t i = 0; i < s->hists; i++)
		if (i + 1 == s->hists || s->hist[i + 1].tid != s->hist[i].tid)
			s->hist[n++] = s->hist[i];
	qsort(s->hist, n, sizeof(*s->hist), hist_by_max);
	sum_ksoftirqd(s, n);
	for (uint32_t i = 0; i < n && i < ATTR_TOP_TASKS; i++) {
		const struct ss_rec_g_hist *h = &s->hist[i];
		struct attr_task *t = &s->out->task[i];

		*t = (struct attr_task){ .tid = h->tid,
					 .policy = h->policy,
					 .total_ns = h->total_ns,
					 .max_ns = h->max_ns };
		attr_name(t->comm, h->comm, sizeof(t->comm));
		t->count = hist_count(h);
		t->p50_ns = slot_percentile(h, t->count, 50);
		t->p99_ns = slot_percentile(h, t->count, 99);
		s->out->tasks++;
	}
}
