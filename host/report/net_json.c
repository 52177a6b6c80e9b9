// SPDX-License-Identifier: GPL-2.0-only
#include "report/net_json.h"

#include <stddef.h>

static const char *const names[NET_NR_COUNTERS] = {
#define NAME(field) [offsetof(struct ss_net_counters, field) / sizeof(__u64)] = #field
	NAME(tx_packets),
	NAME(tx_bytes),
	NAME(rx_packets),
	NAME(rx_bytes),
	NAME(tx_chain_invalid),
	NAME(tx_oversize_dropped),
	NAME(tx_dropped_no_rx_buffer),
	NAME(tx_dropped_rx_poisoned),
	NAME(rx_chain_invalid),
	NAME(rx_write_failed),
	NAME(tx_add_used_failures),
	NAME(rx_add_used_failures),
	NAME(invalid_avail_idx_count),
#undef NAME
};

const char *net_counter_name(unsigned int n)
{
	return names[n];
}

uint64_t net_counter_value(const struct ss_net_counters *c, unsigned int n)
{
	return ((const __u64 *)c)[n];
}

/* jansson's integers are signed. */
static json_t *num(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static uint64_t get(const json_t *o, const char *key)
{
	const json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

json_t *net_counters_json(const struct ss_net_counters *c)
{
	json_t *o = json_object();

	for (unsigned int i = 0; o && i < NET_NR_COUNTERS; i++) {
		if (!json_object_set_new(o, names[i], num(net_counter_value(c, i))))
			continue;
		json_decref(o);
		o = NULL;
	}
	return o;
}

void net_counters_from_json(struct ss_net_counters *c, const json_t *o)
{
	for (unsigned int i = 0; i < NET_NR_COUNTERS; i++)
		((__u64 *)c)[i] = get(o, names[i]);
}

json_t *net_pressure_json(const struct ss_net_pressure *p)
{
	return json_pack("{s:o,s:o}", "throttled_count", num(p->throttled_count),
			 "currently_throttled_gauge", num(p->currently_throttled_gauge));
}

void net_pressure_from_json(struct ss_net_pressure *p, const json_t *o)
{
	p->throttled_count = get(o, "throttled_count");
	p->currently_throttled_gauge = get(o, "currently_throttled_gauge");
}

uint64_t net_lost(const struct ss_net_counters *c)
{
	return c->tx_chain_invalid + c->tx_oversize_dropped + c->tx_dropped_no_rx_buffer +
	       c->tx_dropped_rx_poisoned + c->rx_chain_invalid + c->rx_write_failed +
	       c->rx_add_used_failures;
}
