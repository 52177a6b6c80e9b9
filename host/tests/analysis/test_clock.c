// SPDX-License-Identifier: GPL-2.0-only
/*
 * The common time line against a model whose truth is known: a host TSC, a
 * guest TSC made from it, a guest clock that drifts, and samples with noise.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ss_harness.h"
#include "analysis/clock.h"
#include "trace/clock_sample.h"

#define SEC 1000000000LL
#define HZ  2100000000ULL

static uint64_t rng = 88172645463325252ULL;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

struct model {
	int64_t host_t0;    /* host ns when the guest booted */
	uint64_t tsc0;	    /* host TSC then */
	double ppm;	    /* guest clock against the host's */
	double wave_ns;	    /* and slewed to and fro by so much, within 10 s */
	double ratio;	    /* guest TSC rate against the host's */
	uint64_t offset[2]; /* per vCPU */
	uint64_t bracket;   /* TSC ticks around a clock read */
	uint64_t port;	    /* TSC ticks around the port's answer */
	int64_t drift;	    /* of the offset, ticks a second, faster and slower by turns */
};

static const struct model plain = {
	.host_t0 = 5000 * SEC,
	.tsc0 = 10500000000000ULL,
	.ratio = 1,
	.offset = { -10500000000000ULL, -10500000000000ULL },
	.bracket = 60,
	.port = 40000,
};

static uint64_t host_tsc(const struct model *m, int64_t host_ns)
{
	return m->tsc0 + (uint64_t)(((__int128)(host_ns - m->host_t0) * (int64_t)HZ) / SEC);
}

static uint64_t guest_tsc(const struct model *m, unsigned int cpu, int64_t host_ns)
{
	uint64_t h = host_tsc(m, host_ns);

	if (m->drift) {
		const int64_t t = host_ns - m->host_t0, s = t / SEC;

		/* Nothing in even seconds, twice as much in odd ones. */
		h += (uint64_t)(m->drift * (s / 2 * 2) +
				(s % 2 ? (int64_t)((__int128)m->drift * 2 * (t % SEC) / SEC) : 0));
	}
	if (m->ratio == 1)
		return h + m->offset[cpu];
	return (uint64_t)(((unsigned __int128)h * (uint64_t)(m->ratio * (1ULL << 32))) >> 32) +
	       m->offset[cpu];
}

static uint64_t guest_ns(const struct model *m, int64_t host_ns)
{
	double t = (double)(host_ns - m->host_t0);

	return (uint64_t)(t * (1 + m->ppm * 1e-6) + m->wave_ns * (1 - cos(t / 10e9 * 2 * M_PI)) +
			  0.5);
}

/* A clock read takes the bracket, the stamp is somewhere within. */
static struct ss_rec_host_clock host_sample(const struct model *m, int64_t at)
{
	uint64_t mid = host_tsc(m, at), early = m->bracket ? rnd() % m->bracket : 0;

	return (struct ss_rec_host_clock){
		.h = { .type = SS_REC_HOST_CLOCK,
		       .len = sizeof(struct ss_rec_host_clock),
		       .ts = (uint64_t)at },
		.tsc_before = mid - early,
		.tsc_after = mid - early + m->bracket,
	};
}

static struct ss_rec_g_clock guest_sample(const struct model *m, unsigned int cpu, int64_t at)
{
	uint64_t mid = guest_tsc(m, cpu, at), early = m->bracket ? rnd() % m->bracket : 0;
	int64_t port_at = at + 20000;
	uint64_t port = guest_tsc(m, cpu, port_at), port_early = m->port ? rnd() % m->port : 0;

	return (struct ss_rec_g_clock){
		.h = { .type = SS_REC_G_CLOCK,
		       .len = sizeof(struct ss_rec_g_clock),
		       .cpu = cpu,
		       .ts = guest_ns(m, at) },
		.tsc_before = mid - early,
		.tsc_after = mid - early + m->bracket,
		.port_tsc_before = port - port_early,
		.port_tsc_after = port - port_early + m->port,
		.host_tsc = m->port ? host_tsc(m, port_at) : 0,
	};
}

