// SPDX-License-Identifier: GPL-2.0-only
/* Makes records of the host's clock and the TSC, sampled together. */
#include "lib/time.h"
#include "trace/clock_sample.h"

#include <stdbool.h>
#include <x86intrin.h>

void clock_sample_host(struct ss_rec_host_clock *rec)
{
	*rec = (struct ss_rec_host_clock){ .tsc_after = UINT64_MAX };

	for (int i = 0; i < 5; i++) {
		uint64_t before = __rdtsc();
		uint64_t now = monotonic_ns();
		uint64_t after = __rdtsc();

		if (after - before >= rec->tsc_after - rec->tsc_before)
			continue;
		rec->h.ts = now;
		rec->tsc_before = before;
		rec->tsc_after = after;
	}
	rec->h.type = SS_REC_HOST_CLOCK;
	rec->h.len = sizeof(*rec);
}

void clock_vcpu_rec(struct ss_rec_vcpu_tsc *rec, uint32_t vcpu, uint32_t guest_khz,
		    uint32_t host_khz, uint32_t frac_bits, uint64_t offset, uint64_t ts)
{
	bool scaled = guest_khz && host_khz && guest_khz != host_khz;

	*rec = (struct ss_rec_vcpu_tsc){
		.h = { .type = SS_REC_VCPU_TSC, .len = sizeof(*rec), .ts = ts },
		.vcpu = vcpu,
		.frac_bits = frac_bits,
		.offset = offset,
		.scale = 1ULL << frac_bits,
	};
	if (scaled)
		rec->scale = (uint64_t)(((unsigned __int128)guest_khz << frac_bits) / host_khz);
}
