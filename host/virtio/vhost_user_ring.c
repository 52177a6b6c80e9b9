// SPDX-License-Identifier: GPL-2.0-only
/* Messages on rings: set up one by one, started and stopped one by one. */
#include "virtio/vhost_user_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/container_of.h"
#include "lib/log.h"

/* A ring that is to stop waits for its requests, so long at a time and so often; and says so. */
#define STOP_TRY_NS  (IO_NSEC_PER_SEC / 10)
#define STOP_TRIES   100
#define STOP_TOLD_AT 9

static void signal_fd(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* Fails only when the counter is full, and then it is signalled anyway. */
	(void)n;
}

/* On the worker's thread. */
static void ring_raise(struct vdev_transport *t, unsigned int q, uint32_t bits, bool interrupt)
{
	struct vhost_user *vu = container_of(t, struct vhost_user, transport);

	if (bits & VIRTIO_MMIO_INT_CONFIG)
		signal_fd(vu->ring[q].err_fd);
	if (interrupt)
		signal_fd(vu->ring[q].call_fd);
}

/*
 * The driver hears of what is used, on the server's thread. No count is added to an
 * eventfd that is full: it may have been made to block.
 */
static void nudge(const struct vu_ring *r)
{
	struct pollfd room = { .fd = r->call_fd, .events = POLLOUT };

	if (poll(&room, 1, 0) == 1)
		signal_fd(r->call_fd);
}

/* --- start --- */

/* Sets what the ring is to the device. Return: 0, or -EFAULT: it isn't in memory. */
static int ring_place(struct vhost_user *vu, unsigned int q, struct vdev_ring *place)
{
	struct vu_ring *r = &vu->ring[q];

	*place = (struct vdev_ring){
		.size = r->num,
		.base = r->base,
		.kick_fd = r->kick_fd,
		.inflight = &r->inflight,
		.inflight_mem = vu_inflight_of(vu, q),
		.inflight_size = vu->inflight_size,
	};
	if (vu_mem_gpa(vu->mem, r->desc, &place->desc) ||
	    vu_mem_gpa(vu->mem, r->avail, &place->avail) ||
	    vu_mem_gpa(vu->mem, r->used, &place->used))
		return -EFAULT;
	return 0;
}

static bool ring_should_run(const struct vhost_user *vu, const struct vu_ring *r)
{
	return r->num && r->has_addr && r->kick_fd >= 0 && !r->broken &&
	       (r->enabled || !(vu->features & VU_F_PROTOCOL_FEATURES));
}

static int ring_start(struct vhost_user *vu, unsigned int q)
{
	struct vdev_ring place;
	int ret = ring_place(vu, q, &place);

	if (!ret)
		ret = vdev_ring_start(vu->dev, q, &place);
	/* An interrupt may have been lost with the server before this one. */
	if (!ret)
		nudge(&vu->ring[q]);
	return ret;
}

static int ring_start_failed(struct vhost_user *vu, unsigned int q, int ret)
{
	switch (ret) {
	case -EFAULT:
		return vu_refuse(vu, "ring %u isn't in the memory that is shared", q);
	case -EPROTO:
		return vu_refuse(vu, "ring %u: the inflight buffer is another ring's", q);
	default:
		return vu_refuse(vu, "ring %u can't be started: %s", q, strerror(-ret));
	}
}

/* After a message that may have been the last one that it waited for. */
static int ring_update(struct vhost_user *vu, unsigned int q)
{
	int ret;

	if (vdev_ring_runs(vu->dev, q) || !ring_should_run(vu, &vu->ring[q]))
		return 0;
	ret = ring_start(vu, q);
	return ret ? ring_start_failed(vu, q, ret) : 0;
}

/* --- stop --- */

/*
 * A worker may wait in a write to the front-end's eventfd, if that is full and was made
 * to block behind our back: taking the count lets it go on.
 */
static void unblock_call(const struct vu_ring *r)
{
	uint64_t count;
	ssize_t n = read(r->call_fd, &count, sizeof(count));

	(void)n;
}

static int ring_stop(struct vhost_user *vu, unsigned int q)
{
	struct vu_ring *r = &vu->ring[q];
	int ret = -ETIMEDOUT;

	for (unsigned int i = 0; i < vu->stop_tries; i++) {
		ret = vdev_ring_stop(vu->dev, q, STOP_TRY_NS, &r->base);
		if (ret >= 0) {
			r->broken = ret > 0;
			/* The count that was taken may have been one the driver waits for. */
			if (i)
				nudge(r);
			return 0;
		}
		unblock_call(r);
		if (i == STOP_TOLD_AT)
			ss_warn("%s: ring %u is to stop, and its backing takes long", vu->dev->name,
				q);
	}
	vu_refuse(vu, "ring %u can't be stopped: its backing hangs", q);
	return ret;
}

