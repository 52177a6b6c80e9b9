// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "attr_world.h"
#include "trace/clock_sample.h"
#include "trace/events_writer.h"
#include "ss_harness.h"

const struct world_io world_plain = {
	.tid = 42,
	.type = VIRTIO_BLK_T_IN,
	.sector = 8,
	.bytes = 4096,
	.start = T0,
	.issue = T0 + 10 * US,
	.kick = T0 + 30 * US,
	.begun = T0 + 110 * US,
	.backed = T0 + 310 * US,
	.published = T0 + 320 * US,
	.done = T0 + 350 * US,
	.wake = T0 + 360 * US,
	.run = T0 + 410 * US,
	.idle = SEC,
};

struct world_io world_later(int64_t by)
{
	struct world_io io = world_plain;

	io.sector += (uint64_t)(by / US) * 8;
	io.start += by;
	io.issue += by;
	io.kick += by;
	io.begun += by;
	io.backed += by;
	io.published += by;
	io.done += by;
	io.wake += by;
	io.run += by;
	return io;
}

uint64_t world_rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

union events_rec *world_rec(struct world *w, unsigned int type, size_t len, int64_t ts)
{
	union events_rec *rec;

	if (w->nr == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 256;
		w->rec = realloc(w->rec, w->cap * sizeof(*w->rec));
		ASSERT_NOT_NULL(w->rec);
	}
	rec = &w->rec[w->nr++];
	memset(rec, 0, sizeof(*rec));
	rec->h.type = (uint16_t)type;
	rec->h.len = (uint16_t)len;
	rec->h.ts = (uint64_t)(type >= SS_REC_GUEST ? ts - GUEST_LAG : ts);
	return rec;
}

#define REC(w, type, field, ts) (&world_rec(w, type, sizeof(w->rec->field), ts)->field)

void world_clocks(struct world *w, int64_t from, int64_t to)
{
	for (int64_t t = from; t <= to; t += SEC) {
		struct ss_rec_host_clock *h = REC(w, SS_REC_HOST_CLOCK, host_clock, t);
		struct ss_rec_g_clock *g;

		h->tsc_before = (uint64_t)t - 50;
		h->tsc_after = (uint64_t)t + 50;
		g = REC(w, SS_REC_G_CLOCK, g_clock, t);
		g->tsc_before = (uint64_t)(t - GUEST_LAG) - 50;
		g->tsc_after = (uint64_t)(t - GUEST_LAG) + 50;
	}
}

void world_disk(struct world *w, uint32_t disk)
{
	struct ss_rec_g_disk *d = REC(w, SS_REC_G_DISK, g_disk, T0);

	d->dev = WORLD_DEV + 16 * disk;
	d->disk = disk;
	if (w->cfg.disks <= disk)
		w->cfg.disks = disk + 1;
}

void world_init(struct world *w)
{
	struct ss_rec_vcpu_tsc tsc;

	memset(w, 0, sizeof(*w));
	w->cfg.run_ns = 10 * SEC;
	world_disk(w, 0);
	for (unsigned int v = 0; v < 4; v++) {
		clock_vcpu_rec(&tsc, v, 0, 0, 48, -(uint64_t)GUEST_LAG, T0);
		world_rec(w, SS_REC_VCPU_TSC, sizeof(tsc), T0)->vcpu_tsc = tsc;
	}
	world_clocks(w, T0 - SEC, T0 + 60 * SEC);
}

void world_free(struct world *w)
{
	free(w->rec);
	w->rec = NULL;
}

static uint16_t op_of(uint32_t type)
{
	return type == VIRTIO_BLK_T_IN	      ? SS_IO_READ
	       : type == VIRTIO_BLK_T_OUT     ? SS_IO_WRITE
	       : type == VIRTIO_BLK_T_FLUSH   ? SS_IO_FLUSH
	       : type == VIRTIO_BLK_T_DISCARD ? SS_IO_DISCARD
					      : SS_IO_OTHER;
}

void world_guest_io(struct world *w, const struct world_io *io)
{
	struct ss_rec_g_io *g = REC(w, SS_REC_G_IO, g_io, io->done);
	struct ss_rec_g_run *r;

	g->h.cpu = io->cpu;
	g->dev = WORLD_DEV + 16 * io->disk;
	g->op = op_of(io->type);
	g->sector = io->sector;
	g->bytes = io->bytes;
	g->tid = io->tid;
	g->start_ts = (uint64_t)(io->start - GUEST_LAG);
	g->issue_ts = io->issue ? (uint64_t)(io->issue - GUEST_LAG) : 0;
	g->issue_cpu = io->cpu;
	g->submitter_running = io->running;
	g->queue = (uint16_t)io->queue;
	strcpy(g->comm, "fio");
	if (!io->run)
		return;
	r = REC(w, SS_REC_G_RUN, g_run, io->run);
	r->h.cpu = io->run_cpu;
	r->tid = io->tid;
	r->wake_ts = (uint64_t)(io->wake - GUEST_LAG);
	r->prev_tid = io->prev_policy ? 77 : 0;
	r->prev_policy = io->prev_policy;
	r->idle_ns = (uint64_t)io->idle;
	strcpy(r->prev_comm, "hog");
}

