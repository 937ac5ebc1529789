/* SPDX-License-Identifier: Apache-2.0 */
/* test_snapshot.c - pictures are the same each time, and as long as asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "snapshot.h"

/* Every segment begins where the one before ends, up to the picture data. */
static void check_segments(const uint8_t *data, size_t len)
{
	size_t at = 2;

	for (;;) {
		assert_true(at + 4 <= len);
		assert_int_equal(data[at], 0xff);
		if (data[at + 1] == 0xda)
			return;
		at += 2 + (size_t)(data[at + 2] << 8 | data[at + 3]);
	}
}

static void make(const struct snapshot *snapshot, uint8_t **ret, size_t *ret_len)
{
	assert_int_equal(snapshot_make(snapshot, ret, ret_len), 0);
	assert_true(*ret_len > 4);
	assert_memory_equal(*ret, "\xff\xd8\xff\xe0", 4);
	assert_memory_equal(*ret + *ret_len - 2, "\xff\xd9", 2);
	check_segments(*ret, *ret_len);
}

static void test_deterministic(void **state)
{
	struct snapshot other = snapshot_default;
	uint8_t *a, *b, *c;
	size_t a_len, b_len, c_len;

	(void)state;
	other.scene.seed++;
	make(&snapshot_default, &a, &a_len);
	make(&snapshot_default, &b, &b_len);
	make(&other, &c, &c_len);
	assert_int_equal(a_len, b_len);
	assert_memory_equal(a, b, a_len);
	assert_false(a_len == c_len && memcmp(a, c, a_len) == 0);
	free(a);
	free(b);
	free(c);
}

static void test_exact_size(void **state)
{
	static const struct {
		uint32_t width;
		size_t bytes;
	} cases[] = { { 320, 4096 },     { 320, 4097 },     { 640, 16384 },
		      { 640, 65535 },    { 640, 65536 },    { 1024, 65536 },
		      { 1280, 1000000 }, { 1600, 1 << 20 }, { 320, 300000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snapshot snapshot = { .quality = 95, .bytes = cases[i].bytes };
		uint8_t *data;
		size_t len;

		snapshot.scene = (struct scene){ .plate = "AB-1234",
						 .width = cases[i].width,
						 .height = cases[i].width * 3 / 4,
						 .seed = 3,
						 .noise = 2 };
		make(&snapshot, &data, &len);
		assert_int_equal(len, cases[i].bytes);
		free(data);
	}
}

/* Every remainder that a comment segment might have to fill, and cannot: 1 to 3 bytes. */
static void test_exact_size_around(void **state)
{
	struct snapshot snapshot = snapshot_default;
	uint8_t *data;
	size_t natural, len;

	(void)state;
	snapshot.scene.width = 320;
	snapshot.scene.height = 240;
	make(&snapshot, &data, &natural);
	free(data);
	for (size_t more = 0; more < 8; more++) {
		snapshot.bytes = natural + more;
		make(&snapshot, &data, &len);
		assert_int_equal(len, snapshot.bytes);
		free(data);
	}
	for (size_t more = 65530; more < 65550; more++) {
		snapshot.bytes = natural + more;
		make(&snapshot, &data, &len);
		assert_int_equal(len, snapshot.bytes);
		free(data);
	}
}

static int refused(const char *plate, uint32_t width, uint32_t height, int quality, uint32_t noise,
		   size_t bytes)
{
	struct snapshot snapshot = { .scene = { plate, width, height, 1, noise },
				     .quality = quality,
				     .bytes = bytes };
	uint8_t *data = NULL;
	size_t len = 0;
	int r = snapshot_make(&snapshot, &data, &len);

	assert_null(data);
	return r;
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(refused("ab-1234", 640, 480, 85, 6, 0), -EINVAL);
	assert_int_equal(refused("AB", 640, 480, 85, 6, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", 159, 480, 85, 6, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", 640, 4097, 85, 6, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", UINT32_MAX, UINT32_MAX, 85, 6, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", 640, 480, 0, 6, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", 640, 480, 101, 6, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", 640, 480, 85, 101, 0), -EINVAL);
	assert_int_equal(refused("AB-1234", 1600, 160, 85, 6, 0), -ERANGE);
	assert_int_equal(refused("AB-1234", 640, 480, 85, 6, 100), -EMSGSIZE);
	assert_int_equal(refused("AB-1234", 640, 480, 85, 6, SIZE_MAX), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_exact_size),
		cmocka_unit_test(test_exact_size_around),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