static void set_kvm(struct ss_clock *c, const struct model *m, unsigned int cpus)
{
	for (unsigned int v = 0; v < cpus; v++) {
		struct ss_rec_vcpu_tsc rec;

		clock_vcpu_rec(&rec, v, 0, 0, 32, m->offset[v], 1);
		if (m->ratio != 1)
			rec.scale = (uint64_t)(m->ratio * (1ULL << 32));
		ASSERT_EQ(clock_set_vcpu(c, &rec), 0);
	}
}

/* @n samples, @step apart, on alternating vCPUs. */
static void sample(struct ss_clock *c, const struct model *m, unsigned int n, int64_t step,
		   unsigned int cpus)
{
	for (unsigned int i = 0; i < n; i++) {
		int64_t at = m->host_t0 + SEC + (int64_t)i * step;
		struct ss_rec_host_clock h = host_sample(m, at);
		struct ss_rec_g_clock g = guest_sample(m, i % cpus, at + step / 3);

		ASSERT_EQ(clock_add_host(c, &h), 0);
		ASSERT_EQ(clock_add_guest(c, &g), 0);
	}
}

/* Every conversion within the span is as good as claimed. Returns the worst error. */
static uint64_t check_truth(const struct ss_clock *c, const struct model *m, int64_t from,
			    int64_t to)
{
	uint64_t worst = 0;

	for (int i = 0; i <= 1000; i++) {
		int64_t at = from + (to - from) / 1000 * i;
		uint64_t off = (uint64_t)llabs(clock_to_host(c, guest_ns(m, at)) - at);

		if (off > worst)
			worst = off;
	}
	EXPECT_LE(worst, clock_error_ns(c));
	return worst;
}

static struct clock_info info_of(const struct ss_clock *c)
{
	struct clock_info i;

	clock_get_info(c, &i);
	return i;
}

/* Build from 30 samples in 29 s and check within. */
static struct clock_info run_model(const struct model *m, bool kvm, unsigned int cpus)
{
	struct ss_clock *c = clock_new(HZ, m->ratio == 1 ? HZ : 0);
	struct clock_info info;

	ASSERT_NOT_NULL(c);
	if (kvm)
		set_kvm(c, m, cpus);
	sample(c, m, 30, SEC, cpus);
	EXPECT_EQ(clock_build(c), 0)
	{
		TH_LOG("%s", info_of(c).reason);
	}
	ASSERT_TRUE(clock_aligned(c));
	check_truth(c, m, m->host_t0 + SEC + SEC / 3, m->host_t0 + 30 * SEC);
	info = info_of(c);
	EXPECT_EQ(info.error_ns, clock_error_ns(c));
	EXPECT_EQ(info.error_ns, info.host_bracket_ns + info.guest_bracket_ns + info.offset_ns +
					 info.host_residual_ns + info.guest_residual_ns +
					 info.extrapolation_ns);
	clock_free(c);
	return info;
}

TEST(kvm, .title = "with KVM's offsets the error is that of the brackets")
{
	struct clock_info i = run_model(&plain, true, 1);

	EXPECT_EQ(i.source, CLOCK_SRC_KVM);
	EXPECT_EQ(i.offset_ns, 0);
	EXPECT_EQ(i.warning[0], 0);
	EXPECT_EQ(i.host_samples, 30);
	EXPECT_EQ(i.guest_samples, 30);
	/* brackets of 29 ns, twice, and what the residuals see of them */
	EXPECT_LT(i.error_ns, 250);
	EXPECT_GT(i.error_ns, 28);
}

TEST(drifting, .title = "an offset that drifts one way is followed, within the bound")
{
	struct model m = plain;
	struct clock_info i;

	m.port = 2000;
	m.drift = 10000;
	i = run_model(&m, false, 2);
	EXPECT_EQ(i.source, CLOCK_SRC_PORT);
	EXPECT_STREQ(i.warning, "");
	/* What it drifts by from a vCPU's reading to its next, 19 us, and some; not by within all. */
	EXPECT_LT(i.offset_ns, 40000);
}

