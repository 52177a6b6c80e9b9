// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads figures from JSON, by their tables. Anything may be in it; where it isn't what the table
 * says, the place is named.
 */
#include "lib/figures.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where we are (".disks[1].size"), and where the fault is told. */
struct reading {
	char path[160];
	size_t len;
	char *why;
	size_t why_len;
};

__attribute__((format(printf, 2, 3))) static size_t enter(struct reading *r, const char *fmt, ...)
{
	const size_t old = r->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->path + r->len, sizeof(r->path) - r->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		r->len += (size_t)n;
	if (r->len >= sizeof(r->path))
		r->len = sizeof(r->path) - 1;
	return old;
}

static void leave(struct reading *r, size_t old)
{
	r->len = old;
	r->path[old] = '\0';
}

__attribute__((format(printf, 2, 3))) static int refuse(struct reading *r, const char *fmt, ...)
{
	char what[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(r->why, r->why_len, "%s %s", r->path, what);
	return -EINVAL;
}

static int integer(struct reading *r, const json_t *v, json_int_t min, json_int_t max,
		   json_int_t *out)
{
	*out = json_integer_value(v);
	if (json_is_integer(v) && *out >= min && *out <= max)
		return 0;
	return refuse(r, "is no whole number from %lld to %lld", (long long)min, (long long)max);
}

static int read_integer(struct reading *r, const struct figure *f, const json_t *v, void *at)
{
	json_int_t n;
	int err;

	switch (f->type) {
	case FIG_U16:
		err = integer(r, v, 0, UINT16_MAX, &n);
		if (!err)
			*(uint16_t *)at = (uint16_t)n;
		return err;
	case FIG_U32:
		err = integer(r, v, 0, UINT32_MAX, &n);
		if (!err)
			*(uint32_t *)at = (uint32_t)n;
		return err;
	case FIG_U64:
		err = integer(r, v, 0, INT64_MAX, &n);
		if (!err)
			*(uint64_t *)at = (uint64_t)n;
		return err;
	case FIG_I64:
		err = integer(r, v, INT64_MIN, INT64_MAX, &n);
		if (!err)
			*(int64_t *)at = n;
		return err;
	case FIG_I32:
		err = integer(r, v, INT32_MIN, INT32_MAX, &n);
		if (!err)
			*(int32_t *)at = (int32_t)n;
		return err;
	default: /* FIG_ERRNO */
		err = integer(r, v, -INT32_MAX, INT32_MAX, &n);
		if (!err)
			*(int32_t *)at = (int32_t)-n;
		return err;
	}
}

static int read_real(struct reading *r, const struct figure *f, const json_t *v, double *at)
{
	const double n = json_number_value(v);

	if (!json_is_number(v) || !(n >= 0))
		return refuse(r, "is no number from 0");
	if (f->type == FIG_RATIO && n > 1)
		return refuse(r, "is no number from 0 to 1");
	*at = n;
	return 0;
}

static int read_text(struct reading *r, const json_t *v, char *at, size_t size)
{
	if (!json_is_string(v))
		return refuse(r, "is no text");
	snprintf(at, size, "%s", json_string_value(v));
	return 0;
}

static int read_word(struct reading *r, const struct figure *f, const json_t *v, unsigned int *at)
{
	const char *s = json_string_value(v);

	if (!s)
		return refuse(r, "is no text");
	for (unsigned int n = 0; n < f->nr; n++) {
		if (strcmp(s, f->word(n)))
			continue;
		*at = n;
		return 0;
	}
	snprintf(r->why, r->why_len, "unknown %s '%.40s'", r->path, s);
	return -EINVAL;
}

static int read_object(struct reading *r, const struct figures *t, const json_t *o, char *base);

/* Of an array as many as there are, or fit. */
static int elements(struct reading *r, const struct figure *f, const json_t *v, size_t *nr)
{
	*nr = json_array_size(v);
	if (!json_is_array(v))
		return refuse(r, "is no array");
	if (*nr > f->nr && f->type != FIG_LINES)
		return refuse(r, "has more than %zu entries", f->nr);
	if (*nr > f->nr)
		*nr = f->nr;
	return 0;
}

static int read_element(struct reading *r, const struct figure *f, const json_t *v, char *at)
{
	json_int_t n;
	int err;

	if (f->type == FIG_LINES)
		return read_text(r, v, at, f->size);
	if (f->type == FIG_SLOTS) {
		err = integer(r, v, 0, INT64_MAX, &n);
		*(uint64_t *)at = err ? 0 : (uint64_t)n;
		return err;
	}
	if (!json_is_object(v))
		return refuse(r, "is no object");
	return read_object(r, f->sub, v, at);
}

static int read_array(struct reading *r, const struct figure *f, const json_t *v, char *base)
{
	uint32_t *count = f->type == FIG_SLOTS ? NULL : (uint32_t *)(base + f->count);
	size_t nr, old;
	int err = elements(r, f, v, &nr);

	for (size_t i = 0; !err && i < nr; i++) {
		old = enter(r, "[%zu]", i);
		err = read_element(r, f, json_array_get(v, i), base + f->offset + i * f->size);
		leave(r, old);
	}
	if (!err && count)
		*count = (uint32_t)nr;
	return err;
}

static int read_map(struct reading *r, const struct figure *f, const json_t *v, char *base)
{
	const struct figure *name = &f->sub->list[0], *second = &f->sub->list[1];
	uint32_t *count = (uint32_t *)(base + f->count);
	const json_t *value;
	const char *key;
	int err;

	if (!json_is_object(v))
		return refuse(r, "is no object");
	json_object_foreach((json_t *)v, key, value)
	{
		char *at = base + f->offset + *count * f->size;
		size_t old;

		if (*count >= f->nr)
			break;
		old = enter(r, ".%.40s", key);
		snprintf(at + name->offset, name->size, "%s", key);
		err = read_integer(r, second, value, at + second->offset);
		leave(r, old);
		if (err)
			return err;
		(*count)++;
	}
	return 0;
}

static int read_value(struct reading *r, const struct figure *f, const json_t *v, char *base)
{
	void *at = base + f->offset;

	switch (f->type) {
	case FIG_U16:
	case FIG_U32:
	case FIG_U64:
	case FIG_I32:
	case FIG_I64:
	case FIG_ERRNO:
		return read_integer(r, f, v, at);
	case FIG_BOOL:
		if (!json_is_boolean(v))
			return refuse(r, "is neither true nor false");
		*(bool *)at = json_is_true(v);
		return 0;
	case FIG_REAL:
	case FIG_RATIO:
		return read_real(r, f, v, at);
	case FIG_TEXT:
		return read_text(r, v, at, f->size);
	case FIG_ENUM:
		return read_word(r, f, v, at);
	case FIG_OBJECT:
		if (v && !json_is_object(v))
			return refuse(r, "is no object");
		return read_object(r, f->sub, v, at);
	case FIG_ARRAY:
	case FIG_LINES:
	case FIG_SLOTS:
		return read_array(r, f, v, base);
	case FIG_MAP:
		return read_map(r, f, v, base);
	case FIG_STRING:
	case FIG_BITS:
	case FIG_HEX:
	case FIG_CONST:
	case FIG_SUM:
		break;
	}
	return 0;
}

static int read_figure(struct reading *r, const struct figure *f, const json_t *v, char *base)
{
	if (!v && (f->flags & FIG_NEEDED)) {
		snprintf(r->why, r->why_len, "it has no %s", r->path);
		return -EINVAL;
	}
	/* An object that isn't there may lack what is needed. */
	if (!v && f->type != FIG_OBJECT)
		return 0;
	if (json_is_null(v) && (f->flags & FIG_NULL))
		return 0;
	if (f->flags & FIG_TELLS)
		*(bool *)(base + f->known) = true;
	return read_value(r, f, v, base);
}

static int read_object(struct reading *r, const struct figures *t, const json_t *o, char *base)
{
	int err = 0;

	for (size_t i = 0; !err && i < t->nr; i++) {
		const struct figure *f = &t->list[i];
		size_t old;

		if (!f->name) {
			err = read_object(r, f->sub, o, base + f->offset);
			continue;
		}
		old = enter(r, ".%s", f->name);
		err = read_figure(r, f, json_object_get(o, f->name), base);
		leave(r, old);
	}
	return err;
}

int figures_read(const struct figures *t, const json_t *o, void *base, char *why, size_t why_len)
{
	struct reading r = { .why = why, .why_len = why_len };

	if (!json_is_object(o)) {
		snprintf(why, why_len, "it is no object");
		return -EINVAL;
	}
	return read_object(&r, t, o, base);
}
