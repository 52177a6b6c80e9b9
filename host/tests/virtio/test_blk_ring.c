// SPDX-License-Identifier: GPL-2.0-only
/* Publishing, interrupts and poison: D22, D23 and D48 to D61, through the device. */
#include "ss_harness.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "mock_blk.h"

#define OK	  VIRTIO_BLK_S_OK
#define IOERR	  VIRTIO_BLK_S_IOERR
#define DATA	  MOCK_BLK_DATA
#define EVENT_IDX FEAT(VIRTIO_RING_F_EVENT_IDX)
#define RUNNING	  0xf
#define POISONED  (RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET)

FIXTURE(ring)
{
	struct mock_blk b;
};

FIXTURE_SETUP(ring)
{
	const struct mock_blk_opts opts = { 0 };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, BLK_FEATURES);
}

FIXTURE_TEARDOWN(ring)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

/* --- the bracket --- */

/* A backing whose first read makes the guest add another request. */
static struct mock_blk *late_guest;
static struct mock_req late_req;
static const struct backing_ops *real_ops;
static uint16_t flags_during;

static ssize_t adding_readv(struct backing *b, const struct iovec *iov, unsigned int nr,
			    uint64_t off)
{
	flags_during = mock_used_flags(&late_guest->q);
	if (late_guest->backing.calls[MOCK_READ] == 0)
		late_req = mock_read(&late_guest->q, 1, DATA, 512);
	return real_ops->readv(b, iov, nr, off);
}

TEST_F(ring, bracket, .title = "D22 notifications are off during the drain, on after it")
{
	struct mock_blk *b = &self->b;
	struct backing_ops ops = *b->backing.b.ops;
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	late_guest = b;
	real_ops = b->backing.b.ops;
	ops.readv = adding_readv;
	b->backing.b.ops = &ops;
	mock_blk_kick(b);
	b->backing.b.ops = real_ops;
	EXPECT_EQ(flags_during, VRING_USED_F_NO_NOTIFY);
	EXPECT_EQ(mock_used_flags(&b->q), 0);
	/* What came meanwhile is drained by the same kick, with one interrupt. */
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &late_req, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

/* A guest that makes the same request again and again, while a slow backing reads. */
static unsigned int repeats;

static ssize_t repeating_readv(struct backing *b, const struct iovec *iov, unsigned int nr,
			       uint64_t off)
{
	late_guest->clock.now += 50000;
	if (repeats) {
		repeats--;
		mock_avail(&late_guest->q, late_req.head);
	}
	return real_ops->readv(b, iov, nr, off);
}

TEST_F(ring, turn, .title = "D84 a guest that never stops leaves the worker's loop its turn")
{
	struct mock_blk *b = &self->b;
	struct backing_ops ops = *b->backing.b.ops;

	late_guest = b;
	late_req = mock_read(&b->q, 0, DATA, 512);
	repeats = 600;
	real_ops = b->backing.b.ops;
	ops.readv = repeating_readv;
	b->backing.b.ops = &ops;
	/* A ring's worth, and back, though the guest was told of each. */
	blk_drain_queue(b->blk, 0);
	EXPECT_EQ(mock_used_idx(&b->q), 256);
	EXPECT_EQ(mock_used_flags(&b->q), VRING_USED_F_NO_NOTIFY);
	/* What is left isn't: no kick will come for it. */
	mock_blk_kick(b);
	EXPECT_EQ(mock_used_idx(&b->q), 601);
	EXPECT_EQ(mock_used_flags(&b->q), 0);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
	b->backing.b.ops = real_ops;
}

/*
 * The moment between "the ring is empty" and "notifications are on" can't be
 * reached by a call. So the used ring's page is made read-only in time, and the
 * device's write of the flags runs into this handler.
 */
static void add_in_handler(int sig)
{
	(void)sig;
	mprotect(mock_ptr(&late_guest->g, late_guest->q.used, 4096), 4096, PROT_READ | PROT_WRITE);
	late_req = mock_read(&late_guest->q, 1, DATA, 512);
}

static ssize_t protecting_readv(struct backing *b, const struct iovec *iov, unsigned int nr,
				uint64_t off)
{
	if (late_guest->backing.calls[MOCK_READ] == 0)
		mprotect(mock_ptr(&late_guest->g, late_guest->q.used, 4096), 4096, PROT_READ);
	return real_ops->readv(b, iov, nr, off);
}

TEST_F(ring, work_while_enabling,
       .title = "D22 work that comes while notifications are enabled is found")
{
	struct mock_blk *b = &self->b;
	struct backing_ops ops = *b->backing.b.ops;
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	/* Not to be published, so that the flags are the used ring's next write. */
	mock_desc(&b->q, (uint16_t)(req.head + 2), GUEST_HOLE, 1, VRING_DESC_F_WRITE, 0);
	late_guest = b;
	late_req.head = 0xffff;
	real_ops = b->backing.b.ops;
	ops.readv = protecting_readv;
	b->backing.b.ops = &ops;
	signal(SIGSEGV, add_in_handler);
	mock_blk_kick(b);
	signal(SIGSEGV, SIG_DFL);
	b->backing.b.ops = real_ops;
	ASSERT_NE(late_req.head, 0xffff);
	EXPECT_TRUE(mock_blk_expect(b, &late_req, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

TEST_F(ring, enable_fails,
       .title = "D22 enabling fails: a clean stop, and what was published is signalled")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	/* The used ring's elements are mapped, its avail_event lies in the hole. */
	mock_negotiate(b->m, BLK_FEATURES | EVENT_IDX);
	mock_queue_init(&b->q, &b->g, 0, 4);
	b->q.used = GUEST_HOLE - 4 - 8 * 4;
	memset(mock_ptr(&b->g, b->q.used, 36), 0, 36);
	mock_setup_queue(b->m, &b->q);
	mock_driver_ok(b->m);
	mock_set_used_event(&b->q, 0);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(mock_blk_status(b), RUNNING);
}

TEST_F(ring, ring_full_of_work, .title = "D22 256 requests at once are one drain")
{
	struct mock_blk *b = &self->b;

	struct mock_req req = mock_blk_header(&b->q, VIRTIO_BLK_T_FLUSH, 0);

	/* 256 heads, each a flush: they share one descriptor for the status. */
	mock_desc(&b->q, 255, req.status, 1, VRING_DESC_F_WRITE, 0);
	for (uint16_t i = 0; i < 255; i++) {
		mock_desc(&b->q, i, req.header, 16, VRING_DESC_F_NEXT, 255);
		mock_avail(&b->q, i);
	}
	mock_avail(&b->q, 0);
	mock_blk_kick(b);
	EXPECT_EQ(mock_used_idx(&b->q), 256);
	EXPECT_STREQ(mock_blk_changes(b), "flushes_completed+256");
	EXPECT_EQ(mock_blk_irqs(b), 1);
	/* And the queue isn't left without notifications. */
	blk_step(b->blk, 0);
	EXPECT_EQ(mock_used_flags(&b->q), 0);
	EXPECT_EQ(mock_blk_irqs(b), 0);
}

/* --- publishing --- */

TEST_F(ring, status_write_fails, .title = "D48 no used element without a status byte")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);
	struct mock_req good;

	mock_desc(&b->q, (uint16_t)(req.head + 2), GUEST_HOLE, 1, VRING_DESC_F_WRITE, 0);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(mock_blk_irqs(b), 0);
	/* D49: in addition to what the request recorded. */
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 bytes_read+512 io_errors+1 chains_dropped+1");
	good = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &good, OK, 513));
}

