/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test runner: which programs there are, running them, what came of it.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "ktap.h"

/* What a test program may need from the machine, as written in tools/tests/list. */
enum run_need {
	RUN_NEEDS_ROOT = 1 << 0,
	RUN_NEEDS_KVM = 1 << 1,	   /* tier 2: /dev/kvm, with or without hardware */
	RUN_NEEDS_GUEST = 1 << 2,  /* tier 3: a way to boot a Linux guest */
	RUN_ALONE = 1 << 3,	   /* nothing else may run meanwhile */
	RUN_NEEDS_SOURCE = 1 << 4, /* what it tests is the source tree or the build */
};

/* One innermost test's result, kept for the summary and the JUnit file. */
struct run_case {
	char *parent, *name, *text; /* text: a skip's reason, a failure's diagnostics */
	enum ktap_status status;
	double seconds;
};

struct run_program {
	char name[128]; /* TARGET:PROGRAM */
	char *target;
	char path[512];
	unsigned int needs; /* enum run_need */
	int timeout_s;
	enum ktap_status status;
	double seconds;
	struct ktap_counts counts;
	struct run_case *cases;
	int n_cases;
};

struct run_opts {
	const char *build; /* the build directory, absolute */
	const char *list;  /* tools/tests/list */
	char **targets;
	int n_targets;
	char **tests; /* names or globs */
	int n_tests;
	int jobs;
	bool one_more;	   /* at once, as long as all of them are in-process */
	int shard, shards; /* the part of the programs to run, from 1; of how many */
};

struct run_tiers {
	unsigned int missing;	   /* enum run_need */
	char kvm[160], guest[160]; /* how, or why not */
};

struct run {
	struct run_opts opts;
	struct run_tiers tiers;
	struct run_program *programs;
	int n_programs;
	int n_selected;		/* in all shards */
	bool others_test;	/* there is a shard other than ours that can run something */
	volatile int signal;	/* that interrupts the run; 0: none */
	struct run_job *jobs;	/* while they run */
	struct run_job **order; /* in which they start; results are printed in the list's */
	int lock_fd;
	int kmsg_fd;
};

/* run_list.c */
int run_list_read(struct run *run);
int run_list_select(struct run *run);
int run_list_print(const struct run *run);
void run_list_programs(const struct run *run);
void run_list_shard(struct run *run);

/* run_tiers.c */
void run_tiers_find(struct run_tiers *t);
const char *run_tiers_lacks(const struct run_tiers *t, unsigned int needs);

/* run_exec.c */
int run_exec_all(struct run *run);
int run_begin(struct run *run);
void run_end(struct run *run);

/* run_report.c */
int run_report(struct run *run);
void run_keep_case(struct run_program *p, const struct ktap_result *r, const char *text,
		   double seconds);

#endif /* RUNNER_H */
