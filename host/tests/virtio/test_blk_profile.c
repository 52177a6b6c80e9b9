// SPDX-License-Identifier: GPL-2.0-only
/* A disk under a profile, and the latencies it measures: exact, by a clock of the test's. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_blk.h"
#include "ss_events.h"
#include "virtio/blk_priv.h"

#define OK    VIRTIO_BLK_S_OK
#define IOERR VIRTIO_BLK_S_IOERR
#define DATA  MOCK_BLK_DATA
#define MS    1000000ULL
#define SEC   IO_NSEC_PER_SEC
#define START MOCK_BLK_START

FIXTURE(pressed)
{
	struct mock_blk b;
	struct profile *p;
};

FIXTURE_SETUP(pressed)
{
	self->b.blk = NULL;
	self->p = NULL;
}

FIXTURE_TEARDOWN(pressed)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
	EXPECT_EQ(self->b.counters.currently_throttled_gauge, 0);
	profile_free(self->p);
}

static struct mock_blk *disk(struct ss_fx_pressed *self, const char *text, uint64_t iops)
{
	struct mock_blk_opts opts = { .limits = { .ops = { iops, 0 } } };
	char err[300] = "";

	ASSERT_EQ(profile_parse(text, strlen(text), "t", &self->p, err, sizeof(err)), 0)
	{
		TH_LOG("%s", err);
	}
	opts.profile = self->p;
	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, BLK_FEATURES);
	blk_profile_start(self->b.blk);
	return &self->b;
}

static void at(struct mock_blk *b, uint64_t when)
{
	b->clock.now = when;
	blk_step(b->blk, 0);
}

static struct mock_req ask(struct mock_blk *b)
{
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	mock_blk_kick(b);
	return req;
}

TEST_F(pressed, starts_when_told,
       .title = "before its start a profile does nothing; a second start neither")
{
	const struct mock_blk_opts opts = { .profile = NULL };
	struct mock_blk *b = &self->b;
	struct mock_req req;

	ASSERT_EQ(mock_blk_init(b, &opts), 0);
	blk_profile_start(b->blk);
	mock_blk_free(b);
	b = disk(self, "stall every=1s for=100ms first=0\n", 0);
	/* The fixture's own start was at START. */
	at(b, START + 500 * MS);
	blk_profile_start(b->blk);
	req = ask(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
}

TEST_F(pressed, stall,
       .title = "D39 D41 D42 D46 a profile's stall is a throttle's stall, to the ns")
{
	struct mock_blk *b = disk(self, "stall every=1s for=100ms first=0\n", 0);
	struct mock_req first, second;

	first = ask(b);
	second = ask(b);
	EXPECT_TRUE(mock_blk_nothing(b, &first));
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 100 * MS);
	EXPECT_EQ(mock_blk_irqs(b), 0);
	at(b, START + 100 * MS - 1);
	EXPECT_TRUE(mock_blk_nothing(b, &first));
	at(b, START + 100 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+2 bytes_read+1024 currently_throttled_gauge-1");
}

TEST_F(pressed, rejected_do_not_stall, .title = "D35 what the gates reject never meets the profile")
{
	struct mock_blk *b = disk(self, "stall every=1s for=100ms first=0\nerror every=2\n", 0);
	struct mock_req req = mock_blk(&b->q, 99, 0, NULL, 0);

	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, VIRTIO_BLK_S_UNSUPP, 1));
	EXPECT_STREQ(mock_blk_changes(b), "");
	/* Nor is it numbered: the second of those that pass fails. */
	b->clock.now = START + 200 * MS;
	req = ask(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	req = ask(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, IOERR, 1));
}

TEST_F(pressed, stall_takes_no_token,
       .title = "D37 D44 a stall costs no token; the longer wait is waited")
{
	struct mock_blk *b = disk(self, "stall every=10s for=100ms first=1s\n", 2);
	struct throttle_state state;
	struct mock_req req;

	b->clock.now = START + SEC;
	req = ask(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.ops, 2);
	EXPECT_EQ(state.waiters, 0);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 1100 * MS);
	at(b, START + 1100 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	/* No token left for the third, half a second to go, when a stall of 100 ms begins. */
	b->clock.now = START + 11 * SEC - 1;
	req = ask(b);
	req = ask(b);
	b->clock.now = START + 11 * SEC;
	mock_blk_changes(b);
	req = ask(b);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 11 * SEC - 1 + SEC / 2);
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	at(b, START + 11 * SEC + SEC / 2);
}