TEST_F(ring, rejected_status_write_fails,
       .title = "D49 a failed status write counts on top of the error")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_read(&b->q, 0, DATA, 100);

	mock_desc(&b->q, (uint16_t)(req.head + 2), UINT64_MAX, 1, VRING_DESC_F_WRITE, 0);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_STREQ(mock_blk_changes(b), "io_errors+2 chains_dropped+1");
}

TEST_F(ring, used_write_fails,
       .title = "D49 a failed used-ring write: io_errors + 1, the chain is counted")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	mock_negotiate(b->m, BLK_FEATURES);
	mock_queue_init(&b->q, &b->g, 0, 256);
	b->q.used = GUEST_HOLE;
	mock_setup_queue(b->m, &b->q);
	mock_driver_ok(b->m);
	req = mock_write(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(mock_status(&b->q, &req), OK);
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), 0);
	EXPECT_STREQ(mock_blk_changes(b),
		     "writes_completed+1 bytes_written+512 io_errors+1 chains_dropped+1");
}

TEST_F(ring, used_lengths, .title = "D50 used.len: data + 1 for a read, 21 for GET_ID, else 1")
{
	const struct mock_piece id = { DATA, 20, true };
	struct mock_blk *b = &self->b;
	struct mock_req req;

	req = mock_read(&b->q, 0, DATA, 4096);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 4097));
	req = mock_write(&b->q, 0, DATA, 4096);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
	req = mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, &id, 1);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 21));
	req = mock_read(&b->q, UINT64_MAX, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, IOERR, 1));
	/* Zero padding counts as data: a file cut off after 100 bytes. */
	b->backing.file_size = 100;
	req = mock_read(&b->q, 0, DATA, 1024);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1025));
}

