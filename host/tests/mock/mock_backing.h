/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backing in memory that does what a test tells it to: the next calls can
 * be made to fail, to come up short, or to wait until they're let go.
 */
#ifndef SS_MOCK_BACKING_H
#define SS_MOCK_BACKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/backing.h"

#define MOCK_DISK_SIZE (4ULL << 20)
#define MOCK_SCRIPT    64

enum mock_call { MOCK_READ, MOCK_WRITE, MOCK_FLUSH, MOCK_DISCARD, MOCK_ZERO, MOCK_CALLS };

#define MOCK_IOS     1024
#define MOCK_BQUEUES 8

/* The backing's queue: what is submitted, held, and done. */
struct mock_bqueue {
	struct backing_queue bq;
	struct mock_backing *m;
	struct backing_io *submitted[MOCK_IOS], *held[MOCK_IOS], *done[MOCK_IOS];
	unsigned int nr_submitted, nr_held, nr_done;
};

struct mock_backing {
	struct backing b;
	uint8_t *data;
	uint64_t file_size; /* reads end here; below b.size: a file truncated under the guest */
	uint64_t changes;   /* writes, discards and zeroings that touched the data */
	unsigned int calls[MOCK_CALLS];
	/* of the last read, write, discard or zeroing */
	uint64_t last_off;
	unsigned int last_nr;
	uint64_t last_len;
	bool last_unmap; /* of the last zeroing */

	/*
	 * What the next calls of each kind do: a negative errno, or the most bytes
	 * it moves. INT64_MAX is an ordinary call.
	 */
	int64_t script[MOCK_CALLS][MOCK_SCRIPT];
	unsigned int script_len[MOCK_CALLS], script_pos[MOCK_CALLS];

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hold;	      /* calls wait */
	unsigned int waiting; /* calls that wait */

	/* With a queue, a call that is held is one in flight. */
	struct backing_ops ops;
	struct mock_bqueue *queue[MOCK_BQUEUES];
	unsigned int nr_queues;
	bool lifo;		    /* completions come in reverse order */
	bool no_cancel;		    /* what has begun can't be called back */
	unsigned int cancels;	    /* requests cancelled */
	int commit_error;	    /* what the next commits give */
	unsigned int commit_errors; /* so many of them */
};

/* Whether mock_backing_init() makes one with queues. */
extern bool mock_backing_async;

/** mock_backing_init() - @size bytes, byte n is (n / 512 + n) & 0xff */
void mock_backing_init(struct mock_backing *m, uint64_t size);
void mock_backing_free(struct mock_backing *m);

/** mock_script() - the next @times calls of this kind give @result */
void mock_script(struct mock_backing *m, enum mock_call call, int64_t result, unsigned int times);

/** mock_hold() - let calls wait, or go on */
void mock_hold(struct mock_backing *m, bool hold);

/** mock_wait_held() - until @nr calls wait */
void mock_wait_held(struct mock_backing *m, unsigned int nr);

/** mock_byte() - what mock_backing_init() put at @off */
static inline uint8_t mock_byte(uint64_t off)
{
	return (uint8_t)(off / 512 + off);
}

#endif /* SS_MOCK_BACKING_H */
