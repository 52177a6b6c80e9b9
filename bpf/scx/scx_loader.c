// SPDX-License-Identifier: GPL-2.0-only
#include "scx_loader.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/libbpf.h>

#define EXIT_KIND_ERROR 1024 /* SCX_EXIT_ERROR: this and above are errors */
#define EXIT_KIND_UNREG 64   /* SCX_EXIT_UNREG: our own link went away */
#define POLL_NS		(50 * 1000 * 1000)

static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

/* The verifier's log comes as a warning: it is what the user needs to see. */
static int print_warnings(enum libbpf_print_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static int print_warnings(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

void scx_loader_init(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(print_warnings);
}

void scx_loader_enabled(const char *name)
{
	printf("%s: enabled\n", name);
}

bool scx_loader_gone(const volatile struct scx_exit_record *rec)
{
	return __atomic_load_n(&rec->kind, __ATOMIC_ACQUIRE);
}

void scx_loader_wait(const volatile struct scx_exit_record *rec)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	while (!stopping && !scx_loader_gone(rec))
		nanosleep(&pause, NULL);
}

int scx_loader_report(const char *name, const volatile struct scx_exit_record *rec, bool gone)
{
	__u64 kind = __atomic_load_n(&rec->kind, __ATOMIC_ACQUIRE);
	const char *reason = (const char *)rec->reason;
	const char *msg = (const char *)rec->msg;

	if (!gone && (!kind || kind == EXIT_KIND_UNREG)) {
		printf("%s: unloaded\n", name);
		return SCX_STATUS_OK;
	}
	fprintf(stderr, "%s: ended by the kernel: kind %llu, %s%s%s (code %lld)\n", name, kind,
		reason, *msg ? ": " : "", msg, rec->code);
	return kind >= EXIT_KIND_ERROR ? SCX_STATUS_KICKED : SCX_STATUS_EXITED;
}
