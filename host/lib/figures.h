/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures of a struct, in a table: by it they are written as JSON and read back,
 * and their schema and reference page are made. A figure is a line of its table.
 */
#ifndef SS_LIB_FIGURES_H
#define SS_LIB_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct figures;

/* What the field is, and what it is in JSON if that isn't the same. */
enum figure_type {
	FIG_U16,
	FIG_U32, /* also of an int that is never negative */
	FIG_U64,
	FIG_I32,
	FIG_I64,
	FIG_ERRNO, /* int, 0 or a negative errno: written positive */
	FIG_BOOL,
	FIG_REAL,   /* double, not negative; what isn't finite is written as 0 */
	FIG_RATIO,  /* double from 0 to 1 */
	FIG_TEXT,   /* char array; what isn't printable is written as '?' (text_clean_lines()) */
	FIG_STRING, /* const char *, null when it is NULL; only written */
	FIG_ENUM,   /* a word, by @word */
	FIG_BITS,   /* uint32_t or uint64_t: the names of those set, by @bits; only written */
	FIG_HEX,    /* uint64_t, as text: "0x1f"; only written */
	FIG_CONST,  /* the number @nr; there is no field */
	FIG_SUM,    /* made of others by @sum; only written */
	FIG_OBJECT, /* a struct with a table of its own; without a name, its figures join this one's */
	FIG_ARRAY, /* structs with a table */
	FIG_LINES, /* char arrays; those that don't fit aren't read */
	FIG_SLOTS, /* uint64_t, without the zeros at the end */
	FIG_MAP,   /* structs of two figures, name and value; those that don't fit aren't read */
};

/* The schema requires it. */
#define FIG_REQUIRED 1u
/* The reader can't do without. */
#define FIG_NEEDED 2u
/* null unless the bool at @known is true. */
#define FIG_NULL 4u
/* That it isn't null is what makes the bool at @known true, which is no figure itself. */
#define FIG_TELLS 8u
/* FIG_ARRAY: these figures join those of the array of the same name above, which @count counts. */
#define FIG_JOINS 16u

/* Left out unless the bool at @known is true; of an object without a name all its figures. */
#define FIG_IF 32u

/* A bit and what it is called. */
struct figure_bit {
	unsigned int bit;
	const char *name;
};

/**
 * struct figure - one figure.
 * @name: its key.
 * @type: @flags: see above.
 * @offset: of the field in its struct.
 * @size: of the field, of one element in an array.
 * @nr: elements that fit; FIG_ENUM: how many words; FIG_BITS: how many names; FIG_CONST: the number.
 * @count: FIG_ARRAY, FIG_LINES, FIG_MAP: offset of the uint32_t that counts elements.
 * @known: offset of a bool, with FIG_NULL or FIG_IF.
 * @unit: "ns", "bytes", ...; NULL: a mere number, or none.
 * @doc: what it means, for schema and page; no full stop.
 * @sub: the table of a struct.
 * @word: FIG_ENUM: the word for a value below @nr.
 * @words: FIG_TEXT: all that are written, up to a NULL; the reader takes any.
 * @bits: FIG_BITS: names; a bit without one is "bitN".
 * @empty: FIG_TEXT: written in place of an empty one.
 * @sum: FIG_SUM: from the struct.
 */
struct figure {
	const char *name;
	enum figure_type type;
	unsigned int flags;
	size_t offset, size, nr, count, known;
	const char *unit, *doc;
	const struct figures *sub;
	const char *(*word)(unsigned int value);
	const char *const *words;
	const struct figure_bit *bits;
	const char *empty;
	uint64_t (*sum)(const void *base);
};

/**
 * struct figures - the table of a struct.
 * @name: of its definition in the schema and its section on the page; NULL: it is
 * described where it is used.
 * @doc: what the struct is, where the figure that holds it doesn't say.
 * @nr: @list: the figures, in the order in which they are written.
 */
struct figures {
	const char *name, *doc;
	size_t nr;
	const struct figure *list;
};

#define FIGURES(list_, ...)                                                                        \
	{                                                                                          \
		.nr = sizeof(list_) / sizeof((list_)[0]), .list = (list_), ##__VA_ARGS__           \
	}

/* Which fields a type can be of: another doesn't compile. */
#define FIG_FITS_U16(field)	  (sizeof(field) == 2)
#define FIG_FITS_U32(field)	  (sizeof(field) == 4)
#define FIG_FITS_U64(field)	  (sizeof(field) == 8)
#define FIG_FITS_I32(field)	  (sizeof(field) == 4)
#define FIG_FITS_I64(field)	  (sizeof(field) == 8)
#define FIG_FITS_ERRNO(field)	  (sizeof(field) == 4)
#define FIG_FITS_BOOL(field)	  (sizeof(field) == sizeof(bool))
#define FIG_FITS_REAL(field)	  (sizeof(field) == sizeof(double))
#define FIG_FITS_RATIO(field)	  (sizeof(field) == sizeof(double))
#define FIG_FITS_TEXT(field)	  (sizeof((field)[0]) == 1)
#define FIG_FITS_STRING(field)	  (sizeof(field) == sizeof(char *) && sizeof(*(field)) == 1)
#define FIG_FITS_ENUM(field)	  (sizeof(field) == 4)
#define FIG_FITS_BITS(field)	  (sizeof(field) == 4 || sizeof(field) == 8)
#define FIG_FITS_HEX(field)	  (sizeof(field) == 8)
#define FIG_FITS_OBJECT(field)	  (sizeof(field) > 0)

