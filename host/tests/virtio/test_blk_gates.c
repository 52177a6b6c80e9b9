// SPDX-License-Identifier: GPL-2.0-only
/* The gates a block request passes before the throttle, D20 to D35. */
#include "ss_harness.h"

#include <string.h>

#include "mock_blk.h"

#define OK     VIRTIO_BLK_S_OK
#define IOERR  VIRTIO_BLK_S_IOERR
#define UNSUPP VIRTIO_BLK_S_UNSUPP
#define DATA   MOCK_BLK_DATA
#define MIB    (1u << 20)

FIXTURE(gate)
{
	struct mock_blk b;
};

/* Each test runs without limits, and with buckets that nothing may touch. */
FIXTURE_VARIANT(gate)
{
	struct throttle_limits limits;
};
FIXTURE_VARIANT_ADD(gate, unlimited){};
FIXTURE_VARIANT_ADD(gate, full_bucket){
	.limits = { .ops = { 1000000, 0 }, .bytes = { 1ULL << 40, 0 } },
};

FIXTURE_SETUP(gate)
{
	const struct mock_blk_opts opts = { .limits = variant->limits };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, BLK_FEATURES | FEAT(VIRTIO_RING_F_INDIRECT_DESC));
}

FIXTURE_TEARDOWN(gate)
{
	/* Whatever was refused, the file is as it was. */
	for (uint64_t off = 0; off < MOCK_DISK_SIZE && !self->b.backing.changes; off += 997)
		EXPECT_EQ(self->b.backing.data[off], mock_byte(off))
		{
			break;
		}
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

static unsigned int backing_calls(struct mock_blk *b)
{
	unsigned int n = 0;

	for (int i = 0; i < MOCK_CALLS; i++)
		n += b->backing.calls[i];
	return n;
}

/* The request must be answered with IOERR, and nothing else may have happened. */
#define EXPECT_REFUSED(b_, req_)                                                                   \
	do {                                                                                       \
		mock_blk_kick(b_);                                                                 \
		EXPECT_TRUE(mock_blk_expect(b_, req_, IOERR, 1));                                  \
		EXPECT_STREQ(mock_blk_changes(b_), "io_errors+1");                                 \
		EXPECT_EQ(backing_calls(b_), 0);                                                   \
		EXPECT_EQ(mock_blk_irqs(b_), 1);                                                   \
	} while (0)

#define EXPECT_DROPPED(b_, req_)                                                                   \
	do {                                                                                       \
		mock_blk_kick(b_);                                                                 \
		EXPECT_TRUE(mock_blk_nothing(b_, req_));                                           \
		EXPECT_STREQ(mock_blk_changes(b_), "io_errors+1 chains_dropped+1");                \
		EXPECT_EQ(backing_calls(b_), 0);                                                   \
		EXPECT_EQ(mock_blk_irqs(b_), 0);                                                   \
	} while (0)

/* A request made of free-hand pieces around a proper header and status. */
static struct mock_req freehand(struct mock_blk *b, uint32_t type, uint32_t header_len,
				bool header_write, const struct mock_piece *data, unsigned int nr,
				struct mock_piece status)
{
	struct mock_req req = mock_blk_header(&b->q, type, 0);
	struct mock_piece piece[16];

	piece[0] = (struct mock_piece){ req.header, header_len, header_write };
	memcpy(&piece[1], data, nr * sizeof(*data));
	piece[nr + 1] = status;
	if (!status.addr)
		piece[nr + 1].addr = req.status;
	req.head = mock_chain(&b->q, piece, nr + 2);
	return req;
}

static const struct mock_piece in512 = { DATA, 512, true };
static const struct mock_piece out512 = { DATA, 512, false };
static const struct mock_piece status1 = { 0, 1, true };

TEST_F(gate, not_ready, .title = "D20 a queue that isn't ready: nothing is read or written")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;
	uint8_t before[0x4000];

	mock_negotiate(b->m, BLK_FEATURES);
	mock_queue_init(&b->q, &b->g, 0, 256);
	mock_setup_queue(b->m, &b->q);
	reg_write(b->m, VIRTIO_MMIO_QUEUE_READY, 0);
	mock_driver_ok(b->m);
	req = mock_read(&b->q, 0, DATA, 512);
	memcpy(before, mock_ptr(&b->g, GUEST_RINGS, 0x4000), 0x4000);
	mock_blk_kick(b);
	EXPECT_MEMEQ(before, mock_ptr(&b->g, GUEST_RINGS, 0x4000), 0x4000);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_STREQ(mock_blk_changes(b), "");
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(backing_calls(b), 0);
}

