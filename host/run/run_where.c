// SPDX-License-Identifier: GPL-2.0-only
/* Where a guest runs: right here on /dev/kvm, or inside an emulated machine that has one. */
#include "lib/log.h"
#include "run/run.h"
#include "vm/kvm_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int run_choose_where(struct run *run, bool *nested)
{
	struct kvm_probe_result kvm;
	int ret;

	*nested = false;
	if (run->o.nested == RUN_NESTED_ALWAYS && !run_in_nested()) {
		*nested = true;
		return SS_EXIT_OK;
	}
	ret = kvm_probe(&kvm);
	if (ret) {
		ss_err("can't find out what /dev/kvm is good for: %s", strerror(-ret));
		return SS_EXIT_FAIL;
	}
	if (kvm.sort == KVM_SORT_HARDWARE)
		return SS_EXIT_OK;
	/* A missing permission or kernel module is for the user to fix. */
	if (kvm.error == -EACCES || run->o.nested == RUN_NESTED_NEVER || run_in_nested())
		return kvm_status(&kvm);
	*nested = true;
	run_progress(run, "%s", kvm.reason);
	run_progress(run,
		     "so the guest runs inside an emulated machine that has KVM: the figures show "
		     "what happens, not how fast this machine is");
	return SS_EXIT_OK;
}
