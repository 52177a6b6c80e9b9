/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space by mechanism #1, with a host bridge and nothing behind it.
 * There is no PCI device in this machine, but Linux calls it a fatal fault of the
 * board if nothing answers here at all, in a line that every user would read.
 */
#ifndef SS_VM_PCI_H
#define SS_VM_PCI_H

#include <stdatomic.h>
#include <stdint.h>

#include "vm/bus.h"

/** struct pci_config - zeroed after reset; @address: what CONFIG_ADDRESS holds, atomic */
struct pci_config {
	_Atomic uint32_t address;
};

/**
 * pci_config_ops - CONFIG_ADDRESS and CONFIG_DATA, 8 ports; opaque is the struct pci_config
 *
 * PCI Local Bus Specification 3.0, 3.2.2.3.2. Writes to the configuration space are dropped.
 */
extern const struct vm_range_ops pci_config_ops;

#endif /* SS_VM_PCI_H */
