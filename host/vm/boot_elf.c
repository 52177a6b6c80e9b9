// SPDX-License-Identifier: GPL-2.0-only
/* Loads an uncompressed ELF kernel that has a PVH entry. */
#include "vm/boot.h"
#include "vm/layout.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PHDRS	  64
#define MAX_NOTES	  (64 * 1024u)
#define NOTE_PHYS32_ENTRY 18	      /* XEN_ELFNOTE_PHYS32_ENTRY */
#define PVH_MAGIC	  0x336ec578u /* "xEn3" with bit 7 of the E set */

/* The start info of the PVH boot ABI, version 1, and what it points to. */
struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct pvh_memmap_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

struct pvh_area {
	struct pvh_start_info info;
	struct pvh_module module;
	struct pvh_memmap_entry map[VM_MEMMAP_MAX];
};

struct elf_image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[MAX_PHDRS];
	uint64_t end; /* first byte after the last segment */
	uint64_t entry;
};

int boot_is_elf(const void *head, size_t len)
{
	return len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG);
}

static int elf_read_headers(const struct boot_file *f, struct elf_image *img, struct vm_err *err)
{
	Elf64_Ehdr *eh = &img->eh;
	int ret;

	ret = boot_file_read(f, eh, 0, sizeof(*eh), err);
	if (ret)
		return ret;
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64 || (eh->e_type != ET_EXEC && eh->e_type != ET_DYN))
		return vm_fail(err, -ENOEXEC, "kernel %s is an ELF file, but no x86-64 kernel",
			       f->path);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > MAX_PHDRS)
		return vm_fail(err, -ENOEXEC,
			       "kernel %s: bad ELF program headers (%u of %u bytes each)", f->path,
			       eh->e_phnum, eh->e_phentsize);
	return boot_file_read(f, img->ph, eh->e_phoff, eh->e_phnum * sizeof(Elf64_Phdr), err);
}

static size_t align_up(size_t v, size_t align)
{
	return (v + align - 1) & ~(align - 1);
}

/* Looks for the PVH entry in a segment's notes. Return: was it there? */
static int elf_find_entry(const unsigned char *notes, size_t size, size_t align, uint64_t *entry)
{
	size_t at = 0;
	Elf64_Nhdr nh;

	while (size - at >= sizeof(nh)) {
		size_t name, desc;

		memcpy(&nh, notes + at, sizeof(nh));
		name = at + sizeof(nh);
		if (nh.n_namesz > size - name)
			return 0;
		desc = align_up(name + nh.n_namesz, align);
		if (desc > size || nh.n_descsz > size - desc)
			return 0;
		if (nh.n_type == NOTE_PHYS32_ENTRY && nh.n_namesz == 4 &&
		    !memcmp(notes + name, "Xen", 4) && (nh.n_descsz == 4 || nh.n_descsz == 8)) {
			*entry = 0;
			memcpy(entry, notes + desc, nh.n_descsz);
			return 1;
		}
		at = align_up(desc + nh.n_descsz, align);
		if (at > size)
			return 0;
	}
	return 0;
}

static int elf_read_entry(const struct boot_file *f, struct elf_image *img, struct vm_err *err)
{
	static const char *const hint =
		"kernel %s has no PVH entry: build it with CONFIG_PVH=y, or give its bzImage";
	unsigned char *notes;
	int ret = 0, found = 0;

	notes = malloc(MAX_NOTES);
	if (!notes)
		return vm_fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < img->eh.e_phnum && !found; i++) {
		const Elf64_Phdr *ph = &img->ph[i];

		if (ph->p_type != PT_NOTE || ph->p_filesz > MAX_NOTES)
			continue;
		ret = boot_file_read(f, notes, ph->p_offset, ph->p_filesz, err);
		if (ret)
			goto out;
		found = elf_find_entry(notes, ph->p_filesz, ph->p_align == 8 ? 8 : 4, &img->entry);
	}
	if (!found)
		ret = vm_fail(err, -ENOEXEC, hint, f->path);
out:
	free(notes);
	return ret;
}

