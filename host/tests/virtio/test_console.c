// SPDX-License-Identifier: GPL-2.0-only
/* The console on a mock guest that does what Linux's driver does. */
#include "console_guest.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

TEST_F(con, identity, .title = "a console device with two ports in its config space")
{
	uint32_t ports = 0;
	uint8_t bytes[16];

	EXPECT_EQ(reg_read(self->m, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_CONSOLE);
	EXPECT_EQ(virtio_mmio_queue_count(self->m), NR_QUEUES);
	virtio_mmio_read(self->m, VIRTIO_MMIO_CONFIG + 4, &ports, 4);
	EXPECT_EQ(ports, 2);
	virtio_mmio_read(self->m, VIRTIO_MMIO_CONFIG + 64, bytes, 8);
	EXPECT_EQ(bytes[0], 0);
	EXPECT_TRUE(mock_offered(self->m) & FEAT(VIRTIO_CONSOLE_F_MULTIPORT));
}

TEST_F(con, handshake,
       .title = "5.3.6: ports are added, named and opened in the order of the driver's answers")
{
	struct received r;

	offer_control_buffers(self, 16, 4096);
	send_control(self, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t port = 0; port < 2; port++) {
		ASSERT_TRUE(control(self, &r));
		EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_ADD);
		EXPECT_EQ(r.m.id, port);
	}
	EXPECT_FALSE(control(self, &r));

	send_control(self, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_CONSOLE_PORT);
	EXPECT_EQ(r.m.value, 1);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_OPEN);

	send_control(self, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_NAME);
	EXPECT_EQ(r.m.id, 1);
	EXPECT_STREQ(r.name, SS_AGENT_PORT);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_OPEN);
	EXPECT_EQ(r.m.value, 1);
	EXPECT_FALSE(control(self, &r));
}

