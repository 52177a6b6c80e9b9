// SPDX-License-Identifier: GPL-2.0-only
/* Split virtqueues: the trust boundary, used elements, and who wants to be notified. */
#include "virtio/queue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#define DESC_SIZE ((uint32_t)sizeof(struct vring_desc))
#define ELEM_SIZE ((uint32_t)sizeof(struct vring_used_elem))

/* Offsets in the available and the used ring alike. */
#define RING_FLAGS 0
#define RING_IDX   2
#define RING_ELEMS 4

static uint64_t avail_bytes(uint16_t size)
{
	return RING_ELEMS + 2ULL * size + 2;
}

static uint64_t used_bytes(uint16_t size)
{
	return RING_ELEMS + (uint64_t)ELEM_SIZE * size + 2;
}

static uint32_t used_event_off(const struct virtq *vq)
{
	return RING_ELEMS + 2u * vq->size;
}

static uint32_t avail_event_off(const struct virtq *vq)
{
	return RING_ELEMS + ELEM_SIZE * vq->size;
}

void virtq_init(struct virtq *vq, const struct virtq_config *config, const struct guest_mem *mem)
{
	*vq = (struct virtq){
		.desc = config->desc,
		.avail = config->avail,
		.used = config->used,
		.size = config->size,
		.ready = config->ready && config->size && config->size <= VIRTQ_MAX_SIZE &&
			 !(config->size & (config->size - 1)),
		.event_idx = config->event_idx,
		.indirect = config->indirect,
	};
	if (mem)
		virtq_set_mem(vq, mem);
}

static bool virtq_misaligned(const struct virtq *vq)
{
	return vq->desc & 15 || vq->avail & 1 || vq->used & 3;
}

/* No shortcuts to a ring that may not be touched. */
void virtq_set_mem(struct virtq *vq, const struct guest_mem *mem)
{
	vq->mem = mem;
	if (!vq->ready || virtq_misaligned(vq))
		return;
	vq->desc_hva = guest_mem_ptr(mem, vq->desc, (uint64_t)DESC_SIZE * vq->size);
	vq->avail_hva = guest_mem_ptr(mem, vq->avail, avail_bytes(vq->size));
	vq->used_hva = guest_mem_ptr(mem, vq->used, used_bytes(vq->size));
}

static int virtq_set_poison(struct virtq *vq, enum virtq_poison why)
{
	vq->poison = why;
	return -EPROTO;
}

static bool virtq_untouchable(const struct virtq *vq)
{
	return !vq->ready || !vq->mem || vq->poison || virtq_misaligned(vq);
}

/* --- fields of the rings: 16 bits, aligned, shared with the guest --- */

static uint16_t *ring_u16(const struct virtq *vq, uint8_t *hva, uint64_t gpa, uint32_t off)
{
	if (hva)
		return (uint16_t *)(void *)(hva + off);
	if (__builtin_add_overflow(gpa, off, &gpa))
		return NULL;
	return guest_mem_ptr(vq->mem, gpa, sizeof(uint16_t));
}

static uint16_t *avail_u16(const struct virtq *vq, uint32_t off)
{
	return ring_u16(vq, vq->avail_hva, vq->avail, off);
}

static uint16_t *used_u16(const struct virtq *vq, uint32_t off)
{
	return ring_u16(vq, vq->used_hva, vq->used, off);
}

static uint16_t load_u16(const uint16_t *p, int order)
{
	return le16toh(order == __ATOMIC_ACQUIRE ? __atomic_load_n(p, __ATOMIC_ACQUIRE)
						 : __atomic_load_n(p, __ATOMIC_RELAXED));
}

static void store_u16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, htole16(value), __ATOMIC_RELAXED);
}

int virtq_used_idx(const struct virtq *vq, uint16_t *idx)
{
	const uint16_t *p = virtq_untouchable(vq) ? NULL : used_u16(vq, RING_IDX);

	if (!p)
		return -EFAULT;
	*idx = load_u16(p, __ATOMIC_ACQUIRE);
	return 0;
}

int virtq_go_on(struct virtq *vq, uint16_t avail, struct virtq_inflight *inflight)
{
	uint16_t used;
	int ret = virtq_used_idx(vq, &used);

	if (ret)
		return ret;
	vq->next_avail = avail;
	vq->next_used = vq->signalled = used;
	vq->inflight = inflight;
	return 0;
}

/* --- taking chains: the trust boundary --- */

/*
 * How far the driver is ahead. The index is read only when everything seen
 * before is used up, and checked each time it is read.
 */
static int virtq_avail_count(struct virtq *vq)
{
	const uint16_t *p;
	uint16_t ahead;

	if (vq->avail_fresh && vq->avail_seen != vq->next_avail)
		return 1;
	vq->avail_fresh = false;
	p = avail_u16(vq, RING_IDX);
	if (!p)
		return virtq_set_poison(vq, VIRTQ_BAD_ADDRESS);
	/* Acquire: what the index covers is read after it. */
	vq->avail_seen = load_u16(p, __ATOMIC_ACQUIRE);
	ahead = (uint16_t)(vq->avail_seen - vq->next_avail);
	if (ahead > vq->size)
		return virtq_set_poison(vq, VIRTQ_BAD_AVAIL_IDX);
	vq->avail_fresh = true;
	return ahead != 0;
}

