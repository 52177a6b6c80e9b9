// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test programs leave behind: processes, temporary files, mounts in
 * them, pins. A program's are found when it ends, those of a run that was killed
 * when the next one begins.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_job.h"
#include "ss_clean.h"

#define GRACE_S 0.25 /* for processes that are about to end */
#define KILL_S	10

/* 1 if the process was started with NAME=value, 0 if not, negative if it can't be told. */
static int has_env(pid_t pid, const char *name, const char *value)
{
	static char env[128 * 1024];
	size_t len = 0, name_len = strlen(name);
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < sizeof(env) - 1 && (n = read(fd, env + len, sizeof(env) - 1 - len)) > 0)
		len += n;
	close(fd);
	env[len] = '\0';
	for (size_t at = 0; at < len; at += strlen(env + at) + 1)
		if (!strncmp(env + at, name, name_len) && env[at + name_len] == '=')
			return !strcmp(env + at + name_len + 1, value);
	return -ENOENT;
}

/* ---- of a program that ended ---- */

static bool is_running_job(const struct run *run, pid_t pid)
{
	for (int i = 0; i < run->n_programs; i++)
		if (run->jobs[i].state == RUN_RUNNING && run->jobs[i].pid == pid)
			return true;
	return false;
}

static bool others_run(const struct run *run, const struct run_job *j)
{
	for (int i = 0; i < run->n_programs; i++)
		if (&run->jobs[i] != j && run->jobs[i].state == RUN_RUNNING)
			return true;
	return false;
}

/*
 * As the reaper of orphans we are the parent of all that the program left.
 * The next one after that pid, or 0; those that have ended are reaped.
 */
static pid_t next_leftover(const struct run *run, const struct run_job *j, pid_t after)
{
	char number[16];
	int mine;

	snprintf(number, sizeof(number), "%d", j->index);
	while ((after = ss_next_child(getpid(), after)) > 0) {
		if (after == j->pid || is_running_job(run, after) ||
		    waitpid(after, NULL, WNOHANG) == after)
			continue;
		mine = has_env(after, RUN_ENV_PROGRAM, number);
		/* One that hides its origin is killed with the last program that may have started it. */
		if (mine > 0 || (mine < 0 && !others_run(run, j)))
			return after;
	}
	return 0;
}

static int clear_processes(const struct run *run, struct run_job *j)
{
	double until = ss_now() + (j->timed_out ? 0 : GRACE_S);
	char path[64], comm[64];
	int left = 0;

	while (next_leftover(run, j, 0) && ss_now() < until)
		usleep(5000);
	for (pid_t pid = 0; !j->timed_out && (pid = next_leftover(run, j, pid)) > 0; left++) {
		strcpy(comm, "?");
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		ss_read_text(path, comm, sizeof(comm));
		ktap_diag(&j->ktap, "left a process behind: %d (%s)", pid, comm);
	}
	until = ss_now() + KILL_S;
	while (next_leftover(run, j, 0) && ss_now() < until) {
		for (pid_t pid = 0; (pid = next_leftover(run, j, pid)) > 0;)
			kill(pid, SIGKILL);
		usleep(5000);
	}
	return left;
}

static int clear_files(struct run_job *j)
{
	DIR *dir = opendir(j->tmp);
	struct dirent *e;
	int left = 0;

	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		/* A killed program couldn't clear up. */
		if (!j->timed_out)
			ktap_diag(&j->ktap, "left a temporary file behind: %s", e->d_name);
		left++;
	}
	if (dir)
		closedir(dir);
	if (ss_remove_tree(j->tmp)) {
		ktap_diag(&j->ktap, "%s can't be removed", j->tmp);
		left++;
	}
	return left;
}

int run_job_clear(const struct run *run, struct run_job *j)
{
	return clear_processes(run, j) + clear_files(j);
}

/* ---- of a run that was killed ---- */

static void kill_stale(const char *build)
{
	bool any = true;

	for (int i = 0; i < 1000 && any; i++) {
		DIR *proc = opendir("/proc");
		struct dirent *e;

		any = false;
		while (proc && (e = readdir(proc))) {
			pid_t pid = atoi(e->d_name);

			if (pid <= 1 || pid == getpid() || has_env(pid, RUN_ENV_DIR, build) <= 0)
				continue;
			if (!i)
				printf("# ending process %d of an earlier run\n", pid);
			kill(pid, SIGKILL);
			any = true;
		}
		if (proc)
			closedir(proc);
		if (any)
			usleep(10000);
	}
}

/* Pins, locks and sockets of stallscope runs that were killed with their tests. */
static void clear_runs(const char *build)
{
	char path[1024];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/tools/clear-runs", build);
	if (access(path, X_OK) ||
	    (access("/run/stallscope", F_OK) && access("/sys/fs/bpf/stallscope", F_OK)))
		return;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int make_dir(const char *build, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", build, name);
	return mkdir(path, 0777) && errno != EEXIST ? -errno : 0;
}

/**
 * run_begin() - take the build directory's tests/ for this run.
 *
 * Ends and removes what a killed run left there. Returns 0 or a negative
 * errno: -EBUSY when another run is at work.
 */
int run_begin(struct run *run)
{
	const char *build = run->opts.build;
	char path[1024];
	int ret;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return -errno;
	ret = make_dir(build, "tests", path, sizeof(path));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/tests/.lock", build);
	run->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (run->lock_fd < 0)
		return -errno;
	if (flock(run->lock_fd, LOCK_EX | LOCK_NB))
		return -EBUSY;
	kill_stale(build);
	clear_runs(build);
	snprintf(path, sizeof(path), "%s/tests/tmp", build);
	ret = ss_remove_tree(path);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/tests/logs", build);
	ret = ss_remove_tree(path);
	if (ret)
		return ret;
	ret = make_dir(build, "tests/tmp", path, sizeof(path));
	return ret ?: make_dir(build, "tests/logs", path, sizeof(path));
}

/** run_end() - remove what run_begin() made but the logs. */
void run_end(struct run *run)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/tests/tmp", run->opts.build);
	ss_remove_tree(path);
	/* Programs that were killed could not. */
	clear_runs(run->opts.build);
	close(run->lock_fd);
}
