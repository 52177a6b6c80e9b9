// SPDX-License-Identifier: GPL-2.0-only
/* A profile from a file. */
#include "io/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One byte more than there may be, so that a larger file shows itself. */
static int read_all(int fd, char *buf, size_t *len)
{
	*len = 0;
	while (*len <= PROFILE_MAX_TEXT) {
		ssize_t n = read(fd, buf + *len, PROFILE_MAX_TEXT + 1 - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		*len += (size_t)n;
	}
	return 0;
}

int profile_load(const char *path, struct profile **out, char *err, size_t errlen)
{
	/* Not a pipe whose other end nobody opens. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
	size_t len;
	char *buf;

	*out = NULL;
	if (fd < 0) {
		ret = -errno;
		snprintf(err, errlen, "%s: %s", path, strerror(-ret));
		return ret;
	}
	buf = malloc(PROFILE_MAX_TEXT + 1);
	ret = buf ? read_all(fd, buf, &len) : -ENOMEM;
	close(fd);
	if (ret)
		snprintf(err, errlen, "%s: %s", path, strerror(-ret));
	else
		ret = profile_parse(buf, len, path, out, err, errlen);
	free(buf);
	return ret;
}
