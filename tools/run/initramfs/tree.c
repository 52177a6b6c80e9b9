// SPDX-License-Identifier: GPL-2.0-only
/*
 * What will be in the archive: one node for each guest path, in a tsearch()
 * tree. Filling it says what is wrong at once; nothing is read before the end.
 */
#include "tree.h"
#include "lib/exitcodes.h"
#include "lib/log.h"

#include <errno.h>
#include <fts.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Directories of the host that are, in the guest, links into /usr. */
static const char *const usr_dirs[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };

static int node_cmp(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->path, ((const struct node *)b)->path);
}

static void node_free(void *p)
{
	struct node *e = p;

	free(e->path);
	free(e->src);
	free(e->data);
	free(e);
}

struct tree *tree_new(void)
{
	struct tree *t = xalloc(sizeof(*t));
	char target[16], path[16];

	for (size_t i = 0; i < sizeof(usr_dirs) / sizeof(usr_dirs[0]); i++) {
		snprintf(path, sizeof(path), "/%s", usr_dirs[i]);
		snprintf(target, sizeof(target), "usr/%s", usr_dirs[i]);
		tree_symlink(t, path, target);
	}
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	tdestroy(t->root, node_free);
	free(t);
}

static bool is_usr_dir(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(usr_dirs) / sizeof(usr_dirs[0]); i++)
		if (strlen(usr_dirs[i]) == len && !memcmp(usr_dirs[i], name, len))
			return true;
	return false;
}

char *tree_path(const char *path)
{
	char *out = xalloc(strlen(path) + sizeof("/usr/"));
	size_t n = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !memcmp(path, "..", 2)) {
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && *path == '.')) {
			/* A bare /lib is the link itself, not something under it. */
			if (!n && is_usr_dir(path, len) && path[len]) {
				memcpy(out, "/usr", 4);
				n = 4;
			}
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
		path += strspn(path, "/");
	}
	if (!n)
		out[n++] = '/';
	out[n] = '\0';
	return out;
}

static struct node *find(const struct tree *t, const char *path)
{
	struct node key = { .path = (char *)path };
	void *node = tfind(&key, &t->root, node_cmp);

	return node ? *(struct node **)node : NULL;
}

bool tree_has(const struct tree *t, const char *path)
{
	return find(t, path);
}

static int add_parents(struct tree *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int ret;

	if (slash == path)
		return 0;
	parent = xstrdup(path);
	parent[slash - path] = '\0';
	ret = tree_dir(t, parent, 0755);
	free(parent);
	return ret;
}

/* Insert at @path, or hand back what is there already. */
static int insert(struct tree *t, const char *path, mode_t mode, struct node **out, bool *is_new)
{
	struct node *e = find(t, path);
	int ret;

	*is_new = !e;
	if (!e) {
		ret = add_parents(t, path);
		if (ret)
			return ret;
		e = xalloc(sizeof(*e));
		e->path = xstrdup(path);
		e->mode = mode;
		if (!tsearch(e, &t->root, node_cmp)) {
			ss_err("out of memory");
			node_free(e);
			return SS_EXIT_FAIL;
		}
	}
	*out = e;
	return 0;
}

int tree_dir(struct tree *t, const char *path, mode_t mode)
{
	struct node *e;
	bool is_new;
	int ret;

	if (!strcmp(path, "/"))
		return 0;
	ret = insert(t, path, S_IFDIR | mode, &e, &is_new);
	if (ret || S_ISDIR(e->mode))
		return ret;
	ss_err("%s in the guest would have to be both a directory and a file", path);
	return SS_EXIT_FILE;
}

/* The guest mounts its own file systems there. */
static bool hidden(const char *path)
{
	return !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6) ||
	       !strncmp(path, "/sys/", 5);
}

int tree_file(struct tree *t, const char *path, const char *src, bool replace)
{
	struct node *e;
	struct stat st;
	bool is_new;
	int ret;

	if (stat(src, &st) || (S_ISREG(st.st_mode) && access(src, R_OK))) {
		ss_err("'%s': %s", src, strerror(errno));
		return SS_EXIT_FILE;
	}
	if (!S_ISREG(st.st_mode)) {
		ss_err("'%s' is not a regular file and can't be put in the guest", src);
		return SS_EXIT_FILE;
	}
	if (hidden(path)) {
		ss_err("'%s' would be hidden in the guest at %s: choose another place for it", src,
		       path);
		return SS_EXIT_FILE;
	}
	ret = insert(t, path, S_IFREG | (st.st_mode & 07777), &e, &is_new);
	if (ret)
		return ret;
	if (is_new) {
		e->src = xstrdup(src);
	} else if (replace && !(e->src && !strcmp(e->src, src))) {
		ss_err("'%s' would replace %s in the guest: choose another place for it", src,
		       path);
		return SS_EXIT_FILE;
	}
	return 0;
}

int tree_data(struct tree *t, const char *path, mode_t mode, void *data, size_t len)
{
	struct node *e;
	bool is_new;
	int ret = insert(t, path, S_IFREG | mode, &e, &is_new);

	if (ret || !is_new) {
		free(data);
		return ret;
	}
	e->data = data;
	e->len = len;
	return 0;
}

int tree_text(struct tree *t, const char *path, const char *text)
{
	return tree_data(t, path, 0644, xstrdup(text), strlen(text));
}

int tree_symlink(struct tree *t, const char *path, const char *target)
{
	struct node *e;
	bool is_new;
	int ret = insert(t, path, S_IFLNK | 0777, &e, &is_new);

	if (!ret && is_new) {
		e->data = xstrdup(target);
		e->len = strlen(target);
	}
	return ret;
}

int tree_chardev(struct tree *t, const char *path, mode_t mode, dev_t dev)
{
	struct node *e;
	bool is_new;
	int ret = insert(t, path, S_IFCHR | mode, &e, &is_new);

	if (!ret)
		e->rdev = dev;
	return ret;
}

static int copy_symlink(struct tree *t, const char *path, const char *src)
{
	char target[4096];
	ssize_t n = readlink(src, target, sizeof(target) - 1);

	if (n < 0) {
		ss_err("'%s': %s", src, strerror(errno));
		return SS_EXIT_FILE;
	}
	target[n] = '\0';
	return tree_symlink(t, path, target);
}

static int copy_one(struct tree *t, const char *path, const FTSENT *f)
{
	switch (f->fts_info) {
	case FTS_D:
		return tree_dir(t, path, f->fts_statp->st_mode & 07777);
	case FTS_DP:
		return 0;
	case FTS_SL:
	case FTS_SLNONE:
		return copy_symlink(t, path, f->fts_path);
	case FTS_F:
	case FTS_DEFAULT:
		return tree_file(t, path, f->fts_path, true);
	default:
		ss_err("'%s': %s", f->fts_path, strerror(f->fts_errno));
		return SS_EXIT_FILE;
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int tree_copy(struct tree *t, const char *path, const char *src)
{
	char *const roots[] = { (char *)src, NULL };
	size_t skip = strlen(src);
	int ret = 0;
	FTSENT *f;
	FTS *fts;

	/* FTS_COMFOLLOW: what the user names is followed, links inside stay. */
	fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!fts) {
		ss_err("'%s': %s", src, strerror(errno));
		return SS_EXIT_FILE;
	}
	while (!ret && (f = fts_read(fts))) {
		char *joined = xasprintf("%s/%s", path, f->fts_path + skip);
		char *to = tree_path(joined);

		ret = copy_one(t, to, f);
		free(joined);
		free(to);
	}
	fts_close(fts);
	return ret;
}