TEST_F(pressed, limits_change_in_time,
       .title = "D76 limits change when the profile says, whoever looks when")
{
	struct mock_blk *b = disk(self, "limit to=1s iops=10\nlimit from=1s to=2s iops=1000\n", 5);
	struct throttle_state state;
	struct mock_req req;

	for (int i = 0; i < 5; i++) {
		req = ask(b);
		EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	}
	/* Nobody looks for 1.1 s: 1 s at 10/s, 100 ms at 1000/s. */
	b->clock.now = START + 1100 * MS;
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 1000);
	EXPECT_EQ(state.ops, 110);
	/* Back to the disk's own: 5 a second, and no more than that in the bucket. */
	b->clock.now = START + 2 * SEC;
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 5);
	EXPECT_EQ(state.ops, 5);
}

TEST_F(pressed, limits_change_often,
       .title = "D76 a second of the fastest square that nobody looks at counts exactly")
{
	struct mock_blk *b = disk(self, "square period=1ms bps=1000 else bps=3000\n", 0);
	struct throttle_state before, after;

	/* Far into debt, so that no bucket fills up. */
	mock_read(&b->q, 0, DATA, 65536);
	mock_blk_kick(b);
	blk_limits(b->blk, &before);
	EXPECT_LT(before.bytes, -60000);
	b->clock.now = START + SEC;
	blk_limits(b->blk, &after);
	EXPECT_EQ(after.bytes - before.bytes, 2000);
}

TEST_F(pressed, waits_for_the_change,
       .title = "a request that waits for tokens is looked at when limits change")
{
	struct mock_blk *b = disk(self, "square period=2s iops=1 else iops=0\n", 0);
	struct mock_req req = ask(b);

	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	b->clock.now = START + 500 * MS;
	req = ask(b);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + SEC);
	at(b, START + SEC);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	/* Unlimited now, for a second. */
	for (int i = 0; i < 100; i++) {
		req = ask(b);
		EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	}
}

TEST_F(pressed, waits_no_longer_than_the_limit,
       .title = "a limit that ends sooner than a request's debt is paid ends its wait")
{
	struct mock_blk *b = disk(self, "limit to=1s bps=512\n", 0);
	struct mock_req first = mock_read(&b->q, 0, DATA, 1024), second;

	/* Twice what the bucket holds: in debt for a second, and another for the next. */
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 1025));
	second = ask(b);
	EXPECT_TRUE(mock_blk_nothing(b, &second));
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + SEC);
	at(b, START + SEC);
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
}

TEST_F(pressed, stalled_out_of_line,
       .title = "a profile's stall gives up the place in a shared throttle's line")
{
	const struct throttle_limits limits = { .ops = { 10, 0 } };
	struct mock_blk_opts opts = { 0 };
	struct mock_blk other;
	struct throttle_verdict v;
	struct throttle t;
	struct mock_blk *b = &self->b;
	struct mock_req req;
	char err[300];
	static const char text[] = "stall every=10s for=1s first=60ms\n";

	ASSERT_EQ(throttle_init(&t, &limits, START), 0);
	while (throttle_ask(&t, 512, START, &v))
		;
	opts.throttle = &t;
	ASSERT_EQ(mock_blk_init(&other, &opts), 0);
	ASSERT_EQ(profile_parse(text, strlen(text), "t", &self->p, err, sizeof(err)), 0);
	opts.profile = self->p;
	ASSERT_EQ(mock_blk_init(b, &opts), 0);
	mock_blk_start(b, BLK_FEATURES);
	mock_blk_start(&other, BLK_FEATURES);
	blk_profile_start(b->blk);
	/* It waits for the token of 100 ms, but then its stall has begun. */
	ask(b);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 100 * MS);
	at(b, START + 100 * MS);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 1060 * MS);
	/* So the token is the other's. */
	other.clock.now = START + 100 * MS;
	req = ask(&other);
	EXPECT_TRUE(mock_blk_expect(&other, &req, OK, 513));
	EXPECT_EQ(mock_blk_free(&other), 0);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	ASSERT_EQ(blk_destroy(b->blk), 0);
	b->blk = NULL;
	throttle_destroy(&t);
}

