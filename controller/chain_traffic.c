/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_traffic.c - revisions that share a function's requests, and when to stop giving them any.
 *
 * How: the second revision becomes a function of its own number, behind all that the file names,
 * read from the same item with another executable. It takes the first one's routes and calls.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <stdlib.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

#define REVISIONS_MAX 2
#define RATE_DIGITS 2 /* behind the point of a percentage */
#define COUNT_MAX 1000000

enum revision_key { REVISION, REVISION_NAME, EXEC, PERCENT, REVISION_KEYS };
static const char *const revision_keys[REVISION_KEYS] = { "revision", "revisionName", "exec",
							  "percent" };

enum limit_key { ERROR_RATE, MIN_REQUESTS, WINDOW, CRASHES, LIMIT_KEYS };
static const char *const rollback_keys[LIMIT_KEYS] = { "errorRate", "minRequests", "window",
						       "crashes" };
#define OPEN_FOR CRASHES
static const char *const breaker_keys[LIMIT_KEYS] = { "errorRate", "minRequests", "window",
						      "openFor" };

/* "5%", "0.25%": hundredths of a percent. */
static bool rate_parse(const char *text, uint32_t *ret)
{
	uint32_t value = 0;
	int digits = -1; /* behind the point; -1: before it */

	if (*text < '0' || *text > '9')
		return false;
	for (; *text != '%'; text++) {
		if (*text == '.' && digits < 0 && text[1] >= '0' && text[1] <= '9') {
			digits = 0;
			continue;
		}
		if (*text < '0' || *text > '9' || digits == RATE_DIGITS || value > 10000)
			return false;
		value = value * 10 + (uint32_t)(*text - '0');
		digits += digits >= 0;
	}
	for (digits = digits < 0 ? 0 : digits; digits < RATE_DIGITS; digits++)
		value *= 10;
	*ret = value;
	return text[1] == '\0' && value > 0 && value <= 100 * 100;
}

static void read_rate(struct chain_parse *parse, const yaml_node_t *node, uint32_t *ret)
{
	const char *text = chain_node_text(parse, node, "errorRate");
	uint32_t rate;

	if (!text)
		return;
	if (rate_parse(text, &rate))
		*ret = rate;
	else
		chain_errors_add(parse->errors, chain_node_place(node),
				 "errorRate \"%.80s\" must be more than 0%% and at most 100%%: "
				 "write it as 5%% or 0.25%%",
				 text);
}

static bool read_limits(struct chain_parse *parse, const yaml_node_t *node, const char *what,
			const char *const *keys, const yaml_node_t *v[LIMIT_KEYS],
			struct chain_limit *ret)
{
	if (!chain_node_take(parse, node, what, keys, LIMIT_KEYS, v))
		return false;
	ret->on = true;
	ret->min_requests = 20;
	ret->window_ns = 10000 * CHAIN_DURATION_MIN_NS;
	if (v[ERROR_RATE])
		read_rate(parse, v[ERROR_RATE], &ret->error_rate);
	if (v[MIN_REQUESTS])
		chain_node_number(parse, v[MIN_REQUESTS], "minRequests", 1, COUNT_MAX,
				  &ret->min_requests);
	if (v[WINDOW])
		chain_node_duration(parse, v[WINDOW], "window", 100 * CHAIN_DURATION_MIN_NS,
				    CHAIN_DURATION_MAX_NS, &ret->window_ns);
	return true;
}

static void read_rollback(struct chain_parse *parse, const yaml_node_t *node,
			  struct chain_function *function, bool revisions)
{
	struct chain_traffic *traffic = &function->traffic;
	const yaml_node_t *v[LIMIT_KEYS];

