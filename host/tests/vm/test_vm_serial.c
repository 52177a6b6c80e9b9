// SPDX-License-Identifier: GPL-2.0-only
/* The serial port, driven the way Linux' 8250 driver looks for one and uses it. */
#include "vm/serial.h"

#include <linux/serial_reg.h>
#include <string.h>

#include "ss_harness.h"

FIXTURE(uart)
{
	struct serial s;
	char out[2048];
	size_t len;
	unsigned int calls, irqs;
};

static void on_output(void *opaque, const char *text, size_t len)
{
	struct ss_fx_uart *self = opaque;

	ASSERT_LE(len, sizeof(self->out) - self->len - 1);
	memcpy(self->out + self->len, text, len);
	self->len += len;
	self->calls++;
}

static void on_irq(void *opaque)
{
	((struct ss_fx_uart *)opaque)->irqs++;
}

static const struct serial_ops ops = { .output = on_output, .irq = on_irq };

FIXTURE_SETUP(uart)
{
	serial_init(&self->s, &ops, self);
}

FIXTURE_TEARDOWN(uart)
{
	serial_destroy(&self->s);
}

static void put(struct serial *s, unsigned int reg, uint8_t v)
{
	serial_range_ops.write(s, 0, reg, &v, 1);
}

static uint8_t get(struct serial *s, unsigned int reg)
{
	uint8_t v = 0xee;

	serial_range_ops.read(s, 0, reg, &v, 1);
	return v;
}

static void print(struct serial *s, const char *text)
{
	for (; *text; text++) {
		ASSERT_TRUE(get(s, UART_LSR) & UART_LSR_THRE);
		put(s, UART_TX, (uint8_t)*text);
	}
}

TEST_F(uart, whole_lines, .title = "output comes line by line, the rest at a flush")
{
	print(&self->s, "one\r\ntwo");
	EXPECT_EQ(self->calls, 1);
	EXPECT_STREQ(self->out, "one\r\n");
	serial_flush(&self->s);
	EXPECT_STREQ(self->out, "one\r\ntwo");
	serial_flush(&self->s);
	EXPECT_EQ(self->calls, 2);
}

TEST_F(uart, long_line, .title = "a line without an end comes in pieces and nothing is lost")
{
	for (unsigned int i = 0; i < SERIAL_LINE_MAX + 10; i++)
		put(&self->s, UART_TX, 'a' + i % 26);
	EXPECT_EQ(self->len, SERIAL_LINE_MAX);
	put(&self->s, UART_TX, '\n');
	EXPECT_EQ(self->len, SERIAL_LINE_MAX + 11);
	for (unsigned int i = 0; i < SERIAL_LINE_MAX + 10; i++)
		ASSERT_EQ(self->out[i], 'a' + i % 26);
}

/* The steps of autoconfig() in drivers/tty/serial/8250, in its order. */
TEST_F(uart, looks_like_a_16550a, .title = "the probing of an 8250 driver finds a 16550A")
{
	struct serial *s = &self->s;

	put(s, UART_IER, 0);
	EXPECT_EQ(get(s, UART_IER) & 0x0f, 0);
	put(s, UART_IER, 0x0f);
	EXPECT_EQ(get(s, UART_IER), 0x0f);
	put(s, UART_IER, 0x40);
	EXPECT_EQ(get(s, UART_IER), 0)
	{
		TH_LOG("looks like an XScale UART");
	}

	put(s, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	EXPECT_EQ(get(s, UART_MSR) & 0xf0, 0x90);
	put(s, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_DTR);
	EXPECT_EQ(get(s, UART_MSR) & 0xf0, 0x60);
	put(s, UART_TX, 'x');
	put(s, UART_MCR, 0);

	put(s, UART_LCR, UART_LCR_CONF_MODE_B);
	put(s, UART_EFR, 0);
	put(s, UART_LCR, 0);
	put(s, UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(get(s, UART_IIR) >> 6, 3)
	{
		TH_LOG("no working FIFO");
	}

	put(s, UART_LCR, UART_LCR_CONF_MODE_A);
	EXPECT_NE(get(s, UART_EFR), 0)
	{
		TH_LOG("looks like a 16650");
	}
	put(s, UART_LCR, UART_LCR_CONF_MODE_B);
	EXPECT_NE(get(s, UART_EFR), 0);
	put(s, UART_LCR, 0);
	put(s, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	EXPECT_FALSE(get(s, UART_IIR) & 0x20);
	serial_flush(s);
	EXPECT_EQ(self->len, 0)
	{
		TH_LOG("loopback reached the line");
	}
}

TEST_F(uart, divisor, .title = "the divisor latch hides data and interrupt registers, and back")
{
	struct serial *s = &self->s;

	put(s, UART_IER, UART_IER_RDI);
	put(s, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	put(s, UART_DLL, 0x0c);
	put(s, UART_DLM, 0x01);
	EXPECT_EQ(get(s, UART_DLL), 0x0c);
	EXPECT_EQ(get(s, UART_DLM), 0x01);
	put(s, UART_LCR, UART_LCR_WLEN8);
	EXPECT_EQ(get(s, UART_IER), UART_IER_RDI);
	EXPECT_EQ(get(s, UART_LCR), UART_LCR_WLEN8);
	put(s, UART_SCR, 0xa5);
	EXPECT_EQ(get(s, UART_SCR), 0xa5);
	serial_flush(s);
	EXPECT_EQ(self->len, 0);
}

TEST_F(uart, transmit_interrupt,
       .title = "an empty transmitter interrupts once when asked to, until IIR is read")
{
	struct serial *s = &self->s;

	put(s, UART_TX, 'a');
	EXPECT_EQ(self->irqs, 0);
	put(s, UART_IER, UART_IER_THRI);
	EXPECT_EQ(self->irqs, 1);
	EXPECT_EQ(get(s, UART_IIR) & 0x0f, UART_IIR_THRI);
	EXPECT_EQ(get(s, UART_IIR) & 0x0f, UART_IIR_NO_INT);
	put(s, UART_IER, UART_IER_THRI);
	EXPECT_EQ(self->irqs, 1);
	put(s, UART_TX, 'b');
	EXPECT_EQ(self->irqs, 2);
	EXPECT_EQ(get(s, UART_IIR) & 0x0f, UART_IIR_THRI);
	put(s, UART_TX, 'c');
	put(s, UART_IER, 0);
	EXPECT_EQ(get(s, UART_IIR) & 0x0f, UART_IIR_NO_INT);
	put(s, UART_IER, UART_IER_THRI);
	EXPECT_EQ(self->irqs, 4);
	EXPECT_EQ(get(s, UART_IIR) & 0x0f, UART_IIR_THRI);
}

TEST_F(uart, odd_widths, .title = "accesses of more than a byte reach no register")
{
	uint32_t v = 0x41414141;

	serial_range_ops.write(&self->s, 0, UART_TX, &v, 4);
	serial_range_ops.write(&self->s, 0, UART_SCR, &v, 2);
	serial_flush(&self->s);
	EXPECT_EQ(self->len, 0);
	EXPECT_EQ(get(&self->s, UART_SCR), 0);
	v = 0xffffffff;
	serial_range_ops.read(&self->s, 0, UART_RX, &v, 4);
	EXPECT_EQ(v, 0xffffffff);
}

TEST_HARNESS_MAIN
