// SPDX-License-Identifier: GPL-2.0-only
/* stallscope serve: disks for a machine that somebody else runs, through vhost-user. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "cli/opts.h"
#include "lib/exitcodes.h"
#include "io/clock.h"
#include "lib/log.h"
#include "run/serve.h"

enum { OPT_DISK = 256, OPT_SOCKET };

struct serve_opts {
	struct disk_opts disk[SS_MAX_DISKS];
	const char *path[SS_MAX_DISKS];
	unsigned int nr_disks, nr_paths;
};

struct serve {
	struct serve_opts o;
	struct throttle *group[SS_MAX_DISKS]; /* made for the first disk that names it */
	struct serve_disk *disk[SS_MAX_DISKS];
	int done_fd, signal_fd;
};

static const struct argp_option options[] = {
	{ "disk", OPT_DISK, "K=V,...", 0,
	  "A disk, as `stallscope run` has it: size= or file=[,ro], iops= bps= iops_burst= "
	  "bps_burst= profile= group= queues= worker_cpus= backing= format= share=. Repeatable",
	  0 },
	{ "socket", OPT_SOCKET, "PATH", 0, "Where it's served; one for each --disk, in their order",
	  0 },
	{ 0 },
};

static const char doc[] =
	"Serve throttled disks to a virtual machine that somebody else runs (vhost-user).\v"
	"One machine at a time connects to a socket; when it goes the next one may come. A "
	"profile's time begins with the first. Ends with ctrl-C or SIGTERM, and prints what was "
	"done.\n\n"
	"Example: stallscope serve --disk file=disk.img,iops=500,queues=2 --socket /tmp/d.sock\n"
	"         qemu-system-x86_64 ... -object memory-backend-memfd,id=m,size=1G,share=on\n"
	"           -machine q35,memory-backend=m -chardev socket,id=c,path=/tmp/d.sock,reconnect-ms=500\n"
	"           -device vhost-user-blk-pci,chardev=c,num-queues=2\n\n"
	"Exit status: 0 stopped, 2 a bad option, 6 a disk that can't be used or hangs, 9 a socket "
	"that can't be used, 22 a burst below its rate, 1 anything else.";

static error_t opt_disk(const char *arg, struct serve_opts *o)
{
	char err[SS_OPTS_ERR_LEN];
	int ret;

	if (o->nr_disks == SS_MAX_DISKS) {
		ss_err("--disk: more than %d disks", SS_MAX_DISKS);
		return EINVAL;
	}
	ret = opts_disk(arg, &o->disk[o->nr_disks], err);
	o->nr_disks++;
	if (ret)
		ss_err("%s", err);
	return -ret;
}

static error_t opt_socket(const char *arg, struct serve_opts *o)
{
	if (o->nr_paths == SS_MAX_DISKS) {
		ss_err("--socket: more than %d sockets", SS_MAX_DISKS);
		return EINVAL;
	}
	if (!*arg) {
		ss_err("--socket: names no file");
		return EINVAL;
	}
	o->path[o->nr_paths++] = arg;
	return 0;
}

