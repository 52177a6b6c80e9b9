// SPDX-License-Identifier: GPL-2.0-only
/* The machine under a bare-metal guest: serial port, APICs, interrupts, further CPUs. */
#include "bare.h"

#define COM1	      0x3f8
#define SLEEP_CONTROL 0x600
#define SLEEP_S5      ((5 << 2) | (1 << 5))

#define LAPIC	      0xfee00000ULL
#define LAPIC_ID      (LAPIC + 0x20)
#define LAPIC_EOI     (LAPIC + 0xb0)
#define LAPIC_SVR     (LAPIC + 0xf0)
#define LAPIC_ICR     (LAPIC + 0x300)
#define ICR_ASSERT    (1u << 14)
#define ICR_OTHERS    (3u << 18)
#define ICR_INIT      (5u << 8)
#define ICR_SIPI      (6u << 8)

#define IOAPIC	      0xfec00000ULL
#define IOAPIC_DATA   (IOAPIC + 0x10)

#define SEL_CODE64    0x10
#define SIPI_AT	      0x8000

extern const unsigned char sipi_code[], sipi_end[], bare_isr[];
void bare_on_interrupt(void);
void bare_start(unsigned int cpu, const uint32_t *start_info);

static uint64_t idt[256][2];
static void (*handler)(void);

void *memcpy(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	while (n--) {
		*t++ = *f++;
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

void *memset(void *to, int c, size_t n)
{
	unsigned char *t = to;

	while (n--) {
		*t++ = (unsigned char)c;
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

void bare_print(const char *text)
{
	while (*text) {
		while (!(inb(COM1 + 5) & 0x20))
			;
		outb(COM1, (uint8_t)*text++);
	}
}

void bare_poweroff(void)
{
	outb(SLEEP_CONTROL, SLEEP_S5);
	for (;;)
		__asm__ volatile("cli; hlt");
}

bool bare_arg(const char *cmdline, const char *word)
{
	while (*word && *cmdline == *word) {
		cmdline++;
		word++;
	}
	return !*word && (!*cmdline || *cmdline == ' ');
}

void bare_set_vector(unsigned int vector, void (*new_handler)(void))
{
	uint64_t at = (uintptr_t)bare_isr;

	handler = new_handler;
	idt[vector][0] =
		(at & 0xffff) | (SEL_CODE64 << 16) | (0x8e00ULL << 32) | (at >> 16 & 0xffff) << 48;
	idt[vector][1] = at >> 32;
}

void bare_on_interrupt(void)
{
	handler();
	write32(LAPIC_EOI, 0);
}

void bare_load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) ptr = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(ptr));
}

void bare_lapic_on(void)
{
	write32(LAPIC_SVR, 0x1ff);
}

unsigned int bare_lapic_id(void)
{
	return read32(LAPIC_ID) >> 24;
}

void bare_ioapic_route(unsigned int gsi, unsigned int vector, unsigned int id)
{
	write32(IOAPIC, 0x10 + 2 * gsi + 1);
	write32(IOAPIC_DATA, id << 24);
	write32(IOAPIC, 0x10 + 2 * gsi);
	write32(IOAPIC_DATA, vector);
}

void bare_start_cpus(void)
{
	memcpy((void *)SIPI_AT, sipi_code, (size_t)(sipi_end - sipi_code));
	write32(LAPIC_ICR, ICR_OTHERS | ICR_ASSERT | ICR_INIT);
	write32(LAPIC_ICR, ICR_OTHERS | ICR_ASSERT | ICR_SIPI | (SIPI_AT >> 12));
}

void bare_wait_interrupt(volatile uint32_t *flag)
{
	while (!*flag)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* PVH start info: the command line's address is a 64-bit field at offset 24. */
void bare_start(unsigned int cpu, const uint32_t *start_info)
{
	if (cpu)
		bare_ap_main(cpu);
	else
		bare_main((const char *)(uintptr_t)start_info[6]);
}