TEST_F(gate, too_many_descriptors,
       .title = "D24 more than seg_max + 2 descriptors: the chain is dropped")
{
	struct mock_piece data[129];
	struct mock_req req;

	for (int i = 0; i < 129; i++)
		data[i] = in512;
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_IN, 0, data, 129);
	EXPECT_DROPPED(&self->b, &req);
	/* One fewer is fine. */
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_IN, 0, data, 128);
	mock_blk_kick(&self->b);
	EXPECT_TRUE(mock_blk_expect(&self->b, &req, OK, 128 * 512 + 1));
}

TEST_F(gate, status_is_the_last_byte,
       .title = "D25 the status is the last byte of the last descriptor")
{
	const struct mock_piece status = { 0x30000, 4, true };
	struct mock_req req = freehand(&self->b, VIRTIO_BLK_T_IN, 16, false, &in512, 1, status);
	const uint8_t *bytes = mock_ptr(&self->b.g, 0x30000, 4);

	memset(mock_ptr(&self->b.g, 0x30000, 4), STATUS_UNTOUCHED, 4);
	mock_blk_kick(&self->b);
	EXPECT_EQ(mock_blk_done(&self->b, &req), 513);
	EXPECT_EQ(bytes[3], OK);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(bytes[i], STATUS_UNTOUCHED);
}

TEST_F(gate, status_over_a_border, .title = "D25 a status descriptor that ends in the next region")
{
	const struct mock_piece status = { GUEST_HIGH - 2, 3, true };
	struct mock_req req = freehand(&self->b, VIRTIO_BLK_T_IN, 16, false, &in512, 1, status);

	*(uint8_t *)mock_ptr(&self->b.g, GUEST_HIGH, 1) = STATUS_UNTOUCHED;
	mock_blk_kick(&self->b);
	EXPECT_EQ(mock_blk_done(&self->b, &req), 513);
	EXPECT_EQ(*(uint8_t *)mock_ptr(&self->b.g, GUEST_HIGH, 1), OK);
}

TEST_F(gate, no_status, .title = "D26 no valid status descriptor: the chain is dropped")
{
	static const struct mock_piece bad[] = {
		{ 0, 1, false },	     /* device-readable */
		{ 0x30000, 0, true },	     /* empty */
		{ UINT64_MAX - 1, 4, true }, /* wraps */
		{ UINT64_MAX, 2, true },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_req req =
			freehand(&self->b, VIRTIO_BLK_T_IN, 16, false, &in512, 1, bad[i]);

		EXPECT_DROPPED(&self->b, &req);
	}
}

TEST_F(gate, only_a_header, .title = "D26 a chain of a header alone is dropped")
{
	struct mock_req req = mock_blk_header(&self->b.q, VIRTIO_BLK_T_IN, 0);
	const struct mock_piece piece = { req.header, 16, false };

	req.head = mock_chain(&self->b.q, &piece, 1);
	EXPECT_DROPPED(&self->b, &req);
}

TEST_F(gate, only_a_status, .title = "D27 a chain of a status alone: IOERR")
{
	struct mock_req req = mock_blk_header(&self->b.q, VIRTIO_BLK_T_IN, 0);
	const struct mock_piece piece = { req.status, 1, true };

	req.head = mock_chain(&self->b.q, &piece, 1);
	EXPECT_REFUSED(&self->b, &req);
}

TEST_F(gate, header_writable, .title = "D27 a device-writable first descriptor: IOERR, used.len 1")
{
	struct mock_req req = freehand(&self->b, VIRTIO_BLK_T_IN, 16, true, &in512, 1, status1);

	EXPECT_REFUSED(&self->b, &req);
}

