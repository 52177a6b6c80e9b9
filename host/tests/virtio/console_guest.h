/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's console driver by hand, for the tests of the console device.
 */
#ifndef SS_TEST_CONSOLE_GUEST_H
#define SS_TEST_CONSOLE_GUEST_H

#include "mock_guest.h"
#include "ss_agent.h"
#include "ss_harness.h"
#include "virtio/console.h"

#include <linux/virtio_console.h>
#include <string.h>

enum { RX0, TX0, CTL_RX, CTL_TX, RX1, TX1, NR_QUEUES };

#define SIZE	64
#define BUF	GUEST_BIG /* 0x1000 a queue and slot */
#define CTL_BUF (GUEST_BIG + 0x100000)
#define CTL_MSG (GUEST_BIG + 0x180000)

FIXTURE(con)
{
	struct mock_guest g;
	struct mock_queue q[NR_QUEUES];
	struct console *c;
	struct virtio_mmio *m;
	char out[1 << 16];
	size_t out_len, out_calls;
	unsigned int msg;
};

static __attribute__((unused)) void output(void *ctx, const char *text, size_t len)
{
	struct ss_fx_con *self = ctx;

	self->out_calls++;
	if (self->out_len + len <= sizeof(self->out))
		memcpy(self->out + self->out_len, text, len);
	self->out_len += len;
}

static __attribute__((unused)) void notify(struct ss_fx_con *self, unsigned int q)
{
	reg_write(self->m, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Turns until nothing is left to do. */
static __attribute__((unused)) void steps(struct ss_fx_con *self)
{
	for (int i = 0; i < 1000; i++)
		if (console_step(self->c) == 0)
			return;
	ASSERT_TRUE(false)
	{
		TH_LOG("the console never comes to rest");
	}
}

static __attribute__((unused)) void bring_up(struct ss_fx_con *self, uint64_t features)
{
	mock_negotiate(self->m, features);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		mock_queue_init(&self->q[i], &self->g, i, SIZE);
		mock_setup_queue(self->m, &self->q[i]);
	}
	mock_driver_ok(self->m);
	steps(self);
}

#define FEATURES (FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_CONSOLE_F_MULTIPORT))

FIXTURE_SETUP(con)
{
	struct console_config cfg = { .output = output, .ctx = self, .manual = true };

	mock_guest_init(&self->g);
	ASSERT_EQ(console_create(&cfg, &self->c), 0);
	self->m = console_mmio(self->c);
	virtio_mmio_set_mem(self->m, &self->g.mem);
	bring_up(self, FEATURES);
}

FIXTURE_TEARDOWN(con)
{
	EXPECT_EQ(console_destroy(self->c), 0);
	mock_guest_free(&self->g);
}

/* --- what a driver does --- */

static __attribute__((unused)) void offer_control_buffers(struct ss_fx_con *self, unsigned int nr,
							  uint32_t len)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct mock_piece p = { CTL_BUF + 0x1000 * i, len, true };

		mock_chain(&self->q[CTL_RX], &p, 1);
	}
	notify(self, CTL_RX);
	steps(self);
}

static __attribute__((unused)) void send_control(struct ss_fx_con *self, uint32_t id,
						 uint16_t event, uint16_t value)
{
	struct virtio_console_control msg = { .id = id, .event = event, .value = value };
	struct mock_piece p = { CTL_MSG + 0x10 * (self->msg++ % 64), sizeof(msg), false };

	memcpy(mock_ptr(&self->g, p.addr, sizeof(msg)), &msg, sizeof(msg));
	mock_chain(&self->q[CTL_TX], &p, 1);
	notify(self, CTL_TX);
	steps(self);
}

struct received {
	struct virtio_console_control m;
	char name[64];
};

static __attribute__((unused)) bool control(struct ss_fx_con *self, struct received *r)
{
	uint32_t id, len;
	uint8_t *p;

	if (!mock_used(&self->q[CTL_RX], &id, &len))
		return false;
	p = mock_ptr(&self->g, CTL_BUF + 0x1000ULL * id, 4096);
	memset(r, 0, sizeof(*r));
	memcpy(&r->m, p, sizeof(r->m));
	if (len > sizeof(r->m))
		memcpy(r->name, p + sizeof(r->m), len - sizeof(r->m));
	return true;
}

static __attribute__((unused)) void open_agent_port(struct ss_fx_con *self)
{
	send_control(self, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* Write text on a port; @nr pieces of equal length. */
static __attribute__((unused)) void guest_write(struct ss_fx_con *self, unsigned int q,
						const char *text, size_t len)
{
	struct mock_piece p = { BUF + 0x8000 * q, (uint32_t)len, false };

	memcpy(mock_ptr(&self->g, p.addr, len), text, len);
	mock_chain(&self->q[q], &p, 1);
	notify(self, q);
}

static __attribute__((unused)) size_t agent_read(struct ss_fx_con *self, void *buf, size_t size)
{
	ssize_t n = console_agent_read(self->c, buf, size);

	return n < 0 ? 0 : (size_t)n;
}

static __attribute__((unused)) bool readable(const struct ss_fx_con *self)
{
	return mock_wait_fd(console_agent_fd(self->c), 0);
}

static __attribute__((unused)) uint32_t used_len(struct ss_fx_con *self, unsigned int q)
{
	uint32_t id, len = UINT32_MAX;

	EXPECT_TRUE(mock_used(&self->q[q], &id, &len));
	return len;
}

/* Fill port 1 with a pattern that shows any byte lost, doubled or moved. */
static __attribute__((unused)) void pattern(uint8_t *p, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((from + i) * 31 + (from + i) / 251);
}

#endif /* SS_TEST_CONSOLE_GUEST_H */
