/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the harness' own files; tests include ss_harness.h only.
 */
#ifndef SS_HARNESS_INT_H
#define SS_HARNESS_INT_H

#include <sys/types.h>

#include "ss_harness.h"

#define SS_LEAKS_MAX_FD 1024

/* One run of a test: a test and, with a fixture that has variants, one of them. */
struct ss_case {
	const struct ss_test *test;
	const struct ss_variant *variant;
	int number; /* from 1, in the order of the run */
	char name[192];
};

/* Written by the test's process and its children, read by the supervisor. */
struct ss_outcome {
	int failed;
	int skipped;
	int xfail;
	int finished; /* the test came to its end, it didn't just exit */
	char reason[256];
	char scratch[128]; /* ss_tmpdir() */
};

struct ss_totals {
	int passed, failed, xfailed, skipped;
};

/* What the process had open and running when the test began. */
struct ss_leaks {
	unsigned char fd[SS_LEAKS_MAX_FD];
	int threads;
};

void ss_case_child(const struct ss_case *c, struct ss_outcome *out) __attribute__((noreturn));
void ss_leaks_take(struct ss_leaks *l);
void ss_leaks_compare(const struct ss_leaks *before, struct ss_outcome *out);
int ss_supervisor_init(void);
void ss_supervisor_exit(void);
void ss_case_supervise(struct ss_case *c, void *totals);

#endif /* SS_HARNESS_INT_H */
