/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tasks are: a record for each when tracing begins, when it comes, and when
 * something about it has changed.
 */
#ifndef SS_GUEST_TASK_BPF_H
#define SS_GUEST_TASK_BPF_H

#define PF_IO_WORKER   0x00000010
#define PF_USER_WORKER 0x00004000
#define SCHED_IDLE     5
#define NICE_0_PRIO    120
#define CGROUPS_ABOVE  16

const volatile __u32 tool_tgid; /* the agent */

/* What the agent's next child is. */
__u32 fork_class;

/* Something about many tasks has changed: the agent goes through them all. */
__u32 look_again;

/* The agent goes through them for the first time. */
__u32 first_look;

/* What a nice value weighs: the kernel's sched_prio_to_weight. */
static const __u32 nice_weight[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

struct task_info {
	__u32 class;
	__u32 known;
	__u64 told; /* digest of the latest record about it */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_info);
} infos SEC(".maps");

static __always_inline struct task_info *info_get(struct task_struct *p, bool create)
{
	return bpf_task_storage_get(&infos, p, NULL, create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

static __always_inline __u32 task_weight(struct task_struct *p, __s32 nice)
{
	__u32 i = (nice + 20) & 63;
	struct task_group *tg, *parent;
	__u64 weight;

	weight = p->policy == SCHED_IDLE ? 3 : nice_weight[i < 40 ? i : 20];
	if (!bpf_core_field_exists(p->sched_task_group))
		return weight;
	tg = p->sched_task_group;
	for (i = 0; tg && i < CGROUPS_ABOVE; i++) {
		parent = BPF_CORE_READ(tg, parent);
		if (!parent)
			break;
		/* shares are cpu.weight / 100, times 2^20 */
		weight = weight * (BPF_CORE_READ(tg, shares) >> 10) >> 10;
		tg = parent;
	}
	return weight ?: 1;
}

static __always_inline __u32 task_class(struct task_struct *p, struct task_info *info)
{
	if (p->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return SS_TASK_KERNEL;
	return p->tgid == tool_tgid ? SS_TASK_TOOL : info->class;
}

static __always_inline __u32 task_state_of(struct task_struct *p)
{
	if (on_a_cpu(p))
		return SS_TASK_RUNNING;
	return p->__state ? SS_TASK_SLEEPING : SS_TASK_READY;
}

static __always_inline void read_cpus(struct ss_rec_g_task *r, struct task_struct *p)
{
	__u32 bytes = bpf_core_type_size(struct cpumask);

	bpf_probe_read_kernel(r->cpus, bytes < sizeof(r->cpus) ? bytes : sizeof(r->cpus),
			      __builtin_preserve_access_index(&p->cpus_mask));
}

static __always_inline void describe(struct ss_rec_g_task *r, struct task_struct *p,
				     struct task_info *info)
{
	__s32 nice = p->static_prio - NICE_0_PRIO;

	__builtin_memset(r, 0, sizeof(*r));
	r->h.type = SS_REC_G_TASK;
	r->h.len = sizeof(*r);
	r->tid = p->pid;
	r->tgid = p->tgid;
	r->parent = BPF_CORE_READ(p, real_parent, tgid);
	r->class = task_class(p, info);
	r->policy = p->policy;
	r->nice = nice;
	r->rt_prio = p->rt_priority;
	r->weight = task_weight(p, nice);
	r->cgroup = BPF_CORE_READ(p, cgroups, dfl_cgrp, kn, id);
	bpf_core_read_str(r->comm, sizeof(r->comm), &p->comm);
	read_cpus(r, p);
}

/* Of all that describe() has filled in. */
static __always_inline __u64 digest(const struct ss_rec_g_task *r)
{
	const __u64 *word = (const __u64 *)r;
	__u64 sum = 0;
	__u32 i;

	for (i = sizeof(r->h) / 8; i < sizeof(*r) / 8; i++)
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ULL;
	return sum ?: 1;
}

/* Has anything changed since the latest record? */
static __always_inline bool worth_telling(struct ss_rec_g_task *r, struct task_info *info)
{
	__u64 sum = digest(r);

	if (info->told == sum)
		return false;
	info->told = sum;
	return true;
}

static __always_inline void tell_task(struct task_struct *p, struct task_info *info)
{
	struct ss_rec_g_task r, *to;
	__u64 now = bpf_ktime_get_ns();

	if (!*(volatile __u32 *)&stream_on)
		return;
	describe(&r, p, info);
	if (!worth_telling(&r, info))
		return;
	to = rec_reserve(SS_REC_G_TASK, sizeof(*to), now);
	if (!to) {
		info->told = 0;
		return;
	}
	r.h.cpu = to->h.cpu;
	r.h.ts = now;
	r.cpu = p->thread_info.cpu;
	__builtin_memcpy(to, &r, sizeof(r));
	rec_submit(to);
}

/* A new task is what the one is that made it. */
static __always_inline void inherit(struct task_info *info, struct task_struct *from)
{
	struct task_info *has = info_get(from, false);

	if (info->known)
		return;
	info->known = 1;
	info->class = from->tgid == tool_tgid ? fork_class : has ? has->class : SS_TASK_OTHER;
}

static __always_inline void task_comes(struct task_struct *p)
{
	struct task_info *info = info_get(p, true);

	if (!info) {
		/* Older kernels give no storage now and then. */
		look_again = 1;
		return;
	}
	inherit(info, bpf_get_current_task_btf());
	tell_task(p, info);
}

static __always_inline void task_changes(struct task_struct *p)
{
	struct task_info *info = info_get(p, false);

	/* One that is being made is told when it comes. */
	if (info && info->told)
		tell_task(p, info);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_task_new, struct task_struct *p)
{
	task_comes(p);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_task_exec, struct task_struct *p)
{
	task_changes(p);
	return 0;
}

/* Behind each change of policy, priority, affinity and task group, with the run queue held. */
SEC("fentry/sched_change_end")
int BPF_PROG(on_task_change, struct sched_change_ctx *change)
{
	struct task_struct *p = change->p;

	task_changes(p);
	return 0;
}

SEC("fexit/sched_group_set_shares")
int BPF_PROG(on_shares)
{
	look_again = 1;
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach)
{
	look_again = 1;
	return 0;
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct ss_rec_g_task r;
	struct task_info *info;
	__u64 now = bpf_ktime_get_ns();

	if (!p)
		return 0;
	info = info_get(p, true);
	if (!info) {
		count_rec(true);
		return 0;
	}
	/* Missed when it came. Its parent has been here before it. */
	if (!first_look)
		inherit(info, p->pid == p->tgid ? p->real_parent : p->group_leader);
	info->known = 1;
	describe(&r, p, info);
	if (!worth_telling(&r, info))
		return 0;
	r.h.cpu = bpf_get_smp_processor_id();
	r.h.ts = now;
	r.cpu = p->thread_info.cpu;
	/* After the time was taken: the stream has what changes from then on. */
	if (first_look)
		r.state = task_state_of(p);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

#endif /* SS_GUEST_TASK_BPF_H */
