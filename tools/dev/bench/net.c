// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames through the loopback beside a limit that no device can beat: a thread that
 * copies the same bytes for another, who rings its eventfd for each batch and
 * waits for the answer. A B A B, in many very short rounds: some of them nobody
 * disturbs, on a busy machine either. As for the reads, the ninth of ten counts.
 */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio/net.h"

#define ROUNDS	   4000u
#define ROUND	   1024u /* frames a round: some 100 us */
#define NAPI	   64u	 /* frames a kick, as Linux's NAPI budget has it */
#define QUEUE_SIZE 256
#define SLOT	   2048u
#define BUF_LEN	   1530u /* what Linux gives: header, and a tagged frame of 1500 */
#define TX_AT(i)   (GUEST_BIG + SLOT * (uint64_t)(i))
#define RX_AT(i)   (TX_AT(QUEUE_SIZE) + SLOT * (uint64_t)(i))

static void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	abort();
}

/* --- the device and its driver --- */

/* A queue as Linux's driver keeps it: slot i is descriptor i. */
struct ring {
	uint16_t *avail, *used_idx;
	uint16_t idx, seen; /* avail.idx, and the used index up to which we know */
};

struct bench_net {
	struct mock_guest g;
	struct mock_queue q[NET_NR_QUEUES];
	struct ring ring[NET_NR_QUEUES];
	struct net *net;
	struct virtio_mmio *m;
	int kick_fd, irq_fd;
	unsigned int batch; /* frames a kick */
};

static void ring_init(struct bench_net *n, unsigned int q)
{
	struct ring *r = &n->ring[q];

	r->avail = mock_ptr(&n->g, n->q[q].avail, 4 + 2 * QUEUE_SIZE + 2);
	r->used_idx = (uint16_t *)mock_ptr(&n->g, n->q[q].used, 4) + 1;
	r->idx = r->seen = 0;
}

/* Makes the next @nr slots available, at once. */
static void ring_add(struct ring *r, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		const uint16_t at = (uint16_t)(r->idx + i) % QUEUE_SIZE;

		r->avail[2 + at] = at;
	}
	r->idx = (uint16_t)(r->idx + nr);
	__atomic_store_n(&r->avail[1], r->idx, __ATOMIC_RELEASE);
}

static void ring_event(struct ring *r, uint16_t event)
{
	__atomic_store_n(&r->avail[2 + QUEUE_SIZE], event, __ATOMIC_RELAXED);
}

static bool ring_done(const struct ring *r)
{
	return __atomic_load_n(r->used_idx, __ATOMIC_ACQUIRE) == r->idx;
}

static void net_open(struct bench_net *n)
{
	const struct net_config config = { .index = 0 };

	memset(n, 0, sizeof(*n));
	mock_guest_init(&n->g);
	if (net_create(&config, &n->net))
		die("the network device can't be made");
	n->m = net_mmio(n->net);
	virtio_mmio_set_mem(n->m, &n->g.mem);
	mock_negotiate(n->m, mock_offered(n->m));
	for (unsigned int q = 0; q < NET_NR_QUEUES; q++) {
		mock_queue_init(&n->q[q], &n->g, q, QUEUE_SIZE);
		mock_setup_queue(n->m, &n->q[q]);
		ring_init(n, q);
	}
	for (uint16_t i = 0; i < QUEUE_SIZE; i++)
		mock_desc(&n->q[NET_RX], i, RX_AT(i), BUF_LEN, VRING_DESC_F_WRITE, 0);
	mock_driver_ok(n->m);
	n->kick_fd = virtio_mmio_kick_fd(n->m, NET_TX);
	n->irq_fd = virtio_mmio_irq_fd(n->m);
}

static void net_close(struct bench_net *n)
{
	if (net_destroy(n->net))
		die("the network device can't be stopped");
	mock_guest_free(&n->g);
}

static void fd_signal(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("an eventfd can't be written");
}

static void fd_await(int fd)
{
	if (!mock_wait_fd(fd, 10000) || !mock_eventfd(fd))
		die("no answer for 10 s");
}

/* Buffers, frames, one kick; one interrupt, when the last frame is there. */
static void net_batch(struct bench_net *n)
{
	struct ring *rx = &n->ring[NET_RX], *tx = &n->ring[NET_TX];

	ring_add(rx, n->batch);
	ring_event(rx, (uint16_t)(rx->idx - 1));
	ring_event(tx, (uint16_t)(tx->idx - 1));
	ring_add(tx, n->batch);
	fd_signal(n->kick_fd);
	do {
		fd_await(n->irq_fd);
	} while (!ring_done(rx) || !ring_done(tx));
}

