// SPDX-License-Identifier: Apache-2.0
#include "shm/buffer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* A record is these eight bytes, the name, the value, and padding to four bytes. */
struct record {
	uint32_t name_len;
	uint32_t value_len;
};

void shm_header_init(struct shm_header *header, uint32_t slot_size)
{
	memset(header, 0, sizeof(*header));
	header->slot_size = slot_size;
	header->meta_low = slot_size;
}

uint32_t shm_buffer_capacity(const struct shm_header *header, uint32_t size)
{
	uint32_t room = header->meta_low - SHM_HEADER_SIZE;

	return room < size ? room : size;
}

/* Lowers meta_low by `len`, and says where in `slot` that is; NULL when the payload is in
 * the way. */
static char *meta_take(struct shm_header *header, struct shm_header *slot, uint32_t payload_len,
		       size_t len)
{
	uint64_t low = (uint64_t)SHM_HEADER_SIZE + payload_len;

	if (low > header->meta_low || len > header->meta_low - low)
		return NULL;
	header->meta_low -= (uint32_t)len;
	return (char *)slot + header->meta_low;
}

int shm_meta_put_at(struct shm_header *header, struct shm_header *slot, uint32_t payload_len,
		    const void *data, size_t len, struct shm_slice *ret)
{
	char *to = meta_take(header, slot, payload_len, len);

	if (!to)
		return -ENOSPC;
	if (len > 0)
		memcpy(to, data, len);
	ret->off = header->meta_low;
	ret->len = (uint32_t)len;
	return 0;
}

uint32_t shm_record_size(uint32_t name_len, uint32_t value_len)
{
	return (uint32_t)((sizeof(struct record) + name_len + value_len + 3) & ~3UL);
}

int shm_record_push_at(struct shm_header *header, struct shm_header *slot, uint32_t payload_len,
		       struct shm_slice *block, const struct shm_field *field)
{
	struct record r = { field->name_len, field->value_len };
	uint32_t size;
	char *to;

	if (r.name_len == 0 || r.name_len > SHM_NAME_MAX || r.value_len > SHM_VALUE_MAX)
		return -EINVAL;
	if (block->len > 0 && block->off != header->meta_low)
		return -EINVAL;
	size = shm_record_size(r.name_len, r.value_len);
	to = meta_take(header, slot, payload_len, size);
	if (!to)
		return -ENOSPC;
	memcpy(to, &r, sizeof(r));
	memcpy(to + sizeof(r), field->name, r.name_len);
	if (r.value_len > 0)
		memcpy(to + sizeof(r) + r.name_len, field->value, r.value_len);
	block->off = header->meta_low;
	block->len += size;
	return 0;
}

int shm_record_next(const struct shm_header *header, struct shm_slice block, uint32_t *pos,
		    struct shm_field *ret)
{
	const char *at = shm_slice_data(header, block) + *pos;
	uint32_t left = block.len - *pos;
	struct record r;

	if (*pos == block.len)
		return 0;
	if (*pos > block.len || left < sizeof(r))
		return -EBADMSG;
	/* Lengths are copied once: their writer may still be changing them. */
	memcpy(&r, at, sizeof(r));
	__asm__ volatile("" : : : "memory"); /* and the compiler does not read them again */
	if (r.name_len == 0 || r.name_len > SHM_NAME_MAX || r.value_len > SHM_VALUE_MAX ||
	    shm_record_size(r.name_len, r.value_len) > left)
		return -EBADMSG;
	ret->name = at + sizeof(r);
	ret->name_len = r.name_len;
	ret->value = ret->name + r.name_len;
	ret->value_len = r.value_len;
	*pos += shm_record_size(r.name_len, r.value_len);
	return 1;
}

bool shm_record_find(const struct shm_header *header, struct shm_slice block, const char *name,
		     size_t name_len, struct shm_field *ret)
{
	struct shm_field field;
	uint32_t pos = 0;

	while (shm_record_next(header, block, &pos, &field) == 1) {
		if (field.name_len != name_len || strncasecmp(field.name, name, name_len) != 0)
			continue;
		*ret = field;
		return true;
	}
	return false;
}

/* Absent, or within the meta data, where it may be empty. With few branches: every function judges
 * all seven slices of every request. */
static bool slice_valid(const struct shm_header *h, struct shm_slice s)
{
	return (s.off | s.len) == 0 ||
	       (s.off >= h->meta_low && (uint64_t)s.off + s.len <= h->slot_size);
}

int shm_header_check(const struct shm_header *shared, uint32_t slot_size, uint32_t payload_len,
		     struct shm_header *ret)
{
	struct shm_header h;

	memcpy(&h, shared, sizeof(h));
	/* The compiler must not read the shared copy again after the checks. */
	__asm__ volatile("" : : : "memory");
	if (h.slot_size != slot_size || h.meta_low > slot_size ||
	    h.meta_low < (uint64_t)SHM_HEADER_SIZE + payload_len)
		return -EBADMSG;
	if (!slice_valid(&h, h.method) || !slice_valid(&h, h.path) || !slice_valid(&h, h.query) ||
	    !slice_valid(&h, h.id) || !slice_valid(&h, h.topic) ||
	    !slice_valid(&h, h.request_headers) || !slice_valid(&h, h.response_headers))
		return -EBADMSG;
	*ret = h;
	return 0;
}

static void slice_shift(struct shm_slice *s, uint32_t by)
{
	if (s->len > 0)
		s->off += by;
	else
		s->off = 0;
}

int shm_meta_copy(struct shm_header *header, const struct shm_header *from, struct shm_header *to,
		  uint32_t to_slot_size, uint32_t payload_len)
{
	uint32_t meta = header->slot_size - header->meta_low;
	uint32_t shift = to_slot_size - header->slot_size; /* modulo 2^32, as offsets are */

	if ((uint64_t)SHM_HEADER_SIZE + payload_len + meta > to_slot_size)
		return -ENOSPC;
	memcpy((char *)to + to_slot_size - meta, (const char *)from + header->meta_low, meta);
	header->slot_size = to_slot_size;
	header->meta_low = to_slot_size - meta;
	slice_shift(&header->method, shift);
	slice_shift(&header->path, shift);
	slice_shift(&header->query, shift);
	slice_shift(&header->id, shift);
	slice_shift(&header->topic, shift);
	slice_shift(&header->request_headers, shift);
	slice_shift(&header->response_headers, shift);
	return 0;
}

int shm_buffer_move(struct shm_header *header, const struct shm_header *from, uint32_t from_payload,
		    struct shm_header *to, uint32_t to_slot_size)
{
	int r = shm_meta_copy(header, from, to, to_slot_size, from_payload);

	if (r < 0)
		return r;
	memcpy((char *)to + SHM_HEADER_SIZE, (const char *)from + SHM_HEADER_SIZE, from_payload);
	*to = *header;
	return 0;
}
