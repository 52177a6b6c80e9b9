// SPDX-License-Identifier: GPL-2.0-only
/* Schema and page of figures, from their tables. */
#include "ss_harness.h"

#include <stdlib.h>
#include <string.h>

#include "json_faults.h"
#include "lib/figures_doc.h"

static const char *colour_name(unsigned int c)
{
	return c ? "green" : "red";
}

struct inner {
	uint64_t n;
};

struct more {
	uint64_t waits;
};

struct pair {
	char name[8];
	int64_t value;
};

struct all {
	uint16_t u16;
	uint32_t status;
	uint64_t address;
	uint32_t u32;
	uint64_t u64;
	int32_t i32;
	int error;
	bool yes, known;
	double real, ratio;
	char text[8], mode[8], filled[8];
	const char *string;
	unsigned int colour;
	struct inner inner, named, again;
	uint32_t inners, lines, pairs;
	struct inner list[3];
	struct more more[3];
	char line[2][8];
	uint64_t slots[4];
	struct pair pair[2];
};

static const struct figure inner_list[] = { FIG(U64, inner, n, "n", "ns", "In") };
static const struct figures inner_figures = FIGURES(inner_list);
static const struct figures named_figures = FIGURES(inner_list, .name = "thing", .doc = "A thing");

static const struct figure more_list[] = {
	FIG(U64, more, waits, "waits", NULL, "Beside", .flags = FIG_REQUIRED),
};
static const struct figures more_figures = FIGURES(more_list);

static uint64_t sum(const void *base)
{
	(void)base;
	return 0;
}

static const char *const modes[] = { "", "a", "b", NULL };

static const struct figure all_list[] = {
	{ .name = "format", .type = FIG_CONST, .nr = 7 },
	FIG(U16, all, u16, "u16", NULL, NULL),
	FIG(BITS, all, status, "status", NULL, NULL),
	FIG(HEX, all, address, "address", NULL, NULL),
	FIG(U32, all, u32, "u32", NULL, "Doc", .flags = FIG_REQUIRED),
	FIG(U64, all, u64, "u64", "bytes", "Doc", .flags = FIG_NULL,
	    .known = offsetof(struct all, known)),
	FIG_MADE(sum, "sum", NULL, NULL),
	FIG(I32, all, i32, "i32", NULL, NULL),
	FIG(ERRNO, all, error, "errno", NULL, NULL),
	FIG(BOOL, all, yes, "yes", NULL, NULL),
	FIG(REAL, all, real, "real", NULL, NULL),
	FIG(RATIO, all, ratio, "ratio", NULL, NULL),
	FIG(TEXT, all, text, "text", NULL, NULL),
	FIG(TEXT, all, mode, "mode", NULL, NULL, .words = modes),
	FIG(TEXT, all, filled, "filled", NULL, NULL, .empty = "none"),
	FIG(STRING, all, string, "string", NULL, NULL),
	FIG(ENUM, all, colour, "colour", NULL, NULL, .word = colour_name, .nr = 2),
	FIG(OBJECT, all, inner, "inner", NULL, "Open", .sub = &inner_figures),
	FIG(OBJECT, all, named, "named", NULL, NULL, .sub = &named_figures),
	FIG(OBJECT, all, again, "again", NULL, "Once more", .sub = &named_figures),
	FIG_MANY(ARRAY, all, list, inners, "list", "Three", .sub = &inner_figures),
	FIG_MANY(ARRAY, all, more, inners, "list", NULL, .sub = &more_figures, .flags = FIG_JOINS),
	FIG_MANY(LINES, all, line, lines, "lines", NULL),
	FIG_SLOTTED(all, slots, "slots", NULL),
	FIG_MANY(MAP, all, pair, pairs, "map", NULL, .sub = &inner_figures),
};
static const struct figures all_figures = FIGURES(all_list, .doc = "All of it.");

