// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is to blame, in a word and a sentence, and what the records can't tell.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/waits_int.h"

/*
 * Nobody is to blame if the IOs waited little, all together and each: less
 * than 5 % of the run and 99 % of them under 10 ms; or all but all were quick.
 */
#define QUIET_RUN_PERCENT 5
#define QUIET_P99_NS	  10000000ULL
#define QUICK_P99_NS	  500000ULL
#define QUICK_MAX_NS	  20000000ULL

const char *attribution_cause_name(enum attr_cause c)
{
	static const char *const name[] = {
		[ATTR_CAUSE_NONE] = "none",	  [ATTR_CAUSE_THROTTLE] = "throttle",
		[ATTR_CAUSE_BACKING] = "backing", [ATTR_CAUSE_WORKER] = "worker",
		[ATTR_CAUSE_HOST] = "host",	  [ATTR_CAUSE_SCHEDULER] = "scheduler",
		[ATTR_CAUSE_RT] = "rt",		  [ATTR_CAUSE_SATURATION] = "saturation",
	};

	return (unsigned int)c < ATTR_CAUSES ? name[c] : "none";
}

char *attribution_fmt_ns(char *buf, size_t len, uint64_t ns)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} step[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" } };

	for (unsigned int i = 0; i < 3; i++) {
		double v = (double)ns / (double)step[i].unit;

		/* 999.96 us is better called 1.0 ms. */
		if (v < 0.9995)
			continue;
		snprintf(buf, len, v < 9.95 ? "%.1f %s" : "%.0f %s", v, step[i].name);
		return buf;
	}
	snprintf(buf, len, "%" PRIu64 " ns", ns);
	return buf;
}

static const enum attr_part part_of[ATTR_CAUSES] = {
	[ATTR_CAUSE_NONE] = ATTR_UNKNOWN,    [ATTR_CAUSE_THROTTLE] = ATTR_THROTTLE,
	[ATTR_CAUSE_BACKING] = ATTR_BACKING, [ATTR_CAUSE_WORKER] = ATTR_WORKER,
	[ATTR_CAUSE_HOST] = ATTR_HOST,	     [ATTR_CAUSE_SCHEDULER] = ATTR_SCHEDULER,
	[ATTR_CAUSE_RT] = ATTR_RT,	     [ATTR_CAUSE_SATURATION] = ATTR_SATURATION,
};

/* Waiting time by cause; what has none is in rest[]. */
struct weights {
	uint64_t cause[ATTR_CAUSES];
	uint64_t guest_queue, completion, unknown;
	uint64_t all;
};

/*
 * A request that waited in the guest's queue while the device's was stalled or
 * busy waited for the same reason.
 */
static void weigh(const struct attr_state *s, const struct attribution *a, struct weights *w)
{
	uint64_t queued = a->io.parts[ATTR_GUEST_QUEUE].sum;

	memset(w, 0, sizeof(*w));
	for (unsigned int c = ATTR_CAUSE_NONE + 1; c < ATTR_CAUSES; c++)
		w->cause[c] = a->io.parts[part_of[c]].sum;
	w->cause[ATTR_CAUSE_THROTTLE] += s->total->queued_throttle;
	w->cause[ATTR_CAUSE_BACKING] += s->total->queued_backing;
	w->guest_queue = queued - s->total->queued_throttle - s->total->queued_backing;
	w->completion = a->io.parts[ATTR_COMPLETION].sum;
	w->unknown = a->io.parts[ATTR_UNKNOWN].sum;
	w->all = a->io.e2e.sum;
}

static enum attr_cause heaviest(const struct weights *w)
{
	enum attr_cause best = ATTR_CAUSE_NONE;

	for (unsigned int c = ATTR_CAUSE_NONE + 1; c < ATTR_CAUSES; c++)
		if (w->cause[c] > w->cause[best])
			best = c;
	if (w->cause[best] < w->guest_queue || w->cause[best] < w->completion ||
	    w->cause[best] < w->unknown)
		return ATTR_CAUSE_NONE;
	return best;
}

/* What @c cost on disk @d, weighed as for all of them. */
static uint64_t cost(const struct attr_state *s, const struct attribution *a, unsigned int d,
		     enum attr_cause c)
{
	uint64_t ns = a->disk[d].io.parts[part_of[c]].sum;

