/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to devices at work, through the control socket: `stallscope throttle`,
 * `stat` and `dump`. Served on the runner's main thread.
 */
#ifndef SS_LIVE_H
#define SS_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ss_counters.h"
#include "io/profile.h"
#include "virtio/blk.h"
#include "virtio/net.h"

struct ctl;

/**
 * struct live_disk - a disk as it is now.
 * @name: such as "disk0".
 * @group: @profile_path: as given, or NULL.
 * @blk: the device, NULL when there is none (any more).
 * @profile: its profile, NULL without.
 * @profile_next: when that may next change the limits, ns since it began.
 * @limits: its own limits.
 * @limit_changes: how often they were changed on request.
 *
 * All it points to is the owner's.
 */
struct live_disk {
	const char *name;
	const char *group;
	const char *profile_path;
	struct blk *blk;
	struct profile *profile;
	uint64_t profile_next;
	struct throttle_limits limits;
	uint32_t limit_changes;
};

/** struct live_net - a network device as it is now, likewise. */
struct live_net {
	const char *name;
	struct net *net;
	struct throttle_limits limits;
	uint32_t limit_changes;
};

/* What only the owner of the devices knows. */
struct live_status {
	double seconds; /* since the guest was started */
	bool guest_up;
	bool workload_running;
	const char *scheduler; /* its state */
};

/**
 * struct live_ops - what the owner of the devices does for it.
 * @record: store a record: struct ss_rec and what follows it
 * @status: fill @status
 */
struct live_ops {
	void (*record)(void *ctx, const void *rec, size_t len);
	void (*status)(void *ctx, struct live_status *status);
};

/**
 * struct live - devices that answer requests.
 * @run: the run's name, also the socket's.
 * @disk: of these, the first @disks exist; likewise @net.
 * @ops: called with @ctx.
 * @ctl: the control socket, NULL without.
 * @profiles_begun: the profiles' time runs.
 */
struct live {
	const char *run;
	struct live_disk disk[SS_MAX_DISKS];
	unsigned int disks;
	struct live_net net[SS_MAX_NETS];
	unsigned int nets;
	const struct live_ops *ops;
	void *ctx;
	struct ctl *ctl;
	bool profiles_begun;
};

/**
 * live_answer() - answer a request ({"cmd":"stat"}, ...); a ctl_handler
 * @ctx: struct live
 */
json_t *live_answer(void *ctx, const json_t *request);

/**
 * live_dump_file() - write to @path what `stallscope dump` prints
 *
 * Only while disks and guest memory are still there. Return: 0 or a negative errno.
 */
int live_dump_file(struct live *live, const char *path);

/**
 * live_open() - listen for requests
 * @err: one line on failure
 *
 * Return: 0; -EEXIST: a live run has this name; or another negative errno.
 */
int live_open(struct live *live, char *err, size_t err_len);

/** live_close() - remove the socket; fine without one */
void live_close(struct live *live);

/**
 * live_profiles() - record how the disks' profiles change the limits
 * @begin: let them begin, if they haven't yet
 */
void live_profiles(struct live *live, bool begin);

#endif /* SS_LIVE_H */
