/* SPDX-License-Identifier: GPL-2.0-only */
/* What is made of figures' tables for those who read the JSON: its schema, and a page about it. */
#ifndef SS_LIB_FIGURES_DOC_H
#define SS_LIB_FIGURES_DOC_H

#include <stdio.h>

#include "lib/figures.h"

/**
 * figures_schema() - the JSON schema (draft 7) of what figures_write() writes
 * @id: @title: its own
 *
 * Structs with a named table become definitions. It lets keys pass that it doesn't know.
 * Return: a new object, NULL when out of memory.
 */
json_t *figures_schema(const struct figures *t, const char *id, const char *title);

/**
 * figures_page() - the same for people, in Markdown: path, type, unit and meaning of each figure
 * @name: the first section's, that of @t itself
 *
 * Each object right below @t, and each struct with a named table, has a section of its own.
 * Return: 0 or a negative errno of the stream.
 */
int figures_page(const struct figures *t, const char *name, FILE *f);

/**
 * figures_tables() - the named tables that @t uses, each once, those used first first
 * @list: filled with at most @max
 *
 * Return: how many there are.
 */
size_t figures_tables(const struct figures *t, const struct figures **list, size_t max);

#endif /* SS_LIB_FIGURES_DOC_H */
