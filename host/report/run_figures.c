// SPDX-License-Identifier: GPL-2.0-only
/*
 * run.json. Keys keep their meaning, new ones may come. A new figure is a line here, or in the
 * table of the struct it is in; `make docs` then renews the schema and the page about it.
 */
#include "report/run_figures.h"

#include "lib/device_figures.h"
#include "lib/figures_short.h"
#include "report/run_result.h"

/* --- machine, scheduler, workload --- */

static const struct figure machine[] = {
	COUNT32(run_result, cpus, "cpus", "vCPUs", REQUIRED),
	BYTES(run_result, memory, "memory", "The guest's", REQUIRED),
	TEXT(run_result, guest_kernel, "guest_kernel",
	     "Release the guest reports, empty if it never did", REQUIRED),
	TEXT(run_result, kernel_path, "kernel_path", "The --kernel"),
	TEXT(run_result, host_kernel, "host_kernel", "Release of the kernel the runner ran on"),
	TEXT(run_result, cmdline, "cmdline", "Guest kernel command line"),
	TEXT(run_result, options, "options", "Options of 'stallscope run', as typed"),
};

static const struct figures machine_figures = FIGURES(machine);

/* A process's end, both null before it. */
#define ENDED(struct_) .known = offsetof(struct struct_, ended)

static const char *const sched_states[] = { "",	      "starting", "enabled", "failed",
					    "exited", "kicked",	  "stopped", NULL };

static const struct figure sched[] = {
	YES(run_sched, wanted, "wanted", "--sched was given"),
	TEXT(run_sched, name, "name", "Its name, empty without one", REQUIRED),
	YES(run_sched, loaded, "loaded", "sched_ext was enabled at some time", REQUIRED),
	FIG(I32, run_sched, exit, "exit", NULL,
	    "Exit status of its process, null if it didn't end or none was wanted",
	    .flags = FIG_REQUIRED | FIG_NULL | FIG_TELLS, ENDED(run_sched)),
	FIG(I32, run_sched, signal, "signal", NULL, "Signal that ended it, 0 none",
	    .flags = FIG_NULL, ENDED(run_sched)),
	TEXT(run_sched, state, "state", "Last state the agent reported", .words = sched_states),
	TEXT(run_sched, message, "message", "The kernel's or verifier's words"),
};

static const struct figures sched_figures = FIGURES(sched);

static const struct figure workload[] = {
	TEXT(run_workload, command, "command", "As given", REQUIRED),
	YES(run_workload, ran, "ran", "It was started", REQUIRED),
	FIG(I32, run_workload, exit, "exit", NULL, "Exit status, null if it didn't end",
	    .flags = FIG_REQUIRED | FIG_NULL | FIG_TELLS, ENDED(run_workload)),
	FIG(I32, run_workload, signal, "signal", NULL, "Signal that ended it, 0 none",
	    .flags = FIG_NULL, ENDED(run_workload)),
	SECONDS(run_workload, seconds, "seconds", "How long it ran"),
	BYTES(run_workload, output_bytes, "output_bytes", "Written to stdout and stderr"),
	TEXT(run_workload, output, "output", "The end of its output"),
};

static const struct figures workload_figures = FIGURES(workload);

/* --- devices --- */

#define LIMIT_CHANGES                                                                              \
	"How often 'stallscope throttle' changed its limits while the guest ran; .limits are those at the start"

static const struct figure disk_limits[] = {
	FIG(U64, run_disk, iops, "iops", "1/s", "Operations", REQUIRED),
	FIG(U64, run_disk, bps, "bps", "bytes/s", "Moved", REQUIRED),
	COUNT(run_disk, iops_burst, "iops_burst", "Operations"),
	BYTES(run_disk, bps_burst, "bps_burst", "Moved"),
};

static const struct figures disk_limits_figures = FIGURES(disk_limits);

