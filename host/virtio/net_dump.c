// SPDX-License-Identifier: GPL-2.0-only
/* Takes a network device's dump: registers, rings, counters and throttle. */
#include "virtio/net_dump.h"

#include <string.h>

#include "virtio/net_priv.h"

void net_dump(struct net *net, bool paused, struct net_dump *out)
{
	*out = (struct net_dump){ .mtu = net->mtu };
	memcpy(out->mac, net->config.mac, NET_MAC_LEN);
	vdev_dump_begin(&net->dev, paused, &out->dev);
	for (unsigned int i = 0; i < NET_NR_QUEUES; i++)
		vdev_dump_queue(&net->dev, &out->dev, i, &out->queue[i]);
	net_snapshot(net, &out->counters);
	net_pressure_snapshot(net, &out->pressure);
	net_limits(net, &out->throttle);
	vdev_dump_end(&net->dev, &out->dev);
}
