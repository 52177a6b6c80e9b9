// SPDX-License-Identifier: GPL-2.0-only
/* What granted requests do, and what they count: D62 to D71, D101 to D103. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_blk.h"

#define OK	VIRTIO_BLK_S_OK
#define IOERR	VIRTIO_BLK_S_IOERR
#define DATA	MOCK_BLK_DATA
#define SECTORS (MOCK_DISK_SIZE / 512)

FIXTURE(io)
{
	struct mock_blk b;
};

FIXTURE_SETUP(io)
{
	const struct mock_blk_opts opts = { 0 };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, BLK_FEATURES);
}

FIXTURE_TEARDOWN(io)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

static uint8_t *guest_data(struct mock_blk *b, uint32_t len)
{
	return mock_ptr(&b->g, DATA, len);
}

/* Serves @req and expects this answer and these changes of the counters. */
#define EXPECT_ANSWER(b_, req_, status_, len_, changes_)                                           \
	do {                                                                                       \
		mock_blk_kick(b_);                                                                 \
		EXPECT_TRUE(mock_blk_expect(b_, &(req_), status_, len_));                          \
		EXPECT_STREQ(mock_blk_changes(b_), changes_);                                      \
	} while (0)

#define EXPECT_IOERR(b_, req_) EXPECT_ANSWER(b_, req_, IOERR, 1, "io_errors+1")

TEST_F(io, reads_what_is_there, .title = "a read brings the file's bytes from its sector on")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, 100, DATA, 8192);
	const uint8_t *data = guest_data(b, 8192);

	EXPECT_ANSWER(b, req, OK, 8193, "reads_completed+1 bytes_read+8192");
	for (uint64_t i = 0; i < 8192; i++)
		ASSERT_EQ(data[i], mock_byte(100 * 512 + i));
	EXPECT_EQ(b->backing.last_off, 100 * 512);
}

TEST_F(io, writes_where_it_should, .title = "a write changes its sectors and no others")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	memset(guest_data(b, 1024), 0x77, 1024);
	req = mock_write(&b->q, 9, DATA, 1024);
	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+1024");
	for (uint64_t off = 0; off < MOCK_DISK_SIZE; off++) {
		const bool written = off >= 9 * 512 && off < 11 * 512;

		ASSERT_EQ(b->backing.data[off], written ? 0x77 : mock_byte(off));
	}
}

TEST_F(io, range, .title = "D62 past capacity and over 2^64: IOERR, and the file never grows")
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ SECTORS, 512 },
		{ SECTORS - 1, 1024 },
		{ SECTORS + 1, 512 },
		{ 1ULL << 55, 512 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX / 512, 512 },
		{ UINT64_MAX / 512 + 1, 512 },
		{ (1ULL << 55) - 1, 1024 },
	};
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		req = mock_read(&b->q, bad[i].sector, DATA, bad[i].len);
		EXPECT_IOERR(b, req);
		req = mock_write(&b->q, bad[i].sector, DATA, bad[i].len);
		EXPECT_IOERR(b, req);
	}
	EXPECT_EQ(b->backing.calls[MOCK_READ] + b->backing.calls[MOCK_WRITE], 0);
	req = mock_read(&b->q, SECTORS - 1, DATA, 512);
	EXPECT_ANSWER(b, req, OK, 513, "reads_completed+1 bytes_read+512");
	req = mock_write(&b->q, SECTORS - 2, DATA, 1024);
	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+1024");
}

TEST_F(io, capacity_of_whole_sectors,
       .title = "D8 D62 capacity rounds down; the odd tail can't be reached")
{
	const struct mock_blk_opts opts = { .size = 10 * 512 + 300 };
	struct mock_blk b;
	struct mock_req req;

	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES);
	EXPECT_EQ(reg_read(b.m, VIRTIO_MMIO_CONFIG), 10);
	req = mock_read(&b.q, 10, DATA, 512);
	EXPECT_IOERR(&b, req);
	req = mock_read(&b.q, 9, DATA, 512);
	EXPECT_ANSWER(&b, req, OK, 513, "reads_completed+1 bytes_read+512");
	EXPECT_EQ(mock_blk_free(&b), 0);
}