static const struct figure disk[] = {
	TEXT(run_disk, name, "name", "disk0, disk1, ...", REQUIRED),
	TEXT(run_disk, path, "path", "Backing file; empty for a temporary one"),
	YES(run_disk, readonly, "readonly", "The guest sees a read-only disk"),
	BYTES(run_disk, size, "size", "Its capacity", REQUIRED),
	COUNT32(run_disk, queues, "queues", "Request queues, 0 unknown"),
	FIG_SELF("limits", &disk_limits_figures,
		 "The throttle; 0 is unlimited, or the default for a burst", REQUIRED),
	PART(run_disk, counters, "counters", &blk_counters_figures, "When the run ended", REQUIRED),
	PART(run_disk, latency, "latency", &blk_lat_figures,
	     "As the device itself measured it, without any tracing"),
	TEXT(run_disk, profile, "profile", "Its pressure profile, empty without"),
	TEXT(run_disk, group, "group",
	     "Its throttle group, empty without; disks of one group share their limits"),
	COUNT32(run_disk, limit_changes, "limit_changes", LIMIT_CHANGES),
};

static const struct figures disk_figures = FIGURES(disk, .doc = "A disk of the guest");

static const struct figure net_limits[] = {
	FIG(U64, run_net, pps, "pps", "1/s", "Frames", REQUIRED),
	FIG(U64, run_net, bps, "bps", "bytes/s", "Moved", REQUIRED),
	COUNT(run_net, pps_burst, "pps_burst", "Frames"),
	BYTES(run_net, bps_burst, "bps_burst", "Moved"),
};

static const struct figures net_limits_figures = FIGURES(net_limits);

static uint64_t lost_frames(const void *net)
{
	return net_lost(&((const struct run_net *)net)->counters);
}

static const struct figure net[] = {
	TEXT(run_net, name, "name", "net0, net1, ...", REQUIRED),
	TEXT(run_net, backend, "backend", "loopback"),
	TEXT(run_net, mac, "mac", "Its address, such as 52:54:00:12:34:56", REQUIRED),
	FIG(U32, run_net, mtu, "mtu", "bytes", "Largest frame without its Ethernet header",
	    REQUIRED),
	FIG_SELF("limits", &net_limits_figures,
		 "The throttle of what is sent; 0 is unlimited, or the default for a burst",
		 REQUIRED),
	PART(run_net, counters, "counters", &net_counters_figures, "When the run ended", REQUIRED),
	PART(run_net, pressure, "pressure", &net_pressure_figures, "Its throttle's figures",
	     REQUIRED),
	FIG_MADE(
		lost_frames, "lost", NULL,
		"Frames that were sent and didn't come back: the sum of the counters that say why"),
	COUNT32(run_net, limit_changes, "limit_changes", LIMIT_CHANGES),
};

static const struct figures net_figures = FIGURES(net, .doc = "A network device of the guest");

/* --- records and tracing --- */

static uint64_t lost_records(const void *r)
{
	return report_lost(r);
}

static uint64_t uncounted_records(const void *r)
{
	return report_uncounted(r);
}

static const struct figure host_events[] = {
	COUNT(run_result, host_drops.recorded, "made", "Records its programs made", REQUIRED),
	COUNT(run_result, host_drops.lost, "lost", "That found no room in the ring buffer",
	      REQUIRED),
	COUNT(run_result, attr.host_records, "read", "Host records in the file"),
	COUNT(run_result, attr.host_traced, "read_traced", "Of these made by programs"),
};

static const struct figures host_events_figures = FIGURES(host_events);

#define TOLD .known = offsetof(struct run_result, guest_drops_known)

static const struct figure guest_events[] = {
	COUNT(run_result, guest_drops.recorded, "made",
	      "Records its programs made, null if the guest never told",
	      .flags = FIG_REQUIRED | FIG_NULL | FIG_TELLS, TOLD),
	COUNT(run_result, guest_drops.lost, "lost", "Lost in the guest, null if it never told",
	      .flags = FIG_REQUIRED | FIG_NULL, TOLD),
	COUNT(run_result, attr.guest_records, "read", "Guest records in the file"),
	COUNT(run_result, attr.guest_traced, "read_traced", "Of these made by programs"),
};

