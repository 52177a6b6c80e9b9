// SPDX-License-Identifier: GPL-2.0-only
/* `stallscope run`'s options: parsed, checked against each other, completed by defaults. */
#include "cli/opts.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/number.h"
#include "lib/run_name.h"
#include "virtio/net.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_KERNEL = 256,
	OPT_INITRD,
	OPT_MODULES,
	OPT_APPEND,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_DISK,
	OPT_NET,
	OPT_SCHED,
	OPT_SCHED_ARG,
	OPT_EXEC,
	OPT_FILE,
	OPT_DURATION,
	OPT_TIME_LIMIT,
	OPT_NAME,
	OPT_OUT,
	OPT_MACHINE,
	OPT_QEMU,
	OPT_NESTED,
	OPT_NO_TRACE,
	OPT_NO_HUGE_PAGES,
	OPT_TRACE_TASKS,
	OPT_JSON,
	OPT_CONSOLE,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The guest:", 1 },
	{ "kernel", OPT_KERNEL, "FILE", 0,
	  "Guest kernel: bzImage or uncompressed vmlinux (required)", 0 },
	{ "modules", OPT_MODULES, "DIR", 0,
	  "Its modules, .../lib/modules/RELEASE; an initramfs is made "
	  "of them, the agent, the scheduler and the workload's programs",
	  0 },
	{ "initrd", OPT_INITRD, "FILE", 0, "A ready initramfs instead (with the agent as /init)",
	  0 },
	{ "append", OPT_APPEND, "WORDS", 0, "Add to the kernel's command line", 0 },
	{ "cpus", OPT_CPUS, "N", 0, "vCPUs (default 2)", 0 },
	{ "memory", OPT_MEMORY, "SIZE", 0, "Memory (default 512M)", 0 },
	{ "no-huge-pages", OPT_NO_HUGE_PAGES, NULL, 0,
	  "Back its memory with small pages only (default: transparent huge pages)", 0 },
	{ "disk", OPT_DISK, "K=V,...", 0,
	  "A disk: size=256M (a temporary file) or file=PATH[,ro]; "
	  "iops= bps= limit it, iops_burst= bps_burst= set the buckets (0: unlimited); "
	  "profile=FILE says what it does over time, group=NAME shares limits among disks; "
	  "queues=N request queues, worker_cpus=LIST where their workers run; "
	  "backing=auto, sync or io_uring; "
	  "format=raw takes a file as it is, share=on also if it is in use. "
	  "Give it again for a further disk. Default: size=256M, unlimited",
	  0 },
	{ "net", OPT_NET, "loopback,K=V,...", 0,
	  "A network device that sends everything back: mac= its address, mtu= its largest "
	  "frame; pps= bps= limit what is sent, pps_burst= bps_burst= set the buckets "
	  "(0: unlimited). Give it again for a further one. Default: none",
	  0 },
	{ NULL, 0, NULL, 0, "What happens in it:", 2 },
	{ "sched", OPT_SCHED, "PATH", 0, "Load this sched_ext scheduler binary (default: none)",
	  0 },
	{ "sched-arg", OPT_SCHED_ARG, "ARG", 0, "An argument for it; repeatable", 0 },
	{ "exec", OPT_EXEC, "CMD", 0,
	  "Workload: a shell command line; $STALLSCOPE_DISK0 is the first disk, "
	  "$STALLSCOPE_NET0 the first network interface. "
	  "Without one the guest idles until --duration is over, or ctrl-C",
	  0 },
	{ "file", OPT_FILE, "SRC[:DST]", 0, "Put a file or directory into the guest; repeatable",
	  0 },
	{ "duration", OPT_DURATION, "S", 0,
	  "Stop the workload after S seconds (default: it ends by itself)", 0 },
	{ "time-limit", OPT_TIME_LIMIT, "S", 0,
	  "Stop a guest that still runs after S seconds "
	  "(default: 180 more than --duration, or 780; none without workload and duration)",
	  0 },
	{ NULL, 0, NULL, 0, "The run:", 3 },
	{ "name", OPT_NAME, "NAME", 0,
	  "Its name: pins lie in /sys/fs/bpf/stallscope/NAME/ (default run-PID)", 0 },
	{ "out", OPT_OUT, "DIR", 0, "Run directory, made if missing (default stallscope-NAME)", 0 },
	{ "machine", OPT_MACHINE, "WHICH", 0,
	  "What runs the guest: kvm (our own machine on /dev/kvm), qemu (QEMU, with our disks), "
	  "nested (our own machine inside an emulated one that has KVM), or auto (the default: "
	  "kvm where /dev/kvm can run Linux, else qemu, or nested for --net)",
	  0 },
	{ "qemu", OPT_QEMU, "PATH", 0, "The QEMU of --machine=qemu (default: one is found)", 0 },
	{ "nested", OPT_NESTED, "WHEN", OPTION_HIDDEN, NULL, 0 },
	{ "no-trace", OPT_NO_TRACE, NULL, 0, "No BPF on host and guest: counters only", 0 },
	{ "trace-tasks", OPT_TRACE_TASKS, NULL, 0,
	  "Record every switch and wake-up of the guest, too: the verdict then goes by what "
	  "held its tasks up",
	  0 },
	{ "json", OPT_JSON, NULL, 0, "Print run.json instead of the report; no progress", 0 },
	{ "console", OPT_CONSOLE, NULL, 0, "Show the guest's console on standard error", 0 },
	{ 0 },
};

