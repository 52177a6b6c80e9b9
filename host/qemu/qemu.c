// SPDX-License-Identifier: GPL-2.0-only
/* QEMU as a child process: started, connected, ended. */
#include "qemu/qemu_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT_BUFFER (512 * 1024)

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_pair(struct qemu *q, unsigned int i)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -errno;
	q->ours[i] = sv[0];
	q->theirs[i] = sv[1];
	return fcntl(sv[0], F_SETFL, O_NONBLOCK) ? -errno : 0;
}

static int make_fds(struct qemu *q)
{
	const int size = AGENT_BUFFER;
	int words[2], ret = 0;

	for (unsigned int i = 0; !ret && i < PAIR_DISK + q->cfg->nr_disks; i++)
		ret = make_pair(q, i);
	if (ret)
		return ret;
	setsockopt(q->ours[PAIR_AGENT], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(q->theirs[PAIR_AGENT], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (pipe2(words, O_CLOEXEC))
		return -errno;
	q->words_fd = words[0];
	q->words_out = words[1];
	q->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->never_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->end_fd < 0 || q->never_fd < 0 || fcntl(q->words_fd, F_SETFL, O_NONBLOCK))
		return -errno;
	return 0;
}

int qemu_create(const struct qemu_config *cfg, struct qemu **out)
{
	struct qemu *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return -ENOMEM;
	q->cfg = cfg;
	for (unsigned int i = 0; i < QEMU_PAIRS; i++)
		q->ours[i] = q->theirs[i] = -1;
	q->words_fd = q->words_out = q->end_fd = q->never_fd = q->pid_fd = -1;
	q->page_fd = -1;
	ret = make_fds(q);
	if (!ret)
		ret = qemu_clock_init(q);
	if (ret) {
		qemu_destroy(q);
		return ret;
	}
	q->qmp = (struct qmp){ .fd = q->ours[PAIR_QMP], .event = qemu_watch_event, .ctx = q };
	*out = q;
	return 0;
}

int qemu_disk_sock(struct qemu *q, unsigned int disk)
{
	int fd = q->ours[PAIR_DISK + disk];

	q->ours[PAIR_DISK + disk] = -1;
	return fd;
}

static void set_child_fds(const struct qemu *q)
{
	int null = open("/dev/null", O_RDWR);

	for (unsigned int i = 0; i < QEMU_PAIRS; i++)
		if (q->theirs[i] >= 0)
			fcntl(q->theirs[i], F_SETFD, 0);
	fcntl(q->page_fd, F_SETFD, 0);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(q->words_out, STDERR_FILENO);
}

/* The status of a child that couldn't execute the program; QEMU's own are 0 and 1. */
#define STATUS_NO_EXEC 127

static void run_child(struct qemu *q, const struct qemu_args *a, pid_t parent)
{
	/* The user's ctrl-C is ours to act on. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_NO_EXEC);
	set_child_fds(q);
	execv(a->v[0], a->v);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(STATUS_NO_EXEC);
}

static int spawn(struct qemu *q)
{
	struct qemu_fds fds = {
		.qmp = q->theirs[PAIR_QMP],
		.serial = q->theirs[PAIR_SERIAL],
		.hvc = q->theirs[PAIR_HVC],
		.agent = q->theirs[PAIR_AGENT],
		.page = q->page_fd,
	};
	pid_t parent = getpid();
	struct qemu_args a;
	int ret = 0;

	for (unsigned int i = 0; i < q->cfg->nr_disks; i++)
		fds.disk[i] = q->theirs[PAIR_DISK + i];
	qemu_args(q->cfg, &fds, &a);
	if (a.full) {
		ret = -E2BIG;
		goto out;
	}
	q->pid = fork();
	if (!q->pid)
		run_child(q, &a, parent);
	if (q->pid < 0) {
		ret = -errno;
		q->pid = 0;
		goto out;
	}
	q->pid_fd = (int)syscall(SYS_pidfd_open, q->pid, 0);
	if (q->pid_fd < 0)
		ret = -errno;
	for (unsigned int i = 0; i < QEMU_PAIRS; i++)
		close_fd(&q->theirs[i]);
	close_fd(&q->words_out);
out:
	qemu_args_free(&a);
	return ret;
}

static void reap(struct qemu *q)
{
	while (q->pid && !q->reaped) {
		pid_t n = waitpid(q->pid, &q->status, 0);

		q->reaped = n == q->pid || (n < 0 && errno != EINTR);
	}
}

/* The first line that tells of more than a warning. */
static const char *first_words(struct qemu *q)
{
	char *line, *save;

	if (q->words_fd >= 0)
		qemu_take_words(q);
	for (line = strtok_r(q->words, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strstr(line, "warning: "))
			return line;
	return "it said nothing";
}

static const char *how(const struct qemu *q, char buf[32])
{
	if (WIFSIGNALED(q->status))
		snprintf(buf, 32, "signal %d", WTERMSIG(q->status));
	else
		snprintf(buf, 32, "exit status %d", WEXITSTATUS(q->status));
	return buf;
}

/* QEMU didn't get as far as it should: why? */
static int not_started(struct qemu *q, int ret, char *err, size_t size)
{
	char buf[32];

	kill(q->pid, ret == -ECONNRESET ? 0 : SIGKILL);
	reap(q);
	if (WIFEXITED(q->status) && WEXITSTATUS(q->status) == STATUS_NO_EXEC) {
		snprintf(err, size, "%s can't be executed: %s", q->cfg->path, first_words(q));
		return -ENOENT;
	}
	if (ret == -ECONNRESET) {
		snprintf(err, size, "%s ended at once (%s): %s", q->cfg->path, how(q, buf),
			 first_words(q));
		return -ECHILD;
	}
	snprintf(err, size, "%s %s: is it a QEMU?", q->cfg->path,
		 ret == -ETIMEDOUT ? "doesn't answer" : "doesn't speak as QEMU does");
	return -ECHILD;
}

static int talk(struct qemu *q, int *major, int *minor)
{
	int ret = qmp_greeting(&q->qmp, major, minor);

	if (ret)
		return ret;
	if (*major < QEMU_MIN_MAJOR || (*major == QEMU_MIN_MAJOR && *minor < QEMU_MIN_MINOR))
		return -ENOTSUP;
	ret = qmp_command(&q->qmp, "qmp_capabilities");
	if (!ret)
		ret = qmp_vcpus(&q->qmp, q->tid, q->cfg->nr_vcpus);
	if (!ret)
		ret = qmp_command(&q->qmp, "cont");
	return ret;
}

int qemu_start(struct qemu *q, char *err, size_t size)
{
	int major = 0, minor = 0, ret = spawn(q);

	if (ret) {
		snprintf(err, size, "can't start %s: %s", q->cfg->path, strerror(-ret));
		return ret;
	}
	ret = talk(q, &major, &minor);
	if (ret == -ENOTSUP) {
		snprintf(err, size, "%s is QEMU %d.%d: %d.%d or newer is needed", q->cfg->path,
			 major, minor, QEMU_MIN_MAJOR, QEMU_MIN_MINOR);
		return ret;
	}
	if (ret)
		return not_started(q, ret, err, size);
	ret = qemu_watch_start(q);
	if (!ret)
		ret = qemu_clock_start(q);
	if (ret)
		snprintf(err, size, "can't start a thread: %s", strerror(-ret));
	return ret;
}

int qemu_end_fd(const struct qemu *q)
{
	return q->end_fd;
}

void qemu_stop(struct qemu *q)
{
	atomic_store(&q->stopped, true);
	if (q->pid && !q->reaped)
		kill(q->pid, SIGKILL);
}

static void end_watch(struct qemu *q)
{
	if (q->watching)
		pthread_join(q->thread, NULL);
	q->watching = false;
}

enum qemu_end qemu_wait(struct qemu *q, char *detail, size_t size)
{
	char buf[32];

	end_watch(q);
	reap(q);
	detail[0] = '\0';
	if (q->panic[0]) {
		snprintf(detail, size, "%s", q->panic);
		return QEMU_END_PANIC;
	}
	if (q->reason == QEMU_END_POWEROFF)
		snprintf(detail, size, "the guest powered off");
	else if (q->reason == QEMU_END_RESET)
		snprintf(detail, size, "the guest reset its machine");
	if (q->reason)
		return q->reason;
	if (atomic_load(&q->stopped))
		return QEMU_END_STOPPED;
	snprintf(detail, size, "QEMU ended (%s): %s", how(q, buf), first_words(q));
	return QEMU_END_DIED;
}

pid_t qemu_pid(const struct qemu *q)
{
	return q->pid;
}

pid_t qemu_vcpu_tid(const struct qemu *q, unsigned int vcpu)
{
	return vcpu < q->cfg->nr_vcpus ? q->tid[vcpu] : 0;
}

/* --- the agent's stream --- */

int qemu_agent_fd(const struct qemu *q)
{
	return q->ours[PAIR_AGENT];
}

/* What the socket has no room for is kept, so that a frame is sent whole or not at all. */
static int flush(struct qemu *q)
{
	ssize_t n;

	if (!q->agent_len)
		return 0;
	n = send(q->ours[PAIR_AGENT], q->agent_out, q->agent_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		q->agent_len -= (size_t)n;
		memmove(q->agent_out, q->agent_out + n, q->agent_len);
	}
	return q->agent_len ? -EAGAIN : 0;
}

ssize_t qemu_agent_read(struct qemu *q, void *buf, size_t size)
{
	ssize_t n;

	flush(q);
	n = recv(q->ours[PAIR_AGENT], buf, size, MSG_DONTWAIT);
	if (n > 0)
		return n;
	/* At its end the stream would poll readable for ever: something quiet takes its place. */
	if (!n || (errno != EAGAIN && errno != EINTR && errno != ENOTSOCK))
		dup3(q->never_fd, q->ours[PAIR_AGENT], O_CLOEXEC);
	return -EAGAIN;
}

int qemu_agent_write(struct qemu *q, const void *buf, size_t len)
{
	char *copy;

	if (flush(q))
		return -EAGAIN;
	copy = realloc(q->agent_out, len);
	if (!copy)
		return -ENOMEM;
	q->agent_out = copy;
	memcpy(copy, buf, len);
	q->agent_len = len;
	flush(q);
	return 0;
}

void qemu_destroy(struct qemu *q)
{
	if (!q)
		return;
	qemu_stop(q);
	end_watch(q);
	reap(q);
	qemu_clock_destroy(q);
	for (unsigned int i = 0; i < QEMU_PAIRS; i++) {
		close_fd(&q->ours[i]);
		close_fd(&q->theirs[i]);
	}
	close_fd(&q->words_fd);
	close_fd(&q->words_out);
	close_fd(&q->end_fd);
	close_fd(&q->never_fd);
	close_fd(&q->pid_fd);
	free(q->agent_out);
	free(q);
}
