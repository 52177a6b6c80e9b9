/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timelines for the attribution's and the report's tests: records with known
 * answers. All times given here are host ns; the guest's clock is GUEST_LAG
 * behind, and both TSCs tick once a ns.
 */
#ifndef SS_TEST_ATTR_WORLD_H
#define SS_TEST_ATTR_WORLD_H

#include "analysis/attribution.h"

#define US	  1000LL
#define MS	  1000000LL
#define SEC	  1000000000LL
#define T0	  (1000 * SEC) /* the timelines begin here */
#define GUEST_LAG (900 * SEC)
#define WORLD_DEV (254u << 20) /* disk0; disk n is n * 16 further */

struct world {
	union events_rec *rec;
	uint32_t nr, cap;
	struct attr_cfg cfg;
	struct attribution a;
};

/* One IO through the device, everything at once. */
struct world_io {
	uint32_t disk, queue, tid;
	uint32_t type; /* VIRTIO_BLK_T_* */
	uint64_t sector;
	uint32_t bytes;
	int64_t start, issue, begun, backed, published, done;
	int64_t kick;	   /* 0: a timer */
	bool running;	   /* the submitter is on a CPU at done */
	int64_t wake, run; /* 0: no run record */
	int64_t idle;	   /* CPU-ns idled from wake to run */
	uint32_t cpu, run_cpu;
	uint16_t prev_policy;
};

/*
 * A read at T0: 10 us in the guest, 100 waiting for the worker, 200 backing, 40 back,
 * 10 wake-up, 50 until the submitter runs.
 */
extern const struct world_io world_plain;
/* The same IO @by later, elsewhere on the disk. */
struct world_io world_later(int64_t by);

/* An empty world with one disk and 60 s of clock samples. */
void world_init(struct world *w);
void world_free(struct world *w);
/* A zeroed record of @type and @len, stamped @ts in host time. */
union events_rec *world_rec(struct world *w, unsigned int type, size_t len, int64_t ts);
void world_clocks(struct world *w, int64_t from, int64_t to);
void world_disk(struct world *w, uint32_t disk);
/* The guest's records of an IO, the host's, or both. */
void world_guest_io(struct world *w, const struct world_io *io);
void world_host_io(struct world *w, const struct world_io *io);
void world_io(struct world *w, const struct world_io *io);
/* A stall with both its records; @disk may be a network device (SS_DEV_NET_BASE). */
void world_stall(struct world *w, uint32_t disk, uint32_t queue, int64_t from, int64_t to,
		 int64_t predicted);
void world_runq(struct world *w, uint16_t kind, uint16_t index, int64_t from, int64_t to);
void world_shuffle(struct world *w, uint64_t seed);
/* Attribute into w->a; asserts success. */
void world_solve(struct world *w);
/* What a part of the IOs' time sums up to. */
uint64_t world_part(const struct world *w, enum attr_part p);
/* The parts of the IOs add up to their end-to-end time, the disks to all. */
void world_expect_sums(const struct world *w);
/* Write the records as an events file; asserts success. */
void world_write(const struct world *w, const char *path);
/* xorshift */
uint64_t world_rnd(uint64_t *state);

#endif /* SS_TEST_ATTR_WORLD_H */
