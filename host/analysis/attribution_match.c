// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which device request served which guest IO, and which run of the submitter
 * ended the wait. Both are merges of sorted lists.
 */
#include <stdlib.h>

#include "analysis/attribution_int.h"

/*
 * A wake-up this long after a completion wasn't caused by it: the submitter
 * slept on something else. Generous, for emulated guests.
 */
#define WAKE_LINK_NS 5000000ULL

#define CMP(a, b)    (((a) > (b)) - ((a) < (b)))

/* qsort() wants an array even for no elements. */
static void sort(void *p, uint32_t nr, size_t size, int (*cmp)(const void *, const void *))
{
	if (nr > 1)
		qsort(p, nr, size, cmp);
}

static int io_by_tid(const void *a, const void *b)
{
	const struct a_io *x = a, *y = b;

	return x->tid != y->tid ? CMP(x->tid, y->tid) : CMP(x->done, y->done);
}

static int run_by_tid(const void *a, const void *b)
{
	const struct a_run *x = a, *y = b;

	return x->tid != y->tid ? CMP(x->tid, y->tid) : CMP(x->ts, y->ts);
}

/* Did @io's completion wake its submitter for @run? */
static bool run_ends_wait(const struct a_io *io, const struct a_io *next, const struct a_run *run)
{
	if (run->wake <= io->done)
		return true; /* it was ready by then and waited on */
	if (run->wake - io->done > WAKE_LINK_NS)
		return false;
	/* A later completion of the same task is nearer to the wake-up. */
	return !next || next->tid != io->tid || next->done > run->wake;
}

static void link_runs(struct attr_state *s)
{
	uint32_t r = 0;

	sort(s->io, s->ios, sizeof(*s->io), io_by_tid);
	sort(s->run, s->runs, sizeof(*s->run), run_by_tid);
	for (uint32_t i = 0; i < s->ios; i++) {
		struct a_io *io = &s->io[i];
		const struct a_io *next = i + 1 < s->ios ? io + 1 : NULL;

		io->run = ATTR_NO_INDEX;
		while (r < s->runs && (s->run[r].tid < io->tid ||
				       (s->run[r].tid == io->tid && s->run[r].ts <= io->done)))
			r++;
		if (io->running || r == s->runs || s->run[r].tid != io->tid)
			continue;
		if (run_ends_wait(io, next, &s->run[r]))
			io->run = r;
	}
}

static int key_cmp(const struct a_key *x, const struct a_key *y)
{
	if (x->disk != y->disk)
		return CMP(x->disk, y->disk);
	if (x->queue != y->queue)
		return CMP(x->queue, y->queue);
	if (x->op != y->op)
		return CMP(x->op, y->op);
	if (x->sector != y->sector)
		return CMP(x->sector, y->sector);
	return CMP(x->bytes, y->bytes);
}

/* By key, then in the order of completion. */
static int io_by_key(const void *a, const void *b)
{
	const struct a_io *x = a, *y = b;
	int c = key_cmp(&x->key, &y->key);

	return c ? c : CMP(x->done, y->done);
}

static int req_by_key(const void *a, const void *b)
{
	const struct a_req *x = a, *y = b;
	int c = key_cmp(&x->key, &y->key);

	return c ? c : CMP(x->done, y->done);
}

/* Several flushes of the guest may wait for one that is issued for all. */
static bool shares_flush(const struct a_io *io, const struct a_io *prev)
{
	return io->key.op == SS_IO_FLUSH && !key_cmp(&io->key, &prev->key) &&
	       prev->req != ATTR_NO_INDEX && prev->issue == io->issue;
}

/* Without the guest's word on them all queues are one. */
static void forget_queues(struct attr_state *s)
{
	for (uint32_t i = 0; i < s->ios; i++)
		s->io[i].key.queue = 0;
	for (uint32_t r = 0; r < s->reqs; r++)
		s->req[r].key.queue = 0;
}

/*
 * Completion order is the one that a queue keeps. A request must lie within its IO, give or take the clocks' error; what doesn't
 * fit has lost its other half.
 */
static void link_requests(struct attr_state *s)
{
	int64_t slack = 4 * (int64_t)clock_error_ns(s->clock) + 100000;
	uint32_t i = 0, r = 0;

	if (s->queues_unknown)
		forget_queues(s);
	sort(s->io, s->ios, sizeof(*s->io), io_by_key);
	sort(s->req, s->reqs, sizeof(*s->req), req_by_key);
	while (i < s->ios) {
		struct a_io *io = &s->io[i];
		struct a_req *req = r < s->reqs ? &s->req[r] : NULL;
		int c = req ? key_cmp(&io->key, &req->key) : -1;

		if (!io->issued) {
			i++;
		} else if (i && shares_flush(io, io - 1)) {
			io->req = io[-1].req;
			i++;
		} else if (c < 0) {
			i++;
		} else if (c > 0) {
			r++;
		} else if (req->start < clock_to_host(s->clock, io->issue) - slack) {
			r++;
		} else if (req->done > clock_to_host(s->clock, io->done) + slack) {
			i++;
		} else {
			io->req = r++;
			req->matched = true;
			i++;
		}
	}
}

static void count_unmatched(struct attr_state *s)
{
	struct attribution *a = s->out;
	int64_t first = INT64_MAX, last = INT64_MIN;

	for (uint32_t i = 0; i < s->ios; i++) {
		int64_t start = clock_to_host(s->clock, s->io[i].start);
		int64_t done = clock_to_host(s->clock, s->io[i].done);

		first = start < first ? start : first;
		last = done > last ? done : last;
	}
	for (uint32_t r = 0; r < s->reqs; r++) {
		const struct a_req *req = &s->req[r];
		struct attr_io *d = &a->disk[req->key.disk].io;
		bool outside = req->done < first || req->start > last;

		if (req->matched)
			continue;
		d->host_unmatched += !outside;
		d->host_outside += outside;
		a->io.host_unmatched += !outside;
		a->io.host_outside += outside;
	}
}

void attr_match(struct attr_state *s)
{
	link_runs(s);
	for (uint32_t i = 0; i < s->ios; i++)
		s->io[i].req = ATTR_NO_INDEX;
	if (!clock_aligned(s->clock))
		return;
	link_requests(s);
	count_unmatched(s);
}
