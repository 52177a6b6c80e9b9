/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One time line for host and guest: the host's CLOCK_MONOTONIC in ns.
 *
 * A guest stamp travels guest CLOCK_MONOTONIC -> guest TSC -> host TSC -> host
 * CLOCK_MONOTONIC. The outer steps are piecewise linear between clock samples,
 * the middle one is what KVM says a vCPU's TSC is made from or, where KVM says
 * nothing or something that can't be, what the runner's clock port measured.
 */
#ifndef SS_CLOCK_H
#define SS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "ss_events.h"

#define CLOCK_MAX_VCPUS 256

struct ss_clock;

enum clock_source {
	CLOCK_SRC_NONE, /* not aligned */
	CLOCK_SRC_KVM,	/* every vCPU's offset is KVM's */
	CLOCK_SRC_PORT, /* every vCPU's offset was measured through the clock port */
	CLOCK_SRC_MIXED,
};

/* For the report. */
struct clock_info {
	bool aligned;
	enum clock_source source;
	uint64_t error_ns; /* bound, see clock_error_ns() */
	/* what the bound is made of, ns */
	uint64_t host_bracket_ns;	      /* half the widest host sample that is used */
	uint64_t guest_bracket_ns;	      /* half the widest guest sample that is used */
	uint64_t offset_ns;		      /* uncertainty of the TSC offset */
	uint64_t host_residual_ns;	      /* leave-one-out, host map */
	uint64_t guest_residual_ns;	      /* leave-one-out, guest map */
	uint64_t extrapolation_ns;	      /* for stamps outside the sampled span */
	uint32_t host_samples, guest_samples; /* used */
	uint32_t host_dropped, guest_dropped; /* backwards, too wide, contradictory */
	char reason[160];		      /* why it isn't aligned, else "" */
	char warning[200]; /* KVM and the port contradict each other, ..., else "" */
};

/**
 * clock_new() - an empty clock.
 * @host_tsc_hz: host TSC frequency, 0 if unknown
 * @guest_tsc_hz: guest TSC frequency, 0 if unknown
 *
 * Return: the clock or NULL (no memory). Not thread safe.
 */
struct ss_clock *clock_new(uint64_t host_tsc_hz, uint64_t guest_tsc_hz);
void clock_free(struct ss_clock *c);

/**
 * clock_set_vcpu() - what KVM says: guest_tsc = (host_tsc * scale >> frac_bits) + offset.
 *
 * Return: 0 or -EINVAL (vCPU number, scale or frac_bits can't be).
 */
int clock_set_vcpu(struct ss_clock *c, const struct ss_rec_vcpu_tsc *rec);

/** clock_add_host() - a host sample, in any order. Return: 0 or -ENOMEM. */
int clock_add_host(struct ss_clock *c, const struct ss_rec_host_clock *rec);

/** clock_add_guest() - a guest sample, hostile input, in any order. Return: 0 or -ENOMEM. */
int clock_add_guest(struct ss_clock *c, const struct ss_rec_g_clock *rec);

/**
 * clock_build() - make the maps from the samples.
 *
 * Return: 0, -ENODATA (can't align, clock_info() has the reason) or -ENOMEM.
 */
int clock_build(struct ss_clock *c);

/**
 * clock_cover() - say which guest stamps will be asked for.
 *
 * Stamps before the first or behind the last sample are extrapolated; the
 * error bound grows by what that can cost.
 */
void clock_cover(struct ss_clock *c, uint64_t first_guest_ns, uint64_t last_guest_ns);

/** clock_aligned() - did clock_build() succeed? */
bool clock_aligned(const struct ss_clock *c);

/** clock_to_host() - guest CLOCK_MONOTONIC ns as host CLOCK_MONOTONIC ns; the clock is aligned. */
int64_t clock_to_host(const struct ss_clock *c, uint64_t guest_ns);

/**
 * clock_error_ns() - bound of clock_to_host()'s error, ns.
 *
 * Measured: sample brackets, leave-one-out residuals of both maps, offset
 * uncertainty and extrapolation, added up.
 */
uint64_t clock_error_ns(const struct ss_clock *c);

/** clock_get_info() - everything about it, aligned or not. */
void clock_get_info(const struct ss_clock *c, struct clock_info *out);

/** clock_source_name() - "kvm", "port", "mixed", "none". */
const char *clock_source_name(enum clock_source s);

#endif /* SS_CLOCK_H */
