// SPDX-License-Identifier: GPL-2.0-only
/*
 * The common time line. Every guest sample is carried over to the host's
 * CLOCK_MONOTONIC once, when the clock is built; converting a stamp is then
 * one interpolation between two such knots.
 *
 * TSC values are only ever used as differences modulo 2^64, so that neither a
 * counter that wraps nor an offset that makes the guest's one wrap matters.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/clock.h"
#include "analysis/clock_int.h"

/* An error bound as large as this, 4 years, says nothing; multiples of it still fit. */
#define ERROR_MAX (1ULL << 57)

struct ss_clock *clock_new(uint64_t host_tsc_hz, uint64_t guest_tsc_hz)
{
	struct ss_clock *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->host_hz = host_tsc_hz;
	c->guest_hz = guest_tsc_hz;
	return c;
}

void clock_free(struct ss_clock *c)
{
	if (!c)
		return;
	free(c->host_raw);
	free(c->guest_raw);
	free(c->host.knot);
	free(c->guest.knot);
	clock_offsets_free(c);
	free(c);
}

int clock_set_vcpu(struct ss_clock *c, const struct ss_rec_vcpu_tsc *rec)
{
	struct clock_vcpu *v;

	if (rec->vcpu >= CLOCK_MAX_VCPUS || rec->frac_bits > 63 || !rec->scale)
		return -EINVAL;
	v = &c->vcpu[rec->vcpu];
	v->kvm_known = true;
	v->kvm_offset = rec->offset;
	v->kvm_scale = rec->scale;
	v->kvm_frac_bits = rec->frac_bits;
	return 0;
}

/* Make room for one more, thinning evenly once there are very many. */
static int raw_room(void **arr, size_t size, uint32_t *nr, uint32_t *cap)
{
	uint32_t want = *cap ? *cap * 2 : 64;
	void *p;

	if (*nr < *cap)
		return 0;
	if (want > CLOCK_MAX_SAMPLES) {
		unsigned char *a = *arr;

		for (uint32_t i = 0; i < *nr / 2; i++)
			memmove(a + i * size, a + 2 * i * size, size);
		*nr /= 2;
		return 0;
	}
	p = realloc(*arr, want * size);
	if (!p)
		return -ENOMEM;
	*arr = p;
	*cap = want;
	return 0;
}

int clock_add_host(struct ss_clock *c, const struct ss_rec_host_clock *rec)
{
	void *arr = c->host_raw;

	if (raw_room(&arr, sizeof(*c->host_raw), &c->host_nr, &c->host_cap))
		return -ENOMEM;
	c->host_raw = arr;
	c->host_raw[c->host_nr++] = *rec;
	return 0;
}

int clock_add_guest(struct ss_clock *c, const struct ss_rec_g_clock *rec)
{
	void *arr = c->guest_raw;

	if (raw_room(&arr, sizeof(*c->guest_raw), &c->guest_nr, &c->guest_cap))
		return -ENOMEM;
	c->guest_raw = arr;
	c->guest_raw[c->guest_nr++] = *rec;
	return 0;
}

static int cannot_align(struct ss_clock *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int cannot_align(struct ss_clock *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->info.reason, sizeof(c->info.reason), fmt, ap);
	va_end(ap);
	c->info.aligned = false;
	c->info.source = CLOCK_SRC_NONE;
	return -ENODATA;
}

/* ---- host TSC to host CLOCK_MONOTONIC ---- */

static int by_host_ts(const void *a, const void *b)
{
	uint64_t x = ((const struct ss_rec_host_clock *)a)->h.ts;
	uint64_t y = ((const struct ss_rec_host_clock *)b)->h.ts;

	return (x > y) - (x < y);
}

