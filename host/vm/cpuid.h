/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's CPUID: what KVM supports, with this machine's topology (one package,
 * one thread a core) in place of the host's.
 */
#ifndef SS_VM_CPUID_H
#define SS_VM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm/err.h"

/**
 * cpuid_get_supported() - KVM_GET_SUPPORTED_CPUID into fresh memory, with
 * entries for the topology leaf.
 * @cpuid: to be freed by the caller.
 *
 * Return: 0 or a negative errno.
 */
int cpuid_get_supported(int kvm_fd, struct kvm_cpuid2 **cpuid, struct vm_err *err);

/**
 * cpuid_adjust() - turn it into the CPUID of one vCPU of this machine.
 * @apic_id: the vCPU's number.
 * @nr_cpus: vCPUs in all.
 * @tsc_deadline: the LAPIC has a TSC deadline timer (a capability of KVM tells, not
 *	its CPUID).
 *
 * Changes existing entries only, so it may run again for the next vCPU.
 */
void cpuid_adjust(struct kvm_cpuid2 *cpuid, unsigned int apic_id, unsigned int nr_cpus,
		  bool tsc_deadline);

/** cpuid_has() - is a bit set? @reg: 0 to 3 for eax, ebx, ecx, edx. */
bool cpuid_has(const struct kvm_cpuid2 *cpuid, uint32_t function, unsigned int reg,
	       unsigned int bit);

/** cpuid_phys_bits() - width of guest-physical addresses. */
unsigned int cpuid_phys_bits(const struct kvm_cpuid2 *cpuid);

#endif /* SS_VM_CPUID_H */
