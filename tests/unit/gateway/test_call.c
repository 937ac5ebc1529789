// SPDX-License-Identifier: Apache-2.0
/* Calls, messages and parts of a join, and who is told that nobody waits any more. */
#include <string.h>
#include <sys/socket.h>

#include "functions/sdk/sprocket.h"
#include "session.h"

#define CALLER_SLOT 41U

static const char shared_text[] = "what all read";

/* Takes the answer that the gateway gives to a call. */
static void assert_call_failed(const struct sp_desc *call, const char *text)
{
	struct sp_desc d = rig_take_raw(&rig);
	const struct shm_header *header = rig_slot(&rig, d.buf);

	assert_int_equal(d.buf, call->buf);
	assert_int_equal(d.edge, SP_EDGE_REPLY);
	assert_int_equal(d.flags, SP_DESC_FAILED);
	assert_int_equal(d.home, CALLER_SLOT);
	assert_int_equal(d.len, strlen(text));
	assert_int_equal(header->error, SP_EUPSTREAM);
	assert_int_equal(header->body_buf | header->parts, 0);
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, d.buf)), text, strlen(text));
	rig.owners[d.buf].leased = SP_LEASE_STOCK;
	rig_hand_over(&rig, &d, CALLER_SLOT, 1);
}

static void lost(uint32_t slot, uint32_t fn, uint32_t count)
{
	rig_tell(&rig, WIRING_LOST, slot, fn, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, count);
}

static void test_a_call_of_the_dead_is_answered(void **state)
{
	struct sp_desc call, stock;

	(void)state;
	start(2, 5000, 16);
	call = session_leave(CALLER_SLOT, RIG_FN_SLOT);
	memset(rig_slot(&rig, call.buf), 0xff, SHM_HEADER_SIZE); /* what the callee left */
	stock = session_lease(0);
	rig.owners[stock.buf].home = 77; /* as of a call that came back */
	lost(RIG_FN_SLOT, SESSION_CALLEE_FN, 2);
	assert_call_failed(&call, "second died");
	assert_int_equal(rig_holder(&rig, stock.buf), SP_HOLDER_FREE);
	assert_int_equal(rig_stats(&rig).lost, 0);
	assert_int_equal(rig_stats(&rig).leased, 1);
	/* The caller dies, too: its stock is back. */
	lost(CALLER_SLOT, 1, 1);
	stop();
}

static void test_a_call_let_go_is_answered(void **state)
{
	struct sp_desc call;

	(void)state;
	start(1, 5000, 16);
	call = session_leave(CALLER_SLOT, RIG_FN_SLOT);
	call.home = 1;
	rig_send(&rig, call, SP_EDGE_RELEASE, 0);
	assert_call_failed(&call, "second let the call go");
	lost(CALLER_SLOT, 1, 1);
	/* Nothing is written where others read. */
	call = session_leave(CALLER_SLOT, RIG_FN_SLOT);
	memcpy(shm_buffer_payload(rig_slot(&rig, call.buf)), shared_text, sizeof(shared_text));
	rig.owners[call.buf].refs = 1;
	lost(RIG_FN_SLOT, SESSION_CALLEE_FN, 1);
	assert_call_failed(&call, "");
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, call.buf)), shared_text,
			    sizeof(shared_text));
	rig.owners[call.buf].refs = 0;
	lost(CALLER_SLOT, 1, 1);
	stop();
}