static int build_host(struct ss_clock *c)
{
	struct clock_map *m = &c->host;
	uint32_t n = 0;
	uint64_t hw;
	int err;

	if (c->host_nr < 2)
		return cannot_align(c, "only %" PRIu32 " host clock sample%s, 2 are needed",
				    c->host_nr, c->host_nr == 1 ? "" : "s");
	m->knot = calloc(c->host_nr, sizeof(*m->knot));
	if (!m->knot)
		return -ENOMEM;
	qsort(c->host_raw, c->host_nr, sizeof(*c->host_raw), by_host_ts);
	c->host_base_tsc = c->host_raw[0].tsc_before;
	c->host_base_ns = c->host_raw[0].h.ts;
	for (uint32_t i = 0; i < c->host_nr; i++) {
		const struct ss_rec_host_clock *r = &c->host_raw[i];
		uint64_t width = r->tsc_after - r->tsc_before;

		if (width > CLOCK_MAX_WIDTH)
			continue;
		m->knot[n++] = (struct clock_knot){
			.x = (int64_t)(r->tsc_before + width / 2 - c->host_base_tsc),
			.y = (int64_t)(r->h.ts - c->host_base_ns),
			.hw = width - width / 2,
		};
	}
	m->nr = n;
	err = clock_map_clean(m);
	if (err)
		return err;
	c->info.host_samples = m->nr;
	c->info.host_dropped = c->host_nr - m->nr;
	if (m->nr < 2)
		return cannot_align(c,
				    "the host's TSC samples contradict each other (%" PRIu32
				    " of %" PRIu32 " dropped)",
				    c->info.host_dropped, c->host_nr);
	hw = clock_map_max_hw(m);
	c->info.host_bracket_ns = clock_scale_up(hw, m->knot[m->nr - 1].y - m->knot[0].y,
						 m->knot[m->nr - 1].x - m->knot[0].x);
	c->info.host_residual_ns = clock_map_residual(m);
	return 0;
}

/* ---- guest CLOCK_MONOTONIC to host CLOCK_MONOTONIC ---- */

static int by_guest_ts(const void *a, const void *b)
{
	uint64_t x = ((const struct ss_rec_g_clock *)a)->h.ts;
	uint64_t y = ((const struct ss_rec_g_clock *)b)->h.ts;

	return (x > y) - (x < y);
}

/* Both are CLOCK_MONOTONIC: more than slewing apart, and the samples are wrong. */
static bool rates_match(const struct clock_map *m)
{
	int64_t guest = m->knot[m->nr - 1].x - m->knot[0].x;
	int64_t host = m->knot[m->nr - 1].y - m->knot[0].y;

	return host > guest - guest / 10 && host < guest + guest / 10;
}

static int build_guest(struct ss_clock *c)
{
	struct clock_map *m = &c->guest;
	uint32_t n = 0, no_offset = 0;
	int64_t span_ns = c->host.knot[c->host.nr - 1].y - c->host.knot[0].y;
	int64_t span_tsc = c->host.knot[c->host.nr - 1].x - c->host.knot[0].x;
	int err;

	m->knot = calloc(c->guest_nr, sizeof(*m->knot));
	if (!m->knot)
		return -ENOMEM;
	c->guest_base_ns = c->guest_raw[0].h.ts;
	for (uint32_t i = 0; i < c->guest_nr; i++) {
		const struct ss_rec_g_clock *r = &c->guest_raw[i];
		uint64_t width = r->tsc_after - r->tsc_before;
		const struct clock_vcpu *v;
		uint64_t host_tsc;

		if (r->h.cpu >= CLOCK_MAX_VCPUS || !c->vcpu[r->h.cpu].usable) {
			no_offset++;
			continue;
		}
		if (width > CLOCK_MAX_WIDTH)
			continue;
		v = &c->vcpu[r->h.cpu];
		host_tsc = clock_guest_to_host_tsc(v, r->tsc_before + width / 2);
		m->knot[n++] = (struct clock_knot){
			.x = (int64_t)(r->h.ts - c->guest_base_ns),
			.y = clock_map_at(&c->host, (int64_t)(host_tsc - c->host_base_tsc)),
			.hw = clock_scale_up(width - width / 2, span_ns, span_tsc),
		};
	}
	m->nr = n;
	err = clock_map_clean(m);
	if (err)
		return err;
	c->info.guest_samples = m->nr;
	c->info.guest_dropped = c->guest_nr - m->nr;
	if (m->nr < 2 && no_offset + 2 > c->guest_nr)
		return cannot_align(c, "KVM doesn't tell the guest's TSC offset and the clock port "
				       "gave no answer");
	if (m->nr < 2)
		return cannot_align(c,
				    "the guest's clock samples contradict each other (%" PRIu32
				    " of %" PRIu32 " dropped)",
				    c->info.guest_dropped, c->guest_nr);
	if (!rates_match(m))
		return cannot_align(c, "the guest's clock runs more than 10 %% off the host's");
	c->info.guest_bracket_ns = clock_map_max_hw(m);
	c->info.guest_residual_ns = clock_map_residual(m);
	return 0;
}

