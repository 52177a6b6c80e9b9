/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Option values: numbers, sizes and the lists of --disk and --net, checked where they are
 * read so that a bad one is refused before anything is started.
 */
#ifndef SS_OPTS_H
#define SS_OPTS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/backing.h"
#include "io/throttle.h"

#define SS_OPTS_ERR_LEN 256

/**
 * struct disk_opts - one --disk.
 * @file: path of the backing file or block device, NULL for a temporary file;
 *	owned by the struct.
 * @size: bytes of the temporary file, 0 with @file.
 * @read_only: the guest sees a read-only disk.
 * @iops: operations a second, 0 unlimited.
 * @bps: bytes a second, 0 unlimited.
 * @iops_burst: capacity of the ops bucket, 0 for one second's worth.
 * @bps_burst: capacity of the bytes bucket in bytes, 0 for one second's worth.
 * @profile: path of a pressure profile, NULL none; owned by the struct.
 * @backing: how its file is read and written.
 * @group: the throttle's name, shared by all disks that give it, NULL none; owned.
 * @queues: request queues, each with a worker.
 * @worker_cpus: list of CPUs for the workers, in turn, NULL for any; owned.
 */
struct disk_opts {
	char *file;
	uint64_t size;
	bool read_only;
	uint64_t iops;
	uint64_t bps;
	uint64_t iops_burst;
	uint64_t bps_burst;
	char *profile;
	char *group;
	uint64_t queues;
	char *worker_cpus;
	enum backing_kind backing;
};

/**
 * struct net_opts - one --net.
 * @backend: "loopback", a constant.
 * @mac: all zero for the device's default.
 * @mtu: its largest frame, without the Ethernet header.
 * @pps: frames sent a second, 0 unlimited.
 * @bps: bytes sent a second, 0 unlimited.
 * @pps_burst: @bps_burst: capacity of the buckets, 0 for one second's worth.
 */
struct net_opts {
	const char *backend;
	uint8_t mac[6];
	uint64_t mtu;
	uint64_t pps;
	uint64_t bps;
	uint64_t pps_burst;
	uint64_t bps_burst;
};

/**
 * opts_number() - parse a whole decimal number.
 * @s: the text; signs, blanks and anything after the digits are refused.
 * @max: largest value accepted.
 * @out: where the value goes.
 *
 * Return: 0, -EINVAL (not a number) or -ERANGE (larger than @max).
 */
int opts_number(const char *s, uint64_t max, uint64_t *out);

/**
 * opts_size() - parse bytes with an optional suffix K, M, G or T (powers of 1024).
 *
 * Return: 0, -EINVAL or -ERANGE (does not fit 63 bits: it must also be an off_t).
 */
int opts_size(const char *s, uint64_t *out);

/**
 * opts_disk() - parse "size=256M,iops=100,..." of a --disk option.
 * @s: the option's value; a comma inside a path is written twice.
 * @d: filled; disk_opts_free() it in any case.
 * @err: one line saying what is wrong and what would be right.
 *
 * Return: 0, -EINVAL, or -EDOM for limits that do not fit together.
 */
int opts_disk(const char *s, struct disk_opts *d, char err[SS_OPTS_ERR_LEN]);

/**
 * opts_net() - parse "loopback,mac=52:54:00:12:34:56,pps=100,..." of a --net option.
 * @s: the option's value.
 * @n: filled; owns nothing.
 * @err: one line saying what is wrong and what would be right.
 *
 * Return: 0, -EINVAL, or -EDOM for limits that do not fit together.
 */
int opts_net(const char *s, struct net_opts *n, char err[SS_OPTS_ERR_LEN]);

#define OPTS_MAC_LEN 18

/** opts_mac_text() - a MAC address as --net takes it. Return: @text. */
const char *opts_mac_text(const uint8_t mac[6], char text[OPTS_MAC_LEN]);

/** opts_backing_name() - as backing= takes it. */
const char *opts_backing_name(enum backing_kind kind);

/** disk_opts_free() - free what @d owns. */
void disk_opts_free(struct disk_opts *d);

/** disk_opts_limits() - as the throttle takes them. */
struct throttle_limits disk_opts_limits(const struct disk_opts *d);

/** net_opts_limits() - the same of a network device. */
struct throttle_limits net_opts_limits(const struct net_opts *n);

/* --- for options whose value is a list of words --- */

/**
 * typedef opts_word_fn - take one word of a list.
 * @key: the word, or what is left of its '='.
 * @val: what is right of it, NULL without one.
 *
 * Return: 0, or -EINVAL after filling @err.
 */
typedef int (*opts_word_fn)(const char *key, const char *val, void *ctx, char *err);

/**
 * opts_words() - hand the words of a list to @fn, one after the other.
 * @opt: the option's name, for @err.
 * @s: the list; a comma inside a word is written twice.
 *
 * Return: 0; -EINVAL for a key that is given twice; or what @fn returned.
 */
int opts_words(const char *opt, const char *s, opts_word_fn fn, void *ctx,
	       char err[SS_OPTS_ERR_LEN]);

/** opts_need_value() - refuse a word without "=value". Return: 0 or -EINVAL. */
int opts_need_value(const char *opt, const char *key, const char *val, char err[SS_OPTS_ERR_LEN]);

/* A key whose value is a number: where in the options it goes. */
struct opts_key {
	const char *name;
	size_t offset; /* of a uint64_t */
	bool is_size;  /* opts_size(), else opts_number() */
};

/**
 * opts_value() - store a number.
 * @keys: ends with a NULL name.
 * @base: the struct that the offsets are in.
 *
 * Return: 0; -EINVAL after filling @err; -ENOENT if @key is none of @keys.
 */
int opts_value(const char *opt, const struct opts_key *keys, const char *key, const char *val,
	       void *base, char err[SS_OPTS_ERR_LEN]);

/**
 * opts_limits() - do limits fit together (D74)?
 * @ops: the key of the operations' rate, such as "iops".
 *
 * Return: 0; -EDOM or, for a rate that is too high, -EINVAL after filling @err.
 */
int opts_limits(const char *opt, const char *ops, const struct throttle_limits *limits,
		char err[SS_OPTS_ERR_LEN]);

/**
 * opts_parse() - argp_parse() that keeps to one line an error.
 * @argp: options; --help (-?) and --usage are added, --version isn't.
 * @name: what the help calls the program, such as "stallscope run".
 * @input: handed to the parser; the parser prints its own line with ss_err()
 *	and returns EINVAL for a bad value, EDOM for limits that do not fit.
 *
 * --help prints to standard output and exits with 0.
 *
 * Return: SS_EXIT_OK; or, after exactly one line on stderr, SS_EXIT_LIMITS where
 * the parser returned EDOM, else SS_EXIT_USAGE.
 */
int opts_parse(const struct argp *argp, int argc, char **argv, const char *name, void *input);

#endif /* SS_OPTS_H */
