// SPDX-License-Identifier: GPL-2.0-only
/* Parses lists of words as option values, and calls argp so that an error takes one line. */
#include "lib/opts.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- lists of words: KEY=VALUE,WORD,... --- */

#define MAX_WORDS 32

/* Cuts the next word off at a single comma, in place, turning ",," into ",". */
static char *next_word(char **rest)
{
	char *word = *rest, *to = word, *from = word;

	if (!word)
		return NULL;
	for (; *from; *to++ = *from++) {
		if (*from != ',')
			continue;
		if (from[1] != ',') {
			*to = '\0';
			*rest = from + 1;
			return word;
		}
		from++;
	}
	*to = '\0';
	*rest = NULL;
	return word;
}

/* Refuses a key that was given before, otherwise remembers it. */
static int check_new(const char *opt, const char *key, const char **seen, unsigned int *nr,
		     char *err)
{
	for (unsigned int i = 0; i < *nr; i++) {
		if (strcmp(seen[i], key))
			continue;
		snprintf(err, SS_OPTS_ERR_LEN, "%s: '%s' is given twice", opt, key);
		return -EINVAL;
	}
	if (*nr == MAX_WORDS) {
		snprintf(err, SS_OPTS_ERR_LEN, "%s: more than %d words", opt, MAX_WORDS);
		return -EINVAL;
	}
	seen[(*nr)++] = key;
	return 0;
}

int opts_words(const char *opt, const char *s, opts_word_fn fn, void *ctx,
	       char err[SS_OPTS_ERR_LEN])
{
	char *copy = strdup(s), *rest = copy, *word;
	const char *seen[MAX_WORDS];
	unsigned int nr = 0;
	int ret = 0;

	if (!copy) {
		snprintf(err, SS_OPTS_ERR_LEN, "%s: out of memory", opt);
		return -EINVAL;
	}
	while (!ret && (word = next_word(&rest))) {
		char *val = strchr(word, '=');

		if (!*word) {
			snprintf(err, SS_OPTS_ERR_LEN,
				 *s ? "%s: a comma too many (one inside a path is written twice)"
				    : "%s: is empty (see stallscope run --help)",
				 opt);
			ret = -EINVAL;
			break;
		}
		if (val)
			*val++ = '\0';
		ret = check_new(opt, word, seen, &nr, err);
		if (!ret)
			ret = fn(word, val, ctx, err);
	}
	free(copy);
	return ret;
}

int opts_need_value(const char *opt, const char *key, const char *val, char err[SS_OPTS_ERR_LEN])
{
	if (val)
		return 0;
	snprintf(err, SS_OPTS_ERR_LEN, "%s: '%s' wants a value (%s=...)", opt, key, key);
	return -EINVAL;
}

int opts_value(const char *opt, const struct opts_key *keys, const char *key, const char *val,
	       void *base, char err[SS_OPTS_ERR_LEN])
{
	for (const struct opts_key *k = keys; k->name; k++) {
		uint64_t *field = (uint64_t *)((char *)base + k->offset);
		int ret;

		if (strcmp(key, k->name))
			continue;
		ret = k->is_size ? number_size(val, field) : number_parse(val, INT64_MAX, field);
		if (ret == -ERANGE)
			snprintf(err, SS_OPTS_ERR_LEN, "%s: %s=%s is too large", opt, key, val);
		else if (ret)
			snprintf(err, SS_OPTS_ERR_LEN, "%s: %s=%s is not a %s", opt, key, val,
				 k->is_size ? "number of bytes (such as 4096, 64K or 256M)"
					    : "whole number");
		return ret ? -EINVAL : 0;
	}
	return -ENOENT;
}

/* --- argp --- */

struct opts_argp {
	void *input;
	char *name;
	int next; /* where argp stood when it gave up */
};

enum { OPTS_KEY_USAGE = -3 };

static error_t opts_argp_parser(int key, char *arg, struct argp_state *state)
{
	struct opts_argp *oa = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = oa->input;
		return 0;
	case '?':
		argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK,
			  oa->name);
		exit(SS_EXIT_OK);
	case OPTS_KEY_USAGE:
		argp_help(state->root_argp, stdout, ARGP_HELP_USAGE, oa->name);
		exit(SS_EXIT_OK);
	case ARGP_KEY_ERROR:
		oa->next = state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/*
 * For an unknown option argp prints getopt's line and a second one that points to
 * --help; with ARGP_NO_ERRS it prints nothing, and we print one line. That flag
 * silences its --help too, hence our own.
 */
int opts_parse(const struct argp *argp, int argc, char **argv, const char *name, void *input)
{
	static const struct argp_option help[] = {
		{ "help", '?', NULL, 0, "Give this help list", -1 },
		{ "usage", OPTS_KEY_USAGE, NULL, 0, "Give a short usage message", 0 },
		{ 0 },
	};
	struct argp_child children[] = { { argp, 0, NULL, 0 }, { 0 } };
	struct argp root = {
		.options = help,
		.parser = opts_argp_parser,
		.children = children,
	};
	struct opts_argp oa = { .input = input };
	error_t ret;
	unsigned int before = ss_err_count();
	char name_copy[64];

	snprintf(name_copy, sizeof(name_copy), "%s", name);
	oa.name = name_copy;
	ret = argp_parse(&root, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_NO_EXIT, NULL, &oa);
	if (!ret)
		return SS_EXIT_OK;
	if (ret == EDOM)
		return SS_EXIT_LIMITS;
	if (ss_err_count() == before)
		ss_err("'%s' is not an option, or lacks its value (see %s --help)",
		       oa.next > 1 && oa.next <= argc ? argv[oa.next - 1] : "?", name);
	return SS_EXIT_USAGE;
}
