// SPDX-License-Identifier: GPL-2.0-only
/*
 * run.json and the text report.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/exitcodes.h"
#include "attr_world.h"
#include "mock_counters.h"
#include "live/live_figures.h"
#include "report/run_docs.h"
#include "run_world.h"
#include "ss_harness.h"

FIXTURE(report)
{
	struct run_result r, back;
	char dir[256], json[300], out[300];
};

FIXTURE_SETUP(report)
{
	snprintf(self->dir, sizeof(self->dir), "%s", ss_tmpdir());
	snprintf(self->json, sizeof(self->json), "%s/run.json", self->dir);
	snprintf(self->out, sizeof(self->out), "%s/out", self->dir);
	run_world_fill(&self->r, self->dir);
}
FIXTURE_TEARDOWN(report)
{
}

TEST_F(report, analysed, .title = "the analysis of a run's own records reaches the report")
{
	const struct attribution *a = &self->r.attr;

	EXPECT_EQ(a->verdict.cause, ATTR_CAUSE_THROTTLE);
	EXPECT_STRSTR(a->verdict.sentence, "disk0 (50 IOPS limit)");
	EXPECT_TRUE(a->verdict.complete);
	EXPECT_EQ(a->io.matched, 40);
	EXPECT_TRUE(a->disk[0].traced.counters_agree);
	EXPECT_EQ(report_lost(&self->r), 0);
	EXPECT_EQ(report_uncounted(&self->r), 0);
}

TEST_F(report, losses_unknown,
       .title =
	       "a guest that never told its losses makes no complete verdict, and the report says so")
{
	struct run_result *r = &self->r;
	char *text;

	r->end = RUN_END_PANIC;
	r->guest_drops_known = false;
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(report_analyse(r, self->dir), 0);
		EXPECT_FALSE(r->attr.verdict.complete);
		EXPECT_EQ(r->guest_missing_nr, 1);
	}
	text = run_as_text(r, self->out);
	EXPECT_STRSTR(text, "guest: it ended before it told what its tracing had lost\n");
	free(text);
}

TEST_F(report, running_time,
       .title = "waiting is weighed against the time the guest ran, not against the preparation")
{
	struct run_result *r = &self->r;
	struct world w;
	char path[300];

	/* 5 ms each: noteworthy in a second, but not in a minute. */
	world_init(&w);
	for (int i = 0; i < 40; i++) {
		struct world_io io = { .tid = 42,
				       .sector = (uint64_t)i * 8,
				       .bytes = 4096,
				       .start = T0 + SEC + i * 200 * MS,
				       .running = true };

		io.issue = io.begun = io.start;
		io.backed = io.published = io.done = io.begun + 5 * MS;
		world_io(&w, &io);
	}
	snprintf(path, sizeof(path), "%s/events.bin", self->dir);
	world_write(&w, path);
	world_free(&w);
	r->seconds = 60;
	r->guest_seconds = 1;
	ASSERT_EQ(report_analyse(r, self->dir), 0);
	EXPECT_EQ(r->attr.verdict.cause, ATTR_CAUSE_BACKING);
	/* As from an older run.json: that is all it has. */
	r->guest_seconds = 0;
	ASSERT_EQ(report_analyse(r, self->dir), 0);
	EXPECT_EQ(r->attr.verdict.cause, ATTR_CAUSE_NONE);
	r->boot_seconds = 59;
	ASSERT_EQ(report_analyse(r, self->dir), 0);
	EXPECT_EQ(r->attr.verdict.cause, ATTR_CAUSE_BACKING);
}

