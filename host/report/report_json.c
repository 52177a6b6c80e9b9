// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run as JSON. Documentation/run.schema.json says what each key means; keys
 * keep their meaning, new ones may come.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/device_figures.h"
#include "report/report_int.h"

/* jansson's integers are signed. */
static json_t *num(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

/* JSON has no infinity. */
static json_t *real(double v)
{
	return json_real(isfinite(v) ? v : 0);
}

/* Text of the guest's may be no UTF-8: then only its ASCII is kept. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);
	char *copy;

	if (j)
		return j;
	copy = strdup(s);
	if (!copy)
		return NULL;
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	j = json_string(copy);
	free(copy);
	return j;
}

/*
 * Objects are built by these: a failed allocation anywhere makes the object
 * NULL (and frees it), and NULL added to an object does the same to that.
 */
static void put(json_t **o, const char *key, json_t *value)
{
	if (*o && json_object_set_new(*o, key, value) == 0)
		return;
	if (*o)
		json_decref(*o);
	else
		json_decref(value);
	*o = NULL;
}

static void push(json_t **a, json_t *value)
{
	if (*a && json_array_append_new(*a, value) == 0)
		return;
	if (*a)
		json_decref(*a);
	else
		json_decref(value);
	*a = NULL;
}

static json_t *stat_json(const struct attr_stat *s)
{
	json_t *o = json_object();

	put(&o, "count", num(s->count));
	put(&o, "sum", num(s->sum));
	put(&o, "p50", num(s->p50));
	put(&o, "p99", num(s->p99));
	put(&o, "max", num(s->max));
	return o;
}

static json_t *io_json(const struct attr_io *io)
{
	json_t *o = json_object(), *parts = json_object();

	for (unsigned int p = 0; p < ATTR_PARTS; p++)
		put(&parts, attribution_part_name(p), stat_json(&io->parts[p]));
	put(&o, "count", num(io->count));
	put(&o, "matched", num(io->matched));
	put(&o, "unissued", num(io->unissued));
	put(&o, "beyond_error", num(io->beyond_error));
	put(&o, "host_unmatched", num(io->host_unmatched));
	put(&o, "host_outside", num(io->host_outside));
	put(&o, "end_to_end_ns", stat_json(&io->e2e));
	put(&o, "parts", parts);
	return o;
}

static json_t *machine_json(const struct run_result *r)
{
	json_t *o = json_object();

	put(&o, "cpus", num(r->cpus));
	put(&o, "memory", num(r->memory));
	put(&o, "guest_kernel", text(r->guest_kernel));
	put(&o, "kernel_path", text(r->kernel_path));
	put(&o, "host_kernel", text(r->host_kernel));
	put(&o, "cmdline", text(r->cmdline));
	put(&o, "options", text(r->options));
	return o;
}

static json_t *sched_json(const struct run_sched *s)
{
	json_t *o = json_object();

	put(&o, "wanted", json_boolean(s->wanted));
	put(&o, "name", text(s->name));
	put(&o, "loaded", json_boolean(s->loaded));
	put(&o, "exit", s->ended ? json_integer(s->exit) : json_null());
	put(&o, "signal", s->ended ? json_integer(s->signal) : json_null());
	put(&o, "state", text(s->state));
	put(&o, "message", text(s->message));
	return o;
}

static json_t *workload_json(const struct run_workload *w)
{
	json_t *o = json_object();

	put(&o, "command", text(w->command));
	put(&o, "ran", json_boolean(w->ran));
	put(&o, "exit", w->ended ? json_integer(w->exit) : json_null());
	put(&o, "signal", w->ended ? json_integer(w->signal) : json_null());
	put(&o, "seconds", real(w->seconds));
	put(&o, "output_bytes", num(w->output_bytes));
	put(&o, "output", text(w->output));
	return o;
}

static json_t *traced_json(const struct attr_stalls *a)
{
	json_t *o = json_object();

	put(&o, "stalls", num(a->stalls));
	put(&o, "stall_ns", num(a->stall_ns));
	put(&o, "stall_max_ns", num(a->stall_max_ns));
	put(&o, "drains", num(a->drains));
	put(&o, "agrees", json_boolean(a->counters_agree));
	return o;
}

static json_t *stalled_under_json(const struct attr_disk *a)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < a->limits; i++) {
		json_t *o = json_object();

		put(&o, "iops", num(a->limit[i].iops));
		put(&o, "bps", num(a->limit[i].bps));
		put(&o, "stall_ns", num(a->limit[i].stall_ns));
		push(&list, o);
	}
	return list;
}

