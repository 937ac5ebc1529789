// SPDX-License-Identifier: Apache-2.0
/*
 * test_wire.c - the bytes of every struct that the kernel program and the processes of a
 * chain share. A process built last month may be in the same chain: a failure here means
 * that the change breaks it, not that the test is to be changed.
 * Bytes are little-endian, as on every machine the program is built for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/wire.h"
#include "shm/buffer.h"
#include "shm/counters.h"

#define CHECK(object, ...)                                              \
	do {                                                            \
		static const unsigned char golden[] = { __VA_ARGS__ };  \
		assert_int_equal(sizeof(object), sizeof(golden));       \
		assert_memory_equal(&(object), golden, sizeof(golden)); \
	} while (0)

/* The bytes of `object` from `at` on. */
#define CHECK_AT(object, at, ...)                                                            \
	do {                                                                                 \
		static const unsigned char golden[] = { __VA_ARGS__ };                       \
		assert_true((at) + sizeof(golden) <= sizeof(object));                        \
		assert_memory_equal((const char *)&(object) + (at), golden, sizeof(golden)); \
	} while (0)

static void test_descriptor(void **state)
{
	struct sp_desc d = { .buf = 0x14131211,
			     .gen = 0x24232221,
			     .len = 0x34333231,
			     .edge = 0x41,
			     .flags = 0x51,
			     .home = 0x6261 };

	(void)state;
	CHECK(d, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x41, 0x51,
	      0x61, 0x62);
}

static void test_hop(void **state)
{
	struct sp_hop h = { .at_ns = 0x14131211, .fn = 0x2221, .slot = 0x3231 };

	(void)state;
	CHECK(h, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x31, 0x32);
}

static void test_owner(void **state)
{
	struct sp_owner o = { .word = SP_OWNER_WORD(0x24232221, 0x14131211),
			      .start_ns = 0x3837363534333231,
			      .cap = 0x44434241,
			      .home = 0x5251,
			      .leased = 0x61,
			      .hops = 0x71,
			      .arrived_ns = 0xd8d7d6d5d4d3d2d1,
			      .refs = 0xe4e3e2e1,
			      .ref = 0xf4f3f2f1,
			      .tag = 0x0201,
			      .life = 0x0403,
			      .called = 0x08070605 };

	(void)state;
	o.hop[0] = (struct sp_hop){ 0x84838281, 0x9291, 0xa2a1 };
	o.hop[SP_HOPS_MAX - 1] = (struct sp_hop){ 0xb4b3b2b1, 0xc2c1, 0xd2d1 };
	assert_int_equal(sizeof(o), 256);
	/* The holder is the low half of the word, the generation the high one. */
	CHECK_AT(o, 0, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x35,
		 0x36, 0x37, 0x38, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x61, 0x71, 0xd1, 0xd2, 0xd3,
		 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xe1, 0xe2, 0xe3, 0xe4, 0xf1, 0xf2, 0xf3, 0xf4, 0x01,
		 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x81, 0x82, 0x83, 0x84, 0x91, 0x92, 0xa1,
		 0xa2, 0, 0, 0, 0);
	CHECK_AT(o, 248, 0xb1, 0xb2, 0xb3, 0xb4, 0xc1, 0xc2, 0xd1, 0xd2);
}

static void test_owner_word(void **state)
{
	(void)state;
	assert_true(SP_OWNER_WORD(0, 0) == 0);
	assert_true(SP_OWNER_WORD(1, SP_HOLDER_FREE) == 0x1ffffffffULL);
	assert_true(SP_OWNER_WORD(0xffffffffU, 7) == 0xffffffff00000007ULL);
	assert_true(SP_OWNER_WORD(0x100000000ULL, 7) == 7); /* generations wrap */
}

static void test_instance(void **state)
{
	struct sp_instance i = { .in_flight = 0x14131211,
				 .refill = 0x24232221,
				 .in = 0x3837363534333231,
				 .out = 0x4847464544434241,
				 .fn = 0x54535251,
				 .cpu = 0x64636261,
				 .last_out_ns = 0x7171717171717171,
				 .lender = 0x84838281,
				 .wake = 0x85858585,
				 .cancels = 0x91919191,
				 .life = 0x9191,
				 .limit = 0x9191,
				 .watch = 0xa1a1a1a1,
				 .probes = 0xa1a1a1a1 };

	(void)state;
	CHECK(i, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36,
	      0x37, 0x38, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x51, 0x52, 0x53, 0x54,
	      0x61, 0x62, 0x63, 0x64, 0x71, 0x71, 0x71, 0x71, 0x71, 0x71, 0x71, 0x71, 0x81, 0x82,
	      0x83, 0x84, 0x85, 0x85, 0x85, 0x85, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91,
	      0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1);
}

