/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.h - Ctrl-C: the first ends the measurement, the second the program.
 *
 * For: the commands that measure.
 * How: SIGINT, SIGTERM and SIGHUP set a flag that the client looks at; what was measured until
 * then is told. At the second one the program ends at once with BENCH_INTERRUPTED; servers that it
 * has started are told so by the kernel (PR_SET_PDEATHSIG) and end, too.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_BENCH_INTERRUPT_H
#define SPROCKET_BENCH_INTERRUPT_H

#include <stdbool.h>

void bench_interrupt_install(void);
bool bench_interrupted(void);

#endif
