// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's block layer and scheduler did with IO to virtio-blk disks.
 *
 * One record for each request, and one for each time a task that submits such
 * IO got a CPU after a wake-up; the run-queue delay of all tasks in histograms;
 * and the stream of all switches and wake-ups (guest_stream.bpf.h). All stamps
 * are the guest's CLOCK_MONOTONIC.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "ss_events.h"
#include "hist.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define CPUS_MAX 512

/* A task that waited less in all doesn't keep its own histogram when it ends. */
#define HIST_KEEP_NS 10000000ULL

const volatile __u32 nr_cpus = 1;

extern int LINUX_KERNEL_VERSION __kconfig;

/* Tracing is complete since; set by user space. */
__u64 begin_ns;

/* Tasks whose delays found no room in the histograms' map. */
__u64 hist_overflow;

/*
 * What a CPU does. idle is twice the ns it has been idle so far, plus 1 while it
 * is idle, when the ns are those minus the time it began: one word, so that
 * another CPU reads it whole.
 */
struct cpu_state {
	__u64 idle;
	__u32 tid;     /* 0: idle */
	__u32 pad[13]; /* a cache line each */
};

static struct cpu_state cpus[CPUS_MAX];

struct task_state {
	__u64 wait_ts;	 /* runnable, not running, since; 0: not so */
	__u64 wake_ts;	 /* the wake-up that began the wait; 0: a preemption did */
	__u64 wake_idle; /* idle_total() at that time */
	__u64 waking_ts; /* a wake-up under way */
	__u64 waking_idle;
	__u32 waking_cpu;
	__u32 wake_cpu;
	__u64 submits_io;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct ss_task_hist);
} hists SEC(".maps");

static const struct ss_task_hist no_delays;

#include "guest_stream.bpf.h"
#include "guest_task.bpf.h"
#include "guest_io.bpf.h"

/* --- the scheduler --- */

static __always_inline __u64 idle_ns(__u64 idle, __u64 now)
{
	return idle & 1 ? (idle >> 1) + now : idle >> 1;
}

/* ns all CPUs have idled, together; only differences mean something (mod 2^63). */
static __always_inline __u64 idle_total(__u64 now)
{
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < CPUS_MAX && i < nr_cpus; i++)
		sum += idle_ns(*(volatile __u64 *)&cpus[i].idle, now);
	return sum;
}

static __always_inline __u64 idle_between(__u64 before, __u64 after)
{
	__u64 ns = (after - before) << 1 >> 1;

	/* CPUs' clocks may differ by a little: never negative. */
	return ns >> 62 ? 0 : ns;
}

static __always_inline void cpu_switches(struct cpu_state *c, __u32 prev_tid, __u32 next_tid,
					 __u64 now)
{
	if (!prev_tid && (c->idle & 1))
		c->idle = ((c->idle >> 1) + now) << 1;
	if (!next_tid)
		c->idle = ((c->idle >> 1) - now) << 1 | 1;
	c->tid = next_tid;
}