/* A guest can say anything of its clock: nothing here may wrap. */
static uint64_t add_up(const uint64_t *v, unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		if (__builtin_add_overflow(sum, v[i], &sum) || sum > ERROR_MAX)
			return ERROR_MAX;
	return sum;
}

static void sum_up(struct ss_clock *c)
{
	struct clock_info *i = &c->info;
	const uint64_t v[] = { i->offset_ns,	    i->host_bracket_ns,	  i->host_residual_ns,
			       i->guest_bracket_ns, i->guest_residual_ns, i->extrapolation_ns };

	i->error_ns = add_up(v, sizeof(v) / sizeof(v[0]));
}

int clock_build(struct ss_clock *c)
{
	int64_t ns, tsc;
	int err;

	free(c->host.knot);
	free(c->guest.knot);
	memset(&c->host, 0, sizeof(c->host));
	memset(&c->guest, 0, sizeof(c->guest));
	memset(&c->info, 0, sizeof(c->info));
	err = build_host(c);
	if (err)
		return err;
	if (c->guest_nr < 2)
		return cannot_align(c, "only %" PRIu32 " guest clock sample%s, 2 are needed",
				    c->guest_nr, c->guest_nr == 1 ? "" : "s");
	qsort(c->guest_raw, c->guest_nr, sizeof(*c->guest_raw), by_guest_ts);
	err = clock_offsets(c);
	if (err)
		return err;
	err = build_guest(c);
	if (err)
		return err;
	ns = c->host.knot[c->host.nr - 1].y - c->host.knot[0].y;
	tsc = c->host.knot[c->host.nr - 1].x - c->host.knot[0].x;
	c->info.offset_ns = clock_scale_up(c->offset_error, ns, tsc);
	c->info.aligned = true;
	sum_up(c);
	return 0;
}

void clock_cover(struct ss_clock *c, uint64_t first_guest_ns, uint64_t last_guest_ns)
{
	const struct clock_knot *a, *b;
	const uint64_t off[] = { c->info.host_bracket_ns, c->info.guest_bracket_ns,
				 c->info.host_residual_ns, c->info.guest_residual_ns };
	uint64_t slack, before = 0, after = 0;
	int64_t first, last;

	if (!c->info.aligned)
		return;
	a = &c->guest.knot[0];
	b = &c->guest.knot[c->guest.nr - 1];
	first = (int64_t)(first_guest_ns - c->guest_base_ns);
	last = (int64_t)(last_guest_ns - c->guest_base_ns);
	if (first < a->x)
		before = (uint64_t)a->x - (uint64_t)first;
	if (last > b->x)
		after = (uint64_t)last - (uint64_t)b->x;
	/* Both ends of the line through first and last knot may be off by this. */
	slack = 2 * add_up(off, sizeof(off) / sizeof(off[0]));
	c->info.extrapolation_ns =
		clock_scale_up(before > after ? before : after, (int64_t)slack, b->x - a->x);
	sum_up(c);
}

bool clock_aligned(const struct ss_clock *c)
{
	return c->info.aligned;
}

int64_t clock_to_host(const struct ss_clock *c, uint64_t guest_ns)
{
	int64_t y = clock_map_at(&c->guest, (int64_t)(guest_ns - c->guest_base_ns));

	return (int64_t)((uint64_t)y + c->host_base_ns);
}

uint64_t clock_error_ns(const struct ss_clock *c)
{
	return c->info.error_ns;
}

void clock_get_info(const struct ss_clock *c, struct clock_info *out)
{
	*out = c->info;
}

const char *clock_source_name(enum clock_source s)
{
	static const char *const name[] = {
		[CLOCK_SRC_NONE] = "none",
		[CLOCK_SRC_KVM] = "kvm",
		[CLOCK_SRC_PORT] = "port",
		[CLOCK_SRC_MIXED] = "mixed",
	};

	return (size_t)s < sizeof(name) / sizeof(name[0]) ? name[s] : "none";
}