static const struct figures guest_events_figures = FIGURES(guest_events);

static const struct figure read_events[] = {
	COUNT(run_result, attr.file.records, "records", "Whole records"),
	COUNT(run_result, attr.file.unknown, "unknown", "Of unknown type"),
	COUNT(run_result, attr.file.short_records, "too_short", "Shorter than their type"),
	BYTES(run_result, attr.file.truncated, "truncated_bytes",
	      "Of a last record that isn't whole"),
	BYTES(run_result, attr.file.damaged, "damaged_bytes", "Behind an impossible length"),
	COUNT(run_result, attr.skipped, "skipped", "Impossible values, or over the memory limit"),
	COUNT(run_result, attr.bad_guest_io, "bad_guest_io", "IOs whose stamps are out of order"),
	COUNT(run_result, attr.foreign_io, "foreign_io", "IOs to devices that aren't the run's"),
};

static const struct figures read_events_figures = FIGURES(read_events);

static const struct figure events[] = {
	COUNT(run_result, events.records, "recorded", "Records in events.bin", REQUIRED),
	FIG_MADE(lost_records, "lost", NULL, "Records known to be lost, wherever", REQUIRED),
	FIG_MADE(uncounted_records, "uncounted", NULL,
		 "Records neither there nor counted as lost: 0, or the run failed"),
	BYTES(run_result, events.bytes, "bytes", "Of the records"),
	COUNT(run_result, events.rejected, "rejected", "Of the guest's, malformed"),
	COUNT(run_result, events.unwritten, "unwritten", "Not stored: the disk was full"),
	FIG(ERRNO, run_result, events.error, "write_errno", NULL,
	    "errno of the first failed write, 0 none"),
	FIG_SELF("host", &host_events_figures, "Host tracing"),
	FIG_SELF("guest", &guest_events_figures, "Guest tracing"),
	FIG_SELF("read", &read_events_figures, "What the analysis met"),
};

static const struct figures events_figures = FIGURES(events);

#define MISSING "What couldn't be traced, and why"

static const struct figure host_tracing[] = {
	YES(run_result, host_traced, "on", "It was", REQUIRED),
	FIG_MANY(LINES, run_result, host_missing, host_missing_nr, "missing", MISSING, REQUIRED),
};

static const struct figures host_tracing_figures = FIGURES(host_tracing);

static const struct figure guest_tracing[] = {
	YES(run_result, guest_traced, "on", "It was", REQUIRED),
	FIG_MANY(LINES, run_result, guest_missing, guest_missing_nr, "missing", MISSING, REQUIRED),
};

static const struct figures guest_tracing_figures = FIGURES(guest_tracing);

static const struct figure tracing[] = {
	FIG_SELF("host", &host_tracing_figures, "On the host", REQUIRED),
	FIG_SELF("guest", &guest_tracing_figures, "In the guest", REQUIRED),
};

static const struct figures tracing_figures = FIGURES(tracing);

static const struct figure stat[] = {
	TEXT(run_stat, name, NULL, NULL),
	FIG(I64, run_stat, value, NULL, NULL, NULL),
};

static const struct figures stat_figures = FIGURES(stat);

/* --- all of it --- */

static const char *end_name(unsigned int end)
{
	return run_end_name(end);
}

static const char *const modes[] = { "kvm", "qemu", "qemu-kvm", "nested", NULL };

#define NEEDED .flags = FIG_REQUIRED | FIG_NEEDED

