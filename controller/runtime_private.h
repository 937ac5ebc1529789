/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_private.h - between the files of the runtime, each of which has a noun: the gateway,
 * an instance, a change, routes, what is kept.
 */
#ifndef SPROCKET_CONTROLLER_RUNTIME_PRIVATE_H
#define SPROCKET_CONTROLLER_RUNTIME_PRIVATE_H

#include "controller/runtime.h"

void runtime_set_state(struct runtime *runtime, enum runtime_state state);
void runtime_changed(struct runtime *runtime);
/* Something that cannot be mended: kills everything, ends with `result` 1. */
void runtime_fail(struct runtime *runtime, const char *why);
/* SERVING once gateway and every function are ready. */
void runtime_check_ready(struct runtime *runtime);
/* Ends functions, then the gateway: the state is STOPPING. */
void runtime_functions_stop(struct runtime *runtime);
/* A child was reaped. */
void runtime_child_gone(struct runtime *runtime);
void runtime_init(struct runtime *runtime, struct chain *chain, int document, struct loop *loop,
		  struct runstate *runstate, const struct runtime_options *options);
int runtime_watch_kernel(struct runtime *runtime);

/* runtime_gateway.c */
int gateway_open(struct runtime *runtime); /* sockets and counts, before the first start */
/* The process alone, which makes ready what it can; gateway_start() goes on from there. */
int gateway_begin(struct runtime *runtime);
int gateway_start(struct runtime *runtime);
int gateway_sources_add(struct runtime *runtime);
void gateway_close(struct runtime *runtime);  /* sockets and counts, after the last end */
void gateway_let_go(struct runtime *runtime); /* of the process, which may go on */
/* Ends it: every function is gone. */
void gateway_stop(struct runtime *runtime);
/* Nothing is sent while no gateway is ready: it is told everything when it is. */
int gateway_send(struct runtime *runtime, const struct wiring_msg *msg);
/* Hands over to a process that was just started what it works with. */
int gateway_wire(struct runtime *runtime);
/* Has the gateway use the chain as it is now; update_tables_done() follows. */
void gateway_tables_tell(struct runtime *runtime);
/* Has it finish what is in flight; then, or without a gateway at once, everybody stops. */
void gateway_drain(struct runtime *runtime);
int gateway_stats_map(struct runtime *runtime);

/* runtime_launch.c */
/* Maps the page of an instance, whose fd it takes. Returns 0 or -errno. */
int instance_page_open(struct instance *instance, int fd);
void instance_page_close(struct instance *instance);
/* Starts instance `number` of a function in a free slot, as `chain` has it; the sandbox fits it
 * (runtime_sandbox()). */
int instance_start(struct runtime *runtime, const struct chain *chain, uint32_t fn, uint32_t number,
		   struct revision *revision, struct instance **ret);

/* runtime_slots.c: the slots of an instance, all at once */
/* Free slots for more instances. */
uint32_t slots_free(const struct runtime *runtime);
/* An instance that has `count` of them and nothing else yet; NULL: there are not so many. */
struct instance *slots_take(struct runtime *runtime, uint32_t count);
/* Makes `slot` the next one of an instance; false when it is another's, or none. */
bool slots_add(struct instance *instance, uint32_t slot);
void slots_give_back(struct instance *instance);
/* Whose it is; NULL: nobody's. */
struct instance *slots_instance(struct runtime *runtime, uint32_t slot);
/* Where the n-th worker runs, and which gateway worker lends it buffers. */
uint32_t slots_cpu(const struct instance *instance, uint32_t n);
uint32_t slots_lender(const struct instance *instance, uint32_t n);
int slots_attach(struct instance *instance, struct sproxy_ends ends[WIRING_FN_WORKER_MAX]);
void slots_detach(struct instance *instance);
/* Lets requests come to it. Returns 0, or -errno: then none come. */
int slots_enable(struct instance *instance, uint32_t concurrency);
void slots_disable(struct instance *instance);
/* Disabled, and nothing is at any of them or under way. */
bool slots_idle(const struct instance *instance);
void slots_stop(struct instance *instance);
/* Looks at the kept ends. */
int slots_watch(struct instance *instance);
void slots_unwatch(struct instance *instance);

