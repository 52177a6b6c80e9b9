/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The block device (virtio 1.2, 5.2) with its throttle and workers. One worker
 * a queue drains the ring, asks the throttle, does the IO on guest memory
 * and publishes; a vCPU thread never waits for any of it.
 */
#ifndef SS_VIRTIO_BLK_H
#define SS_VIRTIO_BLK_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/backing.h"
#include "io/clock.h"
#include "io/profile.h"
#include "io/throttle.h"
#include "ss_counters.h"
#include "ss_latency.h"
#include "virtio/mmio.h"

#define BLK_SECTOR     512
#define BLK_QUEUE_SIZE VIRTQ_MAX_SIZE
#define BLK_SIZE_MAX   (1u << 20) /* bytes in one data descriptor */
#define BLK_SEG_MAX    128	  /* data descriptors in a request */
#define BLK_MAX_QUEUES 8
#define BLK_SERIAL_LEN 20

/* A page: to write less, the file's cache would have to read the rest of it first. */
#define BLK_PHYSICAL_EXP 3 /* 512 << 3 */

struct blk;

/**
 * struct blk_config - how to make a disk
 * @index: disk number, in probes and thread names ("blk0-q0")
 * @backing: borrowed; must outlive the disk
 * @read_only: offer VIRTIO_BLK_F_RO and refuse writes; implied by a read-only
 *	@backing
 * @serial: what GET_ID answers, at most BLK_SERIAL_LEN bytes, padded with NULs;
 *	copied
 * @queues: 1 to BLK_MAX_QUEUES; 0 means 1
 * @limits: of this disk alone
 * @throttle: use this one instead of @limits (several disks may share it);
 *	borrowed; NULL for one of its own
 * @profile: what the disk does over time, from blk_profile_start() on; borrowed;
 *	NULL for none. One that sets limits can't be had with @throttle
 * @counters: where to count, owned by the caller: plain memory or an mmapped
 *	BPF map, not zeroed here; NULL for memory of its own
 * @clock: NULL for CLOCK_MONOTONIC; another one only with @manual
 * @affinity: CPUs for the workers, one set a queue (@queues of them), copied;
 *	NULL for none
 * @manual: start no threads; a test calls blk_step() or blk_drain_queue()
 */
struct blk_config {
	unsigned int index;
	struct backing *backing;
	bool read_only;
	const char *serial;
	unsigned int queues;
	struct throttle_limits limits;
	struct throttle *throttle;
	const struct profile *profile;
	struct ss_blk_counters *counters;
	const struct io_clock *clock;
	const cpu_set_t *affinity;
	bool manual;
};

/**
 * blk_create() - make a disk, its transport and its workers (not running)
 * @out: owned by the caller, for blk_destroy()
 *
 * Return: 0; -EINVAL for bad limits (throttle_check() says why) or a
 * bad @config; -ENOMEM; or the errno of eventfd, epoll or timerfd.
 */
int blk_create(const struct blk_config *config, struct blk **out);

/**
 * blk_destroy() - stop the workers and free the disk; NULL is fine
 *
 * No vCPU may run any more. The backing and the counters stay.
 *
 * Return: 0, or -ETIMEDOUT if a worker hangs in its backing: then disk,
 * backing, counters and guest memory must stay.
 */
int blk_destroy(struct blk *blk);

/** blk_mmio() - the disk's transport, for the machine */
struct virtio_mmio *blk_mmio(struct blk *blk);

struct vdev;

/** blk_vdev() - the disk as a device, for another transport */
struct vdev *blk_vdev(struct blk *blk);

/**
 * blk_snapshot() - read the counters; any thread, no lock
 *
 * Each figure is exact, and none goes back (the gauge apart); figures that
 * move together may be seen a moment apart.
 */
void blk_snapshot(const struct blk *blk, struct ss_blk_counters *out);

/**
 * blk_pause() - park every worker: guest memory isn't touched until blk_resume()
 * @timeout_ns: how long to wait for each
 *
 * Succeeds at once for workers that don't run; they begin parked if started
 * meanwhile. Return: 0 or -ETIMEDOUT.
 */
int blk_pause(struct blk *blk, uint64_t timeout_ns);

/** blk_resume() - let the workers go on */
void blk_resume(struct blk *blk);

/**
 * blk_set_limits() - change the throttle's limits; any thread
 *
 * Stalled queues look again at once. Return: 0 or throttle_check()'s error.
 */
int blk_set_limits(struct blk *blk, const struct throttle_limits *limits);

/** blk_recheck() - stalled queues ask again at once, as when a shared throttle changed */
void blk_recheck(struct blk *blk);

/**
 * blk_limits() - the limits and balances as they are now; any thread
 *
 * With a profile that sets limits now these are the profile's.
 */
void blk_limits(struct blk *blk, struct throttle_state *out);

/**
 * blk_profile_start() - let the profile's time begin now, at request 0
 *
 * Only the first call counts; without a profile it does nothing. Any thread.
 */
void blk_profile_start(struct blk *blk);

/** blk_profile_began() - when its profile's time began, CLOCK_MONOTONIC ns; 0: not yet, or none */
uint64_t blk_profile_began(const struct blk *blk);

/** blk_latency() - the latencies of all queues so far; any thread, no lock */
void blk_latency(const struct blk *blk, struct ss_blk_lat *out);

/** blk_queue_count() - request queues (and workers) */
unsigned int blk_queue_count(const struct blk *blk);

/** blk_worker_tid() - kernel thread id of queue @q's worker, 0 if it doesn't run */
pid_t blk_worker_tid(const struct blk *blk, unsigned int q);

/* --- for tests, fuzzers and benches: a disk made with @manual --- */

/** blk_drain_queue() - drain queue @q on the caller's thread, as its worker would for a kick */
void blk_drain_queue(struct blk *blk, unsigned int q);

/** blk_step() - one turn of queue @q's worker loop; see worker_step() */
int blk_step(struct blk *blk, unsigned int q);

/** blk_deadline_ns() - when queue @q's stalled head is tried again, 0: not stalled */
uint64_t blk_deadline_ns(const struct blk *blk, unsigned int q);

/** blk_armed_ns() - when queue @q's timer fires, 0: not armed */
uint64_t blk_armed_ns(const struct blk *blk, unsigned int q);

#endif /* SS_VIRTIO_BLK_H */
