// SPDX-License-Identifier: GPL-2.0-only
/* Images of other programs' formats, and images that are in use. D106. */
#include "io/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/backing.h"
#include "ss_harness.h"

#define SIZE (1 << 20)

FIXTURE(image)
{
	char path[300], err[600];
	struct backing *b;
	struct image_opts opts;
};

FIXTURE_SETUP(image)
{
	int fd;

	self->b = NULL;
	self->opts = (struct image_opts){ .raw = false };
	snprintf(self->path, sizeof(self->path), "%s/disk.img", ss_tmpdir());
	fd = open(self->path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(ftruncate(fd, SIZE), 0);
	close(fd);
}

FIXTURE_TEARDOWN(image)
{
	if (self->b)
		backing_close(self->b);
}

static int try_open(struct ss_fx_image *self, struct image_opts opts)
{
	struct backing *b;
	int ret = image_open(self->path, &opts, &b, self->err, sizeof(self->err));

	if (!ret)
		backing_close(b);
	return ret;
}

static void put(struct ss_fx_image *self, off_t at, const char *bytes, size_t len)
{
	int fd = open(self->path, O_WRONLY);

	ASSERT_EQ(pwrite(fd, bytes, len, at), len);
	close(fd);
}

TEST_F(image, formats,
       .title = "D106 other programs' formats are refused by name, unless format=raw")
{
	static const struct {
		off_t at;
		const char *bytes;
		size_t len;
		const char *name;
	} cases[] = {
		{ 0, "QFI\xfb\0\0\0\3", 8, "a qcow2 image" },
		{ 0, "KDMV\1\0\0\0", 8, "a vmdk image" },
		{ 0, "# Disk DescriptorFile\nversion=1", 31, "a vmdk image" },
		{ 0, "vhdxfile", 8, "a vhdx image" },
		{ SIZE - 512, "conectix", 8, "a vhd image" },
		{ 0, "LUKS\xba\xbe\0\2", 8, "a LUKS image" },
		{ 0x40, "\x7f\x10\xda\xbe", 4, "a vdi image" },
	};
	static const char zeroes[64];

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(self, cases[i].at, cases[i].bytes, cases[i].len);
		EXPECT_EQ(try_open(self, (struct image_opts){ .raw = false }), -EMEDIUMTYPE);
		EXPECT_STRSTR(self->err, cases[i].name);
		EXPECT_STRSTR(self->err, self->path);
		EXPECT_EQ(try_open(self, (struct image_opts){ .raw = true }), 0);
		put(self, cases[i].at, zeroes, cases[i].len);
		EXPECT_EQ(try_open(self, (struct image_opts){ .raw = false }), 0);
	}
}

TEST_F(image, near_formats, .title = "D106 what only nearly looks like one is raw")
{
	put(self, 0, "QFI\xfa", 4);
	EXPECT_EQ(try_open(self, (struct image_opts){ .raw = false }), 0);
	put(self, 1, "LUKS\xba\xbe", 6);
	EXPECT_EQ(try_open(self, (struct image_opts){ .raw = false }), 0);
	put(self, SIZE - 511, "conectix", 8);
	EXPECT_EQ(try_open(self, (struct image_opts){ .raw = false }), 0);
}

/* Opens it with @first; which of the others may have it then: writer, reader, both sharing. */
static const char *beside(struct ss_fx_image *self, struct image_opts first)
{
	static char may[4];
	static const struct image_opts others[] = {
		{ .share = false },
		{ .read_only = true },
		{ .share = true },
		{ .read_only = true, .share = true },
	};
	unsigned int n = 0;

	ASSERT_EQ(image_open(self->path, &first, &self->b, self->err, sizeof(self->err)), 0);
	for (unsigned int i = 0; i < 4; i++) {
		const int ret = try_open(self, others[i]);

		EXPECT_TRUE(!ret || ret == -EBUSY);
		may[n++] = ret ? '-' : "wrWR"[i];
	}
	backing_close(self->b);
	self->b = NULL;
	return may;
}

TEST_F(image, in_use, .title = "D106 one writer, or readers, or all that say share=on")
{
	char may[5];

	snprintf(may, sizeof(may), "%.4s", beside(self, (struct image_opts){ .share = false }));
	EXPECT_STREQ(may, "---R");
	snprintf(may, sizeof(may), "%.4s", beside(self, (struct image_opts){ .read_only = true }));
	EXPECT_STREQ(may, "-r-R");
	snprintf(may, sizeof(may), "%.4s", beside(self, (struct image_opts){ .share = true }));
	EXPECT_STREQ(may, "--WR");
	snprintf(may, sizeof(may), "%.4s",
		 beside(self, (struct image_opts){ .read_only = true, .share = true }));
	EXPECT_STREQ(may, "wrWR");
	/* Closed, it's free. */
	EXPECT_EQ(try_open(self, (struct image_opts){ .share = false }), 0);
}

/* What QEMU's file driver does for a writable disk without share-rw. */
TEST_F(image, qemu, .title = "D106 a disk that QEMU has is in use, and QEMU sees that ours is")
{
	const int fd = open(self->path, O_RDWR);
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1 };

	ASSERT_GE(fd, 0);
	ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &l), 0); /* it writes */
	EXPECT_EQ(try_open(self, self->opts), -EBUSY);
	EXPECT_STRSTR(self->err, "has it in use");
	l.l_type = F_UNLCK;
	ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &l), 0);
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1 };
	ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &l), 0); /* it lets nobody write */
	EXPECT_EQ(try_open(self, self->opts), -EBUSY);
	EXPECT_EQ(try_open(self, (struct image_opts){ .read_only = true }), 0);
	l.l_type = F_UNLCK;
	ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &l), 0);
	ASSERT_EQ(image_open(self->path, &self->opts, &self->b, self->err, sizeof(self->err)), 0);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1 };
	ASSERT_EQ(fcntl(fd, F_OFD_GETLK, &l), 0);
	EXPECT_EQ(l.l_type, F_RDLCK); /* ours writes */
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1 };
	ASSERT_EQ(fcntl(fd, F_OFD_GETLK, &l), 0);
	EXPECT_EQ(l.l_type, F_RDLCK); /* and lets nobody else */
	close(fd);
}

TEST_HARNESS_MAIN
