// SPDX-License-Identifier: GPL-2.0-only
/* The socket: whole messages in, with their descriptors counted; replies out. */
#include "virtio/vhost_user_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"

union fds_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * VU_MAX_FDS)];
};

int vu_refuse(struct vhost_user *vu, const char *fmt, ...)
{
	const struct vu_request_info *info = vu_request_info(vu->in.h.request);
	unsigned int missed;
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (ratelimit_ok(&vu->refusals, io_clock_now(&vu->clock), &missed))
		ss_err("%s: vhost-user: %s%s%s; the connection ends%s", vu->dev->name,
		       info ? info->name : "", info ? ": " : "", text,
		       missed ? " (lines before this were left out)" : "");
	return -EPROTO;
}

/* --- in --- */

/* Whatever came along is ours to close, also where there are more than there may be. */
static int keep_fds(struct vhost_user *vu, struct msghdr *hdr)
{
	struct vu_msg *msg = &vu->in;
	bool too_many = hdr->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		size_t nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd[VU_MAX_FDS];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fd, CMSG_DATA(c), nr * sizeof(int));
		for (size_t i = 0; i < nr; i++) {
			if (msg->nr_fds < VU_MAX_FDS) {
				msg->fd[msg->nr_fds++] = fd[i];
				continue;
			}
			close(fd[i]);
			too_many = true;
		}
	}
	return too_many ? vu_refuse(vu, "more descriptors than a message can have") : 0;
}

/* Return: bytes read, 0: none now; -ECONNRESET, -EPROTO. */
static ssize_t read_some(struct vhost_user *vu, void *to, size_t len)
{
	union fds_control control;
	struct iovec iov = { .iov_base = to, .iov_len = len };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(vu->sock, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 && !vu->got)
		return -ECONNRESET;
	if (n <= 0)
		return vu_refuse(vu, "the front-end went in the middle of a message");
	return keep_fds(vu, &hdr) ? -EPROTO : n;
}

static int check_header(struct vhost_user *vu)
{
	const struct vu_header *h = &vu->in.h;
	const struct vu_request_info *info = vu_request_info(h->request);

	if (!info)
		return vu_refuse(vu, "request %u isn't known", h->request);
	if ((h->flags & VU_VERSION_MASK) != VU_VERSION || h->flags & VU_REPLY)
		return vu_refuse(vu, "bad flags 0x%x", h->flags);
	if (h->size < info->min || h->size > info->max)
		return vu_refuse(vu, "%u bytes, not %u to %u", h->size, info->min, info->max);
	if (info->protocol & ~vu->protocol)
		return vu_refuse(vu, "its protocol feature wasn't negotiated");
	if (!info->any_time && !vu->owned)
		return vu_refuse(vu, "out of order: before SET_OWNER");
	return 0;
}

static int check_fds(struct vhost_user *vu)
{
	const struct vu_request_info *info = vu_request_info(vu->in.h.request);

	if (vu->in.nr_fds < info->min_fds || vu->in.nr_fds > info->max_fds)
		return vu_refuse(vu, "%u descriptors, not %u to %u", vu->in.nr_fds, info->min_fds,
				 info->max_fds);
	return 0;
}

int vu_receive(struct vhost_user *vu)
{
	struct vu_msg *msg = &vu->in;
	ssize_t n;

	while (vu->got < sizeof(msg->h)) {
		n = read_some(vu, (char *)&msg->h + vu->got, sizeof(msg->h) - vu->got);
		if (n <= 0)
			return (int)n;
		if (!vu->got)
			vu->since = io_clock_now(&vu->clock);
		vu->got += (size_t)n;
		if (vu->got == sizeof(msg->h) && check_header(vu))
			return -EPROTO;
	}
	while (vu->got < sizeof(msg->h) + msg->h.size) {
		const size_t done = vu->got - sizeof(msg->h);

		n = read_some(vu, (char *)&msg->p + done, msg->h.size - done);
		if (n <= 0)
			return (int)n;
		vu->got += (size_t)n;
	}
	return check_fds(vu) ? -EPROTO : 1;
}

void vu_forget_message(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->in.nr_fds; i++)
		if (vu->in.fd[i] >= 0)
			close(vu->in.fd[i]);
	memset(&vu->in, 0, sizeof(vu->in));
	vu->got = 0;
	vu->since = 0;
}

int vu_take_fd(struct vu_msg *msg)
{
	int fd = msg->nr_fds ? msg->fd[0] : -1;

	msg->fd[0] = -1;
	return fd;
}

/* --- out --- */

int vu_reply(struct vhost_user *vu, const void *payload, uint32_t size, int fd)
{
	struct vu_header h = {
		.request = vu->in.h.request,
		.flags = VU_VERSION | VU_REPLY,
		.size = size,
	};
	union fds_control control;
	struct iovec iov[2] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = (void *)payload, .iov_len = size },
	};
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = size ? 2 : 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = CMSG_SPACE(sizeof(fd));
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	n = sendmsg(vu->sock, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)(sizeof(h) + size))
		return 1;
	return vu_refuse(vu, "the front-end doesn't take the reply");
}

int vu_reply_u64(struct vhost_user *vu, uint64_t value)
{
	return vu_reply(vu, &value, sizeof(value), -1);
}
