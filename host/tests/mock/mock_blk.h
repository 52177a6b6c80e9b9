/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk in front of a mock backing and a mock guest, driven by hand: the
 * test is the driver, the clock and the worker's thread.
 */
#ifndef SS_MOCK_BLK_H
#define SS_MOCK_BLK_H

#include "mock_backing.h"
#include "mock_guest.h"
#include "virtio/blk.h"

#define MOCK_BLK_START 1000000000000ULL /* the clock begins here, ns */
#define MOCK_BLK_DATA  GUEST_BIG	/* a good place for data */

#define BLK_FEATURES                                                                               \
	(FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_BLK_F_BLK_SIZE) | FEAT(VIRTIO_BLK_F_SEG_MAX) |     \
	 FEAT(VIRTIO_BLK_F_SIZE_MAX) | FEAT(VIRTIO_BLK_F_FLUSH))

struct mock_blk {
	struct mock_guest g;
	struct mock_clock clock;
	struct mock_backing backing;
	struct ss_blk_counters counters;
	struct ss_blk_counters seen; /* by mock_blk_changes() */
	struct blk *blk;
	struct virtio_mmio *m;
	struct mock_queue q; /* queue 0 */
};

/* What a test may want otherwise; 0 is usual. */
struct mock_blk_opts {
	uint64_t size; /* of the backing; 0: MOCK_DISK_SIZE */
	bool empty;    /* a backing of 0 bytes */
	bool read_only;
	bool threads; /* true workers, true time */
	unsigned int queues;
	struct throttle_limits limits;
	struct throttle *throttle;     /* shared */
	const struct profile *profile; /* not started */
	const cpu_set_t *affinity;
};

/** mock_blk_init() - make the disk; no driver yet */
int mock_blk_init(struct mock_blk *b, const struct mock_blk_opts *opts);

/** mock_blk_free() - destroy it; returns blk_destroy()'s answer */
int mock_blk_free(struct mock_blk *b);

/** mock_blk_start() - a driver that takes @features and queue 0 of 256, to DRIVER_OK */
void mock_blk_start(struct mock_blk *b, uint64_t features);

/** mock_blk_start_size() - the same with a queue of @size */
void mock_blk_start_size(struct mock_blk *b, uint64_t features, uint16_t size);

/** mock_blk_kick() - notify queue 0 and let its worker have a turn, as the timer may */
void mock_blk_kick(struct mock_blk *b);

/** mock_blk_irqs() - interrupts since the last call */
uint64_t mock_blk_irqs(struct mock_blk *b);

/** mock_blk_isr() - INTERRUPT_STATUS */
uint32_t mock_blk_isr(struct mock_blk *b);

/** mock_blk_status() - the device status */
uint32_t mock_blk_status(struct mock_blk *b);

/**
 * mock_blk_changes() - what the counters did since the last call, as text
 *
 * "reads_completed+1 bytes_read+512", in the struct's order, "" for nothing;
 * valid until the next call.
 */
const char *mock_blk_changes(struct mock_blk *b);

/**
 * mock_blk_done() - the next used element must be @req's: returns its length,
 * or a negative number if there is none or it's another's
 */
int64_t mock_blk_done(struct mock_blk *b, const struct mock_req *req);

/** mock_blk_expect() - @req was answered with @status and @len, in order */
bool mock_blk_expect(struct mock_blk *b, const struct mock_req *req, uint8_t status, uint32_t len);

/** mock_blk_nothing() - nothing was published, and @req's status is untouched */
bool mock_blk_nothing(struct mock_blk *b, const struct mock_req *req);

#endif /* SS_MOCK_BLK_H */
