/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the world around a gateway that runs in this process.
 *
 * For: going through very many orders of events, each told by its seed: clients, functions,
 * controller and kernel take their steps while the gateway sleeps, and the clock goes on only
 * when nobody has anything to do, or when chance says so.
 * How: the gateway is the real one, its main() called as a function, on the real libh2o; what it
 * asks of the system goes through system.c. The kernel program is the real one, compiled for this
 * process (kernel.c). Functions and clients are played (instance.c, client.c).
 * Thread-safety: one thread; those of DPDK are let through.
 */
#ifndef SPROCKET_TESTS_SIM_SIM_H
#define SPROCKET_TESTS_SIM_SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "gateway/gateway.h"
#include "shm/layout.h"
#include "sproxy/wiring.h"

#define SIM_WORKER_SLOT 1U
#define SIM_FUNCTIONS 3U
#define SIM_INSTANCES 6U
#define SIM_CLIENTS 6U
#define SIM_QUEUE 1024U
#define SIM_TIMEOUT_NS UINT64_C(50000000)

struct sim_options {
	uint64_t seed;
	uint64_t schedules;
	uint32_t fault_percent; /* of the gateway's system calls that fail */
	uint32_t deaths;        /* 1 of so many schedules sees the gateway die; 0: none */
	bool verbose;           /* every step on stderr */
};

struct sim {
	struct sim_options options;
	uint64_t random; /* state */
	uint64_t now_ns;
	pthread_t thread;  /* the gateway's, and everybody else's */
	uint64_t turns;    /* of the gateway's loop */
	bool world;        /* others take their steps: what they call is not the gateway's */
	bool running;      /* the clock is ours, and the schedules have begun */
	uint64_t schedule; /* number of the one under way */
	uint64_t steps;
	struct gateway *gateway;
	struct shm_layout layout;
	char *base;
	int fds[WIRING_GW_WORKERS + 3]; /* what each gateway is sent */
	struct wiring_gateway *wiring;  /* what the gateway was sent last */
	uint64_t idempotent;            /* bit n: function n was, at some time of the schedule */
	int control;                    /* our end */
	int send_fd;                    /* the worker's, by which its sends are known */
	int receive_fd;                 /* the worker's */
	int to_worker;                  /* our end of it */
	int listener;                   /* the address that clients connect to */
	uint64_t accept_again_ns; /* when the gateway tries again to accept, after it had no fd */
	/* What has happened. */
	uint64_t requests, answered, problems, abandoned, deaths, faults;
	uint64_t calls, messages, moves, shares, takeovers, cut;
};

extern struct sim sim;

/* Ends with a report that names seed and schedule. */
_Noreturn __attribute__((format(printf, 1, 2))) void sim_fail(const char *format, ...);
#define SIM_CHECK(condition, ...)              \
	do {                                   \
		if (!(condition))              \
			sim_fail(__VA_ARGS__); \
	} while (0)
#define SIM_LOG(...)                          \
	do {                                  \
		if (sim.options.verbose)      \
			sim_log(__VA_ARGS__); \
	} while (0)
__attribute__((format(printf, 1, 2))) void sim_log(const char *format, ...);

/* Below `n`; and true in `percent` of 100. */
uint32_t sim_random(uint32_t n);
bool sim_chance(uint32_t percent);

void sim_pair_new(int type, int pair[2]);

/* ---- kernel.c ---- */

struct sp_owner *sim_owners(void);
struct sp_instance *sim_instances(void);
/* The routes of the simulated chain and the worker's slot, on these tables. */
void sim_kernel_init(const struct shm_layout *layout, struct sp_owner *owners,
		     struct sp_instance *instances);
/* A send by the socket of `slot`. Returns bytes sent, or -EACCES: refused, now and from then on. */
ssize_t sim_kernel_send(uint32_t slot, const void *bytes, size_t len);
void sim_kernel_attach(uint32_t slot, uint32_t fn);
void sim_kernel_enable(uint32_t slot, bool on);
/* `gate`: enum sp_gate. */
void sim_kernel_gate(uint32_t fn, uint32_t gate);
/* Its process is gone: what is sent to it finds nobody. */
void sim_kernel_detach(uint32_t slot);

/* ---- instance.c ---- */

void sim_instances_init(void);
/* What arrives at a slot. */
void sim_instance_receive(uint32_t slot, const struct sp_desc *descs, uint32_t count);
bool sim_slot_alive(uint32_t slot);
/* Nobody else's yet, whether it lives or not. */
bool sim_slot_used(uint32_t slot);
/* Some instance says what it may not. */
void sim_instance_misbehave(void);
/* One step of some instance. False: none has anything to do, but to wait. */
bool sim_instance_step(void);
/* Each answers what it holds; true when nothing was left to do. */
bool sim_instances_settle(void);
/* Time is up for calls: a gateway that died took what it was about to answer with it. True when
 * some were under way. */
bool sim_instances_give_up(void);
/* Kills one; the controller hears of it when chance says so. */
void sim_instance_kill(void);
/* A step of the controller: reports a death, starts another. False: nothing to do. */
bool sim_controller_step(bool settling);
bool sim_controller_settled(void);
/* A gateway took over from one that died, and is ready: it is told what it has to know. */
void sim_controller_takeover(void);
/* All gates are open from now on. */
void sim_controller_settle(void);

/* ---- client.c ---- */

/* A new schedule: so many requests, among them all. */
void sim_clients_begin(uint32_t requests);
void sim_client_step(void);
/* Reads what has been answered. True when something was. */
bool sim_clients_read(void);
/* The body of a request reaches function `fn`. */
void sim_client_executed(const char *body, uint32_t fn);
/* Every request was sent, and is answered. */
bool sim_clients_done(void);
/* Sends the rest of what was begun. True when there was some. */
bool sim_clients_finish(void);

/* The gateway died, and their connections with it. */
void sim_clients_cut(void);

/* ---- check.c ---- */

/* What holds at any time, and what holds when nothing is under way. */
void sim_check_always(void);
void sim_check_rest(void);

/* ---- system.c ---- */

/* What arrives at the worker's receive socket. */
void sim_worker_receive(const struct sp_desc *descs, uint32_t count);

/* ---- death.c ---- */

/* The gateway runs, dies and is run again, until it ends. */
_Noreturn void sim_gateway_live(void);
/* A place where the gateway may die. Does not return when it does. */
void sim_gateway_mortal(void);
/* It has died in this schedule. */
bool sim_gateway_died(void);
/* In this schedule it dies, after so many such places. */
void sim_gateway_death_plan(void);

/* ---- world.c ---- */

enum sim_moved {
	SIM_MOVED, /* look again */
	SIM_TIMER, /* the time has come that the gateway waited for */
};

/* The gateway goes to sleep, for `timeout_ms` (-1: for ever). */
void sim_world_sleep(int timeout_ms);
/* Others take their steps while it sleeps, or, when it has been `woken`, before it gets to run. */
enum sim_moved sim_world_run(bool gateway_woken);

#endif
