// SPDX-License-Identifier: GPL-2.0-only
/* `stallscope doctor`: its options, and the findings as text or JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "doctor/doctor.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/opts.h"

static const char *const result_name[] = { "ok", "warn", "FAIL" };

/* Prints words wrapped at 80 columns, from column @indent on, where the cursor is. */
static void wrap(int indent, const char *s)
{
	int col = indent;

	while (*s) {
		int len = (int)strcspn(s, " ");

		if (col > indent && col + 1 + len > 79) {
			printf("\n%*s", indent, "");
			col = indent;
		}
		col += printf("%s%.*s", col > indent ? " " : "", len, s);
		s += len;
		s += *s == ' ';
	}
	putchar('\n');
}

static void print_text(const struct doctor *d)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	static const char *const tint[] = { "\033[32m", "\033[33m", "\033[1;31m" };

	for (unsigned int i = 0; i < d->checks; i++) {
		const struct doctor_check *c = &d->check[i];

		printf("%s%-4s%s  %-10s ", colour ? tint[c->result] : "", result_name[c->result],
		       colour ? "\033[0m" : "", c->name);
		wrap(17, c->text);
		if (c->hint[0]) {
			printf("%14s-> ", "");
			wrap(17, c->hint);
		}
	}
	if (d->status)
		printf("\nNo run is possible like this; the FAIL lines say why.\n");
	else
		printf("\nRuns are possible%s.\n", d->direct ? "" : ", inside an emulated machine");
}

static int print_json(const struct doctor *d)
{
	json_t *list = json_array(), *root;
	int err = 0;

	for (unsigned int i = 0; i < d->checks; i++) {
		const struct doctor_check *c = &d->check[i];

		/* Fails for text that isn't UTF-8. */
		if (json_array_append_new(
			    list,
			    json_pack("{s:s, s:s, s:s, s:s}", "name", c->name, "result",
				      c->result == DOCTOR_FAIL ? "fail" : result_name[c->result],
				      "text", c->text, "hint", c->hint)))
			err = -EILSEQ;
	}
	root = json_pack("{s:b, s:s?, s:i, s:o}", "possible", !d->status, "mode",
			 d->status   ? NULL
			 : d->direct ? "kvm"
				     : "qemu",
			 "status", d->status, "checks", list);
	if (!root || err) {
		json_decref(root);
		return -EILSEQ;
	}
	err = json_dumpf(root, stdout, JSON_INDENT(2)) || putchar('\n') == EOF ? -EIO : 0;
	json_decref(root);
	return err;
}

static const struct argp_option options[] = {
	{ "kernel", 'k', "FILE", 0,
	  "Check this guest kernel (bzImage, vmlinux or raw BTF) for "
	  "sched_ext; default: the one that the build fetched",
	  0 },
	{ "json", 'j', NULL, 0, "Print the findings as JSON", 0 },
	{ 0 },
};

static const char doc[] =
	"Say whether this machine can run guests, and what to do where it can't.\v"
	"Each line is ok, warn (runs are possible, something will be missing) or FAIL.\n\n"
	"Exit status: 0 runs are possible, in some way; 1 KVM can't be probed; 3 or 5 the guest kernel "
	"can't be used; 7 no KVM and no emulated machine; 9 the findings could not be written.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct doctor *d = state->input;

	switch (key) {
	case 'k':
		d->kernel = arg;
		return 0;
	case 'j':
		d->json = true;
		return 0;
	case ARGP_KEY_ARG:
		ss_err("doctor: it takes no argument ('%s'); a kernel is given with --kernel", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_doctor(int argc, char **argv)
{
	const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
	struct doctor *d = calloc(1, sizeof(*d));
	int status, err = 0;

	if (!d) {
		ss_err("doctor: out of memory");
		return SS_EXIT_FAIL;
	}
	status = opts_parse(&argp, argc, argv, "stallscope doctor", d);
	if (status)
		goto out;
	doctor_check(d);
	if (d->json)
		err = print_json(d);
	else
		print_text(d);
	status = d->status;
	if (err == -EILSEQ) {
		ss_err("doctor: can't tell the findings as JSON: a path isn't UTF-8");
		status = SS_EXIT_FAIL;
	} else if (fflush(stdout) || ferror(stdout) || err) {
		ss_err("doctor: can't write the findings: %s", strerror(errno));
		status = SS_EXIT_OUTPUT;
	}
out:
	free(d);
	return status;
}
