// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a run ends: the first reason counts; a panic comes before the guest reboots
 * or hangs; and a descriptor becomes readable.
 */
#include "vm/machine_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* How long a guest may take from its panic to its reboot. */
#define PANIC_GRACE_S 3

static const char *const end_names[] = {
	[VM_END_RUNNING] = "running",
	[VM_END_POWEROFF] = "poweroff",
	[VM_END_REBOOT] = "reboot",
	[VM_END_PANIC] = "panic",
	[VM_END_TRIPLE_FAULT] = "triple_fault",
	[VM_END_INTERNAL_ERROR] = "internal_error",
	[VM_END_TIMEOUT] = "timeout",
	[VM_END_INTERRUPTED] = "interrupted",
};

const char *vm_end_name(enum vm_end end)
{
	if ((unsigned int)end >= sizeof(end_names) / sizeof(*end_names))
		return "unknown";
	return end_names[end];
}

static int epoll_add(int epoll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int machine_end_init(struct machine *m)
{
	int ret;

	m->end_vcpu = -1;
	m->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->panic_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	m->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (m->end_fd < 0 || m->request_fd < 0 || m->panic_timer < 0 || m->wait_fd < 0)
		return -errno;
	ret = epoll_add(m->wait_fd, m->end_fd);
	return ret ? ret : epoll_add(m->wait_fd, m->panic_timer);
}

void machine_end_destroy(struct machine *m)
{
	const int fds[] = { m->wait_fd, m->panic_timer, m->request_fd, m->end_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void end_signal(struct machine *m)
{
	const uint64_t one = 1;
	ssize_t ignored = write(m->end_fd, &one, sizeof(one));

	(void)ignored;
}

void machine_set_end(struct machine *m, enum vm_end end, int vcpu, const char *fmt, ...)
{
	int running = VM_END_RUNNING;
	va_list ap;

	if (!atomic_compare_exchange_strong(&m->end, &running, (int)end))
		return;
	/* Only read after the vCPU threads are joined, so nobody sees half of it. */
	m->end_vcpu = vcpu;
	va_start(ap, fmt);
	vsnprintf(m->end_detail, sizeof(m->end_detail), fmt, ap);
	va_end(ap);
	end_signal(m);
}

void machine_stop(struct machine *m, enum vm_end why)
{
	int running = VM_END_RUNNING;

	if (why != VM_END_TIMEOUT)
		why = VM_END_INTERRUPTED;
	if (atomic_compare_exchange_strong(&m->end, &running, (int)why))
		end_signal(m);
}

int machine_end_fd(const struct machine *m)
{
	return m->wait_fd;
}

void machine_note_panic(struct machine *m, const char *text, size_t len, bool certain)
{
	const struct itimerspec grace = { .it_value.tv_sec = PANIC_GRACE_S };

	if (certain)
		atomic_store(&m->panic_certain, true);
	pthread_mutex_lock(&m->panic_lock);
	if (text && !m->panic_text[0])
		snprintf(m->panic_text, sizeof(m->panic_text), "%.*s", (int)len, text);
	pthread_mutex_unlock(&m->panic_lock);
	if (!atomic_exchange(&m->panic_seen, true))
		timerfd_settime(m->panic_timer, 0, &grace, NULL);
}

/*
 * "[    1.234567] Kernel panic - not syncing: ..." or the same without a stamp.
 * Anchored at the line's start: a program that merely quotes it isn't a panic.
 */
void machine_scan_console(struct machine *m, const char *text, size_t len)
{
	static const char panic[] = "Kernel panic - not syncing";
	const char *end = text + len, *p = text;

	if (p < end && *p == '[') {
		p = memchr(p, ']', len);
		if (!p)
			return;
		p++;
	}
	while (p < end && *p == ' ')
		p++;
	if ((size_t)(end - p) < sizeof(panic) - 1 || memcmp(p, panic, sizeof(panic) - 1))
		return;
	while (end > p && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	machine_note_panic(m, p, (size_t)(end - p), false);
}
