/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log2 histograms, ring buffer records and loss counting, shared by the host's
 * and the guest's programs. Include after vmlinux.h and bpf_helpers.h.
 */
#ifndef SS_HIST_BPF_H
#define SS_HIST_BPF_H

#include "ss_events.h"
#include "ss_hist.h"

static __always_inline __u32 log2_u32(__u32 v)
{
	__u32 r, shift;

	r = (v > 0xffff) << 4;
	v >>= r;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | (v >> 1);
}

/* floor(log2(v)), 0 for 0, capped to the last slot */
static __always_inline __u32 hist_slot(__u64 v)
{
	__u32 hi = v >> 32;
	__u32 slot = hi ? log2_u32(hi) + 32 : log2_u32(v);

	return slot < SS_HIST_SLOTS ? slot : SS_HIST_SLOTS - 1;
}

/* Several CPUs may add to one histogram; max_ns may lag by a concurrent add. */
static __always_inline void hist_add(struct ss_hist *h, __u64 ns)
{
	__u32 slot = hist_slot(ns);

	__sync_fetch_and_add(&h->count, 1);
	__sync_fetch_and_add(&h->total_ns, ns);
	if (ns > h->max_ns)
		h->max_ns = ns;
	__sync_fetch_and_add(&h->slots[slot], 1);
}

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ss_drops);
} drops SEC(".maps");

static __always_inline void count_rec(bool lost)
{
	__u32 zero = 0;
	struct ss_drops *d = bpf_map_lookup_elem(&drops, &zero);

	if (!d)
		return;
	if (lost)
		__sync_fetch_and_add(&d->lost, 1);
	else
		__sync_fetch_and_add(&d->recorded, 1);
}

/*
 * Room for one record of at least a header, counted as made or lost. The
 * caller must submit it: once counted as made it has to arrive.
 */
static __always_inline void *rec_reserve(__u16 type, __u64 size, __u64 ts)
{
	struct ss_rec *h = bpf_ringbuf_reserve(&ring, size, 0);

	count_rec(!h);
	if (!h)
		return NULL;
	h->type = type;
	h->len = size;
	h->cpu = bpf_get_smp_processor_id();
	h->ts = ts;
	return h;
}

/* Waking the consumer for each record would cost more than the record. */
static __always_inline void rec_submit(void *rec)
{
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
}

#endif /* SS_HIST_BPF_H */
