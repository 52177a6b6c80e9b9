// SPDX-License-Identifier: GPL-2.0-only
/* The same run inside an emulated machine: hand everything over, wait, pass on. */
#include "run.h"
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB		  (1ULL << 20)
#define NESTED_BASE_MIB	  900 /* its own kernel, programs, traces and run directory */
#define NESTED_MIN_MIB	  2048
#define NESTED_EXTRA_S	  120 /* its own start, and copying the files out */
#define NESTED_TIME_LIMIT 124 /* its starter's status, which has said so */
#define NESTED_MAX_ARGS	  (4 * RUN_MAX_FILES + 12 * SS_MAX_DISKS + 2 * SS_MAX_NETS + 64)

/* An argument vector under construction; the strings made for it are its own. */
struct args {
	char *v[NESTED_MAX_ARGS];
	unsigned int n;
	bool full;
};

static void arg(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg(struct args *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	if (!s || a->n + 1 >= NESTED_MAX_ARGS) {
		free(s);
		a->full = true;
		return;
	}
	a->v[a->n++] = s;
}

static void args_free(struct args *a)
{
	for (unsigned int i = 0; i < a->n; i++)
		free(a->v[i]);
}

static uint64_t file_mib(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : ((uint64_t)st.st_size + MIB - 1) / MIB;
}

/* Its memory holds the guest's, and the files it is given twice while it unpacks them. */
static uint64_t nested_memory_mib(const struct run *run)
{
	uint64_t mib = NESTED_BASE_MIB + run->o.memory / MIB + 2 * file_mib(run->initrd) +
		       2 * file_mib(run->o.kernel);

	return mib < NESTED_MIN_MIB ? NESTED_MIN_MIB : mib;
}

static const char *absolute(const char *path, char real[PATH_MAX])
{
	return realpath(path, real) ? real : path;
}

/*
 * A file has the same name inside, so that messages name what the user named:
 * unless it would be hidden there under a mount, or has the colon that --file
 * takes for its own.
 */
static const char *inside(const char *path, char name[PATH_MAX])
{
	static const char *const mounts[] = { "/dev/", "/proc/", "/sys/" };
	const char *at = absolute(path, name);
	bool same = !strchr(at, ':');
	char other[PATH_MAX];

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		same = same && strncmp(at, mounts[i], strlen(mounts[i]));
	if (same)
		return at;
	snprintf(other, sizeof(other), "/handed-over/%.*s", PATH_MAX - 16, at + 1);
	for (char *p = other + strlen("/handed-over/"); *p; p++)
		if (*p == '/' || *p == ':')
			*p = '_';
	return strcpy(name, other);
}

static void hand_over(struct args *a, const char *path)
{
	char name[PATH_MAX];

	arg(a, "--file");
	arg(a, "%s:%s", path, inside(path, name));
}

static void machine_args(const struct run *run, struct args *a, const char *nested,
			 const char *self)
{
	const struct run_opts *o = &run->o;
	char real[PATH_MAX];

	arg(a, "%s", nested);
	arg(a, "--timeout");
	arg(a, "%u", o->time_limit_s + NESTED_EXTRA_S);
	arg(a, "--memory");
	arg(a, "%llu", (unsigned long long)nested_memory_mib(run));
	arg(a, "--out");
	arg(a, "%s", run->out);
	arg(a, "--exec-bin");
	arg(a, "%s", self);
	hand_over(a, o->kernel);
	hand_over(a, run->initrd);
	for (unsigned int i = 0; i < o->nr_disks; i++) {
		if (o->disks[i].profile)
			hand_over(a, o->disks[i].profile);
		if (!o->disks[i].file)
			continue;
		arg(a, "--drive");
		arg(a, "%s%s", absolute(o->disks[i].file, real),
		    o->disks[i].read_only ? ",ro" : "");
		arg(a, "--env");
		arg(a, RUN_DISK_PATH_ENV "%u=%s", i, o->disks[i].file);
	}
	arg(a, "--env");
	arg(a, "STALLSCOPE_OUT_NAME=%s", o->out);
	arg(a, "--env");
	arg(a, "STALLSCOPE_OPTIONS=%s", run->r.options);
	arg(a, "--");
}

/* Text after KEY= in a --disk: each comma twice. */
static void add_text(char *buf, size_t size, const char *key, const char *text)
{
	size_t n = strlen(buf);

	n += (size_t)snprintf(buf + n, size - n, ",%s=", key);
	for (; *text && n + 2 < size; text++) {
		buf[n++] = *text;
		if (*text == ',')
			buf[n++] = ',';
	}
	buf[n < size ? n : size - 1] = '\0';
}

/* What else there is to say of a disk; its profile has been handed over. */
static const char *more(const struct disk_opts *d, char *buf, size_t size)
{
	char real[PATH_MAX];
	size_t n;

	buf[0] = '\0';
	if (d->profile)
		add_text(buf, size, "profile", inside(d->profile, real));
	if (d->group)
		add_text(buf, size, "group", d->group);
	if (d->worker_cpus)
		add_text(buf, size, "worker_cpus", d->worker_cpus);
	n = strlen(buf);
	snprintf(buf + n, size - n, ",queues=%u", (unsigned int)d->queues);
	return buf;
}

/* A disk's file is a drive of the emulated machine, in the order of the --drive above. */
static void disk_args(const struct run_opts *o, struct args *a)
{
	char drive = 'a', rest[2 * PATH_MAX];

	for (unsigned int i = 0; i < o->nr_disks; i++) {
		const struct disk_opts *d = &o->disks[i];

		arg(a, "--disk");
		if (d->file)
			arg(a,
			    "file=/dev/vd%c%s,iops=%llu,bps=%llu,iops_burst=%llu,bps_burst=%llu%s",
			    drive++, d->read_only ? ",ro" : "", (unsigned long long)d->iops,
			    (unsigned long long)d->bps, (unsigned long long)d->iops_burst,
			    (unsigned long long)d->bps_burst, more(d, rest, sizeof(rest)));
		else
			arg(a, "size=%llu,iops=%llu,bps=%llu,iops_burst=%llu,bps_burst=%llu%s",
			    (unsigned long long)d->size, (unsigned long long)d->iops,
			    (unsigned long long)d->bps, (unsigned long long)d->iops_burst,
			    (unsigned long long)d->bps_burst, more(d, rest, sizeof(rest)));
	}
}

static void net_args(const struct run_opts *o, struct args *a)
{
	char mac[OPTS_MAC_LEN];

	for (unsigned int i = 0; i < o->nr_nets; i++) {
		const struct net_opts *n = &o->nets[i];

		arg(a, "--net");
		arg(a, "%s,mac=%s,mtu=%llu,pps=%llu,bps=%llu,pps_burst=%llu,bps_burst=%llu",
		    n->backend, opts_mac_text(n->mac, mac), (unsigned long long)n->mtu,
		    (unsigned long long)n->pps, (unsigned long long)n->bps,
		    (unsigned long long)n->pps_burst, (unsigned long long)n->bps_burst);
	}
}

static void run_args(const struct run *run, struct args *a, const char *self)
{
	const struct run_opts *o = &run->o;
	char real[PATH_MAX];

	arg(a, "%s", self);
	arg(a, "run");
	arg(a, "--nested=never");
	arg(a, "--out=/out");
	arg(a, "--name=%s", o->name);
	arg(a, "--kernel=%s", inside(o->kernel, real));
	arg(a, "--initrd=%s", inside(run->initrd, real));
	arg(a, "--cpus=%u", o->cpus);
	arg(a, "--memory=%llu", (unsigned long long)o->memory);
	arg(a, "--time-limit=%u", o->time_limit_s);
	if (o->append)
		arg(a, "--append=%s", o->append);
	if (o->sched)
		arg(a, "--sched=%s", o->sched);
	for (unsigned int i = 0; i < o->nr_sched_args; i++)
		arg(a, "--sched-arg=%s", o->sched_args[i]);
	if (o->exec)
		arg(a, "--exec=%s", o->exec);
	if (o->duration_s)
		arg(a, "--duration=%u", o->duration_s);
	if (o->no_trace)
		arg(a, "--no-trace");
	if (o->json)
		arg(a, "--json");
	if (o->console)
		arg(a, "--console");
	disk_args(o, a);
	net_args(o, a);
}

/*
 * In a process group of its own: a terminal's ctrl-C then comes to us only, and
 * is passed on once. It ends when we do, however we end.
 */
static pid_t start(struct args *a)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(SS_EXIT_NESTED);
	setenv("STALLSCOPE_CALLER", "stallscope", 1);
	execv(a->v[0], a->v);
	ss_err("can't start %s: %s", a->v[0], strerror(errno));
	_exit(SS_EXIT_NESTED);
}

