/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that somebody else shares with us, mapped. He may make the file shorter at any
 * time: to touch what is gone then is a SIGBUS, which would end the process and all the
 * disks that it serves. Instead the whole mapping becomes memory of our own, full of
 * zeroes, and its owner is told.
 */
#ifndef SS_VIRTIO_SHARED_MAP_H
#define SS_VIRTIO_SHARED_MAP_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct shared_map - a part of a file
 * @addr: where the part begins, NULL: none
 * @base: @len: what is mapped
 * @slot: number among those that are guarded
 */
struct shared_map {
	void *addr;
	void *base;
	size_t len;
	int slot;
};

/**
 * shared_map_open() - map @size bytes of @fd from @off on, for reading and writing
 * @fd: a regular file (memfd, tmpfs, hugetlbfs, ...), which stays the caller's
 * @lost_fd: eventfd that is signalled when the memory is lost; it stays open as long as
 *	the mapping
 *
 * Return: 0; -EINVAL if @size is 0 or the end doesn't fit; -ENOTSUP: not a regular file;
 * -ERANGE: the file is shorter; -ENOSPC: too many; or the errno of fstat or mmap.
 */
int shared_map_open(struct shared_map *map, int fd, uint64_t off, uint64_t size, int lost_fd);

/** shared_map_close() - unmap; nobody touches it any more. Harmless if it isn't mapped */
void shared_map_close(struct shared_map *map);

/** shared_map_guard() - have SIGBUS handled from now on. Return: 0 or a negative errno */
int shared_map_guard(void);

#endif /* SS_VIRTIO_SHARED_MAP_H */
