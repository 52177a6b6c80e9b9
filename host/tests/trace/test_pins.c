// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins and the ownership of a run's name.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "lib/run_name.h"
#include "trace/pins.h"
#include "trace_util.h"

FIXTURE(pins)
{
	char name[64];
	char err[256];
	int map;
};

FIXTURE_SETUP(pins)
{
	snprintf(self->name, sizeof(self->name), "test-pins-%d", getpid());
	self->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "t", 4, 8, 1, NULL);
	if (self->map == -EPERM)
		SKIP("no permission for BPF");
	ASSERT_GE(self->map, 0);
	if (geteuid())
		SKIP("pins need root");
}

FIXTURE_TEARDOWN(pins)
{
	if (self->map >= 0)
		close(self->map);
}

static bool exists(const char *fmt, const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), fmt, name);
	return !lstat(path, &st);
}

#define PIN_FMT	 "/sys/fs/bpf/stallscope/%s/counters"
#define DIR_FMT	 "/sys/fs/bpf/stallscope/%s"
#define LOCK_FMT "/run/stallscope/%s.lock"

TEST(names, .title = "names of 1 to 64 of [A-Za-z0-9._-], but . and ..")
{
	char longest[66];

	memset(longest, 'x', sizeof(longest));
	longest[64] = '\0';
	EXPECT_TRUE(run_name_valid(longest));
	longest[64] = 'x';
	longest[65] = '\0';
	EXPECT_FALSE(run_name_valid(longest));
	EXPECT_TRUE(run_name_valid("aZ09._-"));
	EXPECT_TRUE(run_name_valid("..."));
	EXPECT_FALSE(run_name_valid(""));
	EXPECT_FALSE(run_name_valid("."));
	EXPECT_FALSE(run_name_valid(".."));
	EXPECT_FALSE(run_name_valid("a/b"));
	EXPECT_FALSE(run_name_valid("a b"));
	EXPECT_FALSE(run_name_valid("a:b"));
	EXPECT_FALSE(run_name_valid("a\n"));
	EXPECT_FALSE(run_name_valid("\xc3\xa4"));
}

TEST(bad_name, .title = "a bad name is refused in one line, nothing is made")
{
	char err[256] = "";
	struct pins *p;

	EXPECT_EQ(pins_open("../x", &p, err, sizeof(err)), -EINVAL);
	EXPECT_NULL(p);
	EXPECT_STRSTR(err, "name");
	EXPECT_NULL(strchr(err, '\n'));
}

TEST_F(pins, life, .title = "pins are there while the run is, and nothing is afterwards")
{
	struct pins *p;

	ASSERT_EQ(pins_open(self->name, &p, self->err, sizeof(self->err)), 0);
	ASSERT_EQ(pins_add(p, "counters", self->map), 0);
	EXPECT_TRUE(exists(PIN_FMT, self->name));
	EXPECT_TRUE(exists(LOCK_FMT, self->name));
	EXPECT_STRSTR(pins_dir(p), self->name);
	EXPECT_EQ(pins_add(p, "counters", self->map), -EEXIST);
	EXPECT_EQ(pins_add(p, "../counters", self->map), -EINVAL);
	EXPECT_EQ(pins_add(p, "a.b", self->map), -EINVAL);
	EXPECT_LT(pins_add(p, "nothing", -1), 0);
	pins_remove(p, "counters");
	EXPECT_FALSE(exists(PIN_FMT, self->name));
	EXPECT_EQ(pins_add(p, "counters", self->map), 0);
	pins_close(p);
	EXPECT_FALSE(exists(DIR_FMT, self->name));
	EXPECT_FALSE(exists(LOCK_FMT, self->name));
	pins_close(NULL);
}

TEST_F(pins, dots, .title = "a name with dots is pinned with colons, which bpffs takes")
{
	char name[80], dir[80];
	struct pins *p;

	snprintf(name, sizeof(name), "%s.a.b", self->name);
	snprintf(dir, sizeof(dir), "%s:a:b", self->name);
	ASSERT_EQ(pins_open(name, &p, self->err, sizeof(self->err)), 0);
	EXPECT_EQ(pins_add(p, "counters", self->map), 0);
	EXPECT_TRUE(exists(PIN_FMT, dir));
	EXPECT_STRSTR(pins_dir(p), dir);
	pins_close(p);
	EXPECT_FALSE(exists(DIR_FMT, dir));
}

TEST_F(pins, live_twin,
       .title = "the name of a live run is refused, with its pid, and its pins stay")
{
	struct pins *p, *twin;
	char pid[32];

	ASSERT_EQ(pins_open(self->name, &p, self->err, sizeof(self->err)), 0);
	ASSERT_EQ(pins_add(p, "counters", self->map), 0);
	EXPECT_EQ(pins_open(self->name, &twin, self->err, sizeof(self->err)), -EEXIST);
	EXPECT_NULL(twin);
	snprintf(pid, sizeof(pid), "pid %d", getpid());
	EXPECT_STRSTR(self->err, pid);
	EXPECT_STRSTR(self->err, self->name);
	EXPECT_TRUE(exists(PIN_FMT, self->name));
	pins_close(p);
	/* Free again. */
	ASSERT_EQ(pins_open(self->name, &p, self->err, sizeof(self->err)), 0);
	pins_close(p);
}

