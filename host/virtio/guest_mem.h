/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as the devices see it: a few regions of guest-physical
 * addresses, each backed by ordinary memory of this process. Knows nothing of
 * KVM, so that a test or a fuzzer can lay out what it likes.
 *
 * The guest may change the memory at any time. These helpers check addresses,
 * never contents: copy what you need once, then check the copy.
 *
 * A region's gpa and hva must be congruent modulo 16, so that a ring's
 * alignment in the guest is its alignment here (page-aligned regions are).
 */
#ifndef SS_GUEST_MEM_H
#define SS_GUEST_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define GUEST_MEM_MAX_REGIONS 16

/**
 * struct guest_region - one contiguous piece of guest memory
 * @gpa: first guest-physical address
 * @size: bytes
 * @hva: where it lies in this process
 */
struct guest_region {
	uint64_t gpa;
	uint64_t size;
	void *hva;
};

/**
 * struct guest_mem - all memory that the guest may name to a device
 * @nr: regions in use
 * @region: in any order, not overlapping
 *
 * Owned by whoever sets up the machine, and constant while a device uses it:
 * the workers read it without a lock.
 */
struct guest_mem {
	unsigned int nr;
	struct guest_region region[GUEST_MEM_MAX_REGIONS];
} __attribute__((aligned(64)));

/**
 * guest_mem_add() - append a region
 * @mem: not yet given to a device
 *
 * Return: 0; -EINVAL if the region is empty, wraps, or overlaps another;
 * -ENOSPC if all regions are in use.
 */
int guest_mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size, void *hva);

/**
 * guest_mem_span() - translate the start of a guest range
 * @len: bytes wanted, not 0
 * @avail: out: how many of them lie in the same region, 1 to @len
 *
 * Return: the address in this process, or NULL if @gpa is unmapped or
 * @gpa + @len wraps.
 */
static inline void *guest_mem_span(const struct guest_mem *mem, uint64_t gpa, uint64_t len,
				   uint64_t *avail)
{
	uint64_t last;

	if (!len || __builtin_add_overflow(gpa, len - 1, &last))
		return NULL;
	for (unsigned int i = 0; i < mem->nr; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t off = gpa - r->gpa;

		/* Below the region, off wraps to something huge. */
		if (off >= r->size)
			continue;
		*avail = len < r->size - off ? len : r->size - off;
		return (uint8_t *)r->hva + off;
	}
	return NULL;
}

/**
 * guest_mem_ptr() - translate a range that must lie in one region
 * @len: bytes, not 0
 *
 * Return: the address in this process, or NULL if the range is unmapped in
 * part, wraps, or crosses a region's end.
 */
static inline void *guest_mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	uint64_t avail;
	void *p = guest_mem_span(mem, gpa, len, &avail);

	return p && avail == len ? p : NULL;
}

/**
 * guest_mem_read() - copy from guest memory, over region borders too
 *
 * Return: 0, or -EFAULT if any byte is unmapped (@buf may then be written in
 * part).
 */
int guest_mem_read(const struct guest_mem *mem, uint64_t gpa, void *buf, size_t len);

/**
 * guest_mem_write() - copy into guest memory, over region borders too
 *
 * Return: 0, or -EFAULT if any byte is unmapped; nothing is written then.
 */
int guest_mem_write(const struct guest_mem *mem, uint64_t gpa, const void *buf, size_t len);

/**
 * guest_mem_iov() - turn a guest range into iovecs, one a region it touches
 * @iov: filled from the start
 * @max: room in @iov
 *
 * Return: iovecs filled (0 for @len 0), -EFAULT if any byte is unmapped or the
 * range wraps, -E2BIG if @max is too small.
 */
int guest_mem_iov(const struct guest_mem *mem, uint64_t gpa, uint64_t len, struct iovec *iov,
		  unsigned int max);

#endif /* SS_GUEST_MEM_H */
