// SPDX-License-Identifier: GPL-2.0-only
/* Discard and write zeroes: their gate, what they do, what they count. */
#include "ss_harness.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "mock_blk.h"

#define OK	       VIRTIO_BLK_S_OK
#define IOERR	       VIRTIO_BLK_S_IOERR
#define UNSUPP	       VIRTIO_BLK_S_UNSUPP
#define DISCARD	       VIRTIO_BLK_T_DISCARD
#define ZEROES	       VIRTIO_BLK_T_WRITE_ZEROES
#define UNMAP	       VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
#define DATA	       MOCK_BLK_DATA
#define SECTORS	       (MOCK_DISK_SIZE / 512)
#define RANGES	       16

#define RANGE_FEATURES (BLK_FEATURES | FEAT(VIRTIO_BLK_F_DISCARD) | FEAT(VIRTIO_BLK_F_WRITE_ZEROES))

FIXTURE(range)
{
	struct mock_blk b;
};

/* What holds for both. */
FIXTURE_VARIANT(range)
{
	uint32_t type;
	enum mock_call call;
	const char *counted;
	uint32_t max_sectors;
};
FIXTURE_VARIANT_ADD(range, discard){
	.type = DISCARD,
	.call = MOCK_DISCARD,
	.counted = "discards_completed+1",
	.max_sectors = 1 << 17,
};
FIXTURE_VARIANT_ADD(range, write_zeroes){
	.type = ZEROES,
	.call = MOCK_ZERO,
	.counted = "write_zeroes_completed+1",
	.max_sectors = 1 << 13,
};

FIXTURE_SETUP(range)
{
	const struct mock_blk_opts opts = { 0 };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, RANGE_FEATURES);
}

FIXTURE_TEARDOWN(range)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

/* A range as it lies in guest memory, @i-th at @gpa. */
static void put_range(struct mock_blk *b, uint64_t gpa, unsigned int i, uint64_t sector,
		      uint32_t nr, uint32_t flags)
{
	const struct virtio_blk_discard_write_zeroes raw = {
		.sector = htole64(sector),
		.num_sectors = htole32(nr),
		.flags = htole32(flags),
	};

	ASSERT_EQ(guest_mem_write(&b->g.mem, gpa + sizeof(raw) * i, &raw, sizeof(raw)), 0);
}

/* A request with the first @nr ranges at DATA. */
static struct mock_req ranges(struct mock_blk *b, uint32_t type, uint32_t nr)
{
	const struct mock_piece data = { DATA, nr * 16, false };

	return mock_blk(&b->q, type, 0, &data, 1);
}

static struct mock_req one_range(struct mock_blk *b, uint32_t type, uint64_t sector, uint32_t nr,
				 uint32_t flags)
{
	put_range(b, DATA, 0, sector, nr, flags);
	return ranges(b, type, 1);
}

#define EXPECT_ANSWER(b_, req_, status_, changes_)                                                 \
	do {                                                                                       \
		mock_blk_kick(b_);                                                                 \
		EXPECT_TRUE(mock_blk_expect(b_, &(req_), status_, 1));                             \
		EXPECT_STREQ(mock_blk_changes(b_), changes_);                                      \
	} while (0)

/* The file's sectors that are all zero now are those from @first on, @nr. */
static bool zero_sectors(struct mock_blk *b, uint64_t first, uint64_t nr)
{
	for (uint64_t off = 0; off < MOCK_DISK_SIZE; off++) {
		const bool in = off / 512 >= first && off / 512 < first + nr;

		if (b->backing.data[off] != (in ? 0 : mock_byte(off))) {
			TH_LOG("byte %llu", (unsigned long long)off);
			return false;
		}
	}
	return true;
}

#define EXPECT_UNTOUCHED(b_)                                                                       \
	do {                                                                                       \
		EXPECT_EQ((b_)->backing.changes, 0);                                               \
		EXPECT_EQ((b_)->backing.calls[MOCK_DISCARD], 0);                                   \
		EXPECT_EQ((b_)->backing.calls[MOCK_ZERO], 0);                                      \
	} while (0)

TEST_F(range, does_its_sectors,
       .title = "its sectors and no others; counted by itself, no read, write or byte")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = one_range(b, variant->type, 100, 24, 0);

	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_EQ(b->backing.calls[variant->call], 1);
	EXPECT_EQ(b->backing.changes, 1);
	EXPECT_TRUE(zero_sectors(b, 100, 24));
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

TEST_F(range, several, .title = "several ranges in one request, each done, one completion")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (unsigned int i = 0; i < RANGES; i++)
		put_range(b, DATA, i, 7 + 3ULL * i, 3, 0);
	req = ranges(b, variant->type, RANGES);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_EQ(b->backing.calls[variant->call], RANGES);
	EXPECT_TRUE(zero_sectors(b, 7, 3 * RANGES));
}

