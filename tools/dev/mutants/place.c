// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds what a mutant replaces. White space doesn't count, words do as wholes:
 * code that is only formatted anew, or moved to another source, is found again.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "mutants.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

/* The end of the token at @p: a word, or a single other character. */
static const char *token_end(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && is_word(*q))
		q++;
	return q == p ? p + 1 : q;
}

/* Where what is looked for ends if it begins at @p, else NULL. */
static const char *match_at(const char *p, const char *end, const char *find)
{
	const char *find_end = find + strlen(find), *last = NULL;

	find = skip_space(find, find_end);
	while (find < find_end) {
		const char *a = token_end(find, find_end), *b;

		p = skip_space(p, end);
		if (p == end)
			return NULL;
		b = token_end(p, end);
		if (a - find != b - p || memcmp(find, p, (size_t)(b - p)) != 0)
			return NULL;
		last = p = b;
		find = skip_space(a, find_end);
	}
	return last;
}

/* Does the line name that function, as name( or as MACRO(name? The place behind it. */
static const char *function_in_line(const char *line, const char *end, const char *name)
{
	const char *eol = memchr(line, '\n', (size_t)(end - line)) ?: end;

	for (const char *p = line, *q; p < eol; p = q) {
		q = token_end(p, end);
		if ((size_t)(q - p) == strlen(name) && !memcmp(p, name, strlen(name)) &&
		    ((q < eol && *q == '(') || (p > line && p[-1] == '(')))
			return q;
	}
	return NULL;
}

/* Narrows [*from, *to) to the body of a function; false if there's none. */
static bool find_function(const char **from, const char **to, const char *name)
{
	for (const char *line = *from; line && line < *to;) {
		const char *after, *open, *semicolon, *close;
		const char *next = memchr(line, '\n', (size_t)(*to - line));

		after = isspace((unsigned char)*line) ? NULL : function_in_line(line, *to, name);
		if (after) {
			open = memmem(after, (size_t)(*to - after), "\n{\n", 3);
			semicolon = memchr(after, ';', (size_t)(*to - after));
			close = open ? memmem(open, (size_t)(*to - open), "\n}", 2) : NULL;
			if (close && (!semicolon || open < semicolon)) {
				*from = open;
				*to = close;
				return true;
			}
		}
		line = next ? next + 1 : NULL;
	}
	return false;
}

static int line_of(const char *text, const char *p)
{
	int line = 1;

	for (; text < p; text++)
		line += *text == '\n';
	return line;
}

/* Counts the places in one source; the first of all is kept. */
static int search_file(const struct mutant *m, const char *path, struct place *out, bool quiet)
{
	size_t len;
	char *text = tree_read(path, &len);
	const char *from = text, *to = text + len;
	int found = 0;

	if (!text)
		return -errno;
	if (m->in && !find_function(&from, &to, m->in)) {
		free(text);
		return 0;
	}
	for (const char *p = from; p < to;) {
		const char *end = isspace((unsigned char)*p) ? NULL : match_at(p, to, m->find);

		if (end) {
			if (!out->path[0]) {
				snprintf(out->path, sizeof(out->path), "%s", path);
				out->text = text;
				out->len = len;
				out->start = (size_t)(p - text);
				out->end = (size_t)(end - text);
				out->line = line_of(text, p);
			} else if (!quiet) {
				fprintf(stderr, "%s:%d: %s: matches here, too\n", path,
					line_of(text, p), m->name);
			}
			found++;
		}
		p = end ?: token_end(p, to);
	}
	if (out->text != text)
		free(text);
	return found;
}

/**
 * mutant_place() - find the one place where a mutant goes.
 * @m:     the mutant
 * @out:   filled in; ->text is the caller's to free, also after an error
 * @quiet: say nothing
 *
 * Looks in the current directory. Returns 0, -ENOENT when the text isn't
 * there, or -EEXIST when it is there more than once, after saying so.
 */
int mutant_place(const struct mutant *m, struct place *out, bool quiet)
{
	char *patterns = strdup(m->files), *state;
	int found = 0;

	*out = (struct place){ 0 };
	for (char *p = patterns ? strtok_r(patterns, " \t", &state) : NULL; p;
	     p = strtok_r(NULL, " \t", &state)) {
		glob_t g;

		if (glob(p, 0, NULL, &g))
			continue;
		for (size_t i = 0; i < g.gl_pathc; i++) {
			int n = search_file(m, g.gl_pathv[i], out, quiet);

			found += n > 0 ? n : 0;
		}
		globfree(&g);
	}
	free(patterns);
	if (found == 1)
		return 0;
	if (quiet)
		return found ? -EEXIST : -ENOENT;
	if (found)
		fprintf(stderr, "%s:%d: %s: matches here\n", out->path, out->line, m->name);
	fprintf(stderr, "%s:%d: %s: must match once, matches %d times%s%s in %s\n", m->data,
		m->line, m->name, found, m->in ? " within " : "", m->in ?: "", m->files);
	return found ? -EEXIST : -ENOENT;
}

/** mutant_text() - the source with the mutant in it, the caller's to free; NULL: no memory. */
char *mutant_text(const struct mutant *m, const struct place *p, size_t *len)
{
	const char *with = m->with ?: "";
	char *text = malloc(p->len + strlen(with) + 1);

	if (!text)
		return NULL;
	memcpy(text, p->text, p->start);
	memcpy(text + p->start, with, strlen(with));
	memcpy(text + p->start + strlen(with), p->text + p->end, p->len - p->end);
	*len = p->len - (p->end - p->start) + strlen(with);
	return text;
}