TEST_F(io, one_vectored_call,
       .title = "D63 one vectored call on guest memory, empty segments skipped")
{
	const struct mock_piece parts[] = {
		{ DATA, 512, true },	     { DATA + 4096, 0, true }, { DATA + 8192, 1024, true },
		{ GUEST_HOLE, 0, true },     { 0x30000, 512, true },   { UINT64_MAX, 0, true },
		{ DATA + 65536, 512, true },
	};
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, parts, 7);

	EXPECT_ANSWER(b, req, OK, 2561, "reads_completed+1 bytes_read+2560");
	EXPECT_EQ(b->backing.calls[MOCK_READ], 1);
	EXPECT_EQ(b->backing.last_nr, 4);
	EXPECT_EQ(*(uint8_t *)mock_ptr(&b->g, 0x30000, 1), mock_byte(1536));
	EXPECT_EQ(*(uint8_t *)mock_ptr(&b->g, DATA + 65536, 1), mock_byte(2048));
}

TEST_F(io, many_segments, .title = "D63 seg_max segments in one call, written as they lie")
{
	struct mock_piece parts[128];
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (uint32_t i = 0; i < 128; i++) {
		parts[i] = (struct mock_piece){ DATA + 1024ULL * (127 - i), 512, false };
		memset(mock_ptr(&b->g, parts[i].addr, 512), (int)i, 512);
	}
	req = mock_blk(&b->q, VIRTIO_BLK_T_OUT, 3, parts, 128);
	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+65536");
	EXPECT_EQ(b->backing.calls[MOCK_WRITE], 1);
	for (uint32_t i = 0; i < 65536; i++)
		ASSERT_EQ(b->backing.data[3 * 512 + i], i / 512);
}

TEST_F(io, over_two_regions, .title = "D64 a segment over two regions becomes two iovecs")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, 0, GUEST_HIGH - 700, 1024);
	uint8_t got[1024];

	EXPECT_ANSWER(b, req, OK, 1025, "reads_completed+1 bytes_read+1024");
	EXPECT_EQ(b->backing.last_nr, 2);
	ASSERT_EQ(guest_mem_read(&b->g.mem, GUEST_HIGH - 700, got, 1024), 0);
	for (int i = 0; i < 1024; i++)
		ASSERT_EQ(got[i], mock_byte((uint64_t)i));
}

TEST_F(io, unmapped, .title = "D65 an unmapped segment: IOERR, the backing is not called")
{
	static const struct mock_piece bad[] = {
		{ GUEST_HOLE, 512, true },
		{ GUEST_HOLE - 100, 512, true },
		{ GUEST_BIG + GUEST_BIG_SIZE - 511, 512, true },
		{ UINT64_MAX - 100, 512, true },
		{ GUEST_BIG - 1, 512, true },
	};
	struct mock_blk *b = &self->b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct mock_piece parts[] = { { DATA, 512, true }, bad[i] };
		struct mock_req req = mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, parts, 2);
		struct mock_piece out = bad[i];

		EXPECT_IOERR(b, req);
		out.write = false;
		req = mock_blk(&b->q, VIRTIO_BLK_T_OUT, 0, &out, 1);
		EXPECT_IOERR(b, req);
	}
	EXPECT_EQ(b->backing.calls[MOCK_READ] + b->backing.calls[MOCK_WRITE], 0);
}

TEST_F(io, end_of_file,
       .title = "D66 a read over the end of the file: zeroes, OK, bytes_read the file's")
{
	struct mock_blk *b = &self->b;
	const uint8_t *data = guest_data(b, 2048);
	struct mock_req req;

	b->backing.file_size = 700;
	memset(guest_data(b, 2048), 0xcc, 2048);
	req = mock_read(&b->q, 0, DATA, 1024);
	EXPECT_ANSWER(b, req, OK, 1025, "reads_completed+1 bytes_read+700");
	for (uint32_t i = 0; i < 2048; i++)
		ASSERT_EQ(data[i], i < 700 ? mock_byte(i) : i < 1024 ? 0 : 0xcc);
	/* All of it beyond: a completion of 0 bytes. */
	memset(guest_data(b, 2048), 0xcc, 2048);
	req = mock_read(&b->q, 4, DATA, 512);
	EXPECT_ANSWER(b, req, OK, 513, "reads_completed+1");
	for (uint32_t i = 0; i < 512; i++)
		ASSERT_EQ(data[i], 0);
}

