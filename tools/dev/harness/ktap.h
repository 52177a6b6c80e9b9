/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads what a test program prints, as it prints it, and hands on valid KTAP
 * version 1 with the same results, whatever came in. Nothing that is wrong
 * passes: a result that is missing, unplanned, out of order or contradicted
 * by its own subtests turns into a failure.
 */
#ifndef KTAP_H
#define KTAP_H

#include <stdbool.h>
#include <stddef.h>

#define KTAP_LINE_MAX  1024
#define KTAP_DEPTH_MAX 6
#define KTAP_POST_MAX  4096

enum ktap_status { KTAP_PASS, KTAP_FAIL, KTAP_XFAIL, KTAP_SKIP };

/* One innermost test that has a result. */
struct ktap_result {
	const char *parent; /* names of the tests around it, joined by '/', or "" */
	const char *name;
	enum ktap_status status;
	const char *reason; /* of a skip or xfail, or "" */
};

struct ktap_counts {
	int passed, failed, xfailed, skipped;
};

struct ktap_sink {
	/* A line of valid KTAP without its newline, indented already. */
	void (*line)(void *arg, const char *line);
	/* Follows the line() of an innermost test's result. */
	void (*result)(void *arg, const struct ktap_result *r);
	/* A diagnostic's text, for the result that comes next. May be NULL. */
	void (*diag)(void *arg, const char *text);
	void *arg;
};

/* The results of one plan. */
struct ktap_level {
	bool version, planned, dissolved;
	int plan, seen;
	bool broken;	      /* something was wrong that no result says */
	bool failed;	      /* a result failed */
	bool children;	      /* the next result has subtests ... */
	bool child_failed;    /* ... and one of them failed */
	char subtest[256];    /* "# Subtest: " */
	char child_name[256]; /* that of the level below, when it's over */
	/* The last planned result waits for the end of its level, which may be bad. */
	bool held;
	struct ktap_held {
		bool ok, leaf;
		char name[512], directive[16], reason[256];
	} last;
	size_t post_len;
	char post[KTAP_POST_MAX]; /* diagnostics that came after it */
};

struct ktap {
	struct ktap_sink sink;
	int indent; /* of level 0, in levels of four spaces */
	int depth;  /* of the innermost open level */
	char name[256];
	char skip[256]; /* why all was skipped */
	struct ktap_counts counts;
	struct ktap_level level[KTAP_DEPTH_MAX];
};

/**
 * ktap_init() - begin to read a program's output.
 * @k:      state, about 40 KiB
 * @name:   the program's; it appears in the output
 * @indent: how deep the output is nested, in levels
 * @sink:   where it goes; called from ktap_line() and ktap_end()
 */
void ktap_init(struct ktap *k, const char *name, int indent, const struct ktap_sink *sink);

/** ktap_line() - take one line, without its newline. */
void ktap_line(struct ktap *k, const char *line);

/**
 * ktap_end() - the program has ended.
 * @k:   state
 * @bad: NULL when it ended as its results say, else what was wrong
 *
 * Makes up for what is missing. Returns how the program as a whole did:
 * KTAP_PASS, KTAP_FAIL or KTAP_SKIP. When it printed no result at all it
 * counts as one itself (and nothing was handed to the sink but diagnostics).
 */
enum ktap_status ktap_end(struct ktap *k, const char *bad);

/** ktap_peek() - the counts so far, with the last results that still wait. */
struct ktap_counts ktap_peek(const struct ktap *k);

/** ktap_diag() - add a line of diagnostics of our own. */
void ktap_diag(struct ktap *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* KTAP_H */
