// SPDX-License-Identifier: GPL-2.0-only
/* Children: started without what is the agent's own, watched, ended with all of theirs. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char *const argv[], int out) __attribute__((noreturn));

static void become(char *const argv[], int out)
{
	sigset_t none;
	int null;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (!chdir("/"))
		execvp(argv[0], argv);
	/* Its output reaches the runner: these are its last words. */
	dprintf(STDERR_FILENO, "can't execute %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int child_start(struct child *c, char *const argv[])
{
	int out[2], err;
	pid_t pid;

	memset(c, 0, sizeof(*c));
	c->out = -1;
	if (pipe2(out, O_CLOEXEC))
		return -errno;
	/*
	 * Not posix_spawn() or vfork(): they wait for the child's exec, and a
	 * child that a bad scheduler never runs would take the agent with it.
	 */
	pid = fork();
	err = errno;
	if (!pid)
		become(argv, out[1]);
	close(out[1]);
	if (pid < 0) {
		close(out[0]);
		return -err;
	}
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETPIPE_SZ, OUT_PIPE);
	c->pid = c->pgid = pid;
	c->out = out[0];
	return 0;
}

static void mark(struct child *c, pid_t pid, int status)
{
	if (!c->pid || c->pid != pid)
		return;
	c->pid = 0;
	c->ended = true;
	c->status = status;
	c->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	c->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void child_reap(struct agent *a)
{
	int status;
	pid_t pid;

	/* PID 1 inherits every orphan: collect them all. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		mark(&a->sched.child, pid, status);
		mark(&a->work.child, pid, status);
	}
}

ssize_t child_read(struct child *c, void *buf, size_t size)
{
	ssize_t n;

	if (c->out < 0)
		return 0;
	n = read(c->out, buf, size);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n <= 0) {
		close(c->out);
		c->out = -1;
		return 0;
	}
	return n;
}

void child_kill(const struct child *c, int sig)
{
	if (c->pgid > 0)
		kill(-c->pgid, sig);
}

bool child_group_gone(const struct child *c)
{
	return c->pgid <= 0 || (kill(-c->pgid, 0) && errno == ESRCH);
}
