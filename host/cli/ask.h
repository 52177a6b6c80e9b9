/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands that ask a live run share. */
#ifndef SS_CLI_ASK_H
#define SS_CLI_ASK_H

#include <jansson.h>

#include "live/ctl.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/opts.h"

#define ASK_TIMEOUT_MS 5000

/**
 * ask_run() - ask the run @name
 * @cmd: for messages
 * @answer: an object, the caller's
 *
 * Return: SS_EXIT_OK, or the exit status after one line on stderr.
 */
int ask_run(const char *cmd, const char *name, const json_t *request, json_t **answer);

/** ask_flush() - has all been written? Return: SS_EXIT_OK, or SS_EXIT_OUTPUT after a line */
int ask_flush(void);

/**
 * ask_print() - an answer on standard output
 * @flags: json_dumpf()'s
 *
 * Return: as ask_flush().
 */
int ask_print(const json_t *answer, size_t flags);

#endif /* SS_CLI_ASK_H */
