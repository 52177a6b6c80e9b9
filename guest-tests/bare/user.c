// SPDX-License-Identifier: GPL-2.0-only
/* Ring 3, and interrupts of devices: what a guest with user space has and others lack. */
#include "user.h"

#define KERNEL_CODE  0x10
#define KERNEL_DATA  0x18
#define USER_DATA    0x20
#define USER_CODE    0x28
#define TSS	     0x30
#define GATE	     0x8eULL
#define GATE_USER    0xeeULL
#define BREAKPOINT   3
#define NR_GATES     (USER_VECTOR + 1)
#define KERNEL_STACK 4096
#define IRQ_STRIDE   16 /* words: a cache line */

enum trap { TRAP_WAIT, TRAP_POWEROFF, TRAP_STOP };

struct table_ptr {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct tss {
	uint32_t reserved;
	uint64_t rsp0;
	uint8_t rest[92];
} __attribute__((packed));

/* What a CPU needs to leave ring 0 and to come back. */
static struct cpu {
	uint64_t gdt[8];
	uint64_t idt[NR_GATES][2];
	struct tss tss;
	uint8_t stack[KERNEL_STACK] __attribute__((aligned(16)));
} cpus[USER_CPUS];

extern volatile uint32_t user_irq_count[USER_CPUS * IRQ_STRIDE];
extern const unsigned char user_isr0[], user_isr1[], user_trap[], user_exceptions[];
void user_enter(void (*entry)(void), uint64_t stack) __attribute__((noreturn));
void user_fault(const uint64_t *frame);

static const char *command_line;
static void (*second_fn)(void);
static uint32_t second_done;

static void set_gate(struct cpu *c, unsigned int vector, const unsigned char *at, uint64_t type)
{
	const uint64_t addr = (uintptr_t)at;

	c->idt[vector][0] =
		(addr & 0xffff) | KERNEL_CODE << 16 | type << 40 | (addr >> 16 & 0xffff) << 48;
	c->idt[vector][1] = addr >> 32;
}

static void set_tables(struct cpu *c, unsigned int nr)
{
	const uint64_t tss = (uintptr_t)&c->tss;

	c->gdt[KERNEL_CODE / 8] = 0x00af9b000000ffff;
	c->gdt[KERNEL_DATA / 8] = 0x00cf93000000ffff;
	c->gdt[USER_DATA / 8] = 0x00cff3000000ffff;
	c->gdt[USER_CODE / 8] = 0x00affb000000ffff;
	c->gdt[TSS / 8] = (sizeof(c->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 |
			  (tss >> 24 & 0xff) << 56;
	c->gdt[TSS / 8 + 1] = tss >> 32;
	c->tss.rsp0 = (uintptr_t)c->stack + sizeof(c->stack);
	for (unsigned int i = 0; i < 32; i++)
		set_gate(c, i, user_exceptions + (size_t)16 * i, GATE);
	set_gate(c, BREAKPOINT, user_trap, GATE_USER);
	set_gate(c, USER_VECTOR, nr ? user_isr1 : user_isr0, GATE);
}

/* Leave ring 0 for good, on the stack in use. */
static void leave(unsigned int nr, void (*entry)(void))
{
	struct cpu *c = &cpus[nr];
	const struct table_ptr gdt = { sizeof(c->gdt) - 1, (uintptr_t)c->gdt };
	const struct table_ptr idt = { sizeof(c->idt) - 1, (uintptr_t)c->idt };
	const uint64_t here = (uintptr_t)__builtin_frame_address(0);

	set_tables(c, nr);
	__asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdt), "m"(idt), "r"(TSS) : "memory");
	bare_lapic_on();
	/* A function finds its stack 8 below a multiple of 16; frames above are dead. */
	user_enter(entry, ((here - 512) & ~15ULL) - 8);
}

static void trap(enum trap what, const volatile uint32_t *count, uint32_t seen)
{
	__asm__ volatile("int3" : : "D"(what), "S"(count), "d"(seen) : "memory", "cc");
}

static void first(void)
{
	user_main();
	trap(TRAP_POWEROFF, NULL, 0);
}

static void second(void)
{
	second_fn();
	__atomic_store_n(&second_done, 1, __ATOMIC_RELEASE);
	trap(TRAP_STOP, NULL, 0);
}

void bare_main(const char *cmdline)
{
	command_line = cmdline;
	leave(0, first);
}

void bare_ap_main(unsigned int cpu)
{
	if (cpu < USER_CPUS)
		leave(cpu, second);
}

bool user_asked_for(const char *word)
{
	return bare_arg(command_line, word);
}

void user_poweroff(void)
{
	for (;;)
		trap(TRAP_POWEROFF, NULL, 0);
}

uint32_t user_irqs(unsigned int cpu)
{
	return user_irq_count[cpu * IRQ_STRIDE];
}

void user_wait(unsigned int cpu, uint32_t seen)
{
	while (user_irqs(cpu) == seen)
		trap(TRAP_WAIT, &user_irq_count[cpu * IRQ_STRIDE], seen);
}

/* A CPU's number is its LAPIC's; 0xff means all there, too. */
void user_route(unsigned int gsi, unsigned int cpu)
{
	bare_ioapic_route(gsi, USER_VECTOR, cpu);
}

void user_start_cpu(void (*fn)(void))
{
	second_fn = fn;
	bare_start_cpus();
}

void user_join_cpu(void)
{
	while (!__atomic_load_n(&second_done, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void user_report(const struct bare_event *event)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	write32(BARE_WINDOW, (uint32_t)(uintptr_t)event);
}

void user_call(uint32_t nr)
{
	const struct bare_event event = { .kind = BARE_CALL, .op = nr };

	user_report(&event);
}

/* In ring 0. The frame: vector, error code, instruction, ... */
void user_fault(const uint64_t *frame)
{
	static struct bare_event event;

	event.kind = BARE_FAULT;
	event.op = (uint32_t)frame[0];
	event.a = frame[2];
	__asm__ volatile("mov %%cr2, %0" : "=r"(event.b));
	user_report(&event);
	bare_poweroff();
}