static error_t bad(const char *fmt, const char *a, const char *b)
{
	char line[512];

	snprintf(line, sizeof(line), fmt, a, b);
	ss_err("%s", line);
	return EINVAL;
}

static error_t opt_seconds(const char *opt, const char *arg, unsigned int *out)
{
	uint64_t v;

	if (number_parse(arg, 7 * 24 * 3600, &v) || !v)
		return bad("%s: '%s' is not a number of seconds (1 to 604800)", opt, arg);
	*out = (unsigned int)v;
	return 0;
}

static error_t opt_cpus(const char *arg, struct run_opts *o)
{
	uint64_t v;
	int err = number_parse(arg, RUN_MAX_CPUS, &v);

	if (err == -ERANGE)
		return bad("--cpus: %s is too many (at most %s)", arg, "64");
	if (err || !v)
		return bad("--cpus: '%s' is not a number of vCPUs (1 to 64)%s", arg, "");
	o->cpus = (unsigned int)v;
	return 0;
}

static error_t opt_memory(const char *arg, struct run_opts *o)
{
	int err = number_size(arg, &o->memory);

	if (err == -ERANGE)
		return bad("--memory: %s is too large%s", arg, "");
	if (err)
		return bad("--memory: '%s' is not a size (such as 512M or 2G)%s", arg, "");
	if (o->memory < 64ULL << 20 || o->memory % 4096)
		return bad("--memory: %s wants at least 64M, in whole pages of 4K%s", arg, "");
	return 0;
}

static error_t opt_disk(const char *arg, struct run_opts *o)
{
	char err[SS_OPTS_ERR_LEN];
	int ret;

	if (o->nr_disks == SS_MAX_DISKS)
		return bad("--disk: more than %s disks%s", "8", "");
	ret = opts_disk(arg, &o->disks[o->nr_disks], err);
	o->nr_disks++;
	if (ret)
		ss_err("%s", err);
	return -ret;
}

static error_t opt_net(const char *arg, struct run_opts *o)
{
	char err[SS_OPTS_ERR_LEN];
	int ret;

	if (o->nr_nets == SS_MAX_NETS)
		return bad("--net: more than %s network devices%s", "4", "");
	ret = opts_net(arg, &o->nets[o->nr_nets], err);
	o->nr_nets++;
	if (ret)
		ss_err("%s", err);
	return -ret;
}

static error_t opt_name(const char *arg, struct run_opts *o)
{
	if (!run_name_valid(arg))
		return bad("--name: '%s' wants 1 to 64 letters, digits, '.', '_' or '-'%s", arg,
			   "");
	o->name = arg;
	return 0;
}

/* x86 kernels take 2047 bytes, our own words included, and silently cut the rest. */
static error_t opt_append(const char *arg, struct run_opts *o)
{
	if (strlen(arg) > RUN_MAX_APPEND)
		return bad("--append: is longer than %s bytes%s", "800", "");
	o->append = arg;
	return 0;
}

