// SPDX-License-Identifier: GPL-2.0-only
/*
 * From guest TSC to host TSC. KVM knows offset and scale exactly where it
 * tells them. The clock port measures: the guest reads its TSC, the port's
 * answer (the host's TSC), and its TSC again, so the true offset lies between
 * two bounds; all samples of a vCPU together narrow them down. So KVM's word
 * can be checked and done without.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/clock_int.h"

#define UNSCALED_BITS 48
/* Ticks by which rounding may put KVM's offset outside the bounds. */
#define OFFSET_SLACK 64
/* An offset may drift by a tick in so many, half a per cent; a reading may be so uncertain then. */
#define DRIFT_MOST   200
#define DRIFT_MAX_HW 100000
/* What it does drift by: a tick in so many was the most seen. */
#define DRIFT_LIKELY 100000

struct bound {
	int64_t lo, hi; /* relative to measured.ref */
};

struct measured {
	uint64_t ref;
	struct bound b; /* of the offset */
	uint32_t nr;	/* samples */
	bool constant;	/* one offset explains all of them */
};

static uint64_t scale_tsc(const struct clock_vcpu *v, uint64_t host_tsc)
{
	return (uint64_t)(((unsigned __int128)host_tsc * v->scale) >> v->frac_bits);
}

/* On the line between the two readings around it; before the first and behind the last, theirs. */
static uint64_t drifted(const struct clock_vcpu *v, uint64_t guest_tsc)
{
	const struct clock_drift *d = v->drift;
	uint32_t i = 0;
	__int128 step;

	while (i < v->drift_nr && (int64_t)(guest_tsc - d[i].guest_tsc) >= 0)
		i++;
	if (!i || i == v->drift_nr)
		return d[i ? i - 1 : 0].offset;
	step = (__int128)(int64_t)(d[i].offset - d[i - 1].offset) *
	       (int64_t)(guest_tsc - d[i - 1].guest_tsc);
	return d[i - 1].offset + (uint64_t)(step / (int64_t)(d[i].guest_tsc - d[i - 1].guest_tsc));
}

uint64_t clock_guest_to_host_tsc(const struct clock_vcpu *v, uint64_t guest_tsc)
{
	uint64_t scaled = guest_tsc - (v->drift_nr ? drifted(v, guest_tsc) : v->offset);

	if (v->scale == 1ULL << v->frac_bits)
		return scaled;
	return (uint64_t)(((unsigned __int128)scaled << v->frac_bits) / v->scale);
}

static bool has_port(const struct ss_rec_g_clock *r, uint32_t cpu)
{
	return r->h.cpu == cpu && r->host_tsc &&
	       r->port_tsc_after - r->port_tsc_before <= CLOCK_MAX_WIDTH;
}

static uint64_t port_mid(const struct ss_rec_g_clock *r)
{
	return r->port_tsc_before + (r->port_tsc_after - r->port_tsc_before) / 2;
}

/* Without KVM's word: equal rates aren't scaled, else the samples say how much. */
static void guess_scale(struct ss_clock *c, struct clock_vcpu *v, uint32_t cpu)
{
	const struct ss_rec_g_clock *first = NULL, *last = NULL;
	unsigned __int128 scale;

	v->frac_bits = UNSCALED_BITS;
	v->scale = 1ULL << UNSCALED_BITS;
	if (c->host_hz && c->host_hz == c->guest_hz)
		return;
	for (uint32_t i = 0; i < c->guest_nr; i++) {
		if (!has_port(&c->guest_raw[i], cpu))
			continue;
		if (!first)
			first = &c->guest_raw[i];
		last = &c->guest_raw[i];
	}
	if (first && last->host_tsc > first->host_tsc && port_mid(last) > port_mid(first))
		scale = ((unsigned __int128)(port_mid(last) - port_mid(first)) << UNSCALED_BITS) /
			(last->host_tsc - first->host_tsc);
	else if (c->host_hz && c->guest_hz)
		scale = ((unsigned __int128)c->guest_hz << UNSCALED_BITS) / c->host_hz;
	else
		return;
	/* A rate 256 times the other's isn't one. */
	if (scale >> (UNSCALED_BITS + 8) == 0 && scale >> (UNSCALED_BITS - 8) != 0)
		v->scale = (uint64_t)scale;
}

static int by_mid(const void *a, const void *b)
{
	const struct bound *p = a, *q = b;
	int64_t x = p->lo / 2 + p->hi / 2, y = q->lo / 2 + q->hi / 2;

	return (x > y) - (x < y);
}

