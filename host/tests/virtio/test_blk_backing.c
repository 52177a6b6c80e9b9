// SPDX-License-Identifier: GPL-2.0-only
/* Files as disks: opening, refusing, and the ops on a true file. */
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "io/backing.h"

static char path_buf[PATH_MAX];

static const char *path(const char *name)
{
	snprintf(path_buf, sizeof(path_buf), "%s/%s", ss_tmpdir(), name);
	return path_buf;
}

static const char *make_file(const char *name, off_t size)
{
	int fd = open(path(name), O_CREAT | O_RDWR | O_TRUNC, 0644);

	ASSERT_LE(0, fd);
	ASSERT_EQ(ftruncate(fd, size), 0);
	close(fd);
	return path_buf;
}

static void expect_refused(const char *file, bool ro, int ret, const char *text)
{
	struct backing *b = NULL;
	char err[256] = "";

	EXPECT_EQ(backing_open_file(file, ro, &b, err, sizeof(err)), ret);
	EXPECT_STRSTR(err, text);
	EXPECT_STRSTR(err, file);
	EXPECT_NULL(b);
	EXPECT_EQ(backing_open_file(file, ro, &b, NULL, 0), ret);
}

TEST(refused, .title = "missing, directory, empty, odd size, no disk: each its errno and line")
{
	expect_refused(path("none"), false, -ENOENT, "no such file");
	expect_refused(ss_tmpdir(), false, -EISDIR, "a directory");
	expect_refused(ss_tmpdir(), true, -EISDIR, "a directory");
	expect_refused(make_file("empty", 0), false, -ENODATA, "size 0");
	expect_refused(make_file("odd", 1000), false, -EINVAL,
		       "size 1000 is not a multiple of 512");
	expect_refused(make_file("tiny", 511), true, -EINVAL, "not a multiple");
	expect_refused("/dev/null", false, -ENOTBLK, "neither a file nor a block device");
	ASSERT_EQ(mkfifo(path("fifo"), 0644), 0);
	expect_refused(path("fifo"), true, -ENOTBLK, "neither");
	ASSERT_EQ(mkfifo(path("fifo2"), 0644), 0);
	expect_refused(path("fifo2"), false, -ENOTBLK, "neither");
	expect_refused(path("none/none"), true, -ENOENT, "no such file");
}

TEST(no_right, .title = "a file that may not be opened: EACCES, and what would help")
{
	const bool root = geteuid() == 0;

	ASSERT_EQ(chmod(make_file("mine", 4096), 0), 0);
	/* Root may all: become nobody, who from here needs no right to the way here. */
	if (root) {
		ASSERT_EQ(chmod(ss_tmpdir(), 0755), 0);
		ASSERT_EQ(chdir(ss_tmpdir()), 0);
		if (seteuid(65534))
			SKIP("can't become nobody: %s", strerror(errno));
	}
	expect_refused(root ? "mine" : path("mine"), false, -EACCES,
		       "no right to write it; ro opens it read-only");
	expect_refused(root ? "mine" : path("mine"), true, -EACCES, "no right to read it");
	/* As it was, for the harness and the sanitizers. */
	if (root) {
		ASSERT_EQ(seteuid(0), 0);
		ASSERT_EQ(chdir("/"), 0);
		ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	}
}

static ssize_t io(struct backing *b, bool write, void *buf, size_t len, uint64_t off)
{
	const struct iovec iov[] = { { buf, len / 2 }, { (char *)buf + len / 2, len - len / 2 } };

	return write ? b->ops->writev(b, iov, 2, off) : b->ops->readv(b, iov, 2, off);
}

