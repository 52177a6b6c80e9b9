/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * make mutants: small faults put into the code one at a time, each of which
 * some test has to notice. Documentation/testing.md describes the data.
 */
#ifndef MUTANTS_H
#define MUTANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define MUTANTS_MAX   384
#define MUT_TESTS_MAX 64 /* test programs of one mutant */
#define MUT_JOBS_MAX  16
#define MUT_TEXT_MAX  200

struct mutant {
	char *name, *what;
	char *files; /* patterns of sources */
	char *in;    /* the function it lies in, or NULL */
	char *find, *with;
	char *tests; /* patterns of test programs, in the order to run them */
	char *data;  /* where it is described ... */
	int line;    /* ... and from which line on */
};

struct mutants {
	struct mutant mutant[MUTANTS_MAX];
	int nr;
};

/* Where a mutant goes. */
struct place {
	char path[256];
	char *text; /* the source as it is */
	size_t len;
	size_t start, end; /* what is replaced */
	int line;
};

/* Test programs, by the last part of their names. */
struct programs {
	char *name[MUT_TESTS_MAX];
	int nr;
};

enum verdict {
	MUT_CAUGHT,
	MUT_HUNG, /* caught by a time limit */
	MUT_SURVIVED,
	MUT_SKIPPED, /* all of its tests were */
	MUT_NOT_BUILT,
	MUT_BROKEN, /* couldn't be tried */
	MUT_VERDICTS
};

struct result {
	enum verdict verdict;
	char by[MUT_TEXT_MAX]; /* the test, or what went wrong */
	double seconds;
};

/* data.c */
int mutants_read(struct mutants *all, const char *dir);
int mutant_programs(const struct mutant *m, struct programs *out);

/* place.c */
int mutant_place(const struct mutant *m, struct place *out, bool quiet);
char *mutant_text(const struct mutant *m, const struct place *p, size_t *len);

/* tree.c */
int tree_sync(const char *to);
int tree_write(const char *path, const char *text, size_t len, mode_t mode);
char *tree_read(const char *path, size_t *len);

/* command.c */
struct command {
	char *const *argv;
	FILE *log;
	double limit;	      /* seconds */
	bool stop_at_failure; /* at the first failed test of the KTAP it prints */
	/* How it went: */
	int status; /* as wait() has it */
	bool late;
	bool interrupted;
	bool test_late; /* the failed test had no end */
	char failure[MUT_TEXT_MAX];
};

int command_run(struct command *c);
double seconds_now(void);
extern volatile int mutants_signal;

/* try.c */
void mutant_try(const struct mutant *m, const char *log_dir, struct result *r);
int mutants_baseline(const struct mutants *all, const char *log_dir, int jobs);

#endif /* MUTANTS_H */
