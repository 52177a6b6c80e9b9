/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine that QEMU runs for us, as a child process. All that connects the two is
 * socket pairs that the child inherits: nothing has a name in the file system, and the
 * child is killed when this process ends, however it does.
 *
 * One thread owns it. A thread of its own watches QEMU and passes on the guest's console.
 */
#ifndef SS_QEMU_H
#define SS_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QEMU_MAX_VCPUS 64
#define QEMU_MAX_DISKS 8

/* The oldest one that is tried: the first of Debian 12. */
#define QEMU_MIN_MAJOR 7
#define QEMU_MIN_MINOR 2

struct qemu;

/** enum qemu_end - how it ended */
enum qemu_end {
	QEMU_END_RUNNING = 0,
	QEMU_END_POWEROFF,
	QEMU_END_RESET, /* by the guest; a triple fault can't be told from it */
	QEMU_END_PANIC, /* by the console's panic line */
	QEMU_END_STOPPED,
	QEMU_END_DIED, /* QEMU itself ended, though nobody asked it to */
};

/**
 * struct qemu_config - the machine
 * @path: of the program
 * @kvm: with hardware's help; else it emulates
 * @kernel: @initrd: @cmdline: what it boots
 * @nr_vcpus: @memory: their number; bytes
 * @nr_disks: vhost-user disks
 * @queues: of each disk
 * @console: gets what the guest writes to serial port and hvc0, on the watching thread
 */
struct qemu_config {
	const char *path;
	bool kvm;
	const char *kernel, *initrd, *cmdline;
	unsigned int nr_vcpus;
	uint64_t memory;
	unsigned int nr_disks;
	unsigned int queues[QEMU_MAX_DISKS];
	void (*console)(void *ctx, const char *text, size_t len);
	void *ctx;
};

/** struct qemu_fds - QEMU's ends of what connects us, as numbers that the child has */
struct qemu_fds {
	int qmp, serial, hvc, agent, page;
	int disk[QEMU_MAX_DISKS];
};

struct qemu_args {
	char *v[128];
	unsigned int n;
	bool full;
};

/**
 * qemu_args() - the command line
 * @a: for qemu_args_free(); its @full says that it didn't fit, or that memory was short
 */
void qemu_args(const struct qemu_config *cfg, const struct qemu_fds *fds, struct qemu_args *a);

/** qemu_args_free() - free the words */
void qemu_args_free(struct qemu_args *a);

/**
 * qemu_create() - make what connects us
 * @cfg: borrowed until qemu_destroy()
 *
 * Return: 0 or a negative errno.
 */
int qemu_create(const struct qemu_config *cfg, struct qemu **out);

/** qemu_disk_sock() - our end of a disk's socket, for its server, who closes it from now on */
int qemu_disk_sock(struct qemu *q, unsigned int disk);

/**
 * qemu_start() - start QEMU, wait until its devices are set up, and let the vCPUs run
 * @err: one line, on failure
 *
 * The disks must be served by now.
 *
 * Return: 0; -ENOENT: there is no such program, or it can't be executed; -ENOTSUP: it's too
 * old; -ECHILD: it ended at once; another negative errno.
 */
int qemu_start(struct qemu *q, char *err, size_t size);

/** qemu_end_fd() - polls readable once it has ended */
int qemu_end_fd(const struct qemu *q);

/** qemu_stop() - kill it; doesn't wait */
void qemu_stop(struct qemu *q);

/**
 * qemu_wait() - how did it end?
 * @detail: a line for a person
 *
 * Waits for the end. What the agent sent can be read after this, too.
 */
enum qemu_end qemu_wait(struct qemu *q, char *detail, size_t size);

/** qemu_pid() - of the process, 0: not started */
pid_t qemu_pid(const struct qemu *q);

/** qemu_vcpu_tid() - a vCPU's thread; 0: not known */
pid_t qemu_vcpu_tid(const struct qemu *q, unsigned int vcpu);

/** qemu_agent_fd() - polls readable while qemu_agent_read() has something */
int qemu_agent_fd(const struct qemu *q);

/** qemu_agent_read() - take bytes that the agent has sent. Return: how many, or -EAGAIN */
ssize_t qemu_agent_read(struct qemu *q, void *buf, size_t size);

/** qemu_agent_write() - send all of it, or nothing and -EAGAIN */
int qemu_agent_write(struct qemu *q, const void *buf, size_t len);

/** qemu_destroy() - end what runs, free it all; NULL is fine */
void qemu_destroy(struct qemu *q);

#endif /* SS_QEMU_H */
