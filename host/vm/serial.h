/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550A serial port: what Linux' 8250 driver, earlyprintk and a boot loader
 * expect. It transmits at once and never receives. Output goes out line by
 * line.
 */
#ifndef SS_VM_SERIAL_H
#define SS_VM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/bus.h"

#define SERIAL_LINE_MAX 512

/**
 * struct serial_ops - where a port's output and interrupts go.
 * @output: a line with its newline, or a piece of a long one.
 * @irq: pulse the interrupt line.
 *
 * Both are called with the port's lock held, from vCPU threads.
 */
struct serial_ops {
	void (*output)(void *opaque, const char *text, size_t len);
	void (*irq)(void *opaque);
};

/** struct serial - one port. Use the functions. */
struct serial {
	pthread_mutex_t lock;
	const struct serial_ops *ops;
	void *opaque;
	uint8_t ier, lcr, mcr, fcr, scr, dll, dlm;
	bool thr_pending; /* "transmitter empty" not yet read from IIR */
	size_t len;
	char line[SERIAL_LINE_MAX];
};

/** serial_range_ops - the port on a bus: 8 bytes, opaque is the struct serial. */
extern const struct vm_range_ops serial_range_ops;

/** serial_init() - a port after reset. @ops must outlive it. */
void serial_init(struct serial *s, const struct serial_ops *ops, void *opaque);

/** serial_flush() - put out a line that has no end yet. Any thread. */
void serial_flush(struct serial *s);

/** serial_destroy() - flush and end it. */
void serial_destroy(struct serial *s);

#endif /* SS_VM_SERIAL_H */
