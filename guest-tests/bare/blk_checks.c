// SPDX-License-Identifier: GPL-2.0-only
/* Tests that fail, for the test of how that is told. */
#include "ss_harness.h"
#include "vio.h"

TEST(passes)
{
	EXPECT_LT(-1, 0u);
	ASSERT_MEMEQ("abc", "abd", 2);
	EXPECT_NE(shared, NULL);
}

TEST(fails_number)
{
	const int minus_one = -1;

	EXPECT_GT(minus_one, 0u)
	{
		TH_LOG("%s: %d, %u, 0x%lx, %ld", "text", -7, 7, ~0UL, -1L);
	}
}

TEST(fails_truth)
{
	EXPECT_FALSE(shared->queues);
}

TEST(fails_memory)
{
	EXPECT_MEMEQ("abc", "abd", 3);
}

TEST(fails_assert)
{
	ASSERT_EQ(vio_get(VIRTIO_MMIO_MAGIC_VALUE), 0);
	TH_LOG("not reached");
}

TEST(faults)
{
	*(volatile uint32_t *)(1ULL << 40) = 1;
}

static void fail_there(void)
{
	EXPECT_EQ(user_irqs(1), 1);
}

TEST(fails_second_cpu)
{
	user_start_cpu(fail_there);
	user_join_cpu();
}

TEST(powers_off)
{
	user_poweroff();
}
