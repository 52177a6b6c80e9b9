// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest on a machine that QEMU runs. Its disks are ours: QEMU connects its virtio devices
 * to them through vhost-user, so that kicks come to our workers and the guest's memory is
 * shared with them. Consoles are QEMU's.
 */
#include "lib/log.h"
#include "lib/time.h"
#include "qemu/qemu.h"
#include "run/run_guest.h"
#include "trace/clock_sample.h"
#include "virtio/vhost_user.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

_Static_assert(QEMU_MAX_DISKS >= SS_MAX_DISKS && QEMU_MAX_VCPUS >= RUN_MAX_CPUS, "too few");

/* A disk's front-end is QEMU; a thread serves its messages. */
struct front {
	struct vhost_user *vu;
	pthread_t thread;
	bool started, hung;
	int stop_fd;
};

struct guest_qemu {
	struct qemu_config cfg;
	struct qemu *q;
	struct front front[SS_MAX_DISKS];
	enum vm_end stopped_for;
};

/* --- the disks --- */

static void *serve_front(void *arg)
{
	struct front *f = arg;
	struct pollfd p[] = {
		{ .fd = f->stop_fd, .events = POLLIN },
		{ .fd = vhost_user_sock(f->vu), .events = POLLIN },
		{ .fd = vhost_user_lost_fd(f->vu), .events = POLLIN },
	};

	for (;;) {
		if (poll(p, sizeof(p) / sizeof(p[0]), vhost_user_wait_ms(f->vu)) < 0)
			continue;
		if (p[0].revents || vhost_user_turn(f->vu))
			break;
	}
	f->hung = vhost_user_detach(f->vu);
	return NULL;
}

static int start_front(struct guest *g, unsigned int i)
{
	struct front *f = &g->qemu->front[i];
	int sock, ret = vhost_user_create(blk_vdev(g->live.disk[i].blk), NULL, &f->vu);

	if (ret)
		return ret;
	f->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->stop_fd < 0)
		return -errno;
	sock = qemu_disk_sock(g->qemu->q, i);
	ret = vhost_user_attach(f->vu, sock);
	if (ret) {
		close(sock);
		return ret;
	}
	ret = -pthread_create(&f->thread, NULL, serve_front, f);
	f->started = !ret;
	return ret;
}

/* Return: false if a worker hangs. */
static bool drop_front(struct front *f)
{
	const uint64_t one = 1;
	ssize_t n;

	if (f->started) {
		n = write(f->stop_fd, &one, sizeof(one));
		(void)n;
		pthread_join(f->thread, NULL);
		f->started = false;
	} else if (f->vu && !f->hung && vhost_user_attached(f->vu)) {
		f->hung = vhost_user_detach(f->vu);
	}
	if (f->hung)
		return false;
	vhost_user_destroy(f->vu);
	f->vu = NULL;
	if (f->stop_fd >= 0)
		close(f->stop_fd);
	f->stop_fd = -1;
	return true;
}

static bool drop_devices(struct guest *g)
{
	bool done = true;

	for (unsigned int i = 0; g->qemu && i < g->run->o.nr_disks; i++)
		done &= drop_front(&g->qemu->front[i]);
	return done;
}

/* --- the machine --- */

static int setup(struct guest *g)
{
	const struct run_opts *o = &g->run->o;
	struct guest_qemu *m = calloc(1, sizeof(*m));
	int ret;

	if (!m) {
		ss_err("out of memory");
		return SS_EXIT_FAIL;
	}
	g->qemu = m;
	for (unsigned int i = 0; i < SS_MAX_DISKS; i++)
		m->front[i].stop_fd = -1;
	m->cfg = (struct qemu_config){
		.path = o->qemu,
		.kvm = g->run->qemu_kvm,
		.kernel = o->kernel,
		.initrd = g->run->initrd,
		.cmdline = g->run->r.cmdline,
		.nr_vcpus = o->cpus,
		.memory = o->memory,
		.nr_disks = o->nr_disks,
		.console = guest_console_text,
		.ctx = g,
	};
	guest_cmdline(g, !m->cfg.kvm);
	ret = qemu_create(&m->cfg, &m->q);
	for (unsigned int i = 0; !ret && i < o->nr_disks; i++) {
		m->cfg.queues[i] = blk_queue_count(g->live.disk[i].blk);
		ret = start_front(g, i);
	}
	if (ret)
		ss_err("can't connect QEMU's devices: %s", strerror(-ret));
	return ret ? SS_EXIT_FAIL : SS_EXIT_OK;
}