static void ring_close_kick(struct vu_ring *r)
{
	if (r->kick_fd >= 0)
		close(r->kick_fd);
	r->kick_fd = -1;
}

/* --- all of them --- */

int vu_rings_init(struct vhost_user *vu)
{
	vu->transport.raise = ring_raise;
	vu->stop_tries = STOP_TRIES;
	for (unsigned int q = 0; q < vu->dev->nr_queues; q++) {
		struct vu_ring *r = &vu->ring[q];

		r->kick_fd = r->call_fd = r->err_fd = -1;
	}
	for (unsigned int q = 0; q < vu->dev->nr_queues; q++) {
		struct vu_ring *r = &vu->ring[q];

		r->call_fd = fcntl(vu->quiet_fd, F_DUPFD_CLOEXEC, 0);
		r->err_fd = fcntl(vu->quiet_fd, F_DUPFD_CLOEXEC, 0);
		if (r->call_fd < 0 || r->err_fd < 0)
			return -EMFILE;
	}
	return 0;
}

void vu_rings_destroy(struct vhost_user *vu)
{
	for (unsigned int q = 0; q < vu->dev->nr_queues; q++) {
		struct vu_ring *r = &vu->ring[q];

		ring_close_kick(r);
		if (r->call_fd >= 0)
			close(r->call_fd);
		if (r->err_fd >= 0)
			close(r->err_fd);
	}
}

bool vu_rings_running(const struct vhost_user *vu)
{
	for (unsigned int q = 0; q < vu->dev->nr_queues; q++)
		if (vdev_ring_runs(vu->dev, q))
			return true;
	return false;
}

int vu_rings_halt(struct vhost_user *vu)
{
	int ret = 0;

	for (unsigned int q = 0; q < vu->dev->nr_queues && !ret; q++)
		ret = ring_stop(vu, q);
	return ret;
}

int vu_rings_go_on(struct vhost_user *vu)
{
	for (unsigned int q = 0; q < vu->dev->nr_queues; q++) {
		int ret;

		if (!ring_should_run(vu, &vu->ring[q]))
			continue;
		ret = ring_start(vu, q);
		if (ret && ret != -EFAULT)
			return ring_start_failed(vu, q, ret);
	}
	return 0;
}

void vu_rings_forget(struct vhost_user *vu)
{
	for (unsigned int q = 0; q < vu->dev->nr_queues; q++) {
		struct vu_ring *r = &vu->ring[q];

		ring_close_kick(r);
		dup3(vu->quiet_fd, r->call_fd, O_CLOEXEC);
		dup3(vu->quiet_fd, r->err_fd, O_CLOEXEC);
		*r = (struct vu_ring){
			.kick_fd = -1,
			.call_fd = r->call_fd,
			.err_fd = r->err_fd,
		};
	}
}

/* --- messages --- */

/* Checks the index; NULL after a line. */
static struct vu_ring *ring_of(struct vhost_user *vu, uint64_t q)
{
	if (q < vu->dev->nr_queues)
		return &vu->ring[q];
	vu_refuse(vu, "there is no ring %u; there are %u", (unsigned int)q, vu->dev->nr_queues);
	return NULL;
}

static struct vu_ring *stopped_ring(struct vhost_user *vu, uint32_t q)
{
	struct vu_ring *r = ring_of(vu, q);

	if (!r || !vdev_ring_runs(vu->dev, q))
		return r;
	vu_refuse(vu, "out of order: ring %u is running", q);
	return NULL;
}

int vu_set_vring_num(struct vhost_user *vu, struct vu_msg *msg)
{
	const uint32_t num = msg->p.state.num;
	struct vu_ring *r = stopped_ring(vu, msg->p.state.index);

	if (!r)
		return -EPROTO;
	if (!num || num > vu->dev->mmio.queue_max || num & (num - 1))
		return vu_refuse(vu, "%u isn't a power of two up to %u", num,
				 vu->dev->mmio.queue_max);
	r->num = (uint16_t)num;
	return 0;
}

int vu_set_vring_addr(struct vhost_user *vu, struct vu_msg *msg)
{
	const struct vu_vring_addr *addr = &msg->p.addr;
	struct vu_ring *r = stopped_ring(vu, addr->index);
	uint64_t gpa;

	if (!r)
		return -EPROTO;
	if (vu_mem_gpa(vu->mem, addr->desc, &gpa) || vu_mem_gpa(vu->mem, addr->avail, &gpa) ||
	    vu_mem_gpa(vu->mem, addr->used, &gpa))
		return vu_refuse(vu, "ring %u isn't in the memory that is shared", addr->index);
	r->desc = addr->desc;
	r->avail = addr->avail;
	r->used = addr->used;
	r->has_addr = true;
	return 0;
}

