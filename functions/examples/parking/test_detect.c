/* SPDX-License-Identifier: Apache-2.0 */
/* test_detect.c - the function `detect`: a picture becomes a record, or a clear refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

#include "snapshot.h"

extern const sp_function sp_function_registered;

static sp_test *test;

static int setup(void **state)
{
	(void)state;
	test = sp_test_new(&sp_function_registered, NULL);
	return test ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	test = sp_test_free(test);
	return 0;
}

static const sp_test_result *post(const struct snapshot *snapshot)
{
	const sp_test_result *result;
	uint8_t *data;
	size_t len;

	assert_int_equal(snapshot_make(snapshot, &data, &len), 0);
	result = SP_TEST(test, .path = "/snapshot", .body = { (const char *)data, len });
	free(data);
	return result;
}

static void test_record(void **state)
{
	static const size_t sizes[] = { 4096, 64 << 10, 1 << 20 };
	static const uint32_t widths[] = { 320, 1024, 1600 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct snapshot snapshot = { .quality = 95, .bytes = sizes[i] };
		unsigned x, y, width, height;
		char image[64], body[256];
		const sp_test_result *r;
		int used = 0;

		snapshot.scene = (struct scene){ "AB-1234", widths[i], widths[i] * 3 / 4, 5, 3 };
		r = post(&snapshot);
		assert_int_equal(r->verdict, SP_NEXT);
		assert_true(r->body.len < sizeof(body));
		snprintf(body, sizeof(body), "%.*s", SP_ARG(r->body));
		assert_int_equal(sscanf(body, "{\"plate\":\"AB-1234\",\"box\":[%u,%u,%u,%u],%n", &x,
					&y, &width, &height, &used),
				 4);
		snprintf(image, sizeof(image), "\"image\":[%u,%u]}", widths[i], widths[i] * 3 / 4);
		assert_string_equal(body + used, image);
		assert_true(x + width <= widths[i] && y + height <= widths[i] * 3 / 4);
		assert_int_equal(r->moves, 0); /* the record fits where the picture was */
	}
	assert_int_equal(sp_test_counter(test, "plates_read"), 3);
}

static void test_no_plate(void **state)
{
	struct snapshot snapshot = snapshot_default;
	const sp_test_result *r;

	(void)state;
	snapshot.scene.plate = NULL;
	r = post(&snapshot);
	assert_int_equal(r->verdict, SP_FAILED);
	assert_int_equal(r->error, SP_EINPUT);
	assert_int_equal(r->status, 400);
	assert_true(sp_test_equals(r->error_text, "the picture shows no readable plate"));
}

static void test_no_picture(void **state)
{
	const sp_test_result *r;

	(void)state;
	r = SP_TEST(test, .body = SP_S("GIF89a"));
	assert_int_equal(r->error, SP_EUNSUPPORTED);
	assert_int_equal(r->status, 415);
	r = SP_TEST(test, .body = SP_S(""));
	assert_int_equal(r->error, SP_EUNSUPPORTED);
	r = SP_TEST(test, .body = SP_S("\xff\xd8\xff\xd9"));
	assert_int_equal(r->error, SP_EINPUT);
}

/* A declared size over the limit, in a frame header that is all there is. */
static void test_too_large(void **state)
{
	const sp_test_result *r =
		SP_TEST(test,
			.body = SP_S("\xff\xd8\xff\xc0\x00\x11\x08\xff\xdc\xff\xdc\x03\x01\x22\x00"
				     "\x02\x11\x01\x03\x11\x01\xff\xda\x00\x0c\x03\x01\x00\x02\x11"
				     "\x03\x11\x00\x3f\x00"));

	(void)state;
	assert_int_equal(r->error, SP_ETOOBIG);
}

static void test_deadline(void **state)
{
	uint8_t *data;
	size_t len;
	const sp_test_result *r;

	(void)state;
	assert_int_equal(snapshot_make(&snapshot_default, &data, &len), 0);
	r = SP_TEST(test, .body = { (const char *)data, len }, .remaining_ns = -1);
	free(data);
	assert_int_equal(r->error, SP_ETIMEOUT);
	assert_int_equal(post(&snapshot_default)->verdict, SP_NEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_plate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_picture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
