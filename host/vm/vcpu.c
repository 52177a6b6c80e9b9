// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads: start, loop, kicks and requests.
 */
#include "vm/kvm.h"
#include "vm/machine_int.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int vcpu_create(struct vcpu *v, struct machine *m, unsigned int id, struct vm_err *err)
{
	int size = ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	v->m = m;
	v->id = id;
	v->fd = ioctl(m->vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0 || size < (int)sizeof(struct kvm_run)) {
		int error = v->fd < 0 ? -errno : -ENOTSUP;

		return vm_fail(err, error, "KVM can't make vCPU %u: %s", id, strerror(-error));
	}
	v->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return vm_fail(err, -ENOMEM, "can't map the state of vCPU %u: %s", id,
			       strerror(errno));
	}
	v->run_size = (size_t)size;
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->run_size);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

void vcpu_read_tsc(struct vcpu *v)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	v->tsc_error = ioctl(v->fd, KVM_GET_DEVICE_ATTR, &attr) ? -errno : 0;
	v->tsc_offset = (int64_t)offset;
}

static void vcpu_answer_requests(struct vcpu *v)
{
	const uint64_t one = 1;
	ssize_t ignored;

	if (!(atomic_load(&v->requests) & VCPU_REQ_TSC))
		return;
	vcpu_read_tsc(v);
	atomic_fetch_and(&v->requests, ~VCPU_REQ_TSC);
	ignored = write(v->m->request_fd, &one, sizeof(one));
	(void)ignored;
}

/*
 * The loop clears immediate_exit before it looks at end and requests; vcpu_kick() sets
 * it after these were changed. Whatever the order, either the loop sees the change or
 * KVM_RUN returns at once.
 */
static void vcpu_loop(struct vcpu *v)
{
	while (!machine_has_ended(v->m)) {
		vcpu_answer_requests(v);
		if (!ioctl(v->fd, KVM_RUN, 0)) {
			vcpu_handle_exit(v);
		} else if (errno == EINTR) {
			__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		} else if (errno != EAGAIN) {
			machine_set_end(v->m, VM_END_INTERNAL_ERROR, (int)v->id,
					"KVM_RUN of vCPU %u failed: %s", v->id, strerror(errno));
		}
	}
}

void vcpu_kick(struct vcpu *v)
{
	if (!v->has_thread)
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(v->thread, kvm_kick_signal());
}

static int vcpu_set_affinity(const struct vcpu *v)
{
	cpu_set_t set;

	if (v->affinity < 0)
		return 0;
	if (v->affinity >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(v->affinity, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* Reports this thread as ready, and waits until all are. Return: may it enter the guest? */
static bool vcpu_pass_gate(struct vcpu *v)
{
	struct machine *m = v->m;
	int error = vcpu_set_affinity(v);
	bool go;

	pthread_mutex_lock(&m->start_lock);
	v->start_error = error;
	m->nr_ready++;
	pthread_cond_broadcast(&m->start_cond);
	while (m->gate == GATE_CLOSED)
		pthread_cond_wait(&m->start_cond, &m->start_lock);
	go = m->gate == GATE_OPEN;
	pthread_mutex_unlock(&m->start_lock);
	return go;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v->id);
	pthread_setname_np(pthread_self(), name);
	atomic_store(&v->tid, (int)syscall(SYS_gettid));
	if (vcpu_pass_gate(v))
		vcpu_loop(v);
	return NULL;
}

int vcpu_start(struct vcpu *v, struct vm_err *err)
{
	sigset_t all_but_kick, old;
	int error;

	/* The terminal's signals belong to the owner's thread. */
	sigfillset(&all_but_kick);
	sigdelset(&all_but_kick, kvm_kick_signal());
	pthread_sigmask(SIG_SETMASK, &all_but_kick, &old);
	error = pthread_create(&v->thread, NULL, vcpu_thread, v);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return vm_fail(err, -error, "can't start the thread of vCPU %u: %s", v->id,
			       strerror(error));
	v->has_thread = true;
	return 0;
}

void vcpu_join(struct vcpu *v)
{
	if (v->has_thread)
		pthread_join(v->thread, NULL);
	v->has_thread = false;
}
