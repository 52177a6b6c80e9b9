/* SPDX-License-Identifier: GPL-2.0-only */
/* The tasks' part of the report for a person. */
#ifndef SS_REPORT_TASKS_TEXT_H
#define SS_REPORT_TASKS_TEXT_H

#include <stdio.h>

#include "analysis/tasks.h"

/**
 * tasks_text_print() - where the tasks' time went, and the longest waits with their chains.
 * @bold, @off: what turns bold on and off, "" for neither
 *
 * Prints nothing without a stream.
 */
void tasks_text_print(FILE *f, const char *bold, const char *off, const struct tasks *t);

#endif /* SS_REPORT_TASKS_TEXT_H */
