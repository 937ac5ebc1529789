/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_spec.c - the frame of a chain file: apiVersion, kind, metadata, and the spec, whose
 * sections it hands to their readers.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"
#include "controller/listen.h"

#define API_VERSION "sprocket.dev/v1alpha1"
#define KIND "Chain"
#define MS UINT64_C(1000000)

/* Below, it does not outlast a wake-up; above, sleeping costs next to nothing. */
#define SPIN_MIN_NS UINT64_C(1000)
#define SPIN_MAX_NS UINT64_C(1000000)

enum spec_key {
	LISTEN,
	INGRESS,
	TIMEOUT,
	TIMEOUT_SECONDS,
	MAX_HOPS,
	SPIN,
	POOL,
	FUNCTIONS,
	STEPS,
	ROUTES,
	SECURITY,
	MEMORY,
	OVERLOAD,
	CLIENTS,
	SPEC
};
static const char *const spec_keys[SPEC] = {
	"listen",    "ingress", "timeout", "timeoutSeconds", "maxHops", "spin",     "pool",
	"functions", "steps",   "routes",  "security",       "memory",  "overload", "clients",
};

enum root_key { API, KIND_KEY, METADATA, SPEC_KEY, ROOT };
static const char *const root_keys[ROOT] = { "apiVersion", "kind", "metadata", "spec" };

#define CONNECTIONS_MAX 1000000U

enum client_key { CONNECTIONS, PER_ADDRESS, CLIENT_KEYS };
static const char *const client_keys[CLIENT_KEYS] = { "connections", "connectionsPerAddress" };

enum metadata_key { NAME, NAMESPACE, ANNOTATIONS, LABELS, METADATA_KEYS };
static const char *const metadata_keys[METADATA_KEYS] = { "name", "namespace", "annotations",
							  "labels" };

static int read_listen(struct chain_parse *parse, const yaml_node_t *node)
{
	const char *text = chain_node_text(parse, node, "listen");

	if (!text)
		return 0;
	if (!listen_address_valid(text)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "listen \"%.80s\" is no address: write it as 127.0.0.1:8080 or "
				 "[::1]:8080; port 0 takes any",
				 text);
		return 0;
	}
	parse->chain->listen = strdup(text);
	return parse->chain->listen ? 0 : -ENOMEM;
}

static void read_timeout(struct chain_parse *parse, const yaml_node_t *timeout,
			 const yaml_node_t *seconds)
{
	uint32_t value;

	if (timeout && seconds)
		chain_errors_add(parse->errors, chain_node_place(seconds),
				 "timeout and timeoutSeconds say the same: keep one");
	if (timeout)
		chain_node_duration(parse, timeout, "timeout", CHAIN_DURATION_MIN_NS,
				    CHAIN_DURATION_MAX_NS, &parse->chain->timeout_ns);
	else if (seconds && chain_node_number(parse, seconds, "timeoutSeconds", 1, 3600, &value))
		parse->chain->timeout_ns = value * 1000 * MS;
}

static void read_max_hops(struct chain_parse *parse, const yaml_node_t *node)
{
	if (!node)
		return;
	parse->max_hops_set = true;
	parse->max_hops_at = chain_node_place(node);
	chain_node_number(parse, node, "maxHops", 1, 255, &parse->chain->max_hops);
}

static int read_flow(struct chain_parse *parse, const yaml_node_t *spec,
		     const yaml_node_t *const *v)
{
	if (v[STEPS] && v[ROUTES])
		chain_errors_add(parse->errors, chain_node_place(v[STEPS]),
				 "steps and routes exclude each other: keep one");
	if (v[ROUTES])
		return chain_read_routes(parse, v[ROUTES]);
	if (v[STEPS])
		return chain_read_steps(parse, v[STEPS]);
	chain_errors_add(parse->errors, chain_node_place(spec),
			 "spec has neither \"steps\" nor \"routes\"");
	return 0;
}

