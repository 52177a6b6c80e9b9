// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits change while a guest runs, by hand or by a profile: under which ones
 * did a disk stall, and how much of that was its profile's standing still?
 */
#include <errno.h>
#include <stdlib.h>

#include "analysis/attribution_int.h"

static int by_disk_and_time(const void *a, const void *b)
{
	const struct a_limits *x = a, *y = b;

	if (x->disk != y->disk)
		return (x->disk > y->disk) - (x->disk < y->disk);
	return (x->ts > y->ts) - (x->ts < y->ts);
}

static int by_limits(const void *a, const void *b)
{
	const struct attr_limits *x = a, *y = b;

	if (x->iops != y->iops)
		return (x->iops > y->iops) - (x->iops < y->iops);
	return (x->bps > y->bps) - (x->bps < y->bps);
}

static int longest_first(const void *a, const void *b)
{
	const struct attr_limits *x = a, *y = b;

	if (x->stall_ns != y->stall_ns)
		return (x->stall_ns < y->stall_ns) - (x->stall_ns > y->stall_ns);
	return by_limits(a, b);
}

/* How long the queues of disk @d were stalled in [from, to), together. */
static uint64_t stalled(const struct attr_state *s, unsigned int d, int64_t from, int64_t to)
{
	uint64_t sum = 0;

	for (unsigned int n = 0; n < ATTR_MAX_QUEUES; n++)
		if (s->queue[d][n])
			sum += ivals_cover(&s->queue[d][n]->stalls, from, to);
	return sum;
}

/* Disk @d's time, cut where its limits changed. Return: the pieces with a stall. */
static uint32_t cut(const struct attr_state *s, unsigned int d, const struct a_limits *l,
		    uint32_t nr, struct attr_limits *out)
{
	struct attr_limits own = { .iops = s->cfg.disk[d].iops, .bps = s->cfg.disk[d].bps };
	struct attr_limits profile = { 0 };
	int64_t from = INT64_MIN;
	bool by_profile = false;
	uint32_t n = 0;

	for (uint32_t i = 0; i <= nr; i++) {
		int64_t to = i < nr ? l[i].ts : INT64_MAX;

		out[n] = by_profile ? profile : own;
		out[n].stall_ns = stalled(s, d, from, to);
		n += out[n].stall_ns > 0;
		from = to;
		if (i == nr)
			break;
		if (l[i].by != SS_LIMITS_OWN)
			by_profile = l[i].by == SS_LIMITS_PROFILE;
		*(l[i].by == SS_LIMITS_PROFILE ? &profile : &own) =
			(struct attr_limits){ .iops = l[i].iops, .bps = l[i].bps };
	}
	return n;
}

/* Pieces under the same limits are one. */
static uint32_t join(struct attr_limits *p, uint32_t nr)
{
	uint32_t n = 0;

	qsort(p, nr, sizeof(*p), by_limits);
	for (uint32_t i = 0; i < nr; i++)
		if (n && !by_limits(&p[n - 1], &p[i]))
			p[n - 1].stall_ns += p[i].stall_ns;
		else
			p[n++] = p[i];
	qsort(p, n, sizeof(*p), longest_first);
	return n;
}

static int limits_of_disk(struct attr_state *s, unsigned int d, const struct a_limits *l,
			  uint32_t nr)
{
	struct attr_disk *out = &s->out->disk[d];
	struct attr_limits *pieces = calloc((size_t)nr + 1, sizeof(*pieces));
	uint32_t n;

	if (!pieces)
		return -ENOMEM;
	n = join(pieces, cut(s, d, l, nr, pieces));
	for (; out->limits < n && out->limits < ATTR_TOP_LIMITS; out->limits++)
		out->limit[out->limits] = pieces[out->limits];
	free(pieces);
	return 0;
}

static int profile_stalls(struct attr_state *s, unsigned int d)
{
	struct ivals rest = { 0 };
	int err = 0;

	for (unsigned int n = 0; n < ATTR_MAX_QUEUES && !err; n++) {
		const struct a_queue *q = s->queue[d][n];

		if (!q)
			continue;
		if (q->profile_told) {
			s->out->disk[d].profile_stall_ns += q->profile_ns;
			continue;
		}
		/* An old recording: what was said at each begin. */
		err = ivals_subtract(&rest, &q->stalls, &q->profile);
		if (!err)
			s->out->disk[d].profile_stall_ns +=
				ivals_total(&q->stalls) - ivals_total(&rest);
	}
	ivals_free(&rest);
	return err;
}

int attr_limits(struct attr_state *s)
{
	uint32_t at = 0;

	if (s->limits_nr > 1)
		qsort(s->limits, s->limits_nr, sizeof(*s->limits), by_disk_and_time);
	for (unsigned int d = 0; d < SS_MAX_DISKS; d++) {
		uint32_t first = at;

		while (at < s->limits_nr && s->limits[at].disk == d)
			at++;
		if (limits_of_disk(s, d, at > first ? &s->limits[first] : NULL, at - first) ||
		    profile_stalls(s, d))
			return -ENOMEM;
	}
	return 0;
}
