/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the block device's units share: blk.c (life and transport), blk_queue.c
 * (what the drain asks of a disk), blk_req.c (gates, and what a request does),
 * blk_xfer.c (the rules of reads, writes and flushes), blk_aio.c (requests in
 * flight), blk_range.c (discard, write zeroes), blk_pressure.c (throttle and
 * profile), blk_latency.c (histograms).
 */
#ifndef SS_VIRTIO_BLK_PRIV_H
#define SS_VIRTIO_BLK_PRIV_H

#include <errno.h>
#include <linux/virtio_blk.h>

#include "io/worker.h"
#include "lib/counters.h"
#include "virtio/blk.h"
#include "virtio/vdev.h"
#include "virtio/vdev_pass.h"

/* preadv's own limit (IOV_MAX); a request has more only if tiny regions cut it up. */
#define BLK_IOV_MAX	  1024

#define BLK_EINTR_RETRIES 16 /* a request */

/* Requests in flight per queue: as many as fit the longest ring. */
#define BLK_AIO_DEPTH VIRTQ_MAX_SIZE
/* iovecs of one in flight: all segments, some of them in two regions */
#define BLK_AIO_IOV (BLK_SEG_MAX + 16)
/* Handed to the backing together, and reaped together. */
#define BLK_AIO_BATCH 16

/**
 * struct blk_req - a request that got through the gates
 * @head: for the used ring
 * @type: VIRTIO_BLK_T_*
 * @sector: from the header, unchecked
 * @status_gpa: where the status byte goes
 * @data: data descriptors, @nr_data of them, in the queue's seg[]
 * @bytes: their sum; 0 for discard and write zeroes
 * @status: VIRTIO_BLK_S_*
 * @used_len: for the used ring
 * @start_ns: when it was granted
 * @delay_ns: how long the profile keeps its completion back
 * @inject: the profile makes it fail
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
	uint64_t start_ns;
	uint64_t delay_ns;
	bool inject;
};

/**
 * struct blk_held - a request that is done, its completion kept back
 * @publish_at: when it is published
 */
struct blk_held {
	struct blk_req req;
	uint64_t publish_at;
};

/**
 * struct blk_xfer - a read, write or flush in the backing
 * @io: what is left to do
 * @done: bytes moved so far
 * @interrupted: how often it was
 */
struct blk_xfer {
	struct backing_io io;
	uint64_t done;
	unsigned int interrupted;
};

/**
 * struct blk_aio - a request in flight
 * @xfer: of it
 * @in_flight: it's in the backing
 * @next: free list
 * @iov: its memory
 */
struct blk_aio {
	struct blk_xfer xfer;
	struct blk_req req;
	bool in_flight;
	struct blk_aio *next;
	struct iovec iov[BLK_AIO_IOV];
};

/**
 * struct blk_queue - a request queue with its worker
 * @seen: when each entry of the available ring was first seen
 * @seen_idx: up to here
 * @held: a profile's delayed completions, a ring of VIRTQ_MAX_SIZE; else NULL
 * @held_first: the oldest of them, @base.held_nr in all
 * @bq: the backing's queue; NULL: one request after the other
 * @aio: BLK_AIO_DEPTH of them, with @bq
 * @aio_free: those used and handed back
 * @aio_used: those ever used
 * @unstarted: of those in flight, not committed
 * @lat: written by the worker only, read by anyone
 * @req: the request at hand
 *
 * All but what is atomic belongs to the worker while it runs.
 */
struct blk_queue {
	struct vdev_queue base;
	struct blk *blk;
	uint64_t seen[VIRTQ_MAX_SIZE];
	uint16_t seen_idx;
	struct blk_held *held;
	unsigned int held_first;
	struct backing_queue *bq;
	struct blk_aio *aio, *aio_free;
	unsigned int aio_used, unstarted;
	struct ss_blk_lat lat;
	struct blk_req req;
	struct virtq_seg seg[BLK_SEG_MAX + 2];
	struct iovec iov[BLK_IOV_MAX];
};

/**
 * struct blk_pressure - a disk's profile at work
 * @profile: NULL for none
 * @start: atomic: when its time began, 0: not yet
 * @nr: atomic: requests granted since then
 * @lock: for @base and the limits' changes
 * @until: atomic: profile time at which the limits have to be looked at
 * @base: the disk's own limits, which hold while the profile sets none
 */
struct blk_pressure {
	const struct profile *profile;
	uint64_t start;
	uint64_t nr;
	pthread_mutex_t lock;
	uint64_t until;
	struct throttle_limits base;
};

