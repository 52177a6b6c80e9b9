// SPDX-License-Identifier: GPL-2.0-only
/* The loopback network device: what is sent comes back, once, in order. */
#include <linux/virtio_net.h>

#include "ss_counters.h"
#include "ss_harness.h"
#include "vio.h"

#define RX	   0
#define TX	   1
#define HDR	   12 /* struct virtio_net_hdr_v1 */
#define MIN_FRAME  60
#define MAX_FRAME  1514
#define BUFFER	   2048
#define NR_BUFFERS 256
#define AT(q, n)   (BARE_DATA + BARE_QUEUE * (q) + (uint64_t)BUFFER * (n))

/* A frame: its number, as often as it fits. */
struct frame {
	struct virtio_net_hdr_v1 hdr;
	uint32_t word[(BUFFER - HDR) / 4];
};

static struct net {
	struct vioq rx, tx;
	uint8_t rx_buffer[VIO_SIZE], tx_buffer[VIO_SIZE];
	uint32_t sent, reaped, received, lost;
	uint64_t sent_bytes;
} net;

static struct frame *frame(unsigned int q, unsigned int n)
{
	return (struct frame *)AT(q, n);
}

/* All lengths of whole words come by, small ones and large ones mixed. */
static uint32_t length_of(uint32_t seq)
{
	return MIN_FRAME + seq * 37 % ((MAX_FRAME - MIN_FRAME) / 4 + 1) * 4;
}

static const struct ss_net_counters *counters(void)
{
	user_call(BARE_CALL_COUNTERS);
	return (const struct ss_net_counters *)(const void *)shared->answer;
}

static void offer(unsigned int n)
{
	const struct vio_buf buf = { frame(RX, n), BUFFER, true };

	net.rx_buffer[vioq_add(&net.rx, &buf, 1)] = (uint8_t)n;
}

static void start(unsigned int cpu, unsigned int buffers)
{
	vio_begin(1ULL << VIRTIO_NET_F_MAC);
	net = (struct net){ 0 };
	vioq_init(&net.rx, RX, VIO_SIZE, vioq_at(RX));
	vioq_init(&net.tx, TX, VIO_SIZE, vioq_at(TX));
	/* Who waits, waits for what he receives. */
	net.tx.poll = true;
	vioq_quiet(&net.tx);
	vioq_tell(&net.rx);
	vioq_tell(&net.tx);
	vio_go(cpu);
	for (unsigned int n = 0; n < buffers; n++)
		offer(n);
	vioq_publish(&net.rx);
}

/* --- sending --- */

/* In one piece, in two, or with the header cut. */
static unsigned int cut(struct vio_buf buf[3], uint32_t seq, const struct frame *f, uint32_t len)
{
	const uint32_t at = seq % 3 == 1 ? HDR : 5;

	if (seq % 3 == 0) {
		buf[0] = (struct vio_buf){ f, HDR + len, false };
		return 1;
	}
	buf[0] = (struct vio_buf){ f, at, false };
	buf[1] = (struct vio_buf){ (const uint8_t *)f + at, HDR + len - at, false };
	return 2;
}

static void send(void)
{
	const uint32_t seq = net.sent++, len = length_of(seq);
	const unsigned int n = seq % NR_BUFFERS;
	struct frame *f = frame(TX, n);
	struct vio_buf buf[3];
	unsigned int pieces;

	f->hdr = (struct virtio_net_hdr_v1){ 0 };
	for (uint32_t i = 0; i < (len + 3) / 4; i++)
		f->word[i] = seq;
	pieces = cut(buf, seq, f, len);
	net.tx_buffer[vioq_add(&net.tx, buf, pieces)] = (uint8_t)n;
	net.sent_bytes += len;
}

/* TX is served in order: so are its buffers free again. */
static void reap(void)
{
	int head;

	while ((head = vioq_take(&net.tx, NULL)) >= 0) {
		ASSERT_EQ(net.tx_buffer[head], net.reaped % NR_BUFFERS);
		net.reaped++;
	}
}

/* --- receiving --- */

static void check(const struct frame *f, uint32_t len)
{
	const uint32_t seq = f->word[0];

	/* N1: the header is zero but for one count. */
	ASSERT_EQ(f->hdr.num_buffers, 1);
	ASSERT_EQ(f->hdr.flags | f->hdr.gso_type | f->hdr.hdr_len | f->hdr.gso_size, 0);
	/* None twice, none overtaken; those between were lost. */
	ASSERT_GE(seq, net.received + net.lost);
	net.lost = seq - net.received;
	ASSERT_EQ(len, HDR + length_of(seq));
	for (uint32_t i = 0; i < length_of(seq) / 4; i++)
		ASSERT_EQ(f->word[i], seq);
	net.received++;
	WRITE_ONCE(shared->progress, net.received);
}

/* Return: how many */
static uint32_t receive(void)
{
	uint32_t n = 0, len;
	int head;

	while ((head = vioq_take(&net.rx, &len)) >= 0) {
		const unsigned int buffer = net.rx_buffer[head];

		check(frame(RX, buffer), len);
		memset(frame(RX, buffer), 0xff, HDR);
		offer(buffer);
		n++;
	}
	if (n)
		vioq_publish(&net.rx);
	return n;
}