TEST_F(range, framing, .title = "ranges are put together however they lie in descriptors")
{
	struct mock_blk *b = &self->b;
	const struct mock_piece data[] = {
		{ GUEST_HIGH - 20, 5, false },
		{ GUEST_HOLE, 0, false },
		{ GUEST_HIGH - 15, 26, false },
		{ GUEST_HIGH + 11, 1, false },
	};
	struct mock_req req;

	/* Two of them, over the border of two regions. */
	put_range(b, GUEST_HIGH - 20, 0, 40, 2, 0);
	put_range(b, GUEST_HIGH - 20, 1, 42, 6, 0);
	req = mock_blk(&b->q, variant->type, 0, data, 4);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_TRUE(zero_sectors(b, 40, 8));
}

TEST_F(range, whole_disk,
       .title = "the last sectors, and a range of no sectors, which does nothing")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = one_range(b, variant->type, SECTORS - 5, 5, 0);

	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_TRUE(zero_sectors(b, SECTORS - 5, 5));
	req = one_range(b, variant->type, SECTORS, 0, 0);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_EQ(b->backing.calls[variant->call], 1);
	req = one_range(b, variant->type, 0, SECTORS, 0);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_TRUE(zero_sectors(b, 0, SECTORS));
}

TEST_F(range, out_of_range,
       .title = "D62 past capacity, over 2^64, over its limit: IOERR, untouched")
{
	const struct {
		uint64_t sector;
		uint32_t nr;
	} bad[] = {
		{ SECTORS, 1 },		 { SECTORS - 1, 2 },
		{ SECTORS + 1, 0 },	 { UINT64_MAX, 1 },
		{ UINT64_MAX - 7, 8 },	 { UINT64_MAX / 512 + 1, 8 },
		{ (1ULL << 55) - 1, 2 }, { 0, variant->max_sectors + 1 },
		{ 0, UINT32_MAX },
	};
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		req = one_range(b, variant->type, bad[i].sector, bad[i].nr, 0);
		EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
		/* Behind a good one: that isn't done either. */
		put_range(b, DATA, 0, 8, 8, 0);
		put_range(b, DATA, 1, bad[i].sector, bad[i].nr, 0);
		req = ranges(b, variant->type, 2);
		EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	}
	EXPECT_UNTOUCHED(b);
}

TEST(range_limit, .title = "a range of exactly its limit is done, one sector more is refused")
{
	const struct mock_blk_opts opts = { .size = 65ULL << 20 };
	struct mock_blk b;
	struct mock_req req;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, RANGE_FEATURES);
	req = one_range(&b, DISCARD, 1, 1 << 17, 0);
	EXPECT_ANSWER(&b, req, OK, "discards_completed+1");
	EXPECT_EQ(b.backing.last_off, 512);
	EXPECT_EQ(b.backing.last_len, 64 << 20);
	req = one_range(&b, DISCARD, 1, (1 << 17) + 1, 0);
	EXPECT_ANSWER(&b, req, IOERR, "io_errors+1");
	req = one_range(&b, ZEROES, 3, 1 << 13, 0);
	EXPECT_ANSWER(&b, req, OK, "write_zeroes_completed+1");
	EXPECT_EQ(b.backing.last_len, 4 << 20);
	req = one_range(&b, ZEROES, 3, (1 << 13) + 1, 0);
	EXPECT_ANSWER(&b, req, IOERR, "io_errors+1");
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_F(range, unknown_flags, .title = "a flag that isn't known: UNSUPP, no counter, nothing done")
{
	struct mock_blk *b = &self->b;

	for (unsigned int bit = 0; bit < 32; bit++) {
		struct mock_req req;

		if (variant->type == ZEROES && 1u << bit == UNMAP)
			continue;
		req = one_range(b, variant->type, 8, 8, 1u << bit);
		EXPECT_ANSWER(b, req, UNSUPP, "");
		/* Of the last range, beside one that is out of range. */
		put_range(b, DATA, 0, 8, 8, 0);
		put_range(b, DATA, 1, SECTORS, 8, 0);
		put_range(b, DATA, 2, 8, 8, 1u << bit);
		req = ranges(b, variant->type, 3);
		EXPECT_ANSWER(b, req, UNSUPP, "");
	}
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, unmap,
       .title = "unmap is for write zeroes, which passes it on; a discard may not have it")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = one_range(b, variant->type, 16, 8, UNMAP);

	if (variant->type == DISCARD) {
		EXPECT_ANSWER(b, req, UNSUPP, "");
		EXPECT_UNTOUCHED(b);
		return;
	}
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_TRUE(b->backing.last_unmap);
	req = one_range(b, ZEROES, 24, 8, 0);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_FALSE(b->backing.last_unmap);
	EXPECT_TRUE(zero_sectors(b, 16, 16));
}

