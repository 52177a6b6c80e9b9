// SPDX-License-Identifier: GPL-2.0-only
/* QEMU as a machine: its command line, programs that aren't what they should be, its ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu/qemu.h"
#include "ss_harness.h"

FIXTURE(qemu)
{
	struct qemu_config cfg;
	struct qemu *q;
	char path[300], err[1000], detail[300], console[300];
};

static void hear(void *ctx, const char *text, size_t len)
{
	struct ss_fx_qemu *self = ctx;
	size_t have = strlen(self->console);

	snprintf(self->console + have, sizeof(self->console) - have, "%.*s", (int)len, text);
}

FIXTURE_SETUP(qemu)
{
	memset(self, 0, sizeof(*self));
	snprintf(self->path, sizeof(self->path), "%s/qemu", ss_tmpdir());
	self->cfg = (struct qemu_config){
		.path = self->path,
		.kernel = "/k,k",
		.initrd = "/i",
		.cmdline = "a b",
		.nr_vcpus = 2,
		.memory = 512 << 20,
		.nr_disks = 2,
		.queues = { 1, 4 },
		.console = hear,
		.ctx = self,
	};
	ASSERT_EQ(qemu_create(&self->cfg, &self->q), 0);
}

FIXTURE_TEARDOWN(qemu)
{
	qemu_destroy(self->q);
}

/* --- the command line --- */

static int find(const struct qemu_args *a, const char *word)
{
	for (unsigned int i = 0; i < a->n; i++)
		if (!strcmp(a->v[i], word))
			return (int)i;
	return -1;
}

TEST_F(qemu, words,
       .title = "QEMU is told of shared memory, of our sockets, and of every disk's queues")
{
	const struct qemu_fds fds = { 10, 11, 12, 13, 14, { 15, 16 } };
	struct qemu_args a;
	int at;

	qemu_args(&self->cfg, &fds, &a);
	EXPECT_FALSE(a.full);
	EXPECT_GE(find(&a, "tcg,thread=multi"), 0);
	EXPECT_GE(find(&a, "memory-backend-memfd,id=memory,size=536870912,share=on"), 0);
	EXPECT_GE(find(&a, "vhost-user-blk-pci,chardev=disk0,num-queues=1"), 0);
	EXPECT_GE(find(&a, "vhost-user-blk-pci,chardev=disk1,num-queues=4"), 0);
	EXPECT_GE(find(&a, "socket,id=qmp,fd=10"), 0);
	EXPECT_GE(find(&a, "socket,id=agent,fd=13"), 0);
	EXPECT_GE(find(&a, "socket,id=disk1,fd=16"), 0);
	EXPECT_GE(find(&a, "-S"), 0);
	EXPECT_GE(find(&a, "-no-reboot"), 0);
	at = find(&a, "-kernel");
	ASSERT_GE(at, 0);
	EXPECT_STREQ(a.v[at + 1], "/k,k");
	qemu_args_free(&a);
	self->cfg.kvm = true;
	qemu_args(&self->cfg, &fds, &a);
	EXPECT_GE(find(&a, "kvm"), 0);
	EXPECT_GE(find(&a, "host"), 0);
	EXPECT_LT(find(&a, "tcg,thread=multi"), 0);
	qemu_args_free(&a);
}

TEST_F(qemu, most, .title = "the most that a run may ask for fits into the command line")
{
	const struct qemu_fds fds = { .qmp = 1 };
	struct qemu_args a;

	self->cfg.nr_disks = QEMU_MAX_DISKS;
	qemu_args(&self->cfg, &fds, &a);
	self->cfg.nr_disks = 2;
	EXPECT_FALSE(a.full);
	EXPECT_LT(a.n, sizeof(a.v) / sizeof(a.v[0]));
	qemu_args_free(&a);
}

/* --- programs that aren't what they should be --- */

/*
 * A QEMU that is a shell's script. It has $qmp and $serial, say() for its control channel, and
 * ask(), which reads a command.
 */
static void fake(struct ss_fx_qemu *self, const char *script)
{
	FILE *f = fopen(self->path, "we");

	ASSERT_NOT_NULL(f);
	fprintf(f,
		"#!/bin/bash\n"
		"for w; do case $w in\n"
		"socket,id=qmp,fd=*) qmp=${w##*=};;\n"
		"socket,id=serial,fd=*) serial=${w##*=};;\n"
		"esac; done\n"
		"say() { printf '%%s\\r\\n' \"$1\" >&$qmp; }\n"
		"ask() { read -r -u $qmp line; }\n"
		"greet() { say '{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": '$2', "
		"\"major\": '$1'}}, \"capabilities\": []}}'; }\n"
		"start() { greet 11 1; ask; say '{\"return\": {}}'; ask\n"
		"say '{\"return\": [{\"cpu-index\": 1, \"thread-id\": 71}, {\"cpu-index\": 0, "
		"\"thread-id\": 70}, {\"cpu-index\": 9, \"thread-id\": 1}]}'\n"
		"ask; say '{\"event\": \"RESUME\"}'; say '{\"return\": {}}'; }\n"
		"shutdown() { say '{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
		"\"'$1'\"}}'; }\n"
		"%s\n",
		script);
	EXPECT_EQ(fclose(f), 0);
	EXPECT_EQ(chmod(self->path, 0700), 0);
}

static int start(struct ss_fx_qemu *self, const char *script)
{
	fake(self, script);
	return qemu_start(self->q, self->err, sizeof(self->err));
}

TEST_F(qemu, missing, .title = "a QEMU that isn't there is said by its path")
{
	EXPECT_EQ(qemu_start(self->q, self->err, sizeof(self->err)), -ENOENT);
	EXPECT_STRSTR(self->err, self->path);
	EXPECT_STRSTR(self->err, "No such file");
}

