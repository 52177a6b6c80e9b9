// SPDX-License-Identifier: GPL-2.0-only
/* What the analysis has worked out, as figures. */
#include "report/run_figures.h"

#include "analysis/attribution.h"
#include "lib/figures_short.h"

/* --- IOs and their parts --- */

static const struct figure stat[] = {
	COUNT(attr_stat, count, "count", "IOs in which it is greater than 0", REQUIRED),
	NS(attr_stat, sum, "sum", "Sum", REQUIRED),
	NS(attr_stat, p50, "p50", "Median over all IOs, those with 0 included", REQUIRED),
	NS(attr_stat, p99, "p99", "99th percentile over all IOs", REQUIRED),
	NS(attr_stat, max, "max", "Largest", REQUIRED),
};

static const struct figures stat_figures = FIGURES(
	stat, .name = "stat",
	.doc = "One duration over a set of IOs, ns. p50 and p99 are at most 1 % too high, the rest is exact");

#define WAIT(part, name, doc) PART(attr_io, parts[part], name, &stat_figures, doc, REQUIRED)

static const struct figure parts[] = {
	WAIT(ATTR_GUEST_QUEUE, "guest_queue",
	     "Guest block layer: entered it until handed to the driver"),
	WAIT(ATTR_THROTTLE, "throttle",
	     "The queue's head was stalled by the throttle while this IO waited"),
	WAIT(ATTR_BACKING, "backing",
	     "Its own backing IO, and waiting while another request's was done on the queue"),
	WAIT(ATTR_WORKER, "worker", "Waiting for the device's worker otherwise"),
	WAIT(ATTR_COMPLETION, "completion",
	     "From the finished backing IO to the submitter's wake-up: publish, interrupt, guest"),
	WAIT(ATTR_SCHEDULER, "scheduler", "Submitter ready but not on a CPU, while some CPU idled"),
	WAIT(ATTR_RT, "rt", "Submitter ready but not on a CPU, which a real-time task held"),
	WAIT(ATTR_SATURATION, "saturation", "Submitter ready but not on a CPU, while none idled"),
	WAIT(ATTR_HOST, "host", "vCPU or worker ready but not on a host CPU (steal)"),
	WAIT(ATTR_UNKNOWN, "unknown",
	     "From the hand-over to the driver to completion, of an IO without a host record"),
};

static const struct figures parts_figures = FIGURES(parts);
_Static_assert(sizeof(parts) / sizeof(parts[0]) == ATTR_PARTS, "each part is a figure");

static const struct figure io[] = {
	COUNT(attr_io, count, "count", "Guest IOs", REQUIRED),
	COUNT(attr_io, matched, "matched", "Of these with a host record of their request",
	      REQUIRED),
	COUNT(attr_io, unissued, "unissued", "Of these completed without the device"),
	COUNT(attr_io, beyond_error, "beyond_error",
	      "IOs whose host stamps lay outside their guest stamps by more than .clock.error_ns; they were clamped"),
	COUNT(attr_io, host_unmatched, "host_unmatched",
	      "Requests of the device without a guest IO, while the guest was traced"),
	COUNT(attr_io, host_outside, "host_outside",
	      "Requests before or after the guest was traced"),
	PART(attr_io, e2e, "end_to_end_ns", &stat_figures,
	     "From entering the block layer until the submitter ran again (or until completion, if it ran or slept on)",
	     REQUIRED),
	FIG_SELF("parts", &parts_figures, "The parts; Documentation/report.md defines them",
		 REQUIRED),
};

const struct figures attr_io_figures = FIGURES(
	io, .name = "io",
	.doc = "Guest IOs and where their time went. The parts of each IO add up to its end-to-end time, and so do the sums");

/* --- devices --- */

static const struct figure stalls[] = {
	COUNT(attr_stalls, stalls, "stalls",
	      "Stalls; equals the device's throttled_count unless records were lost", REQUIRED),
	NS(attr_stalls, stall_ns, "stall_ns", "Time some queue of it was stalled"),
	NS(attr_stalls, stall_max_ns, "stall_max_ns", "Longest time without a grant"),
	COUNT(attr_stalls, drains, "drains", "Drains of a ring that the throttle is for"),
	YES(attr_stalls, counters_agree, "agrees",
	    "throttled_count equals the stalls traced, or the lost records explain the difference"),
};

static const struct figures stalls_figures = FIGURES(stalls);

static const struct figure limits[] = {
	FIG(U64, attr_limits, iops, "iops", "1/s", "Operations, 0 unlimited", REQUIRED),
	FIG(U64, attr_limits, bps, "bps", "bytes/s", "0 unlimited", REQUIRED),
	NS(attr_limits, stall_ns, "stall_ns", "Time its queues were stalled under these", REQUIRED),
};

static const struct figures limits_figures = FIGURES(limits);

static const struct figure disk_traced[] = {
	PART(attr_disk, traced, NULL, &stalls_figures, NULL),
	NS(attr_disk, profile_stall_ns, "profile_stall_ns",
	   "Of .stall_ns, ordered by the disk's profile, whatever the limits"),
	FIG_MANY(
		ARRAY, attr_disk, limit, limits, "stalled_under",
		"Which limits, by hand or by a profile, were in force while it was stalled: longest time first, the rest left out",
		.sub = &limits_figures),
	COUNT(attr_disk, requests, "requests", "Requests"),
};

static const struct figures disk_traced_figures = FIGURES(disk_traced);

#define TRACED "What the host's trace has of it"

