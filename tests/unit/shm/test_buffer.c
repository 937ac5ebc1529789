// SPDX-License-Identifier: Apache-2.0
/*
 * test_buffer.c - header and meta data of a buffer; nothing outside its slot is touched,
 * whatever another process has written into it, or is writing right now.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/shm/slot.h"

#define SIZE SLOT_PAGE
#define ODD (SIZE - 64U) /* a real stride: an odd number of cache lines */

static const size_t slices[] = {
	offsetof(struct shm_header, method),
	offsetof(struct shm_header, path),
	offsetof(struct shm_header, query),
	offsetof(struct shm_header, id),
	offsetof(struct shm_header, topic),
	offsetof(struct shm_header, request_headers),
	offsetof(struct shm_header, response_headers),
};
#define SLICES (sizeof(slices) / sizeof(*slices))

static struct shm_slice *slice_at(struct shm_header *h, size_t i)
{
	return (struct shm_slice *)(void *)((char *)h + slices[i]);
}

/* What a caller may rely on once shm_header_check() has said yes. */
static void check_copy(struct shm_header *h, const struct guarded *g, uint32_t payload_len)
{
	assert_int_equal(h->slot_size, g->size);
	assert_true(h->meta_low <= g->size);
	assert_true((uint64_t)SHM_HEADER_SIZE + payload_len <= h->meta_low);
	assert_true(shm_buffer_capacity(h, UINT32_MAX) >= payload_len);
	for (size_t i = 0; i < SLICES; i++)
		touch(shm_slice_data(g->slot, *slice_at(h, i)), slice_at(h, i)->len);
	walk(g->slot, h->request_headers);
	walk(g->slot, h->response_headers);
}