TEST_F(qemu, no_program, .title = "nor is a file that can't be executed one")
{
	int fd = open(self->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ASSERT_GE(fd, 0);
	close(fd);
	EXPECT_EQ(qemu_start(self->q, self->err, sizeof(self->err)), -ENOENT);
	EXPECT_STRSTR(self->err, "Permission denied");
}

TEST_F(qemu, old, .title = "one that is too old is said with its version")
{
	EXPECT_EQ(start(self, "greet 7 1; exec sleep 1000"), -ENOTSUP);
	EXPECT_STRSTR(self->err, "QEMU 7.1");
	EXPECT_STRSTR(self->err, "7.2 or newer");
}

TEST_F(qemu, at_once, .title = "one that ends at once is said with its words and status")
{
	EXPECT_EQ(
		start(self,
		      "echo 'qemu: warning: dull' >&2; echo 'qemu: no such machine' >&2; echo more >&2; exit 3"),
		-ECHILD);
	EXPECT_STRSTR(self->err, "exit status 3");
	EXPECT_STRSTR(self->err, "no such machine");
	EXPECT_NULL(strchr(self->err, '\n'));
}

TEST_F(qemu, nonsense, .title = "nor is one that doesn't speak as QEMU does")
{
	EXPECT_EQ(start(self, "say hello; exec sleep 1000"), -ECHILD);
	EXPECT_STRSTR(self->err, "is it a QEMU?");
}

TEST_F(qemu, refuses, .title = "nor one that refuses a command")
{
	EXPECT_EQ(start(self,
			"greet 11 1; ask; say '{\"error\": {\"desc\": \"no\"}}'; exec sleep 1000"),
		  -ECHILD);
	EXPECT_STRSTR(self->err, "is it a QEMU?");
}

/* --- its ends --- */

static enum qemu_end end_of(struct ss_fx_qemu *self, const char *script)
{
	struct pollfd p;

	EXPECT_EQ(start(self, script), 0);
	p = (struct pollfd){ .fd = qemu_end_fd(self->q), .events = POLLIN };
	EXPECT_EQ(poll(&p, 1, 20000), 1);
	return qemu_wait(self->q, self->detail, sizeof(self->detail));
}

TEST_F(qemu, power_off, .title = "a guest that powers off has, and its vCPUs' threads were known")
{
	EXPECT_EQ(end_of(self, "start; shutdown guest-shutdown"), QEMU_END_POWEROFF);
	EXPECT_EQ(qemu_vcpu_tid(self->q, 0), 70);
	EXPECT_EQ(qemu_vcpu_tid(self->q, 1), 71);
	EXPECT_EQ(qemu_vcpu_tid(self->q, 2), 0);
}

TEST_F(qemu, reset, .title = "one that resets its machine has")
{
	EXPECT_EQ(end_of(self, "start; shutdown guest-reset"), QEMU_END_RESET);
}

TEST_F(qemu, panic, .title = "one that panicked before has panicked, with the kernel's words")
{
	EXPECT_EQ(
		end_of(self,
		       "start; printf '[    1.5] Kernel panic - not syncing: what\\r\\n' >&$serial; "
		       "shutdown guest-reset"),
		QEMU_END_PANIC);
	EXPECT_STREQ(self->detail, "Kernel panic - not syncing: what");
	EXPECT_STRSTR(self->console, "[    1.5] Kernel panic");
}

TEST_F(qemu, quoted, .title = "words that only quote a panic are none")
{
	EXPECT_EQ(end_of(self, "start; echo 'say Kernel panic - not syncing: what' >&$serial; "
			       "shutdown guest-shutdown"),
		  QEMU_END_POWEROFF);
}

TEST_F(qemu, dies, .title = "a QEMU that ends in mid-run is said with its words and signal")
{
	EXPECT_EQ(end_of(self, "start; echo 'qemu: out of luck' >&2; kill -SEGV $$"),
		  QEMU_END_DIED);
	EXPECT_STRSTR(self->detail, "signal 11");
	EXPECT_STRSTR(self->detail, "out of luck");
}

TEST_F(qemu, stopped, .title = "one that is stopped has been")
{
	EXPECT_EQ(start(self, "start; exec sleep 1000"), 0);
	qemu_stop(self->q);
	EXPECT_EQ(qemu_wait(self->q, self->detail, sizeof(self->detail)), QEMU_END_STOPPED);
}

TEST_F(qemu, agent, .title = "the agent's stream goes on after its end, and then is quiet")
{
	struct pollfd p;
	char buf[100];
	ssize_t n;

	EXPECT_EQ(start(self,
			"for w; do case $w in socket,id=agent,fd=*) agent=${w##*=};; esac; done; "
			"start; read -r -u $agent line; echo \"got $line\" >&$agent"),
		  0);
	EXPECT_EQ(qemu_agent_write(self->q, "one\n", 4), 0);
	qemu_wait(self->q, self->detail, sizeof(self->detail));
	p = (struct pollfd){ .fd = qemu_agent_fd(self->q), .events = POLLIN };
	EXPECT_EQ(poll(&p, 1, 0), 1);
	n = qemu_agent_read(self->q, buf, sizeof(buf));
	ASSERT_EQ(n, 8);
	EXPECT_MEMEQ(buf, "got one\n", 8);
	EXPECT_EQ(qemu_agent_read(self->q, buf, sizeof(buf)), -EAGAIN);
	EXPECT_EQ(poll(&p, 1, 0), 0);
}

TEST_HARNESS_MAIN
