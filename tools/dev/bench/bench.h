/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * make bench: the real devices in this process, driven by a thread that
 * plays the guest's driver, beside the limit that the same machine sets in the
 * same minute. Absolute figures swing with the machine; the ratios count.
 */
#ifndef SS_BENCH_H
#define SS_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "io/backing.h"
#include "io/throttle.h"
#include "lib/time.h"
#include "mock_guest.h"
#include "virtio/blk.h"

#define BENCH_BLOCK	   4096u
#define BENCH_QD	   32u
#define BENCH_SLOT_DATA(i) (GUEST_BIG + BENCH_BLOCK * (uint64_t)(i))

/* --- figures (figures.c) --- */

/**
 * struct figure - one line of the table, one key of bench.json
 * @key: stable name
 * @title: for people
 * @unit: of @value and @against
 * @value: what was measured
 * @against: the limit measured beside it, 0: none
 * @ratio: 0: @value / @against, which figure_add() fills in
 * @target: what @ratio (or without @against, @value) must reach; NAN: none
 * @at_most: @target is an upper bound
 */
struct figure {
	const char *key, *title, *unit;
	double value, against, ratio, target;
	bool at_most;
};

/** figure_add() - keep a figure for the table; computes the ratio where it is 0 */
void figure_add(const struct figure *f);

/** figure_skip() - a figure that can't be measured here, and why; both static strings */
void figure_skip(const char *key, const char *why);

/** figures_print() - the table. Return: targets missed */
unsigned int figures_print(FILE *out);

/** figures_write_json() - bench.json. Return: 0 or a negative errno */
int figures_write_json(const char *path);

/** median() - of @n values, which it sorts */
double median(double *v, unsigned int n);

/** percentile() - @p of 1 (0.99) of @n values, which it sorts */
double percentile(double *v, unsigned int n, double p);

/* --- chance and load (figures.c) --- */

/** random_next() - xorshift; the same sequence in every run */
uint64_t random_next(uint64_t *state);

/**
 * struct load - how busy others kept the machine
 * @total: jiffies of all CPUs
 * @busy: of them not idle
 * @own: of them ours
 */
struct load {
	double total, busy, own;
};

void load_start(struct load *l);

/** load_others() - share of all CPUs, 0 to 1, that others used since load_start() */
double load_others(const struct load *l);

/* --- allocations (alloc.c) --- */

/** alloc_count() - calls of malloc and its like in this process so far */
uint64_t alloc_count(void);

/* --- the device and its driver (driver.c) --- */

/**
 * struct bench_disk - a disk with its driver
 * @halt_poll_ns: how long the driver polls for an interrupt before it sleeps
 * @random: and below: the driver's own, on cache lines that the worker doesn't touch
 */
struct bench_disk {
	struct mock_guest g;
	struct mock_queue q;
	struct blk *blk;
	struct virtio_mmio *m;
	uint8_t *low; /* guest memory from 0 on */
	uint64_t sectors;
	uint64_t halt_poll_ns;
	uint64_t random __attribute__((aligned(128)));
	uint16_t avail, used; /* as the driver sees them */
};

/** disk_open() - a disk on @backing with a driver at DRIVER_OK; aborts on failure */
void disk_open(struct bench_disk *d, struct backing *backing, const struct throttle_limits *limits,
	       bool manual);
void disk_close(struct bench_disk *d);

/*
 * What KVM does for a vCPU that halts, by default (halt_poll_ns): a driver that
 * waits for its disk isn't put to sleep at once.
 */
#define HALT_POLL_NS 200000

/** threads_apart() - the caller on one CPU, thread @tid on another, if there are two */
void threads_apart(pid_t tid);

/** threads_together() - the caller on the CPU where threads_apart() has thread @tid */
void threads_together(pid_t tid);

/** threads_free() - the caller wherever it could be before the first threads_apart() */
void threads_free(void);

/** disk_submit() - make a random read in slot @i available */
void disk_submit(struct bench_disk *d, unsigned int i);

/** disk_kick() - ring, if the device asked for it since @old; false: it didn't */
bool disk_kick(struct bench_disk *d, uint16_t old);

/** disk_reap() - the next completion's slot, -1 if there is none; aborts on an IO error */
int disk_reap(struct bench_disk *d);

/** disk_wait() - sleep until there is a completion */
void disk_wait(struct bench_disk *d);

/**
 * disk_run() - random reads, @qd at a time, for @ns; then waits for the last
 * @done: reads completed
 *
 * Like Linux's driver: takes all completions that an interrupt tells of, gives
 * new requests for them, rings once. Return: ns it took.
 */
uint64_t disk_run(struct bench_disk *d, unsigned int qd, uint64_t ns, uint64_t *done);

/** disk_worker_cpu_ns() - CPU time of the disk's worker so far */
uint64_t disk_worker_cpu_ns(struct bench_disk *d);

/* --- what is measured --- */

/** bench_null_backing() - a disk of @size bytes that does nothing at once */
void bench_null_backing(struct backing *b, uint64_t size);

void bench_reads(const char *tmpfs_dir, const char *disk_dir); /* reads.c */
void bench_drain(void);					       /* drain.c */
void bench_net(void);					       /* net.c */
void bench_throttle(void);				       /* pace.c */
void bench_memory(const char *self);			       /* memory.c */

/** bench_memory_child() - what bench_memory() runs in a process of its own */
int bench_memory_child(void);

#endif /* SS_BENCH_H */