int vu_set_vring_base(struct vhost_user *vu, struct vu_msg *msg)
{
	struct vu_ring *r = stopped_ring(vu, msg->p.state.index);

	if (!r)
		return -EPROTO;
	if (msg->p.state.num > UINT16_MAX)
		return vu_refuse(vu, "%u isn't an index of a split ring", msg->p.state.num);
	r->base = (uint16_t)msg->p.state.num;
	r->broken = false;
	return 0;
}

int vu_get_vring_base(struct vhost_user *vu, struct vu_msg *msg)
{
	struct vu_vring_state state = msg->p.state;
	struct vu_ring *r = ring_of(vu, state.index);
	int ret;

	if (!r)
		return -EPROTO;
	ret = ring_stop(vu, state.index);
	if (ret)
		return ret;
	ring_close_kick(r);
	r->broken = false;
	state.num = r->base;
	return vu_reply(vu, &state, sizeof(state), -1);
}

/*
 * Only an eventfd: what else it might be could make who writes to it wait, or be killed.
 * Return: 0; 1: there is none, and there shall be none; -EPROTO.
 */
static int check_event(struct vhost_user *vu, struct vu_msg *msg)
{
	const bool none = msg->p.u64 & VU_VRING_NO_FD;
	char path[32], what[64];
	ssize_t n;

	if (none != !msg->nr_fds)
		return vu_refuse(vu, "%u descriptors, and it says %s", msg->nr_fds,
				 none ? "none" : "one");
	if (none)
		return 1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", msg->fd[0]);
	n = readlink(path, what, sizeof(what) - 1);
	what[n > 0 ? n : 0] = '\0';
	if (!strstr(what, "[eventfd]"))
		return vu_refuse(vu, "the descriptor isn't an eventfd");
	if (fcntl(msg->fd[0], F_SETFL, O_NONBLOCK))
		return vu_refuse(vu, "%s", strerror(errno));
	return 0;
}

int vu_set_vring_kick(struct vhost_user *vu, struct vu_msg *msg)
{
	const unsigned int q = msg->p.u64 & VU_VRING_INDEX;
	struct vu_ring *r = ring_of(vu, q);
	int ret = r ? check_event(vu, msg) : -EPROTO;

	if (ret < 0)
		return ret;
	if (ret)
		return vu_refuse(vu, "ring %u without an eventfd: rings aren't polled", q);
	if (!r->num || !r->has_addr)
		return vu_refuse(vu, "out of order: ring %u has no size or place yet", q);
	ret = ring_stop(vu, q);
	if (ret)
		return ret;
	ring_close_kick(r);
	r->kick_fd = vu_take_fd(msg);
	return ring_update(vu, q);
}

/* Puts the message's eventfd, or none, in the place of @fd, which a worker may write to. */
static int replace_event(struct vhost_user *vu, struct vu_msg *msg, int fd)
{
	const int ret = check_event(vu, msg);

	if (ret < 0)
		return ret;
	if (dup3(ret ? vu->quiet_fd : msg->fd[0], fd, O_CLOEXEC) < 0)
		return vu_refuse(vu, "%s", strerror(errno));
	return 0;
}

int vu_set_vring_call(struct vhost_user *vu, struct vu_msg *msg)
{
	struct vu_ring *r = ring_of(vu, msg->p.u64 & VU_VRING_INDEX);
	int ret = r ? replace_event(vu, msg, r->call_fd) : -EPROTO;

	/* What was signalled just before may not have been heard. */
	if (!ret)
		nudge(r);
	return ret;
}

int vu_set_vring_err(struct vhost_user *vu, struct vu_msg *msg)
{
	struct vu_ring *r = ring_of(vu, msg->p.u64 & VU_VRING_INDEX);

	return r ? replace_event(vu, msg, r->err_fd) : -EPROTO;
}

int vu_set_vring_enable(struct vhost_user *vu, struct vu_msg *msg)
{
	const struct vu_vring_state *state = &msg->p.state;
	struct vu_ring *r = ring_of(vu, state->index);

	if (!r)
		return -EPROTO;
	if (!(vu->features & VU_F_PROTOCOL_FEATURES))
		return vu_refuse(vu, "out of order: SET_FEATURES hasn't taken bit 30");
	if (state->num > 1)
		return vu_refuse(vu, "%u is neither 0 nor 1", state->num);
	r->enabled = state->num;
	return r->enabled ? ring_update(vu, state->index) : ring_stop(vu, state->index);
}
