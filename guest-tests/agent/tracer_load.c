// SPDX-License-Identifier: GPL-2.0-only
/* Loads what of the BPF programs this kernel can take, and says what it cannot. */
#include "tracer_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "ss_hist.h"
#include "guest_trace.skel.h"

#define RING_BYTES	  (4u << 20)
#define STREAM_EVENTS	  (512u * 1024) /* of all CPUs together, 8 MiB; but of each: */
#define STREAM_EVENTS_MAX (64u * 1024)
#define STREAM_EVENTS_MIN 2048u
#define TEXT_LEN	  256

struct part_text {
	enum part part;
	const char *name;
	const char *loses;
};

static const struct part_text part_texts[] = {
	{ PART_RUN, "scheduler events", "the report can't tell the scheduler's share" },
	{ PART_STREAM, "switches and wake-ups", "the report can't follow what held a task up" },
	{ PART_KICK, "kicks of CPUs",
	  "the report can't tell a scheduler that is late from a vCPU that is" },
	{ PART_HINT, "terminals, timerfds and yields", "waits for them pass for waits for others" },
	{ PART_SCX, "sched_ext events",
	  "the report can't tell when a scheduler came, went or was ejected" },
	{ PART_SCX_CLAIM, "start of a scheduler's end", "only its end is on the time line" },
};

/*
 * Looked up in the kernel's BTF before loading: a program without its target
 * fails the whole load. A tracepoint shows there as a typedef.
 */
struct target {
	const char *program;
	const char *name;
	__u32 btf_kind;
	enum part part;
};

static const struct target targets[] = {
	{ "on_io_start_1", "btf_trace_block_io_start", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_io_start_2", "btf_trace_block_io_start", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_io_start_3", "btf_trace_block_io_start", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_io_start_4", "btf_trace_block_io_start", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_io_start_5", "btf_trace_block_io_start", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_merge", "btf_trace_block_rq_merge", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_issue_1", "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_issue_2", "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_issue_3", "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_issue_4", "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_issue_5", "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_rq_complete", "btf_trace_block_rq_complete", BTF_KIND_TYPEDEF, PART_IO },
	{ "on_waking", "btf_trace_sched_waking", BTF_KIND_TYPEDEF, PART_RUN },
	{ "on_wakeup", "btf_trace_sched_wakeup", BTF_KIND_TYPEDEF, PART_RUN },
	{ "on_wakeup_new", "btf_trace_sched_wakeup_new", BTF_KIND_TYPEDEF, PART_RUN },
	{ "on_switch", "btf_trace_sched_switch", BTF_KIND_TYPEDEF, PART_RUN },
	{ "on_exec", "btf_trace_sched_process_exec", BTF_KIND_TYPEDEF, PART_RUN },
	{ "on_exit", "btf_trace_sched_process_exit", BTF_KIND_TYPEDEF, PART_RUN },
	{ "stream_waking", "btf_trace_sched_waking", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "stream_wakeup", "btf_trace_sched_wakeup", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "stream_fork", "btf_trace_sched_wakeup_new", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "stream_switch", "btf_trace_sched_switch", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_hrtimer", "btf_trace_hrtimer_expire_entry", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_hrtimer_done", "btf_trace_hrtimer_expire_exit", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_timer", "btf_trace_timer_expire_entry", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_timer_done", "btf_trace_timer_expire_exit", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_softirq", "btf_trace_softirq_entry", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_softirq_done", "btf_trace_softirq_exit", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_irq_done", "btf_trace_irq_handler_exit", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_io_wakes", "btf_trace_block_rq_complete", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_io_done", "btf_trace_block_io_done", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_cpuhp", "btf_trace_cpuhp_enter", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_task_new", "btf_trace_sched_wakeup_new", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "on_task_exec", "btf_trace_sched_process_exec", BTF_KIND_TYPEDEF, PART_STREAM },
	{ "each_task", "bpf_iter_task", BTF_KIND_FUNC, PART_STREAM },
	{ "on_resched", "resched_curr", BTF_KIND_FUNC, PART_KICK },
	{ "on_csd_queue", "btf_trace_csd_queue_cpu", BTF_KIND_TYPEDEF, PART_KICK },
	{ "on_task_change", "sched_change_end", BTF_KIND_FUNC, PART_CHANGE },
	{ "on_shares", "sched_group_set_shares", BTF_KIND_FUNC, PART_CHANGE },
	{ "on_cgroup_attach", "btf_trace_cgroup_attach_task", BTF_KIND_TYPEDEF, PART_CHANGE },
	{ "on_timerfd", "timerfd_tmrproc", BTF_KIND_FUNC, PART_HINT },
	{ "on_tty", "n_tty_receive_buf_common", BTF_KIND_FUNC, PART_HINT },
	{ "on_tty_done", "n_tty_receive_buf_common", BTF_KIND_FUNC, PART_HINT },
	{ "on_yield", "do_sched_yield", BTF_KIND_FUNC, PART_HINT },
	{ "on_scx_reg", "bpf_scx_reg", BTF_KIND_FUNC, PART_SCX },
	{ "on_scx_disabled", "scx_disable_workfn", BTF_KIND_FUNC, PART_SCX },
	{ "on_scx_claim", "btf_trace_sched_ext_exit", BTF_KIND_TYPEDEF, PART_SCX_CLAIM },
};

#define NR_TARGETS (sizeof(targets) / sizeof(targets[0]))
_Static_assert(NR_TARGETS <= NR_LINKS, "a link for each");

/* libbpf's first complaint: it names the program, those after it only what failed with that. */
static char complaint[TEXT_LEN];

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level != LIBBPF_WARN || complaint[0])
		return 0;
	vsnprintf(complaint, sizeof(complaint), fmt, args);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

