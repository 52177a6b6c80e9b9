// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes the tree as a newc cpio archive, under a temporary name until it is
 * complete, so that no one ever boots half of one.
 */
#include "tree.h"
#include "lib/exitcodes.h"
#include "lib/log.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The temporary file, for the signal handler: nothing may be left behind. */
static char tmp_path[4096];
static volatile sig_atomic_t tmp_exists;

static void remove_tmp(int sig)
{
	if (tmp_exists)
		unlink(tmp_path);
	_exit(128 + sig);
}

struct writer {
	struct archive *a;
	const char *output;
	unsigned int ino;
	int ret; /* the first failure's exit status */
};

static void write_failed(struct writer *w)
{
	ss_err("can't write '%s': %s", w->output, strerror(archive_errno(w->a)));
	w->ret = SS_EXIT_OUTPUT;
}

static void write_bytes(struct writer *w, const void *data, size_t len)
{
	if (len && archive_write_data(w->a, data, len) != (ssize_t)len)
		write_failed(w);
}

/* Exactly the size promised in the header: a file that changes meanwhile is an error. */
static void write_file(struct writer *w, const char *src, int fd, size_t size)
{
	static char buf[1 << 16];

	while (size && !w->ret) {
		size_t want = size < sizeof(buf) ? size : sizeof(buf);
		ssize_t got = read(fd, buf, want);

		if (got <= 0) {
			ss_err("'%s': %s", src,
			       got ? strerror(errno) : "became shorter while it was read");
			w->ret = SS_EXIT_FILE;
			return;
		}
		write_bytes(w, buf, got);
		size -= got;
	}
}

static void write_entry(struct writer *w, const struct node *e)
{
	struct archive_entry *ae = archive_entry_new();
	size_t size = e->len;
	int fd = -1;

	if (!ae) {
		ss_err("out of memory");
		w->ret = SS_EXIT_FAIL;
		return;
	}
	if (e->src) {
		struct stat st;

		fd = open(e->src, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st)) {
			ss_err("'%s': %s", e->src, strerror(errno));
			w->ret = SS_EXIT_FILE;
			goto out;
		}
		size = st.st_size;
	}
	archive_entry_set_pathname(ae, e->path + 1);
	archive_entry_set_mode(ae, e->mode);
	archive_entry_set_ino(ae, ++w->ino);
	archive_entry_set_nlink(ae, S_ISDIR(e->mode) ? 2 : 1);
	archive_entry_set_mtime(ae, 0, 0);
	archive_entry_set_size(ae, S_ISREG(e->mode) ? size : 0);
	if (S_ISLNK(e->mode))
		archive_entry_set_symlink(ae, e->data);
	if (S_ISCHR(e->mode)) {
		archive_entry_set_rdevmajor(ae, major(e->rdev));
		archive_entry_set_rdevminor(ae, minor(e->rdev));
	}
	if (archive_write_header(w->a, ae) != ARCHIVE_OK)
		write_failed(w);
	else if (e->src)
		write_file(w, e->src, fd, size);
	else if (S_ISREG(e->mode))
		write_bytes(w, e->data, e->len);
out:
	if (fd >= 0)
		close(fd);
	archive_entry_free(ae);
}

static void visit(const void *node, VISIT when, void *ctx)
{
	struct writer *w = ctx;

	/* "/a" sorts before "/a/b", so parents come before what they hold. */
	if ((when == postorder || when == leaf) && !w->ret)
		write_entry(w, *(struct node *const *)node);
}

static int write_archive(const struct tree *t, int fd, const char *output)
{
	struct writer w = { .a = archive_write_new(), .output = output };

	if (!w.a) {
		ss_err("out of memory");
		return SS_EXIT_FAIL;
	}
	archive_write_set_format_cpio_newc(w.a);
	archive_write_add_filter_none(w.a);
	archive_write_set_bytes_in_last_block(w.a, 1);
	if (archive_write_open_fd(w.a, fd) != ARCHIVE_OK)
		write_failed(&w);
	else
		twalk_r(t->root, visit, &w);
	if (!w.ret && archive_write_close(w.a) != ARCHIVE_OK)
		write_failed(&w);
	archive_write_free(w.a);
	return w.ret;
}

static int make_tmp(const char *output)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction sa = { .sa_handler = remove_tmp };
	struct stat st;
	int fd;

	if (!stat(output, &st) && !S_ISREG(st.st_mode)) {
		ss_err("can't write '%s': it exists and is not a regular file", output);
		return -1;
	}
	if (snprintf(tmp_path, sizeof(tmp_path), "%s.XXXXXX", output) >= (int)sizeof(tmp_path)) {
		ss_err("can't write '%s': %s", output, strerror(ENAMETOOLONG));
		return -1;
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	signal(SIGXFSZ, SIG_IGN); /* a size limit then reads as EFBIG */
	fd = mkostemp(tmp_path, O_CLOEXEC);
	if (fd < 0)
		ss_err("can't write '%s': %s", output, strerror(errno));
	else
		tmp_exists = 1;
	return fd;
}

int tree_write(const struct tree *t, const char *output)
{
	mode_t mask = umask(0);
	int fd = make_tmp(output), ret;

	umask(mask);
	if (fd < 0)
		return SS_EXIT_OUTPUT;
	ret = write_archive(t, fd, output);
	if (!ret && (fchmod(fd, 0666 & ~mask) || close(fd) || rename(tmp_path, output))) {
		ss_err("can't write '%s': %s", output, strerror(errno));
		ret = SS_EXIT_OUTPUT;
	}
	if (ret)
		unlink(tmp_path);
	tmp_exists = 0;
	return ret;
}
