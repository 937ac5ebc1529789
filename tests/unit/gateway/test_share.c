// SPDX-License-Identifier: Apache-2.0
/* Payloads that others read: they stay until the last of those has ended, whoever ends it. */
#include <string.h>

#include "session.h"

static const char shared_text[] = "what all read";

/* The kernel's part of sending `d` with SP_DESC_SHARES of `root`. */
static void share(const struct sp_desc *d, const struct sp_desc *root)
{
	__atomic_fetch_add(&rig.owners[root->buf].refs, 1, __ATOMIC_SEQ_CST);
	rig.owners[d->buf].ref = root->buf + 1;
}

static uint32_t refs(const struct sp_desc *d)
{
	return __atomic_load_n(&rig.owners[d->buf].refs, __ATOMIC_SEQ_CST);
}

static void test_a_payload_stays_while_it_is_read(void **state)
{
	struct sp_desc root, b[2];

	(void)state;
	start(2, 5000, 16);
	for (int first = 0; first < 2; first++) {
		b[0] = session_leave(1, RIG_FN_SLOT);
		b[1] = session_leave(1, RIG_FN_SLOT);
		root = post();
		share(&b[0], &root);
		share(&b[1], &root);
		rig_send(&rig, root, SP_EDGE_REPLY, SP_DESC_SHARED);
		client_reply(&c, &reply, false);
		assert_string_equal(reply.body, "body");
		rig_send(&rig, b[first], SP_EDGE_REPLY, 0);
		rig_assert_free(&rig, b[first].buf);
		assert_int_equal(refs(&root), 1);
		assert_int_equal(rig_stats(&rig).in_flight, 0);
		assert_int_equal(rig_holder(&rig, root.buf), root.home);
		assert_int_equal(rig.owners[root.buf].word >> 32, root.gen);
		rig_send(&rig, b[1 - first], SP_EDGE_REPLY, 0);
		rig_assert_all_free(&rig);
		assert_int_equal(refs(&root), 0);
		assert_int_equal(rig.owners[b[0].buf].ref | rig.owners[b[1].buf].ref, 0);
	}
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

/* Two workers end the last two readers and the payload's own request at the same time. */
static void test_workers_race_to_free(void **state)
{
	struct sp_desc root, b[2];

	(void)state;
	start(2, 5000, 16);
	for (int i = 0; i < 300; i++) {
		struct sp_desc r;

		b[0] = session_leave(1, RIG_FN_SLOT);
		b[1] = session_leave(2, RIG_FN_SLOT);
		root = session_leave(1 + i % 2, RIG_FN_SLOT);
		share(&b[0], &root);
		share(&b[1], &root);
		r = i % 3 ? root : b[0];
		rig_send(&rig, r, SP_EDGE_REPLY, 0);
		rig_send(&rig, i % 3 ? b[0] : root, SP_EDGE_REPLY, 0);
		rig_send(&rig, b[1], SP_EDGE_REPLY, 0);
		rig_assert_all_free(&rig);
		assert_int_equal(refs(&root), 0);
	}
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_a_moved_request_leaves_its_payload(void **state)
{
	struct sp_desc to, from, b;

	(void)state;
	start(1, 5000, 16);
	b = session_leave(1, RIG_FN_SLOT);
	to = session_lease(1);
	from = post();
	share(&b, &from);
	rig.owners[to.buf].home = 1;
	rig.owners[to.buf].hops = rig.owners[from.buf].hops;
	rig.owners[to.buf].leased = SP_LEASE_NONE;
	rig.owners[from.buf].leased = SP_LEASE_STOCK;
	from.len = to.buf;
	rig_send(&rig, from, SP_EDGE_RELEASE, SP_DESC_MOVED);
	rig_send(&rig, to, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_int_equal(rig_holder(&rig, from.buf), 1);
	rig_send(&rig, b, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	stop();
}

static void test_an_answer_may_be_anothers_payload(void **state)
{
	struct sp_desc root, d;
	struct shm_header *header;

	(void)state;
	start(1, 5000, 16);
	for (int i = 0; i < 4; i++) {
		root = session_leave(1, RIG_FN_SLOT);
		memcpy(shm_buffer_payload(rig_slot(&rig, root.buf)), shared_text,
		       sizeof(shared_text));
		d = post();
		share(&d, &root);
		header = rig_slot(&rig, d.buf);
		header->body_buf = root.buf + 1;
		header->body_len = sizeof(shared_text) - 1;
		if (i == 1)
			header->body_len = 2049; /* beyond its class */
		if (i == 2)
			header->body_buf = d.buf + 1; /* not what the kernel says */
		if (i == 3)
			header->body_buf = UINT32_MAX;
		rig_send(&rig, root, SP_EDGE_REPLY, 0); /* the message ends first */
		rig_send(&rig, d, SP_EDGE_REPLY, 0);
		client_reply(&c, &reply, false);
		if (i == 0)
			assert_string_equal(reply.body, shared_text);
		else
			reply_assert_problem(&reply, 502, "bad-buffer");
		rig_assert_all_free(&rig);
	}
	assert_int_equal(rig_stats(&rig).bad_buffer, 3);
	stop();
}

static void test_readers_outlive_a_gateway(void **state)
{
	struct sp_desc root, b, other_root, queued;

	(void)state;
	start(2, 5000, 16);
	b = session_leave(1, RIG_FN_SLOT);
	root = post();
	share(&b, &root);
	rig_send(&rig, root, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	/* A reader that came home unread, of a payload that a function holds. */
	queued = session_leave(1, RIG_FN_SLOT);
	other_root = session_leave(1, RIG_FN_SLOT);
	share(&queued, &other_root);
	rig_hand_over(&rig, &queued, 1, 0);
	rig_kill(&rig);
	client_close(&c);
	rig_again(&rig);
	client_open(&c, rig.port);
	assert_int_equal(rig_holder(&rig, queued.buf), SP_HOLDER_FREE);
	assert_int_equal(refs(&other_root), 0);
	assert_true(rig_holder(&rig, root.buf) != SP_HOLDER_FREE);
	rig_send(&rig, other_root, SP_EDGE_REPLY, 0);
	rig_send(&rig, b, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_payload_stays_while_it_is_read),
		cmocka_unit_test(test_workers_race_to_free),
		cmocka_unit_test(test_a_moved_request_leaves_its_payload),
		cmocka_unit_test(test_an_answer_may_be_anothers_payload),
		cmocka_unit_test(test_readers_outlive_a_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
