// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the test programs, several at once if asked to, and prints what they
 * print: that of the first unfinished one live, that of the others in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_job.h"
#include "ss_clean.h"

#define REAP_S	  0.2  /* at most so long unnoticed: a SIGCHLD just before a wait */
#define GUEST_MIB 3072 /* that must be free for guests beside others */

/* ---- output ---- */

static void put_line(struct run_job *j, const char *line)
{
	if (j->live) {
		printf("%s\n", line);
		fflush(stdout);
	} else {
		fprintf(j->held, "%s\n", line);
	}
}

static void on_line(void *arg, const char *line)
{
	put_line(arg, line);
}

static void on_diag(void *arg, const char *text)
{
	struct run_job *j = arg;
	size_t need = strlen(text) + 1;

	if (j->diag_len + need > sizeof(j->diag))
		return;
	memcpy(j->diag + j->diag_len, text, need);
	j->diag_len += need;
	j->diag[j->diag_len - 1] = '\n';
}

static void on_result(void *arg, const struct ktap_result *r)
{
	struct run_job *j = arg;
	double now = ss_now();

	j->diag[j->diag_len < sizeof(j->diag) ? j->diag_len : sizeof(j->diag) - 1] = '\0';
	run_keep_case(j->p, r, r->status == KTAP_FAIL ? j->diag : r->reason, now - j->mark);
	j->mark = now;
	j->diag_len = 0;
}

static void stream_line(struct run_job *j, struct run_stream *s)
{
	char line[sizeof(s->line) + 4];

	s->line[s->len] = '\0';
	if (s == &j->err)
		snprintf(line, sizeof(line), "# %s", s->line);
	else
		memcpy(line, s->line, s->len + 1);
	if (s->len || s->ended_line)
		ktap_line(&j->ktap, line);
	s->len = 0;
}

/* Reads what is there. The program's own words go to its log as they are. */
static void stream_read(struct run_job *j, struct run_stream *s)
{
	char buf[8192];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
		return;
	}
	if (j->log)
		fwrite(buf, 1, n, j->log);
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || s->len == sizeof(s->line) - 1) {
			s->ended_line = true;
			stream_line(j, s);
		}
		if (buf[i] != '\n')
			s->line[s->len++] = buf[i] ?: '?';
	}
}

