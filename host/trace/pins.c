// SPDX-License-Identifier: GPL-2.0-only
/* Pins a run's BPF maps, owns the run's name by a lock file, clears up after dead runs. */
#include "lib/run_name.h"
#include "trace/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/magic.h>

#define BPFFS	      "/sys/fs/bpf"
#define PINS_BASE     BPFFS "/stallscope"
#define LOCK_SUFFIX   ".lock"
#define LOCK_TRIES    20
#define DIR_LEN	      (sizeof(PINS_BASE) + RUN_NAME_MAX + 1)
#define LOCK_PAUSE_NS (10 * 1000 * 1000)

struct pins {
	int lock_fd;
	bool usable;
	char name[RUN_NAME_MAX + 1];
	char lock_dir[PATH_MAX / 2];
	char dir[DIR_LEN];
};

/* bpffs refuses names with dots; ':' can't be in a run's name. */
static void swap_chars(char *name, char from, char to)
{
	for (; *name; name++)
		if (*name == from)
			*name = to;
}

static void dir_path(const char *name, char path[DIR_LEN])
{
	int base = snprintf(path, DIR_LEN, PINS_BASE "/");

	snprintf(path + base, DIR_LEN - base, "%s", name);
	swap_chars(path + base, '.', ':');
}

static void lock_path(const char *dir, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s" LOCK_SUFFIX, dir, name);
}

static int find_lock_dir(char *dir, size_t len)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		snprintf(dir, len, "/run/stallscope");
	else if (runtime && runtime[0] == '/' && strlen(runtime) < len / 2)
		snprintf(dir, len, "%s/stallscope", runtime);
	else
		return -ENOENT;
	return 0;
}

/*
 * Takes the lock of @name without waiting. Its last owner may unlink the file between
 * our open and our lock: then the lock protects nothing, and we try again.
 * Return: the locked fd, -EWOULDBLOCK if somebody has it, another errno.
 */
static int lock_take(const char *dir, const char *name)
{
	struct stat by_fd, by_path;
	char path[PATH_MAX];
	int fd, ret, tries;

	lock_path(dir, name, path);
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (mkdir(dir, 0755) && errno != EEXIST)
			return -errno;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			ret = -errno;
			close(fd);
			return ret;
		}
		if (!fstat(fd, &by_fd) && !stat(path, &by_path) && by_fd.st_ino == by_path.st_ino &&
		    by_fd.st_dev == by_path.st_dev)
			return fd;
		close(fd);
	}
	return -EAGAIN;
}

static void lock_drop(const char *dir, const char *name, int fd)
{
	char path[PATH_MAX];

	lock_path(dir, name, path);
	unlink(path);
	close(fd);
	rmdir(dir); /* the last one takes the directory along */
}

/* A run that starts may hold the lock for a moment, to clear up after a dead one. */
static int lock_take_patiently(const char *dir, const char *name)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int fd, tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		fd = lock_take(dir, name);
		if (fd != -EWOULDBLOCK)
			return fd;
		nanosleep(&pause, NULL);
	}
	return fd;
}

static long lock_owner(const char *dir, const char *name)
{
	char path[PATH_MAX], text[32] = "";
	ssize_t n;
	int fd;

	lock_path(dir, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* Pins have no sub-directories. */
static void remove_dir(const char *path)
{
	struct dirent *e;
	DIR *d = opendir(path);

	if (!d)
		return;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(path);
}

static void clear_if_dead(const char *lock_dir, const char *name)
{
	char path[DIR_LEN];
	int fd;

	if (!run_name_valid(name))
		return;
	fd = lock_take(lock_dir, name);
	if (fd < 0)
		return;
	dir_path(name, path);
	remove_dir(path);
	lock_drop(lock_dir, name, fd);
}

/* Runs whose lock nobody holds are dead: removes their pins and lock files. */
static void clear_dead_runs(const char *lock_dir, const char *own)
{
	const size_t suffix = strlen(LOCK_SUFFIX);
	struct dirent *e;
	size_t len;
	DIR *d;

	d = opendir(PINS_BASE);
	while (d && (e = readdir(d))) {
		swap_chars(e->d_name, ':', '.');
		if (strcmp(e->d_name, own))
			clear_if_dead(lock_dir, e->d_name);
	}
	if (d)
		closedir(d);
	d = opendir(lock_dir);
	while (d && (e = readdir(d))) {
		len = strlen(e->d_name);
		if (len <= suffix || strcmp(e->d_name + len - suffix, LOCK_SUFFIX))
			continue;
		e->d_name[len - suffix] = '\0';
		if (strcmp(e->d_name, own))
			clear_if_dead(lock_dir, e->d_name);
	}
	if (d)
		closedir(d);
}

static int mount_bpffs(void)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs))
		return -errno;
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return -errno;
	return 0;
}

