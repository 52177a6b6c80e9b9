// SPDX-License-Identifier: GPL-2.0-only
/*
 * Latency histograms. Each queue has its own, which its worker alone writes,
 * so that a sample costs plain loads and stores; a reader adds them up.
 */
#include "virtio/blk_priv.h"

#include "lib/counters.h"

static inline void hist_add(struct ss_hist *h, uint64_t from, uint64_t to)
{
	const uint64_t ns = to > from ? to - from : 0;
	unsigned int slot = 63 - (unsigned int)__builtin_clzll(ns | 1);

	counter_add_own(&h->slots[slot < SS_HIST_SLOTS ? slot : SS_HIST_SLOTS - 1], 1);
	counter_add_own(&h->total_ns, ns);
	if (ns > __atomic_load_n(&h->max_ns, __ATOMIC_RELAXED))
		__atomic_store_n(&h->max_ns, ns, __ATOMIC_RELAXED);
	counter_add_own(&h->count, 1);
}

void blk_lat_seen(struct blk_queue *q)
{
	const struct virtq *vq = &q->base.vq;
	uint16_t new = (uint16_t)(vq->avail_seen - q->seen_idx);

	if (!new || !vq->avail_fresh)
		return;
	/* An index that went back is the guest's doing: no more than a ring of them. */
	if (new > vq->size)
		new = vq->size;
	q->seen_idx = vq->avail_seen;
	for (uint16_t i = 1; i <= new; i++)
		q->seen[(uint16_t)(vq->avail_seen - i) % VIRTQ_MAX_SIZE] = q->base.now;
}

void blk_lat_begin(struct blk_queue *q)
{
	const uint64_t now = io_clock_now(&q->blk->dev.clock);

	for (unsigned int i = 0; i < VIRTQ_MAX_SIZE; i++)
		q->seen[i] = now;
}

void blk_lat_granted(struct blk_queue *q)
{
	const uint16_t idx = (uint16_t)(q->base.vq.next_avail - 1);

	hist_add(&q->lat.queue, q->seen[idx % VIRTQ_MAX_SIZE], q->base.now);
}

void blk_lat_stalled(struct blk_queue *q, uint64_t since)
{
	hist_add(&q->lat.stall, since, q->base.now);
}

void blk_lat_done(struct blk_queue *q, uint64_t start)
{
	hist_add(&q->lat.backing, start, q->base.now);
}

static void hist_sum(struct ss_hist *to, const struct ss_hist *from)
{
	const __u64 max = __atomic_load_n(&from->max_ns, __ATOMIC_RELAXED);

	to->count += __atomic_load_n(&from->count, __ATOMIC_RELAXED);
	to->total_ns += __atomic_load_n(&from->total_ns, __ATOMIC_RELAXED);
	to->max_ns = max > to->max_ns ? max : to->max_ns;
	for (unsigned int i = 0; i < SS_HIST_SLOTS; i++)
		to->slots[i] += __atomic_load_n(&from->slots[i], __ATOMIC_RELAXED);
}

void blk_latency(const struct blk *blk, struct ss_blk_lat *out)
{
	*out = (struct ss_blk_lat){ .queue = { 0 } };
	for (unsigned int i = 0; i < blk->dev.nr_queues; i++) {
		hist_sum(&out->queue, &blk->queue[i].lat.queue);
		hist_sum(&out->stall, &blk->queue[i].lat.stall);
		hist_sum(&out->backing, &blk->queue[i].lat.backing);
	}
}
