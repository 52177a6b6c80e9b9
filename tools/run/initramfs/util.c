// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that end the program when there is no memory, files read through
 * libarchive's decompressors, and other programs' output line by line.
 */
#include "mkinitramfs.h"
#include "lib/exitcodes.h"
#include "lib/log.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A decompressed kernel module larger than this is a mistake, or a bomb. */
#define UNPACKED_MAX (256UL << 20)

extern char **environ;

static void *die_without(void *p)
{
	if (!p) {
		ss_err("out of memory");
		exit(SS_EXIT_FAIL);
	}
	return p;
}

void *xalloc(size_t n)
{
	return die_without(calloc(1, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return die_without(strdup(s));
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return die_without(s);
}

static int read_entry(struct archive *a, void **data, size_t *len)
{
	size_t cap = 1 << 16, n = 0;
	char *buf = xalloc(cap);

	for (;;) {
		ssize_t got = archive_read_data(a, buf + n, cap - n);

		if (got < 0 || n > UNPACKED_MAX) {
			free(buf);
			return got < 0 ? -EIO : -EFBIG;
		}
		if (!got)
			break;
		n += got;
		if (n == cap)
			buf = die_without(realloc(buf, cap *= 2));
	}
	*data = buf;
	*len = n;
	return 0;
}

int read_unpacked(const char *file, void **data, size_t *len)
{
	struct archive *a = die_without(archive_read_new());
	struct archive_entry *e;
	int fd = open(file, O_RDONLY | O_CLOEXEC), err = 0;

	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_format_raw(a);
	if (fd < 0)
		err = -errno;
	else if (archive_read_open_fd(a, fd, 1 << 16) != ARCHIVE_OK ||
		 archive_read_next_header(a, &e) != ARCHIVE_OK)
		err = -EIO;
	else
		err = read_entry(a, data, len);
	archive_read_free(a);
	if (fd >= 0)
		close(fd);
	return err;
}

/* Cut @buf into lines; what follows the last newline moves to the front. */
static void take_lines(char *buf, size_t *n, void (*fn)(void *, char *), void *ctx)
{
	char *line = buf, *nl;

	buf[*n] = '\0';
	while ((nl = memchr(line, '\n', buf + *n - line))) {
		*nl = '\0';
		fn(ctx, line);
		line = nl + 1;
	}
	*n -= line - buf;
	memmove(buf, line, *n);
}

struct last_line {
	char *buf;
	size_t len;
};

static void keep_last(void *ctx, char *line)
{
	struct last_line *l = ctx;

	if (*line)
		snprintf(l->buf, l->len, "%s", line);
}

/* Read both pipes until the program has closed them. */
static void read_pipes(int out, int err, void (*fn)(void *, char *), void *ctx,
		       struct last_line *last)
{
	static char bufs[2][16384];
	size_t n[2] = { 0, 0 };
	struct pollfd pfd[2] = {
		{ .fd = out, .events = POLLIN },
		{ .fd = err, .events = POLLIN },
	};

	while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++) {
			ssize_t got;

			if (pfd[i].fd < 0 || !pfd[i].revents)
				continue;
			if (n[i] >= sizeof(bufs[i]) - 2)
				n[i] = 0; /* no line is that long */
			got = read(pfd[i].fd, bufs[i] + n[i], sizeof(bufs[i]) - 2 - n[i]);
			if (got <= 0) {
				pfd[i].fd = -1;
				bufs[i][n[i]++] = '\n';
			} else {
				n[i] += got;
			}
			take_lines(bufs[i], &n[i], i ? keep_last : fn, i ? (void *)last : ctx);
		}
	}
}

int run_lines(char *const argv[], void (*fn)(void *ctx, char *line), void *ctx, char *last,
	      size_t last_len)
{
	struct last_line l = { last, last_len };
	posix_spawn_file_actions_t fa;
	int out[2], err[2], ret, status;
	pid_t pid;

	last[0] = '\0';
	if (pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		ret = -errno;
		close(out[0]);
		close(out[1]);
		return ret;
	}
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&fa, err[1], STDERR_FILENO);
	ret = -posix_spawn(&pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(out[1]);
	close(err[1]);
	if (!ret) {
		read_pipes(out[0], err[0], fn, ctx, &l);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		ret = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	close(out[0]);
	close(err[0]);
	return ret;
}
