/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program while it runs.
 */
#ifndef RUN_JOB_H
#define RUN_JOB_H

#include "runner.h"

#define RUN_JOBS_MAX 64

/* In the environment of all that a run starts, so that it can be found again. */
#define RUN_ENV_DIR	"SS_RUN_DIR"	 /* the build directory */
#define RUN_ENV_PROGRAM "SS_RUN_PROGRAM" /* the program's number in the run */

struct run_stream {
	int fd;
	bool ended_line;
	size_t len;
	char line[KTAP_LINE_MAX];
};

struct run_job {
	struct run_program *p;
	int index;
	enum { RUN_WAITING, RUN_RUNNING, RUN_DONE } state;
	pid_t pid, runner;
	int pidfd, wait_status;
	bool timed_out, left_behind, complained;
	double begin, mark, limit; /* seconds; mark: when its last result came */
	struct run_stream out, err;
	struct ktap ktap;
	FILE *log;
	bool live; /* prints at once, else into held */
	FILE *held;
	char *held_text;
	size_t held_len;
	size_t diag_len;
	char diag[8192];  /* diagnostics since its last result */
	char tmp[512];	  /* its $TMPDIR */
	char reason[256]; /* why it was skipped */
	char **argv;
};

void printf_job(struct run_job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
double run_time_scale(void);

/* run_clear.c: returns how many things a finished program had left behind */
int run_job_clear(const struct run *run, struct run_job *j);

/* run_kmsg.c */
int run_kmsg_open(void);
void run_kmsg_read(const struct run *run);

#endif /* RUN_JOB_H */
