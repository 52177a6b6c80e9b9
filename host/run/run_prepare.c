// SPDX-License-Identifier: GPL-2.0-only
/* What can be checked and made before anything is started. */
#include "run/run.h"
#include "lib/interrupt.h"
#include "lib/helper.h"
#include "lib/log.h"
#include "io/backing.h"
#include "lib/opts.h"
#include "trace/btf_check.h"
#include "io/profile.h"
#include "virtio/net.h"
#include "vm/boot.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const out_files[] = {
	"run.json",	"dump.json",	 "events.bin",	"console.log",
	"workload.log", "l1-kernel.log", "initrd.cpio",
};

/* One line for a path that can't be used; @what names the option. */
static int bad_path(const char *what, const char *path, int err, int status)
{
	ss_err("%s: %s: %s", what, path, strerror(err));
	return status;
}

static int check_regular(const char *what, const char *path, int status)
{
	struct stat st;

	if (stat(path, &st))
		return bad_path(what, path, errno, status);
	if (S_ISDIR(st.st_mode))
		return bad_path(what, path, EISDIR, status);
	if (access(path, R_OK))
		return bad_path(what, path, errno, status);
	return SS_EXIT_OK;
}

static int check_modules(const char *dir)
{
	static const char *const signs[] = { "modules.dep", "modules.order", "modules.builtin" };
	char path[PATH_MAX + 32];
	struct stat st;

	if (stat(dir, &st))
		return bad_path("--modules", dir, errno, SS_EXIT_KERNEL);
	if (!S_ISDIR(st.st_mode))
		return bad_path("--modules", dir, ENOTDIR, SS_EXIT_KERNEL);
	/* depmod need not have been run: the initramfs maker reads the modules themselves. */
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, signs[i]);
		if (!access(path, R_OK))
			return SS_EXIT_OK;
	}
	ss_err("--modules: %s has neither modules.dep nor modules.order: name the lib/modules/RELEASE directory itself",
	       dir);
	return SS_EXIT_KERNEL;
}

static int check_sched(const char *path)
{
	int ret = check_regular("--sched", path, SS_EXIT_FILE);

	if (!ret && access(path, X_OK)) {
		ss_err("--sched: %s isn't executable: name a scheduler's binary", path);
		ret = SS_EXIT_FILE;
	}
	return ret;
}

/* The SRC of a --file. */
static const char *file_source(const char *arg, char src[PATH_MAX])
{
	char *colon;

	snprintf(src, PATH_MAX, "%s", arg);
	colon = strrchr(src, ':');
	/* A path may itself have a colon: then the file of that whole name exists. */
	if (colon && access(src, F_OK))
		*colon = '\0';
	return src;
}

static int check_file(const char *arg)
{
	char src[PATH_MAX];

	file_source(arg, src);
	return access(src, R_OK) ? bad_path("--file", src, errno, SS_EXIT_FILE) : SS_EXIT_OK;
}

static int check_profile(const struct disk_opts *d)
{
	char err[SS_OPTS_ERR_LEN + PATH_MAX];
	struct profile *p;

	if (profile_load(d->profile, &p, err, sizeof(err))) {
		ss_err("--disk: profile=%s", err);
		return SS_EXIT_DISK;
	}
	if (d->group && profile_has_limits(p)) {
		ss_err("--disk: profile=%s sets limits, group=%s shares them: choose one",
		       d->profile, d->group);
		profile_free(p);
		return SS_EXIT_DISK;
	}
	profile_free(p);
	return SS_EXIT_OK;
}

/* Only opening it tells whether it can be opened. @b: open then, NULL without a file */
static int check_disk(const struct disk_opts *d, struct backing **b)
{
	char err[SS_OPTS_ERR_LEN + PATH_MAX];

	*b = NULL;
	if (d->profile && check_profile(d))
		return SS_EXIT_DISK;
	if (!d->file)
		return SS_EXIT_OK;
	if (!disk_opts_open(d, NULL, b, err, sizeof(err)))
		return SS_EXIT_OK;
	*b = NULL;
	ss_err("--disk: %s", err);
	return SS_EXIT_DISK;
}

/* All of them at once: one file may be two disks'. */
static int check_disks(const struct run_opts *o)
{
	struct backing *b[SS_MAX_DISKS] = { NULL };
	int ret = SS_EXIT_OK;

	for (unsigned int i = 0; !ret && i < o->nr_disks; i++)
		ret = check_disk(&o->disks[i], &b[i]);
	for (unsigned int i = 0; i < o->nr_disks; i++)
		if (b[i])
			backing_close(b[i]);
	return ret;
}