TEST_F(io, zeroes_over_segments,
       .title = "D66 the zeroes begin in the middle of a segment and fill the others")
{
	const struct mock_piece parts[] = { { DATA, 400, true },
					    { DATA + 4096, 600, true },
					    { GUEST_HIGH - 12, 24, true } };
	struct mock_blk *b = &self->b;
	struct mock_req req;
	uint8_t tail[24];

	memset(guest_data(b, 8192), 0xcc, 8192);
	memset(mock_ptr(&b->g, GUEST_HIGH - 12, 12), 0xcc, 12);
	memset(mock_ptr(&b->g, GUEST_HIGH, 12), 0xcc, 12);
	b->backing.file_size = 500;
	req = mock_blk(&b->q, VIRTIO_BLK_T_IN, 0, parts, 3);
	EXPECT_ANSWER(b, req, OK, 1025, "reads_completed+1 bytes_read+500");
	for (uint32_t i = 0; i < 600; i++)
		ASSERT_EQ(guest_data(b, 8192)[4096 + i], i < 100 ? mock_byte(400 + i) : 0);
	ASSERT_EQ(guest_mem_read(&b->g.mem, GUEST_HIGH - 12, tail, 24), 0);
	for (int i = 0; i < 24; i++)
		ASSERT_EQ(tail[i], 0);
}

TEST_F(io, short_read_then_error,
       .title = "D66 a short read with a medium error behind it is no end of file")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, 0, DATA, 4096);

	mock_script(&b->backing, MOCK_READ, 1024, 1);
	mock_script(&b->backing, MOCK_READ, -EIO, 1);
	EXPECT_IOERR(b, req);
	/* And one that goes on is all there. */
	mock_script(&b->backing, MOCK_READ, 1000, 3);
	req = mock_read(&b->q, 0, DATA, 4096);
	EXPECT_ANSWER(b, req, OK, 4097, "reads_completed+1 bytes_read+4096");
	for (uint32_t i = 0; i < 4096; i++)
		ASSERT_EQ(guest_data(b, 4096)[i], mock_byte(i));
}

TEST_F(io, short_write, .title = "D67 a short write continues with the rest")
{
	const struct mock_piece parts[] = { { DATA, 512, false }, { DATA + 4096, 1024, false } };
	struct mock_blk *b = &self->b;
	struct mock_req req;

	memset(mock_ptr(&b->g, DATA, 512), 1, 512);
	for (int i = 0; i < 1024; i++)
		*(uint8_t *)mock_ptr(&b->g, DATA + 4096 + (uint64_t)i, 1) = (uint8_t)(i * 7);
	mock_script(&b->backing, MOCK_WRITE, 100, 1);
	mock_script(&b->backing, MOCK_WRITE, 412, 1);
	mock_script(&b->backing, MOCK_WRITE, 1023, 1);
	req = mock_blk(&b->q, VIRTIO_BLK_T_OUT, 2, parts, 2);
	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+1536");
	EXPECT_EQ(b->backing.calls[MOCK_WRITE], 4);
	for (uint32_t i = 0; i < 1536; i++)
		ASSERT_EQ(b->backing.data[1024 + i], i < 512 ? 1 : (uint8_t)((i - 512) * 7));
}

TEST_F(io, write_errors,
       .title = "D67 no progress or an error: IOERR, and no completion is counted")
{
	static const int64_t bad[] = { 0, -EIO, -ENOSPC, -EAGAIN, -EFAULT };
	struct mock_blk *b = &self->b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_req req = mock_write(&b->q, 0, DATA, 1024);

		mock_script(&b->backing, MOCK_WRITE, bad[i], 1);
		EXPECT_IOERR(b, req);
		/* After a part as well. */
		req = mock_write(&b->q, 0, DATA, 1024);
		mock_script(&b->backing, MOCK_WRITE, 512, 1);
		mock_script(&b->backing, MOCK_WRITE, bad[i], 1);
		EXPECT_IOERR(b, req);
	}
}

TEST_F(io, read_errors, .title = "D67 a failed read: IOERR, and no completion is counted")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, 0, DATA, 1024);

	mock_script(&b->backing, MOCK_READ, -EIO, 1);
	EXPECT_IOERR(b, req);
}