TEST_F(ring, success_moves_no_error, .title = "D51 a success moves no error counter")
{
	struct mock_blk *b = &self->b;

	mock_read(&b->q, 0, DATA, 4096);
	mock_write(&b->q, 0, DATA, 512);
	mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "reads_completed+1 writes_completed+1 "
					  "flushes_completed+1 bytes_read+4096 bytes_written+512");
}

/* --- interrupts --- */

TEST_F(ring, bit_without_interrupt,
       .title = "D52 a publish sets the used-buffer bit, interrupt or not")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, BLK_FEATURES | EVENT_IDX);
	mock_set_used_event(&b->q, 100);
	mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_EQ(mock_used_idx(&b->q), 1);
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_VRING);
}

TEST_F(ring, nothing_published, .title = "D53 a drain that publishes nothing: no bit, no interrupt")
{
	struct mock_blk *b = &self->b;

	mock_blk_kick(b);
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), 0);
	mock_chain(&b->q, &(struct mock_piece){ 0x30000, 16, false }, 1);
	mock_blk_kick(b);
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), 0);
}

TEST_F(ring, one_write_a_drain, .title = "D54 one irqfd write for many completions")
{
	struct mock_blk *b = &self->b;

	for (int i = 0; i < 50; i++)
		mock_read(&b->q, (uint64_t)i, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(mock_used_idx(&b->q), 50);
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

TEST_F(ring, event_crossed,
       .title = "D55 EVENT_IDX: a crossed threshold fires, an uncrossed one doesn't")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, BLK_FEATURES | EVENT_IDX);
	mock_set_used_event(&b->q, 2);
	for (uint64_t done = 1; done <= 5; done++) {
		mock_flush(&b->q);
		mock_blk_kick(b);
		EXPECT_EQ(mock_blk_irqs(b), done == 3);
	}
	mock_set_used_event(&b->q, 7);
	for (int i = 0; i < 10; i++)
		mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_EQ(mock_blk_irqs(b), 1);
	mock_set_used_event(&b->q, 15);
	mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

TEST_F(ring, event_over_the_wrap, .title = "D55 EVENT_IDX: as Linux's driver asks, over 2^16")
{
	struct mock_blk *b = &self->b;

	/* The driver always wants to hear of the next element. */
	mock_blk_start(b, BLK_FEATURES | EVENT_IDX);
	for (int i = 0; i < 65600; i++) {
		struct mock_req req = mock_flush(&b->q);

		mock_set_used_event(&b->q, b->q.used_idx);
		mock_blk_kick(b);
		ASSERT_EQ(mock_blk_done(b, &req), 1);
		ASSERT_EQ(mock_blk_irqs(b), 1);
		ASSERT_EQ(mock_avail_event(&b->q), b->q.avail_idx);
	}
}

TEST_F(ring, every_drain_fires, .title = "D56 without EVENT_IDX every publishing drain fires")
{
	struct mock_blk *b = &self->b;

	for (int i = 0; i < 5; i++) {
		mock_set_used_event(&b->q, 1000);
		mock_flush(&b->q);
		mock_blk_kick(b);
		EXPECT_EQ(mock_blk_irqs(b), 1);
	}
}

TEST_F(ring, errors_pass_the_gate, .title = "D57 error completions pass through the same gate")
{
	struct mock_blk *b = &self->b;

	mock_blk_start(b, BLK_FEATURES | EVENT_IDX);
	mock_set_used_event(&b->q, 1);
	mock_read(&b->q, 0, DATA, 100);
	mock_blk_kick(b);
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_VRING);
	mock_read(&b->q, 0, DATA, 100);
	mock_blk_kick(b);
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

/* --- poison --- */

TEST_F(ring, poison,
       .title = "D58 avail.idx too far ahead: counter, NEEDS_RESET, config bit, one interrupt")
{
	struct mock_blk *b = &self->b;

	mock_set_avail_idx(&b->q, 257);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "invalid_avail_idx_count+1");
	EXPECT_EQ(mock_blk_status(b), POISONED);
	EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(mock_blk_irqs(b), 1);
	/* Notifications stay off. */
	EXPECT_EQ(mock_used_flags(&b->q), VRING_USED_F_NO_NOTIFY);
}

