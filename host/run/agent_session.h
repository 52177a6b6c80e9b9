/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's agent tells of a run. Turns its frames into a struct
 * run_result, stores records and the workload's output.
 *
 * Everything a guest sends is hostile input here. One thread owns a session.
 */
#ifndef SS_AGENT_SESSION_H
#define SS_AGENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/report.h"

struct events_writer;

/* How the scheduler stands, by the agent's last word. */
enum agent_sched {
	AGENT_SCHED_NONE,
	AGENT_SCHED_STARTING,
	AGENT_SCHED_ENABLED,
	AGENT_SCHED_FAILED,  /* never got enabled */
	AGENT_SCHED_EXITED,  /* ended by itself in mid-run */
	AGENT_SCHED_KICKED,  /* ejected by the kernel in mid-run */
	AGENT_SCHED_STOPPED, /* by us, at the end */
};

/**
 * struct agent_session - the state of one run's channel.
 * @result: filled as frames come; the caller's.
 * @events: records go here; the caller's, may be NULL.
 * @output: the workload's output goes here too; the caller's, may be NULL.
 * @progress: called with a line for a person at each notable step, or NULL.
 */
struct agent_session {
	struct run_result *result;
	struct events_writer *events;
	FILE *output;
	void (*progress)(void *ctx, const char *line);
	void *progress_ctx;

	bool hello; /* the agent has answered */
	bool has_btf;
	bool has_sched_ext;
	bool has_virtio_blk;
	bool has_virtio_net;
	bool workload_begun;
	bool workload_ended;
	bool bye;
	bool lost_known;
	int agent_status; /* of BYE */
	enum agent_sched sched;
	enum agent_sched sched_fault; /* first of FAILED, EXITED, KICKED; NONE if none */
	uint64_t frames;
	uint64_t bad_frames;
};

/** agent_session_init() - a session that fills @result; see struct agent_session for the rest. */
void agent_session_init(struct agent_session *s, struct run_result *result);

/**
 * agent_session_frame() - take one frame of the agent's.
 * @type: enum ss_frame_type
 *
 * A frame that makes no sense is counted in bad_frames and otherwise ignored.
 *
 * Return: 0, or a negative errno if a record or output could not be stored.
 */
int agent_session_frame(struct agent_session *s, unsigned int type, const void *payload,
			size_t len);

#endif /* SS_AGENT_SESSION_H */
