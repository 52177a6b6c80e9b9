/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split virtqueues, the device's side (virtio 1.2, 2.7).
 *
 * virtq_pop() holds the whole trust boundary: whatever it hands out has been
 * copied from the ring once and then checked. A ring that breaks the rules of
 * structure poisons its queue; after that nothing here touches it.
 *
 * A queue belongs to one thread, its worker, from activation to deactivation.
 */
#ifndef SS_VIRTIO_QUEUE_H
#define SS_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/guest_mem.h"
#include "virtio/inflight.h"

#define VIRTQ_MAX_SIZE 256
/* Longest indirect table that is walked; anything longer is a broken ring. */
#define VIRTQ_MAX_INDIRECT 1024

/**
 * enum virtq_poison - why a queue is poisoned
 * @VIRTQ_OK: it isn't
 * @VIRTQ_BAD_AVAIL_IDX: avail.idx is more than the queue size ahead
 * @VIRTQ_BAD_INDEX: a head or next index outside the table
 * @VIRTQ_BAD_LOOP: a chain longer than its table: it has a loop
 * @VIRTQ_BAD_ADDRESS: available ring or a descriptor table, indirect ones included,
 *	unmapped; or one of the queue's three parts misaligned
 * @VIRTQ_BAD_INDIRECT: an indirect table that wasn't negotiated, nests, or has
 *	an impossible length
 */
enum virtq_poison {
	VIRTQ_OK = 0,
	VIRTQ_BAD_AVAIL_IDX,
	VIRTQ_BAD_INDEX,
	VIRTQ_BAD_LOOP,
	VIRTQ_BAD_ADDRESS,
	VIRTQ_BAD_INDIRECT,
};

/**
 * struct virtq_seg - one descriptor, copied
 * @addr: guest-physical, unchecked
 * @len: bytes, unchecked
 * @write: the device writes it (VRING_DESC_F_WRITE), otherwise it reads it
 */
struct virtq_seg {
	uint64_t addr;
	uint32_t len;
	bool write;
};

/**
 * struct virtq_chain - a descriptor chain, copied
 * @seg: room for @max segments, owned by the caller
 * @max: set by the caller
 * @nr: descriptors in the chain; more than @max if it didn't fit, in which
 *	case only @max of them are in @seg
 * @head: index of the first descriptor, to hand back with virtq_push()
 */
struct virtq_chain {
	struct virtq_seg *seg;
	unsigned int max;
	unsigned int nr;
	uint16_t head;
};

/**
 * struct virtq - run-time state of a split virtqueue
 * @mem: guest memory; NULL until it is wired
 * @desc: guest address of the descriptor table
 * @avail: guest address of the available ring
 * @used: guest address of the used ring
 * @size: a power of two, at most VIRTQ_MAX_SIZE
 * @ready: QUEUE_READY at activation
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_F_INDIRECT_DESC was negotiated
 * @poison: why the ring may not be touched any more
 * @next_avail: cursor in the available ring, free-running
 * @next_used: cursor in the used ring, free-running
 * @avail_seen: avail.idx as last read, valid while @avail_fresh
 * @avail_fresh: @avail_seen passed the jump check
 * @signalled: @next_used at the last virtq_should_interrupt()
 * @inflight: where it's noted which chains are in flight, NULL: nowhere
 *
 * The fields up to @indirect are set by virtq_init(), the rest by this unit.
 */
struct virtq {
	const struct guest_mem *mem;
	uint64_t desc, avail, used;
	uint16_t size;
	bool ready;
	bool event_idx;
	bool indirect;
	bool avail_fresh;
	enum virtq_poison poison;
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t avail_seen;
	uint16_t signalled;
	struct virtq_inflight *inflight;
	/* Ring parts that lie in one region each, else NULL: a shortcut only. */
	uint8_t *desc_hva, *avail_hva, *used_hva;
};

/**
 * struct virtq_config - what the driver set up
 * @desc: @avail: @used: guest addresses, unchecked
 * @size: power of two, at most VIRTQ_MAX_SIZE
 * @ready: @event_idx: @indirect: see struct virtq
 */
