// SPDX-License-Identifier: GPL-2.0-only
/* Fills what is known of a run: its start, what tracing lacks, its figures; and adds up what was lost. */
#include "report/run_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

const char *run_end_name(enum run_end e)
{
	static const char *const name[] = {
		[RUN_END_UNKNOWN] = "unknown",
		[RUN_END_POWEROFF] = "poweroff",
		[RUN_END_REBOOT] = "reboot",
		[RUN_END_PANIC] = "panic",
		[RUN_END_TRIPLE_FAULT] = "triple_fault",
		[RUN_END_KVM_ERROR] = "kvm_error",
		[RUN_END_TIMEOUT] = "timeout",
		[RUN_END_INTERRUPTED] = "interrupted",
		[RUN_END_QEMU_DIED] = "qemu_died",
		[RUN_END_NOT_BOOTED] = "not_booted",
	};

	return (unsigned int)e < RUN_ENDS ? name[e] : "unknown";
}

void report_init(struct run_result *r)
{
	time_t now = time(NULL);
	struct utsname u;
	struct tm tm;

	memset(r, 0, sizeof(*r));
	snprintf(r->version, sizeof(r->version), "%s", SS_VERSION);
	if (gmtime_r(&now, &tm))
		strftime(r->started, sizeof(r->started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (uname(&u) == 0)
		snprintf(r->host_kernel, sizeof(r->host_kernel), "%s", u.release);
}

void report_add_missing(struct run_result *r, bool guest, const char *fmt, ...)
{
	uint32_t *nr = guest ? &r->guest_missing_nr : &r->host_missing_nr;
	char(*line)[200] = guest ? r->guest_missing : r->host_missing;
	va_list ap;

	if (*nr >= RUN_MAX_MISSING)
		return;
	va_start(ap, fmt);
	vsnprintf(line[(*nr)++], sizeof(line[0]), fmt, ap);
	va_end(ap);
}

void report_add_stat(struct run_result *r, const char *name, int64_t value)
{
	struct run_stat *s;

	if (r->stats >= RUN_MAX_STATS)
		return;
	s = &r->stat[r->stats++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->value = value;
}

/* Records the writer stored and the reader didn't find. */
static uint64_t unread(const struct run_result *r)
{
	const struct events_seen *seen = &r->attr.file;
	uint64_t lost = seen->short_records;

	if (r->analysed && r->events.records > seen->records)
		lost += r->events.records - seen->records;
	return lost;
}

uint64_t report_lost(const struct run_result *r)
{
	return r->host_drops.lost + r->guest_drops.lost + r->events.rejected + r->events.unwritten +
	       unread(r);
}

uint64_t report_uncounted(const struct run_result *r)
{
	uint64_t counted = r->events.rejected + r->events.unwritten + unread(r), gone = 0;

	if (!r->analysed)
		return 0;
	if (r->host_drops.recorded > r->attr.host_traced)
		gone += r->host_drops.recorded - r->attr.host_traced;
	if (r->guest_drops_known && r->guest_drops.recorded > r->attr.guest_traced) {
		gone += r->guest_drops.recorded - r->attr.guest_traced;
		/* The agent counts what it made but could not send. */
		counted += r->guest_drops.lost;
	}
	return gone > counted ? gone - counted : 0;
}
