/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's rings one by one: for a transport that starts and stops each by itself, and
 * has one go on where another one ended, as vhost-user does. With virtio-mmio they all
 * start at DRIVER_OK and end at the reset.
 *
 * Everything here comes from the transport's one thread.
 */
#ifndef SS_VIRTIO_VDEV_RING_H
#define SS_VIRTIO_VDEV_RING_H

#include "virtio/vdev.h"

/**
 * struct vdev_ring - where a ring lies, and where it goes on
 * @desc: @avail: @used: guest addresses
 * @size: a power of two, at most VIRTQ_MAX_SIZE
 * @base: of the available ring
 * @inflight: see virtq_go_on(); opened by vdev_ring_start(), borrowed until the stop
 * @inflight_mem: @inflight_size: what it's opened with, NULL: chains in flight aren't tracked
 * @kick_fd: signalled by the driver; borrowed until the stop, never read or written
 */
struct vdev_ring {
	uint64_t desc, avail, used;
	uint16_t size;
	uint16_t base;
	struct virtq_inflight *inflight;
	void *inflight_mem;
	uint16_t inflight_size;
	int kick_fd;
};

/**
 * vdev_ring_start() - serve queue @q
 *
 * What is in the ring already is served too. The device's memory and features are set.
 * Return: 0; -EFAULT if the ring isn't in guest memory; -EPROTO if @inflight_mem isn't
 * this ring's; -ETIMEDOUT if the worker can't be parked; or worker_start()'s or
 * worker_alias_kick()'s error. The queue is stopped then.
 */
int vdev_ring_start(struct vdev *dev, unsigned int q, const struct vdev_ring *ring);

/**
 * vdev_ring_stop() - serve queue @q no more; harmless if it isn't
 * @timeout_ns: how long requests in flight may take
 * @base: set to where the available ring goes on, if it ran
 *
 * All that was taken from the ring is published then, and nothing of it touched any more.
 * Return: 0; 1 if the ring had turned out to be broken; -ETIMEDOUT: it runs on.
 */
int vdev_ring_stop(struct vdev *dev, unsigned int q, uint64_t timeout_ns, uint16_t *base);

/** vdev_ring_runs() - is queue @q served? */
bool vdev_ring_runs(const struct vdev *dev, unsigned int q);

#endif /* SS_VIRTIO_VDEV_RING_H */
