// SPDX-License-Identifier: Apache-2.0
/*
 * death.c - the gateway dies, in the middle of anything, and another one takes over.
 *
 * Dying is a jump out of a system call, before it or after it, past all that the gateway would
 * still have done. What the kernel would do then is done here: its connections are reset, its fds
 * and maps are gone. The next one is the same main() once more, with what the controller sends to
 * one that takes over. What is left of the old one's memory is given back where that is known.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/request.h"
#include "gateway/worker.h"
#include "sim.h"

#define FD_MOST 256
#define PLACES_MOST 80 /* most schedules have as many */

int sim_gateway_main(void); /* gateway/main.c's */

static jmp_buf grave;
static int lives[FD_MOST]; /* fds that are not the gateway's */
static uint32_t life_count;
static bool died;       /* in this schedule */
static uint32_t places; /* that it survives; 0: all */

/* DPDK starts once in a process. */
int __real_shm_dpdk_init(void);
int __wrap_shm_dpdk_init(void);
int __wrap_shm_dpdk_init(void)
{
	return 0;
}

static void fds_note(void)
{
	life_count = 0;
	for (int fd = 0; fd < FD_MOST; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			lives[life_count++] = fd;
}

static bool is_ours(int fd)
{
	for (uint32_t i = 0; i < life_count; i++)
		if (lives[i] == fd)
			return true;
	return false;
}

/* Clients have closed theirs by now. */
static void fds_close(void)
{
	for (int fd = 0; fd < FD_MOST; fd++)
		if (!is_ours(fd))
			close(fd);
}

static void unmap(void *map, size_t size)
{
	munmap(map, (size + 4095) / 4096 * 4096);
}

static void memory_free(struct gateway *g)
{
	unmap(g->owners, sim.layout.buffer_count * sizeof(*g->owners));
	unmap(g->instances, SP_INST_MAX * sizeof(*g->instances));
	unmap(g->stats, sizeof(*g->stats));
	unmap(g->base, sim.layout.size);
	shm_pool_free(g->pool);
	gw_requests_free(g);
	free(g->workers);
	free(g->tables);
	free(g->tables_old);
	free(g->tables_next);
	memset(g, 0, sizeof(*g));
}

static void wire(bool takeover)
{
	char number[16];
	int control[2];

	sim_pair_new(SOCK_SEQPACKET, control);
	sim.control = control[0];
	sim.wiring->takeover = takeover;
	SIM_CHECK(wiring_send(sim.control, sim.wiring, sim.wiring->size, sim.fds,
			      WIRING_GW_WORKERS + 3) == 0,
		  "the wiring cannot be sent");
	sim.wiring->takeover = 0;
	snprintf(number, sizeof(number), "%d", control[1]);
	setenv(WIRING_ENV, number, 1);
}

static void bury(void)
{
	SIM_LOG("the gateway dies");
	sim.takeovers++;
	died = true;
	sim_clients_cut();
	close(sim.control);
	fds_close();
	memory_free(sim.gateway);
}

_Noreturn void sim_gateway_live(void)
{
	volatile bool again = false;

	SIM_CHECK(__real_shm_dpdk_init() == 0, "DPDK does not start");
	fds_note();
	if (setjmp(grave)) {
		again = true;
		bury();
	}
	wire(again);
	exit(sim_gateway_main());
}

bool sim_gateway_died(void)
{
	return died;
}

void sim_gateway_mortal(void)
{
	if (places == 0 || --places > 0)
		return;
	longjmp(grave, 1);
}

void sim_gateway_death_plan(void)
{
	places = 0;
	died = false;
	if (sim.options.deaths && sim_random(sim.options.deaths) == 0)
		places = 1 + sim_random(PLACES_MOST);
}
