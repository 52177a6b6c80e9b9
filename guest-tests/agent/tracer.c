// SPDX-License-Identifier: GPL-2.0-only
/* The guest's BPF programs while they run: their ring is emptied, their counts are told. */
#include "tracer_int.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "ss_hist.h"
#include "guest_trace.skel.h"

#define FINISH_PAUSE_NS 1000000
#define FINISH_LOOKS	200
#define STREAM_TAKE	(16u * 1024)  /* events at a time: a quarter of a megabyte */
#define LOOK_NS		1000000000ULL /* between looks at all tasks, where changes aren't told */
#define TASKS_BUF	(64 * 1024)

__u64 tracer_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int on_record(void *ctx, void *data, size_t len)
{
	struct tracer *t = ctx;

	t->emit(t->ctx, data, len);
	return 0;
}

void tracer_emit_own(struct tracer *t, const struct ss_rec *rec, size_t len)
{
	t->emit(t->ctx, rec, len);
	t->own.recorded++;
}

/* Not counted as made: the agent sets marks of its own, too. */
static void mark(struct tracer *t, enum ss_mark what, __u64 ts)
{
	struct ss_rec_g_mark m = {
		.h = { .type = SS_REC_G_MARK, .len = sizeof(m), .ts = ts },
		.mark = what,
	};

	m.h.cpu = (__u32)sched_getcpu();
	t->emit(t->ctx, &m.h, sizeof(m));
}

void tracer_children(struct tracer *t, enum ss_task_class class)
{
	if (t)
		t->skel->bss->fork_class = class;
}

/* --- what all tasks are --- */

/* The kernel cuts its text into reads as it likes; records are whole once they are put together. */
static void take_tasks(struct tracer *t, int fd, char *buf)
{
	const struct ss_rec_g_task *r = (const void *)buf;
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, buf + have, TASKS_BUF - have)) > 0) {
		size_t at = 0;

		have += (size_t)n;
		for (; have - at >= sizeof(*r); at += sizeof(*r))
			tracer_emit_own(t, (const void *)(buf + at), sizeof(*r));
		have -= at;
		memmove(buf, buf + at, have);
	}
	if (n < 0)
		t->own.lost++;
}

static void look_at_tasks(struct tracer *t)
{
	int fd = bpf_iter_create(bpf_link__fd(t->tasks));
	char *buf = malloc(TASKS_BUF);

	if (fd >= 0 && buf)
		take_tasks(t, fd, buf);
	else
		t->own.lost++;
	if (fd >= 0)
		close(fd);
	free(buf);
	t->next_look = tracer_now() + LOOK_NS;
}

static void look_again(struct tracer *t)
{
	bool asked = t->skel->bss->look_again;

	if (!t->tasks || (!asked && (t->parts & PART_CHANGE || tracer_now() < t->next_look)))
		return;
	t->skel->bss->look_again = 0;
	look_at_tasks(t);
}

/* --- the stream --- */

static int map_half(void **out, size_t *len, const struct bpf_map *map, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*len = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	*len = (*len + page - 1) / page * page;
	*out = mmap(NULL, *len, prot, MAP_SHARED, bpf_map__fd(map), 0);
	if (*out != MAP_FAILED)
		return 0;
	*out = NULL;
	return -errno;
}

static int map_stream(struct tracer *t)
{
	void *cpus, *events;
	int ret;

	ret = map_half(&cpus, &t->cpus_len, t->skel->maps.stream_cpus, PROT_READ | PROT_WRITE);
	t->stream.cpus = cpus;
	ret = ret ?: map_half(&events, &t->events_len, t->skel->maps.stream_events, PROT_READ);
	if (ret)
		return ret;
	t->stream.events = events;
	t->stream.nr_cpus = t->skel->rodata->nr_cpus;
	t->stream.ring_events = t->skel->rodata->ring_events;
	return stream_init(&t->stream, tracer_now());
}

