// SPDX-License-Identifier: GPL-2.0-only
/* Devices for which there is no memory, descriptor or thread; and a guest that never stops asking. */
#include "ss_harness.h"

#include <errno.h>

#include "faults.h"
#include "mock_blk.h"
#include "virtio/net.h"

#define OK   VIRTIO_BLK_S_OK
#define DATA MOCK_BLK_DATA

struct maker {
	struct mock_backing backing;
	unsigned int queues;
};

static int blk_make(void *arg)
{
	struct maker *m = arg;
	const struct blk_config config = { .backing = &m->backing.b, .queues = m->queues };
	struct blk *blk;
	int ret = blk_create(&config, &blk);

	return ret ? ret : blk_destroy(blk);
}

static int net_make(void *arg)
{
	const struct net_config config = { .index = 1 };
	struct net *net;
	int ret = net_create(&config, &net);

	(void)arg;
	return ret ? ret : net_destroy(net);
}

TEST(disk, .title = "no memory or descriptor for a disk of two queues: said, nothing left")
{
	struct maker m = { .queues = 2 };

	mock_backing_init(&m.backing, MOCK_DISK_SIZE);
	EXPECT_GE(fault_each(FAULT_MEMORY, ENOMEM, blk_make, &m), 3);
	/* irqfd, two kicks, and three of each worker. */
	EXPECT_EQ(fault_each(FAULT_FD, EMFILE, blk_make, &m), 9);
	EXPECT_GE(fault_each(FAULT_EPOLL_ADD, ENOSPC, blk_make, &m), 6);
	mock_backing_free(&m.backing);
}

/* A request of the disk's that finds no queue of the backing's is no failure. */
static int blk_make_anyhow(void *arg)
{
	struct maker *m = arg;
	int ret = blk_make(m);

	return ret && ret != -ENOMEM ? ret : 0;
}

TEST(disk_in_flight, .title = "no memory for requests in flight: said, or done without")
{
	struct maker m = { .queues = 2 };

	mock_backing_async = true;
	mock_backing_init(&m.backing, MOCK_DISK_SIZE);
	for (unsigned int step = 0;; step++) {
		int ret;

		fault_set(FAULT_MEMORY, step, 1, ENOMEM);
		ret = blk_make_anyhow(&m);
		EXPECT_EQ(ret, 0);
		EXPECT_EQ(m.backing.nr_queues, 0);
		if (!fault_end(FAULT_MEMORY))
			break;
		ASSERT_LT(step, 100);
	}
	mock_backing_free(&m.backing);
}

TEST(net, .title = "no memory or descriptor for a network device: said, nothing left")
{
	EXPECT_GE(fault_each(FAULT_MEMORY, ENOMEM, net_make, NULL), 2);
	EXPECT_EQ(fault_each(FAULT_FD, EMFILE, net_make, NULL), 6);
	EXPECT_GE(fault_each(FAULT_EPOLL_ADD, ENOSPC, net_make, NULL), 2);
}

TEST(no_second_thread,
     .title = "D99 a second worker that can't be started: NEEDS_RESET, the first one ends")
{
	const struct mock_blk_opts opts = { .threads = true, .queues = 2 };
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	fault_set(FAULT_THREAD, 1, 1, EAGAIN);
	mock_blk_start(&b, BLK_FEATURES);
	EXPECT_EQ(fault_end(FAULT_THREAD), 1);
	EXPECT_TRUE(mock_blk_status(&b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(blk_worker_tid(b.blk, 0), 0);
	/* With threads again, a reset brings it back. */
	reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	mock_blk_start(&b, BLK_FEATURES);
	EXPECT_FALSE(mock_blk_status(&b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_NE(blk_worker_tid(b.blk, 0), 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

/* --- a guest that makes a request for each that is served --- */

#define RING 8

static struct mock_blk *busy;
static unsigned int served;
static ssize_t (*readv_once)(struct backing *b, const struct iovec *iov, unsigned int nr,
			     uint64_t off);

static ssize_t read_and_ask(struct backing *b, const struct iovec *iov, unsigned int nr,
			    uint64_t off)
{
	/* Ends some time, should the drain not. */
	if (++served < 10 * RING)
		mock_read(&busy->q, 0, DATA, 512);
	return readv_once(b, iov, nr, off);
}

TEST(endless, .title = "D22 a drain ends after a ring of requests, however many come meanwhile")
{
	const struct mock_blk_opts opts = { 0 };
	struct mock_blk b;

	busy = &b;
	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start_size(&b, BLK_FEATURES, RING);
	readv_once = b.backing.ops.readv;
	b.backing.ops.readv = read_and_ask;
	mock_read(&b.q, 0, DATA, 512);
	blk_drain_queue(b.blk, 0);
	EXPECT_EQ(served, RING);
	/* The rest is due at once. */
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
