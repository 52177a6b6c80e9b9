/* SPDX-License-Identifier: GPL-2.0-only */
/* What both ends of the control socket share: ctl.c and ctl_call.c. */
#ifndef SS_CTL_SOCK_H
#define SS_CTL_SOCK_H

#include <sys/un.h>

#define CTL_SUFFIX ".sock"

/** ctl_sock_addr() - the socket of @name. Return: 0, -ENOENT or -ENAMETOOLONG */
int ctl_sock_addr(const char *dir, const char *name, struct sockaddr_un *addr);

#endif /* SS_CTL_SOCK_H */
