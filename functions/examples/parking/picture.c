/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picture.c - see picture.h.
 *
 * libjpeg reports errors by calling error_exit, which must not return: it jumps back to
 * decoder_run(), the one place that sets the mark and frees the decoder. Whatever differs
 * between the jump and the mark lives in struct decoder, not in its local variables.
 */
#include "picture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#define MEASURE_ONLY 0U /* as a reduction */

struct decoder {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf mark;
	struct picture *picture;
	int error; /* what picture_run() returns after a jump */
};

static void decoder_fail(struct decoder *decoder, int error, const char *reason)
{
	snprintf(decoder->picture->reason, PICTURE_REASON_MAX, "%s", reason);
	decoder->error = error;
	longjmp(decoder->mark, 1);
}

static void on_error(j_common_ptr common)
{
	struct decoder *decoder = common->client_data;
	char reason[JMSG_LENGTH_MAX];

	common->err->format_message(common, reason);
	decoder_fail(decoder, -EBADMSG, reason);
}

/* Warnings (level -1) mean that data were missing or wrong and libjpeg would guess. */
static void on_message(j_common_ptr common, int level)
{
	if (level < 0)
		on_error(common);
}

static void on_output(j_common_ptr common)
{
	(void)common;
}

static uint64_t time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Called for each row of blocks of each scan: few bytes may ask for much work. */
static void on_progress(j_common_ptr common)
{
	struct decoder *decoder = common->client_data;

	if (decoder->jpeg.input_scan_number > PICTURE_SCANS_MAX)
		decoder_fail(decoder, -EFBIG, "the JPEG has more than 20 scans");
	if (decoder->picture->deadline_ns && time_ns() >= decoder->picture->deadline_ns)
		decoder_fail(decoder, -ETIME, "the picture takes longer than the request may");
}

static void decoder_open(struct decoder *decoder, const void *data, size_t len)
{
	decoder->jpeg.err = jpeg_std_error(&decoder->errors);
	decoder->errors.error_exit = on_error;
	decoder->errors.emit_message = on_message;
	decoder->errors.output_message = on_output;
	decoder->jpeg.client_data = decoder;
	jpeg_create_decompress(&decoder->jpeg);
	decoder->progress.progress_monitor = on_progress;
	decoder->jpeg.progress = &decoder->progress;
	jpeg_mem_src(&decoder->jpeg, data, len);
}

/* Reads the header and judges what it declares; nothing is decoded yet. */
static void decoder_measure(struct decoder *decoder)
{
	struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
	struct picture *picture = decoder->picture;

	jpeg_read_header(jpeg, TRUE);
	if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK ||
	    jpeg->jpeg_color_space == JCS_UNKNOWN)
		decoder_fail(decoder, -EPROTONOSUPPORT,
			     "the JPEG is CMYK or of an unknown colour space; send YCbCr or RGB");
	if (jpeg->image_width > PICTURE_SIDE_MAX || jpeg->image_height > PICTURE_SIDE_MAX ||
	    (uint64_t)jpeg->image_width * jpeg->image_height > PICTURE_PIXELS_MAX)
		decoder_fail(decoder, -EFBIG,
			     "the picture is over 8192 pixels a side or 8 megapixels in all");
	picture->full_width = jpeg->image_width;
	picture->full_height = jpeg->image_height;
}

/* The colour of a plate: red and green alike and bright, little blue. */
static void picture_take_row(struct picture *picture, uint32_t y)
{
	uint8_t *luma = picture->luma + (size_t)y * picture->width;
	uint8_t *yellow = picture->yellow + (size_t)y * picture->width;
	const uint8_t *rgb = picture->row;

	for (uint32_t x = 0; x < picture->width; x++, rgb += 3) {
		uint32_t r = rgb[0], g = rgb[1], b = rgb[2];

		luma[x] = (uint8_t)((77 * r + 150 * g + 29 * b) >> 8);
		yellow[x] =
			(r > 110) & (g > 85) & (5 * g > 3 * r) & (8 * r > 7 * g) & (5 * b < 3 * g);
	}
}

static void decoder_decode(struct decoder *decoder, uint32_t reduction)
{
	struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
	struct picture *picture = decoder->picture;

	decoder_measure(decoder);
	jpeg->out_color_space = JCS_RGB;
	jpeg->scale_num = 1;
	jpeg->scale_denom = reduction;
	jpeg_calc_output_dimensions(jpeg);
	picture->reduction = reduction;
	picture->width = jpeg->output_width;
	picture->height = jpeg->output_height;
	jpeg_start_decompress(jpeg);
	while (jpeg->output_scanline < jpeg->output_height) {
		JSAMPROW row = picture->row;
		uint32_t y = jpeg->output_scanline;

		jpeg_read_scanlines(jpeg, &row, 1);
		picture_take_row(picture, y);
	}
	jpeg_finish_decompress(jpeg);
}

static void decoder_run(struct decoder *decoder, const void *data, size_t len, uint32_t reduction)
{
	if (setjmp(decoder->mark) == 0) {
		decoder_open(decoder, data, len);
		if (reduction == MEASURE_ONLY)
			decoder_measure(decoder);
		else
			decoder_decode(decoder, reduction);
	}
	jpeg_destroy_decompress(&decoder->jpeg);
}

static int picture_run(struct picture *picture, const void *data, size_t len, uint32_t reduction)
{
	struct decoder decoder = { .picture = picture };

	picture->reason[0] = '\0';
	if (len < 2 || memcmp(data, "\xff\xd8", 2) != 0) {
		snprintf(picture->reason, PICTURE_REASON_MAX, "the body is not a JPEG");
		return -EPROTONOSUPPORT;
	}
	decoder_run(&decoder, data, len, reduction);
	return decoder.error;
}

int picture_measure(struct picture *picture, const void *jpeg, size_t len)
{
	return picture_run(picture, jpeg, len, MEASURE_ONLY);
}

int picture_decode(struct picture *picture, const void *jpeg, size_t len, uint32_t reduction)
{
	return picture_run(picture, jpeg, len, reduction);
}

int picture_init(struct picture *picture)
{
	memset(picture, 0, sizeof(*picture));
	picture->luma = malloc(PICTURE_PIXELS_MAX);
	picture->yellow = malloc(PICTURE_PIXELS_MAX);
	picture->row = malloc(PICTURE_SIDE_MAX * 3);
	if (picture->luma && picture->yellow && picture->row)
		return 0;
	picture_done(picture);
	return -ENOMEM;
}

void picture_done(struct picture *picture)
{
	free(picture->luma);
	free(picture->yellow);
	free(picture->row);
	memset(picture, 0, sizeof(*picture));
}
