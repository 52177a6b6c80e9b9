// SPDX-License-Identifier: GPL-2.0-only
/* Samples of the host's clock, taken for real; what the analysis makes of them: test_clock.c. */
#include "trace/clock_sample.h"

#include <x86intrin.h>

#include "lib/time.h"
#include "ss_harness.h"

TEST(brackets, .title = "a sample's time lies between its TSC readings, and those between ours")
{
	struct ss_rec_host_clock last = { .tsc_after = 0 };

	for (unsigned int i = 0; i < 1000; i++) {
		struct ss_rec_host_clock rec;
		const uint64_t ns = monotonic_ns(), tsc = __rdtsc();

		clock_sample_host(&rec);
		EXPECT_EQ(rec.h.type, SS_REC_HOST_CLOCK);
		EXPECT_EQ(rec.h.len, sizeof(rec));
		EXPECT_GE(rec.h.ts, ns);
		EXPECT_LE(rec.h.ts, monotonic_ns());
		EXPECT_GE(rec.tsc_before, tsc);
		EXPECT_LE(rec.tsc_before, rec.tsc_after);
		EXPECT_LE(rec.tsc_after, __rdtsc());
		EXPECT_GE(rec.tsc_before, last.tsc_before);
		last = rec;
	}
}

TEST(vcpu, .title = "what KVM tells of a vCPU's TSC: unscaled when rates are equal or unknown")
{
	struct ss_rec_vcpu_tsc rec;

	clock_vcpu_rec(&rec, 3, 2000000, 2000000, 48, 77, 5);
	EXPECT_EQ(rec.h.ts, 5);
	EXPECT_EQ(rec.vcpu, 3);
	EXPECT_EQ(rec.offset, 77);
	EXPECT_EQ(rec.scale, 1ULL << 48);
	clock_vcpu_rec(&rec, 3, 0, 2000000, 48, 77, 5);
	EXPECT_EQ(rec.scale, 1ULL << 48);
	clock_vcpu_rec(&rec, 3, 3000000, 2000000, 32, 77, 5);
	EXPECT_EQ(rec.scale, 3ULL << 31);
}

TEST_HARNESS_MAIN
