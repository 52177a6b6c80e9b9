// SPDX-License-Identifier: GPL-2.0-only
/* What the drain itself costs: a backing that does nothing, the worker's own CPU time. */
#include "bench.h"

#include <math.h>
#include <time.h>

#define ROUNDS	 9
#define ROUND_NS 150000000ULL
#define BATCHES	 20000u

static double worker_cost(struct bench_disk *d, double *allocs)
{
	const uint64_t allocs0 = alloc_count(), cpu0 = disk_worker_cpu_ns(d);
	uint64_t done;

	disk_run(d, BENCH_QD, ROUND_NS, &done);
	*allocs += (double)(alloc_count() - allocs0);
	return (double)(disk_worker_cpu_ns(d) - cpu0) / (double)done;
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * IO_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Without threads: no sleep, no wake-up, everything in this CPU's cache. */
static double bare_cost(struct bench_disk *d)
{
	uint64_t sum = 0;

	for (unsigned int n = 0; n < BATCHES; n++) {
		uint64_t start;

		for (unsigned int i = 0; i < BENCH_QD; i++)
			disk_submit(d, i);
		start = thread_cpu_ns();
		blk_drain_queue(d->blk, 0);
		sum += thread_cpu_ns() - start;
		while (disk_reap(d) >= 0)
			;
	}
	return (double)sum / BATCHES / BENCH_QD;
}

void bench_drain(void)
{
	double cost[ROUNDS], allocs = 0;
	struct bench_disk d;
	struct backing null;

	bench_null_backing(&null, 1ULL << 30);
	disk_open(&d, &null, NULL, false);
	d.halt_poll_ns = HALT_POLL_NS;
	threads_apart(blk_worker_tid(d.blk, 0));
	for (unsigned int i = 0; i < ROUNDS; i++)
		cost[i] = worker_cost(&d, &allocs);
	disk_close(&d);
	threads_free();
	figure_add(&(struct figure){
		.key = "drain_cpu_ns",
		.title = "a request's CPU in the worker, 32 a kick, no backing",
		.unit = "ns",
		.value = median(cost, ROUNDS),
		.target = 250,
		.at_most = true,
	});
	figure_add(&(struct figure){
		.key = "allocations",
		.title = "allocations while it did so, all threads",
		.unit = "",
		.value = allocs,
		.target = 0,
		.at_most = true,
	});
	disk_open(&d, &null, NULL, true);
	bare_cost(&d);
	figure_add(&(struct figure){
		.key = "drain_bare_ns",
		.title = "the same without threads: the drain's code alone",
		.unit = "ns",
		.value = bare_cost(&d),
		.target = NAN,
	});
	disk_close(&d);
}
