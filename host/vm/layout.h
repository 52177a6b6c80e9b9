/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things are in the guest's physical address space and its IO ports.
 *
 *	0x0000_0500	GDT of the entry state
 *	0x0000_6000	PVH start info, or
 *	0x0000_7000	boot_params (bzImage)
 *	0x0000_9000	identity page tables (bzImage), 6 pages
 *	0x0002_0000	kernel command line
 *	0x0009_fc00	end of low RAM as the memory map tells it
 *	0x000e_0000	RSDP and ACPI tables
 *	0x000f_fff0	reset vector
 *	0x0010_0000	RAM: kernel, at its end the initrd, up to 3 GiB
 *	0xc000_0000	no RAM: virtio-mmio windows, IOAPIC, LAPIC, KVM's own pages
 *	0x1_0000_0000	the rest of RAM
 */
#ifndef SS_VM_LAYOUT_H
#define SS_VM_LAYOUT_H

#define LAYOUT_GDT	    0x500ULL
#define LAYOUT_PVH_INFO	    0x6000ULL
#define LAYOUT_ZERO_PAGE    0x7000ULL
#define LAYOUT_PAGE_TABLES  0x9000ULL
#define LAYOUT_CMDLINE	    0x20000ULL
#define LAYOUT_CMDLINE_MAX  2048u /* x86's COMMAND_LINE_SIZE, NUL included */
#define LAYOUT_LOW_END	    0x9fc00ULL
#define LAYOUT_ACPI	    0xe0000ULL
#define LAYOUT_ACPI_END	    0x100000ULL
#define LAYOUT_RESET_VECTOR 0xffff0ULL
#define LAYOUT_HIMEM	    0x100000ULL
#define LAYOUT_GAP	    0xc0000000ULL  /* 3 GiB */
#define LAYOUT_GAP_END	    0x100000000ULL /* 4 GiB */

#define LAYOUT_VIRTIO	    0xd0000000ULL
#define LAYOUT_VIRTIO_SIZE  0x1000ULL
#define LAYOUT_VIRTIO_GSI   8u /* 8 to 23: one each for 16 devices */

#define LAYOUT_IOAPIC	    0xfec00000ULL
#define LAYOUT_LAPIC	    0xfee00000ULL
#define LAYOUT_IDENTITY_MAP 0xfffbc000ULL /* KVM's, on Intel without unrestricted guest */
#define LAYOUT_TSS	    0xfffbd000ULL /* likewise, 3 pages */

#define LAYOUT_IOAPIC_PINS  24u

/* IO ports. The clock port is SS_CLOCK_PORT in ss_events.h. */
#define PORT_KBD_DATA	   0x60
#define PORT_KBD_CMD	   0x64
#define PORT_COM1	   0x3f8
#define GSI_COM1	   4u
#define PORT_PVPANIC	   0x505
#define PORT_SLEEP_CONTROL 0x600
#define PORT_SLEEP_STATUS  0x601
#define PORT_RESET	   0x602
#define PORT_PCI_CONFIG	   0xcf8 /* address, and 4 ports further on data */
#define RESET_VALUE	   0x01
#define SLEEP_TYPE_S5	   5

#endif /* SS_VM_LAYOUT_H */
