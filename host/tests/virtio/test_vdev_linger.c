// SPDX-License-Identifier: GPL-2.0-only
/* The moment that a worker waits for more before it sleeps, by a clock that each look moves. */
#include "ss_harness.h"

#include <string.h>

#include "mock_guest.h"
#include "virtio/vdev_pass.h"

#define STEP_NS 1000
#define NEVER	UINT64_MAX

FIXTURE(linger)
{
	struct mock_guest g;
	struct mock_queue q;
	struct vdev dev;
	struct vdev_queue vq;
	struct virtq_seg seg[4];
	struct worker *w;
	uint64_t now, comes_at; /* the driver's next chain */
};

static uint64_t moving_now(void *ctx)
{
	FIXTURE_DATA(linger) *self = ctx;

	self->now += STEP_NS;
	if (self->now >= self->comes_at) {
		self->comes_at = NEVER;
		mock_flush(&self->q);
	}
	return self->now;
}

static uint64_t op_none(void *ctx)
{
	(void)ctx;
	return WORKER_NO_DEADLINE;
}

static uint64_t op_kick(void *ctx, unsigned int index)
{
	(void)index;
	return op_none(ctx);
}

static enum vdev_gate gate_pass(struct vdev_queue *q, struct throttle_verdict *verdict)
{
	(void)q;
	(void)verdict;
	return VDEV_SERVE;
}

static void serve_nothing(struct vdev_queue *q, struct vdev_drain *d, enum vdev_gate gate)
{
	(void)q;
	(void)d;
	(void)gate;
}

static enum vdev_end take_all(struct vdev_queue *q, struct vdev_drain *d)
{
	static const struct vdev_pass_ops ops = { .gate = gate_pass, .serve = serve_nothing };

	return vdev_pass(q, d, &ops);
}

FIXTURE_SETUP(linger)
{
	static const struct vdev_queue_ops queue_ops = { .pass = take_all };
	static const struct worker_ops ops = { .kick = op_kick, .timer = op_none, .wake = op_none };
	const struct worker_config worker = { .name = "w", .ops = &ops, .manual = true };
	struct virtq_config config = { .size = 64, .ready = true, .event_idx = true };

	memset(self, 0, sizeof(*self));
	mock_guest_init(&self->g);
	mock_queue_init(&self->q, &self->g, 0, 64);
	ASSERT_EQ(worker_create(&worker, &self->w), 0);
	config.desc = self->q.desc;
	config.avail = self->q.avail;
	config.used = self->q.used;
	self->dev.clock = (struct io_clock){ .now = moving_now, .ctx = self };
	self->dev.lingers = true;
	self->dev.linger_ns = VDEV_LINGER_NS;
	vdev_add_queue(&self->dev, &self->vq);
	virtq_init(&self->vq.vq, &config, &self->g.mem);
	self->vq.ops = &queue_ops;
	self->vq.chain = (struct virtq_chain){ .seg = self->seg, .max = 4 };
	self->vq.worker = self->w;
	self->comes_at = NEVER;
}

FIXTURE_TEARDOWN(linger)
{
	EXPECT_EQ(worker_destroy(self->w), 0);
	mock_guest_free(&self->g);
}

/* A drain of @chains. Return: it wants to linger. */
static bool drain(FIXTURE_DATA(linger) * self, unsigned int chains)
{
	struct vdev_drain d = { 0 };
	enum vdev_end end;

	while (chains--)
		mock_flush(&self->q);
	end = vdev_drain_ring(&self->vq, &d);
	EXPECT_NE(end, VDEV_POISONED);
	return end == VDEV_LINGER;
}

/* Is a kick wanted for the next chain? */
static bool notify_on(FIXTURE_DATA(linger) * self)
{
	return mock_avail_event(&self->q) == self->q.avail_idx;
}

TEST_F(linger, spares_the_kick, .title = "D22 what comes soon after a drain needs no kick")
{
	for (int i = 0; i < 100; i++) {
		ASSERT_TRUE(drain(self, 2));
		EXPECT_FALSE(notify_on(self));
		self->comes_at = self->now + 5 * STEP_NS;
		ASSERT_TRUE(vdev_linger(&self->vq, true));
		EXPECT_FALSE(notify_on(self));
	}
}

TEST_F(linger, ends, .title = "D22 when nothing comes notifications are on again")
{
	const uint64_t start = self->now;

	ASSERT_TRUE(drain(self, 1));
	EXPECT_FALSE(vdev_linger(&self->vq, true));
	EXPECT_TRUE(notify_on(self));
	EXPECT_LE(self->now - start, 50 * STEP_NS);
	/* What comes in between isn't missed. */
	ASSERT_FALSE(drain(self, 1));
	ASSERT_TRUE(drain(self, 1));
	mock_flush(&self->q);
	EXPECT_TRUE(vdev_linger(&self->vq, false));
}

TEST_F(linger, in_vain_rarely, .title = "where it comes to nothing it's tried less and less often")
{
	unsigned int lingered = 0;

	for (int i = 0; i < 10000; i++) {
		if (drain(self, 1)) {
			lingered++;
			EXPECT_FALSE(vdev_linger(&self->vq, true));
		}
		ASSERT_TRUE(notify_on(self));
	}
	EXPECT_GE(lingered, 10);
	EXPECT_LE(lingered, 50);
	/* One that helps, and it's done each time again. */
	while (!drain(self, 1))
		;
	self->comes_at = self->now + STEP_NS;
	EXPECT_TRUE(vdev_linger(&self->vq, true));
	EXPECT_TRUE(drain(self, 0));
}

TEST_F(linger, nothing_taken, .title = "a drain that took nothing doesn't linger")
{
	EXPECT_FALSE(drain(self, 0));
	EXPECT_TRUE(notify_on(self));
}

TEST_F(linger, yields, .title = "D89 a stop ends it at once")
{
	ASSERT_EQ(worker_start(self->w), 0);
	ASSERT_TRUE(drain(self, 1));
	ASSERT_EQ(worker_pause(self->w, 0), 0);
	self->comes_at = self->now + 10 * STEP_NS;
	EXPECT_FALSE(vdev_linger(&self->vq, true));
	EXPECT_NE(self->comes_at, NEVER);
}

TEST_F(linger, not_by_hand, .title = "a device that doesn't linger asks for kicks at once")
{
	self->dev.lingers = false;
	EXPECT_FALSE(drain(self, 1));
	EXPECT_TRUE(notify_on(self));
}

TEST_HARNESS_MAIN
