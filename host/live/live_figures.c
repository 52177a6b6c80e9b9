// SPDX-License-Identifier: GPL-2.0-only
/* The tables of what stat and dump show, and what is filled in for them. */
#include "live/live_figures.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "lib/device_figures.h"
#include "lib/figures_doc.h"
#include "lib/figures_short.h"

/* All of it, or nothing. */
#define IF(struct_, field) .flags = FIG_IF, .known = offsetof(struct struct_, field)

/* --- throttle --- */

static const struct figure iops_limits[] = {
	FIG(U64, throttle_limits, ops.rate, "iops", "1/s", "Operations"),
	FIG(U64, throttle_limits, bytes.rate, "bps", "bytes/s", "Moved"),
	COUNT(throttle_limits, ops.burst, "iops_burst", "Operations"),
	FIG(U64, throttle_limits, bytes.burst, "bps_burst", "bytes", "Moved"),
};

const struct figures live_limits_figures = FIGURES(iops_limits);

static const struct figure pps_limits[] = {
	FIG(U64, throttle_limits, ops.rate, "pps", "1/s", "Frames"),
	FIG(U64, throttle_limits, bytes.rate, "bps", "bytes/s", "Moved"),
	COUNT(throttle_limits, ops.burst, "pps_burst", "Frames"),
	FIG(U64, throttle_limits, bytes.burst, "bps_burst", "bytes", "Moved"),
};

const struct figures live_net_limits_figures = FIGURES(pps_limits);

#define LIMITS "0 is unlimited; a burst of 0 is a second's worth"
#define THROTTLE(limits_)                                                                          \
	PART(throttle_state, limits, "limits", limits_, LIMITS),                                   \
		FIG(I64, throttle_state, ops, "ops_balance", NULL,                                 \
		    "Operations that may go now; negative: debt"),                                 \
		FIG(I64, throttle_state, bytes, "bytes_balance", "bytes",                          \
		    "That may be moved now; negative: debt"),                                      \
		COUNT32(throttle_state, waiters, "waiters", "Queues that wait in line")

static const struct figure throttle[] = { THROTTLE(&live_limits_figures) };
static const struct figures throttle_figures = FIGURES(throttle);

static const struct figure net_throttle[] = { THROTTLE(&live_net_limits_figures) };
static const struct figures net_throttle_figures = FIGURES(net_throttle);

/* --- queues --- */

static const struct figure stall_more[] = {
	FIG(U16, live_queue_view, q.stall_head, "head", NULL, "Descriptor of the head; in a dump"),
	NS(live_queue_view, q.deadline_ns, "until_ns", "When the head is tried again; in a dump"),
};
static const struct figures stall_more_figures = FIGURES(stall_more);

static const struct figure stall[] = {
	NS(live_queue_view, q.stalled_since_ns, "since_ns", "When the head was first refused"),
	NS(live_queue_view, for_ns, "for_ns", "Stalled for so long"),
	FIG_SELF(NULL, &stall_more_figures, NULL, IF(live_queue_view, consistent)),
};
static const struct figures stall_figures = FIGURES(stall);

#define RING(field, doc) FIG(U16, vdev_queue_dump, field, #field, NULL, doc)

static const struct figure ring[] = {
	RING(avail_flags, "The driver's"), RING(avail_idx, "The driver's"),
	RING(used_event, "The driver's"),  RING(used_flags, "The device's"),
	RING(used_idx, "The device's"),	   RING(avail_event, "The device's"),
};
static const struct figures ring_figures = FIGURES(ring);

static const struct figure queue_setup[] = {
	YES(live_queue_view, q.ready, "ready", "The driver has set it up"),
	FIG(U16, live_queue_view, q.size, "size", NULL, "Descriptors"),
	FIG(HEX, live_queue_view, q.desc, "desc", NULL, "Guest address of the descriptors"),
	FIG(HEX, live_queue_view, q.avail, "avail", NULL, "Guest address of the available ring"),
	FIG(HEX, live_queue_view, q.used, "used", NULL, "Guest address of the used ring"),
	YES(live_queue_view, q.event_idx, "event_idx", "Notifications are suppressed by index"),
	YES(live_queue_view, q.indirect, "indirect", "Indirect descriptors are allowed"),
	STRING(live_queue_view, q.poison, "poison", "Why it is poisoned, null if it isn't"),
	FIG(U16, live_queue_view, q.next_avail, "next_avail", NULL,
	    "The device's place in the ring"),
	FIG(U16, live_queue_view, q.next_used, "next_used", NULL, "The device's place in the ring"),
	PART(live_queue_view, q, "ring", &ring_figures, "What the rings hold, null if unmapped",
	     .flags = FIG_NULL, .known = offsetof(struct live_queue_view, q.mapped)),
};
static const struct figures queue_setup_figures = FIGURES(queue_setup);

