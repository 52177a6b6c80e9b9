/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the block device's units share: blk.c (life and transport), blk_queue.c
 * (the drain), blk_req.c (one request).
 */
#ifndef SS_VIRTIO_BLK_PRIV_H
#define SS_VIRTIO_BLK_PRIV_H

#include <linux/virtio_blk.h>

#include "io/worker.h"
#include "virtio/blk.h"

/* preadv's own limit (IOV_MAX); a request has more only if tiny regions cut it up. */
#define BLK_IOV_MAX 1024

/**
 * struct blk_req - a request that got through the gates
 * @head: for the used ring
 * @type: VIRTIO_BLK_T_*
 * @sector: from the header, unchecked
 * @status_gpa: where the status byte goes
 * @data: data descriptors, @nr_data of them, in the queue's seg[]
 * @bytes: their sum
 * @status: VIRTIO_BLK_S_*
 * @used_len: for the used ring
 */
struct blk_req {
	uint16_t head;
	uint32_t type;
	uint64_t sector;
	uint64_t status_gpa;
	const struct virtq_seg *data;
	unsigned int nr_data;
	uint64_t bytes;
	uint8_t status;
	uint32_t used_len;
};

/**
 * struct blk_queue - a request queue with its worker
 * @vq: the ring; not ready while the device isn't active
 * @stalled: the head of the ring waits for the throttle
 * @stall_head: its descriptor
 * @deadline: when the worker shall look again (0 never, 1 at once)
 * @recheck: atomic: the limits have changed, ask the throttle before the deadline
 *
 * All but @recheck belong to the worker while it runs.
 */
struct blk_queue {
	struct blk *blk;
	unsigned int index;
	struct worker *worker;
	struct virtq vq;
	bool stalled;
	uint16_t stall_head;
	uint64_t deadline;
	bool recheck;
	struct virtq_seg seg[BLK_SEG_MAX + 2];
	struct iovec iov[BLK_IOV_MAX];
};

struct blk {
	struct virtio_mmio mmio;
	struct virtio_mmio_ops mmio_ops; /* with this disk's name */
	char name[WORKER_NAME_LEN];
	unsigned int index;
	struct backing *backing;
	bool read_only;
	bool write_through; /* no FLUSH negotiated: a completed write is stable */
	bool active;
	bool warned_mem;      /* atomic */
	unsigned int poisons; /* atomic; for the log only */
	uint64_t capacity;    /* sectors */
	uint8_t serial[BLK_SERIAL_LEN];
	struct virtio_blk_config config;
	struct throttle *throttle;
	struct throttle own_throttle;
	struct ss_blk_counters *counters;
	struct ss_blk_counters own_counters;
	struct io_clock clock;
	unsigned int nr_queues;
	struct blk_queue *queue;
};

enum blk_gate {
	BLK_DROP,   /* no status byte can be written: the chain is lost */
	BLK_REJECT, /* answered with @status at once, not throttled */
	BLK_PASS,   /* up to the throttle */
};

/* blk_req.c */

/** blk_req_parse() - the gates before the throttle, in their order; counts its errors */
enum blk_gate blk_req_parse(struct blk_queue *q, const struct virtq_chain *chain,
			    struct blk_req *req);

/** blk_req_run() - do what a granted request asks; sets @status and @used_len, counts */
void blk_req_run(struct blk_queue *q, struct blk_req *req);

/* blk_queue.c */

extern const struct worker_ops blk_worker_ops;

/** blk_queue_clear() - forget ring and stall; the worker must not run */
void blk_queue_clear(struct blk_queue *q);

#endif /* SS_VIRTIO_BLK_PRIV_H */
