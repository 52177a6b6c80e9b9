// SPDX-License-Identifier: GPL-2.0-only
/* Answers `stallscope throttle`, `stat` and `dump`, and follows the disks' profiles. */
#include "live/live.h"
#include "lib/time.h"
#include "live/ctl.h"
#include "live/live_figures.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Changes of limits that are recorded in one turn. */
#define PROFILE_TURN   16

#define PAUSE_LIMIT_NS 100000000ULL /* for a worker to finish the request it is at */

/* --- throttle --- */

/* Reads a limit, if the request has one of that name: a number from 0 on. */
static int get_limit(const json_t *request, const char *key, uint64_t *out, bool *given)
{
	const json_t *v = json_object_get(request, key);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -EINVAL;
	*out = (uint64_t)json_integer_value(v);
	*given = true;
	return 0;
}

/* A new rate that comes without a burst gets one second's worth. */
static int merge_limit(const json_t *request, const char *rate, const char *burst,
		       struct bucket_limit *limit, bool *any)
{
	bool has_rate = false, has_burst = false;

	if (get_limit(request, rate, &limit->rate, &has_rate))
		return -EINVAL;
	if (has_rate)
		limit->burst = 0;
	if (get_limit(request, burst, &limit->burst, &has_burst))
		return -EINVAL;
	*any |= has_rate || has_burst;
	return 0;
}

/* @dev: the device's number in records */
static void record_limits(struct live *live, unsigned int dev, enum ss_limits_by by,
			  const struct throttle_limits *l, uint64_t ts)
{
	const struct ss_rec_limits rec = {
		.h = { .type = SS_REC_LIMITS, .len = sizeof(rec), .ts = ts },
		.disk = (uint16_t)dev,
		.by = (uint16_t)by,
		.iops = l->ops.rate,
		.bps = l->bytes.rate,
		.iops_burst = l->ops.burst,
		.bps_burst = l->bytes.burst,
	};

	live->ops->record(live->ctx, &rec, sizeof(rec));
}

static bool same_group(const struct live *live, unsigned int a, unsigned int b)
{
	const char *name = live->disk[a].group, *other = live->disk[b].group;

	return a == b || (name && other && !strcmp(name, other));
}

/* All disks that share the throttle get the new limits at once. */
static json_t *apply_limits(struct live *live, unsigned int disk, const struct throttle_limits *l)
{
	json_t *disks = json_array();

	blk_set_limits(live->disk[disk].blk, l);
	for (unsigned int i = 0; i < live->disks; i++) {
		if (!same_group(live, disk, i))
			continue;
		blk_recheck(live->disk[i].blk);
		live->disk[i].limits = *l;
		record_limits(live, i, SS_LIMITS_OWN, l, monotonic_ns());
		live->disk[i].limit_changes++;
		json_array_append_new(disks, json_string(live->disk[i].name));
	}
	return disks;
}

static int find_disk(const struct live *live, const char *name)
{
	for (unsigned int i = 0; name && i < live->disks; i++)
		if (!strcmp(name, live->disk[i].name))
			return (int)i;
	return -1;
}

static int find_net(const struct live *live, const char *name)
{
	for (unsigned int i = 0; i < live->nets; i++)
		if (!strcmp(name, live->net[i].name))
			return (int)i;
	return -1;
}

/* Changes @limits as the request says. Return: NULL, or an answer that says why not. */
static json_t *new_limits(const json_t *request, const char *const keys[4],
			  struct throttle_limits *limits)
{
	char why[200];
	bool any = false;
	int ret;

	if (merge_limit(request, keys[0], keys[1], &limits->ops, &any) ||
	    merge_limit(request, keys[2], keys[3], &limits->bytes, &any) || !any)
		return ctl_error("bad_value",
				 "limits are %s, %s, %s, %s: whole numbers, at least one of them",
				 keys[0], keys[2], keys[1], keys[3]);
	ret = throttle_check_as(limits, keys[0], why, sizeof(why));
	if (ret)
		return ctl_error(ret == -ERANGE ? "bad_value" : "bad_limits", "%s", why);
	return NULL;
}

