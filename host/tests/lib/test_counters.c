// SPDX-License-Identifier: GPL-2.0-only
/* Counting from several threads at once. */
#include <pthread.h>
#include <string.h>

#include "lib/counters.h"
#include "ss_harness.h"

#define CHUNK	 1000
#define TOGETHER 200   /* chunks during which the other thread counted, too, are enough */
#define CHUNKS	 20000 /* and if they never meet, so many */

static struct {
	void (*hit)(void);
	__u64 counter;
	unsigned int done[2]; /* atomic: chunks */
	bool end;	      /* atomic */
} hammer;

static void *hammer_main(void *arg)
{
	const unsigned int me = arg != NULL;
	unsigned int together = 0;

	for (int i = 0; i < CHUNKS && !__atomic_load_n(&hammer.end, __ATOMIC_RELAXED); i++) {
		const unsigned int seen = __atomic_load_n(&hammer.done[!me], __ATOMIC_RELAXED);

		for (int n = 0; n < CHUNK; n++)
			hammer.hit();
		__atomic_fetch_add(&hammer.done[me], 1, __ATOMIC_RELAXED);
		together += __atomic_load_n(&hammer.done[!me], __ATOMIC_RELAXED) != seen;
		if (together == TOGETHER)
			__atomic_store_n(&hammer.end, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Two threads hit the counter; returns how often they did. */
static __u64 both(void (*hit)(void), __u64 start)
{
	pthread_t thread;

	memset(&hammer, 0, sizeof(hammer));
	hammer.hit = hit;
	hammer.counter = start;
	ASSERT_EQ(pthread_create(&thread, NULL, hammer_main, &hammer), 0);
	hammer_main(NULL);
	pthread_join(thread, NULL);
	return ((__u64)hammer.done[0] + hammer.done[1]) * CHUNK;
}

static void inc(void)
{
	counter_inc(&hammer.counter);
}

static void add_by_two(void)
{
	counter_add_by(&hammer.counter, 3, 2);
}

static void dec(void)
{
	counter_dec_floor(&hammer.counter);
}

TEST(no_count_is_lost, .title = "two threads that count at once lose nothing")
{
	__u64 hits = both(inc, 0);

	EXPECT_EQ(counter_get(&hammer.counter), hits);
	hits = both(add_by_two, 0);
	EXPECT_EQ(counter_get(&hammer.counter), 3 * hits);
}

TEST(gauge, .title = "a gauge goes down once a call, and never below 0")
{
	const __u64 plenty = 1ULL << 40;
	const __u64 hits = both(dec, plenty);

	EXPECT_EQ(counter_get(&hammer.counter), plenty - hits);
	both(dec, 5000);
	EXPECT_EQ(counter_get(&hammer.counter), 0);
}

TEST(alone, .title = "one thread alone counts the same, whichever way")
{
	__u64 c = 0;

	counter_add_by(&c, 5, 1);
	counter_add_by(&c, 5, 2);
	counter_add(&c, 5);
	counter_inc(&c);
	EXPECT_EQ(counter_get(&c), 16);
}

TEST_HARNESS_MAIN
