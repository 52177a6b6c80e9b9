// SPDX-License-Identifier: GPL-2.0-only
/* A disk in front of a backing that works on many requests at once. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "faults.h"
#include "mock_blk.h"
#include "virtio/blk_priv.h"

#define OK	VIRTIO_BLK_S_OK
#define IOERR	VIRTIO_BLK_S_IOERR
#define DATA	MOCK_BLK_DATA
#define LONG_NS 20000000000ULL

FIXTURE(aio)
{
	struct mock_blk b;
};

FIXTURE_SETUP(aio)
{
	const struct mock_blk_opts opts = { 0 };

	mock_backing_async = true;
	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, BLK_FEATURES);
}

FIXTURE_TEARDOWN(aio)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

/* The worker's turn after the backing let go. */
static void let_go(struct mock_blk *b)
{
	mock_hold(&b->backing, false);
	blk_step(b->blk, 0);
}

TEST_F(aio, depth, .title = "D54 all that is granted is in flight at once, one interrupt for all")
{
	struct mock_blk *b = &self->b;
	struct mock_req req[20];

	mock_hold(&b->backing, true);
	for (unsigned int i = 0; i < 20; i++)
		req[i] = mock_read(&b->q, i, DATA + 512 * i, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->backing.waiting, 20);
	EXPECT_TRUE(mock_blk_nothing(b, &req[0]));
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_STREQ(mock_blk_changes(b), "");
	let_go(b);
	for (unsigned int i = 0; i < 20; i++)
		EXPECT_TRUE(mock_blk_expect(b, &req[i], OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+20 bytes_read+10240");
	for (unsigned int i = 0; i < 20; i++)
		EXPECT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + 512 * i + 7, 1),
			  mock_byte(512 * i + 7));
}

TEST_F(aio, out_of_order, .title = "D50 used elements come in the order of completion")
{
	struct mock_blk *b = &self->b;
	struct mock_req first, second, third;

	b->backing.lifo = true;
	mock_hold(&b->backing, true);
	first = mock_read(&b->q, 0, DATA, 512);
	second = mock_write(&b->q, 8, DATA + 4096, 1024);
	third = mock_flush(&b->q);
	mock_blk_kick(b);
	let_go(b);
	EXPECT_TRUE(mock_blk_expect(b, &third, OK, 1));
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 1));
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 writes_completed+1 flushes_completed+1 "
		     "bytes_read+512 bytes_written+1024");
}

TEST_F(aio, later_requests,
       .title = "D84 what comes while others are in flight goes into flight too")
{
	struct mock_blk *b = &self->b;
	struct mock_req first, second;

	mock_hold(&b->backing, true);
	first = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	second = mock_read(&b->q, 1, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->backing.waiting, 2);
	let_go(b);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
}

TEST_F(aio, faults, .title = "D67 EIO, ENOSPC and no progress: IOERR, the others go on")
{
	struct mock_blk *b = &self->b;
	struct mock_req eio, good, full, none;

	mock_script(&b->backing, MOCK_READ, -EIO, 1);
	mock_script(&b->backing, MOCK_WRITE, -ENOSPC, 1);
	mock_script(&b->backing, MOCK_WRITE, 0, 1);
	eio = mock_read(&b->q, 0, DATA, 512);
	good = mock_read(&b->q, 1, DATA, 512);
	full = mock_write(&b->q, 2, DATA, 512);
	none = mock_write(&b->q, 3, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &eio, IOERR, 1));
	EXPECT_TRUE(mock_blk_expect(b, &good, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &full, IOERR, 1));
	EXPECT_TRUE(mock_blk_expect(b, &none, IOERR, 1));
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 bytes_read+512 io_errors+3");
}