static const char schema[] =
	"{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"$id\": \"id\", \"title\": \"title\", "
	"\"type\": \"object\", \"description\": \"All of it.\", \"required\": [\"u32\"], "
	"\"properties\": {\"format\": {\"const\": 7}, "
	"\"u16\": {\"type\": \"integer\", \"minimum\": 0}, "
	"\"status\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}, "
	"\"address\": {\"type\": \"string\"}, "
	"\"u32\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"Doc\"}, "
	"\"u64\": {\"type\": [\"integer\", \"null\"], \"minimum\": 0, \"description\": \"Doc, bytes\"}, "
	"\"sum\": {\"type\": \"integer\", \"minimum\": 0}, \"i32\": {\"type\": \"integer\"}, "
	"\"errno\": {\"type\": \"integer\"}, \"yes\": {\"type\": \"boolean\"}, "
	"\"real\": {\"type\": \"number\", \"minimum\": 0}, "
	"\"ratio\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}, "
	"\"text\": {\"type\": \"string\"}, \"mode\": {\"enum\": [\"\", \"a\", \"b\"]}, "
	"\"filled\": {\"type\": \"string\", \"minLength\": 1}, "
	"\"string\": {\"type\": [\"string\", \"null\"]}, \"colour\": {\"enum\": [\"red\", \"green\"]}, "
	"\"inner\": {\"type\": \"object\", \"properties\": "
	"{\"n\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"In, ns\"}}, "
	"\"description\": \"Open\"}, "
	"\"named\": {\"$ref\": \"#/definitions/thing\"}, "
	"\"again\": {\"allOf\": [{\"$ref\": \"#/definitions/thing\"}], \"description\": \"Once more\"}, "
	"\"list\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"properties\": "
	"{\"n\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"In, ns\"}, "
	"\"waits\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"Beside\"}}, "
	"\"required\": [\"waits\"]}, \"maxItems\": 3, \"description\": \"Three\"}, "
	"\"lines\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}, "
	"\"slots\": {\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": 0}, \"maxItems\": 4}, "
	"\"map\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}}, "
	"\"definitions\": {\"thing\": {\"type\": \"object\", \"description\": \"A thing\", \"properties\": "
	"{\"n\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"In, ns\"}}}}}";

static const char page[] = "\n## The whole\n\n"
			   "All of it.\n\n"
			   "| key | type | unit | meaning |\n"
			   "|---|---|---|---|\n"
			   "| `.format` | 7 |  |  |\n"
			   "| `.u16` | integer |  |  |\n"
			   "| `.status` | texts |  |  |\n"
			   "| `.address` | text |  |  |\n"
			   "| `.u32` | integer |  | Doc |\n"
			   "| `.u64` | integer or null | bytes | Doc |\n"
			   "| `.sum` | integer |  |  |\n"
			   "| `.i32` | integer |  |  |\n"
			   "| `.errno` | integer |  |  |\n"
			   "| `.yes` | true, false |  |  |\n"
			   "| `.real` | number |  |  |\n"
			   "| `.ratio` | 0 to 1 |  |  |\n"
			   "| `.text` | text |  |  |\n"
			   "| `.mode` | `a`, `b` |  |  |\n"
			   "| `.filled` | text |  |  |\n"
			   "| `.string` | text or null |  |  |\n"
			   "| `.colour` | `red`, `green` |  |  |\n"
			   "| `.inner` | object |  | Open |\n"
			   "| `.named` | [thing](#thing) |  | A thing |\n"
			   "| `.again` | [thing](#thing) |  | Once more |\n"
			   "| `.list` | up to 3 objects |  | Three |\n"
			   "| `.lines` | texts |  |  |\n"
			   "| `.slots` | up to 4 integers |  |  |\n"
			   "| `.map` | integers by name |  |  |\n"
			   "\n## inner\n\n"
			   "Open.\n\n"
			   "| key | type | unit | meaning |\n"
			   "|---|---|---|---|\n"
			   "| `.inner.n` | integer | ns | In |\n"
			   "\n## list\n\n"
			   "Three.\n\n"
			   "| key | type | unit | meaning |\n"
			   "|---|---|---|---|\n"
			   "| `.list[].n` | integer | ns | In |\n"
			   "| `.list[].waits` | integer |  | Beside |\n"
			   "\n## thing\n\n"
			   "A thing.\n\n"
			   "| key | type | unit | meaning |\n"
			   "|---|---|---|---|\n"
			   "| `.n` | integer | ns | In |\n";

TEST(schema, .title = "the schema says of each type what is written")
{
	json_t *o = figures_schema(&all_figures, "id", "title");
	char *text = json_dumps(o, 0);

	EXPECT_STREQ(text, schema);
	free(text);
	json_decref(o);
}

TEST(page, .title = "the page has a row for each, open objects below it, named ones by themselves")
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	ASSERT_NOT_NULL(f);
	EXPECT_EQ(figures_page(&all_figures, "The whole", f), 0);
	fclose(f);
	EXPECT_STREQ(text, page);
	free(text);
}

TEST(memory, .title = "without memory for any part there is no schema, or it is whole")
{
	unsigned int n = 0, none = 0;
	bool failed;
	json_t *o;
	char *text;

	do {
		json_fault_begin(++n);
		o = figures_schema(&all_figures, "id", "title");
		failed = json_fault_end();
		none += !o;
		if (!o)
			EXPECT_EQ(json_blocks, 0);
		text = o ? json_dumps(o, 0) : strdup(schema);
		EXPECT_STREQ(text, schema);
		free(text);
		json_decref(o);
	} while (failed);
	EXPECT_GT(none, 200);
}

TEST_HARNESS_MAIN
