// SPDX-License-Identifier: GPL-2.0-only
/* Writes what was measured into run.json and onto standard output. */
#include "run/run.h"
#include "lib/log.h"
#include "lib/time.h"
#include "lib/event_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A reader that stops early (| head) is no error, but half a JSON is one. */
static int print_report(struct run *run)
{
	int ret;

	clearerr(stdout);
	if (run->o.json) {
		ret = report_print_json(&run->r, stdout);
	} else {
		putchar('\n');
		ret = report_print_text(&run->r, stdout);
		if (!run_in_nested())
			run_tell_where(run);
		if (!ret && fflush(stdout))
			ret = -errno;
	}
	if (!ret || (ret == -EPIPE && !run->o.json))
		return SS_EXIT_OK;
	ss_err("can't write to standard output: %s; the figures are in %s/run.json", strerror(-ret),
	       run->out_name);
	return SS_EXIT_OUTPUT;
}

/* Are all records there, and could they be analysed? @analysed: 0, or why not. */
static int judge_records(const struct run *run, int analysed)
{
	const struct run_result *r = &run->r;

	if (r->events.unwritten) {
		ss_err("--out: %s: %" PRIu64 " records could not be stored: %s", run->out_name,
		       r->events.unwritten, strerror(r->events.error ? -r->events.error : ENOSPC));
		return SS_EXIT_OUTPUT;
	}
	/* Some file systems report a full disk only when the file is closed. */
	if (r->events.error) {
		ss_err("--out: %s/" EVENTS_FILE ": %s", run->out_name, strerror(-r->events.error));
		return SS_EXIT_OUTPUT;
	}
	if (analysed) {
		ss_err("the records in %s/" EVENTS_FILE " can't be analysed: %s", run->out_name,
		       report_analyse_error(analysed));
		return analysed == -ENOMEM ? SS_EXIT_FAIL : SS_EXIT_OUTPUT;
	}
	if (report_uncounted(r)) {
		ss_err("%" PRIu64 " trace records were lost without being counted",
		       report_uncounted(r));
		return SS_EXIT_LOST;
	}
	return SS_EXIT_OK;
}

int run_report(struct run *run, int status)
{
	struct run_result *r = &run->r;
	int ret;

	r->seconds = (double)(monotonic_ns() - run->started_ns) / 1e9;
	ret = report_analyse(r, run->out);
	if (!status)
		status = judge_records(run, ret);
	else if (ret)
		ss_warn("the records in %s/" EVENTS_FILE " can't be analysed: %s", run->out_name,
			report_analyse_error(ret));
	r->exit_status = status;
	ret = report_write_json(r, run->out);
	/* A full disk has been reported already. */
	if (ret && status != SS_EXIT_OUTPUT)
		ss_err("--out: %s/run.json: %s", run->out_name, strerror(-ret));
	if (ret && !status)
		status = SS_EXIT_OUTPUT;
	ret = print_report(run);
	return status ? status : ret;
}
