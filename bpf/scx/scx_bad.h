/* SPDX-License-Identifier: GPL-2.0-only */
/* What scx_bad can do wrong: shared by its BPF part and its loader. */
#ifndef SS_SCX_BAD_H
#define SS_SCX_BAD_H

enum bad_mode {
	BAD_NOTHING, /* behave */
	BAD_STALL,   /* lose a task, until the kernel's watchdog notices */
	BAD_ERROR,   /* report an error of its own */
	BAD_DELAY,   /* hold woken tasks back, though CPUs idle */
	BAD_ONE_CPU, /* put all on one CPU, whatever the others do */
	BAD_NO_KICK, /* queue a task for another CPU than its own, and don't tell that one */
	BAD_HOGS,    /* who used its slice up goes before who slept */
	BAD_LIFO,    /* who came last goes first */
};

/* Whom a fault concerns; BAD_STALL has a victim of its own unless it's named. */
enum bad_whom {
	BAD_USERS,
	BAD_KTHREADS,
	BAD_ALL,
};

#define BAD_COMM_LEN 16

#endif /* SS_SCX_BAD_H */
