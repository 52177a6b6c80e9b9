// SPDX-License-Identifier: GPL-2.0-only
/* Starts and stops the rings of a device one by one, as a transport without registers asks. */
#include "virtio/vdev_ring.h"
#include "virtio/vdev_pass.h"

#include <errno.h>
#include <linux/virtio_ring.h>

#define PARK_LIMIT_NS IO_NSEC_PER_SEC

/* Which of its worker's kicks is queue @q's: they are in the queues' order. */
static unsigned int kick_index(const struct vdev *dev, unsigned int q)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < q; i++)
		n += dev->queue[i]->worker == dev->queue[q]->worker;
	return n;
}

bool vdev_ring_runs(const struct vdev *dev, unsigned int q)
{
	return dev->queue[q]->vq.ready;
}

static void init_virtq(struct vdev *dev, struct virtq *vq, const struct vdev_ring *ring)
{
	const uint64_t features = virtio_mmio_features(&dev->mmio);
	const struct virtq_config config = {
		.desc = ring->desc,
		.avail = ring->avail,
		.used = ring->used,
		.size = ring->size,
		.ready = true,
		.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
	};

	virtq_init(vq, &config, virtio_mmio_mem(&dev->mmio));
}

/* What was in flight comes first; so many chains behind the used ring the next one is. */
static int go_on(struct virtq *vq, const struct vdev_ring *ring)
{
	struct virtq_inflight *f = ring->inflight_mem ? ring->inflight : NULL;
	uint16_t base = ring->base, used;
	int ret = virtq_used_idx(vq, &used);

	if (!ret && f && ring->size > ring->inflight_size)
		ret = -EPROTO;
	if (!ret && f)
		ret = virtq_inflight_open(f, ring->inflight_mem, ring->inflight_size, used);
	if (ret)
		return ret;
	if (f && f->nr)
		base = (uint16_t)(used + f->nr);
	return virtq_go_on(vq, base, f);
}

/* The worker is parked. */
static int ring_start(struct vdev *dev, unsigned int q, const struct vdev_ring *ring)
{
	struct vdev_queue *queue = dev->queue[q];
	struct virtq vq;
	int ret;

	init_virtq(dev, &vq, ring);
	ret = go_on(&vq, ring);
	if (!ret)
		ret = worker_alias_kick(queue->worker, kick_index(dev, q), ring->kick_fd);
	if (ret)
		return ret;
	if (dev->mmio.ops->queue_start)
		dev->mmio.ops->queue_start(dev->mmio.priv, q);
	queue->vq = vq;
	return 0;
}

int vdev_ring_start(struct vdev *dev, unsigned int q, const struct vdev_ring *ring)
{
	struct worker *w = dev->queue[q]->worker;
	int ret = worker_pause(w, PARK_LIMIT_NS);

	if (!ret)
		ret = ring_start(dev, q, ring);
	worker_resume(w);
	if (ret)
		return ret;
	dev->active = true;
	if (!worker_running(w))
		ret = worker_start(w);
	if (ret) {
		uint16_t base;

		vdev_ring_stop(dev, q, PARK_LIMIT_NS, &base);
		return ret;
	}
	virtio_mmio_kick(&dev->mmio, q);
	return 0;
}

int vdev_ring_stop(struct vdev *dev, unsigned int q, uint64_t timeout_ns, uint16_t *base)
{
	struct vdev_queue *queue = dev->queue[q];
	bool broken;
	int ret;

	if (!queue->vq.ready)
		return 0;
	ret = worker_pause(queue->worker, timeout_ns);
	if (ret) {
		worker_resume(queue->worker);
		return ret;
	}
	if (dev->mmio.ops->queue_stop)
		dev->mmio.ops->queue_stop(dev->mmio.priv, q);
	vdev_stall_end(queue, SS_STALL_ABANDONED);
	*base = queue->vq.next_avail;
	broken = queue->vq.poison != VIRTQ_OK;
	vdev_queue_clear(queue);
	worker_alias_kick(queue->worker, kick_index(dev, q), -1);
	worker_resume(queue->worker);
	return broken;
}
