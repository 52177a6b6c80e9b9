// SPDX-License-Identifier: GPL-2.0-only
/* Guest RAM: sizes, the hole below 4 GiB, the memory map. */
#include "vm/layout.h"
#include "vm/machine.h"
#include "vm/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "ss_harness.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static uint64_t host_memory(void)
{
	struct sysinfo si;

	return sysinfo(&si) ? 0 : (uint64_t)si.totalram * si.mem_unit;
}

FIXTURE(memory)
{
	struct vm_memory m;
	struct vm_err err;
};

FIXTURE_SETUP(memory)
{
	memset(self, 0, sizeof(*self));
}

FIXTURE_TEARDOWN(memory)
{
	vm_memory_destroy(&self->m);
}

TEST_F(memory, refuses_sizes,
       .title = "zero, tiny, huge and overflowing sizes are refused in words")
{
	static const struct {
		uint64_t size;
		int error;
		const char *words;
	} bad[] = {
		{ 0, -EINVAL, "too small" },
		{ 4096, -EINVAL, "too small" },
		{ MACHINE_MIN_MEMORY - 1, -EINVAL, "too small" },
		{ UINT64_MAX, -ENOMEM, "more than this host" },
		{ UINT64_MAX - 4096, -ENOMEM, "more than this host" },
		{ 1ULL << 63, -ENOMEM, "more than this host" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(vm_memory_create(&self->m, bad[i].size, false, &self->err), bad[i].error);
		EXPECT_STRSTR(self->err.text, bad[i].words);
		EXPECT_NULL(self->m.host);
	}
	EXPECT_EQ(vm_memory_create(&self->m, host_memory() + 1, false, &self->err), -ENOMEM);
}

TEST_F(memory, rounds_up, .title = "an odd size is rounded up to 2 MiB, and reads as zero")
{
	ASSERT_EQ(vm_memory_create(&self->m, 64 * MIB + 1, true, &self->err), 0);
	EXPECT_EQ(self->m.size, 66 * MIB);
	EXPECT_EQ(self->m.low_end, 66 * MIB);
	EXPECT_EQ(self->m.high_size, 0);
	EXPECT_EQ(self->m.mem.nr, 1);
	EXPECT_EQ((uintptr_t)self->m.host % (2 * MIB), 0);
	EXPECT_EQ(*(char *)vm_memory_ptr(&self->m, 66 * MIB - 1, 1), 0);
	EXPECT_NULL(vm_memory_ptr(&self->m, 66 * MIB, 1));
	EXPECT_NULL(vm_memory_ptr(&self->m, 66 * MIB - 1, 2));
}

TEST_F(memory, exactly_three_gib, .title = "3 GiB fit below the hole to the byte")
{
	if (host_memory() < 3 * GIB)
		SKIP("the host has less than 3 GiB");
	ASSERT_EQ(vm_memory_create(&self->m, 3 * GIB, false, &self->err), 0);
	EXPECT_EQ(self->m.mem.nr, 1);
	EXPECT_EQ(self->m.low_end, LAYOUT_GAP);
	EXPECT_NOT_NULL(vm_memory_ptr(&self->m, LAYOUT_GAP - 1, 1));
	EXPECT_NULL(vm_memory_ptr(&self->m, LAYOUT_GAP, 1));
}

TEST_F(memory, around_the_hole, .title = "beyond 3 GiB the rest lies at 4 GiB and none in between")
{
	struct vm_memmap_entry map[VM_MEMMAP_MAX];
	unsigned int n;

	if (host_memory() < 3 * GIB + 2 * MIB)
		SKIP("the host has less than 3 GiB and 2 MiB");
	ASSERT_EQ(vm_memory_create(&self->m, 3 * GIB + 2 * MIB, false, &self->err), 0);
	ASSERT_EQ(self->m.mem.nr, 2);
	EXPECT_EQ(self->m.mem.region[1].gpa, LAYOUT_GAP_END);
	EXPECT_EQ(self->m.mem.region[1].size, 2 * MIB);
	EXPECT_NULL(vm_memory_ptr(&self->m, LAYOUT_GAP - 1, 2));
	EXPECT_NULL(vm_memory_ptr(&self->m, LAYOUT_VIRTIO, 1));
	EXPECT_NULL(vm_memory_ptr(&self->m, LAYOUT_GAP_END - 1, 1));
	EXPECT_NOT_NULL(vm_memory_ptr(&self->m, LAYOUT_GAP_END, 2 * MIB));
	EXPECT_NULL(vm_memory_ptr(&self->m, LAYOUT_GAP_END, 2 * MIB + 1));
	/* different host bytes */
	memset(vm_memory_ptr(&self->m, LAYOUT_GAP_END, 1), 0xab, 1);
	EXPECT_EQ(*(char *)vm_memory_ptr(&self->m, LAYOUT_GAP - 1, 1), 0);

	n = vm_memory_map(&self->m, map);
	EXPECT_EQ(map[n - 2].addr + map[n - 2].size, LAYOUT_GAP);
	EXPECT_EQ(map[n - 1].addr, LAYOUT_GAP_END);
	EXPECT_EQ(map[n - 1].size, 2 * MIB);
}

TEST_F(memory, map,
       .title = "the memory map is sorted, free of overlap, and tells no more RAM than there is")
{
	struct vm_memmap_entry map[VM_MEMMAP_MAX];
	uint64_t end = 0, ram = 0;
	unsigned int n;

	ASSERT_EQ(vm_memory_create(&self->m, 256 * MIB, false, &self->err), 0);
	n = vm_memory_map(&self->m, map);
	ASSERT_LE(n, VM_MEMMAP_MAX);
	for (unsigned int i = 0; i < n; i++) {
		EXPECT_GE(map[i].addr, end);
		EXPECT_GT(map[i].size, 0);
		end = map[i].addr + map[i].size;
		if (map[i].type != VM_MEMMAP_RAM)
			continue;
		ram += map[i].size;
		EXPECT_NOT_NULL(vm_memory_ptr(&self->m, map[i].addr, map[i].size));
		/* what the loader wrote before the kernel runs must not be handed out as ACPI */
		EXPECT_TRUE(end <= LAYOUT_ACPI || map[i].addr >= LAYOUT_ACPI_END);
	}
	EXPECT_EQ(end, 256 * MIB);
	EXPECT_LE(ram, 256 * MIB);
	EXPECT_GT(ram, 255 * MIB - LAYOUT_HIMEM);
}

TEST_HARNESS_MAIN
