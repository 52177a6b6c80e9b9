/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flat segments in which guest code starts: the machine's and the probe's.
 */
#ifndef SS_VM_VCPU_REGS_H
#define SS_VM_VCPU_REGS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

/* The selectors of Linux' 64-bit boot protocol; the PVH entry takes any. */
#define SEL_CODE    0x10
#define SEL_DATA    0x18
#define SEL_TSS	    0x20
#define GDT_ENTRIES 6

/**
 * vcpu_fill_sregs() - flat segments; long mode with paging, or 32-bit without.
 * @s: as KVM_GET_SREGS gave it.
 * @cr3: page tables, for long mode.
 */
void vcpu_fill_sregs(struct kvm_sregs *s, bool long_mode, uint64_t cr3);

/** vcpu_write_gdt() - the same in GDT_ENTRIES descriptors, for LAYOUT_GDT. */
void vcpu_write_gdt(uint64_t *gdt, bool long_mode);

#endif /* SS_VM_VCPU_REGS_H */
