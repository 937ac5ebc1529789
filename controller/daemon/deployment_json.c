// SPDX-License-Identifier: Apache-2.0
/* A deployment as the API shows it: phase, conditions, and what its runtime says. */
#include <stdio.h>
#include <string.h>

#include "controller/clock.h"
#include "controller/daemon/deployment_private.h"
#include "controller/daemon/front.h"
#include "controller/daemon/utf8.h"

/* Does the function's other revision have an instance? */
static bool other_ready(const struct runtime *r, uint32_t fn)
{
	const struct chain_traffic *traffic = &r->chain->functions[fn - 1].traffic;
	uint32_t other = traffic->first ? traffic->first : traffic->second;

	return other && r->functions[other].ready > 0;
}

/* The first revision that was rolled back, and why; false: there is none. */
static bool function_rolled_back(const struct runtime *r, char *ret, size_t size)
{
	uint64_t mask = runtime_rolled_back(r);
	uint32_t fn = mask ? (uint32_t)__builtin_ctzll(mask) : 0;

	if (fn)
		snprintf(ret, size, "%s %s", runtime_fn_name(r, fn), r->functions[fn].why);
	return fn;
}

/* The first function with too few instances, and why; false: there is none. */
static bool function_short(const struct deployment *d, bool none_only, char *ret, size_t size)
{
	const struct runtime *r = d->runtime;

	for (uint32_t fn = 1; fn <= r->chain->function_count; fn++) {
		const struct function_state *f = &r->functions[fn];
		uint32_t wanted = runtime_instances_wanted(r, r->chain, fn);

		if (none_only ? f->ready > 0 || other_ready(r, fn) : f->ready >= wanted)
			continue;
		snprintf(ret, size, "%s has %u of %u instances%s%s", runtime_fn_name(r, fn),
			 f->ready, wanted, f->why[0] ? ": " : "", f->why);
		return true;
	}
	return false;
}

static void condition_set(struct condition *c, bool value, const char *reason, const char *message)
{
	if (c->since_ns == 0 || c->value != value)
		c->since_ns = clock_ns(CLOCK_REALTIME);
	c->value = value;
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	snprintf(c->message, sizeof(c->message), "%s", message);
}

static void ready_update(struct deployment *d, struct condition *c)
{
	const struct runtime *r = d->runtime;
	char why[DEPLOYMENT_WHY_MAX];

	if (!r)
		condition_set(c, false, d->failed[0] ? "Failed" : "Stopped", d->failed);
	else if (r->state == RUNTIME_STARTING)
		condition_set(c, false, "Starting", "");
	else if (r->state != RUNTIME_SERVING)
		condition_set(c, false, "Stopping", "");
	else if (r->gateway.state != GATEWAY_READY)
		condition_set(c, false, "GatewayDown", "the gateway is being started again");
	else if (function_short(d, true, why, sizeof(why)))
		condition_set(c, false, "NoInstance", why);
	else
		condition_set(c, true, "Serving", "");
}

static void degraded_update(struct deployment *d, struct condition *c)
{
	char why[DEPLOYMENT_WHY_MAX];

	if (d->failed[0])
		condition_set(c, true, "Failed", d->failed);
	else if (d->runtime && d->runtime->state == RUNTIME_SERVING &&
		 function_short(d, false, why, sizeof(why)))
		condition_set(c, true, "MissingInstances", why);
	else if (d->runtime && function_rolled_back(d->runtime, why, sizeof(why)))
		condition_set(c, true, "RolledBack", why);
	else
		condition_set(c, false, "AsDeclared", "");
}

void conditions_update(struct deployment *d)
{
	struct condition *progress = &d->conditions[CONDITION_PROGRESSING];

	ready_update(d, &d->conditions[CONDITION_READY]);
	degraded_update(d, &d->conditions[CONDITION_DEGRADED]);
	if (d->changes)
		condition_set(progress, true, d->changes->begun ? "Changing" : "Queued", "");
	else if (d->refused[0])
		condition_set(progress, false, "RolledBack", d->refused);
	else
		condition_set(progress, false, "Complete", "");
	if (d->all->options.on_change)
		d->all->options.on_change(d, d->all->options.on_change_arg);
}

