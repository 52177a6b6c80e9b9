// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests in flight: a backing with a queue works on many at once, and they
 * complete in any order. What the answers mean for each is blk_xfer.c's matter.
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
	q->base.done_fd = q->bq->fd;
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
	while (!q->bq->ops->submit(q->bq, &aio->xfer.io))
		q->bq->ops->commit(q->bq);
	aio->in_flight = true;
	q->base.in_flight++;
	q->unstarted++;
}

bool blk_aio_start(struct blk_queue *q, const struct blk_req *req)
{
	struct blk_aio *aio;

	if (!q->bq || !blk_req_is_xfer(req))
		return false;
	aio = aio_get(q);
	if (blk_xfer_begin(q, req, &aio->xfer, aio->iov, BLK_AIO_IOV)) {
		blk_aio_put(q, aio);
		return false;
	}
	aio->req = *req;
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

/* The next one the backing is done with; what has to go on goes on. NULL: none. */
static struct blk_aio *aio_finish(struct blk_queue *q, struct backing_io *io)
{
	struct blk_aio *aio = container_of(io, struct blk_aio, xfer.io);
	const bool stop = worker_must_stop(q->base.worker);
	const enum blk_step step = blk_xfer_step(q, &aio->req, &aio->xfer, io->result);

	aio->in_flight = false;
	q->base.in_flight--;
	if (step == BLK_MORE && !stop) {
		aio_submit(q, aio);
		return NULL;
	}
	/* The reset or the end that cancelled it leaves nobody to answer. */
	if (stop && (step == BLK_MORE || io->result == -ECANCELED)) {
		blk_aio_put(q, aio);
		return NULL;
	}
	blk_xfer_end(q, &aio->req, &aio->xfer, step);
	return aio;
}

struct blk_aio *blk_aio_reap(struct blk_queue *q)
{
	struct backing_io *io;
	struct blk_aio *aio;

	while (q->base.in_flight && q->bq->ops->reap(q->bq, &io, 1)) {
		aio = aio_finish(q, io);
		if (aio)
			return aio;
	}
	return NULL;
}

void blk_aio_cancel(struct blk_queue *q)
{
	for (unsigned int i = 0; i < q->aio_used; i++)
		if (q->aio[i].in_flight)
			q->bq->ops->cancel(q->bq, &q->aio[i].xfer.io);
	q->unstarted++;
	blk_aio_commit(q);
}
