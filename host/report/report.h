/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A finished run and its reports. cmd_run fills a struct run_result, calls
 * report_analyse(), report_write_json() and report_print_text(); cmd_report
 * starts from the run.json.
 */
#ifndef SS_REPORT_REPORT_H
#define SS_REPORT_REPORT_H

#include <stdio.h>

#include "report/run_result.h"

#define REPORT_JSON_FILE "run.json"

/**
 * report_analyse() - attribute, from DIR/events.bin, into r->attr.
 *
 * Everything else in @r must be filled before; guest_missing is added to if
 * the guest's losses aren't known. Prints nothing.
 *
 * Return: 0 or a negative errno; the verdict is set to "can't tell" then.
 */
int report_analyse(struct run_result *r, const char *dir);

/** report_analyse_error() - why it failed, in words, from its negative errno. */
const char *report_analyse_error(int err);

/**
 * report_write_json() - write DIR/run.json, whole or not at all.
 *
 * Return: 0 or a negative errno; an older run.json stays then.
 */
int report_write_json(const struct run_result *r, const char *dir);

/** report_print_json() - the same on a stream. Return: 0 or a negative errno. */
int report_print_json(const struct run_result *r, FILE *f);

/**
 * report_read_json() - read DIR/run.json back.
 * @why: one line naming the fault, for -EPROTO and -EINVAL
 *
 * Return: 0, -ENOENT (no run.json), -EPROTO (damaged: not JSON), -EINVAL (JSON
 * but not a run's), or another negative errno.
 */
int report_read_json(struct run_result *r, const char *dir, char *why, size_t why_len);

/**
 * report_print_text() - one screen, 80 columns, for a person.
 *
 * Colour only if @f is a terminal and NO_COLOR isn't set.
 *
 * Return: 0 or a negative errno of the stream.
 */
int report_print_text(const struct run_result *r, FILE *f);

#endif /* SS_REPORT_REPORT_H */
