// SPDX-License-Identifier: GPL-2.0-only
/*
 * The channel to the runner. Everything is written from one bounded buffer,
 * never blocking: a blocking write to a virtio port spins in the kernel until
 * the other side took it, which an agent above all others must not do.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SEND_LIMIT_NS (5 * NSEC_PER_SEC)

static int queue_bytes(void *ctx, const void *buf, size_t len)
{
	struct agent *a = ctx;
	struct port *p = &a->port;

	if (len > OUT_SIZE - p->out_len)
		return -EAGAIN;
	memcpy(p->out + p->out_len, buf, len);
	p->out_len += len;
	return 0;
}

int port_init(struct agent *a,
	      int (*frame)(void *ctx, unsigned int type, const void *payload, size_t len))
{
	a->port.ops = (struct agent_link_ops){ .frame = frame, .write = queue_bytes };
	a->port.fd = -1;
	a->port.out = malloc(OUT_SIZE);
	agent_link_init(&a->port.link, &a->port.ops, a);
	return a->port.out ? 0 : -ENOMEM;
}

int port_open(struct agent *a)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	char path[300], name[64];
	struct dirent *e;
	int fd = -ENOENT;

	if (!dir)
		return -ENOENT;
	while (fd == -ENOENT && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		if (*e->d_name == '.' || sys_read(path, name, sizeof(name)) < 0 ||
		    strcmp(name, SS_AGENT_PORT))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	closedir(dir);
	if (fd < 0)
		return fd;
	a->port.fd = fd;
	agent_watch(a, fd, EV_PORT, EPOLLIN);
	return 0;
}

static void arm(struct agent *a)
{
	struct port *p = &a->port;
	bool want = p->out_len && !p->hangup;

	if (want == p->want_out)
		return;
	p->want_out = want;
	if (!p->hangup)
		agent_watch(a, p->fd, EV_PORT, EPOLLIN | (want ? EPOLLOUT : 0));
}

static void write_some(struct port *p)
{
	size_t done = 0;

	while (done < p->out_len) {
		ssize_t n = write(p->fd, p->out + done, p->out_len - done);

		if (n <= 0)
			break;
		done += n;
	}
	p->out_len -= done;
	memmove(p->out, p->out + done, p->out_len);
}

void port_flush(struct agent *a)
{
	struct port *p = &a->port;

	if (p->fd < 0)
		return;
	if (p->hangup) {
		/* See whether somebody has come; epoll would report the hangup for ever. */
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

		if (poll(&pfd, 1, 0) < 0 || pfd.revents & POLLHUP)
			return;
		p->hangup = false;
		agent_watch(a, p->fd, EV_PORT, EPOLLIN);
	}
	write_some(p);
	arm(a);
}

int port_drain(struct agent *a, uint64_t ns)
{
	struct port *p = &a->port;
	uint64_t until = now_ns() + ns;

	while (p->fd >= 0 && p->out_len) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLOUT };
		uint64_t now = now_ns();

		if (now >= until)
			return -ETIMEDOUT;
		/* A hung-up port polls ready at once: wait by the clock then. */
		if (poll(&pfd, 1, 100) > 0 && pfd.revents & POLLHUP)
			usleep(20000);
		write_some(p);
	}
	return p->out_len ? -ETIMEDOUT : 0;
}

static void read_some(struct agent *a)
{
	struct port *p = &a->port;
	char buf[4096];

	for (;;) {
		ssize_t n = read(p->fd, buf, sizeof(buf));

		if (n <= 0)
			return;
		agent_link_feed(&p->link, buf, n);
	}
}

void port_event(struct agent *a, uint32_t events)
{
	if (events & EPOLLIN)
		read_some(a);
	if (events & EPOLLHUP) {
		a->port.hangup = true;
		a->port.want_out = false;
		agent_watch(a, a->port.fd, EV_PORT, 0);
	}
	port_flush(a);
}

bool port_room(const struct agent *a)
{
	return a->port.out_len < OUT_HIGH;
}

int port_send(struct agent *a, unsigned int type, const void *payload, size_t len)
{
	struct port *p = &a->port;
	uint64_t until = now_ns() + SEND_LIMIT_NS;
	int ret;

	while ((ret = agent_link_send(&p->link, type, payload, len)) == -EAGAIN && p->fd >= 0) {
		if (now_ns() >= until)
			break;
		port_drain(a, 200 * NSEC_PER_MSEC);
	}
	if (ret) {
		p->lost_frames++;
		return ret == -EAGAIN ? -ETIMEDOUT : ret;
	}
	port_flush(a);
	return 0;
}

int port_send_kv(struct agent *a, unsigned int type, const struct agent_kv *kv)
{
	if (kv->err) {
		say("a message of type %u could not be put together: %s", type, strerror(-kv->err));
		a->port.lost_frames++;
		return kv->err;
	}
	return port_send(a, type, kv->buf, kv->len);
}
