/* SPDX-License-Identifier: GPL-2.0-only */
/* What Documentation has about run.json, made of its tables: `make docs` writes both. */
#ifndef SS_REPORT_RUN_DOCS_H
#define SS_REPORT_RUN_DOCS_H

#include <stdio.h>

/** run_docs_schema() - Documentation/run.schema.json. Return: 0 or a negative errno. */
int run_docs_schema(FILE *f);

/** run_docs_page() - Documentation/run-json.md. Return: 0 or a negative errno. */
int run_docs_page(FILE *f);

#endif /* SS_REPORT_RUN_DOCS_H */
