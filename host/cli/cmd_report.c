// SPDX-License-Identifier: GPL-2.0-only
/*
 * stallscope report: read a finished run again. Needs no VM and no rights.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cmds.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/opts.h"
#include "report/report.h"

struct report_opts {
	const char *dir;
	bool json, recompute;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print the run's figures as JSON (see run.schema.json)", 0 },
	{ "recompute", 'r', NULL, 0,
	  "Work the attribution out again from the run's event records instead of taking it from "
	  "run.json; the directory isn't changed",
	  0 },
	{ 0 },
};

static const char doc[] =
	"Print the report of a finished run.\v"
	"DIR is what 'stallscope run' left: run.json, events.bin, the guest's console log.\n\n"
	"Examples:\n"
	"  stallscope report build/demo\n"
	"  stallscope report --json build/demo | jq .verdict\n\n"
	"Exit status: 0 printed, 1 a damaged run, 2 DIR isn't a run's directory, 9 the report "
	"could not be written.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct report_opts *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case 'r':
		o->recompute = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->dir) {
			ss_err("report: one run directory at a time ('%s' is a second one)", arg);
			return EINVAL;
		}
		o->dir = arg;
		return 0;
	case ARGP_KEY_END:
		if (o->dir)
			return 0;
		ss_err("report: which run? Give its directory, such as build/demo");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int load(struct run_result *r, const char *dir)
{
	char why[200] = "";
	struct stat st;
	int err;

	if (stat(dir, &st)) {
		ss_err("report: %s: %s", dir, strerror(errno));
		return SS_EXIT_USAGE;
	}
	if (!S_ISDIR(st.st_mode)) {
		ss_err("report: %s is not a directory; give the run's directory", dir);
		return SS_EXIT_USAGE;
	}
	err = report_read_json(r, dir, why, sizeof(why));
	switch (err) {
	case 0:
		return SS_EXIT_OK;
	case -ENOENT:
		ss_err("report: %s is not a run's directory: it has no %s", dir, REPORT_JSON_FILE);
		return SS_EXIT_USAGE;
	case -EPROTO:
		ss_err("report: %s/%s is damaged: %s", dir, REPORT_JSON_FILE, why);
		return SS_EXIT_FAIL;
	case -EINVAL:
		ss_err("report: %s/%s can't be used: %s", dir, REPORT_JSON_FILE, why);
		return SS_EXIT_FAIL;
	default:
		ss_err("report: can't read %s/%s: %s", dir, REPORT_JSON_FILE, strerror(-err));
		return SS_EXIT_FAIL;
	}
}

int cmd_report(int argc, char **argv)
{
	const struct argp argp = { options, parse, "DIR", doc, NULL, NULL, NULL };
	struct report_opts o = { 0 };
	struct run_result *r;
	int status, err;

	status = opts_parse(&argp, argc, argv, "stallscope report", &o);
	if (status)
		return status;
	r = calloc(1, sizeof(*r));
	if (!r) {
		ss_err("report: out of memory");
		return SS_EXIT_FAIL;
	}
	status = load(r, o.dir);
	if (status)
		goto out;
	if (o.recompute) {
		err = report_analyse(r, o.dir);
		if (err) {
			ss_err("report: can't analyse the records in %s/%s: %s", o.dir, EVENTS_FILE,
			       report_analyse_error(err));
			status = SS_EXIT_FAIL;
			goto out;
		}
	}
	err = o.json ? report_print_json(r, stdout) : report_print_text(r, stdout);
	if (err) {
		ss_err("report: can't write the report: %s", strerror(-err));
		status = SS_EXIT_OUTPUT;
	}
out:
	free(r);
	return status;
}
