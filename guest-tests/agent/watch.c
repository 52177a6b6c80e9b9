// SPDX-License-Identifier: GPL-2.0-only
/* What the agent's loop waits for. */
#include "agent.h"

#include <errno.h>
#include <sys/epoll.h>

void agent_watch(struct agent *a, int fd, enum event_source src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u32 = src };

	if (!events)
		epoll_ctl(a->epfd, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(a->epfd, EPOLL_CTL_MOD, fd, &ev) && errno == ENOENT)
		epoll_ctl(a->epfd, EPOLL_CTL_ADD, fd, &ev);
}
