/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of a run: filled while it goes on, or from its run.json, and by the
 * analysis. The rest of this room writes, reads and prints it.
 */
#ifndef SS_REPORT_RUN_RESULT_H
#define SS_REPORT_RUN_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "ss_counters.h"
#include "ss_events.h"
#include "ss_latency.h"
#include "analysis/attribution.h"

#define REPORT_FORMAT 1 /* run.json's .format; grows only on incompatible change */

enum run_end {
	RUN_END_UNKNOWN, /* the runner itself failed */
	RUN_END_POWEROFF,
	RUN_END_REBOOT,
	RUN_END_PANIC,
	RUN_END_TRIPLE_FAULT,
	RUN_END_KVM_ERROR, /* KVM could not go on */
	RUN_END_TIMEOUT,
	RUN_END_INTERRUPTED,
	RUN_END_QEMU_DIED,  /* QEMU ended by itself */
	RUN_END_NOT_BOOTED, /* failed before the guest ran */
	RUN_ENDS,
};

/** run_end_name() - "poweroff", "triple_fault", ... as in run.json. */
const char *run_end_name(enum run_end e);

struct run_disk {
	char name[32];	/* "disk0" */
	char path[256]; /* backing file, "" for a temporary one */
	bool readonly;
	uint64_t size; /* bytes */
	uint32_t queues;
	uint64_t iops, bps, iops_burst, bps_burst; /* 0: unlimited, default */
	struct ss_blk_counters counters;	   /* when the run ended */
	struct ss_blk_lat latency;		   /* as the device measured it */
	char profile[256], group[64];		   /* "" none */
	uint32_t limit_changes;			   /* while the guest ran, by hand */
};

struct run_net {
	char name[32];	  /* "net0" */
	char backend[16]; /* "loopback" */
	char mac[18];
	uint32_t mtu;
	uint64_t pps, bps, pps_burst, bps_burst; /* 0: unlimited, default */
	struct ss_net_counters counters;	 /* when the run ended */
	struct ss_net_pressure pressure;
	uint32_t limit_changes; /* while the guest ran, by hand */
};

struct run_sched {
	bool wanted;		    /* --sched was given */
	bool loaded;		    /* sched_ext said enabled at some time */
	bool ended;		    /* exit or signal below is valid */
	int exit;		    /* exit status of its process */
	int signal;		    /* that killed it, else 0 */
	char name[SS_SCX_NAME_LEN]; /* as the kernel names it, else the program's */
	char state[16];	    /* last: starting enabled failed exited kicked stopped, "" none */
	char message[4096]; /* the kernel's or verifier's words */
};

struct run_workload {
	bool ran;
	bool ended; /* exit or signal below is valid */
	int exit;
	int signal;
	double seconds;
	char command[1024];
	char output[8192];     /* its last output, a tail */
	uint64_t output_bytes; /* how much it wrote in all */
};

#define RUN_MAX_STATS 64
struct run_stat { /* SS_F_STAT */
	char name[64];
	int64_t value;
};

#define RUN_MAX_MISSING 16

struct run_result {
	char name[65];	  /* --name */
	char mode[16];	  /* "kvm", "qemu", "qemu-kvm" or "nested" */
	char version[32]; /* SS_VERSION, report_init() sets it */
	char started[32]; /* wall clock, ISO 8601 UTC; report_init() sets it */
	enum run_end end;
	char end_message[512]; /* panic line, time limit, ..., may be "" */
	int exit_status;       /* enum ss_exit, of `stallscope run` */
	double seconds;	       /* wall time of the whole run */
	double boot_seconds;   /* until the agent said hello, 0: never */
	double guest_seconds;  /* from then to the guest's end */
	uint32_t cpus;
	uint64_t memory;	/* bytes */
	char guest_kernel[128]; /* release the guest reports, "" unknown */
	char kernel_path[256];
	char host_kernel[128]; /* report_init() sets it */
	char cmdline[1024];    /* guest command line */
	char options[2048];    /* of `stallscope run`, as typed */

	uint32_t disks;
	struct run_disk disk[SS_MAX_DISKS];
	uint32_t nets;
	struct run_net net[SS_MAX_NETS];
	struct run_sched sched;
	struct run_workload workload;

	/* tracing: what is missing, one line each ("" none) */
	bool host_traced, guest_traced;
	uint32_t host_missing_nr, guest_missing_nr;
	char host_missing[RUN_MAX_MISSING][200];
	char guest_missing[RUN_MAX_MISSING][200];
	struct ss_drops host_drops;   /* of the host's ring buffer */
	struct ss_drops guest_drops;  /* of the guest's, from SS_F_LOST */
	bool guest_drops_known;	      /* SS_F_LOST came */
	struct events_written events; /* from events_close() */

	uint32_t stats;
	struct run_stat stat[RUN_MAX_STATS];

	/* report_analyse() fills these */
	bool analysed;
	struct attribution attr;
};

/** report_init() - zero it and set version, start time and the host's kernel. */
void report_init(struct run_result *r);

/**
 * report_add_missing() - note what tracing lacks, printf-like.
 * @guest: the guest's or the host's tracing
 */
void report_add_missing(struct run_result *r, bool guest, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** report_add_stat() - a guest figure; more than RUN_MAX_STATS are ignored. */
void report_add_stat(struct run_result *r, const char *name, int64_t value);

/**
 * report_lost() - records that are known to be lost: both tracers' drops,
 * rejected, not written (disk full), and what the file's reader skipped.
 */
uint64_t report_lost(const struct run_result *r);

/**
 * report_uncounted() - records that are neither in the file nor in any lost
 * count: a run with such isn't complete (SS_EXIT_LOST).
 */
uint64_t report_uncounted(const struct run_result *r);

#endif /* SS_REPORT_RUN_RESULT_H */
