// SPDX-License-Identifier: GPL-2.0-only
/* The clock page, with a guest that is a thread whose TSC has an offset that is known. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/clock.h"
#include "lib/time.h"
#include "qemu/qemu_int.h"
#include "ss_clock_page.h"
#include "ss_harness.h"
#include "trace/clock_sample.h"

#define OFFSET	 (-123456789012345ULL)
#define BOOT_NS	 1000000000ULL /* the guest's CLOCK_MONOTONIC is that much behind */
#define PATIENCE 1000000
#define SAMPLES	 20
#define TRIES	 50

static __u64 guest_tsc(void)
{
	return ss_clock_tsc() + OFFSET;
}

FIXTURE(page)
{
	struct qemu *q;
	struct ss_clock *clock;
};

FIXTURE_SETUP(page)
{
	self->q = calloc(1, sizeof(*self->q));
	ASSERT_NOT_NULL(self->q);
	ASSERT_EQ(qemu_clock_init(self->q), 0);
	ASSERT_EQ(qemu_clock_start(self->q), 0);
	self->clock = clock_new(1, 1);
	ASSERT_NOT_NULL(self->clock);
}

FIXTURE_TEARDOWN(page)
{
	qemu_clock_destroy(self->q);
	free(self->q);
	clock_free(self->clock);
}

/* As the agent does: the tightest of some. Return: false if there was no answer. */
static bool ask(struct ss_fx_page *self, struct ss_rec_g_clock *best)
{
	for (int i = 0; i < TRIES; i++) {
		__u64 before, after, host;

		host = ss_clock_page_ask(self->q->page, PATIENCE, guest_tsc, &before, &after);
		if (!host || (best->host_tsc &&
			      after - before >= best->port_tsc_after - best->port_tsc_before))
			continue;
		best->host_tsc = host;
		best->port_tsc_before = before;
		best->port_tsc_after = after;
	}
	return best->host_tsc;
}

static void sample(struct ss_fx_page *self)
{
	const struct timespec pause = { .tv_nsec = 5 * NSEC_PER_MSEC };
	struct ss_rec_host_clock host;
	struct ss_rec_g_clock guest = { .h = { .type = SS_REC_G_CLOCK, .len = sizeof(guest) } };

	clock_sample_host(&host);
	EXPECT_EQ(clock_add_host(self->clock, &host), 0);
	guest.tsc_before = host.tsc_before + OFFSET;
	guest.tsc_after = host.tsc_after + OFFSET;
	guest.h.ts = host.h.ts - BOOT_NS;
	EXPECT_TRUE(ask(self, &guest));
	EXPECT_EQ(clock_add_guest(self->clock, &guest), 0);
	nanosleep(&pause, NULL);
}

TEST_F(page, between, .title = "an answer is the host's TSC of a moment between two of the guest's")
{
	for (int i = 0; i < 100; i++) {
		__u64 before = 0, after = 0, host = 0;

		while (!host)
			host = ss_clock_page_ask(self->q->page, PATIENCE, ss_clock_tsc, &before,
						 &after);
		ASSERT_LE(before, host);
		ASSERT_LE(host, after);
	}
}

TEST_F(page, offset, .title = "the guest's clock comes out as far off as it is, within the bound")
{
	struct clock_info info;
	const uint64_t guest_ns = monotonic_ns() - BOOT_NS;
	int64_t off;

	for (int i = 0; i < SAMPLES; i++)
		sample(self);
	ASSERT_EQ(clock_build(self->clock), 0);
	clock_cover(self->clock, guest_ns, guest_ns + SAMPLES);
	clock_get_info(self->clock, &info);
	EXPECT_EQ(info.source, CLOCK_SRC_PORT);
	EXPECT_STREQ(info.warning, "");
	off = clock_to_host(self->clock, guest_ns + 1) - (int64_t)(guest_ns + 1 + BOOT_NS);
	EXPECT_LE((uint64_t)llabs(off), clock_error_ns(self->clock));
}

TEST_F(page, nobody, .title = "without a runner there is no answer, and no wait for ever")
{
	__u64 before, after;

	atomic_store(&self->q->clock_stop, true);
	pthread_join(self->q->clock, NULL);
	self->q->clock_runs = false;
	EXPECT_EQ(ss_clock_page_ask(self->q->page, 1000, guest_tsc, &before, &after), 0);
}

TEST_HARNESS_MAIN
