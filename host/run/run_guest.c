// SPDX-License-Identifier: GPL-2.0-only
/* Sets a guest up, lets it run, takes it down, and says how it went. */
#include "run/run_guest.h"
#include "lib/cpulist.h"
#include "lib/opts.h"
#include "lib/time.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void guest_console_text(void *ctx, const char *text, size_t len)
{
	struct guest *g = ctx;
	ssize_t n = write(g->console_log, text, len);

	/* The log is for people: a full disk is reported when events.bin is written. */
	(void)n;
	if (g->run->o.console) {
		n = write(STDERR_FILENO, text, len);
		(void)n;
	}
}

static void progress(void *ctx, const char *line)
{
	run_progress(ctx, "%s", line);
}

static int agent_frame(void *ctx, unsigned int type, const void *payload, size_t len)
{
	struct guest *g = ctx;
	int ret = agent_session_frame(&g->session, type, payload, len);

	/* When one can't be stored, the next frames are still taken: they tell how the run ended. */
	if (ret && !g->run->records_error)
		g->run->records_error = ret;
	return 0;
}

static int agent_write(void *ctx, const void *buf, size_t len)
{
	struct guest *g = ctx;

	return g->ops->agent_write(g, buf, len);
}

static const struct agent_link_ops link_ops = {
	.frame = agent_frame,
	.write = agent_write,
};

static int setup_counters(struct guest *g)
{
	const struct run_opts *o = &g->run->o;

	if (!counters_alloc(g->trace, o->nr_disks, o->nr_nets, &g->counters))
		return SS_EXIT_OK;
	ss_err("out of memory");
	return SS_EXIT_FAIL;
}

/* A run goes on without tracing; what is missing is reported. */
static int setup_trace(struct guest *g)
{
	struct trace_config cfg = { .disks = g->run->o.nr_disks, .nets = g->run->o.nr_nets };
	struct run_result *r = &g->run->r;
	char err[256];
	int ret;

	for (unsigned int i = 0; i < cfg.disks; i++)
		if (g->run->o.disks[i].queues > cfg.queues)
			cfg.queues = (unsigned int)g->run->o.disks[i].queues;
	if (g->run->o.no_trace) {
		report_add_missing(r, false, "host tracing: switched off by --no-trace");
		report_add_missing(r, true, "guest tracing: switched off by --no-trace");
		return setup_counters(g);
	}
	ret = pins_open(g->run->o.name, &g->pins, err, sizeof(err));
	if (ret == -EEXIST) {
		ss_err("--name: %s", err);
		return SS_EXIT_USAGE;
	}
	if (ret)
		report_add_missing(r, false, "%s", err);
	ret = trace_open(&cfg, &g->trace, err, sizeof(err));
	if (ret)
		report_add_missing(r, false, "%s", err);
	for (unsigned int i = 0; g->trace && trace_missing(g->trace, i); i++)
		report_add_missing(r, false, "%s", trace_missing(g->trace, i));
	r->host_traced = g->trace != NULL;
	if (g->trace && g->pins && (ret = trace_pin(g->trace, g->pins)))
		report_add_missing(r, false, "pins in %s: %s", pins_dir(g->pins), strerror(-ret));
	return setup_counters(g);
}

/* Finds the throttle of the disk's group; the first disk that names it makes it. */
static int setup_group(struct guest *g, unsigned int i, struct blk_config *cfg)
{
	const struct disk_opts *d = g->run->o.disks;
	struct throttle *t;

	for (unsigned int j = 0; j < i; j++)
		if (d[j].group && g->group[j] && !strcmp(d[i].group, d[j].group)) {
			cfg->throttle = g->group[j];
			return 0;
		}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	if (throttle_init(t, &cfg->limits, monotonic_ns())) {
		free(t);
		return -EINVAL;
	}
	cfg->throttle = g->group[i] = t;
	return 0;
}

