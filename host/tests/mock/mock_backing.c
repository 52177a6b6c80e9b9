// SPDX-License-Identifier: GPL-2.0-only
#include "mock_backing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/container_of.h"

bool mock_backing_async;

static struct mock_backing *to_mock(struct backing *b)
{
	return container_of(b, struct mock_backing, b);
}

static int64_t script_next(struct mock_backing *m, enum mock_call call)
{
	if (m->script_pos[call] < m->script_len[call])
		return m->script[call][m->script_pos[call]++];
	return INT64_MAX;
}

/* Counts the call, waits while held, and tells what it shall do. */
static int64_t enter(struct mock_backing *m, enum mock_call call)
{
	pthread_mutex_lock(&m->lock);
	m->calls[call]++;
	m->waiting++;
	pthread_cond_broadcast(&m->changed);
	while (m->hold)
		pthread_cond_wait(&m->changed, &m->lock);
	m->waiting--;
	return script_next(m, call);
}

static void leave(struct mock_backing *m)
{
	pthread_mutex_unlock(&m->lock);
}

static ssize_t move(struct mock_backing *m, bool write, const struct iovec *iov, unsigned int nr,
		    uint64_t off, int64_t limit)
{
	uint64_t end = write ? m->b.size : m->file_size;
	int64_t done = 0;

	m->last_off = off;
	m->last_nr = nr;
	m->last_len = 0;
	for (unsigned int i = 0; i < nr; i++)
		m->last_len += iov[i].iov_len;
	if (limit < 0)
		return (ssize_t)limit;
	for (unsigned int i = 0; i < nr && done < limit && off < end; i++) {
		uint64_t n = iov[i].iov_len;

		n = n < end - off ? n : end - off;
		n = n < (uint64_t)(limit - done) ? n : (uint64_t)(limit - done);
		if (write)
			memcpy(m->data + off, iov[i].iov_base, n);
		else
			memcpy(iov[i].iov_base, m->data + off, n);
		off += n;
		done += (int64_t)n;
		if (n < iov[i].iov_len)
			break;
	}
	if (write && done)
		m->changes++;
	return (ssize_t)done;
}

static ssize_t mock_readv(struct backing *b, const struct iovec *iov, unsigned int nr, uint64_t off)
{
	struct mock_backing *m = to_mock(b);
	int64_t limit = enter(m, MOCK_READ);
	ssize_t n = move(m, false, iov, nr, off, limit);

	leave(m);
	return n;
}

static ssize_t mock_writev(struct backing *b, const struct iovec *iov, unsigned int nr,
			   uint64_t off)
{
	struct mock_backing *m = to_mock(b);
	int64_t limit = enter(m, MOCK_WRITE);
	ssize_t n = move(m, true, iov, nr, off, limit);

	leave(m);
	return n;
}

static int mock_flush_op(struct backing *b)
{
	struct mock_backing *m = to_mock(b);
	int64_t result = enter(m, MOCK_FLUSH);

	leave(m);
	return result < 0 ? (int)result : 0;
}

static int mock_clear(struct backing *b, enum mock_call call, uint64_t off, uint64_t len)
{
	struct mock_backing *m = to_mock(b);
	int64_t result = enter(m, call);

	m->last_off = off;
	m->last_len = len;
	if (result >= 0) {
		memset(m->data + off, 0, len);
		m->changes++;
	}
	leave(m);
	return result < 0 ? (int)result : 0;
}

static int mock_discard(struct backing *b, uint64_t off, uint64_t len)
{
	return mock_clear(b, MOCK_DISCARD, off, len);
}

static int mock_write_zeroes(struct backing *b, uint64_t off, uint64_t len, bool unmap)
{
	to_mock(b)->last_unmap = unmap;
	return mock_clear(b, MOCK_ZERO, off, len);
}

static void mock_close(struct backing *b)
{
	(void)b;
}

/* --- the queue --- */

static struct mock_bqueue *to_bqueue(struct backing_queue *bq)
{
	return container_of(bq, struct mock_bqueue, bq);
}

static enum mock_call io_call(const struct backing_io *io)
{
	return io->op == BACKING_READ	 ? MOCK_READ
	       : io->op == BACKING_WRITE ? MOCK_WRITE
					 : MOCK_FLUSH;
}