TEST_F(io, interrupted, .title = "D68 EINTR is retried 16 times a request, not more")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_script(&b->backing, MOCK_READ, -EINTR, 16);
	req = mock_read(&b->q, 0, DATA, 512);
	EXPECT_ANSWER(b, req, OK, 513, "reads_completed+1 bytes_read+512");
	EXPECT_EQ(b->backing.calls[MOCK_READ], 17);
	mock_script(&b->backing, MOCK_READ, -EINTR, 17);
	req = mock_read(&b->q, 0, DATA, 512);
	EXPECT_IOERR(b, req);
	EXPECT_EQ(b->backing.calls[MOCK_READ], 34);

	/* The 16 are a request's, however many pieces it's done in. */
	for (int i = 0; i < 2; i++) {
		mock_script(&b->backing, MOCK_WRITE, -EINTR, 8);
		mock_script(&b->backing, MOCK_WRITE, 100, 1);
	}
	req = mock_write(&b->q, 0, DATA, 512);
	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+512");
	mock_script(&b->backing, MOCK_WRITE, -EINTR, 9);
	mock_script(&b->backing, MOCK_WRITE, 100, 1);
	mock_script(&b->backing, MOCK_WRITE, -EINTR, 8);
	req = mock_write(&b->q, 0, DATA, 512);
	EXPECT_IOERR(b, req);

	mock_script(&b->backing, MOCK_FLUSH, -EINTR, 16);
	req = mock_flush(&b->q);
	EXPECT_ANSWER(b, req, OK, 1, "flushes_completed+1");
	mock_script(&b->backing, MOCK_FLUSH, -EINTR, 17);
	req = mock_flush(&b->q);
	EXPECT_IOERR(b, req);
}

TEST_F(io, flush, .title = "D69 FLUSH flushes the backing; failure: IOERR + io_errors")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_flush(&b->q);

	EXPECT_ANSWER(b, req, OK, 1, "flushes_completed+1");
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 1);
	mock_script(&b->backing, MOCK_FLUSH, -EIO, 1);
	req = mock_flush(&b->q);
	EXPECT_IOERR(b, req);
	/* The sector of a flush means nothing. */
	req = mock_blk(&b->q, VIRTIO_BLK_T_FLUSH, UINT64_MAX, NULL, 0);
	EXPECT_ANSWER(b, req, OK, 1, "flushes_completed+1");
}

TEST_F(io, write_through, .title = "without FLUSH negotiated a completed write is stable")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_write(&b->q, 0, DATA, 512);

	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+512");
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 0);
	mock_blk_start(b, BLK_FEATURES & ~FEAT(VIRTIO_BLK_F_FLUSH));
	req = mock_write(&b->q, 0, DATA, 512);
	EXPECT_ANSWER(b, req, OK, 1, "writes_completed+1 bytes_written+512");
	EXPECT_EQ(b->backing.calls[MOCK_FLUSH], 1);
	mock_script(&b->backing, MOCK_FLUSH, -EIO, 1);
	req = mock_write(&b->q, 0, DATA, 512);
	EXPECT_IOERR(b, req);
}

TEST_F(io, get_id,
       .title = "D70 GET_ID: 20 bytes, NUL-padded, into a first descriptor of 20 or more")
{
	struct mock_blk *b = &self->b;
	struct mock_piece id[] = { { DATA, 20, true }, { DATA + 100, 20, true } };
	const char want[20] = "stallscope3";
	struct mock_req req;

	memset(guest_data(b, 64), 0xcc, 64);
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, id, 1);
	EXPECT_ANSWER(b, req, OK, 21, "");
	EXPECT_MEMEQ(guest_data(b, 20), want, 20);
	EXPECT_EQ(guest_data(b, 64)[20], 0xcc);
	id[0].len = 64;
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, id, 1);
	EXPECT_ANSWER(b, req, OK, 21, "");
	EXPECT_EQ(guest_data(b, 64)[20], 0xcc);
	id[0].len = 19;
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, id, 2);
	EXPECT_IOERR(b, req);
	id[0] = (struct mock_piece){ GUEST_HOLE - 10, 20, true };
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, id, 1);
	EXPECT_IOERR(b, req);
	EXPECT_EQ(b->backing.calls[MOCK_READ], 0);
}