static void read_clients(struct chain_parse *parse, const yaml_node_t *node)
{
	const yaml_node_t *v[CLIENT_KEYS];

	if (!node || !chain_node_take(parse, node, "clients", client_keys, CLIENT_KEYS, v))
		return;
	if (v[CONNECTIONS])
		chain_node_number(parse, v[CONNECTIONS], "connections", 1, CONNECTIONS_MAX,
				  &parse->chain->connections);
	if (v[PER_ADDRESS])
		chain_node_number(parse, v[PER_ADDRESS], "connectionsPerAddress", 1,
				  CONNECTIONS_MAX, &parse->chain->connections_per_address);
}

static int read_spec(struct chain_parse *parse, const yaml_node_t *node)
{
	const yaml_node_t *v[SPEC];
	int err = 0;

	if (!chain_node_take(parse, node, "spec", spec_keys, SPEC, v))
		return 0;
	read_timeout(parse, v[TIMEOUT], v[TIMEOUT_SECONDS]);
	read_max_hops(parse, v[MAX_HOPS]);
	if (v[SPIN])
		chain_node_duration(parse, v[SPIN], "spin", SPIN_MIN_NS, SPIN_MAX_NS,
				    &parse->chain->spin_ns);
	chain_read_overload(parse, v[OVERLOAD]);
	read_clients(parse, v[CLIENTS]);
	if (v[LISTEN])
		err = read_listen(parse, v[LISTEN]);
	if (!err) /* before the functions, which may say otherwise */
		err = chain_read_security(parse, v[SECURITY], &parse->chain->security);
	if (!err)
		err = chain_read_pool(parse, v[POOL]);
	if (!err && chain_node_need(parse, node, "spec", v[INGRESS], "ingress"))
		err = chain_read_ingress(parse, v[INGRESS]);
	if (err || !chain_node_need(parse, node, "spec", v[FUNCTIONS], "functions"))
		return err;
	err = chain_read_functions(parse, v[FUNCTIONS]);
	chain_read_memory(parse, v[MEMORY]);
	if (!err)
		err = chain_read_declarations(parse);
	if (!err)
		chain_read_calls(parse);
	if (!err && parse->chain->function_count)
		err = read_flow(parse, node, v);
	return err;
}

static void read_label(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		       char *ret)
{
	const char *text = chain_node_text(parse, node, what);

	if (!text)
		return;
	if (chain_value_is_label(text))
		memcpy(ret, text, strlen(text) + 1);
	else
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s \"%.80s\" must be 1 to 63 of a-z, 0-9 and inner dashes", what,
				 text);
}

static void read_metadata(struct chain_parse *parse, const yaml_node_t *node)
{
	const yaml_node_t *v[METADATA_KEYS];
	char ignored[CHAIN_NAME_MAX];

	if (!chain_node_take(parse, node, "metadata", metadata_keys, METADATA_KEYS, v))
		return;
	if (chain_node_need(parse, node, "metadata", v[NAME], "name"))
		read_label(parse, v[NAME], "metadata.name", parse->chain->name);
	if (v[NAMESPACE])
		read_label(parse, v[NAMESPACE], "metadata.namespace", ignored);
	/* What others keep in these is theirs, for instance autoscaling.knative.dev. */
	if (v[ANNOTATIONS])
		chain_node_map(parse, v[ANNOTATIONS], "metadata.annotations");
	if (v[LABELS])
		chain_node_map(parse, v[LABELS], "metadata.labels");
}

int chain_read_root(struct chain_parse *parse, const yaml_node_t *root)
{
	static const char *const version[] = { API_VERSION }, *const kind[] = { KIND };
	const yaml_node_t *v[ROOT];

	if (!chain_node_take(parse, root, "the file", root_keys, ROOT, v))
		return 0;
	if (chain_node_need(parse, root, "the file", v[API], "apiVersion"))
		chain_node_choice(parse, v[API], "apiVersion", version, 1);
	if (chain_node_need(parse, root, "the file", v[KIND_KEY], "kind"))
		chain_node_choice(parse, v[KIND_KEY], "kind", kind, 1);
	if (chain_node_need(parse, root, "the file", v[METADATA], "metadata"))
		read_metadata(parse, v[METADATA]);
	if (chain_node_need(parse, root, "the file", v[SPEC_KEY], "spec"))
		return read_spec(parse, v[SPEC_KEY]);
	return 0;
}
