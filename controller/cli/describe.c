/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.c - `sprocket describe`: all that matters about a chain, for people.
 *
 * Thread-safety: none, it is a command.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/event_table.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

#define EVENTS_SHOWN 10
#define WHAT_MAX 80
#define CLI_LABEL_MAX 160 /* NAME@REVISION */

static const char help[] =
	"usage: sprocket describe CHAIN... [OPTION...]\n"
	"\n"
	"Tells all that matters about a chain: its conditions, functions, instances, last events.\n"
	"\n" OPTIONS_HELP_SOCKET OPTIONS_HELP_EXIT;

static void line(const char *name, const char *value)
{
	printf("%-13s %s\n", name, !value ? "<unknown>" : *value ? value : "<none>");
}

/* Through the front; nothing when there is none. */
static void describe_urls(const json_t *urls)
{
	json_t *url;
	size_t i;

	json_array_foreach(urls, i, url)
		line(i == 0 ? "URLs:" : "", json_string_value(url));
}

static void describe_isolation(const json_t *chain)
{
	const char *lacks = object_text(chain, "status.isolation.lacks");
	char number[OBJECT_NUMBER_MAX], text[WHAT_MAX + OBJECT_NUMBER_MAX];
	const char *user = object_number(chain, "status.isolation.user", number);

	if (!user)
		return;
	snprintf(text, sizeof(text), "user %s%s%s", user, lacks && *lacks ? "; " : "",
		 lacks ? lacks : "");
	line("Isolation:", text);
}

static void describe_chain(const json_t *chain)
{
	char number[OBJECT_NUMBER_MAX], age[TABLE_AGE_MAX];

	line("Name:", object_text(chain, "metadata.name"));
	line("File:", object_text(chain, "spec.file"));
	line("Generation:", object_number(chain, "metadata.generation", number));
	line("Age:",
	     table_age_since(object_text(chain, "metadata.creationTimestamp"), time(NULL), age));
	line("Phase:", object_text(chain, "status.phase"));
	line("Ready:", object_text(chain, "status.ready"));
	line("Address:", object_text(chain, "status.address"));
	describe_urls(object_get(chain, "status.urls"));
	line("Restarts:", object_number(chain, "status.restarts", number));
	line("Buffers:", object_number(chain, "status.buffers.total", number));
	line("  Free:", object_number(chain, "status.buffers.free", number));
	describe_isolation(chain);
	line("Gateway PID:", object_number(chain, "status.gateway.pid", number));
}

static void describe_conditions(const json_t *conditions)
{
	static const char *const headers[] = { "  TYPE", "STATUS", "AGE", "REASON", "MESSAGE" };
	char age[TABLE_AGE_MAX], type[64];
	struct table table;
	json_t *condition;
	size_t i;

	printf("Conditions:\n");
	table_init(&table, headers, sizeof(headers) / sizeof(headers[0]));
	json_array_foreach(conditions, i, condition) {
		const char *name = object_text(condition, "type");
		const char *message = object_text(condition, "message");
		const char *cells[] = {
			type,
			object_text(condition, "status"),
			table_age_since(object_text(condition, "lastTransitionTime"), time(NULL),
					age),
			object_text(condition, "reason"),
			message ? message : "",
		};

		snprintf(type, sizeof(type), "  %s", name ? name : "<unknown>");
		table_row(&table, cells);
	}
	table_flush(&table, stdout);
	table_done(&table);
}

static void add_instance(struct table *table, const char *function, const json_t *instance)
{
	char slot[OBJECT_NUMBER_MAX], pid[OBJECT_NUMBER_MAX], in_flight[OBJECT_NUMBER_MAX];
	char in[OBJECT_NUMBER_MAX], out[OBJECT_NUMBER_MAX], age[TABLE_AGE_MAX], name[CLI_LABEL_MAX];
	const json_t *age_s = object_get(instance, "age_s");
	const char *cells[] = {
		name,
		object_number(instance, "slot", slot),
		object_number(instance, "pid", pid),
		object_text(instance, "state"),
		object_number(instance, "in_flight", in_flight),
		object_number(instance, "in", in),
		object_number(instance, "out", out),
		json_is_integer(age_s) ? table_age(json_integer_value(age_s), age) : NULL,
	};

	snprintf(name, sizeof(name), "  %s", function);
	table_row(table, cells);
}

