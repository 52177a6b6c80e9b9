// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian 13's libelf.a (elfutils 0.192) calls four functions of a helper
 * library that was left out of it (sourceware bug 32293), so that nothing can
 * be linked with it statically. These stand in for them: a search tree, of
 * whose struct only the first member, its root, is touched. They take no lock:
 * nobody here shares an Elf between threads.
 */
#define _GNU_SOURCE
#include <search.h>
#include <stddef.h>

struct tree {
	void *root;
};

void eu_search_tree_init(struct tree *tree);
void eu_search_tree_fini(struct tree *tree, void (*free_node)(void *));
void *eu_tsearch(const void *key, struct tree *tree, int (*compare)(const void *, const void *));
void *eu_tdelete(const void *key, struct tree *tree, int (*compare)(const void *, const void *));

void eu_search_tree_init(struct tree *tree)
{
	tree->root = NULL;
}

void eu_search_tree_fini(struct tree *tree, void (*free_node)(void *))
{
	tdestroy(tree->root, free_node);
	tree->root = NULL;
}

void *eu_tsearch(const void *key, struct tree *tree, int (*compare)(const void *, const void *))
{
	return tsearch(key, &tree->root, compare);
}

void *eu_tdelete(const void *key, struct tree *tree, int (*compare)(const void *, const void *))
{
	return tdelete(key, &tree->root, compare);
}
