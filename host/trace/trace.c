// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads and attaches the host's BPF programs, takes their records, and gives the
 * devices' counters their memory.
 */
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "host_trace.skel.h"
#include "trace/pins.h"

#define RING_BYTES	(2u << 20) /* all of it is resident once it has been filled */
#define RING_BYTES_MAX	(1u << 30)
#define RUNQ_MIN_NS	50000
#define HEADS		256 /* per queue, as in host_trace.bpf.c */
#define NET_QUEUES	2   /* likewise */
#define NR_LINKS	16
#define TEXT_LEN	256
#define FINISH_PAUSE_NS 1000000
#define FINISH_LOOKS	200

struct trace {
	struct host_trace_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *link[NR_LINKS];
	unsigned int links;
	uint64_t taken; /* records, from the ring */
	unsigned int disks, nets;
	bool runq;
	unsigned int nr_missing;
	char missing[TRACE_MAX_MISSING][TEXT_LEN];
	/* of the call to trace_poll() under way */
	trace_record_fn fn;
	void *fn_ctx;
};

/* A program on one of our own probes, and what is lost without it. */
struct probe {
	const char *program;
	const char *name;
	const char *loses;
};

static const struct probe probes[] = {
	{ "on_stall_begin", "stall_begin", "throttle stalls can't be timed" },
	{ "on_stall_end", "stall_end", "throttle stalls can't be timed" },
	{ "on_drain_begin", "drain_begin", "the worker's drains can't be timed" },
	{ "on_drain_end", "drain_end", "the worker's drains can't be timed" },
	{ "on_req_start", "req_start", "backing IO can't be timed" },
	{ "on_req_backing_done", "req_backing_done", "backing IO can't be timed" },
	{ "on_req_done", "req_done", "backing IO can't be timed" },
	{ "on_kick", "kick", "the way from a kick to its drain can't be timed" },
	{ "on_dev_event", "dev_event", "poison, reset and pause aren't on the time line" },
	{ "on_interrupt", "interrupt", "interrupts aren't on the time line" },
};

static const char *const runq_programs[] = { "on_wakeup", "on_wakeup_new", "on_switch" };
static const char runq_loses[] =
	"the report can't tell whether vCPUs and workers waited for a host CPU";

/* libbpf's first complaint in this step, on this thread: it names the program. */
static __thread char bpf_said[TEXT_LEN];

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list args)
{
	size_t len;

	if (level != LIBBPF_WARN || bpf_said[0])
		return 0;
	vsnprintf(bpf_said, sizeof(bpf_said), fmt, args);
	len = strcspn(bpf_said, "\n");
	bpf_said[len] = '\0';
	return 0;
}

/* Why a step failed: our words for a well-known errno, else libbpf's. */
static const char *reason(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "no permission for BPF (run as root, or with CAP_BPF and CAP_PERFMON)";
	case ENOENT:
		return "not there";
	case ENOSYS:
		return "this kernel has no BPF";
	case ESRCH:
		return "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)";
	case ENOMEM:
		return "out of memory";
	default:
		return bpf_said[0] ? bpf_said : strerror(-err);
	}
}

