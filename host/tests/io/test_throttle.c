// SPDX-License-Identifier: GPL-2.0-only
/* The token bucket and the pair of them, by the clock of nobody but the test. */
#include "ss_harness.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/throttle.h"
#include "ss_events.h"

#define SEC   IO_NSEC_PER_SEC
#define START (12345 * SEC)

static struct bucket make(uint64_t rate, uint64_t burst)
{
	const struct bucket_limit limit = { .rate = rate, .burst = burst };
	struct bucket b;

	bucket_init(&b, &limit, START);
	return b;
}

/* One try at @now: refill, look, charge if it passes. */
static bool take(struct bucket *b, uint64_t n, uint64_t now)
{
	bucket_refill(b, now);
	if (bucket_deficit(b, n))
		return false;
	bucket_charge(b, n);
	return true;
}

TEST(rate_zero, .title = "D72 rate 0 is unlimited, for any request")
{
	struct bucket b = make(0, 0);

	EXPECT_TRUE(take(&b, 1, START));
	EXPECT_TRUE(take(&b, UINT64_MAX, START));
	EXPECT_TRUE(take(&b, UINT64_MAX, START));
	EXPECT_TRUE(take(&b, 1, START));
}

TEST(capacity_without_burst, .title = "D73 capacity is one second of rate; a bucket starts full")
{
	struct bucket b = make(100, 0);

	EXPECT_EQ(b.capacity, 100);
	for (int i = 0; i < 100; i++)
		ASSERT_TRUE(take(&b, 1, START));
	EXPECT_FALSE(take(&b, 1, START));
}

TEST(capacity_with_burst, .title = "D73 capacity is the burst if given; a bucket starts full")
{
	struct bucket b = make(100, 250);

	EXPECT_EQ(b.capacity, 250);
	EXPECT_TRUE(take(&b, 250, START));
	EXPECT_FALSE(take(&b, 1, START));
	/* However long it rests, it never holds more. */
	EXPECT_TRUE(take(&b, 250, START + 1000 * SEC));
	EXPECT_FALSE(take(&b, 1, START + 1000 * SEC));
}