static void exercise(struct backing *b)
{
	char out[4096], in[4096], zero[4096] = "";

	memset(out, 0x5a, sizeof(out));
	EXPECT_EQ(io(b, true, out, sizeof(out), 8192), 4096);
	EXPECT_EQ(io(b, false, in, sizeof(in), 8192), 4096);
	EXPECT_MEMEQ(in, out, sizeof(in));
	EXPECT_EQ(b->ops->flush(b), 0);
	EXPECT_EQ(b->ops->write_zeroes(b, 8192 + 512, 1024, false), 0);
	EXPECT_EQ(io(b, false, in, sizeof(in), 8192), 4096);
	EXPECT_MEMEQ(in + 512, zero, 1024);
	EXPECT_MEMEQ(in, out, 512);
	EXPECT_MEMEQ(in + 1536, out, 512);
	EXPECT_EQ(io(b, true, out, sizeof(out), 8192), 4096);
	EXPECT_EQ(b->ops->write_zeroes(b, 8192, 4096, true), 0);
	EXPECT_EQ(io(b, false, in, sizeof(in), 8192), 4096);
	EXPECT_MEMEQ(in, zero, 4096);
	EXPECT_EQ(b->ops->discard(b, 0, 65536), 0);
	/* Reads end where the file ends. */
	EXPECT_EQ(io(b, false, in, sizeof(in), b->size - 1024), 1024);
	EXPECT_EQ(io(b, false, in, sizeof(in), b->size), 0);
}

TEST(file, .title = "a file as a disk: reads, writes, flush, discard, zeroes, never longer")
{
	struct backing *b;
	struct stat st;

	ASSERT_EQ(backing_open_file(make_file("disk", 1 << 20), false, &b, NULL, 0), 0);
	EXPECT_EQ(b->size, 1 << 20);
	EXPECT_FALSE(b->read_only);
	exercise(b);
	EXPECT_EQ(b->ops->discard(b, (1 << 20) - 4096, 4096), 0);
	EXPECT_EQ(b->ops->write_zeroes(b, (1 << 20) - 4096, 8192, false), 0);
	backing_close(b);
	ASSERT_EQ(stat(path("disk"), &st), 0);
	EXPECT_EQ(st.st_size, 1 << 20);
}

TEST(read_only, .title = "opened read-only, a file can't be written")
{
	struct backing *b;
	char buf[512] = "";

	ASSERT_EQ(chmod(make_file("disk", 4096), 0444), 0);
	ASSERT_EQ(backing_open_file(path("disk"), true, &b, NULL, 0), 0);
	EXPECT_TRUE(b->read_only);
	EXPECT_EQ(io(b, false, buf, 512, 0), 512);
	EXPECT_EQ(io(b, true, buf, 512, 0), -EBADF);
	EXPECT_EQ(b->ops->flush(b), 0);
	backing_close(b);
	backing_close(NULL);
}

TEST(temporary, .title = "a temporary disk leaves no name and reads as zeroes")
{
	struct backing *b;
	char before[4096] = "x", zero[4096] = "";
	char cmd[PATH_MAX + 32];
	FILE *ls;

	ASSERT_EQ(backing_create_temp(1 << 20, ss_tmpdir(), &b, NULL, 0), 0);
	EXPECT_EQ(b->size, 1 << 20);
	snprintf(cmd, sizeof(cmd), "ls -A %s", ss_tmpdir());
	ls = popen(cmd, "r");
	ASSERT_NOT_NULL(ls);
	EXPECT_NULL(fgets(before, sizeof(before), ls));
	pclose(ls);
	EXPECT_EQ(io(b, false, before, sizeof(before), 4096), 4096);
	EXPECT_MEMEQ(before, zero, sizeof(zero));
	exercise(b);
	backing_close(b);
	/* And where nobody says where. */
	ASSERT_EQ(backing_create_temp(4096, NULL, &b, NULL, 0), 0);
	backing_close(b);
}

