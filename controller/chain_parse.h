/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_parse.h - what the readers of a chain file share while one is being read.
 *
 * For: chain_*.c alone.
 * How: chain_load.c runs the steps below in their order. A step adds its errors and goes
 * on, so that all errors are found at once; what it could not read keeps its default. A
 * step returns 0 (also with errors added) or -ENOMEM.
 * Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_PARSE_H
#define SPROCKET_CONTROLLER_CHAIN_PARSE_H

#include <stdbool.h>
#include <yaml.h>

#include "controller/chain.h"
#include "controller/chain_errors.h"

#define CHAIN_ROUTES_MAX 4096 /* items of one routes list */
#define CHAIN_UNKNOWN (-1)

/* A revision in a function's traffic. */
struct chain_revision_text {
	const char *name; /* NULL: there is none */
	const yaml_node_t *exec;
	uint32_t percent;
};

/* What else is known of a function while it is read. */
struct chain_source {
	const char *name;          /* as written, also when it is no valid name */
	const char *exec;          /* as written; NULL when missing */
	const yaml_node_t *config; /* mapping, or NULL */
	const yaml_node_t *calls;  /* as written, or NULL */
	struct chain_place at;
	struct chain_place exec_at;
	const yaml_node_t *exec_node; /* where `exec` is, when not at the function */
	struct chain_revision_text second;
	bool described;     /* edges, calls and config are what the executable says */
	bool calls_unknown; /* some of its calls have an error */
};

/* A route. Functions by number: 0 is ingress as `from` and reply as `to`; CHAIN_UNKNOWN
 * when there is no such function, nor one of nearly that name. */
struct chain_route {
	struct chain_place at; /* of its `from` */
	int from;
	int to;
	int edge;     /* as rule.from_edge; CHAIN_UNKNOWN */
	bool broken;  /* has an error: from and to may be guesses */
	bool unknown; /* not all of what it goes to could be told */
	struct rule when;
	struct rule_group group; /* count 0: none; else `to` is the join. No edges yet */
	uint8_t tee_count;
	uint8_t tees[RULE_TEE_MAX]; /* function numbers */
};

struct chain_parse {
	struct chain *chain;
	struct chain_errors *errors;
	yaml_document_t *document;
	unsigned flags;
	const struct chain_declarations *known;   /* NULL: executables are asked */
	struct chain_source functions[SP_FN_MAX]; /* by function number */
	struct chain_route *routes;
	size_t route_count;
	bool from_steps; /* routes come from `steps` */
	bool max_hops_set;
	bool pool_bad;      /* the pool section has an error */
	bool instances_bad; /* some count of instances has an error */
	uint64_t memory;    /* bytes of the pool */
	uint32_t sizes[SHM_CLASS_MAX];
	uint32_t size_count;
	struct chain_place pool_at;   /* of the value to change when the pool is too small */
	struct chain_place routes_at; /* of the routes or steps */
	struct chain_place max_hops_at;
};

/* chain_spec.c: apiVersion, kind, metadata, and the spec, from the document's root. */
int chain_read_root(struct chain_parse *parse, const yaml_node_t *root);
/* chain_pool.c */
int chain_read_pool(struct chain_parse *parse, const yaml_node_t *pool);
int chain_compute_pool(struct chain_parse *parse);
/* chain_ingress.c */
int chain_read_ingress(struct chain_parse *parse, const yaml_node_t *list);
/* chain_function.c */
int chain_read_functions(struct chain_parse *parse, const yaml_node_t *list);
/* Reads one as the next number, or as the second revision that the number is already. */
int chain_read_function(struct chain_parse *parse, const yaml_node_t *node);
/* chain_security.c: what a function may do to the machine. NULL nodes: defaults, of a function
 * those of the chain. */
int chain_read_security(struct chain_parse *parse, const yaml_node_t *node,
			struct chain_security *ret);
void chain_security_free(struct chain_security *security);
int chain_read_secrets(struct chain_parse *parse, const yaml_node_t *node, int number);
/* chain_resources.c: what it may use of the machine, and for how long without a sign of life; and
 * of the pool, the latter after all functions. */
void chain_read_resources(struct chain_parse *parse, const yaml_node_t *node,
			  const yaml_node_t *hang, struct chain_function *function);
void chain_read_memory(struct chain_parse *parse, const yaml_node_t *node);
/* After the routes: what only reads asks for nothing that has to be written. */
void chain_check_memory(struct chain_parse *parse);
/* chain_overload.c: how many requests may be under way. */
void chain_read_overload(struct chain_parse *parse, const yaml_node_t *node);
void chain_read_admission(struct chain_parse *parse, const yaml_node_t *idempotent,
			  const yaml_node_t *max_in_flight, struct chain_function *function);
/* chain_traffic.c: revisions that share a function's requests, and when to stop giving them any. */
int chain_read_traffic(struct chain_parse *parse, const yaml_node_t *traffic,
		       const yaml_node_t *rollback, const yaml_node_t *breaker, int number);
/* Second revisions: after all functions were read from `list`; and once the tables are built. */
int chain_add_revisions(struct chain_parse *parse, const yaml_node_t *list);
void chain_finish_revisions(struct chain_parse *parse);
/* chain_declare.c: asks the executables what they declare, compares it with the file. */
int chain_read_declarations(struct chain_parse *parse);
/* chain_call.c: after the declarations. */
void chain_read_calls(struct chain_parse *parse);
/* chain_join.c: what a route with `to: {all: ...}` and `join` (NULL: missing), or with `tee`,
 * goes to; its `from` was read before. */
void chain_read_fan_out(struct chain_parse *parse, const yaml_node_t *to, const yaml_node_t *join,
			struct chain_route *route);
void chain_read_tee(struct chain_parse *parse, const yaml_node_t *tee, struct chain_route *route);
/* chain_route.c */
int chain_read_routes(struct chain_parse *parse, const yaml_node_t *list);
int chain_read_steps(struct chain_parse *parse, const yaml_node_t *list);
/* Number of the function `name`; `zero` is what number 0 is called here, or NULL. Sets *broken
 * when there is none, and `what` names it in the error; returns the nearest then, or
 * CHAIN_UNKNOWN. */
int chain_find_function(struct chain_parse *parse, const yaml_node_t *node, const char *what,
			const char *name, const char *zero, bool *broken);
/* chain_when.c: a route's condition; RULE_ALWAYS is set before. Returns false after an
 * error. */
bool chain_read_when(struct chain_parse *parse, const yaml_node_t *when, struct rule *ret);
/* chain_table.c: routes become each function's rules and targets. */
void chain_build_tables(struct chain_parse *parse);
/* Index of a target of function `number`, which is added when it is new. */
uint8_t chain_target(struct chain_parse *parse, struct chain_place at, int number,
		     enum sp_route_kind kind, int fn);
/* chain_graph.c: what the routes make as a whole. */
void chain_check_graph(struct chain_parse *parse);

/* Name of a function by number, as written; "ingress" for 0. */
static inline const char *chain_source_name(const struct chain_parse *parse, int number)
{
	return number ? parse->functions[number].name : "ingress";
}

#endif
