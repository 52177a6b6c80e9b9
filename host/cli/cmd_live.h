/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands that ask a live run share. */
#ifndef SS_CMD_LIVE_H
#define SS_CMD_LIVE_H

#include <jansson.h>

#include "live/ctl.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/opts.h"

/**
 * live_ask() - ask the run @name
 * @cmd: for messages
 * @answer: an object, the caller's
 *
 * Return: SS_EXIT_OK, or the exit status after one line on stderr.
 */
int live_ask(const char *cmd, const char *name, const json_t *request, json_t **answer);

/** live_flush() - has all been written? Return: SS_EXIT_OK, or SS_EXIT_OUTPUT after a line */
int live_flush(void);

/**
 * live_print() - an answer on standard output
 * @flags: json_dumpf()'s
 *
 * Return: as live_flush().
 */
int live_print(const json_t *answer, size_t flags);

#endif /* SS_CMD_LIVE_H */