static json_t *throttle_net(struct live *live, const json_t *request, const char *name)
{
	static const char *const keys[] = { "pps", "pps_burst", "bps", "bps_burst" };
	const int n = find_net(live, name);
	struct throttle_limits old, new;
	json_t *refused;

	if (n < 0 && !live->nets)
		return ctl_error("no_net", "the run %s has no network device", live->run);
	if (n < 0)
		return ctl_error("no_net",
				 "the run %s has no network device '%.40s': it has net0 to net%u",
				 live->run, name, live->nets - 1);
	old = new = live->net[n].limits;
	refused = new_limits(request, keys, &new);
	if (refused)
		return refused;
	net_set_limits(live->net[n].net, &new);
	live->net[n].limits = new;
	record_limits(live, SS_DEV_NET_BASE + (unsigned int)n, SS_LIMITS_OWN, &new, monotonic_ns());
	live->net[n].limit_changes++;
	return json_pack("{s:b,s:[s],s:o,s:o}", "ok", 1, "nets", name, "old",
			 figures_write(&live_net_limits_figures, &old), "new",
			 figures_write(&live_net_limits_figures, &new));
}

static json_t *throttle_disk(struct live *live, const json_t *request)
{
	static const char *const keys[] = { "iops", "iops_burst", "bps", "bps_burst" };
	const char *name = json_string_value(json_object_get(request, "disk"));
	const int disk = find_disk(live, name);
	struct throttle_limits old, new;
	json_t *disks, *refused;

	if (disk < 0)
		return ctl_error("no_disk",
				 "the run %s has no disk '%.40s': it has disk0 to disk%u",
				 live->run, name ? name : "", live->disks - 1);
	old = new = live->disk[disk].limits;
	refused = new_limits(request, keys, &new);
	if (refused)
		return refused;
	disks = apply_limits(live, (unsigned int)disk, &new);
	return json_pack("{s:b,s:o,s:o,s:o}", "ok", 1, "disks", disks, "old",
			 figures_write(&live_limits_figures, &old), "new",
			 figures_write(&live_limits_figures, &new));
}

static json_t *do_throttle(struct live *live, const json_t *request)
{
	const char *net = json_string_value(json_object_get(request, "net"));

	return net ? throttle_net(live, request, net) : throttle_disk(live, request);
}

/* --- stat and dump --- */

/* Which devices' workers are parked. */
struct paused {
	bool disk[SS_MAX_DISKS], net[SS_MAX_NETS];
};

/* Parks all workers, or as many as can be within the limit. */
static void pause_all(struct live *live, struct paused *paused)
{
	for (unsigned int i = 0; i < live->disks; i++)
		paused->disk[i] =
			live->disk[i].blk && !blk_pause(live->disk[i].blk, PAUSE_LIMIT_NS);
	for (unsigned int i = 0; i < live->nets; i++)
		paused->net[i] = live->net[i].net && !net_pause(live->net[i].net, PAUSE_LIMIT_NS);
}

static void resume_all(struct live *live)
{
	for (unsigned int i = 0; i < live->disks; i++)
		if (live->disk[i].blk)
			blk_resume(live->disk[i].blk);
	for (unsigned int i = 0; i < live->nets; i++)
		if (live->net[i].net)
			net_resume(live->net[i].net);
}

static void view_disks(struct live *live, const struct paused *paused, struct live_view *v,
		       bool whole)
{
	for (unsigned int i = 0; i < live->disks; i++) {
		const struct live_disk *ld = &live->disk[i];
		struct live_disk_view *disk = &v->disk[v->disks];

		if (!ld->blk)
			continue;
		disk->name = ld->name;
		disk->group = ld->group;
		disk->profile = ld->profile_path;
		disk->whole = whole;
		blk_dump(ld->blk, paused->disk[i], &disk->d);
		live_view_disk(disk);
		v->disks++;
	}
}

