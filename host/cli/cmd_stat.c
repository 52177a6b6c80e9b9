// SPDX-License-Identifier: GPL-2.0-only
/* stallscope stat and stallscope dump: look at a live run. */
#include "cli/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cmds.h"
#include "lib/number.h"

struct live_opts {
	const char *cmd;
	const char *name;
	bool json;
	unsigned int interval_s;
};

static error_t parse_name(int key, char *arg, struct live_opts *o)
{
	if (key == ARGP_KEY_ARG && o->name) {
		ss_err("%s: one run at a time ('%s' is a second one)", o->cmd, arg);
		return EINVAL;
	}
	if (key == ARGP_KEY_ARG) {
		o->name = arg;
		return 0;
	}
	if (key != ARGP_KEY_END)
		return ARGP_ERR_UNKNOWN;
	if (o->name)
		return 0;
	ss_err("%s: which run? Give its --name", o->cmd);
	return EINVAL;
}

static error_t parse_stat(int key, char *arg, struct argp_state *state)
{
	struct live_opts *o = state->input;
	uint64_t v;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case 'i':
		if (number_parse(arg, 3600, &v) || !v) {
			ss_err("--interval: '%s' is not a number of seconds (1 to 3600)", arg);
			return EINVAL;
		}
		o->interval_s = (unsigned int)v;
		return 0;
	default:
		return parse_name(key, arg, o);
	}
}

static error_t parse_dump(int key, char *arg, struct argp_state *state)
{
	return parse_name(key, arg, state->input);
}

/* --- stat --- */

static json_int_t figure(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* How long the device's longest stalled queue has waited so far, in ns; 0: none is stalled. */
static json_int_t stalled_for(const json_t *device)
{
	json_int_t longest = 0, ns;
	const json_t *queue;
	size_t i;

	json_array_foreach(json_object_get(device, "queues"), i, queue)
	{
		ns = figure(json_object_get(queue, "stalled"), "for_ns");
		longest = ns > longest ? ns : longest;
	}
	return longest;
}

static void print_disk(const json_t *disk)
{
	const json_t *c = json_object_get(disk, "counters"), *t = json_object_get(disk, "throttle");
	const json_t *limits = json_object_get(t, "limits");
	const json_t *wait = json_object_get(json_object_get(disk, "latency"), "queue_ns");

	printf("%-6s iops=%lld bps=%lld  %lld reads %lld writes %lld flushes  %lld stalls %lld errors"
	       "  wait p50 %.3g ms p99 %.3g ms",
	       json_string_value(json_object_get(disk, "name")), figure(limits, "iops"),
	       figure(limits, "bps"), figure(c, "reads_completed"), figure(c, "writes_completed"),
	       figure(c, "flushes_completed"), figure(c, "throttled_count"), figure(c, "io_errors"),
	       (double)figure(wait, "p50") / 1e6, (double)figure(wait, "p99") / 1e6);
	if (stalled_for(disk))
		printf("  STALLED for %.3g ms", (double)stalled_for(disk) / 1e6);
	putchar('\n');
}

static void print_net(const json_t *net)
{
	const json_t *c = json_object_get(net, "counters"), *p = json_object_get(net, "pressure");
	const json_t *limits = json_object_get(json_object_get(net, "throttle"), "limits");

	printf("%-6s pps=%lld bps=%lld  %lld frames sent %lld received %lld lost  %lld stalls",
	       json_string_value(json_object_get(net, "name")), figure(limits, "pps"),
	       figure(limits, "bps"), figure(c, "tx_packets"), figure(c, "rx_packets"),
	       figure(net, "lost"), figure(p, "throttled_count"));
	if (stalled_for(net))
		printf("  STALLED for %.3g ms", (double)stalled_for(net) / 1e6);
	putchar('\n');
}

static int print_stat(const struct live_opts *o, const json_t *answer)
{
	const json_t *device;
	size_t i;

	if (o->json)
		return ask_print(answer, o->interval_s ? JSON_COMPACT : JSON_INDENT(2));
	printf("%s: %.1f s, guest %s, workload %s\n", o->name,
	       json_number_value(json_object_get(answer, "seconds")),
	       json_is_true(json_object_get(answer, "guest_up")) ? "up" : "booting",
	       json_is_true(json_object_get(answer, "workload_running")) ? "running"
									 : "not running");
	json_array_foreach(json_object_get(answer, "disks"), i, device) print_disk(device);
	json_array_foreach(json_object_get(answer, "nets"), i, device) print_net(device);
	return ask_flush();
}

/* A run that has ended since the first answer is no error: *answer stays NULL. */
static int ask_again(const struct live_opts *o, const json_t *request, json_t **answer)
{
	char err[300];
	int ret = ctl_call(NULL, o->name, request, ASK_TIMEOUT_MS, answer, err, sizeof(err));

	if (!ret || ret == -ENOENT || ret == -EPROTO)
		return SS_EXIT_OK;
	ss_err("stat: %s", err);
	return SS_EXIT_FAIL;
}

int cmd_stat(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", 'j', NULL, 0, "Print JSON (with --interval one object a line)", 0 },
		{ "interval", 'i', "S", 0, "Again every S seconds, until the run ends", 0 },
		{ 0 },
	};
	const struct argp argp = { options,
				   parse_stat,
				   "NAME",
				   "Show the counters and gauges of a live run.\v"
				   "Exit status: 0 shown, 2 a bad value, 9 it can't be written, 21 "
				   "no such run, 1 the run doesn't answer.",
				   NULL,
				   NULL,
				   NULL };
	struct live_opts o = { .cmd = "stat" };
	bool shown = false;
	json_t *request;
	int ret = opts_parse(&argp, argc, argv, "stallscope stat", &o);

	if (ret)
		return ret;
	request = json_pack("{s:s}", "cmd", "stat");
	for (;;) {
		const struct timespec pause = { .tv_sec = o.interval_s };
		json_t *answer = NULL;

		ret = shown ? ask_again(&o, request, &answer)
			    : ask_run("stat", o.name, request, &answer);
		if (!ret && answer)
			ret = print_stat(&o, answer);
		if (ret || !answer || !o.interval_s) {
			json_decref(answer);
			break;
		}
		json_decref(answer);
		shown = true;
		nanosleep(&pause, NULL);
	}
	json_decref(request);
	return ret;
}

/* --- dump --- */

int cmd_dump(int argc, char **argv)
{
	const struct argp argp = {
		NULL,
		parse_dump,
		"NAME",
		"Print all there is to say of a live run's devices as JSON: rings, "
		"status, features, counters, throttle balances, who is stalled since "
		"when. The workers are parked for a moment, so that it is consistent."
		"\vExit status: 0 printed, 9 it can't be written, 21 no such run, 1 the run "
		"doesn't answer.",
		NULL,
		NULL,
		NULL
	};
	struct live_opts o = { .cmd = "dump" };
	json_t *request, *answer = NULL;
	int ret = opts_parse(&argp, argc, argv, "stallscope dump", &o);

	if (ret)
		return ret;
	request = json_pack("{s:s}", "cmd", "dump");
	ret = ask_run("dump", o.name, request, &answer);
	if (!ret)
		ret = ask_print(answer, JSON_INDENT(2));
	json_decref(request);
	json_decref(answer);
	return ret;
}
