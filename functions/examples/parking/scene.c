/* SPDX-License-Identifier: Apache-2.0 */
/* scene.c - see scene.h. */
#include "scene.h"

#include <errno.h>
#include <string.h>

#include "plate.h"

#define CELL_PER_WIDTH 160U /* a plate's cell is a pixel for so many of width */
#define CELL_MIN 2U

struct colour {
	uint8_t r, g, b;
};

static const struct colour plate_yellow = { 240, 196, 28 };
static const struct colour plate_black = { 24, 24, 26 };
static const struct colour car_colours[] = {
	{ 150, 24, 32 }, { 30, 60, 140 },   { 200, 204, 208 }, { 36, 40, 44 },
	{ 24, 96, 56 },  { 120, 124, 130 }, { 236, 236, 232 }, { 70, 30, 90 },
};

struct canvas {
	uint8_t *rgb;
	uint32_t width;
	uint32_t height;
	uint64_t random;
};

/* xorshift64*; the same numbers everywhere. */
static uint32_t canvas_random(struct canvas *canvas, uint32_t below)
{
	canvas->random ^= canvas->random >> 12;
	canvas->random ^= canvas->random << 25;
	canvas->random ^= canvas->random >> 27;
	return (uint32_t)((canvas->random * 0x2545f4914f6cdd1dU) >> 32) % below;
}

static void canvas_fill(struct canvas *canvas, const struct box *box, struct colour colour)
{
	for (uint32_t y = box->y; y < box->y + box->height && y < canvas->height; y++)
		for (uint32_t x = box->x; x < box->x + box->width && x < canvas->width; x++) {
			uint8_t *pixel = canvas->rgb + ((size_t)y * canvas->width + x) * 3;

			pixel[0] = colour.r;
			pixel[1] = colour.g;
			pixel[2] = colour.b;
		}
}

/* Asphalt that gets lighter towards the camera, and the lot's white lines. */
static void draw_lot(struct canvas *canvas)
{
	uint32_t pitch = canvas->width / 3, line = canvas->width / 100 + 1;

	for (uint32_t y = 0; y < canvas->height; y++) {
		uint8_t grey = (uint8_t)(70 + 50 * y / canvas->height);

		canvas_fill(canvas, &(struct box){ 0, y, canvas->width, 1 },
			    (struct colour){ grey, grey, (uint8_t)(grey + 4) });
	}
	for (uint32_t x = pitch / 4; x < canvas->width; x += pitch)
		canvas_fill(canvas, &(struct box){ x, canvas->height / 8, line, canvas->height },
			    (struct colour){ 210, 210, 206 });
}

/* Yellow like a plate and with a dark band, but upright. */
static void draw_bollard(struct canvas *canvas)
{
	uint32_t width = canvas->width / 32, height = canvas->height / 4;
	uint32_t x = canvas_random(canvas, canvas->width / 16);

	canvas_fill(canvas, &(struct box){ x, canvas->height / 16, width, height }, plate_yellow);
	canvas_fill(canvas, &(struct box){ x, canvas->height / 8, width, height / 6 }, plate_black);
}

/* The front of a car around its plate: body, wheels, windscreen, two lamps. */
static void draw_car(struct canvas *canvas, const struct box *plate)
{
	uint32_t unit = plate->height;
	uint32_t left = plate->x > 2 * unit ? plate->x - 2 * unit : 0;
	uint32_t top = plate->y > 4 * unit ? plate->y - 4 * unit : 0;
	uint32_t width = plate->x + plate->width + 2 * unit - left;
	uint32_t bottom = plate->y + 2 * unit;
	uint32_t count = sizeof(car_colours) / sizeof(car_colours[0]);
	struct colour body = car_colours[canvas_random(canvas, count)];
	struct colour tyre = { 20, 20, 20 }, glass = { 60, 80, 96 }, lamp = { 250, 248, 236 };

	canvas_fill(canvas, &(struct box){ left, bottom, unit, unit }, tyre);
	canvas_fill(canvas, &(struct box){ left + width - unit, bottom, unit, unit }, tyre);
	canvas_fill(canvas, &(struct box){ left, top, width, bottom - top }, body);
	canvas_fill(canvas,
		    &(struct box){ left + unit, top + unit / 2, width - 2 * unit, 3 * unit / 2 },
		    glass);
	canvas_fill(canvas, &(struct box){ left + unit / 2, plate->y - unit, unit, unit / 2 },
		    lamp);
	canvas_fill(canvas,
		    &(struct box){ left + width - 3 * unit / 2, plate->y - unit, unit, unit / 2 },
		    lamp);
}

