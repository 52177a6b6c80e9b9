/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of a run's disks and network devices. */
#ifndef SS_RUN_DEVICE_OPTS_H
#define SS_RUN_DEVICE_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/backing.h"
#include "io/throttle.h"

/**
 * struct disk_opts - one --disk.
 * @file: path of the backing file or block device, NULL for a temporary file;
 *	owned by the struct.
 * @size: bytes of the temporary file, 0 with @file.
 * @read_only: the guest sees a read-only disk.
 * @raw: its file is raw whatever it looks like; @share: others may have it open, too.
 * @iops: operations a second, 0 unlimited.
 * @bps: bytes a second, 0 unlimited.
 * @iops_burst: capacity of the ops bucket, 0 for one second's worth.
 * @bps_burst: capacity of the bytes bucket in bytes, 0 for one second's worth.
 * @profile: path of a pressure profile, NULL none; owned by the struct.
 * @backing: how its file is read and written.
 * @group: the throttle's name, shared by all disks that give it, NULL none; owned.
 * @queues: request queues, each with a worker.
 * @worker_cpus: list of CPUs for the workers, in turn, NULL for any; owned.
 */
struct disk_opts {
	char *file;
	uint64_t size;
	bool read_only, raw, share;
	uint64_t iops;
	uint64_t bps;
	uint64_t iops_burst;
	uint64_t bps_burst;
	char *profile;
	char *group;
	uint64_t queues;
	char *worker_cpus;
	enum backing_kind backing;
};

/**
 * struct net_opts - one --net.
 * @backend: "loopback", a constant.
 * @mac: all zero for the device's default.
 * @mtu: its largest frame, without the Ethernet header.
 * @pps: frames sent a second, 0 unlimited.
 * @bps: bytes sent a second, 0 unlimited.
 * @pps_burst: @bps_burst: capacity of the buckets, 0 for one second's worth.
 */
struct net_opts {
	const char *backend;
	uint8_t mac[6];
	uint64_t mtu;
	uint64_t pps;
	uint64_t bps;
	uint64_t pps_burst;
	uint64_t bps_burst;
};

/** disk_opts_free() - free what @d owns. */
void disk_opts_free(struct disk_opts *d);

/**
 * disk_opts_open() - a disk's file, image_open(), or a temporary one
 * @dir: for that, NULL: where temporary files are
 */
int disk_opts_open(const struct disk_opts *d, const char *dir, struct backing **out, char *err,
		   size_t err_len);

/** disk_opts_limits() - as the throttle takes them. */
struct throttle_limits disk_opts_limits(const struct disk_opts *d);

/** disk_opts_backing() - as backing= takes it, NULL past the last kind. */
const char *disk_opts_backing(unsigned int kind);

/** net_opts_limits() - as the throttle takes them. */
struct throttle_limits net_opts_limits(const struct net_opts *n);

#endif /* SS_RUN_DEVICE_OPTS_H */
