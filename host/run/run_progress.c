// SPDX-License-Identifier: GPL-2.0-only
/* Progress and status lines on standard output while a run lasts. */
#include "lib/time.h"
#include "run/run.h"

#include <stdarg.h>
#include <unistd.h>

static void progress_line(struct run *run, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	printf("%s[%6.1f s] %s", run->progress_open ? "\r\033[K" : "",
	       (double)(monotonic_ns() - run->started_ns) / 1e9, line);
	run->progress_open = false;
}

void run_progress(struct run *run, const char *fmt, ...)
{
	va_list ap;

	if (run->o.json)
		return;
	va_start(ap, fmt);
	progress_line(run, fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void run_status_line(struct run *run, const char *fmt, ...)
{
	va_list ap;

	if (run->o.json || !isatty(STDOUT_FILENO))
		return;
	va_start(ap, fmt);
	progress_line(run, fmt, ap);
	va_end(ap);
	run->progress_open = true;
	fflush(stdout);
}

void run_tell_where(struct run *run)
{
	printf("\nEverything is in %s/ (run.json, events.bin, console.log)\n", run->out_name);
}
