// SPDX-License-Identifier: GPL-2.0-only
/* What runs a guest: our machine on /dev/kvm, the same inside an emulated machine, or QEMU. */
#include "lib/helper.h"
#include "lib/log.h"
#include "run/run.h"
#include "vm/kvm_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool run_in_nested(void)
{
	const char *s = getenv("STALLSCOPE_NESTED");

	return s && *s && strcmp(s, "0");
}

static int kvm_status(const struct kvm_probe_result *kvm)
{
	ss_err("%s", kvm->reason);
	return SS_EXIT_KVM;
}

/* The last line that @program prints. Return: its exit status, or SS_EXIT_FAIL */
static int ask_program(const char *program, char *line, size_t size)
{
	char cmd[PATH_MAX + 8], buf[PATH_MAX];
	int status;
	FILE *f;

	/* In quotes for the shell; who puts one into a path gives --qemu. */
	snprintf(cmd, sizeof(cmd), "'%s'", program);
	f = popen(cmd, "re");
	if (!f)
		return SS_EXIT_FAIL;
	line[0] = '\0';
	while (fgets(buf, sizeof(buf), f))
		snprintf(line, size, "%.*s", (int)strcspn(buf, "\n"), buf);
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : SS_EXIT_FAIL;
}

static int find_qemu(struct run *run)
{
	char finder[PATH_MAX];

	if (run->o.qemu) {
		if (!access(run->o.qemu, X_OK))
			return SS_EXIT_OK;
		ss_err("--qemu: %s: %s", run->o.qemu, strerror(errno));
		return SS_EXIT_QEMU;
	}
	if (!helper_path("get-qemu", finder) && !helper_path("tools/get-qemu", finder)) {
		ss_err("--machine=qemu: the program that finds QEMU is missing: give --qemu PATH");
		return SS_EXIT_QEMU;
	}
	if (ask_program(finder, run->qemu, sizeof(run->qemu)) || !run->qemu[0]) {
		ss_err("--machine=qemu: no QEMU was found: install one, or give --qemu PATH");
		return SS_EXIT_QEMU;
	}
	run->o.qemu = run->qemu;
	return SS_EXIT_OK;
}

static int choose_qemu(struct run *run, const struct kvm_probe_result *kvm)
{
	run->o.machine = RUN_MACHINE_QEMU;
	run->qemu_kvm = kvm->sort == KVM_SORT_HARDWARE;
	if (!run->qemu_kvm)
		run_progress(run,
			     "so QEMU emulates the guest's machine, with our disks: the figures "
			     "show what happens, not how fast this machine is");
	return find_qemu(run);
}

/* Without hardware's help, and nobody said which: the fastest that has all that is asked for. */
static int choose_emulated(struct run *run, const struct kvm_probe_result *kvm)
{
	run_progress(run, "%s", kvm->reason);
	if (!run->o.nr_nets)
		return choose_qemu(run, kvm);
	run->o.machine = RUN_MACHINE_NESTED;
	run_progress(run, "so the guest runs inside an emulated machine that has KVM, as QEMU's "
			  "has no --net yet: the figures show what happens, not how fast this "
			  "machine is");
	return SS_EXIT_OK;
}

int run_choose_where(struct run *run)
{
	struct kvm_probe_result kvm;
	int ret;

	if (run->o.machine == RUN_MACHINE_NESTED && !run_in_nested())
		return SS_EXIT_OK;
	ret = kvm_probe(&kvm);
	if (ret) {
		ss_err("can't find out what /dev/kvm is good for: %s", strerror(-ret));
		return SS_EXIT_FAIL;
	}
	if (run->o.machine == RUN_MACHINE_QEMU) {
		if (kvm.sort != KVM_SORT_HARDWARE)
			run_progress(run, "%s", kvm.reason);
		return choose_qemu(run, &kvm);
	}
	if (kvm.sort == KVM_SORT_HARDWARE) {
		run->o.machine = RUN_MACHINE_KVM;
		return SS_EXIT_OK;
	}
	/* A missing permission or kernel module is for the user to fix. */
	if (kvm.error == -EACCES || run->o.machine == RUN_MACHINE_KVM || run_in_nested())
		return kvm_status(&kvm);
	return choose_emulated(run, &kvm);
}
