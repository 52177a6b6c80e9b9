/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statuses of stallscope, one for each kind of failure, so that a script can
 * tell them apart. Documented in Documentation/stallscope.1; numbers never
 * change meaning.
 */
#ifndef SS_EXITCODES_H
#define SS_EXITCODES_H

enum ss_exit {
	SS_EXIT_OK = 0,
	SS_EXIT_FAIL = 1,   /* the host ran out of something, or a bug */
	SS_EXIT_USAGE = 2,  /* a bad option or value */
	SS_EXIT_KERNEL = 3, /* kernel, initrd or modules: missing, unreadable or something else */
	SS_EXIT_GUEST_UNFIT = 5,   /* guest kernel without sched_ext, virtio or BTF */
	SS_EXIT_DISK = 6,	   /* a disk that can't be used */
	SS_EXIT_KVM = 7,	   /* /dev/kvm: missing, no permission, or unfit */
	SS_EXIT_FILE = 8,	   /* a program or file for the guest is missing */
	SS_EXIT_OUTPUT = 9,	   /* output directory unusable or disk full */
	SS_EXIT_SCHED_LOAD = 10,   /* the scheduler failed to load */
	SS_EXIT_SCHED_EXITED = 11, /* the scheduler ended by itself before the workload did */
	SS_EXIT_SCHED_KICKED = 12, /* the kernel ejected the scheduler (watchdog, error) */
	SS_EXIT_WORKLOAD = 13,	   /* the workload failed */
	SS_EXIT_GUEST_PANIC = 14,
	SS_EXIT_GUEST_TRIPLE = 15,  /* triple fault, or KVM could not go on */
	SS_EXIT_GUEST_TIMEOUT = 16, /* still running at the time limit */
	SS_EXIT_GUEST_REBOOT = 17,
	SS_EXIT_LOST = 18,	/* records were lost and not counted */
	SS_EXIT_AGENT = 19,	/* the guest ran but no agent answered, or it broke off */
	SS_EXIT_NESTED = 20,	/* the emulated machine could not be started */
	SS_EXIT_NO_RUN = 21,	/* no live run of that name */
	SS_EXIT_LIMITS = 22,	/* limits that don't fit together: a burst below its rate */
	SS_EXIT_NET = 23,	/* no such network device */
	SS_EXIT_QEMU = 24,	/* no QEMU that can be executed */
	SS_EXIT_QEMU_OLD = 25,	/* one that is too old */
	SS_EXIT_QEMU_DIED = 26, /* it ended by itself, at once or in mid-run */
	SS_EXIT_LAST = SS_EXIT_QEMU_DIED,
	SS_EXIT_INTERRUPTED = 130, /* ctrl-C; partial results kept */
};

#endif /* SS_EXITCODES_H */
