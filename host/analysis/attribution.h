/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where did each guest IO's time go, and who is to blame?
 *
 * Guest IOs are matched with the device's requests, each IO's end-to-end time
 * is split into parts that add up to it, and a verdict names the culprit.
 * Documentation/report.md has the definitions.
 */
#ifndef SS_ATTRIBUTION_H
#define SS_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "ss_counters.h"
#include "analysis/clock.h"
#include "analysis/events_reader.h"
#include "analysis/tasks.h"

enum attr_part {
	ATTR_GUEST_QUEUE, /* guest block layer: start to issue */
	ATTR_THROTTLE,	  /* the queue's head was stalled by the throttle */
	ATTR_BACKING,	  /* own backing IO, and waiting behind another request's */
	ATTR_WORKER,	  /* waiting for the worker otherwise */
	ATTR_COMPLETION,  /* publish, interrupt, guest completion, wake-up */
	ATTR_SCHEDULER,	  /* submitter runnable, not running, while a CPU idled */
	ATTR_RT,	  /* the same, while a real-time task held its CPU */
	ATTR_SATURATION,  /* the same, while no CPU idled */
	ATTR_HOST,	  /* steal: vCPU or worker runnable, not running */
	ATTR_UNKNOWN,	  /* issue to completion of an IO without a host record */
	ATTR_PARTS,
};

enum attr_cause {
	ATTR_CAUSE_NONE,
	ATTR_CAUSE_THROTTLE,
	ATTR_CAUSE_BACKING,
	ATTR_CAUSE_WORKER,
	ATTR_CAUSE_HOST,
	ATTR_CAUSE_SCHEDULER,
	ATTR_CAUSE_RT,
	ATTR_CAUSE_SATURATION,
	ATTR_CAUSES,
};

/* All ns. p50 and p99 are at most 1 % above the true figure, the rest is exact. */
struct attr_stat {
	uint64_t count; /* IOs in which it is greater than 0 */
	uint64_t sum;
	uint64_t p50, p99; /* over all IOs, those with 0 included */
	uint64_t max;
};

struct attr_io {
	uint64_t count;	   /* guest IOs */
	uint64_t matched;  /* of these with a host record */
	uint64_t unissued; /* of these completed without the device (a flush with nothing to do) */
	uint64_t beyond_error;	 /* clamped by more than the clock error */
	uint64_t host_unmatched; /* requests without a guest IO while the guest traced */
	uint64_t host_outside;	 /* requests before or after the guest traced */
	struct attr_stat e2e;	 /* start until the submitter ran again */
	struct attr_stat parts[ATTR_PARTS];
};

#define ATTR_TOP_LIMITS 4
struct attr_limits {
	uint64_t iops, bps; /* 0 unlimited */
	uint64_t stall_ns;
};

/*
 * What was traced of a device's throttle. A network device has no more: what
 * its stalls cost the guest can't be told.
 */
struct attr_stalls {
	uint64_t stalls;   /* stall_begin records */
	uint64_t stall_ns; /* time some queue of it was stalled */
	uint64_t stall_max_ns;
	uint64_t drains;
	bool counters_agree; /* throttled_count == stalls, or lost records explain it */
};

struct attr_disk {
	struct attr_io io;
	struct attr_stalls traced;
	uint64_t requests; /* traced requests */
	/* under which limits it was stalled, longest first; more than fit are left out */
	uint32_t limits;
	struct attr_limits limit[ATTR_TOP_LIMITS];
	uint64_t
		profile_stall_ns; /* of traced.stall_ns: ordered by its profile, whatever the limits */
};

/* All threads named ksoftirqd/N together. */
struct attr_softirq {
	uint32_t threads; /* that waited for a CPU at least once */
	uint64_t count, total_ns, p50_ns, p99_ns, max_ns;
};

#define ATTR_TOP_TASKS 8
struct attr_task {
	uint32_t tid, policy;
	char comm[SS_COMM_LEN];
	uint64_t count, total_ns, p50_ns, p99_ns, max_ns;
};

