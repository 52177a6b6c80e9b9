// SPDX-License-Identifier: GPL-2.0-only
/* How long tasks waited for a CPU, read from the programs' maps at the end. */
#include "tracer_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ss_hist.h"
#include "guest_trace.skel.h"

#define TOP_TASKS 64 /* histograms emitted: the tasks that waited longest, and ksoftirqd */

struct task_entry {
	__u32 tid;
	struct ss_task_hist hist;
};

static int by_total(const void *a, const void *b)
{
	__u64 x = ((const struct task_entry *)a)->hist.delay.total_ns;
	__u64 y = ((const struct task_entry *)b)->hist.delay.total_ns;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void emit_hist(struct tracer *t, const struct task_entry *e, __u64 now)
{
	struct ss_rec_g_hist r = {
		.h = { .type = SS_REC_G_HIST, .len = sizeof(r), .ts = now },
		.tid = e->tid,
		.policy = e->hist.policy,
		.total_ns = e->hist.delay.total_ns,
		.max_ns = e->hist.delay.max_ns,
	};

	snprintf(r.comm, sizeof(r.comm), "%.*s", (int)sizeof(r.comm) - 1,
		 e->tid ? e->hist.comm : "(exited)");
	memcpy(r.slots, e->hist.delay.slots, sizeof(r.slots));
	tracer_emit_own(t, &r.h, sizeof(r));
}

/* Where ksoftirqd waits, interrupts' work is left undone: that is told however short it was. */
static bool always_told(const struct task_entry *e)
{
	return e->tid && !strncmp(e->hist.comm, "ksoftirqd/", strlen("ksoftirqd/"));
}

int tracer_emit_hists(struct tracer *t)
{
	struct bpf_map *map = t->skel->maps.hists;
	struct task_entry *list;
	unsigned int n = 0, i;
	__u64 now = tracer_now();
	__u32 key, *prev = NULL;

	list = calloc(bpf_map__max_entries(map), sizeof(*list));
	if (!list)
		return -ENOMEM;
	while (n < bpf_map__max_entries(map) &&
	       !bpf_map__get_next_key(map, prev, &key, sizeof(key))) {
		if (!bpf_map__lookup_elem(map, &key, sizeof(key), &list[n].hist,
					  sizeof(list[n].hist), 0))
			list[n++].tid = key;
		prev = &key;
	}
	qsort(list, n, sizeof(*list), by_total);
	for (i = 0; i < n; i++)
		if (i < TOP_TASKS || always_told(&list[i]))
			emit_hist(t, &list[i], now);
	free(list);
	return 0;
}