static json_t *disk_json(const struct run_disk *d, const struct attr_disk *a)
{
	json_t *o = json_object(), *limits = json_object(), *traced = traced_json(&a->traced);

	put(&limits, "iops", num(d->iops));
	put(&limits, "bps", num(d->bps));
	put(&limits, "iops_burst", num(d->iops_burst));
	put(&limits, "bps_burst", num(d->bps_burst));
	put(&traced, "profile_stall_ns", num(a->profile_stall_ns));
	put(&traced, "stalled_under", stalled_under_json(a));
	put(&traced, "requests", num(a->requests));
	put(&o, "name", text(d->name));
	put(&o, "path", text(d->path));
	put(&o, "readonly", json_boolean(d->readonly));
	put(&o, "size", num(d->size));
	put(&o, "queues", num(d->queues));
	put(&o, "limits", limits);
	put(&o, "counters", figures_write(&blk_counters_figures, &d->counters));
	put(&o, "latency", figures_write(&blk_lat_figures, &d->latency));
	put(&o, "profile", text(d->profile));
	put(&o, "group", text(d->group));
	put(&o, "limit_changes", num(d->limit_changes));
	put(&o, "traced", traced);
	put(&o, "io", io_json(&a->io));
	return o;
}

static json_t *net_json(const struct run_net *n, const struct attr_stalls *a)
{
	json_t *o = json_object(), *limits = json_object();

	put(&limits, "pps", num(n->pps));
	put(&limits, "bps", num(n->bps));
	put(&limits, "pps_burst", num(n->pps_burst));
	put(&limits, "bps_burst", num(n->bps_burst));
	put(&o, "name", text(n->name));
	put(&o, "backend", text(n->backend));
	put(&o, "mac", text(n->mac));
	put(&o, "mtu", num(n->mtu));
	put(&o, "limits", limits);
	put(&o, "counters", figures_write(&net_counters_figures, &n->counters));
	put(&o, "pressure", figures_write(&net_pressure_figures, &n->pressure));
	put(&o, "lost", num(net_lost(&n->counters)));
	put(&o, "limit_changes", num(n->limit_changes));
	put(&o, "traced", traced_json(a));
	return o;
}

static json_t *softirq_json(const struct attr_softirq *k)
{
	json_t *o = json_object();

	put(&o, "threads", num(k->threads));
	put(&o, "count", num(k->count));
	put(&o, "total_ns", num(k->total_ns));
	put(&o, "p50_ns", num(k->p50_ns));
	put(&o, "p99_ns", num(k->p99_ns));
	put(&o, "max_ns", num(k->max_ns));
	return o;
}

static json_t *lines_json(const char (*line)[200], uint32_t nr)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < nr; i++)
		push(&a, text(line[i]));
	return a;
}

static json_t *tracing_json(const struct run_result *r)
{
	json_t *o = json_object(), *host = json_object(), *guest = json_object();

	put(&host, "on", json_boolean(r->host_traced));
	put(&host, "missing", lines_json(r->host_missing, r->host_missing_nr));
	put(&guest, "on", json_boolean(r->guest_traced));
	put(&guest, "missing", lines_json(r->guest_missing, r->guest_missing_nr));
	put(&o, "host", host);
	put(&o, "guest", guest);
	return o;
}

static json_t *events_json(const struct run_result *r)
{
	const struct attribution *a = &r->attr;
	json_t *o = json_object(), *host = json_object(), *guest = json_object();
	json_t *read = json_object();

	put(&host, "made", num(r->host_drops.recorded));
	put(&host, "lost", num(r->host_drops.lost));
	put(&host, "read", num(a->host_records));
	put(&host, "read_traced", num(a->host_traced));
	put(&guest, "made", r->guest_drops_known ? num(r->guest_drops.recorded) : json_null());
	put(&guest, "lost", r->guest_drops_known ? num(r->guest_drops.lost) : json_null());
	put(&guest, "read", num(a->guest_records));
	put(&guest, "read_traced", num(a->guest_traced));
	put(&read, "records", num(a->file.records));
	put(&read, "unknown", num(a->file.unknown));
	put(&read, "too_short", num(a->file.short_records));
	put(&read, "truncated_bytes", num(a->file.truncated));
	put(&read, "damaged_bytes", num(a->file.damaged));
	put(&read, "skipped", num(a->skipped));
	put(&read, "bad_guest_io", num(a->bad_guest_io));
	put(&read, "foreign_io", num(a->foreign_io));
	put(&o, "recorded", num(r->events.records));
	put(&o, "lost", num(report_lost(r)));
	put(&o, "uncounted", num(report_uncounted(r)));
	put(&o, "bytes", num(r->events.bytes));
	put(&o, "rejected", num(r->events.rejected));
	put(&o, "unwritten", num(r->events.unwritten));
	put(&o, "write_errno", json_integer(-r->events.error));
	put(&o, "host", host);
	put(&o, "guest", guest);
	put(&o, "read", read);
	return o;
}

