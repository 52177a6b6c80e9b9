// SPDX-License-Identifier: GPL-2.0-only
/* Loads a bzImage by Linux' 64-bit boot protocol. */
#include "vm/boot.h"
#include "vm/layout.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define SECTOR		  512ULL
#define HDR_OFFSET	  0x1f1
#define HDR_MAGIC	  0x53726448u /* "HdrS" */
#define HDR_MIN_VERSION	  0x020c      /* xloadflags */
#define ENTRY_64	  0x200	      /* 64-bit entry, from the protected-mode code's start */
#define MAX_KERNEL	  (1ULL << 30)

#define PTE_PRESENT_WRITE 0x3ULL
#define PTE_HUGE	  0x80ULL

/* Where the kernel goes: from its header, after checks. */
struct bz_plan {
	struct setup_header hdr;
	uint64_t payload_off;
	uint64_t payload_size;
	uint64_t load;
	uint64_t end;
};

int boot_is_bzimage(const void *head, size_t len)
{
	const unsigned char *p = head;
	uint32_t magic;

	if (len < 0x206)
		return 0;
	memcpy(&magic, p + 0x202, sizeof(magic));
	return p[0x1fe] == 0x55 && p[0x1ff] == 0xaa && magic == HDR_MAGIC;
}

static int bz_read_header(const struct boot_file *f, struct bz_plan *p, struct vm_err *err)
{
	unsigned char jump;
	uint64_t end;
	int ret;

	/* The offset in the jump that the header begins with tells its length. */
	ret = boot_file_read(f, &jump, 0x201, 1, err);
	if (ret)
		return ret;
	end = 0x202ULL + jump;
	if (end > HDR_OFFSET + sizeof(p->hdr))
		end = HDR_OFFSET + sizeof(p->hdr);
	memset(&p->hdr, 0, sizeof(p->hdr));
	ret = boot_file_read(f, &p->hdr, HDR_OFFSET, end - HDR_OFFSET, err);
	if (ret)
		return ret;
	if (p->hdr.version < HDR_MIN_VERSION || !(p->hdr.xloadflags & XLF_KERNEL_64))
		return vm_fail(
			err, -ENOEXEC,
			"kernel %s has no 64-bit entry (boot protocol %u.%02u): an x86-64 kernel is needed",
			f->path, p->hdr.version >> 8, p->hdr.version & 0xff);
	if (!(p->hdr.loadflags & LOADED_HIGH))
		return vm_fail(err, -ENOEXEC, "kernel %s is a zImage, not a bzImage", f->path);

	p->payload_off = ((p->hdr.setup_sects ? p->hdr.setup_sects : 4) + 1) * SECTOR;
	p->payload_size = (uint64_t)p->hdr.syssize * 16;
	if (p->payload_off > f->size || p->payload_size > f->size - p->payload_off)
		return vm_fail(err, -ENOEXEC,
			       "kernel %s is truncated: %llu bytes of %llu are there", f->path,
			       (unsigned long long)f->size,
			       (unsigned long long)(p->payload_off + p->payload_size));
	if (p->payload_size <= ENTRY_64)
		return vm_fail(err, -ENOEXEC, "kernel %s holds no code", f->path);
	return 0;
}

/* The kernel unpacks itself within [load, load + init_size). */
static int bz_place(const struct boot_file *f, const struct vm_memory *mem, struct bz_plan *p,
		    struct vm_err *err)
{
	uint64_t need = p->hdr.init_size, align = p->hdr.kernel_alignment;

	if (need < p->payload_size)
		need = p->payload_size;
	if (need > MAX_KERNEL)
		return vm_fail(err, -EFBIG,
			       "kernel %s wants %llu MiB to unpack itself: is it damaged?", f->path,
			       (unsigned long long)(need >> 20));
	if (!align || (align & (align - 1)) || align > MAX_KERNEL)
		return vm_fail(err, -ENOEXEC, "kernel %s: bad alignment %#llx in its header",
			       f->path, (unsigned long long)align);

