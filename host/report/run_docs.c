// SPDX-License-Identifier: GPL-2.0-only
/* Prints what Documentation has about run.json. */
#include "report/run_docs.h"

#include <errno.h>

#include "lib/figures_doc.h"
#include "report/run_figures.h"

int run_docs_schema(FILE *f)
{
	json_t *o = figures_schema(&run_figures, "https://stallscope.invalid/run.schema.json",
				   "A stallscope run (run.json)");
	int err = 0;

	if (!o)
		return -ENOMEM;
	errno = 0;
	if (json_dumpf(o, f, JSON_INDENT(2)) || fputc('\n', f) == EOF || fflush(f))
		err = errno ? -errno : -EIO;
	json_decref(o);
	return err;
}

int run_docs_page(FILE *f)
{
	fputs("# run.json, key by key\n\n"
	      "Made by `make docs` from the tables of figures, `host/report/run_figures.c` and those it\n"
	      "uses: a change goes there. [report.md](report.md) explains what the figures are about, and\n"
	      "[run.schema.json](run.schema.json) says the same as this page to programs.\n\n"
	      "Keys are written as `jq` takes them; `[]` stands for each element of an array.\n",
	      f);
	return figures_page(&run_figures, "The whole", f);
}
