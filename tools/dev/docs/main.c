// SPDX-License-Identifier: GPL-2.0-only
/* run-docs schema|page: prints what Documentation has about run.json. */
#include <stdio.h>
#include <string.h>

#include "report/run_docs.h"

int main(int argc, char **argv)
{
	int err;

	if (argc == 2 && !strcmp(argv[1], "schema")) {
		err = run_docs_schema(stdout);
	} else if (argc == 2 && !strcmp(argv[1], "page")) {
		err = run_docs_page(stdout);
	} else {
		fputs("usage: run-docs schema|page\n", stderr);
		return 2;
	}
	if (!err)
		return 0;
	fprintf(stderr, "run-docs: can't write: %s\n", strerror(-err));
	return 1;
}
