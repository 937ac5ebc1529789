/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber_switch.h - the change of stacks, in assembly: fiber_x86_64.S, fiber_aarch64.S.
 *
 * How: what a call keeps (the callee-saved registers, and the control part of the floating
 * point's state) is pushed, the stack pointer is stored and the other one loaded, and what lies
 * there is popped. Both stacks are laid out the same at that point, at sdk_fiber_parked, so
 * one description of the frame serves both, and a debugger that is given that address and a
 * saved stack pointer unwinds a parked fiber.
 */
#ifndef SPROCKET_SDK_FIBER_SWITCH_H
#define SPROCKET_SDK_FIBER_SWITCH_H

/* Leaves the stack, *save says where; goes on with the one that left its pointer in `to`: what
 * that one called there returns `value`. */
int sdk_fiber_switch(void **save, void *to, int value);
/* The same, to a new stack, whose highest address is `top` (aligned to 16): calls entry(arg),
 * which never returns, as the first function there. */
int sdk_fiber_start(void **save, void *top, void (*entry)(void *arg), void *arg);
/* Code, not a function: where both are equal. */
extern const char sdk_fiber_parked[];

#endif
