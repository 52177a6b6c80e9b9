// SPDX-License-Identifier: GPL-2.0-only
/* Discard and write zeroes: requests whose data are ranges of sectors. */
#include "virtio/blk_priv.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/counters.h"

/*
 * A stop is answered only between ranges, so one must not take long: a
 * discard frees space, which is quick; zeroes may have to be written.
 */
#define DISCARD_MAX_SECTORS (1u << 17) /* 64 MiB a range */
#define ZEROES_MAX_SECTORS  (1u << 13) /* 4 MiB a range */
#define RANGES_MAX	    16	       /* in a request */
#define DISCARD_ALIGN	    8	       /* sectors: a page, a file's usual block */

struct range {
	uint64_t off, len; /* bytes */
	bool unmap;
};

void blk_range_config(struct virtio_blk_config *config)
{
	config->max_discard_sectors = htole32(DISCARD_MAX_SECTORS);
	config->max_discard_seg = htole32(RANGES_MAX);
	config->discard_sector_alignment = htole32(DISCARD_ALIGN);
	config->max_write_zeroes_sectors = htole32(ZEROES_MAX_SECTORS);
	config->max_write_zeroes_seg = htole32(RANGES_MAX);
	config->write_zeroes_may_unmap = 1;
}

static bool negotiated(const struct blk *blk, uint32_t type)
{
	const unsigned int bit =
		type == VIRTIO_BLK_T_DISCARD ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;

	return virtio_mmio_features(&blk->dev.mmio) >> bit & 1;
}

uint8_t blk_range_gate(const struct blk *blk, const struct virtq_chain *chain, struct blk_req *req)
{
	const uint32_t size = sizeof(struct virtio_blk_discard_write_zeroes);

	if (blk->read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!negotiated(blk, req->type))
		return VIRTIO_BLK_S_UNSUPP;
	if (!req->bytes || req->bytes % size || req->bytes / size > RANGES_MAX)
		return VIRTIO_BLK_S_IOERR;
	/* A range beside the header would be ignored, though the driver meant it. */
	if (chain->seg[0].len - sizeof(struct virtio_blk_outhdr) >= size)
		return VIRTIO_BLK_S_IOERR;
	for (unsigned int i = 0; i < req->nr_data; i++)
		if (req->data[i].write)
			return VIRTIO_BLK_S_IOERR;
	/* They say what to do; none of the disk's data is moved. */
	req->bytes = 0;
	return VIRTIO_BLK_S_OK;
}

/* Copies the ranges, however they lie in descriptors. Returns how many. */
static int copy_ranges(const struct blk_queue *q, const struct blk_req *req,
		       struct virtio_blk_discard_write_zeroes *out)
{
	char *to = (char *)out;
	size_t room = RANGES_MAX * sizeof(*out);

	for (unsigned int i = 0; i < req->nr_data; i++) {
		const struct virtq_seg *seg = &req->data[i];
		int ret;

		if (!seg->len)
			continue;
		if (seg->len > room)
			return -EINVAL;
		ret = guest_mem_read(q->base.vq.mem, seg->addr, to, seg->len);
		if (ret)
			return ret;
		to += seg->len;
		room -= seg->len;
	}
	return RANGES_MAX - (int)(room / sizeof(*out));
}

/* Unknown flags come first: the driver wants what this device can't do. */
static bool flags_known(uint32_t type, const struct virtio_blk_discard_write_zeroes *raw, int nr)
{
	const uint32_t known =
		type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

	for (int i = 0; i < nr; i++)
		if (le32toh(raw[i].flags) & ~known)
			return false;
	return true;
}

static int check_range(const struct blk *blk, uint32_t type,
		       const struct virtio_blk_discard_write_zeroes *raw, struct range *range)
{
	const uint32_t max =
		type == VIRTIO_BLK_T_DISCARD ? DISCARD_MAX_SECTORS : ZEROES_MAX_SECTORS;
	const uint64_t sector = le64toh(raw->sector);
	const uint32_t nr = le32toh(raw->num_sectors);
	uint64_t end;

	if (nr > max || __builtin_add_overflow(sector, nr, &end) || end > blk->capacity)
		return -EINVAL;
	*range = (struct range){
		.off = sector * BLK_SECTOR,
		.len = (uint64_t)nr * BLK_SECTOR,
		.unmap = le32toh(raw->flags) & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
	};
	return 0;
}

static int call_backing(struct backing *backing, uint32_t type, const struct range *range)
{
	if (!range)
		return backing->ops->flush(backing);
	if (type == VIRTIO_BLK_T_DISCARD)
		return backing->ops->discard(backing, range->off, range->len);
	return backing->ops->write_zeroes(backing, range->off, range->len, range->unmap);
}

/* @range NULL: flush */
static int retried(struct backing *backing, uint32_t type, const struct range *range,
		   unsigned int *interrupted)
{
	int ret;

	do {
		ret = call_backing(backing, type, range);
	} while (blk_interrupted(ret, interrupted));
	return ret;
}

int blk_range_run(struct blk_queue *q, struct blk_req *req)
{
	struct virtio_blk_discard_write_zeroes raw[RANGES_MAX];
	struct blk *blk = q->blk;
	struct range range[RANGES_MAX];
	unsigned int interrupted = 0;
	const int nr = copy_ranges(q, req, raw);
	int ret = nr < 0 ? nr : 0;

	if (!ret && !flags_known(req->type, raw, nr)) {
		req->status = VIRTIO_BLK_S_UNSUPP;
		return 0;
	}
	/* All are checked before one is done: a bad request has no effect. */
	for (int i = 0; i < nr && !ret; i++)
		ret = check_range(blk, req->type, &raw[i], &range[i]);
	for (int i = 0; i < nr && !ret; i++) {
		if (worker_must_stop(q->base.worker))
			return -ECANCELED;
		if (range[i].len)
			ret = retried(blk->backing, req->type, &range[i], &interrupted);
	}
	if (!ret && blk_write_through(blk))
		ret = retried(blk->backing, req->type, NULL, &interrupted);
	if (ret)
		return ret;
	counter_inc(req->type == VIRTIO_BLK_T_DISCARD ? &blk->counters->discards_completed
						      : &blk->counters->write_zeroes_completed);
	return 0;
}
