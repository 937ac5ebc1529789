/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber_x86_64.S - see fiber_switch.h. System V ABI: rbx, rbp, r12 to r15 are kept, and the
 * control bits of mxcsr and of the x87 unit. These are loaded only when they differ: loading
 * is slow, and they hardly ever do.
 * A stack, from the saved pointer up: mxcsr (4), x87 control word (2), unused (2), r15, r14,
 * r13, r12, rbx, rbp, return address.
 * Leaving by a jump instead of `ret`: the processor predicts it by where it went before, while
 * the return address it remembers is that of the other stack. Such code cannot run with shadow
 * stacks; it carries no mark for them, so that the linker leaves them off.
 */
#define MXCSR_CONTROL 0xffc0
#define FRAME 56 /* bytes below the return address */

	.text

	.macro	save
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	.endm

	.p2align 5
	.globl	sdk_fiber_switch
	.hidden	sdk_fiber_switch
	.type	sdk_fiber_switch, @function
sdk_fiber_switch:
	.cfi_startproc
	save
	movq	%rsp, %r8
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	.globl	sdk_fiber_parked
	.hidden	sdk_fiber_parked
sdk_fiber_parked:
	movl	(%r8), %eax
	xorl	(%rsp), %eax
	testl	$MXCSR_CONTROL, %eax
	jne	2f
	movzwl	4(%r8), %eax
	cmpw	4(%rsp), %ax
	jne	2f
1:	movl	%edx, %eax
	movq	FRAME(%rsp), %rcx
	movq	48(%rsp), %rbp
	movq	40(%rsp), %rbx
	movq	32(%rsp), %r12
	movq	24(%rsp), %r13
	movq	16(%rsp), %r14
	movq	8(%rsp), %r15
	addq	$FRAME + 8, %rsp
	.cfi_def_cfa_offset 0
	.cfi_register rip, rcx
	.cfi_same_value rbp
	.cfi_same_value rbx
	.cfi_same_value r12
	.cfi_same_value r13
	.cfi_same_value r14
	.cfi_same_value r15
	jmp	*%rcx
	.cfi_def_cfa_offset FRAME + 8
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
2:	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	jmp	1b
	.cfi_endproc
	.size	sdk_fiber_switch, . - sdk_fiber_switch

	.p2align 5
	.globl	sdk_fiber_start
	.hidden	sdk_fiber_start
	.type	sdk_fiber_start, @function
sdk_fiber_start:
	.cfi_startproc
	save
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	.cfi_undefined rip /* nothing called this: here unwinding ends */
	.cfi_undefined rbp
	xorl	%ebp, %ebp
	movq	%rcx, %rdi
	call	*%rdx
	ud2
	.cfi_endproc
	.size	sdk_fiber_start, . - sdk_fiber_start

	.section .note.GNU-stack, "", @progbits
