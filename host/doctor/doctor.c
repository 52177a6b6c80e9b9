// SPDX-License-Identifier: GPL-2.0-only
/*
 * stallscope doctor: can this machine run guests? Each finding is ok, warn (runs
 * are possible, something is missing) or FAIL, with what to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "lib/exitcodes.h"
#include "lib/helper.h"
#include "trace/trace.h"
#include "vm/kvm_probe.h"

#define MAGIC_BPFFS   0xcafe4a11
#define MAGIC_TRACEFS 0x74726163
/* MiB that a default run takes: guest and runner, or the emulated machine around them. */
#define MEM_GUEST  700
#define MEM_NESTED 1700

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
		/* A missing permission is for the user to fix: a run doesn't fall back on emulation then. */
		doctor_add(d, "kvm", DOCTOR_FAIL,
			   "or use run's --machine=qemu: slower, same findings", "%s: %s",
			   kvm_sort_name(kvm.sort), kvm.reason);
		doctor_give_up(d, SS_EXIT_KVM);
		return;
	}
	doctor_add(d, "kvm", d->direct ? DOCTOR_OK : DOCTOR_WARN,
		   d->direct ? NULL
			     : "guests run on an emulated machine instead: slower, same findings",
		   "%s: %s", kvm_sort_name(kvm.sort), kvm.reason);
}

static bool is_offline(void)
{
	const char *s = getenv("STALLSCOPE_OFFLINE");

	return s && *s;
}

/* `nested`, which starts the emulated machine, fetches a QEMU when it first needs one. */
static bool can_fetch(void)
{
	char path[PATH_MAX];

	return !is_offline() && helper_path("nested", path);
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

/* Guest memory asks for them; without, each first touch of 4 KiB is a fault of its own. */
static void check_huge_pages(struct doctor *d)
{
	char line[64] = "";
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	bool on;

	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	on = strstr(line, "[always]") || strstr(line, "[madvise]");
	doctor_add(
		d, "hugepages", on ? DOCTOR_OK : DOCTOR_WARN,
		on ? NULL
		   : "for faster guests: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
		on ? "transparent ones back guest memory" : "no transparent ones for guest memory");
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

static void check_tools(struct doctor *d)
{
	bool fio = in_path("fio");

	doctor_add(d, "fio", fio ? DOCTOR_OK : DOCTOR_WARN,
		   fio ? NULL : "apt-get install fio, for the demo's workload",
		   fio ? "there" : "not found");
}

void doctor_check(struct doctor *d)
{
	doctor_find(d);
	check_kvm(d);
	check_nested(d);
	check_memory(d);
	check_huge_pages(d);
	doctor_check_kernel(d);
	check_tracing(d);
	check_filesystems(d);
	check_memlock(d);
	check_tools(d);
}
