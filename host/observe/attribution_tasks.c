// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks that waited longest for a CPU in the guest.
 */
#include <stdlib.h>

#include "observe/attribution_int.h"

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
	for (uint32_t i = 0; i < n && i < ATTR_TOP_TASKS; i++) {
		const struct ss_rec_g_hist *h = &s->hist[i];
		struct attr_task *t = &s->out->task[i];

		*t = (struct attr_task){ .tid = h->tid,
					 .policy = h->policy,
					 .total_ns = h->total_ns,
					 .max_ns = h->max_ns };
		attr_name(t->comm, h->comm, sizeof(t->comm));
		for (unsigned int k = 0; k < SS_HIST_SLOTS; k++)
			if (__builtin_add_overflow(t->count, h->slots[k], &t->count))
				t->count = UINT64_MAX;
		t->p50_ns = slot_percentile(h, t->count, 50);
		t->p99_ns = slot_percentile(h, t->count, 99);
		s->out->tasks++;
	}
}
