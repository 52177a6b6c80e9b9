// SPDX-License-Identifier: GPL-2.0-only
/* The thread that watches QEMU: its events, its words, its end, and the guest's console. */
#include "qemu/qemu_int.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* After QEMU's end, what is left in the sockets is taken without waiting. */
enum { WATCH_PID, WATCH_QMP, WATCH_SERIAL, WATCH_HVC, WATCH_WORDS, WATCHES };

static const char panic_words[] = "Kernel panic - not syncing";

void qemu_watch_event(void *ctx, const char *name, const char *reason)
{
	struct qemu *q = ctx;

	if (strcmp(name, "SHUTDOWN") || q->reason)
		return;
	if (!strcmp(reason, "guest-shutdown"))
		q->reason = QEMU_END_POWEROFF;
	else if (!strcmp(reason, "guest-reset"))
		q->reason = QEMU_END_RESET;
}

/* The same rule as our own machine's: only at a line's start, behind a time stamp. */
static void scan_line(struct qemu *q)
{
	const char *p = q->line;

	if (*p == '[') {
		p = strchr(p, ']');
		p = p ? p + 1 : "";
	}
	p += strspn(p, " ");
	if (!q->panic[0] && !strncmp(p, panic_words, sizeof(panic_words) - 1))
		snprintf(q->panic, sizeof(q->panic), "%.*s", (int)strcspn(p, "\r\n"), p);
}

static void scan(struct qemu *q, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (q->line_len < sizeof(q->line) - 1 && text[i] && text[i] != '\n')
			q->line[q->line_len++] = text[i];
		if (text[i] != '\n')
			continue;
		q->line[q->line_len] = '\0';
		q->line_len = 0;
		scan_line(q);
	}
}

/* Return: false at the end. */
static bool take_console(struct qemu *q, enum qemu_pair pair)
{
	char buf[4096];
	ssize_t n = recv(q->ours[pair], buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (pair == PAIR_SERIAL)
		scan(q, buf, (size_t)n);
	if (q->cfg->console)
		q->cfg->console(q->cfg->ctx, buf, (size_t)n);
	return true;
}

void qemu_take_words(struct qemu *q)
{
	char buf[1024];
	ssize_t n;

	while ((n = read(q->words_fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n && q->words_len < sizeof(q->words) - 1; i++)
			q->words[q->words_len++] = buf[i] ? buf[i] : ' ';
	q->words[q->words_len] = '\0';
	if (!n) {
		close(q->words_fd);
		q->words_fd = -1;
	}
}

static void *watch(void *arg)
{
	struct qemu *q = arg;
	struct pollfd p[WATCHES] = {
		[WATCH_PID] = { .fd = q->pid_fd, .events = POLLIN },
		[WATCH_QMP] = { .fd = q->qmp.fd, .events = POLLIN },
		[WATCH_SERIAL] = { .fd = q->ours[PAIR_SERIAL], .events = POLLIN },
		[WATCH_HVC] = { .fd = q->ours[PAIR_HVC], .events = POLLIN },
		[WATCH_WORDS] = { .fd = q->words_fd, .events = POLLIN },
	};
	const uint64_t one = 1;
	ssize_t n;

	/* A process that is gone has written all: one more turn without waiting takes it. */
	for (bool gone = false;;) {
		int ready = poll(p, WATCHES, gone ? 0 : -1);

		if (ready < 0)
			continue;
		if (p[WATCH_QMP].revents && qmp_events(&q->qmp))
			p[WATCH_QMP].fd = -1;
		if (p[WATCH_SERIAL].revents && !take_console(q, PAIR_SERIAL))
			p[WATCH_SERIAL].fd = -1;
		if (p[WATCH_HVC].revents && !take_console(q, PAIR_HVC))
			p[WATCH_HVC].fd = -1;
		if (p[WATCH_WORDS].revents)
			qemu_take_words(q);
		p[WATCH_WORDS].fd = q->words_fd;
		if (gone && !ready)
			break;
		if (p[WATCH_PID].fd >= 0 && p[WATCH_PID].revents) {
			gone = true;
			p[WATCH_PID].fd = -1;
		}
	}
	n = write(q->end_fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

int qemu_watch_start(struct qemu *q)
{
	int ret = pthread_create(&q->thread, NULL, watch, q);

	q->watching = !ret;
	return -ret;
}
