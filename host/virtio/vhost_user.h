/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost-user: a device for a machine that another process runs, the front-end. The two
 * share the guest's memory; messages over a socket set the device up, then kicks and
 * interrupts are eventfds. One device, one front-end at a time. The contract is
 * Documentation/contracts/vhost-user.md (V1..).
 *
 * All functions come from one thread, the device's server; the workers have their own.
 */
#ifndef SS_VIRTIO_VHOST_USER_H
#define SS_VIRTIO_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/clock.h"

struct vdev;
struct vhost_user;

/* A message that has begun must be there whole after so long. */
#define VHOST_USER_MESSAGE_NS (5 * IO_NSEC_PER_SEC)

/**
 * vhost_user_create() - make vhost-user the transport of a device
 * @dev: borrowed; not active, and with no other transport
 * @clock: NULL for CLOCK_MONOTONIC
 * @out: for vhost_user_destroy()
 *
 * Return: 0, or -ENOMEM, -EMFILE and the like.
 */
int vhost_user_create(struct vdev *dev, const struct io_clock *clock, struct vhost_user **out);

/** vhost_user_destroy() - after vhost_user_detach(); NULL is fine */
void vhost_user_destroy(struct vhost_user *vu);

/**
 * vhost_user_attach() - a front-end has connected
 * @sock: a connected Unix stream socket, owned by @vu from now on if this succeeds
 *
 * Return: 0, or -EBUSY: there is one.
 */
int vhost_user_attach(struct vhost_user *vu, int sock);

/** vhost_user_attached() - is there a front-end? */
bool vhost_user_attached(const struct vhost_user *vu);

/** vhost_user_sock() - readable when vhost_user_turn() has something to do; -1: nobody is there */
int vhost_user_sock(const struct vhost_user *vu);

/** vhost_user_lost_fd() - the same, of memory that the front-end took away */
int vhost_user_lost_fd(const struct vhost_user *vu);

/** vhost_user_deadline() - when vhost_user_turn() must be called at the latest, ns; 0: never */
uint64_t vhost_user_deadline(const struct vhost_user *vu);

/** vhost_user_wait_ms() - the same as poll() takes it: 0 if that is over, -1 for ever */
int vhost_user_wait_ms(const struct vhost_user *vu);

/**
 * vhost_user_turn() - take and serve at most one message, without waiting for one
 *
 * But for requests in flight, where the front-end wants a ring stopped.
 *
 * Return: 0 to go on; -ECONNRESET: the front-end has gone; -EPROTO: after one line on
 * stderr, it did what it mustn't, or something failed; -ETIMEDOUT: after one line, a
 * worker hangs. Then vhost_user_detach().
 */
int vhost_user_turn(struct vhost_user *vu);

/**
 * vhost_user_detach() - stop the rings, drop the front-end and all that it gave
 *
 * The device is reset; harmless without a front-end.
 *
 * Return: 0; or -ETIMEDOUT, after one line on stderr: a worker hangs in its backing.
 * Device, memory and @vu must stay then, and nobody else can be served.
 */
int vhost_user_detach(struct vhost_user *vu);

#endif /* SS_VIRTIO_VHOST_USER_H */
