/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk's file as what it is: somebody's image, that may be in use, or in a format of
 * another program's whose headers a guest would see as its disk, and write over.
 */
#ifndef SS_IO_IMAGE_H
#define SS_IO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backing;

/**
 * struct image_opts - how to open an image
 * @read_only: for reading only
 * @raw: take it as it is, whatever its bytes look like
 * @share: others may have it open for writing, too
 */
struct image_opts {
	bool read_only, raw, share;
};

/**
 * image_format() - the format of another program's that a file is in
 * @size: of the file, bytes
 *
 * Return: its name for people, NULL: none that is known, raw that is.
 */
const char *image_format(int fd, uint64_t size);

/**
 * image_lock() - claim a file for as long as it is open
 *
 * With open file description locks on the bytes on which QEMU puts its own: either
 * sees the other. A file system that knows no locks is no error.
 *
 * Return: 0, or -EBUSY: somebody else has claimed it in a way that forbids this.
 */
int image_lock(int fd, const struct image_opts *opts);

/**
 * image_open() - backing_open_file() for what a user names
 *
 * Return: as that does; -EMEDIUMTYPE: in another format; -EBUSY: in use, or mounted. @err says
 * what to do.
 */
int image_open(const char *path, const struct image_opts *opts, struct backing **out, char *err,
	       size_t err_len);

#endif /* SS_IO_IMAGE_H */
