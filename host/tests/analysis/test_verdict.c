// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verdicts and notes: each cause is named when it is the cause, none when there
 * is none, and what the records can't tell is said.
 */
#include <linux/virtio_blk.h>
#include <string.h>

#include "attr_world.h"
#include "ss_harness.h"

FIXTURE(verdict)
{
	struct world w;
};
FIXTURE_SETUP(verdict)
{
	world_init(&self->w);
}
FIXTURE_TEARDOWN(verdict)
{
	world_free(&self->w);
}

/* How long each part of an IO takes. */
struct plan {
	int64_t queued, waiting, backing, completion, runnable, idle;
	uint16_t prev_policy;
	bool stalled, worker_off;
	uint32_t disk;
};

/* @n IOs by @p, 200 ms apart. */
static void add(struct world *w, const struct plan *p, int n)
{
	for (int i = 0; i < n; i++) {
		struct world_io io = { .tid = 42,
				       .sector = (uint64_t)i * 8,
				       .bytes = 4096,
				       .disk = p->disk,
				       .start = T0 + SEC + i * 200 * MS,
				       .prev_policy = p->prev_policy,
				       .idle = p->idle };

		io.issue = io.start + p->queued;
		io.begun = io.issue + p->waiting;
		io.backed = io.begun + p->backing;
		io.published = io.backed;
		io.done = io.wake = io.backed + p->completion;
		io.run = io.done + p->runnable;
		io.running = !p->runnable;
		if (p->stalled)
			world_stall(w, p->disk, 0, io.issue, io.begun, p->waiting);
		if (p->worker_off)
			world_runq(w, SS_THREAD_WORKER, (uint16_t)(p->disk << 8), io.issue,
				   io.begun);
		world_io(w, &io);
	}
}

static const struct plan base = {
	.queued = 10 * US, .waiting = 100 * US, .backing = 200 * US, .completion = 50 * US
};

/* Solve and check the verdict. */
static void expect(struct world *w, enum attr_cause cause, double low, double high, const char *has)
{
	const struct attr_verdict *v = &w->a.verdict;

	world_solve(w);
	EXPECT_STREQ(attribution_cause_name(v->cause), attribution_cause_name(cause));
	EXPECT_GE(v->share, low);
	EXPECT_LE(v->share, high);
	EXPECT_STRSTR(v->sentence, has);
	world_expect_sums(w);
}

TEST_F(verdict, throttle)
{
	struct plan p = base;

	p.waiting = 100 * MS;
	p.stalled = true;
	self->w.cfg.disk[0].iops = 50;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_THROTTLE, 0.99, 1,
	       "throttle stalls on disk0 (50 IOPS limit) made 100 % of the waiting time: 40 IOs "
	       "waited 4.0 s in all, longest 100 ms");
	EXPECT_TRUE(self->w.a.verdict.complete);
	EXPECT_EQ(self->w.a.notes, 0);
}

static void limits(struct world *w, int64_t ts, enum ss_limits_by by, uint64_t iops, uint64_t bps)
{
	struct ss_rec_limits *l = &world_rec(w, SS_REC_LIMITS, sizeof(*l), ts)->limits;

	l->by = (uint16_t)by;
	l->iops = iops;
	l->bps = bps;
}

TEST_F(verdict, throttle_changed,
       .title = "the limits named are those in force while it was stalled")
{
	struct world *w = &self->w;
	const struct attr_disk *d = &w->a.disk[0];
	struct plan p = base;

	p.waiting = 100 * MS;
	p.stalled = true;
	w->cfg.disk[0].iops = 50;
	/* 40 IOs, one each 200 ms from T0 + 1 s: 5 under the first limits, 10 under the profile's
	 * while somebody changes the disk's own, 20 under those, 5 under none
	 */
	add(w, &p, 40);
	limits(w, T0 + 2 * SEC - 5 * MS, SS_LIMITS_PROFILE, 7, 0);
	limits(w, T0 + 3 * SEC, SS_LIMITS_OWN, 20, 1000);
	limits(w, T0 + 4 * SEC - 5 * MS, SS_LIMITS_BACK, 20, 1000);
	limits(w, T0 + 8 * SEC - 5 * MS, SS_LIMITS_OWN, 0, 0);
	world_shuffle(w, 5);
	expect(w, ATTR_CAUSE_THROTTLE, 0.99, 1,
	       "throttle stalls on disk0 (20 IOPS, 1000 bytes/s limit, in force for 50 % of the "
	       "stalls' time) made");
	ASSERT_EQ(d->limits, 4);
	EXPECT_EQ(d->limit[0].stall_ns, 2 * SEC);
	EXPECT_EQ(d->limit[1].iops, 7);
	EXPECT_EQ(d->limit[1].stall_ns, SEC);
	EXPECT_EQ(d->limit[2].stall_ns + d->limit[3].stall_ns, SEC);
	EXPECT_EQ(d->profile_stall_ns, 0);
	EXPECT_TRUE(w->a.verdict.complete);
}

