// SPDX-License-Identifier: GPL-2.0-only
/* The lengths of the records in an events file. */
#include "lib/event_file.h"

#include <string.h>

/* Lengths of the first layouts; later ones only grow. */
size_t events_rec_size(unsigned int type)
{
	static const unsigned short size[] = {
		[SS_REC_STALL_BEGIN] = sizeof(struct ss_rec_stall_begin),
		[SS_REC_STALL_END] = offsetof(struct ss_rec_stall_end, profile_ns),
		[SS_REC_DRAIN] = sizeof(struct ss_rec_drain),
		[SS_REC_REQ] = sizeof(struct ss_rec_req),
		[SS_REC_IRQ] = sizeof(struct ss_rec_irq),
		[SS_REC_DEV_EVENT] = sizeof(struct ss_rec_dev_event),
		[SS_REC_HOST_RUNQ] = sizeof(struct ss_rec_host_runq),
		[SS_REC_HOST_CLOCK] = sizeof(struct ss_rec_host_clock),
		[SS_REC_VCPU_TSC] = sizeof(struct ss_rec_vcpu_tsc),
		[SS_REC_LIMITS] = sizeof(struct ss_rec_limits),
		[SS_REC_G_IO] = offsetof(struct ss_rec_g_io, queue),
		[SS_REC_G_RUN] = sizeof(struct ss_rec_g_run),
		[SS_REC_G_SCX] = sizeof(struct ss_rec_g_scx),
		[SS_REC_G_CLOCK] = sizeof(struct ss_rec_g_clock),
		[SS_REC_G_HIST] = sizeof(struct ss_rec_g_hist),
		[SS_REC_G_DISK] = sizeof(struct ss_rec_g_disk),
		[SS_REC_G_SCHED] = sizeof(struct ss_rec_g_sched),
		[SS_REC_G_TASK] = sizeof(struct ss_rec_g_task),
		[SS_REC_G_SUM] = sizeof(struct ss_rec_g_sum),
		[SS_REC_G_MARK] = sizeof(struct ss_rec_g_mark),
		[SS_REC_G_FLUSH] = sizeof(struct ss_rec_g_flush),
	};

	return type < sizeof(size) / sizeof(size[0]) ? size[type] : 0;
}

/* A reader steps over a record by its length. */
bool events_rec_len_possible(size_t len)
{
	return len >= sizeof(struct ss_rec) && len <= EVENTS_REC_MAX && len % 8 == 0;
}

/* As many events as it says, and no more than a reader has to make room for. */
static bool sched_fits(const void *rec, size_t len)
{
	struct ss_rec_g_sched b;

	memcpy(&b, rec, sizeof(b));
	return b.nr <= SS_SCHED_BATCH_MAX &&
	       len == sizeof(b) + b.nr * sizeof(struct ss_sched_event);
}

bool events_rec_fits(const void *rec)
{
	struct ss_rec h;
	size_t min;

	memcpy(&h, rec, sizeof(h));
	min = events_rec_size(h.type);
	if (!min || h.len < min)
		return false;
	return h.type != SS_REC_G_SCHED || sched_fits(rec, h.len);
}