static const char *phase(const struct deployment *d)
{
	static const char *const changing[] = {
#define X(id, text) text,
		CHANGE_KINDS(X)
#undef X
	};
	const struct change *c = d->changes;

	if (c && c->begun && !(c->kind == CHANGE_APPLY && c->creates))
		return changing[c->kind];
	if (d->runtime)
		return d->runtime->state == RUNTIME_SERVING ? "Serving" : "Starting";
	if (d->failed[0])
		return "Failed";
	return d->document && d->document->drained ? "Drained" : "Starting";
}

static json_t *time_json(uint64_t ns)
{
	char buf[CLOCK_TEXT_MAX];

	return json_string(clock_text(ns, buf));
}

static json_t *conditions_json(const struct deployment *d)
{
	static const char *const types[] = {
#define X(id, type) type,
		CONDITIONS(X)
#undef X
	};
	json_t *list = json_array();

	for (int i = 0; i < CONDITION_COUNT; i++) {
		const struct condition *c = &d->conditions[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:o, s:o}", "type", types[i],
						"status", c->value ? "True" : "False", "reason",
						c->reason, "message",
						utf8_json(c->message, strlen(c->message)),
						"lastTransitionTime", time_json(c->since_ns)));
	}
	return list;
}

static json_t *calls_json(const struct chain *chain, const struct chain_function *f)
{
	json_t *calls = json_object();

	for (size_t i = 0; i < f->call_count; i++)
		json_object_set_new(calls, f->calls[i],
				    json_string(chain->functions[f->rules.calls[i].fn - 1].name));
	return calls;
}

static json_t *spec_json(const struct deployment *d)
{
	json_t *functions = json_array();
	const struct chain *chain = d->runtime ? d->runtime->chain : NULL;

	for (uint32_t i = 0; chain && i < chain->function_count; i++) {
		const struct chain_function *f = &chain->functions[i];
		int instances = (int)runtime_instances_wanted(d->runtime, chain, i + 1);

		json_array_append_new(functions,
				      json_pack("{s:s, s:s, s:i, s:i, s:o}", "name", f->label,
						"exec", f->exec, "instances", instances, "workers",
						(int)f->workers, "calls", calls_json(chain, f)));
	}
	return json_pack("{s:s, s:o}", "file", d->document ? d->document->file : "", "functions",
			 functions);
}

static json_t *hosts_json(const struct chain *chain)
{
	json_t *hosts = json_array();

	for (uint32_t i = 0; i < chain->ingress_count; i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s%s",
			 chain->ingress[i].host ? chain->ingress[i].host : "*",
			 chain->ingress[i].path);
		json_array_append_new(hosts, json_string(text));
	}
	return hosts;
}

static json_t *status_json(const struct deployment *d)
{
	const struct front *front = d->all->options.front;
	const struct runtime *r = d->runtime;
	json_t *status = r ? runtime_json(r) : json_object();
	uint32_t ready = 0, wanted = 0, restarts = 0;
	char text[32];

	for (uint32_t fn = 1; r && fn <= r->chain->function_count; fn++) {
		ready += r->functions[fn].ready;
		wanted += runtime_instances_wanted(r, r->chain, fn);
		restarts += r->functions[fn].restarts;
	}
	snprintf(text, sizeof(text), "%u/%u", ready, wanted);
	json_object_set_new(status, "phase", json_string(phase(d)));
	json_object_set_new(status, "ready", json_string(text));
	json_object_set_new(status, "restarts",
			    json_integer(restarts + (r ? r->gateway.restarts : 0)));
	json_object_set_new(status, "observedGeneration",
			    json_integer(d->document ? (json_int_t)d->document->generation : 0));
	json_object_set_new(status, "conditions", conditions_json(d));
	if (r)
		json_object_set_new(status, "hosts", hosts_json(r->chain));
	if (r && front)
		json_object_set_new(status, "urls",
				    front_urls(front, r->chain->ingress, r->chain->ingress_count));
	return status;
}

json_t *deployment_json(const struct deployment *d)
{
	const struct document *declared = deployment_document(d);

	return json_pack("{s:s, s:s, s:{s:s, s:I, s:o}, s:o, s:o}", "apiVersion",
			 "sprocket.dev/v1alpha1", "kind", "Chain", "metadata", "name", d->name,
			 "generation", declared ? (json_int_t)declared->generation : (json_int_t)0,
			 "creationTimestamp",
			 time_json(declared ? declared->created_s * 1000000000ULL : 0), "spec",
			 spec_json(d), "status", status_json(d));
}
