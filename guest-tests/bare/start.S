/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the PVH entry (32 bit, no paging, start info in ebx) to bare_main() in
 * long mode with the lower 4 GiB mapped one to one, and the way there for
 * further CPUs from their SIPI. Only instructions that a software KVM's
 * interpreter knows: no int n, no iret before long mode, no SSE.
 */
#define CODE32	0x08
#define CODE64	0x10
#define DATA	0x18
#define SIPI_AT	0x8000
#define STACK	16384
#define MAX_CPUS 64

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18			/* namesz, descsz, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long _start

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	movl %ebx, start_info
	/* pml4 -> pdpt -> four directories of 2 MiB pages, all user accessible */
	movl $(pdpt + 7), pml4
	movl $(pd + 7), %eax
	movl $pdpt, %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	decl %ecx
	jnz 1b
	movl $0x87, %eax
	movl $pd, %edi
	movl $2048, %ecx
2:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	decl %ecx
	jnz 2b

enter_long_mode:
	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	lgdt gdt_ptr
	ljmp $CODE64, $long_mode

	.code64
long_mode:
	movw $DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	/* each CPU takes a number and with it a stack */
	movl $1, %edi
	lock xaddl %edi, nr_cpus
	movl %edi, %eax
	incl %eax
	imull $STACK, %eax, %eax
	leaq stacks(%rax), %rsp
	xorl %ebp, %ebp
	movl start_info, %esi
	call bare_start
3:	cli
	hlt
	jmp 3b

/* Every interrupt; C code changes no more than these registers. */
	.globl bare_isr
bare_isr:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	cld
	call bare_on_interrupt
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	iretq

/* Copied to SIPI_AT; runs there in real mode, and reaches back by absolute jumps. */
	.code16
	.globl sipi_code, sipi_end
sipi_code:
	cli
	cld
	movw $(SIPI_AT >> 4), %ax
	movw %ax, %ds
	lgdtl sipi_gdt_ptr - sipi_code
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $CODE32, $ap32
	.balign 4
sipi_gdt_ptr:
	.word gdt_end - gdt - 1
	.long SIPI_AT + (sipi_gdt - sipi_code)
	.balign 8
sipi_gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff
sipi_end:

	.code32
ap32:
	movw $DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	jmp enter_long_mode

	.data
	.balign 8
gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_end:
gdt_ptr:
	.word gdt_end - gdt - 1
	.quad gdt
start_info:
	.long 0
	.globl nr_cpus
nr_cpus:
	.long 0

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
stacks:	.skip STACK * MAX_CPUS
	.section .note.GNU-stack, "", @progbits