TEST_F(ring, poison_after_work,
       .title = "D23 a bad index behind good chains is not swallowed; one interrupt")
{
	struct mock_blk *b = &self->b;
	struct mock_req req = mock_flush(&b->q);

	/* A head outside the table, behind a good request. */
	mock_avail(&b->q, 256);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
	EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_EQ(mock_blk_status(b), POISONED);
	EXPECT_STREQ(mock_blk_changes(b), "flushes_completed+1 invalid_avail_idx_count+1");
}

static ssize_t breaking_readv(struct backing *b, const struct iovec *iov, unsigned int nr,
			      uint64_t off)
{
	mock_set_avail_idx(&late_guest->q, 5000);
	return real_ops->readv(b, iov, nr, off);
}

TEST_F(ring, poison_found_when_enabling,
       .title = "D23 a bad index found when notifications are enabled again")
{
	struct mock_blk *b = &self->b;
	struct backing_ops ops = *b->backing.b.ops;
	struct mock_req req = mock_read(&b->q, 0, DATA, 512);

	late_guest = b;
	real_ops = b->backing.b.ops;
	ops.readv = breaking_readv;
	b->backing.b.ops = &ops;
	mock_blk_kick(b);
	b->backing.b.ops = real_ops;
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(mock_blk_status(b), POISONED);
	EXPECT_EQ(b->counters.invalid_avail_idx_count, 1);
	EXPECT_EQ(mock_blk_irqs(b), 1);
}

TEST_F(ring, poisoned_is_untouched,
       .title = "D21 D59 a poisoned queue: kicks touch nothing and say nothing")
{
	struct mock_blk *b = &self->b;
	uint8_t before[0x4000];

	mock_set_avail_idx(&b->q, 300);
	mock_blk_kick(b);
	mock_blk_irqs(b);
	mock_blk_changes(b);
	reg_write(b->m, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	/* The ring is mended, and work is in it: too late. */
	mock_set_avail_idx(&b->q, 0);
	mock_read(&b->q, 0, DATA, 512);
	memcpy(before, mock_ptr(&b->g, GUEST_RINGS, 0x4000), 0x4000);
	for (int i = 0; i < 100; i++)
		mock_blk_kick(b);
	EXPECT_MEMEQ(before, mock_ptr(&b->g, GUEST_RINGS, 0x4000), 0x4000);
	EXPECT_STREQ(mock_blk_changes(b), "");
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), 0);
	EXPECT_EQ(b->backing.calls[MOCK_READ], 0);
}

TEST_F(ring, structural_errors,
       .title = "D60 bad indexes, loops and unmapped tables poison the device")
{
	struct mock_blk *b = &self->b;

	for (int kind = 0; kind < 5; kind++) {
		mock_negotiate(b->m, BLK_FEATURES);
		mock_queue_init(&b->q, &b->g, 0, 256);
		if (kind == 3)
			b->q.desc = GUEST_HOLE;
		if (kind == 4)
			b->q.avail = GUEST_HOLE;
		mock_setup_queue(b->m, &b->q);
		b->q.avail = GUEST_RINGS + 0x1000;
		mock_driver_ok(b->m);
		if (kind == 1)
			mock_desc(&b->q, 0, 0x30000, 16, VRING_DESC_F_NEXT, 256);
		if (kind == 2)
			mock_desc(&b->q, 0, 0x30000, 16, VRING_DESC_F_NEXT, 0);
		mock_avail(&b->q, kind == 0 ? 65535 : 0);
		mock_blk_kick(b);
		EXPECT_EQ(mock_blk_status(b), POISONED)
		{
			TH_LOG("kind %d", kind);
		}
		EXPECT_STREQ(mock_blk_changes(b), "invalid_avail_idx_count+1");
		EXPECT_EQ(mock_blk_irqs(b), 1);
		EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_CONFIG);
	}
}

TEST_F(ring, only_a_reset_clears,
       .title = "D61 D96 only a reset clears the poison; the counter stays")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	for (uint64_t i = 1; i <= 5; i++) {
		mock_set_avail_idx(&b->q, 500);
		mock_blk_kick(b);
		EXPECT_EQ(b->counters.invalid_avail_idx_count, i);
		mock_driver_ok(b->m);
		EXPECT_EQ(mock_blk_status(b), POISONED);
		mock_blk_start(b, BLK_FEATURES);
		EXPECT_EQ(mock_blk_status(b), RUNNING);
		EXPECT_EQ(mock_blk_isr(b), 0);
		req = mock_read(&b->q, 0, DATA, 512);
		mock_blk_kick(b);
		EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
		EXPECT_EQ(b->counters.invalid_avail_idx_count, i);
	}
}

TEST_HARNESS_MAIN
