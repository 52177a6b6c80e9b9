// SPDX-License-Identifier: GPL-2.0-only
/*
 * stallscope-mkinitramfs: pack what a guest needs into one initramfs. The
 * runner starts it, so that the runner itself carries no archive code.
 */
#include "mkinitramfs.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "lib/opts.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What a guest on virtio-mmio can't do without. */
static const char *const base_modules[] = { "virtio_mmio", "virtio_blk", "virtio_console" };

/* Their order among themselves is kept: a module loads after the ones named before it. */
struct words {
	const char **v;
	size_t n;
};

struct options {
	const char *modules;
	const char *agent;
	const char *busybox;
	const char *output;
	bool bare;
	struct words sched, programs, commands, files, needed, wanted;
};

enum {
	OPT_MODULES = 256,
	OPT_AGENT,
	OPT_SCHED,
	OPT_EXEC_PROG,
	OPT_EXEC,
	OPT_FILE,
	OPT_MODULE,
	OPT_WANT,
	OPT_BARE,
	OPT_BUSYBOX,
	OPT_OUTPUT
};

static const struct argp_option option_list[] = {
	{ "modules", OPT_MODULES, "DIR|none", 0,
	  "lib/modules/RELEASE of the guest kernel; none: it has everything built in", 0 },
	{ "module", OPT_MODULE, "NAME", 0,
	  "A module the guest needs, besides virtio_mmio, virtio_blk and virtio_console", 0 },
	{ "optional-module", OPT_WANT, "NAME", 0, "A module to load if the kernel has it", 0 },
	{ "no-base-modules", OPT_BARE, NULL, 0, "Only the modules named here", 0 },
	{ "agent", OPT_AGENT, "PATH", 0, "The program that becomes /init", 0 },
	{ "sched", OPT_SCHED, "PATH", 0, "A scheduler program, with its libraries", 0 },
	{ "exec-prog", OPT_EXEC_PROG, "PATH", 0, "A program, with its libraries", 0 },
	{ "exec", OPT_EXEC, "CMD", 0, "A shell command line: add the programs it names", 0 },
	{ "file", OPT_FILE, "SRC[:DST]", 0, "A file or directory; DST is SRC as seen from /", 0 },
	{ "busybox", OPT_BUSYBOX, "PATH", 0, "The guest's shell and tools (default: from PATH)",
	  0 },
	{ "output", OPT_OUTPUT, "FILE", 0, "The initramfs to write", 0 },
	{ 0 },
};

