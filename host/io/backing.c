// SPDX-License-Identifier: GPL-2.0-only
/* Files and block devices as backings: opening, and the synchronous calls. */
#include "io/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/container_of.h"
#include "io/backing_uring.h"

#define BACKING_BLOCK 4096 /* the largest logical block of today's disks */

struct file_backing {
	struct backing b;
	int fd;
};

static struct file_backing *to_file(struct backing *b)
{
	return container_of(b, struct file_backing, b);
}

int backing_fd(struct backing *b)
{
	return to_file(b)->fd;
}

/* --- the file's ops --- */

static ssize_t file_readv(struct backing *b, const struct iovec *iov, unsigned int nr, uint64_t off)
{
	const int fd = to_file(b)->fd;
	/*
	 * One piece is the usual case, and spares the kernel a copy of the vector.
	 * The system call itself rather than pread(): what the C library does around
	 * it for threads that may be cancelled costs 2 % of a read from tmpfs, and no
	 * thread here ever is.
	 */
	ssize_t n = nr == 1 ? syscall(SYS_pread64, fd, iov->iov_base, iov->iov_len, (off_t)off)
			    : preadv(fd, iov, (int)nr, (off_t)off);

	return n < 0 ? -errno : n;
}

static ssize_t file_writev(struct backing *b, const struct iovec *iov, unsigned int nr,
			   uint64_t off)
{
	const int fd = to_file(b)->fd;
	ssize_t n = nr == 1 ? pwrite(fd, iov->iov_base, iov->iov_len, (off_t)off)
			    : pwritev(fd, iov, (int)nr, (off_t)off);

	return n < 0 ? -errno : n;
}

static int file_flush(struct backing *b)
{
	return fdatasync(to_file(b)->fd) ? -errno : 0;
}

static int file_fallocate(struct backing *b, int mode, uint64_t off, uint64_t len)
{
	if (fallocate(to_file(b)->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len))
		return -errno;
	return 0;
}

/* The file system or the device can't do that, at all or with its block size. */
static bool is_unable(int ret)
{
	return ret == -EOPNOTSUPP || ret == -EINVAL;
}

/*
 * A discard that can't be done counts as done: the content doesn't matter. A
 * block device takes only whole blocks of its own, which may be larger than sectors.
 */
static int file_discard(struct backing *b, uint64_t off, uint64_t len)
{
	const uint64_t first = (off + BACKING_BLOCK - 1) / BACKING_BLOCK * BACKING_BLOCK;
	const uint64_t end = (off + len) / BACKING_BLOCK * BACKING_BLOCK;
	int ret = file_fallocate(b, FALLOC_FL_PUNCH_HOLE, off, len);

	if (ret == -EINVAL && first < end)
		ret = file_fallocate(b, FALLOC_FL_PUNCH_HOLE, first, end - first);
	return is_unable(ret) ? 0 : ret;
}

