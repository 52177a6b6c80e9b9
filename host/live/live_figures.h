/* SPDX-License-Identifier: GPL-2.0-only */
/* What `stallscope stat` and `dump` show, as tables of figures. */
#ifndef SS_LIVE_FIGURES_H
#define SS_LIVE_FIGURES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/figures.h"
#include "live/live.h"
#include "virtio/blk_dump.h"
#include "virtio/net_dump.h"

/**
 * struct live_queue_view - a queue
 * @stalled: @for_ns: how long it has been
 * @consistent: what is only so while nothing moves can be told
 * @whole: and is wanted
 */
struct live_queue_view {
	struct vdev_queue_dump q;
	const char *name;
	bool stalled, consistent, whole;
	uint64_t for_ns;
};

/**
 * struct live_disk_view - a disk
 * @name: @group: @profile: as given, or NULL
 * @profiled: it has a profile
 * @whole: registers and rings too (dump), otherwise only the figures (stat)
 */
struct live_disk_view {
	const char *name, *group, *profile;
	bool profiled, whole;
	struct blk_dump d;
	uint32_t queues;
	struct live_queue_view queue[BLK_MAX_QUEUES];
};

/** struct live_net_view - a network device, likewise */
struct live_net_view {
	const char *name;
	char mac[NET_MAC_TEXT_LEN];
	bool whole;
	struct net_dump d;
	uint32_t queues;
	struct live_queue_view queue[NET_NR_QUEUES];
};

/** struct live_view - the answer to stat and dump; all it points to is the owner's */
struct live_view {
	bool ok;
	const char *run;
	int pid;
	struct live_status status;
	uint32_t disks, nets;
	struct live_disk_view disk[SS_MAX_DISKS];
	struct live_net_view net[SS_MAX_NETS];
};

/** live_view_disk() - fill the rest of @v, whose .name, .group, .profile, .whole and .d are there */
void live_view_disk(struct live_disk_view *v);

/** live_view_net() - fill the rest of @v, whose .name, .whole and .d are there */
void live_view_net(struct live_net_view *v);

/* Their tables. */
extern const struct figures live_figures;
extern const struct figures live_disk_figures;
extern const struct figures live_net_figures;

/* Tables of struct throttle_limits: operations are called iops, or pps. */
extern const struct figures live_limits_figures;
extern const struct figures live_net_limits_figures;

/** live_docs_page() - Documentation/live-json.md. Return: 0 or a negative errno. */
int live_docs_page(FILE *f);

#endif /* SS_LIVE_FIGURES_H */
