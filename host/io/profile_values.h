/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a profile: what profile_parse.c (statements) needs of profile_values.c. */
#ifndef SS_IO_PROFILE_VALUES_H
#define SS_IO_PROFILE_VALUES_H

#include "io/profile_int.h"

#define PROFILE_MS 1000000ULL

/* What a key may be; a statement names the keys it takes. */
enum profile_key {
	KEY_FROM = 1 << 0,
	KEY_TO = 1 << 1,
	KEY_IOPS = 1 << 2,
	KEY_BPS = 1 << 3,
	KEY_IOPS_BURST = 1 << 4,
	KEY_BPS_BURST = 1 << 5,
	KEY_PERIOD = 1 << 6,
	KEY_DUTY = 1 << 7,
	KEY_EVERY = 1 << 8,
	KEY_FOR = 1 << 9,
	KEY_FIRST = 1 << 10,
	KEY_SLOT = 1 << 11,
	KEY_CHANCE = 1 << 12,
	KEY_ADD = 1 << 13,
	KEY_REPEAT = 1 << 14,
	KEY_STALL = 1 << 15,
	NR_KEYS = 16,
};

#define KEYS_WINDOW (KEY_FROM | KEY_TO)
#define KEYS_RATES  (KEY_IOPS | KEY_BPS)
#define KEYS_LIMITS (KEYS_RATES | KEY_IOPS_BURST | KEY_BPS_BURST)

/* A statement's values as they were read. */
struct profile_values {
	unsigned int given; /* enum profile_key */
	uint64_t v[NR_KEYS];
	uint64_t for_max, add_max; /* of a range */
};

struct profile_parser {
	const char *name;
	unsigned int line;
	char *err;
	size_t errlen;
	struct profile *p;
	struct profile_rule *trace; /* that is open */
	unsigned int trace_line;
	unsigned int points; /* of all traces */
	bool seen_seed, seen_repeat;
};

/** profile_bad() - fill the parser's @err with "NAME:LINE: ..."; returns -EINVAL */
int profile_bad(struct profile_parser *ps, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * profile_time() - digits with a unit
 * @bare_ms: without one it's ms; otherwise only 0 may be without
 *
 * Return: 0, -EINVAL, or -ERANGE beyond PROFILE_MAX_TIME.
 */
int profile_time(const char *s, bool bare_ms, uint64_t *out);

/**
 * profile_read_values() - read KEY=VALUE words, cut in place
 * @allowed: enum profile_key, others are refused
 * @every_is_time: every= is a time, not a number of requests
 *
 * Return: 0 or -EINVAL, having said so.
 */
int profile_read_values(struct profile_parser *ps, char **word, unsigned int nr,
			unsigned int allowed, bool every_is_time, struct profile_values *v);

/** profile_need() - are all @keys given? Return: 0 or -EINVAL, having said so */
int profile_need(struct profile_parser *ps, const struct profile_values *v, unsigned int keys,
		 const char *what);

/** profile_set_limits() - limits from values, checked. Return: 0 or -EINVAL, having said so */
int profile_set_limits(struct profile_parser *ps, const struct profile_values *v,
		       struct throttle_limits *limits);

static inline unsigned int profile_key_index(unsigned int key)
{
	return (unsigned int)__builtin_ctz(key);
}

static inline uint64_t profile_get(const struct profile_values *v, unsigned int key)
{
	return v->v[profile_key_index(key)];
}

#endif /* SS_IO_PROFILE_VALUES_H */