struct attr_verdict {
	enum attr_cause cause;
	double share;  /* of the waiting time, 0..1; 0 with ATTR_CAUSE_NONE */
	bool complete; /* nothing essential was missing */
	char sentence[640];
	/* what follows only by_tasks: by the tasks' time, else by that of the IOs */
	bool by_tasks;
	char kind[16]; /* of the scheduler: idle, unfair, ejected; of the host: vcpu, worker */
	enum attr_cause guest_cause; /* the first one that isn't the host */
	uint32_t nr_listed;
	enum attr_cause listed[ATTR_CAUSES]; /* with at least 10 %, heaviest first */
	double unexplained;		     /* share of the time, 0..1 */
	bool doubtful;			     /* that could change the first cause */
};

#define ATTR_MAX_NOTES 12

struct attribution {
	struct attr_io io; /* all disks */
	struct attr_disk disk[SS_MAX_DISKS];
	struct attr_stalls net[SS_MAX_NETS];
	struct attr_softirq ksoftirqd;
	struct clock_info clock;
	struct attr_task task[ATTR_TOP_TASKS]; /* longest run-queue delay first */
	uint32_t tasks;
	struct tasks tasks_time; /* from the guest's stream, if it was recorded */
	struct attr_verdict verdict;
	struct events_seen file;
	uint64_t host_records, guest_records;
	uint64_t host_traced, guest_traced; /* of these, made by BPF programs */
	uint64_t bad_guest_io;		    /* stamps out of order */
	uint64_t foreign_io;		    /* to devices that aren't ours */
	uint64_t skipped;		    /* over the memory limit */
	uint64_t clamped_max_ns;	    /* largest clamp of one IO */
	uint32_t scx_enables, scx_disables, scx_exits;
	bool scx_ejected; /* for an error */
	char scx_name[SS_SCX_NAME_LEN];
	char scx_reason[SS_SCX_NAME_LEN]; /* of the last exit */
	uint32_t notes;
	char note[ATTR_MAX_NOTES][200]; /* what can't be told, warnings */
};

/* What the records don't say. */
struct attr_disk_cfg {
	uint64_t iops, bps;	  /* limits at first, 0 unlimited */
	uint64_t throttled_count; /* the device's counter */
};

struct attr_cfg {
	uint64_t run_ns; /* how long the guest ran, 0: span of the records */
	uint32_t disks;
	struct attr_disk_cfg disk[SS_MAX_DISKS];
	uint32_t nets;
	uint64_t net_throttled[SS_MAX_NETS]; /* the device's counter */
	const char *host_missing;  /* why the host wasn't traced (fully), NULL if it was */
	const char *guest_missing; /* the same for the guest */
	uint64_t host_lost, guest_lost;
	uint64_t max_records; /* of one kind kept in memory, 0: 8 Mi */
};

/**
 * attribution_run() - read an events file and work it out.
 * @path: events.bin
 * @cfg: copied where needed
 * @out: filled; plain data
 *
 * Return: 0, a negative errno of events_open()/read, or -ENOMEM. Missing
 * records are no error: the verdict and the notes say so.
 */
int attribution_run(const char *path, const struct attr_cfg *cfg, struct attribution *out);

/* The same in steps, for records that aren't in a file. */
struct attr_state;
struct attr_state *attribution_new(const struct attr_cfg *cfg, uint64_t host_tsc_hz,
				   uint64_t guest_tsc_hz);
int attribution_add(struct attr_state *s, const union events_rec *rec);
/** attribution_add_sched() - the same for an SS_REC_G_SCHED with its @events. */
int attribution_add_sched(struct attr_state *s, const union events_rec *rec,
			  const struct ss_sched_event *events);
int attribution_finish(struct attr_state *s, struct attribution *out);
void attribution_free(struct attr_state *s);

/**
 * attribution_fmt_ns() - a duration for people: "812 ms", "7.9 s", "43 us".
 * @buf: at least 16 bytes
 *
 * Return: @buf.
 */
char *attribution_fmt_ns(char *buf, size_t len, uint64_t ns);

/** attribution_cause_name() - "throttle", ..., "none". */
const char *attribution_cause_name(enum attr_cause c);

#endif /* SS_ATTRIBUTION_H */
