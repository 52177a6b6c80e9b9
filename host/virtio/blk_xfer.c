// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads, writes and flushes: where they go, and the rules for what the backing
 * answers. The rules are the same for one that is called and waited for
 * (blk_queue.c) and one that is in flight (blk_aio.c); who has a transfer asks
 * for each answer what to do next.
 */
#include "virtio/blk_priv.h"

#include <errno.h>
#include <string.h>

#include "lib/counters.h"

/* --- where --- */

/* Byte offset of a request that ends within the disk. */
static int file_offset(const struct blk *blk, const struct blk_req *req, uint64_t *off)
{
	uint64_t end;

	if (__builtin_mul_overflow(req->sector, (uint64_t)BLK_SECTOR, off) ||
	    __builtin_add_overflow(*off, req->bytes, &end) || end > blk->capacity * BLK_SECTOR)
		return -EINVAL;
	return 0;
}

/* The data descriptors' memory. Return: iovecs used. */
static int data_iov(const struct blk_queue *q, const struct blk_req *req, struct iovec *iov,
		    unsigned int max)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < req->nr_data; i++) {
		int n = guest_mem_iov(q->base.vq.mem, req->data[i].addr, req->data[i].len, &iov[nr],
				      max - nr);

		if (n < 0)
			return n;
		nr += (unsigned int)n;
	}
	return (int)nr;
}

int blk_xfer_begin(struct blk_queue *q, const struct blk_req *req, struct blk_xfer *x,
		   struct iovec *iov, unsigned int max)
{
	int ret;

	*x = (struct blk_xfer){ .io = { .op = BACKING_FLUSH, .iov = iov } };
	if (req->type == VIRTIO_BLK_T_FLUSH)
		return 0;
	x->io.op = req->type == VIRTIO_BLK_T_IN ? BACKING_READ : BACKING_WRITE;
	ret = file_offset(q->blk, req, &x->io.off);
	if (ret)
		return ret;
	ret = data_iov(q, req, iov, max);
	if (ret < 0)
		return ret;
	x->io.nr = (unsigned int)ret;
	return 0;
}

/* --- what next --- */

/* What is left of the vector after @n bytes; its first entry is cut in place. */
static void skip(struct backing_io *io, size_t n)
{
	struct iovec *iov = (struct iovec *)io->iov;

	io->off += n;
	while (io->nr && n >= iov->iov_len) {
		n -= iov->iov_len;
		iov++;
		io->nr--;
	}
	if (n) {
		iov->iov_base = (char *)iov->iov_base + n;
		iov->iov_len -= n;
	}
	io->iov = iov;
}

/*
 * After a short read the rest is asked for once more: 0 then is the end of
 * the file for sure, while a medium error behind the first part shows itself
 * and isn't mistaken for zeroes.
 */
static enum blk_step data_step(const struct blk_req *req, struct blk_xfer *x, uint64_t n)
{
	if (n > req->bytes - x->done)
		return BLK_FAILED;
	if (!n)
		return x->io.op == BACKING_READ ? BLK_DONE : BLK_FAILED;
	x->done += n;
	if (x->done < req->bytes) {
		skip(&x->io, n);
		return BLK_MORE;
	}
	x->io.nr = 0;
	return BLK_DONE;
}

enum blk_step blk_xfer_step(const struct blk_queue *q, const struct blk_req *req,
			    struct blk_xfer *x, ssize_t n)
{
	enum blk_step step;

	if (blk_interrupted(n, &x->interrupted))
		return BLK_MORE;
	if (n < 0)
		return BLK_FAILED;
	if (x->io.op == BACKING_FLUSH)
		return BLK_DONE;
	step = data_step(req, x, (uint64_t)n);
	if (step == BLK_DONE && x->io.op == BACKING_WRITE && blk_write_through(q->blk)) {
		x->io.op = BACKING_FLUSH;
		return BLK_MORE;
	}
	return step;
}

/* --- the end --- */

static void count(struct blk_queue *q, struct blk_req *req, const struct blk_xfer *x)
{
	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		/* The file ended early. */
		for (unsigned int i = 0; i < x->io.nr; i++)
			memset(x->io.iov[i].iov_base, 0, x->io.iov[i].iov_len);
		req->used_len = (uint32_t)req->bytes + 1;
		blk_count_read(q, x->done);
		break;
	case VIRTIO_BLK_T_OUT:
		blk_count_write(q, req->bytes);
		break;
	default:
		counter_inc(&q->blk->counters->flushes_completed);
	}
}

void blk_xfer_end(struct blk_queue *q, struct blk_req *req, struct blk_xfer *x, enum blk_step step)
{
	req->status = VIRTIO_BLK_S_OK;
	if (step == BLK_DONE)
		count(q, req, x);
	else
		blk_req_fail(q, req);
	blk_req_backing_done(q, req);
}