TEST_F(pressed, own_limits_wait, .title = "the disk's own limits change behind a profile's")
{
	struct mock_blk *b = disk(self, "limit to=1s iops=10\n", 0);
	struct throttle_state state;

	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 77, 0 } }), 0);
	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 7, 1 } }), -EINVAL);
	b->clock.now = START + 500 * MS;
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 10);
	b->clock.now = START + SEC;
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 77);
	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 78, 0 } }), 0);
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 78);
}

/* Where nothing keeps a worker from it, it follows the profile right after the time was read. */
static uint64_t time_then_a_worker(void *ctx)
{
	struct mock_blk *b = ctx;
	const uint64_t now = b->clock.now;
	struct throttle_state state;

	if (pthread_mutex_trylock(&b->blk->pressure.lock))
		return now;
	pthread_mutex_unlock(&b->blk->pressure.lock);
	b->blk->dev.clock = b->clock.clock;
	b->clock.now = START + SEC;
	blk_limits(b->blk, &state);
	return now;
}

TEST_F(pressed, own_limits_meet_a_change,
       .title = "the disk's own limits don't replace a profile's that have just begun")
{
	struct mock_blk *b = disk(self, "limit from=1s iops=10\n", 0);
	struct throttle_state state;

	b->clock.now = START + SEC - 1;
	b->blk->dev.clock = (struct io_clock){ .now = time_then_a_worker, .ctx = b };
	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 77, 0 } }), 0);
	b->blk->dev.clock = b->clock.clock;
	b->clock.now = START + SEC;
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 10);
}

TEST_F(pressed, errors,
       .title = "an injected error: IOERR, io_errors + 1, a token, the file untouched")
{
	struct mock_blk *b = disk(self, "error every=3\n", 100);
	struct throttle_state state;
	struct mock_req req;

	for (int i = 0; i < 9; i++) {
		req = mock_write(&b->q, 0, DATA, 512);
		mock_blk_kick(b);
		EXPECT_TRUE(mock_blk_expect(b, &req, i % 3 == 2 ? IOERR : OK, 1));
	}
	EXPECT_STREQ(mock_blk_changes(b), "writes_completed+6 bytes_written+3072 io_errors+3");
	EXPECT_EQ(b->backing.calls[MOCK_WRITE], 6);
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.ops, 91);
	EXPECT_EQ(mock_blk_irqs(b), 9);
}

TEST_F(pressed, numbered_once,
       .title = "a request that was stalled counts once: the second one fails")
{
	struct mock_blk *b = disk(self, "error every=2\nstall every=1s for=100ms first=0\n", 0);
	struct mock_req first = ask(b), second;

	EXPECT_TRUE(mock_blk_nothing(b, &first));
	at(b, START + 100 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	second = ask(b);
	EXPECT_TRUE(mock_blk_expect(b, &second, IOERR, 1));
}

TEST_F(pressed, delay,
       .title = "a delayed completion: done at once, published in time, others go on")
{
	struct mock_blk *b = disk(self, "delay add=10ms\n", 0);
	struct mock_req first, second, third;

	first = ask(b);
	b->clock.now += 4 * MS;
	second = ask(b);
	EXPECT_EQ(b->backing.calls[MOCK_READ], 2);
	EXPECT_TRUE(mock_blk_nothing(b, &first));
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+2 bytes_read+1024");
	EXPECT_EQ(blk_armed_ns(b->blk, 0), START + 10 * MS);
	/* Nothing is stalled. */
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), 0);
	at(b, START + 10 * MS - 1);
	EXPECT_TRUE(mock_blk_nothing(b, &first));
	at(b, START + 10 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_TRUE(mock_blk_nothing(b, &second));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), START + 14 * MS);
	third = ask(b);
	at(b, START + 20 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &third, OK, 513));
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
}

