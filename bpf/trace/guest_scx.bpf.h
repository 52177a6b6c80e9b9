/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sched_ext part of guest_trace.bpf.c: when a scheduler comes and goes, and
 * what the kernel says about it.
 */
#ifndef SS_GUEST_SCX_BPF_H
#define SS_GUEST_SCX_BPF_H

static __u64 exit_told; /* the scheduler whose end was told */

static __always_inline struct ss_rec_g_scx *scx_reserve(__u32 event, const void *name)
{
	struct ss_rec_g_scx *r = rec_reserve(SS_REC_G_SCX, sizeof(*r), bpf_ktime_get_ns());

	if (!r)
		return NULL;
	r->event = event;
	r->exit_kind = 0;
	r->exit_code = 0;
	__builtin_memset(r->name, 0, sizeof(r->name));
	__builtin_memset(r->reason, 0, sizeof(r->reason));
	bpf_probe_read_kernel_str(r->name, sizeof(r->name), name);
	return r;
}

SEC("fexit/bpf_scx_reg")
int BPF_PROG(on_scx_reg, void *kdata, struct bpf_link *link, int ret)
{
	struct sched_ext_ops *ops = kdata;
	struct ss_rec_g_scx *r;

	if (ret)
		return 0;
	exit_told = 0;
	r = scx_reserve(SS_SCX_ENABLE, __builtin_preserve_access_index(&ops->name));
	if (r)
		rec_submit(r);
	return 0;
}

/* Somebody claimed the exit: from here on the kernel takes the tasks back. */
SEC("tp_btf/sched_ext_exit")
int BPF_PROG(on_scx_claim, struct scx_sched *sch, __u32 kind)
{
	struct ss_rec_g_scx *r;

	r = scx_reserve(SS_SCX_DISABLE, __builtin_preserve_access_index(&sch->ops.name));
	if (!r)
		return 0;
	r->exit_kind = kind;
	rec_submit(r);
	return 0;
}

/* Its end, when the reason has been put into words. It may run once more, idly. */
SEC("fexit/scx_disable_workfn")
int BPF_PROG(on_scx_disabled, struct kthread_work *work)
{
	struct scx_sched *sch;
	struct scx_exit_info *ei;
	struct ss_rec_g_scx *r;
	const char *reason, *msg;
	char first = 0;
	long n;

	sch = (void *)work - bpf_core_field_offset(struct scx_sched, disable_work);
	ei = BPF_CORE_READ(sch, exit_info);
	if (!ei || !BPF_CORE_READ(ei, kind) || exit_told == (__u64)sch)
		return 0;
	exit_told = (__u64)sch;
	r = scx_reserve(SS_SCX_EXIT, __builtin_preserve_access_index(&sch->ops.name));
	if (!r)
		return 0;
	r->exit_kind = BPF_CORE_READ(ei, kind);
	r->exit_code = BPF_CORE_READ(ei, exit_code);
	reason = BPF_CORE_READ(ei, reason);
	msg = BPF_CORE_READ(ei, msg);
	n = bpf_probe_read_kernel_str(r->reason, sizeof(r->reason) / 2, reason);
	bpf_probe_read_kernel(&first, sizeof(first), msg);
	if (n > 0 && n <= sizeof(r->reason) / 2 && first) {
		/* n counts the NUL, which makes room for the colon */
		r->reason[n - 1] = ':';
		r->reason[n] = ' ';
		bpf_probe_read_kernel_str(&r->reason[n + 1], sizeof(r->reason) / 2 - 2, msg);
	}
	rec_submit(r);
	return 0;
}

#endif /* SS_GUEST_SCX_BPF_H */
