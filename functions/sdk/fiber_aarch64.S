/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber_aarch64.S - see fiber_switch.h. AAPCS64: x19 to x30 and the low halves of v8 to v15
 * are kept; fpcr too, so that a rounding mode stays with who set it. It is written only when
 * it differs: writing is slow, and it hardly ever does.
 * A stack, from the saved pointer up: x19 to x28, x29, x30, d8 to d15, fpcr, unused (8).
 */
#define FRAME 176

	.text

	.macro	save
	sub	sp, sp, #FRAME
	.cfi_def_cfa_offset FRAME
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mrs	x9, fpcr
	str	x9, [sp, #160]
	.cfi_offset x19, -176
	.cfi_offset x20, -168
	.cfi_offset x21, -160
	.cfi_offset x22, -152
	.cfi_offset x23, -144
	.cfi_offset x24, -136
	.cfi_offset x25, -128
	.cfi_offset x26, -120
	.cfi_offset x27, -112
	.cfi_offset x28, -104
	.cfi_offset x29, -96
	.cfi_offset x30, -88
	.cfi_offset d8, -80
	.cfi_offset d9, -72
	.cfi_offset d10, -64
	.cfi_offset d11, -56
	.cfi_offset d12, -48
	.cfi_offset d13, -40
	.cfi_offset d14, -32
	.cfi_offset d15, -24
	mov	x10, sp
	str	x10, [x0]
	.endm

	.p2align 5
	.globl	sdk_fiber_switch
	.hidden	sdk_fiber_switch
	.type	sdk_fiber_switch, %function
sdk_fiber_switch:
	.cfi_startproc
	hint	#34 /* bti c */
	save
	mov	sp, x1
	.globl	sdk_fiber_parked
	.hidden	sdk_fiber_parked
sdk_fiber_parked:
	ldr	x10, [sp, #160]
	cmp	x9, x10
	b.ne	2f
1:	ldp	x19, x20, [sp]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #FRAME
	.cfi_remember_state
	.cfi_def_cfa_offset 0
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x21
	.cfi_restore x22
	.cfi_restore x23
	.cfi_restore x24
	.cfi_restore x25
	.cfi_restore x26
	.cfi_restore x27
	.cfi_restore x28
	.cfi_restore x29
	.cfi_restore x30
	.cfi_restore d8
	.cfi_restore d9
	.cfi_restore d10
	.cfi_restore d11
	.cfi_restore d12
	.cfi_restore d13
	.cfi_restore d14
	.cfi_restore d15
	mov	w0, w2
	ret
	.cfi_restore_state
2:	msr	fpcr, x10
	b	1b
	.cfi_endproc
	.size	sdk_fiber_switch, . - sdk_fiber_switch

	.p2align 5
	.globl	sdk_fiber_start
	.hidden	sdk_fiber_start
	.type	sdk_fiber_start, %function
sdk_fiber_start:
	.cfi_startproc
	hint	#34 /* bti c */
	save
	mov	sp, x1
	.cfi_undefined x30 /* nothing called this: here unwinding ends */
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x3
	blr	x2
	brk	#1
	.cfi_endproc
	.size	sdk_fiber_start, . - sdk_fiber_start

	.section .note.GNU-stack, "", %progbits
