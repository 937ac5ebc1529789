// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_buffer.c - any bytes as a buffer: the check and the walks stay inside the slot, and
 * what the check accepts can be read, searched and moved.
 *
 * How: an input is six bytes, the payload length (four) and where the slot is cut (two),
 * and then the slot itself. The slot is a heap block of exactly its size, so that the
 * address sanitizer sees one byte too far.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/buffer.h"

#define SLOT_SIZE_MAX 8192U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile char sink;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void touch(const char *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sink ^= data[i];
}

static uint32_t walk(const struct shm_header *slot, struct shm_slice block)
{
	const char *start = shm_slice_data(slot, block);
	struct shm_field field, found;
	uint32_t pos = 0, count = 0;

	while (shm_record_next(slot, block, &pos, &field) == 1) {
		require(field.name >= start && field.name_len > 0);
		require(field.value + field.value_len <= start + block.len);
		touch(field.name, field.name_len);
		touch(field.value, field.value_len);
		require(shm_record_find(slot, block, field.name, field.name_len, &found));
		if (++count == 64)
			break; /* finding each again is quadratic */
	}
	require(pos <= block.len);
	return count;
}

static void read_all(const struct shm_header *h, const struct shm_header *slot)
{
	const struct shm_slice slices[] = { h->method, h->path, h->query, h->id, h->topic };

	for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++)
		touch(shm_slice_data(slot, slices[i]), slices[i].len);
	touch((const char *)slot + SHM_HEADER_SIZE, shm_buffer_capacity(h, UINT32_MAX));
}

static void move(struct shm_header h, const struct shm_header *slot, uint32_t payload_len)
{
	uint32_t to_size = h.slot_size + 192;
	struct shm_header *to = malloc(to_size), copy, before = h;

	require(to != NULL);
	require(shm_buffer_move(&h, slot, payload_len, to, to_size) == 0);
	require(shm_header_check(to, to_size, payload_len, &copy) == 0);
	read_all(&copy, to);
	require(walk(to, copy.request_headers) == walk(slot, before.request_headers));
	require(walk(to, copy.response_headers) == walk(slot, before.response_headers));
	free(to);
}

static void put(struct shm_header h, struct shm_header *slot, uint32_t payload_len)
{
	struct shm_field field = { "name", "value", 4, 5 };
	struct shm_slice block = { 0, 0 }, slice;
	struct shm_header copy;

	if (shm_meta_put_at(&h, slot, payload_len, "bytes", 5, &slice) == 0)
		touch(shm_slice_data(slot, slice), slice.len);
	if (shm_record_push_at(&h, slot, payload_len, &block, &field) == 0)
		h.response_headers = block;
	*slot = h;
	require(shm_header_check(slot, h.slot_size, payload_len, &copy) == 0);
	walk(slot, copy.response_headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shm_header *slot, h;
	uint32_t payload_len, slot_size;
	uint16_t cut;

	if (size < sizeof(payload_len) + sizeof(cut) + SHM_HEADER_SIZE)
		return 0;
	memcpy(&payload_len, data, sizeof(payload_len));
	memcpy(&cut, data + sizeof(payload_len), sizeof(cut));
	data += sizeof(payload_len) + sizeof(cut);
	size -= sizeof(payload_len) + sizeof(cut);
	slot_size = size < SLOT_SIZE_MAX ? (uint32_t)size : SLOT_SIZE_MAX;
	slot_size -= cut % (slot_size - SHM_HEADER_SIZE + 1);
	slot = malloc(slot_size);
	require(slot != NULL);
	memcpy(slot, data, slot_size);

	/* Any part of the slot as a block, also where no check has been. */
	walk(slot, (struct shm_slice){ SHM_HEADER_SIZE, slot_size - SHM_HEADER_SIZE });
	if (shm_header_check(slot, slot_size, payload_len, &h) == 0) {
		read_all(&h, slot);
		move(h, slot, payload_len);
		put(h, slot, payload_len);
	}
	free(slot);
	return 0;
}
