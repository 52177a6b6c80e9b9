/* SPDX-License-Identifier: GPL-2.0-only */
/* What the network device's units share: net.c (life and transport), net_queue.c (its drain). */
#ifndef SS_VIRTIO_NET_PRIV_H
#define SS_VIRTIO_NET_PRIV_H

#include <sys/uio.h>

#include "virtio/net.h"
#include "virtio/vdev.h"

#define NET_SEG_MAX VIRTQ_MAX_SIZE    /* descriptors in a chain */
#define NET_IOV_MAX (2 * NET_SEG_MAX) /* more only if tiny regions cut it up */

/* The part of config space that the features offered give a meaning. */
struct net_config_space {
	uint8_t mac[NET_MAC_LEN];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

/**
 * struct net_chain - the chain at hand of either queue, and where it lies in this process
 * @seg: its queue's
 * @iov: its memory, filled from the start
 */
struct net_chain {
	struct virtq_seg seg[NET_SEG_MAX];
	struct iovec iov[NET_IOV_MAX];
};

/**
 * struct net_frame - a frame on its way
 * @nr: iovecs of it, in the TX chain's
 * @len: bytes
 */
struct net_frame {
	unsigned int nr;
	uint32_t len;
};

/**
 * struct net - a network device
 * @queue: by enum net_queue_index
 * @worker: serves both
 * @frame_max: bytes in a frame
 * @rx_published: used elements of RX in this drain
 * @rx_broken: RX was poisoned in this drain
 * @tx: the chain at work
 * @rx: the buffer it goes to
 * @frame: what is in @tx
 * @outcome: what a frame that doesn't pass the gates counts as
 *
 * From @rx_published on the worker's.
 */
struct net {
	struct vdev dev;
	struct vdev_queue queue[NET_NR_QUEUES];
	struct worker *worker;
	struct net_config_space config;
	unsigned int mtu;
	uint32_t frame_max;
	struct ss_net_counters *counters;
	struct ss_net_counters own_counters;
	struct ss_net_pressure *pressure;
	struct ss_net_pressure own_pressure;
	unsigned int rx_published;
	bool rx_broken;
	struct net_chain tx, rx;
	struct net_frame frame;
	__u64 *outcome;
};

/* net_queue.c */

extern const struct vdev_queue_ops net_tx_ops;

#endif /* SS_VIRTIO_NET_PRIV_H */