/* Its headers can be checked without KVM, before an emulated machine is started in vain. */
static int check_kernel(const struct run_opts *o)
{
	struct vm_memory mem = { .host = NULL };
	struct vm_err err = { "" };
	int ret = check_regular("--kernel", o->kernel, SS_EXIT_KERNEL);

	if (ret)
		return ret;
	if (vm_memory_create(&mem, o->memory, false, &err))
		ret = SS_EXIT_USAGE;
	else if (boot_check(&mem, o->kernel, &err))
		ret = SS_EXIT_KERNEL;
	if (ret)
		ss_err("%s: %s", ret == SS_EXIT_USAGE ? "--memory" : "--kernel", err.text);
	vm_memory_destroy(&mem);
	return ret;
}

/*
 * Will a scheduler load? An uncompressed kernel's BTF tells at once; of another one
 * the agent tells, half a minute later.
 */
static int check_sched_ext(const struct run_opts *o)
{
	struct btf_check_result res;
	char magic[SELFMAG] = "";
	int fd = open(o->kernel, O_RDONLY | O_CLOEXEC), ret;
	ssize_t n = fd < 0 ? 0 : read(fd, magic, sizeof(magic));

	if (fd >= 0)
		close(fd);
	if (n != SELFMAG || memcmp(magic, ELFMAG, SELFMAG))
		return SS_EXIT_OK;
	ret = btf_check_sched_ext(o->kernel, &res);
	if (ret == -ENODATA) {
		ss_err("--kernel: %s has no BTF, without which no scheduler loads: choose one built with CONFIG_DEBUG_INFO_BTF",
		       o->kernel);
		return SS_EXIT_GUEST_UNFIT;
	}
	if (!ret && !res.has_ops) {
		ss_err("--kernel: %s has no sched_ext: choose one built with CONFIG_SCHED_CLASS_EXT",
		       o->kernel);
		return SS_EXIT_GUEST_UNFIT;
	}
	/* Only a warning: this scheduler may not need what is missing. */
	if (!ret && !res.usable)
		ss_warn("--kernel: %s: %s", o->kernel, res.verdict);
	return SS_EXIT_OK;
}

/* Without a CONFIG the guest would idle until the time limit. */
static int check_config(const struct run_opts *o)
{
	char text[RUN_CONFIG_MAX];
	struct agent_kv kv;

	run_config(o, &kv, text);
	if (!kv.err)
		return SS_EXIT_OK;
	if (kv.err == -ENOSPC)
		ss_err("--exec and --sched-arg are longer than %d bytes: put the command into a script and give it with --file",
		       RUN_CONFIG_MAX);
	else
		ss_err("--sched and --sched-arg can't hold a new line");
	return SS_EXIT_USAGE;
}

int run_check_files(const struct run *run)
{
	const struct run_opts *o = &run->o;
	int ret = check_config(o);

	if (!ret)
		ret = check_kernel(o);

	if (!ret && o->sched && !run_in_nested())
		ret = check_sched_ext(o);
	if (!ret && o->initrd)
		ret = check_regular("--initrd", o->initrd, SS_EXIT_KERNEL);
	if (!ret && o->modules)
		ret = check_modules(o->modules);
	if (!ret && o->sched && !o->initrd)
		ret = check_sched(o->sched);
	for (unsigned int i = 0; !ret && i < o->nr_files; i++)
		ret = check_file(o->files[i]);
	return ret ? ret : check_disks(o);
}

static bool is_file(const char *path, const struct stat *st)
{
	struct stat other;

	return path && !stat(path, &other) && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino;
}

/* The option that names this file, NULL if none does. */
static const char *option_of(const struct run_opts *o, const struct stat *st)
{
	char src[PATH_MAX];

	if (is_file(o->kernel, st))
		return "--kernel";
	if (is_file(o->initrd, st))
		return "--initrd";
	if (is_file(o->sched, st))
		return "--sched";
	for (unsigned int i = 0; i < o->nr_disks; i++)
		if (is_file(o->disks[i].file, st) || is_file(o->disks[i].profile, st))
			return "--disk";
	for (unsigned int i = 0; i < o->nr_files; i++)
		if (is_file(file_source(o->files[i], src), st))
			return "--file";
	return NULL;
}

/* Removes what an earlier run left; refuses if one of this run's options names such a file. */
static int drop_earlier(const struct run *run)
{
	const size_t nr = sizeof(out_files) / sizeof(out_files[0]);
	char path[PATH_MAX + 32];
	const char *option;
	struct stat st;

	for (size_t i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", run->out, out_files[i]);
		option = stat(path, &st) ? NULL : option_of(&run->o, &st);
		if (!option)
			continue;
		ss_err("--out: %s/%s is what %s names, and a run replaces it there: choose another directory",
		       run->out_name, out_files[i], option);
		return SS_EXIT_OUTPUT;
	}
	for (size_t i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", run->out, out_files[i]);
		if (!unlink(path) || errno == ENOENT)
			continue;
		ss_err("--out: %s/%s: %s", run->out_name, out_files[i], strerror(errno));
		return SS_EXIT_OUTPUT;
	}
	return SS_EXIT_OK;
}