static void test_an_answer_without_caller_is_freed(void **state)
{
	struct sp_desc call;

	(void)state;
	start(1, 5000, 16);
	/* A reply, and a call that found no instance, whose caller is gone. */
	for (int i = 0; i < 2; i++) {
		call = session_leave(CALLER_SLOT, RIG_FN_SLOT);
		call.home = 1;
		rig_send(&rig, call, i ? 3 : SP_EDGE_REPLY, SP_DESC_UNDELIVERABLE);
		rig_assert_all_free(&rig);
	}
	assert_int_equal(rig_stats(&rig).held, 0);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_a_message_ends_at_home(void **state)
{
	static const uint8_t flags[] = { 0, SP_DESC_FAILED, SP_DESC_DROPPED };
	struct sp_desc m;

	(void)state;
	start(1, 5000, 16);
	for (size_t i = 0; i < sizeof(flags); i++) {
		m = session_leave(1, RIG_FN_SLOT);
		rig_send(&rig, m, SP_EDGE_REPLY, flags[i]);
		rig_assert_all_free(&rig);
	}
	m = session_leave(1, RIG_FN_SLOT);
	rig_send(&rig, m, SP_EDGE_RELEASE, 0);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).lost, 0);
	session_leave(1, RIG_FN_SLOT);
	lost(RIG_FN_SLOT, SESSION_CALLEE_FN, 1);
	assert_int_equal(rig_stats(&rig).lost, 1);
	assert_false(rig_waiting(&rig, 0));
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_a_message_waits_for_an_instance(void **state)
{
	struct sp_desc m, again;

	(void)state;
	start(1, 300, 16);
	m = session_leave(1, RIG_FN_SLOT);
	m.len = 9;
	rig_send(&rig, m, 3, SP_DESC_UNDELIVERABLE | SP_DESC_SHARED | 2);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig_stats(&rig).held, 1);
	rig_tell(&rig, WIRING_UP, 0, 1, 0); /* the last stamp of the rig's names function 1 */
	again = rig_take(&rig);
	assert_int_equal(again.buf, m.buf);
	assert_int_equal(again.len, 9);
	assert_int_equal(again.flags, 2);
	assert_int_equal(rig.owners[m.buf].leased, SP_LEASE_OUT);
	rig_send(&rig, again, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	/* Nobody comes up: it is lost when the chain's timeout has passed. */
	rig_tell(&rig, WIRING_LOST, 99, 1, 0);
	rig_hear(&rig, WIRING_RECLAIMED);
	m = session_leave(1, RIG_FN_SLOT);
	rig_send(&rig, m, 3, SP_DESC_UNDELIVERABLE);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).lost, 1);
	assert_int_equal(rig_stats(&rig).held, 2);
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	assert_false(rig_waiting(&rig, 50));
	/* Nor is it held for longer each time. */
	m = session_leave(1, RIG_FN_SLOT);
	rig.owners[m.buf].start_ns -= 400000000ULL;
	rig_send(&rig, m, 3, SP_DESC_UNDELIVERABLE);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).lost, 2);
	/* One that is younger than the time at which the worker's turn began is not old. */
	rig_tell(&rig, WIRING_LOST, 99, 1, 0);
	rig_hear(&rig, WIRING_RECLAIMED);
	m = session_leave(1, RIG_FN_SLOT);
	rig.owners[m.buf].start_ns += 100000000ULL;
	rig_send(&rig, m, 3, SP_DESC_UNDELIVERABLE);
	assert_false(rig_waiting(&rig, 20));
	assert_int_equal(rig_stats(&rig).held, 3);
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	rig_send(&rig, rig_take(&rig), SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).lost, 2);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

/* At the end, too, with what it reads and what goes with it. */
static void test_a_message_that_still_waits_at_the_end_is_lost(void **state)
{
	struct sp_desc m, root;

	(void)state;
	start(1, 60000, 16);
	root = session_leave(1, RIG_FN_SLOT);
	m = session_leave(1, RIG_FN_SLOT);
	rig.owners[m.buf].ref = root.buf + 1;
	rig.owners[root.buf].refs = 1;
	rig_send(&rig, root, SP_EDGE_REPLY, 0);
	rig_send(&rig, m, 3, SP_DESC_UNDELIVERABLE);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig_stats(&rig).held, 1);
	client_close(&c);
	c.fd = -1;
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_STOP);
	rig_hear(&rig, WIRING_DRAINED);
	shutdown(rig.control, SHUT_RDWR);
	rig_exit(&rig);
	assert_int_equal(rig.stats->worker[0].lost, 1);
	stop();
}

/* ---- parts of a join ---- */

#define PARTS 3

/* A request and its parts, which come back together as their function has no instance. */
static struct sp_desc join(struct sp_desc parts[PARTS])
{
	struct sp_desc batch[1 + PARTS], d;

	for (int i = 0; i < PARTS; i++)
		parts[i] = session_lease(0);
	client_post(&c, "/work", "", "body", 4);
	d = rig_take(&rig);
	batch[0] = d;
	memcpy(batch + 1, parts, PARTS * sizeof(*parts));
	for (int i = 0; i <= PARTS; i++) {
		rig_hand_over(&rig, &batch[i], 1, 1);
		batch[i].edge = 3;
		batch[i].len = 4 + (uint32_t)i;
		batch[i].flags = SP_DESC_UNDELIVERABLE | (i ? SP_DESC_PART : 0);
	}
	rig_write(&rig, 1, batch, sizeof(batch));
	return d;
}

