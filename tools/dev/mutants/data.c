// SPDX-License-Identifier: GPL-2.0-only
/* Reads the descriptions of mutants. */
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mutants.h"

/* What one file says, line by line. */
struct reader {
	struct mutants *all;
	const char *path;
	int line;
	char *files, *tests; /* of the mutants that follow */
	struct mutant *m;
};

static int bad(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(const struct reader *r, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", r->path, r->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

/* Is the mutant that ends here whole? */
static int finish(struct reader *r)
{
	const struct mutant *m = r->m;

	if (!m)
		return 0;
	r->m = NULL;
	if (!m->what)
		return bad(r, "%s ends without 'what:'", m->name);
	if (!m->find)
		return bad(r, "%s ends without a '-' line that says what is replaced", m->name);
	if (m->with && !strcmp(m->with, m->find))
		return bad(r, "%s ends and changes nothing", m->name);
	r->all->nr++;
	return 0;
}

static int begin(struct reader *r, const char *name)
{
	for (int i = 0; i < r->all->nr; i++)
		if (!strcmp(r->all->mutant[i].name, name))
			return bad(r, "%s: there is another of this name", name);
	if (!r->files || !r->tests)
		return bad(r, "%s: 'file:' and 'tests:' come first", name);
	if (r->all->nr == MUTANTS_MAX)
		return bad(r, "more than %d mutants", MUTANTS_MAX);
	r->m = &r->all->mutant[r->all->nr];
	*r->m = (struct mutant){
		.name = strdup(name),
		.files = r->files,
		.tests = r->tests,
		.data = strdup(r->path),
		.line = r->line,
	};
	return r->m->name && r->m->data ? 0 : -ENOMEM;
}

/* Adds a line to a text. */
static int add(char **text, const char *line)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", *text ?: "", *text ? "\n" : "", line) < 0)
		return -ENOMEM;
	free(*text);
	*text = longer;
	return 0;
}

static int replace(char **text, const char *value)
{
	*text = strdup(value);
	return *text ? 0 : -ENOMEM;
}

static int take(struct reader *r, char *line)
{
	char *value;
	int ret;

	line += strspn(line, " \t");
	line[strcspn(line, "\n")] = '\0';
	if (!*line || *line == '#')
		return 0;
	if (*line == '-' || *line == '+') {
		if (!r->m)
			return bad(r, "a '%c' line outside a mutant", *line);
		return add(*line == '-' ? &r->m->find : &r->m->with,
			   line[1] == ' ' ? line + 2 : line + 1);
	}
	value = strchr(line, ':');
	if (!value)
		return bad(r, "neither KEY: VALUE nor '-' nor '+': %s", line);
	*value++ = '\0';
	value += strspn(value, " \t");
	if (!*value)
		return bad(r, "%s: says nothing", line);
	if (!strcmp(line, "what") && r->m)
		return replace(&r->m->what, value);
	if (!strcmp(line, "in") && r->m)
		return replace(&r->m->in, value);
	ret = finish(r);
	if (ret)
		return ret;
	if (!strcmp(line, "mutant"))
		return begin(r, value);
	if (!strcmp(line, "file"))
		return replace(&r->files, value);
	if (!strcmp(line, "tests"))
		return replace(&r->tests, value);
	return bad(r, "'%s:' is not known here", line);
}

static int read_one(struct mutants *all, const char *path)
{
	struct reader r = { .all = all, .path = path };
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	while (!ret && getline(&line, &size, f) > 0) {
		r.line++;
		ret = take(&r, line);
	}
	free(line);
	fclose(f);
	return ret ?: finish(&r);
}

/**
 * mutants_read() - read all descriptions.
 * @all: filled in; lives as long as the program
 * @dir: where the *.mut files are
 *
 * Says on stderr what is wrong. Returns 0 or a negative errno.
 */
int mutants_read(struct mutants *all, const char *dir)
{
	char pattern[512];
	glob_t g;
	int ret;

	snprintf(pattern, sizeof(pattern), "%s/*.mut", dir);
	ret = glob(pattern, 0, NULL, &g);
	if (ret) {
		fprintf(stderr, "%s: no such file\n", pattern);
		return -ENOENT;
	}
	for (size_t i = 0; !ret && i < g.gl_pathc; i++)
		ret = read_one(all, g.gl_pathv[i]);
	globfree(&g);
	return ret;
}

static bool has(const struct programs *p, const char *name)
{
	for (int i = 0; i < p->nr; i++)
		if (!strcmp(p->name[i], name))
			return true;
	return false;
}

static int add_program(struct programs *out, const char *source)
{
	const char *slash = strrchr(source, '/');
	char *name = strdup(slash ? slash + 1 : source);

	if (!name)
		return -ENOMEM;
	name[strlen(name) - strlen(".c")] = '\0';
	if (has(out, name)) {
		free(name);
		return 0;
	}
	if (out->nr == MUT_TESTS_MAX) {
		free(name);
		return -E2BIG;
	}
	out->name[out->nr++] = name;
	return 0;
}

/**
 * mutant_programs() - add the test programs that a mutant is tried with.
 * @m:   the mutant
 * @out: what it is added to
 *
 * Returns 0 or a negative errno, after saying which pattern has no program.
 */
int mutant_programs(const struct mutant *m, struct programs *out)
{
	char *patterns = strdup(m->tests), *state, pattern[512];
	int ret = patterns ? 0 : -ENOMEM;

	for (char *p = patterns ? strtok_r(patterns, " \t", &state) : NULL; p && !ret;
	     p = strtok_r(NULL, " \t", &state)) {
		glob_t g;

		snprintf(pattern, sizeof(pattern), "host/tests/*/%s.c", p);
		if (glob(pattern, 0, NULL, &g)) {
			fprintf(stderr, "%s:%d: %s: no test program %s\n", m->data, m->line,
				m->name, p);
			ret = -ENOENT;
			break;
		}
		for (size_t i = 0; !ret && i < g.gl_pathc; i++)
			ret = add_program(out, g.gl_pathv[i]);
		globfree(&g);
	}
	free(patterns);
	return ret;
}
