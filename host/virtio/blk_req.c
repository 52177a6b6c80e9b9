// SPDX-License-Identifier: GPL-2.0-only
/* One block request: the gates it must pass, and all that it may ask for besides transfers. */
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

static enum vdev_gate req_reject(struct blk_queue *q, struct blk_req *req)
{
	blk_req_fail(q, req);
	return VDEV_REJECT;
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

enum vdev_gate blk_req_parse(struct blk_queue *q, const struct virtq_chain *chain,
			     struct blk_req *req)
{
	const struct blk *blk = q->blk;
	const struct virtq_seg *first = &chain->seg[0];
	struct virtio_blk_outhdr hdr;
	bool ok;

	*req = (struct blk_req){ .head = chain->head, .used_len = 1 };
	if (chain->nr > chain->max || !find_status(chain, &req->status_gpa)) {
		counter_inc(&blk->counters->io_errors);
		return VDEV_DROP;
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
			return VDEV_REJECT;
		ok = req->status == VIRTIO_BLK_S_OK;
		break;
	default:
		req->status = VIRTIO_BLK_S_UNSUPP;
		return VDEV_REJECT;
	}
	return ok ? VDEV_SERVE : req_reject(q, req);
}

/* --- what requests do that aren't transfers: 0, or a negative errno and nothing counted --- */

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

void blk_req_backing_done(const struct blk_queue *q, const struct blk_req *req)
{
	if (!req->delay_ns)
		ss_probe_req_backing_done(q->blk->dev.id, q->base.index, req->head);
}

void blk_req_run(struct blk_queue *q, struct blk_req *req)
{
	int ret;

	ss_probe_req_start(q->blk->dev.id, q->base.index, req->head, req->type, req->sector,
			   req->bytes);
	req->status = VIRTIO_BLK_S_OK;
	if (req->inject)
		ret = -EIO;
	else if (req->type == VIRTIO_BLK_T_GET_ID)
		ret = run_get_id(q, req);
	else
		ret = blk_range_run(q, req);
	/* A stop leaves nobody to answer, and nothing has failed. */
	if (ret == -ECANCELED && worker_must_stop(q->base.worker))
		req->status = VIRTIO_BLK_S_IOERR;
	else if (ret)
		blk_req_fail(q, req);
	blk_req_backing_done(q, req);
}
