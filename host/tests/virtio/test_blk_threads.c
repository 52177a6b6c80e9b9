// SPDX-License-Identifier: GPL-2.0-only
/* The disk with its own threads and the true clock; for ThreadSanitizer above all. */
#include "ss_harness.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "mock_blk.h"
#include "virtio/blk_priv.h"

#define OK	  VIRTIO_BLK_S_OK
#define DATA	  MOCK_BLK_DATA
#define EVENT_IDX FEAT(VIRTIO_RING_F_EVENT_IDX)
#define RUNNING	  0xf
#define LONG_MS	  20000
#define MS	  1000000ULL

FIXTURE(threads)
{
	struct mock_blk b;
};

FIXTURE_SETUP(threads)
{
	const struct mock_blk_opts opts = { .threads = true };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
}

FIXTURE_TEARDOWN(threads)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

static void kick(struct mock_blk *b, unsigned int q)
{
	reg_write(b->m, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Waits by interrupt, as a driver does, until the next element is there. */
static bool wait_used(struct mock_blk *b, struct mock_queue *q)
{
	while (mock_used_idx(q) == q->used_idx) {
		if (!mock_wait_fd(virtio_mmio_irq_fd(b->m), LONG_MS))
			return false;
		mock_blk_irqs(b);
		reg_write(b->m, VIRTIO_MMIO_INTERRUPT_ACK,
			  reg_read(b->m, VIRTIO_MMIO_INTERRUPT_STATUS));
	}
	return true;
}

TEST_F(threads, round_trips,
       .title = "D84 kick to interrupt, many times, with and without EVENT_IDX")
{
	struct mock_blk *b = &self->b;

	for (int pass = 0; pass < 2; pass++) {
		mock_blk_start(b, BLK_FEATURES | (pass ? EVENT_IDX : 0));
		for (uint64_t i = 0; i < 500; i++) {
			struct mock_req req = mock_read(&b->q, i, DATA, 512);

			mock_set_used_event(&b->q, b->q.used_idx);
			kick(b, 0);
			ASSERT_TRUE(wait_used(b, &b->q));
			ASSERT_TRUE(mock_blk_expect(b, &req, OK, 513));
			ASSERT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + 100, 1),
				  mock_byte(512 * i + 100));
		}
	}
	EXPECT_EQ(blk_worker_tid(b->blk, 1), 0);
	EXPECT_NE(blk_worker_tid(b->blk, 0), 0);
}

TEST_F(threads, no_lost_wakeup,
       .title = "D22 a driver that kicks only when asked never waits in vain")
{
	struct mock_blk *b = &self->b;
	unsigned int kicks = 0;

	mock_blk_start(b, BLK_FEATURES | EVENT_IDX);
	for (int i = 0; i < 3000; i++) {
		const uint16_t old = b->q.avail_idx;
		struct mock_req req = mock_flush(&b->q);

		/* Linux's vring_need_event(): has the avail index crossed the event? */
		if ((uint16_t)(b->q.avail_idx - mock_avail_event(&b->q) - 1) <
		    (uint16_t)(b->q.avail_idx - old)) {
			kick(b, 0);
			kicks++;
		}
		if (i % 3)
			continue;
		mock_set_used_event(&b->q, b->q.used_idx);
		while (b->q.used_idx != b->q.avail_idx) {
			uint32_t id, len;

			if (!mock_used(&b->q, &id, &len)) {
				mock_set_used_event(&b->q, b->q.used_idx);
				ASSERT_TRUE(wait_used(b, &b->q));
			}
		}
		ASSERT_EQ(mock_status(&b->q, &req), OK);
	}
	EXPECT_GT(kicks, 0);
}

TEST_F(threads, reset_in_flight, .title = "D95 resets from another thread while the worker works")
{
	struct mock_blk *b = &self->b;

	for (int i = 0; i < 300; i++) {
		mock_blk_start(b, BLK_FEATURES);
		for (int n = 0; n < 20; n++)
			mock_read(&b->q, (uint64_t)n, DATA, 512);
		kick(b, 0);
		if (i % 4 == 0)
			ASSERT_TRUE(wait_used(b, &b->q));
		reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
		ASSERT_EQ(mock_blk_status(b), 0);
		ASSERT_EQ(blk_worker_tid(b->blk, 0), 0);
	}
}

