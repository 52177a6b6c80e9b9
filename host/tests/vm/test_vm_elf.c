// SPDX-License-Identifier: GPL-2.0-only
/* Loading an ELF kernel by PVH: good ones and damaged ones. */
#include "vm_boot_util.h"

#include <elf.h>

#define CODE_OFF  0x1000u
#define CODE	  0x1000u
#define NOTE_OFF  0x2000u
#define IMAGE	  (NOTE_OFF + 64u)
#define LOAD	  (16 * MIB)
#define MEMSZ	  (1 * MIB)
#define PVH_MAGIC 0x336ec578u

struct note {
	uint32_t namesz, descsz, type;
	char name[4];
	uint64_t desc;
};

FIXTURE(elf)
{
	struct boot_env e;
	unsigned char image[IMAGE] __attribute__((aligned(8)));
};

static Elf64_Ehdr *ehdr(unsigned char *image)
{
	return (Elf64_Ehdr *)image;
}

static Elf64_Phdr *phdr(unsigned char *image, unsigned int i)
{
	return (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr)) + i;
}

static struct note *note(unsigned char *image)
{
	return (struct note *)(image + NOTE_OFF);
}

FIXTURE_SETUP(elf)
{
	unsigned char *im = self->image;

	boot_env_init(&self->e, 64 * MIB);
	for (unsigned int i = CODE_OFF; i < CODE_OFF + CODE; i++)
		im[i] = (unsigned char)(i * 11);
	memcpy(ehdr(im)->e_ident, ELFMAG, SELFMAG);
	ehdr(im)->e_ident[EI_CLASS] = ELFCLASS64;
	ehdr(im)->e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr(im)->e_machine = EM_X86_64;
	ehdr(im)->e_type = ET_EXEC;
	ehdr(im)->e_phoff = sizeof(Elf64_Ehdr);
	ehdr(im)->e_phentsize = sizeof(Elf64_Phdr);
	ehdr(im)->e_phnum = 2;
	*phdr(im, 0) = (Elf64_Phdr){ .p_type = PT_LOAD,
				     .p_offset = CODE_OFF,
				     .p_paddr = LOAD,
				     .p_vaddr = 0xffffffff81000000,
				     .p_filesz = CODE,
				     .p_memsz = MEMSZ };
	*phdr(im, 1) = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = NOTE_OFF, .p_filesz = 24, .p_align = 4
	};
	*note(im) = (struct note){ 4, 8, 18, "Xen", LOAD + 0x40 };
}

FIXTURE_TEARDOWN(elf)
{
	vm_memory_destroy(&self->e.mem);
}

static int load(struct boot_env *e, const unsigned char *image)
{
	write_file(e->kernel, image, IMAGE);
	return boot_env_load(e, NULL, NULL);
}

TEST_F(elf, enters_at_its_note, .title = "segments go where they say, the PVH note gives the entry")
{
	ASSERT_EQ(load(&self->e, self->image), 0)
	{
		TH_LOG("%s", self->e.err.text);
	}
	EXPECT_EQ(self->e.entry.mode, BOOT_MODE_PVH);
	EXPECT_EQ(self->e.entry.rip, LOAD + 0x40);
	EXPECT_EQ(self->e.entry.arg, LAYOUT_PVH_INFO);
	EXPECT_MEMEQ(vm_memory_ptr(&self->e.mem, LOAD, CODE), self->image + CODE_OFF, CODE);
	EXPECT_EQ(*(char *)vm_memory_ptr(&self->e.mem, LOAD + CODE, 1), 0);

	/* the entry as four bytes, behind another note with a longer name */
	memcpy(self->image + NOTE_OFF,
	       "\6\0\0\0"
	       "\3\0\0\0"
	       "\22\0\0\0"
	       "Linux\0\0\0"
	       "abc\0"
	       "\4\0\0\0"
	       "\4\0\0\0"
	       "\22\0\0\0"
	       "Xen\0"
	       "\x80\0\0\1",
	       44);
	phdr(self->image, 1)->p_filesz = 44;
	ASSERT_EQ(load(&self->e, self->image), 0)
	{
		TH_LOG("%s", self->e.err.text);
	}
	EXPECT_EQ(self->e.entry.rip, LOAD + 0x80);
}

TEST_F(elf, checked_only, .title = "a check reads no segment: guest memory there stays untouched")
{
	write_file(self->e.kernel, self->image, IMAGE);
	ASSERT_EQ(boot_check(&self->e.mem, self->e.kernel, &self->e.err), 0);
	for (unsigned int i = 0; i < CODE; i++)
		ASSERT_EQ(((char *)vm_memory_ptr(&self->e.mem, LOAD, CODE))[i], 0);
}

