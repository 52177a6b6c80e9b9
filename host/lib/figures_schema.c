// SPDX-License-Identifier: GPL-2.0-only
/* The JSON schema of figures, from their tables. */
#include "lib/figures_doc.h"

#include <stdio.h>

#define MAX_TABLES 32

static json_t *of_type(const char *type)
{
	json_t *o = json_object();

	figures_put(&o, "type", json_string(type));
	return o;
}

/* A type that may be null instead. */
static json_t *number(const struct figure *f, const char *type)
{
	json_t *o = json_object(), *types;

	if (!(f->flags & FIG_NULL)) {
		figures_put(&o, "type", json_string(type));
		return o;
	}
	types = json_array();
	figures_push(&types, json_string(type));
	figures_push(&types, json_string("null"));
	figures_put(&o, "type", types);
	return o;
}

static json_t *not_negative(const struct figure *f, const char *type)
{
	json_t *o = number(f, type);

	figures_put(&o, "minimum", json_integer(0));
	if (f->type == FIG_RATIO)
		figures_put(&o, "maximum", json_integer(1));
	return o;
}

static json_t *one_of_words(const struct figure *f)
{
	json_t *o = json_object(), *list = json_array();

	for (unsigned int n = 0; f->word && n < f->nr; n++)
		figures_push(&list, json_string(f->word(n)));
	for (unsigned int n = 0; f->words && f->words[n]; n++)
		figures_push(&list, json_string(f->words[n]));
	figures_put(&o, "enum", list);
	return o;
}

static json_t *text(const struct figure *f)
{
	json_t *o;

	if (f->words)
		return one_of_words(f);
	o = of_type("string");
	if (f->empty)
		figures_put(&o, "minLength", json_integer(1));
	return o;
}

static json_t *object(const struct figures *t);

/* By name where it has one. What stands beside "$ref" doesn't count, thus "allOf". */
static json_t *use(const struct figure *f)
{
	json_t *o, *list;
	char ref[80];

	if (!f->sub->name)
		return object(f->sub);
	snprintf(ref, sizeof(ref), "#/definitions/%s", f->sub->name);
	o = json_object();
	figures_put(&o, "$ref", json_string(ref));
	if (!f->doc)
		return o;
	list = json_array();
	figures_push(&list, o);
	o = json_object();
	figures_put(&o, "allOf", list);
	return o;
}

static json_t *array(const struct figure *f)
{
	const struct figure element = { .type = FIG_U64, .sub = f->sub };
	json_t *o = of_type("array");

	if (f->type == FIG_LINES || f->type == FIG_BITS) {
		figures_put(&o, "items", of_type("string"));
		return o;
	}
	figures_put(&o, "items",
		    f->type == FIG_SLOTS ? not_negative(&element, "integer") : use(&element));
	figures_put(&o, "maxItems", json_integer((json_int_t)f->nr));
	return o;
}

static json_t *map(void)
{
	json_t *o = of_type("object");

	figures_put(&o, "additionalProperties", of_type("integer"));
	return o;
}

static json_t *constant(const struct figure *f)
{
	json_t *o = json_object();

	figures_put(&o, "const", json_integer((json_int_t)f->nr));
	return o;
}

static json_t *value(const struct figure *f)
{
	switch (f->type) {
	case FIG_U16:
	case FIG_U32:
	case FIG_U64:
	case FIG_SUM:
		return not_negative(f, "integer");
	case FIG_I32:
	case FIG_I64:
	case FIG_ERRNO:
		return number(f, "integer");
	case FIG_BOOL:
		return of_type("boolean");
	case FIG_REAL:
	case FIG_RATIO:
		return not_negative(f, "number");
	case FIG_TEXT:
		return text(f);
	case FIG_STRING:
		return number(&(struct figure){ .flags = FIG_NULL }, "string");
	case FIG_HEX:
		return of_type("string");
	case FIG_ENUM:
		return one_of_words(f);
	case FIG_CONST:
		return constant(f);
	case FIG_OBJECT:
		return use(f);
	case FIG_ARRAY:
	case FIG_LINES:
	case FIG_SLOTS:
	case FIG_BITS:
		return array(f);
	case FIG_MAP:
		return map();
	}
	return NULL;
}

static json_t *described(const struct figure *f)
{
	json_t *o = value(f);
	char doc[500];

	if (f->doc) {
		snprintf(doc, sizeof(doc), "%s%s%s", f->doc, f->unit ? ", " : "",
			 f->unit ? f->unit : "");
		figures_put(&o, "description", json_string(doc));
	}
	return o;
}

static void add_figures(json_t **required, json_t **properties, const struct figures *t);

/* Those of another struct, to the elements of an array that is there. */
static void join(json_t **properties, const struct figure *f)
{
	json_t *items = json_object_get(json_object_get(*properties, f->name), "items");
	json_t *required = json_incref(json_object_get(items, "required"));
	json_t *joined = json_incref(json_object_get(items, "properties"));

	if (!required)
		required = json_array();
	add_figures(&required, &joined, f->sub);
	if (!joined || !required || json_object_set(items, "required", required)) {
		json_decref(*properties);
		*properties = NULL;
	}
	json_decref(required);
	json_decref(joined);
}

static void add_figures(json_t **required, json_t **properties, const struct figures *t)
{
	for (size_t i = 0; *properties && i < t->nr; i++) {
		const struct figure *f = &t->list[i];

		if (!f->name) {
			add_figures(required, properties, f->sub);
			continue;
		}
		if (f->flags & FIG_JOINS) {
			join(properties, f);
			continue;
		}
		figures_put(properties, f->name, described(f));
		if (f->flags & FIG_REQUIRED)
			figures_push(required, json_string(f->name));
	}
}

static json_t *object(const struct figures *t)
{
	json_t *o = of_type("object"), *required = json_array(), *properties = json_object();

	add_figures(&required, &properties, t);
	if (t->doc)
		figures_put(&o, "description", json_string(t->doc));
	if (!required || json_array_size(required))
		figures_put(&o, "required", required);
	else
		json_decref(required);
	figures_put(&o, "properties", properties);
	return o;
}

static void collect(const struct figures *t, const struct figures **list, size_t max, size_t *nr)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct figures *sub = t->list[i].sub;
		size_t at = 0;

		if (!sub)
			continue;
		while (at < *nr && at < max && list[at] != sub)
			at++;
		if (sub->name && at == *nr) {
			if (*nr < max)
				list[*nr] = sub;
			(*nr)++;
		}
		collect(sub, list, max, nr);
	}
}

size_t figures_tables(const struct figures *t, const struct figures **list, size_t max)
{
	size_t nr = 0;

	collect(t, list, max, &nr);
	return nr;
}

json_t *figures_schema(const struct figures *t, const char *id, const char *title)
{
	const struct figures *list[MAX_TABLES];
	const size_t nr = figures_tables(t, list, MAX_TABLES);
	json_t *o = json_object(), *definitions = json_object(), *root = object(t);

	figures_put(&o, "$schema", json_string("http://json-schema.org/draft-07/schema#"));
	figures_put(&o, "$id", json_string(id));
	figures_put(&o, "title", json_string(title));
	if (o && json_object_update(o, root)) {
		json_decref(o);
		o = NULL;
	}
	json_decref(root);
	for (size_t i = 0; i < nr && i < MAX_TABLES; i++)
		figures_put(&definitions, list[i]->name, object(list[i]));
	figures_put(&o, "definitions", definitions);
	return o;
}