TEST(check_limits, .title = "D74 a burst below the rate, or without one, is refused by name")
{
	static const struct {
		struct throttle_limits limits;
		int ret;
		const char *text;
	} cases[] = {
		{ { .ops = { 0, 0 } }, 0, "" },
		{ { .ops = { 100, 0 } }, 0, "" },
		{ { .ops = { 100, 100 } }, 0, "" },
		{ { .ops = { THROTTLE_MAX_RATE, THROTTLE_MAX_RATE } }, 0, "" },
		{ { .ops = { 100, 99 } }, -EINVAL, "iops_burst=99 is below iops=100" },
		{ { .ops = { 0, 5 } }, -EINVAL, "iops_burst=5 without iops" },
		{ { .bytes = { 4096, 512 } }, -EINVAL, "bps_burst=512 is below bps=4096" },
		{ { .bytes = { 0, 1 } }, -EINVAL, "bps_burst=1 without bps" },
		{ { .ops = { THROTTLE_MAX_RATE + 1, 0 } }, -ERANGE, "iops=" },
		{ { .bytes = { 5, UINT64_MAX } }, -ERANGE, "bps_burst=" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char err[160] = "";
		struct throttle t;

		EXPECT_EQ(throttle_check(&cases[i].limits, err, sizeof(err)), cases[i].ret);
		EXPECT_STRSTR(err, cases[i].text);
		EXPECT_EQ(throttle_check(&cases[i].limits, NULL, 0), cases[i].ret);
		EXPECT_EQ(throttle_init(&t, &cases[i].limits, START), cases[i].ret);
		if (!cases[i].ret)
			throttle_destroy(&t);
	}
}

TEST(refill_is_exact_and_capped, .title = "D75 lazy refill, 128 bits wide, capped")
{
	struct bucket b = make(THROTTLE_MAX_RATE, 0);

	ASSERT_TRUE(take(&b, THROTTLE_MAX_RATE, START));
	/* 2^50 tokens/s over half a second: the product has 79 bits. */
	bucket_refill(&b, START + SEC / 2);
	EXPECT_EQ((uint64_t)b.balance, THROTTLE_MAX_RATE / 2);
	bucket_refill(&b, UINT64_MAX);
	EXPECT_EQ((uint64_t)b.balance, THROTTLE_MAX_RATE);
	EXPECT_EQ(b.fraction, 0);
}

TEST(time_going_back, .title = "D75 a clock that goes back takes and gives nothing")
{
	struct bucket b = make(1000, 0);

	ASSERT_TRUE(take(&b, 1000, START));
	bucket_refill(&b, START - 5 * SEC);
	EXPECT_EQ((int64_t)b.balance, 0);
	EXPECT_EQ(b.last, START);
	bucket_refill(&b, START + SEC / 1000);
	EXPECT_EQ((int64_t)b.balance, 1);
}

/* Counts grants over @span when asked every @step ns, from an empty bucket. */
static uint64_t grants(uint64_t rate, uint64_t burst, uint64_t step, uint64_t span)
{
	struct bucket b = make(rate, burst);
	uint64_t n = 0;

	bucket_charge(&b, b.capacity);
	for (uint64_t t = step; t <= span; t += step)
		while (take(&b, 1, START + t))
			n++;
	return n;
}

TEST(fraction_is_carried, .title = "D76 the long-run rate is exact in the worst polling pattern")
{
	/* Asked every 1.999999 ms at 1000/s: a refill that drops fractions gives half. */
	EXPECT_EQ(grants(1000, 0, 1999999, 10 * SEC), 10 * SEC / 1999999 * 1999999 / 1000000);
	EXPECT_EQ(grants(1000, 0, 1500000, 9 * SEC), 9000);
	EXPECT_EQ(grants(1000, 0, 999999, 5 * SEC), 5 * SEC / 999999 * 999999 / 1000000);
	/* Many asks for each token. */
	EXPECT_EQ(grants(10, 0, 333333, 30 * SEC), 30 * SEC / 333333 * 333333 / 100000000);
	EXPECT_EQ(grants(7, 0, 1000, SEC), 7);
	/* Prime rates and steps. */
	EXPECT_EQ(grants(99991, 0, 104729, 5 * SEC),
		  (uint64_t)((unsigned __int128)(5 * SEC / 104729 * 104729) * 99991 / SEC));
}

TEST(fraction_random_pattern, .title = "D76 exact for random polling, 10 to 100,000 a second")
{
	static const uint64_t rates[] = { 10, 77, 1000, 31337, 100000 };

	srand(42);
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		struct bucket b = make(rates[r], 0);
		uint64_t now = 0, got = 0;

		bucket_charge(&b, b.capacity);
		while (now < 5 * SEC) {
			now += 1 + (uint64_t)rand() % 20000000;
			while (take(&b, 1, START + now))
				got++;
		}
		EXPECT_EQ(got, (uint64_t)((unsigned __int128)now * rates[r] / SEC));
	}
}

TEST(zero_always_passes, .title = "D77 n = 0 always passes, even in debt")
{
	struct bucket b = make(10, 0);

	ASSERT_TRUE(take(&b, 1000, START));
	ASSERT_LT((int64_t)b.balance, 0);
	EXPECT_TRUE(take(&b, 0, START));
	EXPECT_EQ((int64_t)b.balance, -990);
}

TEST(up_to_capacity, .title = "D78 n up to the capacity needs n tokens")
{
	struct bucket b = make(10, 0);

	ASSERT_TRUE(take(&b, 4, START));
	EXPECT_FALSE(take(&b, 7, START));
	EXPECT_TRUE(take(&b, 6, START));
	/* n = capacity waits for a full bucket. */
	EXPECT_FALSE(take(&b, 10, START + SEC - 1));
	EXPECT_TRUE(take(&b, 10, START + SEC));
}

TEST(beyond_capacity, .title = "D79 n above the capacity is granted at balance 0, into debt")
{
	struct bucket b = make(10, 0);

	ASSERT_TRUE(take(&b, 10, START));
	EXPECT_TRUE(take(&b, 11, START));
	EXPECT_EQ((int64_t)b.balance, -11);
	EXPECT_FALSE(take(&b, 11, START + 11 * SEC / 10 - 1));
	EXPECT_TRUE(take(&b, 11, START + 11 * SEC / 10));
}

