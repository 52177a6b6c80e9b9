// SPDX-License-Identifier: GPL-2.0-only
/* Writes the CONFIG frame: what the agent is to do. */
#include "lib/agent_link.h"
#include "run/run.h"
#include "virtio/net.h"

void run_config(const struct run_opts *o, struct agent_kv *kv, char text[RUN_CONFIG_MAX])
{
	char mac[NET_MAC_TEXT_LEN];

	agent_kv_init(kv, text, RUN_CONFIG_MAX);
	agent_kv_add(kv, "sched", "%s", o->sched ? o->sched : "");
	for (unsigned int i = 0; i < o->nr_sched_args; i++)
		agent_kv_add(kv, "sched_arg", "%s", o->sched_args[i]);
	for (unsigned int i = 0; i < o->nr_nets; i++)
		agent_kv_add(kv, "net", "%s", net_mac_text(o->nets[i].mac, mac));
	agent_kv_add(kv, "duration", "%u", o->duration_s);
	agent_kv_add(kv, "trace", "%d", !o->no_trace);
	agent_kv_add(kv, "trace_tasks", "%d", o->trace_tasks);
	agent_kv_add(kv, "exec", "%s", o->exec ? o->exec : "");
}
