// SPDX-License-Identifier: GPL-2.0-only
#include "tracer.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "ss_hist.h"
#include "guest_trace.skel.h"

#define RING_BYTES	(2u << 20)
#define TOP_TASKS	64 /* histograms emitted: the tasks that waited longest, and ksoftirqd */
#define TEXT_LEN	256
#define FINISH_PAUSE_NS 1000000
#define FINISH_LOOKS	200

/* What goes missing together. */
enum part {
	PART_IO = 1 << 0,
	PART_RUN = 1 << 1,
	PART_SCX = 1 << 2,
	PART_SCX_CLAIM = 1 << 3,
	PART_ALL = (1 << 4) - 1,
};

struct part_text {
	enum part part;
	const char *name;
	const char *loses;
};

static const struct part_text part_texts[] = {
	{ PART_RUN, "scheduler events", "the report can't tell the scheduler's share" },
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
	{ "on_scx_reg", "bpf_scx_reg", BTF_KIND_FUNC, PART_SCX },
	{ "on_scx_disabled", "scx_disable_workfn", BTF_KIND_FUNC, PART_SCX },
	{ "on_scx_claim", "btf_trace_sched_ext_exit", BTF_KIND_TYPEDEF, PART_SCX_CLAIM },
};

#define NR_TARGETS (sizeof(targets) / sizeof(targets[0]))

struct tracer {
	struct guest_trace_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *link[NR_TARGETS];
	tracer_emit_fn emit;
	void *ctx;
	__u64 taken;	     /* records, from the ring */
	unsigned int parts;  /* traced, of enum part */
	struct ss_drops own; /* the histograms' records */
};

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

static const char *reason(int err)
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

static int on_record(void *ctx, void *data, size_t len)
{
	struct tracer *t = ctx;

	t->emit(t->ctx, data, len);
	return 0;
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
	ret = bpf_map__set_max_entries(s->maps.ring, RING_BYTES);
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
}

/* A part of which one program can't be attached is left out whole. */
static int attach(struct tracer *t, int *why)
{
	struct bpf_program *prog;
	unsigned int i;

	for (i = 0; i < NR_TARGETS; i++) {
		if (!(t->parts & targets[i].part))
			continue;
		prog = bpf_object__find_program_by_name(t->skel->obj, targets[i].program);
		t->link[i] = bpf_program__attach(prog);
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
 * for, then without sched_ext, then IO alone. The targets are looked up only
 * when needed: reading the kernel's BTF once more takes its time.
 */
static int load_some(struct tracer *t, int *why)
{
	static const unsigned int tries[] = { PART_ALL, PART_IO | PART_RUN, PART_IO };
	int ret, parts;
	unsigned int i;

	t->parts = PART_ALL;
	ret = load(t, PART_ALL);
	if (!ret)
		return 0;
	*why = ret;
	parts = parts_here();
	if (parts < 0)
		return parts;
	if (!(parts & PART_IO))
		return -ENOENT;
	if (parts != PART_ALL)
		*why = -ENOENT;
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (parts == PART_ALL && i == 0)
			continue;
		t->parts = parts & tries[i];
		ret = load(t, t->parts);
		if (!ret)
			break;
		*why = ret;
	}
	return ret;
}

/* What this kernel could do and isn't traced: one without sched_ext lacks nothing of that. */
static unsigned int parts_missing(const struct tracer *t)
{
	unsigned int missing = PART_ALL & ~t->parts;

	if (access("/sys/kernel/sched_ext/state", F_OK))
		missing &= ~(PART_SCX | PART_SCX_CLAIM);
	return missing;
}

static void describe_missing(unsigned int missing, int why, char *err, size_t errlen)
{
	size_t i, len = 0;

	for (i = 0; i < sizeof(part_texts) / sizeof(part_texts[0]); i++) {
		if (!(missing & part_texts[i].part) || len >= errlen)
			continue;
		/* Without its end, the end's start isn't worth a word. */
		if (part_texts[i].part == PART_SCX_CLAIM && missing & PART_SCX)
			continue;
		len += snprintf(err + len, errlen - len, "%s%s: not traced, %s; %s",
				len ? "; " : "", part_texts[i].name, reason(why),
				part_texts[i].loses);
	}
}

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * What a CPU does is known from its first switch on. One that idles now might
 * not switch for long, and would pass for busy: be on each for a moment.
 */
static void visit_cpus(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

static int start(struct tracer *t, int *why)
{
	int ret;

	ret = load_some(t, why);
	if (ret)
		return ret;
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.ring), on_record, t, NULL);
	if (!t->ring)
		return -errno;
	ret = attach(t, why);
	if (t->parts & PART_RUN)
		visit_cpus();
	t->skel->bss->begin_ns = now_ns();
	return ret;
}

