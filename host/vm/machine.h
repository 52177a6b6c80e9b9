/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine: guest memory, in-kernel interrupt controllers, vCPU
 * threads, a serial port, ACPI tables and windows for virtio-mmio devices.
 *
 * The order of calls is fixed:
 *
 *	machine_create()	memory is there, devices can be built on machine_memory()
 *	machine_add_virtio()	once for each device
 *	machine_load()		kernel, initrd, command line, ACPI tables
 *	machine_start()		vCPU threads run
 *	machine_wait()		until the guest ended, or a time limit; then the devices
 *				are destroyed: their workers use the guest's memory
 *	machine_destroy()	and with it that memory
 *
 * Unless a comment says otherwise, one thread owns a machine and makes these
 * calls; machine_stop() may come from any thread and from a signal handler.
 */
#ifndef SS_VM_MACHINE_H
#define SS_VM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vm/bus.h"

struct guest_mem;
struct machine;
struct virtio_mmio;

#define MACHINE_MAX_VCPUS  64
#define MACHINE_MAX_VIRTIO 16
#define MACHINE_MIN_MEMORY (16ULL << 20)

/** enum vm_end - how a guest ended. */
enum vm_end {
	VM_END_RUNNING = 0,    /* it hasn't */
	VM_END_POWEROFF,       /* ACPI S5 */
	VM_END_REBOOT,	       /* reset register or keyboard controller */
	VM_END_PANIC,	       /* told by pvpanic, or by the console's panic line */
	VM_END_TRIPLE_FAULT,   /* KVM_EXIT_SHUTDOWN */
	VM_END_INTERNAL_ERROR, /* KVM could not go on (KVM_EXIT_INTERNAL_ERROR, FAIL_ENTRY, ...) */
	VM_END_TIMEOUT,	       /* still running at the time limit */
	VM_END_INTERRUPTED,    /* machine_stop() on behalf of the user */
};

/**
 * struct machine_config - what machine_create() needs to know.
 * @nr_vcpus: 1 to MACHINE_MAX_VCPUS, and no more than KVM takes.
 * @memory: bytes of guest RAM; rounded up to a whole 2 MiB.
 * @huge_pages: ask for transparent huge pages.
 * @affinity: NULL, or @nr_vcpus host CPU numbers, -1 for "anywhere".
 * @console: gets the serial port's output, called from vCPU threads, one call
 *	at a time; NULL drops it. It must not call back into the machine.
 * @console_opaque: first argument of @console.
 */
struct machine_config {
	unsigned int nr_vcpus;
	uint64_t memory;
	bool huge_pages;
	const int *affinity;
	void (*console)(void *opaque, const char *text, size_t len);
	void *console_opaque;
};

/**
 * struct machine_boot - what machine_load() puts into guest memory.
 * @kernel: path of a bzImage (64-bit boot protocol), or of an uncompressed
 *	ELF kernel with a PVH entry.
 * @initrd: path, or NULL for none.
 * @cmdline: the kernel's command line, "" for none.
 */
struct machine_boot {
	const char *kernel;
	const char *initrd;
	const char *cmdline;
};

/**
 * struct machine_end - the end of a run in detail.
 * @end: how it ended.
 * @vcpu: the vCPU that ended it, -1 if none did.
 * @panic_seen: the guest told of a panic, whatever came after.
 * @detail: a line for a person: suberror, instruction pointers, panic text.
 */
struct machine_end {
	enum vm_end end;
	int vcpu;
	bool panic_seen;
	char detail[256];
};

/**
 * struct machine_tsc_info - how guest TSC and host TSC relate.
 * @nr_vcpus: entries that count in the arrays.
 * @offset_known: KVM told every vCPU's offset.
 * @scaling_known: guest TSC = host TSC * guest_khz / host_khz + offset holds;
 *	else only that the offset is what KVM reports.
 * @guest_khz: KVM_GET_TSC_KHZ of vCPU 0, 0 if unknown.
 * @host_khz: what KVM takes as the host's rate, 0 if unknown.
 * @offset: guest TSC minus scaled host TSC, for each vCPU.
 */
struct machine_tsc_info {
	unsigned int nr_vcpus;
	bool offset_known;
	bool scaling_known;
	uint32_t guest_khz;
	uint32_t host_khz;
	int64_t offset[MACHINE_MAX_VCPUS];
};

