// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's command line. */
#include "qemu/qemu.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ss_agent.h"
#include "ss_clock_page.h"

#define MAX_ARGS (sizeof(((struct qemu_args *)0)->v) / sizeof(char *))

static void arg(struct qemu_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg(struct qemu_args *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	if (!s || a->n + 1 >= MAX_ARGS) {
		free(s);
		a->full = true;
		return;
	}
	a->v[a->n++] = s;
}

static void sock(struct qemu_args *a, const char *id, int fd)
{
	arg(a, "-chardev");
	arg(a, "socket,id=%s,fd=%d", id, fd);
}

static void device(struct qemu_args *a, const char *what)
{
	arg(a, "-device");
	arg(a, "%s", what);
}

static void board(struct qemu_args *a, const struct qemu_config *cfg)
{
	arg(a, "-accel");
	arg(a, "%s", cfg->kvm ? "kvm" : "tcg,thread=multi");
	arg(a, "-cpu");
	arg(a, "%s", cfg->kvm ? "host" : "max");
	arg(a, "-machine");
	arg(a, "q35,memory-backend=memory");
	/* vhost-user hands the memory to our workers: it must be shared. */
	arg(a, "-object");
	arg(a, "memory-backend-memfd,id=memory,size=%" PRIu64 ",share=on", cfg->memory);
	arg(a, "-m");
	arg(a, "%" PRIu64 "K", cfg->memory >> 10);
	arg(a, "-smp");
	arg(a, "%u", cfg->nr_vcpus);
	arg(a, "-nodefaults");
	arg(a, "-no-user-config");
	arg(a, "-display");
	arg(a, "none");
	arg(a, "-no-reboot");
	/* Until we know the vCPUs' threads. */
	arg(a, "-S");
}

static void consoles(struct qemu_args *a, const struct qemu_fds *fds)
{
	sock(a, "qmp", fds->qmp);
	arg(a, "-qmp");
	arg(a, "chardev:qmp");
	sock(a, "serial", fds->serial);
	arg(a, "-serial");
	arg(a, "chardev:serial");
	device(a, "virtio-serial-pci,id=ports");
	sock(a, "hvc", fds->hvc);
	device(a, "virtconsole,bus=ports.0,chardev=hvc");
	sock(a, "agent", fds->agent);
	device(a, "virtserialport,bus=ports.0,chardev=agent,name=" SS_AGENT_PORT);
}

/* Memory that guest and runner share, for ss_clock_page.h. */
static void clock_page(struct qemu_args *a, const struct qemu_fds *fds)
{
	arg(a, "-object");
	arg(a, "memory-backend-file,id=clock,mem-path=/proc/self/fd/%d,size=%d,share=on", fds->page,
	    SS_CLOCK_PAGE_SIZE);
	device(a, "ivshmem-plain,memdev=clock");
}

static void disks(struct qemu_args *a, const struct qemu_config *cfg, const struct qemu_fds *fds)
{
	for (unsigned int i = 0; i < cfg->nr_disks; i++) {
		char id[16];

		snprintf(id, sizeof(id), "disk%u", i);
		sock(a, id, fds->disk[i]);
		arg(a, "-device");
		arg(a, "vhost-user-blk-pci,chardev=%s,num-queues=%u", id, cfg->queues[i]);
	}
}

void qemu_args(const struct qemu_config *cfg, const struct qemu_fds *fds, struct qemu_args *a)
{
	*a = (struct qemu_args){ .n = 0 };
	arg(a, "%s", cfg->path);
	arg(a, "-name");
	arg(a, "stallscope,debug-threads=on");
	board(a, cfg);
	consoles(a, fds);
	clock_page(a, fds);
	disks(a, cfg, fds);
	arg(a, "-kernel");
	arg(a, "%s", cfg->kernel);
	if (cfg->initrd) {
		arg(a, "-initrd");
		arg(a, "%s", cfg->initrd);
	}
	arg(a, "-append");
	arg(a, "%s", cfg->cmdline);
}

void qemu_args_free(struct qemu_args *a)
{
	for (unsigned int i = 0; i < a->n; i++)
		free(a->v[i]);
	a->n = 0;
}
