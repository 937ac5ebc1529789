// SPDX-License-Identifier: Apache-2.0
/*
 * test_rule.c - which edge a request takes: every kind of condition, order, and none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sproxy/rule.h"

#define SLOT_SIZE 4096U

struct request {
	union {
		struct shm_header slot;
		char bytes[SLOT_SIZE];
	};
	struct shm_header header; /* the checked copy */
};

static void put(struct request *r, struct shm_slice *slice, const char *text)
{
	assert_int_equal(shm_meta_put(&r->slot, 0, text, strlen(text), slice), 0);
}

static void put_header(struct request *r, const char *name, const char *value)
{
	struct shm_field field = { name, value, (uint32_t)strlen(name), (uint32_t)strlen(value) };

	assert_int_equal(shm_record_push(&r->slot, 0, &r->slot.request_headers, &field), 0);
}

static int setup(void **state)
{
	static struct request r;

	shm_header_init(&r.slot, SLOT_SIZE);
	put(&r, &r.slot.method, "POST");
	put(&r, &r.slot.path, "/parking/42");
	put(&r, &r.slot.topic, "car");
	put_header(&r, "x-tier", "gold");
	put_header(&r, "x-empty", "");
	r.slot.status = 404;
	assert_int_equal(shm_header_check(&r.slot, SLOT_SIZE, 0, &r.header), 0);
	*state = &r;
	return 0;
}

static struct rule rule_of(enum rule_kind kind, const char *name, const char *value)
{
	struct rule rule = { .kind = (uint16_t)kind, .wire_edge = 9 };

	/* Behind a name or value lies anything; only the lengths say where they end. */
	memset(rule.name, 'r', sizeof(rule.name));
	memset(rule.value, 'r', sizeof(rule.value));
	rule.name_len = (uint16_t)strlen(name);
	rule.value_len = (uint16_t)strlen(value);
	memcpy(rule.name, name, rule.name_len);
	memcpy(rule.value, value, rule.value_len);
	return rule;
}

static int match(const struct request *r, struct rule rule)
{
	static struct rule_table table;

	table.count = 1;
	table.rules[0] = rule;
	return rule_match(&table, 0, &r->header, &r->slot);
}

static void test_every_kind(void **state)
{
	static const struct {
		enum rule_kind kind;
		const char *name, *value;
		int expect;
	} cases[] = {
		{ RULE_ALWAYS, "", "", 9 },
		{ RULE_HEADER, "x-tier", "gold", 9 },
		{ RULE_HEADER, "x-tier", "Gold", -ENOENT },
		{ RULE_HEADER, "x-tier", "gol", -ENOENT },
		{ RULE_HEADER, "x-tier", "golden", -ENOENT },
		{ RULE_HEADER, "x-tie", "gold", -ENOENT },
		{ RULE_HEADER, "x-empty", "", 9 },
		{ RULE_HEADER, "x-absent", "", -ENOENT },
		{ RULE_TOPIC, "", "car", 9 },
		{ RULE_TOPIC, "", "ca", -ENOENT },
		{ RULE_TOPIC, "", "cars", -ENOENT },
		{ RULE_PATH, "", "/parking/42", 9 },
		{ RULE_PATH, "", "/parking/4", -ENOENT },
		{ RULE_PATH, "", "/parking/*", 9 },
		{ RULE_PATH, "", "/park/*", -ENOENT },
		{ RULE_METHOD, "", "POST", 9 },
		{ RULE_METHOD, "", "post", -ENOENT },
		{ RULE_METHOD, "", "GET", -ENOENT },
		{ RULE_KIND_COUNT, "", "", -ENOENT },
	};
	struct request *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(match(r, rule_of(cases[i].kind, cases[i].name, cases[i].value)),
				 cases[i].expect);
}

static void test_status(void **state)
{
	struct request *r = *state;
	struct rule rule = rule_of(RULE_STATUS, "", "");

	rule.status = 404;
	assert_int_equal(match(r, rule), 9);
	rule.status = 200;
	assert_int_equal(match(r, rule), -ENOENT);
	rule.status = 0;
	assert_int_equal(match(r, rule), -ENOENT);
}

/* The copy decides; what is in the slot meanwhile does not. */
static void test_the_checked_copy_counts(void **state)
{
	struct request *r = *state;

	memset(&r->slot, 0xff, sizeof(r->slot));
	assert_int_equal(match(r, rule_of(RULE_TOPIC, "", "car")), 9);
	assert_int_equal(match(r, rule_of(RULE_HEADER, "x-tier", "gold")), 9);
	assert_int_equal(match(r, rule_of(RULE_PATH, "", "/parking/42")), 9);
}