/*
 * Held until the process ends: another run in the same directory would remove what
 * this one is writing. On a file system without locks the run goes on without.
 */
static int lock_out(struct run *run)
{
	run->out_fd = open(run->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run->out_fd < 0)
		return bad_path("--out", run->out_name, errno, SS_EXIT_OUTPUT);
	if (!flock(run->out_fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
		return SS_EXIT_OK;
	ss_err("--out: %s: another run is writing there: choose another directory, or wait for its end",
	       run->out_name);
	return SS_EXIT_OUTPUT;
}

int run_open_out(struct run *run)
{
	const char *out = run->o.out, *name = run->out_name;
	int fd, ret;

	run->out_made = !mkdir(out, 0777);
	if (!run->out_made && errno != EEXIST)
		return bad_path("--out", name, errno, SS_EXIT_OUTPUT);
	if (!realpath(out, run->out))
		return bad_path("--out", name, errno, SS_EXIT_OUTPUT);
	ret = lock_out(run);
	if (!ret)
		ret = drop_earlier(run);
	if (ret)
		return ret;
	/* Better to know now than after the run. */
	fd = open(run->out, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	else if (errno != EOPNOTSUPP && errno != EISDIR)
		return bad_path("--out", name, errno, SS_EXIT_OUTPUT);
	return SS_EXIT_OK;
}

#define INITRD_MAX_ARGS (2 * RUN_MAX_FILES + 32)

static int initrd_args(const struct run *run, const char *maker, const char *agent,
		       const char **argv)
{
	static const char *const modules[] = { "virtio_mmio", "virtio_blk" };
	const struct run_opts *o = &run->o;
	unsigned int n = 0;

	argv[n++] = maker;
	argv[n++] = "--output";
	argv[n++] = run->initrd;
	argv[n++] = "--modules";
	argv[n++] = o->modules ? o->modules : "none";
	argv[n++] = "--agent";
	argv[n++] = agent;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		argv[n++] = "--module";
		argv[n++] = modules[i];
	}
	if (o->nr_nets) {
		argv[n++] = "--module";
		argv[n++] = "virtio_net";
		/* For programs that use packet sockets; most kernels have it built in. */
		argv[n++] = "--optional-module";
		argv[n++] = "af_packet";
	}
	if (o->sched) {
		argv[n++] = "--sched";
		argv[n++] = o->sched;
	}
	if (o->exec) {
		argv[n++] = "--exec";
		argv[n++] = o->exec;
	}
	for (unsigned int i = 0; i < o->nr_files; i++) {
		argv[n++] = "--file";
		argv[n++] = o->files[i];
	}
	argv[n] = NULL;
	return (int)n;
}

static int run_program(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		ss_err("can't start %s: %s", argv[0], strerror(errno));
		return SS_EXIT_FAIL;
	}
	if (!pid) {
		execv(argv[0], (char *const *)argv);
		ss_err("can't start %s: %s", argv[0], strerror(errno));
		_exit(SS_EXIT_FAIL);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return SS_EXIT_FAIL;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (interrupts_seen())
		return SS_EXIT_INTERRUPTED;
	ss_err("%s was ended by signal %d", argv[0], WTERMSIG(status));
	return SS_EXIT_FAIL;
}

int run_make_initrd(struct run *run)
{
	const char *argv[INITRD_MAX_ARGS];
	char maker[PATH_MAX], agent[PATH_MAX];
	int ret;

	if (run->o.initrd) {
		snprintf(run->initrd, sizeof(run->initrd), "%s", run->o.initrd);
		return SS_EXIT_OK;
	}
	if (helper_find("stallscope-mkinitramfs", maker) || helper_find("agent", agent))
		return SS_EXIT_FILE;
	if ((size_t)snprintf(run->initrd, sizeof(run->initrd), "%s/initrd.cpio", run->out) >=
	    sizeof(run->initrd))
		return bad_path("--out", run->out_name, ENAMETOOLONG, SS_EXIT_OUTPUT);
	initrd_args(run, maker, agent, argv);
	run->initrd_temp = true;
	ret = run_program(argv);
	if (ret)
		run_drop_initrd(run);
	return ret;
}

void run_drop_initrd(struct run *run)
{
	if (run->initrd_temp)
		unlink(run->initrd);
	run->initrd_temp = false;
}

void run_drop_files(struct run *run)
{
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(out_files) / sizeof(out_files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", run->out, out_files[i]);
		unlink(path);
	}
}

void run_drop_out(struct run *run)
{
	/* Fails, as intended, if there is anything in it. */
	if (run->out_made)
		rmdir(run->out);
	run->out_made = false;
}