/* A table of descriptors: the queue's own or an indirect one. */
struct desc_table {
	const uint8_t *hva; /* NULL: go through gpa */
	uint64_t gpa;
	uint32_t nr;
	bool indirect;
};

/* The one read of a descriptor; everything after looks at the copy. */
static int desc_copy(const struct virtq *vq, const struct desc_table *table, uint32_t index,
		     struct vring_desc *desc)
{
	uint64_t off = (uint64_t)index * DESC_SIZE, word[2];

	_Static_assert(sizeof(word) == sizeof(*desc), "a descriptor is two words");
	if (table->hva) {
		/* Copied one by one, they stay in registers. */
		memcpy(&word[0], table->hva + off, sizeof(word[0]));
		memcpy(&word[1], table->hva + off + sizeof(word[0]), sizeof(word[1]));
	} else {
		uint64_t gpa;

		if (__builtin_add_overflow(table->gpa, off, &gpa) ||
		    guest_mem_read(vq->mem, gpa, word, sizeof(word)))
			return -EFAULT;
	}
	/* No second look at guest memory behind the checks' back. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	word[1] = le64toh(word[1]);
	desc->addr = le64toh(word[0]);
	desc->len = (uint32_t)word[1];
	desc->flags = (uint16_t)(word[1] >> 32);
	desc->next = (uint16_t)(word[1] >> 48);
	return 0;
}

/* An indirect descriptor ends its chain; it may come after direct ones. */
static int enter_indirect(struct virtq *vq, const struct vring_desc *desc, struct desc_table *table)
{
	uint32_t nr = desc->len / DESC_SIZE;

	if (!vq->indirect || table->indirect || desc->flags & VRING_DESC_F_NEXT ||
	    desc->len % DESC_SIZE || !nr || nr > VIRTQ_MAX_INDIRECT)
		return virtq_set_poison(vq, VIRTQ_BAD_INDIRECT);
	*table = (struct desc_table){
		.hva = guest_mem_ptr(vq->mem, desc->addr, desc->len),
		.gpa = desc->addr,
		.nr = nr,
		.indirect = true,
	};
	return 0;
}

static void chain_add(struct virtq_chain *chain, const struct vring_desc *desc)
{
	if (chain->nr < chain->max)
		chain->seg[chain->nr] = (struct virtq_seg){
			.addr = desc->addr,
			.len = desc->len,
			.write = desc->flags & VRING_DESC_F_WRITE,
		};
	chain->nr++;
}

static int virtq_walk(struct virtq *vq, struct virtq_chain *chain)
{
	struct desc_table table = { .hva = vq->desc_hva, .gpa = vq->desc, .nr = vq->size };
	struct vring_desc desc;
	uint32_t index = chain->head, walked = 0;

	for (;;) {
		if (index >= table.nr)
			return virtq_set_poison(vq, VIRTQ_BAD_INDEX);
		if (walked++ == table.nr)
			return virtq_set_poison(vq, VIRTQ_BAD_LOOP);
		if (desc_copy(vq, &table, index, &desc))
			return virtq_set_poison(vq, VIRTQ_BAD_ADDRESS);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			int ret = enter_indirect(vq, &desc, &table);

			if (ret)
				return ret;
			index = walked = 0;
			continue;
		}
		chain_add(chain, &desc);
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 1;
		index = desc.next;
	}
}

/* A chain that a process before this one has taken, and not given back. */
static int virtq_pop_again(struct virtq *vq, struct virtq_chain *chain, uint16_t head)
{
	chain->head = head;
	chain->nr = 0;
	return virtq_walk(vq, chain);
}

int virtq_pop(struct virtq *vq, struct virtq_chain *chain)
{
	const uint16_t *entry;
	uint16_t head;
	int ret;

	if (!vq->ready || !vq->mem)
		return 0;
	if (vq->poison)
		return -EPROTO;
	if (virtq_misaligned(vq))
		return virtq_set_poison(vq, VIRTQ_BAD_ADDRESS);
	if (vq->inflight && virtq_inflight_again(vq->inflight, &head))
		return virtq_pop_again(vq, chain, head);
	ret = virtq_avail_count(vq);
	if (ret <= 0)
		return ret;
	entry = avail_u16(vq, RING_ELEMS + 2u * (vq->next_avail & (vq->size - 1u)));
	if (!entry)
		return virtq_set_poison(vq, VIRTQ_BAD_ADDRESS);
	chain->head = load_u16(entry, __ATOMIC_RELAXED);
	chain->nr = 0;
	ret = virtq_walk(vq, chain);
	if (ret <= 0)
		return ret;
	vq->next_avail++;
	if (vq->inflight)
		virtq_inflight_take(vq->inflight, chain->head);
	return ret;
}