static void view_nets(struct live *live, const struct paused *paused, struct live_view *v,
		      bool whole)
{
	for (unsigned int i = 0; i < live->nets; i++) {
		struct live_net_view *net = &v->net[v->nets];

		if (!live->net[i].net)
			continue;
		net->name = live->net[i].name;
		net->whole = whole;
		net_dump(live->net[i].net, paused->net[i], &net->d);
		live_view_net(net);
		v->nets++;
	}
}

static json_t *run_json(struct live *live, const struct paused *paused, bool whole)
{
	struct live_view *v = calloc(1, sizeof(*v));
	json_t *o;

	if (!v)
		return NULL;
	v->ok = true;
	v->run = live->run;
	v->pid = getpid();
	v->status.scheduler = "";
	live->ops->status(live->ctx, &v->status);
	view_disks(live, paused, v, whole);
	view_nets(live, paused, v, whole);
	o = figures_write(&live_figures, v);
	free(v);
	return o;
}

static json_t *do_stat(struct live *live)
{
	const struct paused none = { { false }, { false } };

	return run_json(live, &none, false);
}

static json_t *do_dump(struct live *live)
{
	struct paused paused = { { false }, { false } };
	json_t *dump;

	pause_all(live, &paused);
	dump = run_json(live, &paused, true);
	resume_all(live);
	return dump;
}

json_t *live_answer(void *ctx, const json_t *request)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	struct live *live = ctx;

	if (cmd && !strcmp(cmd, "throttle"))
		return do_throttle(live, request);
	if (cmd && !strcmp(cmd, "stat"))
		return do_stat(live);
	if (cmd && !strcmp(cmd, "dump"))
		return do_dump(live);
	return ctl_error("bad_request", "unknown cmd (known: throttle, stat, dump)");
}

int live_dump_file(struct live *live, const char *path)
{
	json_t *dump = do_dump(live);
	int ret;

	if (!dump)
		return -ENOMEM;
	errno = 0;
	ret = json_dump_file(dump, path, JSON_INDENT(2)) ? -(errno ? errno : EIO) : 0;
	json_decref(dump);
	return ret;
}

int live_open(struct live *live, char *err, size_t err_len)
{
	return ctl_open(NULL, live->run, live_answer, live, &live->ctl, err, err_len);
}

void live_close(struct live *live)
{
	ctl_close(live->ctl);
	live->ctl = NULL;
}

/*
 * Records how the disk's profile has changed its limits since the last look, each change
 * with its time. After PROFILE_TURN of them it goes on with the limits of now.
 */
static void follow_profile(struct live *live, unsigned int i)
{
	const uint64_t start = blk_profile_began(live->disk[i].blk), now = monotonic_ns();
	struct profile_limits l;

	if (!start || now < start || !profile_has_limits(live->disk[i].profile))
		return;
	for (unsigned int n = 0; live->disk[i].profile_next <= now - start; n++) {
		if (n == PROFILE_TURN)
			live->disk[i].profile_next = now - start;
		profile_limits_at(live->disk[i].profile, live->disk[i].profile_next, &l);
		record_limits(live, i, l.set ? SS_LIMITS_PROFILE : SS_LIMITS_BACK,
			      l.set ? &l.limits : &live->disk[i].limits,
			      start + live->disk[i].profile_next);
		live->disk[i].profile_next = l.until;
	}
}

void live_profiles(struct live *live, bool begin)
{
	begin = begin && !live->profiles_begun;
	live->profiles_begun |= begin;
	for (unsigned int i = 0; i < live->disks; i++) {
		if (begin)
			blk_profile_start(live->disk[i].blk);
		follow_profile(live, i);
	}
}
