// SPDX-License-Identifier: GPL-2.0-only
/* One block request: the gates it must pass, and what it does then. */
#include "virtio/blk_priv.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/counters.h"
#include "ss_probes.h"

void blk_req_fail(struct blk_queue *q, struct blk_req *req)
{
	req->status = VIRTIO_BLK_S_IOERR;
	req->used_len = 1;
	counter_inc(&q->blk->counters->io_errors);
}

static enum blk_gate req_reject(struct blk_queue *q, struct blk_req *req)
{
	blk_req_fail(q, req);
	return BLK_REJECT;
}

/* --- the gates --- */

/* The status is the last byte of the last descriptor. */
static bool find_status(const struct virtq_chain *chain, uint64_t *gpa)
{
	const struct virtq_seg *last = &chain->seg[chain->nr - 1];

	return last->write && last->len && !__builtin_add_overflow(last->addr, last->len - 1, gpa);
}

/* Adds up the data descriptors; false if one is too long. */
static bool sum_data(struct blk_req *req)
{
	for (unsigned int i = 0; i < req->nr_data; i++) {
		if (req->data[i].len > BLK_SIZE_MAX)
			return false;
		req->bytes += req->data[i].len;
	}
	return true;
}

static bool data_direction(const struct blk_req *req, bool write)
{
	for (unsigned int i = 0; i < req->nr_data; i++)
		if (req->data[i].write != write)
			return false;
	return true;
}

/*
 * Data lies in descriptors of its own, between header and status. A driver
 * that put a sector or more beside either of them meant it as data, and mustn't
 * be told that it was moved.
 */
static bool data_beside(const struct virtq_chain *chain, bool write)
{
	const struct virtq_seg *seg = &chain->seg[write ? chain->nr - 1 : 0];
	const uint32_t own = write ? 1 : sizeof(struct virtio_blk_outhdr);

	return seg->len - own >= BLK_SECTOR;
}

static bool transfer_ok(const struct blk *blk, const struct virtq_chain *chain,
			const struct blk_req *req)
{
	const bool in = req->type == VIRTIO_BLK_T_IN;

	if (!req->bytes || req->bytes % BLK_SECTOR || data_beside(chain, in))
		return false;
	if (!in && blk->read_only)
		return false;
	return data_direction(req, in);
}

enum blk_gate blk_req_parse(struct blk_queue *q, const struct virtq_chain *chain,
			    struct blk_req *req)
{
	const struct blk *blk = q->blk;
	const struct virtq_seg *first = &chain->seg[0];
	struct virtio_blk_outhdr hdr;
	bool ok;

	*req = (struct blk_req){ .head = chain->head, .used_len = 1 };
	if (chain->nr > chain->max || !find_status(chain, &req->status_gpa)) {
		counter_inc(&blk->counters->io_errors);
		return BLK_DROP;
	}
	if (first->write || first->len < sizeof(hdr) ||
	    guest_mem_read(q->base.vq.mem, first->addr, &hdr, sizeof(hdr)) || !blk->capacity)
		return req_reject(q, req);
	req->type = le32toh(hdr.type);
	req->sector = le64toh(hdr.sector);
	/* The first descriptor is readable, the last writable: there are two. */
	req->data = &chain->seg[1];
	req->nr_data = chain->nr - 2;
	if (!sum_data(req))
		return req_reject(q, req);

	switch (req->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		ok = transfer_ok(blk, chain, req);
		break;
	case VIRTIO_BLK_T_FLUSH:
		ok = !req->bytes;
		break;
	case VIRTIO_BLK_T_GET_ID:
		ok = req->bytes && data_direction(req, true);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		req->status = blk_range_gate(blk, chain, req);
		if (req->status == VIRTIO_BLK_S_UNSUPP)
			return BLK_REJECT;
		ok = req->status == VIRTIO_BLK_S_OK;
		break;
	default:
		req->status = VIRTIO_BLK_S_UNSUPP;
		return BLK_REJECT;
	}
	return ok ? BLK_PASS : req_reject(q, req);
}

/* --- moving data --- */

int blk_req_iov(struct blk_queue *q, const struct blk_req *req, struct iovec *iov, unsigned int max)
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

