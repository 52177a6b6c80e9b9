// SPDX-License-Identifier: GPL-2.0-only
/* What the tasks of a guest waited for a CPU, each and taken together. */
#include <stdio.h>

#include "attr_fixture.h"

static struct ss_rec_g_hist *delays(struct world *w, int64_t ts, uint32_t tid, const char *comm,
				    unsigned int slot, uint64_t n)
{
	struct ss_rec_g_hist *h = &world_rec(w, SS_REC_G_HIST, sizeof(*h), ts)->g_hist;

	h->tid = tid;
	h->slots[slot] = n;
	h->max_ns = 3ULL << (slot - 1);
	h->total_ns = n * h->max_ns;
	snprintf(h->comm, sizeof(h->comm), "%s", comm);
	return h;
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

TEST_F(attr, tasks, .title = "the tasks that waited longest, by their latest histogram")
{
	struct world *w = &self->w;

	for (uint32_t t = 0; t < 12; t++)
		for (uint32_t round = 0; round < 3; round++) {
			struct ss_rec_g_hist *h;
			char comm[16];

			snprintf(comm, sizeof(comm), "t\033%u", t);
			h = delays(w, T0 + round * SEC, 100 + t, comm, 14, round + 1);
			h->max_ns = (t + 1) * 1000 * (round + 1);
			h->total_ns = h->max_ns * 5;
			h->slots[4] = 99 * (round + 1);
		}
	world_shuffle(w, 3);
	world_solve(w);
	EXPECT_EQ(w->a.tasks, ATTR_TOP_TASKS);
	EXPECT_EQ(w->a.task[0].tid, 111);
	EXPECT_EQ(w->a.task[0].max_ns, 36000);
	EXPECT_EQ(w->a.task[0].total_ns, 180000);
	EXPECT_EQ(w->a.task[0].count, 300);
	EXPECT_EQ(w->a.task[0].p50_ns, 31);
	EXPECT_EQ(w->a.task[0].p99_ns, 31);
	EXPECT_STREQ(w->a.task[0].comm, "t?11")
	{
		TH_LOG("no control characters");
	}
	EXPECT_EQ(w->a.task[7].tid, 104);
}

TEST_F(attr, few_waits, .title = "a task's p50 and p99 are those of its waits, however few")
{
	struct world *w = &self->w;
	struct ss_rec_g_hist *h = delays(w, T0, 100, "fio", 14, 1);

	h->max_ns = 30000;
	h->total_ns = 30000 + 7 * 20;
	h->slots[4] = 7;
	world_solve(w);
	EXPECT_EQ(w->a.task[0].count, 8);
	EXPECT_EQ(w->a.task[0].p50_ns, 31);
	EXPECT_EQ(w->a.task[0].p99_ns, 30000);
}

TEST_HARNESS_MAIN
