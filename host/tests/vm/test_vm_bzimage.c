// SPDX-License-Identifier: GPL-2.0-only
/* Loading a bzImage: good ones, damaged ones, and the files beside it. */
#include "vm_boot_util.h"

#include <asm/bootparam.h>
#include <sys/stat.h>

#define SETUP	  1024u /* boot sector and one sector of setup code */
#define PAYLOAD	  4096u
#define IMAGE	  (SETUP + PAYLOAD)
#define PREF	  (16 * MIB)
#define INIT_SIZE (4 * MIB)

FIXTURE(bz)
{
	struct boot_env e;
	unsigned char image[IMAGE];
};

static struct setup_header *header(unsigned char *image)
{
	return (struct setup_header *)(image + 0x1f1);
}

FIXTURE_SETUP(bz)
{
	struct setup_header *h = header(self->image);

	boot_env_init(&self->e, 64 * MIB);
	for (unsigned int i = SETUP; i < IMAGE; i++)
		self->image[i] = (unsigned char)(i * 7);
	h->setup_sects = 1;
	h->syssize = PAYLOAD / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0xeb | (uint16_t)((0x1f1 + sizeof(*h) - 0x202) << 8);
	h->header = 0x53726448;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH;
	h->kernel_alignment = 2 * MIB;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->initrd_addr_max = 0x7fffffff;
	h->pref_address = PREF;
	h->init_size = INIT_SIZE;
}

FIXTURE_TEARDOWN(bz)
{
	vm_memory_destroy(&self->e.mem);
}

static int load(struct boot_env *e, const unsigned char *image)
{
	write_file(e->kernel, image, IMAGE);
	return boot_env_load(e, NULL, NULL);
}

TEST_F(bz, enters_at_its_place,
       .title = "goes to its preferred address and is entered 0x200 behind it")
{
	const uint64_t *pml4 = vm_memory_ptr(&self->e.mem, LAYOUT_PAGE_TABLES, 6 * 4096);

	ASSERT_EQ(load(&self->e, self->image), 0)
	{
		TH_LOG("%s", self->e.err.text);
	}
	EXPECT_EQ(self->e.entry.mode, BOOT_MODE_LONG);
	EXPECT_EQ(self->e.entry.rip, PREF + 0x200);
	EXPECT_EQ(self->e.entry.arg, LAYOUT_ZERO_PAGE);
	EXPECT_MEMEQ(vm_memory_ptr(&self->e.mem, PREF, PAYLOAD), self->image + SETUP, PAYLOAD);
	/* every 2 MiB of the first 4 GiB maps to itself */
	EXPECT_EQ(pml4[0], LAYOUT_PAGE_TABLES + 0x1003);
	for (uint64_t i = 0; i < 4; i++)
		EXPECT_EQ(pml4[512 + i], LAYOUT_PAGE_TABLES + 0x2003 + i * 0x1000);
	for (uint64_t i = 0; i < 2048; i++)
		ASSERT_EQ(pml4[1024 + i], (i << 21) | 0x83);
}

