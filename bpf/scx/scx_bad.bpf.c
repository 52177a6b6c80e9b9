// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scheduler that misbehaves on request, for tests of what happens then. But
 * for its fault it is a plain FIFO with an idle-CPU fast path.
 */
#include "scx.bpf.h"
#include "scx_bad.h"

char LICENSE[] SEC("license") = "GPL";

#define SHARED_DSQ 1
#define HELD_DSQ   2
#define LOST_DSQ   3 /* nobody ever takes from it */
#define LIFO_DSQ   4
#define HOGS_DSQ   5
#define LAST_DSQ   6
#define LIFO_MAX   (1ULL << 62)
#define CPU_DSQ	   0x100      /* and the CPU's number: only that one takes from it */
#define KTHREAD	   0x00200000 /* PF_KTHREAD */

#ifndef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC 1
#endif

const volatile __u32 mode;
const volatile __u32 whom;
const volatile char only[BAD_COMM_LEN]; /* if not empty: tasks of this name */
const volatile __u32 one_cpu;		/* BAD_ONE_CPU */
const volatile __u64 slice_ns = 2000000;
const volatile __u64 kick_ns;  /* how often idle CPUs are told to look, 0 never */
const volatile __u64 delay_ns; /* BAD_DELAY: hold for so long */
const volatile __u64 after_ns; /* BAD_STALL, BAD_ERROR: behave until then */
const volatile __u32 nr_cpus = 1;

__u32 victim_tgid; /* BAD_STALL: whose tasks get lost */

static __u64 start_ns;

struct timer_slot {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct timer_slot);
} timers SEC(".maps");

/* Not declared by libbpf, whose bpf_for_each() hides the iterator we need. */
int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, u64 dsq_id, u64 flags) __ksym __weak;
struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym __weak;
void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym __weak;
bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask) __ksym __weak;

static bool time_has_come(void)
{
	return scx_bpf_now() - start_ns >= after_ns;
}

static bool is_named(const struct task_struct *p)
{
	for (int i = 0; i < BAD_COMM_LEN; i++) {
		if (p->comm[i] != only[i])
			return false;
		if (!only[i])
			break;
	}
	return true;
}

/* Does the fault concern it? */
static bool is_victim(const struct task_struct *p)
{
	const bool kthread = p->flags & KTHREAD;

	if (only[0])
		return is_named(p);
	return whom == BAD_ALL || kthread == (whom == BAD_KTHREADS);
}

static bool is_lost(const struct task_struct *p)
{
	if (mode != BAD_STALL || !time_has_come())
		return false;
	return only[0] ? is_named(p) : victim_tgid && p->tgid == victim_tgid;
}

static void maybe_fail(void)
{
	static char fmt[] = "failing on request after %llu ms";
	unsigned long long args[] = { after_ns / 1000000 };

	if (mode == BAD_ERROR && time_has_come())
		scx_bpf_error_bstr(fmt, args, sizeof(args));
}

s32 SCX_CALLBACK(bad_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	bool idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);

	maybe_fail();
	if (idle && (mode <= BAD_ERROR || !is_victim(p)) && !is_lost(p))
		dsq_insert(p, SCX_DSQ_LOCAL, slice_ns, 0);
	return cpu;
}

/* The CPU after the one it ran on, if it may run there. */
static u32 wrong_cpu(const struct task_struct *p)
{
	const u32 own = scx_bpf_task_cpu(p), next = own + 1 < nr_cpus ? own + 1 : 0;

	return bpf_cpumask_test_cpu(next, p->cpus_ptr) ? next : own;
}

/* Queues @p in the way that is the fault. */
static void enqueue_badly(struct task_struct *p, u64 enq_flags)
{
	u64 wakeup = bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_WAKEUP);

	if (mode == BAD_DELAY && (enq_flags & wakeup))
		dsq_insert_vtime(p, HELD_DSQ, slice_ns, scx_bpf_now() + delay_ns, enq_flags);
	else if (mode == BAD_ONE_CPU && bpf_cpumask_test_cpu(one_cpu, p->cpus_ptr))
		dsq_insert(p, SCX_DSQ_LOCAL_ON | one_cpu, slice_ns, enq_flags);
	else if (mode == BAD_NO_KICK)
		dsq_insert(p, CPU_DSQ + wrong_cpu(p), slice_ns, enq_flags);
	else if (mode == BAD_HOGS)
		dsq_insert(p, p->scx.slice ? LAST_DSQ : HOGS_DSQ, slice_ns, enq_flags);
	else if (mode == BAD_LIFO)
		dsq_insert_vtime(p, LIFO_DSQ, slice_ns, LIFO_MAX - scx_bpf_now(), enq_flags);
	else
		dsq_insert(p, SHARED_DSQ, slice_ns, enq_flags);
}