/* The disk's profile, and the throttle of its group. */
static int setup_pressure(struct guest *g, unsigned int i, struct blk_config *cfg)
{
	const struct disk_opts *d = &g->run->o.disks[i];
	char err[SS_OPTS_ERR_LEN + PATH_MAX];

	g->live.disk[i].limits = cfg->limits;
	if (d->profile && profile_load(d->profile, &g->live.disk[i].profile, err, sizeof(err))) {
		ss_err("--disk: profile=%s", err);
		return SS_EXIT_DISK;
	}
	cfg->profile = g->live.disk[i].profile;
	if (d->group && setup_group(g, i, cfg)) {
		ss_err("out of memory");
		return SS_EXIT_FAIL;
	}
	return SS_EXIT_OK;
}

static int setup_disk(struct guest *g, unsigned int i)
{
	const struct disk_opts *d = &g->run->o.disks[i];
	char serial[24], err[SS_OPTS_ERR_LEN];
	cpu_set_t cpus[BLK_MAX_QUEUES];
	struct blk_config cfg = {
		.index = i,
		.read_only = d->read_only,
		.serial = serial,
		.queues = (unsigned int)d->queues,
		.limits = disk_opts_limits(d),
		.counters = &g->counters.disk[i],
	};
	int ret;

	ret = disk_opts_open(d, g->run->out, &g->backing[i], err, sizeof(err));
	if (ret) {
		ss_err("--disk: %s", err);
		return SS_EXIT_DISK;
	}
	if (d->worker_cpus && cpulist_spread(d->worker_cpus, cpus, cfg.queues, err, sizeof(err))) {
		ss_err("--disk: worker_cpus: %s", err);
		return SS_EXIT_USAGE;
	}
	cfg.affinity = d->worker_cpus ? cpus : NULL;
	ret = backing_set_kind(g->backing[i], d->backing);
	if (ret)
		ss_warn("disk %u: no io_uring here (%s): its requests go one after the other", i,
			strerror(-ret));
	g->run->r.disk[i].size = g->backing[i]->size;
	snprintf(serial, sizeof(serial), "stallscope%u", i);
	cfg.backing = g->backing[i];
	ret = setup_pressure(g, i, &cfg);
	if (ret)
		return ret;
	ret = blk_create(&cfg, &g->live.disk[i].blk);
	if (ret) {
		ss_err("can't make disk %u: %s", i, strerror(-ret));
		return SS_EXIT_FAIL;
	}
	g->run->r.disk[i].queues = blk_queue_count(g->live.disk[i].blk);
	return SS_EXIT_OK;
}

static int setup_files(struct guest *g)
{
	const char *name = "console.log";
	char path[PATH_MAX + 16];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", g->run->out, name);
	g->console_log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	ret = g->console_log < 0 ? -errno : 0;
	if (!ret) {
		name = "workload.log";
		snprintf(path, sizeof(path), "%s/%s", g->run->out, name);
		g->workload_log = fopen(path, "we");
		ret = g->workload_log ? 0 : -errno;
	}
	if (ret) {
		ss_err("--out: %s/%s: %s", g->run->out_name, name, strerror(-ret));
		return SS_EXIT_OUTPUT;
	}
	return SS_EXIT_OK;
}

static int setup_events(struct guest *g)
{
	struct machine_tsc_info info;
	char path[PATH_MAX + 16];
	int ret;

	snprintf(path, sizeof(path), "%s/" EVENTS_FILE, g->run->out);
	if (g->ops->tsc_info(g, &info))
		memset(&info, 0, sizeof(info));
	ret = events_create(path, info.host_khz * 1000ULL, info.guest_khz * 1000ULL, &g->events);
	if (ret) {
		ss_err("--out: %s/" EVENTS_FILE ": %s", g->run->out_name, strerror(-ret));
		return SS_EXIT_OUTPUT;
	}
	g->session.events = g->events;
	g->session.output = g->workload_log;
	return SS_EXIT_OK;
}

void guest_cmdline(struct guest *g, bool slow)
{
	/* Under emulation the guest's watchdogs would fire because the emulator is slow. */
	static const char words[] = " mitigations=off tsc=reliable no_timer_check audit=0 "
				    "rcupdate.rcu_cpu_stall_suppress=1 nowatchdog";
	const char *append = g->run->o.append;
	char *line = g->run->r.cmdline;

	/* ttyS0 shows the earliest messages and a panic's; hvc0 costs less. */
	snprintf(line, sizeof(g->run->r.cmdline), "console=ttyS0 console=hvc0 quiet panic=-1%s%s%s",
		 slow ? words : "", append ? " " : "", append ? append : "");
}