TEST_F(pressed, delay_keeps_order, .title = "delayed completions stay in order")
{
	struct mock_blk *b = disk(self, "delay add=10ms to=1ms\n", 0);
	struct mock_req slow = ask(b), fast;

	b->clock.now = START + 2 * MS;
	fast = ask(b);
	EXPECT_TRUE(mock_blk_nothing(b, &slow));
	at(b, START + 10 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &slow, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &fast, OK, 513));
	fast = ask(b);
	EXPECT_TRUE(mock_blk_expect(b, &fast, OK, 513));
}

TEST_F(pressed, delay_beside_a_stall,
       .title = "a completion comes due without asking for the stalled head")
{
	struct mock_blk *b = disk(self, "delay add=10ms\nstall every=1s for=100ms first=5ms\n", 0);
	struct mock_req first = ask(b), second;
	uint8_t *head, kept[16];

	b->clock.now = START + 6 * MS;
	second = ask(b);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 105 * MS);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), START + 10 * MS);
	/* Whoever looks at the head now finds no request there. */
	head = mock_ptr(&b->g, b->q.desc + second.head * sizeof(kept), sizeof(kept));
	memcpy(kept, head, sizeof(kept));
	memset(head, 0xff, sizeof(kept));
	at(b, START + 10 * MS);
	memcpy(head, kept, sizeof(kept));
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_EQ(b->counters.throttled_count, 1);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 1);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), START + 105 * MS);
	at(b, START + 105 * MS);
	EXPECT_TRUE(mock_blk_nothing(b, &second));
	at(b, START + 115 * MS);
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
}

TEST_F(pressed, delay_and_reset,
       .title = "D95 D21 D49 a reset forgets what was kept back, a ring that breaks loses it")
{
	struct mock_blk *b = disk(self, "delay add=10ms\n", 0);
	struct mock_req req = ask(b);

	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	mock_blk_start(b, BLK_FEATURES);
	at(b, START + 20 * MS);
	EXPECT_EQ(mock_used_idx(&b->q), 0);
	req = ask(b);
	ask(b);
	mock_blk_changes(b);
	mock_set_avail_idx(&b->q, b->q.avail_idx + 1000);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "io_errors+2 invalid_avail_idx_count+1 chains_dropped+2");
	at(b, START + 40 * MS);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
}

TEST_F(pressed, delay_is_bounded,
       .title = "a driver that posts one head again and again fills a ring, no more")
{
	struct mock_blk *b = disk(self, "delay add=10ms\n", 0);
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	mock_blk_kick(b);
	for (int i = 0; i < 1000; i++) {
		mock_avail(&b->q, req.head);
		if (i % 100 == 99)
			mock_blk_kick(b);
		if (b->counters.invalid_avail_idx_count)
			break;
	}
	while (blk_step(b->blk, 0) > 0 && b->backing.calls[MOCK_READ] < 300)
		;
	EXPECT_EQ(b->backing.calls[MOCK_READ], VIRTQ_MAX_SIZE);
}

TEST_F(pressed, same_twice, .title = "the same profile and seed: the same stalls, errors and times")
{
	static const char text[] = "seed 3\nrandom-stall slot=50ms for=1ms..20ms chance=50%\n"
				   "error chance=10%\nsquare period=200ms iops=100 else iops=0\n";
	uint64_t sum[2] = { 0 };

	for (int round = 0; round < 2; round++) {
		struct mock_blk *b;

		if (round) {
			EXPECT_EQ(mock_blk_free(&self->b), 0);
			profile_free(self->p);
		}
		b = disk(self, text, 0);
		for (int i = 0; i < 500; i++) {
			struct mock_req req = ask(b);

			while (blk_armed_ns(b->blk, 0))
				at(b, blk_armed_ns(b->blk, 0));
			sum[round] = sum[round] * 31 + b->clock.now + mock_status(&b->q, &req);
			b->clock.now += 777777;
		}
		sum[round] += b->counters.throttled_count + b->counters.io_errors;
		EXPECT_GT(b->counters.throttled_count, 3);
		EXPECT_GT(b->counters.io_errors, 30);
	}
	EXPECT_EQ(sum[0], sum[1]);
}

