// SPDX-License-Identifier: GPL-2.0-only
/* Maps the guest's RAM and gives it to KVM. */
#include "vm/memory.h"
#include "vm/layout.h"
#include "vm/machine.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#define MEMORY_ALIGN (2ULL << 20)

static uint64_t memory_of_host(void)
{
	struct sysinfo si;

	if (sysinfo(&si))
		return UINT64_MAX;
	return (uint64_t)si.totalram * si.mem_unit;
}

/*
 * Maps memory aligned to MEMORY_ALIGN, so that a huge page of the host is a huge page
 * of the guest too: nested page tables then need far fewer entries.
 */
static void *map_aligned(uint64_t size)
{
	char *area = mmap(NULL, size + MEMORY_ALIGN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t before;

	if (area == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)area & (MEMORY_ALIGN - 1);
	if (before)
		munmap(area, before);
	munmap(area + before + size, MEMORY_ALIGN - before);
	return area + before;
}

int vm_memory_create(struct vm_memory *m, uint64_t size, bool huge_pages, struct vm_err *err)
{
	uint64_t host = memory_of_host();

	memset(m, 0, sizeof(*m));
	if (size < MACHINE_MIN_MEMORY)
		return vm_fail(err, -EINVAL,
			       "guest memory of %llu bytes is too small: give at least %llu MiB",
			       (unsigned long long)size,
			       (unsigned long long)(MACHINE_MIN_MEMORY >> 20));
	if (size > UINT64_MAX - MEMORY_ALIGN || size > host)
		return vm_fail(
			err, -ENOMEM,
			"guest memory of %llu MiB is more than this host's %llu MiB: give less",
			(unsigned long long)(size >> 20), (unsigned long long)(host >> 20));
	size = (size + MEMORY_ALIGN - 1) & ~(MEMORY_ALIGN - 1);

	m->host = map_aligned(size);
	if (!m->host)
		return vm_fail(err, -ENOMEM, "can't map %llu MiB of guest memory: %s",
			       (unsigned long long)(size >> 20), strerror(errno));
	/* Both are optional: a kernel without them still runs the guest. */
	madvise(m->host, size, MADV_DONTDUMP);
	if (huge_pages)
		madvise(m->host, size, MADV_HUGEPAGE);

	m->size = size;
	m->low_end = size < LAYOUT_GAP ? size : LAYOUT_GAP;
	m->high_size = size - m->low_end;
	guest_mem_add(&m->mem, 0, m->low_end, m->host);
	if (m->high_size)
		guest_mem_add(&m->mem, LAYOUT_GAP_END, m->high_size, (char *)m->host + m->low_end);
	return 0;
}

int vm_memory_register(const struct vm_memory *m, int vm_fd, struct vm_err *err)
{
	for (unsigned int i = 0; i < m->mem.nr; i++) {
		const struct guest_region *r = &m->mem.region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->hva,
		};

		if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot)) {
			int error = -errno;

			return vm_fail(err, error,
				       "KVM refuses %llu MiB of guest memory at %#llx: %s",
				       (unsigned long long)(r->size >> 20),
				       (unsigned long long)r->gpa, strerror(-error));
		}
	}
	return 0;
}

void vm_memory_destroy(struct vm_memory *m)
{
	if (m->host)
		munmap(m->host, m->size);
	memset(m, 0, sizeof(*m));
}

void *vm_memory_ptr(const struct vm_memory *m, uint64_t gpa, uint64_t len)
{
	return guest_mem_ptr(&m->mem, gpa, len);
}

unsigned int vm_memory_map(const struct vm_memory *m, struct vm_memmap_entry *map)
{
	unsigned int n = 0;

	map[n++] = (struct vm_memmap_entry){ 0, LAYOUT_LOW_END, VM_MEMMAP_RAM };
	map[n++] = (struct vm_memmap_entry){ LAYOUT_LOW_END, 0xa0000 - LAYOUT_LOW_END,
					     VM_MEMMAP_RESERVED };
	map[n++] = (struct vm_memmap_entry){ LAYOUT_ACPI, LAYOUT_ACPI_END - LAYOUT_ACPI,
					     VM_MEMMAP_ACPI };
	map[n++] =
		(struct vm_memmap_entry){ LAYOUT_HIMEM, m->low_end - LAYOUT_HIMEM, VM_MEMMAP_RAM };
	if (m->high_size)
		map[n++] = (struct vm_memmap_entry){ LAYOUT_GAP_END, m->high_size, VM_MEMMAP_RAM };
	return n;
}
