// SPDX-License-Identifier: GPL-2.0-only
/* Figures by their tables: to JSON and back, and what is refused. */
#include "ss_harness.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_faults.h"
#include "lib/figures.h"

enum colour { RED, GREEN, COLOURS };

static const char *colour_name(unsigned int c)
{
	return c < COLOURS ? (const char *[]){ "red", "green" }[c] : "?";
}

struct inner {
	uint32_t n;
	char name[8];
};

struct beside {
	uint64_t waits;
};

struct pair {
	char name[8];
	int64_t value;
};

struct all {
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int32_t i32;
	int error;
	bool yes;
	double real, ratio;
	char text[8], filled[8];
	const char *string;
	enum colour colour;
	bool known;
	int maybe;
	uint64_t maybe_too;
	struct inner inner, joined;
	uint32_t inners;
	struct inner list[3];
	struct beside beside[3];
	uint32_t lines;
	char line[2][8];
	uint64_t slots[4];
	uint32_t status;
	uint64_t features, address;
	bool shown;
	uint64_t extra;
	uint32_t pairs;
	struct pair pair[2];
};

static const struct figure inner_list[] = {
	FIG(U32, inner, n, "n", NULL, "A number"),
	FIG(TEXT, inner, name, "name", NULL, "A name"),
};
static const struct figures inner_figures = FIGURES(inner_list);

static const struct figure joined_list[] = {
	FIG(U32, inner, n, "joined", NULL, "A number"),
};
static const struct figures joined_figures = FIGURES(joined_list);

static const struct figure beside_list[] = {
	FIG(U64, beside, waits, "waits", NULL, "A number"),
};
static const struct figures beside_figures = FIGURES(beside_list);

static const struct figure pair_list[] = {
	FIG(TEXT, pair, name, NULL, NULL, NULL),
	FIG(I64, pair, value, NULL, NULL, NULL),
};
static const struct figures pair_figures = FIGURES(pair_list);

static const struct figure shown_list[] = {
	FIG(U32, inner, n, "shown", NULL, "A number"),
};
static const struct figures shown_figures = FIGURES(shown_list);

static const struct figure_bit names[] = { { 0, "LOW" }, { 32, "HIGH" } };

static uint64_t twice(const void *base)
{
	return 2 * ((const struct all *)base)->u64;
}

static const struct figure all_list[] = {
	{ .name = "format", .type = FIG_CONST, .nr = 7 },
	FIG(U16, all, u16, "u16", NULL, ""),
	FIG(U32, all, u32, "u32", NULL, ""),
	FIG(U64, all, u64, "u64", NULL, "", .flags = FIG_NEEDED),
	FIG_MADE(twice, "twice", NULL, ""),
	FIG(I32, all, i32, "i32", NULL, ""),
	FIG(ERRNO, all, error, "errno", NULL, ""),
	FIG(BOOL, all, yes, "yes", NULL, ""),
	FIG(REAL, all, real, "real", NULL, ""),
	FIG(RATIO, all, ratio, "ratio", NULL, ""),
	FIG(TEXT, all, text, "text", NULL, ""),
	FIG(TEXT, all, filled, "filled", NULL, "", .empty = "none"),
	FIG(STRING, all, string, "string", NULL, ""),
	FIG(ENUM, all, colour, "colour", NULL, "", .word = colour_name, .nr = COLOURS),
	FIG(I32, all, maybe, "maybe", NULL, "", .flags = FIG_NULL | FIG_TELLS,
	    .known = offsetof(struct all, known)),
	FIG(U64, all, maybe_too, "maybe_too", NULL, "", .flags = FIG_NULL,
	    .known = offsetof(struct all, known)),
	FIG(OBJECT, all, inner, "inner", NULL, "", .sub = &inner_figures),
	FIG(OBJECT, all, joined, NULL, NULL, "", .sub = &joined_figures),
	FIG_MANY(ARRAY, all, list, inners, "list", "", .sub = &inner_figures),
	FIG_MANY(ARRAY, all, beside, inners, "list", "", .sub = &beside_figures,
		 .flags = FIG_JOINS),
	FIG_MANY(LINES, all, line, lines, "lines", ""),
	FIG_SLOTTED(all, slots, "slots", ""),
	FIG(BITS, all, status, "status", NULL, "", .bits = names, .nr = 2),
	FIG(BITS, all, features, "features", NULL, "", .bits = names, .nr = 2),
	FIG(HEX, all, address, "address", NULL, ""),
	FIG(U64, all, extra, "extra", NULL, "", .flags = FIG_IF,
	    .known = offsetof(struct all, shown)),
	FIG(OBJECT, all, inner, NULL, NULL, "", .sub = &shown_figures, .flags = FIG_IF,
	    .known = offsetof(struct all, shown)),
	FIG_MANY(MAP, all, pair, pairs, "map", "", .sub = &pair_figures),
};
static const struct figures all_figures = FIGURES(all_list);

