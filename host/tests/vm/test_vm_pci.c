// SPDX-License-Identifier: GPL-2.0-only
/* PCI configuration space, asked the way Linux looks for it. */
#include "vm/pci.h"

#include "ss_harness.h"

static struct pci_config config;

static uint32_t get(unsigned int off, uint32_t len)
{
	uint32_t v = 0;

	pci_config_ops.read(&config, 0, off, &v, len);
	return v;
}

static void put(unsigned int off, uint32_t v, uint32_t len)
{
	pci_config_ops.write(&config, 0, off, &v, len);
}

/* Linux' pci_check_type1() and pci_sanity_check(). */
TEST(looked_for, .title = "Linux finds mechanism 1, and a host bridge at 00:00.0")
{
	put(3, 1, 1);
	put(0, 0x80000000, 4);
	EXPECT_EQ(get(0, 4), 0x80000000);
	put(0, 0x80000008, 4);
	EXPECT_EQ(get(6, 2), 0x0600); /* PCI_CLASS_DEVICE */
	EXPECT_EQ(get(7, 1), 0x06);
	put(0, 0x80000000, 4);
	EXPECT_EQ(get(4, 2), 0x1b36);
	EXPECT_EQ(get(4, 4), 0x00081b36);
	put(0, 0x8000000c, 4);
	EXPECT_EQ(get(6, 1), 0); /* one function, an ordinary header */
}

TEST(nothing_else, .title = "no other function, device or bus is there, nor anything when it's off")
{
	static const uint32_t others[] = { 0x80000100, 0x80000800, 0x80010000, 0 };

	for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		put(0, others[i], 4);
		EXPECT_EQ(get(4, 4), UINT32_MAX);
		EXPECT_EQ(get(4, 2), 0xffff);
	}
}

TEST(narrow, .title = "the address is written and read as a whole, its reserved bits are 0")
{
	put(0, UINT32_MAX, 4);
	EXPECT_EQ(get(0, 4), 0x80fffffc);
	put(0, 0x80000000, 4);
	put(0, 0, 1);
	put(1, 6, 1); /* 0xcf9 resets a machine elsewhere */
	put(2, 0, 2);
	EXPECT_EQ(get(0, 4), 0x80000000);
	EXPECT_EQ(get(0, 1), 0xff);
	EXPECT_EQ(get(2, 2), 0xffff);
	/* Over the end of the data port: never what lies behind. */
	EXPECT_EQ(get(6, 4), UINT32_MAX);
	/* The bridge takes nothing. */
	put(4, 0, 4);
	EXPECT_EQ(get(4, 4), 0x00081b36);
}

TEST_HARNESS_MAIN