TEST_F(aio, short_and_interrupted,
       .title = "D66 D67 D68 short and interrupted ones go on where they were")
{
	struct mock_blk *b = &self->b;
	struct mock_req rd, wr;

	memset(mock_ptr(&b->g, DATA + 8192, 4096), 0x5a, 4096);
	mock_script(&b->backing, MOCK_READ, 1000, 1);
	mock_script(&b->backing, MOCK_READ, -EINTR, 16);
	mock_script(&b->backing, MOCK_WRITE, 1, 1);
	mock_script(&b->backing, MOCK_WRITE, 511, 1);
	rd = mock_read(&b->q, 4, DATA, 4096);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &rd, OK, 4097));
	EXPECT_EQ(b->backing.calls[MOCK_READ], 18);
	EXPECT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + 4095, 1), mock_byte(4 * 512 + 4095));
	wr = mock_write(&b->q, 100, DATA + 8192, 4096);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &wr, OK, 1));
	EXPECT_EQ(b->backing.calls[MOCK_WRITE], 3);
	EXPECT_EQ(b->backing.data[51200 + 4095], 0x5a);
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 writes_completed+1 bytes_read+4096 "
					  "bytes_written+4096");
	mock_script(&b->backing, MOCK_READ, -EINTR, 17);
	rd = mock_read(&b->q, 4, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &rd, IOERR, 1));
}

TEST_F(aio, truncated, .title = "D66 a file truncated under the guest reads as zeroes")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	b->backing.file_size = 1000;
	memset(mock_ptr(&b->g, DATA, 2048), 0xff, 2048);
	req = mock_read(&b->q, 0, DATA, 2048);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 2049));
	EXPECT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + 999, 1), mock_byte(999));
	for (unsigned int i = 1000; i < 2048; i++)
		ASSERT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + i, 1), 0);
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 bytes_read+1000");
}

TEST_F(aio, write_through, .title = "D69 without FLUSH a write completes when it is stable")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_blk_start(b, BLK_FEATURES & ~FEAT(VIRTIO_BLK_F_FLUSH));
	req = mock_write(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 1);
	mock_script(&b->backing, MOCK_FLUSH, -EIO, 1);
	req = mock_write(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, IOERR, 1));
	EXPECT_STREQ(mock_blk_changes(b), "writes_completed+1 bytes_written+512 io_errors+1");
}

TEST_F(aio, reset_cancels,
       .title = "D95 a reset cancels what is in flight, and answers for none of it")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_hold(&b->backing, true);
	for (unsigned int i = 0; i < 10; i++)
		req = mock_read(&b->q, i, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->backing.waiting, 10);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(mock_blk_status(b), 0);
	EXPECT_EQ(b->backing.cancels, 10);
	EXPECT_EQ(b->backing.waiting, 0);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_STREQ(mock_blk_changes(b), "");
	mock_hold(&b->backing, false);
	/* And afresh. */
	mock_blk_start(b, BLK_FEATURES);
	req = mock_read(&b->q, 3, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
}