TEST_F(gate, header_short, .title = "D27 a first descriptor shorter than 16 bytes: IOERR")
{
	for (uint32_t len = 0; len < 16; len++) {
		struct mock_req req =
			freehand(&self->b, VIRTIO_BLK_T_IN, len, false, &in512, 1, status1);

		EXPECT_REFUSED(&self->b, &req);
	}
}

TEST_F(gate, header_not_stitched, .title = "D27 a header in two descriptors is not put together")
{
	struct mock_req req = mock_blk_header(&self->b.q, VIRTIO_BLK_T_IN, 0);
	const struct mock_piece piece[] = {
		{ req.header, 8, false },
		{ req.header + 8, 8, false },
		in512,
		{ req.status, 1, true },
	};

	req.head = mock_chain(&self->b.q, piece, 4);
	EXPECT_REFUSED(&self->b, &req);
}

TEST_F(gate, header_unreadable, .title = "D28 a header that can't be read: IOERR")
{
	static const uint64_t bad[] = { GUEST_HOLE, GUEST_HOLE - 8, UINT64_MAX - 7,
					GUEST_BIG + GUEST_BIG_SIZE - 15 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_req req = mock_blk_header(&self->b.q, VIRTIO_BLK_T_IN, 0);
		const struct mock_piece piece[] = { { bad[i], 16, false },
						    in512,
						    { req.status, 1, true } };

		req.head = mock_chain(&self->b.q, piece, 3);
		EXPECT_REFUSED(&self->b, &req);
	}
}

TEST_F(gate, header_over_a_border, .title = "D28 a header that spans two regions is read")
{
	const struct virtio_blk_outhdr hdr = { .type = VIRTIO_BLK_T_IN, .sector = 5 };
	struct mock_req req = mock_blk_header(&self->b.q, VIRTIO_BLK_T_IN, 0);
	const struct mock_piece piece[] = { { GUEST_HIGH - 5, 16, false },
					    in512,
					    { req.status, 1, true } };

	ASSERT_EQ(guest_mem_write(&self->b.g.mem, GUEST_HIGH - 5, &hdr, 16), 0);
	req.head = mock_chain(&self->b.q, piece, 3);
	mock_blk_kick(&self->b);
	EXPECT_TRUE(mock_blk_expect(&self->b, &req, OK, 513));
	EXPECT_EQ(self->b.backing.last_off, 5 * 512);
}

TEST_F(gate, segment_too_long, .title = "D29 a data descriptor longer than size_max: IOERR")
{
	static const uint32_t bad[] = { MIB + 1, MIB + 512, 0x80000000, 0xffffffff, 0xfffffe00 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_req in = mock_read(&self->b.q, 0, DATA, bad[i]);

		EXPECT_REFUSED(&self->b, &in);
		in = mock_write(&self->b.q, 0, DATA, bad[i]);
		EXPECT_REFUSED(&self->b, &in);
	}
	/* Not even if the sum is one of whole sectors. */
	const struct mock_piece parts[] = { { DATA, MIB + 1, true }, { DATA, 511, true } };
	struct mock_req two = mock_blk(&self->b.q, VIRTIO_BLK_T_IN, 0, parts, 2);

	EXPECT_REFUSED(&self->b, &two);
	/* Also for a type that is unknown: the length is looked at first. */
	struct mock_req odd =
		mock_blk(&self->b.q, 77, 0, &(struct mock_piece){ DATA, MIB + 512, true }, 1);

	EXPECT_REFUSED(&self->b, &odd);
	struct mock_req good = mock_read(&self->b.q, 0, DATA, MIB);

	mock_blk_kick(&self->b);
	EXPECT_TRUE(mock_blk_expect(&self->b, &good, OK, MIB + 1));
}

TEST_F(gate, no_data, .title = "D30 IN, OUT and GET_ID without data: IOERR")
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_GET_ID };
	static const struct mock_piece empty[] = { { DATA, 0, true }, { DATA, 0, false } };

	for (int i = 0; i < 3; i++) {
		struct mock_req req = mock_blk(&self->b.q, types[i], 0, NULL, 0);

		EXPECT_REFUSED(&self->b, &req);
		req = mock_blk(&self->b.q, types[i], 0, empty, 2);
		EXPECT_REFUSED(&self->b, &req);
	}
}

