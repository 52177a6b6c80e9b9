// SPDX-License-Identifier: GPL-2.0-only
/* Messages to the person at the terminal, a line each. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/text.h"

static int log_is_quiet;
static unsigned int log_errors;

/* One write() for each line, so that lines of several threads never mix. */
static void log_line(const char *prefix, const char *fmt, va_list ap)
{
	char line[2048];
	int n = snprintf(line, sizeof(line), "stallscope: %s", prefix);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	size_t len;
	ssize_t ignored;

	if (m < 0)
		return;
	/* It may quote a guest: no escape sequences, no second line. */
	text_clean(line);
	len = strlen(line);
	line[len++] = '\n';
	ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}

void ss_err(const char *fmt, ...)
{
	va_list ap;

	__atomic_fetch_add(&log_errors, 1, __ATOMIC_RELAXED);
	va_start(ap, fmt);
	log_line("", fmt, ap);
	va_end(ap);
}

unsigned int ss_err_count(void)
{
	return __atomic_load_n(&log_errors, __ATOMIC_RELAXED);
}

void ss_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("warning: ", fmt, ap);
	va_end(ap);
}

void ss_info(const char *fmt, ...)
{
	va_list ap;

	if (log_is_quiet)
		return;
	va_start(ap, fmt);
	log_line("", fmt, ap);
	va_end(ap);
}

void ss_log_quiet(int quiet)
{
	log_is_quiet = quiet;
}
