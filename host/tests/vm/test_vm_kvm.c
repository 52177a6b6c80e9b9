// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine on KVM, with a bare-metal guest: exits, doorbells, interrupts,
 * further CPUs, clock, and every way a guest can end.
 */
#include "vm_kvm_util.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <x86intrin.h>

#include "virtio/mmio.h"

FIXTURE(vm)
{
	struct machine *m;
	struct machine_end end;
	char console[4096];
	size_t len;
};

static void on_console(void *opaque, const char *text, size_t len)
{
	struct ss_fx_vm *self = opaque;

	ASSERT_LT(len, sizeof(self->console) - self->len);
	memcpy(self->console + self->len, text, len);
	self->len += len;
}

static void create(struct ss_fx_vm *self, unsigned int cpus)
{
	const struct machine_config cfg = {
		.nr_vcpus = cpus,
		.memory = 32 * MIB,
		.console = on_console,
		.console_opaque = self,
	};

	ASSERT_EQ(machine_create(&cfg, &self->m), 0);
}

FIXTURE_SETUP(vm)
{
	memset(self, 0, sizeof(*self));
	need_kvm();
}

FIXTURE_TEARDOWN(vm)
{
	machine_destroy(self->m);
}

static enum vm_end run_for(struct ss_fx_vm *self, const char *word, int64_t limit_ns)
{
	if (!self->m)
		create(self, 1);
	load_guest(self->m, word);
	ASSERT_EQ(machine_start(self->m), 0);
	ASSERT_EQ(machine_wait(self->m, limit_ns, &self->end), 0);
	return self->end.end;
}

static enum vm_end run(struct ss_fx_vm *self, const char *word)
{
	return run_for(self, word, LIMIT_NS);
}

/* --- ends --- */

TEST_F(vm, poweroff, .title = "a guest that powers off by ACPI ends so")
{
	EXPECT_EQ(run(self, "poweroff"), VM_END_POWEROFF)
	{
		TH_LOG("%s", self->end.detail);
	}
	EXPECT_EQ(self->end.vcpu, 0);
	EXPECT_FALSE(self->end.panic_seen);
}

TEST_F(vm, reset_register, .title = "the reset register is a reboot")
{
	EXPECT_EQ(run(self, "reboot"), VM_END_REBOOT)
	{
		TH_LOG("%s", self->end.detail);
	}
}

TEST_F(vm, keyboard_reset, .title = "the keyboard controller's reset line is a reboot")
{
	EXPECT_EQ(run(self, "kbd"), VM_END_REBOOT)
	{
		TH_LOG("%s", self->end.detail);
	}
}

TEST_F(vm, triple_fault, .title = "a triple fault is told apart from a reboot")
{
	EXPECT_EQ(run(self, "triple"), VM_END_TRIPLE_FAULT)
	{
		TH_LOG("%s", self->end.detail);
	}
	EXPECT_STRSTR(self->end.detail, "triple fault");
}

TEST_F(vm, time_limit,
       .title = "a guest that spins is stopped at the time limit, and where it stood is told")
{
	EXPECT_EQ(run_for(self, "spin", SECOND_NS / 5), VM_END_TIMEOUT);
	EXPECT_STRSTR(self->end.detail, "vCPU 0 at 0x2");
}

TEST_F(vm, time_limit_halted, .title = "so is one that sleeps for ever")
{
	EXPECT_EQ(run_for(self, "halt", SECOND_NS / 5), VM_END_TIMEOUT);
}

TEST_F(vm, panic_then_reboot, .title = "a panic on the console outranks the reboot after it")
{
	EXPECT_EQ(run(self, "panic-reboot"), VM_END_PANIC);
	EXPECT_STREQ(self->end.detail, "Kernel panic - not syncing: a test");
	EXPECT_TRUE(self->end.panic_seen);
}

TEST_F(vm, panic_then_nothing,
       .title = "a panicked guest that hangs is ended as a panic, without a time limit")
{
	EXPECT_EQ(run_for(self, "panic-hang", -1), VM_END_PANIC);
	EXPECT_STREQ(self->end.detail, "Kernel panic - not syncing: a test");
}