struct blk {
	struct vdev dev;
	struct backing *backing;
	bool read_only;
	bool write_through; /* atomic: a completed write is stable */
	uint64_t capacity;  /* sectors */
	uint8_t serial[BLK_SERIAL_LEN];
	struct virtio_blk_config config;
	struct blk_pressure pressure;
	struct ss_blk_counters *counters;
	struct ss_blk_counters own_counters;
	struct blk_queue *queue; /* dev.nr_queues of them */
};

/* blk_req.c */

/** blk_req_parse() - the gates before the throttle, in their order; counts its errors */
enum vdev_gate blk_req_parse(struct blk_queue *q, const struct virtq_chain *chain,
			     struct blk_req *req);

/** blk_req_run() - do a granted request that is no transfer; sets @status and @used_len, counts */
void blk_req_run(struct blk_queue *q, struct blk_req *req);

/** blk_req_fail() - IOERR, and counted */
void blk_req_fail(struct blk_queue *q, struct blk_req *req);

/** blk_req_backing_done() - fire the probe; for a delayed @req that is done when it's published */
void blk_req_backing_done(const struct blk_queue *q, const struct blk_req *req);

/* blk_xfer.c */

/** blk_req_is_xfer() - a read, write or flush: has the calls below instead of blk_req_run() */
static inline bool blk_req_is_xfer(const struct blk_req *req)
{
	return (req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_OUT ||
		req->type == VIRTIO_BLK_T_FLUSH) &&
	       !req->inject;
}

/**
 * blk_xfer_begin() - find the place in the file and the memory
 * @iov: for @max entries; stays @x's
 *
 * Return: 0; -EINVAL: it doesn't end within the disk; -EFAULT: memory that isn't
 * mapped; -E2BIG: more than @max pieces of it.
 */
int blk_xfer_begin(struct blk_queue *q, const struct blk_req *req, struct blk_xfer *x,
		   struct iovec *iov, unsigned int max);

/*
 * blk_xfer_call() - let the backing do @x->io, here and now
 *
 * Inline: after a system call the CPU has lost track of where the functions above
 * return to, and each return costs some 10 ns.
 */
static inline ssize_t blk_xfer_call(struct backing *b, const struct blk_xfer *x)
{
	switch (x->io.op) {
	case BACKING_READ:
		return b->ops->readv(b, x->io.iov, x->io.nr, x->io.off);
	case BACKING_WRITE:
		return b->ops->writev(b, x->io.iov, x->io.nr, x->io.off);
	case BACKING_FLUSH:
		break;
	}
	return b->ops->flush(b);
}

/* What the backing's answer means for a transfer. */
enum blk_step {
	BLK_MORE,   /* @x->io must be done (again): the rest of it, or a flush behind it */
	BLK_DONE,   /* it succeeded */
	BLK_FAILED, /* it didn't */
};

/** blk_xfer_step() - the backing has answered @n */
enum blk_step blk_xfer_step(const struct blk_queue *q, const struct blk_req *req,
			    struct blk_xfer *x, ssize_t n);

/** blk_xfer_end() - @step was the last: sets @req's @status and @used_len, counts */
void blk_xfer_end(struct blk_queue *q, struct blk_req *req, struct blk_xfer *x, enum blk_step step);

/** blk_interrupted() - shall what returned @ret be tried again? @nr counts for the request */
static inline bool blk_interrupted(ssize_t ret, unsigned int *nr)
{
	return ret == -EINTR && (*nr)++ < BLK_EINTR_RETRIES;
}

/* A request's count and its bytes move together; nothing else moves either. */

/** blk_count_read() - a read completed that the file gave @bytes for */
static inline void blk_count_read(const struct blk_queue *q, uint64_t bytes)
{
	counter_add_by(&q->blk->counters->reads_completed, 1, q->blk->dev.nr_queues);
	counter_add_by(&q->blk->counters->bytes_read, bytes, q->blk->dev.nr_queues);
}

/** blk_count_write() - a write of @bytes completed */
static inline void blk_count_write(const struct blk_queue *q, uint64_t bytes)
{
	counter_add_by(&q->blk->counters->writes_completed, 1, q->blk->dev.nr_queues);
	counter_add_by(&q->blk->counters->bytes_written, bytes, q->blk->dev.nr_queues);
}

/** blk_write_through() - must what is written be stable when it completes? */
static inline bool blk_write_through(const struct blk *blk)
{
	return __atomic_load_n(&blk->write_through, __ATOMIC_ACQUIRE);
}