static const struct figure run[] = {
	{ .name = "format",
	  .type = FIG_CONST,
	  .nr = REPORT_FORMAT,
	  .doc = "Changes only when a key changes its meaning",
	  NEEDED },
	TEXT(run_result, version, "stallscope", "Version that wrote this", REQUIRED),
	TEXT(run_result, name, "name", "The run's name (--name)", REQUIRED),
	TEXT(run_result, mode, "mode",
	     "kvm: straight on this machine's KVM. qemu: on a machine that QEMU emulates, with our disks; figures show what happens, not how fast. qemu-kvm: the same, on KVM. nested: inside an emulated machine that has KVM; figures show what happens, not how fast",
	     .words = modes, NEEDED),
	TEXT(run_result, started, "started", "Wall clock, ISO 8601, UTC"),
	FIG(ENUM, run_result, end, "end", NULL, "How the guest ended", .word = end_name,
	    .nr = RUN_ENDS, NEEDED),
	TEXT(run_result, end_message, "end_message", "More about the end: the panic's line, ..."),
	FIG(U32, run_result, exit_status, "exit_status", NULL,
	    "Exit status of 'stallscope run' (see its manual)", REQUIRED),
	SECONDS(run_result, seconds, "seconds", "Wall time of the whole run"),
	SECONDS(run_result, boot_seconds, "boot_seconds", "Until the agent reported, 0 never"),
	SECONDS(run_result, guest_seconds, "guest_seconds", "From then until the guest ended"),
	YES(run_result, analysed, "analysed",
	    "events.bin could be read; without it .io and what follows from it is empty"),
	FIG_SELF("machine", &machine_figures, "The guest machine"),
	PART(run_result, sched, "scheduler", &sched_figures, "The sched_ext scheduler", REQUIRED),
	PART(run_result, workload, "workload", &workload_figures, "The --exec command"),
	PART(run_result, attr, "verdict", &attr_verdict_figures, "Whose fault the waiting was",
	     REQUIRED),
	PART(run_result, attr.io, "io", &attr_io_figures, "All disks' IOs", NEEDED),
	FIG_MANY(ARRAY, run_result, disk, disks, "disks", "In the order of the options",
		 .sub = &disk_figures, NEEDED),
	FIG_MANY(ARRAY, run_result, attr.disk, disks, "disks", NULL, .sub = &attr_disk_figures,
		 .flags = FIG_JOINS),
	FIG_MANY(ARRAY, run_result, net, nets, "nets",
		 "The guest's network devices, --net in order", .sub = &net_figures),
	FIG_MANY(ARRAY, run_result, attr.net, nets, "nets", NULL, .sub = &attr_net_figures,
		 .flags = FIG_JOINS),
	PART(run_result, attr.clock, "clock", &attr_clock_figures,
	     "How well host and guest stamps are on one line", NEEDED),
	FIG_SELF("events", &events_figures, "The trace records", NEEDED),
	FIG_SELF("tracing", &tracing_figures, "What was traced"),
	FIG_MANY(ARRAY, run_result, attr.task, attr.tasks, "tasks",
		 "The tasks with the longest run-queue delay in the guest, longest first",
		 .sub = &attr_task_figures),
	PART(run_result, attr.ksoftirqd, "ksoftirqd", &attr_softirq_figures,
	     "How long the guest's ksoftirqd threads, all together, waited for a CPU once they were ready: put-off work of interrupts"),
	PART(run_result, attr, "sched_ext", &attr_scx_figures,
	     "sched_ext events traced in the guest"),
	FIG_MANY(
		MAP, run_result, stat, stats, "stats",
		"Further figures the guest reported at its end: sched_ext event counters, the agent's own CPU time, and as workload.NAME what the workload wrote to $STALLSCOPE_FIGURES",
		.sub = &stat_figures),
};

const struct figures run_figures = FIGURES(
	run,
	.doc = "Written by 'stallscope run'. Keys keep their meaning; new ones may be added. Times are in ns unless a key ends in 'seconds'; all are on the host's CLOCK_MONOTONIC line.");