static void test_function_slots(void **state)
{
	struct sp_function_slots f = { .count = 0x11, .gate = 0x12, .behind = 0x2221 };

	(void)state;
	f.slot[0] = 0x31;
	f.slot[1] = 0x32;
	f.slot[SP_FN_INST_MAX - 1] = 0x33;
	f.on_cpu[0] = 0x41;
	f.on_cpu[1] = 0x42;
	f.on_cpu[SP_CPU_MAX - 1] = 0x43;
	assert_int_equal(sizeof(f), 128);
	CHECK_AT(f, 0, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0);
	CHECK_AT(f, 62, 0, 0x33, 0x41, 0x42, 0);
	CHECK_AT(f, 126, 0, 0x43);
}

static void test_route_identity_event(void **state)
{
	struct sp_route r = { .kind = 0x1211, .fn = 0x2221, .split = 0x34333231 };
	struct sp_identity i = { .slot = 0x14131211, .fn = 0x24232221 };
	struct sp_event e = { .at_ns = 0x1817161514131211,
			      .slot = 0x24232221,
			      .fn = 0x34333231,
			      .reason = 0x44434241,
			      .size = 0x54535251,
			      .desc = { 0x64636261, 0x74737271, 0x84838281, 0x91, 0xa1, 0xb2b1 } };

	(void)state;
	CHECK(r, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x33, 0x34);
	CHECK(i, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24);
	CHECK(e, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32,
	      0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54, 0x61, 0x62, 0x63, 0x64,
	      0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x83, 0x84, 0x91, 0xa1, 0xb1, 0xb2);
}

static void test_tap_and_settings(void **state)
{
	struct sp_tap t = { .at_ns = 0x1817161514131211,
			    .start_ns = 0x2827262524232221,
			    .buf = 0x34333231,
			    .gen = 0x44434241,
			    .len = 0x54535251,
			    .since_us = 0x64636261,
			    .verdict = 0x74737271,
			    .from_fn = 0x8281,
			    .to_fn = 0x9291,
			    .from_slot = 0xa1,
			    .to_slot = 0xb1,
			    .edge = 0xc1,
			    .flags = 0xd1,
			    .reserved = 0xe4e3e2e1 };
	struct sp_settings s = { .tap = 0x14131211,
				 .reserved = 0x24232221,
				 .program = 0x3837363534333231 };

	(void)state;
	CHECK(t, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26,
	      0x27, 0x28, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54,
	      0x61, 0x62, 0x63, 0x64, 0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x91, 0x92, 0xa1, 0xb1,
	      0xc1, 0xd1, 0xe1, 0xe2, 0xe3, 0xe4);
	CHECK(s, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36,
	      0x37, 0x38);
}

static void test_function_stats(void **state)
{
	struct sp_function_counts c = { .stats = { .in = 0x11,
						   .out = 0x12,
						   .failed = 0x13,
						   .dropped = 0x14,
						   .undeliverable = 0x15 } };

	(void)state;
	c.stats.wait.sum_us = 0x21;
	c.stats.wait.count[SP_HIST_BUCKETS - 1] = 0x22;
	c.stats.run.sum_us = 0x23;
	c.stats.run.count[0] = 0x24;
	c.edges[SP_EDGE_MAX] = 0x25;
	c.faults = 0x26;
	assert_int_equal(sizeof(c), 2184);
	CHECK_AT(c, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0x12, 0, 0, 0, 0, 0, 0, 0, 0x13, 0, 0, 0, 0, 0, 0,
		 0, 0x14, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 0x21);
	CHECK_AT(c, 840, 0x22, 0, 0, 0, 0, 0, 0, 0, 0x23, 0, 0, 0, 0, 0, 0, 0, 0x24);
	CHECK_AT(c, 2168, 0x25);
}

/* Both ends of each bucket lie in it, and the buckets leave nothing out. */
static void test_histogram_buckets(void **state)
{
	uint64_t lower = 0;

	(void)state;
	for (unsigned i = 0; i < SP_HIST_BUCKETS - 1; i++) {
		uint64_t upper = sp_histogram_upper_us(i);

		assert_true(upper > lower);
		assert_int_equal(sp_histogram_bucket((uint32_t)lower), i);
		assert_int_equal(sp_histogram_bucket((uint32_t)upper - 1), i);
		/* four to each power of two, or single microseconds */
		assert_true(upper - lower == 1 || (upper - lower) * 4 <= lower);
		lower = upper;
	}
	assert_int_equal(lower, 58720256);
	assert_int_equal(sp_histogram_bucket((uint32_t)lower), SP_HIST_BUCKETS - 1);
	assert_int_equal(sp_histogram_bucket(UINT32_MAX), SP_HIST_BUCKETS - 1);
	assert_true(sp_histogram_upper_us(SP_HIST_BUCKETS - 1) == UINT64_MAX);
}