static void describe_functions(const json_t *functions)
{
	static const char *const headers[] = { "  FUNCTION", "READY", "RESTARTS", "REVISION" };
	static const char *const instance_headers[] = { "  FUNCTION", "SLOT", "PID", "STATE",
							"IN FLIGHT",  "IN",   "OUT", "AGE" };
	struct table table, instances;
	json_t *function, *instance;
	size_t i, n;

	table_init(&table, headers, sizeof(headers) / sizeof(headers[0]));
	table_init(&instances, instance_headers,
		   sizeof(instance_headers) / sizeof(instance_headers[0]));
	json_array_foreach(functions, i, function) {
		char ready[2 * OBJECT_NUMBER_MAX], a[OBJECT_NUMBER_MAX], b[OBJECT_NUMBER_MAX];
		char name[CLI_LABEL_MAX], restarts[OBJECT_NUMBER_MAX], revision[OBJECT_NUMBER_MAX];
		const char *text = object_text(function, "name");
		const char *now = object_number(function, "ready", a);
		const char *desired = object_number(function, "desired", b);
		const char *word = object_text(function, "revision");
		const char *cells[] = {
			name,
			ready,
			object_number(function, "restarts", restarts),
			word ? word : object_number(function, "revision", revision),
		};

		text = text ? text : "<unknown>";
		snprintf(name, sizeof(name), "  %s", text);
		snprintf(ready, sizeof(ready), "%s/%s", now ? now : "?", desired ? desired : "?");
		table_row(&table, cells);
		json_array_foreach(object_get(function, "instances"), n, instance)
			add_instance(&instances, text, instance);
	}
	printf("Functions:\n");
	table_flush(&table, stdout);
	table_done(&table);
	printf("Instances:\n");
	table_flush(&instances, stdout);
	table_done(&instances);
}

/* Adds what there is to say of a function; false: nothing. */
typedef bool rows_fn(struct table *table, const json_t *function, const char *name);

/* A table with rows of some functions. Without rows it is not there. */
static void describe_some(const json_t *functions, const char *title, const char *const *headers,
			  size_t columns, rows_fn *add)
{
	const json_t *function;
	struct table table;
	bool any = false;
	size_t i;

	table_init(&table, headers, columns);
	json_array_foreach(functions, i, function) {
		const char *text = object_text(function, "name");
		char name[CLI_LABEL_MAX];

		snprintf(name, sizeof(name), "  %s", text ? text : "<unknown>");
		any |= add(&table, function, name);
	}
	if (any) {
		printf("%s:\n", title);
		table_flush(&table, stdout);
	}
	table_done(&table);
}

static bool add_calls(struct table *table, const json_t *function, const char *name)
{
	const char *call;
	bool any = false;
	json_t *to;

	json_object_foreach((json_t *)object_get(function, "calls"), call, to) {
		const char *cells[] = { name, call, json_string_value(to) };

		table_row(table, cells);
		any = true;
	}
	return any;
}

static bool add_traffic(struct table *table, const json_t *function, const char *name)
{
	char number[OBJECT_NUMBER_MAX], percent[OBJECT_NUMBER_MAX + 2];
	const char *share = object_number(function, "traffic.percent", number);
	const bool back = json_is_true(object_get(function, "traffic.rolledBack"));
	const char *cells[] = { name, object_text(function, "traffic.revision"), percent,
				back ? "RolledBack" : "" };

	if (!cells[1])
		return false;
	snprintf(percent, sizeof(percent), "%s %%", share ? share : "?");
	table_row(table, cells);
	return true;
}

