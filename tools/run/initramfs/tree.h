/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree's inside, shared by what fills it (tree.c) and what writes it (write.c).
 */
#ifndef SS_MKINITRAMFS_TREE_H
#define SS_MKINITRAMFS_TREE_H

#include "mkinitramfs.h"

#include <sys/stat.h>

/**
 * struct node - one file of the archive.
 * @path: guest path.
 * @mode: type and permissions.
 * @src: regular file: host file to read, or NULL if @data holds the bytes.
 * @data: bytes of a regular file or target of a link.
 * @len: bytes in @data.
 * @rdev: device number of a node.
 */
struct node {
	char *path;
	mode_t mode;
	char *src;
	void *data;
	size_t len;
	dev_t rdev;
};

struct tree {
	void *root; /* tsearch() tree of struct node, by path */
};

#endif /* SS_MKINITRAMFS_TREE_H */