static json_t *clock_json(const struct clock_info *c)
{
	json_t *o = json_object();

	put(&o, "aligned", json_boolean(c->aligned));
	put(&o, "error_ns", c->aligned ? num(c->error_ns) : json_null());
	put(&o, "source", text(clock_source_name(c->source)));
	put(&o, "host_bracket_ns", num(c->host_bracket_ns));
	put(&o, "guest_bracket_ns", num(c->guest_bracket_ns));
	put(&o, "offset_ns", num(c->offset_ns));
	put(&o, "host_residual_ns", num(c->host_residual_ns));
	put(&o, "guest_residual_ns", num(c->guest_residual_ns));
	put(&o, "extrapolation_ns", num(c->extrapolation_ns));
	put(&o, "host_samples", num(c->host_samples));
	put(&o, "guest_samples", num(c->guest_samples));
	put(&o, "host_dropped", num(c->host_dropped));
	put(&o, "guest_dropped", num(c->guest_dropped));
	put(&o, "reason", text(c->reason));
	put(&o, "warning", text(c->warning));
	return o;
}

static json_t *task_json(const struct attr_task *t)
{
	json_t *o = json_object();

	put(&o, "tid", num(t->tid));
	put(&o, "comm", text(t->comm));
	put(&o, "policy", num(t->policy));
	put(&o, "count", num(t->count));
	put(&o, "total_ns", num(t->total_ns));
	put(&o, "p50_ns", num(t->p50_ns));
	put(&o, "p99_ns", num(t->p99_ns));
	put(&o, "max_ns", num(t->max_ns));
	return o;
}

static json_t *scx_json(const struct attribution *a)
{
	json_t *o = json_object();

	put(&o, "enables", num(a->scx_enables));
	put(&o, "disables", num(a->scx_disables));
	put(&o, "exits", num(a->scx_exits));
	put(&o, "name", text(a->scx_name));
	put(&o, "reason", text(a->scx_reason));
	return o;
}

static json_t *verdict_json(const struct attribution *a)
{
	json_t *o = json_object();

	put(&o, "cause", text(attribution_cause_name(a->verdict.cause)));
	put(&o, "share", real(a->verdict.share));
	put(&o, "complete", json_boolean(a->verdict.complete));
	put(&o, "sentence",
	    text(a->verdict.sentence[0] ? a->verdict.sentence
					: "can't tell: nothing was analysed"));
	put(&o, "notes", lines_json(a->note, a->notes));
	return o;
}

static void put_run(json_t **o, const struct run_result *r)
{
	put(o, "format", json_integer(REPORT_FORMAT));
	put(o, "stallscope", text(r->version));
	put(o, "name", text(r->name));
	put(o, "mode", text(r->mode));
	put(o, "started", text(r->started));
	put(o, "end", text(run_end_name(r->end)));
	put(o, "end_message", text(r->end_message));
	put(o, "exit_status", json_integer(r->exit_status));
	put(o, "seconds", real(r->seconds));
	put(o, "boot_seconds", real(r->boot_seconds));
	put(o, "guest_seconds", real(r->guest_seconds));
	put(o, "analysed", json_boolean(r->analysed));
}

json_t *report_to_json(const struct run_result *r)
{
	json_t *o = json_object(), *disks = json_array(), *tasks = json_array();
	json_t *stats = json_object(), *nets = json_array();

	for (uint32_t d = 0; d < r->disks && d < SS_MAX_DISKS; d++)
		push(&disks, disk_json(&r->disk[d], &r->attr.disk[d]));
	for (uint32_t n = 0; n < r->nets && n < SS_MAX_NETS; n++)
		push(&nets, net_json(&r->net[n], &r->attr.net[n]));
	for (uint32_t t = 0; t < r->attr.tasks && t < ATTR_TOP_TASKS; t++)
		push(&tasks, task_json(&r->attr.task[t]));
	for (uint32_t i = 0; i < r->stats && i < RUN_MAX_STATS; i++) {
		json_t *name = text(r->stat[i].name);

		if (name)
			put(&stats, json_string_value(name), json_integer(r->stat[i].value));
		json_decref(name);
	}
	put_run(&o, r);
	put(&o, "machine", machine_json(r));
	put(&o, "scheduler", sched_json(&r->sched));
	put(&o, "workload", workload_json(&r->workload));
	put(&o, "verdict", verdict_json(&r->attr));
	put(&o, "io", io_json(&r->attr.io));
	put(&o, "disks", disks);
	put(&o, "nets", nets);
	put(&o, "clock", clock_json(&r->attr.clock));
	put(&o, "events", events_json(r));
	put(&o, "tracing", tracing_json(r));
	put(&o, "tasks", tasks);
	put(&o, "ksoftirqd", softirq_json(&r->attr.ksoftirqd));
	put(&o, "sched_ext", scx_json(&r->attr));
	put(&o, "stats", stats);
	return o;
}