const char *tracer_reason(int err)
{
	switch (-err) {
	case EPERM:
		return "not permitted";
	case ESRCH:
		return "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)";
	case ENOENT:
		return "this kernel doesn't have what it takes";
	default:
		return complaint[0] ? complaint : strerror(-err);
	}
}

/* The parts whose every target this kernel has, or a negative errno. */
static int parts_here(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int parts = PART_ALL;
	unsigned int i;

	if (!btf)
		return errno == ENOENT ? -ESRCH : -errno;
	for (i = 0; i < NR_TARGETS; i++)
		if (btf__find_by_name_kind(btf, targets[i].name, targets[i].btf_kind) < 0)
			parts &= ~targets[i].part;
	btf__free(btf);
	return parts;
}

static int size_stream(struct guest_trace_bpf *s, bool used)
{
	unsigned int cpus = s->rodata->nr_cpus;
	unsigned int events = used ? STREAM_EVENTS_MAX : STREAM_EVENTS_MIN;
	int ret;

	while (events > STREAM_EVENTS_MIN && (__u64)events * cpus > STREAM_EVENTS)
		events /= 2;
	s->rodata->ring_events = events;
	ret = bpf_map__set_max_entries(s->maps.stream_cpus, cpus);
	return ret ?: bpf_map__set_max_entries(s->maps.stream_events, cpus * events);
}

static int load(struct tracer *t, unsigned int parts)
{
	struct guest_trace_bpf *s = guest_trace_bpf__open();
	unsigned int i;
	int ret;

	if (!s)
		return -errno;
	complaint[0] = '\0';
	for (i = 0; i < NR_TARGETS; i++)
		bpf_program__set_autoload(
			bpf_object__find_program_by_name(s->obj, targets[i].program),
			parts & targets[i].part);
	s->rodata->nr_cpus = libbpf_num_possible_cpus();
	s->rodata->tool_tgid = getpid();
	ret = bpf_map__set_max_entries(s->maps.ring, RING_BYTES);
	ret = ret ?: size_stream(s, parts & PART_STREAM);
	ret = ret ?: guest_trace_bpf__load(s);
	if (ret) {
		guest_trace_bpf__destroy(s);
		return ret;
	}
	t->skel = s;
	return 0;
}

static void detach_part(struct tracer *t, unsigned int parts)
{
	unsigned int i;

	for (i = 0; i < NR_TARGETS; i++) {
		if (!(targets[i].part & parts))
			continue;
		bpf_link__destroy(t->link[i]);
		t->link[i] = NULL;
	}
	if (parts & PART_STREAM)
		t->tasks = NULL;
}

/* Each takes its time, all the more in an emulated machine. */
void tracer_detach_records(struct tracer *t)
{
	detach_part(t, PART_IO | PART_RUN | PART_SCX | PART_SCX_CLAIM);
}

void tracer_detach(struct tracer *t)
{
	detach_part(t, PART_ALL);
}