TEST_F(report, roundtrip, .title = "run.json holds everything that either report prints")
{
	char why[200], *j1, *j2, *t1, *t2;

	/* all different, so that no key can stand for another */
	for (uint64_t p = 0; p < ATTR_PARTS; p++)
		self->r.attr.io.parts[p] =
			(struct attr_stat){ 1000 + p, 2000 + p, 3000 + p, 4000 + p, 5000 + p };
	for (size_t i = 0; i < sizeof(struct ss_blk_counters) / sizeof(uint64_t); i++)
		((__u64 *)&self->r.disk[0].counters)[i] = 100 + i;
	for (size_t i = 0; i < sizeof(struct ss_net_counters) / sizeof(uint64_t); i++)
		((__u64 *)&self->r.net[0].counters)[i] = 200 + i;
	self->r.net[0].pressure = (struct ss_net_pressure){ 301, 302 };
	self->r.net[0].limit_changes = 303;
	self->r.attr.net[0] = (struct attr_stalls){ 401, 402, 403, 404, true };
	self->r.attr.ksoftirqd = (struct attr_softirq){ 501, 502, 503, 504, 505, 506 };
	self->r.sched.signal = 9;
	self->r.sched.ended = true;
	snprintf(self->r.end_message, sizeof(self->r.end_message), "caf\xc3\xa9 \"quoted\"\n\ttab");
	snprintf(self->r.sched.message, sizeof(self->r.sched.message), "line 1\nline 2\n");
	report_add_missing(&self->r, false, "run-queue delay: %s", "no tp_btf");
	report_add_missing(&self->r, true, "no BTF");
	self->r.attr.disk[0].limits = 2;
	self->r.attr.disk[0].limit[0] = (struct attr_limits){ 50, 0, 3 * SEC };
	self->r.attr.disk[0].limit[1] = (struct attr_limits){ 0, 2 << 20, SEC };
	self->r.attr.disk[0].profile_stall_ns = 30 * MS;
	self->r.events.error = -ENOSPC;
	self->r.events.unwritten = 3;
	self->r.exit_status = 9;
	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	ASSERT_EQ(report_read_json(&self->back, self->dir, why, sizeof(why)), 0);
	j1 = run_as_json(&self->r, self->out);
	j2 = run_as_json(&self->back, self->out);
	EXPECT_STREQ(j1, j2);
	EXPECT_STREQ(j1, run_slurp(self->json));
	t1 = run_as_text(&self->r, self->out);
	t2 = run_as_text(&self->back, self->out);
	EXPECT_STREQ(t1, t2);
	EXPECT_STRSTR(t1, "            3.0 s under 50 IOPS\n            1.0 s under 2.0 MiB/s\n"
			  "            30 ms of it ordered by the disk's profile\n");
	free(j1);
	free(j2);
	free(t1);
	free(t2);
}

TEST_F(report, names, .title = "the keys that others rely on are there")
{
	static const char *const parts[] = { "guest_queue", "throttle",	  "backing",
					     "worker",	    "completion", "scheduler",
					     "rt",	    "saturation", "host" };
	static const char *const counters[] = { "reads_completed",
						"writes_completed",
						"flushes_completed",
						"bytes_read",
						"bytes_written",
						"throttled_count",
						"io_errors",
						"currently_throttled_gauge",
						"invalid_avail_idx_count" };
	json_int_t recorded, lost, stalls, error, count, reads;
	json_t *root, *o, *d;
	const char *s;
	double share;

	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	root = json_load_file(self->json, 0, NULL);
	ASSERT_NOT_NULL(root);
	EXPECT_STREQ(json_string_value(json_object_get(root, "mode")), "kvm");
	EXPECT_STREQ(json_string_value(json_object_get(root, "end")), "poweroff");
	o = json_object_get(root, "scheduler");
	EXPECT_STREQ(json_string_value(json_object_get(o, "name")), "vtime");
	EXPECT_TRUE(json_is_true(json_object_get(o, "loaded")));
	EXPECT_TRUE(json_is_integer(json_object_get(o, "exit")));
	ASSERT_EQ(json_unpack(root, "{s:{s:I,s:I},s:{s:I},s:{s:I},s:{s:s,s:f}}", "events",
			      "recorded", &recorded, "lost", &lost, "clock", "error_ns", &error,
			      "io", "count", &count, "verdict", "cause", &s, "share", &share),
		  0);
	EXPECT_GT(recorded, 0);
	EXPECT_EQ(lost, 0);
	EXPECT_GT(error, 0);
	EXPECT_EQ(count, 40);
	EXPECT_STREQ(s, "throttle");
	EXPECT_GT(share, 0.98);
	d = json_array_get(json_object_get(root, "disks"), 0);
	ASSERT_EQ(json_unpack(d, "{s:{s:I},s:{s:I}}", "traced", "stalls", &stalls, "counters",
			      "reads_completed", &reads),
		  0);
	EXPECT_EQ(stalls, 40);
	EXPECT_EQ(reads, 40);
	for (unsigned int i = 0; i < 9; i++) {
		json_t *p = json_object_get(json_object_get(json_object_get(root, "io"), "parts"),
					    parts[i]);

		EXPECT_TRUE(json_is_integer(json_object_get(p, "p50")));
		EXPECT_TRUE(json_is_integer(json_object_get(p, "p99")));
		EXPECT_TRUE(json_is_integer(json_object_get(p, "max")));
		EXPECT_TRUE(json_is_integer(json_object_get(p, "sum")));
		EXPECT_TRUE(json_is_integer(
			json_object_get(json_object_get(d, "counters"), counters[i])));
	}
	json_decref(root);
}