/* The last run removes the base directory: it may vanish under us. */
static int make_dir(struct pins *p)
{
	int tries;

	dir_path(p->name, p->dir);
	remove_dir(p->dir);
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (mkdir(PINS_BASE, 0755) && errno != EEXIST)
			return -errno;
		if (!mkdir(p->dir, 0755))
			return 0;
		if (errno != ENOENT)
			return -errno;
	}
	return -ENOENT;
}

static int own_name(struct pins *p, char *err, size_t errlen)
{
	int ret;

	ret = find_lock_dir(p->lock_dir, sizeof(p->lock_dir));
	if (ret) {
		snprintf(err, errlen,
			 "no place for the run's lock file: XDG_RUNTIME_DIR isn't set");
		return ret;
	}
	p->lock_fd = lock_take_patiently(p->lock_dir, p->name);
	if (p->lock_fd == -EWOULDBLOCK) {
		snprintf(err, errlen,
			 "a run named %s is alive (pid %ld); end it or choose another --name",
			 p->name, lock_owner(p->lock_dir, p->name));
		return -EEXIST;
	}
	if (p->lock_fd < 0) {
		ret = p->lock_fd;
		snprintf(err, errlen, "can't lock %s/%s" LOCK_SUFFIX ": %s", p->lock_dir, p->name,
			 strerror(-ret));
		return ret;
	}
	if (ftruncate(p->lock_fd, 0) || dprintf(p->lock_fd, "%d\n", getpid()) < 0) {
		ret = -errno;
		snprintf(err, errlen, "can't write %s/%s" LOCK_SUFFIX ": %s", p->lock_dir, p->name,
			 strerror(-ret));
		lock_drop(p->lock_dir, p->name, p->lock_fd);
		return ret;
	}
	return 0;
}

int pins_open(const char *name, struct pins **out, char *err, size_t errlen)
{
	struct pins *p;
	int ret;

	*out = NULL;
	if (!run_name_valid(name)) {
		snprintf(err, errlen,
			 "bad run name: 1 to %d letters, digits, dots, dashes or underscores",
			 RUN_NAME_MAX);
		return -EINVAL;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	snprintf(p->name, sizeof(p->name), "%s", name);
	ret = own_name(p, err, errlen);
	if (ret) {
		free(p);
		return ret;
	}
	*out = p;
	ret = mount_bpffs();
	clear_dead_runs(p->lock_dir, name);
	ret = ret ?: make_dir(p);
	if (ret) {
		snprintf(err, errlen, "nothing can be pinned under " PINS_BASE ": %s",
			 strerror(-ret));
		return 1;
	}
	p->usable = true;
	return 0;
}

static int pin_path(const struct pins *p, const char *file, char path[PATH_MAX])
{
	if (!p->usable)
		return -EOPNOTSUPP;
	if (!run_name_valid(file) || strchr(file, '.'))
		return -EINVAL;
	snprintf(path, PATH_MAX, "%s/%s", p->dir, file);
	return 0;
}

int pins_add(struct pins *p, const char *file, int fd)
{
	char path[PATH_MAX];
	int ret;

	ret = pin_path(p, file, path);
	if (ret)
		return ret;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

void pins_remove(struct pins *p, const char *file)
{
	char path[PATH_MAX];

	if (!pin_path(p, file, path))
		unlink(path);
}

const char *pins_dir(const struct pins *p)
{
	return p->usable ? p->dir : NULL;
}

void pins_close(struct pins *p)
{
	if (!p)
		return;
	if (p->usable) {
		remove_dir(p->dir);
		rmdir(PINS_BASE); /* the last one takes the directory along */
	}
	lock_drop(p->lock_dir, p->name, p->lock_fd);
	free(p);
}
