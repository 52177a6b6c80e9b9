// SPDX-License-Identifier: GPL-2.0-only
/* Writes AML, the byte code of the DSDT. */
#include "vm/aml.h"

#include <string.h>

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_EXT = 0x5b,
	AML_EXT_DEVICE = 0x82,
};

#define PKG_LENGTH_BYTES 3 /* always the form for up to 1 MiB: filling it in moves nothing */

static void aml_put(struct aml *a, const void *data, size_t len)
{
	if (len > a->size - a->len) {
		a->full = true;
		return;
	}
	memcpy(a->buf + a->len, data, len);
	a->len += len;
}

static void aml_byte(struct aml *a, uint8_t v)
{
	aml_put(a, &v, 1);
}

static void aml_int(struct aml *a, uint32_t v)
{
	if (v <= 1) {
		aml_byte(a, (uint8_t)v);
	} else if (v <= 0xff) {
		aml_byte(a, AML_BYTE);
		aml_byte(a, (uint8_t)v);
	} else if (v <= 0xffff) {
		uint16_t w = (uint16_t)v;

		aml_byte(a, AML_WORD);
		aml_put(a, &w, 2);
	} else {
		aml_byte(a, AML_DWORD);
		aml_put(a, &v, 4);
	}
}

static void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, AML_NAME);
	aml_put(a, name, 4);
}

/* Room for the package length, filled in by aml_end(). */
static size_t aml_pkg(struct aml *a)
{
	size_t mark = a->len;

	aml_put(a, "\0\0\0", PKG_LENGTH_BYTES);
	return mark;
}

void aml_end(struct aml *a, size_t mark)
{
	size_t len = a->len - mark;

	if (a->full)
		return;
	/* Two follow bytes in bits 7-6, the low nibble, then the upper bits. */
	a->buf[mark] = (uint8_t)(0x80 | (len & 0xf));
	a->buf[mark + 1] = (uint8_t)(len >> 4);
	a->buf[mark + 2] = (uint8_t)(len >> 12);
}

size_t aml_scope(struct aml *a, const char *name)
{
	size_t mark;

	aml_byte(a, AML_SCOPE);
	mark = aml_pkg(a);
	aml_put(a, name, strlen(name));
	return mark;
}

size_t aml_device(struct aml *a, const char *name)
{
	size_t mark;

	aml_byte(a, AML_EXT);
	aml_byte(a, AML_EXT_DEVICE);
	mark = aml_pkg(a);
	aml_put(a, name, 4);
	return mark;
}

void aml_name_int(struct aml *a, const char *name, uint32_t value)
{
	aml_name(a, name);
	aml_int(a, value);
}

void aml_name_string(struct aml *a, const char *name, const char *value)
{
	aml_name(a, name);
	aml_byte(a, AML_STRING);
	aml_put(a, value, strlen(value) + 1);
}

static uint32_t hex_digit(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_name_eisa(struct aml *a, const char *name, const char *id)
{
	/* Three letters of five bits, then four hex digits, most significant byte first. */
	uint32_t v = ((uint32_t)(id[0] - '@') << 26) | ((uint32_t)(id[1] - '@') << 21) |
		     ((uint32_t)(id[2] - '@') << 16) | (hex_digit(id[3]) << 12) |
		     (hex_digit(id[4]) << 8) | (hex_digit(id[5]) << 4) | hex_digit(id[6]);

	v = __builtin_bswap32(v);
	aml_name(a, name);
	aml_byte(a, AML_DWORD);
	aml_put(a, &v, 4);
}

void aml_name_package(struct aml *a, const char *name, const uint8_t *v, unsigned int n)
{
	size_t mark;

	aml_name(a, name);
	aml_byte(a, AML_PACKAGE);
	mark = aml_pkg(a);
	aml_byte(a, (uint8_t)n);
	for (unsigned int i = 0; i < n; i++)
		aml_int(a, v[i]);
	aml_end(a, mark);
}

static void crs_one(struct aml *a, const struct aml_crs *c)
{
	if (c->mem_size) {
		const uint8_t head[4] = { 0x86, 9, 0, 1 /* read-write */ };

		aml_put(a, head, sizeof(head));
		aml_put(a, &c->mem, 4);
		aml_put(a, &c->mem_size, 4);
	}
	if (c->io_size) {
		const uint8_t head[2] = { 0x47, 1 /* decodes 16 bits */ };
		const uint8_t tail[2] = { 1 /* alignment */, c->io_size };

		aml_put(a, head, sizeof(head));
		aml_put(a, &c->io, 2);
		aml_put(a, &c->io, 2);
		aml_put(a, tail, sizeof(tail));
	}
	if (c->has_irq) {
		const uint8_t head[5] = { 0x89, 6, 0, 0x03 /* consumer, edge, high */, 1 };

		aml_put(a, head, sizeof(head));
		aml_put(a, &c->gsi, 4);
	}
}

void aml_name_crs(struct aml *a, const struct aml_crs *crs, unsigned int n)
{
	size_t mark, size_at, start;
	uint16_t size;

	aml_name(a, "_CRS");
	aml_byte(a, AML_BUFFER);
	mark = aml_pkg(a);
	aml_byte(a, AML_WORD);
	size_at = a->len;
	aml_put(a, "\0", 2);
	start = a->len;
	for (unsigned int i = 0; i < n; i++)
		crs_one(a, &crs[i]);
	aml_put(a, "\x79", 2); /* end tag; checksum 0: not used */
	if (a->full)
		return;
	size = (uint16_t)(a->len - start);
	memcpy(a->buf + size_at, &size, 2);
	aml_end(a, mark);
}