static error_t check(const struct serve_opts *o)
{
	if (!o->nr_disks)
		ss_err("serve wants a --disk and its --socket");
	else if (o->nr_paths != o->nr_disks)
		ss_err("%u --disk, but %u --socket: each disk has its own", o->nr_disks,
		       o->nr_paths);
	else
		return 0;
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct serve_opts *o = state->input;

	switch (key) {
	case OPT_DISK:
		return opt_disk(arg, o);
	case OPT_SOCKET:
		return opt_socket(arg, o);
	case ARGP_KEY_ARG:
		ss_err("serve takes no argument '%s'", arg);
		return EINVAL;
	case ARGP_KEY_END:
		return check(o);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- groups --- */

/* Return: 0, or -ENOMEM. NULL in @out: the disk is in no group. */
static int group_of(struct serve *s, unsigned int i, struct throttle **out)
{
	const struct disk_opts *d = s->o.disk;
	struct throttle_limits limits = disk_opts_limits(&d[i]);
	struct throttle *t;

	*out = NULL;
	if (!d[i].group)
		return 0;
	for (unsigned int j = 0; j < i; j++)
		if (s->group[j] && !strcmp(d[i].group, d[j].group)) {
			*out = s->group[j];
			return 0;
		}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	if (throttle_init(t, &limits, io_clock_monotonic_now(NULL))) {
		free(t);
		return -ENOMEM;
	}
	*out = s->group[i] = t;
	return 0;
}

/* --- life --- */

/* The threads inherit it: signals come to the main thread's descriptor only. */
static int open_fds(struct serve *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (signal(SIGHUP, SIG_IGN) != SIG_IGN) {
		signal(SIGHUP, SIG_DFL);
		sigaddset(&set, SIGHUP);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	s->done_fd = eventfd(0, EFD_CLOEXEC);
	if (s->signal_fd >= 0 && s->done_fd >= 0)
		return SS_EXIT_OK;
	ss_err("can't make descriptors: %s", strerror(errno));
	return SS_EXIT_FAIL;
}

static int open_disks(struct serve *s)
{
	int ret = SS_EXIT_OK;

	for (unsigned int i = 0; i < s->o.nr_disks && !ret; i++) {
		struct serve_config cfg = {
			.index = i,
			.disk = &s->o.disk[i],
			.path = s->o.path[i],
		};

		if (group_of(s, i, &cfg.throttle)) {
			ss_err("out of memory");
			return SS_EXIT_FAIL;
		}
		ret = serve_open(&cfg, &s->disk[i]);
	}
	for (unsigned int i = 0; i < s->o.nr_disks && !ret; i++)
		ret = serve_start(s->disk[i], s->done_fd);
	return ret;
}

static void tell_start(const struct serve *s)
{
	for (unsigned int i = 0; i < s->o.nr_disks; i++)
		printf("disk %u (%s) is served at %s\n", i,
		       s->o.disk[i].file ? s->o.disk[i].file : "temporary", s->o.path[i]);
	fflush(stdout);
}

static void tell_end(const struct serve *s)
{
	for (unsigned int i = 0; i < s->o.nr_disks; i++) {
		struct ss_blk_counters c;

		serve_counters(s->disk[i], &c);
		printf("disk %u: %" PRIu64 " reads (%" PRIu64 " bytes), %" PRIu64
		       " writes (%" PRIu64 " bytes), %" PRIu64 " flushes, %" PRIu64
		       " errors, throttled %" PRIu64 " times\n",
		       i, (uint64_t)c.reads_completed, (uint64_t)c.bytes_read,
		       (uint64_t)c.writes_completed, (uint64_t)c.bytes_written,
		       (uint64_t)c.flushes_completed, (uint64_t)c.io_errors,
		       (uint64_t)c.throttled_count);
	}
	fflush(stdout);
}

/* Until a signal, or until a disk gives up. */
static int wait_end(const struct serve *s)
{
	struct pollfd fds[] = {
		{ .fd = s->signal_fd, .events = POLLIN },
		{ .fd = s->done_fd, .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[1].revents ? SS_EXIT_DISK : SS_EXIT_OK;
}

/* Return: false if something hangs, and must stay. */
static bool close_all(struct serve *s)
{
	bool free_of_it = true;

	for (unsigned int i = 0; i < s->o.nr_disks; i++)
		free_of_it &= serve_close(s->disk[i]);
	if (!free_of_it)
		return false;
	for (unsigned int i = 0; i < s->o.nr_disks; i++) {
		if (s->group[i]) {
			throttle_destroy(s->group[i]);
			free(s->group[i]);
		}
		disk_opts_free(&s->o.disk[i]);
	}
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->done_fd >= 0)
		close(s->done_fd);
	return true;
}

int cmd_serve(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
	static struct serve s = { .signal_fd = -1, .done_fd = -1 };
	int ret = opts_parse(&argp, argc, argv, "stallscope serve", &s.o);

	if (!ret)
		ret = open_fds(&s);
	if (!ret)
		ret = open_disks(&s);
	if (!ret) {
		tell_start(&s);
		ret = wait_end(&s);
	}
	for (unsigned int i = 0; i < s.o.nr_disks; i++)
		if (s.disk[i])
			serve_stop(s.disk[i]);
	if (s.o.nr_disks && s.disk[s.o.nr_disks - 1])
		tell_end(&s);
	if (!close_all(&s)) {
		/* What hangs uses what it has until the process is gone. */
		fflush(NULL);
		_exit(SS_EXIT_DISK);
	}
	return ret;
}