TEST_F(vm, panic_quoted, .title = "a program that quotes a panic is no panic")
{
	EXPECT_EQ(run(self, "panic-quoted"), VM_END_POWEROFF);
	EXPECT_FALSE(self->end.panic_seen);
}

TEST_F(vm, pvpanic, .title = "pvpanic tells a panic whatever follows")
{
	EXPECT_EQ(run(self, "pvpanic"), VM_END_PANIC);
	EXPECT_TRUE(self->end.panic_seen);
}

static void *stopper(void *m)
{
	machine_stop(m, VM_END_INTERRUPTED);
	return NULL;
}

TEST_F(vm, stop_from_thread,
       .title = "another thread may stop the machine, before or while it waits")
{
	pthread_t t;

	create(self, 1);
	load_guest(self->m, "spin");
	ASSERT_EQ(machine_start(self->m), 0);
	ASSERT_EQ(pthread_create(&t, NULL, stopper, self->m), 0);
	ASSERT_EQ(machine_wait(self->m, -1, &self->end), 0);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(self->end.end, VM_END_INTERRUPTED);
	/* the first end stays */
	machine_stop(self->m, VM_END_TIMEOUT);
	ASSERT_EQ(machine_wait(self->m, -1, &self->end), 0);
	EXPECT_EQ(self->end.end, VM_END_INTERRUPTED);
}

TEST_F(vm, end_fd, .title = "the end can be polled for, and shows before it is waited for")
{
	struct pollfd p = { .events = POLLIN };

	create(self, 1);
	p.fd = machine_end_fd(self->m);
	EXPECT_EQ(poll(&p, 1, 0), 0);
	load_guest(self->m, "poweroff");
	ASSERT_EQ(machine_start(self->m), 0);
	EXPECT_EQ(poll(&p, 1, (int)(LIMIT_NS / 1000000)), 1);
	ASSERT_EQ(machine_wait(self->m, 0, &self->end), 0);
	EXPECT_EQ(self->end.end, VM_END_POWEROFF);
}

TEST_F(vm, destroyed_while_running,
       .title = "a running machine can be destroyed, and leaves nothing")
{
	create(self, 1);
	load_guest(self->m, "spin");
	ASSERT_EQ(machine_start(self->m), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* KVM_CREATE_VM gives up for whatever is pending, such as the work of an io_uring. */
TEST_F(vm, created_under_signals,
       .title = "signals that come while a machine is made don't fail it")
{
	const struct sigaction alarms = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { 0 };
	struct vm_err err;
	int kvm = kvm_open(&err), fd;

	ASSERT_GE(kvm, 0);
	ASSERT_EQ(sigaction(SIGALRM, &alarms, NULL), 0);
	ASSERT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (unsigned int i = 0; i < 100; i++) {
		fd = kvm_create_vm(kvm);
		EXPECT_GE(fd, 0);
		close(fd);
	}
	ASSERT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	close(kvm);
}

/* --- exits --- */

struct port {
	unsigned int writes;
	uint64_t off[16], value[16];
	uint32_t len[16];
};

static void port_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
		       uint32_t len)
{
	struct port *p = opaque;
	unsigned int n = p->writes++ % 16;

	(void)vcpu;
	p->off[n] = off;
	p->len[n] = len;
	memcpy(&p->value[n], data, len);
}

static void port_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	(void)opaque, (void)vcpu;
	memset(data, (int)(0xa0 + off), len);
}

static const struct vm_range_ops port_ops = { .read = port_read, .write = port_write };

