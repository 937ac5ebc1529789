/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the commands that measure. Each returns the program's exit code; what went wrong
 * has been told on stderr then. Thread-safety: one at a time. */
#ifndef SPROCKET_BENCH_COMMANDS_H
#define SPROCKET_BENCH_COMMANDS_H

#include "bench/command/options.h"

int bench_command_run(const struct bench_options *o);
int bench_command_sweep(const struct bench_options *o);
int bench_command_sizes(const struct bench_options *o); /* sweep by --bodies */
int bench_command_compare(const struct bench_options *o);

#endif
