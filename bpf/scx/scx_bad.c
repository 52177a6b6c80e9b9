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

#define DELAY_MAX_MS 5000 /* well below the kernel's watchdog */
#define AFTER_MAX_MS 600000

static const char usage[] =
	"usage: scx_bad --reject | --exit-now | --stall | --error | --delay MS [--after MS]\n"
	"A scheduler that misbehaves, for tests of what happens then.\n"
	"  --reject     the verifier refuses it\n"
	"  --exit-now   ends as soon as it is enabled, with status 0\n"
	"  --stall      loses a task, so that the kernel's watchdog ejects it\n"
	"  --error      reports an error and is ejected for it\n"
	"  --delay MS   holds each woken user task back for MS (1 to 5000)\n"
	"  --after MS   with --stall and --error: behave that long first (0)\n"
	"  --timeout MS with --stall: the watchdog's patience (2000)\n"
	"Exit status as of scx_vtime.\n";

struct options {
	bool reject;
	bool exit_now;
	enum bad_mode mode;
	long delay_ms;
	long after_ms;
	long timeout_ms;
};

/* Return: 0, or 1 after the help, or a negative errno. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "reject", no_argument, NULL, 'r' },
		{ "exit-now", no_argument, NULL, 'x' },
		{ "stall", no_argument, NULL, 's' },
		{ "error", no_argument, NULL, 'e' },
		{ "delay", required_argument, NULL, 'd' },
		{ "after", required_argument, NULL, 'a' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int opt, chosen = 0, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		switch (opt) {
		case 'r':
			o->reject = true;
			chosen++;
			break;
		case 'x':
			o->exit_now = true;
			chosen++;
			break;
		case 's':
			o->mode = BAD_STALL;
			chosen++;
			break;
		case 'e':
			o->mode = BAD_ERROR;
			chosen++;
			break;
		case 'd':
			o->mode = BAD_DELAY;
			chosen++;
			ret = scx_loader_number(optarg, 0, DELAY_MAX_MS, &o->delay_ms);
			break;
		case 'a':
			ret = scx_loader_number(optarg, 0, AFTER_MAX_MS, &o->after_ms);
			break;
		case 't':
			ret = scx_loader_number(optarg, 0, 30000, &o->timeout_ms);
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			ret = -EINVAL;
		}
	}
	return ret || chosen != 1 || optind != argc ? -EINVAL : 0;
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
	skel->rodata->delay_ns = o->delay_ms * 1000000ULL;
	skel->rodata->after_ns = o->after_ms * 1000000ULL;
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
	struct options o = { .timeout_ms = 2000 };
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
	if (o.mode == BAD_STALL) {
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
