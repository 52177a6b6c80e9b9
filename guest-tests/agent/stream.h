/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's end of the rings that the guest's BPF programs write scheduler events to
 * (ss_stream.h): takes them out and makes batches of them. One thread uses it.
 */
#ifndef SS_AGENT_STREAM_H
#define SS_AGENT_STREAM_H

#include <stdbool.h>

#include "ss_stream.h"
#include "tracer.h"

/**
 * struct stream - the rings of all CPUs
 * @cpus: one for each CPU, shared with the programs
 * @events: @ring_events of each CPU, one CPU's behind the other's
 * @ring_events: a power of two
 * @time: per CPU, when its last event taken was, ns
 * @hole: per CPU, events lost behind that
 * @next: the CPU to begin with
 * @batches: records emitted
 * @lost: events
 */
struct stream {
	struct ss_stream_cpu *cpus;
	const struct ss_sched_event *events;
	unsigned int nr_cpus, ring_events;
	__u64 *time;
	__u32 *hole;
	unsigned int next;
	__u64 batches, lost;
};

/** stream_init() - begin at @now. Sets what the programs start from. Return: 0 or -ENOMEM. */
int stream_init(struct stream *s, __u64 now);

/**
 * stream_take() - hand what is in the rings to @emit, as SS_REC_G_SCHED records.
 * @max: events to take, about
 *
 * Return: whether to come back soon: there is more, or a ring filled up fast.
 */
bool stream_take(struct stream *s, unsigned int max, tracer_emit_fn emit, void *ctx);

/** stream_end() - after the last stream_take(): tell what was lost at the very end. */
void stream_end(struct stream *s, tracer_emit_fn emit, void *ctx);

void stream_free(struct stream *s);

#endif /* SS_AGENT_STREAM_H */
