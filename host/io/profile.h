/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pressure profiles: what a disk does over time, from a small text file
 * (Documentation/profiles.md). A profile is read once and never changes; what
 * it decides is a function of the time since the profile began and of the
 * request's number, so the same file gives the same decisions every time.
 *
 * The functions that decide take no lock, allocate nothing, and may be called
 * by any number of threads.
 */
#ifndef SS_IO_PROFILE_H
#define SS_IO_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/throttle.h"

#define PROFILE_MAX_TEXT    (4u << 20) /* bytes */
#define PROFILE_MAX_RULES   64
#define PROFILE_MAX_POINTS  65536			       /* of all traces together */
#define PROFILE_MAX_TIME    (7ULL * 24 * 3600 * 1000000000ULL) /* ns: a week */
#define PROFILE_MAX_DELAY   (60ULL * 1000000000ULL)
#define PROFILE_NEVER	    UINT64_MAX
#define PROFILE_MAX_CHANGES 4096 /* that profile_stalled_ns() follows */

struct profile;

/**
 * profile_load() - read a profile from a file
 * @out: owned by the caller, for profile_free()
 * @err: gets one line, "FILE:LINE: what is wrong and what would be right"
 *
 * Return: 0; -EINVAL for a bad profile; -EFBIG beyond PROFILE_MAX_TEXT;
 * -ENOMEM; or an errno of open() or read().
 */
int profile_load(const char *path, struct profile **out, char *err, size_t errlen);

/**
 * profile_parse() - the same from memory
 * @text: @len bytes, any bytes
 * @name: for messages
 *
 * Return: 0, -EINVAL, -EFBIG or -ENOMEM, with @err filled.
 */
int profile_parse(const char *text, size_t len, const char *name, struct profile **out, char *err,
		  size_t errlen);

/** profile_free() - NULL is fine */
void profile_free(struct profile *p);

/** profile_has_limits() - does it ever set limits? */
bool profile_has_limits(const struct profile *p);

/**
 * struct profile_limits - what a profile says of limits at some time
 * @set: it sets @limits; otherwise the disk's own hold
 * @until: this holds so long, ns since the profile began; PROFILE_NEVER: forever
 */
struct profile_limits {
	bool set;
	struct throttle_limits limits;
	uint64_t until;
};

/** profile_limits_at() - the limits that hold at @t, ns since the profile began */
void profile_limits_at(const struct profile *p, uint64_t t, struct profile_limits *out);

/** profile_stall_until() - when the stall that holds at @t ends; 0: none holds */
uint64_t profile_stall_until(const struct profile *p, uint64_t t);

/**
 * profile_stalled_ns() - how much of [@from, @to) the profile stalls, ns
 *
 * Looks at PROFILE_MAX_CHANGES changes of the profile at most, and counts what
 * it has seen by then: whoever asks must not work for as long as a stall was.
 */
uint64_t profile_stalled_ns(const struct profile *p, uint64_t from, uint64_t to);

/** profile_delay_ns() - by how much the completion of request @nr, granted at @t, is delayed */
uint64_t profile_delay_ns(const struct profile *p, uint64_t t, uint64_t nr);

/** profile_fails() - shall request @nr (from 0), granted at @t, fail? */
bool profile_fails(const struct profile *p, uint64_t t, uint64_t nr);

/**
 * struct profile_now - all of the above at once
 * @next: when limits or stall may next be different, PROFILE_NEVER
 */
struct profile_now {
	struct profile_limits limits;
	uint64_t stall_until;
	uint64_t delay_ns;
	bool fail;
	uint64_t next;
};

/** profile_eval() - everything about request @nr at @t */
void profile_eval(const struct profile *p, uint64_t t, uint64_t nr, struct profile_now *now);

#endif /* SS_IO_PROFILE_H */