	p->load = p->hdr.pref_address;
	if (p->load < LAYOUT_HIMEM || p->load > mem->low_end || need > mem->low_end - p->load) {
		if (!p->hdr.relocatable_kernel)
			goto too_big;
		p->load = (LAYOUT_HIMEM + align - 1) & ~(align - 1);
	}
	if (p->load > mem->low_end || need > mem->low_end - p->load)
		goto too_big;
	p->end = p->load + need;
	return 0;

too_big:
	return vm_fail(
		err, -EFBIG,
		"kernel %s needs %llu MiB of memory to start, the guest has %llu MiB: give it more",
		f->path, (unsigned long long)((need + LAYOUT_HIMEM) >> 20),
		(unsigned long long)(mem->size >> 20));
}

static void bz_zero_page(const struct vm_memory *mem, const struct bz_plan *p,
			 const struct boot_initrd *initrd, size_t cmdline_len, uint64_t rsdp)
{
	struct boot_params *bp = vm_memory_ptr(mem, LAYOUT_ZERO_PAGE, sizeof(*bp));
	struct vm_memmap_entry map[VM_MEMMAP_MAX];

	memset(bp, 0, sizeof(*bp));
	bp->hdr = p->hdr;
	bp->hdr.type_of_loader = 0xff;
	bp->hdr.code32_start = (uint32_t)p->load;
	bp->hdr.cmd_line_ptr = (uint32_t)LAYOUT_CMDLINE;
	bp->hdr.cmdline_size = (uint32_t)cmdline_len;
	bp->hdr.ramdisk_image = (uint32_t)initrd->gpa;
	bp->hdr.ramdisk_size = (uint32_t)initrd->size;
	bp->ext_ramdisk_image = (uint32_t)(initrd->gpa >> 32);
	bp->ext_ramdisk_size = (uint32_t)(initrd->size >> 32);
	bp->acpi_rsdp_addr = rsdp;
	bp->e820_entries = (uint8_t)vm_memory_map(mem, map);
	for (unsigned int i = 0; i < bp->e820_entries; i++) {
		bp->e820_table[i].addr = map[i].addr;
		bp->e820_table[i].size = map[i].size;
		bp->e820_table[i].type = map[i].type;
	}
}

/* 4 GiB mapped one to one by 2 MiB pages, as the 64-bit entry requires. */
static void bz_page_tables(const struct vm_memory *mem)
{
	uint64_t *pml4 = vm_memory_ptr(mem, LAYOUT_PAGE_TABLES, 6 * 4096);
	uint64_t *pdpt = pml4 + 512, *pd = pml4 + 1024;

	memset(pml4, 0, 2 * 4096);
	pml4[0] = (LAYOUT_PAGE_TABLES + 0x1000) | PTE_PRESENT_WRITE;
	for (unsigned int i = 0; i < 4; i++)
		pdpt[i] = (LAYOUT_PAGE_TABLES + 0x2000 + i * 0x1000ULL) | PTE_PRESENT_WRITE;
	for (unsigned int i = 0; i < 4 * 512; i++)
		pd[i] = ((uint64_t)i << 21) | PTE_PRESENT_WRITE | PTE_HUGE;
}

int boot_load_bzimage(const struct vm_memory *mem, const struct boot_file *kernel,
		      const struct machine_boot *boot, uint64_t rsdp, struct boot_entry *entry,
		      struct vm_err *err)
{
	struct boot_initrd initrd;
	struct bz_plan p;
	int ret;

	ret = bz_read_header(kernel, &p, err);
	if (!ret)
		ret = bz_place(kernel, mem, &p, err);
	if (!ret)
		ret = boot_file_load(kernel, vm_memory_ptr(mem, p.load, p.payload_size),
				     p.payload_off, p.payload_size, err);
	if (!ret)
		ret = boot_load_cmdline(mem, boot->cmdline, p.hdr.cmdline_size, err);
	if (!ret)
		ret = boot_load_initrd(mem, boot->initrd, p.end,
				       (uint64_t)p.hdr.initrd_addr_max + 1, &initrd, err);
	if (ret)
		return ret;

	bz_zero_page(mem, &p, &initrd, strlen(boot->cmdline), rsdp);
	bz_page_tables(mem);
	*entry = (struct boot_entry){
		.mode = BOOT_MODE_LONG,
		.rip = p.load + ENTRY_64,
		.arg = LAYOUT_ZERO_PAGE,
	};
	return 0;
}
