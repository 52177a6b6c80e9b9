/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The block layer's part of guest_trace.bpf.c: one record for each request, and one
 * for each flush that the block layer sends itself.
 */
#ifndef SS_GUEST_IO_BPF_H
#define SS_GUEST_IO_BPF_H

struct io_state {
	__u64 start_ts;
	__u64 issue_ts;
	__u64 data_ts;
	__u64 sector;
	__u32 bytes;
	__u32 dev;
	__u32 tid;
	__u32 issue_cpu;
	__u32 cmd_flags; /* as submitted: flushes get other ones on their way */
	__u32 queue;
	__u32 serial;
	__u32 pad;
	char comm[SS_COMM_LEN];
};

/* Of the latest request; 0 is none's. */
static __u32 last_serial;

static __always_inline __u32 next_serial(void)
{
	__u32 serial = __sync_fetch_and_add(&last_serial, 1) + 1;

	return serial ?: __sync_fetch_and_add(&last_serial, 1) + 1;
}

/* Requests are preallocated by the driver: an entry of a merged one is reused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct io_state);
} inflight SEC(".maps");

/*
 * The latest flush handed to the driver on a disk's queue: the requests there
 * that wait for one share it.
 */
struct flush_key {
	__u32 dev;
	__u32 queue;
};

struct flush_state {
	__u64 issue_ts;
	__u32 issue_cpu;
	__u32 serial;
	__u64 done; /* its record has been made */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct flush_key);
	__type(value, struct flush_state);
} flushes SEC(".maps");

/*
 * Requests start and are issued in task context, where a program may be
 * preempted; the kernel then takes the events of the tasks that run there
 * meanwhile for recursion and skips the program. So there are five copies of
 * those: while a task is stuck in one of them, the others still see the rest.
 * Doing it again does no harm. A request that all of them missed is counted as
 * lost when it completes, where nothing is preempted.
 */
#define COPY(section, name, what)                                                                  \
	SEC(section)                                                                               \
	int BPF_PROG(name, struct request *rq)                                                     \
	{                                                                                          \
		what(rq);                                                                          \
		return 0;                                                                          \
	}
