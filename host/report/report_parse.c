// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run.json read back. Anything may be in such a file: values of the wrong
 * type count as absent, strings are cut to their field.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "lib/device_figures.h"
#include "report/report_int.h"

static uint64_t num(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

static uint32_t num32(const json_t *o, const char *key)
{
	uint64_t v = num(o, key);

	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static int whole(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int)v;
}

static bool truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static double real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void copy(char *dst, size_t len, const json_t *value)
{
	const char *s = json_string_value(value);

	snprintf(dst, len, "%s", s ? s : "");
}

static void text(char *dst, size_t len, const json_t *o, const char *key)
{
	copy(dst, len, json_object_get(o, key));
}

#define TEXT(field, o, key) text(field, sizeof(field), o, key)

static void get_stat(struct attr_stat *s, const json_t *o)
{
	s->count = num(o, "count");
	s->sum = num(o, "sum");
	s->p50 = num(o, "p50");
	s->p99 = num(o, "p99");
	s->max = num(o, "max");
}

static void get_io(struct attr_io *io, const json_t *o)
{
	const json_t *parts = json_object_get(o, "parts");

	io->count = num(o, "count");
	io->matched = num(o, "matched");
	io->unissued = num(o, "unissued");
	io->beyond_error = num(o, "beyond_error");
	io->host_unmatched = num(o, "host_unmatched");
	io->host_outside = num(o, "host_outside");
	get_stat(&io->e2e, json_object_get(o, "end_to_end_ns"));
	for (unsigned int p = 0; p < ATTR_PARTS; p++)
		get_stat(&io->parts[p], json_object_get(parts, attribution_part_name(p)));
}

static void get_sched(struct run_sched *s, const json_t *o)
{
	s->wanted = truth(o, "wanted");
	s->loaded = truth(o, "loaded");
	s->ended = json_is_integer(json_object_get(o, "exit"));
	s->exit = whole(o, "exit");
	s->signal = whole(o, "signal");
	TEXT(s->name, o, "name");
	TEXT(s->state, o, "state");
	TEXT(s->message, o, "message");
}

static void get_workload(struct run_workload *w, const json_t *o)
{
	w->ran = truth(o, "ran");
	w->ended = json_is_integer(json_object_get(o, "exit"));
	w->exit = whole(o, "exit");
	w->signal = whole(o, "signal");
	w->seconds = real(o, "seconds");
	w->output_bytes = num(o, "output_bytes");
	TEXT(w->command, o, "command");
	TEXT(w->output, o, "output");
}

/* What can't be read stays zero. */
static void get_figures(const struct figures *t, void *base, const json_t *o)
{
	char why[200];

	figures_read(t, o, base, why, sizeof(why));
}

static void get_traced(struct attr_stalls *a, const json_t *o)
{
	a->stalls = num(o, "stalls");
	a->stall_ns = num(o, "stall_ns");
	a->stall_max_ns = num(o, "stall_max_ns");
	a->drains = num(o, "drains");
	a->counters_agree = truth(o, "agrees");
}

static void get_stalled_under(struct attr_disk *a, const json_t *list)
{
	for (; a->limits < ATTR_TOP_LIMITS && a->limits < json_array_size(list); a->limits++) {
		const json_t *o = json_array_get(list, a->limits);

		a->limit[a->limits] = (struct attr_limits){
			.iops = num(o, "iops"),
			.bps = num(o, "bps"),
			.stall_ns = num(o, "stall_ns"),
		};
	}
}

static void get_disk(struct run_disk *d, struct attr_disk *a, const json_t *o)
{
	const json_t *limits = json_object_get(o, "limits");
	const json_t *traced = json_object_get(o, "traced");

	TEXT(d->name, o, "name");
	TEXT(d->path, o, "path");
	d->readonly = truth(o, "readonly");
	d->size = num(o, "size");
	d->queues = num32(o, "queues");
	d->iops = num(limits, "iops");
	d->bps = num(limits, "bps");
	d->iops_burst = num(limits, "iops_burst");
	d->bps_burst = num(limits, "bps_burst");
	get_figures(&blk_counters_figures, &d->counters, json_object_get(o, "counters"));
	get_figures(&blk_lat_figures, &d->latency, json_object_get(o, "latency"));
	TEXT(d->profile, o, "profile");
	TEXT(d->group, o, "group");
	d->limit_changes = num32(o, "limit_changes");
	get_traced(&a->traced, traced);
	a->profile_stall_ns = num(traced, "profile_stall_ns");
	get_stalled_under(a, json_object_get(traced, "stalled_under"));
	a->requests = num(traced, "requests");
	get_io(&a->io, json_object_get(o, "io"));
}

static void get_net(struct run_net *n, struct attr_stalls *a, const json_t *o)
{
	const json_t *limits = json_object_get(o, "limits");

	TEXT(n->name, o, "name");
	TEXT(n->backend, o, "backend");
	TEXT(n->mac, o, "mac");
	n->mtu = num32(o, "mtu");
	n->pps = num(limits, "pps");
	n->bps = num(limits, "bps");
	n->pps_burst = num(limits, "pps_burst");
	n->bps_burst = num(limits, "bps_burst");
	get_figures(&net_counters_figures, &n->counters, json_object_get(o, "counters"));
	get_figures(&net_pressure_figures, &n->pressure, json_object_get(o, "pressure"));
	n->limit_changes = num32(o, "limit_changes");
	get_traced(a, json_object_get(o, "traced"));
}

static uint32_t get_lines(char (*line)[200], uint32_t max, const json_t *o, const char *key)
{
	const json_t *a = json_object_get(o, key);
	uint32_t n = 0;

	for (; n < max && n < json_array_size(a); n++)
		copy(line[n], sizeof(line[n]), json_array_get(a, n));
	return n;
}

static void get_tracing(struct run_result *r, const json_t *o)
{
	const json_t *host = json_object_get(o, "host"), *guest = json_object_get(o, "guest");

	r->host_traced = truth(host, "on");
	r->guest_traced = truth(guest, "on");
	r->host_missing_nr = get_lines(r->host_missing, RUN_MAX_MISSING, host, "missing");
	r->guest_missing_nr = get_lines(r->guest_missing, RUN_MAX_MISSING, guest, "missing");
}

static void get_events(struct run_result *r, const json_t *o)
{
	const json_t *host = json_object_get(o, "host"), *guest = json_object_get(o, "guest");
	const json_t *read = json_object_get(o, "read");
	struct attribution *a = &r->attr;

	r->events.records = num(o, "recorded");
	r->events.bytes = num(o, "bytes");
	r->events.rejected = num(o, "rejected");
	r->events.unwritten = num(o, "unwritten");
	r->events.error = -whole(o, "write_errno");
	r->host_drops.recorded = num(host, "made");
	r->host_drops.lost = num(host, "lost");
	r->guest_drops_known = json_is_integer(json_object_get(guest, "made"));
	r->guest_drops.recorded = num(guest, "made");
	r->guest_drops.lost = num(guest, "lost");
	a->host_records = num(host, "read");
	a->host_traced = num(host, "read_traced");
	a->guest_records = num(guest, "read");
	a->guest_traced = num(guest, "read_traced");
	a->file.records = num(read, "records");
	a->file.unknown = num(read, "unknown");
	a->file.short_records = num(read, "too_short");
	a->file.truncated = num(read, "truncated_bytes");
	a->file.damaged = num(read, "damaged_bytes");
	a->skipped = num(read, "skipped");
	a->bad_guest_io = num(read, "bad_guest_io");
	a->foreign_io = num(read, "foreign_io");
}

static void get_clock(struct clock_info *c, const json_t *o)
{
	const char *source = json_string_value(json_object_get(o, "source"));

	c->aligned = truth(o, "aligned");
	c->error_ns = num(o, "error_ns");
	for (unsigned int s = CLOCK_SRC_NONE; source && s <= CLOCK_SRC_MIXED; s++)
		if (!strcmp(source, clock_source_name(s)))
			c->source = s;
	c->host_bracket_ns = num(o, "host_bracket_ns");
	c->guest_bracket_ns = num(o, "guest_bracket_ns");
	c->offset_ns = num(o, "offset_ns");
	c->host_residual_ns = num(o, "host_residual_ns");
	c->guest_residual_ns = num(o, "guest_residual_ns");
	c->extrapolation_ns = num(o, "extrapolation_ns");
	c->host_samples = num32(o, "host_samples");
	c->guest_samples = num32(o, "guest_samples");
	c->host_dropped = num32(o, "host_dropped");
	c->guest_dropped = num32(o, "guest_dropped");
	TEXT(c->reason, o, "reason");
	TEXT(c->warning, o, "warning");
}

static void get_task(struct attr_task *t, const json_t *o)
{
	t->tid = num32(o, "tid");
	t->policy = num32(o, "policy");
	TEXT(t->comm, o, "comm");
	t->count = num(o, "count");
	t->total_ns = num(o, "total_ns");
	t->p50_ns = num(o, "p50_ns");
	t->p99_ns = num(o, "p99_ns");
	t->max_ns = num(o, "max_ns");
}

static void get_softirq(struct attr_softirq *k, const json_t *o)
{
	k->threads = num32(o, "threads");
	k->count = num(o, "count");
	k->total_ns = num(o, "total_ns");
	k->p50_ns = num(o, "p50_ns");
	k->p99_ns = num(o, "p99_ns");
	k->max_ns = num(o, "max_ns");
}

static void get_lists(struct run_result *r, const json_t *root)
{
	const json_t *disks = json_object_get(root, "disks"), *nets = json_object_get(root, "nets");
	const json_t *tasks = json_object_get(root, "tasks"), *value;
	json_t *stats = json_object_get(root, "stats");
	const char *key;

	for (; r->disks < SS_MAX_DISKS && r->disks < json_array_size(disks); r->disks++)
		get_disk(&r->disk[r->disks], &r->attr.disk[r->disks],
			 json_array_get(disks, r->disks));
	for (; r->nets < SS_MAX_NETS && r->nets < json_array_size(nets); r->nets++)
		get_net(&r->net[r->nets], &r->attr.net[r->nets], json_array_get(nets, r->nets));
	for (; r->attr.tasks < ATTR_TOP_TASKS && r->attr.tasks < json_array_size(tasks);
	     r->attr.tasks++)
		get_task(&r->attr.task[r->attr.tasks], json_array_get(tasks, r->attr.tasks));
	json_object_foreach(stats, key, value) report_add_stat(r, key, json_integer_value(value));
}

static int bad(char *why, size_t why_len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int bad(char *why, size_t why_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, why_len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int get_verdict(struct run_result *r, const json_t *o, char *why, size_t why_len)
{
	const char *cause = json_string_value(json_object_get(o, "cause"));
	struct attr_verdict *v = &r->attr.verdict;
	unsigned int c = 0;

	if (!cause)
		return bad(why, why_len, "it has no .verdict.cause");
	while (c < ATTR_CAUSES && strcmp(cause, attribution_cause_name(c)))
		c++;
	if (c == ATTR_CAUSES)
		return bad(why, why_len, "unknown .verdict.cause '%.40s'", cause);
	v->cause = c;
	v->share = real(o, "share");
	v->complete = truth(o, "complete");
	TEXT(v->sentence, o, "sentence");
	r->attr.notes = get_lines(r->attr.note, ATTR_MAX_NOTES, o, "notes");
	return 0;
}

static void get_run(struct run_result *r, const json_t *root)
{
	const json_t *m = json_object_get(root, "machine"),
		     *scx = json_object_get(root, "sched_ext");
	const char *end = json_string_value(json_object_get(root, "end"));

	TEXT(r->version, root, "stallscope");
	TEXT(r->name, root, "name");
	TEXT(r->mode, root, "mode");
	TEXT(r->started, root, "started");
	TEXT(r->end_message, root, "end_message");
	for (unsigned int e = 0; end && e < RUN_ENDS; e++)
		if (!strcmp(end, run_end_name(e)))
			r->end = e;
	r->exit_status = whole(root, "exit_status");
	r->seconds = real(root, "seconds");
	r->boot_seconds = real(root, "boot_seconds");
	r->guest_seconds = real(root, "guest_seconds");
	r->analysed = truth(root, "analysed");
	r->cpus = num32(m, "cpus");
	r->memory = num(m, "memory");
	TEXT(r->guest_kernel, m, "guest_kernel");
	TEXT(r->kernel_path, m, "kernel_path");
	TEXT(r->host_kernel, m, "host_kernel");
	TEXT(r->cmdline, m, "cmdline");
	TEXT(r->options, m, "options");
	r->attr.scx_enables = num32(scx, "enables");
	r->attr.scx_disables = num32(scx, "disables");
	r->attr.scx_exits = num32(scx, "exits");
	TEXT(r->attr.scx_name, scx, "name");
	TEXT(r->attr.scx_reason, scx, "reason");
}

int report_from_json(struct run_result *r, const json_t *root, char *why, size_t why_len)
{
	static const char *const need[] = { "mode", "end", "io", "disks", "events", "clock" };
	const json_t *format = json_object_get(root, "format");

	if (!json_is_object(root) || !json_is_integer(format))
		return bad(why, why_len, "it isn't a run's (no .format)");
	if (json_integer_value(format) != REPORT_FORMAT)
		return bad(why, why_len, "its format is %lld, this program knows %d",
			   (long long)json_integer_value(format), REPORT_FORMAT);
	for (unsigned int i = 0; i < sizeof(need) / sizeof(need[0]); i++)
		if (!json_object_get(root, need[i]))
			return bad(why, why_len, "it has no .%s", need[i]);
	get_run(r, root);
	get_sched(&r->sched, json_object_get(root, "scheduler"));
	get_workload(&r->workload, json_object_get(root, "workload"));
	get_tracing(r, json_object_get(root, "tracing"));
	get_events(r, json_object_get(root, "events"));
	get_clock(&r->attr.clock, json_object_get(root, "clock"));
	get_io(&r->attr.io, json_object_get(root, "io"));
	get_lists(r, root);
	get_softirq(&r->attr.ksoftirqd, json_object_get(root, "ksoftirqd"));
	return get_verdict(r, json_object_get(root, "verdict"), why, why_len);
}