	if (s->disk[d] && c == ATTR_CAUSE_THROTTLE)
		ns += s->disk[d]->queued_throttle;
	if (s->disk[d] && c == ATTR_CAUSE_BACKING)
		ns += s->disk[d]->queued_backing;
	return ns;
}

static unsigned int worst_disk(const struct attr_state *s, const struct attribution *a,
			       enum attr_cause c)
{
	unsigned int best = 0;

	for (unsigned int d = 1; d < SS_MAX_DISKS; d++)
		if (cost(s, a, d, c) > cost(s, a, best, c))
			best = d;
	return best;
}

/* What stalled disk @d, in brackets: its profile, or the limits in force then. */
static void fmt_limit(char *buf, size_t len, const struct attr_disk *d)
{
	const struct attr_limits *l = &d->limit[0];
	char iops[40] = "", bps[40] = "", share[48] = "";

	buf[0] = '\0';
	if (d->profile_stall_ns > d->traced.stall_ns / 2) {
		snprintf(buf, len, " (ordered by its profile)");
		return;
	}
	if (!d->limits || (!l->iops && !l->bps))
		return;
	if (l->iops)
		snprintf(iops, sizeof(iops), "%" PRIu64 " IOPS", l->iops);
	if (l->bps)
		snprintf(bps, sizeof(bps), "%" PRIu64 " bytes/s", l->bps);
	if (d->limits > 1)
		snprintf(share, sizeof(share), ", in force for %.0f %% of the stalls' time",
			 100.0 * (double)l->stall_ns / (double)d->traced.stall_ns);
	snprintf(buf, len, " (%s%s%s limit%s)", iops, l->iops && l->bps ? ", " : "", bps, share);
}

static const char *worst_rt(const struct attr_state *s)
{
	const struct a_rt *best = &s->rt[0];

	for (unsigned int i = 1; i < ATTR_RT_NAMES; i++)
		if (s->rt[i].ns > best->ns)
			best = &s->rt[i];
	return best->comm;
}

void attr_who(const struct attr_state *s, const struct attribution *a, enum attr_cause c, char *buf,
	      size_t len)
{
	unsigned int disk = worst_disk(s, a, c);
	char limit[128];

	switch (c) {
	case ATTR_CAUSE_THROTTLE:
		fmt_limit(limit, sizeof(limit), &a->disk[disk]);
		snprintf(buf, len, "throttle stalls on disk%u%s", disk, limit);
		break;
	case ATTR_CAUSE_BACKING:
		snprintf(buf, len, "the backing storage of disk%u", disk);
		break;
	case ATTR_CAUSE_WORKER:
		snprintf(buf, len, "disk%u's worker, slow to take requests up,", disk);
		break;
	case ATTR_CAUSE_HOST:
		snprintf(buf, len, "the host, keeping vCPUs or workers off its CPUs,");
		break;
	case ATTR_CAUSE_SCHEDULER:
		snprintf(buf, len,
			 "the guest's scheduler%s%.40s%s, with idle CPUs and tasks ready,",
			 a->scx_name[0] ? " (" : "", a->scx_name, a->scx_name[0] ? ")" : "");
		break;
	case ATTR_CAUSE_RT:
		snprintf(buf, len, "real-time tasks (mostly %s) that held the guest's CPUs",
			 worst_rt(s));
		break;
	default:
		snprintf(buf, len, "a guest without an idle CPU, tasks ready,");
		break;
	}
}

static void name_cause(const struct attr_state *s, struct attribution *a, enum attr_cause c,
		       const struct weights *w)
{
	const struct attr_stat *p = &a->io.parts[part_of[c]];
	char subject[160], sum[16], max[16];

	a->verdict.cause = c;
	a->verdict.share = (double)w->cause[c] / (double)w->all;
	attr_who(s, a, c, subject, sizeof(subject));
	snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
		 "%s made %.0f %% of the waiting time: %" PRIu64
		 " IO%s waited %s in all, longest %s",
		 subject, a->verdict.share * 100, p->count, p->count == 1 ? "" : "s",
		 attribution_fmt_ns(sum, sizeof(sum), p->sum),
		 attribution_fmt_ns(max, sizeof(max), p->max));
}

