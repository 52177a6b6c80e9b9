// SPDX-License-Identifier: GPL-2.0-only
/* What every scheduler's program does: load, stay while it is enabled, say how it ended. */
#include "scx_loader.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

int scx_loader_number(const char *text, long min, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return errno || *end || end == text || *out < min || *out > max ? -EINVAL : 0;
}

static bool is_gone(const volatile struct scx_exit_record *rec)
{
	return __atomic_load_n(&rec->kind, __ATOMIC_ACQUIRE);
}

static void wait_for_end(const volatile struct scx_exit_record *rec)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	while (!stopping && !is_gone(rec))
		nanosleep(&pause, NULL);
}

static int report(const char *name, const volatile struct scx_exit_record *rec, bool gone)
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

int scx_loader_run(const char *name, struct bpf_object_skeleton *skel, struct bpf_map *ops,
		   const volatile struct scx_exit_record *rec, bool stay)
{
	struct bpf_link *link;
	bool gone;

	if (bpf_object__load_skeleton(skel)) {
		fprintf(stderr, "%s: the kernel refused the scheduler: %s\n", name,
			strerror(errno));
		return SCX_STATUS_LOAD;
	}
	link = bpf_map__attach_struct_ops(ops);
	if (!link) {
		fprintf(stderr, "%s: can't be enabled: %s\n", name, strerror(errno));
		return SCX_STATUS_LOAD;
	}
	printf("%s: enabled\n", name);
	if (stay)
		wait_for_end(rec);
	gone = is_gone(rec);
	bpf_link__destroy(link);
	return report(name, rec, gone);
}
