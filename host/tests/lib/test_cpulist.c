// SPDX-License-Identifier: GPL-2.0-only
#include "ss_harness.h"

#include <errno.h>
#include <stdio.h>

#include "lib/cpulist.h"

TEST(good, .title = "numbers, ranges, and both; twice is once")
{
	cpu_set_t set;

	ASSERT_EQ(cpulist_parse("0", &set), 0);
	EXPECT_EQ(CPU_COUNT(&set), 1);
	EXPECT_TRUE(CPU_ISSET(0, &set));
	ASSERT_EQ(cpulist_parse("2-4,7,3", &set), 0);
	EXPECT_EQ(CPU_COUNT(&set), 4);
	EXPECT_FALSE(CPU_ISSET(1, &set));
	EXPECT_TRUE(CPU_ISSET(2, &set) && CPU_ISSET(3, &set) && CPU_ISSET(4, &set));
	EXPECT_TRUE(CPU_ISSET(7, &set));
	ASSERT_EQ(cpulist_parse("5-5,1023", &set), 0);
	EXPECT_EQ(CPU_COUNT(&set), 2);
	EXPECT_TRUE(CPU_ISSET(1023, &set));
}

TEST(bad, .title = "anything else is refused")
{
	static const char *const bad[] = { "",	    ",",  "0,",	  ",0",	    "0,,1",
					   "-1",    "1-", "3-2",  "a",	    "0-x",
					   "1 2",   " 1", "1024", "0-1024", "99999999999999999999",
					   "0-1-2", "+1" };
	cpu_set_t set;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(cpulist_parse(bad[i], &set), -EINVAL)
		{
			TH_LOG("'%s'", bad[i]);
		}
}

TEST(spread, .title = "threads take the CPUs in turn, one each")
{
	cpu_set_t ours, each[5];
	char list[32], err[200];
	int first, last;

	ASSERT_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
	for (first = 0; !CPU_ISSET((size_t)first, &ours); first++)
		;
	for (last = CPU_SETSIZE - 1; !CPU_ISSET((size_t)last, &ours); last--)
		;
	snprintf(list, sizeof(list), "%d,%d", last, first);
	ASSERT_EQ(cpulist_spread(list, each, 5, err, sizeof(err)), 0);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(CPU_COUNT(&each[i]), 1);
		EXPECT_TRUE(CPU_ISSET((size_t)(i % 2 ? last : first), &each[i]));
	}
}

TEST(not_there, .title = "a CPU that isn't there is named; a bad list too")
{
	cpu_set_t each[2];
	char err[200];

	EXPECT_EQ(cpulist_spread("0-1023", each, 2, err, sizeof(err)), -ENODEV);
	EXPECT_STRSTR(err, "CPU ");
	EXPECT_EQ(cpulist_spread("2-1", each, 2, err, sizeof(err)), -EINVAL);
	EXPECT_STRSTR(err, "'2-1'");
}

TEST_HARNESS_MAIN
