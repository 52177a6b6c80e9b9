// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the test programs: tools/tests/list names them.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_job.h"
#include "ss_clean.h"

#define DEFAULT_TIMEOUT_S 120
#define LIST_TIMEOUT_S	  20

#define ARRAY_SIZE(a)	  (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *word;
	unsigned int need;
} needs[] = {
	{ "root", RUN_NEEDS_ROOT }, { "kvm", RUN_NEEDS_KVM },	    { "guest", RUN_NEEDS_GUEST },
	{ "alone", RUN_ALONE },	    { "source", RUN_NEEDS_SOURCE },
};

/* timeout=N of the file "settings" beside the test, as in kselftest; 0: none. */
static int settings_timeout(const char *source)
{
	const char *slash = strrchr(source, '/');
	char path[512], line[128];
	int timeout = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%.*s/settings", slash ? (int)(slash - source) : 1,
		 slash ? source : ".");
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "timeout=%d", &timeout);
	if (f)
		fclose(f);
	return timeout;
}

/* host/tests/ROOM/test_x.c is run as BUILD/tests/test_x, a script as it is. */
static void program_of(const struct run *run, const char *source, char *path, size_t size)
{
	const char *base = strrchr(source, '/') ? strrchr(source, '/') + 1 : source;
	size_t len = strlen(base);

	if (len > 2 && !strcmp(base + len - 2, ".c"))
		snprintf(path, size, "%s/tests/%.*s", run->opts.build, (int)len - 2, base);
	else
		snprintf(path, size, "%s%s", *source == '/' ? "" : "./", source);
}

static int add_program(struct run *run, const char *target, const char *source, unsigned int flags,
		       int timeout)
{
	char path[512];
	struct run_program *p;

	program_of(run, source, path, sizeof(path));
	for (int i = 0; i < run->n_programs; i++)
		if (!strcmp(run->programs[i].path, path))
			return 0;
	p = reallocarray(run->programs, run->n_programs + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	run->programs = p;
	p += run->n_programs++;
	memset(p, 0, sizeof(*p));
	p->target = strdup(target);
	if (!p->target)
		return -ENOMEM;
	snprintf(p->name, sizeof(p->name), "%s:%s", target, strrchr(path, '/') + 1);
	memcpy(p->path, path, sizeof(path));
	p->needs = flags;
	p->timeout_s = timeout ?: settings_timeout(source) ?: DEFAULT_TIMEOUT_S;
	return 0;
}

static int parse_options(char *words, unsigned int *flags, int *timeout)
{
	char *save, *w;

	for (w = strtok_r(words, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
		size_t i;

		if (sscanf(w, "timeout=%d", timeout) == 1 && *timeout > 0)
			continue;
		for (i = 0; i < ARRAY_SIZE(needs); i++)
			if (!strcmp(w, needs[i].word))
				break;
		if (i == ARRAY_SIZE(needs))
			return -EINVAL;
		*flags |= needs[i].need;
	}
	return 0;
}

static int parse_line(struct run *run, char *line)
{
	char target[64], pattern[256];
	unsigned int flags = 0;
	int timeout = 0, used = 0, ret = 0;
	glob_t g;

	if (sscanf(line, " %63s %255s %n", target, pattern, &used) != 2)
		return -EINVAL;
	ret = parse_options(line + used, &flags, &timeout);
	if (ret)
		return ret;
	if (glob(pattern, GLOB_NOMAGIC, NULL, &g))
		return 0;
	for (size_t i = 0; i < g.gl_pathc && !ret; i++)
		ret = add_program(run, target, g.gl_pathv[i], flags, timeout);
	globfree(&g);
	return ret;
}

/**
 * run_list_read() - read which programs there are.
 *
 * Lines are "TARGET PATTERN [NEED]... [timeout=S]", see enum run_need; a program
 * belongs to the first line it matches. Returns 0 or a negative errno, having
 * said what is wrong.
 */
int run_list_read(struct run *run)
{
	FILE *f = fopen(run->opts.list, "re");
	int ret = 0, number = 0;
	char line[512];

	if (!f) {
		fprintf(stderr, "run_tests: %s: %s\n", run->opts.list, strerror(errno));
		return -ENOENT;
	}
	while (!ret && fgets(line, sizeof(line), f)) {
		number++;
		if (line[strspn(line, " \t\n")] == '#' || !line[strspn(line, " \t\n")])
			continue;
		ret = parse_line(run, line);
		if (ret)
			fprintf(stderr, "run_tests: %s:%d: %s\n", run->opts.list, number,
				ret == -EINVAL ? "not a line of TARGET PATTERN [NEED]..."
					       : strerror(-ret));
	}
	fclose(f);
	return ret;
}

/* ---- selection ---- */

/* Waits for @fd, at most until then. */
static bool is_ready(int fd, double until)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	double left = until - ss_now();

	return poll(&pfd, 1, left > 0 ? (int)(left * 1000) + 1 : 0) > 0;
}

/* Waits until then (0: not at all) for @pid, a group's leader, and kills the group if it is late. */
static int status_of(pid_t pid, double until)
{
	int status = 0, pidfd = syscall(SYS_pidfd_open, pid, 0);

	if (!until || pidfd < 0 || !is_ready(pidfd, until))
		kill(-pid, SIGKILL);
	if (pidfd >= 0)
		close(pidfd);
	waitpid(pid, &status, 0);
	return status;
}

/* The names that PROGRAM -l prints, as text the caller frees; NULL if it can't say. */
static char *list_of(const struct run_program *p)
{
	double until = ss_now() + LIST_TIMEOUT_S * run_time_scale();
	char *text = NULL;
	size_t len = 0;
	FILE *mem;
	int fds[2], status = -1;
	bool ended = false;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	pid = fork();
	if (!pid) {
		setsid();
		dup2(fds[1], STDOUT_FILENO);
		execl(p->path, p->path, "-l", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	mem = pid > 0 ? open_memstream(&text, &len) : NULL;
	while (mem && is_ready(fds[0], until)) {
		char buf[4096];
		ssize_t n = read(fds[0], buf, sizeof(buf));

		if (n <= 0) {
			ended = !n;
			break;
		}
		fwrite(buf, 1, n, mem);
	}
	close(fds[0]);
	if (mem)
		fclose(mem);
	/* A list without an end isn't whole, and was waited for long enough. */
	if (pid > 0)
		status = status_of(pid, ended ? until : 0);
	if (status || !ended) {
		fprintf(stderr, "run_tests: %s -l failed\n", p->path);
		free(text);
		return NULL;
	}
	return text;
}

static bool name_matches(const struct run_opts *o, const char *name)
{
	const char *bare = strrchr(name, '.') ? strrchr(name, '.') + 1 : name;

	for (int i = 0; i < o->n_tests; i++)
		if (!fnmatch(o->tests[i], name, 0) || !fnmatch(o->tests[i], bare, 0))
			return true;
	return false;
}

/* A program that can't list its tests is run: it may hold the one asked for. */
static bool holds_test(const struct run_opts *o, const struct run_program *p)
{
	char *text = list_of(p), *save, *line;
	bool found = !text;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "\t")] = '\0';
		found = name_matches(o, line);
	}
	free(text);
	return found;
}

