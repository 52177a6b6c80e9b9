/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Option values that are lists of words, checked where they are read so
 * that a bad one is refused before anything is started.
 */
#ifndef SS_LIB_OPTS_H
#define SS_LIB_OPTS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_OPTS_ERR_LEN 256

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

/* A key whose value is a number, and where in the options it is stored. */
struct opts_key {
	const char *name;
	size_t offset; /* of a uint64_t */
	bool is_size;  /* number_size(), else number_parse() */
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
 * opts_parse() - argp_parse() that prints one line for an error.
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

#endif /* SS_LIB_OPTS_H */