TEST_F(range, shape, .title = "no data, odd lengths, too many ranges: IOERR before the throttle")
{
	static const uint32_t bad[] = { 1, 8, 15, 17, 31, 16 * RANGES + 1, 16 * (RANGES + 1), 512 };
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_blk(&b->q, variant->type, 0, NULL, 0);

	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	/* With a bucket that has nothing left they are answered just the same. */
	ASSERT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 1, 0 } }), 0);
	req = mock_flush(&b->q);
	EXPECT_ANSWER(b, req, OK, "flushes_completed+1");
	for (unsigned int i = 0; i < 2 * RANGES; i++)
		put_range(b, DATA, i, 8, 8, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct mock_piece data = { DATA, bad[i], false };

		req = mock_blk(&b->q, variant->type, 0, &data, 1);
		EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	}
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, too_many_pieces, .title = "too many ranges in small pieces: IOERR, and none is read")
{
	struct mock_piece data[RANGES + 1];
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (unsigned int i = 0; i <= RANGES; i++)
		data[i] = (struct mock_piece){ GUEST_HOLE, 16, false };
	req = mock_blk(&b->q, variant->type, 0, data, RANGES + 1);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, direction, .title = "D34 ranges in device-writable descriptors: IOERR")
{
	const struct mock_piece in[] = { { DATA, 16, true } };
	const struct mock_piece mixed[] = { { DATA, 8, false }, { DATA + 8, 8, true } };
	struct mock_blk *b = &self->b;
	struct mock_req req;

	put_range(b, DATA, 0, 8, 8, 0);
	req = mock_blk(&b->q, variant->type, 0, in, 1);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	req = mock_blk(&b->q, variant->type, 0, mixed, 2);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, beside_the_header, .title = "a range beside the header is not overlooked: IOERR")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_blk_header(&b->q, variant->type, 0);
	struct mock_piece piece[3] = {
		{ DATA, 32, false },
		{ DATA + 4096, 16, false },
		{ req.status, 1, true },
	};

	ASSERT_EQ(guest_mem_read(&b->g.mem, req.header, mock_ptr(&b->g, DATA, 16), 16), 0);
	put_range(b, DATA + 16, 0, 8, 8, 0);
	put_range(b, DATA + 4096, 0, 8, 8, 0);
	req.head = mock_chain(&b->q, piece, 3);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, unmapped, .title = "D65 ranges in memory that isn't there: IOERR")
{
	static const struct mock_piece bad[] = {
		{ GUEST_HOLE, 16, false },
		{ GUEST_HOLE - 8, 16, false },
		{ UINT64_MAX - 7, 16, false },
	};
	struct mock_blk *b = &self->b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_req req = mock_blk(&b->q, variant->type, 0, &bad[i], 1);

		EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	}
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, not_negotiated, .title = "D33 without its feature it's an unknown type: UNSUPP")
{
	const uint64_t own =
		FEAT(variant->type == DISCARD ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES);
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_blk_start(b, RANGE_FEATURES & ~own);
	req = one_range(b, variant->type, 8, 8, 0);
	EXPECT_ANSWER(b, req, UNSUPP, "");
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, read_only, .title = "D33 a read-only disk refuses: IOERR, nothing done")
{
	const struct mock_blk_opts opts = { .read_only = true };
	struct mock_blk b;
	struct mock_req req;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES | FEAT(VIRTIO_BLK_F_RO));
	req = one_range(&b, variant->type, 8, 8, 0);
	EXPECT_ANSWER(&b, req, IOERR, "io_errors+1");
	EXPECT_UNTOUCHED(&b);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_F(range, cost, .title = "D38 it costs one operation and no bytes, however much it covers")
{
	struct mock_blk *b = &self->b;
	struct throttle_state state;
	struct mock_req req;

	ASSERT_EQ(blk_set_limits(b->blk,
				 &(struct throttle_limits){ .ops = { 2, 0 }, .bytes = { 512, 0 } }),
		  0);
	/* This one leaves a debt of bytes. */
	req = mock_read(&b->q, 0, DATA + 4096, 65536);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 65537));
	mock_blk_changes(b);
	blk_limits(b->blk, &state);
	EXPECT_LT(state.bytes, 0);
	req = one_range(b, variant->type, 0, 4096, 0);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	/* No operation is left: this one stalls, unseen by the guest. */
	req = one_range(b, variant->type, 0, 8, 0);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), b->clock.now + IO_NSEC_PER_SEC / 2);
	b->clock.now = blk_deadline_ns(b->blk, 0);
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
	EXPECT_EQ(b->backing.calls[variant->call], 2);
}

