/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that a vhost-user front-end shares (vhost-user, "Memory access"): regions of
 * files, each known by a guest address and by an address of the front-end's own.
 */
#ifndef SS_VIRTIO_VHOST_USER_MEM_H
#define SS_VIRTIO_VHOST_USER_MEM_H

#include "virtio/guest_mem.h"
#include "virtio/shared_map.h"
#include "virtio/vhost_user_proto.h"

/**
 * struct vu_mem - a memory table
 * @guest: the same for the devices
 * @region: @map: of the same number, in any order; @guest.nr of them
 */
struct vu_mem {
	struct guest_mem guest;
	struct vu_mem_region region[GUEST_MEM_MAX_REGIONS];
	struct shared_map map[GUEST_MEM_MAX_REGIONS];
};

/**
 * vu_mem_add() - map a region
 * @fd: what it lies in; stays the caller's
 * @lost_fd: see shared_map_open()
 * @why: set to the reason in words on failure
 *
 * No device uses @mem. Return: 0; -EINVAL: a region that can't be, or that overlaps
 * another one; or shared_map_open()'s error.
 */
int vu_mem_add(struct vu_mem *mem, const struct vu_mem_region *region, int fd, int lost_fd,
	       const char **why);

/** vu_mem_remove() - unmap the region with these addresses and size. Return: 0 or -ENOENT */
int vu_mem_remove(struct vu_mem *mem, const struct vu_mem_region *region);

/** vu_mem_clear() - unmap all */
void vu_mem_clear(struct vu_mem *mem);

/** vu_mem_gpa() - guest address of an address of the front-end's. Return: 0 or -EFAULT */
int vu_mem_gpa(const struct vu_mem *mem, uint64_t user, uint64_t *gpa);

#endif /* SS_VIRTIO_VHOST_USER_MEM_H */
