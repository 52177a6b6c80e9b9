/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between a scheduler's BPF part and its loader.
 */
#ifndef SS_SCX_EXIT_H
#define SS_SCX_EXIT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct scx_exit_record {
	__u64 kind; /* enum scx_exit_kind, 0 while it runs */
	__s64 code;
	char reason[128];
	char msg[1024];
};

#endif /* SS_SCX_EXIT_H */
