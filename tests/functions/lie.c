/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lie.c - what a hostile function leaves in a buffer before it passes it on: lengths, offsets
 * and header records that are garbage, by field, by seed, or while others read. See hostile.h.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/functions/hostile.h"

struct field {
	const char *name;
	size_t off;
	size_t size;
};

#define FIELD(name)                                                                              \
	{                                                                                        \
#name, offsetof(struct shm_header, name), sizeof(((struct shm_header *)0)->name) \
	}
#define SLICE(name) FIELD(name.off), FIELD(name.len)

static const struct field fields[] = {
	FIELD(number),
	FIELD(deadline_ns),
	FIELD(trace_flags),
	FIELD(qos),
	FIELD(hops),
	FIELD(error),
	FIELD(status),
	SLICE(method),
	SLICE(path),
	SLICE(query),
	SLICE(id),
	SLICE(topic),
	SLICE(request_headers),
	SLICE(response_headers),
	FIELD(slot_size),
	FIELD(meta_low),
	FIELD(body_buf),
	FIELD(body_len),
	FIELD(parts),
	FIELD(part_fn),
	FIELD(alone),
	{ NULL, 0, 0 },
};

static uint32_t slot_size(const struct hostile *h, struct sp_desc d)
{
	return shm_layout_class(&h->wiring->layout, d.buf)->stride;
}

static void pass(struct hostile *h, struct sp_desc d, uint8_t flags)
{
	d.edge = flags ? SP_EDGE_REPLY : hostile_edge(h);
	d.flags = flags;
	hostile_send(h, NULL, &d, sizeof(d));
}

/* One field of the header set to a value. */
static bool lie_field(struct hostile *h, struct sp_desc d, const struct order *order)
{
	char *slot = (char *)hostile_slot(h, d.buf);

	for (const struct field *f = fields; f->name; f++) {
		if (strcmp(f->name, order->field) == 0) {
			memcpy(slot + f->off, &order->value, f->size);
			pass(h, d, 0);
			return true;
		}
	}
	fprintf(stderr, "no such field: %s\n", order->field);
	abort();
}

/* The whole header, bytes by seed. */
static bool lie_header(struct hostile *h, struct sp_desc d, const struct order *order)
{
	uint8_t *slot = (uint8_t *)hostile_slot(h, d.buf);
	uint64_t state = order->seed;

	for (size_t i = 0; i < SHM_HEADER_SIZE; i++)
		slot[i] = (uint8_t)hostile_random(&state);
	pass(h, d, 0);
	return true;
}

static bool lie_zero(struct hostile *h, struct sp_desc d, const struct order *order)
{
	memset(hostile_slot(h, d.buf), (int)order->value, SHM_HEADER_SIZE);
	pass(h, d, 0);
	return true;
}

/* `count` bytes by seed, half of them in the header, the others where meta data lie. */
static bool lie_scatter(struct hostile *h, struct sp_desc d, const struct order *order)
{
	uint8_t *slot = (uint8_t *)hostile_slot(h, d.buf);
	uint32_t size = slot_size(h, d);
	uint64_t state = order->seed;

	for (uint64_t i = 0; i < order->count; i++) {
		uint64_t at = hostile_random(&state);

		at = i % 2 ? at % SHM_HEADER_SIZE : size - 1 - at % SHM_META_ROOM;
		slot[at] = (uint8_t)hostile_random(&state);
	}
	pass(h, d, 0);
	return true;
}

/* A response header record: the first byte says how many of the next are the name. */
static bool lie_record(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct shm_header *slot = hostile_slot(h, d.buf);
	const char *text = (const char *)order->bytes + 1;
	struct shm_field field = { .name = text, .name_len = order->bytes[0] };
	int err;

	field.value = text + field.name_len;
	field.value_len = (uint32_t)(order->byte_count - 1 - field.name_len);
	err = shm_record_push(slot, d.len, &slot->response_headers, &field);
	if (err < 0)
		fprintf(stderr, "%s: %s\n", order->kind, strerror(-err));
	pass(h, d, 0);
	return true;
}

/* A block of response headers that is any bytes. */
static bool lie_block(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct shm_header *slot = hostile_slot(h, d.buf);

	if (shm_meta_put(slot, d.len, order->bytes, order->byte_count, &slot->response_headers) < 0)
		fprintf(stderr, "%s: does not fit\n", order->kind);
	pass(h, d, 0);
	return true;
}

/* A payload length that the kernel allows but nobody wrote: up to the class's capacity. */
static bool lie_length(struct hostile *h, struct sp_desc d, const struct order *order)
{
	const struct shm_class *c = shm_layout_class(&h->wiring->layout, d.buf);

	d.len = order->has_value ? (uint32_t)order->value : c->size;
	pass(h, d, 0);
	return true;
}

/* A failed reply whose error (value) is none. */
static bool lie_failed(struct hostile *h, struct sp_desc d, const struct order *order)
{
	hostile_slot(h, d.buf)->error = (uint8_t)order->value;
	pass(h, d, SP_DESC_FAILED);
	return true;
}

struct scribbler {
	struct hostile *h;
	uint64_t seed;
	uint64_t end_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* Writes into the headers of all buffers, whoever holds them, until the time is up. */
static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	uint32_t count = s->h->wiring->layout.buffer_count;

	while (now_ns() < s->end_ns) {
		for (uint32_t i = 0; i < 64; i++) {
			uint64_t r = hostile_random(&s->seed);
			uint8_t *slot = (uint8_t *)hostile_slot(s->h, (uint32_t)(r >> 32) % count);

			slot[r % SHM_HEADER_SIZE] = (uint8_t)(r >> 16);
		}
	}
	fprintf(stderr, "scribbled\n");
	free(s);
	return NULL;
}

/* Scribbles for `value` milliseconds beside honest service. */
static bool lie_scribble(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct scribbler *s = malloc(sizeof(*s));
	pthread_t thread;

	(void)d;
	if (!s)
		abort();
	s->h = h;
	s->seed = order->seed;
	s->end_ns = now_ns() + order->value * 1000000ULL;
	if (pthread_create(&thread, NULL, scribble, s) != 0)
		abort();
	pthread_detach(thread);
	return false;
}

const struct hostile_kind hostile_lies[] = {
	{ "lie-field", lie_field },       { "lie-header", lie_header },
	{ "lie-fill", lie_zero },         { "lie-scatter", lie_scatter },
	{ "lie-record", lie_record },     { "lie-block", lie_block },
	{ "lie-length", lie_length },     { "lie-failed", lie_failed },
	{ "lie-scribble", lie_scribble }, { NULL, NULL },
};
