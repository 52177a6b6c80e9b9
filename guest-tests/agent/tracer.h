/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's tracer: BPF programs on the block layer, the scheduler and
 * sched_ext, whose records go to the agent's channel. One thread uses it.
 */
#ifndef SS_TRACER_H
#define SS_TRACER_H

#include <stdbool.h>
#include <stddef.h>

#include "ss_sched.h"

struct tracer;

/* One record; @rec is valid during the call only. */
typedef void (*tracer_emit_fn)(void *ctx, const struct ss_rec *rec, size_t len);

/**
 * tracer_start() - load and attach the programs.
 * @out: freed by tracer_destroy(); set when the result isn't negative
 * @tasks: the stream of ss_sched.h, too
 * @emit: gets the records, called by this unit's functions only
 * @err: one line of text when the result isn't 0
 *
 * Return: 0 everything is traced; 1 something isn't, @err says what, why and
 * what a report can't tell then; a negative errno: nothing can be traced.
 */
int tracer_start(struct tracer **out, bool tasks, tracer_emit_fn emit, void *ctx, char *err,
		 size_t errlen);

/**
 * tracer_poll() - hand what is waiting to emit, without blocking.
 *
 * The rings never wake anybody: call it every 10 to 250 ms. It takes at most about
 * 300 KiB of records at a time.
 *
 * Return: whether it should be called again soon, as there is more or soon will be.
 */
bool tracer_poll(struct tracer *t);

/**
 * tracer_children() - say what this process's children are that it makes from here on.
 *
 * Their descendants are the same. Without it they are SS_TASK_OTHER. NULL is fine.
 */
void tracer_children(struct tracer *t, enum ss_task_class class);

/**
 * tracer_finish() - stop tracing, emit what is left and the histograms. Some programs stay.
 * @total: records made, and records lost for want of room
 *
 * Return: 0 or a negative errno. Once only; afterwards only tracer_destroy().
 */
int tracer_finish(struct tracer *t, struct ss_drops *total);

/** tracer_destroy() - detach if still attached, unload, free. NULL is fine. */
void tracer_destroy(struct tracer *t);

#endif /* SS_TRACER_H */
