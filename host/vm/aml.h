/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A writer of as much AML as this machine's DSDT needs (ACPI 6.4, chapter 20).
 * Packages nest: each begins and ends, and its length is filled in at the end.
 */
#ifndef SS_VM_AML_H
#define SS_VM_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct aml - AML being written.
 * @buf: caller's memory of @size bytes.
 * @len: bytes written.
 * @full: something didn't fit and the AML is useless; checked once at the end.
 */
struct aml {
	uint8_t *buf;
	size_t size;
	size_t len;
	bool full;
};

/** aml_scope() - begin Scope(@name); returns what aml_end() wants. */
size_t aml_scope(struct aml *a, const char *name);

/** aml_device() - begin Device(@name). @name: exactly four characters. */
size_t aml_device(struct aml *a, const char *name);

/** aml_end() - end what aml_scope() or aml_device() began. */
void aml_end(struct aml *a, size_t mark);

/** aml_name_int() - Name(@name, @value). */
void aml_name_int(struct aml *a, const char *name, uint32_t value);

/** aml_name_string() - Name(@name, "@value"). */
void aml_name_string(struct aml *a, const char *name, const char *value);

/** aml_name_eisa() - Name(@name, EISAID("@id")). @id: like "PNP0501". */
void aml_name_eisa(struct aml *a, const char *name, const char *id);

/** aml_name_package() - Name(@name, Package() { @v[0], ... }), @n bytes. */
void aml_name_package(struct aml *a, const char *name, const uint8_t *v, unsigned int n);

/**
 * struct aml_crs - resources of a device.
 * @mem: Memory32Fixed of @mem_size bytes, if @mem_size.
 * @io: ports [@io, @io + @io_size), if @io_size.
 * @gsi: Interrupt(Edge, ActiveHigh, Exclusive), if @has_irq.
 */
struct aml_crs {
	uint32_t mem, mem_size;
	uint16_t io;
	uint8_t io_size;
	bool has_irq;
	uint32_t gsi;
};

/** aml_name_crs() - Name(_CRS, ResourceTemplate() { the @n of @crs }). */
void aml_name_crs(struct aml *a, const struct aml_crs *crs, unsigned int n);

#endif /* SS_VM_AML_H */
