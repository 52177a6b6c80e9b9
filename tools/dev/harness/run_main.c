// SPDX-License-Identifier: GPL-2.0-only
/*
 * run_tests: runs test programs and reports in KTAP version 1.
 * `make run_tests` calls it; Documentation/testing.md describes it.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_job.h"
#include "ss_clean.h"

#define DEFAULT_JOBS_MAX 8

static struct run run;

static void on_signal(int sig)
{
	run.signal = sig;
}

/* Exists only to interrupt poll(). */
static void on_child(int sig)
{
	(void)sig;
}

double run_time_scale(void)
{
	const char *s = getenv("SS_TEST_TIME_SCALE");
	double scale = s ? atof(s) : 1;

	return scale > 0 && scale <= 1000 ? scale : 1;
}

static void usage(FILE *f)
{
	fprintf(f,
		"usage: run_tests [-l] [-p] [-j N] [-s K/N] [-t TEST]... [-b BUILD] [-f LIST] [TARGET]...\n"
		"  -l        list the tests, do not run them\n"
		"  -p        print the test programs as lines of a LIST, do not run them\n"
		"  -j N      run N test programs at once (as many as there are CPUs)\n"
		"  -s K/N    run the K-th of N shards: each program is in one of them\n"
		"  -t TEST   run only tests of this name (a glob)\n"
		"  -b BUILD  the build directory (build)\n"
		"  -f LIST   the list of test programs (tools/tests/list)\n"
		"A TARGET is a group of test programs, or one program as TARGET:PROGRAM.\n");
}

/* How many programs run at once by default: most of them seldom wait. */
static int default_jobs(void)
{
	cpu_set_t cpus;
	int n = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);

	return n < DEFAULT_JOBS_MAX ? n : DEFAULT_JOBS_MAX;
}

static int parse_shard(const char *text, struct run_opts *o)
{
	int used = 0;

	if (sscanf(text, "%d/%d%n", &o->shard, &o->shards, &used) == 2 && !text[used] &&
	    o->shard >= 1 && o->shard <= o->shards)
		return 0;
	fprintf(stderr, "run_tests: -s %s: not K/N with K from 1 to N\n", text);
	return -EINVAL;
}

static int parse(int argc, char **argv, char *list)
{
	struct run_opts *o = &run.opts;
	const char *build = "build";
	int opt;

	o->list = "tools/tests/list";
	o->jobs = default_jobs();
	o->one_more = true;
	o->shard = o->shards = 1;
	o->tests = calloc(argc, sizeof(*o->tests));
	if (!o->tests)
		return -ENOMEM;
	while ((opt = getopt(argc, argv, "hlpj:s:t:b:f:")) != -1) {
		switch (opt) {
		case 'l':
		case 'p':
			*list = opt;
			break;
		case 's':
			if (parse_shard(optarg, o))
				return -EINVAL;
			break;
		case 'j':
			o->jobs = atoi(optarg);
			o->one_more = false;
			if (o->jobs < 1 || o->jobs > RUN_JOBS_MAX) {
				fprintf(stderr, "run_tests: -j %s: not between 1 and %d\n", optarg,
					RUN_JOBS_MAX);
				return -EINVAL;
			}
			break;
		case 't':
			o->tests[o->n_tests++] = optarg;
			break;
		case 'b':
			build = optarg;
			break;
		case 'f':
			o->list = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			return -EINVAL;
		}
	}
	o->targets = argv + optind;
	o->n_targets = argc - optind;
	o->build = realpath(build, NULL);
	if (!o->build) {
		fprintf(stderr, "run_tests: %s: %s\n", build, strerror(errno));
		return -errno;
	}
	return 0;
}

static int execute(void)
{
	int ret;

	printf("KTAP version 1\n");
	ret = run_begin(&run);
	if (ret) {
		fprintf(stderr, "run_tests: %s/tests: %s\n", run.opts.build,
			ret == -EBUSY ? "another run is at work there" : strerror(-ret));
		printf("1..0 # SKIP the run can't begin\n");
		return run_report(&run);
	}
	printf("# tier 1, in-process: yes\n"
	       "# tier 2, bare-metal guests on native KVM: %s\n"
	       "# tier 3, Linux guests: %s\n",
	       run.tiers.kvm, run.tiers.guest);
	run.kmsg_fd = run_kmsg_open();
	if (run.kmsg_fd < 0)
		printf("# the kernel's log can't be read, so it isn't watched\n");
	if (run.opts.shards > 1)
		printf("# shard %d/%d: %d of %d test programs\n", run.opts.shard, run.opts.shards,
		       run.n_programs, run.n_selected);
	if (!run.n_programs) {
		printf("1..0 # SKIP %s\n",
		       run.n_selected ? "this shard is empty" : "no test program matches");
		ret = run_report(&run);
	} else {
		ret = run_exec_all(&run);
		ret = ret ? 1 : run_report(&run);
	}
	run_end(&run);
	return ret;
}

int main(int argc, char **argv)
{
	const struct sigaction child = { .sa_handler = on_child };
	char list = 0;
	int ret;

	if (parse(argc, argv, &list))
		return 2;
	setenv("SS_BUILD", run.opts.build, 1);
	if (run_list_read(&run))
		return 2;
	run_list_select(&run);
	run_tiers_find(&run.tiers);
	run_list_shard(&run);
	if (list == 'p')
		run_list_programs(&run);
	if (list)
		return list == 'p' ? fflush(stdout) != 0 : run_list_print(&run);
	ss_catch_signals(on_signal);
	sigaction(SIGCHLD, &child, NULL);
	ret = execute();
	if (run.signal) {
		fflush(stdout);
		ss_catch_signals(SIG_DFL);
		raise(run.signal);
	}
	return ret;
}
