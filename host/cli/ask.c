// SPDX-License-Identifier: GPL-2.0-only
/* Asks a live run, and prints what it answers. */
#include "cli/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/run_name.h"

int ask_run(const char *cmd, const char *name, const json_t *request, json_t **answer)
{
	static const struct {
		const char *code;
		int status;
	} codes[] = { { "no_disk", SS_EXIT_DISK },
		      { "no_net", SS_EXIT_NET },
		      { "bad_value", SS_EXIT_USAGE },
		      { "bad_limits", SS_EXIT_LIMITS } };
	const char *code, *text;
	char err[300];
	int ret;

	if (!run_name_valid(name)) {
		ss_err("%s: '%s' is not a run's name", cmd, name);
		return SS_EXIT_USAGE;
	}
	ret = ctl_call(NULL, name, request, ASK_TIMEOUT_MS, answer, err, sizeof(err));
	if (ret) {
		ss_err("%s: %s", cmd, err);
		return ret == -ENOENT ? SS_EXIT_NO_RUN : SS_EXIT_FAIL;
	}
	if (json_is_true(json_object_get(*answer, "ok")))
		return SS_EXIT_OK;
	code = json_string_value(json_object_get(*answer, "code"));
	text = json_string_value(json_object_get(*answer, "error"));
	ss_err("%s: %s", cmd, text ? text : "the run gives an answer that makes no sense");
	for (size_t i = 0; code && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcmp(code, codes[i].code))
			return codes[i].status;
	return SS_EXIT_FAIL;
}

static int unwritten(void)
{
	ss_err("can't write the answer: %s", strerror(errno));
	return SS_EXIT_OUTPUT;
}

int ask_flush(void)
{
	return fflush(stdout) || ferror(stdout) ? unwritten() : SS_EXIT_OK;
}

int ask_print(const json_t *answer, size_t flags)
{
	if (json_dumpf(answer, stdout, flags))
		return unwritten();
	putchar('\n');
	return ask_flush();
}
