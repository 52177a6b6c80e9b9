// SPDX-License-Identifier: GPL-2.0-only
/* Sets an error's text. */
#include "vm/err.h"

#include <stdarg.h>
#include <stdio.h>

int vm_fail(struct vm_err *e, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return error;
}
