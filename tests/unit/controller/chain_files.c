/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_files.c - see chain_files.h.
 */
#include "tests/unit/controller/chain_files.h"

#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {
	"detect",        "search",       "index",         "charge",         "rated",
	"split",         "garbage",      "not-object",    "no-abi",         "wrong-abi",
	"edges-no-list", "edge-no-name", "edge-twice",    "config-no-list", "config-no-name",
	"silent",        "fails",        "dies",          "hangs",          "floods",
	"many-edges",    "shop",         "calls-no-list", "call-no-name",   "call-twice",
};

static char folder[] = "/tmp/sprocket-chain-XXXXXX";
static char fixture_path[PATH_MAX];

#define REQUIRE(condition)                                                            \
	do {                                                                          \
		if (!(condition))                                                     \
			errx(1, "%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
	} while (0)

static void make_file(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, "nothing to run\n", 15) == 15);
	REQUIRE(fchmod(fd, mode) == 0);
	close(fd);
}

void chain_files_link(const char *name)
{
	REQUIRE(symlink(fixture_path, name) == 0);
}

void chain_files_enter(const char *fixture)
{
	REQUIRE(realpath(fixture, fixture_path));
	REQUIRE(mkdtemp(folder));
	REQUIRE(chmod(folder, 0777) == 0); /* root's programs run as another user */
	REQUIRE(chdir(folder) == 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		chain_files_link(names[i]);
	make_file("plain", 0600);
	make_file("no-program", 0755);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void chain_files_leave(void)
{
	REQUIRE(chdir("/") == 0);
	REQUIRE(nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

char *chain_files_read(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	if (!file)
		return NULL;
	len = getdelim(&text, &size, EOF, file);
	if (len < 0) { /* an empty file */
		free(text);
		text = strdup("");
		len = 0;
	}
	fclose(file);
	*ret_len = (size_t)len;
	return text;
}

struct chain_outcome chain_files_parse(const char *path, const char *text, size_t len,
				       unsigned flags)
{
	struct chain_outcome outcome = { 0 };
	size_t size;
	FILE *out = open_memstream(&outcome.text, &size);

	REQUIRE(out);
	outcome.err = chain_parse(path, text, len, flags, out, &outcome.chain, &outcome.errors);
	fclose(out);
	return outcome;
}

struct chain_outcome chain_files_parse_data(const char *folder_of_data, const char *name)
{
	struct chain_outcome outcome;
	char path[2 * PATH_MAX], *text;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder_of_data, name);
	text = chain_files_read(path, &len);
	REQUIRE(text);
	outcome = chain_files_parse(name, text, len, 0);
	free(text);
	if (outcome.text[0])
		printf("# %s", outcome.text);
	return outcome;
}

void chain_outcome_done(struct chain_outcome *outcome)
{
	chain_free(outcome->chain);
	free(outcome->text);
}

static void check_calls(const struct chain_function *function, const struct rule_call *calls,
			uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_route *target = &function->targets[calls[i].edge];

		REQUIRE(calls[i].edge < function->target_count);
		REQUIRE(target->kind == SP_ROUTE_CALL && target->fn == calls[i].fn);
	}
}

static void check_function(const struct chain *chain, const struct chain_function *function)
{
	REQUIRE(function->name[0]);
	REQUIRE(function->concurrency > 0 && function->instances <= SP_FN_INST_MAX);
	REQUIRE(function->workers > 0 && function->workers <= WIRING_FN_WORKER_MAX);
	REQUIRE(function->edge_count <= SP_EDGE_MAX && function->target_count <= SP_EDGE_MAX);
	REQUIRE(function->rules.count <= RULE_MAX);
	for (uint32_t i = 0; i < function->rules.count; i++) {
		const struct rule *rule = &function->rules.rules[i];

		REQUIRE(rule->from_edge <= function->edge_count);
		REQUIRE(rule->wire_edge < function->target_count);
		REQUIRE(rule->group <= function->rules.group_count);
		REQUIRE(rule->tee_count <= RULE_TEE_MAX);
		for (uint8_t t = 0; t < rule->tee_count; t++)
			REQUIRE(rule->tees[t] < function->target_count &&
				function->targets[rule->tees[t]].kind == SP_ROUTE_FUNCTION);
		REQUIRE(rule->kind < RULE_KIND_COUNT);
		REQUIRE(rule->name_len < RULE_NAME_MAX && rule->value_len < RULE_VALUE_MAX);
	}
	for (uint32_t i = 0; i < function->target_count; i++) {
		const struct sp_route *target = &function->targets[i];

		REQUIRE(target->kind == SP_ROUTE_REPLY ?
				target->fn == 0 :
				(target->kind == SP_ROUTE_FUNCTION ||
				 target->kind == SP_ROUTE_CALL) &&
					target->fn > 0 && target->fn <= chain->function_count);
	}
	check_calls(function, function->rules.calls, function->rules.call_count);
	REQUIRE(function->rules.call_count == function->call_count);
	REQUIRE(function->rules.group_count <= RULE_GROUP_MAX);
	for (uint32_t i = 0; i < function->rules.group_count; i++) {
		const struct rule_group *group = &function->rules.groups[i];

		REQUIRE(group->count <= RULE_MEMBER_MAX && group->timeout_ns < chain->timeout_ns);
		REQUIRE(group->need >= 1 && group->need <= group->count);
		check_calls(function, group->members, group->count);
	}
}

void chain_files_check(const struct chain *chain)
{
	uint32_t largest = chain->layout.classes[chain->layout.class_count - 1].size;

	REQUIRE(chain->name[0] && chain->timeout_ns > 0);
	REQUIRE(chain->max_hops >= 1 && chain->max_hops <= 255);
	REQUIRE(shm_layout_check(&chain->layout) == 0);
	REQUIRE(chain->ingress_count >= 1 && chain->ingress_count <= WIRING_INGRESS_MAX);
	for (uint32_t i = 0; i < chain->ingress_count; i++) {
		REQUIRE(chain->ingress[i].path && chain->ingress[i].path[0] == '/');
		REQUIRE(chain->ingress[i].max_body <= largest && chain->ingress[i].max_body > 0);
	}
	REQUIRE(chain->ingress_rules.count >= 1);
	for (uint32_t i = 0; i < chain->ingress_rules.count; i++) {
		const struct rule *rule = &chain->ingress_rules.rules[i];

		REQUIRE(rule->from_edge == 0 && rule->wire_edge >= 1);
		REQUIRE(rule->wire_edge <= chain->function_count);
	}
	REQUIRE(chain->function_count >= 1 && chain->function_count < SP_FN_MAX);
	for (uint32_t i = 0; i < chain->function_count; i++)
		check_function(chain, &chain->functions[i]);
}
