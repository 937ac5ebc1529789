/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.h - Ctrl-C: the first ends the measurement, the second the program.
 *
 * For: the commands that measure.
 * How: SIGINT, SIGTERM and SIGHUP set a flag that the client looks at; what was measured until
 * then is told. At the second one the started servers are told to end, and the program ends at
 * once with BENCH_INTERRUPTED.
 * Thread-safety: bench_interrupt_* from one thread; the handler uses atomics only.
 */
#ifndef SPROCKET_BENCH_INTERRUPT_H
#define SPROCKET_BENCH_INTERRUPT_H

#include <stdbool.h>
#include <sys/types.h>

void bench_interrupt_install(void);
bool bench_interrupted(void);

/* A started server, and that it has been stopped. */
void bench_interrupt_add(pid_t server);
void bench_interrupt_remove(pid_t server);

#endif
