/* SPDX-License-Identifier: GPL-2.0-only */
/* Parsers of the command line: a run's options, and those of its devices. */
#ifndef SS_CLI_OPTS_H
#define SS_CLI_OPTS_H

#include "lib/opts.h"
#include "run/run_opts.h"

/**
 * run_opts_parse() - fill @o from a command line, defaults included.
 *
 * Looks at the words only, at no file. Prints one line and returns SS_EXIT_USAGE
 * on a bad option; prints the help and exits on --help.
 *
 * Return: SS_EXIT_OK, SS_EXIT_USAGE or SS_EXIT_LIMITS; run_opts_free() in any case.
 */
int run_opts_parse(int argc, char **argv, struct run_opts *o);

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

/**
 * opts_limits() - do these limits fit together (D74)?
 * @ops: the key of the operations' rate, such as "iops".
 *
 * Return: 0; -EDOM or, for a rate that is too high, -EINVAL after filling @err.
 */
int opts_limits(const char *opt, const char *ops, const struct throttle_limits *limits,
		char err[SS_OPTS_ERR_LEN]);

#endif /* SS_CLI_OPTS_H */
