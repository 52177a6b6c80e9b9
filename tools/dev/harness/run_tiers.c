// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which tiers of tests this machine can run.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runner.h"

static bool cpu_has_virtualisation(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "flags", 5) &&
			(strstr(line, " vmx ") || strstr(line, " svm ") || strstr(line, " svm\n"));
	if (f)
		fclose(f);
	return found;
}

/* 0, or why /dev/kvm is of no use. */
static int kvm_usable(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC), version;

	if (fd < 0)
		return -errno;
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	return version == KVM_API_VERSION ? 0 : -ENOTTY;
}

/**
 * run_tiers_find() - look what the machine offers.
 *
 * A guest's kernel and the emulator are named by the environment
 * ($GUEST_KERNEL, $QEMU), which make fills from the build's configuration;
 * $SS_NO_GUESTS is a reason to do without guests.
 */
void run_tiers_find(struct run_tiers *t)
{
	const char *kernel = getenv("GUEST_KERNEL"), *qemu = getenv("QEMU");
	const char *refused = getenv("SS_NO_GUESTS");
	int err = kvm_usable();
	bool hw = cpu_has_virtualisation();

	memset(t, 0, sizeof(*t));
	if (geteuid())
		t->missing |= RUN_NEEDS_ROOT;
	if (access("tools/setup", X_OK))
		t->missing |= RUN_NEEDS_SOURCE;
	if (err) {
		t->missing |= RUN_NEEDS_KVM;
		snprintf(t->kvm, sizeof(t->kvm), "no, /dev/kvm: %s", strerror(-err));
	} else {
		snprintf(t->kvm, sizeof(t->kvm), "yes, /dev/kvm %s",
			 hw ? "with hardware virtualisation"
			    : "without hardware virtualisation (bare-metal payloads only)");
	}
	if (refused && *refused) {
		t->missing |= RUN_NEEDS_GUEST;
		snprintf(t->guest, sizeof(t->guest), "no, %s", refused);
	} else if (!kernel || access(kernel, R_OK)) {
		t->missing |= RUN_NEEDS_GUEST;
		snprintf(t->guest, sizeof(t->guest), "no, there is no guest kernel (%s)",
			 kernel && *kernel ? strerror(errno)
					   : "make fetches one, make gen_tar GUEST=1 packs it");
	} else if (!err && hw) {
		snprintf(t->guest, sizeof(t->guest), "yes, on /dev/kvm");
	} else if (qemu && *qemu) {
		snprintf(t->guest, sizeof(t->guest),
			 "yes, nested in an emulated machine (functional, not performance)");
	} else {
		t->missing |= RUN_NEEDS_GUEST;
		snprintf(t->guest, sizeof(t->guest),
			 "no, neither hardware virtualisation nor an emulator to nest in");
	}
}

/** run_tiers_lacks() - the reason why a program of such needs can't run, or NULL. */
const char *run_tiers_lacks(const struct run_tiers *t, unsigned int needs)
{
	needs &= t->missing;
	if (needs & RUN_NEEDS_ROOT)
		return "needs root";
	if (needs & RUN_NEEDS_SOURCE)
		return "needs the source tree";
	if (needs & RUN_NEEDS_KVM)
		return t->kvm + strlen("no, ");
	if (needs & RUN_NEEDS_GUEST)
		return t->guest + strlen("no, ");
	return NULL;
}