TEST(drifting_back, .title = "one that goes to and fro isn't: the bound says how far")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);

	m.port = 2000;
	for (int i = 0; i < 6; i++) {
		const int64_t at = m.host_t0 + (i + 1) * SEC;
		struct ss_rec_host_clock h = host_sample(&m, at);
		struct ss_rec_g_clock g;

		m.offset[0] = plain.offset[0] + (i % 2 ? 50000 : 0);
		g = guest_sample(&m, 0, at + SEC / 3);
		EXPECT_EQ(clock_add_host(c, &h), 0);
		EXPECT_EQ(clock_add_guest(c, &g), 0);
	}
	EXPECT_EQ(clock_build(c), 0);
	EXPECT_STRSTR(info_of(c).warning, "no single TSC offset");
	EXPECT_GT(info_of(c).offset_ns, 10000);
	clock_free(c);
}

TEST(middle, .title = "a stamp is taken for the middle of its bracket")
{
	struct ss_clock *c = clock_new(HZ, HZ);
	const struct model *m = &plain;

	set_kvm(c, m, 1);
	/* the host reads its clock at once, the guest at the last moment */
	for (int i = 0; i < 30; i++) {
		int64_t at = m->host_t0 + i * SEC;
		struct ss_rec_host_clock h = host_sample(m, at);
		struct ss_rec_g_clock g = guest_sample(m, 0, at + 1000);

		h.tsc_before = host_tsc(m, at);
		h.tsc_after = h.tsc_before + 2100;
		g.tsc_after = guest_tsc(m, 0, at + 1000);
		g.tsc_before = g.tsc_after - 2100;
		clock_add_host(c, &h);
		clock_add_guest(c, &g);
	}
	ASSERT_EQ(clock_build(c), 0);
	/* half a microsecond each, in the same direction, and all of it in the bound */
	EXPECT_GE(check_truth(c, m, m->host_t0 + SEC, m->host_t0 + 28 * SEC), 990);
	EXPECT_LE(clock_error_ns(c), 1010);
	clock_free(c);
}

TEST(no_port, .title = "KVM's offsets need no clock port")
{
	struct model m = plain;

	m.port = 0;
	EXPECT_EQ(run_model(&m, true, 1).source, CLOCK_SRC_KVM);
}

TEST(port, .title = "without KVM's word the port measures the offset")
{
	struct clock_info i = run_model(&plain, false, 1);

	EXPECT_EQ(i.source, CLOCK_SRC_PORT);
	EXPECT_EQ(i.warning[0], 0);
	/* thirty brackets of 19 us narrow it down to less than one of them */
	EXPECT_LT(i.offset_ns, 9524);
	EXPECT_GT(i.offset_ns, 0);
}

TEST(vcpus, .title = "each vCPU has an offset of its own, known or measured")
{
	struct model m = plain;

	m.offset[1] += 7654321;
	EXPECT_EQ(run_model(&m, true, 2).source, CLOCK_SRC_KVM);
	EXPECT_EQ(run_model(&m, false, 2).source, CLOCK_SRC_PORT);
}

TEST(mixed, .title = "KVM's word on one vCPU, the port's on the other")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);

	m.offset[1] += 7654321;
	set_kvm(c, &m, 1);
	sample(c, &m, 30, SEC, 2);
	ASSERT_EQ(clock_build(c), 0);
	EXPECT_EQ(info_of(c).source, CLOCK_SRC_MIXED);
	check_truth(c, &m, m.host_t0 + 2 * SEC, m.host_t0 + 30 * SEC);
	clock_free(c);
}

TEST(contradiction, .title = "an offset of KVM's that the port contradicts isn't used")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);
	struct ss_rec_vcpu_tsc rec;

	clock_vcpu_rec(&rec, 0, 0, 0, 48, m.offset[0] + 1000000, 1);
	ASSERT_EQ(clock_set_vcpu(c, &rec), 0);
	sample(c, &m, 30, SEC, 1);
	for (int round = 0; round < 2; round++) {
		ASSERT_EQ(clock_build(c), 0);
		EXPECT_EQ(info_of(c).source, CLOCK_SRC_PORT);
		EXPECT_STRSTR(info_of(c).warning, "using the measured one");
		EXPECT_STRSTR(info_of(c).warning, "vCPU 0");
		check_truth(c, &m, m.host_t0 + 2 * SEC, m.host_t0 + 30 * SEC);
	}
	clock_free(c);
}

