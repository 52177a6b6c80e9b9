// SPDX-License-Identifier: GPL-2.0-only
/* A network device's life: config space for the transport, create, limits, destroy. */
#include "virtio/net.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/counters.h"
#include "ss_events.h"
#include "virtio/net_priv.h"

/* --- the transport's ops --- */

static void net_config_read(void *priv, uint32_t off, void *data, uint32_t len)
{
	const struct net *net = priv;

	if (off >= sizeof(net->config))
		return;
	if (len > sizeof(net->config) - off)
		len = (uint32_t)sizeof(net->config) - off;
	memcpy(data, (const char *)&net->config + off, len);
}

static int net_activate(void *priv)
{
	struct net *net = priv;

	/* What was kicked before DRIVER_OK counts for nothing. */
	virtio_mmio_drop_kicks(&net->dev.mmio);
	return vdev_activate(&net->dev);
}

static int net_deactivate(void *priv)
{
	struct net *net = priv;

	return vdev_deactivate(&net->dev);
}

static const struct virtio_mmio_ops net_mmio_ops = {
	.device_id = VIRTIO_ID_NET,
	.bad_features_fail = true,
	.config_read = net_config_read,
	.activate = net_activate,
	.deactivate = net_deactivate,
};

/* --- construction --- */

void net_default_mac(unsigned int index, uint8_t mac[NET_MAC_LEN])
{
	const uint8_t base[NET_MAC_LEN] = { 0x52, 0x54, 0x00, 'S', 'S', (uint8_t)index };

	memcpy(mac, base, NET_MAC_LEN);
}

static void init_properties(struct net *net, const struct net_config *config)
{
	static const uint8_t none[NET_MAC_LEN];

	net->counters = config->counters ? config->counters : &net->own_counters;
	net->pressure = config->pressure ? config->pressure : &net->own_pressure;
	net->mtu = config->mtu ? config->mtu : NET_MTU;
	net->frame_max = net->mtu + NET_ETH_HLEN;
	net->config = (struct net_config_space){
		.status = htole16(VIRTIO_NET_S_LINK_UP),
		.mtu = htole16((uint16_t)net->mtu),
	};
	if (memcmp(config->mac, none, NET_MAC_LEN))
		memcpy(net->config.mac, config->mac, NET_MAC_LEN);
	else
		net_default_mac(config->index, net->config.mac);
}

static int init_vdev(struct net *net, const struct net_config *config)
{
	const struct vdev_config vdev = {
		.kind = "net",
		.index = config->index,
		.id = SS_DEV_NET_BASE + config->index,
		.ops = &net_mmio_ops,
		.priv = net,
		.features = 1ULL << VIRTIO_NET_F_MAC | 1ULL << VIRTIO_NET_F_MTU |
			    1ULL << VIRTIO_NET_F_STATUS | 1ULL << VIRTIO_RING_F_EVENT_IDX |
			    1ULL << VIRTIO_RING_F_INDIRECT_DESC,
		.nr_queues = NET_NR_QUEUES,
		.queue_max = NET_QUEUE_SIZE,
		.limits = config->limits,
		.throttle = config->throttle,
		.counters = {
			.throttled_count = &net->pressure->throttled_count,
			.currently_throttled_gauge = &net->pressure->currently_throttled_gauge,
			.invalid_avail_idx_count = &net->counters->invalid_avail_idx_count,
		},
		.clock = config->clock,
	};

	return vdev_init(&net->dev, &vdev);
}

/* Kicks of RX wake nobody: its buffers are looked at when there is a frame. */
static int init_worker(struct net *net, const struct net_config *config)
{
	const int kick_fd = virtio_mmio_kick_fd(&net->dev.mmio, NET_TX);
	struct worker_config worker = {
		.ops = &vdev_worker_ops,
		.ctx = &net->queue[NET_TX],
		.kick_fd = &kick_fd,
		.nr_kicks = 1,
		.affinity = config->affinity,
		.clock = config->clock,
		.manual = config->manual,
	};
	int ret = vdev_add_worker(&net->dev, &worker, "", &net->worker);

	for (unsigned int i = 0; i < NET_NR_QUEUES; i++)
		net->queue[i].worker = net->worker;
	return ret;
}