/* runtime_instance.c */
void instance_set_state(struct instance *instance, enum instance_state state);
/* Lets it get requests. */
int instance_enable(struct instance *instance, uint32_t concurrency);
/* No more requests; stops when it has none left, or is killed when that takes too long. */
void instance_drain(struct instance *instance);
void instance_stop(struct instance *instance);
void instance_lost_tell(struct instance *instance);
/* The gateway has taken back what a worker of a dead instance held. */
void instance_reclaimed(struct runtime *runtime, uint32_t slot, uint64_t loss, uint32_t buffers);
/* The kernel refused a send of it, or bytes bypassed the program: cut off and replace. */
void instance_violated(struct instance *instance, const struct sp_event *event);
int instance_sources_add(struct instance *instance);
/* Of the process, which may go on. */
void instance_let_go(struct instance *instance);
/* Reads what a thread of the host has said before it ended. */
void instance_wiring_drain(struct instance *instance);
/* Its process has ended with a wait status, or its thread; `how` says so. */
void instance_ended(struct instance *instance, int status, const char *how);
/* Its process is gone. `how` NULL: in order. */
void instance_gone(struct instance *instance, const char *how);
void instance_limit_arm(struct instance *instance, uint64_t ns);

/* runtime_cgroup.c */
/* Before its process starts; without one it goes on unlimited, and that is told. */
void instance_cgroup_make(struct instance *instance, const struct chain *chain);
/* The one that another controller made. */
void instance_cgroup_adopt(struct instance *instance);
/* The same by what was written down of it: its process has died. */
void instance_cgroup_adopt_missed(struct instance *instance, json_t *data);
json_t *instance_cgroup_json(const struct instance *instance);
/* The limits of each instance of a function, those that there are. */
json_t *limits_json(const struct chain_function *function);
/* Ends what is in the one that was written down, and it. */
void cgroup_kept_end(json_t *data);
/* Once its process is gone: ends what that left behind. */
void instance_cgroup_end(struct instance *instance);
void instance_cgroup_let_go(struct instance *instance);
/* Did the kernel end it for what it used? Says so in `ret`. */
bool instance_cgroup_why(const struct instance *instance, char *ret, size_t size);
/* Its process, what that has started, and what has left its process group. */
void instance_kill(struct instance *instance);
/* Has those that run keep the limits of the chain as it is now. */
void cgroups_conform(struct runtime *runtime);
/* Of the runtime that ends. */
void cgroups_done(struct runtime *runtime);

/* Does it start processes above its limit? Where the kernel gives no notice (v1). */
void instance_cgroup_look(struct instance *instance);

/* runtime_watch.c */
/* There are requests: instances that serve nobody any more are looked for. */
void watch_go_on(struct runtime *runtime);

/* runtime_sandbox.c */
/* Has the chain have a user, when we may give it one. Returns 0, or -errno, said. */
int runtime_user_take(struct runtime *runtime);
/* Has runtime->sandbox fit `chain`. Returns 0, or -errno, said. */
int runtime_sandbox(struct runtime *runtime, const struct chain *chain);
/* Takes over the user that the chain has. */
struct keep_entries;
void runtime_sandbox_adopt(struct runtime *runtime, struct keep_entries *entries);
/* `ended`: and whoever is left of its user. */
void runtime_sandbox_done(struct runtime *runtime, bool ended);

/* What the chain says of function `fn`, which is not the gateway. */
static inline struct chain_function *runtime_function(const struct runtime *runtime, uint32_t fn)
{
	return &runtime->chain->functions[fn - 1];
}

/* runtime_traffic.c */
/* The number that goes for both revisions of a function. */
uint32_t traffic_first(const struct runtime *runtime, uint32_t fn);
/* Instances of both. */
uint32_t traffic_ready(const struct runtime *runtime, uint32_t fn);
/* What it gets of its function's requests. */
uint32_t traffic_percent(const struct runtime *runtime, uint32_t fn);
/* Writes the shares of the chain as it is now to the kernel's routes. */
void traffic_split(struct runtime *runtime);
/* Ends the second revision `second`, until the next change of the chain. */
void traffic_roll_back(struct runtime *runtime, uint32_t second, const char *why);