TEST(serials, .title = "D70 a serial of 20 bytes has no NUL; a longer one is refused")
{
	struct mock_backing backing;
	struct blk_config config = { .backing = &backing.b, .manual = true };
	struct blk *blk;

	mock_backing_init(&backing, 4096);
	config.serial = "123456789012345678901";
	EXPECT_EQ(blk_create(&config, &blk), -EINVAL);
	config.serial = "12345678901234567890";
	ASSERT_EQ(blk_create(&config, &blk), 0);
	EXPECT_EQ(blk_destroy(blk), 0);
	config.serial = NULL;
	ASSERT_EQ(blk_create(&config, &blk), 0);
	EXPECT_EQ(blk_destroy(blk), 0);
	mock_backing_free(&backing);
}

TEST_F(io, all_faults_leave_it_working,
       .title = "D71 whatever the backing does, the next request works")
{
	struct mock_blk *b = &self->b;

	if (mock_backing_async)
		SKIP("what it replaces isn't what a queue calls");
	for (int err = 1; err < 134; err++) {
		struct mock_req req;

		if (err == EINTR)
			continue;
		req = mock_read(&b->q, 0, DATA, 512);
		b->backing.script_len[MOCK_READ] = b->backing.script_pos[MOCK_READ] = 0;
		mock_script(&b->backing, MOCK_READ, -err, 1);
		mock_blk_kick(b);
		ASSERT_TRUE(mock_blk_expect(b, &req, IOERR, 1));
		req = mock_read(&b->q, 0, DATA, 512);
		mock_blk_kick(b);
		ASSERT_TRUE(mock_blk_expect(b, &req, OK, 513));
	}
}

static ssize_t lying(struct backing *b, const struct iovec *iov, unsigned int nr, uint64_t off)
{
	(void)b, (void)iov, (void)nr, (void)off;
	return 1 << 20;
}

TEST_F(io, lying_backing, .title = "D71 a backing that claims more than was asked: IOERR")
{
	struct mock_blk *b = &self->b;
	struct backing_ops ops = *b->backing.b.ops;
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	if (mock_backing_async)
		SKIP("what it replaces isn't what a queue calls");
	ops.readv = ops.writev = lying;
	b->backing.b.ops = &ops;
	EXPECT_IOERR(b, req);
	req = mock_write(&b->q, 0, DATA, 512);
	EXPECT_IOERR(b, req);
}

/* --- counters --- */

TEST_F(io, counters_survive_resets,
       .title = "D101 the counters start at 0 and no reset zeroes them")
{
	struct mock_blk *b = &self->b;
	struct ss_blk_counters before, after, zero = { 0 };

	if (mock_backing_async)
		SKIP("a ring that breaks loses what is in flight");
	blk_snapshot(b->blk, &before);
	EXPECT_MEMEQ(&before, &zero, sizeof(zero));
	mock_read(&b->q, 0, DATA, 512);
	mock_write(&b->q, 0, DATA, 512);
	mock_flush(&b->q);
	mock_read(&b->q, 0, DATA, 100);
	mock_chain(&b->q, &(struct mock_piece){ 0x30000, 16, false }, 1);
	mock_avail(&b->q, 1000);
	mock_blk_kick(b);
	blk_snapshot(b->blk, &before);
	EXPECT_EQ(before.io_errors, 2);
	EXPECT_EQ(before.invalid_avail_idx_count, 1);
	EXPECT_EQ(before.chains_dropped, 1);
	for (int i = 0; i < 5; i++)
		mock_blk_start(b, BLK_FEATURES);
	blk_snapshot(b->blk, &after);
	EXPECT_MEMEQ(&after, &before, sizeof(before));
}

TEST_F(io, counters_are_the_callers,
       .title = "D101 the counters are the memory that the caller gave")
{
	struct mock_blk *b = &self->b;
	struct ss_blk_counters out;

	mock_read(&b->q, 0, DATA, 2048);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.reads_completed, 1);
	EXPECT_EQ(b->counters.bytes_read, 2048);
	b->counters.bytes_written = 77;
	blk_snapshot(b->blk, &out);
	EXPECT_EQ(out.bytes_written, 77);
}

TEST_F(io, two_errors,
       .title = "D102 one hostile request may count two io_errors, never a completion")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, SECTORS, DATA, 512);

	mock_desc(&b->q, (uint16_t)(req.head + 2), GUEST_HOLE, 1, VRING_DESC_F_WRITE, 0);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "io_errors+2 chains_dropped+1");
}

TEST_HARNESS_MAIN
