/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Booting the bare-metal guest "vmm" (guest-tests/bare/vmm.c) on whatever KVM
 * this machine has, be it a software one.
 */
#ifndef SS_TESTS_VM_KVM_UTIL_H
#define SS_TESTS_VM_KVM_UTIL_H

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest-tests/bare/vmm.h"
#include "ss_harness.h"
#include "virtio/guest_mem.h"
#include "vm/kvm.h"
#include "vm/machine.h"

#define MIB	  (1ULL << 20)
#define SECOND_NS 1000000000LL
#define LIMIT_NS  (20 * SECOND_NS)

static inline void need_kvm(void)
{
	struct vm_err err;
	int fd = kvm_open(&err);

	if (fd < 0)
		SKIP("%s", err.text);
	close(fd);
}

/* The guests lie beside the tests in the build directory. */
static inline void guest_path(char *path, size_t size, const char *elf)
{
	char exe[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ASSERT_GT(n, 0);
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	snprintf(path, size, "%s/../guest/bare/%s.elf", exe, elf);
	ASSERT_EQ(access(path, R_OK), 0)
	{
		TH_LOG("%s is missing", path);
	}
}

/* Have the guest do @word; everything else is as in a run. */
static inline void load_guest(struct machine *m, const char *word)
{
	char path[PATH_MAX];
	const struct machine_boot boot = { .kernel = path, .cmdline = word };

	guest_path(path, sizeof(path), "vmm");
	ASSERT_EQ(machine_load(m, &boot), 0);
}

static inline const volatile struct vmm_result *guest_result(struct machine *m)
{
	return guest_mem_ptr(machine_memory(m), VMM_RESULT, sizeof(struct vmm_result));
}

#endif /* SS_TESTS_VM_KVM_UTIL_H */
