// SPDX-License-Identifier: GPL-2.0-only
/* The serial port's registers. */
#include "vm/serial.h"

#include <linux/serial_reg.h>
#include <string.h>

static void serial_put(struct serial *s, char c)
{
	s->line[s->len++] = c;
	if (c == '\n' || s->len == sizeof(s->line)) {
		s->ops->output(s->opaque, s->line, s->len);
		s->len = 0;
	}
}

/* The transmitter is empty again at once; raises the interrupt if it is enabled. */
static void serial_thr_empty(struct serial *s)
{
	s->thr_pending = true;
	if (s->ier & UART_IER_THRI)
		s->ops->irq(s->opaque);
}

static uint8_t serial_iir(struct serial *s)
{
	uint8_t iir = s->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0;

	if (!s->thr_pending || !(s->ier & UART_IER_THRI))
		return iir | UART_IIR_NO_INT;
	s->thr_pending = false;
	return iir | UART_IIR_THRI;
}

/* In loopback mode the modem outputs come back as inputs: drivers detect a port by that. */
static uint8_t serial_msr(const struct serial *s)
{
	uint8_t msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (s->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t serial_read_reg(struct serial *s, uint64_t reg)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? s->dll : 0;
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		return serial_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE;
	case UART_MSR:
		return serial_msr(s);
	default:
		return s->scr;
	}
}

static void serial_write_reg(struct serial *s, uint64_t reg, uint8_t v)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab) {
			s->dll = v;
			break;
		}
		if (!(s->mcr & UART_MCR_LOOP))
			serial_put(s, (char)v);
		serial_thr_empty(s);
		break;
	case UART_IER:
		if (dlab) {
			s->dlm = v;
			break;
		}
		/* Switching the interrupt on while the transmitter is empty raises it. */
		if ((v & UART_IER_THRI) && !(s->ier & UART_IER_THRI)) {
			s->ier = v & 0x0f;
			serial_thr_empty(s);
		}
		s->ier = v & 0x0f;
		break;
	case UART_FCR:
		s->fcr = v;
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		s->mcr = v & 0x1f;
		break;
	case UART_SCR:
		s->scr = v;
		break;
	default:
		break;
	}
}

static void serial_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	struct serial *s = opaque;

	(void)vcpu;
	if (len != 1)
		return;
	pthread_mutex_lock(&s->lock);
	*(uint8_t *)data = serial_read_reg(s, off);
	pthread_mutex_unlock(&s->lock);
}

static void serial_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			 uint32_t len)
{
	struct serial *s = opaque;

	(void)vcpu;
	if (len != 1)
		return;
	pthread_mutex_lock(&s->lock);
	serial_write_reg(s, off, *(const uint8_t *)data);
	pthread_mutex_unlock(&s->lock);
}

const struct vm_range_ops serial_range_ops = {
	.read = serial_read,
	.write = serial_write,
};

void serial_init(struct serial *s, const struct serial_ops *ops, void *opaque)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->ops = ops;
	s->opaque = opaque;
	s->dll = 1;
}

void serial_flush(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->len)
		s->ops->output(s->opaque, s->line, s->len);
	s->len = 0;
	pthread_mutex_unlock(&s->lock);
}

void serial_destroy(struct serial *s)
{
	serial_flush(s);
	pthread_mutex_destroy(&s->lock);
}
