// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests in flight: a backing with a queue works on many at once, and they
 * complete in any order. The rules for each are those of blk_req.c.
 */
#include "virtio/blk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/container_of.h"
#include "lib/log.h"
#include "lib/counters.h"
#include "ss_probes.h"

/* --- life --- */

int blk_aio_init(struct blk_queue *q)
{
	struct backing *backing = q->blk->backing;
	int ret;

	if (!backing->ops->open_queue)
		return 0;
	ret = backing->ops->open_queue(backing, BLK_AIO_DEPTH, &q->bq);
	if (ret) {
		q->bq = NULL;
		ss_warn("%s: no queue of the backing's (%s); one request after the other",
			q->blk->dev.name, strerror(-ret));
		return 0;
	}
	/* Only what is used is ever touched: the last one handed back is the first reused. */
	q->aio = calloc(BLK_AIO_DEPTH, sizeof(*q->aio));
	if (!q->aio)
		return -ENOMEM;
	return 0;
}

void blk_aio_destroy(struct blk_queue *q)
{
	if (q->bq)
		q->bq->ops->close(q->bq);
	q->bq = NULL;
	free(q->aio);
}

static struct blk_aio *aio_get(struct blk_queue *q)
{
	struct blk_aio *aio = q->aio_free;

	if (aio)
		q->aio_free = aio->next;
	else
		aio = &q->aio[q->aio_used++];
	return aio;
}

void blk_aio_put(struct blk_queue *q, struct blk_aio *aio)
{
	aio->next = q->aio_free;
	q->aio_free = aio;
}

/* --- into flight --- */

static void aio_submit(struct blk_queue *q, struct blk_aio *aio)
{
	/* There is room for all that can be in flight, once what waits is handed over. */
	while (!q->bq->ops->submit(q->bq, &aio->io))
		q->bq->ops->commit(q->bq);
	aio->flying = true;
	q->flying++;
	q->unstarted++;
}

bool blk_aio_start(struct blk_queue *q, const struct blk_req *req)
{
	const bool data = req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_OUT;
	struct blk_aio *aio;
	uint64_t off = 0;
	int nr = 0;

	if (!q->bq || req->inject || (!data && req->type != VIRTIO_BLK_T_FLUSH))
		return false;
	if (data && blk_req_offset(q->blk, req, &off))
		return false;
	aio = aio_get(q);
	if (data)
		nr = blk_req_iov(q, req, aio->iov, BLK_AIO_IOV);
	if (nr < 0) {
		blk_aio_put(q, aio);
		return false;
	}
	aio->req = *req;
	aio->done = 0;
	aio->off = off;
	aio->retries = 0;
	aio->io = (struct backing_io){
		.op = !data			     ? BACKING_FLUSH
		      : req->type == VIRTIO_BLK_T_IN ? BACKING_READ
						     : BACKING_WRITE,
		.iov = aio->iov,
		.nr = (unsigned int)nr,
		.off = off,
	};
	ss_probe_req_start(q->blk->dev.id, q->base.index, req->head, req->type, req->sector,
			   req->bytes);
	aio_submit(q, aio);
	return true;
}

bool blk_aio_commit(struct blk_queue *q)
{
	if (!q->unstarted)
		return true;
	if (q->bq->ops->commit(q->bq))
		return false;
	q->unstarted = 0;
	return true;
}

/* --- back again --- */

/* What a step of a request means for it. */
enum step {
	STEP_MORE,   /* submit @io again */
	STEP_DONE,   /* it succeeded */
	STEP_FAILED, /* it didn't */
};

/* The same rules as transfer() in blk_req.c has. */
static enum step data_step(struct blk_aio *aio, uint64_t n)
{
	struct iovec *iov = (struct iovec *)aio->io.iov;

	if (n > aio->req.bytes - aio->done)
		return STEP_FAILED;
	if (!n)
		return aio->io.op == BACKING_READ ? STEP_DONE : STEP_FAILED;
	aio->done += n;
	blk_iov_skip(&iov, &aio->io.nr, n);
	aio->io.iov = iov;
	aio->io.off = aio->off + aio->done;
	return aio->done < aio->req.bytes ? STEP_MORE : STEP_DONE;
}

static enum step aio_step(struct blk_queue *q, struct blk_aio *aio)
{
	const ssize_t n = aio->io.result;
	enum step step;

	if (n == -EINTR && aio->retries++ < BLK_EINTR_RETRIES)
		return STEP_MORE;
	if (n < 0)
		return STEP_FAILED;
	if (aio->io.op == BACKING_FLUSH)
		return STEP_DONE;
	step = data_step(aio, (uint64_t)n);
	if (step == STEP_DONE && aio->io.op == BACKING_WRITE && blk_write_through(q->blk)) {
		aio->io.op = BACKING_FLUSH;
		return STEP_MORE;
	}
	return step;
}

static void aio_count(struct blk_queue *q, struct blk_aio *aio)
{
	struct blk_req *req = &aio->req;

	req->status = VIRTIO_BLK_S_OK;
	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		/* The file ended early. */
		blk_iov_zero(aio->io.iov, aio->io.nr);
		req->used_len = (uint32_t)req->bytes + 1;
		blk_count_read(q, aio->done);
		break;
	case VIRTIO_BLK_T_OUT:
		blk_count_write(q, req->bytes);
		break;
	default:
		counter_inc(&q->blk->counters->flushes_completed);
	}
}

/* The next one the backing is done with; what has to go on goes on. NULL: none. */
static struct blk_aio *aio_finish(struct blk_queue *q, struct backing_io *io)
{
	struct blk_aio *aio = container_of(io, struct blk_aio, io);
	const bool stop = worker_must_stop(q->base.worker);
	enum step step;

	aio->flying = false;
	q->flying--;
	step = aio_step(q, aio);
	if (step == STEP_MORE && !stop) {
		aio_submit(q, aio);
		return NULL;
	}
	/* The reset or the end that cancelled it leaves nobody to answer. */
	if (stop && (step == STEP_MORE || io->result == -ECANCELED)) {
		blk_aio_put(q, aio);
		return NULL;
	}
	if (step == STEP_DONE)
		aio_count(q, aio);
	else
		blk_req_fail(q, &aio->req);
	if (!aio->req.delay_ns)
		ss_probe_req_backing_done(q->blk->dev.id, q->base.index, aio->req.head);
	return aio;
}

struct blk_aio *blk_aio_reap(struct blk_queue *q)
{
	struct backing_io *io;
	struct blk_aio *aio;

	while (q->flying && q->bq->ops->reap(q->bq, &io, 1)) {
		aio = aio_finish(q, io);
		if (aio)
			return aio;
	}
	return NULL;
}

void blk_aio_cancel(struct blk_queue *q)
{
	for (unsigned int i = 0; i < q->aio_used; i++)
		if (q->aio[i].flying)
			q->bq->ops->cancel(q->bq, &q->aio[i].io);
	q->unstarted++;
	blk_aio_commit(q);
}