static int file_write_zeroes_by_hand(struct backing *b, uint64_t off, uint64_t len)
{
	static const char zeroes[64 * 1024];

	while (len) {
		const size_t want = len < sizeof(zeroes) ? len : sizeof(zeroes);
		ssize_t n = pwrite(to_file(b)->fd, zeroes, want, (off_t)off);

		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static int file_write_zeroes(struct backing *b, uint64_t off, uint64_t len, bool unmap)
{
	/* A hole reads as zeroes, but only if the space may be given back. */
	int ret = file_fallocate(b, unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE, off, len);

	if (is_unable(ret))
		ret = file_write_zeroes_by_hand(b, off, len);
	return ret;
}

static void file_close(struct backing *b)
{
	close(to_file(b)->fd);
	free(to_file(b));
}

static const struct backing_ops file_ops = {
	.readv = file_readv,
	.writev = file_writev,
	.flush = file_flush,
	.discard = file_discard,
	.write_zeroes = file_write_zeroes,
	.close = file_close,
};

/* --- with io_uring --- */

static int file_open_queue(struct backing *b, unsigned int depth, struct backing_queue **out)
{
	return backing_uring_open(to_file(b)->fd, depth, out);
}

static const struct backing_ops file_uring_ops = {
	.readv = file_readv,
	.writev = file_writev,
	.flush = file_flush,
	.discard = file_discard,
	.write_zeroes = file_write_zeroes,
	.open_queue = file_open_queue,
	.close = file_close,
};

/*
 * On a file system in memory there is nothing to wait for, and io_uring, which
 * can't ask tmpfs not to block, hands each request to a thread. Elsewhere it
 * depends on what isn't in the page cache. Thousands of 4 KiB reads a second at depth 32
 * through the device, sync and io_uring: tmpfs 1170 and 280, page cache of ext4
 * 1060 and 970, O_DIRECT on ext4 15 and 60. make bench shows them for the machine
 * at hand.
 */
static bool in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int backing_set_kind(struct backing *b, enum backing_kind kind)
{
	int ret;

	if (b->ops != &file_ops && b->ops != &file_uring_ops)
		return -EOPNOTSUPP;
	b->ops = &file_ops;
	if (kind == BACKING_SYNC || (kind == BACKING_AUTO && in_memory(to_file(b)->fd)))
		return 0;
	ret = backing_uring_probe();
	if (!ret)
		b->ops = &file_uring_ops;
	return ret;
}

/* --- opening --- */

static int file_wrap(int fd, uint64_t size, bool read_only, struct backing **out)
{
	struct file_backing *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->b = (struct backing){ .ops = &file_ops, .size = size, .read_only = read_only };
	f->fd = fd;
	*out = &f->b;
	return 0;
}

static int size_check(uint64_t size)
{
	if (!size)
		return -ENODATA;
	return size % BACKING_SECTOR ? -EINVAL : 0;
}

static int file_size(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return size_check(*size);
	}
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	if (ioctl(fd, BLKGETSIZE64, size))
		return -errno;
	return size_check(*size);
}

static void explain_open(const char *path, bool read_only, int error, uint64_t size, char *err,
			 size_t err_len)
{
	switch (error) {
	case -ENOENT:
		snprintf(err, err_len, "disk %s: no such file; create it, or use size=", path);
		break;
	case -EISDIR:
		snprintf(err, err_len, "disk %s: a directory; name a disk image", path);
		break;
	case -EACCES:
	case -EPERM:
		snprintf(err, err_len, "disk %s: no right to %s it%s", path,
			 read_only ? "read" : "write", read_only ? "" : "; ro opens it read-only");
		break;
	case -EROFS:
		snprintf(err, err_len, "disk %s: on a read-only file system; ro opens it read-only",
			 path);
		break;
	case -ENODATA:
		snprintf(err, err_len, "disk %s: size 0; give it a size (truncate -s 256M)", path);
		break;
	case -EINVAL:
		snprintf(err, err_len, "disk %s: size %" PRIu64 " is not a multiple of %d", path,
			 size, BACKING_SECTOR);
		break;
	case -ENOTBLK:
		snprintf(err, err_len, "disk %s: neither a file nor a block device", path);
		break;
	default:
		snprintf(err, err_len, "disk %s: %s", path, strerror(-error));
	}
}

/* Takes @fd over. */
static int wrap_named(int fd, const char *name, bool read_only, struct backing **out, char *err,
		      size_t err_len)
{
	uint64_t size = 0;
	int ret = file_size(fd, &size);

	/* io_uring would take O_NONBLOCK at its word, and give -EAGAIN where a file has to wait. */
	if (!ret && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK))
		ret = -errno;
	if (!ret)
		ret = file_wrap(fd, size, read_only, out);
	if (!ret)
		return 0;
	close(fd);
	if (err)
		explain_open(name, read_only, ret, size, err, err_len);
	return ret;
}

/*
 * O_NONBLOCK: a fifo must be refused, not waited for; for files and block
 * devices it means nothing.
 */
int backing_open_file(const char *path, bool read_only, struct backing **out, char *err,
		      size_t err_len)
{
	int ret;
	int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		/* ENXIO: a fifo without a reader, a socket, a device without a driver. */
		ret = errno == ENXIO ? -ENOTBLK : -errno;
		goto fail;
	}
	return wrap_named(fd, path, read_only, out, err, err_len);
fail:
	if (err)
		explain_open(path, read_only, ret, 0, err, err_len);
	return ret;
}

int backing_wrap_fd(int fd, bool read_only, struct backing **out, char *err, size_t err_len)
{
	return wrap_named(fd, "(an open file)", read_only, out, err, err_len);
}

/* A file without a name, or, where that can't be, one that loses it at once. */
static int open_unnamed(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return -errno;
	if (snprintf(path, sizeof(path), "%s/stallscope-disk-XXXXXX", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int backing_create_temp(uint64_t size, const char *dir, struct backing **out, char *err,
			size_t err_len)
{
	int fd, ret;

	if (!dir)
		dir = getenv("TMPDIR");
	if (!dir || !*dir)
		dir = "/var/tmp";
	ret = size_check(size);
	if (ret)
		goto fail;
	if (size > INT64_MAX) {
		ret = -EFBIG;
		goto fail;
	}
	fd = open_unnamed(dir);
	if (fd < 0) {
		ret = fd;
		goto fail;
	}
	ret = ftruncate(fd, (off_t)size) ? -errno : 0;
	if (!ret)
		ret = file_wrap(fd, size, false, out);
	if (!ret)
		return 0;
	close(fd);
fail:
	if (err)
		snprintf(err, err_len, "temporary disk of %" PRIu64 " bytes in %s: %s", size, dir,
			 ret == -ENODATA  ? "size 0"
			 : ret == -EINVAL ? "size is not a multiple of 512"
					  : strerror(-ret));
	return ret;
}

void backing_close(struct backing *b)
{
	if (b)
		b->ops->close(b);
}
