// SPDX-License-Identifier: GPL-2.0-only
/* What is handed to an emulated machine: the run inside is the one asked for. */
#include "run/run_nested.h"
#include "cli/opts.h"
#include "ss_harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A new field is to be handed on, and compared below. */
_Static_assert(sizeof(struct disk_opts) == 96, "struct disk_opts has changed");
_Static_assert(sizeof(struct net_opts) == 56, "struct net_opts has changed");

FIXTURE(nested)
{
	struct run run;
	struct run_opts in;
	struct nested_args machine, args;
	char kernel[PATH_MAX], initrd[PATH_MAX], profile[PATH_MAX], image[PATH_MAX];
};

static void make(char path[PATH_MAX], const char *name, off_t size)
{
	int fd;

	snprintf(path, PATH_MAX, "%s/%s", ss_tmpdir(), name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(ftruncate(fd, size), 0);
	close(fd);
}

FIXTURE_SETUP(nested)
{
	memset(self, 0, sizeof(*self));
	make(self->kernel, "vmlinux", 4096);
	make(self->initrd, "initrd.cpio", 4096);
	make(self->profile, "a,b.profile", 0);
	make(self->image, "c,d.img", 4096);
}

FIXTURE_TEARDOWN(nested)
{
	nested_args_free(&self->machine);
	nested_args_free(&self->args);
	run_opts_free(&self->run.o);
	run_opts_free(&self->in);
}

/* The words behind `run --kernel K`, as typed; then what the machine is told, and parses. */
static void hand_on(struct ss_fx_nested *self, char **words)
{
	char *argv[64] = { "run", "--kernel", self->kernel };
	int n = 3;

	while (*words)
		argv[n++] = *words++;
	ASSERT_EQ(run_opts_parse(n, argv, &self->run.o), SS_EXIT_OK);
	snprintf(self->run.out, PATH_MAX, "%s", ss_tmpdir());
	snprintf(self->run.initrd, PATH_MAX, "%s", self->run.o.initrd ?: self->initrd);
	nested_machine_args(&self->run, &self->machine, "/nested", "/self");
	nested_run_args(&self->run, &self->args, "/self");
	ASSERT_FALSE(self->machine.full || self->args.full);
	EXPECT_STREQ(self->args.v[0], "/self");
	EXPECT_STREQ(self->args.v[1], "run");
	ASSERT_EQ(run_opts_parse((int)self->args.n - 1, self->args.v + 1, &self->in), SS_EXIT_OK);
}

/* The word behind this one among the machine's. */
static const char *machine_option(const struct ss_fx_nested *self, const char *name)
{
	for (unsigned int i = 0; i + 1 < self->machine.n; i++)
		if (!strcmp(self->machine.v[i], name))
			return self->machine.v[i + 1];
	return NULL;
}

/* Is it brought along, so that it is there under this name? */
static bool is_there(const struct ss_fx_nested *self, const char *path, const char *name)
{
	char want[2 * PATH_MAX + 2];

	snprintf(want, sizeof(want), "%s:%s", path, name);
	for (unsigned int i = 0; i + 1 < self->machine.n; i++)
		if (!strcmp(self->machine.v[i], "--file") && !strcmp(self->machine.v[i + 1], want))
			return true;
	return false;
}

static void same_text(const char *a, const char *b)
{
	EXPECT_EQ(!a, !b);
	if (a && b)
		EXPECT_STREQ(a, b);
}

static void same_disk(const struct disk_opts *a, const struct disk_opts *b)
{
	EXPECT_EQ(!a->file, !b->file);
	EXPECT_EQ(a->size, b->size);
	EXPECT_EQ(a->read_only, b->read_only);
	EXPECT_EQ(a->iops, b->iops);
	EXPECT_EQ(a->bps, b->bps);
	EXPECT_EQ(a->iops_burst, b->iops_burst);
	EXPECT_EQ(a->bps_burst, b->bps_burst);
	EXPECT_EQ(a->queues, b->queues);
	EXPECT_EQ(a->backing, b->backing);
	same_text(a->profile, b->profile);
	same_text(a->group, b->group);
	same_text(a->worker_cpus, b->worker_cpus);
}

static void same_net(const struct net_opts *a, const struct net_opts *b)
{
	EXPECT_STREQ(a->backend, b->backend);
	EXPECT_EQ(memcmp(a->mac, b->mac, sizeof(a->mac)), 0);
	EXPECT_EQ(a->mtu, b->mtu);
	EXPECT_EQ(a->pps, b->pps);
	EXPECT_EQ(a->bps, b->bps);
	EXPECT_EQ(a->pps_burst, b->pps_burst);
	EXPECT_EQ(a->bps_burst, b->bps_burst);
}

static void same_run(const struct run_opts *a, const struct run_opts *b)
{
	EXPECT_EQ(a->cpus, b->cpus);
	EXPECT_EQ(a->memory, b->memory);
	EXPECT_EQ(a->duration_s, b->duration_s);
	EXPECT_EQ(a->time_limit_s, b->time_limit_s);
	EXPECT_EQ(a->no_trace, b->no_trace);
	EXPECT_EQ(a->no_huge_pages, b->no_huge_pages);
	EXPECT_EQ(a->trace_tasks, b->trace_tasks);
	EXPECT_EQ(a->json, b->json);
	EXPECT_EQ(a->console, b->console);
	same_text(a->append, b->append);
	same_text(a->sched, b->sched);
	same_text(a->exec, b->exec);
	same_text(a->name, b->name);
	ASSERT_EQ(a->nr_sched_args, b->nr_sched_args);
	for (unsigned int i = 0; i < a->nr_sched_args; i++)
		EXPECT_STREQ(a->sched_args[i], b->sched_args[i]);
	ASSERT_EQ(a->nr_disks, b->nr_disks);
	for (unsigned int i = 0; i < a->nr_disks; i++)
		same_disk(&a->disks[i], &b->disks[i]);
	ASSERT_EQ(a->nr_nets, b->nr_nets);
	for (unsigned int i = 0; i < a->nr_nets; i++)
		same_net(&a->nets[i], &b->nets[i]);
}

/* A comma in a path is written twice. */
static const char *commas(const char *path, char out[PATH_MAX])
{
	size_t n = 0;

	for (; *path && n + 2 < PATH_MAX; path++) {
		out[n++] = *path;
		if (*path == ',')
			out[n++] = ',';
	}
	out[n] = '\0';
	return out;
}

TEST_F(nested, all_options, .title = "each option is the same to the run inside")
{
	char file[3 * PATH_MAX], temp[3 * PATH_MAX];
	char *words[] = { "--append=quiet nosmp",
			  "--cpus=3",
			  "--memory=768M",
			  "--sched=/opt/scx x",
			  "--sched-arg=-a",
			  "--sched-arg=b c",
			  "--exec=echo 'a, b' \"$STALLSCOPE_DISK0\"",
			  "--duration=7",
			  "--time-limit=77",
			  "--name=all.of-it",
			  "--no-huge-pages",
			  "--trace-tasks",
			  "--no-trace",
			  "--json",
			  "--console",
			  "--disk",
			  file,
			  "--disk",
			  temp,
			  "--disk=size=1M,backing=sync",
			  "--net=loopback,mac=02:00:5e:10:00:ff,mtu=9000,pps=10,bps=2M,"
			  "pps_burst=20,bps_burst=4M",
			  "--net=loopback",
			  NULL };
	char twice[PATH_MAX];

	snprintf(file, sizeof(file), "file=%s,ro,iops=5,iops_burst=6,worker_cpus=0-1,,3,queues=8",
		 commas(self->image, twice));
	snprintf(temp, sizeof(temp),
		 "size=64M,bps=1M,bps_burst=2M,profile=%s,group=a,,b,backing=io_uring",
		 commas(self->profile, twice));
	hand_on(self, words);
	same_run(&self->run.o, &self->in);
	EXPECT_EQ(self->in.machine, RUN_MACHINE_KVM);
	EXPECT_STREQ(self->in.disks[0].file, "/dev/vda");
	EXPECT_STREQ(self->in.out, "/out");
	EXPECT_STREQ(self->in.kernel, self->kernel);
	EXPECT_STREQ(self->in.initrd, self->initrd);
	EXPECT_TRUE(is_there(self, self->kernel, self->kernel));
	EXPECT_TRUE(is_there(self, self->initrd, self->initrd));
	EXPECT_TRUE(is_there(self, self->profile, self->profile));
}

TEST_F(nested, defaults, .title = "what isn't said is the same, too")
{
	hand_on(self, (char *[]){ NULL });
	same_run(&self->run.o, &self->in);
	/* nothing to do, and no end of it */
	EXPECT_EQ(self->in.time_limit_s, 0);
	EXPECT_STREQ(machine_option(self, "--timeout"), "0");
}

TEST_F(nested, time_limit, .title = "a workload's limit, and more for the machine around it")
{
	hand_on(self, (char *[]){ "--exec=true", NULL });
	same_run(&self->run.o, &self->in);
	EXPECT_EQ(self->in.time_limit_s, 780);
	EXPECT_STREQ(machine_option(self, "--timeout"), "900");
}

TEST_F(nested, idle_limit, .title = "an idle guest's duration has a limit behind it")
{
	hand_on(self, (char *[]){ "--duration=20", NULL });
	EXPECT_EQ(self->in.time_limit_s, 200);
	EXPECT_STREQ(machine_option(self, "--timeout"), "320");
}

TEST_F(nested, taken_names, .title = "no file lies where the run inside puts its own, or mounts")
{
	hand_on(self, (char *[]){ "--initrd=/out/initrd.cpio", NULL });
	EXPECT_STREQ(self->in.initrd, "/handed-over/out_initrd.cpio");
	EXPECT_TRUE(is_there(self, "/out/initrd.cpio", self->in.initrd));
	EXPECT_STREQ(self->in.out, "/out");
}

TEST_F(nested, memory, .title = "the machine's memory holds disks without a file twice")
{
	struct run other = { .out = "" };

	hand_on(self, (char *[]){ "--disk=size=5G", "--disk=size=1536M", NULL });
	/* 900 of its own, 512 the guest's, and the two files of a page each */
	EXPECT_STREQ(machine_option(self, "--memory"), "14728");
	/* a file's size is no matter: it stays where it is */
	other.o = self->run.o;
	other.o.disks[0] = (struct disk_opts){ .file = self->image, .size = 1ULL << 60 };
	other.o.nr_disks = 1;
	EXPECT_EQ(nested_check_memory(&other), SS_EXIT_OK);
	other.o.disks[0].file = NULL;
	EXPECT_EQ(nested_check_memory(&other), SS_EXIT_DISK);
}

TEST_HARNESS_MAIN
