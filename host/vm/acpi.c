// SPDX-License-Identifier: GPL-2.0-only
/* Builds the ACPI tables. */
#include "vm/acpi.h"
#include "vm/aml.h"
#include "vm/layout.h"
#include "ss_events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OEM_ID	     "STALLS"
#define OEM_TABLE_ID "STALLSCO"

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct acpi_gas {
	uint8_t space;
	uint8_t bits;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t ext_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct acpi_xsdt {
	struct acpi_header h;
	uint64_t table[2];
} __attribute__((packed));

/* ACPI 6.4, 5.2.9; fields that hardware-reduced ACPI ignores are left 0. */
struct acpi_fadt {
	struct acpi_header h;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved1[65];
	uint16_t boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs;
	uint64_t x_dsdt;
	uint8_t fixed_hw[8 * sizeof(struct acpi_gas)];
	struct acpi_gas sleep_control;
	struct acpi_gas sleep_status;
	char hypervisor[8];
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP of ACPI 2.0");
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT of ACPI 6");

#define BOOT_ARCH_NO_VGA (1u << 2)
#define BOOT_ARCH_NO_RTC (1u << 5)
#define FADT_WBINVD	 (1u << 0)
#define FADT_PWR_BUTTON	 (1u << 4) /* no fixed power button */
#define FADT_SLP_BUTTON	 (1u << 5)
#define FADT_RESET_REG	 (1u << 10)
#define FADT_HW_REDUCED	 (1u << 20)

struct madt_head {
	struct acpi_header h;
	uint32_t lapic_addr;
	uint32_t flags;
} __attribute__((packed));

struct madt_lapic {
	uint8_t type, length;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

struct madt_lapic_nmi {
	uint8_t type, length;
	uint8_t uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

/* The tables, laid out one after the other. */
struct acpi_area {
	uint8_t *at;
	size_t size;
	size_t len;
	uint64_t gpa;
};

static uint8_t acpi_sum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return sum;
}

static void acpi_finish(struct acpi_header *h, const char *signature, uint8_t revision, size_t len)
{
	memcpy(h->signature, signature, 4);
	h->length = (uint32_t)len;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, 6);
	memcpy(h->oem_table_id, OEM_TABLE_ID, 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "STLS", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = (uint8_t)-acpi_sum(h, len);
}

/* Zeroed room for a table, 16-byte aligned; NULL if the area is full. */
static void *acpi_alloc(struct acpi_area *a, size_t len)
{
	size_t start = (a->len + 15) & ~(size_t)15;

	if (start > a->size || len > a->size - start)
		return NULL;
	a->len = start + len;
	return memset(a->at + start, 0, len);
}

static uint64_t acpi_gpa(const struct acpi_area *a, const void *table)
{
	return a->gpa + (uint64_t)((const uint8_t *)table - a->at);
}

static void *acpi_madt(struct acpi_area *a, const struct acpi_config *cfg)
{
	size_t len = sizeof(struct madt_head) + cfg->nr_cpus * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic) + sizeof(struct madt_lapic_nmi);
	struct madt_head *madt = acpi_alloc(a, len);
	uint8_t *at;

	if (!madt)
		return NULL;
	madt->lapic_addr = LAYOUT_LAPIC;
	at = (uint8_t *)(madt + 1);
	for (unsigned int i = 0; i < cfg->nr_cpus; i++, at += sizeof(struct madt_lapic))
		*(struct madt_lapic *)at = (struct madt_lapic){
			.type = 0,
			.length = sizeof(struct madt_lapic),
			.uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = 1,
		};
	*(struct madt_ioapic *)at = (struct madt_ioapic){
		.type = 1,
		.length = sizeof(struct madt_ioapic),
		.address = LAYOUT_IOAPIC,
	};
	at += sizeof(struct madt_ioapic);
	/* NMI on LINT1 of every CPU, as vcpu_setup() programs it. */
	*(struct madt_lapic_nmi *)at = (struct madt_lapic_nmi){
		.type = 4,
		.length = sizeof(struct madt_lapic_nmi),
		.uid = 0xff,
		.lint = 1,
	};
	acpi_finish(&madt->h, "APIC", 5, len);
	return madt;
}

static void *acpi_fadt(struct acpi_area *a, uint64_t dsdt)
{
	struct acpi_fadt *fadt = acpi_alloc(a, sizeof(*fadt));

	if (!fadt)
		return NULL;
	fadt->dsdt = (uint32_t)dsdt;
	fadt->x_dsdt = dsdt;
	fadt->minor = 4;
	fadt->boot_arch = BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_RTC;
	fadt->flags =
		FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG | FADT_HW_REDUCED;
	fadt->reset_reg = (struct acpi_gas){ 1, 8, 0, 1, PORT_RESET };
	fadt->reset_value = RESET_VALUE;
	fadt->sleep_control = (struct acpi_gas){ 1, 8, 0, 1, PORT_SLEEP_CONTROL };
	fadt->sleep_status = (struct acpi_gas){ 1, 8, 0, 1, PORT_SLEEP_STATUS };
	memcpy(fadt->hypervisor, "STALLSCO", 8);
	acpi_finish(&fadt->h, "FACP", 6, sizeof(*fadt));
	return fadt;
}

static void dsdt_device(struct aml *aml, const char *name, const char *hid, uint32_t uid,
			const struct aml_crs *crs, unsigned int n)
{
	size_t dev = aml_device(aml, name);

	if (!strncmp(hid, "PNP", 3))
		aml_name_eisa(aml, "_HID", hid);
	else
		aml_name_string(aml, "_HID", hid);
	aml_name_int(aml, "_UID", uid);
	aml_name_crs(aml, crs, n);
	aml_end(aml, dev);
}

/*
 * virtio-mmio interrupts are edge triggered: an irqfd without resampling gives
 * a pulse, and a level interrupt would need one. Nothing is lost by that: the
 * device publishes and sets INTERRUPT_STATUS before the pulse, so whatever the
 * driver's ACK clears was published before it looks at the rings, and a bit set
 * after the ACK comes with a pulse of its own, which the LAPIC keeps while the
 * handler still runs.
 */
static void dsdt_virtio(struct aml *aml, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct aml_crs crs = {
			.mem = (uint32_t)(LAYOUT_VIRTIO + i * LAYOUT_VIRTIO_SIZE),
			.mem_size = LAYOUT_VIRTIO_SIZE,
			.has_irq = true,
			.gsi = LAYOUT_VIRTIO_GSI + i,
		};
		char name[8];

		snprintf(name, sizeof(name), "VR%02X", i & 0xff);
		dsdt_device(aml, name, "LNRO0005", i, &crs, 1);
	}
}

static void *acpi_dsdt(struct acpi_area *a, const struct acpi_config *cfg)
{
	static const uint8_t s5[4] = { SLEEP_TYPE_S5, SLEEP_TYPE_S5, 0, 0 };
	const struct aml_crs uart = {
		.io = PORT_COM1, .io_size = 8, .has_irq = true, .gsi = GSI_COM1
	};
	const struct aml_crs pvpanic = { .io = PORT_PVPANIC, .io_size = 1 };
	const struct aml_crs board[] = {
		{ .io = SS_CLOCK_PORT, .io_size = 8 },
		{ .io = PORT_SLEEP_CONTROL, .io_size = 3 },
	};
	struct acpi_header *h = acpi_alloc(a, sizeof(*h));
	struct aml aml;
	size_t sb;

	if (!h)
		return NULL;
	aml = (struct aml){ .buf = (uint8_t *)(h + 1), .size = a->size - a->len };
	aml_name_package(&aml, "_S5_", s5, 4);
	sb = aml_scope(&aml, "_SB_");
	dsdt_device(&aml, "COM1", "PNP0501", 0, &uart, 1);
	dsdt_device(&aml, "PEVT", "QEMU0001", 0, &pvpanic, 1);
	dsdt_device(&aml, "MBRD", "PNP0C02", 0, board, 2);
	dsdt_virtio(&aml, cfg->nr_virtio);
	aml_end(&aml, sb);
	if (aml.full)
		return NULL;
	a->len += aml.len;
	acpi_finish(h, "DSDT", 6, sizeof(*h) + aml.len);
	return h;
}

long acpi_build(const struct acpi_config *cfg, void *area, size_t size, uint64_t gpa)
{
	struct acpi_area a = { .at = area, .size = size, .gpa = gpa };
	struct acpi_rsdp *rsdp = acpi_alloc(&a, sizeof(*rsdp));
	struct acpi_xsdt *xsdt = acpi_alloc(&a, sizeof(*xsdt));
	void *dsdt = acpi_dsdt(&a, cfg);
	void *fadt = dsdt ? acpi_fadt(&a, acpi_gpa(&a, dsdt)) : NULL;
	void *madt = acpi_madt(&a, cfg);

	if (!rsdp || !xsdt || !fadt || !madt)
		return -ENOSPC;
	xsdt->table[0] = acpi_gpa(&a, fadt);
	xsdt->table[1] = acpi_gpa(&a, madt);
	acpi_finish(&xsdt->h, "XSDT", 1, sizeof(*xsdt));

	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, OEM_ID, 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = acpi_gpa(&a, xsdt);
	rsdp->checksum = (uint8_t)-acpi_sum(rsdp, 20);
	rsdp->ext_checksum = (uint8_t)-acpi_sum(rsdp, sizeof(*rsdp));
	return (long)a.len;
}
