// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runner's own memory: what a process holds that has one disk with its
 * worker at work, and the tracing loader with its programs and maps. No KVM and
 * no guest, so the vCPU threads' share isn't in the figure.
 */
#include "bench.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "trace/trace.h"

#define LIMIT_KIB 8192

/*
 * Memory of this process in KiB. The ring buffer of the traces is mapped twice in
 * a row, so that records wrap without a seam: the same pages, counted once.
 */
static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool twice = false;
	char line[512];
	long kib, sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, "bpf-map"))
			twice = true;
		if (sscanf(line, "Rss: %ld", &kib) != 1)
			continue;
		sum += twice && kib > 1024 ? kib / 2 : kib;
		twice = false;
	}
	if (f)
		fclose(f);
	return sum;
}

int bench_memory_child(void)
{
	struct trace *trace = NULL;
	struct bench_disk d;
	struct backing null;
	char err[256];
	uint64_t done;
	long guest = 0;
	const bool traced =
		trace_open(&(struct trace_config){ .disks = 1 }, &trace, err, sizeof(err)) == 0;

	bench_null_backing(&null, 1ULL << 30);
	disk_open(&d, &null, NULL, false);
	disk_run(&d, BENCH_QD, 100000000, &done);
	for (unsigned int i = 0; i < d.g.mem.nr; i++)
		guest += (long)(d.g.mem.region[i].size >> 10);
	printf("%ld %d\n", resident_kib() - guest, traced);
	disk_close(&d);
	trace_close(trace);
	return 0;
}

void bench_memory(const char *self)
{
	char cmd[4200];
	int traced = 0;
	long kib = 0;
	FILE *p;

	snprintf(cmd, sizeof(cmd), "exec '%s' --memory", self);
	p = popen(cmd, "re");
	if (!p || fscanf(p, "%ld %d", &kib, &traced) != 2)
		kib = 0;
	if (p)
		pclose(p);
	if (!kib) {
		figure_skip("memory_kib", "the process that should tell ended early");
		return;
	}
	figure_add(&(struct figure){
		.key = "memory_kib",
		.title = traced ? "memory: one disk and the traces, no KVM"
				: "memory: one disk, no traces (no right), no KVM",
		.unit = "KiB",
		.value = (double)kib,
		.target = LIMIT_KIB,
		.at_most = true,
	});
}