/* A request as the gateway makes one: 100 payload bytes, every slice in use. */
static void fill_request(struct guarded *g)
{
	static const char text[] = "0123456789abcdef";
	struct shm_field field = { "host", "example", 4, 7 };

	shm_header_init(g->slot, g->size);
	memset(shm_buffer_payload(g->slot), 'p', 100);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(shm_meta_put(g->slot, 100, text + i, 3 + i, slice_at(g->slot, i)),
				 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(shm_record_push(g->slot, 100, &g->slot->request_headers, &field),
				 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(shm_record_push(g->slot, 100, &g->slot->response_headers, &field),
				 0);
}

static void test_new_header(void **state)
{
	struct shm_header zero = { .slot_size = ODD, .meta_low = ODD }, copy;
	struct guarded g = guarded_new(ODD);

	(void)state;
	fill_random(g.slot, g.size);
	shm_header_init(g.slot, g.size);
	assert_memory_equal(g.slot, &zero, sizeof(zero));
	assert_int_equal(shm_header_check(g.slot, g.size, 0, &copy), 0);
	assert_memory_equal(&copy, &zero, sizeof(zero));
	assert_int_equal(shm_buffer_capacity(g.slot, 1000), 1000);
	assert_int_equal(shm_buffer_capacity(g.slot, UINT32_MAX), ODD - SHM_HEADER_SIZE);
	assert_ptr_equal(shm_buffer_payload(g.slot), (char *)g.slot + SHM_HEADER_SIZE);
	guarded_free(&g);
}

static void test_meta_grows_down(void **state)
{
	struct guarded g = guarded_new(ODD);
	struct shm_slice a, b, empty;

	(void)state;
	shm_header_init(g.slot, g.size);
	assert_int_equal(shm_meta_put(g.slot, 0, "hello", 5, &a), 0);
	assert_int_equal(shm_meta_put(g.slot, 0, "you", 3, &b), 0);
	assert_int_equal(shm_meta_put(g.slot, 0, NULL, 0, &empty), 0);
	assert_int_equal(a.off, ODD - 5);
	assert_int_equal(b.off, ODD - 8);
	assert_int_equal(empty.len, 0);
	assert_memory_equal(shm_slice_data(g.slot, a), "hello", 5);
	assert_memory_equal(shm_slice_data(g.slot, b), "you", 3);
	assert_int_equal(shm_buffer_capacity(g.slot, UINT32_MAX), ODD - SHM_HEADER_SIZE - 8);
	guarded_free(&g);
}

static void test_meta_stops_at_the_payload(void **state)
{
	static char text[ODD];
	static const struct {
		uint32_t payload_len;
		size_t len;
	} too_much[] = {
		{ 1000, ODD - SHM_HEADER_SIZE - 1000 + 1 },
		{ ODD - SHM_HEADER_SIZE, 1 },
		{ ODD - SHM_HEADER_SIZE + 1, 0 },
		{ UINT32_MAX, 0 },
		{ 0, (size_t)1 << 32 },
		{ 0, SIZE_MAX },
		{ 1000, SIZE_MAX - 1127 }, /* the sum wraps to 0 */
	};
	struct guarded g = guarded_new(ODD);
	struct shm_slice slice = { 7, 7 };

	(void)state;
	shm_header_init(g.slot, g.size);
	for (size_t i = 0; i < sizeof(too_much) / sizeof(*too_much); i++) {
		assert_int_equal(shm_meta_put(g.slot, too_much[i].payload_len, text,
					      too_much[i].len, &slice),
				 -ENOSPC);
		assert_int_equal(slice.off, 7);
		assert_int_equal(slice.len, 7);
		assert_int_equal(g.slot->meta_low, ODD);
	}
	assert_int_equal(shm_meta_put(g.slot, 1000, text, ODD - SHM_HEADER_SIZE - 1000, &slice), 0);
	assert_int_equal(slice.off, SHM_HEADER_SIZE + 1000);
	guarded_free(&g);
}

/* The header in the slot is a lie from end to end: only the private one counts. */
static void test_put_by_a_private_header(void **state)
{
	struct guarded g = guarded_new(ODD);
	struct shm_field field = { "host", "example", 4, 7 };
	struct shm_header own, copy;

	(void)state;
	shm_header_init(&own, g.size);
	memset(g.slot, 0xff, sizeof(*g.slot));
	assert_int_equal(shm_meta_put_at(&own, g.slot, 10, "path", 4, &own.path), 0);
	assert_int_equal(shm_record_push_at(&own, g.slot, 10, &own.request_headers, &field), 0);
	assert_memory_equal(g.slot, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(own.path.off, ODD - 4);
	assert_memory_equal(shm_slice_data(g.slot, own.path), "path", 4);
	*g.slot = own;
	assert_int_equal(shm_header_check(g.slot, g.size, 10, &copy), 0);
	assert_true(shm_record_find(g.slot, copy.request_headers, "host", 4, &field));
	guarded_free(&g);
}

static void test_check_accepts_a_request(void **state)
{
	struct guarded g = guarded_new(ODD);
	struct shm_header copy;

	(void)state;
	fill_request(&g);
	assert_int_equal(shm_header_check(g.slot, g.size, 100, &copy), 0);
	assert_memory_equal(&copy, g.slot, sizeof(copy));
	check_copy(&copy, &g, 100);
	assert_int_equal(walk(g.slot, copy.request_headers), 0);
	assert_int_equal(walk(g.slot, copy.response_headers), 0);
	guarded_free(&g);
}

static void test_check_refuses_sizes(void **state)
{
	struct guarded g = guarded_new(ODD);
	struct shm_header copy, before;
	uint32_t room;

	(void)state;
	memset(&copy, 0x5a, sizeof(copy));
	before = copy;
	fill_request(&g);
	room = g.slot->meta_low - SHM_HEADER_SIZE;
	assert_int_equal(shm_header_check(g.slot, g.size, room + 1, &copy), -EBADMSG);
	assert_int_equal(shm_header_check(g.slot, g.size, UINT32_MAX, &copy), -EBADMSG);
	assert_int_equal(shm_header_check(g.slot, g.size - 64, 0, &copy), -EBADMSG);
	g.slot->slot_size = UINT32_MAX;
	assert_int_equal(shm_header_check(g.slot, g.size, 0, &copy), -EBADMSG);
	shm_header_init(g.slot, g.size);
	g.slot->meta_low = g.size + 1;
	assert_int_equal(shm_header_check(g.slot, g.size, 0, &copy), -EBADMSG);
	g.slot->meta_low = SHM_HEADER_SIZE - 1;
	assert_int_equal(shm_header_check(g.slot, g.size, 0, &copy), -EBADMSG);
	assert_memory_equal(&copy, &before, sizeof(copy));
	guarded_free(&g);
}

static void test_check_looks_at_every_slice(void **state)
{
	static const struct {
		uint32_t off, len;
		int expect;
	} cases[] = {
		{ 0, 0, 0 },
		{ ODD - 8, 8, 0 },
		{ ODD - 8, 0, 0 },
		{ ODD, 0, 0 },
		{ ODD - 8, 9, -EBADMSG },
		{ ODD - 9, 8, -EBADMSG }, /* begins in the payload */
		{ ODD - 9, 0, -EBADMSG },
		{ ODD, 1, -EBADMSG },
		{ ODD + 1, 0, -EBADMSG },
		{ 0, 8, -EBADMSG },                /* the header itself */
		{ ODD - 4, UINT32_MAX, -EBADMSG }, /* the end wraps */
		{ ODD - 4, UINT32_MAX - ODD + 8, -EBADMSG },
		{ UINT32_MAX, 1, -EBADMSG },
		{ UINT32_MAX, UINT32_MAX, -EBADMSG },
	};
	struct guarded g = guarded_new(ODD);
	struct shm_header copy;

	(void)state;
	for (size_t s = 0; s < SLICES; s++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			shm_header_init(g.slot, g.size);
			g.slot->meta_low = ODD - 8;
			*slice_at(g.slot, s) = (struct shm_slice){ cases[i].off, cases[i].len };
			assert_int_equal(shm_header_check(g.slot, g.size, 0, &copy),
					 cases[i].expect);
		}
	}
	guarded_free(&g);
}

/* Garbage by seed: a good request with some of it overwritten, so that a part passes. */
static void test_random_garbage(void **state)
{
	struct guarded g = guarded_new(SIZE);
	uint32_t good = 0;

	(void)state;
	srand(4);
	for (int round = 0; round < 20000; round++) {
		uint32_t payload_len = rand() % 2 ? 100 : (uint32_t)rand() % (2 * SIZE);
		struct shm_header copy;
		uint32_t at;

		fill_request(&g);
		for (int i = rand() % 4; i > 0; i--) {
			at = (uint32_t)rand() % (rand() % 2 ? g.size : SHM_HEADER_SIZE);
			fill_random((char *)g.slot + at, 1 + (uint32_t)rand() % (g.size - at) % 8);
		}
		if (rand() % 8 == 0)
			fill_random((char *)g.slot + 128, g.size - 128);
		if (shm_header_check(g.slot, g.size, payload_len, &copy) < 0)
			continue;
		good++;
		check_copy(&copy, &g, payload_len);
	}
	assert_in_range(good, 2000, 18000);
	guarded_free(&g);
}

/* Another process writes to header and records all the time. */
static void test_written_while_checked(void **state)
{
	struct guarded g = guarded_new(SIZE);
	pid_t child;

	(void)state;
	fill_request(&g);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		volatile struct shm_header *h = g.slot;
		volatile char *low = (char *)g.slot + g.slot->meta_low;
		struct shm_slice good = g.slot->response_headers;

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* when an assertion below ends the test */
		for (uint32_t i = 0;; i++) {
			h->response_headers.off = i % 2 ? 3U << 30 : good.off;
			h->meta_low = i % 4 ? good.off : 0;
			low[3] = (char)(i % 2 ? 0x7f : 0);
			low[6] = (char)(i % 3 ? 0x7f : 0);
			for (volatile uint32_t pause = i % 32; pause > 0; pause--)
				;
		}
	}
	for (int round = 0; round < 1000000; round++) {
		struct shm_header copy;

		if (shm_header_check(g.slot, g.size, 100, &copy) == 0)
			check_copy(&copy, &g, 100);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	guarded_free(&g);
}

static void test_move(void **state)
{
	struct guarded from = guarded_new(ODD), to = guarded_new(4 * SIZE - 64);
	struct shm_header copy, moved;

	(void)state;
	fill_request(&from);
	from.slot->id = (struct shm_slice){ from.slot->meta_low, 0 };
	from.slot->number = 42;
	assert_int_equal(shm_header_check(from.slot, from.size, 100, &copy), 0);
	memset(from.slot, 0xff, sizeof(*from.slot)); /* the copy counts, not the slot */
	assert_int_equal(shm_buffer_move(&copy, from.slot, 100, to.slot, to.size), 0);
	assert_memory_equal(&copy, to.slot, sizeof(copy));
	assert_int_equal(shm_header_check(to.slot, to.size, 100, &moved), 0);
	assert_int_equal(moved.number, 42);
	check_copy(&moved, &to, 100);
	assert_memory_equal(shm_buffer_payload(to.slot), shm_buffer_payload(from.slot), 100);
	assert_memory_equal(shm_slice_data(to.slot, moved.method), "012", 3);
	assert_memory_equal(shm_slice_data(to.slot, moved.topic), "456789a", 7);
	assert_int_equal(moved.id.len, 0);
	assert_int_equal(walk(to.slot, moved.request_headers), 0);
	assert_int_equal(walk(to.slot, moved.response_headers), 0);
	assert_int_equal(to.size - moved.meta_low, 25 + 6 * 20);
	guarded_free(&from);
	guarded_free(&to);
}

static void test_move_that_does_not_fit(void **state)
{
	struct guarded from = guarded_new(ODD), to = guarded_new(ODD);
	struct shm_header copy, before;

	(void)state;
	fill_request(&from);
	assert_int_equal(shm_header_check(from.slot, from.size, 100, &copy), 0);
	memset(to.slot, 0x5a, to.size);
	before = copy;
	assert_int_equal(shm_buffer_move(&copy, from.slot, 100, to.slot,
					 SHM_HEADER_SIZE + 100 + from.size - copy.meta_low - 1),
			 -ENOSPC);
	assert_int_equal(shm_buffer_move(&copy, from.slot, ODD, to.slot, to.size), -ENOSPC);
	assert_int_equal(shm_buffer_move(&copy, from.slot, UINT32_MAX, to.slot, to.size), -ENOSPC);
	assert_memory_equal(&copy, &before, sizeof(copy));
	for (uint32_t i = 0; i < to.size; i++)
		assert_int_equal(((unsigned char *)to.slot)[i], 0x5a);
	/* The same size is enough. */
	assert_int_equal(shm_buffer_move(&copy, from.slot, 100, to.slot, to.size), 0);
	assert_memory_equal(&copy, &before, sizeof(copy));
	guarded_free(&from);
	guarded_free(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_header),
		cmocka_unit_test(test_meta_grows_down),
		cmocka_unit_test(test_meta_stops_at_the_payload),
		cmocka_unit_test(test_put_by_a_private_header),
		cmocka_unit_test(test_check_accepts_a_request),
		cmocka_unit_test(test_check_refuses_sizes),
		cmocka_unit_test(test_check_looks_at_every_slice),
		cmocka_unit_test(test_random_garbage),
		cmocka_unit_test(test_written_while_checked),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_move_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
