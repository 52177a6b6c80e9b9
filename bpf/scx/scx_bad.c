// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a scheduler that misbehaves in the way its option says. For tests.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "scx_bad.h"
#include "scx_loader.h"
#include "scx_bad.skel.h"

#define NSEC_PER_MSEC 1000000ULL
#define DELAY_MAX_MS  5000 /* well below the kernel's watchdog */
#define AFTER_MAX_MS  600000

static const char usage[] =
	"usage: scx_bad FAULT [option...]\n"
	"A scheduler that misbehaves, for tests of what happens then. One fault of\n"
	"  --reject     the verifier refuses it\n"
	"  --exit-now   ends as soon as it is enabled, with status 0\n"
	"  --stall      loses a task, so that the kernel's watchdog ejects it\n"
	"  --error      reports an error and is ejected for it\n"
	"  --delay MS   holds each woken task back for MS (1 to 5000), though CPUs idle\n"
	"  --one-cpu N  puts all tasks on CPU N\n"
	"  --no-kick MS queues a task for another CPU and doesn't tell it; those that idle\n"
	"               look every MS (1 to 5000)\n"
	"  --hogs       who used its slice up goes before who slept\n"
	"  --lifo       who came last goes first\n"
	"  --fifo       none: first come, first served\n"
	"  --slice MS   how long a task may run (2; 1 to 5000)\n"
	"  --whom W     users (the default), kthreads, or all: whom the fault concerns\n"
	"  --only NAME  only tasks of this name\n"
	"  --after MS   with --stall and --error: behave that long first (0)\n"
	"  --timeout MS with --stall: the watchdog's patience (2000)\n"
	"Exit status as of scx_vtime.\n";

struct options {
	bool reject;
	bool exit_now;
	enum bad_mode mode;
	enum bad_whom whom;
	long delay_ms;
	long cpu;
	long slice_ms;
	long after_ms;
	long timeout_ms;
	char only[BAD_COMM_LEN];
};

static int parse_whom(const char *text, enum bad_whom *out)
{
	static const char *const name[] = { "users", "kthreads", "all" };

	for (unsigned int i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		if (strcmp(text, name[i]))
			continue;
		*out = i;
		return 0;
	}
	return -EINVAL;
}

static int parse_only(const char *text, char *out)
{
	if (!*text || strlen(text) >= BAD_COMM_LEN)
		return -EINVAL;
	strcpy(out, text);
	return 0;
}

/* What goes with a fault. Return: 0 or -EINVAL. */
static int parse_more(int opt, struct options *o)
{
	switch (opt) {
	case 'w':
		return parse_whom(optarg, &o->whom);
	case 'n':
		return parse_only(optarg, o->only);
	case 'S':
		return scx_loader_number(optarg, 1, DELAY_MAX_MS, &o->slice_ms);
	case 'a':
		return scx_loader_number(optarg, 0, AFTER_MAX_MS, &o->after_ms);
	case 't':
		return scx_loader_number(optarg, 0, 30000, &o->timeout_ms);
	default:
		return -EINVAL;
	}
}

/* Return: 0; 1: @opt is no fault; -EINVAL */
static int parse_fault(int opt, struct options *o)
{
	switch (opt) {
	case 'r':
		o->reject = true;
		return 0;
	case 'x':
		o->exit_now = true;
		return 0;
	case 's':
		o->mode = BAD_STALL;
		return 0;
	case 'e':
		o->mode = BAD_ERROR;
		return 0;
	case 'd':
		o->mode = BAD_DELAY;
		return scx_loader_number(optarg, 1, DELAY_MAX_MS, &o->delay_ms);
	case 'c':
		o->mode = BAD_ONE_CPU;
		return scx_loader_number(optarg, 0, libbpf_num_possible_cpus() - 1, &o->cpu);
	case 'k':
		o->mode = BAD_NO_KICK;
		return scx_loader_number(optarg, 1, DELAY_MAX_MS, &o->delay_ms);
	case 'g':
		o->mode = BAD_HOGS;
		return 0;
	case 'l':
		o->mode = BAD_LIFO;
		return 0;
	case 'f':
		o->mode = BAD_NOTHING;
		return 0;
	default:
		return 1;
	}
}

