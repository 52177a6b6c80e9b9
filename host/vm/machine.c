// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine's life: created, loaded, started, destroyed.
 */
#include "lib/log.h"
#include "vm/acpi.h"
#include "vm/cpuid.h"
#include "vm/kvm.h"
#include "vm/layout.h"
#include "vm/machine_int.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int machine_check_config(const struct machine *m, struct vm_err *err)
{
	int most = kvm_cap(m->kvm_fd, KVM_CAP_MAX_VCPUS);
	int advised = kvm_cap(m->kvm_fd, KVM_CAP_NR_VCPUS);

	if (!most)
		most = advised ? advised : 4; /* as KVM's documentation has it */
	if (m->nr_vcpus > (unsigned int)most)
		return vm_fail(err, -E2BIG, "%u CPUs are more than this host's KVM can do (%d)",
			       m->nr_vcpus, most);
	return 0;
}

/* Interrupt lines go to the IOAPIC only; the PIC that KVM makes has no inputs. */
static int machine_route_irqs(struct machine *m)
{
	struct kvm_irq_routing *routing;
	int ret;

	routing = calloc(1, sizeof(*routing) + LAYOUT_IOAPIC_PINS * sizeof(routing->entries[0]));
	if (!routing)
		return -ENOMEM;
	routing->nr = LAYOUT_IOAPIC_PINS;
	for (unsigned int i = 0; i < LAYOUT_IOAPIC_PINS; i++) {
		routing->entries[i].gsi = i;
		routing->entries[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		routing->entries[i].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		routing->entries[i].u.irqchip.pin = i;
	}
	ret = ioctl(m->vm_fd, KVM_SET_GSI_ROUTING, routing) ? -errno : 0;
	free(routing);
	return ret;
}

static int machine_create_vm(struct machine *m, struct vm_err *err)
{
	uint64_t identity_map = LAYOUT_IDENTITY_MAP;
	int ret;

	m->vm_fd = kvm_create_vm(m->kvm_fd);
	if (m->vm_fd < 0)
		return vm_fail(err, m->vm_fd, "KVM can't make a virtual machine: %s",
			       strerror(-m->vm_fd));
	/* For Intel without unrestricted guests; no effect elsewhere. */
	ioctl(m->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	ioctl(m->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_TSS);
	if (ioctl(m->vm_fd, KVM_CREATE_IRQCHIP, 0)) {
		ret = -errno;
		return vm_fail(err, ret, "KVM can't make interrupt controllers: %s",
			       strerror(-ret));
	}
	ret = machine_route_irqs(m);
	if (ret)
		return vm_fail(err, ret, "KVM refuses the interrupt routing: %s", strerror(-ret));
	return 0;
}

/* -EINVAL and -E2BIG are about the caller's configuration: a refusal by KVM is -EIO. */
static int kvm_refuses(int ret)
{
	return ret == -EINVAL || ret == -E2BIG ? -EIO : ret;
}

static int machine_create_vcpus(struct machine *m, const int *affinity, struct vm_err *err)
{
	bool deadline = kvm_cap(m->kvm_fd, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	struct kvm_cpuid2 *cpuid;
	int ret;

	ret = kvm_refuses(cpuid_get_supported(m->kvm_fd, &cpuid, err));
	if (ret)
		return ret;
	if (m->memory.high_size &&
	    (LAYOUT_GAP_END + m->memory.high_size - 1) >> cpuid_phys_bits(cpuid))
		ret = vm_fail(
			err, -EINVAL,
			"guest memory of %llu MiB is more than a CPU with %u address bits reaches",
			(unsigned long long)(m->memory.size >> 20), cpuid_phys_bits(cpuid));
	for (unsigned int i = 0; !ret && i < m->nr_vcpus; i++) {
		ret = kvm_refuses(vcpu_create(&m->vcpu[i], m, i, err));
		if (!ret)
			ret = kvm_refuses(vcpu_setup(&m->vcpu[i], cpuid, deadline, err));
		m->vcpu[i].affinity = affinity ? affinity[i] : -1;
	}
	free(cpuid);
	if (!ret) {
		int khz = ioctl(m->vcpu[0].fd, KVM_GET_TSC_KHZ, 0);

		m->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	}
	return ret;
}

static int machine_build(struct machine *m, const struct machine_config *cfg, struct vm_err *err)
{
	int ret;

	ret = machine_end_init(m);
	if (ret)
		return vm_fail(err, ret, "can't make event descriptors: %s", strerror(-ret));
	ret = platform_add(m, err);
	if (ret)
		return ret;
	m->kvm_fd = kvm_open(err);
	if (m->kvm_fd < 0)
		return m->kvm_fd;
	ret = machine_check_config(m, err);
	if (!ret)
		ret = vm_memory_create(&m->memory, cfg->memory, cfg->huge_pages, err);
	if (!ret)
		ret = kvm_refuses(machine_create_vm(m, err));
	if (!ret)
		ret = kvm_refuses(vm_memory_register(&m->memory, m->vm_fd, err));
	if (!ret)
		ret = machine_create_vcpus(m, cfg->affinity, err);
	return ret;
}

int machine_create(const struct machine_config *cfg, struct machine **out)
{
	struct vm_err err = { "" };
	struct machine *m;
	int ret;

	*out = NULL;
	if (!cfg->nr_vcpus || cfg->nr_vcpus > MACHINE_MAX_VCPUS) {
		ss_err("%u CPUs: a guest has 1 to %u", cfg->nr_vcpus, MACHINE_MAX_VCPUS);
		return -EINVAL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		ss_err("out of memory");
		return -ENOMEM;
	}
	m->kvm_fd = m->vm_fd = m->end_fd = m->request_fd = m->panic_timer = m->wait_fd = -1;
	for (unsigned int i = 0; i < MACHINE_MAX_VCPUS; i++)
		m->vcpu[i].fd = -1;
	pthread_mutex_init(&m->start_lock, NULL);
	pthread_cond_init(&m->start_cond, NULL);
	pthread_mutex_init(&m->panic_lock, NULL);
	m->nr_vcpus = cfg->nr_vcpus;
	m->console = cfg->console;
	m->console_opaque = cfg->console_opaque;

	ret = machine_build(m, cfg, &err);
	if (ret) {
		ss_err("%s", err.text);
		machine_destroy(m);
		return ret;
	}
	*out = m;
	return 0;
}

const struct guest_mem *machine_memory(const struct machine *m)
{
	return &m->memory.mem;
}

unsigned int machine_nr_vcpus(const struct machine *m)
{
	return m->nr_vcpus;
}

pid_t machine_tid(const struct machine *m, unsigned int vcpu)
{
	return vcpu < m->nr_vcpus ? atomic_load(&m->vcpu[vcpu].tid) : 0;
}

int machine_bus_add_pio(struct machine *m, const struct vm_range *range)
{
	return m->started ? -EBUSY : vm_bus_add(&m->pio, range);
}

int machine_bus_add_mmio(struct machine *m, const struct vm_range *range)
{
	return m->started ? -EBUSY : vm_bus_add(&m->mmio, range);
}

/*
 * The whole firmware, at the reset vector: mov $1, %al; mov $PORT_RESET, %dx;
 * out %al, (%dx); hlt. With hardware-reduced ACPI Linux reboots by EFI; without
 * EFI it jumps here in real mode, before it tries the reset register itself.
 */
static void write_reset_vector(struct machine *m)
{
	static const uint8_t code[] = {
		0xb0, RESET_VALUE, 0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xee, 0xf4, 0xeb, 0xfd
	};

	memcpy(vm_memory_ptr(&m->memory, LAYOUT_RESET_VECTOR, sizeof(code)), code, sizeof(code));
}

static int write_acpi(struct machine *m, struct vm_err *err)
{
	const struct acpi_config acpi = { .nr_cpus = m->nr_vcpus, .nr_virtio = m->nr_virtio };
	const size_t size = LAYOUT_RESET_VECTOR - LAYOUT_ACPI;
	long len =
		acpi_build(&acpi, vm_memory_ptr(&m->memory, LAYOUT_ACPI, size), size, LAYOUT_ACPI);

	return len < 0 ? vm_fail(err, (int)len, "the ACPI tables don't fit") : 0;
}

int machine_load(struct machine *m, const struct machine_boot *boot)
{
	struct boot_entry entry;
	struct vm_err err = { "" };
	int ret;

	if (m->loaded)
		return -EBUSY;
	m->loaded = true;
	write_reset_vector(m);
	ret = write_acpi(m, &err);
	if (!ret)
		ret = boot_load(&m->memory, boot, LAYOUT_ACPI, &entry, &err);
	if (!ret)
		ret = vcpu_set_entry(&m->vcpu[0], &entry, &err);
	if (ret)
		ss_err("%s", err.text);
	m->startable = !ret;
	return ret;
}

static void machine_join(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_kick(&m->vcpu[i]);
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_join(&m->vcpu[i]);
}

static void machine_set_gate(struct machine *m, int gate)
{
	pthread_mutex_lock(&m->start_lock);
	m->gate = gate;
	pthread_cond_broadcast(&m->start_cond);
	pthread_mutex_unlock(&m->start_lock);
}

/* Waits until @n threads are at the gate. Return: their first error, or 0. */
static int machine_await_ready(struct machine *m, unsigned int n, struct vm_err *err)
{
	int ret = 0;

	pthread_mutex_lock(&m->start_lock);
	while (m->nr_ready < n)
		pthread_cond_wait(&m->start_cond, &m->start_lock);
	for (unsigned int i = 0; i < n && !ret; i++)
		if (m->vcpu[i].start_error)
			ret = vm_fail(err, m->vcpu[i].start_error,
				      "can't put vCPU %u on host CPU %d: %s", i,
				      m->vcpu[i].affinity, strerror(-m->vcpu[i].start_error));
	pthread_mutex_unlock(&m->start_lock);
	return ret;
}

int machine_start(struct machine *m)
{
	struct vm_err err = { "" };
	unsigned int n;
	int ret = 0, ready;

	if (!m->startable || m->started) {
		ss_err("the machine isn't loaded, or was started before");
		return -EINVAL;
	}
	m->started = true;
	for (n = 0; n < m->nr_vcpus && !ret; n++)
		ret = vcpu_start(&m->vcpu[n], &err);
	if (ret)
		n--;
	ready = machine_await_ready(m, n, ret ? &(struct vm_err){ "" } : &err);
	if (!ret)
		ret = ready;
	machine_set_gate(m, ret ? GATE_ABORT : GATE_OPEN);
	if (ret) {
		machine_join(m);
		ss_err("%s", err.text);
	}
	return ret;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	machine_stop(m, VM_END_INTERRUPTED);
	machine_join(m);
	for (unsigned int i = 0; i < MACHINE_MAX_VCPUS; i++)
		vcpu_destroy(&m->vcpu[i]);
	if (m->vm_fd >= 0)
		close(m->vm_fd);
	if (m->kvm_fd >= 0)
		close(m->kvm_fd);
	vm_memory_destroy(&m->memory);
	if (m->pio.nr)
		serial_destroy(&m->serial);
	machine_end_destroy(m);
	pthread_mutex_destroy(&m->panic_lock);
	pthread_cond_destroy(&m->start_cond);
	pthread_mutex_destroy(&m->start_lock);
	free(m);
}
