// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the runner's own probes and the host's scheduler tell about a run.
 *
 * A disk's probes fire on its worker threads, one a queue; what lies
 * between two probes of a request is kept here by queue and head, so that one
 * record leaves for user space when the request is done. A network device has
 * one worker and no requests. All stamps are CLOCK_MONOTONIC.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

#include "ss_counters.h"
#include "ss_events.h"
#include "hist.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define QUEUE_SIZE_MAX 256 /* heads a queue, D1 */

#define NET_QUEUES     2

const volatile __u32 nr_disks = 1;
const volatile __u32 nr_queues = 1; /* a disk */
const volatile __u32 nr_nets;
const volatile __u64 runq_min_ns = 50000;

/* This process as the kernel numbers it, whatever pid namespace it lives in. */
__u32 our_tgid;

/* Not touched here: the device counts into it through an mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SS_MAX_DISKS);
	__type(key, __u32);
	__type(value, struct ss_blk_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SS_MAX_NETS);
	__type(key, __u32);
	__type(value, struct ss_net_counters);
} net_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SS_MAX_NETS);
	__type(key, __u32);
	__type(value, struct ss_net_pressure);
} net_pressure SEC(".maps");

struct hist_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SS_MAX_DISKS); /* or network devices */
	__type(key, __u32);
	__type(value, struct ss_hist);
};

struct hist_map hist_stall SEC(".maps");
struct hist_map hist_backing SEC(".maps");
struct hist_map hist_drain SEC(".maps");
struct hist_map net_hist_stall SEC(".maps");
struct hist_map net_hist_drain SEC(".maps");

struct queue_state {
	__u64 kick_ts;	     /* a kick no drain has answered yet */
	__u64 drain_kick_ts; /* the kick that led to the running drain */
	__u64 drain_ts;
	__u64 stall_ts; /* 0: not stalled */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* disks * queues + network devices * NET_QUEUES */
	__type(key, __u32);
	__type(value, struct queue_state);
} queues SEC(".maps");

struct req_state {
	__u64 start_ts; /* 0: not in flight */
	__u64 done_ts;
	__u64 kick_ts;
	__u64 sector;
	__u32 type;
	__u32 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, QUEUE_SIZE_MAX); /* disks * queues * heads */
	__type(key, __u32);
	__type(value, struct req_state);
} reqs SEC(".maps");

struct thread_state {
	__u16 kind;
	__u16 index;
	__u32 pad;
	__u64 since_ts; /* runnable since, 0: running or asleep */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct thread_state);
} threads SEC(".maps");

static __always_inline struct queue_state *queue_get(__u32 disk, __u32 queue)
{
	__u32 key;

	if (disk < nr_disks && queue < nr_queues)
		key = disk * nr_queues + queue;
	else if (disk - SS_DEV_NET_BASE < nr_nets && queue < NET_QUEUES)
		key = nr_disks * nr_queues + (disk - SS_DEV_NET_BASE) * NET_QUEUES + queue;
	else
		return NULL;
	return bpf_map_lookup_elem(&queues, &key);
}

static __always_inline struct req_state *req_get(__u32 disk, __u32 queue, __u32 head)
{
	__u32 key = (disk * nr_queues + queue) * QUEUE_SIZE_MAX + head;

	if (disk >= nr_disks || queue >= nr_queues || head >= QUEUE_SIZE_MAX)
		return NULL;
	return bpf_map_lookup_elem(&reqs, &key);
}

static __always_inline void disk_hist_add(void *map, __u32 disk, __u64 ns)
{
	struct ss_hist *h = bpf_map_lookup_elem(map, &disk);

	if (h)
		hist_add(h, ns);
}

/* Of a disk in the one map, of a network device in the other. */
static __always_inline void dev_hist_add(void *map, void *net_map, __u32 dev, __u64 ns)
{
	if (dev < SS_DEV_NET_BASE)
		disk_hist_add(map, dev, ns);
	else
		disk_hist_add(net_map, dev - SS_DEV_NET_BASE, ns);
}

