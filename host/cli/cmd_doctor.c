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
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "doctor/doctor.h"
#include "lib/exitcodes.h"
#include "lib/log.h"
#include "trace/trace.h"
#include "lib/opts.h"
#include "vm/kvm_probe.h"

#define MAGIC_BPFFS   0xcafe4a11
#define MAGIC_TRACEFS 0x74726163
/* MiB a default guest takes, with the runner, and the emulated machine around it. */
#define MEM_GUEST  700
#define MEM_NESTED 1700
void doctor_add(struct doctor *d, const char *name, enum doctor_result result, const char *hint,
		const char *fmt, ...)
{
	struct doctor_check *c;
	va_list ap;

	if (d->checks == DOCTOR_MAX_CHECKS)
		return;
	c = &d->check[d->checks++];
	c->name = name;
	c->result = result;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	snprintf(c->hint, sizeof(c->hint), "%s", hint ? hint : "");
}

void doctor_give_up(struct doctor *d, int status)
{
	if (!d->status)
		d->status = status;
}

/* ---- where things are ---- */

bool doctor_self_dir(char dir[PATH_MAX])
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
	if (!doctor_self_dir(dir))
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
		doctor_add(d, "kvm", DOCTOR_FAIL, "free some memory and try again",
			   "can't be probed: %s", strerror(-err));
		doctor_give_up(d, SS_EXIT_FAIL);
		return;
	}
	d->direct = kvm.sort == KVM_SORT_HARDWARE;
	if (kvm.error == -EACCES) {
		/* A right that lacks is for the user to mend: a run doesn't go round it. */
		doctor_add(d, "kvm", DOCTOR_FAIL,
			   "or use run's --nested=always: slower, same findings", "%s: %s",
			   kvm_sort_name(kvm.sort), kvm.reason);
		doctor_give_up(d, SS_EXIT_KVM);
		return;
	}
	doctor_add(d, "kvm", d->direct ? DOCTOR_OK : DOCTOR_WARN,
		   d->direct
			   ? NULL
			   : "guests run inside an emulated machine instead: slower, same findings",
		   "%s: %s", kvm_sort_name(kvm.sort), kvm.reason);
}

static bool is_offline(void)
{
	const char *s = getenv("STALLSCOPE_OFFLINE");

	return s && *s;
}

