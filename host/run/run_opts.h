/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options of `stallscope run`.
 */
#ifndef SS_RUN_OPTS_H
#define SS_RUN_OPTS_H

#include "run/device_opts.h"
#include "ss_counters.h"

#include <stdbool.h>
#include <stdint.h>

#define RUN_MAX_FILES  64
#define RUN_MAX_CPUS   64
#define RUN_MAX_APPEND 800

enum run_machine {
	RUN_MACHINE_AUTO, /* KVM where /dev/kvm can run a Linux guest */
	RUN_MACHINE_KVM,
	RUN_MACHINE_QEMU,
	RUN_MACHINE_NESTED,
	RUN_MACHINES,
};

/**
 * struct run_opts - the options of one run; strings belong to argv.
 * @kernel: guest kernel, a bzImage or an uncompressed ELF vmlinux.
 * @initrd: a ready initramfs, or NULL to make one.
 * @modules: lib/modules/RELEASE of the guest kernel, NULL if everything is built in.
 * @append: further words for the kernel command line, or NULL.
 * @cpus: vCPUs.
 * @memory: guest memory in bytes.
 * @disks: the disks, @nr_disks of them.
 * @nets: the network devices, @nr_nets of them, each with its MAC.
 * @sched: scheduler binary on the host, NULL to stay with the kernel's own.
 * @sched_args: arguments for it.
 * @exec: workload, a shell command line in the guest.
 * @files: --file values, "SRC[:DST]".
 * @duration_s: the workload is stopped after so many seconds, 0 never.
 * @time_limit_s: the whole guest is stopped after so many seconds, 0 never.
 * @name: the run's name, for pins and reports.
 * @out: run directory.
 * @machine: who runs the guest; never AUTO once run_choose_where() was asked.
 * @qemu: QEMU's program, NULL: the one that is found.
 * @no_trace: no BPF on either side.
 * @trace_tasks: the guest records every switch and wake-up.
 * @no_huge_pages: guest memory asks for none.
 * @json: run.json on standard output instead of the text report.
 */
struct run_opts {
	const char *kernel;
	const char *initrd;
	const char *modules;
	const char *append;
	unsigned int cpus;
	uint64_t memory;
	struct disk_opts disks[SS_MAX_DISKS];
	unsigned int nr_disks;
	struct net_opts nets[SS_MAX_NETS];
	unsigned int nr_nets;
	const char *sched;
	const char *sched_args[RUN_MAX_FILES];
	unsigned int nr_sched_args;
	const char *exec;
	const char *files[RUN_MAX_FILES];
	unsigned int nr_files;
	unsigned int duration_s;
	unsigned int time_limit_s;
	const char *name;
	const char *out;
	enum run_machine machine;
	const char *qemu;
	bool no_trace;
	bool trace_tasks;
	bool no_huge_pages;
	bool json;
	bool console;
	char name_buf[32];
	char out_buf[96];
};

/** run_opts_free() - free what @o owns. */
void run_opts_free(struct run_opts *o);

#endif /* SS_RUN_OPTS_H */
