/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace records. Host BPF programs, guest BPF programs, the agent, the runner
 * and the report all speak these structs; a run's events.bin is a struct
 * ss_events_header followed by such records, each starting with struct ss_rec.
 *
 * Stamps: host records carry the host's CLOCK_MONOTONIC in ns, guest records
 * (type >= SS_REC_GUEST) the guest's CLOCK_MONOTONIC in ns. Clock records tie
 * both to the TSC, so that a reader can put everything on the host's line.
 * Layouts only grow: a reader skips by hdr.len and ignores what it doesn't know.
 */
#ifndef SS_EVENTS_H
#define SS_EVENTS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define SS_EVENTS_MAGIC 0x315645504f435353ULL /* "SSCOPEV1" */
#define SS_COMM_LEN	16
#define SS_SCX_NAME_LEN 128
#define SS_HIST_SLOTS	40 /* log2 ns: slot n holds [2^n, 2^(n+1)) */

/*
 * A device's number, in probes and wherever a host record says "disk": disk n
 * is n, network device n is SS_DEV_NET_BASE + n. The latter's queues are RX 0
 * and TX 1; its one worker serves both and goes by queue 0.
 */
#define SS_DEV_NET_BASE 16

struct ss_events_header {
	__u64 magic;
	__u32 header_len; /* bytes, records start here */
	__u32 version;
	__u64 host_tsc_hz;
	__u64 guest_tsc_hz;
};

enum ss_rec_type {
	/* host */
	SS_REC_STALL_BEGIN = 1,
	SS_REC_STALL_END,
	SS_REC_DRAIN,
	SS_REC_REQ,
	SS_REC_IRQ,	  /* an interrupt was sent to the guest */
	SS_REC_DEV_EVENT, /* poison, reset, pause, resume */
	SS_REC_HOST_RUNQ, /* a vCPU or worker thread was runnable, not running */
	SS_REC_HOST_CLOCK,
	SS_REC_VCPU_TSC, /* what KVM says a vCPU's TSC is made from */
	SS_REC_LIMITS,	 /* a disk's limits changed while the guest ran */
	/* guest */
	SS_REC_GUEST = 64,
	SS_REC_G_IO = SS_REC_GUEST,
	SS_REC_G_RUN, /* an IO-submitting task got a CPU */
	SS_REC_G_SCX, /* sched_ext enable, disable, exit */
	SS_REC_G_CLOCK,
	SS_REC_G_HIST, /* run-queue delay histogram of one task */
	SS_REC_G_DISK, /* which guest dev_t is which virtio device */
	/* the scheduler's stream: ss_sched.h */
	SS_REC_G_SCHED, /* a batch of switches, wake-ups, forks */
	SS_REC_G_TASK,	/* what a task is, and when that changes */
	SS_REC_G_SUM,	/* sums in place of events that were too many */
	SS_REC_G_MARK,	/* where the workload and the judged window begin and end */
	SS_REC_G_FLUSH, /* a flush that the block layer itself sent */
};

struct ss_rec {
	__u16 type; /* enum ss_rec_type */
	__u16 len;  /* bytes, this header included, multiple of 8 */
	__u32 cpu;  /* CPU that took the stamp (host or guest number) */
	__u64 ts;   /* ns, see above */
};

enum ss_bucket {
	SS_BUCKET_OPS = 1,
	SS_BUCKET_BYTES = 2,
	SS_BUCKET_BOTH = 3,    /* both lacked tokens */
	SS_BUCKET_PROFILE = 4, /* a stall by the disk's profile; a flag beside the others */
};

/* One per throttled_count increment. */
struct ss_rec_stall_begin {
	struct ss_rec h;
	__u16 disk, queue, head;
	__u16 bucket;	    /* enum ss_bucket */
	__u64 deficit;	    /* tokens lacking in the bucket that waits longest */
	__u64 predicted_ns; /* wait computed at the stall */
};

/* How a stall ended. */
enum ss_stall_outcome {
	SS_STALL_RETRIED =
		0, /* in recordings until 0.1: asked again in vain, and another one begins */
	SS_STALL_GRANTED = 1,	/* the head goes */
	SS_STALL_ABANDONED = 2, /* reset, teardown, or the guest took the head away */
};