TEST_F(aio, reset_waits,
       .title = "D99 what can't be cancelled keeps the device in NEEDS_RESET, for the next try")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_hold(&b->backing, true);
	b->backing.no_cancel = true;
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_TRUE(mock_blk_status(b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	mock_hold(&b->backing, false);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(mock_blk_status(b), 0);
	/* It did complete. */
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
}

TEST_F(aio, reset_waits_beside_a_stall,
       .title = "D43 D99 a reset that fails leaves no stalled head in the throttle's line")
{
	struct mock_blk *b = &self->b;
	const struct throttle_limits limits = { .ops.rate = 1 };
	struct throttle_state state;

	ASSERT_EQ(blk_set_limits(b->blk, &limits), 0);
	mock_hold(&b->backing, true);
	b->backing.no_cancel = true;
	mock_read(&b->q, 0, DATA, 512);
	mock_read(&b->q, 1, DATA, 512);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_TRUE(mock_blk_status(b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_STREQ(mock_blk_changes(b), "currently_throttled_gauge-1");
	blk_limits(b->blk, &state);
	EXPECT_EQ(state.waiters, 0);
	mock_hold(&b->backing, false);
}

TEST_F(aio, pause_waits,
       .title = "D90 a pause is acknowledged when nothing in flight touches guest memory")
{
	struct mock_blk *b = &self->b;
	struct mock_req req, later;

	mock_hold(&b->backing, true);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(blk_pause(b->blk, 0), -ETIMEDOUT);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	mock_hold(&b->backing, false);
	EXPECT_EQ(blk_pause(b->blk, LONG_NS), 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	later = mock_read(&b->q, 1, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &later));
	blk_resume(b->blk);
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &later, OK, 513));
}

TEST_F(aio, pause_over,
       .title = "D90 a pause that is over too soon doesn't say that nothing is in flight")
{
	struct mock_blk *b = &self->b;
	struct blk_queue *q = &b->blk->queue[0];

	mock_hold(&b->backing, true);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	/* Nobody wants a pause any more. */
	EXPECT_EQ(vdev_worker_ops.quiesce(&q->base, UINT64_MAX), -EINTR);
	mock_hold(&b->backing, false);
}

TEST_F(aio, full,
       .title = "a guest that reuses heads can't have more in flight than the queue is long")
{
	struct mock_blk *b = &self->b;
	const struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	mock_hold(&b->backing, true);
	for (unsigned int i = 1; i < 256; i++)
		mock_avail(&b->q, req.head);
	mock_blk_kick(b);
	for (unsigned int i = 0; i < 100; i++)
		mock_avail(&b->q, req.head);
	for (unsigned int i = 0; i < 10; i++)
		mock_blk_kick(b);
	EXPECT_EQ(b->backing.waiting, 256);
	EXPECT_EQ(blk_step(b->blk, 0), 0);
	let_go(b);
	for (unsigned int i = 0; i < 10; i++)
		blk_step(b->blk, 0);
	EXPECT_EQ(mock_used_idx(&b->q), 356);
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+356 bytes_read+182272");
}

/* A backing that is done with everything as soon as the last 8 requests are there. */
static struct mock_backing *sudden;
static const struct backing_queue_ops *sudden_ops;

static int sudden_commit(struct backing_queue *bq)
{
	if (sudden->queue[0]->nr_submitted == 8)
		mock_hold(sudden, false);
	return sudden_ops->commit(bq);
}

TEST_F(aio, full_and_done,
       .title = "a full queue whose requests are done in the same drain goes on with the ring")
{
	struct mock_blk *b = &self->b;
	struct backing_queue *bq = &b->backing.queue[0]->bq;
	const struct mock_req req = mock_read(&b->q, 0, DATA, 512);
	struct backing_queue_ops ops = *bq->ops;

	sudden = &b->backing;
	sudden_ops = bq->ops;
	ops.commit = sudden_commit;
	mock_hold(&b->backing, true);
	for (unsigned int i = 1; i < 200; i++)
		mock_avail(&b->q, req.head);
	mock_blk_kick(b);
	EXPECT_EQ(b->backing.waiting, 200);
	bq->ops = &ops;
	for (unsigned int i = 0; i < 100; i++)
		mock_avail(&b->q, req.head);
	/* 48 in three batches, then 8, and the queue is full. */
	mock_blk_kick(b);
	bq->ops = sudden_ops;
	EXPECT_EQ(mock_used_idx(&b->q), 300);
}

TEST_F(aio, full_and_paused,
       .title =
	       "D90 D91 a pause that reaps all that was in flight leaves nothing lying in the ring")
{
	struct mock_blk *b = &self->b;
	const struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	mock_hold(&b->backing, true);
	for (unsigned int i = 1; i < 256; i++)
		mock_avail(&b->q, req.head);
	mock_blk_kick(b);
	mock_avail(&b->q, req.head);
	mock_blk_kick(b);
	EXPECT_EQ(b->backing.waiting, 256);
	mock_hold(&b->backing, false);
	ASSERT_EQ(blk_pause(b->blk, LONG_NS), 0);
	EXPECT_EQ(mock_used_idx(&b->q), 256);
	/* Notifications are off since the backing was full: no kick. */
	mock_avail(&b->q, req.head);
	blk_resume(b->blk);
	for (unsigned int i = 0; i < 3; i++)
		blk_step(b->blk, 0);
	EXPECT_EQ(mock_used_idx(&b->q), 258);
}

TEST_F(aio, poisoned,
       .title = "D21 D49 what is in flight when the ring breaks is lost, and counted")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_hold(&b->backing, true);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	mock_set_avail_idx(&b->q, (uint16_t)(b->q.avail_idx + 1000));
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_status(b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_STREQ(mock_blk_changes(b), "invalid_avail_idx_count+1");
	mock_blk_irqs(b);
	let_go(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 bytes_read+512 io_errors+1 chains_dropped+1");
}

TEST_F(aio, stalled_head,
       .title = "D39 D88 completions come while the head is stalled, and don't try it again")
{
	struct mock_blk *b = &self->b;
	struct mock_req first, second;
	const struct throttle_limits limits = { .ops.rate = 1 };

	ASSERT_EQ(blk_set_limits(b->blk, &limits), 0);
	mock_hold(&b->backing, true);
	first = mock_read(&b->q, 0, DATA, 512);
	second = mock_read(&b->q, 1, DATA, 512);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	let_go(b);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_TRUE(mock_blk_nothing(b, &second));
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 bytes_read+512");
	b->clock.now += 1000000000;
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 bytes_read+512 currently_throttled_gauge-1");
}

TEST_F(aio, commit_fails,
       .title = "what the backing can't begin now it is asked for again, nothing is lost")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	b->backing.commit_error = -EAGAIN;
	b->backing.commit_errors = 1;
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(blk_step(b->blk, 0), 0);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	/* Not at once: what is short now will be short then. */
	b->clock.now += 1000000;
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
}

TEST_F(aio, commit_fails_beside_a_stall,
       .title = "D41 D88 what the backing can't begin now doesn't try the stalled head again")
{
	struct mock_blk *b = &self->b;
	struct mock_req first, second;
	const struct throttle_limits limits = { .ops.rate = 1 };

	ASSERT_EQ(blk_set_limits(b->blk, &limits), 0);
	b->backing.commit_error = -ENOMEM;
	b->backing.commit_errors = 10;
	first = mock_read(&b->q, 0, DATA, 512);
	second = mock_read(&b->q, 1, DATA, 512);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	for (unsigned int i = 0; i < 20; i++) {
		b->clock.now += 1000000;
		blk_step(b->blk, 0);
	}
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_TRUE(mock_blk_nothing(b, &second));
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 bytes_read+512");
	b->clock.now += 1000000000;
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
}

TEST_F(aio, commit_fails_then_poisoned,
       .title = "D49 what the backing couldn't begin before the ring broke is begun, and counted")
{
	struct mock_blk *b = &self->b;

	b->backing.commit_error = -EAGAIN;
	b->backing.commit_errors = 10;
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	mock_set_avail_idx(&b->q, (uint16_t)(b->q.avail_idx + 1000));
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "invalid_avail_idx_count+1");
	for (unsigned int i = 0; i < 20; i++) {
		b->clock.now += 1000000;
		blk_step(b->blk, 0);
	}
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 bytes_read+512 io_errors+1 chains_dropped+1");
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
}

