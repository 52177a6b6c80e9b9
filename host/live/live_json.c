// SPDX-License-Identifier: GPL-2.0-only
/* Writes disks and network devices as JSON, for `stallscope stat` and `dump`. */
#include "live/live_json.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdio.h>

#include "lib/device_figures.h"

static json_t *hex(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	return json_string(text);
}

/* JSON's null for NULL. */
static json_t *text(const char *s)
{
	json_t *j = s ? json_string(s) : json_null();

	return j ? j : json_string("?");
}

/* --- names of bits --- */

struct bit {
	unsigned int bit;
	const char *name;
};

static json_t *bit_names(uint64_t bits, const struct bit *names, size_t nr)
{
	json_t *a = json_array();

	for (unsigned int b = 0; b < 64; b++) {
		const char *name = NULL;
		char number[16];

		if (!(bits >> b & 1))
			continue;
		for (size_t i = 0; i < nr; i++)
			if (names[i].bit == b)
				name = names[i].name;
		if (!name)
			snprintf(number, sizeof(number), "bit%u", b);
		json_array_append_new(a, json_string(name ? name : number));
	}
	return a;
}

static json_t *status_json(uint32_t status)
{
	static const struct bit names[] = {
		{ 0, "ACKNOWLEDGE" }, { 1, "DRIVER" },	    { 2, "DRIVER_OK" },
		{ 3, "FEATURES_OK" }, { 6, "NEEDS_RESET" }, { 7, "FAILED" },
	};

	return bit_names(status, names, sizeof(names) / sizeof(names[0]));
}

#define TRANSPORT_FEATURES                                                                         \
	{ VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC" },                                          \
		{ VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX" },                                          \
	{                                                                                          \
		VIRTIO_F_VERSION_1, "VERSION_1"                                                    \
	}

static json_t *blk_features_json(uint64_t features)
{
	static const struct bit names[] = {
		{ VIRTIO_BLK_F_SIZE_MAX, "SIZE_MAX" },
		{ VIRTIO_BLK_F_SEG_MAX, "SEG_MAX" },
		{ VIRTIO_BLK_F_RO, "RO" },
		{ VIRTIO_BLK_F_BLK_SIZE, "BLK_SIZE" },
		{ VIRTIO_BLK_F_FLUSH, "FLUSH" },
		{ VIRTIO_BLK_F_TOPOLOGY, "TOPOLOGY" },
		{ VIRTIO_BLK_F_CONFIG_WCE, "CONFIG_WCE" },
		{ VIRTIO_BLK_F_MQ, "MQ" },
		{ VIRTIO_BLK_F_DISCARD, "DISCARD" },
		{ VIRTIO_BLK_F_WRITE_ZEROES, "WRITE_ZEROES" },
		TRANSPORT_FEATURES,
	};

	return bit_names(features, names, sizeof(names) / sizeof(names[0]));
}

static json_t *net_features_json(uint64_t features)
{
	static const struct bit names[] = {
		{ VIRTIO_NET_F_MTU, "MTU" },
		{ VIRTIO_NET_F_MAC, "MAC" },
		{ VIRTIO_NET_F_STATUS, "STATUS" },
		TRANSPORT_FEATURES,
	};

	return bit_names(features, names, sizeof(names) / sizeof(names[0]));
}

/* --- parts --- */

json_t *live_limits_json(const struct throttle_limits *limits)
{
	return json_pack("{s:o,s:o,s:o,s:o}", "iops", figures_u64(limits->ops.rate), "bps",
			 figures_u64(limits->bytes.rate), "iops_burst",
			 figures_u64(limits->ops.burst), "bps_burst",
			 figures_u64(limits->bytes.burst));
}

json_t *live_net_limits_json(const struct throttle_limits *limits)
{
	return json_pack("{s:o,s:o,s:o,s:o}", "pps", figures_u64(limits->ops.rate), "bps",
			 figures_u64(limits->bytes.rate), "pps_burst",
			 figures_u64(limits->ops.burst), "bps_burst",
			 figures_u64(limits->bytes.burst));
}

/* @limits: is consumed */
static json_t *throttle_json(const struct throttle_state *t, json_t *limits)
{
	return json_pack("{s:o,s:I,s:I,s:i}", "limits", limits, "ops_balance", (json_int_t)t->ops,
			 "bytes_balance", (json_int_t)t->bytes, "waiters", (int)t->waiters);
}

static json_t *ring_json(const struct vdev_queue_dump *q)
{
	if (!q->mapped)
		return json_null();
	return json_pack("{s:i,s:i,s:i,s:i,s:i,s:i}", "avail_flags", q->avail_flags, "avail_idx",
			 q->avail_idx, "used_event", q->used_event, "used_flags", q->used_flags,
			 "used_idx", q->used_idx, "avail_event", q->avail_event);
}

