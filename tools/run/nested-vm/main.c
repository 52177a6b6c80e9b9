// SPDX-License-Identifier: GPL-2.0-only
/*
 * nested-run: options and signals, a second try for a machine that did not
 * come up, and the exit status.
 */
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/number.h"
#include "nested_run.h"

void complain(const char *fmt, ...)
{
	char line[512];
	/* A user of `stallscope run` has never heard of nested-run. */
	const char *caller = getenv("STALLSCOPE_CALLER");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "%s: %s\n", caller && *caller ? caller : "nested", line);
}

static bool number(const char *text, unsigned int *value)
{
	uint64_t n;

	if (number_parse(text, INT_MAX / 1000, &n))
		return false;
	*value = (unsigned int)n;
	return true;
}

static int usage(void)
{
	dprintf(STDERR_FILENO,
		"usage: nested-run --qemu FILE --kernel FILE --initrd FILE [--scratch DIR] [--out DIR]\n"
		"	[--append TEXT] [--memory MIB] [--timeout S] [--boot-timeout S] [--verbose]\n"
		"	[--drive FILE[,ro][,share]]... [--env K=V]... -- CMD ARGS...\n"
		"(started by nested)\n");
	return SS_EXIT_USAGE;
}

static int parse(int argc, char **argv, struct run_options *o)
{
	static const struct option options[] = {
		{ "qemu", required_argument, NULL, 'q' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "scratch", required_argument, NULL, 's' },
		{ "out", required_argument, NULL, 'o' },
		{ "append", required_argument, NULL, 'a' },
		{ "memory", required_argument, NULL, 'm' },
		{ "timeout", required_argument, NULL, 't' },
		{ "boot-timeout", required_argument, NULL, 'b' },
		{ "drive", required_argument, NULL, 'd' },
		{ "env", required_argument, NULL, 'e' },
		{ "verbose", no_argument, NULL, 'v' },
		{ .name = NULL },
	};
	size_t n = 0;
	int c;

	o->env = calloc(argc, sizeof(*o->env));
	if (!o->env)
		return SS_EXIT_NESTED;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		bool fine = true;

		switch (c) {
		case 'q':
			o->qemu = optarg;
			break;
		case 'k':
			o->kernel = optarg;
			break;
		case 'i':
			o->initrd = optarg;
			break;
		case 's':
			o->scratch = optarg;
			break;
		case 'o':
			o->out = optarg;
			break;
		case 'a':
			o->append = optarg;
			break;
		case 'm':
			fine = number(optarg, &o->memory) && o->memory;
			break;
		case 't':
			fine = number(optarg, &o->timeout);
			break;
		case 'b':
			fine = number(optarg, &o->boot_timeout) && o->boot_timeout;
			break;
		case 'd':
			fine = o->nr_drives < RUN_MAX_DRIVES;
			if (fine)
				o->drives[o->nr_drives++] = optarg;
			break;
		case 'e':
			o->env[n++] = optarg;
			fine = strchr(optarg, '=');
			break;
		case 'v':
			o->verbose = true;
			break;
		default:
			return usage();
		}
		if (!fine) {
			complain("'%s' is no value for this option", optarg);
			return SS_EXIT_USAGE;
		}
	}
	o->argv = argv + optind;
	return o->qemu && o->kernel && o->initrd && o->argv[0] ? 0 : usage();
}

/* The initrd is open and will be found by its number: nothing needs its name. */
static void remove_scratch(const struct run_options *o)
{
	if (!o->scratch)
		return;
	unlink(o->initrd);
	rmdir(o->scratch);
}

static int run(const struct run_options *o)
{
	struct boot boot = { .o = o };
	struct machine machine;
	enum outcome outcome;
	int err;

	err = machine_init(&machine, o);
	remove_scratch(o);
	if (err) {
		complain("%s: %s", o->initrd, strerror(-err));
		return SS_EXIT_NESTED;
	}
	boot.machine = &machine;
	outcome = boot_run(&boot);
	if (outcome == OUTCOME_NEVER_STARTED && !interrupts_seen()) {
		complain("the emulated machine did not come up (%s): trying once more",
			 boot.reason);
		klog_free(&boot.klog);
		outcome = boot_run(&boot);
	}
	if (outcome == OUTCOME_NEVER_STARTED)
		complain("the emulated machine could not be started: %s", boot.reason);
	else if (outcome == OUTCOME_DIED)
		complain("the emulated machine died while the command ran: %s", boot.reason);
	if (outcome == OUTCOME_NEVER_STARTED || outcome == OUTCOME_DIED)
		boot.status = SS_EXIT_NESTED;
	klog_report(&boot.klog);
	/* No log for somebody who interrupts it before the command was started. */
	if (o->out && (boot.began || !interrupts_seen())) {
		err = klog_save(&boot.klog, o->out);
		/* One line about a full disk is enough. */
		if (err && boot.status != SS_EXIT_OUTPUT)
			complain("%s/l1-kernel.log: %s", o->out, strerror(-err));
		if (err && !boot.status)
			boot.status = SS_EXIT_OUTPUT;
	}
	klog_free(&boot.klog);
	return boot.status;
}

int main(int argc, char **argv)
{
	struct run_options o = { .memory = 2048, .timeout = 600, .boot_timeout = 120 };
	int ret;

	ret = parse(argc, argv, &o);
	if (!ret) {
		interrupts_catch();
		ret = run(&o);
	}
	free(o.env);
	return ret;
}
