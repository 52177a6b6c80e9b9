/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest being run: what run_guest.c and run_net.c set up and take down, what
 * run_loop.c does while it runs, and how run_end.c judges its end. Internal to these.
 */
#ifndef SS_RUN_GUEST_H
#define SS_RUN_GUEST_H

#include "lib/agent_link.h"
#include "run/run.h"
#include "run/agent_session.h"
#include "io/backing.h"
#include "live/live.h"
#include "trace/events_writer.h"
#include "trace/pins.h"
#include "trace/trace.h"
#include "virtio/blk.h"
#include "virtio/net.h"
#include "vm/machine.h"

struct console;
struct guest;
struct guest_qemu;

/**
 * struct guest_machine_ops - who runs the guest: our own machine, or QEMU
 * @setup: make machine and console, connect the devices, load the kernel. Return: an exit
 *	status, after one line on stderr
 * @start: let the vCPUs run. Return: the same
 * @end_fd: polls readable once the guest has ended
 * @wait: take down what runs once it has, and set @g->end
 * @stop: end it from outside, without waiting
 * @tid: the thread of a vCPU, 0: not known
 * @tsc_info: as machine_tsc_info()
 * @agent_fd: polls readable when @agent_read has something
 * @agent_read: -EAGAIN: nothing is there
 * @agent_write: all of it, or -EAGAIN and nothing
 * @drop_devices: before the devices are destroyed, the guest has ended; may be NULL, and may
 *	come twice. Return: false if a worker hangs
 * @destroy: in any state; with @hung, leave what a worker may still use. Return: false if
 *	something else hangs
 */
struct guest_machine_ops {
	int (*setup)(struct guest *g);
	int (*start)(struct guest *g);
	int (*end_fd)(const struct guest *g);
	void (*wait)(struct guest *g);
	void (*stop)(struct guest *g, enum vm_end why);
	pid_t (*tid)(const struct guest *g, unsigned int vcpu);
	int (*tsc_info)(struct guest *g, struct machine_tsc_info *info);
	int (*agent_fd)(const struct guest *g);
	ssize_t (*agent_read)(struct guest *g, void *buf, size_t size);
	int (*agent_write)(struct guest *g, const void *buf, size_t len);
	bool (*drop_devices)(struct guest *g);
	bool (*destroy)(struct guest *g, bool hung);
};

extern const struct guest_machine_ops guest_kvm_ops, guest_qemu_ops;

/**
 * struct guest - everything that lives as long as the guest does.
 * @run: the run it belongs to.
 * @trace: host tracing, NULL without.
 * @pins: NULL without.
 * @worker_tid: the worker threads of the disks' queues that @trace knows.
 * @vcpus_told: @trace knows the vCPU threads.
 * @ops: who runs it: with @console and @machine, or with @qemu.
 * @link: frames from and to the agent.
 * @console_log: fd that all console output is appended to.
 * @begun_ns: when the vCPUs were started.
 * @hello_ns: when the agent answered, 0 not yet.
 * @stop_ns: when the agent was asked to stop, 0 never.
 * @stopped_for: why it was asked.
 * @end: how it ended.
 * @live: its disks and network devices, for requests to the live run.
 * @group: a group's throttle, at the first of its disks; owned.
 * @net_tid: the network devices' worker threads that @trace knows.
 */
struct guest {
	struct run *run;
	struct trace *trace;
	struct pins *pins;
	struct counters counters;
	struct backing *backing[SS_MAX_DISKS];
	pid_t worker_tid[SS_MAX_DISKS][BLK_MAX_QUEUES];
	bool vcpus_told;
	const struct guest_machine_ops *ops;
	struct console *console;
	struct machine *machine;
	struct guest_qemu *qemu;
	struct events_writer *events;
	struct agent_link link;
	struct agent_session session;
	int console_log;
	FILE *workload_log;
	uint64_t begun_ns;
	uint64_t hello_ns;
	uint64_t stop_ns;
	enum vm_end stopped_for;
	struct machine_end end;
	struct live live;
	struct throttle *group[SS_MAX_DISKS];
	pid_t net_tid[SS_MAX_NETS];
};

/**
 * guest_loop() - serve the agent and the traces until the guest has ended.
 *
 * The machine has been started. On return no vCPU runs and @g->end is set.
 */
void guest_loop(struct guest *g);

/** guest_console_text() - what the guest's console says; @ctx is the guest. Any thread. */
void guest_console_text(void *ctx, const char *text, size_t len);

/**
 * guest_cmdline() - set the kernel's command line in the result.
 * @slow: the machine is emulated
 */
void guest_cmdline(struct guest *g, bool slow);

/* --- run_trace.c --- */

/** guest_store() - write a record to events.bin; the first error is noted in the run. */
void guest_store(struct guest *g, const void *rec, size_t len);

/** guest_poll_trace() - store what the host's tracing has recorded so far. */
void guest_poll_trace(struct guest *g);

/** guest_finish_trace() - end the host's tracing, store the rest, note records made and lost. */
void guest_finish_trace(struct guest *g);

/** guest_clock_sample() - store a sample of the host's clock and TSC. */
void guest_clock_sample(struct guest *g);

/** guest_tsc_records() - store what KVM says of the vCPUs' TSCs, if it says anything. */
void guest_tsc_records(struct guest *g);

/** guest_send_config() - tell the agent what to do; the answer to its HELLO. */
int guest_send_config(struct guest *g);

/** guest_threads() - tell @g->trace which vCPU and worker threads there are now. */
void guest_threads(struct guest *g);

/**
 * guest_thread() - tell @g->trace that a worker's thread came, went or changed.
 * @known: the thread that was last told; updated
 * @tid: the thread now, 0: it doesn't run
 * @index: device << 8 | queue
 */
void guest_thread(struct guest *g, pid_t *known, pid_t tid, unsigned int index);

/* --- run_end.c --- */

/** guest_note_end() - put into the result how the guest ended, by @g->end and what it was asked. */
void guest_note_end(struct guest *g);

/** guest_judge() - what went wrong first? Return: the exit status, after one line on stderr. */
int guest_judge(const struct guest *g);

/* --- run_net.c --- */

/** guest_nets_setup() - make the devices. Return: an exit status, after one line. */
int guest_nets_setup(struct guest *g);

/** guest_nets_attach() - add each to the machine. Return: 0 or a negative errno. */
int guest_nets_attach(struct guest *g, const struct guest_mem *mem);

/** guest_nets_threads() - guest_thread() for each. */
void guest_nets_threads(struct guest *g);

/** guest_nets_destroy() - stop and free them. Return: false if one's worker hangs. */
bool guest_nets_destroy(struct guest *g);

/** guest_nets_figures() - copy the counters into the result, after the devices have stopped. */
void guest_nets_figures(struct guest *g);

/* --- run_live.c --- */

/** guest_live_setup() - name the devices and listen. Return: an exit status, after one line. */
int guest_live_setup(struct guest *g);

/** guest_live_turn() - start the profiles together with the workload, and follow them. */
void guest_live_turn(struct guest *g);

/** guest_live_dump() - write dump.json. Return: 0 or a negative errno. */
int guest_live_dump(struct guest *g);

/** guest_live_figures() - put into the result how often limits were changed. */
void guest_live_figures(struct guest *g);

#endif /* SS_RUN_GUEST_H */
