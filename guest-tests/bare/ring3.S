/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way to ring 3, and what remains in ring 0: interrupts and int3, the one
 * instruction by which every KVM lets ring 3 in. Few instructions, for a
 * software KVM interprets them.
 */
#define USER_DATA 0x23
#define USER_CODE 0x2b
#define LAPIC_EOI 0xfee000b0

	.text
	.code64
/* user_enter(entry, stack): with interrupts on; doesn't return. */
	.globl user_enter
user_enter:
	pushq $USER_DATA
	pushq %rsi
	pushq $0x202
	pushq $USER_CODE
	pushq %rdi
	iretq

/* The device's interrupt, on each CPU with a count of its own. */
	.macro isr cpu
	.globl user_isr\cpu
user_isr\cpu:
	push %rax
	push %rcx
	incl user_irq_count + 64 * \cpu
	movl $LAPIC_EOI, %eax
	xorl %ecx, %ecx
	movl %ecx, (%rax)
	pop %rcx
	pop %rax
	iretq
	.endm
	isr 0
	isr 1

/*
 * int3: with edi 0 wait until *rsi isn't edx any more, with 1 power off, with 2
 * stop this CPU. An interrupt after the comparison is taken by the hlt.
 */
	.globl user_trap
user_trap:
	cmpl $1, %edi
	je 2f
	ja 3f
	cmpl (%rsi), %edx
	jne 1f
	sti
	hlt
1:	iretq
2:	call bare_poweroff
3:	cli
	hlt
	jmp 3b

/* Exceptions: 16 bytes each; an error code, made up where the CPU has none, and the vector. */
	.globl user_exceptions
	.balign 16
user_exceptions:
	.set vector, 0
	.rept 32
	.balign 16
	.if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
	pushq $0
	.endif
	pushq $vector
	jmp fault
	.set vector, vector + 1
	.endr
fault:
	movq %rsp, %rdi
	call user_fault
	jmp 3b

	.bss
	.balign 64
	.globl user_irq_count
user_irq_count:
	.skip 2 * 64
	.section .note.GNU-stack, "", @progbits