/* By how much can it have drifted before the first reading, or since the last? */
static uint64_t beyond(const struct ss_clock *c, const struct clock_drift *d, uint32_t n,
		       uint64_t error)
{
	const uint64_t span = d[n - 1].guest_tsc - d[0].guest_tsc;
	const int64_t head = (int64_t)(d[0].guest_tsc - c->guest_raw[0].tsc_before);
	const int64_t tail =
		(int64_t)(c->guest_raw[c->guest_nr - 1].tsc_after - d[n - 1].guest_tsc);
	const int64_t ticks = head > tail ? head : tail;
	unsigned __int128 most;

	if (ticks <= 0 || !span)
		return 0;
	/* As fast as the fastest that was seen, if each step was as long as the average. */
	most = (unsigned __int128)error * (n - 1) * (uint64_t)ticks / span;
	if (most < (uint64_t)ticks / DRIFT_LIKELY)
		most = (uint64_t)ticks / DRIFT_LIKELY;
	return most > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)most;
}

/*
 * How far off is the line between two readings? At most by what it drifted from one to the
 * other; and if the rate stays, by what a reading is off the line between its neighbours.
 */
static uint64_t line_error(const struct clock_drift *d, uint32_t n, uint64_t most)
{
	uint64_t hw = 0, off = 0;

	for (uint32_t i = 0; i < n; i++)
		hw = d[i].hw > hw ? d[i].hw : hw;
	for (uint32_t i = 1; i + 1 < n; i++) {
		const int64_t step = (int64_t)(d[i + 1].offset - d[i - 1].offset);
		const int64_t span = (int64_t)(d[i + 1].guest_tsc - d[i - 1].guest_tsc);
		const int64_t at = (int64_t)(d[i].guest_tsc - d[i - 1].guest_tsc);
		const int64_t line = (int64_t)((__int128)step * at / span);
		const int64_t is = (int64_t)(d[i].offset - d[i - 1].offset);

		if ((uint64_t)llabs(is - line) > off)
			off = (uint64_t)llabs(is - line);
	}
	return n > 2 && off + hw < most ? off + hw : most;
}

/*
 * QEMU's emulator keeps the guest's TSC from ever going back: where the host's CPUs differ, it
 * adds what they do, again and again, and so the offset drifts one way: by a millionth, or by five of ten thousand
 * where its CPUs ask for the time all the time.
 * Then each reading holds for its own moment.
 *
 * Return: true if that is what it is: a drift so small, one way; then @v->drift is set.
 */
static bool drifts(struct ss_clock *c, struct clock_vcpu *v, uint32_t cpu, const struct measured *m)
{
	struct clock_drift *d = calloc(c->guest_nr, sizeof(*d));
	uint64_t error = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; d && i < c->guest_nr; i++) {
		const struct ss_rec_g_clock *r = &c->guest_raw[i];
		const uint64_t hw = (r->port_tsc_after - r->port_tsc_before + 1) / 2;

		/* A reading that was held up says nothing. */
		if (!has_port(r, cpu) || hw > DRIFT_MAX_HW)
			continue;
		d[n++] = (struct clock_drift){
			.guest_tsc = port_mid(r),
			.offset = port_mid(r) - scale_tsc(v, r->host_tsc),
			.hw = hw,
		};
	}
	for (uint32_t i = 1; i < n; i++) {
		const int64_t off = (int64_t)(d[i].offset - d[i - 1].offset);
		const int64_t ticks = (int64_t)(d[i].guest_tsc - d[i - 1].guest_tsc);
		const int64_t slack = (int64_t)(d[i].hw + d[i - 1].hw);

		if (ticks <= 0 || off < -slack || off > ticks / DRIFT_MOST + slack) {
			free(d);
			return false;
		}
		if ((uint64_t)(llabs(off) + slack) > error)
			error = (uint64_t)(llabs(off) + slack);
	}
	if (n < 2 || m->nr < 2) {
		free(d);
		return false;
	}
	v->drift = d;
	v->drift_nr = n;
	error = line_error(d, n, error) + beyond(c, d, n, error);
	v->usable = v->from_port = true;
	if (error > c->offset_error)
		c->offset_error = error;
	return true;
}

/* No offset fits all samples: the middle one, as uncertain as the farthest. */
static void spread(struct bound *b, uint32_t nr, struct measured *m)
{
	int64_t mid, off = 0;

	qsort(b, nr, sizeof(*b), by_mid);
	mid = b[nr / 2].lo / 2 + b[nr / 2].hi / 2;
	for (uint32_t i = 0; i < nr; i++) {
		int64_t d = b[i].lo / 2 + b[i].hi / 2 - mid;

		d = d < 0 ? -d : d;
		off = d > off ? d : off;
	}
	m->b = (struct bound){ mid - off, mid + off };
}

static int measure(struct ss_clock *c, const struct clock_vcpu *v, uint32_t cpu, struct measured *m)
{
	struct bound *b = calloc(c->guest_nr, sizeof(*b));
	int64_t lo = INT64_MIN, hi = INT64_MAX;

	*m = (struct measured){ .constant = true };
	if (!b)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->guest_nr; i++) {
		const struct ss_rec_g_clock *r = &c->guest_raw[i];
		uint64_t scaled = scale_tsc(v, r->host_tsc);
		int64_t at;

		if (!has_port(r, cpu))
			continue;
		if (!m->nr)
			m->ref = r->port_tsc_before - scaled;
		at = (int64_t)(r->port_tsc_before - scaled - m->ref);
		/* Half the range apart from the first: nonsense, and it could overflow. */
		if (at > INT64_MAX / 4 || at < INT64_MIN / 4)
			continue;
		b[m->nr].lo = at;
		b[m->nr].hi = at + (int64_t)(r->port_tsc_after - r->port_tsc_before);
		lo = b[m->nr].lo > lo ? b[m->nr].lo : lo;
		hi = b[m->nr].hi < hi ? b[m->nr].hi : hi;
		m->nr++;
	}
	m->b = (struct bound){ lo, hi };
	if (m->nr && lo > hi) {
		m->constant = false;
		spread(b, m->nr, m);
	}
	free(b);
	return 0;
}

