// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables, read by offsets of the specification and not by the structs
 * that wrote them.
 */
#include "vm/acpi.h"
#include "vm/layout.h"
#include "vm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ss_harness.h"

#define AREA 0x10000

FIXTURE(acpi)
{
	uint8_t area[AREA];
	long len;
};

FIXTURE_SETUP(acpi)
{
	const struct acpi_config cfg = { .nr_cpus = 3, .nr_virtio = 4 };

	self->len = acpi_build(&cfg, self->area, AREA, LAYOUT_ACPI);
	ASSERT_GT(self->len, 0);
}

FIXTURE_TEARDOWN(acpi)
{
}

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static unsigned int sum(const uint8_t *p, size_t len)
{
	unsigned int s = 0;

	while (len--)
		s += *p++;
	return s & 0xff;
}

/* A table by its guest address, header and checksum verified. */
static const uint8_t *table_at(uint8_t *area, long len, uint64_t gpa, const char *signature)
{
	const uint8_t *t = area + (gpa - LAYOUT_ACPI);

	ASSERT_GE(gpa, LAYOUT_ACPI);
	ASSERT_LE(gpa - LAYOUT_ACPI + 36, (uint64_t)len);
	ASSERT_MEMEQ(t, signature, 4);
	ASSERT_LE(gpa - LAYOUT_ACPI + le32(t + 4), (uint64_t)len);
	ASSERT_EQ(sum(t, le32(t + 4)), 0);
	return t;
}

/* By way of RSDP and XSDT. */
static const uint8_t *find_table(uint8_t *area, long len, const char *signature)
{
	const uint8_t *xsdt = table_at(area, len, le64(area + 24), "XSDT");

	for (uint32_t at = 36; at < le32(xsdt + 4); at += 8) {
		uint64_t gpa = le64(xsdt + at);

		if (!memcmp(area + (gpa - LAYOUT_ACPI), signature, 4))
			return table_at(area, len, gpa, signature);
	}
	return NULL;
}

static const uint8_t *find_dsdt(uint8_t *area, long len)
{
	const uint8_t *fadt = find_table(area, len, "FACP");

	ASSERT_NOT_NULL(fadt);
	return table_at(area, len, le64(fadt + 140), "DSDT");
}

TEST_F(acpi, rsdp, .title = "the root pointer is of ACPI 2.0 and both its checksums hold")
{
	EXPECT_MEMEQ(self->area, "RSD PTR ", 8);
	EXPECT_EQ(self->area[15], 2);
	EXPECT_EQ(le32(self->area + 20), 36);
	EXPECT_EQ(sum(self->area, 20), 0);
	EXPECT_EQ(sum(self->area, 36), 0);
}

TEST_F(acpi, fadt, .title = "the FADT is hardware-reduced and tells how to sleep and reset")
{
	const uint8_t *fadt = find_table(self->area, self->len, "FACP");
	uint32_t flags;

	ASSERT_NOT_NULL(fadt);
	EXPECT_EQ(le32(fadt + 4), 276);
	EXPECT_EQ(fadt[8], 6);
	flags = le32(fadt + 112);
	EXPECT_TRUE(flags & 1u << 20)
	{
		TH_LOG("HW_REDUCED_ACPI");
	}
	EXPECT_TRUE(flags & 1u << 10)
	{
		TH_LOG("RESET_REG_SUP");
	}
	/* generic addresses: IO space, 8 bits */
	EXPECT_EQ(le32(fadt + 116), 0x01000801);
	EXPECT_EQ(le64(fadt + 120), PORT_RESET);
	EXPECT_EQ(fadt[128], RESET_VALUE);
	EXPECT_EQ(le32(fadt + 244), 0x01000801);
	EXPECT_EQ(le64(fadt + 248), PORT_SLEEP_CONTROL);
	EXPECT_EQ(le32(fadt + 256), 0x01000801);
	EXPECT_EQ(le64(fadt + 260), PORT_SLEEP_STATUS);
	EXPECT_EQ(le32(fadt + 40), le64(fadt + 140));
}

TEST_F(acpi, madt, .title = "the MADT lists every CPU once, one IOAPIC and the NMI line")
{
	const uint8_t *madt = find_table(self->area, self->len, "APIC");
	unsigned int cpus = 0, ioapics = 0, nmis = 0;

	ASSERT_NOT_NULL(madt);
	EXPECT_EQ(le32(madt + 36), LAYOUT_LAPIC);
	for (uint32_t at = 44; at < le32(madt + 4); at += madt[at + 1]) {
		const uint8_t *e = madt + at;

		ASSERT_GE(e[1], 6);
		switch (e[0]) {
		case 0:
			EXPECT_EQ(e[1], 8);
			EXPECT_EQ(e[2], cpus);
			EXPECT_EQ(e[3], cpus);
			EXPECT_EQ(le32(e + 4), 1);
			cpus++;
			break;
		case 1:
			EXPECT_EQ(e[1], 12);
			EXPECT_EQ(le32(e + 4), LAYOUT_IOAPIC);
			EXPECT_EQ(le32(e + 8), 0);
			ioapics++;
			break;
		case 4:
			EXPECT_EQ(e[2], 0xff);
			EXPECT_EQ(e[5], 1);
			nmis++;
			break;
		default:
			EXPECT_EQ(e[0], 0)
			{
				TH_LOG("unexpected entry");
			}
		}
	}
	EXPECT_EQ(cpus, 3);
	EXPECT_EQ(ioapics, 1);
	EXPECT_EQ(nmis, 1);
}

