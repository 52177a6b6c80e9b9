/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be asked of a run while its guest runs: `stallscope throttle`,
 * `stat` and `dump`, through the control socket. On the runner's main thread.
 */
#ifndef SS_LIVE_H
#define SS_LIVE_H

#include <jansson.h>

#include "run/run_guest.h"

/**
 * live_answer() - answer a request ({"cmd":"stat"}, ...); a ctl_handler
 * @ctx: struct guest
 */
json_t *live_answer(void *ctx, const json_t *request);

/**
 * live_dump_file() - write the same as `stallscope dump` prints to DIR/dump.json
 *
 * While disks and guest memory are still there. Return: 0 or a negative errno.
 */
int live_dump_file(struct guest *g);

/** live_open() - listen for requests. Return: SS_EXIT_OK, or a status after one line */
int live_open(struct guest *g);

/**
 * live_profiles() - let the disks' profiles begin once the workload has, and
 * record how they change the limits
 */
void live_profiles(struct guest *g);

#endif /* SS_LIVE_H */
