// SPDX-License-Identifier: GPL-2.0-only
/* Tells the host's tracing which threads there are; stores its records and clock samples. */
#include "lib/time.h"
#include "run/run_guest.h"
#include "trace/clock_sample.h"

void guest_store(struct guest *g, const void *rec, size_t len)
{
	int ret = g->events ? events_append(g->events, rec, len) : 0;

	if (ret && !g->run->records_error)
		g->run->records_error = ret;
}

static void on_trace_record(void *ctx, const struct ss_rec *rec, size_t len)
{
	guest_store(ctx, rec, len);
}

void guest_poll_trace(struct guest *g)
{
	if (g->trace)
		trace_poll(g->trace, on_trace_record, g);
}

void guest_finish_trace(struct guest *g)
{
	if (g->trace)
		trace_finish(g->trace, on_trace_record, g, &g->run->r.host_drops);
}

void guest_clock_sample(struct guest *g)
{
	struct ss_rec_host_clock rec;

	clock_sample_host(&rec);
	guest_store(g, &rec, sizeof(rec));
}

void guest_tsc_records(struct guest *g)
{
	/* The fixed-point format in which hardware keeps the ratio: VMX 16.48, SVM 8.32. */
	unsigned int frac_bits = __builtin_cpu_is("amd") ? 32 : 48;
	struct machine_tsc_info info;

	if (g->ops->tsc_info(g, &info) || !info.offset_known || !info.scaling_known)
		return;
	for (unsigned int i = 0; i < info.nr_vcpus; i++) {
		struct ss_rec_vcpu_tsc rec;

		clock_vcpu_rec(&rec, i, info.guest_khz, info.host_khz, frac_bits, info.offset[i],
			       monotonic_ns());
		guest_store(g, &rec, sizeof(rec));
	}
}

void guest_thread(struct guest *g, pid_t *known, pid_t tid, unsigned int index)
{
	if (tid == *known)
		return;
	if (*known)
		trace_remove_thread(g->trace, *known);
	if (tid)
		trace_add_thread(g->trace, tid, SS_THREAD_WORKER, index);
	*known = tid;
}

void guest_threads(struct guest *g)
{
	if (!g->trace)
		return;
	for (unsigned int i = 0; !g->vcpus_told && i < g->run->o.cpus; i++)
		trace_add_thread(g->trace, g->ops->tid(g, i), SS_THREAD_VCPU, i);
	g->vcpus_told = true;
	/* Workers come and go with the driver's DRIVER_OK and reset. */
	for (unsigned int d = 0; d < g->run->o.nr_disks; d++)
		for (unsigned int q = 0; q < blk_queue_count(g->live.disk[d].blk); q++)
			guest_thread(g, &g->worker_tid[d][q],
				     blk_worker_tid(g->live.disk[d].blk, q), d << 8 | q);
	guest_nets_threads(g);
}