/* runtime_judge.c */
/* Something went wrong at function `fn`, or may have: from now on it is looked at. */
void traffic_alarm(struct runtime *runtime, uint32_t fn);
/* Requests there have missed their deadline. */
void traffic_late(struct runtime *runtime, uint32_t fn, uint32_t count);
/* An instance has died; before its slots are given up. */
void traffic_death(const struct instance *instance);
void traffic_instance_ready(const struct instance *instance);
/* It is of another revision from now on, to be judged by what it does. */
void traffic_renew(struct runtime *runtime, uint32_t fn);
/* The chain has changed / is another controller's. */
void traffic_switch(struct runtime *runtime);
void traffic_resume(struct runtime *runtime);
/* Which revisions were rolled back before: bit n for function n. */
void traffic_rolled_back(struct runtime *runtime, uint64_t mask);
/* Nobody looks any more. */
void traffic_end(struct runtime *runtime);

/* runtime_core.c */
/* Where cores of the chain's functions go; NULL: nowhere. */
const char *instance_core_folder(const struct runtime *runtime, char ret[PROCESS_CORE_PATH_MAX]);
/* It ended with this wait status: keeps its core, if it left one, and tells of it. */
void instance_core_take(struct instance *instance, int status);

/* runtime_adopt_instance.c */
/* Takes over those that are kept. 0 or -errno. */
int adopt_instances(struct runtime *runtime, struct keep_entries *entries);
/* Starts those that should be there and are not. */
int adopt_gaps_fill(struct runtime *runtime);

/* runtime_replace.c */
/* The delay before something that died `deaths` times in a row is started again. */
uint64_t runtime_backoff(uint32_t deaths);
/* Deaths that still count when one dies that lived so long. */
uint32_t runtime_deaths_left(uint32_t deaths, uint64_t lived_ns);
/* Another one at once for the first death, later and later for those that follow. */
void instance_replace(struct instance *instance);

/* runtime_inline.c */
/* The process for all functions, which are added to it and begin together. */
int host_start(struct runtime *runtime);
int host_go(struct runtime *runtime);
/* Adds one as an instance's process. */
int host_add(struct instance *instance, const struct chain *chain);

/* runtime_debug.c */
bool debug_goes_on(const struct runtime *runtime);
/* A debugger's instance gets all that the function is sent. */
bool debug_holds(const struct runtime *runtime, uint32_t fn);
/* The debugged instance is ready / gone. */
void debug_begin(struct instance *instance);
void debug_end(struct instance *instance);

/* runtime_update.c */
/* Is it one of those that the chain, as it is now, should have? */
bool instance_fits(const struct instance *instance);
/* Has it read the rules of the chain as it is now, or drains or ends it when it does not fit. */
void instance_conform(struct instance *instance);
void update_prepared(struct runtime *runtime);
void update_failed(struct runtime *runtime, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void update_tables_done(struct runtime *runtime);
/* Forgets a change that is being made, and tells nobody. */
void update_drop(struct runtime *runtime);

/* runtime_routes.c */
/* Gives the edges of `next` the places they have in the kernel's table, or free ones.
 * Returns 0 or -ENOSPC. */
int routes_merge(struct runtime *runtime, struct chain *next);
/* Writes them; those that `next` has not leave the table later. */
void routes_switch(struct runtime *runtime, const struct chain *next);
/* Both, for a chain that another controller has run. */
int routes_adopt(struct runtime *runtime);
void routes_free(struct runtime *runtime);

/* runtime_keep.c: once a store is gone all of this is as if it were kept, as the loop will
 * find out and have another one filled. */
/* What the machine's limit of hugepages was raised by. */
int keep_memory(struct runtime *runtime);
/* The user of its functions. */
int keep_user(struct runtime *runtime);
int keep_chain(struct runtime *runtime);
int keep_gateway(struct runtime *runtime);
/* `whole`: a new entry with its fds, otherwise what has changed of it. */
int keep_instance(struct instance *instance, bool whole);
int keep_workers(struct runtime *runtime);
void keep_remove_gateway(struct runtime *runtime);
void keep_remove_instance(const struct instance *instance);
void keep_remove_chain(struct runtime *runtime);

#endif
