// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the guest's agent takes scheduler events out of the rings (attribution.md, A31):
 * all of them, in order, with times, and with the holes where they are.
 */
#include "guest-tests/agent/stream.h"
#include "ss_harness.h"

#include <stdlib.h>
#include <string.h>

#define RING  64
#define CPUS  3
#define BEGIN 1000000ULL

static struct ss_stream_cpu cpus[CPUS];
static struct ss_sched_event events[CPUS * RING];
static struct stream stream = {
	.cpus = cpus, .events = events, .nr_cpus = CPUS, .ring_events = RING
};

/* What came out, one event behind the other. */
static struct taken {
	__u64 ts;
	__u32 cpu, lost;
	struct ss_sched_event e;
} taken[100000];
static unsigned int nr_taken, nr_batches, biggest;
static __u64 lost_told;

static void emit(void *ctx, const struct ss_rec *rec, size_t len)
{
	const struct ss_rec_g_sched *b = (const void *)rec;
	__u64 ts = b->h.ts;

	EXPECT_EQ(ctx, &stream);
	ASSERT_EQ(rec->type, SS_REC_G_SCHED);
	ASSERT_EQ(rec->len, len);
	ASSERT_EQ(len, sizeof(*b) + b->nr * sizeof(b->event[0]));
	ASSERT_LE(b->nr, SS_SCHED_BATCH_MAX);
	if (b->nr)
		EXPECT_NE(b->event[0].type, SS_SCHED_MORE);
	nr_batches++;
	biggest = b->nr > biggest ? b->nr : biggest;
	lost_told += b->lost;
	for (__u32 i = 0; i < b->nr; i++) {
		const struct ss_sched_event *e = &b->event[i];

		ts += e->type == SS_SCHED_LATE ? (__u64)e->arg << 32 | e->tid : e->delta;
		taken[nr_taken++] = (struct taken){ ts, b->h.cpu, i ? 0 : b->lost, *e };
	}
}

/* What a CPU's programs do. */
static void put(unsigned int cpu, unsigned int type, __u32 delta, __u32 tid, __u32 arg)
{
	events[cpu * RING + cpus[cpu].head % RING] = (struct ss_sched_event){
		.delta = delta, .type = (__u8)type, .tid = tid, .arg = arg
	};
	cpus[cpu].head++;
}

static bool take(unsigned int max)
{
	return stream_take(&stream, max, emit, &stream);
}

static void begin(void)
{
	ASSERT_EQ(stream_init(&stream, BEGIN), 0);
}

TEST(order, .title = "A31: events come out in order, with the times that they were put in with")
{
	__u64 ts[CPUS] = { BEGIN, BEGIN, BEGIN };
	unsigned int next[CPUS] = { 0 };

	begin();
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		EXPECT_EQ(cpus[cpu].last_ts, BEGIN);
	for (unsigned int round = 0; round < 500; round++) {
		for (unsigned int i = 0; i < round % (RING / 2); i++) {
			unsigned int cpu = (round + i) % CPUS;

			put(cpu, SS_SCHED_WAKE, i * 7, next[cpu], 0);
			next[cpu]++;
		}
		take(1000);
	}
	EXPECT_FALSE(take(1000));
	EXPECT_EQ(nr_taken, next[0] + next[1] + next[2]);
	memset(next, 0, sizeof(next));
	for (unsigned int i = 0; i < nr_taken; i++) {
		ASSERT_LT(taken[i].cpu, CPUS);
		ASSERT_EQ(taken[i].e.tid, next[taken[i].cpu]++);
		ts[taken[i].cpu] += taken[i].e.delta;
		ASSERT_EQ(taken[i].ts, ts[taken[i].cpu]);
		ASSERT_EQ(taken[i].lost, 0);
	}
	stream_free(&stream);
}

TEST(late, .title = "A31: a time that doesn't fit a delta comes ahead of its event")
{
	begin();
	put(0, SS_SCHED_LATE, 0, 5, 3);
	put(0, SS_SCHED_SWITCH, 0, 1, 2);
	put(0, SS_SCHED_SWITCH, 9, 2, 1);
	take(1000);
	ASSERT_EQ(nr_taken, 3);
	EXPECT_EQ(taken[1].ts, BEGIN + 5 + (3ULL << 32));
	EXPECT_EQ(taken[2].ts, BEGIN + 14 + (3ULL << 32));
	put(0, SS_SCHED_SWITCH, 1, 1, 2);
	take(1000);
	EXPECT_EQ(taken[3].ts, BEGIN + 15 + (3ULL << 32));
	stream_free(&stream);
}

