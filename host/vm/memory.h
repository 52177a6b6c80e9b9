/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest RAM: one anonymous mapping of the host, seen by the guest as a region
 * from 0 and, beyond 3 GiB, a second one from 4 GiB.
 */
#ifndef SS_VM_MEMORY_H
#define SS_VM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/guest_mem.h"
#include "vm/err.h"

/** enum vm_memmap_type - e820's numbers, which PVH's memory map shares. */
enum vm_memmap_type {
	VM_MEMMAP_RAM = 1,
	VM_MEMMAP_RESERVED = 2,
	VM_MEMMAP_ACPI = 3,
};

/** struct vm_memmap_entry - a line of the memory map that the kernel gets. */
struct vm_memmap_entry {
	uint64_t addr;
	uint64_t size;
	enum vm_memmap_type type;
};

#define VM_MEMMAP_MAX 8

/**
 * struct vm_memory - the guest's RAM.
 * @mem: regions as the devices see them.
 * @host: the mapping, NULL if there is none.
 * @size: bytes in all.
 * @low_end: end of the region from 0, at most 3 GiB.
 * @high_size: bytes from 4 GiB on, 0 if none.
 */
struct vm_memory {
	struct guest_mem mem;
	void *host;
	uint64_t size;
	uint64_t low_end;
	uint64_t high_size;
};

/**
 * vm_memory_create() - map @size bytes, rounded up to 2 MiB.
 *
 * Pages come when the guest touches them. A size beyond the host's RAM is
 * refused: the guest would be killed in the middle of a run.
 * Return: 0, -EINVAL (zero, too small, overflow) or -ENOMEM, told in @err.
 */
int vm_memory_create(struct vm_memory *m, uint64_t size, bool huge_pages, struct vm_err *err);

/** vm_memory_register() - give the regions to KVM. Return: 0 or a negative errno. */
int vm_memory_register(const struct vm_memory *m, int vm_fd, struct vm_err *err);

/** vm_memory_destroy() - unmap; harmless on a zeroed struct. The VM must be gone. */
void vm_memory_destroy(struct vm_memory *m);

/**
 * vm_memory_ptr() - host address of [gpa, gpa + len), len not 0.
 *
 * Return: NULL if not all of it is RAM, in one region.
 */
void *vm_memory_ptr(const struct vm_memory *m, uint64_t gpa, uint64_t len);

/**
 * vm_memory_map() - the memory map for e820 or PVH.
 * @map: VM_MEMMAP_MAX entries.
 *
 * Return: the number of entries, sorted, free of overlap.
 */
unsigned int vm_memory_map(const struct vm_memory *m, struct vm_memmap_entry *map);

#endif /* SS_VM_MEMORY_H */
