// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy of the source tree. It is kept between runs, so that little has to
 * be built again, and compared by content: whatever a killed run has left in
 * it is replaced, with a time of now, which has it built anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mutants.h"

static const char *const parts[] = { "Makefile", "Documentation", "bpf",  "guest-tests",
				     "host",	 "include",	  "tools" };
#define NR_PARTS (sizeof(parts) / sizeof(parts[0]))

/* For the callbacks of nftw(). */
static const char *root;

/** tree_read() - a file's content, 0-terminated, the caller's to free; NULL and errno. */
char *tree_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st))
		text = malloc((size_t)st.st_size + 1);
	if (text)
		n = read(fd, text, (size_t)st.st_size);
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*len = (size_t)n;
	return text;
}

/** tree_write() - make or replace a file. Returns 0 or a negative errno. */
int tree_write(const char *path, const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), ret = 0;

	if (fd < 0)
		return -errno;
	while (len && !ret) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			ret = n ? -errno : -EIO;
		else
			text += n, len -= (size_t)n;
	}
	if (!ret && fchmod(fd, mode & 0777))
		ret = -errno;
	close(fd);
	return ret;
}

static bool same(const char *path, const char *text, size_t len)
{
	size_t other_len;
	char *other = tree_read(path, &other_len);
	bool equal = other && other_len == len && !memcmp(other, text, len);

	free(other);
	return equal;
}

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char to[512], *text;
	size_t len;
	int ret = 0;

	(void)ftw;
	snprintf(to, sizeof(to), "%s/%s", root, path);
	if (type == FTW_D)
		return mkdir(to, 0777) && errno != EEXIST ? -1 : 0;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	text = tree_read(path, &len);
	if (!text)
		return -1;
	if (!same(to, text, len))
		ret = tree_write(to, text, len, st->st_mode);
	free(text);
	errno = -ret;
	return ret ? -1 : 0;
}

/* Removes from the copy what isn't in the source any more. */
static int prune_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *source = path + strlen(root) + 1;

	(void)st, (void)type, (void)ftw;
	if (access(source, F_OK))
		remove(path);
	return 0;
}

/**
 * tree_sync() - bring a copy of the sources in the current directory up to date.
 * @to: the copy
 *
 * Returns 0 or a negative errno, after saying what failed.
 */
int tree_sync(const char *to)
{
	char path[512];

	root = to;
	for (size_t i = 0; i < NR_PARTS; i++) {
		if (access(parts[i], F_OK))
			continue;
		if (nftw(parts[i], copy_one, 32, FTW_PHYS)) {
			int err = -errno;

			fprintf(stderr, "can't copy %s to %s: %s\n", parts[i], to, strerror(-err));
			return err;
		}
		snprintf(path, sizeof(path), "%s/%s", to, parts[i]);
		nftw(path, prune_one, 32, FTW_PHYS | FTW_DEPTH);
	}
	return 0;
}
