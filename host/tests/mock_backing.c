// SPDX-License-Identifier: GPL-2.0-only
#include "mock_backing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct mock_backing *to_mock(struct backing *b)
{
	return (struct mock_backing *)((char *)b - offsetof(struct mock_backing, b));
}

/* Counts the call, waits while held, and tells what it shall do. */
static int64_t enter(struct mock_backing *m, enum mock_call call)
{
	int64_t result = INT64_MAX;

	pthread_mutex_lock(&m->lock);
	m->calls[call]++;
	m->waiting++;
	pthread_cond_broadcast(&m->changed);
	while (m->hold)
		pthread_cond_wait(&m->changed, &m->lock);
	m->waiting--;
	if (m->script_pos[call] < m->script_len[call])
		result = m->script[call][m->script_pos[call]++];
	return result;
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
	m->b = (struct backing){ .ops = &mock_ops, .size = size };
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