void SCX_CALLBACK(bad_enqueue, struct task_struct *p, u64 enq_flags)
{
	if (is_lost(p))
		dsq_insert(p, LOST_DSQ, slice_ns, enq_flags);
	else if (is_victim(p))
		enqueue_badly(p, enq_flags);
	else
		dsq_insert(p, SHARED_DSQ, slice_ns, enq_flags);
}

/* The first held task whose time has come and that may run on this CPU. */
static bool release_held(s32 cpu)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool moved = false;
	u64 now = scx_bpf_now();

	if (!bpf_iter_scx_dsq_new(&it, HELD_DSQ, 0)) {
		while ((p = bpf_iter_scx_dsq_next(&it))) {
			if (vtime_before(now, p->scx.dsq_vtime))
				break;
			if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
				continue;
			moved = scx_bpf_dsq_move(&it, p, SCX_DSQ_LOCAL_ON | cpu, 0);
			if (moved)
				break;
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return moved;
}

void SCX_CALLBACK(bad_dispatch, s32 cpu, struct task_struct *prev)
{
	maybe_fail();
	if (mode == BAD_DELAY && release_held(cpu))
		return;
	if (mode == BAD_NO_KICK && dsq_move_to_local(CPU_DSQ + cpu))
		return;
	/* Whom the fault doesn't concern, kernel threads mostly, goes first. */
	if (dsq_move_to_local(SHARED_DSQ))
		return;
	if (mode == BAD_LIFO)
		dsq_move_to_local(LIFO_DSQ);
	if (mode == BAD_HOGS && !dsq_move_to_local(HOGS_DSQ))
		dsq_move_to_local(LAST_DSQ);
}

/* Idle CPUs ask for nothing by themselves: have them look at what waits. */
static int kick_idle(void *map, u32 *key, struct timer_slot *slot)
{
	u64 idle = bpf_core_enum_value(enum scx_kick_flags, SCX_KICK_IDLE);
	u32 cpu;

	bpf_for(cpu, 0, nr_cpus)
		scx_bpf_kick_cpu(cpu, idle);
	bpf_timer_start(&slot->timer, kick_ns, 0);
	return 0;
}

static s32 start_timer(void)
{
	struct timer_slot *slot;
	u32 zero = 0;
	s32 ret;

	slot = bpf_map_lookup_elem(&timers, &zero);
	if (!slot)
		return -2;
	ret = bpf_timer_init(&slot->timer, &timers, CLOCK_MONOTONIC);
	if (ret)
		return ret;
	bpf_timer_set_callback(&slot->timer, kick_idle);
	return bpf_timer_start(&slot->timer, kick_ns, 0);
}

s32 SCX_CALLBACK_SLEEPABLE(bad_init)
{
	u32 cpu, dsq;
	s32 ret = 0;

	start_ns = scx_bpf_now();
	bpf_for(dsq, SHARED_DSQ, LAST_DSQ + 1)
		if (!ret)
			ret = scx_bpf_create_dsq(dsq, -1);
	bpf_for(cpu, 0, nr_cpus)
		if (!ret && mode == BAD_NO_KICK)
			ret = scx_bpf_create_dsq(CPU_DSQ + cpu, -1);
	if (!ret && kick_ns)
		ret = start_timer();
	return ret;
}

void SCX_CALLBACK(bad_exit, struct scx_exit_info *ei)
{
	record_exit(ei);
}

SEC(".struct_ops.link")
struct sched_ext_ops bad_ops = {
	.select_cpu = (void *)bad_select_cpu,
	.enqueue = (void *)bad_enqueue,
	.dispatch = (void *)bad_dispatch,
	.init = (void *)bad_init,
	.exit = (void *)bad_exit,
	.name = "bad",
};

/* The verifier must refuse this: the slot may be missing. */
void SCX_CALLBACK(rejected_enqueue, struct task_struct *p, u64 enq_flags)
{
	u32 key = p->pid;
	u64 *slot = bpf_map_lookup_elem(&timers, &key);

	dsq_insert(p, SCX_DSQ_GLOBAL, *slot, enq_flags);
}

SEC(".struct_ops.link")
struct sched_ext_ops rejected_ops = {
	.enqueue = (void *)rejected_enqueue,
	.name = "rejected",
};