static void miss(struct trace *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void miss(struct trace *t, const char *fmt, ...)
{
	va_list ap;

	if (t->nr_missing == TRACE_MAX_MISSING)
		return;
	va_start(ap, fmt);
	vsnprintf(t->missing[t->nr_missing++], TEXT_LEN, fmt, ap);
	va_end(ap);
}

static struct bpf_program *program(struct trace *t, const char *name)
{
	return bpf_object__find_program_by_name(t->skel->obj, name);
}

static __u32 ring_size(unsigned int want)
{
	__u32 size = getpagesize();

	if (!want)
		want = RING_BYTES;
	while (size < want && size < RING_BYTES_MAX)
		size <<= 1;
	return size;
}

/* A map has one element at least. */
static int size_net_maps(struct trace *t)
{
	struct bpf_map *const maps[] = {
		t->skel->maps.net_counters,
		t->skel->maps.net_pressure,
		t->skel->maps.net_hist_stall,
		t->skel->maps.net_hist_drain,
	};
	int ret = 0;

	for (unsigned int i = 0; !ret && i < sizeof(maps) / sizeof(maps[0]); i++)
		ret = bpf_map__set_max_entries(maps[i], t->nets ?: 1);
	return ret;
}

/* Opens and sizes the object, and loads it with or without the scheduler's part. */
static int load(struct trace *t, const struct trace_config *cfg, bool runq)
{
	unsigned int queues = cfg->queues ?: 1;
	struct host_trace_bpf *s;
	unsigned int i;
	int ret;

	s = host_trace_bpf__open();
	if (!s)
		return -errno;
	t->skel = s;
	s->rodata->nr_disks = t->disks;
	s->rodata->nr_queues = queues;
	s->rodata->nr_nets = t->nets;
	s->rodata->runq_min_ns = cfg->runq_min_ns ?: RUNQ_MIN_NS;
	ret = bpf_map__set_max_entries(s->maps.ring, ring_size(cfg->ring_bytes));
	ret = ret ?: bpf_map__set_max_entries(s->maps.counters, t->disks);
	ret = ret ?: bpf_map__set_max_entries(s->maps.hist_stall, t->disks);
	ret = ret ?: bpf_map__set_max_entries(s->maps.hist_backing, t->disks);
	ret = ret ?: bpf_map__set_max_entries(s->maps.hist_drain, t->disks);
	ret = ret
		      ?: bpf_map__set_max_entries(s->maps.queues,
						  t->disks * queues + t->nets * NET_QUEUES);
	ret = ret ?: bpf_map__set_max_entries(s->maps.reqs, t->disks * queues * HEADS);
	ret = ret ?: size_net_maps(t);
	if (ret)
		goto fail;
	bpf_program__set_autoload(s->progs.on_interrupt, cfg->irq);
	bpf_program__set_autoload(s->progs.learn_tgid, runq);
	for (i = 0; i < sizeof(runq_programs) / sizeof(runq_programs[0]); i++)
		bpf_program__set_autoload(program(t, runq_programs[i]), runq);
	ret = host_trace_bpf__load(s);
	if (!ret)
		return 0;
fail:
	host_trace_bpf__destroy(s);
	t->skel = NULL;
	return ret;
}

static int link_add(struct trace *t, struct bpf_link *link)
{
	if (!link)
		return errno ? -errno : -EINVAL;
	if (t->links == NR_LINKS) {
		bpf_link__destroy(link);
		return -ENOSPC;
	}
	t->link[t->links++] = link;
	return 0;
}

/*
 * Reads the whole probed file into the page cache. Where a probe's page isn't there,
 * the kernel fetches it while it sets the breakpoint, and Linux 6.17 and later warn
 * in the log that ext4 does so without a lock (ext4_check_map_extents_env()). By
 * read(): posix_fadvise() returns before the pages are there.
 */
static void read_through(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[64 << 10];

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	if (fd >= 0)
		close(fd);
}

static int attach_probes(struct trace *t, const struct trace_config *cfg)
{
	const char *path = cfg->path ?: "/proc/self/exe";
	int ret = -ENOENT, err, attached = 0;
	struct bpf_program *prog;
	unsigned int i;

	read_through(path);
	for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		prog = program(t, probes[i].program);
		if (!bpf_program__autoload(prog))
			continue;
		bpf_said[0] = '\0';
		err = link_add(t, bpf_program__attach_usdt(prog, getpid(), path, "stallscope",
							   probes[i].name, NULL));
		if (!err) {
			attached++;
			continue;
		}
		ret = err;
		miss(t, "probe %s: %s; %s", probes[i].name, reason(err), probes[i].loses);
	}
	return attached ? 0 : ret;
}

/* All or none: with a part of these attached the figures would mislead. */
static void attach_runq(struct trace *t)
{
	unsigned int i, first = t->links;
	int ret;

	bpf_said[0] = '\0';
	ret = bpf_prog_test_run_opts(bpf_program__fd(t->skel->progs.learn_tgid), NULL);
	for (i = 0; !ret && i < sizeof(runq_programs) / sizeof(runq_programs[0]); i++)
		ret = link_add(t, bpf_program__attach(program(t, runq_programs[i])));
	t->runq = !ret;
	if (!ret)
		return;
	while (t->links > first)
		bpf_link__destroy(t->link[--t->links]);
	miss(t, "host run-queue delay: %s; %s", reason(ret), runq_loses);
}

