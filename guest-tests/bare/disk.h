/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver for the disk: requests in slots, and a pump that keeps some of them
 * under way and looks at every byte that comes back.
 */
#ifndef SS_BARE_DISK_H
#define SS_BARE_DISK_H

#include <linux/virtio_blk.h>

#include "ss_counters.h"
#include "vio.h"

#define DISK_SLOTS   64
#define DISK_PENDING 0xee /* a status byte that the device hasn't written */
#define DISK_ALL     ~0u  /* wait for all that are under way */

/* What the device reads and writes besides the data. */
struct disk_slot {
	struct virtio_blk_outhdr hdr;
	volatile uint8_t status;
	uint8_t pad[15];
};

/**
 * struct disk_queue - a request queue
 * @slot: in the queue's own part of guest memory
 * @owner: slot of the request with that head
 * @busy: slots under way, a bit each
 */
struct disk_queue {
	struct vioq vq;
	struct disk_slot *slot;
	uint8_t owner[VIO_SIZE];
	uint64_t busy;
};

/** disk_start() - from reset to DRIVER_OK with shared->queues queues, interrupts to @cpu */
void disk_start(struct disk_queue *d, unsigned int cpu);

/** disk_restart() - the same with the rings moved by @by bytes */
void disk_restart(struct disk_queue *d, unsigned int cpu, uint64_t by);

/** disk_data() - the buffer of a slot, BARE_BLOCK bytes */
void *disk_data(const struct disk_queue *d, unsigned int slot);

/** disk_add() - a request in a free slot, with @len bytes of its buffer; not published */
void disk_add(struct disk_queue *d, unsigned int slot, uint32_t type, uint64_t sector,
	      uint32_t len);

/** disk_take() - a completed one. Return: its slot, -1 if there's none */
int disk_take(struct disk_queue *d, uint32_t *len);

/** disk_finish() - take @n of them, in any order, waiting for each; all must be good */
void disk_finish(struct disk_queue *d, unsigned int n);

/** disk_one() - one request from beginning to end. Return: its status */
uint8_t disk_one(struct disk_queue *d, uint32_t type, uint64_t sector, uint32_t len);

/** disk_fill() - the pattern of a block into a slot's buffer */
void disk_fill(const struct disk_queue *d, unsigned int slot, uint64_t block, uint32_t gen);

/** disk_verify() - is it the pattern? Says what differs */
void disk_verify(const struct disk_queue *d, unsigned int slot, uint64_t block, uint32_t gen);

/** disk_write_blocks() - write the pattern, shared->depth requests at once */
void disk_write_blocks(struct disk_queue *d, uint64_t first, uint32_t blocks, uint32_t gen);

/** disk_read_blocks() - read and verify it */
void disk_read_blocks(struct disk_queue *d, uint64_t first, uint32_t blocks, uint32_t gen);

/** disk_counters() - as the device counts now */
const struct ss_blk_counters *disk_counters(void);

#endif /* SS_BARE_DISK_H */
