// SPDX-License-Identifier: GPL-2.0-only
/* Makes the guest's CPUID from what KVM supports. */
#include "vm/cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_ENTRIES 512u

/* Leaf 1 */
#define ECX1_VMX	  (1u << 5)
#define ECX1_TSC_DEADLINE (1u << 24)
#define ECX1_HYPERVISOR	  (1u << 31)
#define EDX1_HTT	  (1u << 28)
/* Leaf 0x80000001 */
#define ECX81_CMP_LEGACY (1u << 1)
#define ECX81_SVM	 (1u << 2)

#define TOPO_LEAF	 0xbu
#define TOPO_LEVELS	 3u /* thread, core, end of list */
#define TOPO_LEVEL_SMT	 1u
#define TOPO_LEVEL_CORE	 2u

static bool cpuid_is_topology(uint32_t function)
{
	return function == TOPO_LEAF || function == 0x1f || function == 0x80000026;
}

/*
 * Depending on its version, KVM gives the host's topology leaves or none. Puts our
 * own levels of leaf 0xb in their place, for cpuid_adjust() to fill in; there is
 * room for them.
 */
static void cpuid_replace_topology(struct kvm_cpuid2 *c)
{
	uint32_t n = 0, max_leaf = 0;

	for (uint32_t i = 0; i < c->nent; i++) {
		if (!c->entries[i].function)
			max_leaf = c->entries[i].eax;
		if (!cpuid_is_topology(c->entries[i].function))
			c->entries[n++] = c->entries[i];
	}
	for (uint32_t i = 0; i < TOPO_LEVELS && max_leaf >= TOPO_LEAF; i++)
		c->entries[n++] = (struct kvm_cpuid_entry2){
			.function = TOPO_LEAF,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		};
	c->nent = n;
}

int cpuid_get_supported(int kvm_fd, struct kvm_cpuid2 **cpuid, struct vm_err *err)
{
	for (uint32_t n = 64; n <= MAX_ENTRIES; n *= 2) {
		struct kvm_cpuid2 *c =
			calloc(1, sizeof(*c) + (n + TOPO_LEVELS) * sizeof(c->entries[0]));
		int error;

		if (!c)
			return vm_fail(err, -ENOMEM, "out of memory");
		c->nent = n;
		if (!ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c)) {
			cpuid_replace_topology(c);
			*cpuid = c;
			return 0;
		}
		error = -errno;
		free(c);
		if (error != -E2BIG)
			return vm_fail(err, error, "KVM doesn't tell its CPUID: %s",
				       strerror(-error));
	}
	return vm_fail(err, -E2BIG, "KVM's CPUID has more than %u entries", MAX_ENTRIES);
}

/* Bits needed to number @n things from 0. */
static uint32_t bits_for(unsigned int n)
{
	return n > 1 ? 32u - (uint32_t)__builtin_clz(n - 1) : 0;
}

/* Leaf 0xb: threads of a core, then cores of the package. */
static void adjust_topology(struct kvm_cpuid_entry2 *e, unsigned int apic_id, unsigned int nr_cpus)
{
	e->edx = apic_id;
	e->ecx = e->index & 0xff;
	switch (e->index) {
	case 0:
		e->eax = 0;
		e->ebx = 1;
		e->ecx |= TOPO_LEVEL_SMT << 8;
		break;
	case 1:
		e->eax = bits_for(nr_cpus);
		e->ebx = nr_cpus;
		e->ecx |= TOPO_LEVEL_CORE << 8;
		break;
	default:
		e->eax = 0;
		e->ebx = 0;
		break;
	}
}

/*
 * Caches, leaf 4 (Intel) and 0x8000001d (AMD): they tell how many of the host's CPUs
 * share each; in this machine all share the last level, and none the others.
 */
static void adjust_cache(struct kvm_cpuid_entry2 *e, unsigned int nr_cpus)
{
	uint32_t level = (e->eax >> 5) & 7;
	uint32_t sharing = level >= 3 ? (1u << bits_for(nr_cpus)) - 1 : 0;

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & ~(0xfffu << 14)) | (sharing << 14);
	if (e->function == 4)
		e->eax = (e->eax & ~(0x3fu << 26)) |
			 ((((1u << bits_for(nr_cpus)) - 1) & 0x3f) << 26);
}

static void adjust_leaf1(struct kvm_cpuid_entry2 *e, unsigned int apic_id, unsigned int nr_cpus,
			 bool tsc_deadline)
{
	e->ebx = (e->ebx & 0xffff) | (apic_id << 24) | (1u << bits_for(nr_cpus) << 16);
	e->ecx |= ECX1_HYPERVISOR;
	/* The guest isn't offered virtualisation of its own. */
	e->ecx &= ~ECX1_VMX;
	e->ecx &= ~ECX1_TSC_DEADLINE;
	if (tsc_deadline)
		e->ecx |= ECX1_TSC_DEADLINE;
	e->edx &= ~EDX1_HTT;
	if (nr_cpus > 1)
		e->edx |= EDX1_HTT;
}

static bool cpuid_is_amd(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x8000001e)
			return true;
	return false;
}

void cpuid_adjust(struct kvm_cpuid2 *cpuid, unsigned int apic_id, unsigned int nr_cpus,
		  bool tsc_deadline)
{
	bool amd = cpuid_is_amd(cpuid);

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 0x1:
			adjust_leaf1(e, apic_id, nr_cpus, tsc_deadline);
			break;
		case 0x4:
		case 0x8000001d:
			adjust_cache(e, nr_cpus);
			break;
		case TOPO_LEAF:
			adjust_topology(e, apic_id, nr_cpus);
			break;
		case 0x80000001:
			e->ecx &= ~(ECX81_SVM | ECX81_CMP_LEGACY);
			if (nr_cpus > 1)
				e->ecx |= ECX81_CMP_LEGACY;
			break;
		case 0x80000008:
			/* cores of the package - 1, and bits of the APIC id */
			if (amd)
				e->ecx = (e->ecx & ~0xf0ffu) | (nr_cpus - 1) |
					 (bits_for(nr_cpus) << 12);
			break;
		case 0x8000001e:
			/* AMD: extended APIC id; core id, one thread a core; one node */
			e->eax = apic_id;
			e->ebx = apic_id & 0xff;
			e->ecx = 0;
			break;
		case 0x8000000a:
			/* SVM's features, without SVM */
			e->eax = e->ebx = e->ecx = e->edx = 0;
			break;
		default:
			break;
		}
	}
}

static const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && !cpuid->entries[i].index)
			return &cpuid->entries[i];
	return NULL;
}

bool cpuid_has(const struct kvm_cpuid2 *cpuid, uint32_t function, unsigned int reg,
	       unsigned int bit)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(cpuid, function);
	uint32_t v[4];

	if (!e || reg > 3)
		return false;
	v[0] = e->eax;
	v[1] = e->ebx;
	v[2] = e->ecx;
	v[3] = e->edx;
	return v[reg] >> bit & 1;
}

unsigned int cpuid_phys_bits(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(cpuid, 0x80000008);

	return e && (e->eax & 0xff) ? e->eax & 0xff : 36;
}
