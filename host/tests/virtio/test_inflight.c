// SPDX-License-Identifier: GPL-2.0-only
/* What is in flight survives: the buffer by itself, and a disk that is killed. V24 to V27. */
#include "ss_harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/profile.h"
#include "mock_front.h"
#include "mock_guest.h"
#include "virtio/inflight.h"

#define SIZE 64

/* --- the buffer --- */

/* Memory that is shared, and what the used ring says: all that is left after a crash. */
struct world {
	uint64_t mem[512];
	uint16_t used_idx;
	bool open[SIZE]; /* taken and not published, as the driver sees it */
	uint64_t order[SIZE];
	uint64_t now;
};

static void check_recovery(const struct world *w)
{
	struct virtq_inflight f;
	struct world copy = *w;
	unsigned int nr = 0;

	ASSERT_EQ(virtq_inflight_open(&f, copy.mem, SIZE, copy.used_idx), 0);
	for (unsigned int i = 0; i < SIZE; i++)
		nr += w->open[i];
	ASSERT_EQ(f.nr, nr);
	for (unsigned int i = 0; i < nr; i++) {
		EXPECT_TRUE(w->open[f.again[i]]);
		if (i)
			EXPECT_LT(w->order[f.again[i - 1]], w->order[f.again[i]]);
	}
	/* And a second crash right after it changes nothing. */
	ASSERT_EQ(virtq_inflight_open(&f, copy.mem, SIZE, copy.used_idx), 0);
	EXPECT_EQ(f.nr, nr);
}

static void take(struct world *w, struct virtq_inflight *f, uint16_t head)
{
	virtq_inflight_take(f, head);
	w->open[head] = true;
	w->order[head] = w->now++;
	check_recovery(w);
}

static void publish(struct world *w, struct virtq_inflight *f, uint16_t head)
{
	virtq_inflight_begin(f, head);
	check_recovery(w); /* not published yet: it's served again */
	w->used_idx++;
	w->open[head] = false;
	check_recovery(w); /* published, though that wasn't noted */
	virtq_inflight_end(f, head, w->used_idx);
	check_recovery(w);
}

TEST(layout, .title = "V24 the buffer is laid out as the protocol says")
{
	struct virtq_inflight f;
	struct world w = { .used_idx = 9 };
	const uint8_t *bytes = (const uint8_t *)w.mem;
	uint16_t half;

	EXPECT_EQ(virtq_inflight_size(1), 64);
	EXPECT_EQ(virtq_inflight_size(3), 64);
	EXPECT_EQ(virtq_inflight_size(4), 128);
	EXPECT_EQ(virtq_inflight_size(128), 2112);
	ASSERT_EQ(virtq_inflight_open(&f, w.mem, SIZE, 9), 0);
	EXPECT_EQ(w.mem[0], 0);
	memcpy(&half, bytes + 8, 2);
	EXPECT_EQ(half, 1);
	memcpy(&half, bytes + 10, 2);
	EXPECT_EQ(half, SIZE);
	memcpy(&half, bytes + 14, 2);
	EXPECT_EQ(half, 9);
	virtq_inflight_take(&f, 2);
	EXPECT_EQ(bytes[16 + 2 * 16], 1);
	EXPECT_EQ(w.mem[(16 + 2 * 16 + 8) / 8], 0);
	virtq_inflight_take(&f, 5);
	EXPECT_EQ(w.mem[(16 + 5 * 16 + 8) / 8], 1);
	virtq_inflight_begin(&f, 5);
	memcpy(&half, bytes + 12, 2);
	EXPECT_EQ(half, 5);
	EXPECT_EQ(bytes[16 + 5 * 16], 1);
	virtq_inflight_end(&f, 5, 10);
	EXPECT_EQ(bytes[16 + 5 * 16], 0);
	memcpy(&half, bytes + 14, 2);
	EXPECT_EQ(half, 10);
}

