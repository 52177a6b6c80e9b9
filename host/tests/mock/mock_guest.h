/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest made of plain memory, and a driver that does by hand what Linux's
 * virtio drivers do, or whatever it likes instead.
 *
 * Memory map (each region is an allocation of its own, so that a sanitizer sees a
 * step over its end):
 *	0x000000 - 0x040000	low: rings, headers, status bytes
 *	0x040000 - 0x080000	high: follows in the guest, not in this process
 *	0x080000 - 0x100000	a hole
 *	0x100000 - 0x340000	big: data
 */
#ifndef SS_MOCK_GUEST_H
#define SS_MOCK_GUEST_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/clock.h"
#include "virtio/guest_mem.h"
#include "virtio/mmio.h"

#define GUEST_LOW_SIZE	0x40000ULL
#define GUEST_HIGH	0x40000ULL
#define GUEST_HIGH_SIZE 0x40000ULL
#define GUEST_HOLE	0x80000ULL
#define GUEST_BIG	0x100000ULL
#define GUEST_BIG_SIZE	0x240000ULL

/* Where the driver puts things in low memory. */
#define GUEST_RINGS	 0x1000ULL  /* 0x4000 a queue */
#define GUEST_HEADERS	 0x20000ULL /* 16 bytes a slot */
#define GUEST_STATUSES	 0x24000ULL /* 1 byte a slot */
#define GUEST_TABLES	 0x28000ULL /* indirect tables */

#define STATUS_UNTOUCHED 0xee

struct mock_guest {
	struct guest_mem mem;
};

/** mock_guest_init() - lay out the memory; filled with 0 */
void mock_guest_init(struct mock_guest *g);
void mock_guest_free(struct mock_guest *g);

/** mock_ptr() - guest memory as the guest sees it; the test fails if unmapped */
void *mock_ptr(struct mock_guest *g, uint64_t gpa, uint64_t len);

/* A clock that stands still until it's moved. */
struct mock_clock {
	uint64_t now;
	struct io_clock clock;
};

void mock_clock_init(struct mock_clock *c, uint64_t now);

/* A driver's view of one queue. */
struct mock_queue {
	struct mock_guest *g;
	unsigned int index;
	uint16_t size;
	uint64_t desc, avail, used;
	uint16_t avail_idx; /* next entry to fill, as published */
	uint16_t used_idx;  /* next entry to look at */
	uint16_t free_desc; /* next descriptor to use, round and round */
	uint16_t slot;	    /* next header and status slot */
};

/** mock_queue_init() - rings at their usual place for queue @index, memory zeroed */
void mock_queue_init(struct mock_queue *q, struct mock_guest *g, unsigned int index, uint16_t size);

/** mock_desc() - write descriptor @i */
void mock_desc(struct mock_queue *q, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	       uint16_t next);

/** mock_avail() - make the chain at @head available */
void mock_avail(struct mock_queue *q, uint16_t head);

/** mock_set_avail_idx() - write avail.idx and follow it with the cursor */
void mock_set_avail_idx(struct mock_queue *q, uint16_t idx);

void mock_set_avail_flags(struct mock_queue *q, uint16_t flags);
void mock_set_used_event(struct mock_queue *q, uint16_t event);
uint16_t mock_avail_event(struct mock_queue *q);
uint16_t mock_used_flags(struct mock_queue *q);
uint16_t mock_used_idx(struct mock_queue *q);

/** mock_used() - take the next used element; false if there is none */
bool mock_used(struct mock_queue *q, uint32_t *id, uint32_t *len);

/* A piece of a chain for mock_chain(). */
struct mock_piece {
	uint64_t addr;
	uint32_t len;
	bool write;
};

/** mock_chain() - make a chain of @nr pieces available; returns its head */
uint16_t mock_chain(struct mock_queue *q, const struct mock_piece *piece, unsigned int nr);

/* A block request the driver made. */
struct mock_req {
	uint16_t head;
	uint64_t header;
	uint64_t status; /* address; STATUS_UNTOUCHED until the device writes it */
};

/** mock_blk_header() - a header and a status slot, in memory, in no chain yet */
struct mock_req mock_blk_header(struct mock_queue *q, uint32_t type, uint64_t sector);

/** mock_blk() - make a request available: header, @nr data pieces, status */
struct mock_req mock_blk(struct mock_queue *q, uint32_t type, uint64_t sector,
			 const struct mock_piece *data, unsigned int nr);

struct mock_req mock_read(struct mock_queue *q, uint64_t sector, uint64_t gpa, uint32_t len);
struct mock_req mock_write(struct mock_queue *q, uint64_t sector, uint64_t gpa, uint32_t len);
struct mock_req mock_flush(struct mock_queue *q);

uint8_t mock_status(struct mock_queue *q, const struct mock_req *req);

/* --- registers --- */

uint32_t reg_read(struct virtio_mmio *m, uint64_t off);
void reg_write(struct virtio_mmio *m, uint64_t off, uint32_t value);
uint64_t mock_offered(struct virtio_mmio *m);

/** mock_negotiate() - from reset up to FEATURES_OK */
void mock_negotiate(struct virtio_mmio *m, uint64_t features);

/** mock_setup_queue() - write a queue's registers and make it ready */
void mock_setup_queue(struct virtio_mmio *m, const struct mock_queue *q);

/** mock_driver_ok() - set DRIVER_OK */
void mock_driver_ok(struct virtio_mmio *m);

/** mock_eventfd() - take an eventfd's count, 0 if it wasn't signalled */
uint64_t mock_eventfd(int fd);

/** mock_wait_fd() - wait up to @ms for @fd to be readable */
bool mock_wait_fd(int fd, int ms);

#define FEAT(bit) (1ULL << (bit))

#endif /* SS_MOCK_GUEST_H */
