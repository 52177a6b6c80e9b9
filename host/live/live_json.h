/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks and network devices as `stallscope stat` and `dump` show them. */
#ifndef SS_LIVE_JSON_H
#define SS_LIVE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "virtio/blk_dump.h"
#include "virtio/net_dump.h"

/** live_limits_json() - {"iops":..,"bps":..,"iops_burst":..,"bps_burst":..} */
json_t *live_limits_json(const struct throttle_limits *limits);

/** live_net_limits_json() - {"pps":..,"bps":..,"pps_burst":..,"bps_burst":..} */
json_t *live_net_limits_json(const struct throttle_limits *limits);

/**
 * live_disk_json() - a disk
 * @group: @profile: as given, or NULL
 * @whole: registers, features and queues too (dump), otherwise only the figures (stat)
 *
 * Return: a new object, NULL when out of memory.
 */
json_t *live_disk_json(const char *name, const char *group, const char *profile,
		       const struct blk_dump *d, bool whole);

/** live_net_json() - a network device, likewise; its queues' rings only with @whole */
json_t *live_net_json(const char *name, const struct net_dump *d, bool whole);

#endif /* SS_LIVE_JSON_H */