TEST_F(verdict, throttle_profile, .title = "stalls that a profile orders aren't blamed on limits")
{
	struct world *w = &self->w;
	struct plan p = base;

	p.waiting = 100 * MS;
	p.stalled = true;
	w->cfg.disk[0].iops = 50;
	add(w, &p, 40);
	/* A limit's when they began, and then the profile's. */
	for (uint32_t i = 0; i < w->nr; i++)
		if (w->rec[i].h.type == SS_REC_STALL_END)
			w->rec[i].stall_end.profile_ns = 60 * MS;
	expect(w, ATTR_CAUSE_THROTTLE, 0.99, 1,
	       "throttle stalls on disk0 (ordered by its profile)");
	EXPECT_EQ(w->a.disk[0].profile_stall_ns, 40 * 60 * MS);
	EXPECT_EQ(w->a.disk[0].traced.stall_ns, 4 * SEC);
}

TEST_F(verdict, throttle_profile_old, .title = "an old recording says it where a stall begins")
{
	struct world *w = &self->w;
	struct plan p = base;

	p.waiting = 100 * MS;
	p.stalled = true;
	w->cfg.disk[0].iops = 50;
	add(w, &p, 40);
	for (uint32_t i = 0; i < w->nr; i++) {
		if (w->rec[i].h.type == SS_REC_STALL_BEGIN)
			w->rec[i].stall_begin.bucket = SS_BUCKET_PROFILE | SS_BUCKET_OPS;
		if (w->rec[i].h.type == SS_REC_STALL_END)
			w->rec[i].h.len = offsetof(struct ss_rec_stall_end, profile_ns);
	}
	expect(w, ATTR_CAUSE_THROTTLE, 0.99, 1,
	       "throttle stalls on disk0 (ordered by its profile)");
	EXPECT_EQ(w->a.disk[0].profile_stall_ns, 4 * SEC);
	EXPECT_EQ(w->a.disk[0].profile_stall_ns, w->a.disk[0].traced.stall_ns);
}

TEST_F(verdict, throttle_worst_disk, .title = "the sentence names the disk that cost most")
{
	struct plan p = base;

	world_disk(&self->w, 1);
	self->w.cfg.disk[1].bps = 1000000;
	p.stalled = true;
	p.waiting = 10 * MS;
	add(&self->w, &p, 40);
	p.waiting = 60 * MS;
	p.disk = 1;
	add(&self->w, &p, 20);
	expect(&self->w, ATTR_CAUSE_THROTTLE, 0.95, 1,
	       "throttle stalls on disk1 (1000000 bytes/s limit)");
}

TEST_F(verdict, throttle_queued,
       .title = "waiting in the guest for a stalled disk counts for the stall")
{
	struct world_io io = { .tid = 42, .bytes = 4096, .start = T0 + SEC, .running = true };

	/* no room in the ring: queued in the guest while another request is stalled */
	io.issue = io.start + 90 * MS;
	io.begun = io.issue + 10 * MS;
	io.backed = io.published = io.done = io.begun + MS;
	world_stall(&self->w, 0, 0, io.start, io.begun, 100 * MS);
	world_io(&self->w, &io);
	expect(&self->w, ATTR_CAUSE_THROTTLE, 0.98, 1, "throttle stalls on disk0 made");
	EXPECT_GE(self->w.a.io.parts[ATTR_GUEST_QUEUE].sum, 89 * MS);
}

