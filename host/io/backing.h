/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies behind a disk. An interface, so that tests inject faults and other
 * kinds of storage fit in; here the file with plain vectored IO.
 *
 * The calls below are synchronous. A backing that completes later gets ops
 * of its own beside these (submit and reap); readv and the rest stay what a
 * caller without queue depth uses.
 */
#ifndef SS_IO_BACKING_H
#define SS_IO_BACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define BACKING_SECTOR 512

struct backing;

/**
 * struct backing_ops - one kind of storage
 * @readv: read at byte @off. Return bytes read (fewer: end of file, or go on
 *	from there; 0: end of file) or a negative errno
 * @writev: write at byte @off. Return bytes written or a negative errno
 * @flush: make all completed writes stable. 0 or a negative errno
 * @discard: the content of the range doesn't matter any more. 0 or a negative
 *	errno
 * @write_zeroes: the range reads as zeroes afterwards; @unmap: it may be freed
 * @close: free everything
 *
 * -EINTR and short counts are passed on, not retried: the device has the
 * rules. Any number of threads may call at once.
 */
struct backing_ops {
	ssize_t (*readv)(struct backing *b, const struct iovec *iov, unsigned int nr, uint64_t off);
	ssize_t (*writev)(struct backing *b, const struct iovec *iov, unsigned int nr,
			  uint64_t off);
	int (*flush)(struct backing *b);
	int (*discard)(struct backing *b, uint64_t off, uint64_t len);
	int (*write_zeroes)(struct backing *b, uint64_t off, uint64_t len, bool unmap);
	void (*close)(struct backing *b);
};

/**
 * struct backing - embedded in whatever implements it
 * @ops: all set
 * @size: bytes, fixed when it is opened
 * @read_only: writes will fail
 */
struct backing {
	const struct backing_ops *ops;
	uint64_t size;
	bool read_only;
};

/**
 * backing_open_file() - a file or block device as a disk
 * @read_only: open it for reading only
 * @out: owned by the caller, for backing_close()
 * @err: gets one line for the user on failure; may be NULL
 *
 * Return: 0; -ENOENT missing; -EISDIR a directory; -EACCES or -EPERM no right
 * to it; -EROFS on a read-only file system; -ENODATA size 0; -EINVAL size not
 * a multiple of 512; -ENOTBLK neither a regular file nor a block device;
 * -ENOMEM or another errno of open().
 */
int backing_open_file(const char *path, bool read_only, struct backing **out, char *err,
		      size_t err_len);

/**
 * backing_wrap_fd() - an open file or block device as a disk
 * @fd: taken over, also on failure; O_DIRECT and the like stay as they are
 *
 * Otherwise as backing_open_file().
 */
int backing_wrap_fd(int fd, bool read_only, struct backing **out, char *err, size_t err_len);

/**
 * backing_create_temp() - a disk of zeroes in a file without a name
 * @size: bytes, a multiple of 512
 * @dir: where; NULL for $TMPDIR or /var/tmp
 *
 * The file is gone when the process is, however it ends. Its space isn't
 * reserved.
 *
 * Return: 0; -ENODATA or -EINVAL as above; -EFBIG too large for the file
 * system; or another errno, with @err filled.
 */
int backing_create_temp(uint64_t size, const char *dir, struct backing **out, char *err,
			size_t err_len);

/** backing_close() - close and free; NULL is fine */
void backing_close(struct backing *b);

#endif /* SS_IO_BACKING_H */