TEST(temporary_refused, .title = "a temporary disk that can't be: size, place")
{
	struct backing *b = NULL;
	char err[256];

	EXPECT_EQ(backing_create_temp(0, ss_tmpdir(), &b, err, sizeof(err)), -ENODATA);
	EXPECT_STRSTR(err, "size 0");
	EXPECT_EQ(backing_create_temp(1000, ss_tmpdir(), &b, err, sizeof(err)), -EINVAL);
	EXPECT_STRSTR(err, "not a multiple of 512");
	EXPECT_EQ(backing_create_temp(1ULL << 63, ss_tmpdir(), &b, err, sizeof(err)), -EFBIG);
	EXPECT_EQ(backing_create_temp(4096, "/proc/no/such", &b, err, sizeof(err)), -ENOENT);
	EXPECT_STRSTR(err, "/proc/no/such");
	EXPECT_EQ(backing_create_temp(4096, "/proc/no/such", &b, NULL, 0), -ENOENT);
	EXPECT_NULL(b);
}

/* --- faults of the file --- */

static struct backing *open_disk(const char *name)
{
	struct backing *b;

	ASSERT_EQ(backing_open_file(make_file(name, 1 << 20), false, &b, NULL, 0), 0);
	return b;
}

TEST(flush_fails, .title = "D69 a flush says what the file's says")
{
	struct backing *b = open_disk("disk");

	fault_set(FAULT_SYNC, 1, 1, EIO);
	EXPECT_EQ(b->ops->flush(b), 0);
	EXPECT_EQ(b->ops->flush(b), -EIO);
	EXPECT_EQ(fault_end(FAULT_SYNC), 1);
	backing_close(b);
}

TEST(piece_fails, .title = "D63 D67 one piece is moved by another call, with the same answers")
{
	char buf[512] = "x";
	const struct iovec iov = { buf, sizeof(buf) };
	struct backing *b = open_disk("disk");

	EXPECT_EQ(b->ops->writev(b, &iov, 1, 512), 512);
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(b->ops->readv(b, &iov, 1, 512), 512);
	EXPECT_EQ(buf[0], 'x');
	fault_set(FAULT_WRITE, 0, 1, ENOSPC);
	EXPECT_EQ(b->ops->writev(b, &iov, 1, 512), -ENOSPC);
	EXPECT_EQ(fault_end(FAULT_WRITE), 1);
	backing_close(b);
	ASSERT_EQ(backing_wrap_fd(open(path("disk"), O_WRONLY), false, &b, NULL, 0), 0);
	EXPECT_EQ(b->ops->readv(b, &iov, 1, 0), -EBADF);
	backing_close(b);
}

TEST(no_holes, .title = "a file system without holes: a discard is nothing, zeroes are written")
{
	enum { SIZE = 256 * 1024 };
	static char data[SIZE], zero[SIZE];
	const struct iovec iov = { data, SIZE };
	struct backing *b = open_disk("disk");

	memset(data, 0x5a, SIZE);
	ASSERT_EQ(b->ops->writev(b, &iov, 1, 0), SIZE);
	fault_set(FAULT_FALLOCATE, 0, 1000, EOPNOTSUPP);
	EXPECT_EQ(b->ops->discard(b, 0, 4096), 0);
	EXPECT_EQ(fault_end(FAULT_FALLOCATE), 1);
	fault_set(FAULT_FALLOCATE, 0, 1000, EOPNOTSUPP);
	EXPECT_EQ(b->ops->write_zeroes(b, 512, SIZE - 1024, false), 0);
	/* Space that may not be freed: no hole is even tried. */
	EXPECT_EQ(fault_end(FAULT_FALLOCATE), 1);
	fault_set(FAULT_FALLOCATE, 0, 1000, EOPNOTSUPP);
	ASSERT_EQ(b->ops->readv(b, &iov, 1, 0), SIZE);
	EXPECT_EQ(data[511], 0x5a);
	EXPECT_MEMEQ(data + 512, zero, SIZE - 1024);
	EXPECT_EQ(data[SIZE - 512], 0x5a);
	/* A failure in the middle of it is told. */
	fault_set(FAULT_WRITE, 1, 1, ENOSPC);
	EXPECT_EQ(b->ops->write_zeroes(b, 0, SIZE, true), -ENOSPC);
	EXPECT_EQ(fault_end(FAULT_WRITE), 1);
	/* Only that it can't be done is made up for, no other failure. */
	fault_set(FAULT_FALLOCATE, 0, 1000, EIO);
	EXPECT_EQ(b->ops->discard(b, 0, 4096), -EIO);
	EXPECT_EQ(b->ops->write_zeroes(b, 0, 4096, true), -EIO);
	EXPECT_EQ(b->ops->write_zeroes(b, 0, 4096, false), -EIO);
	EXPECT_EQ(fault_end(FAULT_FALLOCATE), 3);
	backing_close(b);
}

