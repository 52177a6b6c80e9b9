// SPDX-License-Identifier: GPL-2.0-only
/* The bus: who answers which address. */
#include "vm/bus.h"

#include <errno.h>
#include <string.h>

#include "ss_harness.h"

struct seen {
	unsigned int reads, writes, vcpu;
	uint64_t off;
	uint32_t len;
	uint8_t byte;
};

static void on_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	struct seen *s = opaque;

	s->reads++;
	s->vcpu = vcpu;
	s->off = off;
	s->len = len;
	memset(data, 0x5a, len);
}

static void on_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data, uint32_t len)
{
	struct seen *s = opaque;

	s->writes++;
	s->vcpu = vcpu;
	s->off = off;
	s->len = len;
	s->byte = *(const uint8_t *)data;
}

static const struct vm_range_ops ops = { .read = on_read, .write = on_write };
static const struct vm_range_ops mute = { .read = NULL };

static int add(struct vm_bus *bus, uint64_t base, uint64_t size, struct seen *s)
{
	const struct vm_range r = {
		.base = base, .size = size, .ops = s ? &ops : &mute, .opaque = s
	};

	return vm_bus_add(bus, &r);
}

TEST(finds_the_right_range,
     .title = "an access reaches the range that holds it, relative to its start")
{
	struct vm_bus bus = { 0 };
	struct seen a = { 0 }, b = { 0 }, c = { 0 };
	uint32_t v = 0;

	/* added out of order */
	ASSERT_EQ(add(&bus, 0x300, 0x10, &b), 0);
	ASSERT_EQ(add(&bus, 0x100, 0x10, &a), 0);
	ASSERT_EQ(add(&bus, 0x310, 0x10, &c), 0);

	EXPECT_TRUE(vm_bus_read(&bus, 3, 0x10c, &v, 4));
	EXPECT_EQ(a.off, 0xc);
	EXPECT_EQ(a.vcpu, 3);
	EXPECT_EQ(v, 0x5a5a5a5a);
	EXPECT_TRUE(vm_bus_write(&bus, 0, 0x310, "x", 1));
	EXPECT_EQ(c.writes, 1);
	EXPECT_EQ(c.off, 0);
	EXPECT_EQ(c.byte, 'x');
	EXPECT_TRUE(vm_bus_read(&bus, 0, 0x30f, &v, 1));
	EXPECT_EQ(b.reads, 1);
	EXPECT_EQ(b.off, 0xf);
}

TEST(nobody_answers, .title = "an address of nobody reads all ones, a write there is dropped")
{
	struct vm_bus bus = { 0 };
	struct seen a = { 0 };
	uint64_t v = 0;

	EXPECT_FALSE(vm_bus_read(&bus, 0, 0, &v, 8));
	EXPECT_EQ(v, UINT64_MAX);
	ASSERT_EQ(add(&bus, 0x100, 0x10, &a), 0);
	for (uint64_t at = 0xf8; at < 0x100; at++) {
		v = 0;
		EXPECT_FALSE(vm_bus_read(&bus, 0, at, &v, 8));
		EXPECT_EQ(v, UINT64_MAX);
	}
	EXPECT_FALSE(vm_bus_write(&bus, 0, 0x110, &v, 1));
	EXPECT_FALSE(vm_bus_read(&bus, 0, UINT64_MAX, &v, 8));
	EXPECT_EQ(a.reads + a.writes, 0);
}

TEST(straddling, .title = "an access that begins in a range and ends behind it is nobody's")
{
	struct vm_bus bus = { 0 };
	struct seen a = { 0 }, b = { 0 };
	uint32_t v = 0;

	ASSERT_EQ(add(&bus, 0x100, 6, &a), 0);
	ASSERT_EQ(add(&bus, 0x106, 6, &b), 0);
	EXPECT_FALSE(vm_bus_read(&bus, 0, 0x104, &v, 4));
	EXPECT_EQ(v, UINT32_MAX);
	EXPECT_TRUE(vm_bus_read(&bus, 0, 0x104, &v, 2));
	EXPECT_EQ(a.reads, 1);
	EXPECT_EQ(b.reads, 0);
}

TEST(refuses_overlap, .title = "ranges never overlap, whichever comes first")
{
	struct vm_bus bus = { 0 };
	struct seen a = { 0 };

	ASSERT_EQ(add(&bus, 0x100, 0x10, &a), 0);
	EXPECT_EQ(add(&bus, 0x100, 0x10, &a), -EEXIST);
	EXPECT_EQ(add(&bus, 0x10f, 1, &a), -EEXIST);
	EXPECT_EQ(add(&bus, 0xff, 2, &a), -EEXIST);
	EXPECT_EQ(add(&bus, 0, 0x1000, &a), -EEXIST);
	EXPECT_EQ(add(&bus, 0xff, 1, &a), 0);
	EXPECT_EQ(add(&bus, 0x110, 1, &a), 0);
	EXPECT_EQ(bus.nr, 3);
}

TEST(refuses_bad_ranges, .title = "empty and wrapping ranges, and one too many, are refused")
{
	struct vm_bus bus = { 0 };
	struct seen a = { 0 };

	EXPECT_EQ(add(&bus, 0x100, 0, &a), -EINVAL);
	EXPECT_EQ(add(&bus, UINT64_MAX, 2, &a), -EINVAL);
	EXPECT_EQ(add(&bus, UINT64_MAX, 1, &a), 0);
	for (unsigned int i = 1; i < VM_BUS_MAX_RANGES; i++)
		ASSERT_EQ(add(&bus, i * 0x10, 0x10, &a), 0);
	EXPECT_EQ(add(&bus, 0x100000, 1, &a), -ENOSPC);
}

TEST(mute_range, .title = "a range without ops reads all ones and swallows writes")
{
	struct vm_bus bus = { 0 };
	uint16_t v = 0;

	ASSERT_EQ(add(&bus, 0x80, 1, NULL), 0);
	ASSERT_EQ(add(&bus, 0x90, 2, NULL), 0);
	EXPECT_TRUE(vm_bus_write(&bus, 0, 0x80, &v, 1));
	EXPECT_TRUE(vm_bus_read(&bus, 0, 0x90, &v, 2));
	EXPECT_EQ(v, 0xffff);
}

TEST_HARNESS_MAIN