static error_t opt_machine(const char *arg, struct run_opts *o)
{
	static const char *const words[RUN_MACHINES] = { "auto", "kvm", "qemu", "nested" };

	for (unsigned int i = 0; i < RUN_MACHINES; i++) {
		if (strcmp(arg, words[i]))
			continue;
		o->machine = (enum run_machine)i;
		return 0;
	}
	return bad("--machine: '%s' is not auto, kvm, qemu or nested%s", arg, "");
}

/* What --machine was before there was QEMU. */
static error_t opt_nested(const char *arg, struct run_opts *o)
{
	static const char *const words[] = { "auto", "always", "never" };
	static const enum run_machine machine[] = { RUN_MACHINE_AUTO, RUN_MACHINE_NESTED,
						    RUN_MACHINE_KVM };

	for (unsigned int i = 0; i < 3; i++) {
		if (strcmp(arg, words[i]))
			continue;
		o->machine = machine[i];
		return 0;
	}
	return bad("--nested: '%s' is not auto, always or never%s", arg, "");
}

static error_t opt_push(const char *opt, const char *arg, const char **list, unsigned int *nr)
{
	if (*nr == RUN_MAX_FILES)
		return bad("%s: given more than %s times", opt, "64");
	if (!*arg)
		return bad("%s: is empty%s", opt, "");
	list[(*nr)++] = arg;
	return 0;
}

static error_t opt_path(const char *opt, const char *arg, const char **out)
{
	if (!*arg)
		return bad("%s: wants a path%s", opt, "");
	*out = arg;
	return 0;
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct run_opts *o = state->input;

	switch (key) {
	case OPT_KERNEL:
		return opt_path("--kernel", arg, &o->kernel);
	case OPT_INITRD:
		return opt_path("--initrd", arg, &o->initrd);
	case OPT_MODULES:
		return opt_path("--modules", arg, &o->modules);
	case OPT_APPEND:
		return opt_append(arg, o);
	case OPT_CPUS:
		return opt_cpus(arg, o);
	case OPT_MEMORY:
		return opt_memory(arg, o);
	case OPT_DISK:
		return opt_disk(arg, o);
	case OPT_NET:
		return opt_net(arg, o);
	case OPT_SCHED:
		return opt_path("--sched", arg, &o->sched);
	case OPT_SCHED_ARG:
		return opt_push("--sched-arg", arg, o->sched_args, &o->nr_sched_args);
	case OPT_EXEC:
		if (!*arg)
			return bad("--exec: wants a command%s%s", "", "");
		o->exec = arg;
		return 0;
	case OPT_FILE:
		return opt_push("--file", arg, o->files, &o->nr_files);
	case OPT_DURATION:
		return opt_seconds("--duration", arg, &o->duration_s);
	case OPT_TIME_LIMIT:
		return opt_seconds("--time-limit", arg, &o->time_limit_s);
	case OPT_NAME:
		return opt_name(arg, o);
	case OPT_OUT:
		return opt_path("--out", arg, &o->out);
	case OPT_MACHINE:
		return opt_machine(arg, o);
	case OPT_QEMU:
		return opt_path("--qemu", arg, &o->qemu);
	case OPT_NESTED:
		return opt_nested(arg, o);
	case OPT_TRACE_TASKS:
		o->trace_tasks = true;
		return 0;
	case OPT_NO_HUGE_PAGES:
		o->no_huge_pages = true;
		return 0;
	case OPT_NO_TRACE:
		o->no_trace = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_CONSOLE:
		o->console = true;
		return 0;
	case ARGP_KEY_ARG:
		return bad("run: '%s' is not an option (see stallscope run --help)%s", arg, "");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_opt,
	.doc = "Boot a Linux guest under IO pressure, trace host and guest, and say whose fault its "
	       "stalls were.\v"
	       "Example: stallscope run --kernel vmlinuz --modules /lib/modules/7.3.4 "
	       "--disk size=256M,iops=100 --sched ./scx_mine "
	       "--exec 'fio --name=x --filename=$STALLSCOPE_DISK0 --rw=randread --direct=1 --runtime=10 --time_based'\n"
	       "The exit status is 0 only if the guest finished, the scheduler did its work and no "
	       "record was lost without being counted; others are listed in stallscope(1).",
};

static int check_together(const struct run_opts *o)
{
	if (!o->kernel)
		ss_err("run: wants --kernel FILE (see stallscope run --help)");
	else if (o->initrd && o->modules)
		ss_err("run: --initrd and --modules exclude each other");
	else if (o->initrd && o->nr_files)
		ss_err("run: --file goes into an initramfs made by --modules, not into --initrd");
	else if (o->nr_sched_args && !o->sched)
		ss_err("run: --sched-arg without --sched");
	else if (o->machine == RUN_MACHINE_QEMU && o->nr_nets)
		ss_err("run: --machine=qemu has no --net yet: choose --machine=nested or kvm");
	else if (o->qemu && o->machine != RUN_MACHINE_QEMU && o->machine != RUN_MACHINE_AUTO)
		ss_err("run: --qemu is for --machine=qemu");
	else if (o->time_limit_s && o->time_limit_s < o->duration_s)
		ss_err("run: --time-limit=%u ends the guest before its --duration=%u is over",
		       o->time_limit_s, o->duration_s);
	else
		return SS_EXIT_OK;
	return SS_EXIT_USAGE;
}

/* No two interfaces of a guest may have the same address. */
static int check_macs(const struct run_opts *o)
{
	for (unsigned int i = 0; i < o->nr_nets; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (memcmp(o->nets[i].mac, o->nets[j].mac, NET_MAC_LEN))
				continue;
			ss_err("--net: net%u and net%u have the same MAC address: choose another mac=",
			       j, i);
			return SS_EXIT_USAGE;
		}
	}
	return SS_EXIT_OK;
}

