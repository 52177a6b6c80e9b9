// SPDX-License-Identifier: GPL-2.0-only
/* One mutant: put into the tree, built, tried on its tests, taken out again. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mutants.h"

#define BUILD_LIMIT_S 600
#define TEST_LIMIT_S  300 /* of a program; its tests have limits of their own */
#define SKIPPED	      4	  /* a test program's exit status */

static void say(struct result *r, enum verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct result *r, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	r->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(r->by, sizeof(r->by), fmt, ap);
	va_end(ap);
}

/* Builds the test programs and all they need. Returns true when they are there. */
static bool build(const struct programs *tests, int jobs, FILE *log)
{
	static char make[] = "make", flags[] = "CFLAGS=-O1 -w", o[] = "O=build";
	char *argv[MUT_TESTS_MAX + 5], j[16], *made[MUT_TESTS_MAX];
	struct command c = { .argv = argv, .log = log, .limit = BUILD_LIMIT_S };
	int n = 0, err;

	snprintf(j, sizeof(j), "-j%d", jobs);
	argv[n++] = make;
	argv[n++] = j;
	argv[n++] = flags;
	argv[n++] = o;
	for (int i = 0; i < tests->nr; i++) {
		if (asprintf(&made[i], "build/tests/%s", tests->name[i]) < 0)
			return false;
		argv[n++] = made[i];
	}
	argv[n] = NULL;
	err = command_run(&c);
	for (int i = 0; i < tests->nr; i++)
		free(made[i]);
	return !err && !c.status && !c.late;
}

/* Returns true if the program found something wrong, which is then in the result. */
static bool test_fails(const char *name, FILE *log, struct result *r, bool *skipped)
{
	char path[256], *argv[] = { path, NULL };
	struct command c = {
		.argv = argv, .log = log, .limit = TEST_LIMIT_S, .stop_at_failure = true
	};
	int err;

	*skipped = false;
	snprintf(path, sizeof(path), "build/tests/%s", name);
	fprintf(log, "== %s\n", name);
	fflush(log);
	err = command_run(&c);
	if (err)
		say(r, MUT_BROKEN, "%s: %s", name, strerror(-err));
	else if (c.interrupted)
		say(r, MUT_BROKEN, "interrupted");
	else if (c.failure[0])
		say(r, c.test_late ? MUT_HUNG : MUT_CAUGHT, "%s %s", name, c.failure);
	else if (c.late)
		say(r, MUT_HUNG, "%s, killed after %d s", name, TEST_LIMIT_S);
	else if (WIFSIGNALED(c.status))
		say(r, MUT_CAUGHT, "%s, ended by signal %d", name, WTERMSIG(c.status));
	else if (WEXITSTATUS(c.status) == SKIPPED)
		*skipped = true;
	else if (c.status)
		say(r, MUT_CAUGHT, "%s, exit status %d", name, WEXITSTATUS(c.status));
	else
		return false;
	return !*skipped;
}

/*
 * Most mutants are caught by the first program or one of the next few: the
 * others needn't be linked.
 */
static void try_tests(const struct programs *tests, FILE *log, struct result *r)
{
	int built = 0, all_skipped = 0;
	bool skipped;

	for (int i = 0; i < tests->nr; i++) {
		if (i == built) {
			const int more = i ? 4 * i : 1;
			struct programs some = { .nr = more < tests->nr - i ? more
									    : tests->nr - i };

			memcpy(some.name, tests->name + i, (size_t)some.nr * sizeof(some.name[0]));
			built += some.nr;
			if (!build(&some, 1, log)) {
				say(r, mutants_signal ? MUT_BROKEN : MUT_NOT_BUILT, "%s",
				    mutants_signal ? "interrupted" : "does not build");
				return;
			}
		}
		if (test_fails(tests->name[i], log, r, &skipped))
			return;
		all_skipped += skipped;
	}
	if (all_skipped == tests->nr)
		say(r, MUT_SKIPPED, "its tests can't run here");
	else
		say(r, MUT_SURVIVED, "no test noticed");
}

static FILE *open_log(const char *dir, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.log", dir, name);
	f = fopen(path, "we");
	if (!f)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return f;
}

/* The source gets its text back with a time of now: what it was built into isn't current. */
static void try_at(const struct mutant *m, const struct place *p, FILE *log, struct result *r)
{
	struct programs tests = { 0 };
	struct stat st;
	size_t len;
	char *text = mutant_text(m, p, &len);

	fprintf(log, "%s: %s\n%s:%d\n- %s\n+ %s\n", m->name, m->what, p->path, p->line, m->find,
		m->with ?: "");
	if (!text || stat(p->path, &st) || mutant_programs(m, &tests) ||
	    tree_write(p->path, text, len, st.st_mode))
		say(r, MUT_BROKEN, "can't be put into %s", p->path);
	else
		try_tests(&tests, log, r);
	if (tree_write(p->path, p->text, p->len, st.st_mode))
		say(r, MUT_BROKEN, "can't be taken out of %s", p->path);
	for (int i = 0; i < tests.nr; i++)
		free(tests.name[i]);
	free(text);
}

/**
 * mutant_try() - try one mutant in the tree in the current directory.
 * @m:       the mutant
 * @log_dir: what was built and run is written to @log_dir/NAME.log
 * @r:       what came of it
 */
void mutant_try(const struct mutant *m, const char *log_dir, struct result *r)
{
	const double begin = seconds_now();
	FILE *log = open_log(log_dir, m->name);
	struct place p;

	*r = (struct result){ .verdict = MUT_BROKEN };
	if (!log || mutant_place(m, &p, true)) {
		say(r, MUT_BROKEN, "no log, or its place is gone");
	} else {
		try_at(m, &p, log, r);
		free(p.text);
	}
	r->seconds = seconds_now() - begin;
	if (log) {
		fprintf(log, "== %s, %.1f s\n", r->by, r->seconds);
		fclose(log);
	}
}

/**
 * mutants_baseline() - build the tree without mutants and run all tests on it.
 * @all:     the mutants to be tried
 * @log_dir: what was built and run is written to @log_dir/baseline.log
 * @jobs:    compilers at once
 *
 * A test that fails without any fault would catch all mutants. Returns 0 or a
 * negative errno, after saying what is wrong.
 */
int mutants_baseline(const struct mutants *all, const char *log_dir, int jobs)
{
	FILE *log = open_log(log_dir, "baseline");
	struct programs tests = { 0 };
	struct result r = { .verdict = MUT_SURVIVED };
	bool skipped;

	if (!log)
		return -EIO;
	for (int i = 0; i < all->nr; i++)
		if (mutant_programs(&all->mutant[i], &tests))
			return -ENOENT;
	if (!build(&tests, jobs, log))
		say(&r, MUT_NOT_BUILT, "the tree does not build");
	for (int i = 0; i < tests.nr && r.verdict == MUT_SURVIVED; i++)
		test_fails(tests.name[i], log, &r, &skipped);
	fclose(log);
	if (r.verdict == MUT_SURVIVED)
		return 0;
	fprintf(stderr, "without any mutant: %s (log: %s/baseline.log)\n", r.by, log_dir);
	return -EINVAL;
}