static __always_inline struct task_state *task_get(struct task_struct *p, bool create)
{
	return bpf_task_storage_get(&tasks, p, NULL, create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

static __always_inline void delay_add(struct task_struct *p, __u64 ns)
{
	__u32 tid = p->pid;
	struct ss_task_hist *h;

	h = bpf_map_lookup_elem(&hists, &tid);
	if (!h) {
		bpf_map_update_elem(&hists, &tid, &no_delays, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&hists, &tid);
		if (!h) {
			__sync_fetch_and_add(&hist_overflow, 1);
			return;
		}
		bpf_core_read_str(h->comm, sizeof(h->comm), &p->comm);
	}
	h->policy = p->policy;
	hist_add(&h->delay, ns);
}

/* The one who wakes tells where and when the wake-up began. */
SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *p)
{
	struct task_state *t = task_get(p, false);

	if (!t || !t->submits_io)
		return 0;
	t->waking_ts = bpf_ktime_get_ns();
	t->waking_cpu = bpf_get_smp_processor_id();
	t->waking_idle = idle_total(t->waking_ts);
	return 0;
}

static __always_inline void task_woken(struct task_struct *p)
{
	struct task_state *t = task_get(p, true);
	__u64 now = bpf_ktime_get_ns();

	if (!t || t->wait_ts)
		return;
	t->wait_ts = now;
	if (!t->submits_io)
		return;
	if (t->waking_ts) {
		t->wake_ts = t->waking_ts;
		t->wake_cpu = t->waking_cpu;
		t->wake_idle = t->waking_idle;
	} else {
		t->wake_ts = now;
		t->wake_cpu = bpf_get_smp_processor_id();
		t->wake_idle = idle_total(now);
	}
	t->waking_ts = 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	task_woken(p);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *p)
{
	task_woken(p);
	return 0;
}

static __always_inline void emit_run(struct task_struct *prev, struct task_struct *next,
				     struct task_state *t, __u64 now)
{
	struct ss_rec_g_run *r = rec_reserve(SS_REC_G_RUN, sizeof(*r), now);

	if (!r)
		return;
	r->tid = next->pid;
	r->wake_cpu = t->wake_cpu;
	r->wake_ts = t->wake_ts;
	r->prev_tid = prev->pid;
	r->prev_policy = prev->policy;
	r->policy = next->policy;
	r->idle_ns = idle_between(t->wake_idle, idle_total(now));
	__builtin_memset(r->prev_comm, 0, sizeof(r->prev_comm));
	bpf_core_read_str(r->prev_comm, sizeof(r->prev_comm), &prev->comm);
	rec_submit(r);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 now = bpf_ktime_get_ns();
	bool waits = preempt || !prev_state;
	struct task_state *t;

	if (cpu < CPUS_MAX)
		cpu_switches(&cpus[cpu], prev->pid, next->pid, now);
	if (prev->pid) {
		/* A wake-up may hit a task still on its CPU: leaving decides anew. */
		t = task_get(prev, waits);
		if (t) {
			t->wait_ts = waits ? now : 0;
			t->wake_ts = 0;
			if (waits)
				t->waking_ts = 0;
		}
	}
	if (!next->pid)
		return 0;
	t = task_get(next, false);
	if (!t || !t->wait_ts)
		return 0;
	delay_add(next, now - t->wait_ts);
	if (t->submits_io && t->wake_ts)
		emit_run(prev, next, t, now);
	t->wait_ts = 0;
	t->wake_ts = 0;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *p)
{
	__u32 tid = p->pid;
	struct ss_task_hist *h = bpf_map_lookup_elem(&hists, &tid);

	if (h)
		bpf_core_read_str(h->comm, sizeof(h->comm), &p->comm);
	return 0;
}

/* Tasks that end after waiting little share one entry, so that the map lasts. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	__u32 tid = p->pid, shared_key = 0, i;
	struct ss_task_hist *h, *shared;

	h = bpf_map_lookup_elem(&hists, &tid);
	if (!h || h->delay.total_ns >= HIST_KEEP_NS)
		return 0;
	bpf_map_update_elem(&hists, &shared_key, &no_delays, BPF_NOEXIST);
	shared = bpf_map_lookup_elem(&hists, &shared_key);
	if (!shared)
		return 0;
	__sync_fetch_and_add(&shared->delay.count, h->delay.count);
	__sync_fetch_and_add(&shared->delay.total_ns, h->delay.total_ns);
	if (h->delay.max_ns > shared->delay.max_ns)
		shared->delay.max_ns = h->delay.max_ns;
	for (i = 0; i < SS_HIST_SLOTS; i++)
		if (h->delay.slots[i])
			__sync_fetch_and_add(&shared->delay.slots[i], h->delay.slots[i]);
	bpf_map_delete_elem(&hists, &tid);
	return 0;
}

#include "guest_scx.bpf.h"