static bool limits_given(const struct disk_opts *d)
{
	return d->iops || d->bps;
}

static bool same_limits(const struct disk_opts *a, const struct disk_opts *b)
{
	return a->iops == b->iops && a->bps == b->bps && a->iops_burst == b->iops_burst &&
	       a->bps_burst == b->bps_burst;
}

static void copy_limits(struct disk_opts *to, const struct disk_opts *from)
{
	to->iops = from->iops;
	to->bps = from->bps;
	to->iops_burst = from->iops_burst;
	to->bps_burst = from->bps_burst;
}

/* A group's limits are given with one of its disks, or with several that agree. */
static int check_groups(struct run_opts *o)
{
	for (unsigned int i = 0; i < o->nr_disks; i++) {
		struct disk_opts *a = &o->disks[i];

		for (unsigned int j = 0; a->group && j < o->nr_disks; j++) {
			const struct disk_opts *b = &o->disks[j];

			if (!b->group || strcmp(a->group, b->group) || !limits_given(b))
				continue;
			if (limits_given(a) && !same_limits(a, b)) {
				ss_err("--disk: group=%s has different limits on disk%u and disk%u: give them once, or equal",
				       a->group, i < j ? i : j, i < j ? j : i);
				return SS_EXIT_USAGE;
			}
			copy_limits(a, b);
		}
	}
	return SS_EXIT_OK;
}

static void set_macs(struct run_opts *o)
{
	static const uint8_t none[NET_MAC_LEN];

	for (unsigned int i = 0; i < o->nr_nets; i++)
		if (!memcmp(o->nets[i].mac, none, NET_MAC_LEN))
			net_default_mac(i, o->nets[i].mac);
}

static void set_defaults(struct run_opts *o)
{
	if (!o->nr_disks)
		o->disks[o->nr_disks++] = (struct disk_opts){ .size = 256ULL << 20, .queues = 1 };
	/* A guest without workload and duration is meant to idle until the user ends it. */
	if (!o->time_limit_s && (o->exec || o->duration_s))
		o->time_limit_s = (o->duration_s ? o->duration_s : 600) + 180;
	if (!o->name) {
		snprintf(o->name_buf, sizeof(o->name_buf), "run-%d", (int)getpid());
		o->name = o->name_buf;
	}
	if (!o->out) {
		snprintf(o->out_buf, sizeof(o->out_buf), "stallscope-%s", o->name);
		o->out = o->out_buf;
	}
}

int run_opts_parse(int argc, char **argv, struct run_opts *o)
{
	int ret;

	memset(o, 0, sizeof(*o));
	o->cpus = 2;
	o->memory = 512ULL << 20;
	ret = opts_parse(&argp, argc, argv, "stallscope run", o);
	if (ret)
		return ret;
	ret = check_together(o);
	if (!ret)
		ret = check_groups(o);
	set_macs(o);
	if (!ret)
		ret = check_macs(o);
	if (!ret)
		set_defaults(o);
	return ret;
}
