// SPDX-License-Identifier: GPL-2.0-only
/* A guest on our own machine, which needs /dev/kvm. */
#include "lib/log.h"
#include "run/run_guest.h"
#include "virtio/console.h"
#include "virtio/guest_mem.h"

#include <errno.h>
#include <string.h>

static int machine_status(int ret)
{
	switch (ret) {
	case 0:
		return SS_EXIT_OK;
	case -ENOENT:
	case -EACCES:
	case -EPERM:
	case -ENOTSUP:
	case -EIO:
		return SS_EXIT_KVM;
	case -EINVAL:
	case -E2BIG:
		return SS_EXIT_USAGE;
	default:
		return SS_EXIT_FAIL;
	}
}

static int setup_console(struct guest *g)
{
	struct console_config cfg = { .output = guest_console_text, .ctx = g };
	int ret = console_create(&cfg, &g->console);

	if (ret)
		ss_err("can't make the console: %s", strerror(-ret));
	return ret ? SS_EXIT_FAIL : SS_EXIT_OK;
}

static int setup_machine(struct guest *g)
{
	struct machine_config cfg = {
		.nr_vcpus = g->run->o.cpus,
		.memory = g->run->o.memory,
		.huge_pages = !g->run->o.no_huge_pages,
		.console = guest_console_text,
		.console_opaque = g,
	};
	const struct guest_mem *mem;
	int ret = machine_create(&cfg, &g->machine);

	if (ret)
		return machine_status(ret);
	mem = machine_memory(g->machine);
	for (unsigned int i = 0; !ret && i < g->run->o.nr_disks; i++) {
		virtio_mmio_set_mem(blk_mmio(g->live.disk[i].blk), mem);
		ret = machine_add_virtio(g->machine, blk_mmio(g->live.disk[i].blk));
	}
	if (!ret)
		ret = guest_nets_attach(g, mem);
	if (!ret) {
		virtio_mmio_set_mem(console_mmio(g->console), mem);
		ret = machine_add_virtio(g->machine, console_mmio(g->console));
	}
	return ret ? SS_EXIT_FAIL : SS_EXIT_OK;
}

static int setup_boot(struct guest *g)
{
	struct machine_boot boot = {
		.kernel = g->run->o.kernel,
		.initrd = g->run->initrd,
		.cmdline = g->run->r.cmdline,
	};

	guest_cmdline(g, run_in_nested());
	return machine_load(g->machine, &boot) ? SS_EXIT_KERNEL : SS_EXIT_OK;
}

static int setup(struct guest *g)
{
	int ret = setup_console(g);

	if (!ret)
		ret = setup_machine(g);
	if (!ret)
		ret = setup_boot(g);
	return ret;
}

static int start(struct guest *g)
{
	return machine_start(g->machine) ? SS_EXIT_FAIL : SS_EXIT_OK;
}

static int end_fd(const struct guest *g)
{
	return machine_end_fd(g->machine);
}

static void wait_end(struct guest *g)
{
	machine_wait(g->machine, -1, &g->end);
}

static void stop(struct guest *g, enum vm_end why)
{
	machine_stop(g->machine, why);
}

static pid_t tid(const struct guest *g, unsigned int vcpu)
{
	return machine_tid(g->machine, vcpu);
}

static int tsc_info(struct guest *g, struct machine_tsc_info *info)
{
	return machine_tsc_info(g->machine, info);
}

static int agent_fd(const struct guest *g)
{
	return console_agent_fd(g->console);
}

static ssize_t agent_read(struct guest *g, void *buf, size_t size)
{
	return console_agent_read(g->console, buf, size);
}

static int agent_write(struct guest *g, const void *buf, size_t len)
{
	return console_agent_write(g->console, buf, len);
}

static bool destroy(struct guest *g, bool hung)
{
	if (console_destroy(g->console))
		hung = true;
	if (!hung)
		machine_destroy(g->machine);
	return !hung;
}

const struct guest_machine_ops guest_kvm_ops = {
	.setup = setup,
	.start = start,
	.end_fd = end_fd,
	.wait = wait_end,
	.stop = stop,
	.tid = tid,
	.tsc_info = tsc_info,
	.agent_fd = agent_fd,
	.agent_read = agent_read,
	.agent_write = agent_write,
	.destroy = destroy,
};
