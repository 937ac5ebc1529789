/* SPDX-License-Identifier: Apache-2.0 */
/* test_reader.c - the plate that was drawn is the plate that is read, or none is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "reader.h"
#include "snapshot.h"

static struct reader reader;

static int setup(void **state)
{
	(void)state;
	return reader_init(&reader);
}

static int teardown(void **state)
{
	(void)state;
	reader_done(&reader);
	return 0;
}

static int read_jpeg(const void *data, size_t len, char text[PLATE_LENGTH_MAX + 1])
{
	/* A copy of its exact length, so that a read beyond it is caught. */
	uint8_t *copy = malloc(len ? len : 1);
	struct box box;
	int r;

	assert_non_null(copy);
	memcpy(copy, data, len);
	r = reader_read_jpeg(&reader, copy, len, text, &box);
	free(copy);
	return r;
}

static void assert_near(uint32_t a, uint32_t b, uint32_t by)
{
	assert_in_range(a, b > by ? b - by : 0, b + by);
}

/* Reads a picture of this scene and checks text, size and place. */
static void check_scene(const struct scene *scene, int quality)
{
	uint8_t *rgb = calloc((size_t)scene->width * scene->height, 3), *data;
	char text[PLATE_LENGTH_MAX + 1] = "";
	struct box drawn, found;
	uint32_t near;
	size_t len;
	int r;

	assert_non_null(rgb);
	assert_int_equal(scene_draw(scene, rgb, &drawn), 0);
	assert_int_equal(snapshot_encode(rgb, scene->width, scene->height, quality, &data, &len),
			 0);
	free(rgb);
	r = reader_read_jpeg(&reader, data, len, text, &found);
	free(data);
	if (r != 0 || strcmp(text, scene->plate) != 0)
		fail_msg("%s at %ux%u, quality %d, seed %u, noise %u: %d, read \"%s\"",
			 scene->plate, scene->width, scene->height, quality, scene->seed,
			 scene->noise, r, text);
	near = 4 * reader.picture.reduction;
	assert_int_equal(reader.picture.full_width, scene->width);
	assert_int_equal(reader.picture.full_height, scene->height);
	assert_near(found.x, drawn.x, near);
	assert_near(found.y, drawn.y, near);
	assert_near(found.width, drawn.width, 2 * near);
	assert_near(found.height, drawn.height, 2 * near);
}

static void test_golden(void **state)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = { { 320, 240 }, { 333, 251 }, { 640, 480 }, { 960, 720 }, { 1600, 1200 } };
	static const char *const plates[] = { "AB-1234", "O0-Q8B5", "ZZ-9999", "1I7T" };
	static const int qualities[] = { 35, 60, 90 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t p = 0; p < sizeof(plates) / sizeof(plates[0]); p++)
			for (size_t q = 0; q < sizeof(qualities) / sizeof(qualities[0]); q++) {
				struct scene scene = { plates[p], sizes[s].width, sizes[s].height,
						       (uint32_t)(s * 100 + p * 10 + q), 8 };

				check_scene(&scene, qualities[q]);
			}
}

/* Each letter of the font, in plates of the shortest and the longest length. */
static void test_every_glyph(void **state)
{
	static const char *const plates[] = { "0123456789", "ABCDEFGHIJ", "KLMNOPQRST",
					      "UVWX-YZ012", "A-Z0",       "8B8B8B8B" };

	(void)state;
	for (size_t p = 0; p < sizeof(plates) / sizeof(plates[0]); p++)
		for (uint32_t seed = 1; seed <= 8; seed++)
			check_scene(&(struct scene){ plates[p], 640, 480, seed, 12 }, 75);
}

/* Noise in which letters drown: a refusal, never another plate. */
static void test_never_wrong(void **state)
{
	int read = 0, unreadable = 0;

	(void)state;
	for (uint32_t seed = 0; seed < 60; seed++) {
		struct snapshot snapshot = { .quality = 8 + (int)seed };
		char text[PLATE_LENGTH_MAX + 1];
		uint8_t *data;
		size_t len;
		int r;

		snapshot.scene = (struct scene){ "HB-8O0D5S", 320, 240, seed, 70 };
		assert_int_equal(snapshot_make(&snapshot, &data, &len), 0);
		r = read_jpeg(data, len, text);
		free(data);
		if (r == 0)
			assert_string_equal(text, "HB-8O0D5S");
		else
			assert_int_equal(r, -ENOENT);
		read += r == 0;
		unreadable += r != 0;
	}
	assert_true(read > 0 && unreadable > 0); /* or the test shows nothing */
}

