// SPDX-License-Identifier: GPL-2.0-only
/* The scheduler's events: from the rings of the CPUs into records, in batches. */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAST_PART 4 /* a ring that is full to that part between two visits fills up fast */

union batch_buf {
	struct ss_rec_g_sched head;
	char room[sizeof(struct ss_rec_g_sched) +
		  SS_SCHED_BATCH_MAX * sizeof(struct ss_sched_event)];
};

int stream_init(struct stream *s, __u64 now)
{
	s->time = calloc(s->nr_cpus, sizeof(*s->time));
	s->hole = calloc(s->nr_cpus, sizeof(*s->hole));
	if (!s->time || !s->hole)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < s->nr_cpus; cpu++)
		s->cpus[cpu].last_ts = s->time[cpu] = now;
	return 0;
}

void stream_free(struct stream *s)
{
	free(s->time);
	free(s->hole);
	s->time = NULL;
	s->hole = NULL;
}

static void batch_end(struct stream *s, unsigned int cpu, union batch_buf *b, tracer_emit_fn emit,
		      void *ctx)
{
	size_t len = sizeof(b->head) + b->head.nr * sizeof(b->head.event[0]);

	if (!b->head.nr && !s->hole[cpu])
		return;
	b->head.h.type = SS_REC_G_SCHED;
	b->head.h.len = (__u16)len;
	b->head.h.cpu = cpu;
	b->head.lost = s->hole[cpu];
	emit(ctx, &b->head.h, len);
	s->hole[cpu] = 0;
	s->batches++;
	b->head.nr = 0;
}

static void batch_take(struct stream *s, unsigned int cpu, union batch_buf *b,
		       const struct ss_sched_event *e)
{
	if (!b->head.nr)
		b->head.h.ts = s->time[cpu];
	b->head.event[b->head.nr++] = *e;
	s->time[cpu] += e->type == SS_SCHED_LATE ? (__u64)e->arg << 32 | e->tid : e->delta;
}

/* Up to @max events of one CPU. Return: how many its ring had. */
static __u64 take_cpu(struct stream *s, unsigned int cpu, __u64 max, tracer_emit_fn emit, void *ctx)
{
	const struct ss_sched_event *ring = s->events + (size_t)cpu * s->ring_events;
	struct ss_stream_cpu *c = &s->cpus[cpu];
	__u64 head = __atomic_load_n(&c->head, __ATOMIC_ACQUIRE), at = c->tail;
	__u64 waiting = head - at, end = waiting > max ? at + max : head;
	union batch_buf b;

	b.head.nr = 0;
	/* What belongs to the last event comes along. */
	while (at != head && (at != end || ring[at & (s->ring_events - 1)].type == SS_SCHED_MORE)) {
		const struct ss_sched_event *e = &ring[at++ & (s->ring_events - 1)];

		end = at > end ? at : end;
		if (e->type == SS_SCHED_HOLE) {
			batch_end(s, cpu, &b, emit, ctx);
			s->hole[cpu] += e->arg;
			s->lost += e->arg;
			continue;
		}
		if (b.head.nr >= SS_SCHED_BATCH_MAX - 1 && e->type != SS_SCHED_MORE)
			batch_end(s, cpu, &b, emit, ctx);
		batch_take(s, cpu, &b, e);
	}
	if (b.head.nr)
		batch_end(s, cpu, &b, emit, ctx);
	__atomic_store_n(&c->tail, at, __ATOMIC_RELEASE);
	return waiting;
}

bool stream_take(struct stream *s, unsigned int max, tracer_emit_fn emit, void *ctx)
{
	__u64 left = max, had;
	bool soon = false;

	for (unsigned int i = 0; i < s->nr_cpus; i++) {
		unsigned int cpu = (s->next + i) % s->nr_cpus;

		had = take_cpu(s, cpu, left, emit, ctx);
		soon = soon || had > left || had > s->ring_events / FAST_PART;
		left -= had < left ? had : left;
	}
	/* Whoever comes first may take all there is room for: another the next time. */
	s->next = (s->next + 1) % s->nr_cpus;
	return soon;
}

void stream_end(struct stream *s, tracer_emit_fn emit, void *ctx)
{
	union batch_buf b;

	for (unsigned int cpu = 0; cpu < s->nr_cpus; cpu++) {
		s->hole[cpu] += s->cpus[cpu].lost;
		s->lost += s->cpus[cpu].lost;
		s->cpus[cpu].lost = 0;
		b.head.nr = 0;
		b.head.h.ts = s->time[cpu];
		batch_end(s, cpu, &b, emit, ctx);
	}
}