/* Disk 1's IO is queued in the guest for 90 ms, disk 0's is in the driver for 60 ms. */
static void queued_and_driven(struct world *w, struct world_io *queued, struct world_io *driven)
{
	world_disk(w, 1);
	*queued = (struct world_io){
		.disk = 1, .tid = 42, .bytes = 4096, .start = T0 + SEC, .running = true
	};
	queued->issue = queued->begun = queued->start + 90 * MS;
	queued->backed = queued->published = queued->done = queued->begun + MS;
	*driven = (struct world_io){
		.tid = 43, .bytes = 4096, .start = T0 + SEC, .issue = T0 + SEC, .running = true
	};
	driven->begun = driven->backed = driven->issue + 60 * MS;
	driven->published = driven->done = driven->backed;
}

TEST_F(verdict, throttle_queued_worst_disk,
       .title = "the disk for which most waited in the guest is the one that cost most")
{
	struct world_io queued, driven;

	queued_and_driven(&self->w, &queued, &driven);
	world_stall(&self->w, 1, 0, queued.start, queued.begun, 90 * MS);
	world_stall(&self->w, 0, 0, driven.issue, driven.begun, 60 * MS);
	world_io(&self->w, &queued);
	world_io(&self->w, &driven);
	expect(&self->w, ATTR_CAUSE_THROTTLE, 0.98, 1, "throttle stalls on disk1 made");
}

TEST_F(verdict, backing_queued_worst_disk, .title = "so it is of a disk busy with another request")
{
	struct world_io queued, driven, other;

	queued_and_driven(&self->w, &queued, &driven);
	other = queued;
	other.sector = 8;
	other.begun = other.issue = queued.start;
	other.backed = other.published = queued.begun;
	driven.begun = driven.issue;
	world_host_io(&self->w, &other);
	world_io(&self->w, &queued);
	world_io(&self->w, &driven);
	expect(&self->w, ATTR_CAUSE_BACKING, 0.98, 1, "the backing storage of disk1 made");
}

TEST_F(verdict, backing)
{
	struct plan p = base;

	p.backing = 30 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_BACKING, 0.98, 1, "the backing storage of disk0 made 99 %");
}

TEST_F(verdict, worker)
{
	struct plan p = base;

	p.waiting = 30 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_WORKER, 0.98, 1, "disk0's worker");
}

TEST_F(verdict, host)
{
	struct plan p = base;

	p.waiting = 30 * MS;
	p.worker_off = true;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_HOST, 0.98, 1,
	       "the host, keeping vCPUs or workers off its CPUs,");
}

TEST_F(verdict, scheduler)
{
	struct plan p = base;
	struct ss_rec_g_scx *x = &world_rec(&self->w, SS_REC_G_SCX, sizeof(*x), T0)->g_scx;

	x->event = SS_SCX_ENABLE;
	strcpy(x->name, "lazy");
	p.runnable = 40 * MS;
	p.idle = 60 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_SCHEDULER, 0.98, 1,
	       "the guest's scheduler (lazy), with idle CPUs and tasks ready,");
	EXPECT_EQ(self->w.a.scx_enables, 1);
}

TEST_F(verdict, rt)
{
	struct plan p = base;

	p.runnable = 40 * MS;
	p.prev_policy = 1;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_RT, 0.98, 1, "real-time tasks (mostly hog)");
}

TEST_F(verdict, saturation)
{
	struct plan p = base;

	p.runnable = 40 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_SATURATION, 0.98, 1, "without an idle CPU");
}

TEST_F(verdict, quiet, .title = "none: little waited against the run, and quickly")
{
	struct plan p = base;

	p.backing = 5 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "nothing waited noteworthy: of 40 IOs 99 % took");
	/* the same is noteworthy in a short run */
	self->w.cfg.run_ns = SEC;
	expect(&self->w, ATTR_CAUSE_BACKING, 0.9, 1, "backing");
}

TEST_F(verdict, quick, .title = "none: a busy disk whose IOs are all quick")
{
	add(&self->w, &base, 200);
	self->w.cfg.run_ns = 80 * MS;
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "nothing waited noteworthy");
	EXPECT_TRUE(self->w.a.verdict.complete);
}

TEST_F(verdict, completion, .title = "none: most passed where no cause is, and it says where")
{
	struct plan p = base;

	p.completion = 30 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0,
	       "no culprit: 99 % of the waiting time (1.2 s in all) "
	       "passed on the way back");
	world_free(&self->w);
	world_init(&self->w);
	p = base;
	p.queued = 30 * MS;
	add(&self->w, &p, 40);
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "in the guest's block layer");
}

