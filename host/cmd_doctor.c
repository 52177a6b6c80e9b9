// SPDX-License-Identifier: GPL-2.0-only
/*
 * stallscope doctor: can this machine run things, in one screen. Every line is
 * ok, warn (runs are possible, something is missing) or FAIL, with what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmds.h"
#include "exitcodes.h"
#include "log.h"
#include "observe/btf_check.h"
#include "observe/trace.h"
#include "opts.h"
#include "vm/kvm_probe.h"

#define MAGIC_BPFFS   0xcafe4a11
#define MAGIC_TRACEFS 0x74726163
/* MiB a default guest takes, with the runner, and the emulated machine around it. */
#define MEM_GUEST  700
#define MEM_NESTED 1700
#define MAX_CHECKS 24

extern char **environ;

enum result { OK, WARN, FAIL };

struct check {
	enum result result;
	const char *name;
	char text[320];
	char hint[256]; /* what to do, "" nothing */
};

struct doctor {
	const char *kernel;
	bool json;
	char default_kernel[PATH_MAX], qemu[PATH_MAX];
	struct check check[MAX_CHECKS];
	unsigned int checks;
	bool direct; /* guests run right here */
	int status;  /* first reason why no run is */
};

static void add(struct doctor *d, const char *name, enum result result, const char *hint,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void add(struct doctor *d, const char *name, enum result result, const char *hint,
		const char *fmt, ...)
{
	struct check *c;
	va_list ap;

	if (d->checks == MAX_CHECKS)
		return;
	c = &d->check[d->checks++];
	c->name = name;
	c->result = result;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	snprintf(c->hint, sizeof(c->hint), "%s", hint ? hint : "");
}

/* The first reason counts. */
static void give_up(struct doctor *d, int status)
{
	if (!d->status)
		d->status = status;
}

/* ---- where things are ---- */

/* The directory this program lies in. */
static bool self_dir(char dir[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	snprintf(dir, PATH_MAX, "%s", dirname(self));
	return true;
}

static void take_value(const char *line, const char *key, char out[PATH_MAX])
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) || strncmp(line + n, " := ", 4))
		return;
	snprintf(out, PATH_MAX, "%s", line + n + 4);
	out[strcspn(out, "\n")] = '\0';
}

/* Whether the file "kind" beside a kernel in the cache says so. */
static bool is_with_sched_ext(const char *vmlinux)
{
	char path[PATH_MAX], kind[8] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%.*skind", (int)(strrchr(vmlinux, '/') + 1 - vmlinux),
		 vmlinux);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(kind, sizeof(kind), f))
		kind[0] = '\0';
	fclose(f);
	return !strcmp(kind, "with\n");
}

