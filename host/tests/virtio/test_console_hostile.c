// SPDX-License-Identifier: GPL-2.0-only
/* The console on a mock guest that does what no driver should, and resets. */
#include "console_guest.h"
#include "faults.h"

#include <errno.h>
#include "virtio/byte_ring.h"

TEST_F(con, bad_chains,
       .title = "chains of the wrong direction or unmapped are given back and counted")
{
	struct mock_piece writable = { BUF, 8, true }, hole = { GUEST_HOLE, 8, false };
	struct mock_piece wraps = { UINT64_MAX - 3, 8, false }, readable_rx = { BUF, 8, false };
	struct console_stats stats;

	open_agent_port(self);
	mock_chain(&self->q[TX0], &writable, 1);
	mock_chain(&self->q[TX0], &hole, 1);
	mock_chain(&self->q[TX1], &wraps, 1);
	mock_chain(&self->q[CTL_TX], &writable, 1);
	mock_chain(&self->q[CTL_TX], &(struct mock_piece){ BUF, 7, false }, 1);
	mock_chain(&self->q[RX1], &readable_rx, 1);
	ASSERT_EQ(console_agent_write(self->c, "y", 1), 0);
	notify(self, TX0);
	steps(self);
	console_stats(self->c, &stats);
	EXPECT_EQ(stats.bad_chains, 6);
	EXPECT_EQ(self->out_len, 0);
	EXPECT_FALSE(readable(self));
	/* All of them came back, and the byte was not lost with the bad buffer. */
	EXPECT_EQ(mock_used_idx(&self->q[TX0]), 2);
	EXPECT_EQ(used_len(self, RX1), 0);
	mock_chain(&self->q[RX1], &writable, 1);
	notify(self, RX1);
	steps(self);
	EXPECT_EQ(used_len(self, RX1), 1);
	EXPECT_EQ(*(char *)mock_ptr(&self->g, BUF, 1), 'y');
}

TEST_F(con, rx_hole,
       .title = "a receive buffer that is partly unmapped takes nothing and loses nothing")
{
	struct mock_piece p = { GUEST_HOLE - 2, 8, true }, good = { BUF, 8, true };

	open_agent_port(self);
	mock_chain(&self->q[RX1], &p, 1);
	mock_chain(&self->q[RX1], &good, 1);
	ASSERT_EQ(console_agent_write(self->c, "abcd", 4), 0);
	steps(self);
	EXPECT_EQ(used_len(self, RX1), 0);
	EXPECT_EQ(used_len(self, RX1), 4);
	EXPECT_MEMEQ(mock_ptr(&self->g, BUF, 4), "abcd", 4);
}

TEST_F(con, poison, .title = "a broken ring stops the device until a reset, the other queues too")
{
	unsigned int calls;

	mock_eventfd(virtio_mmio_irq_fd(self->m));
	mock_set_avail_idx(&self->q[CTL_TX], SIZE + 1);
	notify(self, CTL_TX);
	steps(self);
	EXPECT_TRUE(virtio_mmio_status(self->m) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_TRUE(reg_read(self->m, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 1);
	calls = (unsigned int)self->out_calls;
	guest_write(self, TX0, "no", 2);
	steps(self);
	EXPECT_EQ(self->out_calls, calls);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 0);
	bring_up(self, FEATURES);
	guest_write(self, TX0, "yes", 3);
	steps(self);
	ASSERT_EQ(self->out_len, 3);
	EXPECT_MEMEQ(self->out, "yes", 3);
}

TEST_F(con, used_unmapped,
       .title = "a used ring that isn't there breaks the device, once, without a crash")
{
	mock_negotiate(self->m, FEATURES);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		mock_queue_init(&self->q[i], &self->g, i, SIZE);
		self->q[i].used = GUEST_HOLE + 0x1000 * i;
		mock_setup_queue(self->m, &self->q[i]);
	}
	mock_driver_ok(self->m);
	guest_write(self, TX0, "x", 1);
	steps(self);
	EXPECT_TRUE(virtio_mmio_status(self->m) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

TEST_F(con, no_starvation, .title = "a port that never stops writing leaves the others their turn")
{
	struct mock_piece big = { GUEST_BIG, (uint32_t)GUEST_BIG_SIZE, false };
	char buf[8];

	for (int i = 0; i < 16; i++)
		mock_chain(&self->q[TX0], &big, 1); /* 36 MiB in one go */
	guest_write(self, TX1, "hi", 2);
	notify(self, TX0);
	console_step(self->c);
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 2);
	EXPECT_LT(self->out_len, 1u << 20);
	steps(self);
	EXPECT_EQ(self->out_len, 16 * GUEST_BIG_SIZE);
}

/* --- life --- */

TEST_F(con, reset,
       .title = "a reset drops what was queued for the guest, and a held chain; sent bytes stay")
{
	struct mock_piece p = { BUF, 64, true };
	size_t got = 0, n;
	char buf[4096];

	open_agent_port(self);
	guest_write(self, TX1, "kept", 4);
	steps(self);
	ASSERT_EQ(console_agent_write(self->c, "stale", 5), 0);
	bring_up(self, FEATURES);
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 4);
	open_agent_port(self);
	mock_chain(&self->q[RX1], &p, 1);
	notify(self, RX1);
	steps(self);
	EXPECT_EQ(mock_used_idx(&self->q[RX1]), 0);
	/* Held half-way in the full buffer, then gone with the reset. */
	p = (struct mock_piece){ BUF, CONSOLE_IN_SIZE + 100, false };
	mock_chain(&self->q[TX1], &p, 1);
	notify(self, TX1);
	steps(self);
	bring_up(self, FEATURES);
	while ((n = agent_read(self, buf, sizeof(buf)))) {
		got += n;
		steps(self);
	}
	EXPECT_EQ(got, CONSOLE_IN_SIZE);
	guest_write(self, TX1, "new", 3);
	steps(self);
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 3);
}

