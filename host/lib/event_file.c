// SPDX-License-Identifier: GPL-2.0-only
/* The lengths of the records in an events file. */
#include "lib/event_file.h"

/* Lengths of the first layouts; later ones only grow. */
size_t events_rec_size(unsigned int type)
{
	static const unsigned short size[] = {
		[SS_REC_STALL_BEGIN] = sizeof(struct ss_rec_stall_begin),
		[SS_REC_STALL_END] = sizeof(struct ss_rec_stall_end),
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
	};

	return type < sizeof(size) / sizeof(size[0]) ? size[type] : 0;
}

/* A reader steps over a record by its length. */
bool events_rec_len_possible(size_t len)
{
	return len >= sizeof(struct ss_rec) && len <= EVENTS_REC_MAX && len % 8 == 0;
}
