/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's stream (ss_sched.h): every switch, wake-up, fork and exit, and what
 * a wake-up came from.
 *
 * The kernel skips a program that is under way on the CPU already. Switches, wake-ups of
 * others and kicks are told with interrupts off: nothing gets between, none of them is
 * skipped, and a CPU's ring has one writer. What may be interrupted or preempted writes no
 * event.
 */
#ifndef SS_GUEST_STREAM_BPF_H
#define SS_GUEST_STREAM_BPF_H

#include "ss_stream.h"

const volatile __u32 ring_events = 1; /* of a CPU, a power of two */

/* Events are told: set by user space while all programs are there. */
__u32 stream_on;

/* Which bits of the preemption count say "interrupt": kernels differ, a timer's shows it. */
__u32 hardirq_mask;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ss_stream_cpu);
} stream_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ss_sched_event);
} stream_events SEC(".maps");

/*
 * Wake-ups under way of tasks that are on a CPU yet, by tid. Not in the task's storage,
 * which older kernels refuse to look at while a program that uses it is preempted.
 */
#define WAKES 4096

struct wake {
	__u32 waker, flags, serial;
};

static struct {
	__u32 tid; /* 0: free */
	struct wake wake;
} wakes[WAKES];

/* Kernels differ in the member's size; the macro has a p of its own. */
static __always_inline bool on_a_cpu(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, on_cpu);
}

static __always_inline struct ss_stream_cpu *stream_cpu(__u32 cpu)
{
	return bpf_map_lookup_elem(&stream_cpus, &cpu);
}

static __always_inline struct ss_stream_cpu *this_stream(void)
{
	return stream_cpu(bpf_get_smp_processor_id());
}

/* --- the ring --- */

static __always_inline void write_event(__u32 cpu, __u64 *head, __u32 delta, __u32 what, __u32 tid,
					__u32 arg)
{
	__u32 i = cpu * ring_events + (*head & (ring_events - 1));
	struct ss_sched_event *e = bpf_map_lookup_elem(&stream_events, &i);

	if (!e)
		return;
	e->delta = delta;
	e->type = what;
	e->flags = what >> 8;
	e->aux = what >> 16;
	e->tid = tid;
	e->arg = arg;
	++*head;
}

/* Clocks of CPUs may differ by a little, a CPU's own never goes back. */
static __always_inline __u32 delta_since(struct ss_stream_cpu *c, __u32 cpu, __u64 now, __u64 *head)
{
	__u64 delta = now - c->last_ts;

	if ((__s64)delta < 0)
		return 0;
	c->last_ts = now;
	if (!(delta >> 32))
		return delta;
	write_event(cpu, head, 0, SS_SCHED_LATE, delta, delta >> 32);
	return 0;
}

static __always_inline __u32 what(__u32 type, __u32 flags, __u32 aux)
{
	return type | flags << 8 | aux << 16;
}

/* An event, with @serial (if it isn't 0) behind it. */
static __always_inline void put_event(__u64 now, __u32 kind, __u32 tid, __u32 arg, __u32 serial)
{
	__u32 cpu = bpf_get_smp_processor_id(), delta;
	struct ss_stream_cpu *c = stream_cpu(cpu);
	__u64 head;

	if (!c || !*(volatile __u32 *)&stream_on)
		return;
	head = c->head;
	/* A hole, a late event's time, the event and its serial. */
	if (head - *(volatile __u64 *)&c->tail > ring_events - 4) {
		c->lost++;
		return;
	}
	if (c->lost) {
		write_event(cpu, &head, 0, SS_SCHED_HOLE, 0, c->lost);
		c->lost = 0;
	}
	delta = delta_since(c, cpu, now, &head);
	write_event(cpu, &head, delta, kind, tid, arg);
	if (serial)
		write_event(cpu, &head, 0, SS_SCHED_MORE, serial, 0);
	/* Stores stay in order: where head is seen, so are the events. */
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&c->head = head;
}

/* --- where a wake-up comes from --- */

extern const int __preempt_count __ksym __weak;

/* Before 6.15 it was a member of this. */
struct pcpu_hot___old {
	int preempt_count;
} __attribute__((preserve_access_index));

