// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine's making and unmaking: what is refused, threads, nothing left
 * behind; and the probe that looks at /dev/kvm.
 */
#include "vm_kvm_util.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "faults.h"
#include "vm/kvm_probe.h"

static struct machine_config config(unsigned int cpus, uint64_t memory)
{
	return (struct machine_config){ .nr_vcpus = cpus, .memory = memory };
}

static int try_create(unsigned int cpus, uint64_t memory)
{
	const struct machine_config cfg = config(cpus, memory);
	struct machine *m = (void *)1;
	int ret = machine_create(&cfg, &m);

	if (ret)
		EXPECT_NULL(m);
	else
		machine_destroy(m);
	return ret;
}

static unsigned int count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned int n = 0;

	ASSERT_NOT_NULL(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

TEST(cpu_numbers, .title = "no CPU and too many CPUs are refused before KVM is asked")
{
	EXPECT_EQ(try_create(0, 32 * MIB), -EINVAL);
	EXPECT_EQ(try_create(MACHINE_MAX_VCPUS + 1, 32 * MIB), -EINVAL);
	EXPECT_EQ(try_create(~0u, 32 * MIB), -EINVAL);
}

TEST(memory_sizes, .title = "zero, overflowing and unaffordable memory is refused, nothing is left")
{
	need_kvm();
	EXPECT_EQ(try_create(1, 0), -EINVAL);
	EXPECT_EQ(try_create(1, UINT64_MAX), -ENOMEM);
	EXPECT_EQ(try_create(1, 1ULL << 62), -ENOMEM);
}

TEST(refused, .title = "what KVM refuses isn't the caller's mistake")
{
	unsigned int refused = 0;
	int ret;

	need_kvm();
	for (unsigned int step = 0;; step++) {
		fault_set(FAULT_IOCTL, step, 1, EINVAL);
		ret = try_create(2, 32 * MIB);
		if (!fault_end(FAULT_IOCTL))
			break;
		/* Some it does without. */
		refused += ret != 0;
		EXPECT_NE(ret, -EINVAL)
		{
			TH_LOG("call %u", step + 1);
		}
	}
	EXPECT_EQ(ret, 0);
	EXPECT_GE(refused, 5);
}

TEST(most_cpus, .title = "as many vCPUs as KVM takes can be made, up to 64")
{
	struct kvm_probe_result probe;

	need_kvm();
	ASSERT_EQ(kvm_probe(&probe), 0);
	ASSERT_GE(probe.max_vcpus, 1);
	EXPECT_EQ(try_create(probe.max_vcpus, 32 * MIB), 0);
	if (probe.max_vcpus < MACHINE_MAX_VCPUS)
		EXPECT_EQ(try_create(probe.max_vcpus + 1, 32 * MIB), -E2BIG);
}

TEST(no_descriptors,
     .title = "running out of file descriptors at any step fails in order and leaves nothing")
{
	struct rlimit limit;
	unsigned int fds, done = 0;

	need_kvm();
	fds = count_entries("/proc/self/fd");
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (rlim_t most = 3; most < 64 && !done; most++) {
		struct rlimit few = { .rlim_cur = most, .rlim_max = limit.rlim_max };

		ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
		done = !try_create(2, 32 * MIB);
		ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ASSERT_EQ(count_entries("/proc/self/fd"), fds);
	}
	EXPECT_TRUE(done);
}

TEST(fifty_machines,
     .title = "fifty machines made, run and destroyed leave no descriptor, thread or mapping")
{
	unsigned int fds, tasks;

	need_kvm();
	fds = count_entries("/proc/self/fd");
	tasks = count_entries("/proc/self/task");
	for (unsigned int i = 0; i < 50; i++) {
		const struct machine_config cfg = config(2, 32 * MIB);
		struct machine_end end;
		struct machine *m;

		ASSERT_EQ(machine_create(&cfg, &m), 0);
		/* every other one isn't even started, every fourth isn't waited for */
		if (i % 2) {
			load_guest(m, i % 4 == 1 ? "poweroff" : "spin");
			ASSERT_EQ(machine_start(m), 0);
			if (i % 4 == 1) {
				ASSERT_EQ(machine_wait(m, LIMIT_NS, &end), 0);
				ASSERT_EQ(end.end, VM_END_POWEROFF);
			}
		}
		machine_destroy(m);
		ASSERT_EQ(count_entries("/proc/self/fd"), fds);
		ASSERT_EQ(count_entries("/proc/self/task"), tasks);
	}
}

TEST(thread_names,
     .title = "vCPU threads are named, and their ids known, once the machine has started")
{
	const struct machine_config cfg = config(2, 32 * MIB);
	struct machine *m;

	need_kvm();
	ASSERT_EQ(machine_create(&cfg, &m), 0);
	EXPECT_EQ(machine_nr_vcpus(m), 2);
	EXPECT_EQ(machine_tid(m, 0), 0);
	load_guest(m, "spin");
	ASSERT_EQ(machine_start(m), 0);
	for (unsigned int i = 0; i < 2; i++) {
		char path[64], name[32] = "", want[16];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", machine_tid(m, i));
		f = fopen(path, "re");
		ASSERT_NOT_NULL(f);
		ASSERT_NOT_NULL(fgets(name, sizeof(name), f));
		fclose(f);
		snprintf(want, sizeof(want), "vcpu%u\n", i);
		EXPECT_STREQ(name, want);
	}
	EXPECT_EQ(machine_tid(m, 2), 0);
	machine_destroy(m);
}

TEST(affinity,
     .title = "a vCPU's thread runs on the host CPU it is given; one that isn't there is refused")
{
	int cpus[2] = { -1, -1 };
	struct machine_config cfg = config(2, 32 * MIB);
	cpu_set_t have, set;
	struct machine *m;

	need_kvm();
	ASSERT_EQ(sched_getaffinity(0, sizeof(have), &have), 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &have))
			cpus[1] = i;
	cfg.affinity = cpus;
	ASSERT_EQ(machine_create(&cfg, &m), 0);
	load_guest(m, "spin");
	ASSERT_EQ(machine_start(m), 0);
	ASSERT_EQ(sched_getaffinity(machine_tid(m, 1), sizeof(set), &set), 0);
	EXPECT_EQ(CPU_COUNT(&set), 1);
	EXPECT_TRUE(CPU_ISSET(cpus[1], &set));
	ASSERT_EQ(sched_getaffinity(machine_tid(m, 0), sizeof(set), &set), 0);
	EXPECT_TRUE(CPU_EQUAL(&set, &have));
	machine_destroy(m);

	cpus[1] = 100000;
	ASSERT_EQ(machine_create(&cfg, &m), 0);
	load_guest(m, "spin");
	EXPECT_EQ(machine_start(m), -EINVAL);
	machine_destroy(m);
}

