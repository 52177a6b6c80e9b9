// SPDX-License-Identifier: GPL-2.0-only
/* A run's side of the control socket: names its devices, adds what only the run knows. */
#include "lib/log.h"
#include "lib/time.h"
#include "run/run_guest.h"

#include <errno.h>

static void record(void *ctx, const void *rec, size_t len)
{
	guest_store(ctx, rec, len);
}

static void status(void *ctx, struct live_status *out)
{
	const struct guest *g = ctx;
	const struct agent_session *s = &g->session;

	*out = (struct live_status){
		.seconds = (double)(monotonic_ns() - g->begun_ns) / 1e9,
		.guest_up = g->hello_ns != 0,
		.workload_running = s->workload_begun && !s->workload_ended,
		.scheduler = g->run->r.sched.state,
	};
}

static const struct live_ops ops = { .record = record, .status = status };

int guest_live_setup(struct guest *g)
{
	const struct run_opts *o = &g->run->o;
	struct live *live = &g->live;
	char err[300];
	int ret;

	live->run = o->name;
	live->ops = &ops;
	live->ctx = g;
	for (live->disks = 0; live->disks < o->nr_disks; live->disks++) {
		struct live_disk *d = &live->disk[live->disks];

		d->name = g->run->r.disk[live->disks].name;
		d->group = o->disks[live->disks].group;
		d->profile_path = o->disks[live->disks].profile;
	}
	for (live->nets = 0; live->nets < o->nr_nets; live->nets++)
		live->net[live->nets].name = g->run->r.net[live->nets].name;
	ret = live_open(live, err, sizeof(err));
	if (ret == -EEXIST) {
		ss_err("--name: %s", err);
		return SS_EXIT_USAGE;
	}
	/* A run goes on without it. */
	if (ret)
		run_progress(g->run, "%s", err);
	return SS_EXIT_OK;
}

void guest_live_turn(struct guest *g)
{
	live_profiles(&g->live, g->session.workload_begun || (g->hello_ns && !g->run->o.exec));
}

int guest_live_dump(struct guest *g)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/dump.json", g->run->out);
	return live_dump_file(&g->live, path);
}

void guest_live_figures(struct guest *g)
{
	for (unsigned int i = 0; i < g->live.disks; i++)
		g->run->r.disk[i].limit_changes = g->live.disk[i].limit_changes;
	for (unsigned int i = 0; i < g->live.nets; i++)
		g->run->r.net[i].limit_changes = g->live.net[i].limit_changes;
}
