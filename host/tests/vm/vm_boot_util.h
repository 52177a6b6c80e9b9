/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images made by hand, for the tests of the boot loaders.
 */
#ifndef SS_TESTS_VM_BOOT_UTIL_H
#define SS_TESTS_VM_BOOT_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ss_harness.h"
#include "vm/boot.h"
#include "vm/layout.h"

#define TEST_RSDP 0xe0000ULL
#define MIB	  (1ULL << 20)

/* What every test of a loader needs: memory, a place for files, the outcome. */
struct boot_env {
	struct vm_memory mem;
	struct vm_err err;
	struct boot_entry entry;
	char kernel[256];
	char initrd[256];
};

static inline void boot_env_init(struct boot_env *e, uint64_t memory)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->kernel, sizeof(e->kernel), "%s/kernel", ss_tmpdir());
	snprintf(e->initrd, sizeof(e->initrd), "%s/initrd", ss_tmpdir());
	ASSERT_EQ(vm_memory_create(&e->mem, memory, false, &e->err), 0);
}

static inline void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_LE(0, fd);
	ASSERT_EQ(write(fd, data, len), (ssize_t)len);
	ASSERT_EQ(close(fd), 0);
}

/*
 * boot_load() of the env's kernel; @initrd and @cmdline may be NULL. Without them
 * boot_check() has to say the same of every kernel.
 */
static inline int boot_env_load(struct boot_env *e, const char *initrd, const char *cmdline)
{
	const struct machine_boot boot = {
		.kernel = e->kernel,
		.initrd = initrd,
		.cmdline = cmdline ? cmdline : "",
	};
	struct vm_err check_err = { "" };
	int ret, check = boot_check(&e->mem, e->kernel, &check_err);

	e->err.text[0] = '\0';
	ret = boot_load(&e->mem, &boot, TEST_RSDP, &e->entry, &e->err);
	if (!initrd && !cmdline) {
		EXPECT_EQ(check, ret);
		EXPECT_STREQ(check_err.text, e->err.text);
	}
	return ret;
}

/* The errors that machine_load() documents: a damaged file must give one of these. */
static inline int is_documented_error(int ret)
{
	switch (ret) {
	case -ENOENT:
	case -EACCES:
	case -EISDIR:
	case -EIO:
	case -ENOEXEC:
	case -EFBIG:
	case -ENOSPC:
	case -E2BIG:
		return 1;
	default:
		return 0;
	}
}

/* A small generator with a fixed seed, the same on every machine. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif /* SS_TESTS_VM_BOOT_UTIL_H */