/* What tools/get-kernel and tools/get-qemu keep: see STALLSCOPE_CACHE in the manual. */
static void look_in_cache(struct doctor *d)
{
	const char *set = getenv("STALLSCOPE_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char cache[PATH_MAX - 64], path[PATH_MAX];
	glob_t g;

	if (set && *set)
		snprintf(cache, sizeof(cache), "%s", set);
	else if (xdg && *xdg)
		snprintf(cache, sizeof(cache), "%s/stallscope", xdg);
	else
		snprintf(cache, sizeof(cache), "%s/.cache/stallscope", home ? home : "");
	snprintf(path, sizeof(path), "%s/qemu/run", cache);
	if (!access(path, X_OK))
		snprintf(d->qemu, sizeof(d->qemu), "%s", path);
	snprintf(path, sizeof(path), "%s/kernel/*/vmlinux", cache);
	if (glob(path, GLOB_NOSORT, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (is_with_sched_ext(g.gl_pathv[i]) &&
		    strverscmp(g.gl_pathv[i], d->default_kernel) > 0)
			snprintf(d->default_kernel, sizeof(d->default_kernel), "%s", g.gl_pathv[i]);
	globfree(&g);
}

/* In the build tree, what the build found lies beside the program. */
static void read_config(struct doctor *d)
{
	char dir[PATH_MAX], path[PATH_MAX + 16], line[PATH_MAX + 64];
	FILE *f;

	look_in_cache(d);
	if (!self_dir(dir))
		return;
	snprintf(path, sizeof(path), "%s/config.mk", dir);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		take_value(line, "GUEST_VMLINUX", d->default_kernel);
		take_value(line, "QEMU", d->qemu);
	}
	fclose(f);
}

static bool in_path(const char *name)
{
	const char *p = getenv("PATH");

	for (; p && *p; p += strcspn(p, ":"), p += *p == ':') {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(p, ":"), p, name);

		if (n < (int)sizeof(path) && !access(path, X_OK))
			return true;
	}
	return false;
}

/* ---- KVM and the emulated machine ---- */

static void check_kvm(struct doctor *d)
{
	struct kvm_probe_result kvm;
	int err = kvm_probe(&kvm);

	if (err) {
		add(d, "kvm", FAIL, "free some memory and try again", "can't be probed: %s",
		    strerror(-err));
		return;
	}
	d->direct = kvm.sort == KVM_SORT_HARDWARE;
	if (kvm.error == -EACCES) {
		/* A right that lacks is for the user to mend: a run doesn't go round it. */
		add(d, "kvm", FAIL, "or use run's --nested=always: slower, same findings", "%s: %s",
		    kvm_sort_name(kvm.sort), kvm.reason);
		give_up(d, SS_EXIT_KVM);
		return;
	}
	add(d, "kvm", d->direct ? OK : WARN,
	    d->direct ? NULL
		      : "guests run inside an emulated machine instead: slower, same findings",
	    "%s: %s", kvm_sort_name(kvm.sort), kvm.reason);
}

/* The starter of the emulated machine fetches a QEMU when it first needs one. */
static bool can_fetch(void)
{
	static const char *const places[] = { "nested", "../libexec/stallscope/nested" };
	char dir[PATH_MAX], path[PATH_MAX + 32];

	for (unsigned int i = 0; i < 2 && self_dir(dir); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void check_nested(struct doctor *d)
{
	if (d->qemu[0] && !access(d->qemu, X_OK)) {
		add(d, "emulation", OK, NULL, "QEMU for the emulated machine: %s", d->qemu);
		return;
	}
	if (can_fetch()) {
		add(d, "emulation", OK, NULL,
		    d->direct ? "not needed: KVM is real"
			      : "the first run fetches a QEMU for the emulated machine (37 MB)");
		return;
	}
	if (!d->direct)
		give_up(d, SS_EXIT_KVM);
	add(d, "emulation", d->direct ? OK : FAIL,
	    d->direct ? NULL : "install stallscope whole: its emulated machine fetches one",
	    "no QEMU for an emulated machine%s", d->direct ? " (not needed: KVM is real)" : "");
}

static void check_memory(struct doctor *d)
{
	uint64_t need = d->direct ? MEM_GUEST : MEM_NESTED, mib = 0;
	unsigned long long kib;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			mib = kib / 1024;
	if (f)
		fclose(f);
	if (!mib)
		add(d, "memory", WARN, NULL, "can't tell how much is free");
	else
		add(d, "memory", mib >= need ? OK : WARN,
		    mib >= need ? NULL : "free some, or use a smaller guest (--memory)",
		    "%" PRIu64 " MiB available, a default run takes about %" PRIu64 " MiB", mib,
		    need);
}

/* ---- BPF ---- */

static void check_tracing(struct doctor *d)
{
	const struct trace_config cfg = { 0 };
	struct trace *t;
	char err[256] = "";
	int ret = trace_open(&cfg, &t, err, sizeof(err));

	if (ret) {
		add(d, "bpf", WARN,
		    "runs work without; the report then can't tell stalls from slow "
		    "storage",
		    "%s", err);
		return;
	}
	add(d, "bpf", OK, NULL, "programs load, ring buffer and static probes (USDT) work");
	for (unsigned int i = 0; trace_missing(t, i); i++)
		add(d, "bpf", WARN, NULL, "%s", trace_missing(t, i));
	trace_close(t);
}

static bool is_fs(const char *path, unsigned long magic)
{
	struct statfs st;

	return !statfs(path, &st) && (unsigned long)st.f_type == magic;
}

static void check_filesystems(struct doctor *d)
{
	bool btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	bool tracefs = is_fs("/sys/kernel/tracing", MAGIC_TRACEFS) ||
		       is_fs("/sys/kernel/debug/tracing", MAGIC_TRACEFS);
	bool bpffs = is_fs("/sys/fs/bpf", MAGIC_BPFFS);

	add(d, "btf", btf ? OK : WARN, btf ? NULL : "use a host kernel with CONFIG_DEBUG_INFO_BTF",
	    "the host kernel's type information is %s", btf ? "there" : "missing: no host tracing");
	add(d, "bpffs", bpffs ? OK : WARN,
	    bpffs ? NULL : "a run mounts it, or: mount -t bpf bpf /sys/fs/bpf",
	    bpffs ? "mounted on /sys/fs/bpf" : "not mounted: no pinned counters for bpftool");
	add(d, "tracefs", tracefs ? OK : WARN,
	    tracefs ? NULL : "for other tools: mount -t tracefs tracefs /sys/kernel/tracing",
	    tracefs ? "mounted" : "not mounted (stallscope itself does without)");
}

static void check_memlock(struct doctor *d)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_MEMLOCK, &l))
		return;
	if (l.rlim_cur == RLIM_INFINITY)
		add(d, "memlock", OK, NULL, "unlimited");
	else
		add(d, "memlock", OK, NULL, "%" PRIu64 " KiB (matters before Linux 5.11 only)",
		    (uint64_t)l.rlim_cur / 1024);
}

/* ---- the guest's kernel ---- */

