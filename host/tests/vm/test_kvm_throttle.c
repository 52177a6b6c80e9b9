// SPDX-License-Identifier: GPL-2.0-only
/* A throttled disk, as a bare-metal guest sees it. */
#include "bare_guest.h"

#include <string.h>

#include "io/clock.h"

/* What the payload counts on: 8 blocks at once, then one in an hour. */
static const struct throttle_limits almost_nothing = {
	.bytes = { .rate = 1, .burst = 8 * BARE_BLOCK },
};

#define PACED_RATE  100
#define PACED_TOTAL 160

FIXTURE(throttle)
{
	struct bare_guest n;
};

FIXTURE_VARIANT(throttle)
{
	enum backing_kind backing;
	bool event_idx;
};

FIXTURE_VARIANT_ADD(throttle, sync){ BACKING_SYNC, true };
FIXTURE_VARIANT_ADD(throttle, uring){ BACKING_URING, false };

FIXTURE_SETUP(throttle)
{
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(throttle)
{
	bare_guest_free(&self->n);
}

static void lift(struct bare_guest *n, uint32_t nr)
{
	const struct throttle_limits none = { 0 };

	(void)nr;
	ASSERT_EQ(blk_set_limits(n->blk, &none), 0);
}

static void stalled(struct bare_guest *n, const struct ss_fv_throttle *variant, const char *name)
{
	bare_guest_disk(n, &(struct bare_guest_opts){ .queues = 3,
						      .backing = variant->backing,
						      .event_idx = variant->event_idx,
						      .limits = almost_nothing,
						      .rounds = 5 });
	n->call = lift;
	bare_guest_run(n, name);
}

TEST_F(throttle, stalled, .timeout_s = BARE_TIMEOUT_S,
       .title = "D39 D46 D88 a stall is invisible, holds all behind it, and kicks don't end it")
{
	stalled(&self->n, variant, "stalled");
}

TEST_F(throttle, reset, .timeout_s = BARE_TIMEOUT_S,
       .title = "D43 D97 a reset ends the stall but fills no bucket")
{
	stalled(&self->n, variant, "stalled_reset");
}

TEST_F(throttle, queues, .timeout_s = BARE_TIMEOUT_S,
       .title = "D42 two queues stall on one throttle and both go on; a third isn't held up")
{
	stalled(&self->n, variant, "stalled_queues");
}

/* --- pace --- */

static struct {
	uint64_t start;
	unsigned int done, early;
} pace;

/* At the start, when the bucket is full, and after each completion: were there tokens for it? */
static void look_at_time(struct bare_guest *n, uint32_t nr)
{
	const uint64_t now = io_clock_monotonic_now(NULL);

	(void)n;
	if (nr == BARE_CALL_TEST)
		pace.start = now;
	else
		pace.early += ++pace.done >
			      PACED_RATE + (now - pace.start) * PACED_RATE / IO_NSEC_PER_SEC;
}

TEST_F(throttle, paced, .timeout_s = BARE_TIMEOUT_S,
       .title = "every completion had its token, and they come in order")
{
	struct bare_guest *n = &self->n;

	memset(&pace, 0, sizeof(pace));
	bare_guest_disk(n, &(struct bare_guest_opts){ .backing = BACKING_SYNC,
						      .event_idx = variant->event_idx,
						      .limits = { .ops = { .rate = PACED_RATE } },
						      .depth = 16,
						      .rounds = PACED_TOTAL });
	n->call = look_at_time;
	bare_guest_run(n, "paced");
	EXPECT_EQ(pace.done, PACED_TOTAL);
	EXPECT_EQ(pace.early, 0);
}

TEST_HARNESS_MAIN