static const struct all example = {
	.u16 = UINT16_MAX,
	.u32 = UINT32_MAX,
	.u64 = 5,
	.i32 = -3,
	.error = -ENOSPC,
	.yes = true,
	.real = 2.5,
	.ratio = 0.25,
	.text = "caf\xc3\xa9",
	.string = "s",
	.colour = GREEN,
	.known = true,
	.maybe = -9,
	.maybe_too = 8,
	.inner = { 11, "in" },
	.joined = { .n = 12 },
	.inners = 2,
	.list = { { 21, "a" }, { 22, "b" }, { 23, "no" } },
	.beside = { { 31 }, { 32 }, { 33 } },
	.lines = 1,
	.line = { "one", "no" },
	.slots = { 0, 4, 0, 0 },
	.status = 5,
	.features = 1ULL << 32,
	.address = 0xabc,
	.pairs = 2,
	.pair = { { "p", -1 }, { "q", 2 } },
};

static const char example_json[] =
	"{\"format\": 7, \"u16\": 65535, \"u32\": 4294967295, \"u64\": 5, \"twice\": 10, \"i32\": -3, \"errno\": 28, "
	"\"yes\": true, \"real\": 2.5, \"ratio\": 0.25, \"text\": \"caf\xc3\xa9\", \"filled\": \"none\", "
	"\"string\": \"s\", \"colour\": \"green\", \"maybe\": -9, \"maybe_too\": 8, "
	"\"inner\": {\"n\": 11, \"name\": \"in\"}, \"joined\": 12, "
	"\"list\": [{\"n\": 21, \"name\": \"a\", \"waits\": 31}, {\"n\": 22, \"name\": \"b\", \"waits\": 32}], "
	"\"lines\": [\"one\"], \"slots\": [0, 4], \"status\": [\"LOW\", \"bit2\"], \"features\": [\"HIGH\"], \"address\": \"0xabc\", \"map\": {\"p\": -1, \"q\": 2}}";

static void expect_json(const struct all *a, const char *want)
{
	json_t *o = figures_write(&all_figures, a);
	char *text = json_dumps(o, 0);

	EXPECT_STREQ(text, want);
	free(text);
	json_decref(o);
}

static int read_text(const char *text, struct all *a, char why[200])
{
	json_t *o = json_loads(text, 0, NULL);
	int err;

	ASSERT_NOT_NULL(o);
	memset(a, 0, sizeof(*a));
	why[0] = '\0';
	err = figures_read(&all_figures, o, a, why, 200);
	json_decref(o);
	return err;
}

TEST(writes, .title = "each type is written as its table says, in its order")
{
	expect_json(&example, example_json);
}

TEST(roundtrip, .title = "each type is read back as it was")
{
	struct all a;
	char why[200];

	ASSERT_EQ(read_text(example_json, &a, why), 0)
	{
		TH_LOG("%s", why);
	}
	EXPECT_EQ(a.error, -ENOSPC);
	EXPECT_TRUE(a.known);
	EXPECT_EQ(a.inners, 2);
	EXPECT_EQ(a.list[1].n, 22);
	EXPECT_EQ(a.beside[1].waits, 32);
	EXPECT_EQ(a.pair[0].value, -1);
	/* Only written. */
	EXPECT_NULL(a.string);
	EXPECT_EQ(a.status, 0);
	EXPECT_EQ(a.address, 0);
	a.string = "s";
	a.status = example.status;
	a.features = example.features;
	a.address = example.address;
	expect_json(&a, example_json);
}