TEST_F(aio, many_pieces,
       .title = "D64 more pieces than one in flight has room for are moved all the same")
{
	struct mock_piece piece[128];
	struct mock_blk *b = &self->b;
	struct mock_req req;

	/* Each over the border of two regions: 256 iovecs. */
	for (unsigned int i = 0; i < 128; i++)
		piece[i] = (struct mock_piece){ GUEST_HIGH - 256, 512, true };
	req = mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, piece, 128);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 65537));
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 bytes_read+65536");
}

/* A queue that says of each request that it moved a byte more than it did. */
static const struct backing_queue_ops *honest;

static unsigned int reap_more(struct backing_queue *bq, struct backing_io **done, unsigned int max)
{
	const unsigned int nr = honest->reap(bq, done, max);

	for (unsigned int i = 0; i < nr; i++)
		done[i]->result++;
	return nr;
}

TEST_F(aio, more_than_asked,
       .title = "D67 a backing that claims more than was asked for isn't believed")
{
	struct mock_blk *b = &self->b;
	struct backing_queue *bq = &b->backing.queue[0]->bq;
	struct backing_queue_ops ops = *bq->ops;
	struct mock_req req;

	honest = bq->ops;
	ops.reap = reap_more;
	bq->ops = &ops;
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, IOERR, 1));
	EXPECT_STREQ(mock_blk_changes(b), "io_errors+1");
	bq->ops = honest;
}

TEST(no_queue_of_the_backing,
     .title = "a backing that has no queue to give: one request after the other")
{
	const struct mock_blk_opts opts = { 0 };
	struct mock_req req;
	struct mock_blk b;

	mock_backing_async = true;
	/* The transport's two come first, then the queue's. */
	fault_set(FAULT_FD, 2, 1, EMFILE);
	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	EXPECT_EQ(fault_end(FAULT_FD), 1);
	EXPECT_EQ(b.backing.nr_queues, 0);
	mock_blk_start(&b, BLK_FEATURES);
	req = mock_read(&b.q, 0, DATA, 512);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