static int setup(struct guest *g)
{
	int ret = setup_files(g);

	if (!ret)
		ret = setup_trace(g);
	if (!ret)
		ret = guest_live_setup(g);
	for (unsigned int i = 0; !ret && i < g->run->o.nr_disks; i++)
		ret = setup_disk(g, i);
	if (!ret)
		ret = guest_nets_setup(g);
	if (!ret)
		ret = g->ops->setup(g);
	if (!ret)
		ret = setup_events(g);
	return ret;
}

/* Stops the devices, then takes the last records and figures: nothing changes any more. */
static void finish(struct guest *g)
{
	struct run_result *r = &g->run->r;

	guest_note_end(g);
	if (r->end != RUN_END_POWEROFF && guest_live_dump(g))
		ss_warn("%s/dump.json could not be written", g->run->out_name);
	guest_tsc_records(g);
	if (g->ops->drop_devices)
		g->ops->drop_devices(g);
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		blk_latency(g->live.disk[i].blk, &r->disk[i].latency);
		if (!blk_destroy(g->live.disk[i].blk))
			g->live.disk[i].blk = NULL;
	}
	guest_nets_destroy(g);
	guest_finish_trace(g);
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++)
		r->disk[i].counters = g->counters.disk[i];
	guest_nets_figures(g);
	guest_live_figures(g);
	if (g->workload_log && fclose(g->workload_log) && !g->run->records_error)
		g->run->records_error = -errno;
	g->workload_log = NULL;
}

static void free_pressure(struct guest *g)
{
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		profile_free(g->live.disk[i].profile);
		if (g->group[i])
			throttle_destroy(g->group[i]);
		free(g->group[i]);
	}
}

/* Frees @g too, unless a worker hangs that still uses it and the run. */
static void teardown(struct guest *g)
{
	bool hung;

	live_close(&g->live);
	/* Until they are gone, the devices' workers use the machine's memory. */
	hung = g->ops->drop_devices && !g->ops->drop_devices(g);
	hung |= !guest_nets_destroy(g);
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		/* A worker that hangs in its backing still uses all this: leave it. */
		if (blk_destroy(g->live.disk[i].blk))
			hung = true;
		else
			backing_close(g->backing[i]);
	}
	if (!g->ops->destroy(g, hung))
		hung = true;
	agent_link_destroy(&g->link);
	events_close(g->events, &g->run->r.events);
	if (g->workload_log)
		fclose(g->workload_log);
	if (hung) {
		ss_warn("a device's worker hangs, perhaps in its backing file or console output; it ends with this process");
		pins_close(g->pins);
		g->run->in_use = true;
		return;
	}
	if (g->console_log >= 0)
		close(g->console_log);
	free_pressure(g);
	counters_free(&g->counters);
	trace_close(g->trace);
	pins_close(g->pins);
	free(g);
}

int run_guest(struct run *run)
{
	struct guest *g = calloc(1, sizeof(*g));
	int ret;

	if (!g) {
		ss_err("out of memory");
		return SS_EXIT_FAIL;
	}
	g->run = run;
	g->ops = run->o.machine == RUN_MACHINE_QEMU ? &guest_qemu_ops : &guest_kvm_ops;
	g->console_log = -1;
	agent_session_init(&g->session, &run->r);
	g->session.progress = progress;
	g->session.progress_ctx = run;
	agent_link_init(&g->link, &link_ops, g);
	ret = setup(g);
	if (!ret) {
		run_progress(run, "booting %s with %u vCPU%s and %" PRIu64 " MiB", run->o.kernel,
			     run->o.cpus, run->o.cpus == 1 ? "" : "s", run->o.memory >> 20);
		guest_clock_sample(g);
		g->begun_ns = monotonic_ns();
		ret = g->ops->start(g);
	}
	if (!ret) {
		guest_loop(g);
		finish(g);
		run_progress(run, "guest has ended: %s", run_end_name(run->r.end));
		ret = guest_judge(g);
	}
	teardown(g);
	return ret;
}
