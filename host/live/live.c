// SPDX-License-Identifier: GPL-2.0-only
#include "live/live.h"
#include "lib/time.h"
#include "live/ctl.h"
#include "live/live_json.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Changes of limits recorded at a time */
#define PROFILE_TURN   16

#define PAUSE_LIMIT_NS 100000000ULL /* a worker: it ends the request it's at */

/* --- throttle --- */

/* Is there a limit of that name? A number from 0 on, then. */
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

/* A new rate without its burst has one second's worth. */
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
static void record_limits(struct guest *g, unsigned int dev, enum ss_limits_by by,
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
	int ret = g->events ? events_append(g->events, &rec, sizeof(rec)) : 0;

	if (ret && !g->run->records_error)
		g->run->records_error = ret;
}

static bool same_group(const struct guest *g, unsigned int a, unsigned int b)
{
	const char *name = g->run->o.disks[a].group, *other = g->run->o.disks[b].group;

	return a == b || (name && other && !strcmp(name, other));
}

/* All disks that share the throttle have the new limits at once. */
static json_t *apply_limits(struct guest *g, unsigned int disk, const struct throttle_limits *l)
{
	json_t *disks = json_array();

	blk_set_limits(g->blk[disk], l);
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		if (!same_group(g, disk, i))
			continue;
		blk_recheck(g->blk[i]);
		g->limits[i] = *l;
		record_limits(g, i, SS_LIMITS_OWN, l, monotonic_ns());
		g->run->r.disk[i].limit_changes++;
		json_array_append_new(disks, json_string(g->run->r.disk[i].name));
	}
	return disks;
}

static int find_disk(const struct guest *g, const char *name)
{
	for (unsigned int i = 0; name && i < g->run->o.nr_disks; i++)
		if (!strcmp(name, g->run->r.disk[i].name))
			return (int)i;
	return -1;
}

static int find_net(const struct guest *g, const char *name)
{
	for (unsigned int i = 0; i < g->run->o.nr_nets; i++)
		if (!strcmp(name, g->run->r.net[i].name))
			return (int)i;
	return -1;
}

/* The limits as the request changes them, or an answer that says why not. */
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

static json_t *throttle_net(struct guest *g, const json_t *request, const char *name)
{
	static const char *const keys[] = { "pps", "pps_burst", "bps", "bps_burst" };
	const int n = find_net(g, name);
	struct throttle_limits old, new;
	json_t *refused;

	if (n < 0 && !g->run->o.nr_nets)
		return ctl_error("no_net", "the run %s has no network device", g->run->o.name);
	if (n < 0)
		return ctl_error("no_net",
				 "the run %s has no network device '%.40s': it has net0 to net%u",
				 g->run->o.name, name, g->run->o.nr_nets - 1);
	old = new = g->net_limits[n];
	refused = new_limits(request, keys, &new);
	if (refused)
		return refused;
	net_set_limits(g->net[n], &new);
	g->net_limits[n] = new;
	record_limits(g, SS_DEV_NET_BASE + (unsigned int)n, SS_LIMITS_OWN, &new, monotonic_ns());
	g->run->r.net[n].limit_changes++;
	return json_pack("{s:b,s:[s],s:o,s:o}", "ok", 1, "nets", name, "old",
			 live_net_limits_json(&old), "new", live_net_limits_json(&new));
}

static json_t *throttle_disk(struct guest *g, const json_t *request)
{
	static const char *const keys[] = { "iops", "iops_burst", "bps", "bps_burst" };
	const char *name = json_string_value(json_object_get(request, "disk"));
	const int disk = find_disk(g, name);
	struct throttle_limits old, new;
	json_t *disks, *refused;

	if (disk < 0)
		return ctl_error("no_disk",
				 "the run %s has no disk '%.40s': it has disk0 to disk%u",
				 g->run->o.name, name ? name : "", g->run->o.nr_disks - 1);
	old = new = g->limits[disk];
	refused = new_limits(request, keys, &new);
	if (refused)
		return refused;
	disks = apply_limits(g, (unsigned int)disk, &new);
	return json_pack("{s:b,s:o,s:o,s:o}", "ok", 1, "disks", disks, "old",
			 live_limits_json(&old), "new", live_limits_json(&new));
}

static json_t *do_throttle(struct guest *g, const json_t *request)
{
	const char *net = json_string_value(json_object_get(request, "net"));

	return net ? throttle_net(g, request, net) : throttle_disk(g, request);
}

/* --- stat and dump --- */

/* Which devices' workers are parked. */
struct paused {
	bool disk[SS_MAX_DISKS], net[SS_MAX_NETS];
};

/* Parks all workers, or as many as can be within the limit. */
static void pause_all(struct guest *g, struct paused *paused)
{
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++)
		paused->disk[i] = g->blk[i] && !blk_pause(g->blk[i], PAUSE_LIMIT_NS);
	for (unsigned int i = 0; i < g->run->o.nr_nets; i++)
		paused->net[i] = g->net[i] && !net_pause(g->net[i], PAUSE_LIMIT_NS);
}