struct virtq_config {
	uint64_t desc, avail, used;
	uint16_t size;
	bool ready;
	bool event_idx;
	bool indirect;
};

/**
 * virtq_init() - start a queue afresh: cursors at 0, not poisoned
 * @mem: may be NULL: nothing works until virtq_set_mem()
 *
 * A misaligned or unmapped ring shows when it's first used.
 */
void virtq_init(struct virtq *vq, const struct virtq_config *config, const struct guest_mem *mem);

/**
 * virtq_go_on() - have a queue, just initialised, go on where another one ended
 * @avail: cursor in the available ring
 * @inflight: opened with the used ring's index, borrowed; its chains are popped first,
 *	and @avail counts them as taken. NULL: not tracked
 *
 * The used ring says itself where it ends. Return: 0, or -EFAULT if it's unmapped.
 */
int virtq_go_on(struct virtq *vq, uint16_t avail, struct virtq_inflight *inflight);

/** virtq_used_idx() - the used ring's index as it's in guest memory. Return: 0 or -EFAULT */
int virtq_used_idx(const struct virtq *vq, uint16_t *idx);

/** virtq_set_mem() - wire guest memory, before the first use */
void virtq_set_mem(struct virtq *vq, const struct guest_mem *mem);

/**
 * virtq_pop() - take the next chain from the available ring
 * @chain: @seg and @max set by the caller
 *
 * Return: 1 with *@chain filled; 0 if there is nothing, or the queue isn't
 * ready or has no memory; -EPROTO if the queue is poisoned, by this call or
 * earlier (@vq->poison says why).
 */
int virtq_pop(struct virtq *vq, struct virtq_chain *chain);

/**
 * virtq_prefetch() - fetch what the next chain's first descriptor points at
 *
 * A hint for the cache, to be given before something that takes a while: the
 * driver has just written that memory on another CPU. Reads the ring without
 * trusting it, changes nothing.
 */
void virtq_prefetch(const struct virtq *vq);

/** virtq_has_more() - has the available index moved on? Unchecked; the next virtq_pop() does */
bool virtq_has_more(const struct virtq *vq);

/**
 * virtq_unpop() - put the last chain back: the cursor goes back by one, modulo 2^16
 *
 * Only after a virtq_pop() that returned 1; the guest sees nothing of it.
 */
void virtq_unpop(struct virtq *vq);

/**
 * virtq_push() - publish a used element
 * @head: from the chain
 * @len: bytes the device wrote, status byte included
 *
 * Everything written to guest memory before is visible to the guest when the
 * element is.
 *
 * Return: 0, or -EFAULT if the used ring is unmapped; nothing is published
 * then.
 */
int virtq_push(struct virtq *vq, uint16_t head, uint32_t len);

/**
 * virtq_disable_notify() - tell the driver that kicks aren't needed
 *
 * A hint: with EVENT_IDX it does nothing, the driver's event simply stays
 * behind. Return: 0 or -EFAULT.
 */
int virtq_disable_notify(struct virtq *vq);

/**
 * virtq_enable_notify() - ask for a kick for the next chain
 *
 * With a full barrier between the request and the look at the ring, so that
 * no chain falls between them.
 *
 * Return: 0; 1 if chains (or a bad index) are there already, so that the caller
 * goes round once more; -EFAULT if the ring is unmapped; -EPROTO if the queue
 * is poisoned.
 */
int virtq_enable_notify(struct virtq *vq);

/**
 * virtq_should_interrupt() - does the driver want to hear of what was published?
 *
 * Call once a drain, after the last virtq_push(), only if something was
 * published. With EVENT_IDX: did the used index cross the driver's event
 * since the last call? Without: always (the driver's no-interrupt flag is a
 * mere hint, and a missed interrupt costs more than a spare one). If the
 * event can't be read: yes.
 */
bool virtq_should_interrupt(struct virtq *vq);

/** virtq_poison_str() - the reason in words, for a log line */
const char *virtq_poison_str(enum virtq_poison poison);

#endif /* SS_VIRTIO_QUEUE_H */