static int wait_for(pid_t pid)
{
	int status, passed_on = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return SS_EXIT_NESTED;
		for (; passed_on < run_interrupted(); passed_on++)
			kill(pid, SIGINT);
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (run_interrupted())
		return SS_EXIT_INTERRUPTED;
	ss_err("the emulated machine's starter was ended by signal %d", WTERMSIG(status));
	return SS_EXIT_NESTED;
}

static bool measured(const struct run *run)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" REPORT_JSON_FILE, run->out);
	return !access(path, F_OK);
}

/* The runner inside has said what went wrong, but for what it doesn't live to say. */
static int ended(struct run *run, int status)
{
	if (status == NESTED_TIME_LIMIT) {
		status = SS_EXIT_GUEST_TIMEOUT;
	} else if (status > SS_EXIT_LAST && status != SS_EXIT_INTERRUPTED) {
		ss_err("the runner inside the emulated machine ended with status %d", status);
		status = SS_EXIT_NESTED;
	}
	if (measured(run)) {
		if (!run->o.json)
			run_tell_where(run);
	} else if (status == SS_EXIT_INTERRUPTED) {
		ss_err("interrupted: nothing was measured");
	}
	return status;
}

int run_nested(struct run *run)
{
	struct args a = { .n = 0 };
	char nested[PATH_MAX], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid;
	int ret;

	if (n < 0 || run_helper("nested", nested))
		return SS_EXIT_NESTED;
	self[n] = '\0';
	machine_args(run, &a, nested, self);
	run_args(run, &a, self);
	if (a.full) {
		ss_err("too many options for a run inside an emulated machine");
		args_free(&a);
		return SS_EXIT_USAGE;
	}
	fflush(stdout);
	pid = start(&a);
	if (pid < 0) {
		ss_err("can't start the emulated machine: %s", strerror(errno));
		ret = SS_EXIT_NESTED;
	} else {
		ret = wait_for(pid);
	}
	args_free(&a);
	return ended(run, ret);
}