void virtq_prefetch(const struct virtq *vq)
{
	const struct vring_desc *desc;
	uint16_t head;
	void *p;

	if (!vq->avail_fresh || vq->avail_seen == vq->next_avail || !vq->avail_hva || !vq->desc_hva)
		return;
	head = load_u16(avail_u16(vq, RING_ELEMS + 2u * (vq->next_avail & (vq->size - 1u))),
			__ATOMIC_RELAXED);
	if (head >= vq->size)
		return;
	desc = (const struct vring_desc *)(const void *)(vq->desc_hva + (size_t)head * DESC_SIZE);
	p = guest_mem_ptr(vq->mem, le64toh(__atomic_load_n(&desc->addr, __ATOMIC_RELAXED)), 1);
	if (p)
		__builtin_prefetch(p, 1);
}

bool virtq_has_more(const struct virtq *vq)
{
	const uint16_t *idx = avail_u16(vq, RING_IDX);

	return idx && load_u16(idx, __ATOMIC_RELAXED) != vq->next_avail;
}

void virtq_unpop(struct virtq *vq)
{
	if (vq->inflight && virtq_inflight_untake(vq->inflight))
		return;
	vq->next_avail--;
	vq->avail_fresh = false;
}

/* --- giving chains back --- */

/*
 * Word by word: put together on the stack first, one load of eight bytes would
 * wait for two stores of four.
 */
static void store_elem(uint8_t *hva, uint16_t head, uint32_t len)
{
	uint32_t *elem = (uint32_t *)(void *)hva;

	__atomic_store_n(&elem[0], htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&elem[1], htole32(len), __ATOMIC_RELAXED);
}

/* Through the guest's addresses. Return: where the index is, NULL if nothing was stored. */
__attribute__((noinline)) static uint16_t *store_elem_slow(const struct virtq *vq, uint32_t off,
							   uint16_t head, uint32_t len)
{
	const struct vring_used_elem elem = { .id = htole32(head), .len = htole32(len) };
	uint16_t *idx = virtq_untouchable(vq) ? NULL : used_u16(vq, RING_IDX);

	if (!idx || guest_mem_write(vq->mem, vq->used + off, &elem, sizeof(elem)))
		return NULL;
	return idx;
}

int virtq_push(struct virtq *vq, uint16_t head, uint32_t len)
{
	uint32_t off = RING_ELEMS + ELEM_SIZE * (vq->next_used & (vq->size - 1u));
	uint16_t *idx;

	if (vq->used_hva && !vq->poison) {
		idx = used_u16(vq, RING_IDX);
		store_elem(vq->used_hva + off, head, len);
	} else {
		idx = store_elem_slow(vq, off, head, len);
		if (!idx)
			return -EFAULT;
	}
	if (vq->inflight)
		virtq_inflight_begin(vq->inflight, head);
	vq->next_used++;
	/* Release: element, status byte and data are there before the index says so. */
	__atomic_store_n(idx, htole16(vq->next_used), __ATOMIC_RELEASE);
	if (vq->inflight)
		virtq_inflight_end(vq->inflight, head, vq->next_used);
	return 0;
}

/* --- who wants to hear of what --- */

int virtq_disable_notify(struct virtq *vq)
{
	uint16_t *flags;

	if (virtq_untouchable(vq))
		return -EFAULT;
	if (vq->event_idx)
		return 0;
	flags = used_u16(vq, RING_FLAGS);
	if (!flags)
		return -EFAULT;
	store_u16(flags, VRING_USED_F_NO_NOTIFY);
	return 0;
}

int virtq_enable_notify(struct virtq *vq)
{
	uint16_t *word;
	const uint16_t *idx;

	if (vq->poison)
		return -EPROTO;
	if (virtq_untouchable(vq))
		return -EFAULT;
	word = used_u16(vq, vq->event_idx ? avail_event_off(vq) : RING_FLAGS);
	idx = avail_u16(vq, RING_IDX);
	if (!word || !idx)
		return -EFAULT;
	store_u16(word, vq->event_idx ? vq->next_avail : 0);
	/* Full: either the driver sees the request, or we its new index. */
	__sync_synchronize();
	return load_u16(idx, __ATOMIC_RELAXED) != vq->next_avail;
}

bool virtq_should_interrupt(struct virtq *vq)
{
	uint16_t old = vq->signalled, new = vq->next_used, event;
	const uint16_t *p;

	vq->signalled = new;
	if (!vq->event_idx)
		return true;
	/* Full: either we see the driver's new event, or it our used index. */
	__sync_synchronize();
	p = vq->mem ? avail_u16(vq, used_event_off(vq)) : NULL;
	if (!p)
		return true;
	event = load_u16(p, __ATOMIC_RELAXED);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

const char *virtq_poison_str(enum virtq_poison poison)
{
	switch (poison) {
	case VIRTQ_OK:
		return "not poisoned";
	case VIRTQ_BAD_AVAIL_IDX:
		return "available index more than the queue size ahead";
	case VIRTQ_BAD_INDEX:
		return "descriptor index outside the table";
	case VIRTQ_BAD_LOOP:
		return "loop in a descriptor chain";
	case VIRTQ_BAD_ADDRESS:
		return "ring or descriptor table unmapped or misaligned";
	case VIRTQ_BAD_INDIRECT:
		return "malformed indirect descriptor";
	}
	return "unknown";
}
