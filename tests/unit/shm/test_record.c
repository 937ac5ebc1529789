// SPDX-License-Identifier: Apache-2.0
/*
 * test_record.c - header records in a buffer: written, walked, found, and garbage refused.
 */
#include <errno.h>

#include "tests/unit/shm/slot.h"

#define SIZE SLOT_PAGE

static struct shm_field field_of(const char *name, const char *value)
{
	return (struct shm_field){ name, value, (uint32_t)strlen(name), (uint32_t)strlen(value) };
}

static int push(struct guarded *g, struct shm_slice *block, const char *name, const char *value)
{
	struct shm_field field = field_of(name, value);

	return shm_record_push(g->slot, 0, block, &field);
}

static void check_field(const struct shm_field *f, const char *name, const char *value)
{
	assert_int_equal(f->name_len, strlen(name));
	assert_memory_equal(f->name, name, f->name_len);
	assert_int_equal(f->value_len, strlen(value));
	assert_memory_equal(f->value, value, f->value_len);
}

static void test_last_pushed_comes_first(void **state)
{
	struct guarded g = guarded_new(SIZE);
	struct shm_slice block = { 0, 0 };
	struct shm_field f;
	uint32_t pos = 0;

	(void)state;
	shm_header_init(g.slot, g.size);
	assert_int_equal(push(&g, &block, "host", "example"), 0);
	assert_int_equal(push(&g, &block, "x", ""), 0);
	assert_int_equal(push(&g, &block, "abc", "d"), 0);
	assert_int_equal(block.off + block.len, g.size);
	assert_int_equal(shm_record_next(g.slot, block, &pos, &f), 1);
	check_field(&f, "abc", "d");
	assert_int_equal(shm_record_next(g.slot, block, &pos, &f), 1);
	check_field(&f, "x", "");
	assert_int_equal(shm_record_next(g.slot, block, &pos, &f), 1);
	check_field(&f, "host", "example");
	assert_int_equal(shm_record_next(g.slot, block, &pos, &f), 0);
	assert_int_equal(shm_record_next(g.slot, block, &pos, &f), 0);
	guarded_free(&g);
}

/* What lies in memory is an interface too: golden bytes. */
static void test_bytes_of_a_record(void **state)
{
	static const unsigned char golden[] = { 4,   0,   0,   0,   3,   0,   0,  0,
						'h', 'o', 's', 't', 'a', ':', '1' };
	struct guarded g = guarded_new(SIZE);
	struct shm_slice block = { 0, 0 };

	(void)state;
	shm_header_init(g.slot, g.size);
	assert_int_equal(push(&g, &block, "host", "a:1"), 0);
	assert_int_equal(block.len, 16);
	assert_int_equal(block.off, g.size - 16);
	assert_memory_equal(shm_slice_data(g.slot, block), golden, sizeof(golden));
	guarded_free(&g);
}

static void test_record_size(void **state)
{
	(void)state;
	assert_int_equal(shm_record_size(1, 0), 12);
	assert_int_equal(shm_record_size(4, 0), 12);
	assert_int_equal(shm_record_size(4, 1), 16);
	assert_int_equal(shm_record_size(SHM_NAME_MAX, SHM_VALUE_MAX), 8 + 256 + 65536);
}

static void test_limits_of_name_and_value(void **state)
{
	static char text[SHM_VALUE_MAX + 1];
	static const struct {
		uint32_t name_len, value_len;
		int expect;
	} cases[] = {
		{ 0, 1, -EINVAL },
		{ 1, 0, 0 },
		{ SHM_NAME_MAX, 1, 0 },
		{ SHM_NAME_MAX + 1, 1, -EINVAL },
		{ UINT32_MAX, 1, -EINVAL },
		{ 1, SHM_VALUE_MAX, 0 },
		{ 1, SHM_VALUE_MAX + 1, -EINVAL },
		{ 1, UINT32_MAX, -EINVAL },
	};
	struct guarded g = guarded_new(SHM_HEADER_SIZE + 2 * 65536);

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shm_field field = { text, text, cases[i].name_len, cases[i].value_len };
		struct shm_slice block = { 0, 0 };

		shm_header_init(g.slot, g.size);
		assert_int_equal(shm_record_push(g.slot, 0, &block, &field), cases[i].expect);
		assert_int_equal(g.size - g.slot->meta_low, block.len);
		assert_int_equal(walk(g.slot, block), 0);
	}
	guarded_free(&g);
}

static void test_push_in_front_of_the_last_only(void **state)
{
	struct guarded g = guarded_new(SIZE);
	struct shm_slice block = { 0, 0 }, other, before;
	uint32_t low;

	(void)state;
	shm_header_init(g.slot, g.size);
	assert_int_equal(push(&g, &block, "a", "1"), 0);
	assert_int_equal(shm_meta_put(g.slot, 0, "path", 4, &other), 0);
	before = block;
	low = g.slot->meta_low;
	assert_int_equal(push(&g, &block, "b", "2"), -EINVAL);
	assert_memory_equal(&block, &before, sizeof(block));
	assert_int_equal(g.slot->meta_low, low);
	guarded_free(&g);
}

static void test_full(void **state)
{
	struct guarded g = guarded_new(SIZE);
	struct shm_slice block = { 0, 0 }, before;
	struct shm_field field = field_of("abcd", "");
	int pushed = 0;

	(void)state;
	shm_header_init(g.slot, g.size);
	while (shm_record_push(g.slot, 100, &block, &field) == 0)
		pushed++;
	assert_int_equal(pushed, (SIZE - SHM_HEADER_SIZE - 100) / 12);
	before = block;
	assert_int_equal(shm_record_push(g.slot, 100, &block, &field), -ENOSPC);
	assert_memory_equal(&block, &before, sizeof(block));
	assert_true(g.slot->meta_low >= SHM_HEADER_SIZE + 100);
	/* Without the payload, what was refused fits. */
	assert_int_equal(shm_record_push(g.slot, 0, &block, &field), 0);
	guarded_free(&g);
}

