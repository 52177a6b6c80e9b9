// SPDX-License-Identifier: GPL-2.0-only
/* stallscope throttle: change a disk's limits while its guest runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_live.h"
#include "cmds.h"
#include "io/throttle.h"

#define MAX_ARGS 6

struct throttle_opts {
	const char *arg[MAX_ARGS]; /* NAME, DISK, KEY=VALUE... */
	unsigned int nr;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print the answer as JSON", 0 },
	{ 0 },
};

static const char doc[] =
	"Change the limits of a live run's disk.\v"
	"NAME is the run's --name, DISK is disk0, disk1, ... What isn't named stays as it is; a new "
	"rate without its burst has a bucket of one second. 0 is unlimited. Disks of one group change "
	"together.\n\n"
	"Example: stallscope throttle demo disk0 iops=50 bps=2M\n\n"
	"Exit status: 0 changed, 2 a bad value, 6 no such disk, 21 no such run, 22 a burst below its "
	"rate, 1 the run doesn't answer.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct throttle_opts *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->nr == MAX_ARGS) {
			ss_err("throttle: too many words ('%s'): NAME DISK and up to four limits",
			       arg);
			return EINVAL;
		}
		o->arg[o->nr++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (o->nr >= 3)
			return 0;
		ss_err("throttle: wants a run's name, a disk and limits, such as: throttle demo disk0 iops=50");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* One KEY=VALUE into the request. Return: an exit status, after one line. */
static int add_limit(json_t *request, const char *word)
{
	static const struct {
		const char *name;
		bool is_size;
	} keys[] = {
		{ "iops", false }, { "bps", true }, { "iops_burst", false }, { "bps_burst", true }
	};
	const char *val = strchr(word, '=');
	const size_t len = val ? (size_t)(val - word) : strlen(word);
	uint64_t v;
	int ret;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!val || strlen(keys[i].name) != len || strncmp(word, keys[i].name, len))
			continue;
		if (json_object_get(request, keys[i].name)) {
			ss_err("throttle: %s= is given twice", keys[i].name);
			return SS_EXIT_USAGE;
		}
		ret = keys[i].is_size ? opts_size(val + 1, &v)
				      : opts_number(val + 1, INT64_MAX, &v);
		if (ret == -ERANGE || (!ret && v > THROTTLE_MAX_RATE))
			ss_err("throttle: %s is too high: at most %llu", word, THROTTLE_MAX_RATE);
		else if (ret)
			ss_err("throttle: %s: '%s' is not a %s", word, val + 1,
			       keys[i].is_size ? "number of bytes (such as 4096, 64K or 2M)"
					       : "whole number");
		else
			return json_object_set_new(request, keys[i].name,
						   json_integer((json_int_t)v))
				       ? SS_EXIT_FAIL
				       : SS_EXIT_OK;
		return SS_EXIT_USAGE;
	}
	ss_err("throttle: '%s' is not a limit (known: iops=, bps=, iops_burst=, bps_burst=)", word);
	return SS_EXIT_USAGE;
}

static void print_limit(const char *name, const json_t *old, const json_t *new, bool changed)
{
	const json_int_t a = json_integer_value(json_object_get(old, name));
	const json_int_t b = json_integer_value(json_object_get(new, name));

	if (!changed)
		printf(" %s=%lld", name, b);
	else if (a != b)
		printf(" %s=%lld -> %lld", name, a, b);
}

/* "disk0: iops=100 -> 50 bps=0", bursts only where there is something to say. */
static void print_change(const json_t *answer)
{
	const json_t *old = json_object_get(answer, "old"), *new = json_object_get(answer, "new");
	static const char *const names[] = { "iops", "bps", "iops_burst", "bps_burst" };
	const json_t *disk;
	size_t i;

	json_array_foreach(json_object_get(answer, "disks"), i, disk)
	{
		printf("%s:", json_string_value(disk));
		for (unsigned int n = 0; n < 4; n++) {
			const json_int_t a = json_integer_value(json_object_get(old, names[n]));
			const json_int_t b = json_integer_value(json_object_get(new, names[n]));

			if (n < 2 || a != b)
				print_limit(names[n], old, new, a != b);
		}
		putchar('\n');
	}
}

int cmd_throttle(int argc, char **argv)
{
	const struct argp argp = {
		options, parse, "NAME DISK LIMIT=VALUE...", doc, NULL, NULL, NULL
	};
	struct throttle_opts o = { .nr = 0 };
	json_t *request, *answer = NULL;
	int ret = opts_parse(&argp, argc, argv, "stallscope throttle", &o);

	if (ret)
		return ret;
	request = json_pack("{s:s,s:s}", "cmd", "throttle", "disk", o.arg[1]);
	if (!request) {
		ss_err("throttle: '%s' is not a disk's name: disk0, disk1, ...", o.arg[1]);
		return SS_EXIT_DISK;
	}
	for (unsigned int i = 2; !ret && i < o.nr; i++)
		ret = add_limit(request, o.arg[i]);
	if (!ret)
		ret = live_ask("throttle", o.arg[0], request, &answer);
	if (!ret && o.json)
		ret = live_print(answer);
	else if (!ret)
		print_change(answer);
	json_decref(request);
	json_decref(answer);
	return ret;
}
