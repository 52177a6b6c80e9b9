// SPDX-License-Identifier: GPL-2.0-only
#include "report/latency_json.h"

#include <stdint.h>

static json_t *num(__u64 v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static __u64 get(const json_t *o, const char *key)
{
	const json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (__u64)v : 0;
}

__u64 latency_percentile(const struct ss_hist *h, unsigned int percent)
{
	__u64 seen = 0, end;

	if (!h->count)
		return 0;
	for (unsigned int i = 0; i < SS_HIST_SLOTS; i++) {
		seen += h->slots[i];
		if (seen * 100 < h->count * percent)
			continue;
		end = (2ULL << i) - 1;
		return end < h->max_ns ? end : h->max_ns;
	}
	return h->max_ns;
}

static json_t *hist_json(const struct ss_hist *h)
{
	json_t *slots = json_array();
	unsigned int nr = SS_HIST_SLOTS;

	while (nr && !h->slots[nr - 1])
		nr--;
	for (unsigned int i = 0; i < nr; i++)
		json_array_append_new(slots, num(h->slots[i]));
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "count", num(h->count), "sum",
			 num(h->total_ns), "max", num(h->max_ns), "p50",
			 num(latency_percentile(h, 50)), "p99", num(latency_percentile(h, 99)),
			 "slots", slots);
}

json_t *latency_json(const struct ss_blk_lat *lat)
{
	return json_pack("{s:o,s:o,s:o}", "queue_ns", hist_json(&lat->queue), "stall_ns",
			 hist_json(&lat->stall), "backing_ns", hist_json(&lat->backing));
}

static void hist_from(struct ss_hist *h, const json_t *o)
{
	const json_t *slots = json_object_get(o, "slots");
	json_int_t v;

	*h = (struct ss_hist){ .count = get(o, "count"),
			       .total_ns = get(o, "sum"),
			       .max_ns = get(o, "max") };
	for (unsigned int i = 0; i < SS_HIST_SLOTS && i < json_array_size(slots); i++) {
		v = json_integer_value(json_array_get(slots, i));
		h->slots[i] = v > 0 ? (__u64)v : 0;
	}
}

void latency_from_json(struct ss_blk_lat *lat, const json_t *o)
{
	hist_from(&lat->queue, json_object_get(o, "queue_ns"));
	hist_from(&lat->stall, json_object_get(o, "stall_ns"));
	hist_from(&lat->backing, json_object_get(o, "backing_ns"));
}
