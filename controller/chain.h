/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - a chain as its file declares it: parsed, checked, defaults filled in.
 *
 * For: everything in the controller that needs to know what should run. Others read the
 * fixed tables that the controller builds from it (sproxy/wiring.h).
 * How: chain_load() parses the YAML (libyaml, with line and column), checks every value,
 * asks each executable what it declares (--describe), checks the graph, and reports every
 * error at once, each as `FILE:LINE:COL: sentence`, with a suggestion where one is near.
 * Unknown keys are errors.
 * Thread-safety: a chain is read-only once loaded.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_H
#define SPROCKET_CONTROLLER_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/wire.h"
#include "shm/layout.h"
#include "shm/memory.h"
#include "sproxy/rule.h"
#include "sproxy/wiring.h"

#define CHAIN_NAME_MAX 64
#define CHAIN_PATH_MAX 4096
#define CHAIN_FILE_NAME "chain.yaml" /* of a folder that is given instead of a file */

struct chain_pair {
	char *key;
	char *value;
};

struct chain_pairs {
	struct chain_pair *items;
	size_t count;
};

struct chain_paths {
	char **items; /* absolute */
	size_t count;
};

enum chain_user {
	CHAIN_USER_AUTO,  /* one of the chain's own */
	CHAIN_USER_KEEP,  /* the controller's */
	CHAIN_USER_NAMED, /* `user` */
};

/* What a function may do to the machine; filled in by chain_security.c. */
struct chain_security {
	bool host_network; /* false: an empty network namespace */
	enum chain_user user_kind;
	char *user;     /* a name or number; NULL unless NAMED */
	uint32_t calls; /* groups of system calls beyond: 1 << FILTER_* (sproxy/filter.h) */
	struct chain_paths read, write; /* beyond its folder and the system's libraries */
};

/* What it may use of the machine; 0: no limit. Filled in by chain_resources.c. */
struct chain_limits {
	uint32_t cpu_millis;   /* thousandths of a CPU */
	uint32_t pids;         /* processes and threads */
	uint64_t memory_bytes; /* beside the pool */
};

/* From when on there are too many errors. */
struct chain_limit {
	bool on;             /* false: nobody looks */
	uint32_t error_rate; /* hundredths of a percent of the requests in the window */
	uint32_t min_requests;
	uint64_t window_ns;
};

/*
 * Who gets a function's requests; filled in by chain_traffic.c. The second of two revisions is a
 * function of its own, of the same name, behind those that the file declares. What is said of
 * both is at the first.
 */
struct chain_traffic {
	char revision[CHAIN_NAME_MAX]; /* its name; "": there is but one, without a name */
	uint32_t percent;              /* of the requests that go to it */
	uint32_t first;  /* of a second revision, the number of the first; 0: it is none */
	uint32_t second; /* the number of the second; 0: there is none */
	struct chain_limit rollback;
	uint32_t rollback_crashes;
	struct chain_limit breaker;
	uint64_t breaker_open_ns;
};

struct chain_function {
	char name[CHAIN_NAME_MAX];
	char label[2 * CHAIN_NAME_MAX]; /* the name; of a second revision NAME@REVISION */
	char *exec; /* absolute path; NULL when, unasked, only an image is named */
	struct chain_pairs config;
	struct chain_pairs env;
	uint32_t concurrency; /* requests in flight from which an instance counts as behind */
	uint32_t instances;   /* processes; 0: one for each gateway worker */
	uint32_t workers;     /* threads of a process, each a slot of its own: 1 or more */
	char **edges;         /* as the executable declares them */
	size_t edge_count;
	char **calls; /* the same; rules.calls[] has what the file says of each */
	size_t call_count;
	bool idempotent;        /* what a dead instance had not answered may be asked again */
	uint32_t max_in_flight; /* requests at it at once, over all instances; 0: the default */
	struct chain_security security;
	struct chain_pairs secrets; /* file name -> path it is read from */
	struct chain_limits limits;
	uint64_t hang_ns; /* without handing on anything, as long as it holds something */
	bool read_only;   /* it maps the pool read-only */
	struct chain_traffic traffic;
	bool called_only; /* no client's request comes here: what it answers goes to callers */
	/* Its routes, joins and calls; edges in it index targets[]. */
	struct rule_table rules;
	struct sp_route targets[SP_EDGE_MAX]; /* route table row */
	uint32_t target_count;
};

