// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads the vtime scheduler and stays until it shall go or the kernel ends it.
 */
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#include "scx_loader.h"
#include "scx_vtime.skel.h"

static const char usage[] =
	"usage: scx_vtime [-f] [-p] [-s MICROSECONDS] [-h]\n"
	"Schedules by weighted virtual time, all CPUs from one queue, until SIGINT or SIGTERM.\n"
	"  -f       first come, first served instead\n"
	"  -p       only tasks of the policy SCHED_EXT\n"
	"  -s US    time slice in microseconds, 100 to 1000000 (5000)\n"
	"  -h       this text\n"
	"Exit status: 0 ended by a signal, 1 not loaded, 2 bad usage, 3 ended by the kernel\n"
	"without an error, 4 ejected by the kernel for an error.\n";

int main(int argc, char **argv)
{
	struct scx_vtime_bpf *skel;
	long us;
	int opt, status;

	scx_loader_init();
	skel = scx_vtime_bpf__open();
	if (!skel) {
		fprintf(stderr, "vtime: can't be opened: %s\n", strerror(errno));
		return SCX_STATUS_LOAD;
	}
	while ((opt = getopt(argc, argv, "fps:h")) != -1) {
		switch (opt) {
		case 'f':
			skel->rodata->fifo = true;
			break;
		case 'p':
			skel->struct_ops.vtime_ops->flags |= SCX_FLAG_SWITCH_PARTIAL;
			break;
		case 's':
			if (scx_loader_number(optarg, 100, 1000000, &us)) {
				fprintf(stderr, "vtime: -s takes 100 to 1000000 microseconds\n");
				status = SCX_STATUS_USAGE;
				goto out;
			}
			skel->rodata->slice_ns = us * 1000;
			break;
		case 'h':
			fputs(usage, stdout);
			status = SCX_STATUS_OK;
			goto out;
		default:
			fputs(usage, stderr);
			status = SCX_STATUS_USAGE;
			goto out;
		}
	}
	status = scx_loader_run("vtime", skel->skeleton, skel->maps.vtime_ops,
				&skel->bss->exit_record, true);
out:
	scx_vtime_bpf__destroy(skel);
	return status;
}
