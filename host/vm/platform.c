// SPDX-License-Identifier: GPL-2.0-only
/*
 * The small devices of the board: serial port, power and reset registers,
 * keyboard controller (for its reset line only), clock port, pvpanic, PCI
 * configuration ports.
 */
#include "vm/layout.h"
#include "vm/machine_int.h"
#include "ss_events.h"

#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#define SLEEP_ENABLE	     (1u << 5)
#define SLEEP_TYPE(v)	     ((v) >> 2 & 7)
#define KBD_CMD_RESET	     0xfe
#define PVPANIC_PANICKED     (1u << 0)
#define PVPANIC_CRASH_LOADED (1u << 1)

static void serial_output(void *opaque, const char *text, size_t len)
{
	struct machine *m = opaque;

	machine_scan_console(m, text, len);
	if (m->console)
		m->console(m->console_opaque, text, len);
}

static void serial_irq(void *opaque)
{
	struct machine *m = opaque;
	struct kvm_irq_level line = { .irq = GSI_COM1, .level = 1 };

	ioctl(m->vm_fd, KVM_IRQ_LINE, &line);
	line.level = 0;
	ioctl(m->vm_fd, KVM_IRQ_LINE, &line);
}

static const struct serial_ops machine_serial_ops = {
	.output = serial_output,
	.irq = serial_irq,
};

/* Ports PORT_SLEEP_CONTROL, PORT_SLEEP_STATUS, PORT_RESET. */
static void power_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	(void)opaque, (void)vcpu, (void)off;
	memset(data, 0, len);
}

static void power_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			uint32_t len)
{
	struct machine *m = opaque;
	uint8_t v = *(const uint8_t *)data;

	if (len != 1)
		return;
	if (off == PORT_SLEEP_CONTROL - PORT_SLEEP_CONTROL && (v & SLEEP_ENABLE) &&
	    SLEEP_TYPE(v) == SLEEP_TYPE_S5)
		machine_set_end(m, VM_END_POWEROFF, (int)vcpu, "the guest powered off");
	else if (off == PORT_RESET - PORT_SLEEP_CONTROL && v == RESET_VALUE)
		machine_set_end(m, VM_END_REBOOT, (int)vcpu, "the guest wrote the reset register");
}

static const struct vm_range_ops power_ops = { .read = power_read, .write = power_write };

/* No keyboard, an empty output buffer, and the CPU's reset line. */
static void kbd_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	(void)opaque, (void)vcpu, (void)off;
	memset(data, 0, len);
}

static void kbd_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data, uint32_t len)
{
	struct machine *m = opaque;

	if (off == PORT_KBD_CMD - PORT_KBD_DATA && len == 1 &&
	    *(const uint8_t *)data == KBD_CMD_RESET)
		machine_set_end(m, VM_END_REBOOT, (int)vcpu,
				"the guest reset itself by the keyboard controller");
}

static const struct vm_range_ops kbd_ops = { .read = kbd_read, .write = kbd_write };

/* A 4-byte read at 0 latches the host's TSC for this vCPU, one at 4 gives the rest. */
static void clock_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	struct machine *m = opaque;
	struct vcpu *v = &m->vcpu[vcpu];
	uint32_t half;

	if (len != 4 || (off != 0 && off != 4))
		return;
	if (!off) {
		_mm_lfence();
		v->clock_latch = __rdtsc();
		half = (uint32_t)v->clock_latch;
	} else {
		half = (uint32_t)(v->clock_latch >> 32);
	}
	memcpy(data, &half, sizeof(half));
}

static const struct vm_range_ops clock_ops = { .read = clock_read };

static void pvpanic_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	(void)opaque, (void)vcpu, (void)off;
	memset(data, 0, len);
	*(uint8_t *)data = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			  uint32_t len)
{
	(void)vcpu, (void)off, (void)len;
	if (*(const uint8_t *)data & (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED))
		machine_note_panic(opaque, NULL, 0, true);
}

static const struct vm_range_ops pvpanic_ops = { .read = pvpanic_read, .write = pvpanic_write };

int platform_add(struct machine *m, struct vm_err *err)
{
	const struct vm_range ranges[] = {
		{ PORT_COM1, 8, &serial_range_ops, &m->serial },
		{ PORT_SLEEP_CONTROL, 3, &power_ops, m },
		{ PORT_KBD_DATA, 5, &kbd_ops, m },
		{ SS_CLOCK_PORT, 8, &clock_ops, m },
		{ PORT_PVPANIC, 1, &pvpanic_ops, m },
		{ PORT_PCI_CONFIG, 8, &pci_config_ops, &m->pci },
	};

	serial_init(&m->serial, &machine_serial_ops, m);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		int ret = vm_bus_add(&m->pio, &ranges[i]);

		if (ret)
			return vm_fail(err, ret, "can't add port %#llx",
				       (unsigned long long)ranges[i].base);
	}
	return 0;
}
