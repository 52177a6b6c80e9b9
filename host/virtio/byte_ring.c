// SPDX-License-Identifier: GPL-2.0-only
/* A bounded ring of bytes: copies in and out under its lock, and the eventfd that goes with it. */
#include "virtio/byte_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int byte_ring_init(struct byte_ring *r, size_t size, bool with_fd)
{
	*r = (struct byte_ring){ .size = size, .fd = -1 };
	r->buf = malloc(size);
	if (!r->buf)
		return -ENOMEM;
	if (with_fd) {
		r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (r->fd < 0) {
			int err = -errno;

			free(r->buf);
			r->buf = NULL;
			return err;
		}
	}
	pthread_mutex_init(&r->lock, NULL);
	return 0;
}

void byte_ring_destroy(struct byte_ring *r)
{
	if (!r->buf)
		return;
	pthread_mutex_destroy(&r->lock);
	if (r->fd >= 0)
		close(r->fd);
	free(r->buf);
	r->buf = NULL;
}

/* Under the lock: the eventfd says whether the ring holds something. */
static void tell(struct byte_ring *r, size_t was)
{
	uint64_t one = 1;
	ssize_t n = 0;

	if (r->fd < 0)
		return;
	if (!was && r->used)
		n = write(r->fd, &one, sizeof(one));
	else if (was && !r->used)
		n = read(r->fd, &one, sizeof(one));
	(void)n;
}

static void append(struct byte_ring *r, const void *buf, size_t len)
{
	size_t was = r->used, at = (r->head + r->used) % r->size;
	size_t first = len < r->size - at ? len : r->size - at;

	memcpy(r->buf + at, buf, first);
	memcpy(r->buf, (const uint8_t *)buf + first, len - first);
	r->used += len;
	tell(r, was);
}

size_t byte_ring_put(struct byte_ring *r, const void *buf, size_t len)
{
	pthread_mutex_lock(&r->lock);
	if (len > r->size - r->used)
		len = r->size - r->used;
	append(r, buf, len);
	pthread_mutex_unlock(&r->lock);
	return len;
}

bool byte_ring_put_all(struct byte_ring *r, const void *buf, size_t len)
{
	bool fits;

	pthread_mutex_lock(&r->lock);
	fits = len <= r->size - r->used;
	if (fits)
		append(r, buf, len);
	pthread_mutex_unlock(&r->lock);
	return fits;
}

size_t byte_ring_peek(struct byte_ring *r, void *buf, size_t size)
{
	size_t n, first;

	pthread_mutex_lock(&r->lock);
	n = size < r->used ? size : r->used;
	first = n < r->size - r->head ? n : r->size - r->head;
	memcpy(buf, r->buf + r->head, first);
	memcpy((uint8_t *)buf + first, r->buf, n - first);
	pthread_mutex_unlock(&r->lock);
	return n;
}

void byte_ring_drop(struct byte_ring *r, size_t len)
{
	size_t was;

	pthread_mutex_lock(&r->lock);
	was = r->used;
	r->head = (r->head + len) % r->size;
	r->used -= len;
	tell(r, was);
	pthread_mutex_unlock(&r->lock);
}

void byte_ring_clear(struct byte_ring *r)
{
	size_t was;

	pthread_mutex_lock(&r->lock);
	was = r->used;
	r->head = r->used = 0;
	tell(r, was);
	pthread_mutex_unlock(&r->lock);
}

size_t byte_ring_room(struct byte_ring *r)
{
	size_t room;

	pthread_mutex_lock(&r->lock);
	room = r->size - r->used;
	pthread_mutex_unlock(&r->lock);
	return room;
}