TEST_F(vm, exits,
       .title = "port and MMIO accesses of every width reach their range, string ones too")
{
	struct port pio = { 0 }, mmio = { 0 };
	const struct vm_range ports = { VMM_PORT, 8, &port_ops, &pio };
	const struct vm_range window = { VMM_MMIO, 0x1000, &port_ops, &mmio };
	const volatile struct vmm_result *r;

	create(self, 1);
	ASSERT_EQ(machine_bus_add_pio(self->m, &ports), 0);
	ASSERT_EQ(machine_bus_add_mmio(self->m, &window), 0);
	EXPECT_EQ(machine_bus_add_pio(self->m, &ports), -EEXIST);
	ASSERT_EQ(run(self, "io"), VM_END_POWEROFF)
	{
		TH_LOG("%s", self->end.detail);
	}
	r = guest_result(self->m);
	EXPECT_EQ(r->io[0], 0xa1);
	EXPECT_EQ(r->io[1], 0xa2a2);
	EXPECT_EQ(r->io[2], 0xa4a4a4a4);
	EXPECT_EQ(r->io[3], 0xffffffff);
	EXPECT_EQ(r->io[4], 0xc0c0c0c0);
	EXPECT_EQ(r->io[5], 0xffffffff);
	EXPECT_EQ(r->io[6], 1);
	ASSERT_EQ(pio.writes, 6);
	EXPECT_EQ(pio.len[0], 1);
	EXPECT_EQ(pio.value[0], 0x11);
	EXPECT_EQ(pio.off[1], 2);
	EXPECT_EQ(pio.value[1], 0x2222);
	EXPECT_EQ(pio.value[2], 0x33333333);
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(pio.off[3 + i], 7);
		EXPECT_EQ(pio.value[3 + i], 'a' + i);
	}
	ASSERT_EQ(mmio.writes, 1);
	EXPECT_EQ(mmio.off[0], 0x10);
	EXPECT_EQ(mmio.value[0], 0x44444444);
	EXPECT_EQ(machine_bus_add_pio(self->m, &ports), -EBUSY);
}

TEST_F(vm, console, .title = "the console's lines arrive, the unfinished last one too")
{
	ASSERT_EQ(run(self, "hello"), VM_END_POWEROFF);
	EXPECT_STREQ(self->console, "hello\nno end of line");
}

/* --- virtio: doorbells and interrupt --- */

static const struct virtio_mmio_ops no_ops = { .name = "test", .device_id = 42 };

static void add_device(struct ss_fx_vm *self, struct virtio_mmio *dev)
{
	const struct virtio_mmio_config cfg = { .ops = &no_ops, .nr_queues = 2, .queue_max = 16 };

	ASSERT_EQ(virtio_mmio_init(dev, &cfg), 0);
	virtio_mmio_set_mem(dev, machine_memory(self->m));
	ASSERT_EQ(machine_add_virtio(self->m, dev), 0);
}