static int elf_load_segment(const struct boot_file *f, const struct vm_memory *mem,
			    const Elf64_Phdr *ph, struct elf_image *img, struct vm_err *err)
{
	uint64_t end;
	char *to;
	int ret;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz || __builtin_add_overflow(ph->p_paddr, ph->p_memsz, &end))
		return vm_fail(err, -ENOEXEC, "kernel %s: an ELF segment has impossible sizes",
			       f->path);
	if (ph->p_paddr < LAYOUT_HIMEM)
		return vm_fail(err, -ENOEXEC, "kernel %s wants to be loaded at %#llx, below 1 MiB",
			       f->path, (unsigned long long)ph->p_paddr);
	if (end > mem->low_end)
		return vm_fail(
			err, -EFBIG,
			"kernel %s reaches up to %llu MiB, the guest has %llu MiB: give it more",
			f->path, (unsigned long long)(end >> 20),
			(unsigned long long)(mem->size >> 20));
	to = vm_memory_ptr(mem, ph->p_paddr, ph->p_memsz);
	if (!to)
		return vm_fail(err, -EFBIG, "kernel %s doesn't fit into guest memory", f->path);
	ret = boot_file_load(f, to, ph->p_offset, ph->p_filesz, err);
	if (ret)
		return ret;
	/* Guest memory is zero already; writing zeroes would only allocate it. */
	if (end > img->end)
		img->end = end;
	return 0;
}

static void pvh_fill(const struct vm_memory *mem, const struct boot_initrd *initrd, uint64_t rsdp)
{
	struct pvh_area *a = vm_memory_ptr(mem, LAYOUT_PVH_INFO, sizeof(*a));
	struct vm_memmap_entry map[VM_MEMMAP_MAX];

	memset(a, 0, sizeof(*a));
	a->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.nr_modules = initrd->size ? 1 : 0,
		.cmdline_paddr = LAYOUT_CMDLINE,
		.rsdp_paddr = rsdp,
		.memmap_paddr = LAYOUT_PVH_INFO + offsetof(struct pvh_area, map),
		.memmap_entries = vm_memory_map(mem, map),
	};
	if (initrd->size) {
		a->info.modlist_paddr = LAYOUT_PVH_INFO + offsetof(struct pvh_area, module);
		a->module.paddr = initrd->gpa;
		a->module.size = initrd->size;
	}
	for (unsigned int i = 0; i < a->info.memmap_entries; i++) {
		a->map[i].addr = map[i].addr;
		a->map[i].size = map[i].size;
		a->map[i].type = map[i].type;
	}
}

int boot_load_elf(const struct vm_memory *mem, const struct boot_file *kernel,
		  const struct machine_boot *boot, uint64_t rsdp, struct boot_entry *entry,
		  struct vm_err *err)
{
	struct elf_image img = { .end = 0 };
	struct boot_initrd initrd;
	int ret;

	ret = elf_read_headers(kernel, &img, err);
	if (!ret)
		ret = elf_read_entry(kernel, &img, err);
	for (unsigned int i = 0; !ret && i < img.eh.e_phnum; i++)
		if (img.ph[i].p_type == PT_LOAD)
			ret = elf_load_segment(kernel, mem, &img.ph[i], &img, err);
	if (ret)
		return ret;
	if (img.entry < LAYOUT_HIMEM || img.entry >= img.end)
		return vm_fail(err, -ENOEXEC, "kernel %s: its PVH entry %#llx lies outside of it",
			       kernel->path, (unsigned long long)img.entry);
	ret = boot_load_cmdline(mem, boot->cmdline, LAYOUT_CMDLINE_MAX - 1, err);
	if (!ret)
		ret = boot_load_initrd(mem, boot->initrd, img.end, mem->low_end, &initrd, err);
	if (ret)
		return ret;
	pvh_fill(mem, &initrd, rsdp);
	*entry = (struct boot_entry){
		.mode = BOOT_MODE_PVH,
		.rip = img.entry,
		.arg = LAYOUT_PVH_INFO,
	};
	return 0;
}
