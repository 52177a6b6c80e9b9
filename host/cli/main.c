// SPDX-License-Identifier: GPL-2.0-only
/* The stallscope program: finds the subcommand and runs it. */
#include "cli/cmds.h"
#include "lib/exitcodes.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} cmds[] = {
	{ "run", cmd_run,
	  "boot a guest under IO pressure, trace it, say whose fault the stalls were" },
	{ "report", cmd_report, "print the report of a finished run again" },
	{ "doctor", cmd_doctor, "say whether this machine can run guests, and what is missing" },
	{ "throttle", cmd_throttle, "change a disk's limits while its guest runs" },
	{ "stat", cmd_stat, "show the counters of a live run" },
	{ "serve", cmd_serve,
	  "serve throttled disks to a virtual machine that somebody else runs" },
	{ "dump", cmd_dump, "print all there is to say of a live run's disks, as JSON" },
};

#define NR_CMDS (sizeof(cmds) / sizeof(cmds[0]))

static void usage(FILE *f)
{
	fputs("Usage: stallscope COMMAND [OPTION...]\n\n"
	      "Boots a Linux guest with throttled disks under a sched_ext scheduler and shows\n"
	      "whether a stall was the disk's, the throttle's, the host's or the scheduler's fault.\n\n"
	      "Commands:\n",
	      f);
	for (size_t i = 0; i < NR_CMDS; i++)
		fprintf(f, "  %-8s %s\n", cmds[i].name, cmds[i].what);
	fputs("\n'stallscope COMMAND --help' lists a command's options.\n"
	      "'stallscope --version' prints the version.\n",
	      f);
}

/*
 * A daemon's child may lack some: what is opened next would take their place, and the
 * disk, or whatever it is, would get our messages.
 */
static void keep_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	if (argc < 2) {
		usage(stderr);
		return SS_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return SS_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("stallscope " SS_VERSION);
		return SS_EXIT_OK;
	}
	for (size_t i = 0; i < NR_CMDS; i++)
		if (!strcmp(argv[1], cmds[i].name))
			return cmds[i].run(argc - 1, argv + 1);
	ss_err("unknown command '%s' (known: run, report, doctor, throttle, stat, serve, dump; see stallscope --help)",
	       argv[1]);
	return SS_EXIT_USAGE;
}
