// SPDX-License-Identifier: GPL-2.0-only
/* Records on their way to the runner in batches, and samples of the clock. */
#include "agent.h"

#include <sched.h>
#include <string.h>
#include <sys/io.h>
#include <x86intrin.h>

#define CLOCK_TRIES 8
#define PAGE_WIDTH  2000 /* ticks of a good reading, a microsecond; under emulation most take half */
#define PAGE_DRIFT  4000 /* ticks from one reading to the next: then every tick asks it */
#define PAGE_GOOD   10
#define PAGE_TRY_NS (5 * NSEC_PER_MSEC) /* for each of the port's */
#define PAGE_TICKS  4			/* of these, one asks it: once a second */

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

static void keep_best(struct ss_rec_g_clock *best, const struct ss_rec_g_clock *c)
{
	if (best->host_tsc &&
	    c->port_tsc_after - c->port_tsc_before >= best->port_tsc_after - best->port_tsc_before)
		return;
	best->host_tsc = c->host_tsc;
	best->port_tsc_before = c->port_tsc_before;
	best->port_tsc_after = c->port_tsc_after;
}

static void sample_port(struct ss_rec_g_clock *best, unsigned int tries)
{
	struct ss_rec_g_clock c;

	for (unsigned int i = 0; i < tries; i++)
		if (read_port(&c))
			keep_best(best, &c);
}

/* Where the offset drifts, it takes more readings to follow it. */
static void note_drift(struct agent *a, const struct ss_rec_g_clock *c)
{
	const uint64_t offset = c->port_tsc_before / 2 + c->port_tsc_after / 2 - c->host_tsc;

	if (!c->host_tsc || c->port_tsc_after - c->port_tsc_before > PAGE_WIDTH)
		return;
	/* It goes up; on the next CPU, a moment later, it's the same one. */
	if (offset - a->clock_offset > PAGE_DRIFT) {
		a->clock_drifts = true;
		a->clock_offset = offset;
	}
}

/* Until a reading is good: on a busy host many are held up. */
static void sample_page(struct agent *a, struct ss_rec_g_clock *best, unsigned int tries)
{
	const uint64_t until = now_ns() + tries * PAGE_TRY_NS;
	struct ss_rec_g_clock c;
	unsigned int good = 0;

	if (!tries || !clock_page_wake(a->clock_page))
		return;
	do {
		if (!clock_page_read(a->clock_page, &c))
			continue;
		keep_best(best, &c);
		good += c.port_tsc_after - c.port_tsc_before < PAGE_WIDTH;
	} while (good < PAGE_GOOD && now_ns() < until);
	note_drift(a, best);
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
	if (a->clock_page)
		sample_page(a, &best, port_tries);
	else if (a->has_clock_port)
		sample_port(&best, port_tries);
	batch_add(a, &best.h, sizeof(best));
}

void clock_tick(struct agent *a)
{
	if (!a->clock_page)
		clock_sample(a, CLOCK_FEW);
	else if (++a->clock_ticks % PAGE_TICKS && !a->clock_drifts)
		clock_sample(a, 0);
	else {
		a->clock_drifts = false;
		clock_sample_cpus(a, CLOCK_FEW);
	}
}

void clock_sample_cpus(struct agent *a, unsigned int port_tries)
{
	cpu_set_t all, one;

	if (a->clock_page && !sched_getaffinity(0, sizeof(all), &all)) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			if (CPU_ISSET(cpu, &all) && !sched_setaffinity(0, sizeof(one), &one))
				clock_sample(a, port_tries);
		}
		sched_setaffinity(0, sizeof(all), &all);
		return;
	}
	clock_sample(a, port_tries);
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
