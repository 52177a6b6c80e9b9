// SPDX-License-Identifier: GPL-2.0-only
/* stallscope throttle: change a device's limits while its guest runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "io/throttle.h"
#include "lib/number.h"

#define MAX_ARGS 6

struct throttle_opts {
	const char *arg[MAX_ARGS]; /* NAME, DEVICE, KEY=VALUE... */
	unsigned int nr;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print the answer as JSON", 0 },
	{ 0 },
};

static const char doc[] =
	"Change the limits of a live run's disk or network device.\v"
	"NAME is the run's --name, DEVICE is disk0, disk1, ... (iops=, bps=, iops_burst=, bps_burst=) "
	"or net0, net1, ... (pps=, bps=, pps_burst=, bps_burst=). What isn't named stays as it is; a new "
	"rate without its burst has a bucket of one second. 0 is unlimited. Disks of one group change "
	"together.\n\n"
	"Example: stallscope throttle demo disk0 iops=50 bps=2M\n"
	"         stallscope throttle demo net0 pps=200\n\n"
	"Exit status: 0 changed, 2 a bad value, 6 no such disk, 9 changed, but the answer can't be "
	"written, 21 no such run, 22 a burst below its rate, 23 no such network device, 1 the run "
	"doesn't answer.";

/* The words for a kind of device and for its limits. */
struct limits_kind {
	const char *key; /* in the request; its devices' names begin with it */
	const char *what;
	struct {
		const char *name;
		bool is_size;
	} limit[4];
};

static const struct limits_kind disk_kind = {
	"disk",
	"a disk",
	{ { "iops", false }, { "bps", true }, { "iops_burst", false }, { "bps_burst", true } },
};

static const struct limits_kind net_kind = {
	"net",
	"a network device",
	{ { "pps", false }, { "bps", true }, { "pps_burst", false }, { "bps_burst", true } },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct throttle_opts *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->nr == MAX_ARGS) {
			ss_err("throttle: too many words ('%s'): NAME DEVICE and up to four limits",
			       arg);
			return EINVAL;
		}
		o->arg[o->nr++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (o->nr >= 3)
			return 0;
		ss_err("throttle: wants a run's name, a device and limits, such as: throttle demo disk0 iops=50");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int add_number(json_t *request, const char *word, const char *key, const char *val,
		      bool is_size)
{
	uint64_t v;
	int ret;

	if (json_object_get(request, key)) {
		ss_err("throttle: %s= is given twice", key);
		return SS_EXIT_USAGE;
	}
	ret = is_size ? number_size(val, &v) : number_parse(val, INT64_MAX, &v);
	if (ret == -ERANGE || (!ret && v > THROTTLE_MAX_RATE))
		ss_err("throttle: %s is too high: at most %llu", word, THROTTLE_MAX_RATE);
	else if (ret)
		ss_err("throttle: %s: '%s' is not a %s", word, val,
		       is_size ? "number of bytes (such as 4096, 64K or 2M)" : "whole number");
	else
		return json_object_set_new(request, key, json_integer((json_int_t)v)) ? SS_EXIT_FAIL
										      : SS_EXIT_OK;
	return SS_EXIT_USAGE;
}

/* Adds one KEY=VALUE to the request. Return: an exit status, after one line if it isn't 0. */
static int add_limit(json_t *request, const struct limits_kind *kind, const char *word)
{
	const char *val = strchr(word, '=');
	const size_t len = val ? (size_t)(val - word) : strlen(word);

	for (size_t i = 0; i < 4; i++) {
		const char *key = kind->limit[i].name;

		if (val && strlen(key) == len && !strncmp(word, key, len))
			return add_number(request, word, key, val + 1, kind->limit[i].is_size);
	}
	ss_err("throttle: '%s' is not a limit of %s (known: %s=, %s=, %s=, %s=)", word, kind->what,
	       kind->limit[0].name, kind->limit[1].name, kind->limit[2].name, kind->limit[3].name);
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

/* "disk0: iops=100 -> 50 bps=0", with bursts only where one is set. */
static void print_change(const struct limits_kind *kind, const json_t *answer)
{
	const json_t *old = json_object_get(answer, "old"), *new = json_object_get(answer, "new");
	const json_t *device;
	char list[8];
	size_t i;

	snprintf(list, sizeof(list), "%ss", kind->key);
	json_array_foreach(json_object_get(answer, list), i, device)
	{
		printf("%s:", json_string_value(device));
		for (unsigned int n = 0; n < 4; n++) {
			const char *name = kind->limit[n].name;
			const json_int_t a = json_integer_value(json_object_get(old, name));
			const json_int_t b = json_integer_value(json_object_get(new, name));

			if (n < 2 || a != b)
				print_limit(name, old, new, a != b);
		}
		putchar('\n');
	}
}

int cmd_throttle(int argc, char **argv)
{
	const struct argp argp = { options, parse, "NAME DEVICE LIMIT=VALUE...", doc, NULL,
				   NULL,    NULL };
	const struct limits_kind *kind;
	struct throttle_opts o = { .nr = 0 };
	json_t *request, *answer = NULL;
	int ret = opts_parse(&argp, argc, argv, "stallscope throttle", &o);

	if (ret)
		return ret;
	kind = strncmp(o.arg[1], net_kind.key, strlen(net_kind.key)) ? &disk_kind : &net_kind;
	request = json_pack("{s:s,s:s}", "cmd", "throttle", kind->key, o.arg[1]);
	if (!request) {
		ss_err("throttle: '%s' is not %s's name: %s0, %s1, ...", o.arg[1], kind->what,
		       kind->key, kind->key);
		return kind == &net_kind ? SS_EXIT_NET : SS_EXIT_DISK;
	}
	for (unsigned int i = 2; !ret && i < o.nr; i++)
		ret = add_limit(request, kind, o.arg[i]);
	if (!ret)
		ret = ask_run("throttle", o.arg[0], request, &answer);
	if (!ret && o.json) {
		ret = ask_print(answer, JSON_INDENT(2));
	} else if (!ret) {
		print_change(kind, answer);
		ret = ask_flush();
	}
	json_decref(request);
	json_decref(answer);
	return ret;
}
