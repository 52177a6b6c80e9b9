/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's stream of scheduler events: every switch, wake-up, fork and exit of
 * every task, in order for each CPU. Guest BPF programs write it, the agent passes
 * it on in batches (struct ss_rec_g_sched), the analysis follows it.
 *
 * A batch holds events of one CPU. An event's time is that of the one before it, or
 * the batch's, plus its delta. What a CPU could not write is counted in the next
 * batch that it could, so that a reader knows where the stream has a hole.
 */
#ifndef SS_SCHED_H
#define SS_SCHED_H

#include "ss_events.h"

#define SS_SCHED_BATCH_MAX 240 /* events of a batch: a record stays below 4096 bytes */

enum ss_sched_type {
	/*
	 * The CPU changes hands. tid: who leaves, arg: who comes (0: the idle task).
	 * flags: SS_SWITCH_*, why the one who leaves does.
	 */
	SS_SCHED_SWITCH = 1,
	/*
	 * tid became runnable: as its wake-up begins, or once it is off its CPU if it was
	 * on its way to sleep then. Wake-ups of tasks that run aren't told; one that was
	 * preempted on its way to sleep, and is ready, may get one.
	 * arg: who woke it, 0 if that was an interrupt.
	 * flags: SS_WAKE_*; aux: the CPU it ran on last, another may be chosen for it now.
	 * Followed by SS_SCHED_MORE with SS_WAKE_IO: the request's serial.
	 */
	SS_SCHED_WAKE,
	SS_SCHED_FORK, /* tid: the child, runnable from here on; arg: its parent; aux: its CPU */
	SS_SCHED_EXIT, /* tid: it ends */
	/*
	 * A CPU was told that there is work for it (need_resched set or an interrupt sent
	 * to an idle one, its idle loop left). aux: the CPU; tid: for whom, 0 unknown.
	 * Only the first since that CPU's last switch is told.
	 */
	SS_SCHED_KICK,
	SS_SCHED_MORE, /* belongs to the event before it: tid and arg are a 64-bit value, low half first */
	SS_SCHED_LATE, /* time only: 2^32 ns and more went by. tid and arg: ns, 64 bits, low half first */
	/* A CPU came or went. aux: the CPU; arg: 1 online, 0 offline */
	SS_SCHED_CPU,
};

#define SS_SWITCH_PREEMPTED 0x01 /* still runnable: ready from here on */
#define SS_SWITCH_DEAD	    0x02
#define SS_SWITCH_YIELDED   0x04 /* with PREEMPTED: it asked for it */

/*
 * In what context the wake-up came: one of them at most. ksoftirqd's work counts as
 * that of an interrupt, but arg is ksoftirqd.
 */
#define SS_WAKE_IO     0x01 /* completion of a request; its serial follows */
#define SS_WAKE_TIMER  0x02 /* a timer that the sleeper itself had set */
#define SS_WAKE_SIGNAL 0x04
#define SS_WAKE_TTY    0x08
#define SS_WAKE_NET    0x10 /* a network device's receive path */
#define SS_WAKE_IRQ    0x80 /* beside others: not in the context of a task; arg is 0 */

/* 16 bytes; a switch is one, a wake-up by a request two. */
struct ss_sched_event {
	__u32 delta; /* ns since the event before it */
	__u8 type;   /* enum ss_sched_type */
	__u8 flags;
	__u16 aux;
	__u32 tid;
	__u32 arg;
};

/* SS_REC_G_SCHED. h.cpu: the CPU; h.ts: what the first delta is added to. */
struct ss_rec_g_sched {
	struct ss_rec h;
	__u32 nr;   /* events that follow */
	__u32 lost; /* events of this CPU lost between the batch before and this one */
	struct ss_sched_event event[];
};

/* Whose a task is, by what started it. */
enum ss_task_class {
	SS_TASK_OTHER,	   /* the system's: init's children, daemons */
	SS_TASK_WORKLOAD,  /* --exec started it, or one that it did */
	SS_TASK_TOOL,	   /* the agent and its tracer */
	SS_TASK_SCHEDULER, /* the sched_ext scheduler's own process */
	SS_TASK_KERNEL,	   /* a kernel thread, or the kernel's worker in a process (io_uring's) */
};

#define SS_TASK_CPUS_MAX 512

/*
 * SS_REC_G_TASK: what a task is, at h.ts and until the next of its tid. One for each task
 * when tracing begins, when one comes, and whenever something here has changed.
 */
struct ss_rec_g_task {
	struct ss_rec h;
	__u32 tid;
	__u32 tgid;
	__u32 parent; /* tid of its parent's process */
	__u16 class;  /* enum ss_task_class */
	__u16 policy; /* SCHED_* */
	__s16 nice;
	__u16 rt_prio; /* 1 to 99 with SCHED_FIFO and SCHED_RR */
	__u32 weight; /* nice's by the kernel's table, times cpu.weight / 100 of each cgroup above */
	__u64 cgroup;	   /* cgroup v2 id, 0 unknown */
	__u64 state_since; /* in the first record: since when it is in @state, 0 unknown */
	__u32 state;	   /* in the first record: enum ss_task_state */
	__u32 cpu;	   /* where it runs or ran last */
	char comm[SS_COMM_LEN];
	__u64 cpus[SS_TASK_CPUS_MAX / 64]; /* that it may use: affinity and cpuset */
};

enum ss_task_state {
	SS_TASK_UNKNOWN,
	SS_TASK_RUNNING, /* on @cpu */
	SS_TASK_READY,
	SS_TASK_SLEEPING,
};

/*
 * SS_REC_G_SUM: instead of events while there are too many of them (h.ts: end of the
 * time it stands for). One for each task that lived in it; exact.
 */
struct ss_rec_g_sum {
	struct ss_rec h;
	__u64 begin_ts;
	__u32 tid;
	__u32 switches;
	__u32 wakes;
	__u32 pad;
	__u64 running_ns;
	__u64 ready_ns;
	__u64 sleeping_ns;
	__u64 max_ready_ns;
};

enum ss_mark {
	SS_MARK_TRACE_BEGIN = 1, /* the stream is complete from here on, */
	SS_MARK_TRACE_END,	 /* and up to here: outside of that some events may be there */
	SS_MARK_WORKLOAD_BEGIN,
	SS_MARK_WORKLOAD_END,
	SS_MARK_WINDOW_BEGIN, /* the workload itself narrows what is judged */
	SS_MARK_WINDOW_END,
};

/* SS_REC_G_MARK */
struct ss_rec_g_mark {
	struct ss_rec h;
	__u32 mark; /* enum ss_mark */
	__u32 pad;
	/* tid with WORKLOAD_BEGIN; exit status (waitpid's) with WORKLOAD_END, ~0 if it hasn't ended */
	__u64 arg;
};

#endif /* SS_SCHED_H */
