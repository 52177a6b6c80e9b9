// SPDX-License-Identifier: GPL-2.0-only
/* Pressure profiles: what the text says, what it decides, and what is refused. */
#include "ss_harness.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/profile.h"

#define MS  1000000ULL
#define SEC (1000 * MS)

static struct profile *parse(const char *text)
{
	struct profile *p;
	char err[300] = "";

	ASSERT_EQ(profile_parse(text, strlen(text), "t", &p, err, sizeof(err)), 0)
	{
		TH_LOG("%s", err);
	}
	return p;
}

/* "iops bps until" as text, "-" where nothing is set. */
static const char *limits_at(const struct profile *p, uint64_t t)
{
	static char text[100];
	struct profile_limits l;
	char until[24] = "never";

	profile_limits_at(p, t, &l);
	if (l.until != PROFILE_NEVER)
		snprintf(until, sizeof(until), "%llu", (unsigned long long)(l.until / MS));
	if (l.set)
		snprintf(text, sizeof(text), "%llu %llu %s", (unsigned long long)l.limits.ops.rate,
			 (unsigned long long)l.limits.bytes.rate, until);
	else
		snprintf(text, sizeof(text), "- %s", until);
	return text;
}

/* --- what is refused --- */

TEST(errors_say_where_and_what, .title = "a bad profile: file, line, what would be right")
{
	static const struct {
		const char *text, *err;
	} bad[] = {
		{ "", "t:1: no statement" },
		{ "# only words\n\n", "t:1: no statement" },
		{ "limit iops=1\nspeed iops=1\n", "t:2: unknown statement 'speed' (known: seed" },
		{ "limit\n", "t:1: limit wants iops= or bps=" },
		{ "limit iops=ten\n", "t:1: iops=ten is not a whole number" },
		{ "limit iops=-1\n", "t:1: iops=-1 is not a whole number" },
		{ "limit iops=99999999999999999999\n", "is too large" },
		{ "limit iops=9000000000000000000\n", "too high: at most" },
		{ "limit bps=1X\n", "not a number of bytes (such as 4096, 64K or 2M)" },
		{ "limit iops=100 iops_burst=50\n", "t:1: iops_burst=50 is below iops=100" },
		{ "limit bps_burst=50 iops=1\n", "bps_burst=50 without bps" },
		{ "limit iops=1 iops=2\n", "t:1: iops= is given twice" },
		{ "limit iops=1 speed=2\n", "no key 'speed' here (keys: from, to, iops, bps," },
		{ "limit iops\n", "'iops' is not a KEY=VALUE (keys here: from," },
		{ "limit iops=1 from=2s to=1s\n", "to= isn't after from=" },
		{ "limit iops=1 from=2\n", "from=2 is not a time" },
		{ "limit iops=1 from=2h\n", "such as 250ms or 2s" },
		{ "limit iops=1 from=999999999s\n", "too long: at most a week" },
		{ "square iops=1\n", "square wants period=" },
		{ "square period=1s\n", "square wants iops= or bps=" },
		{ "square period=1s iops=1 duty=100%\n", "duty= leaves only one" },
		{ "square period=1s iops=1 duty=0.00001%\n", "is not a percentage" },
		{ "square period=1s iops=1 duty=101%\n", "is not a percentage" },
		{ "square period=1us iops=1\n", "period= is too short" },
		{ "square period=1s iops=1 else from=1s\n", "no key 'from' here (keys: iops," },
		{ "stall every=1s\n", "stall wants for=" },
		{ "stall\n", "stall wants every, for=" },
		{ "stall every=1s for=1s\n", "shorter than every=" },
		{ "stall every=1s for=0\n", "more than 0" },
		{ "stall every=1s for=1ms..2ms\n", "random-stall takes a range" },
		{ "random-stall slot=1s for=2s chance=5%\n", "not longer than slot=" },
		{ "random-stall slot=1s for=2ms..1ms chance=5%\n", "give the shorter time first" },
		{ "delay every=2\n", "delay wants add=" },
		{ "delay add=61s\n", "at most 60s" },
		{ "delay add=1s every=2 chance=5%\n", "not both" },
		{ "error\n", "error wants every=N" },
		{ "error every=0\n", "not a number of requests" },
		{ "error every=2s\n", "not a number of requests" },
		{ "seed 1\nseed 2\n", "t:2: seed is given twice" },
		{ "seed x\n", "seed wants one whole number" },
		{ "repeat 5\n", "repeat wants one time" },
		{ "limit iops=1\ntrace\n0 iops=1\n",
		  "t:2: the trace that begins here has no 'end'" },
		{ "trace\nend\n", "t:2: a trace without a line" },
		{ "trace\n0\nend\n", "t:2: a trace line wants iops=, bps= or stall=" },
		{ "trace\n5 iops=1\n5 iops=2\nend\n", "t:3: '5' isn't later than the line before" },
		{ "trace\nlimit iops=5\nend\n", "t:2: 'limit' begins no trace line" },
		{ "trace repeat=5ms\n5 iops=1\nend\n",
		  "t:3: the trace's last line comes at or after" },
		{ "trace\n0 iops=100 iops_burst=1\nend\n", "t:2: iops_burst=1 is below" },
		{ "limit iops=1 \033[2J\n", "'?[2J' is not" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct profile *p = (void *)1;
		char err[300] = "";

		EXPECT_EQ(
			profile_parse(bad[i].text, strlen(bad[i].text), "t", &p, err, sizeof(err)),
			-EINVAL)
		{
			TH_LOG("%s", bad[i].text);
		}
		EXPECT_STRSTR(err, bad[i].err);
		EXPECT_NULL(p);
		EXPECT_NULL(strchr(err, '\n'));
	}
}

TEST(not_text, .title = "a zero byte, and more text than a profile may have")
{
	char *big = malloc(PROFILE_MAX_TEXT + 1), err[200] = "";
	struct profile *p;

	EXPECT_EQ(profile_parse("limit iops=1\n\0x", 15, "t", &p, err, sizeof(err)), -EINVAL);
	EXPECT_STRSTR(err, "not a text file");
	memset(big, '#', PROFILE_MAX_TEXT + 1);
	EXPECT_EQ(profile_parse(big, PROFILE_MAX_TEXT + 1, "t", &p, err, sizeof(err)), -EFBIG);
	free(big);
}

TEST(too_much, .title = "statements, words and trace lines are bounded")
{
	const size_t size = 24 * (PROFILE_MAX_POINTS + 10);
	char *text = malloc(size), err[200] = "";
	struct profile *p;
	size_t n = 0;

	for (int i = 0; i <= PROFILE_MAX_RULES; i++)
		n += (size_t)snprintf(text + n, size - n, "limit iops=1\n");
	EXPECT_EQ(profile_parse(text, n, "t", &p, err, sizeof(err)), -EINVAL);
	EXPECT_STRSTR(err, "t:65: too many statements: at most 64");
	n = (size_t)snprintf(text, size, "trace\n");
	for (int i = 0; i <= PROFILE_MAX_POINTS; i++)
		n += (size_t)snprintf(text + n, size - n, "%d iops=1\n", i);
	EXPECT_EQ(profile_parse(text, n, "t", &p, err, sizeof(err)), -EINVAL);
	EXPECT_STRSTR(err, "too many trace lines");
	n = (size_t)snprintf(text, size, "limit");
	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(text + n, size - n, " x");
	EXPECT_EQ(profile_parse(text, n, "t", &p, err, sizeof(err)), -EINVAL);
	EXPECT_STRSTR(err, "too many words");
	free(text);
}

TEST(files, .title = "from a file; a missing one and a directory are named")
{
	struct profile *p;
	char path[300], err[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/x.profile", ss_tmpdir());
	EXPECT_EQ(profile_load(path, &p, err, sizeof(err)), -ENOENT);
	EXPECT_STRSTR(err, "x.profile: No such file");
	EXPECT_EQ(profile_load(ss_tmpdir(), &p, err, sizeof(err)), -EISDIR);
	f = fopen(path, "w");
	ASSERT_NOT_NULL(f);
	fputs("# slow\r\n  limit   iops=7 # seven\r\n", f);
	fclose(f);
	ASSERT_EQ(profile_load(path, &p, err, sizeof(err)), 0);
	EXPECT_STREQ(limits_at(p, 0), "7 0 never");
	profile_free(p);
}

/* --- limits --- */

TEST(steady, .title = "a limit holds from its from= to before its to=")
{
	struct profile *p = parse("limit from=2s to=3500ms iops=10 bps=1M iops_burst=20\n");
	struct profile_limits l;

	EXPECT_TRUE(profile_has_limits(p));
	EXPECT_STREQ(limits_at(p, 0), "- 2000");
	EXPECT_STREQ(limits_at(p, 2 * SEC - 1), "- 2000");
	EXPECT_STREQ(limits_at(p, 2 * SEC), "10 1048576 3500");
	EXPECT_STREQ(limits_at(p, 3500 * MS - 1), "10 1048576 3500");
	EXPECT_STREQ(limits_at(p, 3500 * MS), "- never");
	profile_limits_at(p, 3 * SEC, &l);
	EXPECT_EQ(l.limits.ops.burst, 20);
	profile_free(p);
}

TEST(last_wins, .title = "where several set limits, the last statement counts")
{
	struct profile *p = parse("limit iops=10\nlimit from=1s to=2s bps=4K\n");

	EXPECT_STREQ(limits_at(p, 0), "10 0 1000");
	EXPECT_STREQ(limits_at(p, SEC), "0 4096 2000");
	EXPECT_STREQ(limits_at(p, 2 * SEC), "10 0 never");
	profile_free(p);
}

TEST(square, .title = "a square wave: two limits, period, duty, edges to the ns")
{
	struct profile *p = parse("square from=1s period=2s duty=25% iops=5 else iops=100\n");

	EXPECT_STREQ(limits_at(p, SEC - 1), "- 1000");
	for (uint64_t n = 0; n < 1000; n += 7) {
		const uint64_t t = SEC + n * 2 * SEC;
		char want[40];

		snprintf(want, sizeof(want), "5 0 %llu", (unsigned long long)(t / MS + 500));
		EXPECT_STREQ(limits_at(p, t), want);
		EXPECT_STREQ(limits_at(p, t + 500 * MS - 1), want);
		snprintf(want, sizeof(want), "100 0 %llu", (unsigned long long)(t / MS + 2000));
		EXPECT_STREQ(limits_at(p, t + 500 * MS), want);
		EXPECT_STREQ(limits_at(p, t + 2 * SEC - 1), want);
	}
	profile_free(p);
	p = parse("square period=10ms bps=1K\n");
	EXPECT_STREQ(limits_at(p, 4 * MS), "0 1024 5");
	EXPECT_STREQ(limits_at(p, 5 * MS), "0 0 10");
	profile_free(p);
}

TEST(repeat, .title = "repeat: everything begins again")
{
	struct profile *p =
		parse("repeat 10s\nlimit from=4s to=6s iops=3\nstall every=9s for=5s\n");

	EXPECT_STREQ(limits_at(p, 34 * SEC), "3 0 36000");
	EXPECT_STREQ(limits_at(p, 36 * SEC), "- 40000");
	/* The stall is cut at the repetition's end. */
	EXPECT_EQ(profile_stall_until(p, 39 * SEC), 40 * SEC);
	EXPECT_EQ(profile_stall_until(p, 39 * SEC - 1), 0);
	EXPECT_EQ(profile_stall_until(p, 40 * SEC), 0);
	/* Up to the end of time. */
	EXPECT_LE(profile_stall_until(p, UINT64_MAX), UINT64_MAX);
	EXPECT_EQ(profile_delay_ns(p, UINT64_MAX, UINT64_MAX), 0);
	profile_free(p);
}

/* --- stalls --- */

TEST(periodic_stall, .title = "a stall of N ms every M, first after M or where first= says")
{
	struct profile *p = parse("stall from=1s to=9s every=2s for=250ms\n");

	EXPECT_FALSE(profile_has_limits(p));
	EXPECT_EQ(profile_stall_until(p, 3 * SEC - 1), 0);
	EXPECT_EQ(profile_stall_until(p, 3 * SEC), 3250 * MS);
	EXPECT_EQ(profile_stall_until(p, 3250 * MS - 1), 3250 * MS);
	EXPECT_EQ(profile_stall_until(p, 3250 * MS), 0);
	EXPECT_EQ(profile_stall_until(p, 7100 * MS), 7250 * MS);
	EXPECT_EQ(profile_stall_until(p, 9 * SEC), 0);
	profile_free(p);
	p = parse("stall every=2s for=250ms first=0\nstall every=3s for=1s first=200ms\n");
	EXPECT_EQ(profile_stall_until(p, 0), 250 * MS);
	/* Two at a time: until the later one's end. */
	EXPECT_EQ(profile_stall_until(p, 210 * MS), 1200 * MS);
	profile_free(p);
}

TEST(stall_ends_at_to, .title = "a stall doesn't outlive its statement")
{
	struct profile *p = parse("stall to=2100ms every=2s for=250ms\n");

	EXPECT_EQ(profile_stall_until(p, 2 * SEC), 2100 * MS);
	EXPECT_EQ(profile_stall_until(p, 2100 * MS), 0);
	profile_free(p);
}

TEST(stalled_ns, .title = "D107 how much of a time is stalled: all of it, parts, repetitions, none")
{
	struct profile *p = parse("repeat 10s\nstall from=1s to=9s every=2s for=250ms first=0\n"
				  "stall from=1s to=2s every=500ms for=400ms first=100ms\n");

	/* 1000-1250 and 1100-1500 are one; 1600-2000; then 3, 5, 7 s. */
	EXPECT_EQ(profile_stalled_ns(p, 0, SEC), 0);
	EXPECT_EQ(profile_stalled_ns(p, 0, SEC + 1), 1);
	EXPECT_EQ(profile_stalled_ns(p, SEC, 2 * SEC), 900 * MS);
	EXPECT_EQ(profile_stalled_ns(p, 1200 * MS, 1300 * MS), 100 * MS);
	EXPECT_EQ(profile_stalled_ns(p, 1500 * MS, 1600 * MS), 0);
	EXPECT_EQ(profile_stalled_ns(p, 1500 * MS, 3100 * MS), 500 * MS);
	EXPECT_EQ(profile_stalled_ns(p, 0, 30 * SEC), 3 * (900 + 3 * 250) * MS);
	EXPECT_EQ(profile_stalled_ns(p, 2 * SEC, 2 * SEC), 0);
	EXPECT_EQ(profile_stalled_ns(p, 3 * SEC, 2 * SEC), 0);
	profile_free(p);
}

TEST(stalled_ns_drawn, .title = "D107 the same of drawn stalls and of a trace's, ms by ms")
{
	struct profile *p = parse("seed 3\nrandom-stall slot=50ms chance=40% for=1ms..20ms\n"
				  "limit to=3s iops=5\n");
	uint64_t sum = 0;

	for (uint64_t t = 0; t < 5 * SEC; t += MS / 4)
		sum += profile_stalled_ns(p, t, t + MS / 4);
	EXPECT_GT(sum, 200 * MS);
	EXPECT_EQ(profile_stalled_ns(p, 0, 5 * SEC), sum);
	profile_free(p);
}

TEST(stalled_ns_bounded,
     .title = "D107 a profile that changes all the time isn't followed for ever")
{
	struct profile *p = parse("stall every=10us for=5us\n");

	EXPECT_EQ(profile_stalled_ns(p, 0, MS), 99 * 5000);
	EXPECT_EQ(profile_stalled_ns(p, 0, 3600 * SEC), PROFILE_MAX_CHANGES / 2 * 5000);
	profile_free(p);
}

/* How many of @slots seconds have a stall; each is checked for length and place. */
static unsigned int count_stalls(const struct profile *p, unsigned int slots, uint64_t *sum)
{
	unsigned int nr = 0;

	for (unsigned int s = 0; s < slots; s++) {
		uint64_t begin = 0, end = 0;

		for (uint64_t t = s * SEC; t < (s + 1) * SEC; t += MS) {
			const uint64_t e = profile_stall_until(p, t);

			if (!e)
				continue;
			EXPECT_TRUE(!end || e == end);
			if (!end)
				begin = t;
			end = e;
		}
		if (!end)
			continue;
		nr++;
		*sum = *sum * 31 + end;
		EXPECT_LE(end, (s + 1) * SEC);
		EXPECT_LE(end - begin, 200 * MS);
		EXPECT_GE(end - begin, 49 * MS);
	}
	return nr;
}

TEST(random_stalls, .title = "random stalls: the seed decides, whoever asks and however often")
{
	static const char text[] = "seed 42\nrandom-stall slot=1s for=50ms..200ms chance=30%\n";
	struct profile *p = parse(text), *same = parse(text);
	struct profile *other = parse("seed 43\nrandom-stall slot=1s for=50ms..200ms chance=30%\n");
	uint64_t a = 0, b = 0, c = 0;
	const unsigned int nr = count_stalls(p, 500, &a);

	/* Out of order and twice makes no difference. */
	for (uint64_t t = 600 * SEC; t > 333 * MS; t -= 333 * MS)
		profile_stall_until(same, t);
	EXPECT_EQ(count_stalls(same, 500, &b), nr);
	EXPECT_EQ(a, b);
	count_stalls(other, 500, &c);
	EXPECT_NE(a, c);
	EXPECT_GE(nr, 115);
	EXPECT_LE(nr, 185);
	profile_free(p);
	profile_free(same);
	profile_free(other);
}

TEST(decisions_stay, .title = "the same profile gives the same decisions in every version")
{
	struct profile *p = parse("seed 7\nerror chance=10%\ndelay add=1ms..9ms\n"
				  "random-stall slot=1s for=100ms..900ms chance=50%\n");
	uint64_t fails = 0, stalls = 0;

	for (unsigned int i = 0; i < 64; i++) {
		fails |= (uint64_t)profile_fails(p, 0, i) << i;
		stalls |= (uint64_t)(profile_stall_until(p, i * SEC + SEC / 2) != 0) << i;
	}
	EXPECT_EQ(fails, 0x1206020002ULL);
	EXPECT_EQ(stalls, 0x6171861c3092c04ULL);
	EXPECT_EQ(profile_delay_ns(p, 0, 12345), 2905460);
	profile_free(p);
}

/* --- requests --- */

TEST(errors, .title = "IO errors: every Nth, or by chance")
{
	struct profile *p = parse("error from=1s every=100\n");
	unsigned int nr = 0;

	EXPECT_FALSE(profile_fails(p, 0, 99));
	for (uint64_t i = 0; i < 1000; i++)
		EXPECT_EQ(profile_fails(p, SEC, i), i % 100 == 99);
	profile_free(p);
	p = parse("error chance=0.5%\n");
	for (uint64_t i = 0; i < 200000; i++)
		nr += profile_fails(p, i, i);
	EXPECT_GE(nr, 900);
	EXPECT_LE(nr, 1100);
	profile_free(p);
	p = parse("error chance=100%\nerror chance=0%\n");
	EXPECT_TRUE(profile_fails(p, 0, 5));
	profile_free(p);
	p = parse("error chance=0%\n");
	EXPECT_FALSE(profile_fails(p, 0, 5));
	profile_free(p);
}

TEST(delays, .title = "added latency: steady, in a range, for some; several add up")
{
	struct profile *p = parse("delay add=5ms\ndelay add=1ms every=2 to=1s\n");
	uint64_t sum = 0;

	EXPECT_EQ(profile_delay_ns(p, 0, 0), 5 * MS);
	EXPECT_EQ(profile_delay_ns(p, 0, 1), 6 * MS);
	EXPECT_EQ(profile_delay_ns(p, SEC, 1), 5 * MS);
	profile_free(p);
	p = parse("delay add=2ms..4ms\n");
	for (uint64_t i = 0; i < 10000; i++) {
		const uint64_t ns = profile_delay_ns(p, 0, i);

		EXPECT_GE(ns, 2 * MS);
		EXPECT_LE(ns, 4 * MS);
		sum += ns;
	}
	EXPECT_GE(sum / 10000, 2950000);
	EXPECT_LE(sum / 10000, 3050000);
	profile_free(p);
}

/* --- traces --- */

static const char trace[] = "trace from=1s repeat=5s\n"
			    "  100 iops=10\n"
			    "  200 bps=4K stall=300\n"
			    "  1000ms iops=20 iops_burst=40 stall=10\n"
			    "  2000 iops=0 bps=0\n"
			    "end\n"
			    "stall every=60s for=1ms\n";

TEST(traces, .title = "a trace played back: what a line leaves out stays, stalls included")
{
	struct profile *p = parse(trace);
	struct profile_limits l;

	EXPECT_TRUE(profile_has_limits(p));
	EXPECT_STREQ(limits_at(p, 0), "- 1000");
	EXPECT_STREQ(limits_at(p, SEC), "- 1100");
	EXPECT_STREQ(limits_at(p, 1100 * MS), "10 0 1200");
	EXPECT_STREQ(limits_at(p, 1200 * MS), "10 4096 2000");
	EXPECT_STREQ(limits_at(p, 2000 * MS), "20 4096 3000");
	EXPECT_STREQ(limits_at(p, 3000 * MS), "0 0 6000");
	EXPECT_STREQ(limits_at(p, 6000 * MS), "- 6100");
	EXPECT_STREQ(limits_at(p, 6100 * MS), "10 0 6200");
	profile_limits_at(p, 2000 * MS, &l);
	EXPECT_EQ(l.limits.ops.burst, 40);
	EXPECT_EQ(profile_stall_until(p, 1199 * MS), 0);
	EXPECT_EQ(profile_stall_until(p, 1200 * MS), 1500 * MS);
	EXPECT_EQ(profile_stall_until(p, 1500 * MS), 0);
	EXPECT_EQ(profile_stall_until(p, 2005 * MS), 2010 * MS);
	EXPECT_EQ(profile_stall_until(p, 6200 * MS), 6500 * MS);
	profile_free(p);
}

TEST(trace_stall_at_the_end, .title = "a stall of a trace ends with its repetition")
{
	struct profile *p = parse("trace from=1s repeat=1s\n 0 iops=100\n 900 stall=500\nend\n");

	EXPECT_EQ(profile_stall_until(p, 1899 * MS), 0);
	EXPECT_EQ(profile_stall_until(p, 1900 * MS), 2000 * MS);
	EXPECT_EQ(profile_stall_until(p, 1999 * MS), 2000 * MS);
	EXPECT_EQ(profile_stall_until(p, 2000 * MS), 0);
	EXPECT_EQ(profile_stall_until(p, 2100 * MS), 0);
	EXPECT_EQ(profile_stall_until(p, 2900 * MS), 3000 * MS);
	profile_free(p);
}

/* --- what a worker relies on --- */

static bool same_limits(const struct profile_limits *a, const struct profile_limits *b)
{
	return a->set == b->set && (!a->set || !memcmp(&a->limits, &b->limits, sizeof(a->limits)));
}

TEST(next_change, .title = "nothing changes before the next change that is announced")
{
	static const char *const texts[] = {
		trace,
		"repeat 3s\nsquare period=70ms duty=30% iops=5\nstall every=400ms for=30ms first=10ms\n",
		"seed 9\nrandom-stall from=100ms to=4s slot=300ms for=10ms..300ms chance=60%\n",
		"limit from=50ms to=60ms iops=1\nlimit from=55ms iops=2\nerror every=3\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct profile *p = parse(texts[i]);
		struct profile_now was, now;

		profile_eval(p, 0, 0, &was);
		for (uint64_t t = 0; t < 7 * SEC; t += MS) {
			profile_eval(p, t, t, &now);
			EXPECT_GT(now.next, t);
			if (t < was.next) {
				EXPECT_TRUE(same_limits(&now.limits, &was.limits));
				EXPECT_EQ(!now.stall_until, !was.stall_until);
			}
			was = now;
		}
		profile_free(p);
	}
}

TEST(hostile_text, .title = "any text is a profile or an error, never a crash")
{
	static const char good[] =
		"seed 1\nrepeat 9s\nlimit from=1s to=2s iops=5 bps=1M\n"
		"square period=2s duty=25% iops=5 else bps=7 bps_burst=9\n"
		"stall every=2s for=10ms\nrandom-stall slot=1s for=1ms..2ms chance=5%\n"
		"delay add=1ms..2ms every=3\nerror chance=0.1%\n"
		"trace repeat=3s\n0 iops=1\n5 stall=3 bps=3\nend\n";
	static const char glyphs[] = "0123456789=.%#\n \tsmu-eniopsb\xff";
	unsigned int kept = 0;
	uint64_t x = 1;

	for (int round = 0; round < 30000; round++) {
		char text[sizeof(good)], err[200];
		struct profile_now now;
		struct profile *p;

		memcpy(text, good, sizeof(text));
		for (int i = 0; i <= round % 4; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			text[(x >> 33) % (sizeof(text) - 1)] =
				glyphs[(x >> 20) % (sizeof(glyphs) - 1)];
		}
		if (profile_parse(text, (x >> 7) % sizeof(text), "t", &p, err, sizeof(err)))
			continue;
		kept++;
		for (uint64_t t = 0; t < 10 * SEC; t += SEC / 3)
			profile_eval(p, t, t, &now);
		profile_eval(p, UINT64_MAX, UINT64_MAX, &now);
		profile_free(p);
	}
	EXPECT_GT(kept, 500);
}

TEST(examples, .title = "the documentation's examples are profiles")
{
	glob_t g;

	if (glob("Documentation/profiles/*.profile", 0, NULL, &g))
		SKIP("not started in the source tree");
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct profile *p;
		char err[400] = "";

		EXPECT_EQ(profile_load(g.gl_pathv[i], &p, err, sizeof(err)), 0)
		{
			TH_LOG("%s", err);
		}
		profile_free(p);
	}
	EXPECT_GE(g.gl_pathc, 6);
	globfree(&g);
}

TEST_HARNESS_MAIN
