/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puts a Linux kernel into guest memory: a bzImage by the 64-bit boot protocol
 * (Documentation/arch/x86/boot.rst in Linux), or an uncompressed ELF kernel by
 * PVH (Xen's documentation: x86/HVM direct boot ABI).
 *
 * Every number in these files is untrusted.
 */
#ifndef SS_VM_BOOT_H
#define SS_VM_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/err.h"
#include "vm/machine.h"
#include "vm/memory.h"

/** enum boot_mode - the state in which vCPU 0 enters the kernel. */
enum boot_mode {
	BOOT_MODE_LONG, /* 64 bit, identity page tables, boot_params in rsi */
	BOOT_MODE_PVH,	/* 32 bit protected, no paging, start info in ebx */
};

/** struct boot_entry - where and how vCPU 0 starts. */
struct boot_entry {
	enum boot_mode mode;
	uint64_t rip;
	uint64_t arg;
};

/**
 * struct boot_file - an open file of known size.
 * @check_only: boot_file_load() only looks whether the bytes are there.
 */
struct boot_file {
	int fd;
	bool check_only;
	uint64_t size;
	const char *path;
	const char *what;
};

/**
 * struct boot_initrd - where the initrd went.
 * @gpa: page-aligned, 0 if there is none.
 * @size: bytes.
 */
struct boot_initrd {
	uint64_t gpa;
	uint64_t size;
};

/**
 * boot_load() - load kernel, initrd and command line.
 * @rsdp: guest-physical address of the ACPI root pointer.
 * @entry: filled in.
 *
 * Return: 0, or what machine_load() documents, with one line in @err.
 */
int boot_load(const struct vm_memory *mem, const struct machine_boot *boot, uint64_t rsdp,
	      struct boot_entry *entry, struct vm_err *err);

/**
 * boot_check() - could boot_load() load this kernel? Reads its headers and notes only.
 * @mem: as large as the guest's will be, and for nothing else: it is written to
 *
 * Return: as boot_load().
 */
int boot_check(const struct vm_memory *mem, const char *kernel, struct vm_err *err);

/**
 * boot_file_open() - open a regular file for reading.
 * @what: "kernel" or "initrd", for messages.
 *
 * Return: 0, or -ENOENT, -EACCES, -EISDIR, -EIO.
 */
int boot_file_open(struct boot_file *f, const char *path, const char *what, struct vm_err *err);

/** boot_file_close() - close it; harmless twice. */
void boot_file_close(struct boot_file *f);

/**
 * boot_file_read() - read exactly @len bytes at @off.
 *
 * Return: 0, -ENOEXEC if they aren't all in the file, -EIO, ...
 */
int boot_file_read(const struct boot_file *f, void *to, uint64_t off, uint64_t len,
		   struct vm_err *err);

/** boot_file_load() - boot_file_read() of what a guest executes, and a check doesn't need. */
int boot_file_load(const struct boot_file *f, void *to, uint64_t off, uint64_t len,
		   struct vm_err *err);

/**
 * boot_load_initrd() - put the initrd as high as possible.
 * @path: NULL for none.
 * @floor: first address behind what the kernel needs.
 * @limit: first address that the initrd must not reach.
 *
 * Return: 0, -ENOSPC if it doesn't fit, or as boot_file_open().
 */
int boot_load_initrd(const struct vm_memory *mem, const char *path, uint64_t floor, uint64_t limit,
		     struct boot_initrd *initrd, struct vm_err *err);

/**
 * boot_load_cmdline() - put the command line at LAYOUT_CMDLINE.
 * @max: most bytes the kernel takes, NUL not counted.
 *
 * Return: 0 or -E2BIG.
 */
int boot_load_cmdline(const struct vm_memory *mem, const char *cmdline, uint32_t max,
		      struct vm_err *err);

/**
 * boot_is_bzimage() - is this the start of a file with Linux' setup header?
 * @head: its first @len bytes.
 */
int boot_is_bzimage(const void *head, size_t len);

/** boot_is_elf() - does the file start like an ELF object? */
int boot_is_elf(const void *head, size_t len);

/** boot_load_bzimage() - boot_load() for a bzImage. */
int boot_load_bzimage(const struct vm_memory *mem, const struct boot_file *kernel,
		      const struct machine_boot *boot, uint64_t rsdp, struct boot_entry *entry,
		      struct vm_err *err);

/** boot_load_elf() - boot_load() for an ELF kernel with a PVH entry. */
int boot_load_elf(const struct vm_memory *mem, const struct boot_file *kernel,
		  const struct machine_boot *boot, uint64_t rsdp, struct boot_entry *entry,
		  struct vm_err *err);

#endif /* SS_VM_BOOT_H */
