// SPDX-License-Identifier: GPL-2.0-only
/*
 * One IO's time, split. The stamps, in order:
 *
 *	start  issue        req start  backing done   complete  wake-up  on CPU
 *	  |------|---------------|-----------|------------|--------|-------|
 *	   guest     waiting        backing    completion            wait
 *	   queue                                                  for a CPU
 *
 * Every nanosecond goes to one part. Where several things went on at once, the
 * first of these has it:
 *	waiting:	throttle stall of the queue, another request's backing
 *			IO on it, host steal of the worker, host steal of the
 *			issuing vCPU before the kick arrived, worker
 *	completion:	host steal (of the worker until it published, then of
 *			the vCPU that completed), completion
 *	wait for a CPU:	host steal of the vCPU the task ran on, real-time task,
 *			scheduler (as long as CPUs idled), saturation
 * A stall that outlasts its predicted end because the worker wasn't given a
 * CPU is host steal from then on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/attribution_int.h"

#define POLICY_FIFO	1
#define POLICY_RR	2
#define POLICY_DEADLINE 6

struct split {
	uint64_t part[ATTR_PARTS];
	uint64_t e2e, clamped;
	uint64_t queued_throttle, queued_backing;
	uint64_t host_worker; /* of ATTR_HOST */
	bool matched, unissued;
};

