/* SPDX-License-Identifier: GPL-2.0-only */
/* A network device at a glance: everything there is to say of it, in a plain struct. */
#ifndef SS_VIRTIO_NET_DUMP_H
#define SS_VIRTIO_NET_DUMP_H

#include "virtio/net.h"
#include "virtio/vdev_dump.h"

/**
 * struct net_dump - a network device
 * @throttle: limits and balances
 * @queue: by enum net_queue_index; both have the same worker, only TX stalls
 */
struct net_dump {
	struct vdev_dump dev;
	uint8_t mac[NET_MAC_LEN];
	unsigned int mtu;
	struct ss_net_counters counters;
	struct ss_net_pressure pressure;
	struct throttle_state throttle;
	struct vdev_queue_dump queue[NET_NR_QUEUES];
};

/**
 * net_dump() - fill @out
 * @paused: net_pause() has succeeded and holds: then the rings are looked at too
 *
 * Any thread; waits up to 100 ms for a register access that is under way.
 */
void net_dump(struct net *net, bool paused, struct net_dump *out);

#endif /* SS_VIRTIO_NET_DUMP_H */
