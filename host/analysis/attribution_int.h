/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the attribution's own files only. All times here are host ns,
 * signed, unless a name says guest.
 */
#ifndef SS_ATTRIBUTION_INT_H
#define SS_ATTRIBUTION_INT_H

#include "analysis/attribution.h"

#define ATTR_MAX_QUEUES 64 /* a disk */
#define ATTR_NET_QUEUES 2
#define ATTR_NO_INDEX	UINT32_MAX

/** clamp64() - @v, but not below @lo nor above @hi */
static inline int64_t clamp64(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* ---- time intervals ---- */

struct ival {
	int64_t a, b;	 /* [a, b) */
	uint64_t before; /* sealed: covered time before a */
};

/* Filled by ivals_add(), then sealed: sorted, disjoint, with running totals. */
struct ivals {
	struct ival *p;
	uint32_t nr, cap;
};

/** ivals_add() - one more, in any order, empty ones are dropped. Return: 0 or -ENOMEM. */
int ivals_add(struct ivals *l, int64_t a, int64_t b);
/** ivals_seal() - sort and merge; before any of the functions below. */
void ivals_seal(struct ivals *l);
/** ivals_cover() - how much of [a, b) is covered. */
uint64_t ivals_cover(const struct ivals *l, int64_t a, int64_t b);
/** ivals_cover_except() - how much of [a, b) is covered by @l and not by @except. */
uint64_t ivals_cover_except(const struct ivals *l, const struct ivals *except, int64_t a,
			    int64_t b);
/** ivals_subtract() - out = l without except, sealed; out is overwritten. Return: 0 or -ENOMEM. */
int ivals_subtract(struct ivals *out, const struct ivals *l, const struct ivals *except);
/** ivals_union() - out = l and m, sealed; out is overwritten. Return: 0 or -ENOMEM. */
int ivals_union(struct ivals *out, const struct ivals *l, const struct ivals *m);
/** ivals_after() - index of the first interval that ends after @t, nr if none does. */
uint32_t ivals_after(const struct ivals *l, int64_t t);
uint64_t ivals_total(const struct ivals *l);
uint64_t ivals_longest(const struct ivals *l);
void ivals_free(struct ivals *l);

/* ---- percentiles ---- */

#define HIST_SUB     128 /* buckets an octave */
#define HIST_BUCKETS (57 * HIST_SUB + HIST_SUB)

struct attr_hist {
	uint64_t n, nonzero, sum, max;
	uint32_t bucket[HIST_BUCKETS];
};

void attr_hist_add(struct attr_hist *h, uint64_t v);
/** attr_hist_percentile() - the value that @permille of all are not above. */
uint64_t attr_hist_percentile(const struct attr_hist *h, unsigned int permille);
void attr_hist_stat(const struct attr_hist *h, struct attr_stat *out);

/* ---- what was read ---- */

/* By this a guest IO and a device request find each other. */
struct a_key {
	uint64_t sector;
	uint32_t bytes;
	uint16_t queue;
	uint8_t disk, op;
};

struct a_io {
	struct a_key key;
	uint64_t start, issue, done; /* guest ns */
	uint64_t data;		     /* its data was written, a flush came after; 0 none did */
	uint32_t tid, dev, serial;
	uint32_t req, run; /* index or ATTR_NO_INDEX */
	uint16_t cpu, issue_cpu;
	bool running, issued;
};

struct a_req {
	struct a_key key;
	int64_t start, backing_done, done, kick;
	uint8_t queue;
	bool matched;
};

struct a_run {
	uint64_t ts, wake, idle_ns; /* guest ns */
	uint32_t tid, prev_tid;
	uint16_t cpu, prev_policy;
	char prev_comm[SS_COMM_LEN];
};

struct a_queue {
	struct ivals stalls, late, backing, runq;
	struct ivals profile; /* as long as its profile said, stalls lie in it or not */
	uint64_t profile_ns;  /* the same as the device told it, if it did */
	bool profile_told;
	int64_t open_begin, open_end; /* latest stall_begin and its predicted end */
	int64_t closed_begin;	      /* begin of the latest stall that ended */
	/* disjoint, in order of precedence, and all three together */
	struct ivals throttle, behind, steal, taken;
};

/* What a record says of a disk's limits from @ts on. */
struct a_limits {
	int64_t ts;
	uint64_t iops, bps;
	uint16_t disk, by; /* enum ss_limits_by */
};

struct a_devmap {
	uint32_t dev, disk;
};

/* Time somebody's real-time tasks held CPUs, for the verdict's sentence. */
#define ATTR_RT_NAMES 16
struct a_rt {
	char comm[SS_COMM_LEN];
	uint64_t ns;
};

/* Sums for a set of IOs: one disk's, or all. */
struct a_sum {
	struct attr_hist e2e;
	struct attr_hist part[ATTR_PARTS];
	uint64_t queued_throttle, queued_backing; /* guest_queue during these */
	uint64_t matched, unissued, beyond_error;
};

struct attr_state {
	struct attr_cfg cfg;
	struct ss_clock *clock;
	struct a_io *io;
	struct a_req *req;
	struct a_run *run;
	struct ss_rec_g_hist *hist;
	struct a_devmap *dev;
	struct a_limits *limits;
	uint32_t ios, io_cap, reqs, req_cap, runs, run_cap, hists, hist_cap, devs, dev_cap;
	uint32_t limits_nr, limits_cap;
	struct a_queue *queue[SS_MAX_DISKS][ATTR_MAX_QUEUES];
	struct a_queue *net_queue[SS_MAX_NETS][ATTR_NET_QUEUES];
	struct ivals vcpu[CLOCK_MAX_VCPUS];
	struct a_rt rt[ATTR_RT_NAMES];
	struct a_sum *total, *disk[SS_MAX_DISKS];
	int64_t first_host, last_host; /* span of host records */
	bool any_host;
	bool queues_unknown; /* a guest's records are too old to have them */
	uint64_t host_runqs;
	struct attribution *out;
	struct tasks_state *tasks;
	struct attribution acc; /* plain counts while reading */
};

/**
 * attr_queue() - a device's queue, made if need be.
 * @dev: its number in records, see SS_DEV_NET_BASE
 *
 * Return: NULL for one that can't be (counted), or without memory.
 */
struct a_queue *attr_queue(struct attr_state *s, uint32_t dev, uint32_t queue);
void attr_note(struct attribution *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** attr_name() - copy a guest's string of at most @len bytes as printable ASCII. */
void attr_name(char *dst, const char *src, size_t len);

/** attr_match() - link IOs, requests and runs; the clock is built. */
void attr_match(struct attr_state *s);
/** attr_split() - split every IO of our disks and add it up. Return: 0 or -ENOMEM. */
int attr_split(struct attr_state *s);
/**
 * attr_split_span() - the parts of an IO's time that lie in [@lo, @hi).
 * @part: added to; what lies behind its completion is ATTR_COMPLETION
 * @worker: set to how much of ATTR_HOST was its worker's
 *
 * After attr_split(). Return: ns of the span before it started, in no part.
 */
uint64_t attr_split_span(const struct attr_state *s, const struct a_io *io, int64_t lo, int64_t hi,
			 uint64_t part[ATTR_PARTS], uint64_t *worker);
/** attr_limits() - under which limits the disks were stalled; the IOs are split. Return: 0 or -ENOMEM. */
int attr_limits(struct attr_state *s);
/** attr_tasks() - the tasks with the longest run-queue delay, and ksoftirqd. */
void attr_tasks(struct attr_state *s);
/** attr_who() - the subject of a sentence that names @c. */
void attr_who(const struct attr_state *s, const struct attribution *a, enum attr_cause c, char *buf,
	      size_t len);
/** attr_judge() - verdict and notes, from the finished figures. */
void attr_judge(struct attr_state *s, struct attribution *a);

#endif /* SS_ATTRIBUTION_INT_H */
