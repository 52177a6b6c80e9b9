// SPDX-License-Identifier: GPL-2.0-only
/* stallscope doctor: adds to the list of findings. */
#include <stdarg.h>
#include <stdio.h>

#include "doctor/doctor.h"

void doctor_add(struct doctor *d, const char *name, enum doctor_result result, const char *hint,
		const char *fmt, ...)
{
	struct doctor_check *c;
	va_list ap;

	if (d->checks == DOCTOR_MAX_CHECKS)
		return;
	c = &d->check[d->checks++];
	c->name = name;
	c->result = result;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	snprintf(c->hint, sizeof(c->hint), "%s", hint ? hint : "");
}

void doctor_give_up(struct doctor *d, int status)
{
	if (!d->status)
		d->status = status;
}