TEST_F(threads, hung_backing,
       .title = "D99 a worker that hangs in its backing: NEEDS_RESET in about 1 s")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;
	uint64_t before, took;

	mock_blk_start(b, BLK_FEATURES);
	mock_hold(&b->backing, true);
	mock_read(&b->q, 0, DATA, 512);
	kick(b, 0);
	mock_wait_held(&b->backing, 1);
	before = io_clock_monotonic_now(NULL);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	took = io_clock_monotonic_now(NULL) - before;
	EXPECT_GE(took, 1000 * MS);
	EXPECT_LT(took, 5000 * MS);
	EXPECT_EQ(mock_blk_status(b), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(b->m), LONG_MS));
	EXPECT_EQ(blk_destroy(b->blk), -ETIMEDOUT);
	/* It comes back: the next reset works, and so does the device. */
	mock_hold(&b->backing, false);
	mock_blk_start(b, BLK_FEATURES);
	EXPECT_EQ(mock_blk_status(b), RUNNING);
	mock_blk_irqs(b);
	req = mock_read(&b->q, 0, DATA, 512);
	kick(b, 0);
	ASSERT_TRUE(wait_used(b, &b->q));
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
}

TEST(hung_beside_a_stall,
     .title = "D43 D99 a worker that hangs doesn't keep another's head in the throttle's line")
{
	const struct mock_blk_opts opts = { .threads = true,
					    .queues = 2,
					    .limits = { .bytes = { 1, 0 } } };
	struct throttle_state state;
	struct mock_queue second;
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_negotiate(b.m, BLK_FEATURES | FEAT(VIRTIO_BLK_F_MQ));
	mock_queue_init(&b.q, &b.g, 0, 64);
	mock_setup_queue(b.m, &b.q);
	mock_queue_init(&second, &b.g, 1, 64);
	mock_setup_queue(b.m, &second);
	mock_driver_ok(b.m);
	mock_hold(&b.backing, true);
	mock_read(&b.q, 0, DATA, 512);
	kick(&b, 0);
	mock_wait_held(&b.backing, 1);
	mock_read(&second, 0, DATA, 512);
	kick(&b, 1);
	do {
		sched_yield();
		blk_limits(b.blk, &state);
	} while (!state.waiters);
	reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_TRUE(mock_blk_status(&b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	blk_limits(b.blk, &state);
	EXPECT_EQ(state.waiters, 0);
	EXPECT_EQ(b.counters.currently_throttled_gauge, 0);
	mock_hold(&b.backing, false);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(no_worker, .title = "D99 workers that can't be started: NEEDS_RESET, none left behind")
{
	cpu_set_t sets[2];
	struct mock_blk_opts opts = { .threads = true, .queues = 2, .affinity = sets };
	struct mock_blk b;

	ASSERT_EQ(sched_getaffinity(0, sizeof(sets[0]), &sets[0]), 0);
	CPU_ZERO(&sets[1]);
	CPU_SET(CPU_SETSIZE - 1, &sets[1]);
	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES);
	EXPECT_EQ(mock_blk_status(&b), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(mock_blk_isr(&b), VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(blk_worker_tid(b.blk, 0), 0);
	EXPECT_EQ(blk_worker_tid(b.blk, 1), 0);
	reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(mock_blk_status(&b), 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(names, .title = "a worker is named after disk and queue")
{
	struct mock_blk_opts opts = { .threads = true, .queues = 2 };
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES);
	for (unsigned int q = 0; q < 2; q++) {
		char path[64], name[32] = "", want[32];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", blk_worker_tid(b.blk, q));
		snprintf(want, sizeof(want), "blk3-q%u\n", q);
		f = fopen(path, "r");
		ASSERT_NOT_NULL(f);
		EXPECT_NOT_NULL(fgets(name, sizeof(name), f));
		fclose(f);
		EXPECT_STREQ(name, want);
	}
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_F(threads, pause_in_flight, .title = "D90 paused under load nothing moves in guest memory")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, BLK_FEATURES);
	for (int i = 0; i < 200; i++) {
		uint16_t used;

		for (int n = 0; n < 10; n++)
			mock_read(&b->q, (uint64_t)n, DATA, 512);
		kick(b, 0);
		ASSERT_EQ(blk_pause(b->blk, 10 * IO_NSEC_PER_SEC), 0);
		/* Plain accesses: the worker must not be there. */
		used = mock_used_idx(&b->q);
		memset(mock_ptr(&b->g, DATA, 512), i, 512);
		kick(b, 0);
		ASSERT_EQ(mock_used_idx(&b->q), used);
		ASSERT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + 511, 1), (uint8_t)i);
		blk_resume(b->blk);
		while (b->q.used_idx != b->q.avail_idx) {
			uint32_t id, len;

			ASSERT_TRUE(wait_used(b, &b->q));
			mock_used(&b->q, &id, &len);
		}
	}
}

TEST_F(threads, orders_between_requests,
       .title = "D89 an order is obeyed after the request at hand, not the whole ring")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, BLK_FEATURES);
	mock_hold(&b->backing, true);
	for (int n = 0; n < 20; n++)
		mock_read(&b->q, (uint64_t)n, DATA, 512);
	kick(b, 0);
	mock_wait_held(&b->backing, 1);
	/* The order stands, though nobody waits for it yet. */
	EXPECT_EQ(blk_pause(b->blk, 0), -ETIMEDOUT);
	mock_hold(&b->backing, false);
	ASSERT_EQ(blk_pause(b->blk, 10 * IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(b->backing.calls[MOCK_READ], 1);
	EXPECT_EQ(mock_used_idx(&b->q), 1);
	/* What was published is signalled; the rest comes without another kick. */
	EXPECT_EQ(mock_blk_irqs(b), 1);
	blk_resume(b->blk);
	while (mock_used_idx(&b->q) != 20) {
		ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(b->m), LONG_MS));
		mock_blk_irqs(b);
	}
}

