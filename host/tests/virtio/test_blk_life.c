// SPDX-License-Identifier: GPL-2.0-only
/* The disk's identity and life, by hand: D1 to D5, D8, D90 to D98. */
#include "ss_harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mock_blk.h"

#define OK   VIRTIO_BLK_S_OK
#define DATA MOCK_BLK_DATA

static void make(struct mock_blk *b, struct mock_blk_opts opts)
{
	ASSERT_EQ(mock_blk_init(b, &opts), 0);
}

static uint64_t config(struct mock_blk *b, uint32_t off, uint32_t len)
{
	uint64_t value = 0;

	virtio_mmio_read(b->m, VIRTIO_MMIO_CONFIG + off, &value, len);
	return value;
}

TEST(queues, .title = "D1 one queue of up to 256, or several with MQ offered")
{
	struct mock_blk b;

	make(&b, (struct mock_blk_opts){ 0 });
	EXPECT_EQ(virtio_mmio_queue_count(b.m), 1);
	EXPECT_EQ(blk_queue_count(b.blk), 1);
	EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
	EXPECT_FALSE(mock_offered(b.m) & FEAT(VIRTIO_BLK_F_MQ));
	EXPECT_EQ(config(&b, 0x22, 2), 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
	make(&b, (struct mock_blk_opts){ .queues = 4 });
	EXPECT_EQ(virtio_mmio_queue_count(b.m), 4);
	EXPECT_TRUE(mock_offered(b.m) & FEAT(VIRTIO_BLK_F_MQ));
	EXPECT_EQ(config(&b, 0x22, 2), 4);
	for (uint32_t q = 0; q < 5; q++) {
		reg_write(b.m, VIRTIO_MMIO_QUEUE_SEL, q);
		EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_QUEUE_NUM_MAX), q < 4 ? 256 : 0);
	}
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(features, .title = "D2 the features offered; RO only for a read-only disk")
{
	const uint64_t want = BLK_FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX);
	struct mock_blk b;

	make(&b, (struct mock_blk_opts){ 0 });
	EXPECT_EQ(mock_offered(b.m) & want, want);
	EXPECT_FALSE(mock_offered(b.m) & FEAT(VIRTIO_BLK_F_RO));
	EXPECT_EQ(mock_blk_free(&b), 0);
	make(&b, (struct mock_blk_opts){ .read_only = true });
	EXPECT_EQ(mock_offered(b.m) & want, want);
	EXPECT_TRUE(mock_offered(b.m) & FEAT(VIRTIO_BLK_F_RO));
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(read_only_backing, .title = "D2 a backing that can't be written makes the disk read-only")
{
	struct mock_backing backing;
	const struct blk_config conf = { .backing = &backing.b, .manual = true };
	struct blk *blk;

	mock_backing_init(&backing, 4096);
	backing.b.read_only = true;
	ASSERT_EQ(blk_create(&conf, &blk), 0);
	EXPECT_TRUE(mock_offered(blk_mmio(blk)) & FEAT(VIRTIO_BLK_F_RO));
	EXPECT_EQ(blk_destroy(blk), 0);
	mock_backing_free(&backing);
}

