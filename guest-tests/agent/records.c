// SPDX-License-Identifier: GPL-2.0-only
/* Records on their way to the runner in batches, and samples of the clock. */
#include "agent.h"

#include <sched.h>
#include <string.h>
#include <sys/io.h>
#include <x86intrin.h>

#define CLOCK_TRIES 8
#define PAGE_TRIES  200 /* each takes some us, the runner answers from a loop */

void batch_flush(struct agent *a)
{
	struct batch *b = &a->batch;

	if (!b->len)
		return;
	if (port_send(a, SS_F_EVENTS, b->buf, b->len))
		b->dropped += b->nr;
	b->len = 0;
	b->nr = 0;
}

void batch_add(void *agent, const struct ss_rec *rec, size_t len)
{
	struct agent *a = agent;
	struct batch *b = &a->batch;

	if (len > sizeof(b->buf) - b->len)
		batch_flush(a);
	if (len > sizeof(b->buf)) {
		b->dropped++;
		return;
	}
	memcpy(b->buf + b->len, rec, len);
	b->len += len;
	b->nr++;
	b->total++;
}

static uint64_t tsc(void)
{
	uint64_t t;

	/* Neither side's loads may wander across the reading. */
	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}

/* One reading of the runner's clock port; the latch is a vCPU's own. */
static bool read_port(struct ss_rec_g_clock *c)
{
	int cpu = sched_getcpu();
	uint32_t lo, hi;

	c->port_tsc_before = tsc();
	lo = inl(SS_CLOCK_PORT);
	c->port_tsc_after = tsc();
	hi = inl(SS_CLOCK_PORT + 4);
	c->host_tsc = (uint64_t)hi << 32 | lo;
	/* All ones: nobody answers there. */
	return sched_getcpu() == cpu && c->host_tsc != UINT64_MAX;
}

void clock_init(struct agent *a)
{
	struct ss_rec_g_clock c;

	a->clock_page = clock_page_open();
	if (!a->clock_page)
		a->has_clock_port =
			!ioperm(SS_CLOCK_PORT, 8, 1) && (read_port(&c) || read_port(&c));
}

static void sample_port(struct agent *a, struct ss_rec_g_clock *best, unsigned int tries)
{
	/* Waking the runner for it in mid-run would disturb what is measured, and gain nothing. */
	if (a->clock_page) {
		if (tries < CLOCK_MANY || !clock_page_wake(a->clock_page))
			return;
		tries = PAGE_TRIES;
	}
	for (unsigned int i = 0; i < tries; i++) {
		struct ss_rec_g_clock c = { 0 };

		if (a->clock_page ? !clock_page_read(a->clock_page, &c) : !read_port(&c))
			continue;
		if (best->host_tsc && c.port_tsc_after - c.port_tsc_before >=
					      best->port_tsc_after - best->port_tsc_before)
			continue;
		best->host_tsc = c.host_tsc;
		best->port_tsc_before = c.port_tsc_before;
		best->port_tsc_after = c.port_tsc_after;
	}
}

void clock_sample(struct agent *a, unsigned int port_tries)
{
	struct ss_rec_g_clock best = {
		.h = { .type = SS_REC_G_CLOCK, .len = sizeof(best) },
	};

	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = tsc(), ts = now_ns(), after = tsc();

		if (i && after - before >= best.tsc_after - best.tsc_before)
			continue;
		best.h.ts = ts;
		best.tsc_before = before;
		best.tsc_after = after;
	}
	best.h.cpu = (uint32_t)sched_getcpu();
	if (a->has_clock_port || a->clock_page)
		sample_port(a, &best, port_tries);
	batch_add(a, &best.h, sizeof(best));
}

void clock_sample_cpus(struct agent *a)
{
	cpu_set_t all, one;

	if (a->clock_page && !sched_getaffinity(0, sizeof(all), &all)) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			if (CPU_ISSET(cpu, &all) && !sched_setaffinity(0, sizeof(one), &one))
				clock_sample(a, CLOCK_MANY);
		}
		sched_setaffinity(0, sizeof(all), &all);
		return;
	}
	clock_sample(a, CLOCK_MANY);
}

void disk_records(struct agent *a)
{
	for (unsigned int i = 0; i < a->nr_disks; i++) {
		struct ss_rec_g_disk d = {
			.h = { .type = SS_REC_G_DISK, .len = sizeof(d), .ts = now_ns() },
			.dev = a->disks[i].dev,
			.disk = a->disks[i].index,
		};

		d.h.cpu = (uint32_t)sched_getcpu();
		memcpy(d.name, a->disks[i].name, sizeof(d.name));
		batch_add(a, &d.h, sizeof(d));
	}
}
