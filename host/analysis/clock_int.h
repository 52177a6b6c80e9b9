/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the clock's own files only.
 */
#ifndef SS_CLOCK_INT_H
#define SS_CLOCK_INT_H

#include "analysis/clock.h"

#define CLOCK_MAX_SAMPLES 65536
/* TSC ticks; a wider bracket, or one that runs backwards, isn't one. */
#define CLOCK_MAX_WIDTH (1ULL << 40)

/* A point of a map; x and y are relative to a base, hw is y's or x's uncertainty. */
struct clock_knot {
	int64_t x, y;
	uint64_t hw;
};

/* Piecewise linear, x and y strictly rising. */
struct clock_map {
	struct clock_knot *knot;
	uint32_t nr;
};

/* An offset that drifts, as a reading of the port found it: give or take @hw. */
struct clock_drift {
	uint64_t guest_tsc;
	uint64_t offset;
	uint64_t hw;
};

struct clock_vcpu {
	bool kvm_known, usable, from_port;
	uint64_t kvm_offset, kvm_scale;
	uint32_t kvm_frac_bits;
	/* what is used: guest = (host * scale >> frac_bits) + offset */
	uint64_t offset, scale;
	uint32_t frac_bits;
	struct clock_drift *drift; /* instead of @offset, if @drift_nr isn't 0; owned */
	uint32_t drift_nr;
};

struct ss_clock {
	uint64_t host_hz, guest_hz;
	struct ss_rec_host_clock *host_raw;
	struct ss_rec_g_clock *guest_raw;
	uint32_t host_nr, host_cap, guest_nr, guest_cap;
	struct clock_vcpu vcpu[CLOCK_MAX_VCPUS];
	uint64_t host_base_tsc, host_base_ns, guest_base_ns;
	struct clock_map host;	/* x: host TSC, y: host ns, hw: TSC */
	struct clock_map guest; /* x: guest ns, y: host ns, hw: ns */
	uint64_t offset_error;	/* host TSC ticks */
	struct clock_info info;
};

/* clock_map.c */

/**
 * clock_map_clean() - sort by x and keep knots that rise in x and y.
 *
 * Drops as few knots as possible for that, and those much less certain than
 * the rest. Return: 0 or -ENOMEM.
 */
int clock_map_clean(struct clock_map *m);

/** clock_map_at() - y at @x; needs two knots. Outside, the overall slope goes on. */
int64_t clock_map_at(const struct clock_map *m, int64_t x);

/** clock_map_max_hw() - the least certain knot's uncertainty. */
uint64_t clock_map_max_hw(const struct clock_map *m);

/**
 * clock_map_residual() - how far off is a knot when its neighbours predict it?
 *
 * The largest such error, in y. With two knots nothing can be left out: then
 * what a clock may be slewed by (500 ppm) within a quarter of the span.
 */
uint64_t clock_map_residual(const struct clock_map *m);

/** clock_scale_up() - v * num / den rounded up, saturating; den > 0, num >= 0. */
uint64_t clock_scale_up(uint64_t v, int64_t num, int64_t den);

/* clock_offset.c */

/**
 * clock_offsets() - settle each vCPU's offset: KVM's, checked, or the measured.
 *
 * Needs the raw guest samples sorted by time. Return: 0 or -ENOMEM.
 */
int clock_offsets(struct ss_clock *c);

/** clock_offsets_free() - free what clock_offsets() keeps; harmless before it. */
void clock_offsets_free(struct ss_clock *c);

/** clock_guest_to_host_tsc() - undo a vCPU's offset and scale. */
uint64_t clock_guest_to_host_tsc(const struct clock_vcpu *v, uint64_t guest_tsc);

#endif /* SS_CLOCK_INT_H */