static bool wanted(const struct run *run, const struct run_program *p)
{
	const struct run_opts *o = &run->opts;
	bool target = !o->n_targets;

	for (int i = 0; i < o->n_targets && !target; i++)
		target = !strcmp(o->targets[i], p->target) || !strcmp(o->targets[i], p->name);
	return target && (!o->n_tests || holds_test(o, p));
}

/** run_list_select() - keep only what the options select. Returns how many are left. */
int run_list_select(struct run *run)
{
	int n = 0;

	for (int i = 0; i < run->n_programs; i++)
		if (wanted(run, &run->programs[i]))
			run->programs[n++] = run->programs[i];
		else
			free(run->programs[i].target);
	run->n_programs = n;
	return n;
}

/** run_list_print() - print every test's name and title. Returns 0 or 1. */
int run_list_print(const struct run *run)
{
	int ret = 0;

	for (int i = 0; i < run->n_programs; i++) {
		char *text = list_of(&run->programs[i]), *save, *line;

		if (!text)
			ret = 1;
		for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
		     line = strtok_r(NULL, "\n", &save))
			printf("%s\t%s\n", run->programs[i].name, line);
		free(text);
	}
	return ret;
}

/**
 * run_list_programs() - print the programs as lines of a list.
 *
 * Sources are replaced by what is built of them, so that the list serves
 * without the sources.
 */
void run_list_programs(const struct run *run)
{
	size_t len = strlen(run->opts.build);

	for (int i = 0; i < run->n_programs; i++) {
		const struct run_program *p = &run->programs[i];
		bool built = !strncmp(p->path, run->opts.build, len) && p->path[len] == '/';

		printf("%s\t%s%s", p->target, built ? "build" : "",
		       p->path + (built		    ? len
				  : *p->path == '/' ? 0
						    : 2));
		for (size_t k = 0; k < ARRAY_SIZE(needs); k++)
			if (p->needs & needs[k].need)
				printf(" %s", needs[k].word);
		printf(" timeout=%d\n", p->timeout_s);
	}
}

/**
 * run_list_shard() - keep only our shard's programs: every so many of them.
 *
 * All shards together have each program once, whatever the machine they run on.
 */
void run_list_shard(struct run *run)
{
	const struct run_opts *o = &run->opts;
	int n = 0;

	run->n_selected = run->n_programs;
	for (int i = 0; i < run->n_programs; i++) {
		if (i % o->shards == o->shard - 1) {
			run->programs[n++] = run->programs[i];
			continue;
		}
		run->others_test |= !run_tiers_lacks(&run->tiers, run->programs[i].needs);
		free(run->programs[i].target);
	}
	run->n_programs = n;
}
