// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters' memory: seen by bpftool where BPF is permitted, there all
 * the same where it isn't.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "mock_counters.h"
#include "trace/pins.h"
#include "ss_probes.h"
#include "trace_util.h"

static void probe_present(void)
{
	ss_probe_kick(0, 0);
}

/* The counters as plain arrays of numbers, one array a kind of device. */
struct words {
	__u64 *v;
	size_t each, devices;
	__u64 base; /* what the first device's first field is filled with */
};

static unsigned int areas(const struct counters *c, struct words w[3])
{
	w[0] = (struct words){ (__u64 *)c->disk, sizeof(*c->disk) / 8, c->disks, 100 };
	w[1] = (struct words){ (__u64 *)c->net, sizeof(*c->net) / 8, c->nets, 1100 };
	w[2] = (struct words){ (__u64 *)c->net_pressure, sizeof(*c->net_pressure) / 8, c->nets,
			       2100 };
	return 3;
}

/* Sets each field of each device to a number of its own. */
static void fill(struct counters *c)
{
	struct words w[3];

	for (unsigned int k = 0; k < areas(c, w); k++)
		for (size_t i = 0; i < w[k].devices * w[k].each; i++)
			__atomic_fetch_add(&w[k].v[i],
					   w[k].base + 100 * (i / w[k].each) + i % w[k].each,
					   __ATOMIC_RELAXED);
}

static bool is_filled(const struct counters *c)
{
	struct words w[3];

	for (unsigned int k = 0; k < areas(c, w); k++)
		for (size_t i = 0; i < w[k].devices * w[k].each; i++)
			if (w[k].v[i] != w[k].base + 100 * (i / w[k].each) + i % w[k].each)
				return false;
	return true;
}

static bool is_zero(const struct counters *c)
{
	struct words w[3];

	for (unsigned int k = 0; k < areas(c, w); k++)
		for (size_t i = 0; i < w[k].devices * w[k].each; i++)
			if (w[k].v[i])
				return false;
	return true;
}

TEST(plain_memory, .title = "without a trace the counters are ordinary memory, zeroed")
{
	struct counters c;

	ASSERT_EQ(counters_alloc(NULL, SS_MAX_DISKS, SS_MAX_NETS, &c), 0);
	EXPECT_EQ(c.disk_map_bytes, 0);
	EXPECT_EQ(c.net_map_bytes, 0);
	EXPECT_EQ(c.pressure_map_bytes, 0);
	EXPECT_EQ(c.disks, SS_MAX_DISKS);
	EXPECT_EQ(c.nets, SS_MAX_NETS);
	EXPECT_TRUE(is_zero(&c));
	fill(&c);
	EXPECT_TRUE(is_filled(&c));
	counters_free(&c);
	EXPECT_NULL(c.disk);
	EXPECT_NULL(c.net);
	counters_free(&c);
}

TEST(map_memory, .title = "with a trace they lie in its map, zeroed, a new trace's are others")
{
	struct trace_config cfg = { .disks = SS_MAX_DISKS, .nets = SS_MAX_NETS };
	struct counters c;
	struct trace *t;

	probe_present();
	t = open_or_skip(&cfg);
	ASSERT_EQ(counters_alloc(t, SS_MAX_DISKS, SS_MAX_NETS, &c), 0);
	EXPECT_GT(c.disk_map_bytes, 0);
	EXPECT_GT(c.net_map_bytes, 0);
	EXPECT_GT(c.pressure_map_bytes, 0);
	EXPECT_TRUE(is_zero(&c));
	fill(&c);
	EXPECT_TRUE(is_filled(&c));
	counters_free(&c);
	/* The map keeps them: they can be had again. */
	ASSERT_EQ(counters_alloc(t, SS_MAX_DISKS, SS_MAX_NETS, &c), 0);
	EXPECT_TRUE(is_filled(&c));
	counters_free(&c);
	trace_close(t);
	t = open_or_skip(&cfg);
	ASSERT_EQ(counters_alloc(t, 1, 0, &c), 0);
	EXPECT_TRUE(is_zero(&c));
	counters_free(&c);
	trace_close(t);
}