extern const struct pcpu_hot___old pcpu_hot __ksym __weak;

#define SERVING_SOFTIRQ 0x100

static __always_inline __u32 preempt_count(void)
{
	if (&__preempt_count)
		return *(const int *)bpf_this_cpu_ptr(&__preempt_count);
	if (&pcpu_hot)
		return ((const struct pcpu_hot___old *)bpf_this_cpu_ptr(&pcpu_hot))->preempt_count;
	return 0;
}

enum level { IN_TASK, IN_SOFTIRQ, IN_IRQ };

static __always_inline enum level context_level(void)
{
	__u32 count = preempt_count();

	return count & hardirq_mask ? IN_IRQ : count & SERVING_SOFTIRQ ? IN_SOFTIRQ : IN_TASK;
}

/* The count's bits from 16 on were an interrupt's until some kernel 7 moved them to 24. */
static __always_inline void learn_hardirq_mask(void)
{
	__u32 count = preempt_count();

	if (count & 0x0f000000)
		hardirq_mask = 0x0f000000;
	else if (count & 0x000f0000)
		hardirq_mask = 0x000f0000;
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(on_hrtimer, struct hrtimer *timer)
{
	struct ss_stream_cpu *c = this_stream();
	enum level level;

	if (!hardirq_mask && !BPF_CORE_READ_BITFIELD(timer, is_soft))
		learn_hardirq_mask();
	level = context_level();
	/* Most timers are nobody's sleep: then this is a pointer to no task that is woken. */
	if (c)
		c->sleeper[level] = (__u64)BPF_CORE_READ((struct hrtimer_sleeper *)timer, task);
	return 0;
}

static __always_inline void timer_done(void)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->sleeper[context_level()] = 0;
}

SEC("tp_btf/hrtimer_expire_exit")
int BPF_PROG(on_hrtimer_done, struct hrtimer *timer)
{
	timer_done();
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(on_timer, struct timer_list *timer)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->sleeper[context_level()] =
			(__u64)BPF_CORE_READ((struct process_timer *)timer, task);
	return 0;
}

SEC("tp_btf/timer_expire_exit")
int BPF_PROG(on_timer_done, struct timer_list *timer)
{
	timer_done();
	return 0;
}

/* Who waits for a timerfd has set it, or had it set: it is a sleep of its own choice. */
SEC("fentry/timerfd_tmrproc")
int BPF_PROG(on_timerfd)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->sleeper[context_level()] = 1;
	return 0;
}

#define SOFTIRQ_NET_RX 3

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq, unsigned int vector)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->softirq = vector + 1;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_softirq_done, unsigned int vector)
{
	struct ss_stream_cpu *c = this_stream();

	if (!c)
		return 0;
	c->softirq = 0;
	c->serial[IN_SOFTIRQ] = 0;
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(on_irq_done, int irq)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->serial[IN_IRQ] = 0;
	return 0;
}

/* What completes, as far as the block layer's programs know it, which run before this one. */
static __always_inline void completes(__u32 serial)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->done = serial;
}

/* From here to its interrupt's end, wake-ups are the request's: its waiter's, its tag's. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_io_wakes, struct request *rq)
{
	struct ss_stream_cpu *c = this_stream();
	enum level level = context_level();

	if (!c || !c->done)
		return 0;
	c->serial[level] = c->done;
	c->done = 0;
	if (level == IN_TASK)
		c->io_tid = bpf_get_current_pid_tgid();
	return 0;
}

/* In a task's context nothing else tells when it is over. */
SEC("tp_btf/block_io_done")
int BPF_PROG(on_io_done, struct request *rq)
{
	struct ss_stream_cpu *c = this_stream();

	if (c && context_level() == IN_TASK)
		c->serial[IN_TASK] = 0;
	return 0;
}

/*
 * Terminals hand their input on in a worker, which other work of its kind preempts: that
 * one of them is about is looked up in the task only while there is one.
 */
static __u32 tty_receivers;

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} in_tty SEC(".maps");