static json_t *stall_json(const struct vdev_dump *d, const struct vdev_queue_dump *q)
{
	json_t *o;

	if (!q->stalled_since_ns)
		return json_null();
	o = json_pack(
		"{s:o,s:o}", "since_ns", figures_u64(q->stalled_since_ns), "for_ns",
		figures_u64(d->at_ns > q->stalled_since_ns ? d->at_ns - q->stalled_since_ns : 0));
	if (o && d->consistent) {
		json_object_set_new(o, "head", figures_u64(q->stall_head));
		json_object_set_new(o, "until_ns", figures_u64(q->deadline_ns));
	}
	return o;
}

static json_t *queue_json(const struct vdev_dump *d, const struct vdev_queue_dump *q, bool whole)
{
	json_t *o = json_pack("{s:i,s:o,s:i}", "worker", (int)q->worker, "stalled",
			      stall_json(d, q), "delayed_completions", (int)q->held);

	if (!o || !whole || !d->consistent)
		return o;
	json_object_set_new(o, "ready", json_boolean(q->ready));
	json_object_set_new(o, "size", figures_u64(q->size));
	json_object_set_new(o, "desc", hex(q->desc));
	json_object_set_new(o, "avail", hex(q->avail));
	json_object_set_new(o, "used", hex(q->used));
	json_object_set_new(o, "event_idx", json_boolean(q->event_idx));
	json_object_set_new(o, "indirect", json_boolean(q->indirect));
	json_object_set_new(o, "poison", text(q->poison));
	json_object_set_new(o, "next_avail", figures_u64(q->next_avail));
	json_object_set_new(o, "next_used", figures_u64(q->next_used));
	json_object_set_new(o, "ring", ring_json(q));
	return o;
}

static void add_registers(json_t *o, const struct vdev_dump *d, json_t *(*features_json)(uint64_t))
{
	json_object_set_new(o, "consistent", json_boolean(d->consistent));
	json_object_set_new(o, "status", status_json(d->status));
	json_object_set_new(o, "interrupt_status", figures_u64(d->interrupt_status));
	json_object_set_new(o, "config_generation", figures_u64(d->config_generation));
	json_object_set_new(o, "features_offered", features_json(d->offered));
	json_object_set_new(o, "features",
			    d->consistent ? features_json(d->features) : json_null());
}

json_t *live_disk_json(const char *name, const char *group, const char *profile,
		       const struct blk_dump *d, bool whole)
{
	json_t *queues = json_array(), *o;

	for (unsigned int i = 0; i < d->nr_queues; i++)
		json_array_append_new(queues, queue_json(&d->dev, &d->queue[i], whole));
	o = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "name", text(name), "at_ns",
		      figures_u64(d->dev.at_ns), "group", text(group), "profile", text(profile),
		      "counters", figures_write(&blk_counters_figures, &d->counters), "throttle",
		      throttle_json(&d->throttle, live_limits_json(&d->throttle.limits)), "latency",
		      figures_write(&blk_lat_figures, &d->latency), "queues", queues);
	if (o && profile) {
		json_object_set_new(o, "profile_ns", figures_u64(d->profile_ns));
		json_object_set_new(o, "profile_requests", figures_u64(d->profile_requests));
	}
	if (o && whole) {
		add_registers(o, &d->dev, blk_features_json);
		json_object_set_new(o, "capacity_sectors", figures_u64(d->capacity));
		json_object_set_new(o, "readonly", json_boolean(d->read_only));
	}
	return o;
}

json_t *live_net_json(const char *name, const struct net_dump *d, bool whole)
{
	static const char *const queue_names[NET_NR_QUEUES] = { [NET_RX] = "rx", [NET_TX] = "tx" };
	json_t *queues = json_array(), *o;
	char mac[NET_MAC_TEXT_LEN];

	for (unsigned int i = 0; i < NET_NR_QUEUES; i++) {
		json_t *queue = queue_json(&d->dev, &d->queue[i], whole);

		json_object_set_new(queue, "name", text(queue_names[i]));
		json_array_append_new(queues, queue);
	}
	o = json_pack("{s:o,s:o,s:s,s:i,s:o,s:o,s:o,s:o}", "name", text(name), "at_ns",
		      figures_u64(d->dev.at_ns), "mac", net_mac_text(d->mac, mac), "mtu",
		      (int)d->mtu, "counters", figures_write(&net_counters_figures, &d->counters),
		      "pressure", figures_write(&net_pressure_figures, &d->pressure), "throttle",
		      throttle_json(&d->throttle, live_net_limits_json(&d->throttle.limits)),
		      "queues", queues);
	if (o)
		json_object_set_new(o, "lost", figures_u64(net_lost(&d->counters)));
	if (o && whole)
		add_registers(o, &d->dev, net_features_json);
	return o;
}
