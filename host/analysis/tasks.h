/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where did the guest's tasks spend their time, and what held them up?
 *
 * From the guest's stream of scheduler events (ss_sched.h): each task's time is
 * running, ready, blocked or asleep, and for waits the cause is looked for, along
 * who woke whom. Plain data, part of struct attribution.
 * Documentation/contracts/attribution.md says what each figure promises.
 */
#ifndef SS_ANALYSIS_TASKS_H
#define SS_ANALYSIS_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "ss_sched.h"

enum task_time {
	TASK_RUNS,    /* on a CPU */
	TASK_READY,   /* could run */
	TASK_BLOCKED, /* waits for something that isn't its own choice */
	TASK_ASLEEP,  /* by its own choice: a timer of its own, a signal, a terminal woke it */
	TASK_TIMES,
};

/* What a ns of waiting was spent on. */
enum wait_cause {
	WAIT_THROTTLE,	   /* the disk's queue was stalled */
	WAIT_BACKING,	   /* the backing worked on it */
	WAIT_WORKER,	   /* until the device's worker took it up */
	WAIT_HOST_VCPU,	   /* the host ran something else than the vCPU */
	WAIT_HOST_WORKER,  /* the same of the device's worker */
	WAIT_SCHED_IDLE,   /* ready while a CPU that it may use idled */
	WAIT_SCHED_UNFAIR, /* ready while others had more than their turn */
	WAIT_RT,	   /* ready while a real-time task had the CPU */
	WAIT_SATURATION,   /* ready while others had their fair turn */
	WAIT_TOOL,	   /* ready while our own agent had the CPU */
	WAIT_WAKE_UP,	   /* the CPU was told to take it, and came out of idle */
	WAIT_GUEST_QUEUE,  /* in the guest's block layer */
	WAIT_COMPLETION,   /* a finished IO on its way back */
	WAIT_BASELINE,	   /* what the same IO costs when nothing is in its way */
	WAIT_SERVED,	   /* whoever woke it was running: it worked for the sleeper */
	WAIT_PARTNER,	   /* whoever woke it was asleep by its own choice */
	WAIT_UNKNOWN,	   /* the chain is lost here */
	WAIT_CAUSES,
};

#define TASKS_MAX_ROWS	24
#define TASKS_MAX_WAITS 10
#define TASKS_MAX_LINKS 16

/* A task, or all of a kind; ns. */
struct task_row {
	uint32_t tid, tgid, class; /* enum ss_task_class */
	char comm[SS_COMM_LEN];
	uint64_t life; /* in the window: the sum of time[] */
	uint64_t time[TASK_TIMES];
	/* ready time, and blocked time, by cause; [1]: while a disk was stalled, [0]: while none was */
	uint64_t ready[2][WAIT_CAUSES];
	uint64_t blocked[2][WAIT_CAUSES];
	uint64_t wakes, slices, migrations;
	uint64_t longest;    /* wait for a CPU, ns */
	int64_t longest_at;  /* when that began, ns since the window began */
	uint32_t longest_by; /* tid of who ran longest meanwhile where it then ran; 0 nobody */
	char longest_comm[SS_COMM_LEN];
};

enum wait_link_kind {
	WAIT_LINK_TASK,	 /* it waited for task tid */
	WAIT_LINK_DISK,	 /* for an IO of disk tid */
	WAIT_LINK_CAUSE, /* the last one: what it comes down to */
};

struct wait_link {
	uint8_t kind, cause; /* enum wait_link_kind, wait_cause */
	uint32_t tid;
	uint64_t ns; /* how long that was it */
	char comm[SS_COMM_LEN];
};

struct wait_top {
	uint32_t tid;
	char comm[SS_COMM_LEN];
	bool blocked; /* else it was ready */
	bool open;    /* it hadn't ended when the window did */
	int64_t at;   /* ns since the window began */
	uint64_t ns;
	uint32_t links;
	struct wait_link link[TASKS_MAX_LINKS];
};

struct tasks {
	bool present;	 /* the recording has a stream and it could be followed */
	bool has_window; /* the window is the workload's, or narrower; else all of the recording */
	uint64_t window; /* ns */
	uint32_t workload; /* tasks that the workload had in the window */
	uint32_t rows;	   /* of these in row[], most held up first */
	struct task_row row[TASKS_MAX_ROWS];
	struct task_row sum;				/* all of the workload's tasks */
	struct task_row kind[SS_TASK_KERNEL + 1];	/* by enum ss_task_class; states only */
	uint64_t before[TASK_TIMES], after[TASK_TIMES]; /* the workload's outside of the window */
	uint64_t held;					/* ready and blocked: the verdict's base */
	uint64_t cause[WAIT_CAUSES];			/* of that */
	uint32_t waits;
	struct wait_top wait[TASKS_MAX_WAITS]; /* longest first */
	uint64_t events, lost;		       /* of the stream */
	uint64_t mended;		       /* events that contradict what was known of a task */
	uint64_t lost_links; /* waits whose cause couldn't be followed to its end */
	uint64_t coarse;     /* waits that were looked at less closely, to bound the work */
	uint64_t steps;	     /* of work */
};

/** wait_cause_name() - "throttle", "scheduler_idle", ..., as in run.json. */
const char *wait_cause_name(enum wait_cause c);

#endif /* SS_ANALYSIS_TASKS_H */