TEST(debt, .title = "D80 in debt every n > 0 waits, and failing never deepens it")
{
	struct bucket b = make(10, 0);

	ASSERT_TRUE(take(&b, 100, START));
	for (int i = 0; i < 1000; i++) {
		ASSERT_FALSE(take(&b, 1, START));
		ASSERT_FALSE(take(&b, 10, START));
		ASSERT_FALSE(take(&b, 1000, START));
	}
	EXPECT_EQ((int64_t)b.balance, -90);
	/* Paid back at the rate, not faster. */
	EXPECT_FALSE(take(&b, 1, START + 9 * SEC));
	EXPECT_FALSE(take(&b, 1, START + 9 * SEC + SEC / 10 - 1));
	EXPECT_TRUE(take(&b, 1, START + 9 * SEC + SEC / 10));
}

TEST(wait_formula, .title = "D82 wait = ceil(deficit * 1e9 / rate), saturating")
{
	struct bucket b = make(3, 0);

	EXPECT_EQ(bucket_predicted_ns(&b, 0), 0);
	EXPECT_EQ(bucket_predicted_ns(&b, 1), 333333334);
	EXPECT_EQ(bucket_predicted_ns(&b, 3), SEC);
	EXPECT_EQ(bucket_predicted_ns(&b, UINT64_MAX), UINT64_MAX);
	b = make(THROTTLE_MAX_RATE, 0);
	EXPECT_EQ(bucket_predicted_ns(&b, 1), 1);
}

TEST(wait_is_enough_and_not_more, .title = "D82 after the wait it passes, a ns before it doesn't")
{
	srand(7);
	for (int i = 0; i < 2000; i++) {
		const uint64_t rate = 1 + (uint64_t)rand() % 100000;
		const uint64_t n = 1 + (uint64_t)rand() % (3 * rate);
		struct bucket b = make(rate, 0), early;
		uint64_t now = START + (uint64_t)rand() % SEC, wait;

		bucket_refill(&b, now);
		bucket_charge(&b, b.capacity + (uint64_t)rand() % rate);
		/* An odd moment: there is a fraction to carry. */
		now += (uint64_t)rand() % 1000000;
		bucket_refill(&b, now);
		wait = bucket_predicted_ns(&b, bucket_deficit(&b, n));
		if (!wait)
			continue;
		early = b;
		ASSERT_FALSE(take(&early, n, now + wait - 1));
		ASSERT_TRUE(take(&b, n, now + wait));
	}
}

static struct throttle pair(uint64_t ops, uint64_t bytes)
{
	const struct throttle_limits limits = { .ops = { ops, 0 }, .bytes = { bytes, 0 } };
	struct throttle t;

	ASSERT_EQ(throttle_init(&t, &limits, START), 0);
	return t;
}

TEST(pair_charges_both_or_none, .title = "D37 both buckets are charged only if both pass")
{
	struct throttle t = pair(100, 4096);
	struct throttle_verdict v;

	ASSERT_TRUE(throttle_ask(&t, 4096, START, &v));
	EXPECT_EQ((int64_t)t.ops.balance, 99);
	/* No bytes left: the operation isn't charged either. */
	for (int i = 0; i < 1000; i++)
		ASSERT_FALSE(throttle_ask(&t, 1, START, &v));
	EXPECT_EQ((int64_t)t.ops.balance, 99);
	EXPECT_EQ((int64_t)t.bytes.balance, 0);
	EXPECT_EQ(v.bucket, SS_BUCKET_BYTES);
	throttle_destroy(&t);

	t = pair(1, 4096);
	ASSERT_TRUE(throttle_ask(&t, 0, START, &v));
	for (int i = 0; i < 1000; i++)
		ASSERT_FALSE(throttle_ask(&t, 512, START, &v));
	EXPECT_EQ((int64_t)t.bytes.balance, 4096);
	EXPECT_EQ(v.bucket, SS_BUCKET_OPS);
	throttle_destroy(&t);
}

TEST(pair_cost, .title = "D38 a request costs one operation and its bytes; 0 bytes pass in debt")
{
	struct throttle t = pair(10, 1000);
	struct throttle_verdict v;

	ASSERT_TRUE(throttle_ask(&t, 600, START, &v));
	EXPECT_EQ((int64_t)t.ops.balance, 9);
	EXPECT_EQ((int64_t)t.bytes.balance, 400);
	ASSERT_TRUE(throttle_ask(&t, 400, START, &v));
	ASSERT_TRUE(throttle_ask(&t, 5000, START, &v));
	EXPECT_EQ((int64_t)t.bytes.balance, -5000);
	ASSERT_TRUE(throttle_ask(&t, 0, START, &v));
	EXPECT_EQ((int64_t)t.ops.balance, 6);
	throttle_destroy(&t);
}