TEST(unknown, .title = "what isn't known is null, and stays so")
{
	struct all a = { 0 }, back;
	char why[200], *text;
	json_t *o;

	o = figures_write(&all_figures, &a);
	EXPECT_TRUE(json_is_null(json_object_get(o, "maybe")));
	EXPECT_TRUE(json_is_null(json_object_get(o, "maybe_too")));
	EXPECT_TRUE(json_is_null(json_object_get(o, "string")));
	text = json_dumps(o, 0);
	ASSERT_EQ(read_text(text, &back, why), 0);
	EXPECT_FALSE(back.known);
	free(text);
	json_decref(o);
	/* That one of two is there doesn't make the other known. */
	ASSERT_EQ(read_text("{\"u64\":1,\"maybe_too\":3}", &back, why), 0);
	EXPECT_FALSE(back.known);
	ASSERT_EQ(read_text("{\"u64\":1,\"maybe\":0}", &back, why), 0);
	EXPECT_TRUE(back.known);
}

TEST(left_out, .title = "what isn't to be shown is left out, one figure or a whole struct's")
{
	struct all a = { .extra = 3, .inner.n = 4 };
	json_t *o = figures_write(&all_figures, &a);

	EXPECT_NULL(json_object_get(o, "extra"));
	EXPECT_NULL(json_object_get(o, "shown"));
	json_decref(o);
	a.shown = true;
	o = figures_write(&all_figures, &a);
	EXPECT_EQ(json_integer_value(json_object_get(o, "extra")), 3);
	EXPECT_EQ(json_integer_value(json_object_get(o, "shown")), 4);
	json_decref(o);
}

TEST(odd, .title = "what JSON has no word for becomes what it has")
{
	struct all a = { .u64 = UINT64_MAX, .real = INFINITY, .ratio = NAN, .text = "a\xff" };
	json_t *o = figures_write(&all_figures, &a);

	EXPECT_EQ(json_integer_value(json_object_get(o, "u64")), INT64_MAX);
	EXPECT_EQ(json_real_value(json_object_get(o, "real")), 0);
	EXPECT_EQ(json_real_value(json_object_get(o, "ratio")), 0);
	EXPECT_STREQ(json_string_value(json_object_get(o, "text")), "a?");
	json_decref(o);
	/* More elements than there can be are not looked for. */
	a.inners = a.lines = a.pairs = 99;
	o = figures_write(&all_figures, &a);
	EXPECT_EQ(json_array_size(json_object_get(o, "list")), 3);
	EXPECT_EQ(json_array_size(json_object_get(o, "lines")), 2);
	json_decref(o);
}

TEST(absent, .title = "what is absent is left alone; what can't be done without is named")
{
	struct all a;
	char why[200];

	ASSERT_EQ(read_text("{\"u64\": 1, \"new\": [1]}", &a, why), 0);
	EXPECT_EQ(a.u64, 1);
	EXPECT_EQ(a.u32, 0);
	EXPECT_EQ(read_text("{\"u32\": 1}", &a, why), -EINVAL);
	EXPECT_STREQ(why, "it has no .u64");
}

