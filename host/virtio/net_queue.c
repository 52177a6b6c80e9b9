// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the drain (vdev_queue.c) asks of a network device, whose TX it drains: gate,
 * serve and signal. To serve a frame is to deliver it to RX.
 */
#include "virtio/net_priv.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "lib/container_of.h"
#include "lib/counters.h"
#include "ss_probes.h"
#include "virtio/vdev_pass.h"

/* struct virtio_net_hdr_mrg_rxbuf with num_buffers = 1, little-endian */
static const uint8_t rx_header[NET_HDR_LEN] = { [10] = 1 };

/* --- memory --- */

/*
 * Finds where @want bytes of a chain lie, all but the first @skip of them.
 * Return: iovecs used, or -EFAULT if some aren't mapped, or in too many pieces.
 */
static int chain_iov(const struct guest_mem *mem, struct net_chain *c, uint64_t skip, uint64_t want)
{
	unsigned int nr = 0;

	/* Nearly always it lies in one piece. */
	if (c->seg[0].len >= want) {
		char *p = guest_mem_ptr(mem, c->seg[0].addr, want);

		if (p) {
			c->iov[0] = (struct iovec){ p + skip, want - skip };
			return 1;
		}
	}
	for (const struct virtq_seg *s = c->seg; want; s++) {
		uint64_t gpa = s->addr, len = s->len < want ? s->len : want, n;

		want -= len;
		for (; len; gpa += n, len -= n) {
			char *p = guest_mem_span(mem, gpa, len, &n);

			if (!p)
				return -EFAULT;
			if (n <= skip) {
				skip -= n;
				continue;
			}
			if (nr == NET_IOV_MAX)
				return -EFAULT;
			c->iov[nr++] = (struct iovec){ p + skip, n - skip };
			skip = 0;
		}
	}
	return (int)nr;
}

/*
 * Moves @len bytes to where there is room for them; returns where to go on.
 * The guest may have made the two overlap.
 */
static struct iovec *copy_bytes(struct iovec *to, const void *from, size_t len)
{
	const char *p = from;

	while (len) {
		const size_t n = len < to->iov_len ? len : to->iov_len;

		memmove(to->iov_base, p, n);
		to->iov_base = (char *)to->iov_base + n;
		to->iov_len -= n;
		p += n;
		len -= n;
		if (!to->iov_len)
			to++;
	}
	return to;
}

/* --- RX --- */

/* Is there room for @want bytes, all of it for us to write? */
static bool rx_shape_ok(const struct virtq_chain *c, uint64_t want)
{
	uint64_t room = 0;

	if (c->nr > c->max)
		return false;
	for (unsigned int i = 0; i < c->nr; i++) {
		if (!c->seg[i].write)
			return false;
		room += c->seg[i].len;
	}
	return room >= want;
}

/* A header is rarely cut in pieces; where it isn't, the length of the copy is a constant. */
static struct iovec *copy_header(struct iovec *to)
{
	if (to->iov_len <= sizeof(rx_header))
		return copy_bytes(to, rx_header, sizeof(rx_header));
	memcpy(to->iov_base, rx_header, sizeof(rx_header));
	to->iov_base = (char *)to->iov_base + sizeof(rx_header);
	to->iov_len -= sizeof(rx_header);
	return to;
}

static void rx_copy(struct net *net, const struct net_frame *f)
{
	struct iovec *to = copy_header(net->rx.iov);

	for (unsigned int i = 0; i < f->nr; i++)
		to = copy_bytes(to, net->tx.iov[i].iov_base, net->tx.iov[i].iov_len);
}

/* Nothing is written unless all of it can be. */
static void rx_fill(struct net *net, const struct net_frame *f)
{
	struct ss_net_counters *counters = net->counters;
	struct vdev_queue *rx = &net->queue[NET_RX];
	__u64 *outcome = &counters->rx_packets;
	uint32_t len = NET_HDR_LEN + f->len;

	if (!rx_shape_ok(&rx->chain, len))
		outcome = &counters->rx_chain_invalid;
	else if (chain_iov(rx->vq.mem, &net->rx, 0, len) < 0)
		outcome = &counters->rx_write_failed;
	else
		rx_copy(net, f);
	if (outcome != &counters->rx_packets)
		len = 0;
	if (virtq_push(&rx->vq, rx->chain.head, len)) {
		counter_inc_own(&counters->rx_add_used_failures);
		return;
	}
	net->rx_published++;
	counter_inc_own(outcome);
	if (len)
		counter_add_own(&counters->rx_bytes, f->len);
}

