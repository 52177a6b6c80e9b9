// SPDX-License-Identifier: GPL-2.0-only
/* Runs a compiler or a test program, to its end or until enough is known. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mutants.h"
#include "ss_clean.h"

#define TERM_GRACE_S 5 /* for a test program to clear up after itself */

volatile int mutants_signal;

/* What a command prints, line by line. */
struct output {
	struct command *c;
	int fd;
	size_t len;
	char line[1024];
	bool no_end; /* the harness said so of the test whose result follows */
};

double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void take_line(struct output *o)
{
	static const char no_end[] = "# no end after ", not_ok[] = "not ok ";
	const char *name = o->line + strlen(not_ok);
	struct command *c = o->c;

	o->line[o->len] = '\0';
	o->len = 0;
	if (!strncmp(o->line, no_end, strlen(no_end)))
		o->no_end = true;
	if (!strncmp(o->line, "ok ", 3))
		o->no_end = false;
	if (c->failure[0] || strncmp(o->line, not_ok, strlen(not_ok)) != 0)
		return;
	name += strspn(name, "0123456789 ");
	snprintf(c->failure, sizeof(c->failure), "%s", *name ? name : "?");
	c->test_late = o->no_end;
}

/* Reads what is there; false at the end. */
static bool take_output(struct output *o)
{
	char buf[4096];
	ssize_t n = read(o->fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (o->c->log)
		fwrite(buf, 1, (size_t)n, o->c->log);
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || o->len == sizeof(o->line) - 1)
			take_line(o);
		if (buf[i] != '\n')
			o->line[o->len++] = buf[i];
	}
	return true;
}

static void child(const struct command *c, pid_t parent, int out)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigaction(SIGINT, &dfl, NULL);
	sigaction(SIGTERM, &dfl, NULL);
	sigaction(SIGHUP, &dfl, NULL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(c->argv[0], c->argv);
	dprintf(STDERR_FILENO, "%s: %s\n", c->argv[0], strerror(errno));
	_exit(127);
}

/* Waits for its end, which may be brought about here. */
static void watch(struct command *c, pid_t pid, struct output *o)
{
	const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	double until = seconds_now() + c->limit;
	bool asked = false;

	while (waitpid(pid, &c->status, WNOHANG) != pid) {
		struct pollfd p[2] = { { .fd = o->fd, .events = POLLIN },
				       { .fd = pidfd, .events = POLLIN } };
		const double left = until - seconds_now();

		if (left <= 0) {
			c->late = !asked;
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &c->status, 0);
			break;
		}
		if (!asked && (mutants_signal || (c->stop_at_failure && c->failure[0]))) {
			asked = true;
			kill(-pid, SIGTERM);
			until = seconds_now() + TERM_GRACE_S;
			continue;
		}
		poll(p, 2, pidfd < 0 || left < 0.2 ? 20 : 200);
		if (p[0].revents && !take_output(o))
			o->fd = -1;
	}
	if (pidfd >= 0)
		close(pidfd);
}

/**
 * command_run() - run a command in the current directory.
 * @c: what to run; says afterwards how it went
 *
 * Whatever it leaves running is ended: the caller is a subreaper without other
 * children. A signal to the caller (mutants_signal) ends it early. Returns 0
 * or a negative errno when it couldn't be started.
 */
int command_run(struct command *c)
{
	struct output o = { .c = c };
	const pid_t parent = getpid();
	int fds[2];
	pid_t pid;

	c->status = 0;
	c->late = c->interrupted = c->test_late = false;
	c->failure[0] = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	if (c->log)
		fflush(c->log);
	pid = fork();
	if (!pid)
		child(c, parent, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	setpgid(pid, pid);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	o.fd = fds[0];
	watch(c, pid, &o);
	ss_kill_children(parent);
	while (o.fd >= 0 && take_output(&o) && errno != EAGAIN)
		errno = 0;
	take_line(&o);
	close(fds[0]);
	c->interrupted = mutants_signal;
	return 0;
}
