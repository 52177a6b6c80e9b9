// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes, threads, file descriptors and temporary files that a test left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mntent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ss_harness_int.h"
#include "ss_clean.h"

#define TMP_PREFIX "ss-test."

/* ---- /proc ---- */

/**
 * ss_read_text() - read a small file, without the newline at its end.
 *
 * Returns its length or a negative errno; buf is then untouched.
 */
ssize_t ss_read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0) {
		n = -errno;
	} else {
		while (n > 0 && buf[n - 1] == '\n')
			n--;
		buf[n] = '\0';
	}
	close(fd);
	return n;
}

/* The lowest number above after among a directory's names that match; 0: none. */
static pid_t next_number(const char *path, pid_t after, int (*match)(pid_t pid, pid_t arg),
			 pid_t arg)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	pid_t best = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		pid_t n = atoi(e->d_name);

		if (n > after && (!best || n < best) && (!match || match(n, arg)))
			best = n;
	}
	closedir(dir);
	return best;
}

/** ss_next_task() - the next thread of pid after that one, 0 when there's none. */
pid_t ss_next_task(pid_t pid, pid_t after)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return next_number(path, after, NULL, 0);
}

static int is_live_child(pid_t pid, pid_t parent)
{
	char path[64], text[512], state, *p;
	int ppid;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (ss_read_text(path, text, sizeof(text)) <= 0)
		return 0;
	/* the name, in brackets, may hold anything */
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %c %d", &state, &ppid) == 2 && ppid == parent && state != 'Z';
}

/** ss_next_child() - the next live child of parent after that one, 0 when there's none. */
pid_t ss_next_child(pid_t parent, pid_t after)
{
	return next_number("/proc", after, is_live_child, parent);
}

/** ss_reap() - reap all children that have ended. Returns 1 if others live, else 0. */
int ss_reap(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid == 0;
}

/**
 * ss_kill_children() - end all children and, as their reaper, all descendants.
 * @parent: the calling process
 *
 * Returns 0, or -EBUSY if some still live after 10 s.
 */
int ss_kill_children(pid_t parent)
{
	for (int i = 0; i < 2000 && ss_reap(); i++) {
		for (pid_t pid = 0; (pid = ss_next_child(parent, pid)) > 0;)
			kill(pid, SIGKILL);
		usleep(5000);
	}
	return ss_reap() ? -EBUSY : 0;
}

/* ---- time and signals ---- */

/** ss_now() - CLOCK_MONOTONIC in seconds */
double ss_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/**
 * ss_catch_signals() - have a handler called when we are to end.
 * @handler: for SIGINT, SIGTERM and SIGHUP; SIG_DFL puts them back
 *
 * Without SA_RESTART: a wait returns.
 */
void ss_catch_signals(void (*handler)(int sig))
{
	const struct sigaction sa = { .sa_handler = handler };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

/* ---- temporary files ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

/* Returns how many mounts in that directory were undone. */
static int unmount_in(const char *dir)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	size_t len = strlen(dir);
	struct mntent *m;
	int n = 0;

	while (mounts && (m = getmntent(mounts)))
		if (!strncmp(m->mnt_dir, dir, len) && m->mnt_dir[len] == '/' &&
		    !umount2(m->mnt_dir, MNT_DETACH | UMOUNT_NOFOLLOW))
			n++;
	if (mounts)
		endmntent(mounts);
	return n;
}

/** ss_remove_tree() - rm -rf; what is mounted in it is unmounted. Returns 0 or -errno. */
int ss_remove_tree(const char *path)
{
	char *real = realpath(path, NULL);

	/* Once more, for mounts on top of mounts. */
	while (real && unmount_in(real))
		;
	free(real);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return access(path, F_OK) ? 0 : -EBUSY;
}