/* Ranges of sectors on a disk that takes whole blocks of 4 KiB only. */
static void check_unaligned(struct backing *b)
{
	enum { SIZE = 64 * 1024 };
	static char data[SIZE], zero[SIZE];
	const struct iovec iov = { data, SIZE };

	memset(data, 0x5a, SIZE);
	ASSERT_EQ(b->ops->writev(b, &iov, 1, 0), SIZE);
	EXPECT_EQ(b->ops->write_zeroes(b, 512, 8192, false), 0);
	EXPECT_EQ(b->ops->write_zeroes(b, 16384 - 512, 1024, true), 0);
	EXPECT_EQ(b->ops->discard(b, 32768 - 512, 512), 0);
	EXPECT_EQ(b->ops->discard(b, 40960 - 512, 4096 + 1024), 0);
	ASSERT_EQ(b->ops->readv(b, &iov, 1, 0), SIZE);
	EXPECT_EQ(data[511], 0x5a);
	EXPECT_MEMEQ(data + 512, zero, 8192);
	EXPECT_EQ(data[512 + 8192], 0x5a);
	EXPECT_EQ(data[16384 - 513], 0x5a);
	EXPECT_MEMEQ(data + 16384 - 512, zero, 1024);
	EXPECT_EQ(data[16384 + 512], 0x5a);
	/* Beside what was discarded nothing changes. */
	EXPECT_EQ(data[32768 - 513], 0x5a);
	EXPECT_EQ(data[32768], 0x5a);
	EXPECT_EQ(data[40960 - 513], 0x5a);
	EXPECT_EQ(data[40960 + 4096 + 512], 0x5a);
}

TEST(large_blocks, .title = "a disk with larger blocks: zeroes are written, whole blocks discarded")
{
	struct backing *b = open_disk("disk");

	/* Each range is refused once; then the inner block is done. */
	fault_set(FAULT_FALLOCATE, 0, 4, EINVAL);
	check_unaligned(b);
	EXPECT_EQ(fault_end(FAULT_FALLOCATE), 4);
	fault_set(FAULT_FALLOCATE, 0, 1000, EINVAL);
	check_unaligned(b);
	EXPECT_EQ(fault_end(FAULT_FALLOCATE), 5);
	backing_close(b);
}

/* A loop device on @file with blocks of 4 KiB, into @name. Return: 0 or -errno */
static int loop_make(const char *file, char *name, size_t len)
{
	struct loop_config config = { .block_size = 4096 };
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), nr, fd, ret = 0;

	if (ctl < 0)
		return -errno;
	nr = ioctl(ctl, LOOP_CTL_GET_FREE);
	close(ctl);
	snprintf(name, len, "/dev/loop%d", nr);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (nr < 0 || fd < 0)
		return -ENODEV;
	config.fd = (__u32)open(file, O_RDWR | O_CLOEXEC);
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (ioctl(fd, LOOP_CONFIGURE, &config)) {
		ret = -errno;
		close(fd);
		fd = ret;
	}
	close((int)config.fd);
	return fd;
}

