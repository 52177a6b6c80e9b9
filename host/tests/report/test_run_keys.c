// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which field is behind which key of run.json. Writer and reader go by the same tables, so that
 * a round trip can't tell whether a key has the right field: this list says it once more.
 */
#include "ss_harness.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/run_figures.h"
#include "report/run_result.h"

#define VALUE 77

static const struct {
	const char *path;
	size_t offset, size;
} keys[] = {
#define KEY(path, field)                                                                           \
	{                                                                                          \
		path, offsetof(struct run_result, field),                                          \
			sizeof(((struct run_result *)NULL)->field)                                 \
	}
	KEY("exit_status", exit_status),
	KEY("machine.cpus", cpus),
	KEY("machine.memory", memory),
	KEY("scheduler.exit", sched.exit),
	KEY("scheduler.signal", sched.signal),
	KEY("workload.exit", workload.exit),
	KEY("workload.signal", workload.signal),
	KEY("workload.output_bytes", workload.output_bytes),
	KEY("io.count", attr.io.count),
	KEY("io.matched", attr.io.matched),
	KEY("io.unissued", attr.io.unissued),
	KEY("io.beyond_error", attr.io.beyond_error),
	KEY("io.host_unmatched", attr.io.host_unmatched),
	KEY("io.host_outside", attr.io.host_outside),
	KEY("io.end_to_end_ns.count", attr.io.e2e.count),
	KEY("io.end_to_end_ns.sum", attr.io.e2e.sum),
	KEY("io.end_to_end_ns.p50", attr.io.e2e.p50),
	KEY("io.end_to_end_ns.p99", attr.io.e2e.p99),
	KEY("io.end_to_end_ns.max", attr.io.e2e.max),
	KEY("io.parts.guest_queue.sum", attr.io.parts[ATTR_GUEST_QUEUE].sum),
	KEY("io.parts.throttle.sum", attr.io.parts[ATTR_THROTTLE].sum),
	KEY("io.parts.backing.sum", attr.io.parts[ATTR_BACKING].sum),
	KEY("io.parts.worker.sum", attr.io.parts[ATTR_WORKER].sum),
	KEY("io.parts.completion.sum", attr.io.parts[ATTR_COMPLETION].sum),
	KEY("io.parts.scheduler.sum", attr.io.parts[ATTR_SCHEDULER].sum),
	KEY("io.parts.rt.sum", attr.io.parts[ATTR_RT].sum),
	KEY("io.parts.saturation.sum", attr.io.parts[ATTR_SATURATION].sum),
	KEY("io.parts.host.sum", attr.io.parts[ATTR_HOST].sum),
	KEY("io.parts.unknown.sum", attr.io.parts[ATTR_UNKNOWN].sum),
	KEY("disks.1.size", disk[1].size),
	KEY("disks.1.queues", disk[1].queues),
	KEY("disks.1.limits.iops", disk[1].iops),
	KEY("disks.1.limits.bps", disk[1].bps),
	KEY("disks.1.limits.iops_burst", disk[1].iops_burst),
	KEY("disks.1.limits.bps_burst", disk[1].bps_burst),
	KEY("disks.1.limit_changes", disk[1].limit_changes),
	KEY("disks.1.counters.reads_completed", disk[1].counters.reads_completed),
	KEY("disks.1.latency.queue_ns.count", disk[1].latency.queue.count),
	KEY("disks.1.latency.stall_ns.sum", disk[1].latency.stall.total_ns),
	KEY("disks.1.latency.backing_ns.max", disk[1].latency.backing.max_ns),
	KEY("disks.1.latency.backing_ns.slots.1", disk[1].latency.backing.slots[1]),
	KEY("disks.1.traced.stalls", attr.disk[1].traced.stalls),
	KEY("disks.1.traced.stall_ns", attr.disk[1].traced.stall_ns),
	KEY("disks.1.traced.stall_max_ns", attr.disk[1].traced.stall_max_ns),
	KEY("disks.1.traced.drains", attr.disk[1].traced.drains),
	KEY("disks.1.traced.profile_stall_ns", attr.disk[1].profile_stall_ns),
	KEY("disks.1.traced.requests", attr.disk[1].requests),
	KEY("disks.1.traced.stalled_under.1.iops", attr.disk[1].limit[1].iops),
	KEY("disks.1.traced.stalled_under.1.bps", attr.disk[1].limit[1].bps),
	KEY("disks.1.traced.stalled_under.1.stall_ns", attr.disk[1].limit[1].stall_ns),
	KEY("disks.1.io.count", attr.disk[1].io.count),
	KEY("nets.1.mtu", net[1].mtu),
	KEY("nets.1.limits.pps", net[1].pps),
	KEY("nets.1.limits.bps", net[1].bps),
	KEY("nets.1.limits.pps_burst", net[1].pps_burst),
	KEY("nets.1.limits.bps_burst", net[1].bps_burst),
	KEY("nets.1.counters.tx_packets", net[1].counters.tx_packets),
	KEY("nets.1.pressure.throttled_count", net[1].pressure.throttled_count),
	KEY("nets.1.pressure.currently_throttled_gauge", net[1].pressure.currently_throttled_gauge),
	KEY("nets.1.lost", net[1].counters.tx_oversize_dropped),
	KEY("nets.1.limit_changes", net[1].limit_changes),
	KEY("nets.1.traced.stalls", attr.net[1].stalls),
	KEY("clock.error_ns", attr.clock.error_ns),
	KEY("clock.host_bracket_ns", attr.clock.host_bracket_ns),
	KEY("clock.guest_bracket_ns", attr.clock.guest_bracket_ns),
	KEY("clock.offset_ns", attr.clock.offset_ns),
	KEY("clock.host_residual_ns", attr.clock.host_residual_ns),
	KEY("clock.guest_residual_ns", attr.clock.guest_residual_ns),
	KEY("clock.extrapolation_ns", attr.clock.extrapolation_ns),
	KEY("clock.host_samples", attr.clock.host_samples),
	KEY("clock.guest_samples", attr.clock.guest_samples),
	KEY("clock.host_dropped", attr.clock.host_dropped),
	KEY("clock.guest_dropped", attr.clock.guest_dropped),
	KEY("events.recorded", events.records),
	KEY("events.bytes", events.bytes),
	KEY("events.rejected", events.rejected),
	KEY("events.lost", events.rejected),
	KEY("events.unwritten", events.unwritten),
	KEY("events.host.made", host_drops.recorded),
	KEY("events.uncounted", host_drops.recorded),
	KEY("events.host.lost", host_drops.lost),
	KEY("events.host.read", attr.host_records),
	KEY("events.host.read_traced", attr.host_traced),
	KEY("events.guest.made", guest_drops.recorded),
	KEY("events.guest.lost", guest_drops.lost),
	KEY("events.guest.read", attr.guest_records),
	KEY("events.guest.read_traced", attr.guest_traced),
	KEY("events.read.records", attr.file.records),
	KEY("events.read.unknown", attr.file.unknown),
	KEY("events.read.too_short", attr.file.short_records),
	KEY("events.read.truncated_bytes", attr.file.truncated),
	KEY("events.read.damaged_bytes", attr.file.damaged),
	KEY("events.read.skipped", attr.skipped),
	KEY("events.read.bad_guest_io", attr.bad_guest_io),
	KEY("events.read.foreign_io", attr.foreign_io),
	KEY("tasks.1.tid", attr.task[1].tid),
	KEY("tasks.1.policy", attr.task[1].policy),
	KEY("tasks.1.count", attr.task[1].count),
	KEY("tasks.1.total_ns", attr.task[1].total_ns),
	KEY("tasks.1.p50_ns", attr.task[1].p50_ns),
	KEY("tasks.1.p99_ns", attr.task[1].p99_ns),
	KEY("tasks.1.max_ns", attr.task[1].max_ns),
	KEY("ksoftirqd.threads", attr.ksoftirqd.threads),
	KEY("ksoftirqd.count", attr.ksoftirqd.count),
	KEY("ksoftirqd.total_ns", attr.ksoftirqd.total_ns),
	KEY("ksoftirqd.p50_ns", attr.ksoftirqd.p50_ns),
	KEY("ksoftirqd.p99_ns", attr.ksoftirqd.p99_ns),
	KEY("ksoftirqd.max_ns", attr.ksoftirqd.max_ns),
	KEY("sched_ext.enables", attr.scx_enables),
	KEY("sched_ext.disables", attr.scx_disables),
	KEY("sched_ext.exits", attr.scx_exits),
};

