// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds out what sort of KVM there is: capabilities, CPU flags, and a guest of a
 * few instructions that a stock kernel needs.
 */
#include "vm/kvm_probe.h"
#include "lib/time.h"
#include "vm/cpuid.h"
#include "vm/kvm.h"
#include "vm/layout.h"
#include "vm/machine.h"
#include "vm/vcpu_regs.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROBE_MEMORY   0x10000u
#define PROBE_IDT      0x1000u
#define PROBE_PML4     0x2000u /* and the next two pages */
#define PROBE_CODE     0x8000u
#define PROBE_STACK    0xf000u
#define PROBE_PORT     0xf4
#define PROBE_LIMIT_NS 1000000000LL
#define PROBE_TICK_NS  50000000L

/* What the guest tries, in this order; it reports each to PROBE_PORT when it is done. */
enum probe_step { STEP_INT3, STEP_CMPXCHG16B, STEP_POPCNT, STEP_SHLX, NR_STEPS };

static const char *const step_names[NR_STEPS] = { "int3", "cmpxchg16b", "popcnt", "shlx" };

/* ebx: which steps to take (bit numbers as in enum probe_step) */
extern const unsigned char probe_guest[], probe_guest_int3[], probe_guest_end[];
__asm__(".pushsection .rodata\n"
	"probe_guest:\n"
	"	int3\n"
	"	mov $0, %al\n"
	"	out %al, $0xf4\n"
	"	test $2, %ebx\n"
	"	jz 1f\n"
	"	lea -64(%rsp), %rdi\n"
	"	and $-16, %rdi\n"
	"	push %rbx\n"
	"	xor %eax, %eax\n"
	"	xor %edx, %edx\n"
	"	lock cmpxchg16b (%rdi)\n"
	"	pop %rbx\n"
	"	mov $1, %al\n"
	"	out %al, $0xf4\n"
	"1:	test $4, %ebx\n"
	"	jz 2f\n"
	"	popcnt %rbx, %rcx\n"
	"	mov $2, %al\n"
	"	out %al, $0xf4\n"
	"2:	test $8, %ebx\n"
	"	jz 3f\n"
	"	shlx %rcx, %rbx, %rdx\n"
	"	mov $3, %al\n"
	"	out %al, $0xf4\n"
	"3:	mov $0xff, %al\n"
	"	out %al, $0xf4\n"
	"	hlt\n"
	"	jmp 3b\n"
	"probe_guest_int3:\n"
	"	iretq\n"
	"probe_guest_end:\n"
	".popsection\n");

struct probe {
	int kvm, vm, vcpu;
	struct kvm_cpuid2 *cpuid;
	unsigned char *mem;
	struct kvm_run *run;
	size_t run_size;
	uint32_t steps; /* bit set: to be tried */
	uint32_t done;	/* bit set: worked */
};

static void cpu_flag(char *flag, size_t size)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "re");

	flag[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		if (strstr(line, " vmx"))
			snprintf(flag, size, "vmx");
		else if (strstr(line, " svm"))
			snprintf(flag, size, "svm");
		break;
	}
	if (f)
		fclose(f);
}

static void probe_fill_memory(struct probe *p)
{
	uint64_t *pml4 = (uint64_t *)(p->mem + PROBE_PML4), *pdpt = pml4 + 512, *pd = pml4 + 1024;
	uint64_t handler = PROBE_CODE + (uint64_t)(probe_guest_int3 - probe_guest);
	uint64_t *gate = (uint64_t *)(p->mem + PROBE_IDT) + 2 * 3;

	pml4[0] = (PROBE_PML4 + 0x1000) | 3;
	pdpt[0] = (PROBE_PML4 + 0x2000) | 3;
	pd[0] = 0x83;
	gate[0] = (handler & 0xffff) | (SEL_CODE << 16) | (0x8e00ULL << 32) | (handler >> 16 << 48);
	vcpu_write_gdt((uint64_t *)(p->mem + LAYOUT_GDT), true);
	memcpy(p->mem + PROBE_CODE, probe_guest, (size_t)(probe_guest_end - probe_guest));
}

static void probe_choose_steps(struct probe *p)
{
	p->steps = 1u << STEP_INT3;
	if (cpuid_has(p->cpuid, 1, 2, 13))
		p->steps |= 1u << STEP_CMPXCHG16B;
	if (cpuid_has(p->cpuid, 1, 2, 23))
		p->steps |= 1u << STEP_POPCNT;
	if (cpuid_has(p->cpuid, 7, 1, 8))
		p->steps |= 1u << STEP_SHLX;
}

