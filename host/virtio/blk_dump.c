// SPDX-License-Identifier: GPL-2.0-only
#include "virtio/blk_dump.h"

#include <endian.h>
#include <linux/virtio_ring.h>
#include <time.h>

#include "virtio/blk_priv.h"

#define LOCK_TRIES    100
#define LOCK_PAUSE_NS 1000000

/*
 * With the workers parked only a vCPU's reset could change the queues: it holds
 * this lock, for up to a second if it waits for a worker.
 */
static bool lock_registers(struct blk *blk)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (unsigned int i = 0; i < LOCK_TRIES; i++) {
		if (!pthread_mutex_trylock(&blk->mmio.lock))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* The guest's CPUs go on: a word at a time, as they write it. */
static bool read_u16(const struct virtq *vq, uint64_t gpa, uint16_t *out)
{
	const uint16_t *p = gpa & 1 ? NULL : guest_mem_ptr(vq->mem, gpa, sizeof(*p));

	if (p)
		*out = le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
	return p;
}

static bool read_rings(const struct virtq *vq, struct vdev_queue_dump *d)
{
	const uint64_t used_elems = sizeof(struct vring_used_elem) * (uint64_t)vq->size;

	/* An address that wraps is unmapped behind its end. */
	return read_u16(vq, vq->avail, &d->avail_flags) &&
	       read_u16(vq, vq->avail + 2, &d->avail_idx) &&
	       read_u16(vq, vq->avail + 4 + 2ULL * vq->size, &d->used_event) &&
	       read_u16(vq, vq->used, &d->used_flags) && read_u16(vq, vq->used + 2, &d->used_idx) &&
	       read_u16(vq, vq->used + 4 + used_elems, &d->avail_event);
}

static void dump_ring(const struct blk_queue *q, struct vdev_queue_dump *d)
{
	const struct virtq *vq = &q->vq;

	d->ready = vq->ready;
	d->size = vq->size;
	d->desc = vq->desc;
	d->avail = vq->avail;
	d->used = vq->used;
	d->event_idx = vq->event_idx;
	d->indirect = vq->indirect;
	d->poison = vq->poison ? virtq_poison_str(vq->poison) : NULL;
	d->next_avail = vq->next_avail;
	d->next_used = vq->next_used;
	d->stall_head = q->stalled ? q->stall_head : 0;
	d->deadline_ns = q->stalled ? q->deadline : 0;
	d->mapped = vq->ready && vq->mem && read_rings(vq, d);
}

static void dump_registers(const struct virtio_mmio *mmio, struct blk_dump *out)
{
	out->status = virtio_mmio_status(mmio);
	out->interrupt_status = __atomic_load_n(&mmio->interrupt_status, __ATOMIC_RELAXED);
	out->config_generation = __atomic_load_n(&mmio->config_generation, __ATOMIC_RELAXED);
	out->offered = mmio->offered;
	if (out->consistent)
		out->features = virtio_mmio_features(mmio);
}

void blk_dump(struct blk *blk, bool paused, struct blk_dump *out)
{
	const uint64_t start = __atomic_load_n(&blk->pressure.start, __ATOMIC_ACQUIRE);

	*out = (struct blk_dump){
		.at_ns = io_clock_now(&blk->clock),
		.consistent = paused && lock_registers(blk),
		.capacity = blk->capacity,
		.read_only = blk->read_only,
		.nr_queues = blk->nr_queues,
		.profile_requests = __atomic_load_n(&blk->pressure.nr, __ATOMIC_RELAXED),
	};
	if (start && out->at_ns > start)
		out->profile_ns = out->at_ns - start;
	dump_registers(&blk->mmio, out);
	for (unsigned int i = 0; i < blk->nr_queues; i++) {
		const struct blk_queue *q = &blk->queue[i];
		struct vdev_queue_dump *d = &out->queue[i];

		d->worker = blk_worker_tid(blk, i);
		d->stalled_since_ns = __atomic_load_n(&q->stall_since, __ATOMIC_RELAXED);
		d->held = __atomic_load_n(&q->held_nr, __ATOMIC_RELAXED);
		if (out->consistent)
			dump_ring(q, d);
	}
	blk_snapshot(blk, &out->counters);
	blk_latency(blk, &out->latency);
	blk_limits(blk, &out->throttle);
	if (out->consistent)
		pthread_mutex_unlock(&blk->mmio.lock);
}
