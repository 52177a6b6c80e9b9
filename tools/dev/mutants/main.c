// SPDX-License-Identifier: GPL-2.0-only
/*
 * run_mutants: tries mutants, several at once, each process in a copy of the
 * tree of its own, and prints what came of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mutants.h"
#include "ss_clean.h"

/* Shared by all processes. */
struct board {
	int next;
	struct result result[MUTANTS_MAX];
};

static struct mutants all;
static struct board *board;
static char work[256]; /* BUILD/mutants, absolute */
static char logs[300];

static const char *const verdicts[MUT_VERDICTS] = {
	[MUT_CAUGHT] = "caught",   [MUT_HUNG] = "time limit",	      [MUT_SURVIVED] = "SURVIVED",
	[MUT_SKIPPED] = "skipped", [MUT_NOT_BUILT] = "DOESN'T BUILD", [MUT_BROKEN] = "NOT TRIED",
};

/* The processes that try; an ended one is 0. */
static volatile pid_t slots[MUT_JOBS_MAX];

static void on_signal(int sig)
{
	mutants_signal = sig;
	for (int i = 0; i < MUT_JOBS_MAX; i++)
		if (slots[i] > 0)
			kill(slots[i], SIGTERM);
}

/* No SA_RESTART: waits end. */
static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

/* ---- the processes that try ---- */

static void slot_dir(char *buf, size_t size, int slot)
{
	snprintf(buf, size, "%s/%d", work, slot);
}

/* In its own process group: who gets a ctrl-C is decided here. */
static pid_t slot_fork(int slot)
{
	const pid_t parent = getpid(), pid = fork();
	char dir[300], path[320];

	if (pid > 0) {
		setpgid(pid, pid);
		slots[slot] = pid;
		if (mutants_signal)
			kill(pid, SIGTERM);
	}
	if (pid)
		return pid;
	for (int i = 0; i < MUT_JOBS_MAX; i++)
		slots[i] = 0;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getppid() != parent)
		_exit(1);
	slot_dir(dir, sizeof(dir), slot);
	snprintf(path, sizeof(path), "%s/tmp", dir);
	ss_remove_tree(path);
	if (chdir(dir) || mkdir(path, 0700))
		_exit(1);
	setenv("TMPDIR", path, 1);
	snprintf(path, sizeof(path), "%s/build", dir);
	setenv("SS_BUILD", path, 1);
	return 0;
}

static void slot_main(int fd)
{
	while (!mutants_signal) {
		int i = __atomic_fetch_add(&board->next, 1, __ATOMIC_RELAXED);

		if (i >= all.nr)
			break;
		mutant_try(&all.mutant[i], logs, &board->result[i]);
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			break;
	}
	_exit(0);
}

/* Returns its wait status. */
static int slot_wait(int slot)
{
	int status = 1;

	while (waitpid(slots[slot], &status, 0) < 0 && errno == EINTR)
		;
	slots[slot] = 0;
	return status;
}

/* ---- the table ---- */

static void print_row(FILE *f, int i)
{
	const struct mutant *m = &all.mutant[i];
	const struct result *r = &board->result[i];

	fprintf(f, "%-30s %-13s %5.1f s  %s\n%32s%s\n", m->name, verdicts[r->verdict], r->seconds,
		m->what, "", r->by);
	fflush(f);
}

/* Returns the exit status. */
static int summary(const double begin)
{
	int count[MUT_VERDICTS] = { 0 };
	char path[320];
	FILE *f;

	snprintf(path, sizeof(path), "%s/table.txt", work);
	f = fopen(path, "we");
	for (int i = 0; i < all.nr; i++) {
		count[board->result[i].verdict]++;
		if (f)
			print_row(f, i);
	}
	if (f)
		fclose(f);
	if (mutants_signal) {
		printf("interrupted\n");
		return 128 + mutants_signal;
	}
	for (int i = 0; i < all.nr; i++)
		if (board->result[i].verdict >= MUT_SURVIVED)
			printf("%s:%d: %s: %s (log: %s/%s.log)\n", all.mutant[i].data,
			       all.mutant[i].line, all.mutant[i].name, board->result[i].by, logs,
			       all.mutant[i].name);
	printf("%d caught (%d by a time limit), %d survived, %d skipped, %d not tried; %.0f s\n",
	       count[MUT_CAUGHT] + count[MUT_HUNG], count[MUT_HUNG], count[MUT_SURVIVED],
	       count[MUT_SKIPPED], count[MUT_NOT_BUILT] + count[MUT_BROKEN], seconds_now() - begin);
	return count[MUT_SURVIVED] + count[MUT_NOT_BUILT] + count[MUT_BROKEN] ||
	       !(count[MUT_CAUGHT] + count[MUT_HUNG]);
}

/* ---- one after the other ---- */

/* The first copy is kept and brought up to date, the others are made from it. */
static int prepare(int jobs)
{
	char dir[300];
	pid_t pid;

	slot_dir(dir, sizeof(dir), 0);
	if (mkdir(dir, 0777) && errno != EEXIST) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		return -EIO;
	}
	if (tree_sync(dir))
		return -EIO;
	pid = slot_fork(0);
	if (!pid)
		_exit(mutants_baseline(&all, logs, jobs) ? 1 : 0);
	return pid < 0 || slot_wait(0) || mutants_signal ? -EINVAL : 0;
}

