// SPDX-License-Identifier: GPL-2.0-only
/* The control socket's server: listens, reads requests, sends answers, never waits. */
#include "live/ctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/time.h"
#include "live/ctl_sock.h"

#define OPEN_TRIES 20

struct client {
	int fd; /* -1: free */
	char in[CTL_MAX_REQUEST];
	size_t in_len;
	char *out; /* an answer on its way */
	size_t out_len, out_done;
	bool last; /* close when it's out */
	uint64_t since;
};

struct ctl {
	int listen_fd, epoll_fd;
	ctl_handler *handle;
	void *ctx;
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_un addr;
	struct client client[CTL_MAX_CLIENTS];
};

json_t *ctl_error(const char *code, const char *fmt, ...)
{
	char text[512];
	json_t *text_json;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* It may quote the client, and what is cut in the middle may not be UTF-8. */
	text_json = json_string(text);
	if (!text_json)
		text_json = json_string("bad request");
	return json_pack("{s:b,s:s,s:o}", "ok", 0, "code", code, "error", text_json);
}

static uint64_t seconds(void)
{
	return monotonic_ns() / NSEC_PER_SEC;
}

/* --- the socket's place --- */

int ctl_dir(char *dir, size_t len)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (geteuid() == 0)
		n = snprintf(dir, len, "/run/stallscope");
	else if (runtime && runtime[0] == '/')
		n = snprintf(dir, len, "%s/stallscope", runtime);
	else
		return -ENOENT;
	return n < 0 || (size_t)n >= len ? -ENOENT : 0;
}

int ctl_sock_addr(const char *dir, const char *name, struct sockaddr_un *addr)
{
	char own[sizeof(addr->sun_path)];
	int n;

	if (!dir) {
		if (ctl_dir(own, sizeof(own)))
			return -ENOENT;
		dir = own;
	}
	addr->sun_family = AF_UNIX;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%s" CTL_SUFFIX, dir, name);
	return n < 0 || (size_t)n >= sizeof(addr->sun_path) ? -ENAMETOOLONG : 0;
}

/* Is somebody listening there? */
static bool alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

	if (fd < 0)
		return true;
	ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ? errno : 0;
	close(fd);
	return ret != ECONNREFUSED && ret != ENOENT;
}

static void clear_dead(const char *dir)
{
	const size_t suffix = strlen(CTL_SUFFIX);
	struct sockaddr_un addr = { 0 };
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const size_t len = strlen(e->d_name);

		if (len <= suffix || strcmp(e->d_name + len - suffix, CTL_SUFFIX))
			continue;
		e->d_name[len - suffix] = '\0';
		if (!ctl_sock_addr(dir, e->d_name, &addr) && !alive(&addr))
			unlink(addr.sun_path);
	}
	if (d)
		closedir(d);
}

/* Under the directory's lock, so that nobody removes a socket as dead before it listens. */
static int bind_locked(struct ctl *ctl)
{
	clear_dead(ctl->dir);
	/* bind() gives the file the socket's mode. */
	if (fchmod(ctl->listen_fd, 0600))
		return -errno;
	if (bind(ctl->listen_fd, (struct sockaddr *)&ctl->addr, sizeof(ctl->addr)))
		return errno == EADDRINUSE ? -EEXIST : -errno;
	if (listen(ctl->listen_fd, CTL_MAX_CLIENTS)) {
		int ret = -errno;

		unlink(ctl->addr.sun_path);
		return ret;
	}
	return 0;
}

/* The last run that used the directory removes it: it may vanish under us. */
static int bind_socket(struct ctl *ctl)
{
	int ret = -ENOENT;

	for (int i = 0; i < OPEN_TRIES && ret == -ENOENT; i++) {
		int fd;

		if (mkdir(ctl->dir, 0755) && errno != EEXIST)
			return -errno;
		fd = open(ctl->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			return -errno;
		if (fd < 0)
			continue;
		ret = flock(fd, LOCK_EX) ? -errno : bind_locked(ctl);
		close(fd);
	}
	return ret;
}

static int watch(struct ctl *ctl, int fd, int op, uint32_t events, void *tag)
{
	struct epoll_event ev = { .events = events, .data.ptr = tag };

	return epoll_ctl(ctl->epoll_fd, op, fd, &ev) ? -errno : 0;
}

int ctl_open(const char *dir, const char *name, ctl_handler *handle, void *ctx, struct ctl **out,
	     char *err, size_t errlen)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int ret = ctl ? ctl_sock_addr(dir, name, &ctl->addr) : -ENOMEM;

	*out = NULL;
	if (ret) {
		snprintf(err, errlen, "no control socket: %s",
			 ret == -ENOENT ? "XDG_RUNTIME_DIR isn't set" : strerror(-ret));
		free(ctl);
		return ret;
	}
	snprintf(ctl->dir, sizeof(ctl->dir), "%.*s",
		 (int)(strrchr(ctl->addr.sun_path, '/') - ctl->addr.sun_path), ctl->addr.sun_path);
	ctl->handle = handle;
	ctl->ctx = ctx;
	for (unsigned int i = 0; i < CTL_MAX_CLIENTS; i++)
		ctl->client[i].fd = -1;
	ctl->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ctl->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ctl->epoll_fd < 0 || ctl->listen_fd < 0)
		ret = -errno;
	if (!ret)
		ret = watch(ctl, ctl->listen_fd, EPOLL_CTL_ADD, EPOLLIN, NULL);
	if (!ret)
		ret = bind_socket(ctl);
	if (!ret) {
		*out = ctl;
		return 0;
	}
	if (ret == -EEXIST)
		snprintf(err, errlen, "a run named %s is alive; end it or choose another --name",
			 name);
	else
		snprintf(err, errlen, "no control socket %s: %s", ctl->addr.sun_path,
			 strerror(-ret));
	if (ctl->epoll_fd >= 0)
		close(ctl->epoll_fd);
	if (ctl->listen_fd >= 0)
		close(ctl->listen_fd);
	free(ctl);
	return ret;
}

