// SPDX-License-Identifier: GPL-2.0-only
#include "virtio/vhost_user_mem.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The devices count on rings that are as aligned here as they are in the guest. */
#define CONGRUENT 15u

static bool user_overlaps(const struct vu_mem *mem, const struct vu_mem_region *region)
{
	for (unsigned int i = 0; i < mem->guest.nr; i++) {
		const struct vu_mem_region *r = &mem->region[i];

		if (region->user <= r->user + (r->size - 1) &&
		    r->user <= region->user + (region->size - 1))
			return true;
	}
	return false;
}

static const char *refused(const struct vu_mem *mem, const struct vu_mem_region *region)
{
	uint64_t last;

	if (!region->size || __builtin_add_overflow(region->guest, region->size - 1, &last) ||
	    __builtin_add_overflow(region->user, region->size - 1, &last))
		return "is empty or has no end";
	if (mem->guest.nr == GUEST_MEM_MAX_REGIONS)
		return "is one too many";
	if ((region->guest ^ region->offset) & CONGRUENT)
		return "isn't aligned in its file as in the guest";
	if (user_overlaps(mem, region))
		return "overlaps another one";
	return NULL;
}

static const char *map_error(int err)
{
	switch (err) {
	case -ERANGE:
		return "is longer than its file";
	case -ENOTSUP:
		return "isn't in a regular file";
	case -EINVAL:
		return "is empty or has no end";
	default:
		return strerror(-err);
	}
}

int vu_mem_add(struct vu_mem *mem, const struct vu_mem_region *region, int fd, int lost_fd,
	       const char **why)
{
	const unsigned int i = mem->guest.nr;
	int ret;

	*why = refused(mem, region);
	if (*why)
		return -EINVAL;
	ret = shared_map_open(&mem->map[i], fd, region->offset, region->size, lost_fd);
	if (ret) {
		*why = map_error(ret);
		return ret;
	}
	ret = guest_mem_add(&mem->guest, region->guest, region->size, mem->map[i].addr);
	if (ret) {
		shared_map_close(&mem->map[i]);
		*why = "overlaps another one";
		return ret;
	}
	mem->region[i] = *region;
	return 0;
}

int vu_mem_remove(struct vu_mem *mem, const struct vu_mem_region *region)
{
	for (unsigned int i = 0; i < mem->guest.nr; i++) {
		const struct vu_mem_region *r = &mem->region[i];

		if (r->guest != region->guest || r->user != region->user || r->size != region->size)
			continue;
		shared_map_close(&mem->map[i]);
		mem->guest.nr--;
		mem->guest.region[i] = mem->guest.region[mem->guest.nr];
		mem->region[i] = mem->region[mem->guest.nr];
		mem->map[i] = mem->map[mem->guest.nr];
		return 0;
	}
	return -ENOENT;
}

void vu_mem_clear(struct vu_mem *mem)
{
	for (unsigned int i = 0; i < mem->guest.nr; i++)
		shared_map_close(&mem->map[i]);
	mem->guest.nr = 0;
}

int vu_mem_gpa(const struct vu_mem *mem, uint64_t user, uint64_t *gpa)
{
	for (unsigned int i = 0; i < mem->guest.nr; i++) {
		const struct vu_mem_region *r = &mem->region[i];

		if (user - r->user < r->size) {
			*gpa = r->guest + (user - r->user);
			return 0;
		}
	}
	return -EFAULT;
}