static void test_find(void **state)
{
	struct guarded g = guarded_new(SIZE);
	struct shm_slice block = { 0, 0 };
	struct shm_field f = { .value_len = 77 };

	(void)state;
	shm_header_init(g.slot, g.size);
	assert_false(shm_record_find(g.slot, block, "host", 4, &f));
	push(&g, &block, "host", "old");
	push(&g, &block, "hos", "short");
	push(&g, &block, "hosts", "long");
	assert_false(shm_record_find(g.slot, block, "ost", 3, &f));
	assert_false(shm_record_find(g.slot, block, "", 0, &f));
	assert_int_equal(f.value_len, 77);
	assert_true(shm_record_find(g.slot, block, "HoSt", 4, &f));
	check_field(&f, "host", "old");
	push(&g, &block, "host", "new");
	assert_true(shm_record_find(g.slot, block, "host", 4, &f));
	check_field(&f, "host", "new");
	guarded_free(&g);
}

/* A block of one record at the very end of the slot, with these lengths in it. */
static struct shm_slice lying_block(struct guarded *g, uint32_t len, uint32_t name_len,
				    uint32_t value_len)
{
	struct shm_slice block = { g->size - len, len };
	uint32_t lengths[2] = { name_len, value_len };

	memcpy(shm_slice_data(g->slot, block), lengths, len < 8 ? len : 8);
	return block;
}

static void test_lying_records(void **state)
{
	static const struct {
		uint32_t len, name_len, value_len;
		int expect;
	} cases[] = {
		{ 12, 4, 0, 1 },
		{ 12, 3, 1, 1 },
		{ 12, 4, 1, -EBADMSG }, /* one byte too far */
		{ 11, 3, 0, -EBADMSG }, /* its padding is outside */
		{ 8, 1, 0, -EBADMSG },
		{ 7, 1, 0, -EBADMSG }, /* no room for the lengths */
		{ 1, 1, 0, -EBADMSG },
		{ 12, 0, 4, -EBADMSG },
		{ 1024, SHM_NAME_MAX + 1, 1, -EBADMSG },
		{ 1024, 1, SHM_VALUE_MAX + 1, -EBADMSG },
		{ 1024, 1, UINT32_MAX, -EBADMSG },
		{ 1024, UINT32_MAX, 1, -EBADMSG },
		{ 1024, UINT32_MAX, UINT32_MAX - 6, -EBADMSG }, /* the sum wraps to 0 */
		{ 1024, 8, UINT32_MAX - 15, -EBADMSG },
	};
	struct guarded g = guarded_new(SIZE);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shm_slice block =
			lying_block(&g, cases[i].len, cases[i].name_len, cases[i].value_len);
		struct shm_field f = { .name_len = 77 };
		uint32_t pos = 0;

		assert_int_equal(shm_record_next(g.slot, block, &pos, &f), cases[i].expect);
		if (cases[i].expect < 0) {
			assert_int_equal(pos, 0);
			assert_int_equal(f.name_len, 77);
		}
	}
	guarded_free(&g);
}

static void test_position_beyond_the_end(void **state)
{
	static const uint32_t positions[] = { 13, 16, 4096, UINT32_MAX };
	struct guarded g = guarded_new(SIZE);
	struct shm_slice block = lying_block(&g, 12, 4, 0);
	struct shm_field f;

	(void)state;
	for (size_t i = 0; i < sizeof(positions) / sizeof(*positions); i++) {
		uint32_t pos = positions[i];

		assert_int_equal(shm_record_next(g.slot, block, &pos, &f), -EBADMSG);
		assert_int_equal(pos, positions[i]);
	}
	guarded_free(&g);
}

/* Good records with a few bytes changed: most of the block still parses, some lies. */
static void test_random_blocks(void **state)
{
	struct guarded g = guarded_new(SIZE);
	uint32_t good = 0, bad = 0;

	(void)state;
	srand(3);
	for (int round = 0; round < 20000; round++) {
		char name[] = "name-of-a-field", value[] = "value of it";
		struct shm_slice block = { 0, 0 };
		struct shm_field found;

		shm_header_init(g.slot, g.size);
		for (int i = 0; i < 12; i++) {
			struct shm_field f = { name, value, 1 + (uint32_t)rand() % 15,
					       (uint32_t)rand() % 11 };

			assert_int_equal(shm_record_push(g.slot, 0, &block, &f), 0);
		}
		for (int i = rand() % 4; i > 0; i--)
			shm_slice_data(g.slot, block)[(uint32_t)rand() % block.len] = (char)rand();
		block.len -= rand() % 4 ? 0 : (uint32_t)rand() % block.len;
		if (walk(g.slot, block) == 0)
			good++;
		else
			bad++;
		if (shm_record_find(g.slot, block, "name-o", 6, &found))
			touch(found.value, found.value_len);
	}
	assert_in_range(good, 2000, 18000);
	assert_in_range(bad, 2000, 18000);
	guarded_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_pushed_comes_first),
		cmocka_unit_test(test_bytes_of_a_record),
		cmocka_unit_test(test_record_size),
		cmocka_unit_test(test_limits_of_name_and_value),
		cmocka_unit_test(test_push_in_front_of_the_last_only),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_lying_records),
		cmocka_unit_test(test_position_beyond_the_end),
		cmocka_unit_test(test_random_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