TEST(loop_device, .title = "a true block device with blocks of 4 KiB")
{
	struct backing *b;
	char name[32], err[256];
	int fd = loop_make(make_file("loop", 1 << 20), name, sizeof(name));

	if (fd < 0)
		SKIP("no loop device with blocks of 4 KiB here (%s)", strerror(-fd));
	ASSERT_EQ(backing_open_file(name, false, &b, err, sizeof(err)), 0);
	/* It goes with the last that has it open. */
	close(fd);
	check_unaligned(b);
	backing_close(b);
}

/* The descriptor that a file is open by; it is the only one. */
static int fd_of(const char *file)
{
	char link[64], target[PATH_MAX];

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strcmp(target, file))
			return fd;
	}
	return -1;
}

TEST(waits, .title = "a file opened without blocking blocks when it is a disk")
{
	struct backing *b = open_disk("disk");
	const int fd = fd_of(path("disk"));

	ASSERT_LE(0, fd);
	EXPECT_FALSE(fcntl(fd, F_GETFL) & O_NONBLOCK);
	backing_close(b);
	EXPECT_EQ(fd_of(path("disk")), -1);
}

TEST(temporary_by_name,
     .title = "a file system without nameless files: a temporary disk loses its name at once")
{
	char err[256] = "";
	struct backing *b = NULL;

	fault_set(FAULT_OPEN, 0, 1, EOPNOTSUPP);
	ASSERT_EQ(backing_create_temp(1 << 20, ss_tmpdir(), &b, NULL, 0), 0);
	EXPECT_EQ(fault_end(FAULT_OPEN), 1);
	exercise(b);
	/* Only an empty directory can go. */
	EXPECT_EQ(rmdir(ss_tmpdir()), 0);
	backing_close(b);
	fault_set(FAULT_OPEN, 0, 1, EOPNOTSUPP);
	EXPECT_EQ(backing_create_temp(4096, ss_tmpdir(), &b, err, sizeof(err)), -ENOENT);
	EXPECT_STRSTR(err, "No such file");
	fault_set(FAULT_OPEN, 0, 1, EACCES);
	EXPECT_EQ(backing_create_temp(4096, "/tmp", &b, err, sizeof(err)), -EACCES);
	fault_end(FAULT_OPEN);
}

static int open_and_close(void *file)
{
	struct backing *b;
	int ret = backing_open_file(file, false, &b, NULL, 0);

	if (!ret)
		backing_close(b);
	return ret;
}

static int temporary_and_close(void *dir)
{
	struct backing *b;
	int ret = backing_create_temp(4096, dir, &b, NULL, 0);

	if (!ret)
		backing_close(b);
	return ret;
}

TEST(no_memory, .title = "no memory for a disk's file: said, and the file is closed")
{
	const char *file = make_file("disk", 4096);

	EXPECT_EQ(fault_each(FAULT_MEMORY, ENOMEM, open_and_close, (void *)file), 1);
	EXPECT_EQ(fault_each(FAULT_MEMORY, ENOMEM, temporary_and_close, (void *)ss_tmpdir()), 1);
	EXPECT_EQ(fault_each(FAULT_OPEN, EMFILE, open_and_close, (void *)file), 1);
}

TEST(explained, .title = "why a file can't be a disk: each errno in words")
{
	static const struct {
		int err;
		const char *text;
	} why[] = {
		{ EROFS, "read-only file system; ro opens it read-only" },
		{ EPERM, "no right to write it" },
		{ ENXIO, "neither a file nor a block device" },
		{ EIO, "Input/output error" },
	};
	const char *file = make_file("disk", 4096);
	char err[256];
	struct backing *b;

	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		fault_set(FAULT_OPEN, 0, 1, why[i].err);
		EXPECT_GT(0, backing_open_file(file, false, &b, err, sizeof(err)));
		EXPECT_STRSTR(err, why[i].text);
	}
	fault_end(FAULT_OPEN);
}

TEST_HARNESS_MAIN