TEST_F(verdict, no_io, .title = "none: the guest did no IO")
{
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "the guest did no IO on the traced disks");
	EXPECT_TRUE(self->w.a.verdict.complete);
}

TEST_F(verdict, no_guest_trace, .title = "untold: the guest wasn't traced")
{
	self->w.cfg.guest_missing = "no BTF";
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "can't tell: no guest IO was traced");
	EXPECT_FALSE(self->w.a.verdict.complete);
	for (int i = 0; i < 3; i++)
		world_stall(&self->w, 0, 0, T0 + i * SEC, T0 + i * SEC + 500 * MS, 500 * MS);
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "the disks stalled 3 times, 1.5 s in all");
}

/* Leave out the records of a type. */
static void drop(struct world *w, unsigned int type)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->nr; i++)
		if (w->rec[i].h.type != type)
			w->rec[n++] = w->rec[i];
	w->nr = n;
}

/* Is there a note like this? */
static bool noted(const struct world *w, const char *what)
{
	for (uint32_t i = 0; i < w->a.notes; i++)
		if (strstr(w->a.note[i], what))
			return true;
	return false;
}

TEST_F(verdict, no_host_trace, .title = "untold: the host wasn't traced, unless the guest was slow")
{
	struct plan p = base;

	p.waiting = 100 * MS;
	p.stalled = true;
	add(&self->w, &p, 40);
	drop(&self->w, SS_REC_REQ);
	drop(&self->w, SS_REC_STALL_BEGIN);
	drop(&self->w, SS_REC_STALL_END);
	self->w.cfg.host_missing = "no rights for BPF";
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "can't tell: for 100 % of the waiting time");
	EXPECT_FALSE(self->w.a.verdict.complete);
	EXPECT_TRUE(noted(&self->w, "no host record of any request"));
	EXPECT_FALSE(noted(&self->w, "doesn't add up"));
	/* what the guest alone knows can still be the cause */
	world_free(&self->w);
	world_init(&self->w);
	self->w.cfg.host_missing = "no rights for BPF";
	p.waiting = 30 * MS;
	p.stalled = false;
	p.runnable = p.idle = 90 * MS;
	add(&self->w, &p, 40);
	drop(&self->w, SS_REC_REQ);
	expect(&self->w, ATTR_CAUSE_SCHEDULER, 0.7, 0.8, "the guest's scheduler");
	EXPECT_FALSE(self->w.a.verdict.complete);
}

TEST_F(verdict, mostly_unknown, .title = "untold: more is unknown than any cause has")
{
	struct plan p = base;
	uint32_t host = 0, n = 0;

	p.waiting = 100 * MS;
	p.stalled = true;
	add(&self->w, &p, 40);
	/* of two requests in three there is no record */
	for (uint32_t i = 0; i < self->w.nr; i++)
		if (self->w.rec[i].h.type != SS_REC_REQ || host++ % 3 == 0)
			self->w.rec[n++] = self->w.rec[i];
	self->w.nr = n;
	expect(&self->w, ATTR_CAUSE_NONE, 0, 0, "can't tell: for 65 % of the waiting time");
	EXPECT_TRUE(noted(&self->w, "26 of 40 guest IOs have no host record"));
}

TEST_F(verdict, no_runs, .title = "untold: no scheduling records")
{
	struct plan p = base;

	p.runnable = 10 * MS;
	add(&self->w, &p, 40);
	drop(&self->w, SS_REC_G_RUN);
	world_solve(&self->w);
	EXPECT_TRUE(noted(&self->w, "waiting for a CPU can't be told"));
	EXPECT_FALSE(self->w.a.verdict.complete);
}

TEST_F(verdict, counters, .title = "throttled_count is what was traced, and what was lost")
{
	struct world *w = &self->w;
	struct plan p = base;

	p.stalled = true;
	add(w, &p, 10);
	world_solve(w);
	EXPECT_TRUE(w->a.disk[0].traced.counters_agree);
	w->cfg.disk[0].throttled_count = 12;
	world_solve(w);
	EXPECT_FALSE(w->a.disk[0].traced.counters_agree);
	EXPECT_TRUE(noted(w,
			  "disk0: throttled_count is 12, 10 stalls were traced and 0 host records "
			  "lost: that doesn't add up"));
	w->cfg.host_lost = 1;
	world_solve(w);
	EXPECT_FALSE(w->a.disk[0].traced.counters_agree);
	w->cfg.host_lost = 2;
	world_solve(w);
	EXPECT_TRUE(w->a.disk[0].traced.counters_agree);
	EXPECT_FALSE(w->a.verdict.complete);
	EXPECT_TRUE(noted(w, "2 host and 0 guest records were lost"));
	/* more traced than counted is never right */
	w->cfg.disk[0].throttled_count = 9;
	world_solve(w);
	EXPECT_FALSE(w->a.disk[0].traced.counters_agree);
}