static void assert_joined(const struct sp_desc *d, const struct sp_desc *parts)
{
	for (uint32_t i = 0; i <= PARTS; i++) {
		struct sp_desc got = rig_take(&rig);

		assert_int_equal(got.buf, i ? parts[i - 1].buf : d->buf);
		assert_int_equal(got.len, 4 + i);
		assert_int_equal(got.edge, 1);
		assert_int_equal(got.flags, i ? SP_DESC_PART : 0);
		assert_int_equal(rig.owners[got.buf].leased, i ? SP_LEASE_STOCK : SP_LEASE_NONE);
	}
}

static void test_parts_wait_with_their_request(void **state)
{
	struct sp_desc d, parts[PARTS];

	(void)state;
	start(1, 5000, 16);
	d = join(parts);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig_stats(&rig).held, 1);
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	assert_joined(&d, parts);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	for (int i = 0; i < PARTS; i++)
		rig_send(&rig, parts[i], SP_EDGE_RELEASE, 0);
	rig_assert_all_free(&rig);
	/* Said to be up: tried once more at once, parts and all. */
	d = join(parts);
	assert_joined(&d, parts);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	lost(RIG_FN_SLOT, 1, PARTS);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_parts_end_with_their_request(void **state)
{
	struct sp_desc parts[PARTS];

	(void)state;
	start(1, 300, 16);
	join(parts); /* held until its deadline */
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 503, "no-instance");
	rig_assert_all_free(&rig);
	join(parts); /* its client leaves */
	while (rig_stats(&rig).held < 2)
		;
	client_reset(&c);
	rig_assert_all_free(&rig);
	client_open(&c, rig.port);
	parts[0] = session_lease(0); /* what it was part of has gone before */
	rig_send(&rig, parts[0], 3, SP_DESC_UNDELIVERABLE | SP_DESC_PART);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

/* ---- who is told that nobody waits ---- */

static void test_who_handles_it_is_told(void **state)
{
	struct sp_desc d, to;

	(void)state;
	start(1, 300, 16);
	d = post();
	client_reset(&c);
	rig_await_cancels(&rig, 1);
	assert_int_equal(rig.cancel.buf, d.buf);
	assert_int_equal(rig.cancel.gen, d.gen);
	assert_int_equal(rig.cancel.home, 1);
	/* It reached nobody. */
	rig.cancel.flags = SP_DESC_UNDELIVERABLE;
	rig_write(&rig, 1, &rig.cancel, sizeof(rig.cancel));
	assert_int_equal(rig_stats(&rig).abandoned, 1);
	assert_int_equal(rig_holder(&rig, d.buf), RIG_FN_SLOT);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_open(&c, rig.port);
	to = session_lease(1);
	d = post(); /* the deadline passes */
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 504, "deadline");
	rig_await_cancels(&rig, 2);
	assert_int_equal(rig.cancel.buf, d.buf);
	/* It had moved meanwhile, and nobody knew: told again. */
	rig.owners[to.buf].home = 1;
	rig.owners[to.buf].leased = SP_LEASE_NONE;
	rig.owners[d.buf].leased = SP_LEASE_STOCK;
	d.len = to.buf;
	rig_send(&rig, d, SP_EDGE_RELEASE, SP_DESC_MOVED);
	rig_await_cancels(&rig, 3);
	assert_int_equal(rig.cancel.buf, to.buf);
	rig_send(&rig, to, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	/* Who is answered is not told. */
	d = post();
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig.cancels, 3);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_of_the_dead_is_answered),
		cmocka_unit_test(test_a_call_let_go_is_answered),
		cmocka_unit_test(test_an_answer_without_caller_is_freed),
		cmocka_unit_test(test_a_message_ends_at_home),
		cmocka_unit_test(test_a_message_waits_for_an_instance),
		cmocka_unit_test(test_a_message_that_still_waits_at_the_end_is_lost),
		cmocka_unit_test(test_parts_wait_with_their_request),
		cmocka_unit_test(test_parts_end_with_their_request),
		cmocka_unit_test(test_who_handles_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
