/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this machine's /dev/kvm can do: nothing, small bare-metal guests only,
 * or an ordinary Linux guest.
 */
#ifndef SS_VM_KVM_PROBE_H
#define SS_VM_KVM_PROBE_H

#include <stdbool.h>

/** enum kvm_sort - what sort of KVM this is. */
enum kvm_sort {
	KVM_SORT_NONE = 0, /* no usable /dev/kvm */
	KVM_SORT_SOFTWARE, /* runs small bare-metal guests, but no stock kernel */
	KVM_SORT_HARDWARE, /* runs ordinary Linux guests */
};

/**
 * struct kvm_probe_result - what kvm_probe() found.
 * @sort: the verdict.
 * @error: 0, or the negative errno that makes it KVM_SORT_NONE: -ENOENT (no
 *	/dev/kvm), -EACCES (no right to it), -ENOTSUP (a capability is missing), ...
 * @api_version: KVM_GET_API_VERSION, 0 if it could not be asked.
 * @cpu_flag: "vmx", "svm" or "" as /proc/cpuinfo says.
 * @guest_ran: the probe guest ran every instruction a stock kernel needs.
 * @max_vcpus: KVM_CAP_MAX_VCPUS, at most MACHINE_MAX_VCPUS.
 * @reason: one sentence: why it isn't KVM_SORT_HARDWARE, and what to do; else what
 *	it is.
 */
struct kvm_probe_result {
	enum kvm_sort sort;
	int error;
	int api_version;
	char cpu_flag[8];
	bool guest_ran;
	unsigned int max_vcpus;
	char reason[256];
};

/**
 * kvm_probe() - look at /dev/kvm and run a tiny guest on it, for a second at most.
 *
 * Any thread. Leaves nothing behind. Return: 0 whatever was found, or a
 * negative errno if the probing itself failed (no memory, no thread).
 */
int kvm_probe(struct kvm_probe_result *res);

/** kvm_sort_name() - "none", "software" or "hardware". */
const char *kvm_sort_name(enum kvm_sort sort);

#endif /* SS_VM_KVM_PROBE_H */
