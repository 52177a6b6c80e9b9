// SPDX-License-Identifier: GPL-2.0-only
#include "opts.h"
#include "cpulist.h"
#include "exitcodes.h"
#include "log.h"
#include "virtio/blk.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int opts_number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	/* All digits first: "-1" and "12x" are not numbers, however large. */
	for (const char *p = s; *p; p++)
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
	for (; *s; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v) ||
		    v > max)
			return -ERANGE;
	*out = v;
	return 0;
}

int opts_size(const char *s, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	char digits[24];
	size_t n = strspn(s, "0123456789");
	unsigned int shift = 0;
	uint64_t v;
	int err;

	if (!n || strlen(s) > n + 1)
		return -EINVAL;
	if (s[n]) {
		const char *suffix = strchr(suffixes, toupper((unsigned char)s[n]));

		if (!suffix)
			return -EINVAL;
		shift = 10 * ((unsigned int)(suffix - suffixes) + 1);
	}
	if (n >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, s, n);
	digits[n] = '\0';
	err = opts_number(digits, INT64_MAX >> shift, &v);
	if (err)
		return err;
	*out = v << shift;
	return 0;
}

struct disk_key {
	const char *name;
	size_t offset;
	bool is_size;
};

static const struct disk_key disk_keys[] = {
	{ "size", offsetof(struct disk_opts, size), true },
	{ "iops", offsetof(struct disk_opts, iops), false },
	{ "bps", offsetof(struct disk_opts, bps), true },
	{ "iops_burst", offsetof(struct disk_opts, iops_burst), false },
	{ "bps_burst", offsetof(struct disk_opts, bps_burst), true },
	{ "queues", offsetof(struct disk_opts, queues), false },
};

static int disk_value(const char *key, const char *val, struct disk_opts *d, char *err)
{
	for (size_t i = 0; i < sizeof(disk_keys) / sizeof(disk_keys[0]); i++) {
		const struct disk_key *k = &disk_keys[i];
		uint64_t *field = (uint64_t *)((char *)d + k->offset);
		int ret;

		if (strcmp(key, k->name))
			continue;
		ret = k->is_size ? opts_size(val, field) : opts_number(val, INT64_MAX, field);
		if (ret == -ERANGE)
			snprintf(err, SS_OPTS_ERR_LEN, "--disk: %s=%s is too large", key, val);
		else if (ret)
			snprintf(err, SS_OPTS_ERR_LEN, "--disk: %s=%s is not a %s", key, val,
				 k->is_size ? "number of bytes (such as 4096, 64K or 256M)"
					    : "whole number");
		return ret ? -EINVAL : 0;
	}
	snprintf(
		err, SS_OPTS_ERR_LEN,
		"--disk: unknown key '%s' (known: size, file, ro, iops, bps, iops_burst, bps_burst, profile, group, queues, worker_cpus, backing)",
		key);
	return -EINVAL;
}

static int disk_backing(const char *val, struct disk_opts *d, char *err)
{
	static const char *const names[] = {
		[BACKING_AUTO] = "auto",
		[BACKING_SYNC] = "sync",
		[BACKING_URING] = "io_uring",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(val, names[i])) {
			d->backing = (enum backing_kind)i;
			return 0;
		}
	snprintf(err, SS_OPTS_ERR_LEN, "--disk: backing=%s is not auto, sync or io_uring", val);
	return -EINVAL;
}

/* The keys whose value is text. */
static char **disk_text(const char *key, struct disk_opts *d)
{
	if (!strcmp(key, "file"))
		return &d->file;
	if (!strcmp(key, "profile"))
		return &d->profile;
	if (!strcmp(key, "group"))
		return &d->group;
	return strcmp(key, "worker_cpus") ? NULL : &d->worker_cpus;
}

static int disk_word(char *word, struct disk_opts *d, char *err)
{
	char *val = strchr(word, '='), **text;

	if (!strcmp(word, "ro")) {
		d->read_only = true;
		return 0;
	}
	if (!val) {
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: '%s' wants a value (%s=...)", word, word);
		return -EINVAL;
	}
	*val++ = '\0';
	if (!strcmp(word, "backing"))
		return disk_backing(val, d, err);
	text = disk_text(word, d);
	if (!text)
		return disk_value(word, val, d, err);
	if (!*val) {
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: %s= names no %s", word,
			 text == &d->group	   ? "group"
			 : text == &d->worker_cpus ? "CPU"
						   : "file");
		return -EINVAL;
	}
	free(*text);
	*text = strdup(val);
	if (!*text) {
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: out of memory");
		return -EINVAL;
	}
	return 0;
}

/* Cut the next word at a lone comma in place, making "," of ",,". */
static char *disk_next_word(char **rest)
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

static int disk_check_limits(const struct disk_opts *d, char *err)
{
	if (d->iops_burst && d->iops_burst < d->iops)
		snprintf(
			err, SS_OPTS_ERR_LEN,
			"--disk: iops_burst=%llu is below iops=%llu (a burst holds at least one second)",
			(unsigned long long)d->iops_burst, (unsigned long long)d->iops);
	else if (d->bps_burst && d->bps_burst < d->bps)
		snprintf(
			err, SS_OPTS_ERR_LEN,
			"--disk: bps_burst=%llu is below bps=%llu (a burst holds at least one second)",
			(unsigned long long)d->bps_burst, (unsigned long long)d->bps);
	else if (d->iops_burst && !d->iops)
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: iops_burst= without iops= limits nothing");
	else if (d->bps_burst && !d->bps)
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: bps_burst= without bps= limits nothing");
	else
		return 0;
	return -EDOM;
}

static int disk_check(const struct disk_opts *d, char *err)
{
	cpu_set_t cpus;

	if (!d->queues || d->queues > BLK_MAX_QUEUES)
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: queues=%llu is not a number from 1 to %d",
			 (unsigned long long)d->queues, BLK_MAX_QUEUES);
	else if (d->worker_cpus && cpulist_parse(d->worker_cpus, &cpus))
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: worker_cpus=%s is not a list of CPUs (such as 0-3)",
			 d->worker_cpus);
	else if (d->file && d->size)
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: size= and file= exclude each other");
	else if (!d->file && !d->size)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: wants size=BYTES (a temporary file, not 0) or file=PATH");
	else if (d->size % 512)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: size=%llu is not a multiple of 512 bytes (a sector)",
			 (unsigned long long)d->size);
	else if (!d->file && d->read_only)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: ro wants file=PATH (an empty disk is no use)");
	else
		return disk_check_limits(d, err);
	return -EINVAL;
}

int opts_disk(const char *s, struct disk_opts *d, char err[SS_OPTS_ERR_LEN])
{
	char *copy = strdup(s), *rest = copy, *word;
	int ret = 0;

	*d = (struct disk_opts){ .queues = 1 };
	if (!copy) {
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: out of memory");
		return -EINVAL;
	}
	while (!ret && (word = disk_next_word(&rest)))
		ret = disk_word(word, d, err);
	free(copy);
	return ret ? ret : disk_check(d, err);
}

void disk_opts_free(struct disk_opts *d)
{
	free(d->file);
	free(d->profile);
	free(d->group);
	free(d->worker_cpus);
	d->file = d->profile = d->group = d->worker_cpus = NULL;
}

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
 * argp answers an unknown option with getopt's line and a second one that
 * repeats where help is; with ARGP_NO_ERRS it says nothing, and we say it once.
 * That flag silences its --help too, hence our own.
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