TEST(identity, .title = "D3 device id 2")
{
	struct mock_blk b;

	make(&b, (struct mock_blk_opts){ 0 });
	EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_VERSION), 2);
	EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_DEVICE_ID), 2);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(config_space, .title = "D4 capacity, size_max, seg_max, geometry, blk_size; 0 behind")
{
	struct mock_blk b;
	uint8_t byte;

	make(&b, (struct mock_blk_opts){ 0 });
	EXPECT_EQ(config(&b, 0x00, 8), MOCK_DISK_SIZE / 512);
	EXPECT_EQ(config(&b, 0x00, 4), MOCK_DISK_SIZE / 512);
	EXPECT_EQ(config(&b, 0x04, 4), 0);
	EXPECT_EQ(config(&b, 0x08, 4), 1 << 20);
	EXPECT_EQ(config(&b, 0x0c, 4), 128);
	EXPECT_EQ(config(&b, 0x10, 4), 0);
	EXPECT_EQ(config(&b, 0x14, 4), 512);
	EXPECT_EQ(config(&b, 0x15, 1), 2);
	for (uint64_t off = 0x100; off < 0x1000 - VIRTIO_MMIO_CONFIG; off++) {
		virtio_mmio_read(b.m, VIRTIO_MMIO_CONFIG + off, &byte, 1);
		ASSERT_EQ(byte, 0);
	}
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(config_writes, .title = "D5 config writes are ignored")
{
	struct mock_blk b;
	uint8_t before[256], after[256], junk[8];

	make(&b, (struct mock_blk_opts){ 0 });
	mock_blk_start(&b, BLK_FEATURES);
	for (uint32_t i = 0; i < 256; i++)
		virtio_mmio_read(b.m, VIRTIO_MMIO_CONFIG + i, &before[i], 1);
	memset(junk, 0xff, sizeof(junk));
	for (uint32_t i = 0; i < 256; i++)
		for (uint32_t len = 1; len <= 8; len *= 2)
			virtio_mmio_write(b.m, VIRTIO_MMIO_CONFIG + i, junk, len);
	for (uint32_t i = 0; i < 256; i++)
		virtio_mmio_read(b.m, VIRTIO_MMIO_CONFIG + i, &after[i], 1);
	EXPECT_MEMEQ(before, after, 256);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(bad_configs, .title = "D74 a disk with limits that can't be is refused")
{
	struct mock_backing backing;
	struct blk_config conf = { .backing = &backing.b, .manual = true };
	struct blk *blk;

	mock_backing_init(&backing, 4096);
	conf.limits.ops = (struct bucket_limit){ 100, 50 };
	EXPECT_EQ(blk_create(&conf, &blk), -EINVAL);
	conf.limits.ops = (struct bucket_limit){ 0, 50 };
	EXPECT_EQ(blk_create(&conf, &blk), -EINVAL);
	conf.limits.ops = (struct bucket_limit){ 0, 0 };
	conf.queues = BLK_MAX_QUEUES + 1;
	EXPECT_EQ(blk_create(&conf, &blk), -EINVAL);
	conf.queues = 0;
	conf.backing = NULL;
	EXPECT_EQ(blk_create(&conf, &blk), -EINVAL);
	EXPECT_EQ(blk_destroy(NULL), 0);
	mock_backing_free(&backing);
}

TEST(shared_throttle, .title = "disks may share a throttle: one's requests are the other's wait")
{
	const struct throttle_limits limits = { .ops = { 1, 0 } };
	struct throttle t;
	struct mock_blk a;
	struct blk_config conf = { .manual = true, .throttle = &t };
	struct blk *other;
	struct mock_req req;

	make(&a, (struct mock_blk_opts){ 0 });
	ASSERT_EQ(throttle_init(&t, &limits, a.clock.now), 0);
	conf.backing = &a.backing.b;
	conf.clock = &a.clock.clock;
	ASSERT_EQ(blk_create(&conf, &other), 0);
	virtio_mmio_set_mem(blk_mmio(other), &a.g.mem);
	mock_negotiate(blk_mmio(other), BLK_FEATURES);
	mock_queue_init(&a.q, &a.g, 0, 64);
	mock_setup_queue(blk_mmio(other), &a.q);
	mock_driver_ok(blk_mmio(other));
	struct throttle_verdict v;

	EXPECT_TRUE(throttle_ask(&t, 0, a.clock.now, &v));
	req = mock_flush(&a.q);
	blk_drain_queue(other, 0);
	EXPECT_TRUE(mock_blk_nothing(&a, &req));
	EXPECT_EQ(blk_deadline_ns(other, 0), a.clock.now + IO_NSEC_PER_SEC);
	EXPECT_EQ(blk_destroy(other), 0);
	throttle_destroy(&t);
	EXPECT_EQ(mock_blk_free(&a), 0);
}

/* --- life --- */

TEST(kick_without_memory,
     .title = "D92 a kick before guest memory is wired: dropped, and warned of once")
{
	struct mock_blk b;
	struct mock_req req;
	char path[512], text[512] = "";
	FILE *log;
	int saved;

	make(&b, (struct mock_blk_opts){ 0 });
	virtio_mmio_set_mem(b.m, NULL);
	mock_blk_start(&b, BLK_FEATURES);
	req = mock_read(&b.q, 0, DATA, 512);
	snprintf(path, sizeof(path), "%s/log", ss_tmpdir());
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	log = freopen(path, "w+", stderr);
	ASSERT_NOT_NULL(log);
	for (int i = 0; i < 3; i++)
		mock_blk_kick(&b);
	rewind(log);
	ASSERT_LT(0, fread(text, 1, sizeof(text) - 1, log));
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	EXPECT_STRSTR(text, "blk3: a kick before there is guest memory");
	EXPECT_EQ(strchr(text, '\n') - text, (long)strlen(text) - 1);
	EXPECT_TRUE(mock_blk_nothing(&b, &req));
	EXPECT_STREQ(mock_blk_changes(&b), "");
	/* Wired late, the next kick works. */
	virtio_mmio_set_mem(b.m, &b.g.mem);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(not_before_driver_ok, .title = "D94 the worker starts at DRIVER_OK, and not before")
{
	struct mock_blk b;
	struct mock_req req;

	make(&b, (struct mock_blk_opts){ 0 });
	mock_negotiate(b.m, BLK_FEATURES);
	mock_queue_init(&b.q, &b.g, 0, 256);
	mock_setup_queue(b.m, &b.q);
	req = mock_read(&b.q, 0, DATA, 512);
	reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	EXPECT_EQ(blk_step(b.blk, 0), -ECANCELED);
	EXPECT_TRUE(mock_blk_nothing(&b, &req));
	/* The kick waits in its eventfd. */
	mock_driver_ok(b.m);
	blk_step(b.blk, 0);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(reset, .title = "D95 D96 a reset ends all work; the next DRIVER_OK starts at index 0")
{
	struct mock_blk b;
	struct mock_req req;
	uint32_t generation;

	make(&b, (struct mock_blk_opts){ 0 });
	mock_blk_start(&b, BLK_FEATURES);
	for (int i = 0; i < 10; i++)
		mock_flush(&b.q);
	mock_blk_kick(&b);
	generation = reg_read(b.m, VIRTIO_MMIO_CONFIG_GENERATION);
	req = mock_read(&b.q, 0, DATA, 512);
	reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(blk_step(b.blk, 0), -ECANCELED);
	blk_drain_queue(b.blk, 0);
	EXPECT_EQ(mock_status(&b.q, &req), STATUS_UNTOUCHED);
	EXPECT_EQ(mock_blk_status(&b), 0);
	EXPECT_EQ(mock_blk_isr(&b), 0);
	EXPECT_EQ(mock_blk_irqs(&b), 0);
	EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
	for (int i = 0; i < 100; i++)
		reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	mock_blk_start_size(&b, BLK_FEATURES, 16);
	req = mock_read(&b.q, 0, DATA, 512);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(features_change_over_a_reset, .title = "D96 a second driver may want other features")
{
	struct mock_blk b;
	struct mock_req req;

	make(&b, (struct mock_blk_opts){ 0 });
	for (int i = 0; i < 6; i++) {
		const bool event_idx = i % 2;

		mock_blk_start(&b, BLK_FEATURES | (event_idx ? FEAT(VIRTIO_RING_F_EVENT_IDX) : 0));
		mock_set_used_event(&b.q, 50);
		req = mock_flush(&b.q);
		mock_blk_kick(&b);
		EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 1));
		EXPECT_EQ(mock_blk_irqs(&b), !event_idx);
	}
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(pause, .title = "D90 D91 paused, guest memory isn't touched; the kick is served after")
{
	struct mock_blk b;
	struct mock_req req;
	uint8_t before[0x4000];

	make(&b, (struct mock_blk_opts){ 0 });
	EXPECT_EQ(blk_pause(b.blk, 0), 0);
	mock_blk_start(&b, BLK_FEATURES);
	req = mock_read(&b.q, 0, DATA, 512);
	memcpy(before, mock_ptr(&b.g, GUEST_RINGS, 0x4000), 0x4000);
	mock_blk_kick(&b);
	EXPECT_MEMEQ(before, mock_ptr(&b.g, GUEST_RINGS, 0x4000), 0x4000);
	EXPECT_TRUE(mock_blk_nothing(&b, &req));
	blk_resume(b.blk);
	blk_step(b.blk, 0);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(pause_while_stalled,
     .title = "D90 paused while stalled: no try until resumed, then at once if due")
{
	struct mock_blk b;
	struct mock_req req;

	make(&b, (struct mock_blk_opts){ .limits = { .ops = { 1, 0 } } });
	mock_blk_start(&b, BLK_FEATURES);
	req = mock_flush(&b.q);
	mock_blk_kick(&b);
	ASSERT_TRUE(mock_blk_expect(&b, &req, OK, 1));
	req = mock_flush(&b.q);
	mock_blk_kick(&b);
	EXPECT_EQ(blk_pause(b.blk, 0), 0);
	b.clock.now += IO_NSEC_PER_SEC;
	blk_step(b.blk, 0);
	EXPECT_TRUE(mock_blk_nothing(&b, &req));
	blk_resume(b.blk);
	blk_step(b.blk, 0);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 1));
	EXPECT_EQ(b.counters.throttled_count, 1);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(multiqueue, .title = "D1 D20 queues are independent: ring, stall, poison, readiness")
{
	struct mock_blk b;
	struct mock_queue q[3];
	struct mock_req req[3];

	make(&b, (struct mock_blk_opts){ .queues = 3 });
	mock_negotiate(b.m, BLK_FEATURES | FEAT(VIRTIO_BLK_F_MQ));
	for (unsigned int i = 0; i < 3; i++) {
		mock_queue_init(&q[i], &b.g, i, 64);
		if (i != 1)
			mock_setup_queue(b.m, &q[i]);
	}
	mock_driver_ok(b.m);
	for (unsigned int i = 0; i < 3; i++) {
		req[i] = mock_read(&q[i], i, DATA + 4096ULL * i, 512);
		reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, i);
	}
	for (unsigned int i = 3; i-- > 0;)
		blk_step(b.blk, i);
	EXPECT_EQ(mock_used_idx(&q[0]), 1);
	EXPECT_EQ(mock_used_idx(&q[1]), 0);
	EXPECT_EQ(mock_used_idx(&q[2]), 1);
	EXPECT_EQ(mock_status(&q[2], &req[2]), OK);
	EXPECT_EQ(b.counters.reads_completed, 2);
	/* Both stall: the gauge shows two. */
	ASSERT_EQ(blk_set_limits(b.blk, &(struct throttle_limits){ .bytes = { 512, 0 } }), 0);
	for (unsigned int i = 0; i < 3; i += 2) {
		mock_read(&q[i], 0, DATA, 1024);
		mock_read(&q[i], 0, DATA, 512);
		blk_drain_queue(b.blk, i);
	}
	EXPECT_EQ(b.counters.currently_throttled_gauge, 2);
	/* One is poisoned: its stall is over, the other's is not. */
	mock_set_avail_idx(&q[2], 1000);
	b.clock.now += 1;
	blk_set_limits(b.blk, &(struct throttle_limits){ .bytes = { 512, 0 } });
	blk_step(b.blk, 2);
	EXPECT_EQ(b.counters.currently_throttled_gauge, 1);
	EXPECT_EQ(b.counters.invalid_avail_idx_count, 1);
	ASSERT_EQ(blk_set_limits(b.blk, &(struct throttle_limits){ 0 }), 0);
	blk_step(b.blk, 0);
	EXPECT_EQ(mock_used_idx(&q[0]), 3);
	EXPECT_EQ(b.counters.currently_throttled_gauge, 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
