// SPDX-License-Identifier: GPL-2.0-only
/* run-docs schema|page|live: prints what Documentation has about run.json, and of a live run. */
#include <stdio.h>
#include <string.h>

#include "live/live_figures.h"
#include "report/run_docs.h"

int main(int argc, char **argv)
{
	int err;

	if (argc == 2 && !strcmp(argv[1], "schema")) {
		err = run_docs_schema(stdout);
	} else if (argc == 2 && !strcmp(argv[1], "page")) {
		err = run_docs_page(stdout);
	} else if (argc == 2 && !strcmp(argv[1], "live")) {
		err = live_docs_page(stdout);
	} else {
		fputs("usage: run-docs schema|page|live\n", stderr);
		return 2;
	}
	if (!err)
		return 0;
	fprintf(stderr, "run-docs: can't write: %s\n", strerror(-err));
	return 1;
}
