// SPDX-License-Identifier: Apache-2.0
/* test_guard.c - what the process loop keeps from the handler, and what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sdk/obey.h"

static void garbage_headers_are_failed_unseen(void **state)
{
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	for (int i = 0; i < 6; i++) {
		struct sp_desc d = rig_request(&rig, 0, "next"), got[ALL];
		struct shm_header *h = rig_slot(&rig, 0);

		switch (i) {
		case 0:
			memset(h, 0xff, sizeof(*h));
			break;
		case 1:
			memset(h, 0, sizeof(*h));
			break;
		case 2:
			h->path.len = 0x7fffffff;
			break;
		case 3:
			h->response_headers = (struct shm_slice){ 16, 64 };
			break;
		case 4:
			h->slot_size += 64;
			break;
		case 5:
			h->meta_low = SHM_HEADER_SIZE + 3;
			break;
		}
		rig_send(&rig, &d, 1);
		assert_int_equal(rig_read(&rig, got), 1);
		obey_expect_failed(&rig, got[0], SP_EUPSTREAM, "buffer header is garbage");
		assert_int_equal(h->slot_size, shm_layout_class(&rig.table.layout, 0)->stride);
	}
	assert_int_equal(rig_counter(&rig, "handled"), 0);
	obey_stop(&rig);
}

static void garbage_records_are_not_read(void **state)
{
	struct sp_desc d, got[ALL];
	struct shm_header *h;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d = rig_request(&rig, 0, "next");
	h = rig_slot(&rig, 0);
	assert_int_equal(shm_meta_put(h, 4, "\xff\xff\xff\xff\xff\xff\xff\xff", 8,
				      &h->request_headers),
			 0);
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].edge, 5);
	obey_stop(&rig);
}

static void an_expired_request_is_failed_unseen(void **state)
{
	struct sp_desc d, got[ALL];
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d = rig_request(&rig, 0, "next");
	rig_slot(&rig, 0)->deadline_ns = 1;
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	obey_expect_failed(&rig, got[0], SP_ETIMEOUT, "the deadline passed on the way to fn");
	assert_int_equal(rig_counter(&rig, "handled"), 0);
	d = rig_request(&rig, 1, "next");
	rig_slot(&rig, 1)->deadline_ns = UINT64_MAX;
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].edge, 5);
	assert_int_equal(rig_counter(&rig, "handled"), 1);
	obey_stop(&rig);
}

static void hops_are_limited(void **state)
{
	struct sp_desc d, got[ALL];
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d = rig_request(&rig, 0, "next");
	rig_slot(&rig, 0)->hops = 7;
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].edge, 5);
	assert_int_equal(rig_slot(&rig, 0)->hops, 8);
	rig_send(&rig, &d, 1); /* the eighth function sent it to a ninth */
	assert_int_equal(rig_read(&rig, got), 1);
	obey_expect_failed(&rig, got[0], SP_ELOOP, "passed 8 functions, the most allowed");
	assert_int_equal(rig_counter(&rig, "handled"), 1);
	obey_stop(&rig);
}

/* The kernel answers a send to a receiver that just died with EPIPE. */
static void a_dead_receiver_is_not_the_end(void **state)
{
	struct sp_desc d;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	close(rig.ins[0]);
	rig.ins[0] = -1;
	for (uint32_t i = 0; i < 2; i++) {
		d = rig_request(&rig, i, "next");
		rig_send(&rig, &d, 1);
	}
	rig_eof(&rig);
	assert_int_equal(rig_wait(&rig), 0);
	assert_int_equal(rig_counter(&rig, "handled"), 2);
	assert_string_equal(rig_log(&rig), "");
}

/* Only a build with AddressSanitizer can tell. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN 1
#endif

#ifdef WITH_ASAN
static void a_late_touch_is_reported(void **state)
{
	struct sp_desc d, got[ALL];
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d = rig_request(&rig, 0, "keep");
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	d = rig_request(&rig, 1, "K");
	rig_send(&rig, &d, 1);
	assert_int_not_equal(rig_wait(&rig), 0);
	assert_non_null(strstr(rig_log(&rig), "use-after-poison"));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_headers_are_failed_unseen),
		cmocka_unit_test(garbage_records_are_not_read),
		cmocka_unit_test(an_expired_request_is_failed_unseen),
		cmocka_unit_test(hops_are_limited),
		cmocka_unit_test(a_dead_receiver_is_not_the_end),
#ifdef WITH_ASAN
		cmocka_unit_test(a_late_touch_is_reported),
#endif
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
