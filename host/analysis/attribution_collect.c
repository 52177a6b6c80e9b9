// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records, sorted into arrays and interval lists. They may come in any order,
 * and are hostile where a guest made them: a stamp that can't be is dropped
 * and counted here, so that what follows need not look again.
 */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/attribution_int.h"
#include "analysis/tasks_int.h"

#define MAX_HISTS	65536
#define MAX_DEVS	256
#define SCX_EXIT_FAULTS 1024 /* enum scx_exit_kind: from here on it was thrown out */
/* Stamps and durations beyond these are nonsense, ns. */
#define STAMP_MAX    (1ULL << 60)
#define DURATION_MAX 100000000000000ULL

/* A guest's names end up on terminals and in JSON. */
void attr_name(char *dst, const char *src, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len && src[i]; i++)
		dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
	memset(dst + i, 0, len - i);
}

/* Room for one more of @size in *arr: 0, -ENOMEM, or -E2BIG over @max. */
static int room(void **arr, size_t size, uint32_t nr, uint32_t *cap, uint64_t max)
{
	uint64_t want = *cap ? (uint64_t)*cap * 2 : 256;
	void *p;

	if (nr < *cap)
		return 0;
	if (want > max)
		want = max;
	if (nr >= want)
		return -E2BIG;
	p = realloc(*arr, want * size);
	if (!p)
		return -ENOMEM;
	*arr = p;
	*cap = (uint32_t)want;
	return 0;
}

/* Declares nothing: evaluates to the error, *dst is the new element on 0. */
#define PUSH(s, field, nr, cap_, max_, dst)                                                        \
	({                                                                                         \
		void *arr_ = (s)->field;                                                           \
		int err_ = room(&arr_, sizeof(*(s)->field), (s)->nr, &(s)->cap_, max_);            \
		(s)->field = arr_;                                                                 \
		if (!err_)                                                                         \
			(dst) = &(s)->field[(s)->nr++];                                            \
		else if (err_ == -E2BIG)                                                           \
			(s)->acc.skipped++;                                                        \
		err_;                                                                              \
	})

/* Where the pointer to a queue is kept, NULL for one that can't be. */
static struct a_queue **queue_slot(struct attr_state *s, uint32_t dev, uint32_t queue)
{
	const uint32_t net = dev - SS_DEV_NET_BASE;

	if (dev < SS_MAX_DISKS && queue < ATTR_MAX_QUEUES)
		return &s->queue[dev][queue];
	if (net < SS_MAX_NETS && queue < ATTR_NET_QUEUES)
		return &s->net_queue[net][queue];
	return NULL;
}

struct a_queue *attr_queue(struct attr_state *s, uint32_t dev, uint32_t queue)
{
	struct a_queue **q = queue_slot(s, dev, queue);

	if (q && !*q) {
		*q = calloc(1, sizeof(**q));
		if (*q)
			(*q)->open_begin = (*q)->closed_begin = INT64_MIN;
	}
	if (!q || !*q) {
		s->acc.skipped++;
		return NULL;
	}
	return *q;
}

static uint64_t cap_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) || sum > STAMP_MAX ? STAMP_MAX : sum;
}

static int add_stall_begin(struct attr_state *s, const struct ss_rec_stall_begin *r)
{
	struct a_queue *q = attr_queue(s, r->disk, r->queue);

	if (!q)
		return 0;
	if (r->disk < SS_MAX_DISKS)
		s->acc.disk[r->disk].traced.stalls++;
	else
		s->acc.net[r->disk - SS_DEV_NET_BASE].stalls++;
	if ((int64_t)r->h.ts > q->open_begin) {
		q->open_begin = (int64_t)r->h.ts;
		q->open_end = (int64_t)cap_add(r->h.ts, r->predicted_ns);
	}
	if (!(r->bucket & SS_BUCKET_PROFILE))
		return 0;
	return ivals_add(&q->profile, (int64_t)r->h.ts, (int64_t)cap_add(r->h.ts, r->predicted_ns));
}

