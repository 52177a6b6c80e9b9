// SPDX-License-Identifier: GPL-2.0-only
/* The guest's CPUID: topology written over whatever the host says. */
#include "vm/cpuid.h"
#include "vm/kvm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ss_harness.h"

#define NR 12

FIXTURE(cpuid)
{
	struct kvm_cpuid2 *c;
};

static void add(struct kvm_cpuid2 *c, uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx,
		uint32_t ecx, uint32_t edx)
{
	ASSERT_LT(c->nent, NR);
	c->entries[c->nent++] = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.eax = eax,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx,
	};
}

FIXTURE_SETUP(cpuid)
{
	self->c = calloc(1, sizeof(*self->c) + NR * sizeof(self->c->entries[0]));
	ASSERT_NOT_NULL(self->c);
	/* a host of 8 cores with 2 threads each, this being its CPU 5 */
	add(self->c, 1, 0, 0x906e9, 0x05100800, 0xffffffff & ~(1u << 31), 1u << 28);
	add(self->c, 4, 0, 0x1c004121, 0, 0, 0); /* L1, shared by 2 */
	add(self->c, 4, 1, 0x1c03c163, 0, 0, 0); /* L3, shared by 16 */
	add(self->c, 4, 2, 0, 0, 0, 0);
	add(self->c, 0xb, 0, 1, 2, 0x100, 5);
	add(self->c, 0xb, 1, 4, 16, 0x201, 5);
	add(self->c, 0xb, 2, 0, 0, 2, 5);
	add(self->c, 0x80000001, 0, 0, 0, 0xffffffff, 0);
	add(self->c, 0x80000008, 0, 0x3028, 0, 0x400f, 0);
	add(self->c, 0x8000001e, 0, 5, 0x102, 0x101, 0);
}

FIXTURE_TEARDOWN(cpuid)
{
	free(self->c);
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *c, uint32_t function,
					   uint32_t index)
{
	for (uint32_t i = 0; i < c->nent; i++)
		if (c->entries[i].function == function && c->entries[i].index == index)
			return &c->entries[i];
	return NULL;
}

/* APIC ids are numbers of CPUs: the shift must make the package hold all of them. */
TEST_F(cpuid, topology, .title = "one package of single-threaded cores, whatever the host has")
{
	static const struct {
		unsigned int nr, shift;
	} sizes[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 33, 6 }, { 64, 6 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned int last = sizes[i].nr - 1;

		cpuid_adjust(self->c, last, sizes[i].nr, true);
		EXPECT_EQ(find(self->c, 0xb, 0)->eax, 0);
		EXPECT_EQ(find(self->c, 0xb, 0)->ebx, 1);
		EXPECT_EQ(find(self->c, 0xb, 0)->ecx, 0x100);
		EXPECT_EQ(find(self->c, 0xb, 1)->eax, sizes[i].shift);
		EXPECT_EQ(find(self->c, 0xb, 1)->ebx, sizes[i].nr);
		EXPECT_EQ(find(self->c, 0xb, 1)->ecx, 0x201);
		EXPECT_EQ(find(self->c, 0xb, 2)->ebx, 0);
		EXPECT_EQ(find(self->c, 0xb, 2)->edx, last);
		EXPECT_EQ(find(self->c, 1, 0)->ebx >> 24, last);
		EXPECT_EQ(find(self->c, 1, 0)->ebx >> 16 & 0xff, 1u << sizes[i].shift);
		EXPECT_EQ(find(self->c, 1, 0)->edx >> 28 & 1, sizes[i].nr > 1);
		EXPECT_EQ(find(self->c, 0x80000008, 0)->ecx & 0xff, last);
		EXPECT_EQ(find(self->c, 0x80000008, 0)->ecx >> 12 & 0xf, sizes[i].shift);
		EXPECT_EQ(find(self->c, 0x8000001e, 0)->eax, last);
		EXPECT_EQ(find(self->c, 0x8000001e, 0)->ebx & 0xff00, 0);
		EXPECT_EQ(find(self->c, 4, 0)->eax >> 14 & 0xfff, 0);
		EXPECT_EQ(find(self->c, 4, 1)->eax >> 14 & 0xfff, (1u << sizes[i].shift) - 1);
		EXPECT_EQ(find(self->c, 4, 1)->eax & 0x3fff, 0x3c163 & 0x3fff);
		EXPECT_EQ(find(self->c, 4, 2)->eax, 0);
	}
}

TEST_F(cpuid, features,
       .title = "hypervisor and deadline timer are told, nested virtualisation is not")
{
	cpuid_adjust(self->c, 0, 2, true);
	EXPECT_TRUE(cpuid_has(self->c, 1, 2, 31));
	EXPECT_TRUE(cpuid_has(self->c, 1, 2, 24));
	EXPECT_FALSE(cpuid_has(self->c, 1, 2, 5));
	EXPECT_FALSE(cpuid_has(self->c, 0x80000001, 2, 2));
	EXPECT_TRUE(cpuid_has(self->c, 0x80000001, 2, 1));
	cpuid_adjust(self->c, 0, 1, false);
	EXPECT_FALSE(cpuid_has(self->c, 1, 2, 24));
	EXPECT_FALSE(cpuid_has(self->c, 0x80000001, 2, 1));
	EXPECT_FALSE(cpuid_has(self->c, 0x1234, 2, 1));
	EXPECT_EQ(cpuid_phys_bits(self->c), 40);
}

TEST(of_this_host, .title = "KVM's own CPUID comes with our topology leaf and no other")
{
	struct kvm_cpuid2 *c = NULL;
	struct vm_err err;
	int kvm = kvm_open(&err);

	if (kvm < 0)
		SKIP("%s", err.text);
	ASSERT_EQ(cpuid_get_supported(kvm, &c, &err), 0)
	{
		TH_LOG("%s", err.text);
	}
	close(kvm);
	cpuid_adjust(c, 1, 4, true);
	EXPECT_NULL(find(c, 0x1f, 0));
	EXPECT_NULL(find(c, 0x80000026, 0));
	ASSERT_NOT_NULL(find(c, 1, 0));
	EXPECT_EQ(find(c, 1, 0)->ebx >> 24, 1);
	if (find(c, 0, 0)->eax >= 0xb) {
		ASSERT_NOT_NULL(find(c, 0xb, 1));
		EXPECT_EQ(find(c, 0xb, 1)->ebx, 4);
		EXPECT_EQ(find(c, 0xb, 1)->eax, 2);
	}
	EXPECT_GE(cpuid_phys_bits(c), 32);
	free(c);
}

TEST_HARNESS_MAIN