static void unmap_stream(struct tracer *t)
{
	if (t->stream.cpus)
		munmap(t->stream.cpus, t->cpus_len);
	if (t->stream.events)
		munmap((void *)t->stream.events, t->events_len);
	stream_free(&t->stream);
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

/* A timer's interrupt shows the programs how this kernel counts: set one. */
static void show_interrupt(const struct tracer *t)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	unsigned int i;

	for (i = 0; i < FINISH_LOOKS && !t->skel->bss->hardirq_mask; i++)
		nanosleep(&pause, NULL);
}

static void begin_stream(struct tracer *t)
{
	show_interrupt(t);
	mark(t, SS_MARK_TRACE_BEGIN, tracer_now());
	t->skel->bss->first_look = 1;
	look_at_tasks(t);
	t->skel->bss->first_look = 0;
}

static int start(struct tracer *t, int *why)
{
	int ret;

	ret = tracer_load(t, why);
	if (ret)
		return ret;
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.ring), on_record, t, NULL);
	if (!t->ring)
		return -errno;
	if (t->parts & PART_STREAM)
		ret = map_stream(t);
	if (ret)
		return ret;
	ret = tracer_attach(t, why);
	if (ret)
		return ret;
	t->skel->bss->stream_on = 1;
	if (t->parts & (PART_RUN | PART_STREAM))
		visit_cpus();
	t->skel->bss->begin_ns = tracer_now();
	if (t->parts & PART_STREAM)
		begin_stream(t);
	return 0;
}

int tracer_start(struct tracer **out, bool tasks, tracer_emit_fn emit, void *ctx, char *err,
		 size_t errlen)
{
	struct tracer *t = calloc(1, sizeof(*t));
	int ret, why = 0;

	*out = NULL;
	if (!t) {
		snprintf(err, errlen, "guest tracing: out of memory");
		return -ENOMEM;
	}
	t->wanted = tasks ? PART_ALL : PART_ALL & ~PART_TASKS;
	t->emit = emit;
	t->ctx = ctx;
	ret = start(t, &why);
	if (ret) {
		snprintf(err, errlen, "guest tracing: %s", tracer_reason(ret));
		tracer_destroy(t);
		return ret;
	}
	*out = t;
	return tracer_describe_missing(t, why, err, errlen);
}

static void take_ring(struct tracer *t)
{
	int n = ring_buffer__consume(t->ring);

	if (n > 0)
		t->taken += n;
}

bool tracer_poll(struct tracer *t)
{
	bool soon = false;

	take_ring(t);
	if (t->parts & PART_STREAM) {
		look_again(t);
		soon = stream_take(&t->stream, STREAM_TAKE, t->emit, t->ctx);
	}
	return soon;
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
		take_ring(t);
		memset(total, 0, sizeof(*total));
		err = bpf_map__lookup_elem(t->skel->maps.drops, &zero, sizeof(zero), total,
					   sizeof(*total), 0);
		if (err || t->taken >= total->recorded || i == FINISH_LOOKS)
			return err;
		nanosleep(&pause, NULL);
	}
}

static void end_stream(struct tracer *t, __u64 end)
{
	while (stream_take(&t->stream, STREAM_TAKE, t->emit, t->ctx))
		;
	stream_end(&t->stream, t->emit, t->ctx);
	mark(t, SS_MARK_TRACE_END, end);
}

int tracer_finish(struct tracer *t, struct ss_drops *total)
{
	__u64 end = tracer_now();
	int ret, err;

	t->skel->bss->stream_on = 0;
	tracer_detach_records(t);
	err = take_rest(t, total);
	if (t->parts & PART_STREAM)
		end_stream(t, end);
	ret = t->parts & PART_RUN ? tracer_emit_hists(t) : 0;
	total->recorded += t->own.recorded + t->stream.batches;
	total->lost +=
		t->own.lost + t->stream.lost + t->skel->bss->hist_overflow + tracer_missed(t);
	return ret ?: err;
}

void tracer_destroy(struct tracer *t)
{
	if (!t)
		return;
	if (t->skel)
		tracer_detach(t);
	unmap_stream(t);
	ring_buffer__free(t->ring);
	guest_trace_bpf__destroy(t->skel);
	free(t);
}