/* The starter of the emulated machine fetches a QEMU when it first needs one. */
static bool can_fetch(void)
{
	static const char *const places[] = { "nested", "../libexec/stallscope/nested" };
	char dir[PATH_MAX], path[PATH_MAX + 32];

	if (is_offline())
		return false;
	for (unsigned int i = 0; i < 2 && doctor_self_dir(dir); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void check_nested(struct doctor *d)
{
	if (d->qemu[0] && !access(d->qemu, X_OK)) {
		doctor_add(d, "emulation", DOCTOR_OK, NULL, "QEMU for the emulated machine: %s",
			   d->qemu);
		return;
	}
	if (can_fetch()) {
		doctor_add(
			d, "emulation", DOCTOR_OK, NULL,
			d->direct
				? "not needed: KVM is real"
				: "the first run fetches a QEMU for the emulated machine (37 MB)");
		return;
	}
	if (!d->direct)
		doctor_give_up(d, SS_EXIT_KVM);
	doctor_add(d, "emulation", d->direct ? DOCTOR_OK : DOCTOR_FAIL,
		   d->direct	  ? NULL
		   : is_offline() ? "run once without STALLSCOPE_OFFLINE, which fetches one"
				  : "install stallscope whole: its emulated machine fetches one",
		   "no QEMU for an emulated machine%s",
		   d->direct ? " (not needed: KVM is real)" : "");
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
		doctor_add(d, "memory", DOCTOR_WARN, NULL, "can't tell how much is free");
	else
		doctor_add(d, "memory", mib >= need ? DOCTOR_OK : DOCTOR_WARN,
			   mib >= need ? NULL : "free some, or use a smaller guest (--memory)",
			   "%" PRIu64 " MiB available, a default run takes about %" PRIu64 " MiB",
			   mib, need);
}

/* ---- BPF ---- */

static void check_tracing(struct doctor *d)
{
	const struct trace_config cfg = { 0 };
	struct trace *t;
	char err[256] = "";
	int ret = trace_open(&cfg, &t, err, sizeof(err));

	if (ret) {
		doctor_add(d, "bpf", DOCTOR_WARN,
			   "runs work without; the report then can't tell stalls from slow "
			   "storage",
			   "%s", err);
		return;
	}
	doctor_add(d, "bpf", DOCTOR_OK, NULL,
		   "programs load, ring buffer and static probes (USDT) work");
	for (unsigned int i = 0; trace_missing(t, i); i++)
		doctor_add(d, "bpf", DOCTOR_WARN, NULL, "%s", trace_missing(t, i));
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

	doctor_add(d, "btf", btf ? DOCTOR_OK : DOCTOR_WARN,
		   btf ? NULL : "use a host kernel with CONFIG_DEBUG_INFO_BTF",
		   "the host kernel's type information is %s",
		   btf ? "there" : "missing: no host tracing");
	doctor_add(d, "bpffs", bpffs ? DOCTOR_OK : DOCTOR_WARN,
		   bpffs ? NULL : "a run mounts it, or: mount -t bpf bpf /sys/fs/bpf",
		   bpffs ? "mounted on /sys/fs/bpf"
			 : "not mounted: no pinned counters for bpftool");
	doctor_add(d, "tracefs", tracefs ? DOCTOR_OK : DOCTOR_WARN,
		   tracefs ? NULL : "for other tools: mount -t tracefs tracefs /sys/kernel/tracing",
		   tracefs ? "mounted" : "not mounted (stallscope itself does without)");
}

static void check_memlock(struct doctor *d)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_MEMLOCK, &l))
		return;
	if (l.rlim_cur == RLIM_INFINITY)
		doctor_add(d, "memlock", DOCTOR_OK, NULL, "unlimited");
	else
		doctor_add(d, "memlock", DOCTOR_OK, NULL,
			   "%" PRIu64 " KiB (matters before Linux 5.11 only)",
			   (uint64_t)l.rlim_cur / 1024);
}

/* ---- other programs ---- */

static void check_tools(struct doctor *d)
{
	bool fio = in_path("fio");

	doctor_add(d, "fio", fio ? DOCTOR_OK : DOCTOR_WARN,
		   fio ? NULL : "apt-get install fio, for the demo's workload",
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
		const struct doctor_check *c = &d->check[i];

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
	int err = 0;

	for (unsigned int i = 0; i < d->checks; i++) {
		const struct doctor_check *c = &d->check[i];

		/* It takes no text that isn't UTF-8. */
		if (json_array_append_new(
			    list,
			    json_pack("{s:s, s:s, s:s, s:s}", "name", c->name, "result",
				      c->result == DOCTOR_FAIL ? "fail" : result_name[c->result],
				      "text", c->text, "hint", c->hint)))
			err = -EILSEQ;
	}
	root = json_pack("{s:b, s:s?, s:i, s:o}", "possible", !d->status, "mode",
			 d->status   ? NULL
			 : d->direct ? "kvm"
				     : "nested",
			 "status", d->status, "checks", list);
	if (!root || err) {
		json_decref(root);
		return -EILSEQ;
	}
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
	"Exit status: 0 runs are possible, in some way; 1 KVM can't be probed; 3 or 5 the guest kernel "
	"can't be used; 7 no KVM and no emulated machine; 9 the findings could not be written.";

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
	int status, err = 0;

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
	doctor_check_kernel(d);
	check_tracing(d);
	check_filesystems(d);
	check_memlock(d);
	check_tools(d);
	if (d->json)
		err = print_json(d);
	else
		print_text(d);
	status = d->status;
	if (err == -EILSEQ) {
		ss_err("doctor: can't tell the findings as JSON: a path isn't UTF-8");
		status = SS_EXIT_FAIL;
	} else if (fflush(stdout) || ferror(stdout) || err) {
		ss_err("doctor: can't write the findings: %s", strerror(errno));
		status = SS_EXIT_OUTPUT;
	}
out:
	free(d);
	return status;
}