#define FIVE_COPIES(section, name, what)                                                           \
	COPY(section, name##_1, what)                                                              \
	COPY(section, name##_2, what)                                                              \
	COPY(section, name##_3, what)                                                              \
	COPY(section, name##_4, what)                                                              \
	COPY(section, name##_5, what)

static __always_inline struct gendisk *virtio_disk(struct request *rq)
{
	struct gendisk *disk = rq->q->disk;

	if (!disk || disk->disk_name[0] != 'v' || disk->disk_name[1] != 'd')
		return NULL;
	return disk;
}

static __always_inline __u32 disk_dev(struct gendisk *disk)
{
	return (__u32)disk->major << 20 | disk->first_minor;
}

static __always_inline void track_submitter(void)
{
	struct task_struct *me = bpf_get_current_task_btf();
	struct task_state *t;

	t = bpf_task_storage_get(&tasks, me, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (t)
		t->submits_io = 1;
	else
		count_rec(true);
}

static __always_inline void io_starts(struct request *rq)
{
	struct gendisk *disk = virtio_disk(rq);
	__u32 tid = bpf_get_current_pid_tgid();
	struct io_state s = {}, *seen;
	__u64 key = (__u64)rq;

	if (!disk)
		return;
	seen = bpf_map_lookup_elem(&inflight, &key);
	if (seen && seen->tid == tid && !seen->issue_ts)
		return;
	s.start_ts = bpf_ktime_get_ns();
	s.sector = rq->__sector;
	s.bytes = rq->__data_len;
	s.dev = disk_dev(disk);
	s.cmd_flags = rq->cmd_flags;
	s.tid = tid;
	s.serial = next_serial();
	bpf_get_current_comm(s.comm, sizeof(s.comm));
	bpf_map_update_elem(&inflight, &key, &s, BPF_ANY);
	track_submitter();
}

/* In the context of whoever submitted the IO, unlike issue and completion. */
FIVE_COPIES("tp_btf/block_io_start", on_io_start, io_starts)

/* It became part of another request; its memory will be another's. */
SEC("tp_btf/block_rq_merge")
int BPF_PROG(on_rq_merge, struct request *rq)
{
	__u64 key = (__u64)rq;

	bpf_map_delete_elem(&inflight, &key);
	return 0;
}

static __always_inline bool is_flush(struct request *rq)
{
	return (rq->cmd_flags & 0xff) == bpf_core_enum_value(enum req_op, REQ_OP_FLUSH);
}

static __always_inline bool flush_place(struct request *rq, struct flush_key *where)
{
	struct gendisk *disk = virtio_disk(rq);

	if (!disk)
		return false;
	where->dev = disk_dev(disk);
	where->queue = rq->mq_hctx->queue_num;
	return true;
}

/* A queue has one on its way at most. */
static __always_inline void flush_issued(struct request *rq)
{
	struct flush_state f = {}, *seen;
	struct flush_key where;

	if (!flush_place(rq, &where))
		return;
	f.issue_ts = bpf_ktime_get_ns();
	f.issue_cpu = bpf_get_smp_processor_id();
	seen = bpf_map_lookup_elem(&flushes, &where);
	f.serial = seen && !seen->done ? seen->serial : next_serial();
	bpf_map_update_elem(&flushes, &where, &f, BPF_ANY);
}

static __always_inline void rq_issued(struct request *rq)
{
	__u64 key = (__u64)rq;
	struct io_state *s;

	s = bpf_map_lookup_elem(&inflight, &key);
	if (s) {
		/* A full ring makes the driver refuse it: the last issue counts. */
		s->issue_ts = bpf_ktime_get_ns();
		s->issue_cpu = bpf_get_smp_processor_id();
		s->sector = rq->__sector;
		s->bytes = rq->__data_len;
		s->queue = rq->mq_hctx->queue_num;
		return;
	}
	if (is_flush(rq))
		flush_issued(rq);
}

FIVE_COPIES("tp_btf/block_rq_issue", on_rq_issue, rq_issued)

static __always_inline __u16 io_op(__u32 cmd_flags, __u32 bytes)
{
	__u32 op = cmd_flags & 0xff;
	__u32 preflush = 1u << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH);

	if (op == bpf_core_enum_value(enum req_op, REQ_OP_READ))
		return SS_IO_READ;
	if (op == bpf_core_enum_value(enum req_op, REQ_OP_WRITE))
		return !bytes && (cmd_flags & preflush) ? SS_IO_FLUSH : SS_IO_WRITE;
	if (op == bpf_core_enum_value(enum req_op, REQ_OP_FLUSH))
		return SS_IO_FLUSH;
	if (op == bpf_core_enum_value(enum req_op, REQ_OP_DISCARD))
		return SS_IO_DISCARD;
	return SS_IO_OTHER;
}

/* Only blk_status_t's with an errno of their own that a virtio disk can give. */
static __always_inline __u16 status_errno(__u32 status)
{
	switch (status) {
	case 0:
		return 0;
	case 1:		    /* BLK_STS_NOTSUPP */
		return 95;  /* EOPNOTSUPP */
	case 2:		    /* BLK_STS_TIMEOUT */
		return 110; /* ETIMEDOUT */
	case 3:		    /* BLK_STS_NOSPC */
		return 28;  /* ENOSPC */
	default:
		return 5; /* EIO */
	}
}

static __always_inline bool tid_runs(__u32 tid)
{
	__u32 i;

	for (i = 0; i < CPUS_MAX && i < nr_cpus; i++)
		if (*(volatile __u32 *)&cpus[i].tid == tid)
			return true;
	return false;
}

static __always_inline void emit_io(struct request *rq, struct io_state *s, __u32 status)
{
	struct flush_key where;
	struct flush_state *f;
	struct ss_rec_g_io *r;

	/* A flush without data isn't issued itself, its queue's shared one is. */
	if (!s->issue_ts && io_op(s->cmd_flags, s->bytes) == SS_IO_FLUSH) {
		s->queue = rq->mq_hctx->queue_num;
		where.dev = s->dev;
		where.queue = s->queue;
		f = bpf_map_lookup_elem(&flushes, &where);
		if (f && f->issue_ts >= s->start_ts) {
			s->issue_ts = f->issue_ts;
			s->issue_cpu = f->issue_cpu;
		}
	}
	if (!s->issue_ts) {
		count_rec(true);
		return;
	}
	r = rec_reserve(SS_REC_G_IO, sizeof(*r), bpf_ktime_get_ns());
	if (!r)
		return;
	r->dev = s->dev;
	r->op = io_op(s->cmd_flags, s->bytes);
	r->error = status_errno(status);
	r->sector = s->sector;
	r->bytes = s->bytes;
	r->tid = s->tid;
	r->start_ts = s->start_ts;
	r->issue_ts = s->issue_ts;
	r->issue_cpu = s->issue_cpu;
	r->submitter_running = tid_runs(s->tid);
	__builtin_memcpy(r->comm, s->comm, sizeof(r->comm));
	r->queue = s->queue;
	r->pad = 0;
	r->serial = s->serial;
	r->data_ts = s->data_ts;
	rec_submit(r);
}

/* Not a command of the driver's own or a queue's shared flush: it was submitted. */
static __always_inline bool was_submitted(struct request *rq)
{
	__u32 op = rq->cmd_flags & 0xff;

	return op != bpf_core_enum_value(enum req_op, REQ_OP_FLUSH) &&
	       op != bpf_core_enum_value(enum req_op, REQ_OP_DRV_IN) &&
	       op != bpf_core_enum_value(enum req_op, REQ_OP_DRV_OUT);
}

/* The flag's number has a name that BTF can look up only from some 6.13 on. */
static __always_inline bool in_flush_sequence(struct request *rq)
{
	__u32 bit = LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 11, 0) ? 4 : 1;

	if (bpf_core_enum_value_exists(enum rqf_flags, __RQF_FLUSH_SEQ))
		bit = bpf_core_enum_value(enum rqf_flags, __RQF_FLUSH_SEQ);
	return rq->rq_flags & (1u << bit);
}

static __always_inline void flush_completed(struct request *rq, __u32 status)
{
	struct ss_rec_g_flush *r;
	struct flush_state *f;
	struct flush_key where;

	if (!flush_place(rq, &where))
		return;
	f = bpf_map_lookup_elem(&flushes, &where);
	if (!f || f->done) {
		if (begin_ns)
			count_rec(true);
		return;
	}
	f->done = 1;
	completes(f->serial);
	r = rec_reserve(SS_REC_G_FLUSH, sizeof(*r), bpf_ktime_get_ns());
	if (!r)
		return;
	r->dev = where.dev;
	r->queue = where.queue;
	r->error = status_errno(status);
	r->issue_ts = f->issue_ts;
	r->issue_cpu = f->issue_cpu;
	r->serial = f->serial;
	rec_submit(r);
}

static __always_inline void rq_completed(struct request *rq, __u32 status)
{
	__u64 key = (__u64)rq;
	struct io_state *s;

	s = bpf_map_lookup_elem(&inflight, &key);
	if (!s && is_flush(rq)) {
		flush_completed(rq, status);
		return;
	}
	if (!s) {
		if (rq->start_time_ns >= begin_ns && begin_ns && was_submitted(rq) &&
		    virtio_disk(rq))
			count_rec(true);
		return;
	}
	/* The data of a write with flushes around it; the whole completes later. */
	if (in_flush_sequence(rq)) {
		s->data_ts = bpf_ktime_get_ns();
		return;
	}
	completes(s->serial);
	emit_io(rq, s, status);
	bpf_map_delete_elem(&inflight, &key);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_rq_complete, struct request *rq, __u32 status, unsigned int nr_bytes)
{
	rq_completed(rq, status);
	return 0;
}

#endif /* SS_GUEST_IO_BPF_H */