TEST_F(con, late_buffers,
       .title = "control messages wait for buffers, and a flood of requests piles up nothing")
{
	struct received r;
	unsigned int n = 0;

	for (int i = 0; i < 500; i++)
		send_control(self, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	EXPECT_FALSE(control(self, &r));
	offer_control_buffers(self, 16, 4096);
	while (control(self, &r))
		n++;
	EXPECT_EQ(n, 2);
}

TEST_F(con, short_buffer,
       .title = "a control buffer too short for its message comes back empty, the message stays")
{
	struct console_stats stats;
	struct received r;

	send_control(self, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	offer_control_buffers(self, 1, 12);
	EXPECT_EQ(used_len(self, CTL_RX), 0);
	console_stats(self->c, &stats);
	EXPECT_EQ(stats.bad_chains, 1);
	mock_queue_init(&self->q[CTL_RX], &self->g, CTL_RX, SIZE);
	bring_up(self, FEATURES);
	send_control(self, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	offer_control_buffers(self, 4, 4096);
	ASSERT_TRUE(control(self, &r));
	EXPECT_STREQ(r.name, SS_AGENT_PORT);
}

TEST_F(con, bad_control,
       .title = "control messages for a port or event that isn't there are counted and ignored")
{
	struct console_stats stats;
	struct received r;

	offer_control_buffers(self, 4, 4096);
	send_control(self, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	send_control(self, UINT32_MAX, VIRTIO_CONSOLE_PORT_OPEN, 1);
	send_control(self, 1, 0xffff, 1);
	console_stats(self->c, &stats);
	EXPECT_EQ(stats.bad_control, 3);
	EXPECT_FALSE(control(self, &r));
}

TEST_F(con, console_output,
       .title = "what the guest writes to port 0 comes out, over segments and regions")
{
	const char *text = "Linux version 7.3\n";
	struct mock_piece p[] = {
		{ GUEST_HIGH - 9, 18, false }, /* over the border of two regions */
		{ GUEST_BIG, 0, false },
		{ GUEST_BIG, 4, false },
	};

	ASSERT_EQ(guest_mem_write(&self->g.mem, p[0].addr, text, 18), 0);
	memcpy(mock_ptr(&self->g, GUEST_BIG, 4), "end\n", 4);
	mock_chain(&self->q[TX0], p, 3);
	notify(self, TX0);
	steps(self);
	ASSERT_EQ(self->out_len, 22);
	EXPECT_MEMEQ(self->out, "Linux version 7.3\nend\n", 22);
	EXPECT_EQ(used_len(self, TX0), 0);
	EXPECT_FALSE(readable(self));
}

TEST_F(con, agent_in,
       .title = "what the guest writes to port 1 is read as one stream; the fd says when")
{
	char buf[32];

	EXPECT_FALSE(readable(self));
	EXPECT_EQ(console_agent_read(self->c, buf, sizeof(buf)), -EAGAIN);
	guest_write(self, TX1, "hello ", 6);
	guest_write(self, TX1, "hello ", 6);
	steps(self);
	EXPECT_TRUE(readable(self));
	EXPECT_EQ(agent_read(self, buf, 5), 5);
	EXPECT_TRUE(readable(self));
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 7);
	EXPECT_MEMEQ(buf, " hello ", 7);
	EXPECT_FALSE(readable(self));
	EXPECT_EQ(self->out_len, 0);
}

TEST_F(con, back_pressure,
       .title = "a runner that doesn't read stops the guest's writer; no byte is lost")
{
	const size_t chunk = 0x6000;
	size_t sent = 0, got = 0, total = 2 * CONSOLE_IN_SIZE;
	unsigned int done = 0;
	uint8_t *want = malloc(chunk), *buf = malloc(chunk);
	uint32_t id, len;

	ASSERT_NOT_NULL(want);
	ASSERT_NOT_NULL(buf);
	for (; sent < total; sent += chunk) {
		struct mock_piece p = { BUF + sent, (uint32_t)chunk, false };

		pattern(mock_ptr(&self->g, p.addr, chunk), sent, chunk);
		mock_chain(&self->q[TX1], &p, 1);
	}
	notify(self, TX1);
	steps(self);
	while (mock_used(&self->q[TX1], &id, &len))
		done++;
	/* What has gone fits the buffer; the rest is the guest's still. */
	EXPECT_EQ(done, CONSOLE_IN_SIZE / chunk);
	while (got < sent) {
		size_t n = agent_read(self, buf, got % 7000 + 1);

		ASSERT_GT(n, 0);
		pattern(want, got, n);
		ASSERT_MEMEQ(buf, want, n);
		got += n;
		steps(self);
	}
	while (mock_used(&self->q[TX1], &id, &len))
		done++;
	EXPECT_EQ(done, sent / chunk);
	EXPECT_FALSE(readable(self));
	free(want);
	free(buf);
}

TEST_F(con, agent_out, .title = "what the runner writes fills the guest's buffers as they come")
{
	struct mock_piece p = { BUF, 4, true };

	open_agent_port(self);
	ASSERT_EQ(console_agent_write(self->c, "abcdefghij", 10), 0);
	steps(self);
	EXPECT_EQ(mock_used_idx(&self->q[RX1]), 0);
	for (int i = 0; i < 3; i++) {
		p.addr = BUF + 16 * i;
		mock_chain(&self->q[RX1], &p, 1);
	}
	notify(self, RX1);
	steps(self);
	EXPECT_EQ(used_len(self, RX1), 4);
	EXPECT_EQ(used_len(self, RX1), 4);
	EXPECT_EQ(used_len(self, RX1), 2);
	EXPECT_MEMEQ(mock_ptr(&self->g, BUF, 4), "abcd", 4);
	EXPECT_MEMEQ(mock_ptr(&self->g, BUF + 32, 2), "ij", 2);
}

TEST_F(con, not_open, .title = "bytes for a port the guest hasn't opened wait until it has")
{
	struct mock_piece p = { BUF, 64, true };

	mock_chain(&self->q[RX1], &p, 1);
	ASSERT_EQ(console_agent_write(self->c, "x", 1), 0);
	steps(self);
	EXPECT_EQ(mock_used_idx(&self->q[RX1]), 0);
	open_agent_port(self);
	EXPECT_EQ(used_len(self, RX1), 1);
}

TEST_F(con, out_bound, .title = "the runner's writes never block: all or nothing, then -EAGAIN")
{
	size_t len = CONSOLE_OUT_SIZE / 2 + 1;
	char *buf = calloc(1, CONSOLE_OUT_SIZE + 1);

	ASSERT_NOT_NULL(buf);
	EXPECT_EQ(console_agent_write(self->c, buf, CONSOLE_OUT_SIZE + 1), -EMSGSIZE);
	EXPECT_EQ(console_agent_write(self->c, buf, len), 0);
	EXPECT_EQ(console_agent_write(self->c, buf, len), -EAGAIN);
	EXPECT_EQ(console_agent_write(self->c, buf, len - 2), 0);
	EXPECT_EQ(console_agent_write(self->c, buf, 1), -EAGAIN);
	free(buf);
}

TEST_F(con, interrupts,
       .title =
	       "a turn that publishes raises the used-buffer bit and interrupts; an idle one doesn't")
{
	reg_write(self->m, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	mock_eventfd(virtio_mmio_irq_fd(self->m));
	notify(self, TX0);
	steps(self);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 0);
	guest_write(self, TX0, "x", 1);
	steps(self);
	EXPECT_EQ(reg_read(self->m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 1);
}

TEST_F(con, event_idx,
       .title = "with EVENT_IDX the driver is interrupted when its event is crossed, not before")
{
	bring_up(self, FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX));
	mock_eventfd(virtio_mmio_irq_fd(self->m));
	mock_set_used_event(&self->q[TX0], 1);
	guest_write(self, TX0, "a", 1);
	steps(self);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 0);
	EXPECT_EQ(mock_avail_event(&self->q[TX0]), 1);
	guest_write(self, TX0, "b", 1);
	steps(self);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 1);
	EXPECT_EQ(self->out_len, 2);
}

/* --- with its thread --- */

struct sum {
	size_t len;
};

static void count(void *ctx, const char *text, size_t len)
{
	struct sum *s = ctx;

	(void)text;
	__atomic_fetch_add(&s->len, len, __ATOMIC_RELAXED);
}

#define STREAM (4u << 20)

/* A driver that keeps its transmit queue full until the whole stream is through. */
static void *guest_thread(void *arg)
{
	struct ss_fx_con *self = arg;
	struct mock_queue *q = &self->q[TX1];
	size_t sent = 0, done = 0;

	while (done < STREAM) {
		uint32_t id, len;

		while (sent < STREAM && sent - done < 16 * 4096) {
			struct mock_piece p = { BUF + sent % (16 * 4096), 4096, false };

			pattern(mock_ptr(&self->g, p.addr, 4096), sent, 4096);
			mock_chain(q, &p, 1);
			sent += 4096;
		}
		notify(self, TX1);
		while (!mock_used(q, &id, &len))
			if (!mock_wait_fd(virtio_mmio_irq_fd(self->m), 10000))
				return (void *)1;
		mock_eventfd(virtio_mmio_irq_fd(self->m));
		do
			done += 4096;
		while (mock_used(q, &id, &len));
	}
	return NULL;
}

static void make_threaded(struct ss_fx_con *self, const struct console_config *cfg)
{
	mock_guest_init(&self->g);
	ASSERT_EQ(console_create(cfg, &self->c), 0);
	self->m = console_mmio(self->c);
	virtio_mmio_set_mem(self->m, &self->g.mem);
	mock_negotiate(self->m, FEATURES);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		mock_queue_init(&self->q[i], &self->g, i, SIZE);
		mock_setup_queue(self->m, &self->q[i]);
	}
	mock_driver_ok(self->m);
}

