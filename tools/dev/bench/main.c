// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: takes all measurements one after the other and prints their table.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: bench TMPFS_DIR DISK_DIR OUT.json\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *strict = getenv("BENCH_STRICT");
	unsigned int missed;
	struct load load;
	uint64_t start;
	double others;

	if (argc == 2 && !strcmp(argv[1], "--memory"))
		return bench_memory_child();
	if (argc != 4)
		return usage();
	load_start(&load);
	start = monotonic_ns();
	bench_drain();
	bench_reads(argv[1], argv[2]);
	bench_net();
	bench_throttle();
	bench_memory(argv[0]);
	others = load_others(&load);
	figure_add(&(struct figure){
		.key = "others_cpu",
		.title = "CPU that others used meanwhile, of all CPUs",
		.unit = "%",
		.value = 100 * others,
		.target = __builtin_nan(""),
	});
	missed = figures_print(stdout);
	printf("%ld CPUs, %.0f s; the machine was %s\n", sysconf(_SC_NPROCESSORS_ONLN),
	       (double)(monotonic_ns() - start) / 1e9,
	       others < 0.05 ? "idle" : "not idle: take timings with care");
	if (figures_write_json(argv[3])) {
		fprintf(stderr, "bench: %s can't be written\n", argv[3]);
		return 1;
	}
	if (missed)
		printf("%u target%s missed\n", missed, missed > 1 ? "s" : "");
	return missed && strict && !strcmp(strict, "1") ? 1 : 0;
}
