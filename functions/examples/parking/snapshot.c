/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - see snapshot.h. */
#include "snapshot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define QUALITY_MIN 20 /* below it a small plate is no longer sure to be readable */
#define SEGMENT_MIN 4U /* bytes of a comment segment: marker and length */
#define SEGMENT_MAX 65537U

const struct snapshot snapshot_default = {
	.scene = { .plate = "AB-1234", .width = 640, .height = 480, .seed = 1, .noise = 6 },
	.quality = 85,
};

struct encoder {
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	jmp_buf mark;
	FILE *file; /* a memory stream */
	int error;
};

static void on_error(j_common_ptr common)
{
	struct encoder *encoder = common->client_data;

	encoder->error = -ENOMEM; /* parameters are checked: nothing else can fail */
	longjmp(encoder->mark, 1);
}

static void encoder_encode(struct encoder *encoder, const uint8_t *rgb, uint32_t width,
			   uint32_t height, int quality)
{
	struct jpeg_compress_struct *jpeg = &encoder->jpeg;

	jpeg->err = jpeg_std_error(&encoder->errors);
	encoder->errors.error_exit = on_error;
	jpeg->client_data = encoder;
	jpeg_create_compress(jpeg);
	jpeg_stdio_dest(jpeg, encoder->file);
	jpeg->image_width = width;
	jpeg->image_height = height;
	jpeg->input_components = 3;
	jpeg->in_color_space = JCS_RGB;
	jpeg_set_defaults(jpeg);
	jpeg_set_quality(jpeg, quality, TRUE);
	jpeg->optimize_coding = TRUE;
	jpeg_start_compress(jpeg, TRUE);
	while (jpeg->next_scanline < height) {
		JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + (size_t)jpeg->next_scanline * width * 3);

		jpeg_write_scanlines(jpeg, &row, 1);
	}
	jpeg_finish_compress(jpeg);
}

static void encoder_run(struct encoder *encoder, const uint8_t *rgb, uint32_t width,
			uint32_t height, int quality)
{
	if (setjmp(encoder->mark) == 0)
		encoder_encode(encoder, rgb, width, height, quality);
	jpeg_destroy_compress(&encoder->jpeg);
}

int snapshot_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, uint8_t **ret,
		    size_t *ret_len)
{
	struct encoder encoder = { 0 };
	char *data = NULL;
	size_t len = 0;

	if (width == 0 || height == 0 || width > JPEG_MAX_DIMENSION ||
	    height > JPEG_MAX_DIMENSION || quality < 1 || quality > 100)
		return -EINVAL;
	encoder.file = open_memstream(&data, &len);
	if (!encoder.file)
		return -ENOMEM;
	encoder_run(&encoder, rgb, width, height, quality);
	if (fclose(encoder.file) != 0)
		encoder.error = -ENOMEM;
	if (encoder.error) {
		free(data);
		return encoder.error;
	}
	*ret = (uint8_t *)data;
	*ret_len = len;
	return 0;
}

/* True when comment segments can make a file of `len` bytes one of `bytes`. */
static bool snapshot_fits(size_t len, size_t bytes)
{
	return len == bytes || len + SEGMENT_MIN <= bytes;
}

/*
 * Makes the file `bytes` long by comment segments, zero-filled, behind its first segment
 * (JFIF wants to be first). Returns the new file, NULL without memory.
 */
static uint8_t *snapshot_pad(const uint8_t *data, size_t len, size_t bytes)
{
	size_t head = 4 + (size_t)(data[4] << 8 | data[5]); /* start marker and JFIF segment */
	size_t room = bytes - len;
	uint8_t *padded = calloc(1, bytes), *at;

	if (!padded)
		return NULL;
	memcpy(padded, data, head);
	memcpy(padded + bytes - (len - head), data + head, len - head);
	for (at = padded + head; room > 0;) {
		size_t segment = room < SEGMENT_MAX ? room : SEGMENT_MAX;

		if (room > segment && room - segment < SEGMENT_MIN)
			segment -= SEGMENT_MIN;
		at[0] = 0xff;
		at[1] = JPEG_COM;
		at[2] = (uint8_t)((segment - 2) >> 8);
		at[3] = (uint8_t)(segment - 2);
		at += segment;
		room -= segment;
	}
	return padded;
}

/*
 * Finds the best quality that fits, by bisection: size grows with quality, all but
 * strictly, so the answer is one that was seen to fit.
 * Returns 0 and *ret, *ret_len; -EMSGSIZE when none fits; or as snapshot_encode().
 */
static int snapshot_fit(const struct snapshot *snapshot, const uint8_t *rgb, uint8_t **ret,
			size_t *ret_len)
{
	const struct scene *scene = &snapshot->scene;
	int low = QUALITY_MIN, high = snapshot->quality;
	uint8_t *best = NULL;

	while (low <= high) {
		int quality = (low + high) / 2;
		uint8_t *data;
		size_t len;
		int r = snapshot_encode(rgb, scene->width, scene->height, quality, &data, &len);

		if (r < 0) {
			free(best);
			return r;
		}
		if (!snapshot_fits(len, snapshot->bytes)) {
			free(data);
			high = quality - 1;
			continue;
		}
		free(best);
		best = data;
		*ret_len = len;
		low = quality + 1;
	}
	*ret = best;
	return best ? 0 : -EMSGSIZE;
}

static int snapshot_encode_exactly(const struct snapshot *snapshot, const uint8_t *rgb,
				   uint8_t **ret)
{
	uint8_t *data, *padded;
	size_t len = 0;
	int r;

	if (snapshot->bytes > SNAPSHOT_BYTES_MAX)
		return -EMSGSIZE;
	r = snapshot_fit(snapshot, rgb, &data, &len);
	if (r < 0)
		return r;
	padded = snapshot_pad(data, len, snapshot->bytes);
	free(data);
	if (!padded)
		return -ENOMEM;
	*ret = padded;
	return 0;
}

int snapshot_make(const struct snapshot *snapshot, uint8_t **ret, size_t *ret_len)
{
	const struct scene *scene = &snapshot->scene;
	uint8_t *rgb;
	int r;

	if (scene->width > SCENE_SIDE_MAX || scene->height > SCENE_SIDE_MAX)
		return -EINVAL;
	rgb = calloc((size_t)scene->width * scene->height, 3);
	if (!rgb)
		return -ENOMEM;
	r = scene_draw(scene, rgb, NULL);
	if (r == 0 && snapshot->bytes == 0)
		r = snapshot_encode(rgb, scene->width, scene->height, snapshot->quality, ret,
				    ret_len);
	else if (r == 0)
		r = snapshot_encode_exactly(snapshot, rgb, ret);
	free(rgb);
	if (r == 0 && snapshot->bytes != 0)
		*ret_len = snapshot->bytes;
	return r;
}
