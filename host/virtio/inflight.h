/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which chains of a split virtqueue are in flight, kept in memory that outlives this
 * process (vhost-user, "Inflight I/O tracking"): after a crash the next process serves
 * exactly those again that were taken and not published.
 *
 * The memory is the front-end's too, which may write what it likes there. It is read
 * once, by virtq_inflight_open(); after that it's only written.
 */
#ifndef SS_VIRTIO_INFLIGHT_H
#define SS_VIRTIO_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQ_INFLIGHT_MAX 256 /* descriptors: the longest ring, VIRTQ_MAX_SIZE */

struct virtq_inflight_region;

/**
 * struct virtq_inflight - a queue's tracking; the worker's while it runs
 * @region: NULL: not tracked
 * @size: descriptors tracked
 * @counter: of the next chain
 * @last: head of the last used element
 * @again: @nr heads to be served again, in the order they were first taken
 * @next: of them, the next one
 * @from_again: the last chain taken was one of these
 * @taken: head of the last chain taken
 */
struct virtq_inflight {
	struct virtq_inflight_region *region;
	uint16_t size;
	uint64_t counter;
	uint16_t last;
	uint16_t again[VIRTQ_INFLIGHT_MAX];
	unsigned int nr, next;
	bool from_again;
	uint16_t taken;
};

/** virtq_inflight_size() - bytes a queue of @size takes, a multiple of 64 */
size_t virtq_inflight_size(uint16_t size);

/**
 * virtq_inflight_open() - find out what was in flight, and go on from there
 * @mem: virtq_inflight_size(@size) bytes, aligned to 8; all 0: nothing yet
 * @size: the queue's, at most VIRTQ_INFLIGHT_MAX
 * @used_idx: the used ring's index
 *
 * @f->nr chains are to be served again. Return: 0; -EPROTO if @mem holds something else,
 * or another queue's size.
 */
int virtq_inflight_open(struct virtq_inflight *f, void *mem, uint16_t size, uint16_t used_idx);

/** virtq_inflight_forget() - the driver has reset the device: nothing is in flight */
void virtq_inflight_forget(void *mem, uint16_t size);

/** virtq_inflight_again() - the next head to be served again. Return: false if there is none */
bool virtq_inflight_again(struct virtq_inflight *f, uint16_t *head);

/** virtq_inflight_take() - @head was taken from the available ring */
void virtq_inflight_take(struct virtq_inflight *f, uint16_t head);

/**
 * virtq_inflight_untake() - the last chain taken goes back
 *
 * Return: true if it was one to be served again, and still is.
 */
bool virtq_inflight_untake(struct virtq_inflight *f);

/** virtq_inflight_begin() - before the used ring's index says that @head is done */
void virtq_inflight_begin(struct virtq_inflight *f, uint16_t head);

/** virtq_inflight_end() - after that; @used_idx is the new index */
void virtq_inflight_end(struct virtq_inflight *f, uint16_t head, uint16_t used_idx);

#endif /* SS_VIRTIO_INFLIGHT_H */
