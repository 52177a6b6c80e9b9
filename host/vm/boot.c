// SPDX-License-Identifier: GPL-2.0-only
/* What loading a bzImage and an ELF kernel share: files, the initrd, the command line. */
#include "vm/boot.h"
#include "vm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096ULL

int boot_file_open(struct boot_file *f, const char *path, const char *what, struct vm_err *err)
{
	struct stat st;
	int error;

	*f = (struct boot_file){ .fd = -1, .path = path, .what = what };
	/* O_NONBLOCK: a FIFO is refused, and must not block the open. */
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return vm_fail(err, -ENOENT, "%s %s: no such file", what, path);
	if (f->fd < 0 && (errno == EACCES || errno == EPERM))
		return vm_fail(err, -EACCES, "%s %s: no permission to read it", what, path);
	if (f->fd < 0)
		return vm_fail(err, -EIO, "%s %s: can't open it: %s", what, path, strerror(errno));
	if (fstat(f->fd, &st)) {
		error = vm_fail(err, -EIO, "%s %s: %s", what, path, strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		error = vm_fail(err, -EISDIR, "%s %s: is a directory", what, path);
	} else if (!S_ISREG(st.st_mode)) {
		error = vm_fail(err, -EIO, "%s %s: not a regular file", what, path);
	} else {
		f->size = (uint64_t)st.st_size;
		return 0;
	}
	boot_file_close(f);
	return error;
}

void boot_file_close(struct boot_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static int check_within(const struct boot_file *f, uint64_t off, uint64_t len, struct vm_err *err)
{
	if (off <= f->size && len <= f->size - off)
		return 0;
	return vm_fail(err, -ENOEXEC,
		       "%s %s is truncated: it has %llu bytes, and names bytes up to %llu", f->what,
		       f->path, (unsigned long long)f->size,
		       (unsigned long long)(off + len < off ? UINT64_MAX : off + len));
}

int boot_file_load(const struct boot_file *f, void *to, uint64_t off, uint64_t len,
		   struct vm_err *err)
{
	return f->check_only ? check_within(f, off, len, err)
			     : boot_file_read(f, to, off, len, err);
}

int boot_file_read(const struct boot_file *f, void *to, uint64_t off, uint64_t len,
		   struct vm_err *err)
{
	char *at = to;
	int ret = check_within(f, off, len, err);

	if (ret)
		return ret;
	while (len) {
		ssize_t n = pread(f->fd, at, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vm_fail(err, -EIO, "%s %s: can't read it: %s", f->what, f->path,
				       strerror(errno));
		if (!n)
			return vm_fail(err, -EIO, "%s %s shrank while it was read", f->what,
				       f->path);
		at += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int boot_load_initrd(const struct vm_memory *mem, const char *path, uint64_t floor, uint64_t limit,
		     struct boot_initrd *initrd, struct vm_err *err)
{
	struct boot_file f;
	uint64_t gpa;
	int ret;

	*initrd = (struct boot_initrd){ 0 };
	if (!path)
		return 0;
	ret = boot_file_open(&f, path, "initrd", err);
	if (ret)
		return ret;
	if (!f.size) {
		ret = vm_fail(err, -ENOEXEC, "initrd %s is empty", path);
		goto out;
	}
	if (limit > mem->low_end)
		limit = mem->low_end;
	if (f.size > limit || ((limit - f.size) & ~(PAGE - 1)) < floor) {
		ret = vm_fail(
			err, -ENOSPC,
			"initrd %s (%llu MiB) doesn't fit beside the kernel into %llu MiB: give the guest more memory",
			path, (unsigned long long)((f.size + (1 << 20) - 1) >> 20),
			(unsigned long long)(mem->size >> 20));
		goto out;
	}
	gpa = (limit - f.size) & ~(PAGE - 1);
	ret = boot_file_read(&f, vm_memory_ptr(mem, gpa, f.size), 0, f.size, err);
	if (!ret)
		*initrd = (struct boot_initrd){ .gpa = gpa, .size = f.size };
out:
	boot_file_close(&f);
	return ret;
}

int boot_load_cmdline(const struct vm_memory *mem, const char *cmdline, uint32_t max,
		      struct vm_err *err)
{
	size_t len = strlen(cmdline);

	if (max > LAYOUT_CMDLINE_MAX - 1)
		max = LAYOUT_CMDLINE_MAX - 1;
	if (len > max)
		return vm_fail(err, -E2BIG,
			       "the kernel command line has %zu bytes, this kernel takes %u", len,
			       max);
	memcpy(vm_memory_ptr(mem, LAYOUT_CMDLINE, len + 1), cmdline, len + 1);
	return 0;
}

static int load(const struct vm_memory *mem, const struct machine_boot *boot, bool check_only,
		uint64_t rsdp, struct boot_entry *entry, struct vm_err *err)
{
	unsigned char head[1024] = { 0 };
	struct boot_file kernel;
	size_t len;
	int ret;

	ret = boot_file_open(&kernel, boot->kernel, "kernel", err);
	if (ret)
		return ret;
	kernel.check_only = check_only;
	len = kernel.size < sizeof(head) ? kernel.size : sizeof(head);
	ret = boot_file_read(&kernel, head, 0, len, err);
	if (ret)
		goto out;
	if (boot_is_elf(head, len))
		ret = boot_load_elf(mem, &kernel, boot, rsdp, entry, err);
	else if (boot_is_bzimage(head, len))
		ret = boot_load_bzimage(mem, &kernel, boot, rsdp, entry, err);
	else
		ret = vm_fail(
			err, -ENOEXEC,
			"kernel %s is not a Linux kernel: neither a bzImage nor an ELF vmlinux",
			boot->kernel);
out:
	boot_file_close(&kernel);
	return ret;
}

int boot_load(const struct vm_memory *mem, const struct machine_boot *boot, uint64_t rsdp,
	      struct boot_entry *entry, struct vm_err *err)
{
	return load(mem, boot, false, rsdp, entry, err);
}

int boot_check(const struct vm_memory *mem, const char *kernel, struct vm_err *err)
{
	const struct machine_boot boot = { .kernel = kernel, .cmdline = "" };
	struct boot_entry entry;

	return load(mem, &boot, true, 0, &entry, err);
}
