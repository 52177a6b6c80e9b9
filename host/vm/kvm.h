/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opens /dev/kvm and asks what it can do.
 */
#ifndef SS_VM_KVM_H
#define SS_VM_KVM_H

#include "vm/err.h"

/**
 * kvm_open() - open /dev/kvm and check its API version and capabilities.
 *
 * Return: a file descriptor, or -ENOENT (no such device), -EACCES (no right
 * to it), -ENOTSUP (API version or a capability), another -errno; @err says what
 * to do about it.
 */
int kvm_open(struct vm_err *err);

/** kvm_api_version() - of an open /dev/kvm, or a negative errno. */
int kvm_api_version(int kvm_fd);

/** kvm_cap() - KVM_CHECK_EXTENSION; 0 if it is missing. @fd: /dev/kvm or a VM. */
int kvm_cap(int fd, long cap);

/**
 * kvm_create_vm() - KVM_CREATE_VM, of an open /dev/kvm
 *
 * The kernel returns EINTR when work is pending for the thread, such as io_uring's:
 * then it is tried again.
 * Return: the VM's file descriptor, or a negative errno.
 */
int kvm_create_vm(int kvm_fd);

/**
 * kvm_kick_signal() - the signal that interrupts KVM_RUN of the thread it is
 * sent to, and does nothing else. Installs its handler at the first call.
 */
int kvm_kick_signal(void);

#endif /* SS_VM_KVM_H */