/* Does KVM's offset lie within what was measured? */
static bool agrees(const struct clock_vcpu *v, const struct measured *m)
{
	int64_t at = (int64_t)(v->offset - m->ref);

	return at >= m->b.lo - OFFSET_SLACK && at <= m->b.hi + OFFSET_SLACK;
}

static void warn_contradiction(struct ss_clock *c, uint32_t cpu, const struct clock_vcpu *v,
			       const struct measured *m)
{
	uint64_t mid = (uint64_t)(m->b.lo / 2 + m->b.hi / 2);

	if (c->info.warning[0])
		return;
	snprintf(c->info.warning, sizeof(c->info.warning),
		 "KVM's TSC offset of vCPU %" PRIu32 " is %" PRId64
		 " ticks from what the clock port "
		 "measured (give or take %" PRId64 "): using the measured one",
		 cpu, (int64_t)(v->offset - m->ref - mid), (m->b.hi - m->b.lo) / 2);
}

static void use_measured(struct ss_clock *c, uint32_t cpu, struct clock_vcpu *v,
			 const struct measured *m)
{
	uint64_t half = ((uint64_t)m->b.hi - (uint64_t)m->b.lo + 1) / 2;
	unsigned __int128 ticks = ((unsigned __int128)half << v->frac_bits) / v->scale;

	v->offset = m->ref + (uint64_t)(m->b.lo + (m->b.hi - m->b.lo) / 2);
	v->usable = v->from_port = true;
	if (ticks > c->offset_error)
		c->offset_error = ticks > UINT64_MAX ? UINT64_MAX : (uint64_t)ticks;
	if (!m->constant && !c->info.warning[0])
		snprintf(c->info.warning, sizeof(c->info.warning),
			 "no single TSC offset of vCPU %" PRIu32
			 " fits what the clock port measured",
			 cpu);
}

static int settle_vcpu(struct ss_clock *c, uint32_t cpu)
{
	struct clock_vcpu *v = &c->vcpu[cpu];
	struct measured m;
	int err;

	v->usable = v->from_port = false;
	v->offset = v->kvm_offset;
	v->scale = v->kvm_scale;
	v->frac_bits = v->kvm_frac_bits;
	if (!v->kvm_known)
		guess_scale(c, v, cpu);
	err = measure(c, v, cpu, &m);
	if (err)
		return err;
	if (v->kvm_known && (!m.nr || agrees(v, &m))) {
		v->usable = true;
		return 0;
	}
	if (!m.nr)
		return 0;
	if (v->kvm_known) {
		warn_contradiction(c, cpu, v, &m);
		guess_scale(c, v, cpu);
		err = measure(c, v, cpu, &m);
		if (err)
			return err;
	}
	if (m.constant || v->scale != 1ULL << v->frac_bits || !drifts(c, v, cpu, &m))
		use_measured(c, cpu, v, &m);
	return 0;
}

void clock_offsets_free(struct ss_clock *c)
{
	for (uint32_t cpu = 0; cpu < CLOCK_MAX_VCPUS; cpu++) {
		free(c->vcpu[cpu].drift);
		c->vcpu[cpu].drift = NULL;
		c->vcpu[cpu].drift_nr = 0;
	}
}

int clock_offsets(struct ss_clock *c)
{
	bool present[CLOCK_MAX_VCPUS] = { false };
	bool kvm = false, port = false;

	c->offset_error = 0;
	clock_offsets_free(c);
	for (uint32_t i = 0; i < c->guest_nr; i++)
		if (c->guest_raw[i].h.cpu < CLOCK_MAX_VCPUS)
			present[c->guest_raw[i].h.cpu] = true;
	for (uint32_t cpu = 0; cpu < CLOCK_MAX_VCPUS; cpu++) {
		int err = present[cpu] ? settle_vcpu(c, cpu) : 0;

		if (err)
			return err;
		kvm |= present[cpu] && c->vcpu[cpu].usable && !c->vcpu[cpu].from_port;
		port |= present[cpu] && c->vcpu[cpu].usable && c->vcpu[cpu].from_port;
	}
	c->info.source = kvm && port ? CLOCK_SRC_MIXED
			 : kvm	     ? CLOCK_SRC_KVM
			 : port	     ? CLOCK_SRC_PORT
				     : CLOCK_SRC_NONE;
	return 0;
}