TEST(pair_longest_wait, .title = "D44 the wait is the larger of the failing buckets' waits")
{
	struct throttle t = pair(10, 1000);
	struct throttle_verdict v;

	bucket_charge(&t.ops, 10);
	bucket_charge(&t.bytes, 1000);
	ASSERT_FALSE(throttle_ask(&t, 50, START, &v));
	EXPECT_EQ(v.predicted_ns, SEC / 10);
	EXPECT_EQ(v.deficit, 1);
	EXPECT_EQ(v.bucket, SS_BUCKET_BOTH);
	ASSERT_FALSE(throttle_ask(&t, 500, START, &v));
	EXPECT_EQ(v.predicted_ns, SEC / 2);
	EXPECT_EQ(v.deficit, 500);
	EXPECT_EQ(v.bucket, SS_BUCKET_BOTH);
	/* A bucket that passes adds nothing, however slow it is. */
	ASSERT_FALSE(throttle_ask(&t, 0, START, &v));
	EXPECT_EQ(v.predicted_ns, SEC / 10);
	EXPECT_EQ(v.bucket, SS_BUCKET_OPS);
	throttle_destroy(&t);
}

TEST(pair_unlimited, .title = "D72 a pair without rates grants all")
{
	struct throttle t = pair(0, 0);
	struct throttle_verdict v;

	EXPECT_FALSE(throttle_limited(&t));
	for (int i = 0; i < 1000; i++)
		ASSERT_TRUE(throttle_ask(&t, UINT64_MAX, START, &v));
	throttle_destroy(&t);
	t = pair(0, 5);
	EXPECT_TRUE(throttle_limited(&t));
	throttle_destroy(&t);
}

TEST(limits_change, .title = "limits can change: debts and tokens stay, capped")
{
	struct throttle t = pair(100, 0);
	const struct throttle_limits slower = { .ops = { 10, 0 } };
	const struct throttle_limits faster = { .ops = { 1000, 0 }, .bytes = { 4096, 8192 } };
	const struct throttle_limits bad = { .ops = { 1000, 1 } };
	const struct throttle_limits none = { 0 };
	struct throttle_verdict v;

	ASSERT_EQ(throttle_set_limits(&t, &slower, START), 0);
	EXPECT_EQ((int64_t)t.ops.balance, 10);
	bucket_charge(&t.ops, 30);
	/* Half a second at the old rate counts at the old rate. */
	ASSERT_EQ(throttle_set_limits(&t, &faster, START + SEC / 2), 0);
	EXPECT_EQ((int64_t)t.ops.balance, -15);
	/* A bucket that had no limit starts full. */
	EXPECT_EQ((int64_t)t.bytes.balance, 8192);
	EXPECT_EQ(throttle_set_limits(&t, &bad, START + SEC), -EINVAL);
	EXPECT_EQ(t.ops.rate, 1000);
	EXPECT_FALSE(throttle_ask(&t, 0, START + SEC / 2, &v));
	ASSERT_EQ(throttle_set_limits(&t, &none, START + SEC), 0);
	EXPECT_FALSE(throttle_limited(&t));
	EXPECT_TRUE(throttle_ask(&t, 1 << 30, START + SEC, &v));
	throttle_destroy(&t);
}

TEST(lowered_to_the_balance,
     .title = "D75 a limit lowered to just the balance keeps no fraction above it")
{
	const struct throttle_limits lower = { .ops = { 5, 0 } };
	struct throttle t = pair(10, 0);
	struct throttle_verdict v;

	/* 0.59 s later there are 5.9 tokens of 10, and then room for 5. */
	bucket_charge(&t.ops, 10);
	ASSERT_EQ(throttle_set_limits(&t, &lower, START + 59 * SEC / 100), 0);
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(throttle_ask(&t, 0, START + 59 * SEC / 100, &v));
	EXPECT_FALSE(throttle_ask(&t, 0, START + 59 * SEC / 100, &v));
	EXPECT_EQ(v.predicted_ns, SEC / 5);
	throttle_destroy(&t);
}