TEST(scaled, .title = "a scaled TSC, by KVM's ratio or a measured one")
{
	struct model m = plain;

	m.ratio = 1.25;
	EXPECT_EQ(run_model(&m, true, 1).source, CLOCK_SRC_KVM);
	EXPECT_EQ(run_model(&m, false, 1).source, CLOCK_SRC_PORT);
	m.ratio = 0.4;
	EXPECT_EQ(run_model(&m, true, 2).source, CLOCK_SRC_KVM);
}

TEST(drift, .title = "a guest clock that drifts and is slewed")
{
	struct model m = plain;
	struct clock_info calm, slewed;

	m.ppm = 200;
	calm = run_model(&m, true, 1);
	EXPECT_LT(calm.error_ns, 300)
	{
		TH_LOG("drift alone costs nothing");
	}
	m.wave_ns = 100000;
	slewed = run_model(&m, true, 1);
	EXPECT_GT(slewed.guest_residual_ns, 1000)
	{
		TH_LOG("slewing shows in the residual");
	}
	m.ppm = -400;
	run_model(&m, false, 2);
}

TEST(wrap, .title = "a TSC that wraps in mid-run, the guest's or the host's")
{
	struct model m = plain;

	/* at 15 s of 30 */
	m.offset[0] = m.offset[1] = -(plain.tsc0 + 15 * HZ);
	run_model(&m, true, 1);
	run_model(&m, false, 1);
	m = plain;
	m.tsc0 = -(15 * HZ);
	m.offset[0] = m.offset[1] = 0;
	run_model(&m, true, 1);
	run_model(&m, false, 2);
}

TEST(outliers, .title = "samples that run backwards or leap ahead are dropped, few others")
{
	struct ss_clock *c = clock_new(HZ, HZ);
	const struct model *m = &plain;
	struct ss_rec_host_clock h = host_sample(m, m->host_t0 + 10 * SEC + 7);
	struct ss_rec_g_clock g = guest_sample(m, 0, m->host_t0 + 12 * SEC + 7);
	struct clock_info i;

	set_kvm(c, m, 1);
	sample(c, m, 30, SEC, 1);
	/* the host's TSC leaps 100 s ahead once, the guest's goes back once */
	h.tsc_before += 100 * HZ;
	h.tsc_after += 100 * HZ;
	ASSERT_EQ(clock_add_host(c, &h), 0);
	g.tsc_before -= 8 * HZ;
	g.tsc_after -= 8 * HZ;
	ASSERT_EQ(clock_add_guest(c, &g), 0);
	ASSERT_EQ(clock_build(c), 0);
	i = info_of(c);
	EXPECT_EQ(i.host_dropped, 1);
	EXPECT_EQ(i.guest_dropped, 1);
	EXPECT_LT(i.error_ns, 250);
	check_truth(c, m, m->host_t0 + 2 * SEC, m->host_t0 + 30 * SEC);
	clock_free(c);
}

TEST(wide, .title = "a sample whose taker was interrupted is dropped")
{
	struct ss_clock *c = clock_new(HZ, HZ);
	struct model m = plain;
	struct ss_rec_host_clock h;

	set_kvm(c, &m, 1);
	sample(c, &m, 30, SEC, 1);
	m.bracket = 5000000;
	h = host_sample(&m, m.host_t0 + 10 * SEC + SEC / 2);
	ASSERT_EQ(clock_add_host(c, &h), 0);
	/* and one whose reads are the wrong way round */
	h.tsc_after = h.tsc_before - 1;
	h.h.ts += 1000;
	ASSERT_EQ(clock_add_host(c, &h), 0);
	ASSERT_EQ(clock_build(c), 0);
	EXPECT_EQ(info_of(c).host_dropped, 2);
	EXPECT_LT(clock_error_ns(c), 250);
	clock_free(c);
}