static void test_no_plate(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 10; seed++) {
		struct snapshot snapshot = snapshot_default;
		char text[PLATE_LENGTH_MAX + 1];
		uint8_t *data;
		size_t len;

		snapshot.scene.plate = NULL;
		snapshot.scene.seed = seed;
		assert_int_equal(snapshot_make(&snapshot, &data, &len), 0);
		assert_int_equal(read_jpeg(data, len, text), -ENOENT);
		free(data);
	}
}

/* A file cut anywhere is damaged: no plate is made up from what is left. */
static void test_truncated(void **state)
{
	char text[PLATE_LENGTH_MAX + 1];
	struct snapshot snapshot = { .scene = { "AB-1234", 320, 240, 1, 3 }, .quality = 60 };
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(snapshot_make(&snapshot, &data, &len), 0);
	assert_int_equal(read_jpeg(data, len, text), 0);
	assert_int_equal(read_jpeg(data, 0, text), -EPROTONOSUPPORT);
	assert_int_equal(read_jpeg(data, 1, text), -EPROTONOSUPPORT);
	for (size_t cut = 2; cut < len; cut += cut < 700 || cut > len - 20 ? 1 : 13)
		assert_int_equal(read_jpeg(data, cut, text), -EBADMSG);
	free(data);
}

static void test_random_bytes(void **state)
{
	char text[PLATE_LENGTH_MAX + 1];
	uint8_t data[512];
	uint32_t random = 12345;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		for (size_t k = 0; k < sizeof(data); k++) {
			random = random * 1664525 + 1013904223;
			data[k] = (uint8_t)(random >> 24);
		}
		if (i % 2 == 0)
			memcpy(data, "\xff\xd8\xff", 3);
		assert_true(read_jpeg(data, sizeof(data), text) < 0);
	}
}

/* Single bytes of a good picture changed: read right or refused. */
static void test_flipped_bytes(void **state)
{
	struct snapshot snapshot = { .scene = { "AB-1234", 320, 240, 2, 3 }, .quality = 60 };
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(snapshot_make(&snapshot, &data, &len), 0);
	for (size_t at = 0; at < len; at += at < 700 ? 1 : 29) {
		char text[PLATE_LENGTH_MAX + 1] = "";
		uint8_t kept = data[at];

		data[at] ^= 0x55;
		if (read_jpeg(data, len, text) == 0)
			assert_string_equal(text, "AB-1234");
		data[at] = kept;
	}
	free(data);
}

/* The frame header's dimensions overwritten: judged before anything is decoded. */
static void test_huge_dimensions(void **state)
{
	static const struct {
		uint32_t width, height;
		int error;
	} cases[] = { { 65500, 65500, -EFBIG }, { 8193, 16, -EFBIG }, { 16, 8193, -EFBIG },
		      { 4096, 4096, -EFBIG },   { 0, 240, -EBADMSG }, { 8192, 1024, -EBADMSG } };
	char text[PLATE_LENGTH_MAX + 1];
	struct snapshot snapshot = { .scene = { "AB-1234", 320, 240, 1, 3 }, .quality = 60 };
	uint8_t *data, *frame;
	size_t len;

	(void)state;
	assert_int_equal(snapshot_make(&snapshot, &data, &len), 0);
	frame = memmem(data, len, "\xff\xc0\x00\x11", 4);
	assert_non_null(frame);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame[5] = (uint8_t)(cases[i].height >> 8);
		frame[6] = (uint8_t)cases[i].height;
		frame[7] = (uint8_t)(cases[i].width >> 8);
		frame[8] = (uint8_t)cases[i].width;
		assert_int_equal(read_jpeg(data, len, text), cases[i].error);
		assert_true(strlen(reader.picture.reason) > 0);
	}
	free(data);
}

enum scans { BASELINE, PROGRESSIVE, MANY_SCANS };

/* 28 scans: one for all the DC coefficients, then bands of AC coefficients by component. */
static const jpeg_scan_info *many_scans(int *ret_count)
{
	static jpeg_scan_info scans[28] = { { 3, { 0, 1, 2 }, 0, 0, 0, 0 } };
	int n = 1;

	for (int component = 0; component < 3; component++)
		for (int band = 1; band < 64; band += 7)
			scans[n++] = (jpeg_scan_info){ 1, { component }, band, band + 6, 0, 0 };
	*ret_count = n;
	return scans;
}

