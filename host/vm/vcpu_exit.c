// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's exits: port and MMIO accesses go to the bus, nearly all others end the run.
 */
#include "vm/machine_int.h"

#include <stdio.h>
#include <sys/ioctl.h>

static uint64_t vcpu_rip(struct vcpu *v)
{
	struct kvm_regs regs = { 0 };

	ioctl(v->fd, KVM_GET_REGS, &regs);
	return regs.rip;
}

/* A string instruction comes as several accesses to one port. */
static void exit_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			vm_bus_write(&v->m->pio, v->id, run->io.port, data, run->io.size);
		else
			vm_bus_read(&v->m->pio, v->id, run->io.port, data, run->io.size);
	}
}

static void exit_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (run->mmio.is_write)
		vm_bus_write(&v->m->mmio, v->id, run->mmio.phys_addr, run->mmio.data,
			     run->mmio.len);
	else
		vm_bus_read(&v->m->mmio, v->id, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

static void exit_internal_error(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	char insn[3 * 15 + 16] = "";
	int n = 0;

	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->internal.ndata >= 3 &&
	    run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		n = snprintf(insn, sizeof(insn), ", instruction");
		for (unsigned int i = 0; i < run->emulation_failure.insn_size && i < 15; i++)
			n += snprintf(insn + n, sizeof(insn) - (size_t)n, " %02x",
				      run->emulation_failure.insn_bytes[i]);
	}
	machine_set_end(v->m, VM_END_INTERNAL_ERROR, (int)v->id,
			"KVM internal error %u on vCPU %u at %#llx%s", run->internal.suberror,
			v->id, (unsigned long long)vcpu_rip(v), insn);
}

static void exit_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_set_end(v->m, VM_END_POWEROFF, (int)v->id, "the guest powered off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_set_end(v->m, VM_END_REBOOT, (int)v->id, "the guest asked for a reset");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		machine_set_end(v->m, VM_END_PANIC, (int)v->id, "the guest reported a crash");
		break;
	default:
		machine_set_end(v->m, VM_END_INTERNAL_ERROR, (int)v->id,
				"unknown system event %u of vCPU %u", v->run->system_event.type,
				v->id);
		break;
	}
}

void vcpu_handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(v);
		break;
	case KVM_EXIT_MMIO:
		exit_mmio(v);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		machine_set_end(v->m, VM_END_TRIPLE_FAULT, (int)v->id,
				"triple fault on vCPU %u at %#llx", v->id,
				(unsigned long long)vcpu_rip(v));
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(v);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		exit_internal_error(v);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		machine_set_end(v->m, VM_END_INTERNAL_ERROR, (int)v->id,
				"vCPU %u can't enter the guest, hardware reason %#llx", v->id,
				(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		/* HLT too: the in-kernel LAPIC handles it, so it never gets here. */
		machine_set_end(v->m, VM_END_INTERNAL_ERROR, (int)v->id,
				"unexpected KVM exit %u of vCPU %u at %#llx", run->exit_reason,
				v->id, (unsigned long long)vcpu_rip(v));
		break;
	}
}