/* A stall has ended: once for each that began, however often the head was asked about meanwhile. */
struct ss_rec_stall_end {
	struct ss_rec h; /* ts: end */
	__u16 disk, queue, head;
	__u16 granted; /* enum ss_stall_outcome */
	__u64 begin_ts;
	__u64 predicted_ns; /* the last prediction of its end, as seen from its begin */
	__u64 profile_ns; /* how much of it the disk's profile ordered, if told (the record is longer then) */
};

struct ss_rec_drain {
	struct ss_rec h; /* ts: end */
	__u16 disk, queue;
	__u16 chains;	 /* chains taken from the ring */
	__u16 published; /* used elements published */
	__u64 begin_ts;
	__u32 stalled; /* 1 if it ended with a stalled head */
	__u32 pad;
};

/* virtio_blk request types, as in the request header */
struct ss_rec_req {
	struct ss_rec h; /* ts: used element published */
	__u16 disk, queue, head;
	__u16 status;	/* virtio_blk status byte */
	__u32 req_type; /* VIRTIO_BLK_T_* */
	__u32 bytes;
	__u64 sector;
	__u64 start_ts;	       /* granted by the throttle, backing IO begins */
	__u64 backing_done_ts; /* backing IO finished */
	__u64 kick_ts;	       /* the eventfd wake-up that led to this drain, 0 if none did */
};

struct ss_rec_irq {
	struct ss_rec h;
	__u16 disk, queue;
	__u32 pad;
};

enum ss_dev_event {
	SS_DEV_POISON = 1,
	SS_DEV_RESET,
	SS_DEV_PAUSE,
	SS_DEV_RESUME,
};

struct ss_rec_dev_event {
	struct ss_rec h;
	__u16 disk, queue;
	__u32 event; /* enum ss_dev_event */
	__u64 arg;
};

enum ss_thread_kind {
	SS_THREAD_VCPU = 1,
	SS_THREAD_WORKER,
	SS_THREAD_OTHER,
};

struct ss_rec_host_runq {
	struct ss_rec h; /* ts: when it ran again */
	__u32 tid;
	__u16 kind;	/* enum ss_thread_kind */
	__u16 index;	/* vCPU number, or device << 8 | queue */
	__u64 since_ts; /* runnable since */
};

/* ts is CLOCK_MONOTONIC read between two TSC reads. */
struct ss_rec_host_clock {
	struct ss_rec h;
	__u64 tsc_before;
	__u64 tsc_after;
};

/*
 * One per vCPU, if KVM tells: guest_tsc = (host_tsc * scale >> frac_bits) + offset,
 * modulo 2^64. An unscaled TSC has scale = 1 << frac_bits.
 */
struct ss_rec_vcpu_tsc {
	struct ss_rec h;
	__u32 vcpu;
	__u32 frac_bits; /* at most 63 */
	__u64 offset;
	__u64 scale;
};

enum ss_limits_by {
	SS_LIMITS_OWN,	   /* the disk's own, by hand; while its profile sets some these wait */
	SS_LIMITS_PROFILE, /* its profile's: they go before its own */
	SS_LIMITS_BACK,	   /* its profile sets none any more: its own hold again */
};

/* Limits from here on. 0: unlimited, default. */
struct ss_rec_limits {
	struct ss_rec h;
	__u16 disk;
	__u16 by; /* enum ss_limits_by */
	__u16 pad[2];
	__u64 iops, bps;
	__u64 iops_burst, bps_burst;
};

/* --- guest --- */

enum ss_io_op {
	SS_IO_READ,
	SS_IO_WRITE,
	SS_IO_FLUSH,
	SS_IO_DISCARD,
	SS_IO_OTHER,
};

