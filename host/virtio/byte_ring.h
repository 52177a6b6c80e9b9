/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded ring of bytes between two threads, with a lock held for the copies
 * only. Optionally an eventfd says whether it holds anything.
 */
#ifndef SS_BYTE_RING_H
#define SS_BYTE_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_ring {
	pthread_mutex_t lock;
	uint8_t *buf;
	size_t size;
	size_t head; /* first byte */
	size_t used;
	int fd; /* eventfd, signalled while @used isn't 0; -1: none */
};

/** byte_ring_init() - @size bytes. Return: 0 or a negative errno. */
int byte_ring_init(struct byte_ring *r, size_t size, bool with_fd);

/** byte_ring_destroy() - free it; both threads must be done. */
void byte_ring_destroy(struct byte_ring *r);

/** byte_ring_put() - append what fits. Return: bytes taken. */
size_t byte_ring_put(struct byte_ring *r, const void *buf, size_t len);

/** byte_ring_put_all() - append all, or nothing. */
bool byte_ring_put_all(struct byte_ring *r, const void *buf, size_t len);

/** byte_ring_peek() - copy the first bytes and leave them there. Return: bytes copied. */
size_t byte_ring_peek(struct byte_ring *r, void *buf, size_t size);

/** byte_ring_drop() - remove the first @len bytes, which must be there. */
void byte_ring_drop(struct byte_ring *r, size_t len);

/** byte_ring_clear() - remove everything. */
void byte_ring_clear(struct byte_ring *r);

/** byte_ring_room() - bytes that would fit now. */
size_t byte_ring_room(struct byte_ring *r);

#endif /* SS_BYTE_RING_H */
