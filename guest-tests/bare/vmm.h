/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the bare-metal guest "vmm" and the host's test of the machine agree on.
 * The first word of the command line says what the guest does.
 */
#ifndef SS_BARE_VMM_H
#define SS_BARE_VMM_H

#include <stdint.h>

#define VMM_RESULT     0x50000	     /* guest-physical: struct vmm_result */
#define VMM_PORT       0x700	     /* the test's port range, 8 bytes */
#define VMM_MMIO       0xd1000000ULL /* the test's MMIO range, 4 KiB */
#define VMM_VIRTIO     0xd0000000ULL /* window of the first virtio device */
#define VMM_VIRTIO_GSI 8	     /* its interrupt */
#define VMM_READY      0x51	     /* written to VMM_PORT: "go ahead" */
#define VMM_NR_IRQS    100
#define VMM_NR_CLOCKS  50

struct vmm_clock {
	uint64_t before, host, after;
};

struct vmm_result {
	uint32_t io[8];	   /* io: what reads gave */
	uint32_t irqs;	   /* irq: interrupts taken */
	uint32_t cpus;	   /* smp: CPUs that arrived */
	uint64_t apic_ids; /* smp: bit set for each LAPIC id seen */
	struct vmm_clock clock[VMM_NR_CLOCKS];
};

#endif /* SS_BARE_VMM_H */
