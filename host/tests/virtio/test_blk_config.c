// SPDX-License-Identifier: GPL-2.0-only
/* What config space says and takes: topology, write cache, discard's limits. */
#include "ss_harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "mock_blk.h"

#define OK	     VIRTIO_BLK_S_OK
#define IOERR	     VIRTIO_BLK_S_IOERR
#define DATA	     MOCK_BLK_DATA

#define WCE	     0x20 /* the writeback byte */
#define WCE_FEATURES (BLK_FEATURES | FEAT(VIRTIO_BLK_F_CONFIG_WCE))

FIXTURE(config)
{
	struct mock_blk b;
};

FIXTURE_SETUP(config)
{
	const struct mock_blk_opts opts = { 0 };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
}

FIXTURE_TEARDOWN(config)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

static uint64_t config(struct mock_blk *b, uint64_t off, uint32_t len)
{
	uint64_t value = 0;

	virtio_mmio_read(b->m, VIRTIO_MMIO_CONFIG + off, &value, len);
	return value;
}

static void set_wce(struct mock_blk *b, uint8_t value)
{
	virtio_mmio_write(b->m, VIRTIO_MMIO_CONFIG + WCE, &value, 1);
}

#define EXPECT_ANSWER(b_, req_, status_, changes_)                                                 \
	do {                                                                                       \
		mock_blk_kick(b_);                                                                 \
		EXPECT_TRUE(mock_blk_expect(b_, &(req_), status_, 1));                             \
		EXPECT_STREQ(mock_blk_changes(b_), changes_);                                      \
	} while (0)

#define EXPECT_WRITE(b_, flushes_)                                                                 \
	do {                                                                                       \
		const unsigned int before_ = (b_)->backing.calls[MOCK_FLUSH];                      \
		struct mock_req write_ = mock_write(&(b_)->q, 0, DATA, 512);                       \
                                                                                                   \
		EXPECT_ANSWER(b_, write_, OK, "writes_completed+1 bytes_written+512");             \
		EXPECT_EQ((b_)->backing.calls[MOCK_FLUSH], before_ + (flushes_));                  \
	} while (0)

TEST_F(config, offered,
       .title = "D2 topology and write cache are offered, discard and zeroes to writers")
{
	const uint64_t all = FEAT(VIRTIO_BLK_F_TOPOLOGY) | FEAT(VIRTIO_BLK_F_CONFIG_WCE);
	const uint64_t writers = FEAT(VIRTIO_BLK_F_DISCARD) | FEAT(VIRTIO_BLK_F_WRITE_ZEROES);
	const struct mock_blk_opts opts = { .read_only = true };
	struct mock_blk b;

	EXPECT_EQ(mock_offered(self->b.m) & (all | writers), all | writers);
	EXPECT_FALSE(mock_offered(self->b.m) & FEAT(VIRTIO_BLK_F_SECURE_ERASE));
	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	EXPECT_EQ(mock_offered(b.m) & (all | writers), all);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_F(config, fields, .title = "D4 every field at its offset, 0 behind the last")
{
	struct mock_blk *b = &self->b;

	EXPECT_EQ(config(b, 0x18, 1), 3); /* physical block: 4096 */
	EXPECT_EQ(config(b, 0x19, 1), 0); /* alignment offset */
	EXPECT_EQ(config(b, 0x1a, 2), 8); /* minimum IO */
	EXPECT_EQ(config(b, 0x1c, 4), 0); /* optimal IO: none better */
	EXPECT_EQ(config(b, 0x20, 1), 1); /* writeback */
	EXPECT_EQ(config(b, 0x21, 1), 0);
	EXPECT_EQ(config(b, 0x22, 2), 0); /* queues: no MQ */
	EXPECT_EQ(config(b, 0x24, 4), 1 << 17);
	EXPECT_EQ(config(b, 0x28, 4), 16);
	EXPECT_EQ(config(b, 0x2c, 4), 8);
	EXPECT_EQ(config(b, 0x30, 4), 1 << 13);
	EXPECT_EQ(config(b, 0x34, 4), 16);
	EXPECT_EQ(config(b, 0x38, 1), 1); /* may unmap */
	for (uint64_t off = 0x39; off < 0x1000 - VIRTIO_MMIO_CONFIG; off++)
		ASSERT_EQ(config(b, off, 1), 0);
}

TEST_F(config, read_only_fields, .title = "D4 a read-only disk has no limits for discard")
{
	const struct mock_blk_opts opts = { .read_only = true };
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	EXPECT_EQ(config(&b, 0x18, 1), 3);
	for (uint64_t off = 0x22; off < 0x1000 - VIRTIO_MMIO_CONFIG; off++)
		ASSERT_EQ(config(&b, off, 1), 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_F(config, wce_ignored, .title = "D5 writeback can't be written unless it's negotiated")
{
	struct mock_blk *b = &self->b;

	set_wce(b, 0); /* before the driver is there */
	EXPECT_EQ(config(b, WCE, 1), 1);
	mock_blk_start(b, BLK_FEATURES);
	set_wce(b, 0);
	EXPECT_EQ(config(b, WCE, 1), 1);
	EXPECT_WRITE(b, 0);
}

TEST_F(config, only_the_byte,
       .title = "D5 with it negotiated, that byte alone can be written, 0 or 1")
{
	struct mock_blk *b = &self->b;
	uint8_t before[256], after[256], junk[8];

	mock_blk_start(b, WCE_FEATURES);
	for (uint32_t i = 0; i < 256; i++)
		before[i] = (uint8_t)config(b, i, 1);
	for (int fill = 0; fill < 256; fill += 51) {
		memset(junk, fill, sizeof(junk));
		for (uint32_t i = 0; i < 256; i++)
			for (uint32_t len = 1; len <= 8; len *= 2)
				if (i != WCE || len != 1 || fill > 1)
					virtio_mmio_write(b->m, VIRTIO_MMIO_CONFIG + i, junk, len);
	}
	for (uint32_t i = 0; i < 256; i++)
		after[i] = (uint8_t)config(b, i, 1);
	EXPECT_MEMEQ(before, after, 256);
	set_wce(b, 0);
	EXPECT_EQ(config(b, WCE, 1), 0);
	before[WCE] = 0;
	for (uint32_t i = 0; i < 256; i++)
		after[i] = (uint8_t)config(b, i, 1);
	EXPECT_MEMEQ(before, after, 256);
}

TEST_F(config, write_through,
       .title = "writeback 0: a write is flushed before it completes; 1: it isn't")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_blk_start(b, WCE_FEATURES);
	EXPECT_WRITE(b, 0);
	set_wce(b, 0);
	EXPECT_WRITE(b, 1);
	EXPECT_WRITE(b, 1);
	/* A write that can't be made stable has failed. */
	mock_script(&b->backing, MOCK_FLUSH, -EIO, 1);
	req = mock_write(&b->q, 0, DATA, 512);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	set_wce(b, 1);
	EXPECT_EQ(config(b, WCE, 1), 1);
	EXPECT_WRITE(b, 0);
	/* A read has nothing to flush. */
	set_wce(b, 0);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 3);
}

TEST_F(config, written_before_driver_ok, .title = "writeback may be written before DRIVER_OK")
{
	struct mock_blk *b = &self->b;

	mock_negotiate(b->m, WCE_FEATURES);
	set_wce(b, 0);
	mock_queue_init(&b->q, &b->g, 0, 256);
	mock_setup_queue(b->m, &b->q);
	mock_driver_ok(b->m);
	EXPECT_EQ(config(b, WCE, 1), 0);
	EXPECT_WRITE(b, 1);
}

TEST_F(config, without_flush, .title = "writeback begins as 0 for a driver that can't flush")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, WCE_FEATURES & ~FEAT(VIRTIO_BLK_F_FLUSH));
	EXPECT_EQ(config(b, WCE, 1), 0);
	EXPECT_WRITE(b, 1);
	set_wce(b, 1);
	EXPECT_WRITE(b, 0);
}