/* blk_range.c */

/** blk_range_config() - the limits of discard and write zeroes */
void blk_range_config(struct virtio_blk_config *config);

/**
 * blk_range_gate() - the gate of a discard or write-zeroes request
 *
 * A good one costs an operation and no bytes: @req->bytes becomes 0.
 * Return: VIRTIO_BLK_S_OK, or what it is answered with.
 */
uint8_t blk_range_gate(const struct blk *blk, const struct virtq_chain *chain, struct blk_req *req);

/**
 * blk_range_run() - do it, and count it
 *
 * Return: 0 (@req->status is UNSUPP after flags that aren't known) or a
 * negative errno; -ECANCELED if the worker shall stop.
 */
int blk_range_run(struct blk_queue *q, struct blk_req *req);

/* blk_aio.c */

/** blk_aio_init() - open a queue of the backing for @q, if it offers them. Return: 0 or -ENOMEM */
int blk_aio_init(struct blk_queue *q);

void blk_aio_destroy(struct blk_queue *q);

/**
 * blk_aio_start() - put a granted request into flight
 *
 * Return: false if it can't be put into flight: then the worker does it itself.
 */
bool blk_aio_start(struct blk_queue *q, const struct blk_req *req);

/** blk_aio_commit() - let the backing begin. Return: false if it has to be asked again */
bool blk_aio_commit(struct blk_queue *q);

/**
 * blk_aio_reap() - the next request that is finished, NULL for none
 *
 * With its status set and counted, to be published; hand it back with
 * blk_aio_put().
 */
struct blk_aio *blk_aio_reap(struct blk_queue *q);

void blk_aio_put(struct blk_queue *q, struct blk_aio *aio);

/** blk_aio_cancel() - try to end early what is in flight */
void blk_aio_cancel(struct blk_queue *q);

/* blk_pressure.c */

/** blk_pressure_init() - before the queues are there. Return: 0 or -EINVAL */
int blk_pressure_init(struct blk *blk, const struct blk_config *config);

void blk_pressure_destroy(struct blk *blk);

/** blk_pressure_asked() - must a request ask (and the clock be read for it)? */
bool blk_pressure_asked(const struct blk *blk);

/**
 * blk_pressure_ask() - may the head of @q go at @now? Charged if so
 *
 * Sets what the profile wants of this request.
 */
bool blk_pressure_ask(struct blk_queue *q, struct blk_req *req, uint64_t now,
		      struct throttle_verdict *verdict);

/** blk_profile_stalled() - how much of [@from, @to) the profile stalls @base's disk, ns */
uint64_t blk_profile_stalled(const struct vdev_queue *base, uint64_t from, uint64_t to);

/** blk_pressure_set_limits() - the disk's own limits. Return: throttle_check()'s error */
int blk_pressure_set_limits(struct blk *blk, const struct throttle_limits *limits);

/** blk_hold() - keep a completion back if the profile wants so; false: it doesn't */
bool blk_hold(struct blk_queue *q, const struct blk_req *req);

/** blk_held_next() - the next completion that is due now, or lost; NULL for none */
const struct blk_req *blk_held_next(struct blk_queue *q);

/** blk_held_drop() - forget the one blk_held_next() gave */
void blk_held_drop(struct blk_queue *q);

/** blk_held_publish_at() - when that will be; 0: nothing is kept back */
uint64_t blk_held_publish_at(const struct blk_queue *q);

/* blk_latency.c */

/** blk_lat_seen() - stamp what the last virtq_pop() has seen for the first time */
void blk_lat_seen(struct blk_queue *q);

/** blk_lat_begin() - all that is in the ring counts as seen now */
void blk_lat_begin(struct blk_queue *q);

/** blk_lat_granted() - the chain just popped is granted now */
void blk_lat_granted(struct blk_queue *q);

/** blk_lat_stalled() - the head's stall, begun at @since, ended now with a grant */
void blk_lat_stalled(struct blk_queue *q, uint64_t since);

/** blk_lat_done() - a request granted at @start is done now */
void blk_lat_done(struct blk_queue *q, uint64_t start);

/* blk_queue.c */

extern const struct vdev_queue_ops blk_queue_ops;

/** blk_queue_flush() - publish at once what the profile keeps back; the worker is parked */
void blk_queue_flush(struct blk_queue *q);

/** blk_queue_clear() - what vdev_queue_clear() leaves to a disk; the worker must not run */
void blk_queue_clear(struct blk_queue *q);

#endif /* SS_VIRTIO_BLK_PRIV_H */
