// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: regions, and copies that may span several of them. */
#include "virtio/guest_mem.h"

#include <errno.h>
#include <string.h>

int guest_mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size, void *hva)
{
	uint64_t last;

	if (!size || __builtin_add_overflow(gpa, size - 1, &last))
		return -EINVAL;
	for (unsigned int i = 0; i < mem->nr; i++) {
		const struct guest_region *r = &mem->region[i];

		if (gpa <= r->gpa + (r->size - 1) && r->gpa <= last)
			return -EINVAL;
	}
	if (mem->nr == GUEST_MEM_MAX_REGIONS)
		return -ENOSPC;
	mem->region[mem->nr++] = (struct guest_region){ .gpa = gpa, .size = size, .hva = hva };
	return 0;
}

int guest_mem_read(const struct guest_mem *mem, uint64_t gpa, void *buf, size_t len)
{
	const void *whole = len ? guest_mem_ptr(mem, gpa, len) : NULL;
	uint8_t *to = buf;

	if (whole) {
		memcpy(buf, whole, len);
		return 0;
	}
	while (len) {
		uint64_t n;
		const void *from = guest_mem_span(mem, gpa, len, &n);

		if (!from)
			return -EFAULT;
		memcpy(to, from, n);
		to += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int guest_mem_write(const struct guest_mem *mem, uint64_t gpa, const void *buf, size_t len)
{
	void *whole = len ? guest_mem_ptr(mem, gpa, len) : NULL;
	const uint8_t *from = buf;
	uint64_t n;

	if (whole) {
		memcpy(whole, buf, len);
		return 0;
	}
	/* All or nothing: look first. */
	for (uint64_t done = 0; done < len; done += n)
		if (!guest_mem_span(mem, gpa + done, len - done, &n))
			return -EFAULT;

	while (len) {
		void *to = guest_mem_span(mem, gpa, len, &n);

		memcpy(to, from, n);
		from += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int guest_mem_iov(const struct guest_mem *mem, uint64_t gpa, uint64_t len, struct iovec *iov,
		  unsigned int max)
{
	unsigned int nr = 0;

	while (len) {
		uint64_t n;
		void *p = guest_mem_span(mem, gpa, len, &n);

		if (!p)
			return -EFAULT;
		if (nr == max)
			return -E2BIG;
		iov[nr++] = (struct iovec){ .iov_base = p, .iov_len = n };
		gpa += n;
		len -= n;
	}
	return (int)nr;
}