SEC("usdt")
int BPF_USDT(on_kick, __u32 disk, __u32 queue)
{
	struct queue_state *q = queue_get(disk, queue);

	/* While the head is stalled a timer drains, not the kick (D88). */
	if (q && !q->stall_ts)
		q->kick_ts = bpf_ktime_get_ns();
	return 0;
}

SEC("usdt")
int BPF_USDT(on_drain_begin, __u32 disk, __u32 queue)
{
	struct queue_state *q = queue_get(disk, queue);

	if (!q)
		return 0;
	q->drain_kick_ts = q->kick_ts;
	q->kick_ts = 0;
	q->drain_ts = bpf_ktime_get_ns();
	return 0;
}

SEC("usdt")
int BPF_USDT(on_drain_end, __u32 disk, __u32 queue, __u32 chains, __u32 published, __u32 stalled)
{
	struct queue_state *q = queue_get(disk, queue);
	__u64 now = bpf_ktime_get_ns();
	struct ss_rec_drain *r;

	if (!q || !q->drain_ts)
		return 0;
	dev_hist_add(&hist_drain, &net_hist_drain, disk, now - q->drain_ts);
	r = rec_reserve(SS_REC_DRAIN, sizeof(*r), now);
	if (r) {
		r->disk = disk;
		r->queue = queue;
		r->chains = chains;
		r->published = published;
		r->begin_ts = q->drain_ts;
		r->stalled = stalled;
		r->pad = 0;
		rec_submit(r);
	}
	q->drain_ts = 0;
	q->drain_kick_ts = 0;
	return 0;
}

SEC("usdt")
int BPF_USDT(on_req_start, __u32 disk, __u32 queue, __u32 head, __u32 type, __u64 sector,
	     __u32 bytes)
{
	struct queue_state *q = queue_get(disk, queue);
	struct req_state *s = req_get(disk, queue, head);

	if (!q || !s)
		return 0;
	s->start_ts = bpf_ktime_get_ns();
	s->done_ts = 0;
	s->kick_ts = q->drain_kick_ts;
	s->sector = sector;
	s->type = type;
	s->bytes = bytes;
	return 0;
}

SEC("usdt")
int BPF_USDT(on_req_backing_done, __u32 disk, __u32 queue, __u32 head)
{
	struct req_state *s = req_get(disk, queue, head);

	if (!s || !s->start_ts)
		return 0;
	s->done_ts = bpf_ktime_get_ns();
	disk_hist_add(&hist_backing, disk, s->done_ts - s->start_ts);
	return 0;
}

SEC("usdt")
int BPF_USDT(on_req_done, __u32 disk, __u32 queue, __u32 head, __u32 status)
{
	struct req_state *s = req_get(disk, queue, head);
	__u64 now = bpf_ktime_get_ns();
	struct ss_rec_req *r;

	if (!s || !s->start_ts)
		return 0;
	r = rec_reserve(SS_REC_REQ, sizeof(*r), now);
	if (r) {
		r->disk = disk;
		r->queue = queue;
		r->head = head;
		r->status = status;
		r->req_type = s->type;
		r->bytes = s->bytes;
		r->sector = s->sector;
		r->start_ts = s->start_ts;
		r->backing_done_ts = s->done_ts;
		r->kick_ts = s->kick_ts;
		rec_submit(r);
	}
	s->start_ts = 0;
	return 0;
}

SEC("usdt")
int BPF_USDT(on_stall_begin, __u32 disk, __u32 queue, __u32 head, __u32 bucket, __u64 deficit,
	     __u64 predicted_ns)
{
	struct queue_state *q = queue_get(disk, queue);
	__u64 now = bpf_ktime_get_ns();
	struct ss_rec_stall_begin *r;

	if (q)
		q->stall_ts = now;
	r = rec_reserve(SS_REC_STALL_BEGIN, sizeof(*r), now);
	if (!r)
		return 0;
	r->disk = disk;
	r->queue = queue;
	r->head = head;
	r->bucket = bucket;
	r->deficit = deficit;
	r->predicted_ns = predicted_ns;
	rec_submit(r);
	return 0;
}

