/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - what one buffer looks like inside.
 *
 * For: the gateway, which fills a buffer from an HTTP request and reads the answer back,
 * and the SDK, which shows it to a function.
 * How: a slot is
 *
 *     | header 128 B | payload, grows up -->  ...  <-- meta data, grows down |
 *
 * Meta data are byte strings (method, path, header records), named by slices: offset and
 * length from the slot's start. SHM_META_ROOM bytes beyond the class size belong to them;
 * when they need more, the payload's capacity shrinks.
 * Trust: every process of the chain can write all of it at any time, so whatever is read
 * here is input. shm_header_check() copies the header first and judges the copy; use the
 * copy. The length of the payload is not here but in the descriptor, which the kernel has
 * checked.
 * Thread-safety: a buffer belongs to its holder; the functions lock nothing.
 */
#ifndef SPROCKET_SHM_BUFFER_H
#define SPROCKET_SHM_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_HEADER_SIZE 128U
#define SHM_NAME_MAX 256U    /* bytes of a header name */
#define SHM_VALUE_MAX 65535U /* bytes of a header value */

struct shm_slice {
	uint32_t off; /* bytes from the slot's start; 0 with len 0: absent */
	uint32_t len;
};

struct shm_header {
	uint64_t number;      /* of the request, unique in the chain's life; for logs */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0 = none */
	uint8_t trace_id[16]; /* W3C trace context */
	uint8_t parent_id[8];
	uint8_t trace_flags;
	uint8_t qos;
	uint8_t hops;    /* functions that handled it */
	uint8_t error;   /* enum sp_error of a failed reply */
	uint16_t status; /* HTTP status of the reply; 0 = not set */
	uint16_t parts;  /* buffers that follow it in the same message: answers of a join */
	struct shm_slice method;
	struct shm_slice path;
	struct shm_slice query; /* without the question mark */
	struct shm_slice id;    /* X-Request-Id */
	struct shm_slice topic;
	struct shm_slice request_headers;  /* records */
	struct shm_slice response_headers; /* records, last set first */
	uint32_t slot_size;                /* bytes a slot has, header included */
	uint32_t meta_low; /* lowest byte used by meta data; payload ends below it */
	/* The body is the payload of another buffer, to be read only, or its own. What a forged
	 * value can do is to show bytes of the pool, all of which its processes can read. */
	uint32_t body_buf; /* 1 + index; 0: its own */
	uint32_t body_len; /* bytes of it, when it is another's */
	uint16_t part_fn;  /* of a part: function whose answer it is */
	uint16_t alone;    /* 1: a message that nobody waits for */
	uint32_t reserved1;
};
_Static_assert(sizeof(struct shm_header) == SHM_HEADER_SIZE, "two cache lines");

/* A header field in a record block. Pointers go into the slot. */
struct shm_field {
	const char *name; /* lower case, not NUL-terminated */
	const char *value;
	uint32_t name_len;
	uint32_t value_len;
};

/* Makes an empty buffer of `slot_size` bytes (a class's stride). */
void shm_header_init(struct shm_header *header, uint32_t slot_size);

/* Payload bytes that fit: up to the meta data, and never above the class's `size`. */
uint32_t shm_buffer_capacity(const struct shm_header *header, uint32_t size);

static inline char *shm_buffer_payload(struct shm_header *header)
{
	return (char *)header + SHM_HEADER_SIZE;
}

static inline char *shm_slice_data(const struct shm_header *header, struct shm_slice s)
{
	return (char *)(uintptr_t)header + s.off;
}

/*
 * Copies `len` bytes to the meta area, leaving `payload_len` payload bytes untouched.
 * `header` is a private copy, which says where the meta area is, and `slot` the buffer: its
 * own header may change meanwhile, so it is not read. Write the copy to it in the end.
 * Returns 0 and *ret, or -ENOSPC when they do not fit: nothing is changed then.
 */
int shm_meta_put_at(struct shm_header *header, struct shm_header *slot, uint32_t payload_len,
		    const void *data, size_t len, struct shm_slice *ret);

/* The same with the header in the slot itself: only where no other process writes to it, or
 * where this process may crash when one does. */
static inline int shm_meta_put(struct shm_header *header, uint32_t payload_len, const void *data,
			       size_t len, struct shm_slice *ret)
{
	return shm_meta_put_at(header, header, payload_len, data, len, ret);
}

/* Bytes that a record of these lengths takes. */
uint32_t shm_record_size(uint32_t name_len, uint32_t value_len);

/*
 * Puts a record in front of `block` (request_headers or response_headers of this header),
 * which must be the meta data put last or empty. Returns 0, -ENOSPC, or -EINVAL for a
 * name or value that is too long or a block that is not the last. `header` and `slot` as in
 * shm_meta_put_at().
 */
int shm_record_push_at(struct shm_header *header, struct shm_header *slot, uint32_t payload_len,
		       struct shm_slice *block, const struct shm_field *field);

/* The same with the header in the slot itself, see shm_meta_put(). */
static inline int shm_record_push(struct shm_header *header, uint32_t payload_len,
				  struct shm_slice *block, const struct shm_field *field)
{
	return shm_record_push_at(header, header, payload_len, block, field);
}

/*
 * Next record of a block: start with *pos = 0. Returns 1 and *ret, 0 at the end, or
 * -EBADMSG when the block is garbage. Reads nothing outside the block.
 */
int shm_record_next(const struct shm_header *header, struct shm_slice block, uint32_t *pos,
		    struct shm_field *ret);

/* Finds a field by name, case-insensitive (ASCII). Returns true and *ret when there. */
bool shm_record_find(const struct shm_header *header, struct shm_slice block, const char *name,
		     size_t name_len, struct shm_field *ret);

/*
 * Copies the header of a buffer that another process wrote, and checks every length and
 * offset in the copy against `slot_size` and `payload_len`.
 * Returns 0 and *ret, or -EBADMSG.
 */
int shm_header_check(const struct shm_header *shared, uint32_t slot_size, uint32_t payload_len,
		     struct shm_header *ret);

/*
 * Copies the meta data of the buffer `from` into the slot `to` of `to_slot_size` bytes, which
 * may be smaller; `payload_len` bytes of payload keep their room there. `header` as below, but
 * not written to `to`. Returns 0; -ENOSPC when they do not fit: nothing is changed then.
 */
int shm_meta_copy(struct shm_header *header, const struct shm_header *from, struct shm_header *to,
		  uint32_t to_slot_size, uint32_t payload_len);

/*
 * Copies payload and meta data of the buffer `from` into the slot `to` of
 * `to_slot_size` bytes. `header` is the checked copy of the source's header; its slices
 * are shifted, since meta data hang from a slot's end, and it is written to `to`.
 * Returns 0; -ENOSPC when they do not fit: nothing is changed then.
 */
int shm_buffer_move(struct shm_header *header, const struct shm_header *from, uint32_t from_payload,
		    struct shm_header *to, uint32_t to_slot_size);

#endif
