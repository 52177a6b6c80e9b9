/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies behind a disk. An interface, so that tests inject faults and other
 * kinds of storage fit in; here the file with plain vectored IO.
 *
 * The calls of struct backing_ops are synchronous. A backing that can have many
 * requests under way hands out queues (struct backing_queue) besides; what a
 * queue doesn't know (discard, write_zeroes) stays synchronous.
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

enum backing_io_op { BACKING_READ, BACKING_WRITE, BACKING_FLUSH };

/**
 * struct backing_io - a request under way, owned by whoever submits it
 * @op: what to do
 * @iov: @nr: the memory, which must stay as long as the request is under way
 * @off: byte offset in the file
 * @result: when it's reaped: as backing_ops' readv, writev and flush return it;
 *	-ECANCELED: cancelled before anything was done
 */
struct backing_io {
	enum backing_io_op op;
	const struct iovec *iov;
	unsigned int nr;
	uint64_t off;
	ssize_t result;
};

struct backing_queue;

/**
 * struct backing_queue_ops - requests that complete later, in any order
 * @submit: take one; false: no room, commit first
 * @commit: start what was submitted. 0, or a negative errno when some of it has
 *	to wait: commit again soon
 * @reap: give up to @max completed requests. Return: how many. After a commit @fd tells
 *	of what completes only once this has given none
 * @cancel: try to end one early; committed like a request. It is reaped
 *	in any case
 * @close: nothing is under way any more
 *
 * One thread at a time. Memory isn't touched for a request that was reaped.
 * Nothing is allocated by the first four.
 */
struct backing_queue_ops {
	bool (*submit)(struct backing_queue *bq, struct backing_io *io);
	int (*commit)(struct backing_queue *bq);
	unsigned int (*reap)(struct backing_queue *bq, struct backing_io **done, unsigned int max);
	void (*cancel)(struct backing_queue *bq, struct backing_io *io);
	void (*close)(struct backing_queue *bq);
};

/**
 * struct backing_queue - embedded in whatever implements it
 * @fd: counter-mode non-blocking eventfd, signalled for each completion; the
 *	queue's owner reads it
 */
struct backing_queue {
	const struct backing_queue_ops *ops;
	int fd;
};

/**
 * struct backing_ops - one kind of storage
 * @readv: read at byte @off. Return bytes read (fewer: end of file, or go on
 *	from there; 0: end of file) or a negative errno
 * @writev: write at byte @off. Return bytes written or a negative errno
 * @flush: make all completed writes stable. 0 or a negative errno
 * @discard: the content of the range doesn't matter any more. 0 or a negative
 *	errno
 * @write_zeroes: the range reads as zeroes afterwards; @unmap: it may be freed,
 *	otherwise it keeps its space
 * @open_queue: optional: a queue for up to @depth requests under way. 0 or a
 *	negative errno
 * @close: free everything; no queue is left
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
	int (*open_queue)(struct backing *b, unsigned int depth, struct backing_queue **out);
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

/** backing_fd() - the descriptor of backing_open_file()'s or backing_create_temp()'s */
int backing_fd(struct backing *b);

/**
 * enum backing_kind - how a file is read and written
 * @BACKING_AUTO: io_uring, but not on a file system in memory
 * @BACKING_SYNC: one request after the other, with preadv and pwritev
 * @BACKING_URING: io_uring, as many at once as the guest gives
 */
enum backing_kind { BACKING_AUTO, BACKING_SYNC, BACKING_URING };

/**
 * backing_set_kind() - choose for a file backing, before a disk uses it
 *
 * Backings begin as BACKING_SYNC. Return: 0; for BACKING_URING the negative errno
 * that forbids it (-ENOSYS, -EPERM, ...), the backing is synchronous then.
 * BACKING_AUTO returns that too, for a line to the user; it is no failure.
 */
int backing_set_kind(struct backing *b, enum backing_kind kind);

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
