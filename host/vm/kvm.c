// SPDX-License-Identifier: GPL-2.0-only
/* Opens /dev/kvm, checks what it can do, and makes VMs. */
#include "vm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KVM_PATH "/dev/kvm"

static const struct {
	long cap;
	const char *name;
} kvm_needed[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY" },
	{ KVM_CAP_IRQCHIP, "IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING" },
	{ KVM_CAP_IRQFD, "IRQFD" },
	{ KVM_CAP_IOEVENTFD, "IOEVENTFD" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID" },
	{ KVM_CAP_MP_STATE, "MP_STATE" },
	{ KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR" },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
};

int kvm_api_version(int kvm_fd)
{
	int v = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);

	return v < 0 ? -errno : v;
}

int kvm_cap(int fd, long cap)
{
	int v = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return v < 0 ? 0 : v;
}

int kvm_create_vm(int kvm_fd)
{
	int fd;

	do {
		fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

static int kvm_check(int fd, struct vm_err *err)
{
	int v = kvm_api_version(fd);

	if (v < 0)
		return vm_fail(err, -ENOTSUP, KVM_PATH " is no KVM: %s", strerror(-v));
	if (v != KVM_API_VERSION)
		return vm_fail(err, -ENOTSUP, KVM_PATH " speaks API version %d, %d is needed", v,
			       KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(kvm_needed) / sizeof(*kvm_needed); i++)
		if (!kvm_cap(fd, kvm_needed[i].cap))
			return vm_fail(err, -ENOTSUP,
				       KVM_PATH " lacks KVM_CAP_%s: a newer kernel is needed",
				       kvm_needed[i].name);
	return 0;
}

int kvm_open(struct vm_err *err)
{
	int fd = open(KVM_PATH, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0) {
		switch (errno) {
		case ENOENT:
		case ENODEV:
		case ENXIO:
			return vm_fail(
				err, -ENOENT,
				KVM_PATH
				" is missing: load kvm-intel or kvm-amd, and switch virtualisation on in the firmware");
		case EACCES:
		case EPERM:
			return vm_fail(err, -EACCES,
				       "no permission to use " KVM_PATH
				       ": run as root, or join its group (usually kvm)");
		default:
			ret = -errno;
			return vm_fail(err, ret, "can't open " KVM_PATH ": %s", strerror(-ret));
		}
	}
	ret = kvm_check(fd, err);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static void on_kick(int sig)
{
	(void)sig;
}

static void install_kick_handler(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGRTMIN, &sa, NULL);
}

int kvm_kick_signal(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install_kick_handler);
	return SIGRTMIN;
}