#define FIG_FIELD(struct_, field) (((struct struct_ *)NULL)->field)
/* 0, if @fits. */
#define FIG_CHECK(fits) (0 * sizeof(char[(fits) ? 1 : -1]))

/* A figure in a field: FIG(U64, attr_io, count, "count", NULL, "Guest IOs", .flags = ...) */
#define FIG(kind, struct_, field, name_, unit_, doc_, ...)                                         \
	{                                                                                          \
		.name = (name_), .type = FIG_##kind, .unit = (unit_), .doc = (doc_),               \
		.offset = offsetof(struct struct_, field),                                         \
		.size = sizeof(FIG_FIELD(struct_, field)) +                                        \
			FIG_CHECK(FIG_FITS_##kind(FIG_FIELD(struct_, field))),                     \
		##__VA_ARGS__                                                                      \
	}

/* An array in a field: FIG_MANY(LINES, attribution, note, notes, "notes", "Warnings") */
#define FIG_MANY(kind, struct_, field, count_, name_, doc_, ...)                                   \
	{                                                                                          \
		.name = (name_), .type = FIG_##kind, .doc = (doc_),                                \
		.offset = offsetof(struct struct_, field),                                         \
		.size = sizeof(FIG_FIELD(struct_, field)[0]),                                      \
		.nr = sizeof(FIG_FIELD(struct_, field)) / sizeof(FIG_FIELD(struct_, field)[0]),    \
		.count = offsetof(struct struct_, count_) +                                        \
			 FIG_CHECK(sizeof(FIG_FIELD(struct_, count_)) == 4),                       \
		##__VA_ARGS__                                                                      \
	}

/* A uint64_t array in a field, all of it. */
#define FIG_SLOTTED(struct_, field, name_, doc_, ...)                                              \
	{                                                                                          \
		.name = (name_), .type = FIG_SLOTS, .doc = (doc_),                                 \
		.offset = offsetof(struct struct_, field),                                         \
		.size = sizeof(FIG_FIELD(struct_, field)[0]) +                                     \
			FIG_CHECK(sizeof(FIG_FIELD(struct_, field)[0]) == 8),                      \
		.nr = sizeof(FIG_FIELD(struct_, field)) / sizeof(FIG_FIELD(struct_, field)[0]),    \
		##__VA_ARGS__                                                                      \
	}

/* The struct itself, as an object within its own. */
#define FIG_SELF(name_, sub_, doc_, ...)                                                           \
	{                                                                                          \
		.name = (name_), .type = FIG_OBJECT, .sub = (sub_), .doc = (doc_), ##__VA_ARGS__   \
	}

/* What is worked out from the struct. */
#define FIG_MADE(sum_, name_, unit_, doc_, ...)                                                    \
	{                                                                                          \
		.name = (name_), .type = FIG_SUM, .sum = (sum_), .unit = (unit_), .doc = (doc_),   \
		##__VA_ARGS__                                                                      \
	}

/**
 * figures_write() - a struct as JSON.
 *
 * Numbers above INT64_MAX, which JSON's readers don't take, become that.
 * Return: a new object, NULL when out of memory.
 */
json_t *figures_write(const struct figures *t, const void *base);

/**
 * figures_put() - add @value, whose reference is taken, to an object that is being made
 *
 * If there is no memory for it, or @value is NULL for that reason, *@o is freed and
 * becomes NULL; to add to that is fine. So only the finished object need be looked at.
 */
void figures_put(json_t **o, const char *name, json_t *value);

/** figures_push() - likewise, at the end of an array */
void figures_push(json_t **a, json_t *value);

/** figures_u64() - a number as figures_write() writes it. Return: NULL when out of memory. */
json_t *figures_u64(uint64_t v);

/**
 * figures_read() - fill a struct from JSON.
 * @base: zeroed; what is absent isn't touched, and keys without a figure are passed by
 * @why: one line that names what is wrong and where
 *
 * What is there has to be as the schema says: of its type, in the range of its field, one of the
 * words of its enum. Text that is too long is cut.
 *
 * Return: 0 or -EINVAL; some of the struct is filled then.
 */
int figures_read(const struct figures *t, const json_t *o, void *base, char *why, size_t why_len);

#endif /* SS_LIB_FIGURES_H */
