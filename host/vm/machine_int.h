/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the machine share. Others use machine.h.
 *
 * Threads: the owner creates, starts, waits and destroys; a vCPU thread enters
 * the guest and answers its exits. They meet in @end (atomic, the first one to
 * set it wins), in @end_fd, and in each vCPU's @requests.
 */
#ifndef SS_VM_MACHINE_INT_H
#define SS_VM_MACHINE_INT_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vm/boot.h"
#include "vm/bus.h"
#include "vm/machine.h"
#include "vm/memory.h"
#include "vm/pci.h"
#include "vm/serial.h"

/* Read the TSC offset. On the vCPU's own thread, for KVM_RUN holds the vCPU's lock. */
#define VCPU_REQ_TSC 1u

struct vcpu {
	struct machine *m;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	int affinity; /* host CPU, -1: anywhere */

	pthread_t thread;
	bool has_thread; /* owner's: to be joined */
	int start_error; /* under start_lock */
	atomic_int tid;

	atomic_uint requests; /* VCPU_REQ_* */
	int tsc_error;	      /* valid when the request bit is gone */
	int64_t tsc_offset;

	uint64_t clock_latch; /* this vCPU's thread only */
};

struct machine {
	int kvm_fd;
	int vm_fd;
	struct vm_memory memory;
	unsigned int nr_vcpus;
	struct vcpu vcpu[MACHINE_MAX_VCPUS];

	struct vm_bus pio;
	struct vm_bus mmio;
	struct serial serial;
	struct pci_config pci;
	unsigned int nr_virtio;
	uint32_t tsc_khz; /* as KVM told at the start, 0 if it didn't */

	void (*console)(void *opaque, const char *text, size_t len);
	void *console_opaque;

	/* start gate */
	pthread_mutex_t start_lock;
	pthread_cond_t start_cond;
	unsigned int nr_ready;
	enum { GATE_CLOSED, GATE_OPEN, GATE_ABORT } gate;
	bool loaded; /* tried, even without success: guest memory is no longer fresh */
	bool startable;
	bool started;

	/* the end */
	atomic_int end; /* enum vm_end */
	int end_vcpu;	/* with detail: written by whoever set end */
	char end_detail[200];
	int end_fd;	 /* eventfd */
	int panic_timer; /* timerfd, armed when a panic is seen */
	int wait_fd;	 /* epoll of both */
	atomic_bool panic_seen;
	atomic_bool panic_certain; /* from pvpanic, not guessed from the console */
	pthread_mutex_t panic_lock;
	char panic_text[160];
	int request_fd; /* eventfd: a vCPU answered a request */
};

/* --- machine_end.c --- */

/** machine_end_init() - make the descriptors of the end. Return: 0 or -errno. */
int machine_end_init(struct machine *m);

/** machine_end_destroy() - close them. */
void machine_end_destroy(struct machine *m);

/** machine_has_ended() - the vCPU threads look before each entry. */
static inline bool machine_has_ended(struct machine *m)
{
	return atomic_load(&m->end) != VM_END_RUNNING;
}

/**
 * machine_set_end() - end the run; the first call wins.
 * @vcpu: who says so, -1 for the owner.
 *
 * Any thread. Not async-signal-safe, unlike machine_stop().
 */
void machine_set_end(struct machine *m, enum vm_end end, int vcpu, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * machine_note_panic() - the guest says that it panicked.
 * @text: its words, not NUL-terminated; NULL if there are none.
 * @certain: not just a line on the console.
 *
 * The run goes on for a while, so that the guest can finish its words and reboot.
 */
void machine_note_panic(struct machine *m, const char *text, size_t len, bool certain);

/** machine_scan_console() - look for the kernel's panic line in a line of output. */
void machine_scan_console(struct machine *m, const char *text, size_t len);

/* --- vcpu.c --- */

/** vcpu_create() - KVM_CREATE_VCPU and its shared page. */
int vcpu_create(struct vcpu *v, struct machine *m, unsigned int id, struct vm_err *err);

/** vcpu_destroy() - close it; the thread must be gone. */
void vcpu_destroy(struct vcpu *v);

/** vcpu_start() - make the thread, which waits at the gate. Owner. */
int vcpu_start(struct vcpu *v, struct vm_err *err);

/** vcpu_kick() - make the vCPU leave the guest and look at what it is asked. Owner. */
void vcpu_kick(struct vcpu *v);

/** vcpu_join() - wait for the thread's end. Owner. */
void vcpu_join(struct vcpu *v);

/** vcpu_read_tsc() - the TSC offset; on the vCPU's thread, or when it has none. */
void vcpu_read_tsc(struct vcpu *v);

/* --- vcpu_exit.c --- */

/** vcpu_handle_exit() - answer KVM's exit; may end the machine. vCPU's thread. */
void vcpu_handle_exit(struct vcpu *v);

/* --- vcpu_setup.c --- */

/** vcpu_setup() - CPUID, MSRs and LAPIC of a fresh vCPU. @cpuid gets changed. */
int vcpu_setup(struct vcpu *v, struct kvm_cpuid2 *cpuid, bool tsc_deadline, struct vm_err *err);

/** vcpu_set_entry() - registers with which vCPU 0 enters the kernel. */
int vcpu_set_entry(struct vcpu *v, const struct boot_entry *entry, struct vm_err *err);

/* --- platform.c --- */

/** platform_add() - put serial port, power, reset, clock and pvpanic on the bus. */
int platform_add(struct machine *m, struct vm_err *err);

#endif /* SS_VM_MACHINE_INT_H */