/* Removes directories of runs that were killed: nobody holds their lock. */
static void remove_stale(const char *root)
{
	DIR *dir = opendir(root);
	char path[512];
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		int fd;

		if (strncmp(e->d_name, TMP_PREFIX, strlen(TMP_PREFIX)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", root, e->d_name);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!flock(fd, LOCK_EX | LOCK_NB))
			ss_remove_tree(path);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/**
 * ss_tmp_make() - make a locked temporary directory under $TMPDIR or /tmp.
 *
 * Removes what killed runs left there. Returns 0 or a negative errno.
 */
int ss_tmp_make(struct ss_tmp *tmp)
{
	const char *root = getenv("TMPDIR") ?: "/tmp";
	int root_fd, ret = 0;

	if (strlen(root) > sizeof(tmp->base) - 24)
		root = "/tmp";
	/* Nobody may take ours for stale between its making and its locking. */
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	flock(root_fd, LOCK_EX);
	remove_stale(root);
	snprintf(tmp->base, sizeof(tmp->base), "%s/" TMP_PREFIX "XXXXXX", root);
	if (!mkdtemp(tmp->base)) {
		ret = -errno;
		goto out;
	}
	tmp->lock_fd = open(tmp->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tmp->lock_fd < 0 || flock(tmp->lock_fd, LOCK_EX | LOCK_NB)) {
		ret = -errno;
		rmdir(tmp->base);
		goto out;
	}
	snprintf(tmp->checked, sizeof(tmp->checked), "%s/tmp", tmp->base);
	snprintf(tmp->scratch, sizeof(tmp->scratch), "%s/scratch", tmp->base);
out:
	close(root_fd);
	return ret;
}

/** ss_tmp_fresh() - make both directories for the next test. Returns 0 or -errno. */
int ss_tmp_fresh(const struct ss_tmp *tmp)
{
	ss_remove_tree(tmp->checked);
	ss_remove_tree(tmp->scratch);
	return mkdir(tmp->checked, 0777) || mkdir(tmp->scratch, 0777) ? -errno : 0;
}

/** ss_tmp_leftovers() - name what is left in $TMPDIR; returns how many things. */
int ss_tmp_leftovers(const struct ss_tmp *tmp)
{
	DIR *dir = opendir(tmp->checked);
	struct dirent *e;
	int n = 0;

	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		printf("# left a temporary file behind: %s\n", e->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

/** ss_tmp_remove() - remove the directory and release its lock. */
void ss_tmp_remove(struct ss_tmp *tmp)
{
	if (!tmp->base[0])
		return;
	ss_remove_tree(tmp->base);
	close(tmp->lock_fd);
	tmp->base[0] = '\0';
}

/* ---- threads and file descriptors of the calling process ---- */

/* io_uring's kernel workers are tasks of the process that no test can join. */
static int count_threads(void)
{
	char path[64], comm[64];
	int n = 0;

	for (pid_t tid = 0; (tid = ss_next_task(getpid(), tid)) > 0;) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
		if (ss_read_text(path, comm, sizeof(comm)) >= 0 && strncmp(comm, "iou-", 4))
			n++;
	}
	return n;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_THREAD__
static void *idle_thread(void *arg)
{
	return arg;
}
#endif

/* ThreadSanitizer adds a thread of its own to a process's first: have it there already. */
static void start_runtime_threads(void)
{
#ifdef __SANITIZE_THREAD__
	pthread_t thread;

	if (!pthread_create(&thread, NULL, idle_thread, NULL))
		pthread_join(thread, NULL);
#endif
}

/** ss_leaks_take() - note what is open and how many threads run. */
void ss_leaks_take(struct ss_leaks *l)
{
	start_runtime_threads();
	for (int fd = 0; fd < SS_LEAKS_MAX_FD; fd++)
		l->fd[fd] = fcntl(fd, F_GETFD) >= 0;
	l->threads = count_threads();
}

/** ss_leaks_compare() - name what wasn't there before; sets out->failed if anything. */
void ss_leaks_compare(const struct ss_leaks *before, struct ss_outcome *out)
{
	char link[64], target[256];
	int threads, tries = 0;

	/* A joined thread may take a moment to disappear from /proc. */
	while ((threads = count_threads()) > before->threads && tries++ < 200)
		usleep(5000);
	if (threads > before->threads) {
		fprintf(stderr, "left %d thread(s) behind\n", threads - before->threads);
		out->failed = 1;
	}
	for (int fd = 0; fd < SS_LEAKS_MAX_FD; fd++) {
		ssize_t n;

		if (before->fd[fd] || fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		fprintf(stderr, "left file descriptor %d open (%s)\n", fd, target);
		out->failed = 1;
	}
}
