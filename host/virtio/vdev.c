// SPDX-License-Identifier: GPL-2.0-only
/* A device's life, the same for all: throttle, queues and workers, from create to reset. */
#include "virtio/vdev.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/container_of.h"
#include "ss_events.h"
#include "ss_probes.h"

int vdev_init(struct vdev *dev, const struct vdev_config *config)
{
	static const struct io_clock monotonic = IO_CLOCK_MONOTONIC_INIT;
	const struct virtio_mmio_config mmio = {
		.ops = &dev->mmio_ops,
		.priv = config->priv,
		.features = config->features,
		.nr_queues = config->nr_queues,
		.queue_max = config->queue_max,
	};
	int ret;

	snprintf(dev->name, sizeof(dev->name), "%s%u", config->kind, config->index);
	dev->id = config->id;
	dev->clock = config->clock ? *config->clock : monotonic;
	dev->counters = config->counters;
	/* With a single CPU nobody can add to the ring meanwhile. */
	dev->lingers = config->lingers && sysconf(_SC_NPROCESSORS_ONLN) > 1;
	dev->slice_ns = config->slice_ns;
	dev->linger_ns = VDEV_LINGER_NS;
	dev->mmio_ops = *config->ops;
	dev->mmio_ops.name = dev->name;
	dev->throttle = config->throttle;
	if (!dev->throttle) {
		ret = throttle_init(&dev->own_throttle, &config->limits, io_clock_now(&dev->clock));
		if (ret)
			return ret;
		dev->throttle = &dev->own_throttle;
	}
	ret = virtio_mmio_init(&dev->mmio, &mmio);
	if (ret && dev->throttle == &dev->own_throttle)
		throttle_destroy(&dev->own_throttle);
	return ret;
}

static void recheck_waiter(struct throttle_waiter *w)
{
	struct vdev_queue *q = container_of(w, struct vdev_queue, waiter);

	__atomic_store_n(&q->recheck, true, __ATOMIC_RELEASE);
	worker_wake(q->worker);
}

void vdev_add_queue(struct vdev *dev, struct vdev_queue *q)
{
	q->dev = dev;
	q->done_fd = -1;
	q->index = dev->nr_queues;
	q->waiter.flow = &dev->flow;
	q->waiter.wake = recheck_waiter;
	dev->queue[dev->nr_queues++] = q;
}

int vdev_add_worker(struct vdev *dev, struct worker_config *config, const char *suffix,
		    struct worker **out)
{
	char name[WORKER_NAME_LEN + 16];
	int ret;

	snprintf(name, sizeof(name), "%s%s", dev->name, suffix);
	config->name = name;
	ret = worker_create(config, out);
	if (!ret)
		dev->worker[dev->nr_workers++] = *out;
	return ret;
}

void vdev_destroy(struct vdev *dev)
{
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		vdev_queue_clear(dev->queue[i]);
	for (unsigned int i = 0; i < dev->nr_workers; i++)
		worker_destroy(dev->worker[i]);
	virtio_mmio_destroy(&dev->mmio);
	if (dev->throttle == &dev->own_throttle)
		throttle_destroy(&dev->own_throttle);
}

int vdev_stop(struct vdev *dev)
{
	return worker_stop_all(dev->worker, dev->nr_workers);
}

int vdev_activate(struct vdev *dev)
{
	int ret = 0;

	dev->active = true;
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		virtio_mmio_init_virtq(&dev->mmio, i, &dev->queue[i]->vq);
	for (unsigned int i = 0; i < dev->nr_workers && !ret; i++)
		ret = worker_start(dev->worker[i]);
	if (ret)
		vdev_stop(dev);
	return ret;
}

int vdev_deactivate(struct vdev *dev)
{
	int ret = vdev_stop(dev);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		vdev_queue_clear(dev->queue[i]);
	if (dev->active)
		ss_probe_dev_event(dev->id, 0, SS_DEV_RESET, 0);
	dev->active = false;
	return 0;
}

int vdev_pause(struct vdev *dev, uint64_t timeout_ns)
{
	int ret = 0;

	for (unsigned int i = 0; i < dev->nr_workers; i++) {
		int err = worker_pause(dev->worker[i], timeout_ns);

		if (err)
			ret = err;
	}
	if (!ret)
		ss_probe_dev_event(dev->id, 0, SS_DEV_PAUSE, 0);
	return ret;
}

void vdev_resume(struct vdev *dev)
{
	ss_probe_dev_event(dev->id, 0, SS_DEV_RESUME, 0);
	for (unsigned int i = 0; i < dev->nr_workers; i++)
		worker_resume(dev->worker[i]);
}

void vdev_recheck(struct vdev *dev)
{
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		__atomic_store_n(&dev->queue[i]->recheck, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < dev->nr_workers; i++)
		worker_wake(dev->worker[i]);
}
