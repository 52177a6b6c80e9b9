// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test harness: starts the process of each test, relays what it prints,
 * enforces its time limit, judges how it ended and clears what it left.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ss_harness_int.h"
#include "ss_clean.h"

#define DEFAULT_TIMEOUT_S 30
#define OUTPUT_MAX	  (1024 * 1024) /* bytes of one test's output */
#define GRACE_S		  0.25		/* for processes that are about to end */
#define REAP_S		  0.05		/* between two looks for orphans to reap */

static struct {
	struct ss_outcome *out;
	struct ss_tmp tmp;
	int null_fd;
	pid_t pid;
	double scale;
	volatile sig_atomic_t signal;
} sup;

/* What one test printed and hasn't been relayed. */
struct relay {
	int fd;
	size_t len, total;
	char line[1024];
};

static void on_signal(int sig)
{
	sup.signal = sig;
}

/**
 * ss_supervisor_init() - make ready to run tests.
 *
 * Becomes the reaper of orphaned descendants, so that a test can't leave a
 * process behind unnoticed. Returns 0 or a negative errno.
 */
int ss_supervisor_init(void)
{
	const char *scale = getenv("SS_TEST_TIME_SCALE");
	int ret;

	sup.pid = getpid();
	sup.scale = scale ? atof(scale) : 1;
	if (!(sup.scale > 0 && sup.scale <= 1000))
		return -EINVAL;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return -errno;
	sup.out = mmap(NULL, sizeof(*sup.out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (sup.out == MAP_FAILED)
		return -errno;
	sup.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (sup.null_fd < 0)
		return -errno;
	ret = ss_tmp_make(&sup.tmp);
	if (ret)
		return ret;
	ss_catch_signals(on_signal);
	return 0;
}

/* ---- output of a test ---- */

static void relay_line(struct relay *r)
{
	for (size_t i = 0; i < r->len; i++)
		if ((unsigned char)r->line[i] < ' ' && r->line[i] != '\t')
			r->line[i] = '?';
	if (r->len)
		printf("# %.*s\n", (int)r->len, r->line);
	r->len = 0;
}

/* Reads what is there; false at the end. */
static bool relay_read(struct relay *r)
{
	char buf[4096];
	ssize_t n = read(r->fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	for (ssize_t i = 0; i < n; i++) {
		if (r->total == OUTPUT_MAX) {
			relay_line(r);
			printf("# (more than %d bytes of output, the rest is dropped)\n",
			       OUTPUT_MAX);
		}
		if (r->total++ >= OUTPUT_MAX)
			continue;
		if (buf[i] == '\n' || r->len == sizeof(r->line))
			relay_line(r);
		if (buf[i] != '\n' && buf[i] != '\r')
			r->line[r->len++] = buf[i];
	}
	return true;
}

/* ---- the life of a test's process ---- */

static void child(const struct ss_case *c, int fd)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != sup.pid)
		_exit(1);
	ss_catch_signals(SIG_DFL);
	dup2(sup.null_fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	if (sup.tmp.checked[0])
		setenv("TMPDIR", sup.tmp.checked, 1);
	ss_case_child(c, sup.out);
}

/* Where the threads of a test that hangs are. */
static void say_where(pid_t pid)
{
	char cmd[96], text[128];

	for (pid_t tid = 0; (tid = ss_next_task(pid, tid)) > 0;) {
		snprintf(cmd, sizeof(cmd), "/proc/%d/task/%d/comm", pid, tid);
		if (ss_read_text(cmd, text, sizeof(text)) < 0)
			continue;
		printf("# thread %d (%s)", tid, text);
		snprintf(cmd, sizeof(cmd), "/proc/%d/task/%d/wchan", pid, tid);
		if (ss_read_text(cmd, text, sizeof(text)) > 0)
			printf(" in %s", text);
		snprintf(cmd, sizeof(cmd), "/proc/%d/task/%d/syscall", pid, tid);
		if (ss_read_text(cmd, text, sizeof(text)) > 0)
			printf(", syscall %s", text);
		printf("\n");
	}
}

/*
 * Has it ended? Orphans of the test are ours to reap, at once: the test may be
 * waiting for one to disappear.
 */
static bool reap(pid_t pid, int *status)
{
	pid_t got;
	int any;

	while ((got = waitpid(-1, &any, WNOHANG)) > 0) {
		if (got != pid)
			continue;
		*status = any;
		return true;
	}
	return false;
}

/*
 * Relays output until the process has ended or the time is up. Returns true
 * when it ended by itself; then *status is its wait status.
 */
static bool watch(pid_t pid, struct relay *r, double deadline, int *status)
{
	/* Without pidfds (Linux before 5.3) look for its end 100 times a second. */
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	bool ended = false;

	for (;;) {
		struct pollfd p[2] = { { .fd = r->fd, .events = POLLIN },
				       { .fd = pidfd, .events = POLLIN } };
		double left = deadline - ss_now();

		if (reap(pid, status)) {
			ended = true;
			break;
		}
		if (left <= 0 || sup.signal)
			break;
		poll(p, 2, pidfd < 0 ? 10 : 1000 * (left < REAP_S ? left : REAP_S) + 1);
		if (p[0].revents && !relay_read(r))
			r->fd = -1;
	}
	if (pidfd >= 0)
		close(pidfd);
	return ended;
}

/* Processes that outlive their test: given a moment, then named and ended. */
static int leftovers(bool quiet)
{
	double until = ss_now() + (quiet ? 0 : GRACE_S);
	int n = 0;

	while (ss_reap() > 0 && ss_now() < until)
		usleep(5000);
	for (pid_t pid = 0; !quiet && (pid = ss_next_child(sup.pid, pid)) > 0; n++) {
		char path[64], comm[64] = "?";

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		ss_read_text(path, comm, sizeof(comm));
		printf("# left a process behind: %d (%s)\n", pid, comm);
	}
	if (ss_kill_children(sup.pid))
		printf("# a process it left behind can't be killed\n");
	return n;
}

/* NULL when the test ended as it should, else what was wrong. */
static const char *judge(const struct ss_case *c, int status, char *buf, size_t size)
{
	int want = c->test->opts.signal;

	if (WIFSIGNALED(status) && WTERMSIG(status) == want)
		return NULL;
	if (WIFSIGNALED(status))
		snprintf(buf, size, "crashed: signal %d (%s)%s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
	else if (!sup.out->finished)
		snprintf(buf, size, "called exit(%d) in the middle of the test",
			 WEXITSTATUS(status));
	else if (want && !sup.out->skipped)
		snprintf(buf, size, "should have ended by signal %d (%s)", want, strsignal(want));
	else
		return NULL;
	return buf;
}

static void report(const struct ss_case *c, bool broken, struct ss_totals *totals)
{
	const struct ss_outcome *out = sup.out;
	const char *title = c->test->opts.title;
	bool ok = !broken && !out->failed;
	const char *directive = "";

	if (broken || !(out->xfail || out->skipped)) {
		totals->failed += !ok;
		totals->passed += ok;
	} else if (out->failed && !out->xfail) {
		totals->failed++;
	} else if (out->failed) {
		ok = true;
		directive = " # XFAIL ";
		totals->xfailed++;
	} else if (out->skipped) {
		directive = " # SKIP ";
		totals->skipped++;
	} else {
		printf("# expected to fail (%s), but passed\n", out->reason);
		ok = false;
		totals->failed++;
	}
	printf("%s %d %s%s%s%s%s\n", ok ? "ok" : "not ok", c->number, c->name, title ? ": " : "",
	       title ?: "", directive, *directive ? out->reason : "");
}

static void die_of_signal(void)
{
	printf("Bail out! interrupted\n");
	fflush(stdout);
	ss_tmp_remove(&sup.tmp);
	ss_catch_signals(SIG_DFL);
	raise(sup.signal);
	_exit(128 + sup.signal);
}

/**
 * ss_case_supervise() - run one test in a process of its own and report it.
 * @c:      the test
 * @totals: struct ss_totals to add the result to
 */
void ss_case_supervise(struct ss_case *c, void *totals)
{
	double limit = (c->test->opts.timeout_s ?: DEFAULT_TIMEOUT_S) * sup.scale;
	struct relay r = { 0 };
	bool broken = false, ended;
	int fds[2], status = 0;
	char why[128];
	pid_t pid;

	memset(sup.out, 0, sizeof(*sup.out));
	snprintf(sup.out->scratch, sizeof(sup.out->scratch), "%s", sup.tmp.scratch);
	fflush(stdout);
	if (ss_tmp_fresh(&sup.tmp) || pipe2(fds, O_CLOEXEC)) {
		printf("# no temporary directory or pipe: %s\n", strerror(errno));
		report(c, true, totals);
		return;
	}
	pid = fork();
	if (pid < 0) {
		printf("# fork: %s\n", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		report(c, true, totals);
		return;
	}
	if (!pid) {
		close(fds[0]);
		child(c, fds[1]);
	}
	setpgid(pid, pid);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	r.fd = fds[0];
	ended = watch(pid, &r, ss_now() + limit, &status);
	if (!ended) {
		relay_line(&r);
		if (!sup.signal) {
			printf("# no end after %g s, killed\n", limit);
			say_where(pid);
		}
		broken = true;
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	if (leftovers(!ended))
		broken = true;
	while (r.fd >= 0 && relay_read(&r) && errno != EAGAIN)
		errno = 0;
	relay_line(&r);
	close(fds[0]);
	if (sup.signal)
		die_of_signal();
	if (ended && judge(c, status, why, sizeof(why))) {
		printf("# %s\n", why);
		broken = true;
	}
	if (ss_tmp_leftovers(&sup.tmp) && !broken && !sup.out->failed)
		broken = true;
	report(c, broken, totals);
}

/** ss_supervisor_exit() - remove what ss_supervisor_init() made. */
void ss_supervisor_exit(void)
{
	ss_tmp_remove(&sup.tmp);
}