/* What is left of a vector after @n bytes; its first entry is cut in place. */
void blk_iov_skip(struct iovec **iov, unsigned int *nr, size_t n)
{
	while (*nr && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

void blk_iov_zero(const struct iovec *iov, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		memset(iov[i].iov_base, 0, iov[i].iov_len);
}

/*
 * Goes on with a transfer whose first call gave @n. Returns bytes moved, fewer
 * than asked for only at the end of the file (reads only; @x is the rest then),
 * or a negative errno.
 *
 * After a short read the rest is asked for once more: 0 then is the end of
 * the file for sure, while a medium error behind the first part shows itself
 * and isn't mistaken for zeroes.
 */
static int64_t transfer(struct blk_queue *q, const struct blk_req *req, struct blk_xfer *x,
			ssize_t n)
{
	unsigned int interrupted = 0;
	uint64_t done = 0;

	for (;; n = blk_xfer_call(q, req, x)) {
		if (n == -EINTR && interrupted++ < BLK_EINTR_RETRIES)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			return req->type == VIRTIO_BLK_T_OUT ? -EIO : (int64_t)done;
		if ((uint64_t)n > req->bytes - done)
			return -EIO;
		done += (uint64_t)n;
		if (done == req->bytes) {
			x->nr = 0;
			return (int64_t)done;
		}
		x->off += (uint64_t)n;
		blk_iov_skip(&x->iov, &x->nr, (size_t)n);
	}
}

static int backing_flush(struct blk_queue *q)
{
	struct backing *backing = q->blk->backing;
	int ret;

	for (unsigned int interrupted = 0;; interrupted++) {
		ret = backing->ops->flush(backing);
		if (ret != -EINTR || interrupted == BLK_EINTR_RETRIES)
			return ret;
	}
}

/* --- what requests do: 0, or a negative errno and nothing counted --- */

/* Byte offset of a request that ends within the disk. */
int blk_req_offset(const struct blk *blk, const struct blk_req *req, uint64_t *off)
{
	uint64_t end;

	if (__builtin_mul_overflow(req->sector, (uint64_t)BLK_SECTOR, off) ||
	    __builtin_add_overflow(*off, req->bytes, &end) || end > blk->capacity * BLK_SECTOR)
		return -EINVAL;
	return 0;
}

static int run_flush(struct blk_queue *q)
{
	int ret = backing_flush(q);

	if (!ret)
		counter_inc(&q->blk->counters->flushes_completed);
	return ret;
}

static int run_get_id(struct blk_queue *q, struct blk_req *req)
{
	const struct virtq_seg *seg = &req->data[0];
	int ret;

	if (seg->len < BLK_SERIAL_LEN)
		return -EINVAL;
	ret = guest_mem_write(q->base.vq.mem, seg->addr, q->blk->serial, BLK_SERIAL_LEN);
	if (!ret)
		req->used_len = BLK_SERIAL_LEN + 1;
	return ret;
}

static void req_start(const struct blk_queue *q, const struct blk_req *req)
{
	ss_probe_req_start(q->blk->dev.id, q->base.index, req->head, req->type, req->sector,
			   req->bytes);
}

static void req_end(struct blk_queue *q, struct blk_req *req, int ret)
{
	/* A stop leaves nobody to answer, and nothing has failed. */
	if (ret == -ECANCELED && worker_must_stop(q->base.worker))
		req->status = VIRTIO_BLK_S_IOERR;
	else if (ret)
		blk_req_fail(q, req);
	/* One that is delayed is done when it's published. */
	if (!req->delay_ns)
		ss_probe_req_backing_done(q->blk->dev.id, q->base.index, req->head);
}

int blk_xfer_begin(struct blk_queue *q, const struct blk_req *req, struct blk_xfer *x)
{
	int ret;

	req_start(q, req);
	ret = blk_req_offset(q->blk, req, &x->off);
	if (ret)
		return ret;
	ret = blk_req_iov(q, req, q->iov, BLK_IOV_MAX);
	if (ret < 0)
		return ret;
	x->iov = q->iov;
	x->nr = (unsigned int)ret;
	return 0;
}

static int xfer_finish(struct blk_queue *q, struct blk_req *req, struct blk_xfer *x, ssize_t n)
{
	n = transfer(q, req, x, n);
	if (n < 0)
		return (int)n;
	if (req->type == VIRTIO_BLK_T_IN) {
		/* The file ended early. */
		blk_iov_zero(x->iov, x->nr);
		req->used_len = (uint32_t)req->bytes + 1;
		blk_count_read(q, (uint64_t)n);
		return 0;
	}
	if (blk_write_through(q->blk)) {
		int ret = backing_flush(q);

		if (ret)
			return ret;
	}
	blk_count_write(q, req->bytes);
	return 0;
}

void blk_xfer_end(struct blk_queue *q, struct blk_req *req, struct blk_xfer *x, ssize_t n)
{
	req->status = VIRTIO_BLK_S_OK;
	req_end(q, req, xfer_finish(q, req, x, n));
}

void blk_req_run(struct blk_queue *q, struct blk_req *req)
{
	int ret;

	req_start(q, req);
	req->status = VIRTIO_BLK_S_OK;
	if (req->inject)
		ret = -EIO;
	else if (req->type == VIRTIO_BLK_T_FLUSH)
		ret = run_flush(q);
	else if (req->type == VIRTIO_BLK_T_GET_ID)
		ret = run_get_id(q, req);
	else
		ret = blk_range_run(q, req);
	req_end(q, req, ret);
}
