// SPDX-License-Identifier: GPL-2.0-only
#include "virtio/inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGION_VERSION 1
#define REGION_ALIGN   64

/* The layout of the protocol, for split virtqueues, in this machine's byte order. */
struct inflight_desc {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;
	uint64_t counter;
};

struct virtq_inflight_region {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct inflight_desc desc[];
};

_Static_assert(sizeof(struct inflight_desc) == 16, "as the protocol has it");
_Static_assert(sizeof(struct virtq_inflight_region) == 16, "as the protocol has it");

size_t virtq_inflight_size(uint16_t size)
{
	const size_t bytes =
		sizeof(struct virtq_inflight_region) + size * sizeof(struct inflight_desc);

	return (bytes + REGION_ALIGN - 1) / REGION_ALIGN * REGION_ALIGN;
}

/*
 * A process that is killed leaves memory as its stores were made: the compiler mustn't
 * change their order, and the CPU's order is of no account to whoever comes later.
 */
static inline void in_order(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void set_inflight(struct virtq_inflight_region *r, uint16_t head, uint8_t on)
{
	__atomic_store_n(&r->desc[head].inflight, on, __ATOMIC_RELAXED);
}

/* --- after a crash --- */

struct found {
	uint64_t counter;
	uint16_t head;
};

static int by_counter(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->counter < y->counter ? -1 : x->counter > y->counter;
}

/*
 * We publish one by one. If the used ring is ahead of what the region says, it is by the
 * one of which the end wasn't noted: it isn't in flight any more.
 */
static void finish_last(struct virtq_inflight *f, uint16_t used_idx)
{
	struct virtq_inflight_region *r = f->region;

	if (r->used_idx != used_idx && f->last < f->size)
		set_inflight(r, f->last, 0);
	r->used_idx = used_idx;
}

static void collect(struct virtq_inflight *f)
{
	struct found found[VIRTQ_INFLIGHT_MAX];
	unsigned int nr = 0;

	for (uint16_t i = 0; i < f->size; i++) {
		const struct inflight_desc *d = &f->region->desc[i];

		if (!__atomic_load_n(&d->inflight, __ATOMIC_RELAXED))
			continue;
		found[nr].head = i;
		found[nr++].counter = __atomic_load_n(&d->counter, __ATOMIC_RELAXED);
	}
	qsort(found, nr, sizeof(found[0]), by_counter);
	for (unsigned int i = 0; i < nr; i++)
		f->again[i] = found[i].head;
	f->nr = nr;
	if (nr)
		f->counter = found[nr - 1].counter + 1;
}

int virtq_inflight_open(struct virtq_inflight *f, void *mem, uint16_t size, uint16_t used_idx)
{
	struct virtq_inflight_region *r = mem;

	memset(f, 0, sizeof(*f));
	if (!size || size > VIRTQ_INFLIGHT_MAX)
		return -EPROTO;
	if (!r->version) {
		r->desc_num = size;
		r->used_idx = used_idx;
		in_order();
		r->version = REGION_VERSION;
	}
	if (r->version != REGION_VERSION || r->desc_num != size)
		return -EPROTO;
	f->region = r;
	f->size = size;
	f->last = r->last_batch_head;
	finish_last(f, used_idx);
	collect(f);
	return 0;
}

void virtq_inflight_forget(void *mem, uint16_t size)
{
	memset(mem, 0, virtq_inflight_size(size));
}

/* --- while it runs --- */

bool virtq_inflight_again(struct virtq_inflight *f, uint16_t *head)
{
	f->from_again = f->next < f->nr;
	if (f->from_again)
		*head = f->again[f->next++];
	return f->from_again;
}

void virtq_inflight_take(struct virtq_inflight *f, uint16_t head)
{
	f->taken = head;
	/* Beyond what is tracked: the front-end gave a region for a shorter queue. */
	if (head >= f->size)
		return;
	f->region->desc[head].counter = f->counter++;
	in_order();
	set_inflight(f->region, head, 1);
}

bool virtq_inflight_untake(struct virtq_inflight *f)
{
	if (f->from_again) {
		f->next--;
		return true;
	}
	if (f->taken < f->size)
		set_inflight(f->region, f->taken, 0);
	return false;
}

void virtq_inflight_begin(struct virtq_inflight *f, uint16_t head)
{
	if (head >= f->size)
		return;
	f->region->desc[head].next = f->last;
	f->last = head;
	in_order();
	f->region->last_batch_head = head;
	in_order();
}

void virtq_inflight_end(struct virtq_inflight *f, uint16_t head, uint16_t used_idx)
{
	in_order();
	if (head < f->size)
		set_inflight(f->region, head, 0);
	in_order();
	f->region->used_idx = used_idx;
}
