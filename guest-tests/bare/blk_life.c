// SPDX-License-Identifier: GPL-2.0-only
/* Reset and pause while requests are in flight. */
#include "disk.h"
#include "ss_harness.h"

#define MOVED 0x20000 /* where the rings go after every other reset */
#define STALE 0xa5
#define WORDS (BARE_BLOCK / 8)

static struct disk_queue disk[BARE_QUEUES], before;
static uint32_t stop;

static void ring_until_stop(void)
{
	while (!READ_ONCE(stop))
		for (unsigned int q = 0; q < shared->queues; q++)
			vio_set(VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Half of them write the new generation, half read: all under way at once. */
static void launch(struct disk_queue *d, uint32_t gen)
{
	for (unsigned int slot = 0; slot < shared->depth; slot++) {
		const bool write = slot % 2;

		disk_fill(d, slot, slot, gen);
		disk_add(d, slot, write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
			 (uint64_t)slot * BARE_SECTORS, BARE_BLOCK);
	}
	vioq_kick(&d->vq);
}

static bool all_are(const volatile void *at, uint8_t value, unsigned int n)
{
	const volatile uint8_t *byte = at;

	for (unsigned int i = 0; i < n; i++)
		if (byte[i] != value)
			return false;
	return true;
}

/* What the device could still write to, had it not let go of it. */
static void mark(struct disk_queue *d)
{
	memset(d->vq.vr.used, STALE, 4096);
	memset(d->slot, STALE, shared->depth * sizeof(*d->slot));
	memset(disk_data(d, 0), STALE, (size_t)shared->depth * BARE_BLOCK);
}

static void expect_marks(const struct disk_queue *d)
{
	EXPECT_TRUE(all_are(d->vq.vr.used, STALE, 4096));
	EXPECT_TRUE(all_are(d->slot, STALE, shared->depth * sizeof(*d->slot)));
	EXPECT_TRUE(all_are(disk_data(d, 0), STALE, shared->depth * BARE_BLOCK));
}

/* A block whose write was cut off holds the old or the new, word by word. */
static void expect_either(struct disk_queue *d, uint64_t block, uint32_t gen)
{
	const unsigned int slot = DISK_SLOTS - 1;
	const uint64_t *word = disk_data(d, slot);

	ASSERT_EQ(disk_one(d, VIRTIO_BLK_T_IN, block * BARE_SECTORS, BARE_BLOCK), VIRTIO_BLK_S_OK);
	for (uint32_t i = 0; i < WORDS; i++)
		if (word[i] != bare_guest_pattern(block, gen, i))
			ASSERT_EQ(word[i], bare_guest_pattern(block, gen - 1, i));
}

/* After a reset: the new ring works, and nothing of the old one comes. */
static void expect_fresh_start(struct disk_queue *d, uint32_t gen)
{
	const struct ss_blk_counters at_reset = *disk_counters();
	const struct ss_blk_counters *now;

	disk_restart(d, 0, gen % 2 * MOVED);
	for (unsigned int slot = 0; slot < shared->depth; slot++)
		expect_either(d, slot, gen);
	EXPECT_EQ(disk_take(d, NULL), -1);
	EXPECT_EQ(READ_ONCE(d->vq.vr.used->idx), shared->depth);
	now = disk_counters();
	/* D101: what was counted stays, and what came since is what was done since. */
	EXPECT_EQ(now->reads_completed, at_reset.reads_completed + shared->depth);
	EXPECT_EQ(now->bytes_read, at_reset.bytes_read + shared->depth * BARE_BLOCK);
	EXPECT_EQ(now->writes_completed, at_reset.writes_completed);
	EXPECT_EQ(now->io_errors, 0);
}

/* With a second CPU the bells ring all the while. */
TEST(reset_in_flight)
{
	struct disk_queue *d = &disk[0];

	if (shared->answer[0] == 2)
		user_start_cpu(ring_until_stop);
	disk_start(d, 0);
	disk_write_blocks(d, 0, shared->depth, 0);
	for (uint32_t gen = 1; gen <= shared->rounds; gen++) {
		launch(d, gen);
		/* Now before the worker has seen them, now in the middle, now late. */
		for (uint32_t i = 0; i < gen * 7919 % 60000; i++)
			cpu_relax();
		vio_reset();
		before = *d;
		mark(&before);
		expect_fresh_start(d, gen);
		expect_marks(&before);
		disk_write_blocks(d, 0, shared->depth, gen);
		WRITE_ONCE(shared->progress, gen);
	}
	WRITE_ONCE(stop, 1);
	if (shared->answer[0] == 2)
		user_join_cpu();
}

/* D98: resets one after the other, with requests that nobody waits for. */
TEST(resets)
{
	for (uint32_t i = 0; i < shared->rounds; i++) {
		disk_start(disk, 0);
		for (unsigned int q = 0; q < shared->queues; q++) {
			disk_add(&disk[q], 0, VIRTIO_BLK_T_IN, 0, BARE_BLOCK);
			vioq_kick(&disk[q].vq);
		}
		vio_reset();
		vio_reset();
		EXPECT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	}
	disk_start(disk, 0);
	for (unsigned int q = 0; q < shared->queues; q++)
		EXPECT_EQ(disk_one(&disk[q], VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
}

/* --- pause --- */

static void again(struct disk_queue *d, unsigned int slot)
{
	/* A share of the disk for each queue, half of it written, half read. */
	const uint64_t block = (uint64_t)d->vq.index * DISK_SLOTS + slot;
	const bool write = slot % 2;

	if (write)
		disk_fill(d, slot, block, 1);
	else
		memset(disk_data(d, slot), 0x33, 512);
	disk_add(d, slot, write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, block * BARE_SECTORS,
		 BARE_BLOCK);
}

/* Takes what is done, and gives it back to the device at once. Return: how many */
static uint32_t turn(struct disk_queue *d)
{
	uint32_t n = 0;
	int slot;

	while ((slot = disk_take(d, NULL)) >= 0) {
		EXPECT_EQ(d->slot[slot].status, VIRTIO_BLK_S_OK);
		/* What is only read is as it was made: generation 0. */
		if (!(slot % 2))
			disk_verify(d, (unsigned int)slot,
				    (uint64_t)d->vq.index * DISK_SLOTS + (unsigned int)slot, 0);
		again(d, (unsigned int)slot);
		n++;
	}
	if (n)
		vioq_publish(&d->vq);
	vioq_notify(&d->vq);
	return n;
}

/*
 * Until the host says "go": always shared->depth requests a queue, and a kick in
 * every round. While the device stands still, no memory that it knows of is
 * written here.
 */
TEST(hammer)
{
	uint64_t done = 0;

	disk_start(disk, 0);
	for (unsigned int q = 0; q < shared->queues; q++)
		disk_write_blocks(&disk[q], (uint64_t)q * DISK_SLOTS, DISK_SLOTS, 0);
	for (unsigned int q = 0; q < shared->queues; q++) {
		for (unsigned int slot = 0; slot < shared->depth; slot++)
			again(&disk[q], slot);
		vioq_publish(&disk[q].vq);
	}
	while (!READ_ONCE(shared->go)) {
		for (unsigned int q = 0; q < shared->queues; q++)
			done += turn(&disk[q]);
		WRITE_ONCE(shared->kicks, shared->kicks + 1);
	}
	for (unsigned int q = 0; q < shared->queues; q++)
		disk_finish(&disk[q], DISK_ALL);
	done += (uint64_t)shared->queues * shared->depth;
	EXPECT_EQ(disk_counters()->reads_completed + disk_counters()->writes_completed,
		  done + (uint64_t)shared->queues * DISK_SLOTS);
}

/* The end of the guest, with all that it asked for under way. */
TEST(off_in_flight)
{
	disk_start(disk, 0);
	for (unsigned int q = 0; q < shared->queues; q++) {
		for (unsigned int slot = 0; slot < shared->depth; slot++)
			again(&disk[q], slot);
		vioq_kick(&disk[q].vq);
	}
}