static void stream_finish(struct run_job *j, struct run_stream *s)
{
	for (int i = 0; i < 1024 && s->fd >= 0; i++) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };

		/* Someone we couldn't kill may hold it open. */
		if (poll(&p, 1, 0) <= 0)
			break;
		stream_read(j, s);
	}
	s->ended_line = false;
	stream_line(j, s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- beginning ---- */

static void child(const struct run *run, const struct run_job *j, int out, int err)
{
	char number[16];
	int null;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != j->runner)
		_exit(1);
	ss_catch_signals(SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	snprintf(number, sizeof(number), "%d", j->index);
	setenv(RUN_ENV_DIR, run->opts.build, 1);
	setenv(RUN_ENV_PROGRAM, number, 1);
	setenv("TMPDIR", j->tmp, 1);
	execv(j->p->path, j->argv);
	fprintf(stderr, "%s: %s\n", j->p->path, strerror(errno));
	_exit(127);
}

static int make_argv(const struct run *run, struct run_job *j)
{
	int n = 0;

	j->argv = calloc(2 + 2 * run->opts.n_tests, sizeof(*j->argv));
	if (!j->argv)
		return -ENOMEM;
	j->argv[n++] = j->p->path;
	for (int i = 0; i < run->opts.n_tests; i++) {
		j->argv[n++] = (char *)"-t";
		j->argv[n++] = run->opts.tests[i];
	}
	return 0;
}

static void log_name(const struct run *run, const struct run_job *j, char *buf, size_t size)
{
	const char *program = strchr(j->p->name, ':') + 1;

	snprintf(buf, size, "%s/tests/logs/%s.%s.log", run->opts.build, j->p->target, program);
}

static int start(const struct run *run, struct run_job *j)
{
	const struct ktap_sink sink = {
		.line = on_line, .result = on_result, .diag = on_diag, .arg = j
	};
	int out[2], err[2];
	char path[1024];

	if (make_argv(run, j))
		return -ENOMEM;
	snprintf(j->tmp, sizeof(j->tmp), "%s/tests/tmp/%d", run->opts.build, j->index);
	if (mkdir(j->tmp, 0700))
		return -errno;
	if (pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		close(out[0]);
		close(out[1]);
		return -EMFILE;
	}
	log_name(run, j, path, sizeof(path));
	j->log = fopen(path, "we");
	ktap_init(&j->ktap, j->p->name, 1, &sink);
	j->begin = j->mark = ss_now();
	j->limit = j->p->timeout_s * run_time_scale();
	j->runner = getpid();
	fflush(NULL);
	j->pid = fork();
	if (!j->pid)
		child(run, j, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	j->out.fd = out[0];
	j->err.fd = err[0];
	j->pidfd = j->pid > 0 ? syscall(SYS_pidfd_open, j->pid, 0) : -1;
	return j->pid > 0 ? 0 : -EAGAIN;
}

/* ---- end ---- */

/* What is wrong with how it ended, or NULL. */
static const char *judge(const struct run *run, struct run_job *j, char *buf, size_t size)
{
	struct ktap_counts c = ktap_peek(&j->ktap);
	int code = WEXITSTATUS(j->wait_status);

	if (run->signal)
		snprintf(buf, size, "interrupted");
	else if (j->timed_out)
		snprintf(buf, size, "no end after %g s, killed", j->limit);
	else if (WIFSIGNALED(j->wait_status))
		snprintf(buf, size, "ended by signal %d (%s)", WTERMSIG(j->wait_status),
			 strsignal(WTERMSIG(j->wait_status)));
	else if (j->complained)
		snprintf(buf, size, "the kernel complained");
	else if (j->left_behind)
		snprintf(buf, size, "left something behind");
	else if (code == 127)
		snprintf(buf, size, "can't be run, or ended with status 127");
	else if (code == 1 && !c.failed)
		snprintf(buf, size, "exit status 1, but no test failed");
	else if (code == 4 && (c.passed || c.failed || c.xfailed))
		snprintf(buf, size, "exit status 4 (skipped), but not all tests were");
	else if (code != 0 && code != 1 && code != 4)
		snprintf(buf, size, "exit status %d", code);
	else
		return NULL;
	return buf;
}

static void finish(struct run *run, struct run_job *j)
{
	char why[128], path[1024];
	struct run_program *p = j->p;

	if (run_job_clear(run, j))
		j->left_behind = true;
	stream_finish(j, &j->out);
	stream_finish(j, &j->err);
	run_kmsg_read(run);
	p->status = ktap_end(&j->ktap, judge(run, j, why, sizeof(why)));
	p->counts = j->ktap.counts;
	p->seconds = ss_now() - j->begin;
	if (!p->n_cases) {
		const struct ktap_result r = {
			.parent = "", .name = p->name, .status = p->status, .reason = j->ktap.skip
		};

		on_result(j, &r);
	}
	if (p->status == KTAP_SKIP)
		snprintf(j->reason, sizeof(j->reason), "%s",
			 j->ktap.skip[0] ? j->ktap.skip : "all of its tests were skipped");
	if (j->log)
		fclose(j->log);
	log_name(run, j, path, sizeof(path));
	if (p->status == KTAP_FAIL)
		printf_job(j, "    # log: %s", path);
	else
		unlink(path);
	if (j->pidfd >= 0)
		close(j->pidfd);
	free(j->argv);
	j->state = RUN_DONE;
}

void printf_job(struct run_job *j, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put_line(j, line);
}

/* A program that isn't run at all. */
static void dispose(struct run_job *j, enum ktap_status status, const char *reason)
{
	const struct ktap_result r = {
		.parent = "", .name = j->p->name, .status = status, .reason = reason
	};

	j->p->status = status;
	j->p->counts.skipped = status == KTAP_SKIP;
	j->p->counts.failed = status == KTAP_FAIL;
	if (status == KTAP_SKIP)
		snprintf(j->reason, sizeof(j->reason), "%s", reason);
	else
		printf_job(j, "# %s", reason);
	run_keep_case(j->p, &r, reason, 0);
	j->state = RUN_DONE;
}

/* ---- all of them ---- */

/* Prints, in the order they were to start in, all that may be printed by now. */
static void advance(struct run *run, int *front)
{
	while (*front < run->n_programs) {
		struct run_job *j = run->order[*front];

		if (!j->live) {
			fclose(j->held);
			fwrite(j->held_text, 1, j->held_len, stdout);
			free(j->held_text);
			j->live = true;
		}
		if (j->state == RUN_DONE)
			printf("%s %d %s%s%s\n", j->p->status == KTAP_FAIL ? "not ok" : "ok",
			       *front + 1, j->p->name, j->reason[0] ? " # SKIP " : "", j->reason);
		fflush(stdout);
		if (j->state != RUN_DONE)
			return;
		++*front;
	}
}

/* MiB that may be had, or a lot if nobody says. */
static long memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	long kib = LONG_MAX;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib / 1024;
}

static bool may_start(const struct run *run, const struct run_job *j)
{
	/* In-process tests sometimes sleep: another can have the CPU meanwhile. */
	const unsigned int busy = RUN_NEEDS_KVM | RUN_NEEDS_GUEST | RUN_NEEDS_SOURCE;
	unsigned int needs = 0;
	int running = 0, limit = run->opts.jobs;

	for (int i = 0; i < run->n_programs; i++) {
		if (run->jobs[i].state != RUN_RUNNING)
			continue;
		needs |= run->jobs[i].p->needs;
		running++;
	}
	if (run->opts.one_more && !((needs | j->p->needs) & busy))
		limit++;
	if (running >= limit || (running && ((needs | j->p->needs) & RUN_ALONE)))
		return false;
	return !(needs & j->p->needs & RUN_NEEDS_GUEST) || memory_available() >= GUEST_MIB;
}

/*
 * The longer it may take the sooner it starts, or all would wait for it at the
 * end; but those with guests come last: in the minutes they take, the rest has
 * long been told, and the first of them is seen live.
 */
static int by_limit(const void *a, const void *b)
{
	const struct run_job *const *x = a, *const *y = b;
	int guest = !!((*x)->p->needs & RUN_NEEDS_GUEST) - !!((*y)->p->needs & RUN_NEEDS_GUEST);
	int longer = (*y)->p->timeout_s - (*x)->p->timeout_s;

	if (guest)
		return guest;
	return longer ? longer : (*x)->index - (*y)->index;
}

static void start_more(struct run *run)
{
	for (int i = 0; i < run->n_programs; i++) {
		struct run_job *j = run->order[i];
		const char *lacks = run_tiers_lacks(&run->tiers, j->p->needs);
		int err;

		if (j->state != RUN_WAITING)
			continue;
		if (run->signal) {
			dispose(j, KTAP_FAIL, "not run: interrupted");
			continue;
		}
		if (lacks) {
			dispose(j, KTAP_SKIP, lacks);
			continue;
		}
		if (access(j->p->path, X_OK)) {
			dispose(j, KTAP_FAIL, "not built, or not executable");
			continue;
		}
		if (!may_start(run, j)) {
			/* Those after it must wait, or one that runs alone would never start. */
			if (j->p->needs & RUN_ALONE)
				return;
			continue;
		}
		err = start(run, j);
		if (err)
			dispose(j, KTAP_FAIL, strerror(-err));
		else
			j->state = RUN_RUNNING;
	}
}

/*
 * Programs that have ended are finished with. Orphans of theirs are ours to
 * reap, at once: a test may be waiting for one to disappear.
 */
static void reap(struct run *run)
{
	siginfo_t info = { .si_pid = 0 };

	while (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid) {
		struct run_job *job = NULL;

		for (int i = 0; i < run->n_programs && !job; i++)
			if (run->jobs[i].state == RUN_RUNNING && run->jobs[i].pid == info.si_pid)
				job = &run->jobs[i];
		waitpid(info.si_pid, job ? &job->wait_status : NULL, 0);
		if (job)
			finish(run, job);
		info.si_pid = 0;
	}
}

/* Waits until something happens and deals with it. Returns how many run. */
static int wait_some(struct run *run, struct run_job *jobs)
{
	struct pollfd p[3 * RUN_JOBS_MAX];
	struct run_job *who[RUN_JOBS_MAX];
	double next = ss_now() + REAP_S;
	int n = 0;

	for (int i = 0; i < run->n_programs && n < RUN_JOBS_MAX; i++) {
		struct run_job *j = &jobs[i];

		if (j->state != RUN_RUNNING)
			continue;
		p[3 * n] = (struct pollfd){ .fd = j->out.fd, .events = POLLIN };
		p[3 * n + 1] = (struct pollfd){ .fd = j->err.fd, .events = POLLIN };
		p[3 * n + 2] = (struct pollfd){ .fd = j->pidfd, .events = POLLIN };
		if (j->begin + j->limit < next && !j->timed_out)
			next = j->begin + j->limit;
		who[n++] = j;
	}
	next -= ss_now();
	if (n)
		poll(p, 3 * n, next > 0 ? next * 1000 + 1 : 0);
	for (int i = 0; i < n; i++) {
		struct run_job *j = who[i];
		bool late = ss_now() >= j->begin + j->limit || run->signal;

		if (p[3 * i].revents)
			stream_read(j, &j->out);
		if (p[3 * i + 1].revents)
			stream_read(j, &j->err);
		if (late && !j->timed_out) {
			j->timed_out = true;
			kill(j->pid, SIGKILL);
		}
	}
	run_kmsg_read(run);
	reap(run);
	return n;
}

/**
 * run_exec_all() - run all selected programs and print their results.
 *
 * Returns 0 or a negative errno; results are in run->programs.
 */
int run_exec_all(struct run *run)
{
	struct run_job *jobs = calloc(run->n_programs, sizeof(*jobs));
	int front = 0;

	run->order = calloc(run->n_programs, sizeof(struct run_job *));
	if (!jobs || !run->order)
		return -ENOMEM;
	for (int i = 0; i < run->n_programs; i++) {
		jobs[i].p = &run->programs[i];
		jobs[i].index = i;
		jobs[i].held = open_memstream(&jobs[i].held_text, &jobs[i].held_len);
		if (!jobs[i].held)
			return -ENOMEM;
		run->order[i] = &jobs[i];
	}
	qsort(run->order, run->n_programs, sizeof(*run->order), by_limit);
	run->jobs = jobs;
	printf("1..%d\n", run->n_programs);
	do {
		start_more(run);
		advance(run, &front);
		wait_some(run, jobs);
		advance(run, &front);
	} while (front < run->n_programs);
	run->jobs = NULL;
	free(run->order);
	free(jobs);
	return 0;
}
