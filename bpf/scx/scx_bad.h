/* SPDX-License-Identifier: GPL-2.0-only */
/* What scx_bad can do wrong: shared by its BPF part and its loader. */
#ifndef SS_SCX_BAD_H
#define SS_SCX_BAD_H

enum bad_mode {
	BAD_NOTHING, /* behave */
	BAD_STALL,   /* lose a task, until the kernel's watchdog notices */
	BAD_ERROR,   /* report an error of its own */
	BAD_DELAY,   /* hold woken tasks back */
};

#endif /* SS_SCX_BAD_H */