/* There was much waiting, but most of it has none of the causes. */
static void name_no_cause(struct attribution *a, const struct weights *w)
{
	static const char *const what[] = {
		"in the guest's block layer, before the disk had the requests",
		"on the way back, from the finished IO to the guest's completion",
	};
	uint64_t most = w->guest_queue > w->completion ? w->guest_queue : w->completion;
	char sum[16];

	attribution_fmt_ns(sum, sizeof(sum), w->all);
	if (w->unknown > most)
		snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
			 "can't tell: for %.0f %% of the waiting time (%s in all) the device's own "
			 "records are missing or can't be matched",
			 100.0 * (double)w->unknown / (double)w->all, sum);
	else
		snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
			 "no culprit: %.0f %% of the waiting time (%s in all) passed %s",
			 100.0 * (double)most / (double)w->all, sum, what[most == w->completion]);
}

static bool is_quiet(const struct attr_state *s, const struct attribution *a)
{
	uint64_t run = s->cfg.run_ns;

	if (!run && s->any_host)
		run = (uint64_t)(s->last_host - s->first_host);
	if (a->io.e2e.p99 < QUICK_P99_NS && a->io.e2e.max < QUICK_MAX_NS)
		return true;
	return a->io.e2e.p99 < QUIET_P99_NS && a->io.e2e.sum / QUIET_RUN_PERCENT < run / 100;
}

static void no_io(const struct attr_state *s, struct attribution *a)
{
	uint64_t stalls = 0, ns = 0;
	char sum[16];

	for (unsigned int d = 0; d < SS_MAX_DISKS; d++) {
		stalls += a->disk[d].traced.stalls;
		ns += a->disk[d].traced.stall_ns;
	}
	if (s->cfg.guest_missing && stalls)
		snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
			 "can't tell who waited: no guest IO was traced; the disks stalled %" PRIu64
			 " times, %s in all",
			 stalls, attribution_fmt_ns(sum, sizeof(sum), ns));
	else if (s->cfg.guest_missing)
		snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
			 "can't tell: no guest IO was traced");
	else
		snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
			 "the guest did no IO on the traced disks");
}

/* Without IO there is nobody to blame, but the network's stalls are worth a word. */
static void add_net_stalls(struct attribution *a)
{
	char *sentence = a->verdict.sentence, sum[16];
	size_t size = sizeof(a->verdict.sentence);

	for (unsigned int n = 0; n < SS_MAX_NETS; n++) {
		const struct attr_stalls *net = &a->net[n];
		size_t len = strlen(sentence);

		if (net->stalls)
			snprintf(sentence + len, size - len,
				 "; net%u's throttle stalled %" PRIu64 " time%s, %s in all", n,
				 net->stalls, net->stalls == 1 ? "" : "s",
				 attribution_fmt_ns(sum, sizeof(sum), net->stall_ns));
	}
}

static void verdict(const struct attr_state *s, struct attribution *a)
{
	struct weights w;
	enum attr_cause c;
	char p99[16], max[16];

	if (!a->io.count) {
		no_io(s, a);
		add_net_stalls(a);
		return;
	}
	if (is_quiet(s, a)) {
		snprintf(a->verdict.sentence, sizeof(a->verdict.sentence),
			 "nothing waited noteworthy: of %" PRIu64 " IOs 99 %% took at most %s, "
			 "the longest %s",
			 a->io.count, attribution_fmt_ns(p99, sizeof(p99), a->io.e2e.p99),
			 attribution_fmt_ns(max, sizeof(max), a->io.e2e.max));
		return;
	}
	weigh(s, a, &w);
	c = heaviest(&w);
	if (c != ATTR_CAUSE_NONE)
		name_cause(s, a, c, &w);
	else
		name_no_cause(a, &w);
}

/* ---- notes ---- */

static void note_stalls(const struct attr_state *s, struct attribution *a, const char *kind,
			unsigned int n, uint64_t throttled, const struct attr_stalls *traced)
{
	/* Untraced altogether: that is told elsewhere. */
	if (traced->counters_agree || (s->cfg.host_missing && !traced->stalls && !traced->drains))
		return;
	attr_note(a,
		  "%s%u: throttled_count is %" PRIu64 ", %" PRIu64 " stalls were traced "
		  "and %" PRIu64 " host records lost: that doesn't add up",
		  kind, n, throttled, traced->stalls, s->cfg.host_lost);
}