static uint64_t dist(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int64_t to_host(const struct attr_state *s, uint64_t guest_ns)
{
	return clock_aligned(s->clock) ? clock_to_host(s->clock, guest_ns) : (int64_t)guest_ns;
}

static const struct ivals *vcpu_steal(const struct attr_state *s, uint32_t cpu)
{
	static const struct ivals none;

	return cpu < CLOCK_MAX_VCPUS && clock_aligned(s->clock) ? &s->vcpu[cpu] : &none;
}

/* From the hand-over to the driver until the request's turn came. */
static void split_waiting(const struct attr_state *s, const struct a_io *io,
			  const struct a_req *req, const struct a_queue *q, int64_t from,
			  int64_t to, struct split *x)
{
	uint64_t throttle = ivals_cover(&q->throttle, from, to);
	uint64_t behind = ivals_cover(&q->behind, from, to);
	uint64_t host = ivals_cover(&q->steal, from, to);

	x->host_worker += host;
	if (req->kick)
		host += ivals_cover_except(vcpu_steal(s, io->issue_cpu), &q->taken, from,
					   clamp64(req->kick, from, to));
	x->part[ATTR_THROTTLE] += throttle;
	x->part[ATTR_BACKING] += behind;
	x->part[ATTR_HOST] += host;
	x->part[ATTR_WORKER] += (uint64_t)(to - from) - throttle - behind - host;
}

static void split_completion(const struct attr_state *s, const struct a_io *io,
			     const struct a_req *req, const struct a_queue *q, int64_t from,
			     int64_t to, struct split *x)
{
	int64_t published = clamp64(req->done, from, to);
	uint64_t worker = ivals_cover(&q->runq, from, published);
	uint64_t host = worker + ivals_cover(vcpu_steal(s, io->cpu), published, to);

	x->host_worker += worker;
	x->part[ATTR_HOST] += host;
	x->part[ATTR_COMPLETION] += (uint64_t)(to - from) - host;
}

static bool is_rt(const struct a_run *run)
{
	return run->prev_tid && (run->prev_policy == POLICY_FIFO || run->prev_policy == POLICY_RR ||
				 run->prev_policy == POLICY_DEADLINE);
}

static void blame_rt(struct attr_state *s, const char *comm, uint64_t ns)
{
	for (unsigned int i = 0; i < ATTR_RT_NAMES; i++) {
		struct a_rt *rt = &s->rt[i];

		if (rt->ns && strncmp(rt->comm, comm, sizeof(rt->comm)))
			continue;
		memcpy(rt->comm, comm, sizeof(rt->comm));
		rt->ns += ns;
		return;
	}
}

/* The submitter is ready; until it is on a CPU. */
static void split_wait_for_cpu(struct attr_state *s, const struct a_run *run, int64_t from,
			       int64_t to, struct split *x)
{
	uint64_t all = (uint64_t)(to - from);
	uint64_t host = ivals_cover(vcpu_steal(s, run->cpu), from, to);
	uint64_t rest = all - host, idle;

	x->part[ATTR_HOST] += host;
	if (is_rt(run)) {
		x->part[ATTR_RT] += rest;
		blame_rt(s, run->prev_comm, rest);
		return;
	}
	/* A CPU that idled could have run it: at most for so long was one free. */
	idle = min64(rest, run->idle_ns);
	x->part[ATTR_SCHEDULER] += idle;
	x->part[ATTR_SATURATION] += rest - idle;
}

static void split_device(const struct attr_state *s, const struct a_io *io, int64_t start,
			 int64_t issue, int64_t done, struct split *x)
{
	const struct a_req *req = &s->req[io->req];
	const struct a_queue *q = s->queue[req->key.disk][req->queue];
	int64_t begun = clamp64(req->start, issue, done);
	int64_t backed = clamp64(req->backing_done, begun, done);

	x->matched = true;
	x->clamped = dist(begun, req->start);
	if (dist(backed, req->backing_done) > x->clamped)
		x->clamped = dist(backed, req->backing_done);
	x->queued_throttle = ivals_cover(&q->throttle, start, issue);
	x->queued_backing = ivals_cover(&q->behind, start, issue);
	split_waiting(s, io, req, q, issue, begun, x);
	x->part[ATTR_BACKING] += (uint64_t)(backed - begun);
	split_completion(s, io, req, q, backed, done, x);
}

static void split_io(struct attr_state *s, const struct a_io *io, struct split *x)
{
	const struct a_run *run = io->run != ATTR_NO_INDEX ? &s->run[io->run] : NULL;
	int64_t start = to_host(s, io->start), issue = to_host(s, io->issue);
	int64_t done = to_host(s, io->done), end = done;

	memset(x, 0, sizeof(*x));
	x->part[ATTR_GUEST_QUEUE] = (uint64_t)(issue - start);
	x->unissued = !io->issued;
	if (io->req != ATTR_NO_INDEX)
		split_device(s, io, start, issue, done, x);
	else
		x->part[ATTR_UNKNOWN] = (uint64_t)(done - issue);
	if (run) {
		int64_t ready = run->wake > io->done ? to_host(s, run->wake) : done;

		end = to_host(s, run->ts);
		ready = clamp64(ready, done, end);
		x->part[ATTR_COMPLETION] += (uint64_t)(ready - done);
		split_wait_for_cpu(s, run, ready, end, x);
	}
	x->e2e = (uint64_t)(end - start);
}

/*
 * Before its issue or behind its data it was in the guest's hands, but what the queue did
 * meanwhile may be why: a flush for it, or others before it. The rest is @rest's.
 */
static void split_queued(const struct a_queue *q, int64_t from, int64_t to, enum attr_part rest,
			 struct split *x)
{
	uint64_t throttle = ivals_cover(&q->throttle, from, to);
	uint64_t behind = ivals_cover(&q->behind, from, to);
	uint64_t host = ivals_cover(&q->steal, from, to);

	if (to <= from)
		return;
	x->part[ATTR_THROTTLE] += throttle;
	x->part[ATTR_BACKING] += behind;
	x->part[ATTR_HOST] += host;
	x->host_worker += host;
	x->part[rest] += (uint64_t)(to - from) - throttle - behind - host;
}

static uint64_t overlap(int64_t a, int64_t b, int64_t lo, int64_t hi)
{
	a = clamp64(a, lo, hi);
	b = clamp64(b, lo, hi);
	return b > a ? (uint64_t)(b - a) : 0;
}

/* The same stamps as split_io(), each stretch clipped. */
static void span_device(const struct attr_state *s, const struct a_io *io, int64_t issue,
			int64_t done, int64_t lo, int64_t hi, struct split *x)
{
	const struct a_req *req = &s->req[io->req];
	const struct a_queue *q = s->queue[req->key.disk][req->queue];
	int64_t begun = clamp64(req->start, issue, done);
	int64_t backed = clamp64(req->backing_done, begun, done);
	int64_t data = io->data ? clamp64(to_host(s, io->data), backed, done) : done;
	int64_t from = clamp64(issue, lo, hi), to = clamp64(begun, lo, hi);

	if (to > from)
		split_waiting(s, io, req, q, from, to, x);
	x->part[ATTR_BACKING] += overlap(begun, backed, lo, hi);
	from = clamp64(backed, lo, hi);
	to = clamp64(data, lo, hi);
	if (to > from)
		split_completion(s, io, req, q, from, to, x);
	split_queued(q, clamp64(data, lo, hi), clamp64(done, lo, hi), ATTR_COMPLETION, x);
}

uint64_t attr_split_span(const struct attr_state *s, const struct a_io *io, int64_t lo, int64_t hi,
			 uint64_t part[ATTR_PARTS], uint64_t *worker)
{
	int64_t start = to_host(s, io->start), issue = to_host(s, io->issue);
	int64_t done = to_host(s, io->done);
	struct split x = { .matched = io->req != ATTR_NO_INDEX };

	if (x.matched) {
		const struct a_req *req = &s->req[io->req];

		split_queued(s->queue[req->key.disk][req->queue], clamp64(start, lo, hi),
			     clamp64(issue, lo, hi), ATTR_GUEST_QUEUE, &x);
		span_device(s, io, issue, done, lo, hi, &x);
	} else {
		x.part[ATTR_GUEST_QUEUE] += overlap(start, issue, lo, hi);
		x.part[ATTR_UNKNOWN] += overlap(issue, done, lo, hi);
	}
	x.part[ATTR_COMPLETION] += overlap(done, INT64_MAX, lo, hi);
	for (unsigned int p = 0; p < ATTR_PARTS; p++)
		part[p] += x.part[p];
	*worker = x.host_worker;
	return overlap(INT64_MIN, start, lo, hi);
}

static void add_up(struct a_sum *sum, const struct split *x, uint64_t error)
{
	attr_hist_add(&sum->e2e, x->e2e);
	for (unsigned int p = 0; p < ATTR_PARTS; p++)
		attr_hist_add(&sum->part[p], x->part[p]);
	sum->queued_throttle += x->queued_throttle;
	sum->queued_backing += x->queued_backing;
	sum->matched += x->matched;
	sum->unissued += x->unissued;
	sum->beyond_error += x->clamped > error;
}

/* Disjoint lists for the waiting time, in order of precedence. */
static int prepare_queue(struct a_queue *q)
{
	struct ivals late_idle = { 0 }, late_steal = { 0 }, tmp = { 0 };
	int err = -ENOMEM;

	if (q->open_begin > q->closed_begin && ivals_add(&q->stalls, q->open_begin, q->open_end))
		return -ENOMEM;
	ivals_seal(&q->stalls);
	ivals_seal(&q->late);
	ivals_seal(&q->backing);
	ivals_seal(&q->runq);
	ivals_seal(&q->profile);
	if (ivals_subtract(&late_idle, &q->late, &q->runq) ||
	    ivals_subtract(&late_steal, &q->late, &late_idle) ||
	    ivals_subtract(&q->throttle, &q->stalls, &late_steal) ||
	    ivals_subtract(&q->behind, &q->backing, &q->throttle) ||
	    ivals_union(&tmp, &q->throttle, &q->behind) ||
	    ivals_subtract(&q->steal, &q->runq, &tmp) || ivals_union(&q->taken, &tmp, &q->steal))
		goto out;
	err = 0;
out:
	ivals_free(&late_idle);
	ivals_free(&late_steal);
	ivals_free(&tmp);
	return err;
}

static int prepare(struct attr_state *s)
{
	for (unsigned int d = 0; d < SS_MAX_DISKS; d++)
		for (unsigned int n = 0; n < ATTR_MAX_QUEUES; n++)
			if (s->queue[d][n] && prepare_queue(s->queue[d][n]))
				return -ENOMEM;
	for (unsigned int v = 0; v < CLOCK_MAX_VCPUS; v++)
		ivals_seal(&s->vcpu[v]);
	return 0;
}

int attr_split(struct attr_state *s)
{
	uint64_t error = clock_error_ns(s->clock);

	if (prepare(s))
		return -ENOMEM;
	s->total = calloc(1, sizeof(*s->total));
	if (!s->total)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->ios; i++) {
		const struct a_io *io = &s->io[i];
		struct split x;

		if (!s->disk[io->key.disk])
			s->disk[io->key.disk] = calloc(1, sizeof(*s->disk[0]));
		if (!s->disk[io->key.disk])
			return -ENOMEM;
		split_io(s, io, &x);
		add_up(s->disk[io->key.disk], &x, error);
		add_up(s->total, &x, error);
		if (x.clamped > s->out->clamped_max_ns)
			s->out->clamped_max_ns = x.clamped;
	}
	return 0;
}