static int start(struct guest *g)
{
	char err[PATH_MAX + 600];

	switch (qemu_start(g->qemu->q, err, sizeof(err))) {
	case 0:
		return SS_EXIT_OK;
	case -ENOENT:
		ss_err("--qemu: %s", err);
		return SS_EXIT_QEMU;
	case -ENOTSUP:
		ss_err("--qemu: %s", err);
		return SS_EXIT_QEMU_OLD;
	case -ECHILD:
		ss_err("--qemu: %s", err);
		return SS_EXIT_QEMU_DIED;
	default:
		ss_err("%s", err);
		return SS_EXIT_FAIL;
	}
}

static int end_fd(const struct guest *g)
{
	return qemu_end_fd(g->qemu->q);
}

static void wait_end(struct guest *g)
{
	struct machine_end *e = &g->end;

	e->vcpu = -1;
	switch (qemu_wait(g->qemu->q, e->detail, sizeof(e->detail))) {
	case QEMU_END_POWEROFF:
		e->end = VM_END_POWEROFF;
		break;
	case QEMU_END_RESET:
		e->end = VM_END_REBOOT;
		break;
	case QEMU_END_PANIC:
		e->end = VM_END_PANIC;
		e->panic_seen = true;
		break;
	case QEMU_END_STOPPED:
		e->end = g->qemu->stopped_for;
		break;
	default:
		e->end = VM_END_INTERNAL_ERROR;
	}
}

static void stop(struct guest *g, enum vm_end why)
{
	if (!g->qemu->stopped_for)
		g->qemu->stopped_for = why;
	qemu_stop(g->qemu->q);
}

static pid_t tid(const struct guest *g, unsigned int vcpu)
{
	return qemu_vcpu_tid(g->qemu->q, vcpu);
}

static uint32_t measure_khz(void)
{
	const struct timespec pause = { .tv_nsec = 10 * NSEC_PER_MSEC };
	struct ss_rec_host_clock a, b;

	clock_sample_host(&a);
	nanosleep(&pause, NULL);
	clock_sample_host(&b);
	return (uint32_t)((b.tsc_before - a.tsc_before) * NSEC_PER_MSEC / (b.h.ts - a.h.ts));
}

/*
 * QEMU doesn't tell the offset, which the clock page has to measure. But it hands the
 * host's TSC on as fast as it is, unless it's asked for another rate: two that are equal
 * say so, whatever they are.
 */
static int tsc_info(struct guest *g, struct machine_tsc_info *info)
{
	const uint32_t khz = measure_khz();

	*info = (struct machine_tsc_info){
		.nr_vcpus = g->run->o.cpus,
		.host_khz = khz,
		.guest_khz = khz,
	};
	return 0;
}

static int agent_fd(const struct guest *g)
{
	return qemu_agent_fd(g->qemu->q);
}

static ssize_t agent_read(struct guest *g, void *buf, size_t size)
{
	return qemu_agent_read(g->qemu->q, buf, size);
}

static int agent_write(struct guest *g, const void *buf, size_t len)
{
	return qemu_agent_write(g->qemu->q, buf, len);
}

static bool destroy(struct guest *g, bool hung)
{
	struct guest_qemu *m = g->qemu;

	if (!m)
		return true;
	qemu_destroy(m->q);
	m->q = NULL;
	if (hung)
		return true;
	free(m);
	g->qemu = NULL;
	return true;
}

const struct guest_machine_ops guest_qemu_ops = {
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
	.drop_devices = drop_devices,
	.destroy = destroy,
};
