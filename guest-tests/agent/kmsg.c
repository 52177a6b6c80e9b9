// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's log: what it said of the scheduler, and the last it said at all. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void tail_add(struct tail *t, const char *text, size_t len)
{
	size_t room = sizeof(t->text) - 1;

	if (len > room) {
		text += len - room;
		len = room;
	}
	if (t->len + len > room) {
		size_t drop = t->len + len - room;

		t->len -= drop;
		memmove(t->text, t->text + drop, t->len);
	}
	memcpy(t->text + t->len, text, len);
	t->len += len;
	t->text[t->len] = '\0';
}

void kmsg_open(struct agent *a)
{
	a->kmsg.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (a->kmsg.fd < 0) {
		say("can't read the kernel log: %s", strerror(errno));
		return;
	}
	lseek(a->kmsg.fd, 0, SEEK_END);
}

/* 'sched_ext: BPF scheduler "simple" disabled (runnable task stall)' */
static void take_reason(struct kmsg *k, const char *line, size_t len)
{
	static const char mark[] = " disabled (";
	const char *p = memmem(line, len, mark, sizeof(mark) - 1);
	size_t n;

	if (!p)
		return;
	p += sizeof(mark) - 1;
	n = strnlen(p, line + len - p);
	while (n && p[n - 1] != ')')
		n--;
	if (!n)
		return;
	n--;
	if (n >= sizeof(k->reason))
		n = sizeof(k->reason) - 1;
	memcpy(k->reason, p, n);
	k->reason[n] = '\0';
}

void kmsg_line(struct kmsg *k, const char *line, size_t len)
{
	if (!memmem(line, len, "sched_ext", 9))
		return;
	take_reason(k, line, len);
	tail_add(&k->words, line, len);
	tail_add(&k->words, "\n", 1);
}

void kmsg_read(struct agent *a)
{
	char rec[2048];
	ssize_t n;

	if (a->kmsg.fd < 0)
		return;
	/* A reader that fell behind gets EPIPE once, then the oldest line left. */
	while ((n = read(a->kmsg.fd, rec, sizeof(rec))) > 0 || (n < 0 && errno == EPIPE)) {
		char *text, *nl;

		if (n < 0)
			continue;
		text = memchr(rec, ';', n);
		if (!text++)
			continue;
		nl = memchr(text, '\n', rec + n - text);
		kmsg_line(&a->kmsg, text, (nl ? nl : rec + n) - text);
	}
}

int kmsg_kind(const struct kmsg *k)
{
	static const struct {
		const char *reason;
		int kind;
	} kinds[] = {
		{ "unregistered from user space", 64 },
		{ "unregistered from BPF", 65 },
		{ "unregistered from the main kernel", 66 },
		{ "disabled by sysrq-S", 67 },
		{ "runtime error", 1024 },
		{ "scx_bpf_error", 1025 },
		{ "runnable task stall", 1026 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(k->reason, kinds[i].reason))
			return kinds[i].kind;
	return -1;
}

bool kmsg_kicked(const struct kmsg *k)
{
	/* What a scheduler does of its own will; anything else is done to it. */
	return k->reason[0] && strcmp(k->reason, "unregistered from user space") &&
	       strcmp(k->reason, "unregistered from BPF");
}
