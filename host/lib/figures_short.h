/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short names for the lines of tables of figures. Only for .c files that hold tables.
 *
 *	COUNT(attr_io, matched, "matched", "Of these with a host record", REQUIRED),
 */
#ifndef SS_LIB_FIGURES_SHORT_H
#define SS_LIB_FIGURES_SHORT_H

#include "lib/figures.h"

#define REQUIRED .flags = FIG_REQUIRED

/* Numbers of 64 and 32 bits, times, sizes. */
#define COUNT(struct_, field, name, doc, ...)                                                      \
	FIG(U64, struct_, field, name, NULL, doc, ##__VA_ARGS__)
#define COUNT32(struct_, field, name, doc, ...)                                                    \
	FIG(U32, struct_, field, name, NULL, doc, ##__VA_ARGS__)
#define NS(struct_, field, name, doc, ...) FIG(U64, struct_, field, name, "ns", doc, ##__VA_ARGS__)
#define SECONDS(struct_, field, name, doc, ...)                                                    \
	FIG(REAL, struct_, field, name, "s", doc, ##__VA_ARGS__)
#define BYTES(struct_, field, name, doc, ...)                                                      \
	FIG(U64, struct_, field, name, "bytes", doc, ##__VA_ARGS__)

/* A bool, a char array, a const char *, a struct. */
#define YES(struct_, field, name, doc, ...)                                                        \
	FIG(BOOL, struct_, field, name, NULL, doc, ##__VA_ARGS__)
#define TEXT(struct_, field, name, doc, ...)                                                       \
	FIG(TEXT, struct_, field, name, NULL, doc, ##__VA_ARGS__)
#define STRING(struct_, field, name, doc, ...)                                                     \
	FIG(STRING, struct_, field, name, NULL, doc, ##__VA_ARGS__)
#define PART(struct_, field, name, sub_, doc, ...)                                                 \
	FIG(OBJECT, struct_, field, name, NULL, doc, .sub = (sub_), ##__VA_ARGS__)

#endif /* SS_LIB_FIGURES_SHORT_H */
