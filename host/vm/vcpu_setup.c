// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets the state in which a vCPU first enters the guest.
 */
#include "vm/cpuid.h"
#include "vm/layout.h"
#include "vm/machine_int.h"
#include "vm/vcpu_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_PE			(1ULL << 0)
#define CR0_ET			(1ULL << 4)
#define CR0_NE			(1ULL << 5)
#define CR0_PG			(1ULL << 31)
#define CR4_PAE			(1ULL << 5)
#define EFER_LME		(1ULL << 8)
#define EFER_LMA		(1ULL << 10)

#define MSR_MISC_ENABLE		0x1a0
#define MISC_ENABLE_FAST_STRING 1
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLE_WB		(0x800 | 6)

#define APIC_LVT0		0x350
#define APIC_LVT1		0x360
#define LVT_MASKED		(1u << 16)
#define LVT_NMI			(4u << 8)

static int fail(struct vcpu *v, const char *what, struct vm_err *err)
{
	int error = -errno;

	return vm_fail(err, error, "KVM refuses the %s of vCPU %u: %s", what, v->id,
		       strerror(-error));
}

/*
 * Firmware would have set these. With MTRRs off Linux would switch PAT off. Where KVM
 * doesn't know one of them (another vendor's CPU), no guest depends on it.
 */
static int vcpu_set_msrs(struct vcpu *v, struct vm_err *err)
{
	static const struct kvm_msr_entry wanted[] = {
		{ .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING },
		{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE_WB },
	};
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(wanted[0]));

	if (!msrs)
		return vm_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		msrs->nmsrs = 1;
		msrs->entries[0] = wanted[i];
		ioctl(v->fd, KVM_SET_MSRS, msrs);
	}
	free(msrs);
	return 0;
}

static int vcpu_set_lapic(struct vcpu *v, struct vm_err *err)
{
	const uint32_t lint0 = LVT_MASKED, lint1 = LVT_NMI;
	struct kvm_lapic_state lapic;

	if (ioctl(v->fd, KVM_GET_LAPIC, &lapic))
		return fail(v, "local APIC", err);
	memcpy(lapic.regs + APIC_LVT0, &lint0, sizeof(lint0));
	memcpy(lapic.regs + APIC_LVT1, &lint1, sizeof(lint1));
	if (ioctl(v->fd, KVM_SET_LAPIC, &lapic))
		return fail(v, "local APIC", err);
	return 0;
}

int vcpu_setup(struct vcpu *v, struct kvm_cpuid2 *cpuid, bool tsc_deadline, struct vm_err *err)
{
	cpuid_adjust(cpuid, v->id, v->m->nr_vcpus, tsc_deadline);
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		return fail(v, "CPUID", err);
	if (vcpu_set_msrs(v, err))
		return -ENOMEM;
	return vcpu_set_lapic(v, err);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool code64)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = !code64,
		.l = code64,
	};
}

void vcpu_fill_sregs(struct kvm_sregs *s, bool long_mode, uint64_t cr3)
{
	s->gdt.base = LAYOUT_GDT;
	s->gdt.limit = GDT_ENTRIES * 8 - 1;
	s->idt.base = 0;
	s->idt.limit = 0;
	s->cs = flat_segment(SEL_CODE, 0xb, long_mode);
	s->ds = flat_segment(SEL_DATA, 0x3, false);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr = (struct kvm_segment){
		.selector = SEL_TSS, .limit = 0x67, .type = 0xb, .present = 1
	};
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | (long_mode ? CR0_PG : 0);
	s->cr3 = cr3;
	s->cr4 = long_mode ? CR4_PAE : 0;
	s->efer = long_mode ? EFER_LME | EFER_LMA : 0;
}

void vcpu_write_gdt(uint64_t *gdt, bool long_mode)
{
	memset(gdt, 0, GDT_ENTRIES * sizeof(*gdt));
	gdt[SEL_CODE / 8] = long_mode ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffffULL;
	gdt[SEL_TSS / 8] = 0x00008b0000000067ULL;
}

int vcpu_set_entry(struct vcpu *v, const struct boot_entry *entry, struct vm_err *err)
{
	bool long_mode = entry->mode == BOOT_MODE_LONG;
	struct kvm_regs regs = { .rip = entry->rip, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_SREGS, &s))
		return fail(v, "registers", err);
	vcpu_write_gdt(vm_memory_ptr(&v->m->memory, LAYOUT_GDT, GDT_ENTRIES * 8), long_mode);
	vcpu_fill_sregs(&s, long_mode, long_mode ? LAYOUT_PAGE_TABLES : 0);
	if (long_mode)
		regs.rsi = entry->arg;
	else
		regs.rbx = entry->arg;
	if (ioctl(v->fd, KVM_SET_SREGS, &s) || ioctl(v->fd, KVM_SET_REGS, &regs))
		return fail(v, "registers", err);
	return 0;
}