static const struct figure queue[] = {
	FIG(I32, live_queue_view, q.worker, "worker", NULL, "Thread that serves it, 0 none"),
	FIG_SELF("stalled", &stall_figures, "Its stall, null if it isn't stalled",
		 .flags = FIG_NULL, .known = offsetof(struct live_queue_view, stalled)),
	COUNT32(live_queue_view, q.held, "delayed_completions",
		"Completions that the disk's profile keeps back"),
	FIG_SELF(NULL, &queue_setup_figures, NULL, IF(live_queue_view, whole)),
};
static const struct figures queue_figures = FIGURES(queue);

static const struct figure net_queue[] = {
	FIG_SELF(NULL, &queue_figures, NULL),
	STRING(live_queue_view, name, "name", "rx or tx"),
};
static const struct figures net_queue_figures = FIGURES(net_queue);

/* --- registers --- */

static const struct figure_bit status_bits[] = {
	{ 0, "ACKNOWLEDGE" }, { 1, "DRIVER" },	    { 2, "DRIVER_OK" },
	{ 3, "FEATURES_OK" }, { 6, "NEEDS_RESET" }, { 7, "FAILED" },
};

static const struct figure_bit blk_bits[] = {
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
	{ VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC" },
	{ VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX" },
	{ VIRTIO_F_VERSION_1, "VERSION_1" },
};

static const struct figure_bit net_bits[] = {
	{ VIRTIO_NET_F_MTU, "MTU" },
	{ VIRTIO_NET_F_MAC, "MAC" },
	{ VIRTIO_NET_F_STATUS, "STATUS" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC" },
	{ VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX" },
	{ VIRTIO_F_VERSION_1, "VERSION_1" },
};

#define BITS(list) .bits = (list), .nr = sizeof(list) / sizeof((list)[0])
#define REGISTERS(bits_)                                                                           \
	YES(vdev_dump, consistent, "consistent",                                                   \
	    "Nothing moved meanwhile; otherwise only what can be told is here"),                   \
		FIG(BITS, vdev_dump, status, "status", NULL, "Device status", BITS(status_bits)),  \
		COUNT32(vdev_dump, interrupt_status, "interrupt_status", "Register"),              \
		COUNT32(vdev_dump, config_generation, "config_generation", "Register"),            \
		FIG(BITS, vdev_dump, offered, "features_offered", NULL, "By the device",           \
		    BITS(bits_)),                                                                  \
		FIG(BITS, vdev_dump, features, "features", NULL,                                   \
		    "That the driver accepted, null if not consistent", BITS(bits_),               \
		    .flags = FIG_NULL, .known = offsetof(struct vdev_dump, consistent))

static const struct figure blk_registers[] = { REGISTERS(blk_bits) };
static const struct figures blk_registers_figures = FIGURES(blk_registers);

static const struct figure net_registers[] = { REGISTERS(net_bits) };
static const struct figures net_registers_figures = FIGURES(net_registers);

/* --- devices --- */

#define AT_NS "When this was read, by the device's clock"

static const struct figure profile[] = {
	NS(live_disk_view, d.profile_ns, "profile_ns",
	   "The profile's time, 0: not begun; with a profile"),
	COUNT(live_disk_view, d.profile_requests, "profile_requests",
	      "Requests the profile has counted; with a profile"),
};
static const struct figures profile_figures = FIGURES(profile);

static const struct figure disk_whole[] = {
	PART(live_disk_view, d.dev, NULL, &blk_registers_figures, NULL),
	COUNT(live_disk_view, d.capacity, "capacity_sectors", "Sectors of 512 bytes"),
	YES(live_disk_view, d.read_only, "readonly", "The guest may not write"),
};
static const struct figures disk_whole_figures = FIGURES(disk_whole);

static const struct figure disk[] = {
	STRING(live_disk_view, name, "name", "disk0, disk1, ..."),
	NS(live_disk_view, d.dev.at_ns, "at_ns", AT_NS),
	STRING(live_disk_view, group, "group", "Its throttle group, null without"),
	STRING(live_disk_view, profile, "profile", "Its pressure profile, null without"),
	PART(live_disk_view, d.counters, "counters", &blk_counters_figures, "Its counters"),
	PART(live_disk_view, d.throttle, "throttle", &throttle_figures, "Its throttle"),
	PART(live_disk_view, d.latency, "latency", &blk_lat_figures, "As the device measures it"),
	FIG_MANY(ARRAY, live_disk_view, queue, queues, "queues",
		 "Its queues; from .ready on in a dump, if consistent", .sub = &queue_figures),
	FIG_SELF(NULL, &profile_figures, NULL, IF(live_disk_view, profiled)),
	FIG_SELF(NULL, &disk_whole_figures, NULL, IF(live_disk_view, whole)),
};
const struct figures live_disk_figures = FIGURES(disk);

static uint64_t lost_frames(const void *net)
{
	return net_lost(&((const struct live_net_view *)net)->d.counters);
}

static const struct figure net[] = {
	STRING(live_net_view, name, "name", "net0, net1, ..."),
	NS(live_net_view, d.dev.at_ns, "at_ns", AT_NS),
	FIG(TEXT, live_net_view, mac, "mac", NULL, "Its address"),
	FIG(U32, live_net_view, d.mtu, "mtu", "bytes", "Largest frame without its Ethernet header"),
	PART(live_net_view, d.counters, "counters", &net_counters_figures, "Its counters"),
	PART(live_net_view, d.pressure, "pressure", &net_pressure_figures,
	     "Its throttle's counters"),
	PART(live_net_view, d.throttle, "throttle", &net_throttle_figures, "Its throttle"),
	FIG_MANY(ARRAY, live_net_view, queue, queues, "queues",
		 "RX, TX; from .ready on in a dump, if consistent", .sub = &net_queue_figures),
	FIG_MADE(lost_frames, "lost", NULL, "Frames that were sent and didn't come back"),
	PART(live_net_view, d.dev, NULL, &net_registers_figures, NULL, IF(live_net_view, whole)),
};
const struct figures live_net_figures = FIGURES(net);

static const struct figure answer[] = {
	YES(live_view, ok, "ok", "true"),
	STRING(live_view, run, "run", "The run's name"),
	FIG(I32, live_view, pid, "pid", NULL, "The runner's process"),
	FIG(REAL, live_view, status.seconds, "seconds", "s", "Since the guest was started"),
	YES(live_view, status.guest_up, "guest_up", "Its agent has reported"),
	YES(live_view, status.workload_running, "workload_running", "The --exec command runs"),
	STRING(live_view, status.scheduler, "scheduler", "State of the sched_ext scheduler"),
	FIG_MANY(ARRAY, live_view, disk, disks, "disks",
		 "The disks, in the order of the options; .consistent and what follows in a dump",
		 .sub = &live_disk_figures),
	FIG_MANY(ARRAY, live_view, net, nets, "nets", "The network devices, likewise",
		 .sub = &live_net_figures),
};
const struct figures live_figures = FIGURES(
	answer,
	.doc = "Both print one object; stat with the figures only, dump with registers and rings.");

/* --- views --- */

static void view_queue(struct live_queue_view *v, const struct vdev_dump *d,
		       const struct vdev_queue_dump *q, bool whole)
{
	v->q = *q;
	v->stalled = q->stalled_since_ns;
	v->for_ns = d->at_ns > q->stalled_since_ns ? d->at_ns - q->stalled_since_ns : 0;
	v->consistent = d->consistent;
	v->whole = whole && d->consistent;
}

void live_view_disk(struct live_disk_view *v)
{
	v->profiled = v->profile;
	v->queues = v->d.nr_queues;
	for (unsigned int i = 0; i < v->queues; i++)
		view_queue(&v->queue[i], &v->d.dev, &v->d.queue[i], v->whole);
}

void live_view_net(struct live_net_view *v)
{
	net_mac_text(v->d.mac, v->mac);
	v->queues = NET_NR_QUEUES;
	for (unsigned int i = 0; i < NET_NR_QUEUES; i++)
		view_queue(&v->queue[i], &v->d.dev, &v->d.queue[i], v->whole);
	v->queue[NET_RX].name = "rx";
	v->queue[NET_TX].name = "tx";
}

int live_docs_page(FILE *f)
{
	fputs("# What `stat --json` and `dump` print, key by key\n\n"
	      "Made by `make docs` from the tables of figures in `host/live/live_figures.c`: a change goes\n"
	      "there. What a run has left when it has ended is in [run-json.md](run-json.md).\n\n"
	      "Keys are written as `jq` takes them; `[]` stands for each element of an array.\n",
	      f);
	return figures_page(&live_figures, "The whole", f);
}
