// SPDX-License-Identifier: GPL-2.0-only
/*
 * One boot of the emulated machine: waits for its init, has the command run,
 * passes its output on, stops it when asked to or when its time is up, and
 * unpacks what it left. A phase that takes too long ends the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/time.h"
#include "nested_run.h"

#define STOP_GRACE    30  /* s from asking the command to end to killing it */
#define KILL_GRACE    10  /* s from killing it to giving the machine up */
#define COLLECT_GRACE 60  /* s without a byte after the command's end */
#define LOOK_MS	      200 /* the latest that an interrupt just before ppoll() is noticed */

enum phase { BOOTING, RUNNING, COLLECTING, FINISHED };

/* What a boot keeps while it runs, besides struct boot. */
struct boot_state {
	struct boot *boot;
	enum phase phase;
	int64_t deadline;   /* CLOCK_MONOTONIC ms at which the phase has taken too long, 0 never */
	unsigned int stage; /* how far stopping the command has got */
	bool timed_out;
	int seen; /* interrupts dealt with; those before the boot aren't */
	pid_t tar;
	int tar_pipe;
	int tar_says; /* memfd: its stderr, of which one line is passed on */
	bool tar_failed;
	bool out_closed[3]; /* nobody reads our stdout (1), stderr (2) */
	bool out_failed;    /* output was lost that somebody wanted */
	char buf[sizeof(struct nv_head) + NV_CHUNK];
	size_t filled;
};

static int64_t now_ms(void)
{
	return (int64_t)(monotonic_ns() / NSEC_PER_MSEC);
}

/* Blocks like any writer of a pipe, but a second interrupt gets through. */
static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR) {
			if (interrupts_seen() >= 2)
				return -EINTR;
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			if (poll(&p, 1, -1) < 0 && interrupts_seen() >= 2)
				return -EINTR;
			continue;
		}
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static int tell(struct boot_state *b, enum nv_type type, const void *data, size_t len)
{
	struct nv_head head = { .magic = NV_MAGIC, .type = type, .len = len };
	int err;

	if (len > NV_CHUNK)
		return -E2BIG;
	err = write_all(b->boot->machine->channel, (char *)&head, sizeof(head));
	return err ? err : write_all(b->boot->machine->channel, data, len);
}

static void tell_signal(struct boot_state *b, uint32_t sig)
{
	if (b->phase == RUNNING)
		tell(b, NV_SIGNAL, &sig, sizeof(sig));
}

static int send_command(struct boot_state *b)
{
	const struct run_options *o = b->boot->o;
	struct timespec t;
	struct nv_go go;
	int err = 0;

	for (char **p = o->env; *p && !err; p++)
		err = tell(b, NV_ENV, *p, strlen(*p));
	for (char **p = o->argv; *p && !err; p++)
		err = tell(b, NV_ARG, *p, strlen(*p));
	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &t);
	go.sec = t.tv_sec;
	go.nsec = t.tv_nsec;
	b->phase = RUNNING;
	b->boot->began = true;
	b->deadline = o->timeout ? now_ms() + o->timeout * 1000LL : 0;
	return tell(b, NV_GO, &go, sizeof(go));
}

static void pass_output(struct boot_state *b, int fd, const char *data, size_t len)
{
	int err = b->out_closed[fd] ? 0 : write_all(fd, data, len);

	if (!err || interrupts_seen() >= 2)
		return;
	if (err != -EPIPE && fd == STDOUT_FILENO) {
		complain("can't write to standard output: %s", strerror(-err));
		b->out_failed = true;
	}
	b->out_closed[fd] = true;
	tell_signal(b, SIGPIPE);
}

static void pass_tar(struct boot_state *b, const char *data, size_t len)
{
	int fds[2];

	if (!b->boot->o->out || b->tar_failed)
		return;
	if (!b->tar) {
		if (pipe2(fds, O_CLOEXEC)) {
			b->tar_failed = true;
			return;
		}
		b->tar_says = memfd_create("tar", MFD_CLOEXEC);
		b->tar = fork();
		if (!b->tar) {
			setsid();
			dup2(fds[0], 0);
			dup2(b->tar_says, 2);
			execlp("tar", "tar", "-x", "--no-same-owner", "-C", b->boot->o->out, "-f",
			       "-", NULL);
			_exit(127);
		}
		close(fds[0]);
		b->tar_pipe = fds[1];
		if (b->tar < 0) {
			close(fds[1]);
			b->tar = 0;
			b->tar_failed = true;
			return;
		}
	}
	if (write_all(b->tar_pipe, data, len))
		b->tar_failed = true;
}

static void finish_tar(struct boot_state *b)
{
	int status = 0;

	if (!b->tar)
		return;
	close(b->tar_pipe);
	while (waitpid(b->tar, &status, 0) < 0 && errno == EINTR)
		;
	b->tar = 0;
	if (status)
		b->tar_failed = true;
}

/* In one line: a full disk, which tar doesn't name, or the first line of what tar says. */
static void complain_of_tar(struct boot_state *b)
{
	char text[256] = "";
	struct statvfs fs;
	ssize_t n;

	if (!statvfs(b->boot->o->out, &fs) && !fs.f_bavail) {
		snprintf(text, sizeof(text), "%s", strerror(ENOSPC));
	} else {
		n = b->tar_says > 0 ? pread(b->tar_says, text, sizeof(text) - 1, 0) : 0;
		text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
	}
	complain("could not put all of what the command left into %s%s%s", b->boot->o->out,
		 *text ? ": " : "", !strncmp(text, "tar: ", 5) ? text + 5 : text);
}

static void take_status(struct boot_state *b, const char *data, size_t len)
{
	uint32_t status = 1 << 8;

	if (len == sizeof(status))
		memcpy(&status, data, sizeof(status));
	if (b->timed_out)
		b->boot->status = RUN_TIME_LIMIT;
	else
		b->boot->status =
			WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	b->phase = COLLECTING;
}