TEST_F(verdict, net_alone,
       .title = "without IO the sentence tells of a network device's stalls, by its name")
{
	struct world *w = &self->w;

	w->cfg.nets = 2;
	world_stall(w, SS_DEV_NET_BASE + 1, 1, T0 + SEC, T0 + SEC + 20 * MS, 20 * MS);
	world_solve(w);
	EXPECT_EQ(w->a.verdict.cause, ATTR_CAUSE_NONE);
	EXPECT_STREQ(w->a.verdict.sentence,
		     "the guest did no IO on the traced disks; net1's throttle "
		     "stalled 1 time, 20 ms in all");
}

TEST_F(verdict, net_counters, .title = "so it is of a network device, which is named")
{
	struct world *w = &self->w;

	add(w, &base, 10);
	w->cfg.nets = 2;
	world_stall(w, SS_DEV_NET_BASE + 1, 1, T0 + SEC, T0 + SEC + 20 * MS, 15 * MS);
	world_stall(w, SS_DEV_NET_BASE + 1, 1, T0 + 2 * SEC, T0 + 2 * SEC + 5 * MS, 5 * MS);
	world_solve(w);
	EXPECT_EQ(w->a.net[1].stalls, 2);
	EXPECT_EQ(w->a.net[1].stall_ns, 25 * MS);
	EXPECT_EQ(w->a.net[1].stall_max_ns, 20 * MS);
	EXPECT_TRUE(w->a.net[1].counters_agree);
	EXPECT_EQ(w->a.net[0].stalls, 0);
	EXPECT_EQ(w->a.disk[0].traced.stalls + w->a.disk[1].traced.stalls, 0);
	EXPECT_EQ(w->a.skipped, 0);
	w->cfg.net_throttled[1] = 3;
	world_solve(w);
	EXPECT_FALSE(w->a.net[1].counters_agree);
	EXPECT_TRUE(noted(w, "net1: throttled_count is 3, 2 stalls were traced and 0 host records "
			     "lost: that doesn't add up"));
	/* What isn't there isn't counted anywhere. */
	world_stall(w, SS_DEV_NET_BASE, 2, T0, T0 + MS, MS);
	world_solve(w);
	EXPECT_EQ(w->a.net[0].stalls, 0);
	EXPECT_EQ(w->a.skipped, 2);
}

TEST_F(verdict, exits, .title = "a scheduler's end and its reason are kept")
{
	struct ss_rec_g_scx *x = &world_rec(&self->w, SS_REC_G_SCX, sizeof(*x), T0)->g_scx;

	x->event = SS_SCX_EXIT;
	strcpy(x->name, "bad\nname");
	strcpy(x->reason, "runnable task stall");
	world_solve(&self->w);
	EXPECT_EQ(self->w.a.scx_exits, 1);
	EXPECT_STREQ(self->w.a.scx_name, "bad?name");
	EXPECT_STREQ(self->w.a.scx_reason, "runnable task stall");
}

TEST(fmt, .title = "durations as people read them")
{
	static const struct {
		uint64_t ns;
		const char *text;
	} t[] = {
		{ 0, "0 ns" },	      { 999, "999 ns" },       { 1000, "1.0 us" },
		{ 9949, "9.9 us" },   { 9999, "10 us" },       { 812000000, "812 ms" },
		{ 999960, "1.0 ms" }, { 7900000000, "7.9 s" }, { 3600000000000, "3600 s" },
	};
	char buf[32];

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		EXPECT_STREQ(attribution_fmt_ns(buf, sizeof(buf), t[i].ns), t[i].text);
	EXPECT_STREQ(attribution_cause_name(ATTR_CAUSES), "none");
}

TEST_HARNESS_MAIN
