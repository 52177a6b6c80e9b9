// SPDX-License-Identifier: GPL-2.0-only
/* `stallscope run`: from the command line to a run. */
#include "cli/cmds.h"
#include "cli/opts.h"
#include "lib/log.h"
#include "run/run.h"

#include <stdlib.h>

int cmd_run(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int ret;

	if (!run) {
		ss_err("out of memory");
		return SS_EXIT_FAIL;
	}
	ret = run_opts_parse(argc, argv, &run->o);
	if (!ret)
		ret = run_main(run, argc, argv);
	if (!run->in_use) {
		run_opts_free(&run->o);
		free(run);
	}
	return ret;
}