TEST_F(bz, zero_page, .title = "boot_params carry header, command line, e820 and the ACPI root")
{
	const struct boot_params *bp = vm_memory_ptr(&self->e.mem, LAYOUT_ZERO_PAGE, sizeof(*bp));
	struct vm_memmap_entry map[VM_MEMMAP_MAX];
	unsigned int n = vm_memory_map(&self->e.mem, map);

	write_file(self->e.kernel, self->image, IMAGE);
	ASSERT_EQ(boot_env_load(&self->e, NULL, "console=ttyS0 quiet"), 0);
	EXPECT_EQ(bp->hdr.header, 0x53726448);
	EXPECT_EQ(bp->hdr.type_of_loader, 0xff);
	EXPECT_EQ(bp->hdr.init_size, INIT_SIZE);
	EXPECT_EQ(bp->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	EXPECT_STREQ((char *)vm_memory_ptr(&self->e.mem, LAYOUT_CMDLINE, 64),
		     "console=ttyS0 quiet");
	EXPECT_EQ(bp->acpi_rsdp_addr, TEST_RSDP);
	EXPECT_EQ(bp->hdr.ramdisk_size, 0);
	ASSERT_EQ(bp->e820_entries, n);
	for (unsigned int i = 0; i < n; i++) {
		EXPECT_EQ(bp->e820_table[i].addr, map[i].addr);
		EXPECT_EQ(bp->e820_table[i].size, map[i].size);
		EXPECT_EQ(bp->e820_table[i].type, map[i].type);
	}
}

TEST_F(bz, moves_down,
       .title = "where the preferred address leaves no room, a relocatable kernel goes to 2 MiB")
{
	header(self->image)->pref_address = 62 * MIB;
	ASSERT_EQ(load(&self->e, self->image), 0)
	{
		TH_LOG("%s", self->e.err.text);
	}
	EXPECT_EQ(self->e.entry.rip, 2 * MIB + 0x200);

	header(self->image)->relocatable_kernel = 0;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
	EXPECT_STRSTR(self->e.err.text, "give it more");
}

TEST_F(bz, too_big, .title = "a kernel that needs more memory than there is says how much")
{
	header(self->image)->init_size = 63 * MIB;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
	EXPECT_STRSTR(self->e.err.text, "64 MiB");
	header(self->image)->init_size = 0xffffffff;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
	/* init_size 0 doesn't talk the payload's own size away */
	header(self->image)->init_size = 0;
	header(self->image)->pref_address = 64 * MIB - PAYLOAD / 2;
	header(self->image)->relocatable_kernel = 0;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
}

TEST_F(bz, bad_headers, .title = "a header that can't be right isn't believed")
{
	unsigned char good[IMAGE];
	struct setup_header *h = header(self->image);

	memcpy(good, self->image, IMAGE);
	h->version = 0x020b;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "64-bit entry");
	memcpy(self->image, good, IMAGE);
	h->xloadflags = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	h->loadflags = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "zImage");
	memcpy(self->image, good, IMAGE);
	h->kernel_alignment = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	h->kernel_alignment = 3 * MIB;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	h->kernel_alignment = 1u << 31;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	h->syssize = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	h->syssize = 0xffffffff;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "truncated");
	memcpy(self->image, good, IMAGE);
	h->setup_sects = 255;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	h->header = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "not a Linux kernel");
	memcpy(self->image, good, IMAGE);
	h->pref_address = UINT64_MAX;
	EXPECT_EQ(load(&self->e, self->image), 0);
	h->relocatable_kernel = 0;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
}

TEST_F(bz, every_truncation,
       .title = "a kernel cut off at any byte is refused, and never taken for a whole one")
{
	write_file(self->e.kernel, self->image, IMAGE);
	for (off_t len = IMAGE - 1; len >= 0; len--) {
		ASSERT_EQ(truncate(self->e.kernel, len), 0);
		ASSERT_EQ(boot_env_load(&self->e, NULL, NULL), -ENOEXEC)
		{
			TH_LOG("at %ld", (long)len);
		}
		ASSERT_NE(self->e.err.text[0], '\0');
	}
}

TEST_F(bz, random_damage, .title = "random damage to the header gives a load or a documented error")
{
	unsigned char bad[IMAGE];
	uint32_t seed = 0x5ca1ab1e;

	for (int round = 0; round < 3000; round++) {
		int ret;

		memcpy(bad, self->image, IMAGE);
		for (uint32_t n = next_random(&seed) % 6 + 1; n; n--)
			bad[0x1f1 + next_random(&seed) % sizeof(struct setup_header)] =
				(unsigned char)next_random(&seed);
		ret = load(&self->e, bad);
		ASSERT_TRUE(!ret || is_documented_error(ret))
		{
			TH_LOG("round %d: %d", round, ret);
		}
		ASSERT_EQ(!ret, !self->e.err.text[0]);
		if (!ret) {
			ASSERT_NOT_NULL(vm_memory_ptr(&self->e.mem, self->e.entry.rip, 1));
		}
	}
}

TEST_F(bz, initrd_at_the_top, .title = "the initrd ends at the top of memory, page aligned, whole")
{
	const struct boot_params *bp = vm_memory_ptr(&self->e.mem, LAYOUT_ZERO_PAGE, sizeof(*bp));
	unsigned char initrd[5000];

	for (unsigned int i = 0; i < sizeof(initrd); i++)
		initrd[i] = (unsigned char)(i * 13 + 1);
	write_file(self->e.initrd, initrd, sizeof(initrd));
	write_file(self->e.kernel, self->image, IMAGE);
	ASSERT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), 0)
	{
		TH_LOG("%s", self->e.err.text);
	}
	EXPECT_EQ(bp->hdr.ramdisk_image, 64 * MIB - 8192);
	EXPECT_EQ(bp->hdr.ramdisk_size, sizeof(initrd));
	EXPECT_EQ(bp->ext_ramdisk_image, 0);
	EXPECT_MEMEQ(vm_memory_ptr(&self->e.mem, 64 * MIB - 8192, 5000), initrd, 5000);

	/* and below what the kernel says it can reach */
	header(self->image)->initrd_addr_max = 32 * MIB - 1;
	write_file(self->e.kernel, self->image, IMAGE);
	ASSERT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), 0);
	EXPECT_EQ(bp->hdr.ramdisk_image, 32 * MIB - 8192);
}

