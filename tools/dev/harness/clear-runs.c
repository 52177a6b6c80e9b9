// SPDX-License-Identifier: GPL-2.0-only
/*
 * clear-runs: removes the pins, locks and control sockets of runs that were
 * killed, as the next run would, for a machine on which none may follow.
 */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "live/ctl.h"
#include "trace/pins.h"

static json_t *refuse(void *ctx, const json_t *request)
{
	(void)ctx;
	(void)request;
	return ctl_error("none", "this is no run");
}

/* Opening pins and the socket clears what dead runs left. */
int main(void)
{
	struct pins *pins = NULL;
	struct ctl *ctl = NULL;
	char name[32], err[256];
	int ret = 0;

	snprintf(name, sizeof(name), "clear-runs-%d", getpid());
	if (pins_open(name, &pins, err, sizeof(err)) < 0 ||
	    ctl_open(NULL, name, refuse, NULL, &ctl, err, sizeof(err))) {
		fprintf(stderr, "clear-runs: %s\n", err);
		ret = 1;
	}
	ctl_close(ctl);
	pins_close(pins);
	return ret;
}