static void test_longest_values(void **state)
{
	struct request *r = *state;
	char name[RULE_NAME_MAX + 1], value[RULE_VALUE_MAX + 2];

	memset(name, 'n', RULE_NAME_MAX);
	name[RULE_NAME_MAX] = '\0';
	memset(value, 'v', sizeof(value));
	value[RULE_VALUE_MAX] = '\0';
	put_header(r, name, value);
	assert_int_equal(shm_header_check(&r->slot, SLOT_SIZE, 0, &r->header), 0);
	assert_int_equal(match(r, rule_of(RULE_HEADER, name, value)), 9);
	/* One byte more in the request than a rule can hold. */
	value[RULE_VALUE_MAX] = 'v';
	value[RULE_VALUE_MAX + 1] = '\0';
	put_header(r, name, value);
	assert_int_equal(shm_header_check(&r->slot, SLOT_SIZE, 0, &r->header), 0);
	value[RULE_VALUE_MAX] = '\0';
	assert_int_equal(match(r, rule_of(RULE_HEADER, name, value)), -ENOENT);
}

static void test_first_rule_of_the_edge_wins(void **state)
{
	static struct rule_table table;
	struct request *r = *state;

	table.count = 0;
	assert_int_equal(rule_match(&table, 0, &r->header, &r->slot), -ENOENT);
	table.rules[table.count++] = rule_of(RULE_TOPIC, "", "bus");
	table.rules[table.count++] = rule_of(RULE_TOPIC, "", "car");
	table.rules[table.count++] = rule_of(RULE_ALWAYS, "", "");
	table.rules[table.count++] = rule_of(RULE_ALWAYS, "", "");
	for (uint8_t i = 0; i < 4; i++)
		table.rules[i].wire_edge = 10 + i;
	table.rules[3].from_edge = 2;
	assert_int_equal(rule_match(&table, 0, &r->header, &r->slot), 11);
	table.rules[1].from_edge = 1;
	assert_int_equal(rule_match(&table, 0, &r->header, &r->slot), 12);
	assert_int_equal(rule_match(&table, 1, &r->header, &r->slot), 11);
	assert_int_equal(rule_match(&table, 2, &r->header, &r->slot), 13);
	assert_int_equal(rule_match(&table, 3, &r->header, &r->slot), -ENOENT);
	assert_int_equal(rule_match(&table, 256, &r->header, &r->slot), -ENOENT);
	table.count = 2;
	assert_int_equal(rule_match(&table, 2, &r->header, &r->slot), -ENOENT);
}

static void test_full_table(void **state)
{
	static struct rule_table table;
	struct request *r = *state;

	table.count = RULE_MAX;
	for (uint32_t i = 0; i < RULE_MAX; i++)
		table.rules[i] = rule_of(RULE_TOPIC, "", i + 1 < RULE_MAX ? "bus" : "car");
	assert_int_equal(rule_match(&table, 0, &r->header, &r->slot), 9);
}

static void test_paths(void **state)
{
	static const struct {
		const char *pattern, *path;
		int expect;
	} cases[] = {
		{ "/", "/", 1 },      { "/", "", 0 },         { "/", "/a", 0 },
		{ "/*", "/", 1 },     { "/*", "/a/b", 1 },    { "/*", "", 0 },
		{ "/a/*", "/a/", 1 }, { "/a/*", "/a/b", 1 },  { "/a/*", "/a", 0 },
		{ "/a/*", "/ab", 0 }, { "/a/*", "/b/a/", 0 }, { "/a*", "/a*", 1 },
		{ "/a*", "/ab", 0 },  { "*", "*", 1 },        { "*", "/", 0 },
		{ "", "", 1 },        { "", "/", 0 },         { "/a/*", "/a/*", 1 },
		{ "/A", "/a", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(!!rule_path_match(cases[i].pattern, strlen(cases[i].pattern),
						   cases[i].path, strlen(cases[i].path)),
				 cases[i].expect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_kind, setup),
		cmocka_unit_test_setup(test_status, setup),
		cmocka_unit_test_setup(test_the_checked_copy_counts, setup),
		cmocka_unit_test_setup(test_longest_values, setup),
		cmocka_unit_test_setup(test_first_rule_of_the_edge_wins, setup),
		cmocka_unit_test_setup(test_full_table, setup),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
