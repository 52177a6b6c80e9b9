// SPDX-License-Identifier: GPL-2.0-only
/* The host bridge that is all of this machine's PCI. */
#include "vm/pci.h"

#include <linux/pci_regs.h>
#include <string.h>

#define CONFIG_ENABLE	0x80000000u
#define CONFIG_RESERVED 0x7f000003u /* reads 0 */
#define CONFIG_DATA	4	    /* offset of the port */

#define BRIDGE_VENDOR	0x1b36 /* with the device: QEMU's plain PCIe host bridge */
#define BRIDGE_DEVICE	0x0008
#define BRIDGE_CLASS	0x0600

/* What the bridge's dword at @reg holds. */
static uint32_t bridge_dword(uint32_t reg)
{
	switch (reg) {
	case PCI_VENDOR_ID:
		return BRIDGE_DEVICE << 16 | BRIDGE_VENDOR;
	case PCI_CLASS_REVISION:
		return (uint32_t)BRIDGE_CLASS << 16;
	default:
		return 0;
	}
}

static uint32_t config_dword(uint32_t address)
{
	/* Bus 0, device 0, function 0. */
	return address >> 8 == CONFIG_ENABLE >> 8 ? bridge_dword(address & 0xfc) : UINT32_MAX;
}

static void config_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	struct pci_config *c = opaque;
	const uint32_t address = atomic_load(&c->address);
	uint32_t v;

	(void)vcpu;
	memset(data, 0xff, len);
	if (off >= CONFIG_DATA) {
		v = config_dword(address);
		off -= CONFIG_DATA;
	} else if (!off && len == 4) {
		v = address;
	} else {
		return;
	}
	if (off + len <= sizeof(v))
		memcpy(data, (const char *)&v + off, len);
}

/* Only as a whole: the bytes are other chipsets' registers. */
static void config_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			 uint32_t len)
{
	struct pci_config *c = opaque;
	uint32_t v;

	(void)vcpu;
	if (off || len != sizeof(v))
		return;
	memcpy(&v, data, sizeof(v));
	atomic_store(&c->address, v & ~CONFIG_RESERVED);
}

const struct vm_range_ops pci_config_ops = { .read = config_read, .write = config_write };
