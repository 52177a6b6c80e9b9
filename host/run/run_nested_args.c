// SPDX-License-Identifier: GPL-2.0-only
/* Builds the command line of an emulated machine, so that the run inside is the one asked for. */
#include "run/run_nested.h"
#include "lib/log.h"
#include "virtio/net.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB		(1ULL << 20)
#define NESTED_BASE_MIB 900 /* its own kernel, programs, traces and run directory */
#define NESTED_MIN_MIB	2048
#define NESTED_EXTRA_S	120 /* its own start, and copying the files out */

static void arg(struct nested_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes ownership of the string; NULL: there was no memory for it. */
static void arg_take(struct nested_args *a, char *s)
{
	if (!s || a->n + 1 >= NESTED_MAX_ARGS) {
		free(s);
		a->full = true;
		return;
	}
	a->v[a->n++] = s;
}

static void arg(struct nested_args *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	arg_take(a, s);
}

void nested_args_free(struct nested_args *a)
{
	for (unsigned int i = 0; i < a->n; i++)
		free(a->v[i]);
}

static uint64_t file_mib(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : ((uint64_t)st.st_size + MIB - 1) / MIB;
}

static uint64_t disks_mib(const struct run_opts *o)
{
	uint64_t mib = 0;

	for (unsigned int i = 0; i < o->nr_disks; i++)
		if (!o->disks[i].file)
			mib += (o->disks[i].size + MIB - 1) / MIB;
	return mib;
}

/*
 * The machine's memory holds the guest's, and twice the size of its files: those it is
 * given are there twice while it unpacks them; disks without a file= lie in its root,
 * a tmpfs, which may fill half of the memory.
 */
static uint64_t machine_mib(const struct run *run)
{
	const uint64_t files = file_mib(run->initrd) + file_mib(run->o.kernel) + disks_mib(&run->o);
	const uint64_t mib = NESTED_BASE_MIB + run->o.memory / MIB + 2 * files;

	return mib < NESTED_MIN_MIB ? NESTED_MIN_MIB : mib;
}

int nested_check_memory(const struct run *run)
{
	const uint64_t need = machine_mib(run), disks = disks_mib(&run->o);
	const uint64_t have =
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE) / MIB;

	/* A small host may well get by with these: memory is taken only as it is used. */
	if (!disks || need <= have || need == NESTED_MIN_MIB)
		return SS_EXIT_OK;
	ss_err("--disk: the emulated machine keeps temporary disks of %" PRIu64
	       " MiB in its memory and so wants %" PRIu64 " MiB, this machine has %" PRIu64
	       ": make them smaller, or give file=",
	       disks, need, have);
	return SS_EXIT_DISK;
}

static const char *absolute(const char *path, char real[PATH_MAX])
{
	return realpath(path, real) ? real : path;
}

/*
 * A file has the same name inside, so that messages use the user's name for it:
 * unless a mount would hide it there, it would lie in the run directory of the
 * run inside, or its name has a colon, which means something to --file.
 */
static const char *inside(const char *path, char name[PATH_MAX])
{
	static const char *const taken[] = { "/dev/", "/proc/", "/sys/", "/out/" };
	const char *at = absolute(path, name);
	bool same = !strchr(at, ':');
	char other[PATH_MAX];

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		same = same && strncmp(at, taken[i], strlen(taken[i]));
	if (same)
		return at;
	snprintf(other, sizeof(other), "/handed-over/%.*s", PATH_MAX - 16, at + 1);
	for (char *p = other + strlen("/handed-over/"); *p; p++)
		if (*p == '/' || *p == ':')
			*p = '_';
	return strcpy(name, other);
}

static void hand_over(struct nested_args *a, const char *path)
{
	char name[PATH_MAX];

	arg(a, "--file");
	arg(a, "%s:%s", path, inside(path, name));
}