TEST_F(acpi, largest,
       .title = "64 CPUs and 16 devices fit where the tables go; too little room is an error")
{
	const struct acpi_config cfg = { .nr_cpus = MACHINE_MAX_VCPUS,
					 .nr_virtio = MACHINE_MAX_VIRTIO };
	uint8_t *small;
	long len;

	len = acpi_build(
		&cfg, self->area,
		LAYOUT_RESET_VECTOR - LAYOUT_ACPI < AREA ? LAYOUT_RESET_VECTOR - LAYOUT_ACPI : AREA,
		LAYOUT_ACPI);
	ASSERT_GT(len, 0);
	EXPECT_EQ(le32(find_table(self->area, len, "APIC") + 4), 44 + 64 * 8 + 12 + 6);
	find_dsdt(self->area, len);
	/* allocated to size, so that a sanitizer sees a byte too many */
	for (long size = 0; size < len; size += 7) {
		small = calloc(1, (size_t)size + 1);
		ASSERT_NOT_NULL(small);
		ASSERT_EQ(acpi_build(&cfg, small, (size_t)size, LAYOUT_ACPI), -ENOSPC);
		free(small);
	}
}

/* Run iasl -d on a table. Return: its disassembly, to be freed; NULL without iasl. */
static char *disassemble(const uint8_t *table)
{
	char path[300], cmd[700];
	size_t n;
	char *text;
	FILE *f;

	snprintf(path, sizeof(path), "%s/dsdt.aml", ss_tmpdir());
	f = fopen(path, "we");
	ASSERT_NOT_NULL(f);
	ASSERT_EQ(fwrite(table, 1, le32(table + 4), f), le32(table + 4));
	ASSERT_EQ(fclose(f), 0);
	snprintf(cmd, sizeof(cmd),
		 "cd %s && command -v iasl >iasl.log && iasl -d dsdt.aml >iasl.log 2>&1",
		 ss_tmpdir());
	if (system(cmd))
		return NULL;
	snprintf(path, sizeof(path), "%s/dsdt.dsl", ss_tmpdir());
	f = fopen(path, "re");
	ASSERT_NOT_NULL(f);
	text = calloc(1, 65536);
	ASSERT_NOT_NULL(text);
	n = fread(text, 1, 65535, f);
	ASSERT_GT(n, 0);
	ASSERT_EQ(fclose(f), 0);
	return text;
}

TEST_F(acpi, dsdt_by_iasl, .title = "ACPICA's own disassembler reads the devices out of the DSDT")
{
	static const char *const wanted[] = {
		"Name (_S5, Package (0x04)",
		"Device (COM1)",
		"EisaId (\"PNP0501\")",
		"QEMU0001",
		"EisaId (\"PNP0C02\")",
		"Device (VR00)",
		"Device (VR03)",
		"LNRO0005",
		"0xD0003000",
		"Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )",
		"0x0000000B,",
		"0x03F8,",
		"0x0505,",
	};
	char *text;

	if (system("command -v iasl >/dev/null 2>&1"))
		SKIP("iasl is not installed (package acpica-tools)");
	text = disassemble(find_dsdt(self->area, self->len));
	ASSERT_NOT_NULL(text);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		EXPECT_STRSTR(text, wanted[i]);
	EXPECT_NULL(strstr(text, "Device (VR04)"));
	free(text);
}

/* Without iasl: walk the AML's packages by their lengths alone. */
TEST_F(acpi, dsdt_lengths, .title = "the DSDT's packages nest exactly and hold one device each")
{
	const uint8_t *dsdt = find_dsdt(self->area, self->len);
	const uint8_t *end = dsdt + le32(dsdt + 4), *p = dsdt + 36, *scope_end;
	unsigned int devices = 0, virtio = 0;

	ASSERT_MEMEQ(p, "\x08_S5_\x12", 6);
	p += 6 + ((p[6] & 0xf) | p[7] << 4 | p[8] << 12);
	ASSERT_EQ(*p, 0x10);
	ASSERT_EQ(p[1] >> 6, 2);
	scope_end = p + 1 + ((p[1] & 0xf) | p[2] << 4 | p[3] << 12);
	ASSERT_EQ(scope_end, end);
	p += 4;
	ASSERT_MEMEQ(p, "_SB_", 4);
	for (p += 4; p < end; devices++) {
		size_t len;

		ASSERT_EQ(p[0], 0x5b);
		ASSERT_EQ(p[1], 0x82);
		len = (p[2] & 0xf) | p[3] << 4 | p[4] << 12;
		ASSERT_LE(len, (size_t)(end - p - 2));
		if (memmem(p, len, "LNRO0005", 9)) {
			/* Memory32Fixed, read-write, then the extended interrupt, edge, high */
			const uint8_t *mem = memmem(p, len, "\x86\x09\x00\x01", 4);
			const uint8_t *irq = memmem(p, len, "\x89\x06\x00\x03\x01", 5);

			ASSERT_NOT_NULL(mem);
			ASSERT_NOT_NULL(irq);
			EXPECT_EQ(le32(mem + 4), LAYOUT_VIRTIO + virtio * LAYOUT_VIRTIO_SIZE);
			EXPECT_EQ(le32(mem + 8), LAYOUT_VIRTIO_SIZE);
			EXPECT_EQ(le32(irq + 5), LAYOUT_VIRTIO_GSI + virtio);
			virtio++;
		}
		p += 2 + len;
	}
	EXPECT_EQ(p, end);
	EXPECT_EQ(virtio, 4);
	EXPECT_EQ(devices, 4 + 3);
}

TEST_HARNESS_MAIN
