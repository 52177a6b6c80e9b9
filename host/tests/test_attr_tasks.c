// SPDX-License-Identifier: GPL-2.0-only
/* What the tasks of a guest waited for a CPU, taken together. */
#include <stdio.h>

#include "attr_world.h"
#include "ss_harness.h"

FIXTURE(attr)
{
	struct world w;
};

FIXTURE_SETUP(attr)
{
	world_init(&self->w);
}
FIXTURE_TEARDOWN(attr)
{
	world_free(&self->w);
}

static void delays(struct world *w, int64_t ts, uint32_t tid, const char *comm, unsigned int slot,
		   uint64_t n)
{
	struct ss_rec_g_hist *h = &world_rec(w, SS_REC_G_HIST, sizeof(*h), ts)->g_hist;

	h->tid = tid;
	h->slots[slot] = n;
	h->max_ns = 3ULL << (slot - 1);
	h->total_ns = n * h->max_ns;
	snprintf(h->comm, sizeof(h->comm), "%s", comm);
}

TEST_F(attr, ksoftirqd, .title = "ksoftirqd's waits for a CPU are summed up over its threads")
{
	struct world *w = &self->w;
	const struct attr_softirq *k = &w->a.ksoftirqd;

	delays(w, T0 + 2 * SEC, 14, "ksoftirqd/0", 10, 99);
	delays(w, T0 + 2 * SEC, 22, "ksoftirqd/1", 20, 1);
	delays(w, T0 + 2 * SEC, 30, "ksoftirqd", 30, 5);
	delays(w, T0 + 2 * SEC, 31, "fio", 31, 5);
	/* What a histogram told earlier is part of what it tells later. */
	delays(w, T0 + SEC, 14, "ksoftirqd/0", 10, 50);
	world_solve(w);
	EXPECT_EQ(k->threads, 2);
	EXPECT_EQ(k->count, 100);
	EXPECT_EQ(k->max_ns, 3 << 19);
	EXPECT_EQ(k->total_ns, 99 * (3 << 9) + (3 << 19));
	EXPECT_EQ(k->p50_ns, (2 << 10) - 1);
	EXPECT_EQ(k->p99_ns, (2 << 10) - 1);
	delays(w, T0 + 3 * SEC, 22, "ksoftirqd/1", 20, 2);
	world_solve(w);
	EXPECT_EQ(k->count, 101);
	EXPECT_EQ(k->p99_ns, 3 << 19);
}

TEST_HARNESS_MAIN