void nested_machine_args(const struct run *run, struct nested_args *a, const char *nested,
			 const char *self)
{
	const struct run_opts *o = &run->o;
	char real[PATH_MAX];

	arg(a, "%s", nested);
	arg(a, "--timeout");
	arg(a, "%u", o->time_limit_s ? o->time_limit_s + NESTED_EXTRA_S : 0);
	arg(a, "--memory");
	arg(a, "%llu", (unsigned long long)machine_mib(run));
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
		arg(a, "%s%s%s", absolute(o->disks[i].file, real),
		    o->disks[i].read_only ? ",ro" : "", o->disks[i].share ? ",share" : "");
		arg(a, "--env");
		arg(a, RUN_DISK_PATH_ENV "%u=%s", i, o->disks[i].file);
	}
	arg(a, "--env");
	arg(a, "STALLSCOPE_OUT_NAME=%s", o->out);
	arg(a, "--env");
	arg(a, "STALLSCOPE_OPTIONS=%s", run->r.options);
	arg(a, "--");
}

/* KEY=TEXT of a --disk, with each comma doubled. */
static void put_text(FILE *f, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(f, ",%s=", key);
	for (; *text; text++) {
		if (*text == ',')
			putc(',', f);
		putc(*text, f);
	}
}

/* Inside, a disk's file is a drive of the machine, in the order of the --drive words above. */
static void disk_arg(struct nested_args *a, const struct disk_opts *d, char *drive)
{
	char real[PATH_MAX], *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f) {
		a->full = true;
		return;
	}
	if (d->file)
		fprintf(f, "file=/dev/vd%c%s%s", (*drive)++, d->read_only ? ",ro" : "",
			d->raw ? ",format=raw" : "");
	else
		fprintf(f, "size=%llu", (unsigned long long)d->size);
	fprintf(f, ",iops=%llu,bps=%llu,iops_burst=%llu,bps_burst=%llu,queues=%llu,backing=%s",
		(unsigned long long)d->iops, (unsigned long long)d->bps,
		(unsigned long long)d->iops_burst, (unsigned long long)d->bps_burst,
		(unsigned long long)d->queues, disk_opts_backing(d->backing));
	put_text(f, "profile", d->profile ? inside(d->profile, real) : NULL);
	put_text(f, "group", d->group);
	put_text(f, "worker_cpus", d->worker_cpus);
	if (fclose(f)) {
		free(text);
		text = NULL;
	}
	arg_take(a, text);
}

static void disk_args(const struct run_opts *o, struct nested_args *a)
{
	char drive = 'a';

	for (unsigned int i = 0; i < o->nr_disks; i++) {
		arg(a, "--disk");
		disk_arg(a, &o->disks[i], &drive);
	}
}

static void net_args(const struct run_opts *o, struct nested_args *a)
{
	char mac[NET_MAC_TEXT_LEN];

	for (unsigned int i = 0; i < o->nr_nets; i++) {
		const struct net_opts *n = &o->nets[i];

		arg(a, "--net");
		arg(a, "%s,mac=%s,mtu=%llu,pps=%llu,bps=%llu,pps_burst=%llu,bps_burst=%llu",
		    n->backend, net_mac_text(n->mac, mac), (unsigned long long)n->mtu,
		    (unsigned long long)n->pps, (unsigned long long)n->bps,
		    (unsigned long long)n->pps_burst, (unsigned long long)n->bps_burst);
	}
}

void nested_run_args(const struct run *run, struct nested_args *a, const char *self)
{
	const struct run_opts *o = &run->o;
	char real[PATH_MAX];

	arg(a, "%s", self);
	arg(a, "run");
	arg(a, "--machine=kvm");
	arg(a, "--out=/out");
	arg(a, "--name=%s", o->name);
	arg(a, "--kernel=%s", inside(o->kernel, real));
	arg(a, "--initrd=%s", inside(run->initrd, real));
	arg(a, "--cpus=%u", o->cpus);
	arg(a, "--memory=%llu", (unsigned long long)o->memory);
	if (o->time_limit_s)
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
	if (o->trace_tasks)
		arg(a, "--trace-tasks");
	if (o->no_huge_pages)
		arg(a, "--no-huge-pages");
	if (o->no_trace)
		arg(a, "--no-trace");
	if (o->json)
		arg(a, "--json");
	if (o->console)
		arg(a, "--console");
	disk_args(o, a);
	net_args(o, a);
}
