// SPDX-License-Identifier: GPL-2.0-only
/* One run from its options to its report: calls the parts in run_*.c one after the other. */
#include "lib/interrupt.h"
#include "lib/log.h"
#include "lib/run_name.h"
#include "lib/time.h"
#include "run/run.h"
#include "virtio/net.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Appends a word so that the line can be pasted into a shell again; cut off where @buf is full. */
static void add_shell_word(char *buf, size_t size, const char *word)
{
	bool quote = !*word || strpbrk(word, " \t\n'\"$\\`;&|<>()[]{}*?!#~");
	size_t n = strlen(buf);
	FILE *f = n + 1 < size ? fmemopen(buf + n, size - n, "w") : NULL;

	if (!f)
		return;
	if (n)
		fputc(' ', f);
	if (quote)
		fputc('\'', f);
	for (; *word; word++)
		fputs(quote && *word == '\'' ? "'\\''" : (const char[]){ *word, '\0' }, f);
	if (quote)
		fputc('\'', f);
	fclose(f);
	buf[size - 1] = '\0';
}

/* As the user typed them: inside the emulated machine argv comes from the stallscope outside. */
static void note_options(struct run *run, int argc, char **argv)
{
	const char *typed = run_in_nested() ? getenv("STALLSCOPE_OPTIONS") : NULL;
	struct run_result *r = &run->r;

	if (typed) {
		snprintf(r->options, sizeof(r->options), "%s", typed);
		return;
	}
	for (int i = 1; i < argc; i++)
		add_shell_word(r->options, sizeof(r->options), argv[i]);
}

/* Inside the emulated machine the file is a drive; the user knows it by its own name. */
static const char *disk_path(const struct run *run, unsigned int i)
{
	char name[sizeof(RUN_DISK_PATH_ENV) + 12];
	const char *path;

	snprintf(name, sizeof(name), RUN_DISK_PATH_ENV "%u", i);
	path = run_in_nested() ? getenv(name) : NULL;
	return path ? path : run->o.disks[i].file;
}

static void fill_disks(struct run *run)
{
	struct run_result *r = &run->r;

	r->disks = run->o.nr_disks;
	for (unsigned int i = 0; i < run->o.nr_disks; i++) {
		const struct disk_opts *d = &run->o.disks[i];

		snprintf(r->disk[i].name, sizeof(r->disk[i].name), "disk%u", i);
		if (d->file)
			snprintf(r->disk[i].path, sizeof(r->disk[i].path), "%s", disk_path(run, i));
		r->disk[i].readonly = d->read_only;
		r->disk[i].size = d->size;
		r->disk[i].iops = d->iops;
		r->disk[i].bps = d->bps;
		r->disk[i].iops_burst = d->iops_burst;
		r->disk[i].bps_burst = d->bps_burst;
		if (d->profile)
			snprintf(r->disk[i].profile, sizeof(r->disk[i].profile), "%s", d->profile);
		if (d->group)
			snprintf(r->disk[i].group, sizeof(r->disk[i].group), "%s", d->group);
	}
}

static void fill_nets(struct run *run)
{
	struct run_result *r = &run->r;

	r->nets = run->o.nr_nets;
	for (unsigned int i = 0; i < run->o.nr_nets; i++) {
		const struct net_opts *n = &run->o.nets[i];
		struct run_net *out = &r->net[i];

		snprintf(out->name, sizeof(out->name), "net%u", i);
		snprintf(out->backend, sizeof(out->backend), "%s", n->backend);
		net_mac_text(n->mac, out->mac);
		out->mtu = (uint32_t)n->mtu;
		out->pps = n->pps;
		out->bps = n->bps;
		out->pps_burst = n->pps_burst;
		out->bps_burst = n->bps_burst;
	}
}

_Static_assert(sizeof(((struct run_result *)0)->name) > RUN_NAME_MAX, "a name would be cut");

static void fill_result(struct run *run, int argc, char **argv)
{
	struct run_result *r = &run->r;
	const char *out_name = run_in_nested() ? getenv("STALLSCOPE_OUT_NAME") : NULL;

	run->out_name = out_name ? out_name : run->o.out;
	report_init(r);
	note_options(run, argc, argv);
	snprintf(r->name, sizeof(r->name), "%s", run->o.name);
	snprintf(r->mode, sizeof(r->mode), "%s", run_in_nested() ? "nested" : "kvm");
	snprintf(r->kernel_path, sizeof(r->kernel_path), "%s", run->o.kernel);
	r->end = RUN_END_NOT_BOOTED;
	r->cpus = run->o.cpus;
	r->memory = run->o.memory;
	r->sched.wanted = run->o.sched != NULL;
	if (run->o.exec)
		snprintf(r->workload.command, sizeof(r->workload.command), "%s", run->o.exec);
	fill_disks(run);
	fill_nets(run);
}

static int run_here(struct run *run)
{
	int status;

	if (run->o.machine == RUN_MACHINE_QEMU)
		snprintf(run->r.mode, sizeof(run->r.mode), "%s",
			 run->qemu_kvm ? "qemu-kvm" : "qemu");
	status = run_guest(run);

	/* Nothing was measured: the line on stderr is all there is to report. */
	if (status && run->r.end == RUN_END_NOT_BOOTED) {
		if (!run->in_use)
			run_drop_files(run);
		return status;
	}
	return run_report(run, status);
}

static int prepare_and_run(struct run *run)
{
	int ret = run_check_files(run);

	if (!ret)
		ret = run_choose_where(run);
	if (!ret)
		ret = run_open_out(run);
	if (!ret)
		ret = run_make_initrd(run);
	/* The initramfs maker gets the terminal's ctrl-C too, and ends without a message. */
	if (interrupts_seen() && (!ret || ret >= 128)) {
		ss_err("interrupted before the guest was started");
		ret = SS_EXIT_INTERRUPTED;
	}
	if (!ret)
		ret = run->o.machine == RUN_MACHINE_NESTED ? run_nested(run) : run_here(run);
	run_drop_initrd(run);
	if (ret)
		run_drop_out(run);
	return ret;
}

int run_main(struct run *run, int argc, char **argv)
{
	int ret;

	interrupts_catch();
	ss_log_quiet(run->o.json);
	run->out_fd = -1;
	run->started_ns = monotonic_ns();
	fill_result(run, argc, argv);
	ret = prepare_and_run(run);
	if (run->out_fd >= 0)
		close(run->out_fd);
	return ret;
}