static int take_frame(struct boot_state *b, enum nv_type type, const char *data, size_t len)
{
	if (b->phase == COLLECTING)
		b->deadline = now_ms() + COLLECT_GRACE * 1000LL;
	switch (type) {
	case NV_READY:
		if (b->phase != BOOTING)
			return -EBADMSG;
		if (b->boot->o->verbose)
			complain("the machine is up: %.*s", (int)len, data);
		return send_command(b);
	case NV_OUT:
		pass_output(b, STDOUT_FILENO, data, len);
		return 0;
	case NV_ERR:
		pass_output(b, STDERR_FILENO, data, len);
		return 0;
	case NV_EXIT:
		take_status(b, data, len);
		b->deadline = now_ms() + COLLECT_GRACE * 1000LL;
		return 0;
	case NV_TAR:
		pass_tar(b, data, len);
		return 0;
	case NV_KLOG:
		klog_add(&b->boot->klog, data, len);
		return 0;
	case NV_BYE:
		b->phase = FINISHED;
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Return: 0, -EPIPE at the end of the machine, another negative errno for nonsense. */
static int take_bytes(struct boot_state *b)
{
	ssize_t n = recv(b->boot->machine->channel, b->buf + b->filled, sizeof(b->buf) - b->filled,
			 MSG_DONTWAIT);
	struct nv_head head;
	size_t at = 0;
	int err = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	if (!n)
		return -EPIPE;
	b->filled += n;
	while (!err && b->filled - at >= sizeof(head)) {
		memcpy(&head, b->buf + at, sizeof(head));
		if (head.magic != NV_MAGIC || head.len > NV_CHUNK)
			return -EBADMSG;
		if (b->filled - at - sizeof(head) < head.len)
			break;
		err = take_frame(b, head.type, b->buf + at + sizeof(head), head.len);
		at += sizeof(head) + head.len;
	}
	b->filled -= at;
	memmove(b->buf, b->buf + at, b->filled);
	return err;
}

/* Each call is one step less polite. Return: false when the machine has to go. */
static bool stop_command(struct boot_state *b)
{
	switch (b->stage++) {
	case 0:
		tell_signal(b, SIGINT);
		b->deadline = now_ms() + STOP_GRACE * 1000LL;
		return true;
	case 1:
		complain("the command does not end: it is killed");
		tell_signal(b, SIGKILL);
		b->deadline = now_ms() + KILL_GRACE * 1000LL;
		return true;
	default:
		return false;
	}
}

/* The deadline of a phase has passed. Return: false to give the machine up. */
static bool too_late(struct boot_state *b)
{
	if (b->phase != RUNNING)
		return false;
	if (!b->stage) {
		b->timed_out = true;
		complain("time limit of %u s reached: the command is stopped", b->boot->o->timeout);
	}
	return stop_command(b);
}

static bool interrupted(struct boot_state *b)
{
	b->seen = interrupts_seen();
	if (b->phase == BOOTING || b->seen >= 2)
		return false;
	return b->phase != RUNNING || b->stage || stop_command(b);
}

static enum outcome lost_machine(struct boot_state *b, bool gone)
{
	machine_reason(b->boot->machine, gone, b->boot->reason, sizeof(b->boot->reason));
	return b->phase == BOOTING ? OUTCOME_NEVER_STARTED : OUTCOME_DIED;
}

static enum outcome serve(struct boot_state *b)
{
	sigset_t none;

	sigemptyset(&none);
	while (b->phase != FINISHED) {
		struct pollfd p = { .fd = b->boot->machine->channel, .events = POLLIN };
		int64_t left = b->deadline ? b->deadline - now_ms() : LOOK_MS;
		struct timespec t = { 0 };
		int err;

		if (left > LOOK_MS)
			left = LOOK_MS;
		if (left > 0) {
			t.tv_sec = left / 1000;
			t.tv_nsec = left % 1000 * 1000000;
		}
		err = interrupts_seen() != b->seen ? 0 : ppoll(&p, 1, &t, &none);
		if (interrupts_seen() != b->seen && !interrupted(b)) {
			b->boot->status = SS_EXIT_INTERRUPTED;
			return OUTCOME_STOPPED;
		}
		if (err > 0 && take_bytes(b))
			return lost_machine(b, true);
		if (b->deadline && now_ms() >= b->deadline && !too_late(b)) {
			if (!b->timed_out)
				return lost_machine(b, false);
			b->boot->status = RUN_TIME_LIMIT;
			return OUTCOME_STOPPED;
		}
	}
	return OUTCOME_DONE;
}

enum outcome boot_run(struct boot *boot)
{
	struct boot_state *b = calloc(1, sizeof(*b));
	enum outcome outcome;
	int err;

	boot->status = SS_EXIT_NESTED;
	err = b ? machine_start(boot->machine, boot->o) : -ENOMEM;
	if (err) {
		snprintf(boot->reason, sizeof(boot->reason), "%s", strerror(-err));
		free(b);
		return OUTCOME_NEVER_STARTED;
	}
	b->boot = boot;
	b->deadline = now_ms() + boot->o->boot_timeout * 1000LL;
	outcome = serve(b);
	machine_kill(boot->machine);
	finish_tar(b);
	if (b->tar_failed) {
		complain_of_tar(b);
		if (!boot->status)
			boot->status = SS_EXIT_OUTPUT;
	}
	if (b->out_failed && !boot->status)
		boot->status = SS_EXIT_OUTPUT;
	if (b->tar_says > 0)
		close(b->tar_says);
	klog_take_console(&boot->klog, boot->machine->console);
	free(b);
	return outcome;
}