TEST(order_of_calls, .title = "calls out of order are refused instead of doing harm")
{
	const struct machine_config cfg = config(1, 32 * MIB);
	const struct machine_boot none = { .kernel = "/nonexistent/kernel", .cmdline = "" };
	struct machine_end end;
	struct machine *m;

	need_kvm();
	ASSERT_EQ(machine_create(&cfg, &m), 0);
	EXPECT_EQ(machine_start(m), -EINVAL);
	EXPECT_EQ(machine_wait(m, 0, &end), -EINVAL);
	EXPECT_EQ(machine_load(m, &none), -ENOENT);
	EXPECT_EQ(machine_start(m), -EINVAL)
	{
		TH_LOG("started without a kernel");
	}
	machine_destroy(m);
	machine_destroy(NULL);
}

TEST(end_names, .title = "every end has a name of its own")
{
	for (int i = VM_END_RUNNING; i <= VM_END_INTERRUPTED; i++) {
		EXPECT_STRNE(vm_end_name(i), "unknown");
		for (int j = VM_END_RUNNING; j < i; j++)
			EXPECT_STRNE(vm_end_name(i), vm_end_name(j));
	}
	EXPECT_STREQ(vm_end_name(VM_END_INTERRUPTED + 1), "unknown");
	EXPECT_STREQ(vm_end_name(VM_END_POWEROFF), "poweroff");
}

TEST(probe, .title = "the probe says of which sort KVM is, in time, and leaves nothing")
{
	struct kvm_probe_result r;
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	ASSERT_EQ(kvm_probe(&r), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	EXPECT_LE(b.tv_sec - a.tv_sec, 5);
	EXPECT_STRNE(r.reason, "");
	TH_LOG("%s: %s", kvm_sort_name(r.sort), r.reason);
	switch (r.sort) {
	case KVM_SORT_NONE:
		EXPECT_LT(r.error, 0);
		break;
	case KVM_SORT_SOFTWARE:
		EXPECT_FALSE(r.guest_ran);
		EXPECT_STRSTR(r.reason, "stops at");
		EXPECT_EQ(r.api_version, 12);
		break;
	case KVM_SORT_HARDWARE:
		EXPECT_TRUE(r.guest_ran);
		EXPECT_EQ(r.api_version, 12);
		break;
	}
}

TEST(probe_without_right, .title = "no right to /dev/kvm is told apart from no /dev/kvm")
{
	struct kvm_probe_result r;

	if (access("/dev/kvm", F_OK))
		SKIP("no /dev/kvm");
	if (geteuid())
		SKIP("needs root, to give its rights away");
	ASSERT_EQ(setegid(65534), 0);
	ASSERT_EQ(seteuid(65534), 0);
	ASSERT_EQ(kvm_probe(&r), 0);
	ASSERT_EQ(seteuid(0), 0);
	if (r.sort != KVM_SORT_NONE)
		SKIP("/dev/kvm is open to everybody here");
	EXPECT_EQ(r.error, -EACCES);
	EXPECT_STRSTR(r.reason, "permission");
}

TEST_HARNESS_MAIN