static const struct {
	const char *path;
	size_t offset;
	bool text;
} others[] = {
#define TEXT(path, field)                                                                          \
	{                                                                                          \
		path, offsetof(struct run_result, field), true                                     \
	}
#define YES(path, field)                                                                           \
	{                                                                                          \
		path, offsetof(struct run_result, field), false                                    \
	}
	TEXT("stallscope", version),
	TEXT("name", name),
	TEXT("mode", mode),
	TEXT("started", started),
	TEXT("end_message", end_message),
	TEXT("machine.guest_kernel", guest_kernel),
	TEXT("machine.kernel_path", kernel_path),
	TEXT("machine.host_kernel", host_kernel),
	TEXT("machine.cmdline", cmdline),
	TEXT("machine.options", options),
	TEXT("scheduler.name", sched.name),
	TEXT("scheduler.state", sched.state),
	TEXT("scheduler.message", sched.message),
	TEXT("workload.command", workload.command),
	TEXT("workload.output", workload.output),
	TEXT("verdict.sentence", attr.verdict.sentence),
	TEXT("verdict.notes.1", attr.note[1]),
	TEXT("disks.1.name", disk[1].name),
	TEXT("disks.1.path", disk[1].path),
	TEXT("disks.1.profile", disk[1].profile),
	TEXT("disks.1.group", disk[1].group),
	TEXT("nets.1.name", net[1].name),
	TEXT("nets.1.backend", net[1].backend),
	TEXT("nets.1.mac", net[1].mac),
	TEXT("clock.reason", attr.clock.reason),
	TEXT("clock.warning", attr.clock.warning),
	TEXT("tracing.host.missing.1", host_missing[1]),
	TEXT("tracing.guest.missing.1", guest_missing[1]),
	TEXT("tasks.1.comm", attr.task[1].comm),
	TEXT("sched_ext.name", attr.scx_name),
	TEXT("sched_ext.reason", attr.scx_reason),
	YES("analysed", analysed),
	YES("scheduler.wanted", sched.wanted),
	YES("scheduler.loaded", sched.loaded),
	YES("workload.ran", workload.ran),
	YES("verdict.complete", attr.verdict.complete),
	YES("disks.1.readonly", disk[1].readonly),
	YES("disks.1.traced.agrees", attr.disk[1].traced.counters_agree),
	YES("nets.1.traced.agrees", attr.net[1].counters_agree),
	YES("clock.aligned", attr.clock.aligned),
	YES("tracing.host.on", host_traced),
	YES("tracing.guest.on", guest_traced),
};