static int add_stall_end(struct attr_state *s, const struct ss_rec_stall_end *r)
{
	struct a_queue *q = attr_queue(s, r->disk, r->queue);
	uint64_t due = cap_add(r->begin_ts, r->predicted_ns);

	if (!q || !r->begin_ts || r->begin_ts > r->h.ts)
		return 0;
	if ((int64_t)r->begin_ts > q->closed_begin)
		q->closed_begin = (int64_t)r->begin_ts;
	if (ivals_add(&q->stalls, (int64_t)r->begin_ts, (int64_t)r->h.ts))
		return -ENOMEM;
	if (r->h.len >= sizeof(*r)) {
		q->profile_told = true;
		q->profile_ns += r->profile_ns;
	}
	return ivals_add(&q->late, (int64_t)due, (int64_t)r->h.ts);
}

static uint8_t op_of(uint32_t req_type)
{
	switch (req_type) {
	case VIRTIO_BLK_T_IN:
		return SS_IO_READ;
	case VIRTIO_BLK_T_OUT:
		return SS_IO_WRITE;
	case VIRTIO_BLK_T_FLUSH:
		return SS_IO_FLUSH;
	case VIRTIO_BLK_T_DISCARD:
		return SS_IO_DISCARD;
	default:
		return SS_IO_OTHER;
	}
}

/* The others name no place on the disk in both traces: matched by their order. */
static void set_key(struct a_key *key, uint8_t op, uint64_t sector, uint32_t bytes, uint16_t queue)
{
	bool has_place = op == SS_IO_READ || op == SS_IO_WRITE;

	*key = (struct a_key){
		.op = op,
		.queue = queue,
		.sector = has_place ? sector : 0,
		.bytes = has_place ? bytes : 0,
	};
}

static int add_req(struct attr_state *s, const struct ss_rec_req *r)
{
	struct a_queue *q = attr_queue(s, r->disk, r->queue);
	struct a_req *req;
	int err;

	if (!q || r->disk >= SS_MAX_DISKS)
		return 0;
	s->acc.disk[r->disk].requests++;
	if (r->start_ts > r->backing_done_ts || r->backing_done_ts > r->h.ts || !r->start_ts) {
		s->acc.skipped++;
		return 0;
	}
	if (ivals_add(&q->backing, (int64_t)r->start_ts, (int64_t)r->backing_done_ts))
		return -ENOMEM;
	if (r->req_type == VIRTIO_BLK_T_GET_ID)
		return 0; /* not an IO of the guest's block layer users */
	err = PUSH(s, req, reqs, req_cap, s->cfg.max_records, req);
	if (err)
		return err == -E2BIG ? 0 : err;
	*req = (struct a_req){
		.start = (int64_t)r->start_ts,
		.backing_done = (int64_t)r->backing_done_ts,
		.done = (int64_t)r->h.ts,
		.kick = (int64_t)r->kick_ts,
		.queue = (uint8_t)r->queue,
	};
	set_key(&req->key, op_of(r->req_type), r->sector, r->bytes, r->queue);
	req->key.disk = (uint8_t)r->disk;
	return 0;
}

static int add_runq(struct attr_state *s, const struct ss_rec_host_runq *r)
{
	struct a_queue *q;

	s->host_runqs++;
	if (r->since_ts > r->h.ts)
		return 0;
	if (r->kind == SS_THREAD_VCPU && r->index < CLOCK_MAX_VCPUS)
		return ivals_add(&s->vcpu[r->index], (int64_t)r->since_ts, (int64_t)r->h.ts);
	if (r->kind != SS_THREAD_WORKER)
		return 0;
	q = attr_queue(s, r->index >> 8, r->index & 0xff);
	return q ? ivals_add(&q->runq, (int64_t)r->since_ts, (int64_t)r->h.ts) : 0;
}