static int on_record(void *ctx, void *data, size_t len)
{
	struct trace *t = ctx;

	t->fn(t->fn_ctx, data, len);
	return 0;
}

static int open_all(struct trace *t, const struct trace_config *cfg)
{
	bool runq = true;
	int ret;

	bpf_said[0] = '\0';
	ret = load(t, cfg, true);
	if (ret && ret != -EPERM) {
		/* Older kernels lack the tracing programs; the probes matter more. */
		miss(t, "host run-queue delay: %s; %s", reason(ret), runq_loses);
		runq = false;
		bpf_said[0] = '\0';
		ret = load(t, cfg, false);
	}
	if (ret)
		return ret;
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.ring), on_record, t, NULL);
	if (!t->ring)
		return -errno;
	ret = attach_probes(t, cfg);
	if (ret)
		return ret;
	if (runq)
		attach_runq(t);
	return 0;
}

int trace_open(const struct trace_config *cfg, struct trace **out, char *err, size_t errlen)
{
	struct trace *t;
	int ret;

	*out = NULL;
	if (cfg->disks > SS_MAX_DISKS || cfg->queues > TRACE_MAX_QUEUES ||
	    cfg->nets > SS_MAX_NETS || cfg->ring_bytes > RING_BYTES_MAX) {
		snprintf(err, errlen,
			 "host tracing: too many devices or queues, or too big a ring");
		return -EINVAL;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		snprintf(err, errlen, "host tracing: out of memory");
		return -ENOMEM;
	}
	t->disks = cfg->disks ?: 1;
	t->nets = cfg->nets;
	libbpf_set_print(keep_complaint);
	ret = open_all(t, cfg);
	if (ret) {
		snprintf(err, errlen, "host tracing: %s", reason(ret));
		trace_close(t);
		return ret;
	}
	*out = t;
	return 0;
}

int trace_poll(struct trace *t, trace_record_fn fn, void *ctx)
{
	int ret;

	t->fn = fn;
	t->fn_ctx = ctx;
	ret = ring_buffer__consume(t->ring);
	if (ret > 0)
		t->taken += (uint64_t)ret;
	return ret;
}

static void detach(struct trace *t)
{
	while (t->links)
		bpf_link__destroy(t->link[--t->links]);
}

/*
 * Detaching doesn't wait for a program that is under way on another CPU, or was
 * preempted: it may have counted a record that isn't in the ring yet.
 */
void trace_finish(struct trace *t, trace_record_fn fn, void *ctx, struct ss_drops *out)
{
	const struct timespec pause = { .tv_nsec = FINISH_PAUSE_NS };

	detach(t);
	for (unsigned int i = 0;; i++) {
		trace_poll(t, fn, ctx);
		trace_drops(t, out);
		if (t->taken >= out->recorded || i == FINISH_LOOKS)
			return;
		nanosleep(&pause, NULL);
	}
}

/* As struct thread_state in host_trace.bpf.c */
struct thread_value {
	__u16 kind;
	__u16 index;
	__u32 pad;
	__u64 since_ts;
};

int trace_add_thread(struct trace *t, int tid, unsigned int kind, unsigned int index)
{
	struct thread_value v = { .kind = kind, .index = index };

	if (!t->runq)
		return -EOPNOTSUPP;
	return bpf_map__update_elem(t->skel->maps.threads, &tid, sizeof(tid), &v, sizeof(v),
				    BPF_ANY);
}

void trace_remove_thread(struct trace *t, int tid)
{
	if (t->runq)
		bpf_map__delete_elem(t->skel->maps.threads, &tid, sizeof(tid), 0);
}

