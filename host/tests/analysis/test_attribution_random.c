// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attribution of random, hostile and very many records.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attr_fixture.h"

/* A random IO and whatever else goes on around it. */
static void random_world(struct world *w, uint64_t *seed, unsigned int ios)
{
#define R(n) ((int64_t)(world_rnd(seed) % (uint64_t)(n)))
	for (unsigned int i = 0; i < ios; i++) {
		struct world_io io = { .start = T0 + R(50 * SEC), .disk = (uint32_t)R(2) };

		io.queue = (uint32_t)R(2);
		io.tid = 40 + (uint32_t)R(5);
		io.type = (uint32_t)R(2);
		io.sector = (uint64_t)R(64) * 8;
		io.bytes = 4096;
		io.issue = io.start + R(MS);
		io.kick = R(2) ? io.issue + R(50 * US) : 0;
		io.begun = io.issue + R(20 * MS);
		io.backed = io.begun + R(5 * MS);
		io.published = io.backed + R(50 * US);
		io.done = io.published + R(MS);
		io.running = R(4) == 0;
		io.wake = io.done + R(100 * US);
		io.run = R(5) ? io.wake + R(3 * MS) : 0;
		io.idle = R(4 * MS);
		io.cpu = (uint32_t)R(4);
		io.run_cpu = (uint32_t)R(4);
		io.prev_policy = (uint16_t)R(4);
		if (R(50))
			world_guest_io(w, &io);
		if (R(50))
			world_host_io(w, &io);
		if (R(3) == 0)
			world_stall(w, io.disk, io.queue, io.issue + R(MS), io.begun, R(20 * MS));
		if (R(3) == 0)
			world_runq(w, SS_THREAD_WORKER, (uint16_t)(io.disk << 8 | io.queue),
				   io.issue + R(MS), io.done - R(MS));
		if (R(3) == 0)
			world_runq(w, SS_THREAD_VCPU, (uint16_t)R(4), io.start + R(20 * MS),
				   io.done + R(3 * MS));
	}
#undef R
}

TEST_F(attr, property, .title = "whatever happens, the parts add up to the end-to-end time")
{
	uint64_t seed = 1;

	for (unsigned int round = 0; round < 400; round++) {
		unsigned int ios = round < 300 ? 1 + round % 3 : 500;
		struct world *w = &self->w;
		struct attribution first;

		world_free(w);
		world_init(w);
		world_disk(w, 1);
		random_world(w, &seed, ios);
		world_solve(w);
		world_expect_sums(w);
		EXPECT_EQ(w->a.io.beyond_error, 0);
		EXPECT_GE(w->a.io.matched + 100, w->a.io.count);
		first = w->a;
		world_shuffle(w, seed);
		world_solve(w);
		EXPECT_MEMEQ(&first.io, &w->a.io, sizeof(first.io))
		{
			TH_LOG("order matters");
		}
	}
}

TEST_F(attr, hostile, .title = "random guest records break nothing and are counted")
{
	uint64_t seed = 5;

	for (unsigned int round = 0; round < 300; round++) {
		struct world *w = &self->w;

		world_free(w);
		world_init(w);
		random_world(w, &seed, 5);
		for (unsigned int i = 0; i < 200; i++) {
			static const unsigned int type[] = { SS_REC_G_IO,   SS_REC_G_RUN,
							     SS_REC_G_SCX,  SS_REC_G_CLOCK,
							     SS_REC_G_HIST, SS_REC_G_DISK };
			unsigned int t = type[world_rnd(&seed) % 6];
			size_t len = events_rec_size(t);
			union events_rec *rec = world_rec(w, t, len, T0);
			uint64_t *word = (uint64_t *)rec;

			for (size_t k = 1; k < len / 8; k++)
				word[k] = world_rnd(&seed) >> (world_rnd(&seed) % 64);
			if (t == SS_REC_G_IO && i % 2)
				rec->g_io.dev = WORLD_DEV;
		}
		world_solve(w);
		EXPECT_GT(w->a.bad_guest_io, 0);
		EXPECT_FALSE(w->a.verdict.complete);
		for (const char *c = w->a.scx_name; *c; c++)
			EXPECT_TRUE(*c >= ' ' && *c <= '~');
	}
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In portions, so that the test itself doesn't hold all the records. */
static double solve_seconds(struct world *w, unsigned int ios)
{
	struct attr_state *s = attribution_new(&w->cfg, SEC, SEC);
	double spent = 0, begun;
	uint64_t seed = 11;

	while (ios) {
		unsigned int n = ios < 5000 ? ios : 5000;

		random_world(w, &seed, n);
		ios -= n;
		begun = cpu_seconds();
		for (uint32_t i = 0; i < w->nr; i++)
			ASSERT_EQ(attribution_add(s, &w->rec[i]), 0);
		spent += cpu_seconds() - begun;
		w->nr = 0;
	}
	begun = cpu_seconds();
	ASSERT_EQ(attribution_finish(s, &w->a), 0);
	spent += cpu_seconds() - begun;
	attribution_free(s);
	return spent;
}

TEST_F(attr, million, .title = "a million IOs cost about ten times what a tenth of them does",
       .timeout_s = 120)
{
	struct world *w = &self->w;
	double tenth, whole;

	world_disk(w, 1);
	tenth = solve_seconds(w, 100000);
	EXPECT_GT(w->a.io.count, 90000);
	world_free(w);
	world_init(w);
	world_disk(w, 1);
	whole = solve_seconds(w, 1000000);
	world_expect_sums(w);
	EXPECT_GT(w->a.io.count, 970000);
	/* n log n; a square would be 100 times */
	EXPECT_LT(whole, 40 * tenth)
	{
		TH_LOG("%.2f s and %.2f s", tenth, whole);
	}
}

TEST_F(attr, limit, .title = "records over the memory limit are counted, not kept")
{
	struct world *w = &self->w;

	w->cfg.max_records = 300;
	for (int i = 0; i < 1000; i++) {
		struct world_io io = {
			.start = T0 + i * MS, .sector = (uint64_t)i * 8, .bytes = 4096, .tid = 42
		};

		io.issue = io.begun = io.start;
		io.backed = io.published = io.done = io.wake = io.start + 100 * US;
		io.run = io.done + 10 * US;
		world_io(w, &io);
	}
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 300);
	EXPECT_EQ(w->a.io.matched, 300);
	EXPECT_EQ(w->a.skipped, 3 * 700);
	EXPECT_FALSE(w->a.verdict.complete);
}

TEST_HARNESS_MAIN