TEST_F(range, changed_while_stalled, .title = "what is done is what was checked, once")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	ASSERT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 1, 0 } }), 0);
	req = mock_flush(&b->q);
	EXPECT_ANSWER(b, req, OK, "flushes_completed+1");
	req = one_range(b, variant->type, 8, 8, 0);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	/* The guest changes it meanwhile: the new one is checked. */
	put_range(b, DATA, 0, SECTORS, 8, 0);
	b->clock.now = blk_deadline_ns(b->blk, 0);
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, IOERR, 1));
	EXPECT_UNTOUCHED(b);
}

TEST_F(range, faults,
       .title = "D67 an error of the backing: IOERR, the rest is left, nothing counted")
{
	static const int64_t errors[] = { -EIO, -ENOSPC, -EOPNOTSUPP, -EINVAL };
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const unsigned int before = b->backing.calls[variant->call];

		for (unsigned int r = 0; r < 3; r++)
			put_range(b, DATA, r, 8 * r, 8, 0);
		mock_script(&b->backing, variant->call, INT64_MAX, 1);
		mock_script(&b->backing, variant->call, errors[i], 1);
		req = ranges(b, variant->type, 3);
		EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
		EXPECT_EQ(b->backing.calls[variant->call], before + 2);
	}
	req = one_range(b, variant->type, 0, 8, 0);
	EXPECT_ANSWER(b, req, OK, variant->counted);
}

TEST_F(range, interrupted, .title = "D68 EINTR is retried 16 times a request, over all its ranges")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	put_range(b, DATA, 0, 0, 8, 0);
	put_range(b, DATA, 1, 8, 8, 0);
	mock_script(&b->backing, variant->call, -EINTR, 8);
	mock_script(&b->backing, variant->call, INT64_MAX, 1);
	mock_script(&b->backing, variant->call, -EINTR, 8);
	mock_script(&b->backing, variant->call, INT64_MAX, 1);
	req = ranges(b, variant->type, 2);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_EQ(b->backing.calls[variant->call], 18);
	mock_script(&b->backing, variant->call, -EINTR, 17);
	req = ranges(b, variant->type, 2);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
	EXPECT_EQ(b->backing.calls[variant->call], 35);
}

TEST_F(range, write_through, .title = "it is stable when it completes if FLUSH wasn't negotiated")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = one_range(b, variant->type, 0, 8, 0);

	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 0);
	mock_blk_start(b, RANGE_FEATURES & ~FEAT(VIRTIO_BLK_F_FLUSH));
	req = one_range(b, variant->type, 0, 8, 0);
	EXPECT_ANSWER(b, req, OK, variant->counted);
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 1);
	mock_script(&b->backing, MOCK_FLUSH, -EIO, 1);
	req = one_range(b, variant->type, 0, 8, 0);
	EXPECT_ANSWER(b, req, IOERR, "io_errors+1");
}

static uint64_t rng_state;

static uint64_t pick(uint64_t n)
{
	rng_state = rng_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (rng_state >> 24) % n;
}

static uint64_t any_sector(void)
{
	switch (pick(4)) {
	case 0:
		return UINT64_MAX - pick(40);
	case 1:
		return SECTORS - 20 + pick(40);
	default:
		return pick(SECTORS);
	}
}

TEST(garbage, .title = "ranges that are nearly right, 3000 requests: never past the disk",
     .timeout_s = 120)
{
	const struct mock_blk_opts opts = { 0 };
	struct mock_blk b;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, RANGE_FEATURES);
	rng_state = 20;
	for (int round = 0; round < 3000; round++) {
		const uint32_t nr = (uint32_t)pick(RANGES + 2);
		const uint32_t type = pick(2) ? DISCARD : ZEROES;
		struct mock_req req;
		uint32_t id, len;

		for (uint32_t i = 0; i < nr; i++)
			put_range(&b, DATA, i, any_sector(),
				  (uint32_t)(pick(8) ? pick(64) : pick(1ULL << 32)),
				  pick(16) ? 0 : (uint32_t)pick(4));
		req = ranges(&b, type, nr);
		mock_blk_kick(&b);
		ASSERT_TRUE(mock_used(&b.q, &id, &len));
		ASSERT_EQ(len, 1);
		ASSERT_NE(mock_status(&b.q, &req), STATUS_UNTOUCHED);
	}
	EXPECT_GT(b.counters.discards_completed, 10);
	EXPECT_GT(b.counters.write_zeroes_completed, 10);
	EXPECT_GT(b.counters.io_errors, 10);
	EXPECT_EQ(b.counters.chains_dropped, 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
