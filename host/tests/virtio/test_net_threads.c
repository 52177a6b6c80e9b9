// SPDX-License-Identifier: GPL-2.0-only
/* The network device with its own thread and the true clock; for ThreadSanitizer above all. */
#include "ss_harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "mock_net.h"
#include "virtio/net_dump.h"

#define EVENT_IDX FEAT(VIRTIO_RING_F_EVENT_IDX)
#define RUNNING	  0xf
#define LONG_MS	  20000
#define MS	  1000000ULL

FIXTURE(threads)
{
	struct mock_net n;
};

FIXTURE_SETUP(threads)
{
	const struct mock_net_opts opts = { .threads = true };

	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
}

FIXTURE_TEARDOWN(threads)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
}

static void kick(struct mock_net *n)
{
	reg_write(n->m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
}

/* Waits by interrupt, as a driver does, until the next element is there. */
static bool wait_used(struct mock_net *n, struct mock_queue *q)
{
	while (mock_net_nothing(q)) {
		if (!mock_wait_fd(virtio_mmio_irq_fd(n->m), LONG_MS))
			return false;
		mock_net_irqs(n);
		reg_write(n->m, VIRTIO_MMIO_INTERRUPT_ACK, mock_net_isr(n));
	}
	return true;
}

TEST_F(threads, round_trips,
       .title = "N1 D84 kick to interrupt, many times, with and without EVENT_IDX")
{
	struct mock_net *n = &self->n;

	for (int pass = 0; pass < 2; pass++) {
		mock_net_start(n, NET_FEATURES | (pass ? EVENT_IDX : 0), 64);
		for (uint32_t i = 0; i < 500; i++) {
			struct mock_buf b = mock_net_give(n);
			struct mock_frame f;

			mock_set_used_event(&n->rx, n->rx.used_idx);
			mock_set_used_event(&n->tx, n->tx.used_idx);
			f = mock_net_send(n, i * 3);
			kick(n);
			ASSERT_TRUE(wait_used(n, &n->rx));
			ASSERT_TRUE(mock_net_got(n, &b, &f));
			ASSERT_TRUE(wait_used(n, &n->tx));
			ASSERT_TRUE(mock_net_sent(n, &f));
		}
	}
	EXPECT_NE(net_worker_tid(n->net), 0);
}

/* --- a driver that keeps many in flight --- */

#define FLIGHT 64

struct flight {
	struct mock_frame f[FLIGHT];
	struct mock_buf b[FLIGHT];
	unsigned int sent, got;
};

/* Linux's vring_need_event(): has the avail index crossed the event? */
static bool must_kick(struct mock_queue *q, uint16_t old)
{
	return (uint16_t)(q->avail_idx - mock_avail_event(q) - 1) < (uint16_t)(q->avail_idx - old);
}

static void send_some(struct mock_net *n, struct flight *fl, unsigned int nr)
{
	const uint16_t old = n->tx.avail_idx;

	for (; nr && fl->sent - fl->got < FLIGHT; nr--, fl->sent++) {
		fl->b[fl->sent % FLIGHT] = mock_net_give(n);
		fl->f[fl->sent % FLIGHT] = mock_net_send(n, 60 + fl->sent * 7 % 1400);
	}
	if (n->tx.avail_idx != old && must_kick(&n->tx, old))
		kick(n);
}

/* Takes at least one, and whatever else is there. */
static void receive_some(struct mock_net *n, struct flight *fl)
{
	mock_set_used_event(&n->rx, n->rx.used_idx);
	ASSERT_TRUE(wait_used(n, &n->rx));
	while (!mock_net_nothing(&n->rx)) {
		ASSERT_TRUE(mock_net_got(n, &fl->b[fl->got % FLIGHT], &fl->f[fl->got % FLIGHT]));
		fl->got++;
	}
}

/* Returns how many went there and back. */
static unsigned int stream(struct mock_net *n, unsigned int frames)
{
	static struct flight fl;

	mock_net_start(n, NET_FEATURES | EVENT_IDX, 256);
	fl = (struct flight){ .sent = 0 };
	while (fl.got < frames) {
		send_some(n, &fl, 1 + fl.sent % 17);
		if (fl.sent % 3 || fl.sent - fl.got == FLIGHT)
			receive_some(n, &fl);
	}
	while (fl.got < fl.sent)
		receive_some(n, &fl);
	return fl.got;
}

/* Each frame moved its counters once. The worker is parked: they're up to date. */
static void expect_all(struct mock_net *n, unsigned int frames)
{
	struct ss_net_counters c;

	ASSERT_EQ(net_pause(n->net, 10 * IO_NSEC_PER_SEC), 0);
	net_snapshot(n->net, &c);
	net_resume(n->net);
	EXPECT_EQ(c.tx_packets, frames);
	EXPECT_EQ(c.rx_packets, frames);
	EXPECT_EQ(c.rx_bytes, c.tx_bytes);
	EXPECT_EQ(c.tx_dropped_no_rx_buffer, 0);
}

TEST_F(threads, no_lost_wakeup,
       .title =
	       "D22 a driver that kicks only when asked never waits in vain, and gets its frames in order")
{
	expect_all(&self->n, stream(&self->n, 20000));
}

/* Somebody at the control socket. */
struct meddler {
	struct mock_net *n;
	bool end; /* atomic */
	unsigned int rounds;
};

static void *meddler_main(void *arg)
{
	struct meddler *m = arg;
	struct net *net = m->n->net;

	for (; !__atomic_load_n(&m->end, __ATOMIC_RELAXED) || m->rounds < 20; m->rounds++) {
		const struct throttle_limits limits = {
			.ops = { m->rounds % 3 ? 20000 + m->rounds : 0, 0 },
			.bytes = { m->rounds % 2 ? 30000000 : 0, 0 },
		};
		struct ss_net_pressure p;
		struct ss_net_counters c;
		struct throttle_state t;
		struct net_dump d;

		net_set_limits(net, &limits);
		net_snapshot(net, &c);
		net_pressure_snapshot(net, &p);
		net_limits(net, &t);
		net_dump(net, !net_pause(net, IO_NSEC_PER_SEC), &d);
		net_resume(net);
		net_recheck(net);
	}
	return NULL;
}

TEST_F(threads, meddled_with,
       .title = "D90 limits, pauses and dumps while frames flow: none is lost", .timeout_s = 120)
{
	struct meddler m = { .n = &self->n };
	unsigned int frames;
	pthread_t thread;

	ASSERT_EQ(pthread_create(&thread, NULL, meddler_main, &m), 0);
	frames = stream(&self->n, 5000);
	__atomic_store_n(&m.end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	expect_all(&self->n, frames);
}

TEST_F(threads, reset_in_flight, .title = "D95 resets from another thread while the worker works")
{
	struct mock_net *n = &self->n;

	for (int i = 0; i < 300; i++) {
		mock_net_start(n, NET_FEATURES, 64);
		for (int k = 0; k < 20; k++) {
			mock_net_give(n);
			mock_net_send(n, 700);
		}
		kick(n);
		if (i % 4 == 0)
			ASSERT_TRUE(wait_used(n, &n->tx));
		reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
		ASSERT_EQ(mock_net_status(n), 0);
		ASSERT_EQ(net_worker_tid(n->net), 0);
	}
}

TEST_F(threads, pause_in_flight, .title = "D90 paused under load nothing moves in guest memory")
{
	struct mock_net *n = &self->n;

	mock_net_start(n, NET_FEATURES, 64);
	for (int i = 0; i < 200; i++) {
		uint16_t used;

		for (int k = 0; k < 10; k++) {
			mock_net_give(n);
			mock_net_send(n, 300);
		}
		kick(n);
		ASSERT_EQ(net_pause(n->net, 10 * IO_NSEC_PER_SEC), 0);
		/* Plain accesses: the worker must not be there. */
		used = mock_used_idx(&n->rx);
		memset(mock_ptr(&n->g, MOCK_NET_BUFS, MOCK_NET_BUF), i, MOCK_NET_BUF);
		kick(n);
		ASSERT_EQ(mock_used_idx(&n->rx), used);
		net_resume(n->net);
		while (n->tx.used_idx != n->tx.avail_idx) {
			uint32_t id, len;

			ASSERT_TRUE(wait_used(n, &n->tx));
			mock_used(&n->tx, &id, &len);
		}
		n->rx.used_idx = mock_used_idx(&n->rx);
	}
}

TEST_F(threads, stop_while_stalled, .title = "D89 a reset ends a stall of an hour at once")
{
	struct mock_net *n = &self->n;
	struct ss_net_pressure p;
	uint64_t before;

	ASSERT_EQ(net_set_limits(n->net, &(struct throttle_limits){ .bytes = { 1, 0 } }), 0);
	mock_net_start(n, NET_FEATURES, 256);
	mock_net_send(n, 1500);
	mock_net_send(n, 1500);
	kick(n);
	ASSERT_TRUE(wait_used(n, &n->tx));
	before = io_clock_monotonic_now(NULL);
	reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_LT(io_clock_monotonic_now(NULL) - before, 900 * MS);
	EXPECT_EQ(mock_net_status(n), 0);
	net_pressure_snapshot(n->net, &p);
	EXPECT_EQ(p.currently_throttled_gauge, 0);
}

TEST_F(threads, stall_by_the_clock,
       .title = "D85 a stalled frame is sent by the timer, never early")
{
	struct mock_net *n = &self->n;
	uint64_t before;

	ASSERT_EQ(net_set_limits(n->net, &(struct throttle_limits){ .ops = { 100, 0 } }), 0);
	mock_net_start(n, NET_FEATURES, 256);
	before = io_clock_monotonic_now(NULL);
	for (int i = 0; i < 110; i++) {
		struct mock_frame f = mock_net_send(n, 60);

		kick(n);
		ASSERT_TRUE(wait_used(n, &n->tx));
		ASSERT_TRUE(mock_net_sent(n, &f));
	}
	/* 100 from the full bucket, 10 more at 100/s. */
	EXPECT_GE(io_clock_monotonic_now(NULL) - before, 100 * MS - 10 * MS);
}

TEST(name, .title = "the worker is named after its device")
{
	const struct mock_net_opts opts = { .threads = true };
	char path[64], name[32] = "";
	struct mock_net n;
	FILE *f;

	ASSERT_EQ(mock_net_init(&n, &opts), 0);
	mock_net_start(&n, NET_FEATURES, 64);
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", net_worker_tid(n.net));
	f = fopen(path, "r");
	ASSERT_NOT_NULL(f);
	EXPECT_NOT_NULL(fgets(name, sizeof(name), f));
	fclose(f);
	EXPECT_STREQ(name, "net2\n");
	EXPECT_EQ(mock_net_free(&n), 0);
}

TEST(no_worker, .title = "D93 D99 a worker that can't be started where it shall run: NEEDS_RESET")
{
	cpu_set_t set;
	const struct mock_net_opts opts = { .threads = true, .affinity = &set };
	struct mock_net n;

	CPU_ZERO(&set);
	CPU_SET(CPU_SETSIZE - 1, &set);
	ASSERT_EQ(mock_net_init(&n, &opts), 0);
	mock_net_start(&n, NET_FEATURES, 64);
	EXPECT_EQ(mock_net_status(&n), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(mock_net_isr(&n), VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(net_worker_tid(n.net), 0);
	EXPECT_EQ(mock_net_free(&n), 0);
}

/* A guest that breaks a ring while the driver's status writes go on. */
static void *status_hammer(void *arg)
{
	struct mock_net *n = arg;

	for (int i = 0; i < 2000; i++)
		reg_write(n->m, VIRTIO_MMIO_STATUS, RUNNING);
	return NULL;
}

TEST_F(threads, poison_against_status,
       .title =
	       "D16 N8 either queue's NEEDS_RESET survives a driver that writes status; TX goes on")
{
	struct mock_net *n = &self->n;
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		struct mock_frame f;

		mock_net_start(n, NET_FEATURES, 256);
		ASSERT_EQ(pthread_create(&thread, NULL, status_hammer, n), 0);
		mock_set_avail_idx(i % 2 ? &n->tx : &n->rx, 999);
		if (i % 2 == 0) {
			f = mock_net_send(n, 60);
			kick(n);
			ASSERT_TRUE(wait_used(n, &n->tx));
			ASSERT_TRUE(mock_net_sent(n, &f));
			f = mock_net_send(n, 60);
			kick(n);
			ASSERT_TRUE(wait_used(n, &n->tx));
			ASSERT_TRUE(mock_net_sent(n, &f));
		} else {
			kick(n);
			ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(n->m), LONG_MS));
		}
		pthread_join(thread, NULL);
		ASSERT_EQ(mock_net_status(n), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	}
}

TEST_HARNESS_MAIN
