/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A finished run, for the tests of what is made of it.
 */
#ifndef SS_TEST_RUN_WORLD_H
#define SS_TEST_RUN_WORLD_H

#include "report/report.h"

/* A run with everything in it: 40 throttled reads. Leaves DIR/events.bin, no run.json. */
void run_world_fill(struct run_result *r, const char *dir);
/* A whole file; valid until the next call. */
char *run_slurp(const char *path);
void run_put_file(const char *path, const char *content);
/* A report as a string, by way of the file @path; the caller frees it. */
char *run_as_text(const struct run_result *r, const char *path);
char *run_as_json(const struct run_result *r, const char *path);

#endif /* SS_TEST_RUN_WORLD_H */
