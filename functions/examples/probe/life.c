/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START_SLOW_MS 300

void life_wait_ms(unsigned long ms)
{
	struct timespec left = { .tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

int life_init(sp_worker *worker, void **state)
{
	const char *start = sp_config(worker, "start").data;

	if (strcmp(sp_config(worker, "stop").data, "hang") == 0) {
		signal(SIGTERM, SIG_IGN);
		*state = worker;
	}
	if (strcmp(start, "crash") == 0)
		abort();
	if (strcmp(start, "exit") == 0)
		_exit(0);
	while (strcmp(start, "hang") == 0)
		pause();
	if (strcmp(start, "slow") == 0)
		life_wait_ms(START_SLOW_MS);
	else if (strcmp(start, "ok") != 0) {
		sp_log(NULL, SP_ERROR, "probe was told to fail at its start (config start: %s)",
		       start);
		return -EINVAL;
	}
	return 0;
}

void life_fini(void *state)
{
	while (state)
		pause();
}
