// SPDX-License-Identifier: Apache-2.0
#include "bench/command/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "bench/command/options.h"

static atomic_int signals;

static void on_signal(int number)
{
	static const char text[] =
		"\nsprocket-bench: stopping; once more: quit without telling what was measured\n";

	(void)number;
	if (atomic_fetch_add(&signals, 1) == 0) {
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			return; /* nobody is there to read it */
		return;
	}
	_exit(BENCH_INTERRUPTED);
}

void bench_interrupt_install(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader that goes is an error of writing */
}

bool bench_interrupted(void)
{
	return atomic_load(&signals) > 0;
}