static void resume_all(struct guest *g)
{
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++)
		if (g->blk[i])
			blk_resume(g->blk[i]);
	for (unsigned int i = 0; i < g->run->o.nr_nets; i++)
		if (g->net[i])
			net_resume(g->net[i]);
}

static json_t *disks_json(struct guest *g, const struct paused *paused, bool whole)
{
	json_t *disks = json_array();

	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		const struct disk_opts *o = &g->run->o.disks[i];
		struct blk_dump d;
		json_t *disk;

		if (!g->blk[i])
			continue;
		blk_dump(g->blk[i], paused->disk[i], &d);
		disk = live_disk_json(g->run->r.disk[i].name, o->group, o->profile, &d, whole);
		json_array_append_new(disks, disk);
	}
	return disks;
}

static json_t *nets_json(struct guest *g, const struct paused *paused, bool whole)
{
	json_t *nets = json_array();

	for (unsigned int i = 0; i < g->run->o.nr_nets; i++) {
		struct net_dump d;

		if (!g->net[i])
			continue;
		net_dump(g->net[i], paused->net[i], &d);
		json_array_append_new(nets, live_net_json(g->run->r.net[i].name, &d, whole));
	}
	return nets;
}

static json_t *run_json(struct guest *g, const struct paused *paused, bool whole)
{
	const struct session *s = &g->session;

	return json_pack("{s:b,s:s,s:i,s:f,s:b,s:b,s:s,s:o,s:o}", "ok", 1, "run", g->run->o.name,
			 "pid", (int)getpid(), "seconds",
			 (double)(monotonic_ns() - g->begun_ns) / 1e9, "guest_up", g->hello_ns != 0,
			 "workload_running", s->workload_begun && !s->workload_ended, "scheduler",
			 g->run->r.sched.state, "disks", disks_json(g, paused, whole), "nets",
			 nets_json(g, paused, whole));
}

static json_t *do_stat(struct guest *g)
{
	const struct paused none = { { false }, { false } };

	return run_json(g, &none, false);
}

static json_t *do_dump(struct guest *g)
{
	struct paused paused = { { false }, { false } };
	json_t *dump;

	pause_all(g, &paused);
	dump = run_json(g, &paused, true);
	resume_all(g);
	return dump;
}

json_t *live_answer(void *ctx, const json_t *request)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	struct guest *g = ctx;

	if (cmd && !strcmp(cmd, "throttle"))
		return do_throttle(g, request);
	if (cmd && !strcmp(cmd, "stat"))
		return do_stat(g);
	if (cmd && !strcmp(cmd, "dump"))
		return do_dump(g);
	return ctl_error("bad_request", "unknown cmd (known: throttle, stat, dump)");
}

int live_dump_file(struct guest *g)
{
	char path[PATH_MAX + 16];
	json_t *dump = do_dump(g);
	int ret;

	if (!dump)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/dump.json", g->run->out);
	errno = 0;
	ret = json_dump_file(dump, path, JSON_INDENT(2)) ? -(errno ? errno : EIO) : 0;
	json_decref(dump);
	return ret;
}

/* --- the run's side --- */

int live_open(struct guest *g)
{
	char err[300];
	int ret = ctl_open(NULL, g->run->o.name, live_answer, g, &g->ctl, err, sizeof(err));

	if (ret == -EEXIST) {
		ss_err("--name: %s", err);
		return SS_EXIT_USAGE;
	}
	/* Worth having, not worth failing for. */
	if (ret)
		run_progress(g->run, "%s", err);
	return SS_EXIT_OK;
}

/*
 * Record what the disk's profile has done to its limits since the last look, each
 * change with its time. What changes faster than that isn't told one by one.
 */
static void follow_profile(struct guest *g, unsigned int i)
{
	const uint64_t start = blk_profile_began(g->blk[i]), now = monotonic_ns();
	struct profile_limits l;

	if (!start || now < start || !profile_has_limits(g->profile[i]))
		return;
	for (unsigned int n = 0; g->profile_next[i] <= now - start; n++) {
		if (n == PROFILE_TURN)
			g->profile_next[i] = now - start;
		profile_limits_at(g->profile[i], g->profile_next[i], &l);
		record_limits(g, i, l.set ? SS_LIMITS_PROFILE : SS_LIMITS_BACK,
			      l.set ? &l.limits : &g->limits[i], start + g->profile_next[i]);
		g->profile_next[i] = l.until;
	}
}

void live_profiles(struct guest *g)
{
	bool begin = !g->profiles_begun &&
		     (g->session.workload_begun || (g->hello_ns && !g->run->o.exec));

	g->profiles_begun |= begin;
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		if (begin)
			blk_profile_start(g->blk[i]);
		follow_profile(g, i);
	}
}