static int probe_create(struct probe *p, struct vm_err *err)
{
	struct kvm_userspace_memory_region slot = { .memory_size = PROBE_MEMORY };
	struct kvm_regs regs = { .rip = PROBE_CODE, .rsp = PROBE_STACK, .rflags = 2 };
	struct kvm_sregs s;
	int size;

	if (cpuid_get_supported(p->kvm, &p->cpuid, err))
		return -ENOTSUP;
	probe_choose_steps(p);
	regs.rbx = p->steps;
	size = ioctl(p->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	p->vm = kvm_create_vm(p->kvm);
	if (p->vm < 0)
		return p->vm;
	p->mem = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (p->mem == MAP_FAILED)
		return -errno;
	if (size < (int)sizeof(*p->run))
		return -ENOTSUP;
	probe_fill_memory(p);
	slot.userspace_addr = (uintptr_t)p->mem;
	if (ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &slot))
		return -errno;
	p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
	if (p->vcpu < 0)
		return -errno;
	p->run_size = (size_t)size;
	p->run = mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (p->run == MAP_FAILED || ioctl(p->vcpu, KVM_SET_CPUID2, p->cpuid) ||
	    ioctl(p->vcpu, KVM_GET_SREGS, &s))
		return -errno;
	vcpu_fill_sregs(&s, true, PROBE_PML4);
	s.idt.base = PROBE_IDT;
	s.idt.limit = 0xfff;
	if (ioctl(p->vcpu, KVM_SET_SREGS, &s) || ioctl(p->vcpu, KVM_SET_REGS, &regs))
		return -errno;
	return 0;
}

static void probe_destroy(struct probe *p)
{
	if (p->run && p->run != MAP_FAILED)
		munmap(p->run, p->run_size);
	if (p->vcpu >= 0)
		close(p->vcpu);
	if (p->vm >= 0)
		close(p->vm);
	if (p->mem && p->mem != MAP_FAILED)
		munmap(p->mem, PROBE_MEMORY);
	if (p->kvm >= 0)
		close(p->kvm);
	free(p->cpuid);
}

/* Runs the guest until it has taken all steps (true), stops, or takes too long. */
static bool probe_run(struct probe *p)
{
	const uint64_t end = monotonic_ns() + PROBE_LIMIT_NS;

	while (monotonic_ns() < end) {
		const struct kvm_run *run = p->run;
		uint8_t value;

		if (ioctl(p->vcpu, KVM_RUN, 0)) {
			if (errno != EINTR && errno != EAGAIN)
				return false;
			continue;
		}
		if (run->exit_reason == KVM_EXIT_INTR)
			continue;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != PROBE_PORT)
			return false;
		value = *((const uint8_t *)run + run->io.data_offset);
		if (value == 0xff)
			return (p->done & p->steps) == p->steps;
		if (value < NR_STEPS)
			p->done |= 1u << value;
	}
	return false;
}

/* A guest that spins is interrupted by a timer, which fires until it is deleted. */
static int probe_run_limited(struct probe *p, bool *ran)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = kvm_kick_signal() };
	const struct itimerspec tick = {
		.it_interval.tv_nsec = PROBE_TICK_NS,
		.it_value.tv_nsec = PROBE_TICK_NS,
	};
	sigset_t kick, old;
	timer_t timer;

	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer))
		return -errno;
	sigemptyset(&kick);
	sigaddset(&kick, kvm_kick_signal());
	pthread_sigmask(SIG_UNBLOCK, &kick, &old);
	timer_settime(timer, 0, &tick, NULL);
	*ran = probe_run(p);
	timer_delete(timer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return 0;
}

static void describe(struct kvm_probe_result *res, const struct probe *p)
{
	const char *stop = "before its first instruction";

	if (res->guest_ran) {
		res->sort = KVM_SORT_HARDWARE;
		snprintf(res->reason, sizeof(res->reason), "KVM%s%s runs ordinary Linux guests",
			 res->cpu_flag[0] ? " with " : "", res->cpu_flag);
		return;
	}
	res->sort = KVM_SORT_SOFTWARE;
	for (int i = NR_STEPS - 1; i >= 0; i--)
		if ((p->steps & ~p->done) >> i & 1)
			stop = step_names[i];
	snprintf(
		res->reason, sizeof(res->reason),
		"/dev/kvm stops at the instruction %s, which Linux needs%s: bare-metal guests only",
		stop, res->cpu_flag[0] ? "" : ", and the CPU has neither vmx nor svm");
}

int kvm_probe(struct kvm_probe_result *res)
{
	struct probe p = { .vm = -1, .vcpu = -1 };
	struct vm_err err = { "" };
	int ret;

	memset(res, 0, sizeof(*res));
	cpu_flag(res->cpu_flag, sizeof(res->cpu_flag));
	p.kvm = kvm_open(&err);
	if (p.kvm < 0) {
		res->error = p.kvm;
		snprintf(res->reason, sizeof(res->reason), "%.255s", err.text);
		return 0;
	}
	res->api_version = kvm_api_version(p.kvm);
	ret = kvm_cap(p.kvm, KVM_CAP_MAX_VCPUS);
	res->max_vcpus = ret < MACHINE_MAX_VCPUS ? (unsigned int)ret : MACHINE_MAX_VCPUS;
	ret = probe_create(&p, &err);
	if (ret) {
		res->error = ret;
		snprintf(res->reason, sizeof(res->reason), "KVM can't make a small guest: %s",
			 strerror(-ret));
		ret = 0;
	} else {
		ret = probe_run_limited(&p, &res->guest_ran);
		if (!ret)
			describe(res, &p);
	}
	probe_destroy(&p);
	return ret;
}

const char *kvm_sort_name(enum kvm_sort sort)
{
	static const char *const names[] = { "none", "software", "hardware" };

	return (unsigned int)sort < sizeof(names) / sizeof(*names) ? names[sort] : "unknown";
}