TEST(threaded,
     .title = "4 MiB through the worker, with a guest and a reader of their own, arrive whole")
{
	static struct ss_fx_con fx;
	struct ss_fx_con *self = &fx;
	struct sum sum = { 0 };
	struct console_config cfg = { .output = count, .ctx = &sum };
	static uint8_t buf[10000], want[10000];
	size_t got = 0;
	pthread_t t;
	void *ret;

	make_threaded(self, &cfg);
	ASSERT_EQ(pthread_create(&t, NULL, guest_thread, self), 0);
	while (got < STREAM) {
		size_t n;

		ASSERT_TRUE(mock_wait_fd(console_agent_fd(self->c), 10000));
		n = agent_read(self, buf, sizeof(buf));
		pattern(want, got, n);
		ASSERT_MEMEQ(buf, want, n);
		got += n;
	}
	ASSERT_EQ(pthread_join(t, &ret), 0);
	EXPECT_NULL(ret);
	EXPECT_EQ(console_destroy(self->c), 0);
	mock_guest_free(&self->g);
}

struct blocked {
	sem_t entered, release;
	char last;
};

static void block(void *ctx, const char *text, size_t len)
{
	struct blocked *b = ctx;

	sem_post(&b->entered);
	sem_wait(&b->release);
	/* Guest memory: the sanitizers see whether it's still there. */
	b->last = text[len - 1];
}

TEST(output_hangs,
     .title = "D99 a worker that hangs in the output: said, and all that it uses is left to it")
{
	static struct ss_fx_con fx;
	struct ss_fx_con *self = &fx;
	static struct blocked b;
	const struct console_config cfg = { .output = block, .ctx = &b };
	const struct mock_piece p = { BUF, 2, false };

	sem_init(&b.entered, 0, 0);
	sem_init(&b.release, 0, 0);
	make_threaded(self, &cfg);
	memcpy(mock_ptr(&self->g, BUF, 2), "ab", 2);
	mock_chain(&self->q[TX0], &p, 1);
	notify(self, TX0);
	sem_wait(&b.entered);
	EXPECT_EQ(console_destroy(self->c), -ETIMEDOUT);
	sem_post(&b.release);
	EXPECT_EQ(console_destroy(self->c), 0);
	EXPECT_EQ(b.last, 'b');
	mock_guest_free(&self->g);
}

TEST_HARNESS_MAIN