/* A part of which one program can't be attached is left out whole. */
int tracer_attach(struct tracer *t, int *why)
{
	struct bpf_program *prog;
	unsigned int i;

	for (i = 0; i < NR_TARGETS; i++) {
		if (!(t->parts & targets[i].part))
			continue;
		prog = bpf_object__find_program_by_name(t->skel->obj, targets[i].program);
		t->link[i] = bpf_program__attach(prog);
		if (!strcmp(targets[i].program, "each_task"))
			t->tasks = t->link[i];
		if (t->link[i])
			continue;
		*why = -errno;
		t->parts &= ~targets[i].part;
		detach_part(t, targets[i].part);
	}
	return t->parts & PART_IO ? 0 : *why;
}

/*
 * Loads as much as this kernel takes: everything, or what it has the targets
 * for, then without what sits on functions, then without the stream, then IO alone.
 * The targets are looked up only when needed: reading the kernel's BTF once more takes
 * its time.
 */
int tracer_load(struct tracer *t, int *why)
{
	static const unsigned int tries[] = {
		PART_ALL,
		PART_IO | PART_RUN | PART_STREAM,
		PART_IO | PART_RUN,
		PART_IO,
	};
	int ret, parts;
	unsigned int i;

	complaint[0] = '\0';
	libbpf_set_print(keep_complaint);
	t->parts = t->wanted;
	ret = load(t, t->parts);
	if (!ret)
		return 0;
	*why = ret;
	parts = parts_here();
	if (parts < 0)
		return parts;
	if (!(parts & PART_IO))
		return -ENOENT;
	parts &= (int)t->wanted;
	if (parts != (int)t->wanted)
		*why = -ENOENT;
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (parts == (int)t->wanted && i == 0)
			continue;
		t->parts = parts & tries[i];
		ret = load(t, t->parts);
		if (!ret)
			break;
		*why = ret;
	}
	return ret;
}

/*
 * What this kernel could do and isn't traced: one without sched_ext lacks nothing of that.
 * Changes of tasks that aren't told as they happen are looked for once a second instead.
 */
static unsigned int parts_missing(const struct tracer *t)
{
	unsigned int missing = t->wanted & ~t->parts & ~PART_CHANGE;

	if (access("/sys/kernel/sched_ext/state", F_OK))
		missing &= ~(PART_SCX | PART_SCX_CLAIM);
	return missing;
}

bool tracer_describe_missing(const struct tracer *t, int why, char *err, size_t errlen)
{
	unsigned int missing = parts_missing(t);
	size_t i, len = 0;

	for (i = 0; i < sizeof(part_texts) / sizeof(part_texts[0]); i++) {
		if (!(missing & part_texts[i].part) || len >= errlen)
			continue;
		/* Without its end, the end's start isn't worth a word. */
		if (part_texts[i].part == PART_SCX_CLAIM && missing & PART_SCX)
			continue;
		/* Nor is what explains it without the stream itself. */
		if (missing & PART_STREAM && part_texts[i].part & (PART_KICK | PART_HINT))
			continue;
		len += snprintf(err + len, errlen - len, "%s%s: not traced, %s; %s",
				len ? "; " : "", part_texts[i].name, tracer_reason(why),
				part_texts[i].loses);
	}
	return missing;
}

/*
 * Events that a program missed because one like it was under way on that CPU.
 * Missed starts and issues the BPF part counts itself; a missed exec or exit of
 * a task only blurs a name.
 */
__u64 tracer_missed(const struct tracer *t)
{
	const struct bpf_program *counts[] = {
		t->skel->progs.on_rq_complete, t->skel->progs.on_waking,
		t->skel->progs.on_wakeup,      t->skel->progs.on_wakeup_new,
		t->skel->progs.on_switch,      t->skel->progs.on_scx_reg,
		t->skel->progs.on_scx_claim,   t->skel->progs.on_scx_disabled,
		t->skel->progs.stream_waking,  t->skel->progs.stream_wakeup,
		t->skel->progs.stream_fork,    t->skel->progs.stream_switch,
		t->skel->progs.on_task_new,
	};
	struct bpf_prog_info info;
	__u64 sum = 0;
	unsigned int i;
	__u32 len;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (bpf_program__fd(counts[i]) >= 0 &&
		    !bpf_prog_get_info_by_fd(bpf_program__fd(counts[i]), &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}