/* Run the extractor on a compressed image; @out is a fresh temporary file. */
static int extract(const char *image, char *out, size_t len)
{
	static const char *const places[] = { "../tools/lib", "../libexec/stallscope/tools/lib" };
	char dir[PATH_MAX], tool[2 * PATH_MAX] = "";
	const char *tmp = getenv("TMPDIR");
	int status = -1, fd;
	pid_t pid;

	for (unsigned int i = 0; i < 2 && self_dir(dir); i++) {
		snprintf(tool, sizeof(tool), "%s/%s/extract-vmlinux", dir, places[i]);
		if (!access(tool, X_OK))
			break;
		tool[0] = '\0';
	}
	if (!tool[0])
		return -ENOENT;
	if (snprintf(out, len, "%s/stallscope-vmlinux.XXXXXX", tmp && *tmp ? tmp : "/tmp") >=
	    (int)len)
		return -ENAMETOOLONG;
	fd = mkostemp(out, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	{
		char *argv[] = { tool, (char *)image, out, NULL };
		posix_spawn_file_actions_t fa;

		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
		posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
		if (!posix_spawn(&pid, tool, &fa, NULL, argv, environ))
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
		posix_spawn_file_actions_destroy(&fa);
	}
	if (status == 0)
		return 0;
	unlink(out);
	return -ENOEXEC;
}

/* The setup header of a compressed x86 kernel image. */
static bool is_bzimage(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool yes;

	if (fd < 0)
		return false;
	yes = pread(fd, magic, sizeof(magic), 0x202) == sizeof(magic) && !memcmp(magic, "HdrS", 4);
	close(fd);
	return yes;
}

static void check_kernel(struct doctor *d)
{
	const char *path = d->kernel ? d->kernel : d->default_kernel;
	struct btf_check_result res;
	char tmp[PATH_MAX] = "";
	int err;

	if (!path[0]) {
		add(d, "kernel", WARN,
		    "stallscope doctor --kernel FILE checks one; 'make' fetches one",
		    "no guest kernel to look at");
		return;
	}
	if (access(path, R_OK)) {
		add(d, "kernel", FAIL, "give a bzImage or an uncompressed vmlinux", "%s: %s", path,
		    strerror(errno));
		give_up(d, SS_EXIT_KERNEL);
		return;
	}
	err = is_bzimage(path) ? extract(path, tmp, sizeof(tmp)) : 0;
	if (err == -ENOENT) {
		add(d, "kernel", WARN, "give the uncompressed vmlinux",
		    "%s: can't look into a bzImage "
		    "here (extract-vmlinux is missing)",
		    path);
		return;
	}
	if (!err)
		err = btf_check_sched_ext(tmp[0] ? tmp : path, &res);
	if (tmp[0])
		unlink(tmp);
	if (err == -ENODATA) {
		add(d, "kernel", FAIL, "use a kernel with CONFIG_DEBUG_INFO_BTF and sched_ext",
		    "%s: no BTF in it", path);
		give_up(d, SS_EXIT_GUEST_UNFIT);
	} else if (err) {
		add(d, "kernel", FAIL, "give a bzImage or an uncompressed vmlinux",
		    "%s: not a kernel that can be read: %s", path,
		    -err < 4000 ? strerror(-err) : "neither an ELF file nor BTF");
		give_up(d, SS_EXIT_KERNEL);
	} else {
		add(d, "kernel", res.usable ? OK : WARN,
		    res.usable
			    ? NULL
			    : "runs without --sched work; to load schedulers use another kernel; "
			      "Debian's 7.3 and later is good",
		    "%s: %s", path, res.verdict);
	}
}

static void check_tools(struct doctor *d)
{
	bool fio = in_path("fio");

	add(d, "fio", fio ? OK : WARN, fio ? NULL : "apt-get install fio, for the demo's workload",
	    fio ? "there" : "not found");
}

/* ---- output ---- */

static const char *const result_name[] = { "ok", "warn", "FAIL" };

/* Words, wrapped at 80 columns; we are in column @indent. */
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
		const struct check *c = &d->check[i];

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
	int err;

	for (unsigned int i = 0; i < d->checks; i++) {
		const struct check *c = &d->check[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "name", c->name, "result",
						c->result == FAIL ? "fail" : result_name[c->result],
						"text", c->text, "hint", c->hint));
	}
	root = json_pack("{s:b, s:s?, s:i, s:o}", "possible", !d->status, "mode",
			 d->status   ? NULL
			 : d->direct ? "kvm"
				     : "nested",
			 "status", d->status, "checks", list);
	if (!root)
		return -ENOMEM;
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
	"Exit status: 0 runs are possible, in some way; 3 or 5 the guest kernel can't be used; 7 no "
	"KVM and no emulated machine; 9 the findings could not be written.";

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
	int status;

	if (!d) {
		ss_err("doctor: out of memory");
		return SS_EXIT_FAIL;
	}
	status = opts_parse(&argp, argc, argv, "stallscope doctor", d);
	if (status)
		goto out;
	read_config(d);
	check_kvm(d);
	check_nested(d);
	check_memory(d);
	check_kernel(d);
	check_tracing(d);
	check_filesystems(d);
	check_memlock(d);
	check_tools(d);
	if (d->json)
		print_json(d);
	else
		print_text(d);
	status = d->status;
	if (fflush(stdout) || ferror(stdout)) {
		ss_err("doctor: can't write the findings: %s", strerror(errno));
		status = SS_EXIT_OUTPUT;
	}
out:
	free(d);
	return status;
}