TEST_F(bz, initrd_fits_to_the_byte,
       .title = "an initrd may fill what the kernel leaves, and not a byte more")
{
	const uint64_t room = 64 * MIB - (PREF + INIT_SIZE);

	write_file(self->e.kernel, self->image, IMAGE);
	write_file(self->e.initrd, "", 0);
	ASSERT_EQ(truncate(self->e.initrd, (off_t)room), 0);
	EXPECT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), 0)
	{
		TH_LOG("%s", self->e.err.text);
	}
	ASSERT_EQ(truncate(self->e.initrd, (off_t)room + 1), 0);
	EXPECT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), -ENOSPC);
	EXPECT_STRSTR(self->e.err.text, "doesn't fit");
	ASSERT_EQ(truncate(self->e.initrd, 1LL << 40), 0);
	EXPECT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), -ENOSPC);
}

TEST_F(bz, bad_initrds, .title = "a missing, empty or unreadable initrd is told from a bad kernel")
{
	write_file(self->e.kernel, self->image, IMAGE);
	EXPECT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), -ENOENT);
	EXPECT_STRSTR(self->e.err.text, "initrd");
	EXPECT_EQ(boot_env_load(&self->e, ss_tmpdir(), NULL), -EISDIR);
	EXPECT_STRSTR(self->e.err.text, "initrd");
	write_file(self->e.initrd, "", 0);
	EXPECT_EQ(boot_env_load(&self->e, self->e.initrd, NULL), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "empty");
}

TEST_F(bz, long_cmdline, .title = "a command line longer than the kernel takes is refused, not cut")
{
	char line[4096];

	memset(line, 'x', sizeof(line));
	line[2047] = '\0';
	write_file(self->e.kernel, self->image, IMAGE);
	EXPECT_EQ(boot_env_load(&self->e, NULL, line), 0);
	line[2047] = 'x';
	line[2048] = '\0';
	EXPECT_EQ(boot_env_load(&self->e, NULL, line), -E2BIG);
	header(self->image)->cmdline_size = 255;
	write_file(self->e.kernel, self->image, IMAGE);
	line[256] = '\0';
	EXPECT_EQ(boot_env_load(&self->e, NULL, line), -E2BIG);
	EXPECT_STRSTR(self->e.err.text, "255");
	/* a kernel that claims more than the room there is */
	header(self->image)->cmdline_size = 0xffffffff;
	write_file(self->e.kernel, self->image, IMAGE);
	line[256] = 'x';
	EXPECT_EQ(boot_env_load(&self->e, NULL, line), -E2BIG);
}

TEST_F(bz, kernel_files,
       .title = "missing, unreadable, directory, fifo, empty and other files are told apart")
{
	EXPECT_EQ(boot_env_load(&self->e, NULL, NULL), -ENOENT);
	EXPECT_STRSTR(self->e.err.text, "no such file");

	ASSERT_EQ(mkfifo(self->e.kernel, 0600), 0);
	EXPECT_EQ(boot_env_load(&self->e, NULL, NULL), -EIO);
	EXPECT_STRSTR(self->e.err.text, "not a regular file");
	ASSERT_EQ(unlink(self->e.kernel), 0);

	write_file(self->e.kernel, "", 0);
	EXPECT_EQ(boot_env_load(&self->e, NULL, NULL), -ENOEXEC);
	write_file(self->e.kernel, "#!/bin/sh\n", 10);
	EXPECT_EQ(boot_env_load(&self->e, NULL, NULL), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "not a Linux kernel");

	ASSERT_EQ(chmod(self->e.kernel, 0), 0);
	/* root reads everything: be somebody else for a moment */
	if (!geteuid()) {
		ASSERT_EQ(chmod(ss_tmpdir(), 0755), 0);
		ASSERT_EQ(seteuid(65534), 0);
	}
	EXPECT_EQ(boot_env_load(&self->e, NULL, NULL), -EACCES);
	if (!getuid()) {
		ASSERT_EQ(seteuid(0), 0);
	}

	ASSERT_EQ(unlink(self->e.kernel), 0);
	ASSERT_EQ(mkdir(self->e.kernel, 0700), 0);
	EXPECT_EQ(boot_env_load(&self->e, NULL, NULL), -EISDIR);
}

TEST_HARNESS_MAIN