static void note_counters(const struct attr_state *s, struct attribution *a)
{
	for (unsigned int d = 0; d < s->cfg.disks; d++)
		note_stalls(s, a, "disk", d, s->cfg.disk[d].throttled_count, &a->disk[d].traced);
	for (unsigned int n = 0; n < s->cfg.nets; n++)
		note_stalls(s, a, "net", n, s->cfg.net_throttled[n], &a->net[n]);
}

static void note_clock(const struct attr_state *s, struct attribution *a)
{
	char err[16], max[16];

	if (!a->clock.aligned && s->reqs && s->ios)
		attr_note(a,
			  "host and guest times can't be aligned (%s): the device's share of an "
			  "IO's time is unknown",
			  a->clock.reason);
	if (a->clock.warning[0])
		attr_note(a, "clock: %s", a->clock.warning);
	if (a->io.beyond_error)
		attr_note(a,
			  "%" PRIu64
			  " IO%s had host stamps outside their guest stamps by more than "
			  "the alignment error of %s, at most %s",
			  a->io.beyond_error, a->io.beyond_error == 1 ? "" : "s",
			  attribution_fmt_ns(err, sizeof(err), a->clock.error_ns),
			  attribution_fmt_ns(max, sizeof(max), a->clamped_max_ns));
}

static void note_matches(const struct attr_state *s, struct attribution *a)
{
	uint64_t lone = a->io.count - a->io.matched - a->io.unissued;

	if (a->io.count && !s->reqs)
		attr_note(a, "no host record of any request: throttle, backing and worker can't be "
			     "told apart");
	else if (lone && a->clock.aligned)
		attr_note(a,
			  "%" PRIu64 " of %" PRIu64 " guest IOs have no host record, their device "
			  "time is unknown",
			  lone, a->io.count);
	if (a->io.host_unmatched)
		attr_note(a, "%" PRIu64 " requests of the device have no guest record",
			  a->io.host_unmatched);
	if (a->foreign_io && !a->io.count)
		attr_note(a,
			  "%" PRIu64 " guest IOs were to other devices or the guest didn't say "
			  "which disk is which",
			  a->foreign_io);
	if (a->io.count && !s->runs)
		attr_note(a, "no guest scheduling record: waiting for a CPU can't be told");
}

static void note_losses(const struct attr_state *s, struct attribution *a)
{
	if (s->cfg.host_lost || s->cfg.guest_lost)
		attr_note(a,
			  "%" PRIu64 " host and %" PRIu64
			  " guest records were lost: counts and sums "
			  "are lower bounds",
			  s->cfg.host_lost, s->cfg.guest_lost);
	if (a->file.truncated || a->file.damaged)
		attr_note(a, "the last %" PRIu64 " bytes of the events file are cut off or damaged",
			  a->file.truncated + a->file.damaged);
	if (a->bad_guest_io)
		attr_note(a, "%" PRIu64 " guest IO records had impossible times and were left out",
			  a->bad_guest_io);
	if (a->skipped)
		attr_note(a, "%" PRIu64 " records were left out: impossible, or more than are kept",
			  a->skipped);
}

void attr_judge(struct attr_state *s, struct attribution *a)
{
	if (a->tasks_time.present && a->tasks_time.workload)
		waits_judge(s, a);
	else
		verdict(s, a);
	note_clock(s, a);
	note_matches(s, a);
	note_counters(s, a);
	note_losses(s, a);
	a->verdict.complete = !(a->verdict.by_tasks && (a->scx_ejected || a->tasks_time.lost)) &&
			      !s->cfg.host_missing && !s->cfg.guest_missing && !s->cfg.host_lost &&
			      !s->cfg.guest_lost && !a->skipped && !a->bad_guest_io &&
			      !a->file.truncated && !a->file.damaged &&
			      a->io.matched + a->io.unissued == a->io.count &&
			      (!a->io.count || (a->clock.aligned && s->runs));
}