TEST_F(config, reset, .title = "D96 a reset brings writeback back")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, WCE_FEATURES);
	set_wce(b, 0);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(config(b, WCE, 1), 1);
	set_wce(b, 0);
	EXPECT_EQ(config(b, WCE, 1), 1);
	mock_blk_start(b, WCE_FEATURES);
	EXPECT_EQ(config(b, WCE, 1), 1);
	EXPECT_WRITE(b, 0);
}

TEST_F(config, needs_reset, .title = "D18 with NEEDS_RESET writeback stays as it is")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, WCE_FEATURES);
	mock_avail(&b->q, 1000);
	mock_blk_kick(b);
	ASSERT_TRUE(mock_blk_status(b) & VIRTIO_CONFIG_S_NEEDS_RESET);
	set_wce(b, 0);
	EXPECT_EQ(config(b, WCE, 1), 1);
}

/* A vCPU that can't make up its mind, while the worker writes. */
static void *toggle(void *arg)
{
	struct mock_blk *b = arg;

	for (int i = 0; i < 2001; i++)
		set_wce(b, i % 2);
	return NULL;
}

TEST(changed_under_io, .title = "writeback changes under writes: all complete, the last word holds")
{
	const struct mock_blk_opts opts = { .threads = true };
	const int fd_wait_ms = 20000;
	struct mock_blk b;
	pthread_t vcpu;
	unsigned int flushes;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, WCE_FEATURES);
	ASSERT_EQ(pthread_create(&vcpu, NULL, toggle, &b), 0);
	for (int i = 0; i < 300; i++) {
		struct mock_req req = mock_write(&b.q, 0, DATA, 512);

		reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(b.m), fd_wait_ms));
		mock_blk_irqs(&b);
		ASSERT_TRUE(mock_blk_expect(&b, &req, OK, 1));
	}
	pthread_join(vcpu, NULL);
	EXPECT_EQ(config(&b, WCE, 1), 0);
	ASSERT_EQ(blk_pause(b.blk, 10 * IO_NSEC_PER_SEC), 0);
	flushes = b.backing.calls[MOCK_FLUSH];
	EXPECT_LE(flushes, 300);
	blk_resume(b.blk);
	mock_write(&b.q, 0, DATA, 512);
	reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(b.m), fd_wait_ms));
	ASSERT_EQ(blk_pause(b.blk, 10 * IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(b.backing.calls[MOCK_FLUSH], flushes + 1);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