TEST_F(pins, live_neighbour, .title = "a start leaves the pins of other live runs alone")
{
	char other[80];
	struct pins *p, *q;

	snprintf(other, sizeof(other), "%s-other", self->name);
	ASSERT_EQ(pins_open(self->name, &p, self->err, sizeof(self->err)), 0);
	ASSERT_EQ(pins_add(p, "counters", self->map), 0);
	ASSERT_EQ(pins_open(other, &q, self->err, sizeof(self->err)), 0);
	EXPECT_TRUE(exists(PIN_FMT, self->name));
	pins_close(q);
	EXPECT_TRUE(exists(PIN_FMT, self->name));
	EXPECT_TRUE(exists(LOCK_FMT, self->name));
	pins_close(p);
}

/* A run that is killed as soon as it has pinned something. */
static void killed_run(struct ss_fx_pins *self)
{
	int pipefd[2], status;
	struct pins *p;
	char c;
	pid_t pid;

	ASSERT_EQ(pipe(pipefd), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (pins_open(self->name, &p, self->err, sizeof(self->err)) ||
		    pins_add(p, "counters", self->map) || write(pipefd[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipefd[1]);
	ASSERT_EQ(read(pipefd[0], &c, 1), 1);
	close(pipefd[0]);
	EXPECT_TRUE(exists(PIN_FMT, self->name));
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(pins, killed_same_name, .title = "what a killed run left goes when its name is used again")
{
	struct pins *p;

	killed_run(self);
	ASSERT_EQ(pins_open(self->name, &p, self->err, sizeof(self->err)), 0);
	EXPECT_FALSE(exists(PIN_FMT, self->name));
	EXPECT_EQ(pins_add(p, "counters", self->map), 0);
	pins_close(p);
	EXPECT_FALSE(exists(DIR_FMT, self->name));
}

TEST_F(pins, killed_other_name,
       .title = "what a killed run left goes with the next start of any run")
{
	char other[80];
	struct pins *p;

	killed_run(self);
	snprintf(other, sizeof(other), "%s-other", self->name);
	ASSERT_EQ(pins_open(other, &p, self->err, sizeof(self->err)), 0);
	EXPECT_FALSE(exists(DIR_FMT, self->name));
	EXPECT_FALSE(exists(LOCK_FMT, self->name));
	pins_close(p);
}

TEST_F(pins, stale_lock, .title = "a lock file that nobody locks is nobody's")
{
	char path[512];
	struct pins *p;
	int fd;

	mkdir("/run/stallscope", 0755);
	snprintf(path, sizeof(path), LOCK_FMT, self->name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(write(fd, "1\n", 2), 2);
	close(fd);
	ASSERT_EQ(pins_open(self->name, &p, self->err, sizeof(self->err)), 0);
	pins_close(p);
	EXPECT_FALSE(exists(LOCK_FMT, self->name));
}

/* Return: 0 as it should be, else which step wasn't. */
static int mount_anew(void)
{
	char name[64], err[256] = "";
	struct pins *p;
	int map;

	if (unshare(CLONE_NEWNS) || mount("none", "/sys", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	while (!umount2("/sys/fs/bpf", MNT_DETACH))
		;
	snprintf(name, sizeof(name), "test-mount-%d", getpid());
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "t", 4, 8, 1, NULL);
	if (map < 0)
		return 2;
	if (pins_open(name, &p, err, sizeof(err)))
		return 3;
	if (pins_add(p, "counters", map) || !exists(PIN_FMT, name))
		return 4;
	pins_close(p);
	if (exists(DIR_FMT, name))
		return 5;
	return 0;
}

TEST_F(pins, mounts, .title = "bpffs is mounted where it isn't yet")
{
	EXPECT_EQ(in_child(mount_anew), 0);
}

static int cannot_mount(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { .effective = 1 << CAP_DAC_OVERRIDE,
						    .permitted = 1 << CAP_DAC_OVERRIDE } };
	char name[64], err[256] = "";
	struct pins *p, *twin;
	int map;

	snprintf(name, sizeof(name), "test-nomount-%d", getpid());
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "t", 4, 8, 1, NULL);
	if (map < 0 || unshare(CLONE_NEWNS) ||
	    mount("none", "/sys", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	while (!umount2("/sys/fs/bpf", MNT_DETACH))
		;
	if (syscall(SYS_capset, &h, caps))
		return 2;
	if (pins_open(name, &p, err, sizeof(err)) != 1 || !p)
		return 3;
	if (!strstr(err, "/sys/fs/bpf") || strchr(err, '\n'))
		return 4;
	if (pins_add(p, "counters", map) != -EOPNOTSUPP || pins_dir(p))
		return 5;
	/* The name is owned all the same. */
	if (pins_open(name, &twin, err, sizeof(err)) != -EEXIST)
		return 6;
	pins_close(p);
	return exists(LOCK_FMT, name) ? 7 : 0;
}

TEST_F(pins, no_bpffs, .title = "where nothing can be pinned that is said, and the name is owned")
{
	EXPECT_EQ(in_child(cannot_mount), 0);
}

TEST_HARNESS_MAIN