static void io_done(struct mock_bqueue *q, struct backing_io *io, ssize_t result)
{
	const uint64_t one = 1;

	io->result = result;
	q->done[q->nr_done++] = io;
	if (write(q->bq.fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void io_run(struct mock_bqueue *q, struct backing_io *io)
{
	const int64_t limit = script_next(q->m, io_call(io));

	if (io->op == BACKING_FLUSH)
		io_done(q, io, limit < 0 ? (ssize_t)limit : 0);
	else
		io_done(q, io,
			move(q->m, io->op == BACKING_WRITE, io->iov, io->nr, io->off, limit));
}

static void io_take(struct backing_io **from, unsigned int *nr, unsigned int i)
{
	memmove(&from[i], &from[i + 1], (--*nr - i) * sizeof(*from));
}

static bool mock_submit(struct backing_queue *bq, struct backing_io *io)
{
	struct mock_bqueue *q = to_bqueue(bq);

	if (q->nr_submitted == MOCK_IOS)
		return false;
	q->submitted[q->nr_submitted++] = io;
	return true;
}

static int mock_commit(struct backing_queue *bq)
{
	struct mock_bqueue *q = to_bqueue(bq);
	struct mock_backing *m = q->m;
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	if (m->commit_errors) {
		m->commit_errors--;
		ret = m->commit_error;
	}
	for (unsigned int i = 0; !ret && i < q->nr_submitted; i++) {
		m->calls[io_call(q->submitted[i])]++;
		if (!m->hold) {
			io_run(q, q->submitted[i]);
			continue;
		}
		q->held[q->nr_held++] = q->submitted[i];
		m->waiting++;
	}
	if (!ret)
		q->nr_submitted = 0;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

static unsigned int mock_reap(struct backing_queue *bq, struct backing_io **done, unsigned int max)
{
	struct mock_bqueue *q = to_bqueue(bq);
	unsigned int nr = 0;

	pthread_mutex_lock(&q->m->lock);
	while (nr < max && q->nr_done) {
		const unsigned int i = q->m->lifo ? q->nr_done - 1 : 0;

		done[nr++] = q->done[i];
		io_take(q->done, &q->nr_done, i);
	}
	pthread_mutex_unlock(&q->m->lock);
	return nr;
}

static void mock_cancel(struct backing_queue *bq, struct backing_io *io)
{
	struct mock_bqueue *q = to_bqueue(bq);
	struct mock_backing *m = q->m;

	pthread_mutex_lock(&m->lock);
	for (unsigned int i = 0; i < q->nr_held && !m->no_cancel; i++)
		if (q->held[i] == io) {
			io_take(q->held, &q->nr_held, i);
			m->waiting--;
			m->cancels++;
			io_done(q, io, -ECANCELED);
			break;
		}
	pthread_mutex_unlock(&m->lock);
}

static void mock_queue_close(struct backing_queue *bq)
{
	struct mock_bqueue *q = to_bqueue(bq);

	if (q->nr_submitted || q->nr_held || q->nr_done)
		abort(); /* something is still under way */
	for (unsigned int i = 0; i < q->m->nr_queues; i++)
		if (q->m->queue[i] == q)
			q->m->queue[i] = q->m->queue[--q->m->nr_queues];
	close(bq->fd);
	free(q);
}

static int mock_open_queue(struct backing *b, unsigned int depth, struct backing_queue **out)
{
	static const struct backing_queue_ops ops = {
		.submit = mock_submit,
		.commit = mock_commit,
		.reap = mock_reap,
		.cancel = mock_cancel,
		.close = mock_queue_close,
	};
	struct mock_backing *m = to_mock(b);
	struct mock_bqueue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	if (depth > MOCK_IOS || m->nr_queues == MOCK_BQUEUES)
		abort();
	q->m = m;
	q->bq.ops = &ops;
	q->bq.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->bq.fd < 0) {
		free(q);
		return -errno;
	}
	m->queue[m->nr_queues++] = q;
	*out = &q->bq;
	return 0;
}

static const struct backing_ops mock_ops = {
	.readv = mock_readv,
	.writev = mock_writev,
	.flush = mock_flush_op,
	.discard = mock_discard,
	.write_zeroes = mock_write_zeroes,
	.close = mock_close,
};

void mock_backing_init(struct mock_backing *m, uint64_t size)
{
	memset(m, 0, sizeof(*m));
	m->ops = mock_ops;
	if (mock_backing_async)
		m->ops.open_queue = mock_open_queue;
	m->b = (struct backing){ .ops = &m->ops, .size = size };
	m->file_size = size;
	m->data = malloc(size ? size : 1);
	if (!m->data)
		abort();
	for (uint64_t off = 0; off < size; off++)
		m->data[off] = mock_byte(off);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
}

void mock_backing_free(struct mock_backing *m)
{
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
	free(m->data);
}

void mock_script(struct mock_backing *m, enum mock_call call, int64_t result, unsigned int times)
{
	if (m->script_len[call] + times > MOCK_SCRIPT)
		abort();
	while (times--)
		m->script[call][m->script_len[call]++] = result;
}

void mock_hold(struct mock_backing *m, bool hold)
{
	pthread_mutex_lock(&m->lock);
	m->hold = hold;
	for (unsigned int i = 0; i < m->nr_queues && !hold; i++) {
		struct mock_bqueue *q = m->queue[i];

		for (unsigned int n = 0; n < q->nr_held; n++)
			io_run(q, q->held[n]);
		m->waiting -= q->nr_held;
		q->nr_held = 0;
	}
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

void mock_wait_held(struct mock_backing *m, unsigned int nr)
{
	pthread_mutex_lock(&m->lock);
	while (m->waiting < nr)
		pthread_cond_wait(&m->changed, &m->lock);
	pthread_mutex_unlock(&m->lock);
}