TEST_F(gate, flush_with_data, .title = "D31 FLUSH with data: IOERR")
{
	struct mock_req req = mock_blk(&self->b.q, VIRTIO_BLK_T_FLUSH, 0, &in512, 1);

	EXPECT_REFUSED(&self->b, &req);
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_FLUSH, 0, &out512, 1);
	EXPECT_REFUSED(&self->b, &req);
}

TEST_F(gate, not_whole_sectors, .title = "D32 data that isn't a multiple of 512: IOERR")
{
	static const uint32_t bad[] = { 1, 511, 513, 1000, MIB - 1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_req req = mock_read(&self->b.q, 0, DATA, bad[i]);

		EXPECT_REFUSED(&self->b, &req);
		req = mock_write(&self->b.q, 0, DATA, bad[i]);
		EXPECT_REFUSED(&self->b, &req);
	}
	/* It's the sum that counts. */
	const struct mock_piece parts[] = { { DATA, 500, true }, { DATA + 4096, 12, true } };
	struct mock_req req = mock_blk(&self->b.q, VIRTIO_BLK_T_IN, 0, parts, 2);

	mock_blk_kick(&self->b);
	EXPECT_TRUE(mock_blk_expect(&self->b, &req, OK, 513));
}

TEST_F(gate, unknown_type, .title = "D33 an unknown type: UNSUPP, and no counter moves")
{
	static const uint32_t types[] = { 2, 3, 5, 7, 77, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct mock_req req = mock_blk(&self->b.q, types[i], 0, &in512, i % 2);

		mock_blk_kick(&self->b);
		EXPECT_TRUE(mock_blk_expect(&self->b, &req, UNSUPP, 1));
		EXPECT_STREQ(mock_blk_changes(&self->b), "");
		EXPECT_EQ(mock_blk_irqs(&self->b), 1);
	}
	EXPECT_EQ(backing_calls(&self->b), 0);
}

TEST_F(gate, wrong_direction, .title = "D34 data of the wrong direction: IOERR, nothing is moved")
{
	const struct mock_piece mixed_in[] = { in512, out512 };
	const struct mock_piece mixed_out[] = { out512, in512 };
	struct mock_req req;
	uint8_t *data = mock_ptr(&self->b.g, DATA, 512);

	memset(data, 0x5a, 512);
	req = mock_read(&self->b.q, 0, DATA, 512);
	mock_desc(&self->b.q, req.head + 1, DATA, 512, VRING_DESC_F_NEXT, req.head + 2);
	EXPECT_REFUSED(&self->b, &req);
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_OUT, 0, &in512, 1);
	EXPECT_REFUSED(&self->b, &req);
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_IN, 0, mixed_in, 2);
	EXPECT_REFUSED(&self->b, &req);
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_OUT, 0, mixed_out, 2);
	EXPECT_REFUSED(&self->b, &req);
	req = mock_blk(&self->b.q, VIRTIO_BLK_T_GET_ID, 0, &out512, 1);
	EXPECT_REFUSED(&self->b, &req);
	for (int i = 0; i < 512; i++)
		ASSERT_EQ(data[i], 0x5a);
}

TEST_F(gate, data_beside,
       .title = "a sector beside header or status is refused, not left out in silence")
{
	const struct mock_piece long_status = { DATA + 8192, 513, true };
	struct mock_req req;

	req = freehand(&self->b, VIRTIO_BLK_T_OUT, 16 + 512, false, &out512, 1, status1);
	EXPECT_REFUSED(&self->b, &req);
	req = freehand(&self->b, VIRTIO_BLK_T_IN, 16, false, &in512, 1, long_status);
	mock_blk_kick(&self->b);
	EXPECT_EQ(mock_blk_done(&self->b, &req), 1);
	EXPECT_EQ(*(uint8_t *)mock_ptr(&self->b.g, DATA + 8192 + 512, 1), IOERR);
	EXPECT_EQ(backing_calls(&self->b), 0);
	/* What is longer for no reason is fine. */
	req = freehand(&self->b, VIRTIO_BLK_T_IN, 64, false, &in512, 1, status1);
	mock_blk_kick(&self->b);
	EXPECT_TRUE(mock_blk_expect(&self->b, &req, OK, 513));
}

