/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of `stallscope run`, in the order they happen: prepare (run
 * directory, initramfs), the guest (machine, devices, tracing, the agent's
 * channel), and the result. Used by cli/cmd_run.c; otherwise internal to run/.
 */
#ifndef SS_RUN_H
#define SS_RUN_H

#include "lib/agent_link.h"
#include "lib/exitcodes.h"
#include "run/run_opts.h"
#include "report/report.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

/**
 * struct run - one run.
 * @o: what was asked for.
 * @r: the result.
 * @out: the run directory's absolute path.
 * @out_made: this run created it.
 * @out_name: the same as the user knows it, for messages.
 * @initrd: the initramfs to boot, ours (then @initrd_temp) or the user's.
 * @started_ns: CLOCK_MONOTONIC at the start.
 * @records_error: first error of storing records or output, negative errno.
 * @qemu_kvm: QEMU has hardware's help.
 * @qemu: where it was found, unless --qemu said.
 * @progress_open: the terminal's last line is a status line, to be overwritten.
 */
struct run {
	struct run_opts o;
	struct run_result r;
	char out[PATH_MAX];
	bool out_made;
	int out_fd;
	bool in_use; /* a worker that hangs uses it until the process ends */
	const char *out_name;
	char initrd[PATH_MAX];
	bool initrd_temp;
	uint64_t started_ns;
	int records_error;
	bool progress_open;
	bool qemu_kvm;
	char qemu[PATH_MAX];
};

/*
 * With a disk's number appended: what the user called its file. Tells the runner
 * inside an emulated machine, which knows it as a drive.
 */
#define RUN_DISK_PATH_ENV "STALLSCOPE_DISK_PATH"

#define RUN_CONFIG_MAX	  16384

/**
 * run_config() - write what the agent is to do, in the form of a CONFIG frame.
 * @kv: built in @text; its err is set if it can't be sent.
 */
void run_config(const struct run_opts *o, struct agent_kv *kv, char text[RUN_CONFIG_MAX]);

/**
 * run_main() - one run, from its options to its report.
 * @run: zeroed but for @run->o; stays in use by a worker that hangs if its
 *	in_use is set on return, otherwise the caller's
 * @argc: @argv: as typed, for the report
 *
 * Return: the exit status.
 */
int run_main(struct run *run, int argc, char **argv);

/**
 * run_choose_where() - decide what runs the guest: @run->o.machine is then that.
 *
 * Return: SS_EXIT_OK, or the exit status after one line on stderr.
 */
int run_choose_where(struct run *run);

/** run_in_nested() - is this process already inside our emulated machine? */
bool run_in_nested(void);

/**
 * run_progress() - print a line of progress, with the seconds since the start.
 *
 * On standard output; silent with --json.
 */
void run_progress(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * run_status_line() - like run_progress(), but on a terminal each overwrites the last.
 *
 * Where standard output isn't a terminal nothing is printed.
 */
void run_status_line(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** run_tell_where() - say on standard output where the run directory is. */
void run_tell_where(struct run *run);

/**
 * run_check_files() - check that kernel, initrd, modules, scheduler, files and
 * disks are there and readable.
 *
 * Return: SS_EXIT_OK, or the exit status after one line on stderr.
 */
int run_check_files(const struct run *run);

/**
 * run_open_out() - make the run directory and remove an earlier run's figures.
 *
 * Return: SS_EXIT_OK, or SS_EXIT_OUTPUT after one line on stderr.
 */
int run_open_out(struct run *run);

/**
 * run_make_initrd() - set @run->initrd, made by the initramfs maker if needed.
 *
 * Return: SS_EXIT_OK, or an exit status after one line on stderr.
 */
int run_make_initrd(struct run *run);

/** run_drop_initrd() - remove a made initramfs; safe in any state. */
void run_drop_initrd(struct run *run);

/** run_drop_files() - remove this run's files: no guest ran, they are empty. */
void run_drop_files(struct run *run);

/** run_drop_out() - remove a run directory that was made and stayed empty. */
void run_drop_out(struct run *run);

/**
 * run_guest() - boot the guest right here on /dev/kvm, and fill @run->r.
 *
 * Return: SS_EXIT_OK or the exit status; what was measured is in @run->r.
 */
int run_guest(struct run *run);

/**
 * run_report() - analyse, store and print what was measured, however the guest ended.
 * @status: the exit status so far
 *
 * Return: @status; or, if that is SS_EXIT_OK, another one after one line on stderr.
 */
int run_report(struct run *run, int status);

/**
 * run_nested() - do the same run inside an emulated machine that has KVM.
 *
 * The machine's own stallscope prints progress and report and writes the run
 * directory's files, which are copied to @run->out.
 *
 * Return: its exit status, or SS_EXIT_NESTED after one line on stderr.
 */
int run_nested(struct run *run);

#endif /* SS_RUN_H */
