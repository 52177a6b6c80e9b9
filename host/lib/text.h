/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that others wrote: a guest, a scheduler, a file's name. It ends up on terminals,
 * which obey control characters, in JSON, which wants UTF-8, and before readers, whom
 * characters that turn the direction of writing deceive.
 */
#ifndef SS_TEXT_H
#define SS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * text_next() - looks at one character
 * @s: @len bytes, at least one
 * @bytes: how many of them belong to it, at least one
 *
 * Return: may it be printed as it is? Not so: C0 and C1 controls, DEL, what separates
 * lines or turns the direction, and bytes that are no UTF-8 (one at a time). '?' stands
 * for one of these.
 */
bool text_next(const char *s, size_t len, size_t *bytes);

/** text_clean() - makes @s one printable line: blanks for its white space, '?' for the rest */
void text_clean(char *s);

/** text_clean_lines() - the same, but new lines and tabs stay */
void text_clean_lines(char *s);

#endif /* SS_TEXT_H */