TEST(too_few, .title = "too few samples: not aligned, and the reason")
{
	struct ss_clock *c = clock_new(HZ, HZ);
	const struct model *m = &plain;
	struct ss_rec_host_clock h = host_sample(m, m->host_t0 + SEC);
	struct ss_rec_g_clock g = guest_sample(m, 0, m->host_t0 + SEC);

	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_STRSTR(info_of(c).reason, "only 0 host clock samples");
	clock_add_host(c, &h);
	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_STRSTR(info_of(c).reason, "only 1 host clock sample,");
	h = host_sample(m, m->host_t0 + 2 * SEC);
	clock_add_host(c, &h);
	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_STRSTR(info_of(c).reason, "only 0 guest clock samples");
	clock_add_guest(c, &g);
	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_FALSE(clock_aligned(c));
	EXPECT_EQ(info_of(c).source, CLOCK_SRC_NONE);
	EXPECT_STRSTR(info_of(c).reason, "only 1 guest clock sample,");
	g = guest_sample(m, 0, m->host_t0 + 2 * SEC);
	clock_add_guest(c, &g);
	EXPECT_EQ(clock_build(c), 0);
	EXPECT_EQ(info_of(c).reason[0], 0);
	/* two samples leave nothing out: slewing can't be excluded */
	EXPECT_GE(clock_error_ns(c), 2 * SEC / 8000 * 9 / 10);
	clock_free(c);
}

TEST(no_offset, .title = "neither KVM's word nor a port: not aligned, and the reason")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);

	m.port = 0;
	sample(c, &m, 30, SEC, 1);
	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_STRSTR(info_of(c).reason, "clock port");
	clock_free(c);
}

TEST(backwards, .title = "a TSC that only runs backwards: not aligned, and the reason")
{
	struct ss_clock *c = clock_new(HZ, HZ);

	for (int i = 0; i < 10; i++) {
		struct ss_rec_host_clock h = { .h.ts = (uint64_t)i * SEC,
					       .tsc_before = (uint64_t)(100 - i) * HZ,
					       .tsc_after = (uint64_t)(100 - i) * HZ + 10 };

		clock_add_host(c, &h);
	}
	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_STRSTR(info_of(c).reason, "contradict");
	clock_free(c);
}

TEST(rates, .title = "clocks of different rates: not aligned, and the reason")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);

	m.ppm = 300000;
	set_kvm(c, &m, 1);
	sample(c, &m, 30, SEC, 1);
	EXPECT_EQ(clock_build(c), -ENODATA);
	EXPECT_STRSTR(info_of(c).reason, "10 %");
	clock_free(c);
}

TEST(bad_vcpu, .title = "vCPU records that can't be are refused")
{
	struct ss_clock *c = clock_new(HZ, HZ);
	struct ss_rec_vcpu_tsc rec;

	clock_vcpu_rec(&rec, 0, 3000000, 2000000, 48, 5, 1);
	EXPECT_EQ(rec.scale, 3ULL << 47);
	EXPECT_EQ(rec.h.type, SS_REC_VCPU_TSC);
	EXPECT_EQ(clock_set_vcpu(c, &rec), 0);
	rec.frac_bits = 64;
	EXPECT_EQ(clock_set_vcpu(c, &rec), -EINVAL);
	rec.frac_bits = 48;
	rec.scale = 0;
	EXPECT_EQ(clock_set_vcpu(c, &rec), -EINVAL);
	rec.scale = 1;
	rec.vcpu = CLOCK_MAX_VCPUS;
	EXPECT_EQ(clock_set_vcpu(c, &rec), -EINVAL);
	clock_free(c);
	clock_free(NULL);
}

TEST(order, .title = "the order of the samples doesn't matter")
{
	enum { N = 40 };
	struct ss_rec_host_clock h[N];
	struct ss_rec_g_clock g[N];
	struct model m = plain;
	struct clock_info i, j;
	struct ss_clock *c = clock_new(HZ, HZ), *d = clock_new(HZ, HZ);

	m.ppm = 50;
	for (int k = 0; k < N; k++) {
		h[k] = host_sample(&m, m.host_t0 + k * SEC);
		g[k] = guest_sample(&m, 0, m.host_t0 + k * SEC + 5);
		clock_add_host(c, &h[k]);
		clock_add_guest(c, &g[k]);
	}
	for (int k = 0; k < N; k++) {
		clock_add_host(d, &h[k * 7 % N]);
		clock_add_guest(d, &g[k * 13 % N]);
	}
	ASSERT_EQ(clock_build(c), 0);
	ASSERT_EQ(clock_build(d), 0);
	i = info_of(c);
	j = info_of(d);
	EXPECT_MEMEQ(&i, &j, sizeof(i));
	EXPECT_EQ(clock_to_host(c, 12345678901), clock_to_host(d, 12345678901));
	clock_free(c);
	clock_free(d);
}