/* Return: 0, or 1 after the help, or a negative errno. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "reject", no_argument, NULL, 'r' },
		{ "exit-now", no_argument, NULL, 'x' },
		{ "stall", no_argument, NULL, 's' },
		{ "error", no_argument, NULL, 'e' },
		{ "delay", required_argument, NULL, 'd' },
		{ "one-cpu", required_argument, NULL, 'c' },
		{ "no-kick", required_argument, NULL, 'k' },
		{ "hogs", no_argument, NULL, 'g' },
		{ "lifo", no_argument, NULL, 'l' },
		{ "fifo", no_argument, NULL, 'f' },
		{ "slice", required_argument, NULL, 'S' },
		{ "whom", required_argument, NULL, 'w' },
		{ "only", required_argument, NULL, 'n' },
		{ "after", required_argument, NULL, 'a' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int opt, faults = 0, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		if (opt == 'h') {
			fputs(usage, stdout);
			return 1;
		}
		ret = parse_fault(opt, o);
		if (ret == 1)
			ret = parse_more(opt, o);
		else
			faults++;
	}
	return ret || faults != 1 || optind != argc ? -EINVAL : 0;
}

/* Wakes a thousand times a second, so that it is soon queued and lost. */
static pid_t start_victim(void)
{
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "scx_victim");
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	for (;;)
		nanosleep(&nap, NULL);
}

static void configure(struct scx_bad_bpf *skel, const struct options *o)
{
	bpf_map__set_autocreate(skel->maps.rejected_ops, o->reject);
	bpf_map__set_autocreate(skel->maps.bad_ops, !o->reject);
	skel->rodata->mode = o->mode;
	skel->rodata->whom = o->whom;
	memcpy((char *)skel->rodata->only, o->only, sizeof(o->only));
	skel->rodata->one_cpu = o->cpu;
	skel->rodata->slice_ns = o->slice_ms * NSEC_PER_MSEC;
	skel->rodata->delay_ns = o->delay_ms * NSEC_PER_MSEC;
	if (o->mode == BAD_DELAY)
		skel->rodata->kick_ns = NSEC_PER_MSEC;
	if (o->mode == BAD_NO_KICK)
		skel->rodata->kick_ns = o->delay_ms * NSEC_PER_MSEC;
	skel->rodata->after_ns = o->after_ms * NSEC_PER_MSEC;
	skel->rodata->nr_cpus = libbpf_num_possible_cpus();
	if (o->mode == BAD_STALL)
		skel->struct_ops.bad_ops->timeout_ms = o->timeout_ms;
}

static int run(struct scx_bad_bpf *skel, const struct options *o)
{
	struct bpf_map *ops = o->reject ? skel->maps.rejected_ops : skel->maps.bad_ops;

	return scx_loader_run("bad", skel->skeleton, ops, &skel->bss->exit_record, !o->exit_now);
}

int main(int argc, char **argv)
{
	struct options o = { .timeout_ms = 2000, .slice_ms = 2 };
	struct scx_bad_bpf *skel;
	pid_t victim = 0;
	int ret;

	ret = parse(argc, argv, &o);
	if (ret > 0)
		return SCX_STATUS_OK;
	if (ret) {
		fputs(usage, stderr);
		return SCX_STATUS_USAGE;
	}
	scx_loader_init();
	skel = scx_bad_bpf__open();
	if (!skel) {
		fprintf(stderr, "bad: can't be opened: %s\n", strerror(errno));
		return SCX_STATUS_LOAD;
	}
	configure(skel, &o);
	if (o.mode == BAD_STALL && !o.only[0]) {
		victim = start_victim();
		skel->bss->victim_tgid = victim > 0 ? victim : 0;
	}
	ret = run(skel, &o);
	if (victim > 0) {
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
	}
	scx_bad_bpf__destroy(skel);
	return ret;
}