SEC("usdt")
int BPF_USDT(on_stall_end, __u32 disk, __u32 queue, __u32 head, __u32 granted, __u64 predicted_ns,
	     __u64 profile_ns)
{
	struct queue_state *q = queue_get(disk, queue);
	__u64 now = bpf_ktime_get_ns();
	struct ss_rec_stall_end *r;

	if (!q || !q->stall_ts)
		return 0;
	dev_hist_add(&hist_stall, &net_hist_stall, disk, now - q->stall_ts);
	r = rec_reserve(SS_REC_STALL_END, sizeof(*r), now);
	if (r) {
		r->disk = disk;
		r->queue = queue;
		r->head = head;
		r->granted = granted;
		r->begin_ts = q->stall_ts;
		r->predicted_ns = predicted_ns;
		r->profile_ns = profile_ns;
		rec_submit(r);
	}
	q->stall_ts = 0;
	return 0;
}

SEC("usdt")
int BPF_USDT(on_interrupt, __u32 disk, __u32 queue)
{
	struct ss_rec_irq *r = rec_reserve(SS_REC_IRQ, sizeof(*r), bpf_ktime_get_ns());

	if (!r)
		return 0;
	r->disk = disk;
	r->queue = queue;
	r->pad = 0;
	rec_submit(r);
	return 0;
}

SEC("usdt")
int BPF_USDT(on_dev_event, __u32 disk, __u32 queue, __u32 event, __u64 arg)
{
	struct ss_rec_dev_event *r = rec_reserve(SS_REC_DEV_EVENT, sizeof(*r), bpf_ktime_get_ns());

	if (!r)
		return 0;
	r->disk = disk;
	r->queue = queue;
	r->event = event;
	r->arg = arg;
	rec_submit(r);
	return 0;
}

/* --- run-queue delay of our own threads --- */

/* Run once by user space, to learn our number in the kernel's own counting. */
SEC("syscall")
int learn_tgid(void *ctx)
{
	our_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

/* The tid as the thread itself sees it, in its own pid namespace. */
static __always_inline __u32 own_tid(struct task_struct *p)
{
	struct pid *pid = BPF_CORE_READ(p, thread_pid);
	__u32 level, nr = 0;

	if (!pid)
		return 0;
	level = BPF_CORE_READ(pid, level);
	if (level > 32)
		return 0;
	bpf_core_read(&nr, sizeof(nr), &pid->numbers[level].nr);
	return nr;
}

static __always_inline struct thread_state *thread_get(struct task_struct *p)
{
	__u32 tid;

	if (p->tgid != our_tgid)
		return NULL;
	tid = own_tid(p);
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline void thread_woken(struct task_struct *p)
{
	struct thread_state *t = thread_get(p);

	if (t && !t->since_ts)
		t->since_ts = bpf_ktime_get_ns();
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	thread_woken(p);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *p)
{
	thread_woken(p);
	return 0;
}

static __always_inline void thread_runs(struct task_struct *p, struct thread_state *t)
{
	struct ss_rec_host_runq *r;
	__u64 since = t->since_ts;
	__u64 now;

	t->since_ts = 0;
	if (!since)
		return;
	now = bpf_ktime_get_ns();
	if (now - since < runq_min_ns)
		return;
	r = rec_reserve(SS_REC_HOST_RUNQ, sizeof(*r), now);
	if (!r)
		return;
	r->tid = own_tid(p);
	r->kind = t->kind;
	r->index = t->index;
	r->since_ts = since;
	rec_submit(r);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct thread_state *t;

	/*
	 * A wake-up may hit a thread that is still on its CPU: leaving the CPU
	 * decides anew whether it waits from now on.
	 */
	t = thread_get(prev);
	if (t)
		t->since_ts = preempt || !prev_state ? bpf_ktime_get_ns() : 0;
	t = thread_get(next);
	if (t)
		thread_runs(next, t);
	return 0;
}