void world_host_io(struct world *w, const struct world_io *io)
{
	struct ss_rec_req *r = REC(w, SS_REC_REQ, req, io->published);

	r->disk = (uint16_t)io->disk;
	r->queue = (uint16_t)io->queue;
	r->req_type = io->type;
	r->bytes = io->bytes;
	r->sector = io->sector;
	r->start_ts = (uint64_t)io->begun;
	r->backing_done_ts = (uint64_t)io->backed;
	r->kick_ts = (uint64_t)io->kick;
}

void world_io(struct world *w, const struct world_io *io)
{
	world_guest_io(w, io);
	world_host_io(w, io);
}

void world_stall(struct world *w, uint32_t disk, uint32_t queue, int64_t from, int64_t to,
		 int64_t predicted)
{
	struct ss_rec_stall_begin *b = REC(w, SS_REC_STALL_BEGIN, stall_begin, from);
	struct ss_rec_stall_end *e;

	b->disk = (uint16_t)disk;
	b->queue = (uint16_t)queue;
	b->predicted_ns = (uint64_t)predicted;
	e = REC(w, SS_REC_STALL_END, stall_end, to);
	e->disk = (uint16_t)disk;
	e->queue = (uint16_t)queue;
	e->granted = 1;
	e->begin_ts = (uint64_t)from;
	e->predicted_ns = (uint64_t)predicted;
	if (disk < SS_DEV_NET_BASE)
		w->cfg.disk[disk].throttled_count++;
	else
		w->cfg.net_throttled[disk - SS_DEV_NET_BASE]++;
}

void world_runq(struct world *w, uint16_t kind, uint16_t index, int64_t from, int64_t to)
{
	struct ss_rec_host_runq *r = REC(w, SS_REC_HOST_RUNQ, host_runq, to);

	r->kind = kind;
	r->index = index;
	r->since_ts = (uint64_t)from;
}

void world_shuffle(struct world *w, uint64_t seed)
{
	for (uint32_t i = w->nr; i > 1; i--) {
		uint32_t j = (uint32_t)(world_rnd(&seed) % i);
		union events_rec tmp = w->rec[i - 1];

		w->rec[i - 1] = w->rec[j];
		w->rec[j] = tmp;
	}
}

/* What fits lies behind the record's head, as in a file. */
static const struct ss_sched_event *events_of(const union events_rec *rec)
{
	return rec->h.type == SS_REC_G_SCHED ? rec->g_sched.event : NULL;
}

void world_solve(struct world *w)
{
	struct attr_state *s = attribution_new(&w->cfg, SEC, SEC);

	ASSERT_NOT_NULL(s);
	for (uint32_t i = 0; i < w->nr; i++)
		ASSERT_EQ(attribution_add_sched(s, &w->rec[i], events_of(&w->rec[i])), 0);
	ASSERT_EQ(attribution_finish(s, &w->a), 0);
	attribution_free(s);
}

void world_write(const struct world *w, const char *path)
{
	struct events_writer *e;

	ASSERT_EQ(events_create(path, SEC, SEC, &e), 0);
	for (uint32_t i = 0; i < w->nr; i++)
		ASSERT_EQ(events_append(e, &w->rec[i], w->rec[i].h.len), 0);
	ASSERT_EQ(events_close(e, NULL), 0);
}

static uint64_t all_parts(const struct attr_io *io)
{
	uint64_t sum = 0;

	for (unsigned int p = 0; p < ATTR_PARTS; p++)
		sum += io->parts[p].sum;
	return sum;
}

void world_expect_sums(const struct world *w)
{
	uint64_t disks = 0;

	EXPECT_EQ(all_parts(&w->a.io), w->a.io.e2e.sum);
	for (unsigned int d = 0; d < SS_MAX_DISKS; d++) {
		EXPECT_EQ(all_parts(&w->a.disk[d].io), w->a.disk[d].io.e2e.sum);
		disks += w->a.disk[d].io.e2e.sum;
	}
	EXPECT_EQ(disks, w->a.io.e2e.sum);
}

uint64_t world_part(const struct world *w, enum attr_part p)
{
	return w->a.io.parts[p].sum;
}