static const struct figure disk[] = {
	FIG_SELF("traced", &disk_traced_figures, TRACED, REQUIRED),
	PART(attr_disk, io, "io", &attr_io_figures, "Its IOs"),
};

const struct figures attr_disk_figures = FIGURES(disk);

static const struct figure net[] = {
	FIG_SELF("traced", &stalls_figures, TRACED, REQUIRED),
};

const struct figures attr_net_figures = FIGURES(net);

/* --- tasks --- */

#define MEDIAN "Median, upper edge of a power of two"
#define P99    "99th percentile, likewise"

static const struct figure task[] = {
	COUNT32(attr_task, tid, "tid", "Thread id in the guest", REQUIRED),
	TEXT(attr_task, comm, "comm", "Name", REQUIRED),
	COUNT32(attr_task, policy, "policy", "SCHED_*"),
	COUNT(attr_task, count, "count", "Waits", REQUIRED),
	NS(attr_task, total_ns, "total_ns", "Sum", REQUIRED),
	NS(attr_task, p50_ns, "p50_ns", MEDIAN, REQUIRED),
	NS(attr_task, p99_ns, "p99_ns", P99, REQUIRED),
	NS(attr_task, max_ns, "max_ns", "Longest", REQUIRED),
};

const struct figures attr_task_figures =
	FIGURES(task, .doc = "A task; tid 0 stands for tasks that ended after short waits");

static const struct figure softirq[] = {
	COUNT32(attr_softirq, threads, "threads", "Threads that waited at least once", REQUIRED),
	COUNT(attr_softirq, count, "count", "Waits", REQUIRED),
	NS(attr_softirq, total_ns, "total_ns", "Sum", REQUIRED),
	NS(attr_softirq, p50_ns, "p50_ns", MEDIAN),
	NS(attr_softirq, p99_ns, "p99_ns", P99, REQUIRED),
	NS(attr_softirq, max_ns, "max_ns", "Longest", REQUIRED),
};

const struct figures attr_softirq_figures = FIGURES(softirq);

static const struct figure scx[] = {
	COUNT32(attribution, scx_enables, "enables", "Schedulers enabled", REQUIRED),
	COUNT32(attribution, scx_disables, "disables", "Ends begun", REQUIRED),
	COUNT32(attribution, scx_exits, "exits", "Ends finished", REQUIRED),
	TEXT(attribution, scx_name, "name", "Of the latest"),
	TEXT(attribution, scx_reason, "reason", "Of the latest exit, the kernel's words"),
};

const struct figures attr_scx_figures = FIGURES(scx);

/* --- clock and verdict --- */

static const char *source_name(unsigned int source)
{
	return clock_source_name(source);
}

static const struct figure clock[] = {
	YES(clock_info, aligned, "aligned", "They are", REQUIRED),
	NS(clock_info, error_ns, "error_ns",
	   "Bound of the alignment's error: the sum of the parts below; null if not aligned",
	   .flags = FIG_REQUIRED | FIG_NULL, .known = offsetof(struct clock_info, aligned)),
	FIG(ENUM, clock_info, source, "source", NULL, "Who told the vCPUs' TSC offsets",
	    .word = source_name, .nr = CLOCK_SRC_MIXED + 1),
	NS(clock_info, host_bracket_ns, "host_bracket_ns", "Half the widest host sample"),
	NS(clock_info, guest_bracket_ns, "guest_bracket_ns", "Half the widest guest sample"),
	NS(clock_info, offset_ns, "offset_ns", "Uncertainty of the measured TSC offset"),
	NS(clock_info, host_residual_ns, "host_residual_ns",
	   "Host samples against their neighbours"),
	NS(clock_info, guest_residual_ns, "guest_residual_ns",
	   "Guest samples against their neighbours"),
	NS(clock_info, extrapolation_ns, "extrapolation_ns",
	   "For stamps before the first or after the last sample"),
	COUNT32(clock_info, host_samples, "host_samples", "Host samples used"),
	COUNT32(clock_info, guest_samples, "guest_samples", "Guest samples used"),
	COUNT32(clock_info, host_dropped, "host_dropped",
		"Host samples not used: backwards or too wide"),
	COUNT32(clock_info, guest_dropped, "guest_dropped",
		"Guest samples not used: backwards, too wide, or of a vCPU with unknown offset"),
	TEXT(clock_info, reason, "reason", "Why it isn't aligned"),
	TEXT(clock_info, warning, "warning",
	     "KVM's word and the measurement contradict each other, ..."),
};

const struct figures attr_clock_figures = FIGURES(clock);

static const char *cause_name(unsigned int cause)
{
	return attribution_cause_name(cause);
}

static const struct figure verdict[] = {
	FIG(ENUM, attribution, verdict.cause, "cause", NULL,
	    "The main cause of the IOs' waiting time", .word = cause_name, .nr = ATTR_CAUSES,
	    .flags = FIG_REQUIRED | FIG_NEEDED),
	FIG(RATIO, attribution, verdict.share, "share", NULL, "Of the waiting time; 0 with none",
	    REQUIRED),
	YES(attribution, verdict.complete, "complete", "Nothing essential was missing"),
	TEXT(attribution, verdict.sentence, "sentence", "For a person", REQUIRED,
	     .empty = "can't tell: nothing was analysed"),
	FIG_MANY(LINES, attribution, note, notes, "notes", "What can't be told, and warnings"),
};

const struct figures attr_verdict_figures = FIGURES(verdict);