/* Offsets as the PVH boot ABI gives them, read without the loader's structs. */
TEST_F(elf, start_info,
       .title = "the start info names initrd, command line, memory map and ACPI root")
{
	const unsigned char *info = vm_memory_ptr(&self->e.mem, LAYOUT_PVH_INFO, 56);
	struct vm_memmap_entry map[VM_MEMMAP_MAX];
	unsigned int n = vm_memory_map(&self->e.mem, map);
	const uint64_t *module, *entry;
	uint32_t w[4], entries;
	uint64_t q[4];

	write_file(self->e.kernel, self->image, IMAGE);
	write_file(self->e.initrd, "initrd", 6);
	ASSERT_EQ(boot_env_load(&self->e, self->e.initrd, "a b"), 0);
	memcpy(w, info, 16);
	memcpy(q, info + 16, 32);
	memcpy(&entries, info + 48, 4);
	EXPECT_EQ(w[0], PVH_MAGIC);
	EXPECT_EQ(w[1], 1);
	EXPECT_EQ(w[3], 1);
	EXPECT_STREQ((char *)vm_memory_ptr(&self->e.mem, q[1], 4), "a b");
	EXPECT_EQ(q[2], TEST_RSDP);
	module = vm_memory_ptr(&self->e.mem, q[0], 32);
	ASSERT_NOT_NULL(module);
	EXPECT_EQ(module[0], 64 * MIB - 4096);
	EXPECT_EQ(module[1], 6);
	EXPECT_MEMEQ(vm_memory_ptr(&self->e.mem, module[0], 6), "initrd", 6);
	ASSERT_EQ(entries, n);
	entry = vm_memory_ptr(&self->e.mem, q[3], n * 24);
	for (unsigned int i = 0; i < n; i++, entry += 3) {
		EXPECT_EQ(entry[0], map[i].addr);
		EXPECT_EQ(entry[1], map[i].size);
		EXPECT_EQ(entry[2], map[i].type);
	}
	/* without an initrd no module */
	ASSERT_EQ(boot_env_load(&self->e, NULL, NULL), 0);
	memcpy(w, info, 16);
	EXPECT_EQ(w[3], 0);
}

TEST_F(elf, not_a_kernel, .title = "ELF files of another sort are refused with their reason")
{
	unsigned char good[IMAGE];

	memcpy(good, self->image, IMAGE);
	ehdr(self->image)->e_machine = EM_AARCH64;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "no x86-64 kernel");
	memcpy(self->image, good, IMAGE);
	ehdr(self->image)->e_ident[EI_CLASS] = ELFCLASS32;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	ehdr(self->image)->e_type = ET_REL;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	ehdr(self->image)->e_phnum = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	ehdr(self->image)->e_phnum = 0xffff;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	ehdr(self->image)->e_phentsize = 1;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	memcpy(self->image, good, IMAGE);
	ehdr(self->image)->e_phoff = UINT64_MAX - 8;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "truncated");
	memcpy(self->image, good, IMAGE);
	note(self->image)->type = 19;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "CONFIG_PVH");
}

TEST_F(elf, bad_notes, .title = "a note section with impossible lengths has no entry")
{
	struct note good = *note(self->image);

	note(self->image)->namesz = 0xffffffff;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	*note(self->image) = good;
	note(self->image)->descsz = 0xfffffffc;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	*note(self->image) = good;
	note(self->image)->descsz = 7;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	*note(self->image) = good;
	phdr(self->image, 1)->p_filesz = 23;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	phdr(self->image, 1)->p_filesz = UINT64_MAX;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	phdr(self->image, 1)->p_filesz = 24;
	phdr(self->image, 1)->p_offset = UINT64_MAX;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	phdr(self->image, 1)->p_offset = NOTE_OFF;
	/* an entry outside of what was loaded */
	note(self->image)->desc = LOAD + MEMSZ;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "outside");
	note(self->image)->desc = 0x1000;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	note(self->image)->desc = UINT64_MAX;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
}

TEST_F(elf, bad_segments, .title = "segments that wrap, lie too low or reach too far are refused")
{
	Elf64_Phdr good = *phdr(self->image, 0);

	phdr(self->image, 0)->p_memsz = UINT64_MAX - LOAD + 1;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	*phdr(self->image, 0) = good;
	phdr(self->image, 0)->p_memsz = CODE - 1;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	*phdr(self->image, 0) = good;
	phdr(self->image, 0)->p_paddr = 0x1000;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "below 1 MiB");
	*phdr(self->image, 0) = good;
	phdr(self->image, 0)->p_memsz = 48 * MIB;
	EXPECT_EQ(load(&self->e, self->image), 0);
	phdr(self->image, 0)->p_memsz = 48 * MIB + 1;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
	EXPECT_STRSTR(self->e.err.text, "give it more");
	phdr(self->image, 0)->p_paddr = LAYOUT_GAP_END;
	EXPECT_EQ(load(&self->e, self->image), -EFBIG);
	*phdr(self->image, 0) = good;
	phdr(self->image, 0)->p_offset = IMAGE - CODE + 1;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
	EXPECT_STRSTR(self->e.err.text, "truncated");
	*phdr(self->image, 0) = good;
	phdr(self->image, 0)->p_memsz = 0;
	phdr(self->image, 0)->p_filesz = 0;
	EXPECT_EQ(load(&self->e, self->image), -ENOEXEC);
}

TEST_F(elf, every_truncation, .title = "a kernel cut off at any byte that matters is refused")
{
	write_file(self->e.kernel, self->image, IMAGE);
	for (off_t len = NOTE_OFF + 23; len >= 0; len--) {
		ASSERT_EQ(truncate(self->e.kernel, len), 0);
		ASSERT_EQ(boot_env_load(&self->e, NULL, NULL), -ENOEXEC)
		{
			TH_LOG("at %ld", (long)len);
		}
		ASSERT_NE(self->e.err.text[0], '\0');
	}
}

TEST_F(elf, random_damage,
       .title = "random damage to headers and notes gives a load or a documented error")
{
	const size_t headers = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
	unsigned char bad[IMAGE];
	uint32_t seed = 0xfeedbeef;

	for (int round = 0; round < 3000; round++) {
		int ret;

		memcpy(bad, self->image, IMAGE);
		for (uint32_t n = next_random(&seed) % 4 + 1; n; n--) {
			uint32_t at = next_random(&seed) % (headers + 24);

			at = at < headers ? at : (uint32_t)(NOTE_OFF + at - headers);
			bad[at] = (unsigned char)next_random(&seed);
		}
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

TEST_HARNESS_MAIN