static bool add_breaker(struct table *table, const json_t *function, const char *name)
{
	char opened[OBJECT_NUMBER_MAX];
	const char *cells[] = { name, object_text(function, "breaker.state"),
				object_number(function, "breaker.opened", opened) };

	if (!cells[1])
		return false;
	table_row(table, cells);
	return true;
}

static void describe_calls(const json_t *functions)
{
	static const char *const headers[] = { "  FUNCTION", "CALL", "TO" };

	describe_some(functions, "Calls", headers, 3, add_calls);
}

static void describe_traffic(const json_t *functions)
{
	static const char *const headers[] = { "  FUNCTION", "REVISION", "TRAFFIC", "STATE" };

	describe_some(functions, "Traffic", headers, 4, add_traffic);
}

/* Of each instance. */
static bool add_limits(struct table *table, const json_t *function, const char *name)
{
	const char *cpu = object_text(function, "limits.cpu");
	const char *memory = object_text(function, "limits.memory");
	char pids[OBJECT_NUMBER_MAX];
	const char *cells[] = { name, cpu ? cpu : "<none>", memory ? memory : "<none>",
				object_number(function, "limits.pids", pids) };

	if (!cells[3])
		return false;
	table_row(table, cells);
	return true;
}

static void describe_limits(const json_t *functions)
{
	static const char *const headers[] = { "  FUNCTION", "CPU", "MEMORY", "PROCESSES" };

	describe_some(functions, "Limits of an instance", headers, 4, add_limits);
}

static void describe_breakers(const json_t *functions)
{
	static const char *const headers[] = { "  FUNCTION", "BREAKER", "OPENED" };

	describe_some(functions, "Circuit breakers", headers, 3, add_breaker);
}

static int describe_events(struct client *client, const char *name)
{
	struct table table;
	json_t *answer;
	int code;

	client_path(client, "/v1/events");
	code = client_ask(client, "GET", client_query(client, "chain", name), name, &answer);
	if (code != CLI_OK)
		return code;
	if (json_array_size(object_get(answer, "items")) == 0) {
		printf("Events:       <none>\n");
	} else {
		printf("Events:\n");
		event_table_init(&table);
		event_table_rows(&table, object_get(answer, "items"), EVENTS_SHOWN);
		table_flush(&table, stdout);
		table_done(&table);
	}
	json_decref(answer);
	return CLI_OK;
}

static int describe(struct client *client, const char *name)
{
	char what[WHAT_MAX];
	json_t *chain;
	int code;

	snprintf(what, sizeof(what), "chain/%s", name);
	code = client_ask(client, "GET", client_path(client, "/v1/chains/%s", name), what, &chain);
	if (code != CLI_OK)
		return code;
	describe_chain(chain);
	describe_conditions(object_get(chain, "status.conditions"));
	describe_functions(object_get(chain, "status.functions"));
	describe_limits(object_get(chain, "status.functions"));
	describe_traffic(object_get(chain, "status.functions"));
	describe_breakers(object_get(chain, "status.functions"));
	describe_calls(object_get(chain, "spec.functions"));
	json_decref(chain);
	return describe_events(client, name);
}

int cli_describe(int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON };
	struct options options = {
		.command = "describe", .help = help, .shorts = "h", .longs = longs
	};
	struct client *client;
	int code;

	options_next(&options, argc, argv);
	if (!options.stop && optind == argc)
		options_wrong(&options, "which chain? sprocket get shows them");
	if (options.stop)
		return options.code;
	code = client_open("describe", &client);
	if (code != CLI_OK)
		return code;
	for (int i = optind; i < argc; i++) {
		const char *name = options_chain(&options, argv[i]);

		if (i > optind)
			putchar('\n');
		code = cli_worse(code, name ? describe(client, name) : CLI_USAGE);
	}
	client_close(client);
	return code;
}