TEST(extrapolation, .title = "stamps outside the samples: the bound grows with the distance")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);
	uint64_t inside, outside;

	m.ppm = 30;
	set_kvm(c, &m, 1);
	sample(c, &m, 30, SEC, 1);
	ASSERT_EQ(clock_build(c), 0);
	clock_cover(c, guest_ns(&m, m.host_t0 + 3 * SEC), guest_ns(&m, m.host_t0 + 20 * SEC));
	inside = clock_error_ns(c);
	EXPECT_EQ(info_of(c).extrapolation_ns, 0);
	clock_cover(c, guest_ns(&m, m.host_t0), guest_ns(&m, m.host_t0 + 130 * SEC));
	outside = clock_error_ns(c);
	EXPECT_GT(outside, inside + 100);
	check_truth(c, &m, m.host_t0, m.host_t0 + 130 * SEC);
	clock_free(c);
}

TEST(monotone, .title = "later guest stamps never map to earlier host times")
{
	struct model m = plain;
	struct ss_clock *c = clock_new(HZ, HZ);
	int64_t last = INT64_MIN;

	m.wave_ns = 50000;
	set_kvm(c, &m, 2);
	sample(c, &m, 100, SEC / 10, 2);
	ASSERT_EQ(clock_build(c), 0);
	for (uint64_t t = 0; t < 15ULL * SEC; t += 1 + rnd() % 100000) {
		int64_t h = clock_to_host(c, t);

		ASSERT_LE(last, h);
		last = h;
	}
	clock_free(c);
}

TEST(many, .title = "hundreds of thousands of samples are thinned, not refused")
{
	struct ss_clock *c = clock_new(HZ, HZ);
	struct clock_info i;

	set_kvm(c, &plain, 1);
	sample(c, &plain, 200000, SEC / 1000, 1);
	ASSERT_EQ(clock_build(c), 0);
	i = info_of(c);
	EXPECT_LE(i.host_samples, 65536);
	EXPECT_GE(i.host_samples, 30000);
	check_truth(c, &plain, plain.host_t0 + 2 * SEC, plain.host_t0 + 200 * SEC);
	clock_free(c);
}

TEST(hostile, .title = "a guest's random samples break nothing")
{
	for (unsigned int round = 0; round < 3000; round++) {
		struct ss_clock *c = clock_new(round % 2 ? HZ : 0, HZ);
		unsigned int n = rnd() % 20;
		struct clock_info i;

		if (round % 3)
			set_kvm(c, &plain, 2);
		if (round % 4)
			sample(c, &plain, 4, SEC, 2);
		for (unsigned int k = 0; k < n; k++) {
			struct ss_rec_g_clock g;
			uint64_t *w = (uint64_t *)&g;

			for (size_t b = 0; b < sizeof(g) / 8; b++)
				w[b] = rnd() >> (rnd() % 64);
			g.h.cpu = (uint32_t)(rnd() % 4 ? rnd() % 3 : rnd());
			clock_add_guest(c, &g);
		}
		clock_build(c);
		if (clock_aligned(c)) {
			clock_cover(c, rnd(), rnd());
			for (int k = 0; k < 10; k++)
				clock_to_host(c, rnd() >> (rnd() % 64));
		}
		i = info_of(c);
		EXPECT_EQ(i.aligned, i.reason[0] == '\0');
		/* it neither wraps nor does what is made of it */
		EXPECT_LE(clock_error_ns(c), 1ULL << 57);
		if (i.aligned)
			EXPECT_GE(clock_error_ns(c), i.guest_residual_ns < 1ULL << 57
							     ? i.guest_residual_ns
							     : 1ULL << 57);
		clock_free(c);
	}
}

TEST_HARNESS_MAIN