/* --- the limit --- */

struct copier {
	uint8_t *from, *to; /* QUEUE_SIZE slots */
	uint32_t len;
	unsigned int at, batch;
	int ask, answer;
	bool stop;
	pthread_t thread;
};

static void *copier_main(void *arg)
{
	struct copier *c = arg;

	for (;;) {
		fd_await(c->ask);
		if (__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE))
			return NULL;
		for (unsigned int i = 0; i < c->batch; i++, c->at++)
			memcpy(c->to + c->at % QUEUE_SIZE * SLOT,
			       c->from + c->at % QUEUE_SIZE * SLOT, c->len);
		fd_signal(c->answer);
	}
}

static void copier_start(struct copier *c, struct bench_net *n, uint32_t len)
{
	*c = (struct copier){
		.from = mock_ptr(&n->g, TX_AT(0), QUEUE_SIZE * SLOT),
		.to = mock_ptr(&n->g, RX_AT(0), QUEUE_SIZE * SLOT),
		.len = len,
		.batch = n->batch,
		.ask = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (c->ask < 0 || c->answer < 0 || pthread_create(&c->thread, NULL, copier_main, c))
		die("a thread and two eventfds can't be had");
}

static void copier_stop(struct copier *c)
{
	__atomic_store_n(&c->stop, true, __ATOMIC_RELEASE);
	fd_signal(c->ask);
	pthread_join(c->thread, NULL);
	close(c->ask);
	close(c->answer);
}

static void copier_batch(struct copier *c)
{
	fd_signal(c->ask);
	fd_await(c->answer);
}

/* --- what is measured --- */

static double rate(void (*batch)(void *ctx), void *ctx, unsigned int frames)
{
	const uint64_t start = monotonic_ns();

	for (unsigned int i = 0; i < ROUND; i += frames)
		batch(ctx);
	return 1e9 * ROUND / (double)(monotonic_ns() - start);
}

static void device_batch(void *ctx)
{
	net_batch(ctx);
}

static void limit_batch(void *ctx)
{
	copier_batch(ctx);
}

static void measure(struct bench_net *n, uint32_t len, unsigned int batch, const char *key,
		    const char *key_median, const char *title, double target)
{
	static double device[ROUNDS], limit[ROUNDS];
	struct copier c;

	for (uint16_t i = 0; i < QUEUE_SIZE; i++)
		mock_desc(&n->q[NET_TX], i, TX_AT(i), NET_HDR_LEN + len, 0, 0);
	n->batch = batch;
	copier_start(&c, n, len);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		limit[i] = rate(limit_batch, &c, batch);
		device[i] = rate(device_batch, n, batch);
	}
	copier_stop(&c);
	figure_add(&(struct figure){
		.key = key,
		.title = title,
		.unit = "frames/s",
		.value = percentile(device, ROUNDS, 0.9),
		.against = percentile(limit, ROUNDS, 0.9),
		.target = target,
	});
	figure_add(&(struct figure){
		.key = key_median,
		.title = "... (median)",
		.unit = "frames/s",
		.value = median(device, ROUNDS),
		.against = median(limit, ROUNDS),
		.target = NAN,
	});
}

/*
 * Both pairs of threads on one CPU, where they inherit it: neither works while
 * the other does, and nowhere does a wake-up cost less. Left to the scheduler, one
 * pair would be together and the other apart, by chance.
 */
static void one_cpu(cpu_set_t *before)
{
	cpu_set_t one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(*before), before))
		die("the CPUs can't be asked for");
	while (!CPU_ISSET(cpu, before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

void bench_net(void)
{
	struct ss_net_counters c;
	cpu_set_t before;
	struct bench_net n;

	one_cpu(&before);
	net_open(&n);
	measure(&n, 64, NAPI, "net_64", "net_64_median",
		"64-byte frames, 64 a kick; memcpy, eventfds", 0.7);
	measure(&n, 1500, NAPI, "net_1500", "net_1500_median",
		"1500-byte frames, 64 a kick; memcpy, eventfds", 0.7);
	/* Hardly any wake-ups left: the drain beside memcpy. */
	measure(&n, 64, QUEUE_SIZE, "net_64_ring", "net_64_ring_median",
		"64-byte frames, 256 a kick; memcpy, eventfds", NAN);
	net_snapshot(n.net, &c);
	if (c.rx_packets != c.tx_packets)
		die("frames were lost");
	net_close(&n);
	sched_setaffinity(0, sizeof(before), &before);
}