TEST_F(report, network,
       .title = "a network device: its counters by name, its stalls, in both reports")
{
	json_t *root, *net, *counters;
	json_int_t stalls, ns, throttled, lost;
	char *text;

	EXPECT_TRUE(self->r.attr.net[0].counters_agree);
	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	root = json_load_file(self->json, 0, NULL);
	net = json_array_get(json_object_get(root, "nets"), 0);
	ASSERT_EQ(json_unpack(net, "{s:{s:I,s:I},s:{s:I},s:I,s:o}", "traced", "stalls", &stalls,
			      "stall_ns", &ns, "pressure", "throttled_count", &throttled, "lost",
			      &lost, "counters", &counters),
		  0);
	EXPECT_EQ(stalls, 2);
	EXPECT_EQ(ns, 10000000);
	EXPECT_EQ(throttled, 2);
	EXPECT_EQ(lost, 1);
	EXPECT_EQ(json_object_size(counters), MOCK_NET_COUNTERS);
	for (unsigned int i = 0; i < MOCK_NET_COUNTERS; i++)
		EXPECT_TRUE(json_is_integer(json_object_get(counters, mock_net_counters[i].name)));
	json_decref(root);
	text = run_as_text(&self->r, self->out);
	EXPECT_STRSTR(
		text,
		"  net0             12    1.2 KiB           11    1.1 KiB        1          2\n");
	EXPECT_STRSTR(text, "limit 30 frames/s");
	EXPECT_STRSTR(text, "2 stalls traced, 10 ms in all, longest 5.0 ms");
	EXPECT_STRSTR(text, "tx_dropped_no_rx_buffer 1\n");
	EXPECT_STRSTR(text, "figures: frames_sent 12\n");
	free(text);
}