static int add_limits(struct attr_state *s, const struct ss_rec_limits *r)
{
	struct a_limits *l;
	int err;

	if (r->disk >= SS_DEV_NET_BASE)
		return 0;
	if (r->disk >= SS_MAX_DISKS) {
		s->acc.skipped++;
		return 0;
	}
	err = PUSH(s, limits, limits_nr, limits_cap, s->cfg.max_records, l);
	if (err)
		return err == -E2BIG ? 0 : err;
	*l = (struct a_limits){
		.ts = (int64_t)r->h.ts,
		.iops = r->iops,
		.bps = r->bps,
		.disk = r->disk,
		.by = r->by,
	};
	return 0;
}

static void span_host(struct attr_state *s, const struct ss_rec *h)
{
	int64_t ts = (int64_t)h->ts;

	if (!s->any_host || ts < s->first_host)
		s->first_host = ts;
	if (!s->any_host || ts > s->last_host)
		s->last_host = ts;
	s->any_host = true;
}

static void add_drain(struct attr_state *s, uint32_t dev)
{
	if (dev < SS_MAX_DISKS)
		s->acc.disk[dev].traced.drains++;
	else if (dev - SS_DEV_NET_BASE < SS_MAX_NETS)
		s->acc.net[dev - SS_DEV_NET_BASE].drains++;
}

static int add_host(struct attr_state *s, const union events_rec *rec)
{
	s->acc.host_records++;
	s->acc.host_traced += rec->h.type < SS_REC_HOST_CLOCK;
	/* The host's stamps are its own, but a file can be damaged. */
	if (rec->h.ts > STAMP_MAX) {
		s->acc.skipped++;
		return 0;
	}
	span_host(s, &rec->h);
	switch (rec->h.type) {
	case SS_REC_STALL_BEGIN:
		return add_stall_begin(s, &rec->stall_begin);
	case SS_REC_STALL_END:
		return add_stall_end(s, &rec->stall_end);
	case SS_REC_DRAIN:
		add_drain(s, rec->drain.disk);
		return 0;
	case SS_REC_REQ:
		return add_req(s, &rec->req);
	case SS_REC_HOST_RUNQ:
		return add_runq(s, &rec->host_runq);
	case SS_REC_LIMITS:
		return add_limits(s, &rec->limits);
	case SS_REC_HOST_CLOCK:
		return clock_add_host(s->clock, &rec->host_clock);
	case SS_REC_VCPU_TSC:
		if (clock_set_vcpu(s->clock, &rec->vcpu_tsc))
			s->acc.skipped++;
		return 0;
	default:
		return 0;
	}
}

/* ---- guest records ---- */

/* The guest's flush machinery turns a bare flush into a write of nothing. */
static uint8_t guest_op(const struct ss_rec_g_io *r)
{
	if (r->op == SS_IO_WRITE && !r->bytes)
		return SS_IO_FLUSH;
	return r->op <= SS_IO_OTHER ? (uint8_t)r->op : SS_IO_OTHER;
}

static int add_g_io(struct attr_state *s, const struct ss_rec_g_io *r)
{
	struct a_io *io;
	int err;
	/* Completed without the driver: all its time passed in the block layer. */
	uint64_t issue = r->issue_ts ? r->issue_ts : r->h.ts;

	if (r->start_ts > issue || issue > r->h.ts || r->h.ts - r->start_ts > DURATION_MAX) {
		s->acc.bad_guest_io++;
		return 0;
	}
	err = PUSH(s, io, ios, io_cap, s->cfg.max_records, io);
	if (err)
		return err == -E2BIG ? 0 : err;
	*io = (struct a_io){
		.start = r->start_ts,
		.issue = issue,
		.done = r->h.ts,
		.data = r->data_ts > issue && r->data_ts < r->h.ts ? r->data_ts : 0,
		.tid = r->tid,
		.dev = r->dev,
		.serial = r->serial,
		.cpu = r->h.cpu < CLOCK_MAX_VCPUS ? (uint16_t)r->h.cpu : CLOCK_MAX_VCPUS,
		.issue_cpu =
			r->issue_cpu < CLOCK_MAX_VCPUS ? (uint16_t)r->issue_cpu : CLOCK_MAX_VCPUS,
		.running = r->submitter_running != 0,
		.issued = r->issue_ts != 0,
		.req = ATTR_NO_INDEX,
		.run = ATTR_NO_INDEX,
	};
	set_key(&io->key, guest_op(r), r->sector, r->bytes, r->queue);
	s->queues_unknown |= r->h.len < sizeof(*r);
	return 0;
}