/* Runs a command and keeps the start of what it prints. Return: its status. */
static int command(const char *cmd, char *out, size_t len)
{
	FILE *f = popen(cmd, "r");
	size_t n;

	ASSERT_NOT_NULL(f);
	n = fread(out, 1, len - 1, f);
	out[n] = '\0';
	return pclose(f);
}

TEST(bpftool_names, .title = "bpftool prints pinned counters and histograms by their fields' names")
{
	struct trace_config cfg = { .disks = 2, .nets = 2 };
	char name[32], cmd[512], err[256] = "";
	static char out[1 << 16];
	struct counters c;
	struct trace *t;
	struct pins *p;

	probe_present();
	t = open_or_skip(&cfg);
	if (command("bpftool version 2>/dev/null", out, sizeof(out)))
		SKIP("no bpftool");
	snprintf(name, sizeof(name), "test-counters-%d", getpid());
	ASSERT_EQ(pins_open(name, &p, err, sizeof(err)), 0);
	ASSERT_EQ(trace_pin(t, p), 0);
	ASSERT_EQ(counters_alloc(t, 2, 2, &c), 0);
	fill(&c);
	snprintf(cmd, sizeof(cmd), "bpftool map dump pinned %s/counters", pins_dir(p));
	EXPECT_EQ(command(cmd, out, sizeof(out)), 0);
	EXPECT_STRSTR(out, "\"reads_completed\": 100");
	EXPECT_STRSTR(out, "\"throttled_count\": 105");
	EXPECT_STRSTR(out, "\"throttled_count\": 205");
	EXPECT_STRSTR(out, "\"chains_dropped\": 209");
	__atomic_fetch_add(&c.disk[1].throttled_count, 1, __ATOMIC_RELAXED);
	EXPECT_EQ(command(cmd, out, sizeof(out)), 0);
	EXPECT_STRSTR(out, "\"throttled_count\": 206");
	snprintf(cmd, sizeof(cmd), "bpftool map dump pinned %s/net_counters", pins_dir(p));
	EXPECT_EQ(command(cmd, out, sizeof(out)), 0);
	for (unsigned int i = 0; i < MOCK_NET_COUNTERS; i++) {
		snprintf(cmd, sizeof(cmd), "\"%s\": %u", mock_net_counters[i].name, 1100 + i);
		EXPECT_STRSTR(out, cmd);
		snprintf(cmd, sizeof(cmd), "\"%s\": %u", mock_net_counters[i].name, 1200 + i);
		EXPECT_STRSTR(out, cmd);
	}
	snprintf(cmd, sizeof(cmd), "bpftool map dump pinned %s/net_pressure", pins_dir(p));
	EXPECT_EQ(command(cmd, out, sizeof(out)), 0);
	EXPECT_STRSTR(out, "\"throttled_count\": 2100");
	EXPECT_STRSTR(out, "\"currently_throttled_gauge\": 2201");
	ss_probe_stall_begin(1, 0, 0, SS_BUCKET_OPS, 1ULL, 1ULL);
	ss_probe_stall_end(1, 0, 0, 1, 7, 3);
	snprintf(cmd, sizeof(cmd), "bpftool map dump pinned %s/hist_stall", pins_dir(p));
	EXPECT_EQ(command(cmd, out, sizeof(out)), 0);
	EXPECT_STRSTR(out, "\"count\": 1");
	snprintf(cmd, sizeof(cmd), "bpftool map dump pinned %s/drops", pins_dir(p));
	EXPECT_EQ(command(cmd, out, sizeof(out)), 0);
	EXPECT_STRSTR(out, "\"recorded\": 2");
	EXPECT_STRSTR(out, "\"lost\": 0");
	counters_free(&c);
	pins_close(p);
	trace_close(t);
}

