// SPDX-License-Identifier: GPL-2.0-only
/* Does the same run inside an emulated machine: starts it, passes interrupts on, and waits. */
#include "run/run_nested.h"
#include "lib/interrupt.h"
#include "lib/helper.h"
#include "lib/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NESTED_TIME_LIMIT 124 /* the starter's status at its time limit, after a message */

/*
 * In a process group of its own: a terminal's ctrl-C then comes to us only, and
 * is passed on once. It ends when we do, however we end.
 */
static pid_t start(struct nested_args *a)
{
	pid_t parent = getpid(), pid = fork();

	/* Both processes do this, so that the group is there before either goes on. */
	if (pid >= 0)
		setpgid(pid, pid);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(SS_EXIT_NESTED);
	setenv("STALLSCOPE_CALLER", "stallscope", 1);
	execv(a->v[0], a->v);
	ss_err("can't start %s: %s", a->v[0], strerror(errno));
	_exit(SS_EXIT_NESTED);
}

/*
 * Interrupts go to the whole group: until the machine runs, the starter is a script, which
 * acts on a signal only after the program it waits for has ended.
 */
static int wait_for(pid_t pid)
{
	/* An interrupt just before the sleep is seen after it. */
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int status, passed_on = 0;
	pid_t ret;

	while (!(ret = waitpid(pid, &status, WNOHANG))) {
		for (; passed_on < interrupts_seen(); passed_on++)
			kill(-pid, SIGINT);
		nanosleep(&pause, NULL);
	}
	if (ret < 0)
		return SS_EXIT_NESTED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (interrupts_seen())
		return SS_EXIT_INTERRUPTED;
	ss_err("the emulated machine's starter was ended by signal %d", WTERMSIG(status));
	return SS_EXIT_NESTED;
}

static bool measured(const struct run *run)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" REPORT_JSON_FILE, run->out);
	return !access(path, F_OK);
}

/* The runner inside has said what went wrong, unless it was killed: then we do. */
static int ended(struct run *run, int status)
{
	if (status && interrupts_seen() && !measured(run)) {
		/* Whatever status the interrupt led to. */
		status = SS_EXIT_INTERRUPTED;
	} else if (status == NESTED_TIME_LIMIT) {
		status = SS_EXIT_GUEST_TIMEOUT;
	} else if (status > SS_EXIT_LAST && status != SS_EXIT_INTERRUPTED) {
		ss_err("the runner inside the emulated machine ended with status %d", status);
		status = SS_EXIT_NESTED;
	}
	if (measured(run)) {
		if (!run->o.json)
			run_tell_where(run);
	} else if (status == SS_EXIT_INTERRUPTED) {
		ss_err("interrupted: nothing was measured");
	}
	return status;
}

int run_nested(struct run *run)
{
	struct nested_args a = { .n = 0 };
	char nested[PATH_MAX], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid;
	int ret;

	ret = nested_check_memory(run);
	if (ret)
		return ret;
	if (n < 0 || helper_find("nested", nested))
		return SS_EXIT_NESTED;
	self[n] = '\0';
	nested_machine_args(run, &a, nested, self);
	nested_run_args(run, &a, self);
	if (a.full) {
		ss_err("too many options for a run inside an emulated machine");
		nested_args_free(&a);
		return SS_EXIT_USAGE;
	}
	fflush(stdout);
	pid = start(&a);
	if (pid < 0) {
		ss_err("can't start the emulated machine: %s", strerror(errno));
		ret = SS_EXIT_NESTED;
	} else {
		ret = wait_for(pid);
	}
	nested_args_free(&a);
	return ended(run, ret);
}
