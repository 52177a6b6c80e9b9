/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables: from them the guest learns its CPUs, its virtio-mmio devices,
 * and how to power off. Hardware-reduced ACPI: no PIC, PIT, PM timer or SCI.
 */
#ifndef SS_VM_ACPI_H
#define SS_VM_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "vm/err.h"

/**
 * struct acpi_config - what the tables tell.
 * @nr_cpus: LAPICs with ids 0 to @nr_cpus - 1.
 * @nr_virtio: devices in the windows from LAYOUT_VIRTIO, GSIs from
 *	LAYOUT_VIRTIO_GSI.
 */
struct acpi_config {
	unsigned int nr_cpus;
	unsigned int nr_virtio;
};

/**
 * acpi_build() - write RSDP (first), XSDT, FADT, MADT and DSDT.
 * @area: @size bytes of zeroed memory that the guest sees at @gpa.
 *
 * Return: bytes used, or -ENOSPC.
 */
long acpi_build(const struct acpi_config *cfg, void *area, size_t size, uint64_t gpa);

#endif /* SS_VM_ACPI_H */