static uint64_t count_of(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

TEST_F(vm, doorbells, .title = "QUEUE_NOTIFY rings the eventfd of the queue it names and no other")
{
	struct virtio_mmio dev;

	create(self, 1);
	add_device(self, &dev);
	ASSERT_EQ(run(self, "notify"), VM_END_POWEROFF)
	{
		TH_LOG("%s", self->end.detail);
	}
	EXPECT_EQ(count_of(virtio_mmio_kick_fd(&dev, 0)), 1);
	EXPECT_EQ(count_of(virtio_mmio_kick_fd(&dev, 1)), 2);
	EXPECT_EQ(guest_result(self->m)->io[0], 0x74726976);
	machine_destroy(self->m);
	self->m = NULL;
	virtio_mmio_destroy(&dev);
}

/* Each time the guest says that it is ready, one pulse. */
static void ready_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			uint32_t len)
{
	const uint64_t one = 1;
	int *fd = opaque;

	(void)vcpu, (void)off, (void)len;
	if (*(const uint8_t *)data == VMM_READY) {
		ASSERT_EQ(write(*fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	}
}

static const struct vm_range_ops ready_ops = { .write = ready_write };

TEST_F(vm, interrupts, .title = "every write to the irqfd is one interrupt at the device's GSI")
{
	struct virtio_mmio dev;
	int fd;
	const struct vm_range ports = { VMM_PORT, 8, &ready_ops, &fd };

	create(self, 1);
	add_device(self, &dev);
	fd = virtio_mmio_irq_fd(&dev);
	ASSERT_EQ(machine_bus_add_pio(self->m, &ports), 0);
	ASSERT_EQ(run(self, "irq"), VM_END_POWEROFF)
	{
		TH_LOG("%s", self->end.detail);
	}
	EXPECT_EQ(guest_result(self->m)->irqs, VMM_NR_IRQS);
	machine_destroy(self->m);
	self->m = NULL;
	virtio_mmio_destroy(&dev);
}

TEST_F(vm, many_devices, .title = "sixteen devices get a window each, a seventeenth is refused")
{
	struct virtio_mmio dev[MACHINE_MAX_VIRTIO + 1];
	const struct virtio_mmio_config cfg = { .ops = &no_ops, .nr_queues = 1, .queue_max = 16 };

	create(self, 1);
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++)
		add_device(self, &dev[i]);
	ASSERT_EQ(virtio_mmio_init(&dev[MACHINE_MAX_VIRTIO], &cfg), 0);
	EXPECT_EQ(machine_add_virtio(self->m, &dev[MACHINE_MAX_VIRTIO]), -ENOSPC);
	EXPECT_EQ(run(self, "poweroff"), VM_END_POWEROFF);
	EXPECT_EQ(machine_add_virtio(self->m, &dev[MACHINE_MAX_VIRTIO]), -EBUSY);
	machine_destroy(self->m);
	self->m = NULL;
	for (unsigned int i = 0; i <= MACHINE_MAX_VIRTIO; i++)
		virtio_mmio_destroy(&dev[i]);
}

/* --- CPUs --- */

TEST_F(vm, two_cpus, .title = "a second CPU comes up by INIT and SIPI, with its own APIC id")
{
	create(self, 2);
	ASSERT_EQ(run(self, "smp2"), VM_END_POWEROFF)
	{
		TH_LOG("%s", self->end.detail);
	}
	EXPECT_EQ(guest_result(self->m)->cpus, 2);
	EXPECT_EQ(guest_result(self->m)->apic_ids, 3);
}

TEST_F(vm, four_cpus, .title = "so do three")
{
	create(self, 4);
	ASSERT_EQ(run(self, "smp4"), VM_END_POWEROFF)
	{
		TH_LOG("%s", self->end.detail);
	}
	EXPECT_EQ(guest_result(self->m)->cpus, 4);
	EXPECT_EQ(guest_result(self->m)->apic_ids, 15);
}

/* --- clock --- */

TEST_F(vm, clock_port, .title = "the clock port answers the host's TSC of the moment")
{
	const volatile struct vmm_clock *c;
	struct machine_tsc_info tsc;
	uint64_t first, last;

	create(self, 1);
	first = __rdtsc();
	ASSERT_EQ(run(self, "clock"), VM_END_POWEROFF);
	last = __rdtsc();
	c = guest_result(self->m)->clock;
	for (unsigned int i = 0; i < VMM_NR_CLOCKS; i++) {
		EXPECT_GE(c[i].host, first);
		EXPECT_LE(c[i].host, last);
		EXPECT_LT(c[i].before, c[i].after);
		first = c[i].host;
	}
	/* where KVM tells the offset, the port's answer lies between the guest's own stamps */
	ASSERT_EQ(machine_tsc_info(self->m, &tsc), 0);
	if (!tsc.offset_known || !tsc.scaling_known)
		SKIP("KVM doesn't tell how the guest's TSC relates to the host's");
	for (unsigned int i = 0; i < VMM_NR_CLOCKS; i++) {
		EXPECT_LE(c[i].before, c[i].host + (uint64_t)tsc.offset[0]);
		EXPECT_GE(c[i].after, c[i].host + (uint64_t)tsc.offset[0]);
	}
}

TEST_F(vm, tsc_while_running,
       .title = "the TSC's offset can be asked before, while and after the guest runs")
{
	struct machine_tsc_info before, during, after;

	create(self, 2);
	ASSERT_EQ(machine_tsc_info(self->m, &before), 0);
	load_guest(self->m, "spin");
	ASSERT_EQ(machine_start(self->m), 0);
	for (unsigned int i = 0; i < 20; i++)
		ASSERT_EQ(machine_tsc_info(self->m, &during), 0);
	machine_stop(self->m, VM_END_INTERRUPTED);
	ASSERT_EQ(machine_tsc_info(self->m, &after), 0);
	ASSERT_EQ(machine_wait(self->m, -1, &self->end), 0);
	EXPECT_EQ(before.offset_known, during.offset_known);
	EXPECT_EQ(during.offset_known, after.offset_known);
	EXPECT_EQ(during.nr_vcpus, 2);
	/* this guest never writes its TSC */
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT_EQ(before.offset[i], during.offset[i]);
		EXPECT_EQ(during.offset[i], after.offset[i]);
	}
	EXPECT_EQ(before.guest_khz, after.guest_khz);
}

TEST_HARNESS_MAIN
