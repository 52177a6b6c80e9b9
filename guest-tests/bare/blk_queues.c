// SPDX-License-Identifier: GPL-2.0-only
/* Several queues, several CPUs, and doorbells that ring for nothing. */
#include "disk.h"
#include "ss_harness.h"

#define NOTIFY (BARE_VIRTIO + VIRTIO_MMIO_QUEUE_NOTIFY)

static struct disk_queue disk[BARE_QUEUES];
static uint32_t stop;

/* Each queue has a share of the disk to itself. */
static void work(struct disk_queue *d, uint32_t blocks)
{
	const uint64_t first = (uint64_t)d->vq.index * blocks;

	for (uint32_t gen = 1; gen <= shared->rounds; gen++) {
		disk_write_blocks(d, first, blocks, gen);
		disk_read_blocks(d, first, blocks, gen);
	}
}

static void work_on_second(void)
{
	work(&disk[1], 128);
}

/* Both CPUs get all interrupts: one line serves all queues. */
TEST(two_cpus)
{
	disk_start(disk, USER_ALL);
	disk[1].vq.cpu = 1;
	user_start_cpu(work_on_second);
	work(&disk[0], 128);
	user_join_cpu();
	EXPECT_EQ(disk_counters()->writes_completed, 2 * 128 * shared->rounds);
	EXPECT_EQ(disk_counters()->reads_completed, 2 * 128 * shared->rounds);
}

static void all_queues(uint32_t type, uint32_t gen)
{
	for (unsigned int q = 0; q < shared->queues; q++) {
		for (unsigned int slot = 0; slot < shared->depth; slot++) {
			const uint64_t block = (uint64_t)q * shared->depth + slot;

			if (type == VIRTIO_BLK_T_OUT)
				disk_fill(&disk[q], slot, block, gen);
			else
				memset(disk_data(&disk[q], slot), 0, BARE_BLOCK);
			disk_add(&disk[q], slot, type, block * BARE_SECTORS, BARE_BLOCK);
		}
		vioq_kick(&disk[q].vq);
	}
	for (unsigned int q = 0; q < shared->queues; q++)
		disk_finish(&disk[q], DISK_ALL);
}

/* All queues are busy at once, under one CPU. */
TEST(many_queues)
{
	disk_start(disk, 0);
	for (uint32_t gen = 1; gen <= shared->rounds; gen++) {
		all_queues(VIRTIO_BLK_T_OUT, gen);
		all_queues(VIRTIO_BLK_T_IN, 0);
		for (unsigned int q = 0; q < shared->queues; q++)
			for (unsigned int slot = 0; slot < shared->depth; slot++)
				disk_verify(&disk[q], slot, (uint64_t)q * shared->depth + slot,
					    gen);
	}
}

/* --- doorbells --- */

/* Not a byte of the used ring, no interrupt, no counter has moved since the start. */
static void expect_silence(void)
{
	const uint64_t *c;

	user_call(BARE_CALL_SETTLE);
	c = (const uint64_t *)(const void *)disk_counters();
	for (unsigned int i = 0; i < sizeof(struct ss_blk_counters) / 8; i++)
		EXPECT_EQ(c[i], 0)
		{
			TH_LOG("counter %u", i);
		}
	EXPECT_EQ(READ_ONCE(disk[0].vq.vr.used->idx), 0);
	EXPECT_EQ(user_irqs(0), 0);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

/* Kicks with nothing behind them: before the start, and then. */
TEST(storm)
{
	vio_reset();
	for (unsigned int i = 0; i < 100; i++)
		vio_set(VIRTIO_MMIO_QUEUE_NOTIFY, i % 4);
	disk_start(disk, 0);
	for (uint32_t i = 0; i < shared->rounds; i++)
		vioq_notify(&disk[0].vq);
	expect_silence();
	EXPECT_EQ(disk_one(&disk[0], VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	user_wait(0, 0);
	EXPECT_EQ(user_irqs(0), 1);
}

/* D6, D11: there is work, but nobody rings the right bell in the right way. */
TEST(wrong_bell)
{
	disk_start(disk, 0);
	disk_add(&disk[0], 0, VIRTIO_BLK_T_IN, 0, 512);
	vioq_publish(&disk[0].vq);
	for (unsigned int i = 0; i < 200; i++) {
		__asm__ volatile("movb %0, (%1)" : : "q"((uint8_t)0), "r"(NOTIFY) : "memory");
		__asm__ volatile("movw %0, (%1)" : : "r"((uint16_t)0), "r"(NOTIFY) : "memory");
		__asm__ volatile("movq %0, (%1)" : : "r"(0ULL), "r"(NOTIFY) : "memory");
		vio_set(VIRTIO_MMIO_QUEUE_NOTIFY, shared->queues);
		vio_set(VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
		vio_set(VIRTIO_MMIO_QUEUE_NOTIFY, ~0u);
	}
	expect_silence();
	EXPECT_EQ(disk[0].slot[0].status, DISK_PENDING);
	vioq_notify(&disk[0].vq);
	disk_finish(&disk[0], 1);
}

static void ring_for_nothing(void)
{
	for (uint32_t i = 0; i < shared->rounds || !READ_ONCE(stop); i++) {
		vioq_notify(&disk[0].vq);
		vioq_notify(&disk[1].vq);
	}
}

/* One CPU rings both bells all the time, the other rings one and works. */
TEST(storm_two)
{
	const struct ss_blk_counters *c;

	disk_start(disk, 0);
	user_start_cpu(ring_for_nothing);
	for (uint32_t i = 0; i < shared->rounds; i++)
		vioq_notify(&disk[0].vq);
	disk_write_blocks(&disk[0], 0, 256, 1);
	disk_read_blocks(&disk[0], 0, 256, 1);
	WRITE_ONCE(stop, 1);
	user_join_cpu();
	c = disk_counters();
	EXPECT_EQ(c->writes_completed, 256);
	EXPECT_EQ(c->reads_completed, 256);
	EXPECT_EQ(c->io_errors, 0);
	EXPECT_EQ(READ_ONCE(disk[1].vq.vr.used->idx), 0);
}

/*
 * D22: the cheapest requests there are, a new one as soon as one is done, so that
 * it often comes just when the worker has found the ring empty. If the worker
 * then goes to sleep without another look, nobody wakes it any more.
 */
TEST(races)
{
	struct disk_queue *d = &disk[0];
	uint32_t added = 0, done = 0;

	disk_start(d, 0);
	while (done < shared->rounds) {
		while (added < shared->rounds && added - done < shared->depth) {
			disk_add(d, added++ % shared->depth, VIRTIO_BLK_T_GET_ID, 0, 20);
			vioq_kick(&d->vq);
		}
		while (disk_take(d, NULL) >= 0)
			done++;
		/* Now at once, now a little later, in steps of a nanosecond or less. */
		for (uint32_t i = 0; i < done * 7 % 1024; i++)
			__asm__ volatile("" : : : "memory");
	}
}
