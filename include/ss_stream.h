/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings between the guest's BPF programs and its agent: one for each CPU, of struct
 * ss_sched_event, in memory that both have mapped. A CPU's programs put events behind
 * head with interrupts off, so that there is one writer; the agent takes them from tail.
 */
#ifndef SS_STREAM_H
#define SS_STREAM_H

#include "ss_sched.h"

/*
 * In a ring only, of enum ss_sched_type's kind: as many events as arg says were lost
 * here. The agent ends a batch there.
 */
#define SS_SCHED_HOLE	 255

#define SS_STREAM_LEVELS 3 /* in the context of a task, of a softirq, of an interrupt */

/* What is going on on a CPU, and its ring's indices; they count on for ever. */
struct ss_stream_cpu {
	__u64 head;
	__u64 last_ts; /* of the latest event, what the next one's delta is from */
	__u32 lost;    /* since then */
	__u32 kicked;  /* it was told to look for work since its last switch */
	__u32 softirq; /* in service: its number + 1 */
	__u32 hotplug; /* a CPU came or went: its number << 1 | online, + 1; to be told yet */
	__u32 yielder; /* the task that gives up its CPU of its own accord */
	__u32 io_tid;  /* the task that completes serial[0] */
	__u32 done;    /* the request of the completion under way, for the next program to take */
	/* What the wake-ups in a context come from: */
	__u32 serial[SS_STREAM_LEVELS];	 /* the request that is being completed */
	__u64 sleeper[SS_STREAM_LEVELS]; /* the task whose own timer expires, 1: any's */
	__u64 pad[4];
	__u64 tail; /* the agent's, on a cache line of its own */
	__u64 tail_pad[7];
};

#endif /* SS_STREAM_H */