static int add_g_run(struct attr_state *s, const struct ss_rec_g_run *r)
{
	struct a_run *run;
	int err;

	if (r->wake_ts > r->h.ts || r->h.ts - r->wake_ts > DURATION_MAX) {
		s->acc.skipped++;
		return 0;
	}
	err = PUSH(s, run, runs, run_cap, s->cfg.max_records, run);
	if (err)
		return err == -E2BIG ? 0 : err;
	*run = (struct a_run){
		.ts = r->h.ts,
		.wake = r->wake_ts,
		.idle_ns = r->idle_ns,
		.tid = r->tid,
		.prev_tid = r->prev_tid,
		.cpu = r->h.cpu < CLOCK_MAX_VCPUS ? (uint16_t)r->h.cpu : CLOCK_MAX_VCPUS,
		.prev_policy = r->prev_policy,
	};
	attr_name(run->prev_comm, r->prev_comm, sizeof(run->prev_comm));
	return 0;
}

static void add_g_scx(struct attr_state *s, const struct ss_rec_g_scx *r)
{
	struct attribution *a = &s->acc;

	a->scx_enables += r->event == SS_SCX_ENABLE;
	a->scx_disables += r->event == SS_SCX_DISABLE;
	a->scx_exits += r->event == SS_SCX_EXIT;
	a->scx_ejected |= r->event == SS_SCX_EXIT && r->exit_kind >= SCX_EXIT_FAULTS;
	if (r->name[0])
		attr_name(a->scx_name, r->name, sizeof(a->scx_name));
	if (r->event == SS_SCX_EXIT)
		attr_name(a->scx_reason, r->reason, sizeof(a->scx_reason));
}

static int add_guest(struct attr_state *s, const union events_rec *rec,
		     const struct ss_sched_event *events)
{
	struct ss_rec_g_hist *hist;
	struct a_devmap *dev;
	int err = 0;

	s->acc.guest_records++;
	/* The others are the agent's own. */
	s->acc.guest_traced += rec->h.type != SS_REC_G_CLOCK && rec->h.type != SS_REC_G_DISK &&
			       rec->h.type != SS_REC_G_MARK;
	if (rec->h.ts > STAMP_MAX) {
		s->acc.skipped++;
		return 0;
	}
	switch (rec->h.type) {
	case SS_REC_G_IO:
		return add_g_io(s, &rec->g_io);
	case SS_REC_G_RUN:
		return add_g_run(s, &rec->g_run);
	case SS_REC_G_SCX:
		add_g_scx(s, &rec->g_scx);
		return 0;
	case SS_REC_G_CLOCK:
		return clock_add_guest(s->clock, &rec->g_clock);
	case SS_REC_G_HIST:
		err = PUSH(s, hist, hists, hist_cap, MAX_HISTS, hist);
		if (!err)
			*hist = rec->g_hist;
		break;
	case SS_REC_G_DISK:
		err = PUSH(s, dev, devs, dev_cap, MAX_DEVS, dev);
		if (!err)
			*dev = (struct a_devmap){ rec->g_disk.dev, rec->g_disk.disk };
		break;
	default:
		err = tasks_add(s->tasks, rec, events);
		break;
	}
	return err == -E2BIG ? 0 : err;
}

int attribution_add(struct attr_state *s, const union events_rec *rec)
{
	return attribution_add_sched(s, rec, NULL);
}

int attribution_add_sched(struct attr_state *s, const union events_rec *rec,
			  const struct ss_sched_event *events)
{
	return events_type_is_guest(rec->h.type) ? add_guest(s, rec, events) : add_host(s, rec);
}
