// SPDX-License-Identifier: GPL-2.0-only
/* A queue of a file backing: one io_uring, with an eventfd for its completions. */
#include "io/backing_uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/container_of.h"

struct uring {
	struct backing_queue bq;
	struct io_uring ring;
	int file;
};

static struct uring *to_uring(struct backing_queue *bq)
{
	return container_of(bq, struct uring, bq);
}

static bool uring_submit(struct backing_queue *bq, struct backing_io *io)
{
	struct uring *u = to_uring(bq);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe)
		return false;
	switch (io->op) {
	case BACKING_READ:
		if (io->nr == 1)
			io_uring_prep_read(sqe, u->file, io->iov->iov_base,
					   (unsigned int)io->iov->iov_len, io->off);
		else
			io_uring_prep_readv(sqe, u->file, io->iov, io->nr, io->off);
		break;
	case BACKING_WRITE:
		if (io->nr == 1)
			io_uring_prep_write(sqe, u->file, io->iov->iov_base,
					    (unsigned int)io->iov->iov_len, io->off);
		else
			io_uring_prep_writev(sqe, u->file, io->iov, io->nr, io->off);
		break;
	case BACKING_FLUSH:
		io_uring_prep_fsync(sqe, u->file, IORING_FSYNC_DATASYNC);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
	return true;
}

/*
 * The completion queue has room for all that can be in flight, so an error here
 * passes: a signal, or no memory at the moment. What isn't handed over stays
 * where it is.
 */
static int uring_commit(struct backing_queue *bq)
{
	struct uring *u = to_uring(bq);
	int ret = 0;

	/*
	 * What completes at once, as a read that finds its page in memory does, is reaped
	 * before anybody sleeps: it needs no signal, which would only wake the worker for
	 * nothing.
	 */
	io_uring_cq_eventfd_toggle(&u->ring, false);
	while (io_uring_sq_ready(&u->ring)) {
		ret = io_uring_submit(&u->ring);
		if (ret < 0 && ret != -EINTR) {
			io_uring_cq_eventfd_toggle(&u->ring, true);
			return ret;
		}
	}
	return 0;
}

/* Signals from now on, if it wasn't so. Return: something completed in between. */
static bool signal_again(struct uring *u)
{
	if (io_uring_cq_eventfd_enabled(&u->ring))
		return false;
	io_uring_cq_eventfd_toggle(&u->ring, true);
	/* Full: either the kernel sees the flag, or we what it has completed. */
	__sync_synchronize();
	return io_uring_cq_ready(&u->ring) != 0;
}

static unsigned int uring_reap(struct backing_queue *bq, struct backing_io **done, unsigned int max)
{
	struct uring *u = to_uring(bq);
	struct io_uring_cqe *cqe;
	unsigned int nr = 0;

	while (nr < max && (!io_uring_peek_cqe(&u->ring, &cqe) || signal_again(u))) {
		if (io_uring_peek_cqe(&u->ring, &cqe))
			break;
		struct backing_io *io = io_uring_cqe_get_data(cqe);

		if (io) {
			io->result = cqe->res;
			done[nr++] = io;
		}
		io_uring_cqe_seen(&u->ring, cqe);
	}
	return nr;
}

/* The answer to the cancelling itself has no data, and is skipped above. */
static void uring_cancel(struct backing_queue *bq, struct backing_io *io)
{
	struct uring *u = to_uring(bq);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe)
		return;
	io_uring_prep_cancel(sqe, io, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

static void uring_close(struct backing_queue *bq)
{
	struct uring *u = to_uring(bq);

	io_uring_queue_exit(&u->ring);
	close(u->bq.fd);
	free(u);
}

static const struct backing_queue_ops uring_ops = {
	.submit = uring_submit,
	.commit = uring_commit,
	.reap = uring_reap,
	.cancel = uring_cancel,
	.close = uring_close,
};

/* Room for a cancel beside each request. COOP_TASKRUN came with Linux 5.19. */
static int ring_init(struct io_uring *ring, unsigned int depth)
{
	struct io_uring_params p = { .flags = IORING_SETUP_COOP_TASKRUN };
	int ret = io_uring_queue_init_params(2 * depth, ring, &p);

	if (ret != -EINVAL)
		return ret;
	p = (struct io_uring_params){ 0 };
	return io_uring_queue_init_params(2 * depth, ring, &p);
}

int backing_uring_open(int fd, unsigned int depth, struct backing_queue **out)
{
	struct uring *u = calloc(1, sizeof(*u));
	int ret;

	if (!u)
		return -ENOMEM;
	u->file = fd;
	u->bq.ops = &uring_ops;
	u->bq.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (u->bq.fd < 0) {
		ret = -errno;
		goto fail;
	}
	ret = ring_init(&u->ring, depth);
	if (ret)
		goto fail_fd;
	ret = io_uring_register_eventfd(&u->ring, u->bq.fd);
	if (ret)
		goto fail_ring;
	*out = &u->bq;
	return 0;

fail_ring:
	io_uring_queue_exit(&u->ring);
fail_fd:
	close(u->bq.fd);
fail:
	free(u);
	return ret;
}

int backing_uring_probe(void)
{
	struct backing_queue *bq;
	int ret = backing_uring_open(-1, 1, &bq);

	if (!ret)
		bq->ops->close(bq);
	return ret;
}
