/* SPDX-License-Identifier: GPL-2.0-only */
/* From a member to the struct that holds it. */
#ifndef SS_CONTAINER_OF_H
#define SS_CONTAINER_OF_H

#include <stddef.h>

/** container_of() - the struct of @type that *@ptr is the @member of */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif /* SS_CONTAINER_OF_H */
