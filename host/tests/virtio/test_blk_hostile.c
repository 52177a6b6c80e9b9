// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that writes what it likes where it likes: by seed, so that each run
 * is the same, and from another thread while the worker works. The sanitizers
 * are the main judges; the accounts are checked besides.
 */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_blk.h"
#include "mock_hostile.h"

#define DATA	 MOCK_BLK_DATA
#define RUNNING	 0xf
#define POISONED (RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET)
#define ALL_FEATURES                                                                               \
	(BLK_FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX) | FEAT(VIRTIO_RING_F_INDIRECT_DESC))

static uint32_t any_len(void)
{
	switch (pick(8)) {
	case 0:
		return (uint32_t)rnd();
	case 1:
		return (uint32_t)pick(40);
	case 2:
		return (1u << 20) + (uint32_t)pick(3) - 1;
	default:
		return 512 * (uint32_t)pick(64);
	}
}

static void scribble(struct mock_blk *b)
{
	for (int i = 0; i < 64; i++) {
		const struct virtio_blk_outhdr hdr = {
			.type = (uint32_t)(pick(4) ? pick(16) : rnd()),
			.sector = pick(4) ? pick(MOCK_DISK_SIZE / 512) : rnd(),
		};

		memcpy(mock_ptr(&b->g, GUEST_HEADERS + 16 * pick(1024), 16), &hdr, 16);
	}
	scribble_ring(&b->q, any_len);
}

/* Some chains that are nearly right get further into the device. */
static void half_right(struct mock_blk *b)
{
	for (uint64_t i = 1 + pick(8); i; i--) {
		struct mock_piece data[6];
		const unsigned int nr = (unsigned int)pick(7);
		const bool write = pick(2);

		for (unsigned int p = 0; p < nr; p++)
			data[p] = (struct mock_piece){ any_addr(), any_len(),
						       pick(16) ? write : !write };
		mock_blk(&b->q, pick(8) ? !write : (uint32_t)pick(16),
			 pick(MOCK_DISK_SIZE / 512 + 2), data, nr);
	}
}

/* After all of it, the device still works for a driver that resets it. */
static void expect_works(struct mock_blk *b)
{
	struct mock_req req;

	mock_blk_start(b, BLK_FEATURES);
	mock_blk_irqs(b);
	req = mock_read(&b->q, 3, DATA, 512);
	mock_blk_kick(b);
	/* A throttle's debts may be long; they end. */
	if (blk_deadline_ns(b->blk, 0)) {
		b->clock.now = blk_deadline_ns(b->blk, 0);
		blk_step(b->blk, 0);
	}
	EXPECT_TRUE(mock_blk_expect(b, &req, VIRTIO_BLK_S_OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
}

static void hostile_runs(const struct mock_blk_opts *opts, uint64_t seeds, bool nearly)
{
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, opts), 0);
	for (uint64_t nr = 1; nr <= seeds; nr++) {
		struct ss_blk_counters before, after;
		uint32_t status;

		seed(nr);
		mock_blk_start_size(&b, ALL_FEATURES, (uint16_t)(1u << pick(9)));
		blk_snapshot(b.blk, &before);
		for (int round = 0; round < 4; round++) {
			if (nearly && b.q.size >= 64)
				half_right(&b);
			else
				scribble(&b);
			mock_blk_kick(&b);
			b.clock.now += pick(IO_NSEC_PER_SEC);
			blk_step(b.blk, 0);
		}
		blk_snapshot(b.blk, &after);
		status = mock_blk_status(&b);
		/* Poison and NEEDS_RESET come together, once. */
		ASSERT_EQ(status, after.invalid_avail_idx_count > before.invalid_avail_idx_count
					  ? POISONED
					  : RUNNING)
		{
			TH_LOG("seed %llu", (unsigned long long)nr);
		}
		ASSERT_LE(after.invalid_avail_idx_count - before.invalid_avail_idx_count, 1);
		ASSERT_LE(after.chains_dropped - before.chains_dropped,
			  after.io_errors - before.io_errors);
		ASSERT_LE(after.currently_throttled_gauge, 1);
		if (!(nr % 64))
			expect_works(&b);
	}
	expect_works(&b);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(garbage, .title = "D60 garbage in the rings, 1500 seeds: no crash, no spin, all accounted for",
     .timeout_s = 120)
{
	const struct mock_blk_opts opts = { 0 };

	hostile_runs(&opts, 1500, false);
}

TEST(nearly_right, .title = "D24 to D34 requests that are nearly right, 1500 seeds",
     .timeout_s = 120)
{
	const struct mock_blk_opts opts = { 0 };

	hostile_runs(&opts, 1500, true);
}

TEST(garbage_throttled, .title = "D39 garbage in front of a throttle, 800 seeds", .timeout_s = 120)
{
	const struct mock_blk_opts opts = { .limits = { .ops = { 3, 0 }, .bytes = { 10000, 0 } } };

	hostile_runs(&opts, 400, false);
	hostile_runs(&opts, 400, true);
}

TEST(read_only_file, .title = "D33 D34 whatever a guest does to a read-only disk, its file stays",
     .timeout_s = 120)
{
	const struct mock_blk_opts opts = { .read_only = true };
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	seed(4711);
	for (int i = 0; i < 500; i++) {
		mock_blk_start_size(&b, ALL_FEATURES | FEAT(VIRTIO_BLK_F_RO), 256);
		half_right(&b);
		mock_blk_kick(&b);
		scribble(&b);
		mock_blk_kick(&b);
	}
	EXPECT_EQ(b.backing.changes, 0);
	EXPECT_EQ(b.backing.calls[MOCK_WRITE], 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

static void step_any(void *ctx)
{
	const struct mock_blk *b = ctx;

	blk_step(b->blk, (unsigned int)pick(3));
}

TEST(registers, .title = "garbage in the registers, 20000 accesses", .timeout_s = 120)
{
	const struct mock_blk_opts opts = { .queues = 3 };
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	hostile_registers(b.m, step_any, &b);
	expect_works(&b);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

/* --- a guest that changes its memory while it's looked at --- */

TEST(changing_memory, .title = "D60 descriptors and headers that change while they're read",
     .timeout_s = 120)
{
	const struct mock_blk_opts opts = { .threads = true };
	struct mock_blk b;
	struct scribbler s = {
		.g = &b.g,
		.at = { GUEST_RINGS, GUEST_HEADERS },
		.len = { 0x1000, 0x4000 },
	};

	if (RACES_ARE_FATAL)
		SKIP("a guest that races is what this test is about");
	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, ALL_FEATURES);
	ASSERT_EQ(scribbler_start(&s), 0);
	for (int i = 0; i < 300; i++) {
		if (mock_blk_status(&b) != RUNNING)
			mock_blk_start(&b, ALL_FEATURES);
		for (int n = 0; n < 40; n++)
			mock_read(&b.q, (uint64_t)n, DATA, 4096);
		reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		/* Until it has worked through them, or given up. */
		while (mock_wait_fd(virtio_mmio_irq_fd(b.m), 2))
			mock_blk_irqs(&b);
	}
	scribbler_stop(&s);
	reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(mock_blk_status(&b), 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