TEST(shared_limits, .title = "a profile that sets limits can't be had with a shared throttle")
{
	struct throttle throttle;
	struct mock_blk_opts opts = { .throttle = &throttle };
	struct profile *limits, *stalls;
	struct mock_blk b;
	char err[200];

	ASSERT_EQ(throttle_init(&throttle, &(struct throttle_limits){ 0 }, START), 0);
	ASSERT_EQ(profile_parse("limit iops=1\n", 13, "t", &limits, err, sizeof(err)), 0);
	ASSERT_EQ(profile_parse("stall every=2s for=1s\n", 22, "t", &stalls, err, sizeof(err)), 0);
	opts.profile = limits;
	EXPECT_EQ(mock_blk_init(&b, &opts), -EINVAL);
	mock_backing_free(&b.backing);
	mock_guest_free(&b.g);
	opts.profile = stalls;
	EXPECT_EQ(mock_blk_init(&b, &opts), 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
	profile_free(limits);
	profile_free(stalls);
	throttle_destroy(&throttle);
}

/* --- latencies --- */

/* Counts in a histogram, its slots checked against the count. */
static uint64_t total(const struct ss_hist *h)
{
	uint64_t sum = 0;

	for (int i = 0; i < SS_HIST_SLOTS; i++)
		sum += h->slots[i];
	EXPECT_EQ(sum, h->count);
	return h->count;
}

TEST_F(pressed, latencies, .title = "latencies: queue wait, stall and backing, to the ns")
{
	struct mock_blk *b =
		disk(self, "delay add=3ms to=1ms\nstall every=1s for=8ms first=5ms\n", 0);
	struct ss_blk_lat lat;

	/* One is done at once but published after 3 ms. */
	ask(b);
	at(b, START + 3 * MS);
	blk_latency(b->blk, &lat);
	EXPECT_EQ(total(&lat.queue), 1);
	EXPECT_EQ(lat.queue.total_ns, 0);
	EXPECT_EQ(lat.queue.slots[0], 1);
	EXPECT_EQ(total(&lat.stall), 0);
	EXPECT_EQ(total(&lat.backing), 1);
	EXPECT_EQ(lat.backing.total_ns, 3 * MS);
	EXPECT_EQ(lat.backing.slots[21], 1);
	/* Two are seen at 6 ms, stalled until 13 ms: one at the head, one behind it. */
	b->clock.now = START + 6 * MS;
	mock_read(&b->q, 0, DATA, 512);
	ask(b);
	at(b, START + 13 * MS);
	blk_latency(b->blk, &lat);
	EXPECT_EQ(total(&lat.queue), 3);
	EXPECT_EQ(lat.queue.total_ns, 14 * MS);
	EXPECT_EQ(lat.queue.max_ns, 7 * MS);
	EXPECT_EQ(total(&lat.stall), 1);
	EXPECT_EQ(lat.stall.total_ns, 7 * MS);
	EXPECT_EQ(lat.stall.slots[22], 1);
	EXPECT_EQ(total(&lat.backing), 3);
	/* A reset keeps them, and the ring's next round is stamped afresh. */
	mock_blk_start(b, BLK_FEATURES);
	b->clock.now = START + 500 * MS;
	for (int i = 0; i < 600; i++)
		ask(b);
	blk_latency(b->blk, &lat);
	EXPECT_EQ(total(&lat.queue), 603);
	EXPECT_EQ(lat.queue.total_ns, 14 * MS);
}

TEST_F(pressed, latencies_of_all_queues, .title = "latencies are those of all queues together")
{
	const struct mock_blk_opts opts = { .queues = 2 };
	struct mock_blk *b = &self->b;
	struct mock_queue second;
	struct ss_blk_lat lat;

	ASSERT_EQ(mock_blk_init(b, &opts), 0);
	mock_negotiate(b->m, BLK_FEATURES | FEAT(VIRTIO_BLK_F_MQ));
	mock_queue_init(&b->q, &b->g, 0, 64);
	mock_setup_queue(b->m, &b->q);
	mock_queue_init(&second, &b->g, 1, 64);
	mock_setup_queue(b->m, &second);
	mock_driver_ok(b->m);
	ask(b);
	mock_read(&second, 0, DATA, 512);
	mock_read(&second, 8, DATA, 512);
	reg_write(b->m, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	blk_step(b->blk, 1);
	blk_latency(b->blk, &lat);
	EXPECT_EQ(total(&lat.queue), 3);
	EXPECT_EQ(total(&lat.backing), 3);
}

TEST_HARNESS_MAIN