int tracer_start(struct tracer **out, tracer_emit_fn emit, void *ctx, char *err, size_t errlen)
{
	struct tracer *t = calloc(1, sizeof(*t));
	int ret, why = 0;

	*out = NULL;
	if (!t) {
		snprintf(err, errlen, "guest tracing: out of memory");
		return -ENOMEM;
	}
	t->emit = emit;
	t->ctx = ctx;
	complaint[0] = '\0';
	libbpf_set_print(keep_complaint);
	ret = start(t, &why);
	if (ret) {
		snprintf(err, errlen, "guest tracing: %s", reason(ret));
		tracer_destroy(t);
		return ret;
	}
	*out = t;
	if (!parts_missing(t))
		return 0;
	describe_missing(parts_missing(t), why, err, errlen);
	return 1;
}

void tracer_poll(struct tracer *t)
{
	int n = ring_buffer__consume(t->ring);

	if (n > 0)
		t->taken += n;
}

struct task_entry {
	__u32 tid;
	struct ss_task_hist hist;
};

static int by_total(const void *a, const void *b)
{
	__u64 x = ((const struct task_entry *)a)->hist.delay.total_ns;
	__u64 y = ((const struct task_entry *)b)->hist.delay.total_ns;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void emit_hist(struct tracer *t, const struct task_entry *e, __u64 now)
{
	struct ss_rec_g_hist r = {
		.h = { .type = SS_REC_G_HIST, .len = sizeof(r), .ts = now },
		.tid = e->tid,
		.policy = e->hist.policy,
		.total_ns = e->hist.delay.total_ns,
		.max_ns = e->hist.delay.max_ns,
	};

	snprintf(r.comm, sizeof(r.comm), "%.*s", (int)sizeof(r.comm) - 1,
		 e->tid ? e->hist.comm : "(exited)");
	memcpy(r.slots, e->hist.delay.slots, sizeof(r.slots));
	t->emit(t->ctx, &r.h, sizeof(r));
	t->own.recorded++;
}

/* Where ksoftirqd waits, interrupts' work is left undone: that is told however short it was. */
static bool always_told(const struct task_entry *e)
{
	return e->tid && !strncmp(e->hist.comm, "ksoftirqd/", strlen("ksoftirqd/"));
}

static int emit_hists(struct tracer *t)
{
	struct bpf_map *map = t->skel->maps.hists;
	struct task_entry *list;
	unsigned int n = 0, i;
	__u64 now = now_ns();
	__u32 key, *prev = NULL;

	list = calloc(bpf_map__max_entries(map), sizeof(*list));
	if (!list)
		return -ENOMEM;
	while (n < bpf_map__max_entries(map) &&
	       !bpf_map__get_next_key(map, prev, &key, sizeof(key))) {
		if (!bpf_map__lookup_elem(map, &key, sizeof(key), &list[n].hist,
					  sizeof(list[n].hist), 0))
			list[n++].tid = key;
		prev = &key;
	}
	qsort(list, n, sizeof(*list), by_total);
	for (i = 0; i < n; i++)
		if (i < TOP_TASKS || always_told(&list[i]))
			emit_hist(t, &list[i], now);
	free(list);
	return 0;
}

/*
 * Events that a program missed because one like it was under way on that CPU.
 * Missed starts and issues the BPF part counts itself; a missed exec or exit of
 * a task only blurs a name.
 */
static __u64 missed(const struct tracer *t)
{
	const struct bpf_program *counts[] = {
		t->skel->progs.on_rq_complete, t->skel->progs.on_waking,
		t->skel->progs.on_wakeup,      t->skel->progs.on_wakeup_new,
		t->skel->progs.on_switch,      t->skel->progs.on_scx_reg,
		t->skel->progs.on_scx_claim,   t->skel->progs.on_scx_disabled,
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

/*
 * Detaching doesn't wait for a program that is under way on another CPU, or was
 * preempted: it may have counted a record that isn't in the ring yet.
 */
static int take_rest(struct tracer *t, struct ss_drops *total)
{
	const struct timespec pause = { .tv_nsec = FINISH_PAUSE_NS };
	__u32 zero = 0;
	unsigned int i;
	int err;

	for (i = 0;; i++) {
		tracer_poll(t);
		memset(total, 0, sizeof(*total));
		err = bpf_map__lookup_elem(t->skel->maps.drops, &zero, sizeof(zero), total,
					   sizeof(*total), 0);
		if (err || t->taken >= total->recorded || i == FINISH_LOOKS)
			return err;
		nanosleep(&pause, NULL);
	}
}

int tracer_finish(struct tracer *t, struct ss_drops *total)
{
	int ret, err;

	detach_part(t, PART_ALL);
	err = take_rest(t, total);
	ret = t->parts & PART_RUN ? emit_hists(t) : 0;
	total->recorded += t->own.recorded;
	total->lost += t->skel->bss->hist_overflow + missed(t);
	return ret ?: err;
}

void tracer_destroy(struct tracer *t)
{
	if (!t)
		return;
	detach_part(t, PART_ALL);
	ring_buffer__free(t->ring);
	guest_trace_bpf__destroy(t->skel);
	free(t);
}