/* Events that a program missed because it was under way on that CPU. */
static __u64 missed(const struct trace *t)
{
	struct bpf_program *prog;
	struct bpf_prog_info info;
	__u64 sum = 0;
	__u32 len;

	bpf_object__for_each_program(prog, t->skel->obj)
	{
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

void trace_drops(const struct trace *t, struct ss_drops *out)
{
	__u32 zero = 0;

	memset(out, 0, sizeof(*out));
	bpf_map__lookup_elem(t->skel->maps.drops, &zero, sizeof(zero), out, sizeof(*out), 0);
	out->lost += missed(t);
}

const char *trace_missing(const struct trace *t, unsigned int i)
{
	return i < t->nr_missing ? t->missing[i] : NULL;
}

static struct bpf_map *hist_map(const struct trace *t, enum trace_hist_kind kind, bool net)
{
	switch (kind) {
	case TRACE_HIST_STALL:
		return net ? t->skel->maps.net_hist_stall : t->skel->maps.hist_stall;
	case TRACE_HIST_BACKING:
		return net ? NULL : t->skel->maps.hist_backing;
	case TRACE_HIST_DRAIN:
		return net ? t->skel->maps.net_hist_drain : t->skel->maps.hist_drain;
	default:
		return NULL;
	}
}

int trace_hist(const struct trace *t, enum trace_hist_kind kind, unsigned int dev,
	       struct ss_hist *out)
{
	const bool net = dev >= SS_DEV_NET_BASE;
	struct bpf_map *map = hist_map(t, kind, net);
	__u32 key = net ? dev - SS_DEV_NET_BASE : dev;

	if (!map || (net && key >= t->nets))
		return -EINVAL;
	return bpf_map__lookup_elem(map, &key, sizeof(key), out, sizeof(*out), 0);
}

int trace_pin(struct trace *t, struct pins *pins)
{
	const struct {
		const char *file;
		struct bpf_map *map;
	} list[] = {
		{ "counters", t->skel->maps.counters },
		{ "drops", t->skel->maps.drops },
		{ "hist_stall", t->skel->maps.hist_stall },
		{ "hist_backing", t->skel->maps.hist_backing },
		{ "hist_drain", t->skel->maps.hist_drain },
		/* the rest only with network devices */
		{ "net_counters", t->skel->maps.net_counters },
		{ "net_pressure", t->skel->maps.net_pressure },
		{ "net_hist_stall", t->skel->maps.net_hist_stall },
		{ "net_hist_drain", t->skel->maps.net_hist_drain },
	};
	const unsigned int nr = sizeof(list) / sizeof(list[0]) - (t->nets ? 0 : 4);
	unsigned int i;
	int ret;

	if (!pins || !pins_dir(pins))
		return 0;
	for (i = 0; i < nr; i++) {
		ret = pins_add(pins, list[i].file, bpf_map__fd(list[i].map));
		if (ret)
			goto undo;
	}
	return 0;
undo:
	while (i--)
		pins_remove(pins, list[i].file);
	return ret;
}

void trace_close(struct trace *t)
{
	if (!t)
		return;
	detach(t);
	ring_buffer__free(t->ring);
	host_trace_bpf__destroy(t->skel);
	free(t);
}

/* Return: @bytes of the map's memory, or of ordinary memory (then *map_bytes is 0), or NULL. */
static void *area_alloc(const struct bpf_map *map, size_t bytes, size_t *map_bytes)
{
	size_t page = getpagesize(), whole = (bytes + page - 1) & ~(page - 1);
	void *mem = MAP_FAILED;

	*map_bytes = 0;
	if (map && bytes)
		mem = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (mem == MAP_FAILED)
		return calloc(1, bytes ?: 1);
	*map_bytes = whole;
	return mem;
}

static void area_free(void *mem, size_t map_bytes)
{
	if (map_bytes)
		munmap(mem, map_bytes);
	else
		free(mem);
}

int counters_alloc(struct trace *t, unsigned int disks, unsigned int nets, struct counters *out)
{
	const bool fit = t && disks <= t->disks && nets <= t->nets;

	memset(out, 0, sizeof(*out));
	out->disks = disks;
	out->nets = nets;
	out->disk = area_alloc(fit ? t->skel->maps.counters : NULL, disks * sizeof(*out->disk),
			       &out->disk_map_bytes);
	out->net = area_alloc(fit ? t->skel->maps.net_counters : NULL, nets * sizeof(*out->net),
			      &out->net_map_bytes);
	out->net_pressure = area_alloc(fit ? t->skel->maps.net_pressure : NULL,
				       nets * sizeof(*out->net_pressure), &out->pressure_map_bytes);
	if (out->disk && out->net && out->net_pressure)
		return 0;
	counters_free(out);
	return -ENOMEM;
}

void counters_free(struct counters *c)
{
	area_free(c->disk, c->disk_map_bytes);
	area_free(c->net, c->net_map_bytes);
	area_free(c->net_pressure, c->pressure_map_bytes);
	memset(c, 0, sizeof(*c));
}