TEST(more, .title = "A31: what belongs to an event is in its batch, whatever is taken at a time")
{
	for (unsigned int max = 1; max < 12; max++) {
		memset(cpus, 0, sizeof(cpus));
		nr_taken = 0;
		begin();
		for (unsigned int i = 0; i < 20; i++) {
			put(1, SS_SCHED_WAKE, 1, i, 0);
			put(1, SS_SCHED_MORE, 0, 100 + i, 0);
		}
		/* emit() refuses a batch that begins with such a one */
		while (take(max))
			;
		ASSERT_EQ(nr_taken, 40);
		EXPECT_EQ(taken[39].e.tid, 119);
		stream_free(&stream);
	}
}

TEST(full_batches, .title = "A31: a batch is full but for the place that an event's rest may need")
{
	static struct ss_stream_cpu one;
	static struct ss_sched_event many[1024];
	struct stream s = { .cpus = &one, .events = many, .nr_cpus = 1, .ring_events = 1024 };

	ASSERT_EQ(stream_init(&s, BEGIN), 0);
	for (unsigned int i = 0; i < 1000; i++)
		many[one.head++] = (struct ss_sched_event){
			.type = i % 5 == 3 ? SS_SCHED_MORE : SS_SCHED_WAKE,
			.tid = i,
		};
	stream_take(&s, 1000, emit, &stream);
	EXPECT_EQ(nr_taken, 1000);
	EXPECT_EQ(nr_batches, 5);
	EXPECT_GE(biggest, SS_SCHED_BATCH_MAX - 1);
	EXPECT_EQ(s.batches, 5);
	stream_free(&s);
}

TEST(holes, .title = "A31: a hole is told with the batch behind it, at the end, too")
{
	begin();
	put(2, SS_SCHED_SWITCH, 5, 1, 2);
	put(2, SS_SCHED_HOLE, 0, 0, 17);
	put(2, SS_SCHED_SWITCH, 5, 2, 1);
	take(1000);
	ASSERT_EQ(nr_taken, 2);
	EXPECT_EQ(nr_batches, 2);
	EXPECT_EQ(taken[0].lost, 0);
	EXPECT_EQ(taken[1].lost, 17);
	EXPECT_EQ(taken[1].ts, BEGIN + 10);
	/* what follows the next one isn't there yet */
	put(2, SS_SCHED_HOLE, 0, 0, 4);
	take(1000);
	EXPECT_EQ(nr_batches, 2);
	put(2, SS_SCHED_SWITCH, 5, 1, 2);
	take(1000);
	EXPECT_EQ(taken[2].lost, 4);
	/* the ring is full, and nothing comes any more */
	cpus[2].lost = 3;
	take(1000);
	EXPECT_EQ(nr_batches, 3);
	stream_end(&stream, emit, &stream);
	EXPECT_EQ(nr_batches, 4);
	EXPECT_EQ(nr_taken, 3);
	EXPECT_EQ(lost_told, 24);
	EXPECT_EQ(stream.lost, 24);
	stream_end(&stream, emit, &stream);
	EXPECT_EQ(nr_batches, 4);
	stream_free(&stream);
}

TEST(soon, .title = "A31: it says when there is more, and when a ring fills up fast")
{
	begin();
	EXPECT_FALSE(take(10));
	for (unsigned int i = 0; i < 10; i++)
		put(0, SS_SCHED_WAKE, 1, i, 0);
	EXPECT_FALSE(take(10));
	for (unsigned int i = 0; i < 10; i++)
		put(0, SS_SCHED_WAKE, 1, i, 0);
	EXPECT_TRUE(take(9));
	EXPECT_EQ(nr_taken, 19);
	EXPECT_FALSE(take(9));
	for (unsigned int i = 0; i <= RING / 4; i++)
		put(1, SS_SCHED_WAKE, 1, i, 0);
	EXPECT_TRUE(take(1000));
	stream_free(&stream);
}

TEST(fair, .title = "A31: a loud CPU doesn't keep the others' events back")
{
	unsigned int of[CPUS] = { 0 };

	begin();
	put(1, SS_SCHED_WAKE, 1, 1, 0);
	put(2, SS_SCHED_WAKE, 1, 2, 0);
	for (unsigned int round = 0; round < CPUS; round++) {
		for (unsigned int i = 0; i < 8; i++)
			put(0, SS_SCHED_WAKE, 1, 0, 0);
		take(8);
	}
	for (unsigned int i = 0; i < nr_taken; i++)
		of[taken[i].cpu]++;
	EXPECT_GT(of[0], 8);
	EXPECT_EQ(of[1], 1);
	EXPECT_EQ(of[2], 1);
	stream_free(&stream);
}

TEST_HARNESS_MAIN