/* Encodes `samples` (components bytes a pixel). */
static void encode(const uint8_t *samples, uint32_t width, uint32_t height, int components,
		   J_COLOR_SPACE space, enum scans scans, uint8_t **ret, size_t *ret_len)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned long len = 0;

	*ret = NULL;
	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, ret, &len);
	jpeg.image_width = width;
	jpeg.image_height = height;
	jpeg.input_components = components;
	jpeg.in_color_space = space;
	jpeg_set_defaults(&jpeg);
	jpeg_set_quality(&jpeg, 90, TRUE);
	if (scans == PROGRESSIVE)
		jpeg_simple_progression(&jpeg);
	if (scans == MANY_SCANS)
		jpeg.scan_info = many_scans(&jpeg.num_scans);
	jpeg_start_compress(&jpeg, TRUE);
	while (jpeg.next_scanline < height) {
		JSAMPROW row = (JSAMPROW)(uintptr_t)(samples + (size_t)jpeg.next_scanline * width *
								       (size_t)components);

		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	*ret_len = len;
}

static void check_encoded(int components, J_COLOR_SPACE space, enum scans scans, int expected)
{
	const struct scene scene = { "AB-1234", 640, 480, 1, 3 };
	uint8_t *rgb = calloc(640 * 480, 4), *data;
	char text[PLATE_LENGTH_MAX + 1] = "";
	size_t len;

	assert_non_null(rgb);
	assert_int_equal(scene_draw(&scene, rgb, NULL), 0);
	encode(rgb, 640, 480, components, space, scans, &data, &len);
	assert_int_equal(read_jpeg(data, len, text), expected);
	assert_string_equal(text, expected == 0 ? "AB-1234" : "");
	free(rgb);
	free(data);
}

static void test_colour_spaces(void **state)
{
	(void)state;
	check_encoded(3, JCS_RGB, BASELINE, 0);
	check_encoded(3, JCS_RGB, PROGRESSIVE, 0);
	check_encoded(3, JCS_RGB, MANY_SCANS, -EFBIG);
	check_encoded(1, JCS_GRAYSCALE, BASELINE, -ENOENT);
	check_encoded(4, JCS_CMYK, BASELINE, -EPROTONOSUPPORT);
}

static void test_tiny(void **state)
{
	static const uint8_t pixels[16 * 16 * 3] = { 240, 196, 28 };
	char text[PLATE_LENGTH_MAX + 1];

	(void)state;
	for (uint32_t side = 1; side <= 16; side++) {
		uint8_t *data;
		size_t len;

		encode(pixels, side, side, 3, JCS_RGB, BASELINE, &data, &len);
		assert_int_equal(read_jpeg(data, len, text), -ENOENT);
		free(data);
	}
}

/* All yellow: one region as large as the picture, and no ink in it. */
static void test_all_yellow(void **state)
{
	uint8_t *rgb = malloc(640 * 160 * 3), *data;
	char text[PLATE_LENGTH_MAX + 1];
	size_t len;

	(void)state;
	assert_non_null(rgb);
	for (size_t i = 0; i < 640 * 160; i++)
		memcpy(rgb + 3 * i, "\xf0\xc4\x1c", 3);
	assert_int_equal(snapshot_encode(rgb, 640, 160, 80, &data, &len), 0);
	free(rgb);
	assert_int_equal(read_jpeg(data, len, text), -ENOENT);
	free(data);
}

/* The picture of the largest size that is allowed. */
static void test_largest(void **state)
{
	struct snapshot snapshot = { .scene = { "AB-1234", 4096, 2048, 1, 0 }, .quality = 60 };
	char text[PLATE_LENGTH_MAX + 1];
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(4096 * 2048, PICTURE_PIXELS_MAX);
	assert_int_equal(snapshot_make(&snapshot, &data, &len), 0);
	assert_int_equal(read_jpeg(data, len, text), 0);
	assert_string_equal(text, "AB-1234");
	assert_int_equal(picture_decode(&reader.picture, data, len, 1), 0);
	assert_int_equal(reader.picture.width, 4096);
	free(data);
}

static void test_deadline(void **state)
{
	char text[PLATE_LENGTH_MAX + 1];
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(snapshot_make(&snapshot_default, &data, &len), 0);
	reader.picture.deadline_ns = 1;
	assert_int_equal(read_jpeg(data, len, text), -ETIME);
	reader.picture.deadline_ns = 0;
	assert_int_equal(read_jpeg(data, len, text), 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),        cmocka_unit_test(test_every_glyph),
		cmocka_unit_test(test_never_wrong),   cmocka_unit_test(test_no_plate),
		cmocka_unit_test(test_truncated),     cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_flipped_bytes), cmocka_unit_test(test_huge_dimensions),
		cmocka_unit_test(test_colour_spaces), cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_all_yellow),    cmocka_unit_test(test_largest),
		cmocka_unit_test(test_deadline),
	};

	return cmocka_run_group_tests_name("reader", tests, setup, teardown);
}
