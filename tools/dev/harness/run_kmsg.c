// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's log: a test under which the kernel complains has failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel_log.h"
#include "run_job.h"

/**
 * run_kmsg_open() - begin to watch the log.
 *
 * $SS_KMSG names another file of /dev/kmsg's format. Returns a descriptor, or
 * -1 where the log can't be read: then it isn't watched.
 */
int run_kmsg_open(void)
{
	int fd = open(getenv("SS_KMSG") ?: "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* One record: "PRIORITY,NUMBER,TIME,FLAGS;TEXT". */
static bool is_complaint(const char *record, const char **text)
{
	const char *semicolon = strchr(record, ';');

	/* Facility 0 is the kernel's own, others are written by programs. */
	if (!semicolon || record[0] == ' ' || atoi(record) >> 3)
		return false;
	*text = semicolon + 1;
	return kernel_complains(*text);
}

static void blame_running(const struct run *run, const char *text)
{
	for (int i = 0; i < run->n_programs; i++) {
		struct run_job *j = &run->jobs[i];

		if (j->state != RUN_RUNNING)
			continue;
		ktap_diag(&j->ktap, "the kernel's log: %s", text);
		j->complained = true;
	}
}

/**
 * run_kmsg_read() - see what the kernel has complained about since the last time.
 *
 * Any of the programs that run now may be the cause: all of them have failed.
 */
void run_kmsg_read(const struct run *run)
{
	char buf[16384], *save, *line;
	const char *text;
	ssize_t n;

	/* EPIPE: older records were overwritten before we came to read them. */
	while (run->kmsg_fd >= 0 &&
	       ((n = read(run->kmsg_fd, buf, sizeof(buf) - 1)) > 0 || (n < 0 && errno == EPIPE))) {
		if (n < 0)
			continue;
		buf[n] = '\0';
		for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			if (is_complaint(line, &text))
				blame_running(run, text);
	}
}