	traffic->rollback.error_rate = 500;
	traffic->rollback_crashes = 3;
	if (!read_limits(parse, node, "rollback", rollback_keys, v, &traffic->rollback))
		return;
	if (v[CRASHES])
		chain_node_number(parse, v[CRASHES], "crashes", 1, COUNT_MAX,
				  &traffic->rollback_crashes);
	if (!revisions)
		chain_errors_add(parse->errors, chain_node_place(node),
				 "rollback of what? traffic has no second revision");
}

static void read_breaker(struct chain_parse *parse, const yaml_node_t *node,
			 struct chain_function *function)
{
	struct chain_traffic *traffic = &function->traffic;
	const yaml_node_t *v[LIMIT_KEYS];

	traffic->breaker.error_rate = 5000;
	traffic->breaker_open_ns = 5000 * CHAIN_DURATION_MIN_NS;
	if (read_limits(parse, node, "breaker", breaker_keys, v, &traffic->breaker) && v[OPEN_FOR])
		chain_node_duration(parse, v[OPEN_FOR], "openFor", 10 * CHAIN_DURATION_MIN_NS,
				    CHAIN_DURATION_MAX_NS, &traffic->breaker_open_ns);
}

/* ---- traffic ---- */

static void read_revision_name(struct chain_parse *parse, const yaml_node_t *item,
			       const yaml_node_t *const *v, struct chain_revision_text *ret)
{
	const yaml_node_t *node = v[REVISION] ? v[REVISION] : v[REVISION_NAME];

	if (v[REVISION] && v[REVISION_NAME])
		chain_errors_add(parse->errors, chain_node_place(v[REVISION_NAME]),
				 "revision and revisionName say the same: keep one");
	if (!chain_node_need(parse, item, "traffic", node, "revision"))
		return;
	ret->name = chain_node_text(parse, node, "revision");
	if (ret->name && !chain_value_is_label(ret->name)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "revision \"%.80s\" must be 1 to 63 of a-z, 0-9 and inner dashes",
				 ret->name);
		ret->name = NULL;
	}
}

/* `own`: the function's own exec, which a revision without one has. */
static bool read_revision(struct chain_parse *parse, const yaml_node_t *item,
			  const yaml_node_t *own, struct chain_revision_text *ret)
{
	const yaml_node_t *v[REVISION_KEYS];
	unsigned before = parse->errors->count;

	if (!chain_node_take(parse, item, "traffic", revision_keys, REVISION_KEYS, v))
		return false;
	read_revision_name(parse, item, v, ret);
	ret->exec = v[EXEC] ? v[EXEC] : own;
	if (!ret->exec && !(parse->flags & CHAIN_NO_DESCRIBE))
		chain_node_need(parse, item, "traffic", ret->exec, "exec");
	if (chain_node_need(parse, item, "traffic", v[PERCENT], "percent"))
		chain_node_number(parse, v[PERCENT], "percent", 0, 100, &ret->percent);
	return parse->errors->count == before;
}

/* Reads the list. Returns how many there are, 0 after an error. */
static size_t read_revisions(struct chain_parse *parse, const yaml_node_t *list,
			     const yaml_node_t *own, struct chain_revision_text *ret)
{
	size_t count;
	bool ok = true;

	if (!chain_node_list(parse, list, "traffic", REVISIONS_MAX))
		return 0;
	count = chain_node_count(list);
	for (size_t i = 0; i < count; i++)
		ok &= read_revision(parse, chain_node_item(parse, list, i), own, &ret[i]);
	if (!ok)
		return 0;
	if (ret[0].percent + ret[1].percent != 100) {
		chain_errors_add(parse->errors, chain_node_place(list),
				 "percentages of traffic add up to %u: they must be 100",
				 ret[0].percent + ret[1].percent);
		return 0;
	}
	if (count == 2 && !strcmp(ret[0].name, ret[1].name)) {
		chain_errors_add(parse->errors, chain_node_place(chain_node_item(parse, list, 1)),
				 "revision \"%s\" is there twice", ret[1].name);
		return 0;
	}
	return count;
}

