// SPDX-License-Identifier: GPL-2.0-only
/* A throttled disk, as its driver sees it. */
#include "disk.h"
#include "ss_harness.h"

/* The host grants so many blocks at first, and then as good as none. */
#define GRANTED 8
#define WANTED	12
#define STORM	200

static struct disk_queue disk[BARE_QUEUES];

static void add_reads(struct disk_queue *d, unsigned int n)
{
	for (unsigned int slot = 0; slot < n; slot++) {
		disk_fill(d, slot, slot, 0xbad);
		disk_add(d, slot, VIRTIO_BLK_T_IN, (uint64_t)slot * BARE_SECTORS, BARE_BLOCK);
	}
	vioq_kick(&d->vq);
}

/* The device says so itself; a guest sees nothing. */
static void await_stalled(uint64_t queues)
{
	while (disk_counters()->currently_throttled_gauge != queues)
		cpu_relax();
}

static void exhaust(struct disk_queue *d)
{
	add_reads(d, WANTED);
	disk_finish(d, GRANTED);
	await_stalled(1);
}

/* D39: the same as if the requests were not there. */
static void expect_invisible(struct disk_queue *d)
{
	uint32_t irqs;

	user_call(BARE_CALL_SETTLE);
	vio_set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	irqs = user_irqs(0);
	for (unsigned int i = 0; i < STORM; i++) {
		vioq_notify(&d->vq);
		/* The worker has heard it, at the latest when the next one comes. */
		user_call(BARE_CALL_SETTLE);
	}
	EXPECT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	EXPECT_EQ(user_irqs(0), irqs);
	EXPECT_EQ(disk_take(d, NULL), -1);
	for (unsigned int slot = GRANTED; slot < WANTED; slot++) {
		EXPECT_EQ(d->slot[slot].status, DISK_PENDING);
		disk_verify(d, slot, slot, 0xbad);
	}
}

TEST(stalled)
{
	struct disk_queue *d = &disk[0];
	const struct ss_blk_counters *c;

	disk_start(d, 0);
	exhaust(d);
	/* D46: the first ones, and those only. */
	EXPECT_EQ(d->busy, ((1ULL << WANTED) - 1) & ~((1ULL << GRANTED) - 1));
	expect_invisible(d);
	c = disk_counters();
	EXPECT_EQ(c->reads_completed, GRANTED);
	EXPECT_EQ(c->currently_throttled_gauge, 1);
	EXPECT_EQ(c->io_errors, 0);
	/* D88: kicks don't ask; the timer does, once a second. */
	EXPECT_GE(c->throttled_count, 1);
	EXPECT_LT(c->throttled_count, STORM / 4);
	user_call(BARE_CALL_TEST);
	disk_finish(d, DISK_ALL);
	EXPECT_EQ(disk_counters()->reads_completed, WANTED);
	EXPECT_EQ(disk_counters()->currently_throttled_gauge, 0);
}

/* D97, D43: a reset ends the stall, but buys nothing. */
TEST(stalled_reset)
{
	struct disk_queue *d = &disk[0];
	uint64_t stalls;

	disk_start(d, 0);
	exhaust(d);
	stalls = disk_counters()->throttled_count;
	for (uint32_t i = 0; i < shared->rounds; i++) {
		vio_reset();
		EXPECT_EQ(disk_counters()->currently_throttled_gauge, 0);
		disk_start(d, 0);
		/* D77: what moves no bytes needs none. */
		EXPECT_EQ(disk_one(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
		add_reads(d, 1);
		await_stalled(1);
		EXPECT_GT(disk_counters()->throttled_count, stalls);
		stalls = disk_counters()->throttled_count;
	}
	EXPECT_EQ(disk_counters()->reads_completed, GRANTED);
	user_call(BARE_CALL_TEST);
	disk_finish(d, DISK_ALL);
}

/* The disk's queues have one throttle: both stall, both go on. */
TEST(stalled_queues)
{
	disk_start(disk, 0);
	exhaust(&disk[0]);
	add_reads(&disk[1], 1);
	await_stalled(2);
	EXPECT_EQ(disk_one(&disk[2], VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	EXPECT_EQ(disk_counters()->currently_throttled_gauge, 2);
	user_call(BARE_CALL_TEST);
	disk_finish(&disk[0], DISK_ALL);
	disk_finish(&disk[1], DISK_ALL);
	EXPECT_EQ(disk_counters()->currently_throttled_gauge, 0);
	EXPECT_EQ(disk_counters()->reads_completed, WANTED + 1);
}

/* Requests in order, each granted by its token; the host looks at every one's time. */
TEST(paced)
{
	struct disk_queue *d = &disk[0];
	uint32_t added = 0, done = 0;
	int slot;

	disk_start(d, 0);
	user_call(BARE_CALL_TEST);
	while (done < shared->rounds) {
		while (added < shared->rounds && added - done < shared->depth)
			disk_add(d, added++ % shared->depth, VIRTIO_BLK_T_IN, 0, 512);
		vioq_kick(&d->vq);
		vioq_wait(&d->vq);
		while ((slot = disk_take(d, NULL)) >= 0) {
			ASSERT_EQ(slot, done % shared->depth);
			done++;
			user_call(BARE_CALL_TEST + 1);
		}
	}
	EXPECT_GE(disk_counters()->throttled_count, 1);
}