static int copy_slot(int slot)
{
	static char cp[] = "cp", archive[] = "-a";
	char from[300], to[300];
	char *argv[] = { cp, archive, from, to, NULL };
	struct command c = { .argv = argv, .limit = 300 };

	slot_dir(from, sizeof(from), 0);
	slot_dir(to, sizeof(to), slot);
	return ss_remove_tree(to) || command_run(&c) || c.status || c.late ? -EIO : 0;
}

static int try_all(int jobs)
{
	int fds[2], started = 0, i;

	for (i = 1; i < jobs; i++)
		if (copy_slot(i)) {
			fprintf(stderr, "can't copy %s/0\n", work);
			return -EIO;
		}
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	for (; started < jobs && !mutants_signal; started++) {
		pid_t pid = slot_fork(started);

		if (!pid)
			slot_main(fds[1]);
		if (pid < 0)
			break;
	}
	close(fds[1]);
	for (;;) {
		ssize_t n = read(fds[0], &i, sizeof(i));

		if (n == sizeof(i))
			print_row(stdout, i);
		else if (n >= 0 || errno != EINTR)
			break;
	}
	close(fds[0]);
	while (started > 0 && !slot_wait(--started))
		;
	return 0;
}

/* Only one run in a build directory. */
static int take_work(const char *build)
{
	char abs[200], path[320];
	int fd;

	if (!realpath(build, abs) || strlen(abs) > sizeof(work) - 10) {
		fprintf(stderr, "%s: no such build directory\n", build);
		return -ENOENT;
	}
	snprintf(work, sizeof(work), "%s/mutants", abs);
	snprintf(logs, sizeof(logs), "%s/logs", work);
	snprintf(path, sizeof(path), "%s/lock", work);
	mkdir(work, 0777);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
		fprintf(stderr, "%s: %s\n", path,
			errno == EWOULDBLOCK ? "another run is at work here" : strerror(errno));
		return -EBUSY;
	}
	ss_remove_tree(logs);
	return mkdir(logs, 0777) ? -errno : 0;
}

/* ---- command line ---- */

/* All of them fit, and there are tests for them? Says of each that it doesn't. */
static int check(void)
{
	int bad = 0;

	for (int i = 0; i < all.nr; i++) {
		struct programs tests = { 0 };
		struct place p;

		bad += mutant_place(&all.mutant[i], &p, false) != 0 ||
		       mutant_programs(&all.mutant[i], &tests) != 0;
		free(p.text);
		for (int t = 0; t < tests.nr; t++)
			free(tests.name[t]);
	}
	return bad;
}

/* Drops those that aren't asked for; false if none is left. */
static bool choose(char **globs, int n)
{
	int kept = 0;

	for (int i = 0; i < all.nr; i++) {
		bool wanted = !n;

		for (int g = 0; g < n && !wanted; g++)
			wanted = !fnmatch(globs[g], all.mutant[i].name, 0);
		if (wanted)
			all.mutant[kept++] = all.mutant[i];
	}
	all.nr = kept;
	return kept;
}

static void usage(FILE *f)
{
	fprintf(f, "usage: run_mutants [-l|-n] [-j N] [-b BUILD] [-d DATA] [NAME]...\n"
		   "  -l        list the mutants, do not try them\n"
		   "  -n        only check that each still fits the code\n"
		   "  -j N      try N at once (2)\n"
		   "  -b BUILD  the build directory (build)\n"
		   "  -d DATA   where the *.mut files are (tools/dev/mutants)\n"
		   "A NAME is that of a mutant, or a glob.\n");
}

static int run(const char *build, int jobs)
{
	const double begin = seconds_now();
	int ret;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (board == MAP_FAILED || take_work(build))
		return 1;
	for (int i = 0; i < all.nr; i++)
		board->result[i] = (struct result){ .verdict = MUT_BROKEN, .by = "not tried" };
	/* Ours, not those of the make that started this. */
	unsetenv("MAKEFLAGS");
	unsetenv("MFLAGS");
	unsetenv("MAKELEVEL");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	catch_signals();
	printf("%d mutants, %d at once; first the tree without any\n", all.nr, jobs);
	fflush(stdout);
	ret = prepare(jobs);
	if (!ret)
		ret = try_all(jobs);
	ss_kill_children(getpid());
	if (ret)
		return mutants_signal ? 128 + mutants_signal : 1;
	return summary(begin);
}

int main(int argc, char **argv)
{
	const char *build = "build", *data = "tools/dev/mutants";
	bool list = false, only_check = false;
	int opt, jobs = 2, bad;

	while ((opt = getopt(argc, argv, "hlnj:b:d:")) != -1) {
		switch (opt) {
		case 'l':
			list = true;
			break;
		case 'n':
			only_check = true;
			break;
		case 'j':
			jobs = atoi(optarg);
			break;
		case 'b':
			build = optarg;
			break;
		case 'd':
			data = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (jobs < 1 || jobs > MUT_JOBS_MAX) {
		fprintf(stderr, "run_mutants: -j: not between 1 and %d\n", MUT_JOBS_MAX);
		return 2;
	}
	if (mutants_read(&all, data))
		return 2;
	if (!choose(argv + optind, argc - optind)) {
		fprintf(stderr, "run_mutants: no mutant of that name\n");
		return 2;
	}
	for (int i = 0; list && i < all.nr; i++)
		printf("%s\t%s\n", all.mutant[i].name, all.mutant[i].what);
	if (list)
		return 0;
	bad = check();
	if (bad)
		fprintf(stderr,
			"%d of %d mutants do not fit the code: see Documentation/testing.md\n", bad,
			all.nr);
	else if (only_check)
		printf("%d mutants, each fits the code\n", all.nr);
	return bad ? 2 : only_check ? 0 : run(build, jobs);
}