static struct shm_slice slice_of(uint32_t high)
{
	return (struct shm_slice){ high << 8 | 1, high << 8 | 2 };
}

static void test_header(void **state)
{
	struct shm_header h = { .number = 0x1817161514131211,
				.deadline_ns = 0x2827262524232221,
				.trace_flags = 0x51,
				.qos = 0x52,
				.hops = 0x53,
				.error = 0x54,
				.status = 0x5655,
				.parts = 0x5857,
				.method = slice_of(0x61),
				.path = slice_of(0x62),
				.query = slice_of(0x63),
				.id = slice_of(0x64),
				.topic = slice_of(0x65),
				.request_headers = slice_of(0x66),
				.response_headers = slice_of(0x67),
				.slot_size = 0x74737271,
				.meta_low = 0x84838281,
				.body_buf = 0x94939291,
				.body_len = 0xa4a3a2a1,
				.part_fn = 0xb2b1,
				.alone = 0xc2c1,
				.reserved1 = 0xd4d3d2d1 };

	(void)state;
	memset(h.trace_id, 0x31, sizeof(h.trace_id));
	memset(h.parent_id, 0x41, sizeof(h.parent_id));
	CHECK(h, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26,
	      0x27, 0x28, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31,
	      0x31, 0x31, 0x31, 0x31, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x51, 0x52,
	      0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 1, 0x61, 0, 0, 2, 0x61, 0, 0, 1, 0x62, 0, 0, 2,
	      0x62, 0, 0, 1, 0x63, 0, 0, 2, 0x63, 0, 0, 1, 0x64, 0, 0, 2, 0x64, 0, 0, 1, 0x65, 0, 0,
	      2, 0x65, 0, 0, 1, 0x66, 0, 0, 2, 0x66, 0, 0, 1, 0x67, 0, 0, 2, 0x67, 0, 0, 0x71, 0x72,
	      0x73, 0x74, 0x81, 0x82, 0x83, 0x84, 0x91, 0x92, 0x93, 0x94, 0xa1, 0xa2, 0xa3, 0xa4,
	      0xb1, 0xb2, 0xc1, 0xc2, 0xd1, 0xd2, 0xd3, 0xd4);
}

static void test_counters(void **state)
{
	struct shm_counters c = { .used = 0x14131211 };

	(void)state;
	memset(c.counters[0].name, 0x21, SHM_COUNTER_NAME_MAX);
	c.counters[0].value = 0x3837363534333231;
	c.counters[SHM_COUNTER_MAX - 1].value = 0x4847464544434241;
	CHECK_AT(c, 0, 0x11, 0x12, 0x13, 0x14, 0, 0, 0, 0);
	CHECK_AT(c, 62, 0, 0, 0x21, 0x21);
	CHECK_AT(c, 118, 0x21, 0x21, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0, 0);
	CHECK_AT(c, 4088, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(SP_EDGE_REPLY, 0xf0);
	assert_int_equal(SP_EDGE_RELEASE, 0xf1);
	assert_int_equal(SP_EDGE_REFILL, 0xf2);
	assert_int_equal(SP_EDGE_GRANT, 0xf3);
	assert_int_equal(SP_DESC_QOS_MASK, 0x03);
	assert_int_equal(SP_DESC_ELEPHANT, 0x04);
	assert_int_equal(SP_DESC_UNDELIVERABLE, 0x08);
	assert_int_equal(SP_DESC_FAILED, 0x10);
	assert_int_equal(SP_DESC_MOVED, 0x20);
	assert_int_equal(SP_DESC_DENIED, 0x40);
	assert_int_equal(SP_DESC_DROPPED, 0x80);
	assert_int_equal(SP_ROUTE_NONE, 0);
	assert_int_equal(SP_ROUTE_FUNCTION, 1);
	assert_int_equal(SP_ROUTE_REPLY, 2);
	assert_int_equal(SP_GATEWAY_FN, 0);
	assert_int_equal(SP_SLOT_NONE, 0);
	assert_true(SP_HOLDER_FREE == 0xffffffffU);
	assert_true(SP_HOLDER_FREE >= SP_INST_MAX); /* no instance is called nobody */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_hop),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_owner_word),
		cmocka_unit_test(test_instance),
		cmocka_unit_test(test_function_slots),
		cmocka_unit_test(test_route_identity_event),
		cmocka_unit_test(test_tap_and_settings),
		cmocka_unit_test(test_function_stats),
		cmocka_unit_test(test_histogram_buckets),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
