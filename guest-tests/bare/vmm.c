// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that tries one thing of the machine, as its command line says, and
 * leaves what it saw at VMM_RESULT. See host/tests/vm/test_vm_kvm.c.
 */
#include "bare.h"
#include "ss_events.h"
#include "vmm.h"

#define VECTOR	     0x40
#define PORT_RESET   0x602
#define PORT_KBD     0x64
#define PORT_PVPANIC 0x505
#define QUEUE_NOTIFY (VMM_VIRTIO + 0x50)

extern volatile uint32_t nr_cpus;

static volatile struct vmm_result *const result = (void *)VMM_RESULT;
static volatile uint32_t pending;

static void on_irq(void)
{
	pending = 1;
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}

static void do_io(void)
{
	static const uint8_t text[] = "abc";

	outb(VMM_PORT, 0x11);
	outw(VMM_PORT + 2, 0x2222);
	outl(VMM_PORT + 4, 0x33333333);
	result->io[0] = inb(VMM_PORT + 1);
	result->io[1] = inw(VMM_PORT + 2);
	result->io[2] = inl(VMM_PORT + 4);
	result->io[3] = inl(0x7f0); /* nobody there */
	write32(VMM_MMIO + 0x10, 0x44444444);
	result->io[4] = read32(VMM_MMIO + 0x20);
	result->io[5] = read32(VMM_MMIO + 0x1000); /* nobody there */
	__asm__ volatile("rep outsb" : : "S"(text), "c"(3), "d"(VMM_PORT + 7) : "memory");
	result->io[6] = 1;
}

static void do_irq(void)
{
	bare_set_vector(VECTOR, on_irq);
	bare_load_idt();
	bare_lapic_on();
	bare_ioapic_route(VMM_VIRTIO_GSI, VECTOR, bare_lapic_id());
	for (unsigned int i = 0; i < VMM_NR_IRQS; i++) {
		outb(VMM_PORT, VMM_READY);
		bare_wait_interrupt(&pending);
		pending = 0;
		result->irqs++;
	}
}

static void note_cpu(void)
{
	__atomic_fetch_or(&result->apic_ids, 1ULL << bare_lapic_id(), __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&result->cpus, 1, __ATOMIC_SEQ_CST);
}

static void do_smp(unsigned int want)
{
	bare_lapic_on();
	note_cpu();
	bare_start_cpus();
	while (__atomic_load_n(&result->cpus, __ATOMIC_SEQ_CST) < want)
		__asm__ volatile("pause");
}

static void do_clock(void)
{
	for (unsigned int i = 0; i < VMM_NR_CLOCKS; i++) {
		uint32_t lo, hi;

		result->clock[i].before = rdtsc();
		lo = inl(SS_CLOCK_PORT);
		result->clock[i].after = rdtsc();
		hi = inl(SS_CLOCK_PORT + 4);
		result->clock[i].host = lo | ((uint64_t)hi << 32);
	}
}

/* Queue 1 twice, queue 0 once, then a queue that isn't there. */
static void do_notify(void)
{
	write32(QUEUE_NOTIFY, 1);
	write32(QUEUE_NOTIFY, 1);
	write32(QUEUE_NOTIFY, 0);
	write32(QUEUE_NOTIFY, 7);
	result->io[0] = read32(VMM_VIRTIO);
}

static void do_end(const char *cmdline)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = { 0, 0 };

	if (bare_arg(cmdline, "reboot")) {
		outb(PORT_RESET, 1);
	} else if (bare_arg(cmdline, "kbd")) {
		outb(PORT_KBD, 0xfe);
	} else if (bare_arg(cmdline, "triple")) {
		__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
	} else if (bare_arg(cmdline, "panic-reboot")) {
		bare_print("[    0.123456] Kernel panic - not syncing: a test\r\n");
		outb(PORT_RESET, 1);
	} else if (bare_arg(cmdline, "panic-hang")) {
		bare_print("Kernel panic - not syncing: a test\n");
	} else if (bare_arg(cmdline, "panic-quoted")) {
		bare_print("echo Kernel panic - not syncing: a quotation\n");
	} else if (bare_arg(cmdline, "pvpanic")) {
		outb(PORT_PVPANIC, 1);
		bare_poweroff();
	} else if (bare_arg(cmdline, "halt")) {
		for (;;)
			__asm__ volatile("cli; hlt");
	} else {
		return;
	}
	if (bare_arg(cmdline, "panic-quoted"))
		return;
	spin();
}

void bare_main(const char *cmdline)
{
	do_end(cmdline);
	if (bare_arg(cmdline, "spin"))
		spin();
	else if (bare_arg(cmdline, "hello"))
		bare_print("hello\nno end of line");
	else if (bare_arg(cmdline, "io"))
		do_io();
	else if (bare_arg(cmdline, "irq"))
		do_irq();
	else if (bare_arg(cmdline, "smp2"))
		do_smp(2);
	else if (bare_arg(cmdline, "smp4"))
		do_smp(4);
	else if (bare_arg(cmdline, "clock"))
		do_clock();
	else if (bare_arg(cmdline, "notify"))
		do_notify();
	bare_poweroff();
}

void bare_ap_main(unsigned int cpu)
{
	(void)cpu;
	bare_lapic_on();
	note_cpu();
}
