// SPDX-License-Identifier: GPL-2.0-only
#include "run/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cpulist.h"
#include "lib/exitcodes.h"
#include "io/profile.h"
#include "lib/log.h"
#include "lib/ratelimit.h"
#include "lib/opts.h"
#include "virtio/blk.h"
#include "virtio/vhost_user.h"

/* After an accept that failed for want of something. */
#define ACCEPT_AGAIN_MS 100

struct serve_disk {
	struct serve_config config;
	struct backing *backing;
	struct profile *profile;
	struct blk *blk;
	struct vhost_user *vu;
	int listen_fd, stop_fd, done_fd;
	dev_t dev; /* of the socket: another one's isn't removed */
	ino_t ino;
	pthread_t thread;
	bool started, hung;
	struct ratelimit
		lines; /* a front-end that comes again and again mustn't fill the terminal */
};

/* --- the socket --- */

static bool socket_alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive;

	if (fd < 0)
		return true;
	alive = !connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN;
	close(fd);
	return alive;
}

/* Only a socket nobody listens at any more goes; whatever else has this name stays. */
static int drop_stale(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (socket_alive(addr))
		return -EADDRINUSE;
	return unlink(addr->sun_path) ? -errno : 0;
}

static int listen_at(struct serve_disk *s, const struct sockaddr_un *addr)
{
	struct stat st;
	int ret = drop_stale(addr);

	if (ret)
		return ret;
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0 || bind(s->listen_fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    listen(s->listen_fd, 4) || lstat(addr->sun_path, &st))
		return -errno;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

static int open_socket(struct serve_disk *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = s->config.path;
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		ss_err("--socket: %s: longer than %zu bytes", path, sizeof(addr.sun_path) - 1);
		return SS_EXIT_USAGE;
	}
	memcpy(addr.sun_path, path, strlen(path));
	ret = listen_at(s, &addr);
	if (!ret)
		return SS_EXIT_OK;
	if (ret == -EADDRINUSE)
		ss_err("--socket: %s: another server listens there", path);
	else if (ret == -EEXIST)
		ss_err("--socket: %s: there is a file of this name", path);
	else
		ss_err("--socket: %s: %s", path, strerror(-ret));
	return SS_EXIT_OUTPUT;
}

static void close_socket(struct serve_disk *s)
{
	struct stat st;

	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->ino && !lstat(s->config.path, &st) && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->config.path);
}

/* --- the disk --- */

static int open_backing(struct serve_disk *s)
{
	const struct disk_opts *d = s->config.disk;
	char err[SS_OPTS_ERR_LEN + 4096];
	int ret;

	ret = disk_opts_open(d, NULL, &s->backing, err, sizeof(err));
	if (ret) {
		ss_err("--disk: %s", err);
		return SS_EXIT_DISK;
	}
	ret = backing_set_kind(s->backing, d->backing);
	if (ret)
		ss_warn("disk %u: no io_uring here (%s): its requests go one after the other",
			s->config.index, strerror(-ret));
	if (d->profile && profile_load(d->profile, &s->profile, err, sizeof(err))) {
		ss_err("--disk: profile=%s", err);
		return SS_EXIT_DISK;
	}
	return SS_EXIT_OK;
}

static int open_disk(struct serve_disk *s)
{
	const struct disk_opts *d = s->config.disk;
	cpu_set_t cpus[BLK_MAX_QUEUES];
	char serial[24], err[SS_OPTS_ERR_LEN];
	struct blk_config cfg = {
		.index = s->config.index,
		.backing = s->backing,
		.read_only = d->read_only,
		.serial = serial,
		.queues = (unsigned int)d->queues,
		.limits = disk_opts_limits(d),
		.throttle = s->config.throttle,
		.profile = s->profile,
	};
	int ret;

	if (d->worker_cpus && cpulist_spread(d->worker_cpus, cpus, cfg.queues, err, sizeof(err))) {
		ss_err("--disk: worker_cpus: %s", err);
		return SS_EXIT_USAGE;
	}
	cfg.affinity = d->worker_cpus ? cpus : NULL;
	snprintf(serial, sizeof(serial), "stallscope%u", s->config.index);
	ret = blk_create(&cfg, &s->blk);
	if (!ret)
		ret = vhost_user_create(blk_vdev(s->blk), NULL, &s->vu);
	if (ret)
		ss_err("can't make disk %u: %s", s->config.index, strerror(-ret));
	return ret ? SS_EXIT_FAIL : SS_EXIT_OK;
}