TEST(pin_undone, .title = "when a pin is refused, none of them stays")
{
	struct trace_config cfg = {};
	char name[32], path[256], err[256] = "";
	struct trace *t, *other;
	struct pins *p;

	probe_present();
	t = open_or_skip(&cfg);
	other = open_or_skip(&cfg);
	snprintf(name, sizeof(name), "test-undo-%d", getpid());
	ASSERT_EQ(pins_open(name, &p, err, sizeof(err)), 0);
	ASSERT_EQ(trace_pin(t, p), 0);
	pins_remove(p, "counters");
	EXPECT_EQ(trace_pin(other, p), -EEXIST);
	snprintf(path, sizeof(path), "%s/counters", pins_dir(p));
	EXPECT_NE(access(path, F_OK), 0);
	/* Without a network device there is nothing of one. */
	snprintf(path, sizeof(path), "%s/net_counters", pins_dir(p));
	EXPECT_NE(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/drops", pins_dir(p));
	EXPECT_EQ(access(path, F_OK), 0);
	EXPECT_EQ(trace_pin(t, NULL), 0);
	pins_close(p);
	trace_close(other);
	trace_close(t);
}

/* Events that each program missed, as the kernel counts them. */
static __u64 misses;

int __real_bpf_prog_get_info_by_fd(int fd, struct bpf_prog_info *info, __u32 *len);
int __wrap_bpf_prog_get_info_by_fd(int fd, struct bpf_prog_info *info, __u32 *len);
int __wrap_bpf_prog_get_info_by_fd(int fd, struct bpf_prog_info *info, __u32 *len)
{
	int ret = __real_bpf_prog_get_info_by_fd(fd, info, len);

	if (!ret)
		info->recursion_misses += misses;
	return ret;
}

TEST(missed, .title = "an event that a program missed is a lost record")
{
	struct trace_config cfg = {};
	struct ss_drops d;
	struct trace *t;

	t = open_or_skip(&cfg);
	ss_probe_stall_begin(0, 0, 1, SS_BUCKET_OPS, 1ULL, 1000ULL);
	misses = 3;
	trace_drops(t, &d);
	EXPECT_GE(d.recorded, 1);
	/* Of each program on a probe of ours, at least. */
	EXPECT_GE(d.lost, 3 * 9);
	trace_close(t);
}

static int drop_all_caps(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};

	return syscall(SYS_capset, &h, none);
}

/* Return: 0 as it should be, else which step wasn't. */
static int without_rights(void)
{
	struct trace_config cfg = {};
	char err[256] = "";
	struct counters c;
	struct trace *t;

	if (drop_all_caps())
		return 1;
	if (trace_open(&cfg, &t, err, sizeof(err)) != -EPERM)
		return 2;
	if (t)
		return 3;
	if (!strstr(err, "permission") || !strstr(err, "CAP_BPF") || strchr(err, '\n'))
		return 4;
	if (counters_alloc(t, 2, 1, &c) || c.disk_map_bytes || !is_zero(&c))
		return 5;
	fill(&c);
	if (!is_filled(&c))
		return 6;
	counters_free(&c);
	return 0;
}

TEST(no_rights, .title = "without the rights for BPF: one line says so, the counters count on")
{
	probe_present();
	EXPECT_EQ(in_child(without_rights), 0);
}

static int with_little_memlock(void)
{
	const struct rlimit none = { 0, 0 };
	struct trace_config cfg = {};
	char err[256] = "";
	struct trace *t;

	if (setrlimit(RLIMIT_MEMLOCK, &none))
		return 1;
	if (trace_open(&cfg, &t, err, sizeof(err)))
		return 2;
	trace_close(t);
	return 0;
}

TEST(memlock, .title = "a memlock limit of 0 is no reason to fail")
{
	struct trace_config cfg = {};

	probe_present();
	trace_close(open_or_skip(&cfg));
	EXPECT_EQ(in_child(with_little_memlock), 0);
}

TEST_HARNESS_MAIN