TEST(any_moment, .title = "V25 whenever it is killed, what was open is served again, in order")
{
	struct virtq_inflight f;
	struct world w = { .used_idx = 65530 };
	uint64_t seed = 7;

	ASSERT_EQ(virtq_inflight_open(&f, w.mem, SIZE, w.used_idx), 0);
	for (unsigned int i = 0; i < 3000; i++) {
		uint16_t head;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		head = (uint16_t)(seed >> 40) % SIZE;
		if (w.open[head])
			publish(&w, &f, head);
		else
			take(&w, &f, head);
	}
}

TEST(untake, .title = "V25 a head that the throttle refuses isn't in flight")
{
	struct virtq_inflight f;
	struct world w = { 0 };

	ASSERT_EQ(virtq_inflight_open(&f, w.mem, SIZE, 0), 0);
	take(&w, &f, 3);
	virtq_inflight_take(&f, 4);
	EXPECT_FALSE(virtq_inflight_untake(&f));
	check_recovery(&w);
}

TEST(another, .title = "V26 another version or size is refused")
{
	struct virtq_inflight f;
	struct world w = { 0 };

	ASSERT_EQ(virtq_inflight_open(&f, w.mem, SIZE, 0), 0);
	EXPECT_EQ(virtq_inflight_open(&f, w.mem, SIZE / 2, 0), -EPROTO);
	EXPECT_EQ(virtq_inflight_open(&f, w.mem, 0, 0), -EPROTO);
	((uint16_t *)(void *)w.mem)[4] = 2;
	EXPECT_EQ(virtq_inflight_open(&f, w.mem, SIZE, 0), -EPROTO);
	virtq_inflight_forget(w.mem, SIZE);
	EXPECT_EQ(virtq_inflight_open(&f, w.mem, SIZE, 0), 0);
	EXPECT_EQ(f.nr, 0);
}

TEST(noise, .title = "V26 whatever the front-end writes there, heads stay within the ring")
{
	struct virtq_inflight f;
	struct world w = { 0 };
	uint64_t seed = 3;

	for (unsigned int round = 0; round < 2000; round++) {
		for (unsigned int i = 0; i < 512; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			w.mem[i] = seed;
		}
		((uint16_t *)(void *)w.mem)[4] = 1;
		((uint16_t *)(void *)w.mem)[5] = SIZE;
		ASSERT_EQ(virtq_inflight_open(&f, w.mem, SIZE, (uint16_t)seed), 0);
		ASSERT_LE(f.nr, SIZE);
		for (unsigned int i = 0; i < f.nr; i++)
			ASSERT_LT(f.again[i], SIZE);
		virtq_inflight_begin(&f, (uint16_t)(seed >> 20));
		virtq_inflight_end(&f, (uint16_t)(seed >> 20), 1);
		virtq_inflight_take(&f, (uint16_t)(seed >> 30));
		virtq_inflight_untake(&f);
	}
}

/* --- a disk --- */

FIXTURE(front)
{
	struct mock_front f;
	struct mock_server dead; /* killed: it never has another turn */
};

FIXTURE_SETUP(front)
{
	self->f = (struct mock_front){ .sock = -1 };
	mock_backing_async = true;
	front_init(&self->f);
	front_connect(&self->f);
}

FIXTURE_TEARDOWN(front)
{
	mock_hold(&self->f.backing, false);
	front_server_free(&self->dead);
	front_free(&self->f);
	mock_backing_async = false;
}

static void start(struct mock_front *f, uint16_t base)
{
	front_hello(f);
	front_inflight(f);
	front_ring_start(f, 0, base);
	blk_step(f->s.blk, 0);
	front_calls(f, 0);
}

/*
 * The server is killed, another one comes; QEMU says where the used ring ends. What the
 * dead one still has in its backing stays there until the test is over, and what it would
 * publish then is in a ring that nobody looks at any more.
 */
static void kill_server(FIXTURE_DATA(front) * self)
{
	struct mock_front *f = &self->f;

	self->dead = f->s;
	front_server(f);
	front_connect(f);
}