static void push(struct words *w, const char *s)
{
	const char **v = xalloc((w->n + 1) * sizeof(*v));

	if (w->n)
		memcpy(v, w->v, w->n * sizeof(*v));
	free(w->v);
	v[w->n++] = s;
	w->v = v;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_MODULES:
		o->modules = arg;
		return 0;
	case OPT_MODULE:
		push(&o->needed, arg);
		return 0;
	case OPT_WANT:
		push(&o->wanted, arg);
		return 0;
	case OPT_BARE:
		o->bare = true;
		return 0;
	case OPT_AGENT:
		o->agent = arg;
		return 0;
	case OPT_SCHED:
		push(&o->sched, arg);
		return 0;
	case OPT_EXEC_PROG:
		push(&o->programs, arg);
		return 0;
	case OPT_EXEC:
		push(&o->commands, arg);
		return 0;
	case OPT_FILE:
		push(&o->files, arg);
		return 0;
	case OPT_BUSYBOX:
		o->busybox = arg;
		return 0;
	case OPT_OUTPUT:
		o->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		ss_err("unexpected argument '%s'", arg);
		return EINVAL;
	case ARGP_KEY_END:
		if (o->output && o->agent && o->modules)
			return 0;
		ss_err("--modules, --agent and --output are needed");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/*
 * The kernel's configuration, where libbpf looks for what a scheduler's __kconfig variables
 * are. Distributions and a kernel's own tree keep it with the modules.
 */
static int add_config(const char *modules, struct tree *t)
{
	static const char *const places[] = { "%s/config", "%s/build/.config" };
	char *dir = realpath(modules, NULL), src[PATH_MAX], dst[PATH_MAX];
	const char *release = dir ? strrchr(dir, '/') : NULL;
	int ret = 0;

	for (size_t i = 0; release && i < sizeof(places) / sizeof(places[0]); i++) {
		if ((size_t)snprintf(src, sizeof(src), places[i], dir) >= sizeof(src) ||
		    access(src, R_OK))
			continue;
		snprintf(dst, sizeof(dst), "/boot/config-%s", release + 1);
		ret = tree_file(t, dst, src, false);
		break;
	}
	free(dir);
	return ret;
}

static int add_modules(const struct options *o, struct tree *t)
{
	struct modules *m = NULL;
	int ret;

	if (!strcmp(o->modules, "none"))
		return 0;
	ret = modules_open(&m, o->modules);
	for (size_t i = 0; !ret && !o->bare && i < sizeof(base_modules) / sizeof(base_modules[0]);
	     i++)
		ret = modules_add(m, t, base_modules[i], true);
	for (size_t i = 0; !ret && i < o->needed.n; i++)
		ret = modules_add(m, t, o->needed.v[i], true);
	for (size_t i = 0; !ret && i < o->wanted.n; i++)
		ret = modules_add(m, t, o->wanted.v[i], false);
	if (!ret)
		ret = modules_finish(m, t);
	if (!ret)
		ret = add_config(o->modules, t);
	modules_close(m);
	return ret;
}

/* SRC[:DST]; a SRC that exists with its colons is taken whole. */
static int add_file(const char *arg, struct tree *t, struct programs *p)
{
	char *src = xstrdup(arg), *colon = strrchr(src, ':'), *dst;
	struct stat st;
	int ret;

	if (colon && (access(src, F_OK) || !colon[1])) {
		*colon++ = '\0';
	} else {
		colon = NULL;
	}
	dst = tree_path(colon && *colon ? colon : src);
	if (stat(src, &st)) {
		ss_err("--file '%s': %s", src, strerror(errno));
		ret = SS_EXIT_FILE;
	} else if (!strcmp(dst, "/") && !S_ISDIR(st.st_mode)) {
		ss_err("--file '%s': '/' is no place for a file", src);
		ret = SS_EXIT_FILE;
	} else {
		ret = tree_copy(t, dst, src);
		if (!ret && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			ret = programs_needs(p, src, "--file");
	}
	free(src);
	free(dst);
	return ret;
}

/* What any program may expect of a root file system. */
static int add_skeleton(struct tree *t)
{
	static const char *const dirs[] = { "/dev", "/proc", "/sys", "/run",	 "/tmp",    "/root",
					    "/mnt", "/etc",  "/var", "/usr/bin", "/usr/lib" };
	int ret = 0;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !ret; i++)
		ret = tree_dir(t, dirs[i], strcmp(dirs[i], "/tmp") ? 0755 : 01777);
	if (!ret)
		ret = tree_chardev(t, "/dev/console", 0600, makedev(5, 1));
	if (!ret)
		ret = tree_symlink(t, "/var/tmp", "../tmp");
	if (!ret)
		ret = tree_text(t, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
	if (!ret)
		ret = tree_text(t, "/etc/group", "root:x:0:\n");
	if (!ret)
		ret = tree_text(t, "/etc/hosts", "127.0.0.1 localhost\n");
	return ret;
}

static int fill(const struct options *o, struct tree *t, struct programs **p)
{
	int ret = tree_file(t, "/init", o->agent, true);

	if (!ret)
		ret = add_modules(o, t);
	if (!ret)
		ret = programs_new(p, t, o->busybox);
	/* The user's files first: they stand in for programs of the same place. */
	for (size_t i = 0; !ret && i < o->files.n; i++)
		ret = add_file(o->files.v[i], t, *p);
	for (size_t i = 0; !ret && i < o->sched.n; i++)
		ret = programs_add(*p, o->sched.v[i], "--sched");
	for (size_t i = 0; !ret && i < o->programs.n; i++)
		ret = programs_add(*p, o->programs.v[i], "--exec-prog");
	for (size_t i = 0; !ret && i < o->commands.n; i++)
		ret = programs_command(*p, o->commands.v[i]);
	if (!ret)
		ret = programs_finish(*p);
	return ret ? ret : add_skeleton(t);
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .options = option_list, .parser = parse };
	struct programs *p = NULL;
	struct options o = { 0 };
	struct tree *t = NULL;
	int ret;

	/* The loader is asked what programs need; nothing may be slipped in between. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_AUDIT");
	ret = opts_parse(&argp, argc, argv, "stallscope-mkinitramfs", &o);
	if (!ret) {
		t = tree_new();
		ret = fill(&o, t, &p);
	}
	if (!ret)
		ret = tree_write(t, o.output);
	programs_free(p);
	tree_free(t);
	free(o.sched.v);
	free(o.programs.v);
	free(o.commands.v);
	free(o.files.v);
	free(o.needed.v);
	free(o.wanted.v);
	return ret;
}