/* Two of each, and what is null otherwise is known. */
static struct run_result *empty(void)
{
	struct run_result *r = calloc(1, sizeof(*r));

	ASSERT_NOT_NULL(r);
	r->disks = r->nets = r->attr.tasks = r->attr.notes = 2;
	r->host_missing_nr = r->guest_missing_nr = r->attr.disk[1].limits = 2;
	r->sched.ended = r->workload.ended = r->guest_drops_known = true;
	return r;
}

static json_t *at(json_t *o, const char *path)
{
	char copy[100], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")))
		o = json_is_array(o) ? json_array_get(o, (size_t)atoi(key))
				     : json_object_get(o, key);
	return o;
}

TEST(numbers, .title = "each number in run.json is the field it should be")
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct run_result *r = empty();
		char *field = (char *)r + keys[i].offset;
		json_t *o;

		r->analysed = r->attr.clock.aligned = true;
		if (keys[i].size == 4)
			*(uint32_t *)field = VALUE;
		else
			*(uint64_t *)field = VALUE;
		o = figures_write(&run_figures, r);
		EXPECT_EQ(json_integer_value(at(o, keys[i].path)), VALUE)
		{
			TH_LOG("%s", keys[i].path);
		}
		json_decref(o);
		free(r);
	}
}

TEST(others, .title = "so is each text, and each truth")
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct run_result *r = empty();
		char *field = (char *)r + others[i].offset;
		json_t *o;

		if (others[i].text)
			snprintf(field, 8, "text");
		else
			*(bool *)field = true;
		o = figures_write(&run_figures, r);
		if (others[i].text)
			EXPECT_STREQ(json_string_value(at(o, others[i].path)), "text")
			{
				TH_LOG("%s", others[i].path);
			}
		else
			EXPECT_TRUE(json_is_true(at(o, others[i].path)))
			{
				TH_LOG("%s", others[i].path);
			}
		json_decref(o);
		free(r);
	}
}

TEST(rest, .title = "words, times, the share and errno")
{
	struct run_result *r = empty();
	json_t *o;

	r->end = RUN_END_PANIC;
	r->attr.clock.source = CLOCK_SRC_PORT;
	r->attr.verdict.cause = ATTR_CAUSE_RT;
	r->attr.verdict.share = 0.5;
	r->seconds = 1;
	r->boot_seconds = 2;
	r->guest_seconds = 3;
	r->workload.seconds = 4;
	r->events.error = -5;
	o = figures_write(&run_figures, r);
	EXPECT_STREQ(json_string_value(at(o, "end")), "panic");
	EXPECT_STREQ(json_string_value(at(o, "clock.source")), "port");
	EXPECT_STREQ(json_string_value(at(o, "verdict.cause")), "rt");
	EXPECT_EQ(json_real_value(at(o, "verdict.share")), 0.5);
	EXPECT_EQ(json_real_value(at(o, "seconds")), 1);
	EXPECT_EQ(json_real_value(at(o, "boot_seconds")), 2);
	EXPECT_EQ(json_real_value(at(o, "guest_seconds")), 3);
	EXPECT_EQ(json_real_value(at(o, "workload.seconds")), 4);
	EXPECT_EQ(json_integer_value(at(o, "events.write_errno")), 5);
	json_decref(o);
	free(r);
}

TEST_HARNESS_MAIN
