/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock page: where the machine isn't ours, there is no clock port (ss_events.h), but a
 * page that guest and runner share, the memory of a PCI device (SS_CLOCK_PCI_VENDOR,
 * SS_CLOCK_PCI_DEVICE, BAR 2). The guest asks for the host's TSC there, and a thread of the
 * runner answers: not before the question, and not after the guest has seen the answer. So
 * one reading says the same as one of the port's.
 */
#ifndef SS_CLOCK_PAGE_H
#define SS_CLOCK_PAGE_H

#include <linux/types.h>
#include <stdbool.h>
#include <x86intrin.h>

#define SS_CLOCK_PAGE_MAGIC 0x316b6c6353535353ULL
#define SS_CLOCK_PAGE_SIZE  4096
#define SS_CLOCK_PCI_VENDOR "0x1af4"
#define SS_CLOCK_PCI_DEVICE "0x1110"

/**
 * struct ss_clock_page - the page
 * @magic: SS_CLOCK_PAGE_MAGIC, by the runner
 * @asked: the guest's: the number of its last question
 * @cpu: the guest's: the CPU that asks, set before the first question of a row
 * @answered: the runner's: the number it has answered
 * @host_tsc: that answer
 *
 * The runner takes nothing from it but @asked, which it only compares, and @cpu.
 */
struct ss_clock_page {
	__u64 magic;
	__u64 asked;
	__u64 cpu;
	__u64 pad[5];
	__u64 answered;
	__u64 host_tsc;
};

/** ss_clock_tsc() - the TSC, with no load before or after it moved across. */
static inline __u64 ss_clock_tsc(void)
{
	__u64 t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}

/** ss_clock_page_answer() - answer what has been asked. Return: false if nothing was */
static inline bool ss_clock_page_answer(struct ss_clock_page *p)
{
	const __u64 asked = __atomic_load_n(&p->asked, __ATOMIC_ACQUIRE);

	if (asked == p->answered)
		return false;
	p->host_tsc = ss_clock_tsc();
	__atomic_store_n(&p->answered, asked, __ATOMIC_RELEASE);
	return true;
}

/**
 * ss_clock_page_ask() - one reading
 * @patience: how often to look for the answer
 * @tsc: of this side, taken before and after
 *
 * Return: the host's TSC of a moment in between; 0: no answer.
 */
static inline __u64 ss_clock_page_ask(volatile struct ss_clock_page *p, unsigned int patience,
				      __u64 (*tsc)(void), __u64 *before, __u64 *after)
{
	const __u64 number = p->asked + 1;
	__u64 host;

	*before = tsc();
	__atomic_store_n(&p->asked, number, __ATOMIC_RELEASE);
	while (__atomic_load_n(&p->answered, __ATOMIC_ACQUIRE) != number) {
		if (!patience--)
			return 0;
		_mm_pause();
	}
	host = p->host_tsc;
	*after = tsc();
	return host;
}

#endif /* SS_CLOCK_PAGE_H */