/* Exit status of a program; its output goes to @out. */
static int run_program(char *const argv[], const char *out)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	ASSERT_GT(pid, 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void validate(const char *json, const char *out)
{
	char *argv[] = { "tools/dev/validate-run", "--strict", (char *)json, NULL };
	int ret = run_program(argv, out);

	if (ret == 4 || ret == 127)
		SKIP("python3-jsonschema isn't installed, or this isn't the source tree");
	EXPECT_EQ(ret, 0)
	{
		TH_LOG("%s", run_slurp(out));
	}
}

TEST_F(report, schema_full, .title = "a full run.json is valid by the schema, no key undocumented")
{
	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	validate(self->json, self->out);
}

TEST_F(report, schema_empty, .title = "so is one of a run that hardly began")
{
	struct run_result *r = &self->back;

	report_init(r);
	snprintf(r->mode, sizeof(r->mode), "nested");
	r->end = RUN_END_NOT_BOOTED;
	r->exit_status = SS_EXIT_KVM;
	r->disks = SS_MAX_DISKS;
	EXPECT_EQ(report_analyse(r, "/nonexistent"), -ENOENT);
	EXPECT_FALSE(r->analysed);
	EXPECT_STRSTR(r->attr.verdict.sentence, "can't tell");
	r->seconds = INFINITY;
	r->boot_seconds = NAN;
	for (int e = 0; e < RUN_ENDS; e++) {
		r->end = e;
		ASSERT_EQ(report_write_json(r, self->dir), 0);
		validate(self->json, self->out);
	}
}

/* Does a document say what is made from the tables now? */
static void is_made(const char *document, int (*make)(FILE *f), const char *out)
{
	FILE *f;
	char *now;

	if (access(document, R_OK))
		SKIP("no %s: this isn't the source tree", document);
	f = fopen(out, "w");
	ASSERT_NOT_NULL(f);
	EXPECT_EQ(make(f), 0);
	fclose(f);
	now = strdup(run_slurp(out));
	EXPECT_STREQ(now, run_slurp(document))
	{
		TH_LOG("%s isn't what the tables of figures say: make docs", document);
	}
	free(now);
}

TEST(schema_made, .title = "run.schema.json is what the tables of figures say")
{
	char out[300];

	snprintf(out, sizeof(out), "%s/out", ss_tmpdir());
	is_made("Documentation/run.schema.json", run_docs_schema, out);
}

TEST(page_made, .title = "so is run-json.md")
{
	char out[300];

	snprintf(out, sizeof(out), "%s/out", ss_tmpdir());
	is_made("Documentation/run-json.md", run_docs_page, out);
}

TEST(live_page_made, .title = "live-json.md is what the tables of a live run's figures say")
{
	char out[300];

	snprintf(out, sizeof(out), "%s/out", ss_tmpdir());
	is_made("Documentation/live-json.md", live_docs_page, out);
}

static int entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	ASSERT_NOT_NULL(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

TEST_F(report, atomic, .title = "a run.json that can't be written leaves the old one and no rest")
{
	struct rlimit limit = { 1000, RLIM_INFINITY };
	char *before;
	int n;

	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	before = strdup(run_slurp(self->json));
	n = entries(self->dir);
	self->r.cpus = 99;
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	EXPECT_EQ(report_write_json(&self->r, self->dir), -EFBIG);
	EXPECT_STREQ(run_slurp(self->json), before);
	EXPECT_EQ(entries(self->dir), n);
	free(before);
	EXPECT_EQ(report_write_json(&self->r, "/nonexistent"), -ENOENT);
}

TEST_F(report, damaged, .title = "a run.json cut anywhere is named damaged")
{
	char why[200] = "";
	size_t len;

	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	len = strlen(run_slurp(self->json));
	/* without the last brace and new line */
	for (len -= 2; len > 0; len = len * 9 / 10) {
		ASSERT_EQ(truncate(self->json, (off_t)len), 0);
		EXPECT_EQ(report_read_json(&self->back, self->dir, why, sizeof(why)), -EPROTO);
		EXPECT_STRSTR(why, "line ");
	}
	EXPECT_EQ(report_read_json(&self->back, "/nonexistent", why, sizeof(why)), -ENOENT);
}

/* Replace the n-th value of a tree; true if there was one. */
static bool spoil(json_t *node, int *n, json_t *with)
{
	const char *key;
	json_t *value;
	void *tmp;
	size_t i;

	if (json_is_object(node)) {
		json_object_foreach_safe(node, tmp, key, value)
		{
			if ((*n)-- == 0)
				return !json_object_set(node, key, with);
			if (spoil(value, n, with))
				return true;
		}
	} else if (json_is_array(node)) {
		json_array_foreach(node, i, value)
		{
			if ((*n)-- == 0)
				return !json_array_set(node, i, with);
			if (spoil(value, n, with))
				return true;
		}
	}
	return false;
}

TEST_F(report, spoiled,
       .title = "a run.json with any value of a wrong type breaks nothing: the place is named",
       .timeout_s = 90)
{
	json_t *with[] = {
		json_null(),  json_integer(-1), json_integer(INT64_MAX), json_string("\x1b[2J"),
		json_array(), json_object(),	json_real(1e300),	 json_true()
	};
	bool more = true;
	char why[200];
	int good = 0, refused = 0;

	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	/* Each value becomes one of them, and then the text that drives a terminal. */
	for (int n = 0; more; n++) {
		json_t *root = json_load_file(self->json, 0, NULL);
		int at = n / 2, ret;

		ASSERT_NOT_NULL(root);
		more = spoil(root, &at, with[n % 2 ? 3 : n / 2 % 8]);
		ASSERT_EQ(json_dump_file(root, self->out, 0), 0);
		json_decref(root);
		ASSERT_EQ(rename(self->out, self->json), 0);
		ret = report_read_json(&self->back, self->dir, why, sizeof(why));
		EXPECT_TRUE(ret == 0 || ret == -EINVAL);
		if (!ret) {
			char *t = run_as_text(&self->back, self->out);

			EXPECT_NULL(strchr(t, '\x1b'));
			free(t);
			good++;
		} else {
			EXPECT_NOT_NULL(strchr(why, '.'));
			refused++;
		}
		ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	}
	EXPECT_GT(good, 80);
	EXPECT_GT(refused, 400);
	for (int i = 0; i < 8; i++)
		json_decref(with[i]);
}

/* The least that is a run's, but for its verdict and the closing brace. */
#define RUN                                                                                        \
	"{\"format\":1,\"mode\":\"kvm\",\"end\":\"panic\",\"io\":{},\"disks\":[],\"events\":{},"   \
	"\"clock\":{}"

TEST_F(report, older, .title = "a run.json that has only what each must have is read")
{
	char why[200], *text;

	run_put_file(self->json, RUN ",\"verdict\":{\"cause\":\"host\"}}");
	ASSERT_EQ(report_read_json(&self->back, self->dir, why, sizeof(why)), 0)
	{
		TH_LOG("%s", why);
	}
	EXPECT_EQ(self->back.end, RUN_END_PANIC);
	EXPECT_EQ(self->back.attr.verdict.cause, ATTR_CAUSE_HOST);
	EXPECT_FALSE(self->back.guest_drops_known);
	text = run_as_text(&self->back, self->out);
	EXPECT_STRSTR(text, "VERDICT    host\n");
	free(text);
}

TEST_F(report, foreign, .title = "JSON that isn't a run's is refused with the reason")
{
	static const struct {
		const char *json, *why;
	} t[] = {
		{ "{}", "no .format" },
		{ "[1]", "no .format" },
		{ "{\"format\":\"1\"}", "no .format" },
		{ "{\"format\":2}", "its format is 2" },
		{ "{\"format\":1}", "it has no .mode" },
		{ RUN "}", "no .verdict.cause" },
		{ RUN ",\"verdict\":{\"cause\":\"aliens\"}}", "unknown .verdict.cause 'aliens'" },
		{ RUN ",\"verdict\":{\"cause\":\"none\"},\"seconds\":\"1\"}",
		  ".seconds is no number" },
		{ RUN ",\"verdict\":{\"cause\":\"none\"},\"nets\":[{\"mtu\":-1}]}",
		  ".nets[0].mtu is no whole number" },
	};
	char why[200];

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		run_put_file(self->json, t[i].json);
		EXPECT_EQ(report_read_json(&self->back, self->dir, why, sizeof(why)), -EINVAL);
		EXPECT_STRSTR(why, t[i].why);
	}
}

TEST_F(report, bytes, .title = "text that is no UTF-8 still makes a run.json")
{
	char why[200];

	snprintf(self->r.sched.message, sizeof(self->r.sched.message), "bad \xff\xfe bytes");
	snprintf(self->r.workload.output, sizeof(self->r.workload.output), "cut \xc3");
	report_add_stat(&self->r, "\xff", 1);
	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	ASSERT_EQ(report_read_json(&self->back, self->dir, why, sizeof(why)), 0);
	EXPECT_STREQ(self->back.sched.message, "bad ?? bytes");
	EXPECT_STREQ(self->back.workload.output, "cut ?");
}

TEST_F(report, page, .title = "the text is one screen of 80 columns, the verdict first")
{
	char *t = run_as_text(&self->r, self->out);
	int lines = 0;

	for (char *line = t; *line; line += strcspn(line, "\n") + 1) {
		EXPECT_LE(strcspn(line, "\n"), 80)
		{
			TH_LOG("%.200s", line);
		}
		lines++;
	}
	EXPECT_LE(lines, 48);
	EXPECT_STRSTR(t, "VERDICT    throttle\n");
	EXPECT_LT((void *)strstr(t, "VERDICT"), (void *)strstr(t, "WHERE THE TIME WENT"));
	EXPECT_STRSTR(t, "throttle stalls on disk0 (50 IOPS limit)");
	EXPECT_STRSTR(t, "40 of 40 IOs matched");
	EXPECT_STRSTR(t, "  throttle stall              40     4.0 s");
	EXPECT_STRSTR(t, "0 lost");
	EXPECT_NULL(strchr(t, '\x1b'));
	EXPECT_NULL(strstr(t, "CAN'T TELL"));
	free(t);
}

TEST_F(report, page_hostile,
       .title = "nothing a guest says gets the terminal's control or breaks the page")
{
	struct run_result *r = &self->r;
	char *t;

	memset(r->guest_kernel, 'k', sizeof(r->guest_kernel) - 1);
	snprintf(r->sched.name, sizeof(r->sched.name),
		 "\x1b]0;owned\x07\xc2\x9b"
		 "2J");
	snprintf(r->end_message, sizeof(r->end_message), "a\rb\x7f");
	r->end = RUN_END_PANIC;
	r->exit_status = 14;
	r->sched.loaded = false;
	for (int i = 0; i < 100; i++)
		strcat(r->sched.message, "verifier \x1b[31mwords\n");
	snprintf(r->disk[0].name, sizeof(r->disk[0].name), "a very long name of a disk");
	memset(&r->disk[0].counters, 0xff, sizeof(r->disk[0].counters));
	t = run_as_text(r, self->out);
	EXPECT_NULL(strchr(t, '\x1b'));
	EXPECT_NULL(strchr(t, '\r'));
	EXPECT_NULL(strchr(t, '\x7f'));
	EXPECT_NULL(strstr(t, "\xc2\x9b"));
	EXPECT_STRSTR(t, "NOT loaded");
	EXPECT_STRSTR(t, "all of it is in run.json");
	free(t);
}

TEST_F(report, lost, .title = "losses are added up, and what isn't counted is told")
{
	struct run_result *r = &self->r;
	char *t;

	r->host_drops.lost = 1;
	r->guest_drops.lost = 2;
	r->events.rejected = 3;
	r->events.unwritten = 4;
	EXPECT_EQ(report_lost(r), 10);
	EXPECT_EQ(report_uncounted(r), 0);
	r->events.records += 5;
	EXPECT_EQ(report_lost(r), 15);
	r->events.records -= 5;
	/* 20 made and not arrived, of which 7 are known to be rejected or unwritten */
	r->host_drops.recorded += 20;
	EXPECT_EQ(report_uncounted(r), 13);
	t = run_as_text(r, self->out);
	EXPECT_STRSTR(t, "10 lost, 13 gone without being counted");
	free(t);
	r->host_drops.recorded -= 20;
	/* the agent's own losses were made before */
	r->guest_drops.recorded += 9;
	EXPECT_EQ(report_uncounted(r), 0);
	r->guest_drops.recorded += 1;
	EXPECT_EQ(report_uncounted(r), 1);
	r->guest_drops_known = false;
	EXPECT_EQ(report_uncounted(r), 0);
}

TEST_F(report, caps, .title = "more lines and figures than there is room for are dropped")
{
	for (int i = 0; i < 100; i++) {
		report_add_missing(&self->r, true, "%d %0300d", i, i);
		report_add_stat(&self->r, "x", i);
	}
	EXPECT_EQ(self->r.guest_missing_nr, RUN_MAX_MISSING);
	EXPECT_EQ(self->r.host_missing_nr, 0);
	EXPECT_EQ(self->r.stats, RUN_MAX_STATS);
	EXPECT_STREQ(run_end_name(RUN_ENDS), "unknown");
}

TEST_HARNESS_MAIN