/**
 * machine_create() - make a VM with memory, irqchip, vCPUs, bus and serial port.
 *
 * No vCPU thread runs yet. On failure one line with ss_err() has said why.
 * Return: 0 and *@m, or -EINVAL (a size or number out of range), -E2BIG (more
 * vCPUs than KVM takes), -ENOMEM (more memory than the host has), -ENOENT or
 * -EACCES (/dev/kvm), -ENOTSUP (KVM lacks a capability), -EIO (KVM refuses something
 * that no @cfg would change), another -errno.
 */
int machine_create(const struct machine_config *cfg, struct machine **m);

/** machine_memory() - the guest's RAM regions, fixed until machine_destroy(). */
const struct guest_mem *machine_memory(const struct machine *m);

/**
 * machine_add_virtio() - give a device its register window and its interrupt.
 *
 * Takes the next 4 KiB window and GSI, makes one ioeventfd per queue and one
 * irqfd. The device stays the caller's; it must live as long as a vCPU runs, and
 * its workers must have ended before machine_destroy(). Only before
 * machine_load().
 * Return: 0, -ENOSPC (more than MACHINE_MAX_VIRTIO), or another -errno, told
 * by ss_err().
 */
int machine_add_virtio(struct machine *m, struct virtio_mmio *dev);

/** machine_bus_add_pio() - put a port range on the bus, before machine_start(). */
int machine_bus_add_pio(struct machine *m, const struct vm_range *range);

/** machine_bus_add_mmio() - put an MMIO range on the bus, before machine_start(). */
int machine_bus_add_mmio(struct machine *m, const struct vm_range *range);

/**
 * machine_load() - put kernel, initrd, command line and ACPI tables into memory
 * and set vCPU 0 up to enter the kernel.
 *
 * Return: 0; or a negative errno told by ss_err() in one line: -ENOENT
 * (missing), -EACCES, -EISDIR or -EIO (unreadable), -ENOEXEC (not a kernel
 * that can be started), -EFBIG (the kernel doesn't fit into memory), -ENOSPC
 * (the initrd doesn't fit), -E2BIG (command line too long).
 */
int machine_load(struct machine *m, const struct machine_boot *boot);

/**
 * machine_start() - start the vCPU threads ("vcpu0", ...), with their affinity.
 *
 * Return: 0 when every thread is about to enter the guest and machine_tid() is
 * valid, else a negative errno told by ss_err(), with nothing left running.
 */
int machine_start(struct machine *m);

/**
 * machine_wait() - wait for the guest's end.
 * @timeout_ns: time limit from now; negative for none.
 * @end: filled in.
 *
 * At the time limit the machine is stopped and the end is VM_END_TIMEOUT. A
 * guest that panicked and neither rebooted nor powered off within a few
 * seconds is ended as VM_END_PANIC. When this returns no vCPU thread runs.
 * Return: 0, or -EINVAL if the machine was never started.
 */
int machine_wait(struct machine *m, int64_t timeout_ns, struct machine_end *end);

/**
 * machine_end_fd() - a file descriptor for the caller's event loop
 *
 * It polls readable once the guest has ended, was stopped, or has panicked and not
 * rebooted in time; machine_wait() then returns at once.
 */
int machine_end_fd(const struct machine *m);

/**
 * machine_stop() - end the run from outside.
 * @why: VM_END_INTERRUPTED or VM_END_TIMEOUT. The first end wins: a guest that
 *	has already powered off stays so.
 *
 * Doesn't wait. Any thread, and async-signal-safe.
 */
void machine_stop(struct machine *m, enum vm_end why);

/**
 * machine_tid() - thread id of a vCPU's thread, for tracing, kept after its end.
 *
 * Return: the tid, 0 before machine_start().
 */
pid_t machine_tid(const struct machine *m, unsigned int vcpu);

/** machine_nr_vcpus() - the number of vCPUs. */
unsigned int machine_nr_vcpus(const struct machine *m);

/**
 * machine_tsc_info() - how each vCPU's TSC relates to the host's, as of now.
 *
 * Linux may write its TSC while it boots: ask when the guest is up, or after
 * its end. Makes each running vCPU exit once. What KVM can't tell is reported
 * as unknown. Only the owning thread, after machine_create().
 * Return: 0, or a negative errno.
 */
int machine_tsc_info(struct machine *m, struct machine_tsc_info *info);

/**
 * machine_destroy() - stop what runs, take everything down, free it. NULL is fine.
 *
 * Closes the irqfds and ioeventfds' KVM side, not the devices' descriptors. No
 * device's worker may run any more: the guest's memory is gone afterwards.
 */
void machine_destroy(struct machine *m);

/** vm_end_name() - "poweroff", "reboot", ...: the name used in run.json. */
const char *vm_end_name(enum vm_end end);

#endif /* SS_VM_MACHINE_H */
