// SPDX-License-Identifier: GPL-2.0-only
/*
 * stallscope doctor: what it finds depends on the machine, how it says it
 * doesn't.
 */
#include <bpf/btf.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "lib/exitcodes.h"
#include "ss_harness.h"

static char out[512];

/* Its exit status; output goes to @out, or @to. */
static int doctor(const char *a, const char *b, const char *to)
{
	char *argv[] = { "doctor", (char *)a, (char *)b, NULL };
	int status;
	pid_t pid;

	snprintf(out, sizeof(out), "%s/out", ss_tmpdir());
	pid = fork();
	if (!pid) {
		int fd = open(to ? to : out, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(fd, 1);
		if (!to)
			dup2(fd, 2);
		_exit(cmd_doctor(b ? 3 : a ? 2 : 1, argv));
	}
	ASSERT_GT(pid, 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char *output(void)
{
	static char buf[32768];
	FILE *f = fopen(out, "r");
	size_t n;

	ASSERT_NOT_NULL(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	return buf;
}

/* The findings on a kernel: "ok", "warn" or "fail", its text and the status. */
static int kernel_finding(const char *path, char *result, char *text, size_t len)
{
	char opt[512];
	json_t *root, *check;
	size_t i;
	int status;

	snprintf(opt, sizeof(opt), "--kernel=%s", path);
	status = doctor("--json", opt, NULL);
	root = json_load_file(out, 0, NULL);
	ASSERT_NOT_NULL(root);
	EXPECT_EQ(json_integer_value(json_object_get(root, "status")), status);
	EXPECT_EQ(json_is_true(json_object_get(root, "possible")), status == 0);
	EXPECT_EQ(json_is_string(json_object_get(root, "mode")), status == 0);
	result[0] = '\0';
	json_array_foreach(
		json_object_get(root, "checks"), i,
		check) if (!strcmp(json_string_value(json_object_get(check, "name")), "kernel"))
	{
		snprintf(result, 8, "%s", json_string_value(json_object_get(check, "result")));
		snprintf(text, len, "%s", json_string_value(json_object_get(check, "text")));
	}
	json_decref(root);
	return status;
}

TEST(kernels, .title = "a kernel that can't be used is a fault of its own")
{
	char result[8], text[512], path[512];
	const void *raw;
	struct btf *btf;
	__u32 size;
	FILE *f;
	int status;

	status = kernel_finding("/nonexistent/vmlinux", result, text, sizeof(text));
	EXPECT_STREQ(result, "fail");
	EXPECT_STRSTR(text, "/nonexistent/vmlinux: No such file");
	EXPECT_TRUE(status == SS_EXIT_KERNEL || status == SS_EXIT_KVM);
	snprintf(path, sizeof(path), "%s/k", ss_tmpdir());
	f = fopen(path, "w");
	fputs("this is no kernel", f);
	fclose(f);
	status = kernel_finding(path, result, text, sizeof(text));
	EXPECT_STREQ(result, "fail");
	EXPECT_STRSTR(text, "not a kernel that can be read");
	EXPECT_TRUE(status == SS_EXIT_KERNEL || status == SS_EXIT_KVM);
	/* type information, but none of sched_ext: runs that load no scheduler are possible */
	btf = btf__new_empty();
	ASSERT_NOT_NULL(btf);
	ASSERT_GT(btf__add_int(btf, "int", 4, BTF_INT_SIGNED), 0);
	raw = btf__raw_data(btf, &size);
	f = fopen(path, "w");
	EXPECT_EQ(fwrite(raw, size, 1, f), 1);
	fclose(f);
	btf__free(btf);
	status = kernel_finding(path, result, text, sizeof(text));
	EXPECT_STREQ(result, "warn");
	EXPECT_STRSTR(text, "without sched_ext");
	EXPECT_TRUE(status == SS_EXIT_OK || status == SS_EXIT_KVM);
	/* an ELF file without BTF */
	status = kernel_finding("/proc/self/exe", result, text, sizeof(text));
	EXPECT_STREQ(result, "fail");
	EXPECT_STRSTR(text, "no BTF");
	EXPECT_TRUE(status == SS_EXIT_GUEST_UNFIT || status == SS_EXIT_KVM);
}

TEST(page, .title = "each line is a finding, its text or what to do; 80 columns")
{
	int status = doctor(NULL, NULL, NULL), findings = 0, fails = 0;
	char *s = output();

	for (char *line = s; *line; line += strcspn(line, "\n") + 1) {
		/* a path may be longer than a line */
		if (!memchr(line, '/', strcspn(line, "\n")))
			EXPECT_LE(strcspn(line, "\n"), 80)
			{
				TH_LOG("%.100s", line);
			}
		findings += !strncmp(line, "ok   ", 5) || !strncmp(line, "warn ", 5);
		fails += !strncmp(line, "FAIL ", 5);
	}
	EXPECT_GE(findings + fails, 8);
	EXPECT_EQ(status != 0, fails > 0);
	EXPECT_STRSTR(s, status ? "No run is possible" : "Runs are possible");
	EXPECT_NULL(strchr(s, '\033'));
}

TEST(no_probe, .title = "a KVM that can't be probed: no run is possible")
{
	/* no timer can be made, which ends the probing */
	struct rlimit before;
	int status;

	ASSERT_EQ(getrlimit(RLIMIT_SIGPENDING, &before), 0);
	ASSERT_EQ(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ 0, before.rlim_max }), 0);
	status = doctor(NULL, NULL, NULL);
	ASSERT_EQ(setrlimit(RLIMIT_SIGPENDING, &before), 0);
	if (!strstr(output(), "can't be probed"))
		SKIP("no KVM that runs anything");
	EXPECT_EQ(status, SS_EXIT_FAIL);
	EXPECT_STRSTR(output(), "No run is possible");
}

TEST(usage, .title = "misuse is one line and status 2, a full disk status 9")
{
	EXPECT_EQ(doctor("vmlinux", NULL, NULL), SS_EXIT_USAGE);
	EXPECT_STRSTR(output(), "--kernel");
	EXPECT_STREQ(strchr(output(), '\n'), "\n");
	EXPECT_EQ(doctor("--bogus", NULL, NULL), SS_EXIT_USAGE);
	EXPECT_STREQ(strchr(output(), '\n'), "\n");
	EXPECT_EQ(doctor("--help", NULL, NULL), 0);
	EXPECT_STRSTR(output(), "Exit status:");
	if (!access("/dev/full", W_OK))
		EXPECT_EQ(doctor(NULL, NULL, "/dev/full"), SS_EXIT_OUTPUT);
}

TEST_HARNESS_MAIN
