// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small scheduler to put under IO pressure: one queue for all CPUs, ordered
 * by weighted virtual time or by arrival (-f). A task that wakes while a CPU
 * idles goes there at once.
 *
 * Virtual time is the CPU time a task used, as if it had the default weight. A
 * task that slept may be at most one slice behind the others, so that sleeping
 * gathers no credit.
 */
#include "scx.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SHARED_DSQ     1
#define WEIGHT_DEFAULT 100

const volatile bool fifo;
const volatile __u64 slice_ns = 5000000;

/* The virtual time of the task that got furthest. */
static __u64 vtime_now;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} run_start SEC(".maps");

static u64 *cpu_run_start(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&run_start, &zero);
}

s32 SCX_CALLBACK(vtime_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	bool idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);

	if (idle)
		dsq_insert(p, SCX_DSQ_LOCAL, slice_ns, 0);
	return cpu;
}

void SCX_CALLBACK(vtime_enqueue, struct task_struct *p, u64 enq_flags)
{
	u64 vtime = p->scx.dsq_vtime;
	u64 oldest = vtime_now - slice_ns;

	if (fifo) {
		dsq_insert(p, SHARED_DSQ, slice_ns, enq_flags);
		return;
	}
	if (vtime_before(vtime, oldest))
		vtime = oldest;
	dsq_insert_vtime(p, SHARED_DSQ, slice_ns, vtime, enq_flags);
}

void SCX_CALLBACK(vtime_dispatch, s32 cpu, struct task_struct *prev)
{
	dsq_move_to_local(SHARED_DSQ);
}

void SCX_CALLBACK(vtime_running, struct task_struct *p)
{
	u64 *start = cpu_run_start();

	if (start)
		*start = scx_bpf_now();
	if (!fifo && vtime_before(vtime_now, p->scx.dsq_vtime))
		vtime_now = p->scx.dsq_vtime;
}

void SCX_CALLBACK(vtime_stopping, struct task_struct *p, bool runnable)
{
	u64 *start = cpu_run_start();
	u32 weight = p->scx.weight;
	u64 used;

	if (fifo || !start)
		return;
	used = scx_bpf_now() - *start;
	if ((s64)used < 0)
		return;
	set_vtime(p, p->scx.dsq_vtime + used * WEIGHT_DEFAULT / (weight ?: WEIGHT_DEFAULT));
}

void SCX_CALLBACK(vtime_enable, struct task_struct *p)
{
	set_vtime(p, vtime_now);
}

s32 SCX_CALLBACK_SLEEPABLE(vtime_init)
{
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

void SCX_CALLBACK(vtime_exit, struct scx_exit_info *ei)
{
	record_exit(ei);
}

SEC(".struct_ops.link")
struct sched_ext_ops vtime_ops = {
	.select_cpu = (void *)vtime_select_cpu,
	.enqueue = (void *)vtime_enqueue,
	.dispatch = (void *)vtime_dispatch,
	.running = (void *)vtime_running,
	.stopping = (void *)vtime_stopping,
	.enable = (void *)vtime_enable,
	.init = (void *)vtime_init,
	.exit = (void *)vtime_exit,
	.name = "vtime",
};