/* Moves exactly one of an accepted frame's counters. */
static void rx_deliver(struct net *net, const struct net_frame *f)
{
	struct vdev_queue *rx = &net->queue[NET_RX];
	const bool poisoned = rx->vq.poison;
	int ret;

	if (!rx->vq.mem)
		vdev_wire_mem(rx);
	ret = poisoned ? -EPROTO : virtq_pop(&rx->vq, &rx->chain);
	if (ret > 0) {
		rx_fill(net, f);
		return;
	}
	if (ret == 0) {
		counter_inc_own(&net->counters->tx_dropped_no_rx_buffer);
		return;
	}
	counter_inc_own(&net->counters->tx_dropped_rx_poisoned);
	if (!poisoned) {
		vdev_poisoned(rx);
		net->rx_broken = true;
	}
}

/* --- TX --- */

/* The gates, which the throttle never sees; NULL: passed, else what counts. */
static __u64 *tx_gate(struct net *net, const struct virtq_chain *c, struct net_frame *f)
{
	struct ss_net_counters *counters = net->counters;
	uint64_t total = 0, end;
	int nr;

	if (c->nr > c->max)
		return &counters->tx_chain_invalid;
	for (unsigned int i = 0; i < c->nr; i++) {
		if (c->seg[i].write || __builtin_add_overflow(c->seg[i].addr, c->seg[i].len, &end))
			return &counters->tx_chain_invalid;
		total += c->seg[i].len;
	}
	if (total < NET_HDR_LEN)
		return &counters->tx_chain_invalid;
	if (total - NET_HDR_LEN > net->frame_max)
		return &counters->tx_oversize_dropped;
	nr = chain_iov(net->queue[NET_TX].vq.mem, &net->tx, NET_HDR_LEN, total);
	if (nr < 0)
		return &counters->tx_chain_invalid;
	f->nr = (unsigned int)nr;
	f->len = (uint32_t)total - NET_HDR_LEN;
	return NULL;
}

/* Hands the chain back, and counts it as @outcome if that works; else returns false. */
static bool tx_push(struct net *net, struct vdev_drain *d, __u64 *outcome)
{
	struct vdev_queue *tx = &net->queue[NET_TX];

	if (virtq_push(&tx->vq, tx->chain.head, 0)) {
		counter_inc_own(&net->counters->tx_add_used_failures);
		return false;
	}
	d->published++;
	counter_inc_own(outcome);
	return true;
}

static struct net *net_of(struct vdev_queue *tx)
{
	return container_of(tx, struct net, queue[NET_TX]);
}

static enum vdev_gate net_gate(struct vdev_queue *tx, struct throttle_verdict *verdict)
{
	struct net *net = net_of(tx);

	net->outcome = tx_gate(net, &tx->chain, &net->frame);
	if (net->outcome)
		return VDEV_REJECT;
	if (!throttle_limited(net->dev.throttle))
		return VDEV_SERVE;
	tx->now = io_clock_now(&net->dev.clock);
	if (throttle_ask_fair(net->dev.throttle, &tx->waiter, net->frame.len, tx->now, verdict))
		return VDEV_SERVE;
	return VDEV_STALL;
}

static void net_serve(struct vdev_queue *tx, struct vdev_drain *d, enum vdev_gate gate)
{
	struct net *net = net_of(tx);

	if (gate != VDEV_SERVE) {
		tx_push(net, d, net->outcome);
		return;
	}
	rx_deliver(net, &net->frame);
	if (tx_push(net, d, &net->counters->tx_packets))
		counter_add_own(&net->counters->tx_bytes, net->frame.len);
}

/* One signal for what was published on either queue, then at most one for poison. */
static void net_signal(struct vdev_queue *tx, const struct vdev_drain *d)
{
	struct net *net = net_of(tx);
	struct vdev_queue *rx = &net->queue[NET_RX];
	const bool rx_wants = vdev_wants_interrupt(rx, net->rx_published);
	const bool tx_wants = vdev_wants_interrupt(tx, d->published);
	const bool tx_broken = d->end == VDEV_POISONED;

	/* Nobody waits for more buffers: they're looked at when there is a frame. */
	virtq_disable_notify(&rx->vq);
	if (d->published || net->rx_published)
		vdev_raise(rx_wants ? rx : tx, VIRTIO_MMIO_INT_VRING, rx_wants || tx_wants);
	if (tx_broken || net->rx_broken)
		vdev_raise(tx_broken ? tx : rx, VIRTIO_MMIO_INT_CONFIG, true);
	net->rx_published = 0;
	net->rx_broken = false;
}

/* Nothing of a frame is ever left pending. */
static enum vdev_end net_pass(struct vdev_queue *q, struct vdev_drain *d)
{
	static const struct vdev_pass_ops ops = { .gate = net_gate, .serve = net_serve };

	return vdev_pass(q, d, &ops);
}

const struct vdev_queue_ops net_tx_ops = {
	.pass = net_pass,
	.signal = net_signal,
};