/* One request of the guest's block layer, emitted at completion. */
struct ss_rec_g_io {
	struct ss_rec h; /* ts: block_rq_complete */
	__u32 dev;	 /* kernel dev_t: major << 20 | minor */
	__u16 op;	 /* enum ss_io_op */
	__u16 error;	 /* 0 or a positive errno */
	__u64 sector;
	__u32 bytes;
	__u32 tid;	/* who submitted it */
	__u64 start_ts; /* entered the block layer */
	__u64 issue_ts; /* block_rq_issue: handed to the driver */
	__u32 issue_cpu;
	__u32 submitter_running; /* 1 if tid was on a CPU at ts: nobody waited for a wake-up */
	char comm[SS_COMM_LEN];
	__u16 queue; /* the disk's, it was handed to; the first layout ended before */
	__u16 pad;
	__u32 serial; /* of the request: wake-ups by its completion name it; 0 unknown */
	/*
	 * A request with flushes around it: when its data was written, 0 otherwise. Then
	 * issue_ts is the data's; the flushes are the queue's SS_REC_G_FLUSH before and after.
	 */
	__u64 data_ts;
};

/*
 * A flush as the disk sees it, emitted at completion. It serves every request of its
 * queue that waits for one: flushes that were asked for (SS_REC_G_IO has its issue_ts)
 * and writes that want one before or behind them.
 */
struct ss_rec_g_flush {
	struct ss_rec h; /* ts: block_rq_complete */
	__u32 dev;	 /* as in struct ss_rec_g_io */
	__u16 queue;
	__u16 error;
	__u64 issue_ts;
	__u32 issue_cpu;
	__u32 serial; /* from the same numbers as the requests' */
};

/* A task that has submitted traced IO got on a CPU after a wake-up. */
struct ss_rec_g_run {
	struct ss_rec h; /* ts: switched in; h.cpu: where */
	__u32 tid;
	__u32 wake_cpu;	   /* CPU that did the wake-up */
	__u64 wake_ts;	   /* became runnable */
	__u32 prev_tid;	   /* who held the CPU until then, 0 idle */
	__u16 prev_policy; /* SCHED_* of that task */
	__u16 policy;	   /* SCHED_* of this task */
	__u64 idle_ns;	   /* CPU-ns the guest's CPUs idled, all together, while it waited */
	char prev_comm[SS_COMM_LEN];
};

enum ss_scx_event {
	SS_SCX_ENABLE = 1,
	SS_SCX_DISABLE,
	SS_SCX_EXIT,
};

struct ss_rec_g_scx {
	struct ss_rec h;
	__u32 event;	 /* enum ss_scx_event */
	__s32 exit_kind; /* enum scx_exit_kind, with SS_SCX_EXIT */
	__s64 exit_code;
	char name[SS_SCX_NAME_LEN];
	char reason[SS_SCX_NAME_LEN];
};

/*
 * The agent's clock sample: two guest TSC reads around a guest CLOCK_MONOTONIC
 * read (h.ts), then two around a read of the runner's clock port, which answers
 * with the host's TSC. host_tsc is 0 if the port isn't there.
 */
struct ss_rec_g_clock {
	struct ss_rec h;
	__u64 tsc_before;
	__u64 tsc_after;
	__u64 port_tsc_before;
	__u64 port_tsc_after;
	__u64 host_tsc;
};

struct ss_rec_g_hist {
	struct ss_rec h;
	__u32 tid;
	__u32 policy;
	__u64 total_ns;
	__u64 max_ns;
	char comm[SS_COMM_LEN];
	__u64 slots[SS_HIST_SLOTS];
};

struct ss_rec_g_disk {
	struct ss_rec h;
	__u32 dev;     /* kernel dev_t: major << 20 | minor */
	__u32 disk;    /* --disk index, from the serial that GET_ID gives: "stallscopeN" */
	char name[32]; /* vda, ... */
};

/* BPF-side loss: how often a ring buffer reservation failed, by source. */
struct ss_drops {
	__u64 recorded;
	__u64 lost;
};

/*
 * The runner's clock port (x86 IO port): a 4-byte read of SS_CLOCK_PORT latches
 * the host's TSC and answers its low half, a 4-byte read of SS_CLOCK_PORT + 4
 * answers the latched high half (latched per vCPU).
 */
#define SS_CLOCK_PORT 0x5c0

#endif /* SS_EVENTS_H */
