// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for a guest's end; reads the vCPUs' TSCs meanwhile.
 */
#include "vm/machine_int.h"
#include "lib/time.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_LIMIT_NS 2000000000LL

/* Signed: a deadline may lie in the past. */
static int64_t now_ns(void)
{
	return (int64_t)monotonic_ns();
}

/* Waits until @fd is readable, or until @deadline (ns, CLOCK_MONOTONIC; negative: none). */
static bool wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ns();
		int ms = -1, n;

		if (deadline >= 0) {
			if (left < 0)
				left = 0;
			ms = left / 1000000 >= INT_MAX ? INT_MAX : (int)((left + 999999) / 1000000);
		}
		n = poll(&p, 1, ms);
		if (n > 0)
			return true;
		if (!n && deadline >= 0 && now_ns() >= deadline)
			return false;
	}
}

/* Where the vCPUs were: the first thing to know about a guest that hangs. */
static void describe_vcpus(struct machine *m, char *text, size_t size)
{
	size_t n = strlen(text);

	for (unsigned int i = 0; i < m->nr_vcpus && n < size; i++) {
		struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
		struct kvm_regs regs = { 0 };
		const char *state = "";

		ioctl(m->vcpu[i].fd, KVM_GET_MP_STATE, &mp);
		ioctl(m->vcpu[i].fd, KVM_GET_REGS, &regs);
		if (mp.mp_state == KVM_MP_STATE_HALTED)
			state = " idle";
		else if (mp.mp_state != KVM_MP_STATE_RUNNABLE)
			state = " not started";
		n += (size_t)snprintf(text + n, size - n, "%s vCPU %u%s at %#llx", i ? "," : ":", i,
				      state, (unsigned long long)regs.rip);
	}
}

/*
 * A panic outranks the reboot, triple fault or time limit that follows it. One that
 * only the console tells of doesn't outrank a power-off: a panicked kernel doesn't
 * power off, so somebody else wrote the line.
 */
static enum vm_end final_end(struct machine *m)
{
	enum vm_end end = (enum vm_end)atomic_load(&m->end);

	if (!atomic_load(&m->panic_seen))
		return end;
	switch (end) {
	case VM_END_REBOOT:
	case VM_END_TRIPLE_FAULT:
	case VM_END_TIMEOUT:
		return VM_END_PANIC;
	case VM_END_POWEROFF:
		return atomic_load(&m->panic_certain) ? VM_END_PANIC : end;
	default:
		return end;
	}
}

static void fill_end(struct machine *m, struct machine_end *end)
{
	*end = (struct machine_end){
		.end = final_end(m),
		.vcpu = m->end_vcpu,
		.panic_seen = atomic_load(&m->panic_seen),
	};
	if (end->end == VM_END_PANIC && end->panic_seen)
		snprintf(end->detail, sizeof(end->detail), "%s",
			 m->panic_text[0] ? m->panic_text
					  : "the guest told of a panic, without words");
	else
		snprintf(end->detail, sizeof(end->detail), "%s", m->end_detail);
	if (end->end == VM_END_TIMEOUT) {
		snprintf(end->detail, sizeof(end->detail), "still running at the time limit");
		describe_vcpus(m, end->detail, sizeof(end->detail));
	} else if (end->end == VM_END_INTERRUPTED) {
		snprintf(end->detail, sizeof(end->detail), "stopped from outside");
	}
}

int machine_wait(struct machine *m, int64_t timeout_ns, struct machine_end *end)
{
	int64_t deadline = -1;

	if (!m->started)
		return -EINVAL;
	if (timeout_ns >= 0 && __builtin_add_overflow(now_ns(), timeout_ns, &deadline))
		deadline = -1;
	/* Readable: the guest has ended, or has taken too long since its panic. */
	if (!wait_readable(m->wait_fd, deadline))
		machine_stop(m, VM_END_TIMEOUT);
	else if (!machine_has_ended(m))
		machine_set_end(m, VM_END_PANIC, -1, "the guest panicked and did not reboot");
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_kick(&m->vcpu[i]);
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_join(&m->vcpu[i]);
	serial_flush(&m->serial);
	fill_end(m, end);
	return 0;
}

/* Lets a running vCPU read its offset, or reads it here if it has no thread. */
static int vcpu_tsc_offset(struct machine *m, struct vcpu *v)
{
	int64_t deadline = now_ns() + REQUEST_LIMIT_NS;
	uint64_t count;

	if (!v->has_thread) {
		vcpu_read_tsc(v);
		return v->tsc_error;
	}
	atomic_fetch_or(&v->requests, VCPU_REQ_TSC);
	vcpu_kick(v);
	while (atomic_load(&v->requests) & VCPU_REQ_TSC) {
		struct pollfd p[2] = {
			{ .fd = m->request_fd, .events = POLLIN },
			{ .fd = m->end_fd, .events = POLLIN },
		};
		int64_t left = deadline - now_ns();

		if (left <= 0)
			return -ETIMEDOUT;
		poll(p, 2, (int)(left / 1000000) + 1);
		if (read(m->request_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			return -errno;
		/* Its thread ends and won't answer, but then we can read it here. */
		if (p[1].revents) {
			vcpu_join(v);
			vcpu_read_tsc(v);
			return v->tsc_error;
		}
	}
	return v->tsc_error;
}

int machine_tsc_info(struct machine *m, struct machine_tsc_info *info)
{
	*info = (struct machine_tsc_info){ .nr_vcpus = m->nr_vcpus, .offset_known = true };
	for (unsigned int i = 0; i < m->nr_vcpus; i++) {
		if (vcpu_tsc_offset(m, &m->vcpu[i]))
			info->offset_known = false;
		else
			info->offset[i] = m->vcpu[i].tsc_offset;
	}
	if (!m->tsc_khz)
		return 0;
	/* We never set a rate, so guest and host TSC tick alike. */
	info->guest_khz = m->tsc_khz;
	info->host_khz = m->tsc_khz;
	info->scaling_known = true;
	return 0;
}