static void *reset_main(void *arg)
{
	struct mock_blk *b = arg;

	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	return NULL;
}

TEST_F(threads, stop_between_ranges,
       .title = "D89 a stop is obeyed after the range at hand, not a request's sixteen")
{
	const struct mock_piece data = { DATA, 256, false };
	struct mock_blk *b = &self->b;
	pthread_t thread;

	mock_blk_start(b, BLK_FEATURES | FEAT(VIRTIO_BLK_F_WRITE_ZEROES));
	for (unsigned int i = 0; i < 16; i++) {
		const struct virtio_blk_discard_write_zeroes range = { .num_sectors = htole32(8) };

		memcpy(mock_ptr(&b->g, DATA + 16 * i, 16), &range, 16);
	}
	mock_hold(&b->backing, true);
	mock_blk(&b->q, VIRTIO_BLK_T_WRITE_ZEROES, 0, &data, 1);
	kick(b, 0);
	mock_wait_held(&b->backing, 1);
	ASSERT_EQ(pthread_create(&thread, NULL, reset_main, b), 0);
	while (!worker_must_stop(b->blk->queue[0].base.worker))
		sched_yield();
	mock_hold(&b->backing, false);
	pthread_join(thread, NULL);
	EXPECT_EQ(b->backing.calls[MOCK_ZERO], 1);
	EXPECT_EQ(mock_blk_status(b), 0);
	EXPECT_STREQ(mock_blk_changes(b), "");
}

TEST_F(threads, stall_by_the_clock,
       .title = "D85 a stalled head is served by the timer, never early")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;
	uint64_t before;

	ASSERT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 100, 0 } }), 0);
	mock_blk_start(b, BLK_FEATURES);
	before = io_clock_monotonic_now(NULL);
	for (int i = 0; i < 110; i++) {
		req = mock_flush(&b->q);
		kick(b, 0);
		ASSERT_TRUE(wait_used(b, &b->q));
		ASSERT_EQ(mock_blk_done(b, &req), 1);
	}
	/* 100 from the full bucket, 10 more at 100/s. */
	EXPECT_GE(io_clock_monotonic_now(NULL) - before, 100 * MS - 10 * MS);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
}

