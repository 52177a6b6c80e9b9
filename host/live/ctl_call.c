// SPDX-License-Identifier: GPL-2.0-only
/* The control socket's client: sends a request and waits for its answer. */
#include "live/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/time.h"
#include "live/ctl_sock.h"

#define MAX_ANSWER (4u << 20)

static int64_t now_ms(void)
{
	return (int64_t)(monotonic_ns() / NSEC_PER_MSEC);
}

static int wait_for(int fd, short events, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = end - now_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (!n)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_all(int fd, const char *text, size_t len, int64_t end)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int ret;

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return errno == EPIPE || errno == ECONNRESET ? -EPROTO : -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		ret = wait_for(fd, POLLOUT, end);
		if (ret)
			return ret;
	}
	return 0;
}

/* Reads up to the newline. */
static int receive(int fd, char **out, size_t *out_len, int64_t end)
{
	size_t len = 0, size = 0;
	char *buf = NULL, *grown;
	int ret;

	for (;;) {
		ssize_t n;

		if (len == size) {
			size = size ? 2 * size : 4096;
			grown = size <= MAX_ANSWER ? realloc(buf, size) : NULL;
			ret = size <= MAX_ANSWER ? -ENOMEM : -EPROTO;
			if (!grown)
				break;
			buf = grown;
		}
		ret = wait_for(fd, POLLIN, end);
		if (ret)
			break;
		n = recv(fd, buf + len, size - len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		/* A run that ends with our question unread resets the connection. */
		ret = n < 0 && errno != ECONNRESET ? -errno : -EPROTO;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (buf[len - 1] != '\n')
			continue;
		*out = buf;
		*out_len = len;
		return 0;
	}
	free(buf);
	return ret;
}

static int connect_to(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return fd;
	ret = errno == ECONNREFUSED ? -ENOENT : -errno;
	close(fd);
	return ret;
}

static int exchange(int fd, const json_t *request, int timeout_ms, json_t **answer)
{
	const int64_t end = now_ms() + timeout_ms;
	char *text = json_dumps(request, JSON_COMPACT), *got = NULL;
	size_t len = 0;
	int ret;

	if (!text)
		return -ENOMEM;
	ret = send_all(fd, text, strlen(text), end);
	free(text);
	if (!ret)
		ret = send_all(fd, "\n", 1, end);
	if (!ret)
		ret = receive(fd, &got, &len, end);
	if (ret)
		return ret;
	*answer = json_loadb(got, len, 0, NULL);
	free(got);
	if (json_is_object(*answer))
		return 0;
	json_decref(*answer);
	*answer = NULL;
	return -EPROTO;
}

int ctl_call(const char *dir, const char *name, const json_t *request, int timeout_ms,
	     json_t **answer, char *err, size_t errlen)
{
	struct sockaddr_un addr = { 0 };
	int ret = ctl_sock_addr(dir, name, &addr), fd;

	*answer = NULL;
	fd = ret ? ret : connect_to(&addr);
	ret = fd < 0 ? fd : exchange(fd, request, timeout_ms, answer);
	if (fd >= 0)
		close(fd);
	if (ret == -ENOENT)
		snprintf(
			err, errlen,
			"no run named %s is alive here (one inside an emulated machine can be asked in there only)",
			name);
	else if (ret == -ETIMEDOUT)
		snprintf(err, errlen, "the run %s doesn't answer within %d ms", name, timeout_ms);
	else if (ret == -EPROTO)
		snprintf(err, errlen, "the run %s gives no answer that makes sense: ended or busy",
			 name);
	else if (ret)
		snprintf(err, errlen, "can't ask the run %s: %s", name, strerror(-ret));
	return ret;
}