TEST(line, .title = "who waits has a place until it's granted, or leaves")
{
	struct throttle t = pair(1, 0);
	struct throttle_waiter a = { 0 }, b = { 0 };
	struct throttle_verdict v;
	struct throttle_state state;

	bucket_charge(&t.ops, 1);
	ASSERT_FALSE(throttle_ask_fair(&t, &a, 512, START, &v));
	EXPECT_EQ(v.predicted_ns, SEC);
	ASSERT_FALSE(throttle_ask_fair(&t, &b, 512, START, &v));
	EXPECT_EQ(v.predicted_ns, 2 * SEC);
	throttle_get(&t, START, &state);
	EXPECT_EQ(state.waiters, 2);
	/* The first token is the first one's. */
	EXPECT_FALSE(throttle_ask_fair(&t, &b, 512, START + SEC, &v));
	EXPECT_TRUE(throttle_ask_fair(&t, &a, 512, START + SEC, &v));
	throttle_get(&t, START + SEC, &state);
	EXPECT_EQ(state.waiters, 1);
	/* Having been granted it is behind those who wait. */
	EXPECT_FALSE(throttle_ask_fair(&t, &a, 512, START + 2 * SEC, &v));
	EXPECT_TRUE(throttle_ask_fair(&t, &b, 512, START + 2 * SEC, &v));
	throttle_leave(&t, &a);
	throttle_leave(&t, &a);
	throttle_get(&t, START + 2 * SEC, &state);
	EXPECT_EQ(state.waiters, 0);
	throttle_destroy(&t);
}

TEST(turns, .title = "flows take turns; a turn that is given up isn't held against its flow")
{
	struct throttle_flow x = { 0 }, y = { 0 };
	struct throttle_waiter a[3] = { { .flow = &x }, { .flow = &x }, { .flow = &x } };
	struct throttle_waiter b[2] = { { .flow = &y }, { .flow = &y } };
	struct throttle t = pair(1, 0);
	struct throttle_verdict v;

	bucket_charge(&t.ops, 1);
	for (int i = 0; i < 3; i++)
		ASSERT_FALSE(throttle_ask_fair(&t, &a[i], 512, START, &v));
	EXPECT_EQ(v.predicted_ns, 3 * SEC);
	/* Behind the first of the other's, before its second. */
	ASSERT_FALSE(throttle_ask_fair(&t, &b[0], 512, START, &v));
	EXPECT_EQ(v.predicted_ns, 2 * SEC);
	for (int i = 0; i < 3; i++)
		throttle_leave(&t, &a[i]);
	ASSERT_FALSE(throttle_ask_fair(&t, &b[1], 512, START, &v));
	EXPECT_EQ(v.predicted_ns, 2 * SEC);
	ASSERT_FALSE(throttle_ask_fair(&t, &a[0], 512, START, &v));
	EXPECT_EQ(v.predicted_ns, 2 * SEC);
	EXPECT_TRUE(throttle_ask_fair(&t, &b[0], 512, START + SEC, &v));
	EXPECT_FALSE(throttle_ask_fair(&t, &b[1], 512, START + 2 * SEC, &v));
	EXPECT_TRUE(throttle_ask_fair(&t, &a[0], 512, START + 2 * SEC, &v));
	EXPECT_TRUE(throttle_ask_fair(&t, &b[1], 512, START + 3 * SEC, &v));
	throttle_destroy(&t);
}

/* All that may be asked of a throttle, with waits of up to centuries. */
static void ask_all(struct throttle *t)
{
	const struct throttle_limits slow = { .ops = { 1, 0 }, .bytes = { 512, 0 } };
	struct throttle_waiter w = { 0 };
	struct throttle_state state;
	struct throttle_verdict v;

	for (uint64_t bytes = 1; bytes < THROTTLE_MAX_RATE; bytes *= 8) {
		throttle_ask(t, bytes, START, &v);
		throttle_ask_fair(t, &w, bytes, START, &v);
		throttle_peek(t, &w, bytes, START, &v);
	}
	throttle_leave(t, &w);
	throttle_set_limits(t, &slow, START);
	throttle_ask(t, 1 << 20, START, &v);
	throttle_get(t, START, &state);
}

TEST(never_sleeps, .title = "D83 whatever is asked of it, the bucket never sleeps: no system call")
{
	struct throttle t = pair(1, 512);
	int status = 0;
	pid_t pid;

#ifdef __SANITIZE_THREAD__
	SKIP("ThreadSanitizer has a thread and system calls of its own");
#endif
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Any call but read, write and exit kills. */
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
			_exit(4);
		ask_all(&t);
		syscall(SYS_exit, 0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		SKIP("no seccomp here");
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	ask_all(&t);
	throttle_destroy(&t);
}

TEST_HARNESS_MAIN
