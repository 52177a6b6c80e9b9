/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bare-metal guest in ring 3, where even a software KVM runs it at full speed.
 * All memory and all device windows are open to it; ring 0 takes the
 * interrupts, counts them, and waits for them.
 */
#ifndef SS_BARE_USER_H
#define SS_BARE_USER_H

#include <stdint.h>

#include "bare.h"
#include "bare_shared.h"

#define USER_VECTOR 0x40 /* the device's interrupt */
#define USER_CPUS   2
#define USER_ALL    0xff /* as a CPU: every one of them */

static struct bare_shared *const shared __attribute__((unused)) = (void *)BARE_SHARED;

/** user_irqs() - device interrupts that @cpu has taken so far */
uint32_t user_irqs(unsigned int cpu);

/** user_wait() - sleep until @cpu, the caller's, has taken others than the @seen ones */
void user_wait(unsigned int cpu, uint32_t seen);

/** user_route() - have the device at @gsi interrupt @cpu, or USER_ALL */
void user_route(unsigned int gsi, unsigned int cpu);

/** user_start_cpu() - CPU 1 runs @fn; once a boot */
void user_start_cpu(void (*fn)(void));

/** user_join_cpu() - wait until it has returned */
void user_join_cpu(void);

/** user_asked_for() - is the first word of the command line this one? */
bool user_asked_for(const char *word);

/** user_poweroff() - the end, for all CPUs */
void user_poweroff(void) __attribute__((noreturn));

/** user_main() - to be written by the guest: CPU 0 starts here; powers off when it returns */
void user_main(void);

/** user_call() - the host's test does its part number @nr, and then this returns */
void user_call(uint32_t nr);

/** user_report() - to the host */
void user_report(const struct bare_event *event);

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* A new value, as other CPUs and the host left it. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)                                                                           \
	do {                                                                                       \
		*(volatile __typeof__(x) *)&(x) = (v);                                             \
	} while (0)

#endif /* SS_BARE_USER_H */