TEST_F(con, queues_not_ready, .title = "a driver that sets up no queue at all does no harm")
{
	mock_negotiate(self->m, FEATURES);
	mock_driver_ok(self->m);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		notify(self, i);
	steps(self);
	EXPECT_FALSE(virtio_mmio_status(self->m) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* --- the byte ring --- */

TEST(ring, .title = "byte ring: wraps, bounds, all-or-nothing")
{
	struct byte_ring r;
	char buf[16];

	ASSERT_EQ(byte_ring_init(&r, 8, true), 0);
	EXPECT_EQ(byte_ring_put(&r, "abcdef", 6), 6);
	EXPECT_EQ(byte_ring_peek(&r, buf, 4), 4);
	byte_ring_drop(&r, 4);
	EXPECT_FALSE(byte_ring_put_all(&r, "1234567", 7));
	EXPECT_EQ(byte_ring_put(&r, "1234567", 7), 6);
	EXPECT_EQ(byte_ring_room(&r), 0);
	EXPECT_EQ(byte_ring_peek(&r, buf, sizeof(buf)), 8);
	EXPECT_MEMEQ(buf, "ef123456", 8);
	EXPECT_TRUE(mock_wait_fd(r.fd, 0));
	byte_ring_clear(&r);
	EXPECT_FALSE(mock_wait_fd(r.fd, 0));
	EXPECT_EQ(byte_ring_peek(&r, buf, sizeof(buf)), 0);
	byte_ring_destroy(&r);
}

static int console_make(void *arg)
{
	const struct console_config config = { .output = output, .ctx = arg };
	struct console *c;
	int ret = console_create(&config, &c);

	return ret ? ret : console_destroy(c);
}

TEST_F(con, no_means, .title = "no memory or descriptor for a console: said, nothing left")
{
	EXPECT_EQ(console_destroy(NULL), 0);
	EXPECT_GE(fault_each(FAULT_MEMORY, ENOMEM, console_make, self), 4);
	EXPECT_GE(fault_each(FAULT_FD, EMFILE, console_make, self), 10);
	EXPECT_GE(fault_each(FAULT_EPOLL_ADD, ENOSPC, console_make, self), 6);
}

TEST_F(con, no_guest_memory, .title = "kicks before there is guest memory do nothing")
{
	virtio_mmio_set_mem(self->m, NULL);
	reg_write(self->m, VIRTIO_MMIO_STATUS, 0);
	mock_negotiate(self->m, FEAT(VIRTIO_F_VERSION_1));
	mock_setup_queue(self->m, &self->q[TX0]);
	mock_driver_ok(self->m);
	notify(self, TX0);
	steps(self);
	EXPECT_EQ(self->out_len, 0);
	EXPECT_FALSE(reg_read(self->m, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

TEST_HARNESS_MAIN
