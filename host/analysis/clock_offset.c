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

uint64_t clock_guest_to_host_tsc(const struct clock_vcpu *v, uint64_t guest_tsc)
{
	uint64_t scaled = guest_tsc - v->offset;

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
	use_measured(c, cpu, v, &m);
	return 0;
}

int clock_offsets(struct ss_clock *c)
{
	bool present[CLOCK_MAX_VCPUS] = { false };
	bool kvm = false, port = false;

	c->offset_error = 0;
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
