// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attribution: from a run's records to figures. The steps are in the other
 * attribution_*.c files.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/attribution_int.h"
#include "analysis/tasks_int.h"

#define MAX_RECORDS (8u << 20)

void attr_note(struct attribution *a, const char *fmt, ...)
{
	va_list ap;

	if (a->notes >= ATTR_MAX_NOTES)
		return;
	va_start(ap, fmt);
	vsnprintf(a->note[a->notes++], sizeof(a->note[0]), fmt, ap);
	va_end(ap);
}

struct attr_state *attribution_new(const struct attr_cfg *cfg, uint64_t host_tsc_hz,
				   uint64_t guest_tsc_hz)
{
	struct attr_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->cfg = *cfg;
	if (!s->cfg.max_records || s->cfg.max_records > UINT32_MAX / 2)
		s->cfg.max_records = MAX_RECORDS;
	if (s->cfg.disks > SS_MAX_DISKS)
		s->cfg.disks = SS_MAX_DISKS;
	if (s->cfg.nets > SS_MAX_NETS)
		s->cfg.nets = SS_MAX_NETS;
	s->clock = clock_new(host_tsc_hz, guest_tsc_hz);
	s->tasks = tasks_new();
	if (!s->clock || !s->tasks) {
		attribution_free(s);
		return NULL;
	}
	return s;
}

static void queue_free(struct a_queue *q)
{
	if (!q)
		return;
	ivals_free(&q->stalls);
	ivals_free(&q->late);
	ivals_free(&q->backing);
	ivals_free(&q->runq);
	ivals_free(&q->profile);
	ivals_free(&q->throttle);
	ivals_free(&q->behind);
	ivals_free(&q->steal);
	ivals_free(&q->taken);
	free(q);
}

void attribution_free(struct attr_state *s)
{
	if (!s)
		return;
	clock_free(s->clock);
	tasks_free(s->tasks);
	free(s->io);
	free(s->req);
	free(s->run);
	free(s->hist);
	free(s->dev);
	free(s->limits);
	for (unsigned int d = 0; d < SS_MAX_DISKS; d++) {
		for (unsigned int q = 0; q < ATTR_MAX_QUEUES; q++)
			queue_free(s->queue[d][q]);
		free(s->disk[d]);
	}
	for (unsigned int n = 0; n < SS_MAX_NETS; n++)
		for (unsigned int q = 0; q < ATTR_NET_QUEUES; q++)
			queue_free(s->net_queue[n][q]);
	for (unsigned int v = 0; v < CLOCK_MAX_VCPUS; v++)
		ivals_free(&s->vcpu[v]);
	free(s->total);
	free(s);
}

/* Leave only IOs to our disks. */
static void resolve_disks(struct attr_state *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->ios; i++) {
		uint32_t disk = SS_MAX_DISKS;

		for (uint32_t d = 0; d < s->devs && disk == SS_MAX_DISKS; d++)
			if (s->dev[d].dev == s->io[i].dev && s->dev[d].disk < SS_MAX_DISKS)
				disk = s->dev[d].disk;
		if (disk == SS_MAX_DISKS) {
			s->out->foreign_io++;
			continue;
		}
		s->io[n] = s->io[i];
		s->io[n++].key.disk = (uint8_t)disk;
	}
	s->ios = n;
}

static int build_clock(struct attr_state *s)
{
	uint64_t first = UINT64_MAX, last = 0;
	int err = clock_build(s->clock);

	if (err == -ENOMEM)
		return err;
	for (uint32_t i = 0; i < s->ios; i++) {
		first = s->io[i].start < first ? s->io[i].start : first;
		last = s->io[i].done > last ? s->io[i].done : last;
	}
	for (uint32_t i = 0; i < s->runs; i++)
		last = s->run[i].ts > last ? s->run[i].ts : last;
	if (s->ios)
		clock_cover(s->clock, first, last);
	clock_get_info(s->clock, &s->out->clock);
	return 0;
}

static void put_sums(const struct a_sum *sum, struct attr_io *io)
{
	if (!sum)
		return;
	io->count = sum->e2e.n;
	io->matched = sum->matched;
	io->unissued = sum->unissued;
	io->beyond_error = sum->beyond_error;
	attr_hist_stat(&sum->e2e, &io->e2e);
	for (unsigned int p = 0; p < ATTR_PARTS; p++)
		attr_hist_stat(&sum->part[p], &io->parts[p]);
}

/* How long a device's queues were stalled, and whether its own counter says as often. */
static void put_stalls(const struct attr_state *s, struct a_queue *const *queue, unsigned int nr,
		       uint64_t throttled, struct attr_stalls *out)
{
	for (unsigned int n = 0; n < nr; n++) {
		const struct a_queue *q = queue[n];
		uint64_t longest = q ? ivals_longest(&q->stalls) : 0;

		out->stall_ns += q ? ivals_total(&q->stalls) : 0;
		if (longest > out->stall_max_ns)
			out->stall_max_ns = longest;
	}
	out->counters_agree =
		out->stalls <= throttled && throttled - out->stalls <= s->cfg.host_lost;
}

static void put_disk(struct attr_state *s, unsigned int d)
{
	struct attr_disk *out = &s->out->disk[d];

	put_sums(s->disk[d], &out->io);
	put_stalls(s, s->queue[d], ATTR_MAX_QUEUES, s->cfg.disk[d].throttled_count, &out->traced);
}

static void put_net(struct attr_state *s, unsigned int n)
{
	/* Nobody else needs them sealed. */
	for (unsigned int q = 0; q < ATTR_NET_QUEUES; q++)
		if (s->net_queue[n][q])
			ivals_seal(&s->net_queue[n][q]->stalls);
	put_stalls(s, s->net_queue[n], ATTR_NET_QUEUES, s->cfg.net_throttled[n], &s->out->net[n]);
}

int attribution_finish(struct attr_state *s, struct attribution *out)
{
	int err;

	*out = s->acc;
	s->out = out;
	resolve_disks(s);
	err = build_clock(s);
	if (err)
		return err;
	attr_match(s);
	err = attr_split(s);
	if (err)
		return err;
	put_sums(s->total, &out->io);
	for (unsigned int d = 0; d < SS_MAX_DISKS; d++)
		put_disk(s, d);
	for (unsigned int n = 0; n < SS_MAX_NETS; n++)
		put_net(s, n);
	err = attr_limits(s);
	if (err)
		return err;
	attr_tasks(s);
	err = tasks_run(s->tasks, s);
	if (err)
		return err;
	attr_judge(s, out);
	return 0;
}

int attribution_run(const char *path, const struct attr_cfg *cfg, struct attribution *out)
{
	const struct ss_events_header *hdr;
	struct events_reader *r;
	struct attr_state *s;
	union events_rec rec;
	int err;

	memset(out, 0, sizeof(*out));
	err = events_open(path, &r);
	if (err)
		return err;
	hdr = events_header(r);
	s = attribution_new(cfg, hdr->host_tsc_hz, hdr->guest_tsc_hz);
	if (!s) {
		err = -ENOMEM;
		goto close;
	}
	while ((err = events_next(r, &rec)) > 0) {
		err = attribution_add_sched(s, &rec, events_sched(r));
		if (err)
			goto free;
	}
	if (err)
		goto free;
	events_seen(r, &s->acc.file);
	err = attribution_finish(s, out);
free:
	attribution_free(s);
close:
	events_reader_free(r);
	return err;
}
