// SPDX-License-Identifier: GPL-2.0-only
/* Writes figures as JSON, by their tables. */
#include "lib/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

json_t *figures_u64(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

/* JSON has no infinity. */
static json_t *real(double v)
{
	return json_real(isfinite(v) ? v : 0);
}

/* It may be a guest's, and is printed by whoever reads the JSON. */
static json_t *text(const char *s)
{
	char *copy = strdup(s);
	json_t *j;

	if (!copy)
		return NULL;
	text_clean_lines(copy);
	j = json_string(copy);
	free(copy);
	return j;
}

void figures_put(json_t **o, const char *name, json_t *value)
{
	if (*o && json_object_set_new(*o, name, value) == 0)
		return;
	if (*o)
		json_decref(*o);
	else
		json_decref(value);
	*o = NULL;
}

void figures_push(json_t **a, json_t *value)
{
	if (*a && json_array_append_new(*a, value) == 0)
		return;
	if (*a)
		json_decref(*a);
	else
		json_decref(value);
	*a = NULL;
}

static void write_into(json_t **o, const struct figures *t, const void *base);

static uint32_t count_of(const struct figure *f, const void *base)
{
	uint32_t n = *(const uint32_t *)((const char *)base + f->count);

	return n < f->nr ? n : (uint32_t)f->nr;
}

static json_t *array(const struct figure *f, const void *base, const char *at)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < count_of(f, base); i++)
		figures_push(&a, figures_write(f->sub, at + i * f->size));
	return a;
}

static json_t *lines(const struct figure *f, const void *base, const char *at)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < count_of(f, base); i++)
		figures_push(&a, text(at + i * f->size));
	return a;
}

static json_t *slots(const struct figure *f, const uint64_t *at)
{
	json_t *a = json_array();
	size_t nr = f->nr;

	while (nr && !at[nr - 1])
		nr--;
	for (size_t i = 0; i < nr; i++)
		figures_push(&a, figures_u64(at[i]));
	return a;
}

static json_t *value(const struct figure *f, const void *base);

static json_t *map(const struct figure *f, const void *base, const char *at)
{
	const struct figure *name = &f->sub->list[0], *second = &f->sub->list[1];
	json_t *o = json_object();

	for (uint32_t i = 0; i < count_of(f, base); i++) {
		json_t *key = value(name, at + i * f->size);

		/* Without one there is no memory, and so no object. */
		figures_put(&o, key ? json_string_value(key) : "",
			    key ? value(second, at + i * f->size) : NULL);
		json_decref(key);
	}
	return o;
}

static json_t *words(const struct figure *f, const char *s)
{
	return text(*s || !f->empty ? s : f->empty);
}

static json_t *bits(const struct figure *f, const void *at)
{
	const uint64_t set = f->size == 4 ? *(const uint32_t *)at : *(const uint64_t *)at;
	json_t *a = json_array();

	for (unsigned int b = 0; b < 64; b++) {
		const char *name = NULL;
		char number[16];

		if (!(set >> b & 1))
			continue;
		for (size_t i = 0; i < f->nr; i++)
			if (f->bits[i].bit == b)
				name = f->bits[i].name;
		if (!name)
			snprintf(number, sizeof(number), "bit%u", b);
		figures_push(&a, json_string(name ? name : number));
	}
	return a;
}

static json_t *hex(uint64_t v)
{
	char s[24];

	snprintf(s, sizeof(s), "0x%llx", (unsigned long long)v);
	return json_string(s);
}

static json_t *string(const char *s)
{
	return s ? text(s) : json_null();
}

static bool is_known(const struct figure *f, const void *base)
{
	return *(const bool *)((const char *)base + f->known);
}

static json_t *value(const struct figure *f, const void *base)
{
	const void *at = (const char *)base + f->offset;

	if ((f->flags & FIG_NULL) && !is_known(f, base))
		return json_null();
	switch (f->type) {
	case FIG_U16:
		return figures_u64(*(const uint16_t *)at);
	case FIG_U32:
		return figures_u64(*(const uint32_t *)at);
	case FIG_U64:
		return figures_u64(*(const uint64_t *)at);
	case FIG_I32:
		return json_integer(*(const int32_t *)at);
	case FIG_I64:
		return json_integer(*(const int64_t *)at);
	case FIG_ERRNO:
		return json_integer(-(json_int_t) * (const int32_t *)at);
	case FIG_BOOL:
		return json_boolean(*(const bool *)at);
	case FIG_REAL:
	case FIG_RATIO:
		return real(*(const double *)at);
	case FIG_TEXT:
		return words(f, at);
	case FIG_STRING:
		return string(*(const char *const *)at);
	case FIG_ENUM:
		return text(f->word(*(const unsigned int *)at));
	case FIG_BITS:
		return bits(f, at);
	case FIG_HEX:
		return hex(*(const uint64_t *)at);
	case FIG_CONST:
		return figures_u64(f->nr);
	case FIG_SUM:
		return figures_u64(f->sum(base));
	case FIG_OBJECT:
		return figures_write(f->sub, at);
	case FIG_ARRAY:
		return array(f, base, at);
	case FIG_LINES:
		return lines(f, base, at);
	case FIG_SLOTS:
		return slots(f, at);
	case FIG_MAP:
		return map(f, base, at);
	}
	return NULL;
}

/* To the elements of an array that is there, figures from another struct. */
static void join(json_t **o, const struct figure *f, const void *base)
{
	json_t *a = json_object_get(*o, f->name), *element;
	const char *at = (const char *)base + f->offset;

	for (uint32_t i = 0; *o && i < count_of(f, base); i++) {
		element = json_incref(json_array_get(a, i));
		write_into(&element, f->sub, at + i * f->size);
		if (!element) {
			json_decref(*o);
			*o = NULL;
		}
		json_decref(element);
	}
}

static void write_into(json_t **o, const struct figures *t, const void *base)
{
	for (size_t i = 0; *o && i < t->nr; i++) {
		const struct figure *f = &t->list[i];

		if ((f->flags & FIG_IF) && !is_known(f, base))
			continue;
		if (!f->name)
			write_into(o, f->sub, (const char *)base + f->offset);
		else if (f->flags & FIG_JOINS)
			join(o, f, base);
		else
			figures_put(o, f->name, value(f, base));
	}
}

json_t *figures_write(const struct figures *t, const void *base)
{
	json_t *o = json_object();

	write_into(&o, t, base);
	return o;
}
