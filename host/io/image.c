// SPDX-License-Identifier: GPL-2.0-only
/* Disk images that users name: their format is looked at, and they are locked. */
#include "io/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/backing.h"

/* --- formats --- */

#define AT_END UINT32_MAX /* in the file's last 512 bytes */

static const struct {
	uint32_t at;
	uint32_t len;
	const char *bytes, *name;
} formats[] = {
	{ 0, 4, "QFI\xfb", "qcow2" },
	{ 0, 4, "QED\0", "qed" },
	{ 0, 4, "KDMV", "vmdk" },
	{ 0, 4, "COWD", "vmdk" },
	{ 0, 21, "# Disk DescriptorFile", "vmdk" },
	{ 0, 8, "vhdxfile", "vhdx" },
	{ 0, 8, "conectix", "vhd" },
	{ AT_END, 8, "conectix", "vhd" },
	{ 0, 6, "LUKS\xba\xbe", "LUKS" },
	{ 0, 16, "WithoutFreeSpace", "parallels" },
	{ 0, 16, "WithouFreSpacExt", "parallels" },
	{ 0x40, 4, "\x7f\x10\xda\xbe", "vdi" },
};

const char *image_format(int fd, uint64_t size)
{
	char first[512] = "", last[512] = "";

	if (pread(fd, first, sizeof(first), 0) < 0)
		return NULL;
	if (size >= sizeof(last) && pread(fd, last, sizeof(last), (off_t)(size - sizeof(last))) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *p = formats[i].at == AT_END ? last : first + formats[i].at;

		if (!memcmp(p, formats[i].bytes, formats[i].len))
			return formats[i].name;
	}
	return NULL;
}

/* --- locks --- */

/*
 * QEMU's bytes: one for each thing that somebody does with the image, and one for each
 * that it doesn't let others do. Whoever holds a read lock on one says so.
 */
#define DOES	100
#define FORBIDS 200
#define READS	0
#define WRITES	1
#define RESIZES 3

static struct flock one_byte(short type, off_t at)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
}

static int say(int fd, off_t at)
{
	struct flock l = one_byte(F_RDLCK, at);

	return fcntl(fd, F_OFD_SETLK, &l) ? -errno : 0;
}

static bool others_say(int fd, off_t at)
{
	struct flock l = one_byte(F_WRLCK, at);

	return !fcntl(fd, F_OFD_GETLK, &l) && l.l_type != F_UNLCK;
}

static bool is_unknown(int err)
{
	return err == -ENOLCK || err == -EINVAL || err == -EOPNOTSUPP || err == -ENOSYS;
}

int image_lock(int fd, const struct image_opts *opts)
{
	int ret = say(fd, DOES + READS);

	if (!ret && !opts->read_only)
		ret = say(fd, DOES + WRITES);
	if (!ret && !opts->share)
		ret = say(fd, FORBIDS + WRITES);
	if (!ret)
		ret = say(fd, FORBIDS + RESIZES);
	if (ret)
		return is_unknown(ret) ? 0 : -EBUSY;
	if (others_say(fd, FORBIDS + READS) ||
	    (!opts->read_only && others_say(fd, FORBIDS + WRITES)) ||
	    (!opts->share && others_say(fd, DOES + WRITES)) || others_say(fd, DOES + RESIZES))
		return -EBUSY;
	return 0;
}

/* A block device that a file system is on: the kernel gives it to nobody exclusively. */
static bool is_mounted(int fd, const char *path)
{
	struct stat st;
	int other;

	if (fstat(fd, &st) || !S_ISBLK(st.st_mode))
		return false;
	other = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	if (other < 0)
		return errno == EBUSY;
	close(other);
	return false;
}

/* --- both --- */

static int check(int fd, uint64_t size, const char *path, const struct image_opts *opts, char *err,
		 size_t err_len)
{
	const char *format = opts->raw ? NULL : image_format(fd, size);

	if (format) {
		snprintf(err, err_len,
			 "disk %s: it looks like a %s image, which the guest would see as it is; "
			 "convert it (qemu-img convert -O raw), or say format=raw",
			 path, format);
		return -EMEDIUMTYPE;
	}
	if (!opts->share && is_mounted(fd, path)) {
		snprintf(
			err, err_len,
			"disk %s: the kernel has it in use, mounted perhaps; unmount it, or say share=on",
			path);
		return -EBUSY;
	}
	if (image_lock(fd, opts)) {
		snprintf(
			err, err_len,
			"disk %s: another disk, run or virtual machine has it in use; wait for its "
			"end, or give share=on to all of them",
			path);
		return -EBUSY;
	}
	return 0;
}

int image_open(const char *path, const struct image_opts *opts, struct backing **out, char *err,
	       size_t err_len)
{
	int ret = backing_open_file(path, opts->read_only, out, err, err_len);

	if (ret)
		return ret;
	ret = check(backing_fd(*out), (*out)->size, path, opts, err, err_len);
	if (ret) {
		backing_close(*out);
		*out = NULL;
	}
	return ret;
}