static void expect_counted(uint32_t frames)
{
	const struct ss_net_counters *c = counters();

	EXPECT_EQ(c->tx_packets, frames);
	EXPECT_EQ(c->tx_bytes, net.sent_bytes);
	EXPECT_EQ(c->rx_packets + c->tx_dropped_no_rx_buffer, frames);
	EXPECT_EQ(c->tx_chain_invalid + c->tx_oversize_dropped + c->tx_dropped_rx_poisoned +
			  c->rx_chain_invalid + c->rx_write_failed + c->tx_add_used_failures +
			  c->rx_add_used_failures + c->invalid_avail_idx_count,
		  0);
}

/* Never more under way than there is room for: not one is lost. */
TEST(loopback)
{
	start(0, NR_BUFFERS);
	while (net.received < shared->rounds) {
		while (net.sent < shared->rounds && net.sent - net.received < shared->depth &&
		       net.sent - net.reaped < NR_BUFFERS && vioq_room(&net.tx, 2))
			send();
		vioq_kick(&net.tx);
		vioq_wait(&net.rx);
		receive();
		reap();
	}
	EXPECT_EQ(net.lost, 0);
	expect_counted(shared->rounds);
	EXPECT_EQ(counters()->rx_packets, shared->rounds);
	EXPECT_EQ(counters()->rx_bytes, net.sent_bytes);
}

/* The second CPU sends, as fast as it can; the first receives: what is lost is counted. */
static void send_all(void)
{
	while (net.sent < shared->rounds) {
		reap();
		if (net.sent - net.reaped == NR_BUFFERS || !vioq_room(&net.tx, 2)) {
			cpu_relax();
			continue;
		}
		send();
		vioq_kick(&net.tx);
	}
	while (net.reaped < net.sent) {
		reap();
		cpu_relax();
	}
	__atomic_store_n(&shared->kicks, 1, __ATOMIC_RELEASE);
}

TEST(flood)
{
	start(0, shared->depth);
	user_start_cpu(send_all);
	while (!__atomic_load_n(&shared->kicks, __ATOMIC_ACQUIRE)) {
		if (!receive())
			cpu_relax();
	}
	user_join_cpu();
	user_call(BARE_CALL_SETTLE);
	receive();
	net.lost = net.sent - net.received;
	expect_counted(shared->rounds);
	EXPECT_EQ(counters()->rx_packets, net.received);
	EXPECT_EQ(counters()->tx_dropped_no_rx_buffer, net.lost);
}

/* Nobody offers a buffer: every frame is dropped, every one is counted, TX goes on. */
TEST(no_buffers)
{
	start(0, 0);
	for (uint32_t i = 0; i < shared->rounds; i++) {
		send();
		vioq_kick(&net.tx);
		while (net.reaped < net.sent)
			reap();
	}
	expect_counted(shared->rounds);
	EXPECT_EQ(counters()->tx_dropped_no_rx_buffer, shared->rounds);
	EXPECT_EQ(READ_ONCE(net.rx.vr.used->idx), 0);
	/* A kick for RX alone moves nothing, and the next frame finds the buffer. */
	offer(0);
	vioq_kick(&net.rx);
	net.received = 0;
	send();
	vioq_kick(&net.tx);
	while (!receive())
		vioq_wait(&net.rx);
	EXPECT_EQ(net.lost, shared->rounds);
}

/* A reset with frames under way: none of them turns up afterwards. */
TEST(net_reset)
{
	struct ss_net_counters before;

	for (uint32_t round = 0; round < shared->rounds; round++) {
		start(0, NR_BUFFERS);
		while (net.sent < shared->depth)
			send();
		vioq_kick(&net.tx);
		for (uint32_t i = 0; i < round * 7919 % 60000; i++)
			cpu_relax();
		vio_reset();
		before = *counters();
		memset(net.rx.vr.used, 0xa5, 64);
		memset(frame(RX, 0), 0xa5, BUFFER);
		EXPECT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		user_call(BARE_CALL_SETTLE);
		for (unsigned int i = 0; i < 64; i++)
			ASSERT_EQ(((uint8_t *)net.rx.vr.used)[i], 0xa5);
		for (unsigned int i = 0; i < BUFFER; i++)
			ASSERT_EQ(((uint8_t *)frame(RX, 0))[i], 0xa5);
		EXPECT_EQ(counters()->rx_packets, before.rx_packets);
		/* N8 */
		EXPECT_GE(counters()->tx_packets, counters()->rx_packets);
		start(0, NR_BUFFERS);
		send();
		vioq_kick(&net.tx);
		vioq_wait(&net.rx);
		EXPECT_EQ(receive(), 1);
		EXPECT_EQ(counters()->rx_packets, before.rx_packets + 1);
	}
	EXPECT_EQ(counters()->tx_packets, counters()->rx_packets);
}

/* N5, N7: RX breaks: told once; TX goes on, frames are lost and counted, until a reset. */
TEST(rx_poisoned)
{
	uint32_t seen;

	start(0, 4);
	seen = user_irqs(0);
	net.rx.vr.avail->idx = (uint16_t)(net.rx.next + VIO_SIZE + 1);
	while (net.sent < 10)
		send();
	vioq_kick(&net.tx);
	while (net.reaped < net.sent)
		reap();
	do {
		user_wait(0, seen);
		seen = user_irqs(0);
	} while (!(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG));
	EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET,
		  VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(counters()->tx_packets, 10);
	EXPECT_EQ(counters()->tx_dropped_rx_poisoned, 10);
	EXPECT_EQ(counters()->invalid_avail_idx_count, 1);
	start(0, 4);
	send();
	vioq_kick(&net.tx);
	vioq_wait(&net.rx);
	EXPECT_EQ(receive(), 1);
}