int net_create(const struct net_config *config, struct net **out)
{
	struct net *net;
	int ret;

	if (config->mac[0] & 1 ||
	    (config->mtu && (config->mtu < NET_MTU_MIN || config->mtu > NET_MTU_MAX)))
		return -EINVAL;
	net = calloc(1, sizeof(*net));
	if (!net)
		return -ENOMEM;
	init_properties(net, config);
	ret = init_vdev(net, config);
	if (ret) {
		free(net);
		return ret;
	}
	for (unsigned int i = 0; i < NET_NR_QUEUES; i++)
		vdev_add_queue(&net->dev, &net->queue[i]);
	net->queue[NET_TX].ops = &net_tx_ops;
	net->queue[NET_TX].chain = (struct virtq_chain){ .seg = net->tx.seg, .max = NET_SEG_MAX };
	net->queue[NET_RX].chain = (struct virtq_chain){ .seg = net->rx.seg, .max = NET_SEG_MAX };
	ret = init_worker(net, config);
	if (ret) {
		vdev_destroy(&net->dev);
		free(net);
		return ret;
	}
	*out = net;
	return 0;
}

int net_destroy(struct net *net)
{
	int ret;

	if (!net)
		return 0;
	ret = vdev_stop(&net->dev);
	if (ret) {
		ss_err("%s: the worker can't be stopped; it is left behind", net->dev.name);
		return ret;
	}
	vdev_destroy(&net->dev);
	free(net);
	return 0;
}

/* --- for the runner --- */

struct virtio_mmio *net_mmio(struct net *net)
{
	return &net->dev.mmio;
}

const uint8_t *net_mac(const struct net *net)
{
	return net->config.mac;
}

unsigned int net_mtu(const struct net *net)
{
	return net->mtu;
}

void net_snapshot(const struct net *net, struct ss_net_counters *out)
{
	const struct ss_net_counters *c = net->counters;

	*out = (struct ss_net_counters){
		.tx_packets = counter_get(&c->tx_packets),
		.tx_bytes = counter_get(&c->tx_bytes),
		.rx_packets = counter_get(&c->rx_packets),
		.rx_bytes = counter_get(&c->rx_bytes),
		.tx_chain_invalid = counter_get(&c->tx_chain_invalid),
		.tx_oversize_dropped = counter_get(&c->tx_oversize_dropped),
		.tx_dropped_no_rx_buffer = counter_get(&c->tx_dropped_no_rx_buffer),
		.tx_dropped_rx_poisoned = counter_get(&c->tx_dropped_rx_poisoned),
		.rx_chain_invalid = counter_get(&c->rx_chain_invalid),
		.rx_write_failed = counter_get(&c->rx_write_failed),
		.tx_add_used_failures = counter_get(&c->tx_add_used_failures),
		.rx_add_used_failures = counter_get(&c->rx_add_used_failures),
		.invalid_avail_idx_count = counter_get(&c->invalid_avail_idx_count),
	};
}

void net_pressure_snapshot(const struct net *net, struct ss_net_pressure *out)
{
	*out = (struct ss_net_pressure){
		.throttled_count = counter_get(&net->pressure->throttled_count),
		.currently_throttled_gauge = counter_get(&net->pressure->currently_throttled_gauge),
	};
}

int net_pause(struct net *net, uint64_t timeout_ns)
{
	return vdev_pause(&net->dev, timeout_ns);
}

void net_resume(struct net *net)
{
	vdev_resume(&net->dev);
}

int net_set_limits(struct net *net, const struct throttle_limits *limits)
{
	int ret = throttle_set_limits(net->dev.throttle, limits, io_clock_now(&net->dev.clock));

	if (!ret)
		net_recheck(net);
	return ret;
}

void net_limits(struct net *net, struct throttle_state *out)
{
	throttle_get(net->dev.throttle, io_clock_now(&net->dev.clock), out);
}

void net_recheck(struct net *net)
{
	vdev_recheck(&net->dev);
}

pid_t net_worker_tid(const struct net *net)
{
	return worker_tid(net->worker);
}

/* --- for tests, fuzzers and benches --- */

void net_drain_queue(struct net *net)
{
	vdev_worker_ops.kick(&net->queue[NET_TX], 0);
}

int net_step(struct net *net)
{
	return worker_step(net->worker);
}

uint64_t net_deadline_ns(const struct net *net)
{
	return vdev_deadline_ns(&net->queue[NET_TX]);
}

const char *net_mac_text(const uint8_t mac[NET_MAC_LEN], char text[NET_MAC_TEXT_LEN])
{
	snprintf(text, NET_MAC_TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}