SEC("fentry/n_tty_receive_buf_common")
int BPF_PROG(on_tty)
{
	__u32 *in = bpf_task_storage_get(&in_tty, bpf_get_current_task_btf(), NULL,
					 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (in && !*in) {
		*in = 1;
		__sync_fetch_and_add(&tty_receivers, 1);
	}
	return 0;
}

SEC("fexit/n_tty_receive_buf_common")
int BPF_PROG(on_tty_done)
{
	__u32 *in = bpf_task_storage_get(&in_tty, bpf_get_current_task_btf(), NULL, 0);

	if (in && *in) {
		*in = 0;
		__sync_fetch_and_add(&tty_receivers, -1);
	}
	return 0;
}

static __always_inline bool wakes_from_tty(struct task_struct *me)
{
	__u32 *in;

	if (!*(volatile __u32 *)&tty_receivers)
		return false;
	in = bpf_task_storage_get(&in_tty, me, NULL, 0);
	return in && *in;
}

#define PF_KTHREAD	   0x00200000
#define TASK_INTERRUPTIBLE 0x1
#define TASK_WAKEKILL	   0x100
#define TASK_DEAD	   0x80
#define SIGKILL_BIT	   (1UL << 8)

/*
 * A task with a signal to take doesn't go to sleep: if it has one now, it was woken by
 * that. What kills it wakes it from more sleeps.
 */
static __always_inline bool wakes_by_signal(struct task_struct *p)
{
	__u64 own = p->pending.signal.sig[0], blocked = p->blocked.sig[0];
	__u32 state = p->__state;

	if (state & TASK_INTERRUPTIBLE)
		return (own | p->signal->shared_pending.signal.sig[0]) & ~blocked;
	return state & TASK_WAKEKILL && own & SIGKILL_BIT;
}

static __always_inline bool is_ksoftirqd(struct task_struct *me)
{
	char comm[8];

	if (!(me->flags & PF_KTHREAD))
		return false;
	bpf_core_read(comm, sizeof(comm), &me->comm);
	return !__builtin_memcmp(comm, "ksoftirq", sizeof(comm));
}

static __always_inline void trace_wake(struct ss_stream_cpu *c, struct task_struct *p,
				       struct wake *w)
{
	struct task_struct *me = bpf_get_current_task_btf();
	enum level level = context_level();
	__u64 sleeper = c->sleeper[level];

	w->serial = 0;
	w->waker = level == IN_TASK || (level == IN_SOFTIRQ && is_ksoftirqd(me)) ? me->pid : 0;
	/* The idle loop serves what interrupts have left to it. */
	w->flags = level == IN_TASK && w->waker ? 0 : SS_WAKE_IRQ;
	if (level != IN_TASK && sleeper && (sleeper == (__u64)p || sleeper == 1))
		w->flags |= SS_WAKE_TIMER;
	else if (wakes_by_signal(p))
		w->flags |= SS_WAKE_SIGNAL;
	else if (c->serial[level] && (level != IN_TASK || c->io_tid == w->waker))
		w->serial = c->serial[level];
	else if (level == IN_SOFTIRQ && c->softirq == SOFTIRQ_NET_RX + 1)
		w->flags |= SS_WAKE_NET;
	else if (level == IN_TASK && wakes_from_tty(me))
		w->flags |= SS_WAKE_TTY;
	if (w->serial)
		w->flags |= SS_WAKE_IO;
}

/* --- the events --- */

static __always_inline void put_wake(struct task_struct *p, const struct wake *w)
{
	put_event(bpf_ktime_get_ns(), what(SS_SCHED_WAKE, w->flags, p->thread_info.cpu), p->pid,
		  w->waker, w->serial);
}

/*
 * A task on a CPU either doesn't sleep yet, and won't, or is on its way off: which of the
 * two shows when the wake-up is done. One that wakes itself doesn't sleep; only that may
 * be interrupted here.
 */
SEC("tp_btf/sched_waking")
int BPF_PROG(stream_waking, struct task_struct *p)
{
	struct ss_stream_cpu *c = this_stream();
	__u32 tid = p->pid, i = tid % WAKES;
	struct wake w;

	if (!c || tid == (__u32)bpf_get_current_pid_tgid())
		return 0;
	trace_wake(c, p, &w);
	if (!on_a_cpu(p) || !__sync_bool_compare_and_swap(&wakes[i].tid, 0, tid))
		put_wake(p, &w);
	else
		wakes[i].wake = w;
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(stream_wakeup, struct task_struct *p)
{
	__u32 tid = p->pid, i = tid % WAKES;
	struct wake w;

	if (wakes[i].tid != tid || tid == (__u32)bpf_get_current_pid_tgid())
		return 0;
	w = wakes[i].wake;
	*(volatile __u32 *)&wakes[i].tid = 0;
	if (!on_a_cpu(p))
		put_wake(p, &w);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(stream_fork, struct task_struct *p)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 parent = bpf_get_current_pid_tgid();

	put_event(now, what(SS_SCHED_FORK, 0, p->thread_info.cpu), p->pid, parent, 0);
	return 0;
}

static __always_inline __u32 switch_flags(struct ss_stream_cpu *c, bool preempt, __u32 tid,
					  __u32 state)
{
	__u32 yielder = c->yielder;

	c->yielder = 0;
	if (!tid)
		return 0;
	if (!preempt && state & TASK_DEAD)
		return SS_SWITCH_DEAD;
	if (!preempt && state)
		return 0;
	return SS_SWITCH_PREEMPTED | (!preempt && yielder == tid ? SS_SWITCH_YIELDED : 0);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(stream_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct ss_stream_cpu *c = this_stream();
	__u64 now = bpf_ktime_get_ns();
	__u32 flags;

	if (!c)
		return 0;
	c->kicked = 0;
	if (c->hotplug) {
		put_event(now, what(SS_SCHED_CPU, 0, (c->hotplug - 1) >> 1), 0,
			  (c->hotplug - 1) & 1, 0);
		c->hotplug = 0;
	}
	flags = switch_flags(c, preempt, prev->pid, prev_state);
	if (flags == SS_SWITCH_DEAD)
		put_event(now, SS_SCHED_EXIT, prev->pid, 0, 0);
	put_event(now, what(SS_SCHED_SWITCH, flags, 0), prev->pid, next->pid, 0);
	return 0;
}

SEC("fentry/do_sched_yield")
int BPF_PROG(on_yield)
{
	struct ss_stream_cpu *c = this_stream();

	if (c)
		c->yielder = bpf_get_current_pid_tgid();
	return 0;
}

static __always_inline void kick(__u32 cpu, __u32 tid)
{
	struct ss_stream_cpu *there = stream_cpu(cpu);

	if (!there || there->kicked)
		return;
	there->kicked = 1;
	put_event(bpf_ktime_get_ns(), what(SS_SCHED_KICK, 0, cpu), tid, 0, 0);
}

/*
 * Not by the tracepoint sched_set_need_resched_tp: where RCU asks for a reschedule at the
 * end of a program there, that runs the program again, and so on until the stack is full.
 */
SEC("fentry/resched_curr")
int BPF_PROG(on_resched, struct rq *rq)
{
	kick(rq->cpu, 0);
	return 0;
}

/* A wake-up left to the CPU it is for, which is sent an interrupt unless it looks anyway. */
#define CSD_TYPE_MASK 0xf0
#define CSD_TYPE_TTWU 0x30

SEC("tp_btf/csd_queue_cpu")
int BPF_PROG(on_csd_queue, unsigned int cpu, unsigned long site, void *func,
	     struct __call_single_data *csd)
{
	struct task_struct *p;

	if ((BPF_CORE_READ(csd, node.u_flags) & CSD_TYPE_MASK) != CSD_TYPE_TTWU)
		return 0;
	p = (void *)csd - bpf_core_field_offset(struct task_struct, wake_entry);
	kick(cpu, BPF_CORE_READ(p, pid));
	return 0;
}

/* Told with the next switch here: hotplug's work may be preempted. */
SEC("tp_btf/cpuhp_enter")
int BPF_PROG(on_cpuhp, unsigned int cpu, int target, int step)
{
	struct ss_stream_cpu *c = this_stream();

	if (c && step == bpf_core_enum_value(enum cpuhp_state, CPUHP_AP_ACTIVE))
		c->hotplug = (cpu << 1 | (target >= step)) + 1;
	return 0;
}

#endif /* SS_GUEST_STREAM_BPF_H */
