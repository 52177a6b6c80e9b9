/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bus: address ranges, and the device that answers each. Filled before the vCPUs
 * start and never changed while they run, so that a lookup needs no lock.
 */
#ifndef SS_VM_BUS_H
#define SS_VM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define VM_BUS_MAX_RANGES 48

/**
 * struct vm_range_ops - accesses of a range.
 * @read: fill @data with @len bytes (1, 2, 4 or 8).
 * @write: take @len bytes.
 *
 * Called on the thread of vCPU @vcpu, on several at once: a device does its
 * own locking. @off is relative to the range's start. NULL reads all ones or
 * drops the write.
 */
struct vm_range_ops {
	void (*read)(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len);
	void (*write)(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
		      uint32_t len);
};

/**
 * struct vm_range - a range of addresses and its device.
 * @base: first address.
 * @size: bytes, not 0; base + size must not wrap.
 * @ops: not NULL, must outlive the bus.
 * @opaque: first argument of the ops.
 */
struct vm_range {
	uint64_t base;
	uint64_t size;
	const struct vm_range_ops *ops;
	void *opaque;
};

/** struct vm_bus - sorted by base; all zero is an empty bus. */
struct vm_bus {
	unsigned int nr;
	struct vm_range range[VM_BUS_MAX_RANGES];
};

/**
 * vm_bus_add() - put a range (copied) on the bus; not while vCPUs run.
 *
 * Return: 0, -EINVAL (empty or wrapping), -EEXIST (overlaps another), -ENOSPC.
 */
int vm_bus_add(struct vm_bus *bus, const struct vm_range *range);

/**
 * vm_bus_read() - hand a read to the range that holds all its bytes.
 *
 * Return: true, or false if no range does; @data is then all ones.
 */
bool vm_bus_read(const struct vm_bus *bus, unsigned int vcpu, uint64_t addr, void *data,
		 uint32_t len);

/** vm_bus_write() - like vm_bus_read(); a write that nobody takes is dropped. */
bool vm_bus_write(const struct vm_bus *bus, unsigned int vcpu, uint64_t addr, const void *data,
		  uint32_t len);

#endif /* SS_VM_BUS_H */