TEST(refused, .title = "a wrong type, a number out of range, a strange word: refused by its path")
{
	static const struct {
		const char *json, *why;
	} t[] = {
		{ "[1]", "it is no object" },
		{ "{\"u16\": 65536}", ".u16 is no whole number from 0 to 65535" },
		{ "{\"u32\": 4294967296}", ".u32 is no whole number from 0 to 4294967295" },
		{ "{\"u32\": -1}", ".u32 is no whole number from 0 to 4294967295" },
		{ "{\"u32\": 1.0}", ".u32 is no whole" },
		{ "{\"u64\": -1}", ".u64 is no whole number from 0 to 9223372036854775807" },
		{ "{\"u64\": null}", ".u64 is no whole" },
		{ "{\"u64\":1,\"i32\": 2147483648}",
		  ".i32 is no whole number from -2147483648 to 2147483647" },
		{ "{\"u64\":1,\"errno\": \"x\"}", ".errno is no whole" },
		{ "{\"u64\":1,\"yes\": 1}", ".yes is neither true nor false" },
		{ "{\"u64\":1,\"real\": \"1\"}", ".real is no number from 0" },
		{ "{\"u64\":1,\"real\": -1}", ".real is no number from 0" },
		{ "{\"u64\":1,\"ratio\": 1.1}", ".ratio is no number from 0 to 1" },
		{ "{\"u64\":1,\"text\": 1}", ".text is no text" },
		{ "{\"u64\":1,\"colour\": 1}", ".colour is no text" },
		{ "{\"u64\":1,\"colour\": \"?\"}", "unknown .colour '?'" },
		{ "{\"u64\":1,\"maybe\": \"x\"}", ".maybe is no whole" },
		{ "{\"u64\":1,\"inner\": []}", ".inner is no object" },
		{ "{\"u64\":1,\"inner\": {\"n\": \"x\"}}", ".inner.n is no whole" },
		{ "{\"u64\":1,\"joined\": \"x\"}", ".joined is no whole" },
		{ "{\"u64\":1,\"list\": {}}", ".list is no array" },
		{ "{\"u64\":1,\"list\": [1]}", ".list[0] is no object" },
		{ "{\"u64\":1,\"list\": [{},{\"n\":true}]}", ".list[1].n is no whole" },
		{ "{\"u64\":1,\"list\": [{},{\"waits\":-1}]}", ".list[1].waits is no whole" },
		{ "{\"u64\":1,\"list\": [{},{},{},{}]}", ".list has more than 3 entries" },
		{ "{\"u64\":1,\"lines\": [\"x\", 2]}", ".lines[1] is no text" },
		{ "{\"u64\":1,\"slots\": [1, \"x\"]}", ".slots[1] is no whole" },
		{ "{\"u64\":1,\"slots\": [1,1,1,1,1]}", ".slots has more than 4 entries" },
		{ "{\"u64\":1,\"map\": []}", ".map is no object" },
		{ "{\"u64\":1,\"map\": {\"p\": \"x\"}}", ".map.p is no whole" },
	};
	struct all a;
	char why[200];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		EXPECT_EQ(read_text(t[i].json, &a, why), -EINVAL)
		{
			TH_LOG("%s", t[i].json);
		}
		EXPECT_EQ(strncmp(why, t[i].why, strlen(t[i].why)), 0)
		{
			TH_LOG("%s: %s", t[i].json, why);
		}
	}
}

TEST(cut, .title = "text, lines and a map that don't fit are cut")
{
	struct all a;
	char why[200];

	ASSERT_EQ(
		read_text("{\"u64\": 1, \"text\": \"123456789\", \"lines\": [\"1\", \"2\", \"3\"], "
			  "\"map\": {\"123456789\": 1, \"b\": 2, \"c\": 3}}",
			  &a, why),
		0);
	EXPECT_STREQ(a.text, "1234567");
	EXPECT_EQ(a.lines, 2);
	EXPECT_EQ(a.pairs, 2);
	EXPECT_STREQ(a.pair[0].name, "1234567");
}

TEST(deep, .title = "a path that is too long is cut")
{
	char json[1000], why[200];
	struct all a;

	snprintf(json, sizeof(json), "{\"u64\": 1, \"map\": {\"%0600d\": \"x\"}}", 0);
	EXPECT_EQ(read_text(json, &a, why), -EINVAL);
	EXPECT_STRSTR(why, ".map.0000");
}

TEST(memory, .title = "without memory for any part there is no object, or it is whole")
{
	struct all a = example;
	char *whole, *text;
	unsigned int n = 0, none = 0;
	bool failed;
	json_t *o;

	o = figures_write(&all_figures, &a);
	whole = json_dumps(o, 0);
	do {
		json_decref(o);
		json_fault_begin(++n);
		o = figures_write(&all_figures, &a);
		failed = json_fault_end();
		none += !o;
		if (!o)
			EXPECT_EQ(json_blocks, 0);
		text = o ? json_dumps(o, 0) : strdup(whole);
		EXPECT_STREQ(text, whole);
		free(text);
	} while (failed);
	EXPECT_GT(none, 50);
	free(whole);
	json_decref(o);
}

TEST_HARNESS_MAIN
