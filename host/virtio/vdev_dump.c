// SPDX-License-Identifier: GPL-2.0-only
/* What a dump says of any device: its registers, and its rings as long as nothing moves. */
#include "virtio/vdev_dump.h"

#include <endian.h>
#include <linux/virtio_ring.h>
#include <time.h>

#include "virtio/vdev.h"

#define LOCK_TRIES    100
#define LOCK_PAUSE_NS 1000000

/*
 * With the workers parked only a vCPU's reset could change the queues: it holds
 * this lock, for up to a second if it waits for a worker.
 */
static bool lock_registers(struct vdev *dev)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (unsigned int i = 0; i < LOCK_TRIES; i++) {
		if (!pthread_mutex_trylock(&dev->mmio.lock))
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

static void dump_ring(const struct vdev_queue *q, struct vdev_queue_dump *d)
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
	d->deadline_ns = vdev_deadline_ns(q);
	d->mapped = vq->ready && vq->mem && read_rings(vq, d);
}

void vdev_dump_begin(struct vdev *dev, bool paused, struct vdev_dump *out)
{
	const struct virtio_mmio *mmio = &dev->mmio;

	*out = (struct vdev_dump){ .at_ns = io_clock_now(&dev->clock) };
	out->consistent = paused && lock_registers(dev);
	out->status = virtio_mmio_status(mmio);
	out->interrupt_status = __atomic_load_n(&mmio->interrupt_status, __ATOMIC_RELAXED);
	out->config_generation = __atomic_load_n(&mmio->config_generation, __ATOMIC_RELAXED);
	out->offered = mmio->offered;
	if (out->consistent)
		out->features = virtio_mmio_features(mmio);
}

void vdev_dump_end(struct vdev *dev, const struct vdev_dump *d)
{
	if (d->consistent)
		pthread_mutex_unlock(&dev->mmio.lock);
}

void vdev_dump_queue(const struct vdev *dev, const struct vdev_dump *d, unsigned int index,
		     struct vdev_queue_dump *out)
{
	const struct vdev_queue *q = dev->queue[index];

	out->worker = worker_tid(q->worker);
	out->stalled_since_ns = __atomic_load_n(&q->stall_since, __ATOMIC_RELAXED);
	out->held = __atomic_load_n(&q->held_nr, __ATOMIC_RELAXED);
	if (d->consistent)
		dump_ring(q, out);
}