static void draw_plate(struct canvas *canvas, const struct box *plate, const char *text)
{
	uint32_t cell = plate->height / PLATE_HEIGHT;

	canvas_fill(canvas, plate, plate_yellow);
	for (uint32_t i = 0; text[i]; i++) {
		const struct plate_glyph *glyph = plate_glyph_of(text[i]);
		uint32_t left = plate->x + (PLATE_MARGIN + i * PLATE_PITCH) * cell;
		uint32_t top = plate->y + PLATE_MARGIN * cell;

		for (uint32_t at = 0; at < PLATE_GLYPH_WIDTH * PLATE_GLYPH_HEIGHT; at++) {
			uint32_t column = at % PLATE_GLYPH_WIDTH, row = at / PLATE_GLYPH_WIDTH;

			if (plate_glyph_ink(glyph, column, row))
				canvas_fill(canvas,
					    &(struct box){ left + column * cell, top + row * cell,
							   cell, cell },
					    plate_black);
		}
	}
}

static uint8_t clamped(int32_t value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Mostly brightness, as of a sensor in the dark, and a little colour. */
static void draw_noise(struct canvas *canvas, uint32_t noise)
{
	uint8_t *sample = canvas->rgb;

	if (noise == 0)
		return;
	for (size_t i = 0; i < (size_t)canvas->width * canvas->height; i++) {
		int32_t stray = (int32_t)canvas_random(canvas, 2 * noise + 1) - (int32_t)noise;

		for (int c = 0; c < 3; c++, sample++)
			*sample = clamped(*sample + stray +
					  (int32_t)canvas_random(canvas, noise / 4 + 1));
	}
}

/* Where a plate of `length` letters goes: in the lower half, a little off the middle. */
static int scene_place(struct canvas *canvas, uint32_t length, struct box *ret)
{
	uint32_t cell = canvas->width / CELL_PER_WIDTH;
	struct box box;

	if (cell < CELL_MIN)
		cell = CELL_MIN;
	box.width = PLATE_WIDTH(length) * cell;
	box.height = PLATE_HEIGHT * cell;
	if (box.width + 6 * cell > canvas->width || box.height * 6 > canvas->height)
		return -ERANGE;
	box.x = (canvas->width - box.width) / 2;
	box.x += canvas_random(canvas, box.x / 2 + 1);
	box.y = canvas->height / 2 + canvas_random(canvas, canvas->height / 4);
	*ret = box;
	return 0;
}

int scene_draw(const struct scene *scene, uint8_t *rgb, struct box *ret_box)
{
	struct canvas canvas = { .rgb = rgb,
				 .width = scene->width,
				 .height = scene->height,
				 .random = 0x9e3779b97f4a7c15U ^ scene->seed };
	size_t length = scene->plate ? strlen(scene->plate) : PLATE_LENGTH_MAX;
	struct box box;
	int r;

	if (scene->width < SCENE_SIDE_MIN || scene->width > SCENE_SIDE_MAX ||
	    scene->height < SCENE_SIDE_MIN || scene->height > SCENE_SIDE_MAX || scene->noise > 100)
		return -EINVAL;
	if (scene->plate && !plate_text_valid(scene->plate, length))
		return -EINVAL;
	r = scene_place(&canvas, (uint32_t)length, &box);
	if (r < 0)
		return r;
	draw_lot(&canvas);
	draw_bollard(&canvas);
	draw_car(&canvas, &box);
	if (scene->plate)
		draw_plate(&canvas, &box, scene->plate);
	draw_noise(&canvas, scene->noise);
	if (ret_box)
		*ret_box = box;
	return 0;
}