int serve_open(const struct serve_config *config, struct serve_disk **out)
{
	struct serve_disk *s = calloc(1, sizeof(*s));
	int ret;

	if (!s) {
		ss_err("out of memory");
		return SS_EXIT_FAIL;
	}
	s->config = *config;
	s->listen_fd = s->done_fd = -1;
	s->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->stop_fd < 0) {
		ss_err("can't make an eventfd: %s", strerror(errno));
		free(s);
		return SS_EXIT_FAIL;
	}
	ret = open_backing(s);
	if (!ret)
		ret = open_disk(s);
	if (!ret)
		ret = open_socket(s);
	if (ret) {
		serve_close(s);
		return ret;
	}
	*out = s;
	return SS_EXIT_OK;
}

bool serve_close(struct serve_disk *s)
{
	if (!s)
		return true;
	close_socket(s);
	if (s->hung)
		return false;
	vhost_user_destroy(s->vu);
	if (blk_destroy(s->blk))
		return false;
	backing_close(s->backing);
	profile_free(s->profile);
	close(s->stop_fd);
	free(s);
	return true;
}

void serve_counters(const struct serve_disk *s, struct ss_blk_counters *out)
{
	blk_snapshot(s->blk, out);
}

/* --- the thread --- */

static bool may_tell(struct serve_disk *s, unsigned int *missed)
{
	return ratelimit_ok(&s->lines, io_clock_monotonic_now(NULL), missed);
}

static const char *not_told(unsigned int missed)
{
	return missed ? " (lines before this were left out)" : "";
}

static void refuse(struct serve_disk *s, int sock)
{
	unsigned int missed;

	close(sock);
	if (may_tell(s, &missed))
		ss_warn("disk %u: a second front-end was refused%s", s->config.index,
			not_told(missed));
}

static void take_front_end(struct serve_disk *s)
{
	unsigned int missed;
	int sock = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (sock < 0) {
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			poll(NULL, 0, ACCEPT_AGAIN_MS);
		return;
	}
	if (vhost_user_attach(s->vu, sock)) {
		refuse(s, sock);
		return;
	}
	if (may_tell(s, &missed))
		ss_info("disk %u: a front-end has connected%s", s->config.index, not_told(missed));
	blk_profile_start(s->blk);
}

/* Return: false if a worker hangs: nobody else can be served. */
static bool drop_front_end(struct serve_disk *s, int why)
{
	unsigned int missed;

	if (vhost_user_detach(s->vu)) {
		s->hung = true;
		return false;
	}
	if (why == -ECONNRESET && may_tell(s, &missed))
		ss_info("disk %u: the front-end has gone%s", s->config.index, not_told(missed));
	return true;
}

/* Return: false to end. */
static bool serve_turn(struct serve_disk *s)
{
	struct pollfd fds[] = {
		{ .fd = s->stop_fd, .events = POLLIN },
		{ .fd = s->listen_fd, .events = POLLIN },
		{ .fd = vhost_user_sock(s->vu), .events = POLLIN },
		{ .fd = vhost_user_lost_fd(s->vu), .events = POLLIN },
	};
	int ret = 0;

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), vhost_user_wait_ms(s->vu)) < 0)
		return true;
	if (fds[0].revents)
		return false;
	if (vhost_user_attached(s->vu))
		ret = vhost_user_turn(s->vu);
	if (ret)
		return drop_front_end(s, ret);
	if (fds[1].revents)
		take_front_end(s);
	return true;
}

static void *serve_main(void *arg)
{
	struct serve_disk *s = arg;
	const uint64_t one = 1;
	ssize_t n = 0;

	while (serve_turn(s))
		;
	if (!s->hung)
		drop_front_end(s, 0);
	if (s->hung)
		n = write(s->done_fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

int serve_start(struct serve_disk *s, int done_fd)
{
	int ret;

	s->done_fd = done_fd;
	ret = pthread_create(&s->thread, NULL, serve_main, s);
	if (ret) {
		ss_err("can't start a thread: %s", strerror(ret));
		return SS_EXIT_FAIL;
	}
	s->started = true;
	return SS_EXIT_OK;
}

void serve_stop(struct serve_disk *s)
{
	const uint64_t one = 1;
	ssize_t n;

	if (!s->started)
		return;
	n = write(s->stop_fd, &one, sizeof(one));
	(void)n;
	pthread_join(s->thread, NULL);
	s->started = false;
}
