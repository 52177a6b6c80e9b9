// SPDX-License-Identifier: GPL-2.0-only
/* The disk as it should be used: what it is, every byte, every interrupt. */
#include <linux/virtio_ids.h>

#include "disk.h"
#include "ss_harness.h"

#define CONFIG (BARE_VIRTIO + VIRTIO_MMIO_CONFIG)

static struct disk_queue disk[BARE_QUEUES];

static uint8_t read8(uint64_t addr)
{
	uint8_t v;

	__asm__ volatile("movb (%1), %0" : "=q"(v) : "r"(addr) : "memory");
	return v;
}

static uint16_t read16(uint64_t addr)
{
	uint16_t v;

	__asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(addr) : "memory");
	return v;
}

/* answer[0]: the capacity in sectors */
TEST(config)
{
	const uint64_t capacity = shared->answer[0];

	EXPECT_EQ(vio_get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_VERSION), 2);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK);
	/* D6: registers are 4 bytes wide, or nothing */
	EXPECT_EQ(read8(BARE_VIRTIO), 0xff);
	EXPECT_EQ(read16(BARE_VIRTIO), 0xffff);
	/* D4: the same bytes in every width, and zeroes behind them */
	EXPECT_EQ(read32(CONFIG) | (uint64_t)read32(CONFIG + 4) << 32, capacity);
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(read8(CONFIG + i), (capacity >> 8 * i) & 0xff);
	EXPECT_EQ(read16(CONFIG + 2), (capacity >> 16) & 0xffff);
	EXPECT_EQ(read32(CONFIG + 0x08), 1u << 20);
	EXPECT_EQ(read32(CONFIG + 0x0c), 128);
	EXPECT_EQ(read32(CONFIG + 0x10), 0);
	EXPECT_EQ(read32(CONFIG + 0x14), 512);
	EXPECT_EQ(read16(CONFIG + 0x22), shared->queues);
	for (unsigned int off = sizeof(struct virtio_blk_config); off < 0x100; off += 4)
		EXPECT_EQ(read32(CONFIG + off), 0);
	/* D5 */
	write32(CONFIG, 0x12345678);
	EXPECT_EQ(read32(CONFIG), (uint32_t)capacity);
	/* D7 */
	vio_set(VIRTIO_MMIO_QUEUE_SEL, shared->queues);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	vio_set(VIRTIO_MMIO_QUEUE_SEL, 0);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
}

/* D13, D14, D18, D95: the steps, and what isn't one of them */
TEST(status)
{
	const uint32_t generation = vio_get(VIRTIO_MMIO_CONFIG_GENERATION);

	vio_reset();
	EXPECT_EQ(vio_get(VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
	vio_set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS), 0);
	vio_begin(0);
	vio_set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS), VIRTIO_CONFIG_S_ACKNOWLEDGE |
						       VIRTIO_CONFIG_S_DRIVER |
						       VIRTIO_CONFIG_S_FEATURES_OK);
	vio_set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED | vio_get(VIRTIO_MMIO_STATUS));
	EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FAILED, VIRTIO_CONFIG_S_FAILED);
	vio_reset();
	disk_start(disk, 0);
	EXPECT_EQ(disk_one(disk, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
}

/* Write all, write the first half again, read all. */
TEST(data)
{
	const uint32_t blocks = shared->rounds;
	const struct ss_blk_counters *c;

	disk_start(disk, 0);
	disk_write_blocks(disk, 0, blocks, 1);
	disk_write_blocks(disk, 0, blocks / 2, 2);
	EXPECT_EQ(disk_one(disk, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	disk_read_blocks(disk, 0, blocks / 2, 2);
	disk_read_blocks(disk, blocks / 2, blocks - blocks / 2, 1);
	EXPECT_EQ(disk_one(disk, VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
	EXPECT_MEMEQ(disk_data(disk, DISK_SLOTS - 1), "bare\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	c = disk_counters();
	EXPECT_EQ(c->reads_completed, blocks);
	EXPECT_EQ(c->writes_completed, blocks + blocks / 2);
	EXPECT_EQ(c->flushes_completed, 1);
	EXPECT_EQ(c->bytes_read, (uint64_t)blocks * BARE_BLOCK);
	EXPECT_EQ(c->bytes_written, (uint64_t)(blocks + blocks / 2) * BARE_BLOCK);
	EXPECT_EQ(c->io_errors, 0);
	/* Nobody interrupts one who polls and can say so. */
	if (shared->poll && shared->event_idx)
		EXPECT_EQ(user_irqs(0), 0);
}

static void round_trips(unsigned int cpu)
{
	struct disk_queue *d = &disk[0];

	for (uint32_t i = 0; i < shared->rounds; i++) {
		ASSERT_EQ(disk_one(d, VIRTIO_BLK_T_IN, i % 64, 512), VIRTIO_BLK_S_OK);
		/* Each has slept at most once: one interrupt a request, none lost, none spare. */
		ASSERT_LE(user_irqs(cpu), i + 1);
	}
	EXPECT_EQ(disk_counters()->reads_completed, shared->rounds);
}

TEST(roundtrips)
{
	disk_start(disk, 0);
	round_trips(0);
}

static void trips_on_second(void)
{
	round_trips(1);
}

/* The interrupts go to the other CPU, and so does the work. */
TEST(roundtrips_second)
{
	disk_start(disk, 1);
	user_start_cpu(trips_on_second);
	user_join_cpu();
	EXPECT_EQ(user_irqs(0), 0);
}

/* D52, D12: INTERRUPT_STATUS says why, until it's told that it was heard. */
TEST(acknowledged)
{
	struct disk_queue *d = &disk[0];

	disk_start(d, 0);
	for (uint32_t i = 0; i < shared->rounds; i++) {
		const uint32_t seen = user_irqs(0);

		disk_add(d, 0, VIRTIO_BLK_T_IN, i % 64, 512);
		vioq_kick(&d->vq);
		user_wait(0, seen);
		ASSERT_EQ(user_irqs(0), seen + 1);
		ASSERT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
		vio_set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
		ASSERT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
		vio_set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
		ASSERT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		ASSERT_EQ(disk_take(d, NULL), 0);
		if (shared->event_idx)
			WRITE_ONCE(vring_used_event(&d->vq.vr), d->vq.used);
	}
}
