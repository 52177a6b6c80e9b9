/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes that write to a list, for a test that builds the device's own sources
 * into itself: to be included before them, and instead of ss_probes.h.
 */
#ifndef SS_MOCK_PROBES_H
#define SS_MOCK_PROBES_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char fired[8192];

__attribute__((format(printf, 1, 2))) static void fire(const char *fmt, ...)
{
	const size_t len = strlen(fired);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fired + len, sizeof(fired) - len, fmt, ap);
	va_end(ap);
}

#define U(x) ((unsigned int)(x))

#define SS_PROBES_H
#define ss_probe_kick(disk, queue)	  fire("kick %u/%u\n", U(disk), U(queue))
#define ss_probe_drain_begin(disk, queue) fire("drain_begin %u/%u\n", U(disk), U(queue))
#define ss_probe_drain_end(disk, queue, chains, published, stalled)                                \
	fire("drain_end %u/%u chains=%u published=%u stalled=%u\n", U(disk), U(queue), U(chains),  \
	     U(published), U(stalled))
#define ss_probe_req_start(disk, queue, head, type, sector, bytes)                                 \
	fire("req_start %u/%u head=%u type=%u sector=%u bytes=%u\n", U(disk), U(queue), U(head),   \
	     U(type), U(sector), U(bytes))
#define ss_probe_req_backing_done(disk, queue, head)                                               \
	fire("backing_done %u/%u head=%u\n", U(disk), U(queue), U(head))
#define ss_probe_req_done(disk, queue, head, status)                                               \
	fire("req_done %u/%u head=%u status=%u\n", U(disk), U(queue), U(head), U(status))
#define ss_probe_stall_begin(disk, queue, head, bucket, deficit, predicted_ns)                     \
	fire("stall_begin %u/%u head=%u bucket=%u deficit=%u predicted=%u\n", U(disk), U(queue),   \
	     U(head), U(bucket), U(deficit), U(predicted_ns))
#define ss_probe_stall_end(disk, queue, head, granted, predicted_ns, profile_ns)                   \
	fire("stall_end %u/%u head=%u granted=%u predicted=%llu profile=%llu\n", U(disk),          \
	     U(queue), U(head), U(granted), (unsigned long long)(predicted_ns),                    \
	     (unsigned long long)(profile_ns))
#define ss_probe_interrupt(disk, queue) fire("interrupt %u/%u\n", U(disk), U(queue))
#define ss_probe_dev_event(disk, queue, event, arg)                                                \
	fire("dev_event %u/%u event=%u arg=%u\n", U(disk), U(queue), U(event), U(arg))

/* What was fired since the last call must be this. */
#define EXPECT_FIRED(text_)                                                                        \
	do {                                                                                       \
		EXPECT_STREQ(fired, text_);                                                        \
		fired[0] = '\0';                                                                   \
	} while (0)

#endif /* SS_MOCK_PROBES_H */