static void revision_set(struct chain_function *function, const struct chain_revision_text *text)
{
	snprintf(function->traffic.revision, sizeof(function->traffic.revision), "%s", text->name);
	function->traffic.percent = text->percent;
}

int chain_read_traffic(struct chain_parse *parse, const yaml_node_t *traffic,
		       const yaml_node_t *rollback, const yaml_node_t *breaker, int number)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	struct chain_source *source = &parse->functions[number];
	struct chain_revision_text revisions[REVISIONS_MAX] = { 0 };
	size_t count = 0;

	if (traffic)
		count = read_revisions(parse, traffic, source->exec_node, revisions);
	if (count > 0) {
		revision_set(function, &revisions[0]);
		source->exec_node = revisions[0].exec;
		source->second = revisions[1];
	}
	if (rollback)
		read_rollback(parse, rollback, function, count == 2 || (traffic && count == 0));
	if (breaker)
		read_breaker(parse, breaker, function);
	return 0;
}

/* ---- the second revision ---- */

/* NAME@REVISION */
static void label_add(struct chain_function *function, const char *revision)
{
	size_t len = strlen(function->label);

	snprintf(function->label + len, sizeof(function->label) - len, "@%s", revision);
}

int chain_add_revisions(struct chain_parse *parse, const yaml_node_t *list)
{
	struct chain *chain = parse->chain;
	int err = 0;

	chain->declared_count = chain->function_count;
	/* With errors in them the chain is none, and they would be found once more. */
	for (uint32_t i = 0; !err && !parse->errors->count && i < chain->declared_count; i++) {
		const struct chain_revision_text *second = &parse->functions[i + 1].second;
		int number = (int)chain->function_count + 1;
		struct chain_function *function = &chain->functions[number - 1];

		if (!second->name)
			continue;
		if (number == SP_FN_MAX) {
			chain_errors_add(parse->errors, parse->functions[i + 1].at,
					 "functions and their second revisions are more than %d",
					 SP_FN_MAX - 1);
			break;
		}
		parse->functions[number].exec_node = second->exec;
		function->traffic.first = i + 1;
		err = chain_read_function(parse, chain_node_item(parse, list, i));
		parse->functions[number].calls = NULL;
		chain->functions[i].traffic.second = (uint32_t)number;
		revision_set(function, second);
		label_add(function, second->name);
	}
	return err;
}

static bool same_names(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
	bool same = a_count == b_count;

	for (size_t i = 0; same && i < a_count; i++)
		same = !strcmp(a[i], b[i]);
	return same;
}

static void check_declared(struct chain_parse *parse, const struct chain_function *first,
			   uint32_t number)
{
	const struct chain_function *second = &parse->chain->functions[number - 1];
	const char *what = NULL;

	if (!parse->functions[number].described ||
	    !parse->functions[second->traffic.first].described)
		return;
	if (!same_names(first->edges, first->edge_count, second->edges, second->edge_count))
		what = "edges";
	else if (!same_names(first->calls, first->call_count, second->calls, second->call_count))
		what = "calls";
	if (what)
		chain_errors_add(parse->errors, parse->functions[number].exec_at,
				 "revision \"%s\" of \"%s\" declares other %s than \"%s\": both "
				 "must declare the same, in the same order",
				 second->traffic.revision, second->name, what,
				 first->traffic.revision);
}

void chain_finish_revisions(struct chain_parse *parse)
{
	struct chain *chain = parse->chain;

	for (uint32_t i = chain->declared_count; i < chain->function_count; i++) {
		struct chain_function *second = &chain->functions[i];
		const struct chain_function *first = &chain->functions[second->traffic.first - 1];

		check_declared(parse, first, i + 1);
		second->rules = first->rules;
		memcpy(second->targets, first->targets, sizeof(second->targets));
		second->target_count = first->target_count;
		second->called_only = first->called_only;
		second->read_only = first->read_only;
	}
}