/* --- clients --- */

static void client_drop(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	free(c->out);
	c->out = NULL;
}

/* Root and our own user may ask. */
static bool may_ask(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void client_accept(struct ctl *ctl)
{
	int fd = accept4(ctl->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = NULL;

	if (fd < 0)
		return;
	for (unsigned int i = 0; i < CTL_MAX_CLIENTS && !c; i++)
		if (ctl->client[i].fd < 0)
			c = &ctl->client[i];
	if (!c || !may_ask(fd) || watch(ctl, fd, EPOLL_CTL_ADD, EPOLLIN, c)) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->in_len = c->out_len = c->out_done = 0;
	c->last = false;
	c->since = seconds();
}

static json_t *answer_to(struct ctl *ctl, const char *line, size_t len)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error), *answer;

	if (!json_is_object(request))
		answer = ctl_error("bad_request", "a request is one JSON object in a line");
	else
		answer = ctl->handle(ctl->ctx, request);
	json_decref(request);
	return answer;
}

static void client_answer(struct ctl *ctl, struct client *c, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(answer);
	if (!text) {
		client_drop(c);
		return;
	}
	c->out_len = strlen(text) + 1;
	c->out_done = 0;
	/* The newline takes the place of the NUL. */
	text[c->out_len - 1] = '\n';
	c->out = text;
	if (watch(ctl, c->fd, EPOLL_CTL_MOD, EPOLLOUT, c))
		client_drop(c);
}

/* Answers one line, if a whole one is there; the next waits until the answer is out. */
static void client_line(struct ctl *ctl, struct client *c)
{
	char *end = memchr(c->in, '\n', c->in_len);
	json_t *answer;
	size_t len;

	if (!end && c->in_len < sizeof(c->in))
		return;
	if (!end) {
		c->last = true;
		client_answer(ctl, c,
			      ctl_error("bad_request", "a request has at most %d bytes",
					CTL_MAX_REQUEST));
		return;
	}
	len = (size_t)(end - c->in);
	answer = answer_to(ctl, c->in, len);
	c->in_len -= len + 1;
	memmove(c->in, end + 1, c->in_len);
	client_answer(ctl, c, answer);
}

static void client_read(struct ctl *ctl, struct client *c)
{
	ssize_t n = read(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_drop(c);
		return;
	}
	c->in_len += (size_t)n;
	client_line(ctl, c);
}

static void client_write(struct ctl *ctl, struct client *c)
{
	ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		client_drop(c);
		return;
	}
	c->out_done += (size_t)n;
	if (c->out_done < c->out_len)
		return;
	free(c->out);
	c->out = NULL;
	c->since = seconds();
	if (c->last || watch(ctl, c->fd, EPOLL_CTL_MOD, EPOLLIN, c))
		client_drop(c);
	else
		client_line(ctl, c);
}

int ctl_fd(const struct ctl *ctl)
{
	return ctl ? ctl->epoll_fd : -1;
}

void ctl_serve(struct ctl *ctl)
{
	struct epoll_event ev[CTL_MAX_CLIENTS + 1];
	const uint64_t now = seconds();
	int nr;

	if (!ctl)
		return;
	nr = epoll_wait(ctl->epoll_fd, ev, CTL_MAX_CLIENTS + 1, 0);
	for (int i = 0; i < nr; i++) {
		struct client *c = ev[i].data.ptr;

		if (!c)
			client_accept(ctl);
		else if (c->fd >= 0 && c->out)
			client_write(ctl, c);
		else if (c->fd >= 0)
			client_read(ctl, c);
	}
	for (unsigned int i = 0; i < CTL_MAX_CLIENTS; i++)
		if (ctl->client[i].fd >= 0 && now - ctl->client[i].since > CTL_CLIENT_S)
			client_drop(&ctl->client[i]);
}

void ctl_close(struct ctl *ctl)
{
	if (!ctl)
		return;
	for (unsigned int i = 0; i < CTL_MAX_CLIENTS; i++)
		if (ctl->client[i].fd >= 0)
			client_drop(&ctl->client[i]);
	unlink(ctl->addr.sun_path);
	close(ctl->listen_fd);
	close(ctl->epoll_fd);
	rmdir(ctl->dir); /* works for the last one only */
	free(ctl);
}
