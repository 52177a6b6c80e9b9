// SPDX-License-Identifier: GPL-2.0-only
/* Sets a guest's network devices up, watches them, takes them down. */
#include "run/run_guest.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>

static int setup_net(struct guest *g, unsigned int i)
{
	const struct net_opts *n = &g->run->o.nets[i];
	struct net_config cfg = {
		.index = i,
		.mtu = (unsigned int)n->mtu,
		.limits = net_opts_limits(n),
		.counters = &g->counters.net[i],
		.pressure = &g->counters.net_pressure[i],
	};
	int ret;

	memcpy(cfg.mac, n->mac, NET_MAC_LEN);
	g->live.net[i].limits = cfg.limits;
	ret = net_create(&cfg, &g->live.net[i].net);
	if (!ret)
		return SS_EXIT_OK;
	ss_err("can't make network device %u: %s", i, strerror(-ret));
	return SS_EXIT_FAIL;
}

int guest_nets_setup(struct guest *g)
{
	int ret = SS_EXIT_OK;

	for (unsigned int i = 0; !ret && i < g->run->o.nr_nets; i++)
		ret = setup_net(g, i);
	return ret;
}

int guest_nets_attach(struct guest *g, const struct guest_mem *mem)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < g->run->o.nr_nets; i++) {
		virtio_mmio_set_mem(net_mmio(g->live.net[i].net), mem);
		ret = machine_add_virtio(g->machine, net_mmio(g->live.net[i].net));
	}
	return ret;
}

void guest_nets_threads(struct guest *g)
{
	for (unsigned int i = 0; i < g->run->o.nr_nets; i++)
		guest_thread(g, &g->net_tid[i], net_worker_tid(g->live.net[i].net),
			     (SS_DEV_NET_BASE + i) << 8);
}

bool guest_nets_destroy(struct guest *g)
{
	bool done = true;

	for (unsigned int i = 0; i < g->run->o.nr_nets; i++) {
		if (net_destroy(g->live.net[i].net))
			done = false;
		else
			g->live.net[i].net = NULL;
	}
	return done;
}

void guest_nets_figures(struct guest *g)
{
	for (unsigned int i = 0; i < g->run->o.nr_nets; i++) {
		g->run->r.net[i].counters = g->counters.net[i];
		g->run->r.net[i].pressure = g->counters.net_pressure[i];
	}
}
