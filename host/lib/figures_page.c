// SPDX-License-Identifier: GPL-2.0-only
/* A page in Markdown about figures, from their tables. */
#include "lib/figures_doc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MAX_TABLES 32

static const char *number_word(const struct figure *f)
{
	switch (f->type) {
	case FIG_REAL:
		return "number";
	case FIG_RATIO:
		return "0 to 1";
	case FIG_BOOL:
		return "true, false";
	case FIG_TEXT:
	case FIG_STRING:
	case FIG_HEX:
		return "text";
	case FIG_LINES:
	case FIG_BITS:
		return "texts";
	case FIG_OBJECT:
		return "object";
	case FIG_MAP:
		return "integers by name";
	default:
		return "integer";
	}
}

static void print_words(const struct figure *f, FILE *out)
{
	const char *comma = "";

	for (unsigned int n = 0; f->word && n < f->nr; n++, comma = ", ")
		fprintf(out, "%s`%s`", comma, f->word(n));
	for (unsigned int n = 0; f->words && f->words[n]; n++) {
		/* The empty one is said in the figure's words. */
		if (!f->words[n][0])
			continue;
		fprintf(out, "%s`%s`", comma, f->words[n]);
		comma = ", ";
	}
}

static void print_type(const struct figure *f, FILE *out)
{
	if (f->word || f->words)
		print_words(f, out);
	else if (f->type == FIG_CONST)
		fprintf(out, "%zu", f->nr);
	else if (f->type == FIG_SLOTS)
		fprintf(out, "up to %zu integers", f->nr);
	else if (f->type == FIG_ARRAY)
		fprintf(out, "up to %zu objects", f->nr);
	else if (f->sub && f->sub->name)
		fprintf(out, "[%s](#%s)", f->sub->name, f->sub->name);
	else
		fprintf(out, "%s", number_word(f));
	if ((f->flags & FIG_NULL) || f->type == FIG_STRING)
		fprintf(out, " or null");
}

static void print_row(const char *path, const struct figure *f, FILE *out)
{
	const char *doc = f->doc ? f->doc : f->sub && f->sub->doc ? f->sub->doc : "";

	fprintf(out, "| `%s.%s` | ", path, f->name);
	print_type(f, out);
	fprintf(out, " | %s | %s |\n", f->unit ? f->unit : "", doc);
}

static void print_head(const char *name, const char *doc, FILE *out)
{
	fprintf(out, "\n## %s\n\n", name);
	if (doc)
		fprintf(out, "%s%s\n\n", doc, doc[0] && doc[strlen(doc) - 1] == '.' ? "" : ".");
	fputs("| key | type | unit | meaning |\n|---|---|---|---|\n", out);
}

/* Does it show its figures in the same table, below its own row? */
static bool is_open(const struct figure *f)
{
	return f->sub && !f->sub->name && (f->type == FIG_OBJECT || f->type == FIG_ARRAY);
}

static void print_rows(const char *path, const struct figures *t, FILE *out);

static void print_below(const char *path, const struct figure *f, FILE *out)
{
	char below[120];

	snprintf(below, sizeof(below), "%s.%s%s", path, f->name, f->type == FIG_ARRAY ? "[]" : "");
	print_rows(below, f->sub, out);
}

static void print_rows(const char *path, const struct figures *t, FILE *out)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct figure *f = &t->list[i];

		if (!f->name) {
			print_rows(path, f->sub, out);
			continue;
		}
		print_row(path, f, out);
		if (is_open(f))
			print_below(path, f, out);
	}
}

/* The sections of the objects right below; that of an array goes on with what joins it. */
static void print_sections(const struct figures *t, FILE *out)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct figure *f = &t->list[i];

		if (!f->name)
			print_sections(f->sub, out);
		if (!f->name || !is_open(f))
			continue;
		if (!(f->flags & FIG_JOINS))
			print_head(f->name, f->doc, out);
		print_below("", f, out);
	}
}

/* The first section: objects only by their own rows. */
static void print_top(const struct figures *t, FILE *out)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct figure *f = &t->list[i];

		if (!f->name)
			print_top(f->sub, out);
		else if (!(f->flags & FIG_JOINS))
			print_row("", f, out);
	}
}

int figures_page(const struct figures *t, const char *name, FILE *f)
{
	const struct figures *list[MAX_TABLES];
	const size_t nr = figures_tables(t, list, MAX_TABLES);

	errno = 0;
	print_head(name, t->doc, f);
	print_top(t, f);
	print_sections(t, f);
	for (size_t i = 0; i < nr && i < MAX_TABLES; i++) {
		print_head(list[i]->name, list[i]->doc, f);
		print_rows("", list[i], f);
	}
	return fflush(f) || ferror(f) ? (errno ? -errno : -EIO) : 0;
}
