/* SPDX-License-Identifier: GPL-2.0-only */
/* What guests that do as they like have in common: by seed, or in a thread of their own. */
#ifndef SS_MOCK_HOSTILE_H
#define SS_MOCK_HOSTILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mock_guest.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES_ARE_FATAL 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define RACES_ARE_FATAL 1
#endif
#ifndef RACES_ARE_FATAL
#define RACES_ARE_FATAL 0
#endif

/** seed() - begin the sequence that belongs to @n */
void seed(uint64_t n);

/** rnd() - a small generator: the same numbers everywhere */
uint64_t rnd(void);

/** pick() - a number below @n */
uint64_t pick(uint64_t n);

/** any_addr() - often good, often near an edge, sometimes anything */
uint64_t any_addr(void);

/** scribble_ring() - garbage in a queue's descriptors, heads, and now and then its index */
void scribble_ring(struct mock_queue *q, uint32_t (*any_len)(void));

/** hostile_registers() - 20000 accesses of any kind; now and then @step gets its turn */
void hostile_registers(struct virtio_mmio *m, void (*step)(void *ctx), void *ctx);

/**
 * struct scribbler - a guest that changes its memory while it's looked at
 * @g: whose
 * @at: @len: two ranges it writes to, byte by byte
 */
struct scribbler {
	struct mock_guest *g;
	uint64_t at[2], len[2];
	bool end; /* atomic */
	pthread_t thread;
};

/** scribbler_start() - set it off. Return: 0 or pthread_create()'s error */
int scribbler_start(struct scribbler *s);
void scribbler_stop(struct scribbler *s);

#endif /* SS_MOCK_HOSTILE_H */