TEST_F(front, killed, .title = "V25 requests in flight are served again, once, and others aren't")
{
	struct mock_front *f = &self->f;
	struct mock_req r[4];

	start(f, 0);
	r[0] = mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_TRUE(front_done(f, 0, &r[0]));
	mock_hold(&f->backing, true);
	for (unsigned int i = 1; i < 4; i++) {
		r[i] = mock_write(&f->q[0], 10 + i, FRONT_DATA + i * 512, 512);
		front_kick(f, 0);
	}
	EXPECT_EQ(mock_used_idx(&f->q[0]), 1);
	kill_server(self);
	start(f, mock_used_idx(&f->q[0]));
	EXPECT_EQ(mock_used_idx(&f->q[0]), 1);
	for (unsigned int i = 1; i < 4; i++)
		EXPECT_EQ(mock_status(&f->q[0], &r[i]), STATUS_UNTOUCHED);
	/* They are in flight again, each once; a fresh one comes behind them. */
	r[0] = mock_read(&f->q[0], 2, FRONT_DATA, 512);
	front_kick(f, 0);
	/* The new server's backing queues are the last two of the mock's four. */
	EXPECT_EQ(f->backing.queue[2]->nr_held + f->backing.queue[2]->nr_submitted, 4);
}

TEST_F(front, refused_again,
       .title = "V25 one to be served again that the throttle refuses keeps its turn")
{
	struct mock_front *f = &self->f;
	struct mock_req r[3];
	struct throttle_limits limits = { .ops = { 1, 1 } };

	start(f, 0);
	mock_hold(&f->backing, true);
	for (unsigned int i = 0; i < 3; i++) {
		r[i] = mock_read(&f->q[0], i, FRONT_DATA, 512);
		front_kick(f, 0);
	}
	f->limits = limits;
	kill_server(self);
	front_hello(f);
	front_inflight(f);
	mock_hold(&f->backing, false);
	front_ring_start(f, 0, 0);
	for (unsigned int i = 0; i < 3; i++) {
		blk_step(f->s.blk, 0);
		blk_step(f->s.blk, 0);
		EXPECT_TRUE(front_done(f, 0, &r[i]));
		EXPECT_EQ(mock_used_idx(&f->q[0]), i + 1);
		f->clock.now += IO_NSEC_PER_SEC;
	}
	EXPECT_EQ(front_ring_stop(f, 0), 3);
}

TEST_F(front, stopped_between, .title = "V25 a stop before all is served again loses nothing")
{
	struct mock_front *f = &self->f;
	struct mock_req r[2];
	uint16_t base;

	start(f, 0);
	mock_hold(&f->backing, true);
	for (unsigned int i = 0; i < 2; i++) {
		r[i] = mock_read(&f->q[0], i, FRONT_DATA, 512);
		front_kick(f, 0);
	}
	f->limits = (struct throttle_limits){ .ops = { 1, 1 } };
	kill_server(self);
	front_hello(f);
	front_inflight(f);
	mock_hold(&f->backing, false);
	front_ring_start(f, 0, 0);
	blk_step(f->s.blk, 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(front_done(f, 0, &r[0]));
	base = front_ring_stop(f, 0);
	EXPECT_EQ(base, 2);
	f->clock.now += IO_NSEC_PER_SEC;
	front_ring_start(f, 0, base);
	blk_step(f->s.blk, 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(front_done(f, 0, &r[1]));
}

TEST_F(front, reset, .title = "V27 after RESET_DEVICE nothing is in flight")
{
	struct mock_front *f = &self->f;
	struct front_msg m = { .request = VU_RESET_DEVICE, .flags = VU_VERSION };
	struct mock_req r;

	start(f, 0);
	mock_hold(&f->backing, true);
	mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	kill_server(self);
	front_hello(f);
	front_inflight(f);
	mock_hold(&f->backing, false);
	ASSERT_EQ(front_do(f, &m), 0);
	mock_queue_init(&f->q[0], &f->g, 0, 128);
	m = front_u64(VU_SET_FEATURES, FRONT_FEATURES);
	ASSERT_EQ(front_do(f, &m), 0);
	front_ring_start(f, 0, 0);
	blk_step(f->s.blk, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 0);
	r = mock_read(&f->q[0], 2, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
}

TEST_HARNESS_MAIN