/* --- read-only, no capacity, empty buckets: disks of their own --- */

TEST(read_only, .title = "D33 read-only: OUT is IOERR, FLUSH OK and counted, GET_ID works")
{
	const struct mock_blk_opts opts = { .read_only = true };
	const struct mock_piece id = { DATA, 20, true };
	struct mock_blk b;
	struct mock_req req;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES | FEAT(VIRTIO_BLK_F_RO));
	req = mock_write(&b.q, 0, DATA, 512);
	EXPECT_REFUSED(&b, &req);
	req = mock_flush(&b.q);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 1));
	EXPECT_STREQ(mock_blk_changes(&b), "flushes_completed+1");
	req = mock_blk(&b.q, VIRTIO_BLK_T_GET_ID, 0, &id, 1);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 21));
	EXPECT_STREQ(mock_ptr(&b.g, DATA, 20), "stallscope3");
	req = mock_read(&b.q, 0, DATA, 512);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	EXPECT_EQ(b.backing.changes, 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(no_capacity, .title = "D8 a backing under one sector: capacity 0, every request IOERR")
{
	const struct mock_blk_opts opts[] = { { .size = 511 }, { .empty = true } };

	for (int i = 0; i < 2; i++) {
		static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
						  VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, 77 };
		struct mock_blk b;

		ASSERT_EQ(mock_blk_init(&b, &opts[i]), 0);
		mock_blk_start(&b, BLK_FEATURES);
		EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_CONFIG), 0);
		EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_CONFIG + 4), 0);
		for (int t = 0; t < 5; t++) {
			struct mock_req req = mock_blk(&b.q, types[t], 0, &in512, t != 2);

			EXPECT_REFUSED(&b, &req);
		}
		EXPECT_EQ(mock_blk_free(&b), 0);
	}
}

/* One request of each kind that D24 to D34 reject. */
static unsigned int make_rejects(struct mock_blk *b)
{
	const struct mock_piece long_seg = { DATA, 1u << 30, true };
	const struct mock_piece bad_status = { 0x30000, 0, true };
	const struct mock_piece odd = { DATA, 100, true };

	freehand(b, VIRTIO_BLK_T_IN, 16, false, &in512, 1, bad_status);
	freehand(b, VIRTIO_BLK_T_IN, 16, true, &in512, 1, status1);
	freehand(b, VIRTIO_BLK_T_IN, 15, false, &in512, 1, status1);
	mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, &long_seg, 1);
	mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, NULL, 0);
	mock_blk(&b->q, VIRTIO_BLK_T_FLUSH, 0, &in512, 1);
	mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, &odd, 1);
	mock_blk(&b->q, 99, 0, &in512, 1);
	mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, &out512, 1);
	return 9;
}

TEST(rejects_with_empty_buckets, .title = "D35 what is rejected needs no token: empty buckets")
{
	const struct mock_blk_opts opts = { .limits = { .ops = { 1, 0 }, .bytes = { 512, 0 } } };
	struct mock_blk b;
	struct mock_req req;
	unsigned int nr;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES);
	req = mock_read(&b.q, 0, DATA, 512);
	nr = make_rejects(&b);
	mock_blk_kick(&b);
	EXPECT_TRUE(mock_blk_expect(&b, &req, OK, 513));
	/* All but the dropped one were answered, though the buckets are empty. */
	EXPECT_EQ(mock_used_idx(&b.q), nr);
	EXPECT_EQ(b.counters.throttled_count, 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST(rejects_leave_buckets, .title = "D35 what is rejected takes no token: full buckets")
{
	const struct mock_blk_opts opts = { .limits = { .ops = { 1, 0 }, .bytes = { 512, 0 } } };
	struct mock_blk b;
	struct mock_req req;
	unsigned int nr;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES);
	nr = make_rejects(&b);
	req = mock_read(&b.q, 0, DATA, 512);
	mock_blk_kick(&b);
	EXPECT_EQ(mock_used_idx(&b.q), nr);
	EXPECT_EQ(mock_status(&b.q, &req), OK);
	EXPECT_EQ(b.counters.throttled_count, 0);
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_HARNESS_MAIN