TEST_F(threads, stop_while_stalled, .title = "D89 a reset ends a stall of an hour at once")
{
	struct mock_blk *b = &self->b;
	uint64_t before;

	ASSERT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .bytes = { 1, 0 } }), 0);
	mock_blk_start(b, BLK_FEATURES);
	mock_read(&b->q, 0, DATA, 4096);
	mock_read(&b->q, 0, DATA, 512);
	kick(b, 0);
	ASSERT_TRUE(wait_used(b, &b->q));
	before = io_clock_monotonic_now(NULL);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_LT(io_clock_monotonic_now(NULL) - before, 900 * MS);
	EXPECT_EQ(mock_blk_status(b), 0);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
}

/* --- several queues, several vCPUs --- */

struct vcpu {
	struct mock_blk *b;
	struct mock_queue q;
	pthread_t thread;
	bool ok;
};

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	const uint64_t data = DATA + 65536ULL * v->q.index;

	v->ok = true;
	for (int i = 0; i < 400 && v->ok; i++) {
		const uint64_t sector = v->q.index * 100 + (uint64_t)i % 50;
		struct mock_req req;
		uint32_t id, len;

		memset(mock_ptr(v->q.g, data, 512), i, 512);
		req = mock_write(&v->q, sector, data, 512);
		kick(v->b, v->q.index);
		while (!mock_used(&v->q, &id, &len))
			sched_yield();
		v->ok = id == req.head && len == 1 && mock_status(&v->q, &req) == OK;
		req = mock_read(&v->q, sector, data + 4096, 512);
		kick(v->b, v->q.index);
		while (!mock_used(&v->q, &id, &len))
			sched_yield();
		v->ok = v->ok && id == req.head && len == 513 &&
			!memcmp(mock_ptr(v->q.g, data, 512), mock_ptr(v->q.g, data + 4096, 512),
				512);
		/* Registers are everybody's. */
		reg_read(v->b->m, VIRTIO_MMIO_STATUS);
		reg_write(v->b->m, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	}
	return NULL;
}

TEST(four_queues, .title = "D1 four queues, four workers, four vCPUs, one throttle")
{
	const struct mock_blk_opts opts = { .threads = true,
					    .queues = 4,
					    .limits = { .ops = { 20000, 0 } } };
	struct ss_blk_counters c;
	struct vcpu v[4];
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_negotiate(b.m, BLK_FEATURES | FEAT(VIRTIO_BLK_F_MQ));
	for (unsigned int i = 0; i < 4; i++) {
		v[i].b = &b;
		mock_queue_init(&v[i].q, &b.g, i, 64);
		mock_setup_queue(b.m, &v[i].q);
	}
	mock_driver_ok(b.m);
	for (unsigned int i = 0; i < 4; i++)
		ASSERT_EQ(pthread_create(&v[i].thread, NULL, vcpu_main, &v[i]), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(v[i].thread, NULL);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_TRUE(v[i].ok);
	blk_snapshot(b.blk, &c);
	EXPECT_EQ(c.writes_completed, 1600);
	EXPECT_EQ(c.reads_completed, 1600);
	EXPECT_EQ(c.bytes_read, 1600 * 512);
	EXPECT_EQ(c.io_errors, 0);
	EXPECT_EQ(c.currently_throttled_gauge, 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

/* A guest that breaks its ring while the driver's status writes go on. */
static void *status_hammer(void *arg)
{
	struct mock_blk *b = arg;

	for (int i = 0; i < 2000; i++)
		reg_write(b->m, VIRTIO_MMIO_STATUS, RUNNING);
	return NULL;
}

TEST_F(threads, poison_against_status,
       .title = "D16 the worker's NEEDS_RESET survives a driver that writes status")
{
	struct mock_blk *b = &self->b;
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		mock_blk_start(b, BLK_FEATURES);
		ASSERT_EQ(pthread_create(&thread, NULL, status_hammer, b), 0);
		mock_set_avail_idx(&b->q, 999);
		kick(b, 0);
		ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(b->m), LONG_MS));
		pthread_join(thread, NULL);
		ASSERT_EQ(mock_blk_status(b), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	}
}

TEST_HARNESS_MAIN
