/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the units of vhost-user share: vhost_user.c (life, and messages on the device),
 * vhost_user_msg.c (the socket), vhost_user_ring.c (messages on rings),
 * vhost_user_table.c (messages on memory).
 */
#ifndef SS_VIRTIO_VHOST_USER_PRIV_H
#define SS_VIRTIO_VHOST_USER_PRIV_H

#include <stddef.h>

#include "lib/ratelimit.h"
#include "virtio/vdev_ring.h"
#include "virtio/vhost_user.h"
#include "virtio/vhost_user_mem.h"
#include "virtio/vhost_user_proto.h"

#define VU_PROTOCOL_FEATURES                                                                       \
	(VU_PROTOCOL_MQ | VU_PROTOCOL_REPLY_ACK | VU_PROTOCOL_CONFIG | VU_PROTOCOL_INFLIGHT |      \
	 VU_PROTOCOL_RESET_DEVICE | VU_PROTOCOL_MEM_SLOTS)

/**
 * struct vu_msg - a message, coming in or going out
 * @fd: @nr_fds: that came with it; whoever takes one sets it to -1
 */
struct vu_msg {
	struct vu_header h;
	union vu_payload p;
	int fd[VU_MAX_FDS];
	unsigned int nr_fds;
};

/**
 * struct vu_ring - what the front-end has said of a ring
 * @num: SET_VRING_NUM, 0: not yet
 * @has_addr: SET_VRING_ADDR, with @desc, @avail and @used as the front-end's addresses
 * @base: of the available ring, while it doesn't run
 * @enabled: SET_VRING_ENABLE
 * @broken: it was when it stopped last, and isn't started again by itself
 * @kick_fd: SET_VRING_KICK, -1: not yet
 * @call_fd: @err_fd: numbers that stay, whatever is behind them: the front-end's eventfd
 *	is put in its place with dup3(), while the worker may write to it
 */
struct vu_ring {
	uint16_t num;
	bool has_addr;
	uint64_t desc, avail, used;
	uint16_t base;
	bool enabled;
	bool broken;
	int kick_fd, call_fd, err_fd;
	struct virtq_inflight inflight;
};

/**
 * struct vhost_user - a device's front-end
 * @sock: -1: there is none
 * @quiet_fd: an eventfd that nobody reads, for rings without another
 * @lost_fd: signalled when shared memory is gone
 * @in: the message coming in, @got bytes of it so far, the first one at @since
 * @owned: SET_OWNER
 * @features: of SET_FEATURES, with VU_F_PROTOCOL_FEATURES
 * @protocol: of SET_PROTOCOL_FEATURES
 * @mem: the table in use
 * @inflight: @inflight_queues, @inflight_size: SET_INFLIGHT_FD
 * @stop_tries: how long a ring that is to stop waits, in tenths of a second
 */
struct vhost_user {
	struct vdev_transport transport;
	struct vdev *dev;
	struct io_clock clock;
	int sock, quiet_fd, lost_fd;
	struct vu_msg in;
	size_t got;
	uint64_t since;
	bool owned;
	uint64_t features, protocol;
	struct vu_mem *mem;
	struct shared_map inflight;
	uint16_t inflight_queues, inflight_size;
	unsigned int stop_tries;
	struct ratelimit refusals; /* lines about them */
	struct vu_ring ring[VIRTIO_MMIO_MAX_QUEUES];
};

/**
 * struct vu_request_info - a request that is known
 * @min: @max: bytes of its payload
 * @min_fds: @max_fds: that come with it
 * @protocol: what must have been negotiated for it
 * @any_time: also before SET_OWNER
 * @handle: do it. Return: 0, or a negative errno after vu_refuse(); 1: it has replied
 */
struct vu_request_info {
	const char *name;
	uint16_t min, max;
	uint8_t min_fds, max_fds;
	uint64_t protocol;
	bool any_time;
	int (*handle)(struct vhost_user *vu, struct vu_msg *msg);
};

/** vu_request_info() - NULL: not known */
const struct vu_request_info *vu_request_info(uint32_t request);

/* vhost_user_msg.c */

/** vu_refuse() - say why the connection ends, after the name of the request. Return: -EPROTO */
int vu_refuse(struct vhost_user *vu, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * vu_receive() - read on, without waiting
 *
 * Return: 1: @vu->in is whole, and its header and the number of its descriptors are what
 * its request wants; 0: not yet; -ECONNRESET: the front-end has gone; -EPROTO after a line.
 */
int vu_receive(struct vhost_user *vu);

/** vu_forget_message() - close what is left of @vu->in, and be ready for the next one */
void vu_forget_message(struct vhost_user *vu);

/**
 * vu_reply() - answer @vu->in with @size bytes of @payload
 * @fd: sent along, stays the caller's; -1: none
 *
 * Return: 1, or -EPROTO after a line if the front-end doesn't take it.
 */
int vu_reply(struct vhost_user *vu, const void *payload, uint32_t size, int fd);

/** vu_reply_u64() - with a number */
int vu_reply_u64(struct vhost_user *vu, uint64_t value);

/** vu_take_fd() - the message's first descriptor, the caller's from now on; -1: none */
int vu_take_fd(struct vu_msg *msg);

/* vhost_user_ring.c */

int vu_set_vring_num(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_vring_addr(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_vring_base(struct vhost_user *vu, struct vu_msg *msg);
int vu_get_vring_base(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_vring_kick(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_vring_call(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_vring_err(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_vring_enable(struct vhost_user *vu, struct vu_msg *msg);

/** vu_rings_init() - call and err descriptors. Return: 0 or a negative errno */
int vu_rings_init(struct vhost_user *vu);

void vu_rings_destroy(struct vhost_user *vu);

/** vu_ring_running() - does any ring? */
bool vu_rings_running(const struct vhost_user *vu);

/** vu_rings_halt() - stop all, for a while. Return: 0, or -ETIMEDOUT after a line */
int vu_rings_halt(struct vhost_user *vu);

/**
 * vu_rings_go_on() - start those again that should run
 *
 * A ring that isn't in memory now waits for the next change of it. Return: 0, or -EPROTO
 * after a line.
 */
int vu_rings_go_on(struct vhost_user *vu);

/** vu_rings_forget() - as they were before the front-end said anything; all are stopped */
void vu_rings_forget(struct vhost_user *vu);

/* vhost_user_table.c */

int vu_set_mem_table(struct vhost_user *vu, struct vu_msg *msg);
int vu_get_max_mem_slots(struct vhost_user *vu, struct vu_msg *msg);
int vu_add_mem_reg(struct vhost_user *vu, struct vu_msg *msg);
int vu_rem_mem_reg(struct vhost_user *vu, struct vu_msg *msg);
int vu_get_inflight_fd(struct vhost_user *vu, struct vu_msg *msg);
int vu_set_inflight_fd(struct vhost_user *vu, struct vu_msg *msg);

/** vu_inflight_of() - queue @q's part of the inflight buffer, NULL if it has none */
void *vu_inflight_of(const struct vhost_user *vu, unsigned int q);

/** vu_inflight_forget() - the device was reset: nothing is in flight */
void vu_inflight_forget(struct vhost_user *vu);

/** vu_tables_drop() - unmap all that was shared; no ring runs */
void vu_tables_drop(struct vhost_user *vu);

#endif /* SS_VIRTIO_VHOST_USER_PRIV_H */
