// SPDX-License-Identifier: GPL-2.0-only
/* The server of a disk: its socket, and who is served at it. V22, V28. */
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/exitcodes.h"
#include "lib/log.h"
#include "cli/opts.h"
#include "run/serve.h"
#include "virtio/vhost_user_proto.h"

#define WAIT_MS 10000

FIXTURE(serve)
{
	char dir[32], path[64];
	struct disk_opts disk;
	struct serve_config config;
	struct serve_disk *s;
	unsigned int lines;
};

FIXTURE_SETUP(serve)
{
	char err[SS_OPTS_ERR_LEN];

	ss_log_quiet(1);
	strcpy(self->dir, "/tmp/serve-XXXXXX");
	ASSERT_NOT_NULL(mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/s", self->dir);
	ASSERT_EQ(opts_disk("size=1M", &self->disk, err), 0);
	self->config = (struct serve_config){ .disk = &self->disk, .path = self->path };
	self->lines = ss_err_count();
}

FIXTURE_TEARDOWN(serve)
{
	disk_opts_free(&self->disk);
	EXPECT_EQ(rmdir(self->dir), 0); /* the socket is gone */
}

static int try_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -errno;
}

/* Asks for the features. Return: false if the connection was closed instead. */
static bool answered(int fd)
{
	struct vu_header h = { VU_GET_FEATURES, VU_VERSION, 0 };
	struct pollfd in = { .fd = fd, .events = POLLIN };
	char reply[20];

	return send(fd, &h, sizeof(h), MSG_NOSIGNAL) == sizeof(h) && poll(&in, 1, WAIT_MS) == 1 &&
	       recv(fd, reply, sizeof(reply), 0) == sizeof(reply);
}

static bool closed(int fd)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&in, 1, WAIT_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void start(FIXTURE_DATA(serve) * self)
{
	ASSERT_EQ(serve_open(&self->config, &self->s), SS_EXIT_OK);
	ASSERT_EQ(serve_start(self->s, -1), SS_EXIT_OK);
}

static void stop(FIXTURE_DATA(serve) * self)
{
	serve_stop(self->s);
	EXPECT_TRUE(serve_close(self->s));
	EXPECT_EQ(access(self->path, F_OK), -1);
}

TEST_F(serve, one_after_the_other,
       .title = "V22 one front-end at a time, and the next one after it")
{
	int first, second;

	start(self);
	first = try_connect(self->path);
	ASSERT_GE(first, 0);
	EXPECT_TRUE(answered(first));
	second = try_connect(self->path);
	ASSERT_GE(second, 0);
	EXPECT_TRUE(closed(second));
	close(second);
	EXPECT_TRUE(answered(first));
	close(first);
	/* The server may not have seen the first one go yet. */
	for (unsigned int ms = 0; ms < WAIT_MS; ms++) {
		second = try_connect(self->path);
		ASSERT_GE(second, 0);
		if (answered(second))
			break;
		close(second);
		usleep(1000);
	}
	EXPECT_TRUE(answered(second));
	stop(self);
	EXPECT_TRUE(closed(second));
	close(second);
}

TEST_F(serve, bad_one,
       .title = "V4 V22 one that breaks the rules is dropped, and the next one served")
{
	int fd, next;

	start(self);
	fd = try_connect(self->path);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	EXPECT_TRUE(closed(fd));
	EXPECT_EQ(ss_err_count(), self->lines + 1);
	next = try_connect(self->path);
	ASSERT_GE(next, 0);
	EXPECT_TRUE(answered(next));
	close(next);
	close(fd);
	stop(self);
}

TEST_F(serve, in_use, .title = "V28 a socket that another server listens at isn't taken")
{
	struct serve_disk *second = NULL;
	int fd;

	start(self);
	EXPECT_EQ(serve_open(&self->config, &second), SS_EXIT_OUTPUT);
	EXPECT_EQ(ss_err_count(), self->lines + 1);
	/* Nor is it removed. */
	fd = try_connect(self->path);
	EXPECT_GE(fd, 0);
	close(fd);
	stop(self);
}

TEST_F(serve, stale, .title = "V28 the socket of a server that was killed is replaced")
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, self->path);
	ASSERT_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ASSERT_EQ(listen(fd, 1), 0);
	close(fd);
	EXPECT_EQ(try_connect(self->path), -ECONNREFUSED);
	start(self);
	fd = try_connect(self->path);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(answered(fd));
	close(fd);
	stop(self);
}

TEST_F(serve, another_file,
       .title = "V28 another file of that name stays, and so does another's socket")
{
	int fd = open(self->path, O_CREAT | O_WRONLY, 0600), other;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	ASSERT_GE(fd, 0);
	close(fd);
	EXPECT_EQ(serve_open(&self->config, &self->s), SS_EXIT_OUTPUT);
	EXPECT_EQ(ss_err_count(), self->lines + 1);
	EXPECT_EQ(unlink(self->path), 0);
	start(self);
	EXPECT_EQ(unlink(self->path), 0);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(addr.sun_path, self->path);
	ASSERT_EQ(bind(other, (struct sockaddr *)&addr, sizeof(addr)), 0);
	serve_stop(self->s);
	EXPECT_TRUE(serve_close(self->s));
	EXPECT_EQ(unlink(self->path), 0);
	close(other);
}

TEST_F(serve, no_place, .title = "V28 a socket that can't be made")
{
	char path[200];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	self->config.path = path;
	EXPECT_EQ(serve_open(&self->config, &self->s), SS_EXIT_USAGE);
	self->config.path = "/tmp/no-such-directory/s";
	EXPECT_EQ(serve_open(&self->config, &self->s), SS_EXIT_OUTPUT);
	EXPECT_EQ(ss_err_count(), self->lines + 2);
}

TEST_HARNESS_MAIN
