/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a bare-metal guest has instead of a kernel. All runs in ring 0.
 */
#ifndef SS_BARE_H
#define SS_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- to be written by the guest --- */

/** bare_main() - CPU 0 starts here, interrupts off. @cmdline: the runner's. */
void bare_main(const char *cmdline);

/** bare_ap_main() - a further CPU starts here. @cpu: in order of arrival, from 1. */
void bare_ap_main(unsigned int cpu);

/* --- the machine --- */

/* The compiler may call these, and so may anyone. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

/* One mov each: what an interpreter of MMIO instructions knows for certain. */
static inline void write32(uint64_t addr, uint32_t v)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(v), "r"(addr) : "memory");
}

static inline uint32_t read32(uint64_t addr)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(addr) : "memory");
	return v;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | ((uint64_t)hi << 32);
}

/** bare_print() - to the serial port. */
void bare_print(const char *text);

/** bare_poweroff() - ACPI S5. */
void bare_poweroff(void) __attribute__((noreturn));

/** bare_arg() - is @cmdline this word, or does it begin with it and a space? */
bool bare_arg(const char *cmdline, const char *word);

/**
 * bare_set_vector() - have an interrupt at @vector call @handler, and then
 * acknowledge it. One handler for all vectors.
 */
void bare_set_vector(unsigned int vector, void (*handler)(void));

/** bare_load_idt() - on every CPU that takes interrupts, before bare_lapic_on(). */
void bare_load_idt(void);

/** bare_lapic_on() - let this CPU's LAPIC take interrupts. */
void bare_lapic_on(void);

/** bare_lapic_id() - of this CPU. */
unsigned int bare_lapic_id(void);

/** bare_ioapic_route() - edge-triggered @gsi to @vector of the CPU with LAPIC @id. */
void bare_ioapic_route(unsigned int gsi, unsigned int vector, unsigned int id);

/** bare_start_cpus() - INIT and SIPI to all others. */
void bare_start_cpus(void);

/**
 * bare_wait_interrupt() - sleep until @flag isn't 0, without losing the
 * interrupt that sets it; interrupts are off again afterwards.
 */
void bare_wait_interrupt(volatile uint32_t *flag);

#endif /* SS_BARE_H */