struct chain_ingress {
	char *host; /* in lower case; "*." in front: its subdomains; NULL: any */
	char *path;
	char *methods[WIRING_METHOD_MAX];
	uint32_t method_count; /* 0: any */
	uint32_t max_body;     /* bytes */
};

struct chain {
	char name[CHAIN_NAME_MAX];
	char *file;   /* where it was read from */
	char *listen; /* ADDRESS:PORT of its own; NULL: not said */
	uint64_t timeout_ns;
	uint64_t spin_ns; /* 0: workers sleep at once */
	uint32_t max_hops;
	enum shm_hugepages hugepages;
	bool wipe_on_free; /* a buffer is zeroed before it is given out again */
	struct chain_security security;
	uint32_t max_in_flight; /* requests in the chain at once; 0: as many as the pool holds */
	uint32_t max_queue;     /* requests that wait for room, in each queue; 0: the default */
	uint64_t queue_target_ns;
	uint64_t queue_interval_ns;
	uint32_t connections;             /* of clients, in all; 0: as many as there are fds */
	uint32_t connections_per_address; /* 0: half of them, but for loopback */
	struct shm_layout layout;
	struct chain_ingress ingress[WIRING_INGRESS_MAX];
	uint32_t ingress_count;
	struct rule_table ingress_rules; /* wire_edge = function number */
	/* functions[i] has function number i + 1; 0 is the gateway. */
	struct chain_function functions[SP_FN_MAX - 1];
	uint32_t function_count; /* second revisions included */
	uint32_t declared_count; /* the file's; those behind are second revisions */
};

enum chain_flags {
	CHAIN_NO_DESCRIBE = 1, /* do not run the executables (they may not exist here) */
};

/*
 * Loads the chain file at `path`, which may also be the folder of a chain.yaml; relative `exec`
 * paths are taken from its folder. Errors go to `errors`, one a line. Returns 0 and *ret; -EINVAL when errors were printed (their
 * number in *ret_errors if wanted); -errno when the file cannot be read (also printed).
 */
int chain_load(const char *path, unsigned flags, FILE *errors, struct chain **ret,
	       unsigned *ret_errors);

/* As chain_load(), from memory; `path` names it in messages and roots relative paths. */
int chain_parse(const char *path, const char *text, size_t len, unsigned flags, FILE *errors,
		struct chain **ret, unsigned *ret_errors);

struct chain_declarations;

/* As chain_parse(), but no executable is run, nor needs to be there any more: what it said is
 * in `known` (chain_describe.h), and an executable that is not there is an error. */
int chain_parse_declared(const char *path, const char *text, size_t len, unsigned flags,
			 const struct chain_declarations *known, FILE *errors, struct chain **ret,
			 unsigned *ret_errors);

/* The executables that the text names, absolute, each once; errors in it are ignored, so the
 * list may lack some. Returns 0 and *ret, of the caller with its items; or -ENOMEM. */
int chain_execs(const char *path, const char *text, size_t len, char ***ret, size_t *ret_count);

/* Requests that function `fn` may have at once, over all instances; 0: no limit. */
uint32_t chain_in_flight_max(const struct chain *chain, uint32_t fn);

/* Requests that may wait for room, in each queue of the chain's gateway. */
uint32_t chain_queue_max(const struct chain *chain);

/* Frees a chain; takes NULL. Returns NULL. */
struct chain *chain_free(struct chain *chain);

#endif
