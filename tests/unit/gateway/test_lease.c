// SPDX-License-Identifier: Apache-2.0
/* Functions that wait for buffers, in order, and what they and the ingress leave each other. */
#include <string.h>
#include <unistd.h>

#include "session.h"

#define OTHER_SLOT 41U
#define MANY 64

static uint32_t cls; /* that functions ask for buffers of */

static uint32_t count(void)
{
	return rig.layout.classes[cls].count;
}

static void ask(uint32_t slot, uint32_t worker, uint32_t want)
{
	struct sp_desc d = { .buf = cls,
			     .gen = slot,
			     .edge = SP_EDGE_REFILL,
			     .len = want,
			     .home = (uint16_t)worker };

	rig.instances[slot].refill |= 1U << cls;
	rig_write(&rig, worker, &d, sizeof(d));
}

static bool asking(uint32_t slot)
{
	return __atomic_load_n(&rig.instances[slot].refill, __ATOMIC_ACQUIRE);
}

/* Takes a grant for `slot`, which the slot's instance holds then. */
static struct sp_desc granted(uint32_t slot, uint32_t worker)
{
	struct sp_desc d = rig_take_raw(&rig);

	assert_int_equal(d.edge, SP_EDGE_GRANT);
	assert_int_equal(d.flags, cls);
	assert_int_equal(d.home, slot);
	assert_int_equal(rig.owners[d.buf].leased, SP_LEASE_STOCK);
	rig_hand_over(&rig, &d, slot, 1);
	d.home = (uint16_t)worker;
	return d;
}

/* Leases `share` buffers. */
static uint32_t lease_all(uint32_t slot, uint32_t worker, uint32_t share, struct sp_desc *ret)
{
	uint32_t n = 0;

	while (n < share) {
		ask(slot, worker, share - n);
		do /* one message of as many as there are */
			ret[n++] = granted(slot, worker);
		while (rig_waiting(&rig, 0));
	}
	return n;
}

static void test_who_waits_is_served_in_order(void **state)
{
	struct sp_desc d[MANY];
	uint32_t n;

	(void)state;
	start(1, 5000, 16);
	n = lease_all(RIG_FN_SLOT, 1, count() / 4, d);
	ask(RIG_FN_SLOT, 1, 2);
	ask(OTHER_SLOT, 1, 32);
	assert_false(rig_waiting(&rig, 50));
	assert_true(asking(RIG_FN_SLOT) && asking(OTHER_SLOT));
	assert_int_equal(rig.stats->granting[0], 0);
	rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
	d[0] = granted(RIG_FN_SLOT, 1);
	assert_false(asking(RIG_FN_SLOT));
	assert_true(asking(OTHER_SLOT));
	assert_false(rig_waiting(&rig, 50));
	rig_send(&rig, d[1], SP_EDGE_RELEASE, 0);
	d[1] = granted(OTHER_SLOT, 1);
	assert_false(asking(OTHER_SLOT));
	assert_int_equal(rig_stats(&rig).leased, n);
	for (uint32_t i = 0; i < n; i++)
		rig_send(&rig, d[i], SP_EDGE_RELEASE, 0);
	assert_false(rig_waiting(&rig, 50));
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

/* Nor does its question for one class keep its question for another from being answered. */
static void test_who_waits_may_ask_for_another_class(void **state)
{
	struct sp_desc d[MANY], larger;
	uint32_t n;

	(void)state;
	start(1, 5000, 16);
	n = lease_all(RIG_FN_SLOT, 1, count() / 4, d);
	ask(RIG_FN_SLOT, 1, 1);
	assert_false(rig_waiting(&rig, 50));
	cls = 1;
	ask(RIG_FN_SLOT, 1, 1);
	larger = granted(RIG_FN_SLOT, 1);
	assert_int_equal(rig.instances[RIG_FN_SLOT].refill, 1);
	cls = 0;
	rig_send(&rig, larger, SP_EDGE_RELEASE, 0);
	rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
	d[0] = granted(RIG_FN_SLOT, 1);
	assert_true(n > 0);
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	rig_hear(&rig, WIRING_RECLAIMED);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

/* Its buffers come home to another worker than it asks; and that one's cache has some, too. */
static void test_any_worker_wakes_who_waits(void **state)
{
	struct sp_desc d[MANY];
	uint32_t n;

	(void)state;
	start(2, 5000, 16);
	n = lease_all(RIG_FN_SLOT, 1, count() / 4, d);
	for (int i = 0; i < 20; i++) {
		ask(RIG_FN_SLOT, 2, 1);
		assert_false(rig_waiting(&rig, 2));
		d[0].home = 1 + i % 2;
		rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
		d[0] = granted(RIG_FN_SLOT, 2);
	}
	for (uint32_t i = 0; i < n; i++)
		rig_send(&rig, d[i], SP_EDGE_RELEASE, 0);
	stop();
}

/* Releases a lease to worker 2, which keeps it in its cache unless somebody waits. */
static void release(struct sp_desc *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		d[i].home = 2;
		rig_send(&rig, d[i], SP_EDGE_RELEASE, 0);
	}
}

/* Of the largest class, for which no other stands in, all buffers are out, and enough of them
 * that threads have caches: what worker 2 keeps of it comes to who waits at worker 1. */
static void test_no_cache_keeps_what_is_waited_for(void **state)
{
	static struct client many[MANY];
	static const char body[4000];
	struct rig_config config = {
		.workers = 2, .timeout_ms = 60000, .buffers = 64, .calls = true
	};
	struct sp_desc d[MANY], l[2 * MANY];
	uint32_t n, requests;

	(void)state;
	rig_start(&rig, &config);
	client_open(&c, rig.port);
	cls = 1;
	requests = count() / 4;
	assert_in_range(requests, 16, MANY);
	for (uint32_t i = 0; i < requests; i++) {
		client_open(&many[i], rig.port);
		client_post(&many[i], "/work", "", body, sizeof(body));
		d[i] = rig_take(&rig);
	}
	for (uint32_t round = 0; round < 10; round++) {
		n = lease_all(RIG_FN_SLOT, 1, count() - requests, l);
		release(l, 2); /* before anybody waits */
		while (rig_stats(&rig).leased > n - 2)
			;
		ask(RIG_FN_SLOT, 1, 1);
		l[0] = granted(RIG_FN_SLOT, 1);
		ask(RIG_FN_SLOT, 1, 1);
		l[1] = granted(RIG_FN_SLOT, 1);
		ask(RIG_FN_SLOT, 1, 1);
		assert_false(rig_waiting(&rig, 5));
		release(l, 1); /* while somebody does */
		l[0] = granted(RIG_FN_SLOT, 1);
		release(l, n);
		while (rig_stats(&rig).leased > 0)
			;
	}
	cls = 0;
	for (uint32_t i = 0; i < requests; i++) {
		rig_send(&rig, d[i], SP_EDGE_REPLY, 0);
		client_reply(&many[i], &reply, false);
		client_close(&many[i]);
	}
	stop();
}

static void test_the_dead_wait_for_nothing(void **state)
{
	struct sp_desc d[MANY];
	uint32_t n;

	(void)state;
	start(2, 5000, 16);
	n = lease_all(RIG_FN_SLOT, 1, count() / 4, d);
	ask(OTHER_SLOT, 2, 1);
	ask(42, 2, 1);
	assert_false(rig_waiting(&rig, 50));
	rig_tell(&rig, WIRING_LOST, OTHER_SLOT, 1, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, 0);
	rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
	d[0] = granted(42, 2);
	/* The death of who holds them serves who waits. */
	ask(42, 2, 1);
	assert_false(rig_waiting(&rig, 50));
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, n - 1);
	d[1] = granted(42, 2);
	rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
	rig_send(&rig, d[1], SP_EDGE_RELEASE, 0);
	stop();
}

static void test_at_the_end_who_waits_is_denied(void **state)
{
	struct sp_desc d[MANY];
	uint32_t n;

	(void)state;
	start(2, 5000, 16);
	n = lease_all(RIG_FN_SLOT, 1, count() / 4, d);
	ask(OTHER_SLOT, 2, 1);
	assert_false(rig_waiting(&rig, 50));
	client_close(&c);
	c.fd = -1;
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_STOP);
	rig_hear(&rig, WIRING_DRAINED);
	assert_int_equal(rig_take_raw(&rig).flags, SP_DESC_DENIED);
	assert_false(asking(OTHER_SLOT));
	ask(42, 1, 1); /* too late */
	assert_int_equal(rig_take_raw(&rig).flags, SP_DESC_DENIED);
	for (uint32_t i = 0; i < n; i++)
		rig_send(&rig, d[i], SP_EDGE_RELEASE, 0);
	stop();
}

/* After a gateway that died the question is denied, and asked again. */
static void test_a_waiting_question_survives_as_a_denial(void **state)
{
	struct sp_desc d[MANY];
	uint32_t n;

	(void)state;
	start(1, 5000, 16);
	n = lease_all(RIG_FN_SLOT, 1, count() / 4, d);
	ask(OTHER_SLOT, 1, 1);
	assert_false(rig_waiting(&rig, 50));
	rig_kill(&rig);
	client_close(&c);
	rig_again(&rig);
	client_open(&c, rig.port);
	assert_int_equal(rig_take_raw(&rig).flags, SP_DESC_DENIED);
	assert_false(asking(OTHER_SLOT));
	ask(OTHER_SLOT, 1, 1);
	assert_false(rig_waiting(&rig, 50));
	rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
	d[0] = granted(OTHER_SLOT, 1);
	for (uint32_t i = 0; i < n; i++)
		rig_send(&rig, d[i], SP_EDGE_RELEASE, 0);
	stop();
}

/* Takes requests until one is refused. Returns how many are in. */
static uint32_t fill(struct client *many, struct sp_desc *d)
{
	uint32_t n = 0;

	for (;; n++) {
		assert_true(n < MANY);
		client_open(&many[n], rig.port);
		client_post(&many[n], "/work", "", "x", 1);
		while (!rig_waiting(&rig, 1))
			if (client_readable(&many[n], 1)) {
				client_reply(&many[n], &reply, false);
				reply_assert_problem(&reply, 503, "no-buffer");
				client_close(&many[n]);
				return n;
			}
		d[n] = rig_take(&rig);
	}
}

static void answer(struct client *many, const struct sp_desc *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		rig_send(&rig, d[i], SP_EDGE_REPLY, 0);
		client_reply(&many[i], &reply, false);
		assert_int_equal(reply.status, 200);
		client_close(&many[i]);
	}
}

/* When functions call: requests fill half of each class, leases get that half and a quarter
 * more when no request needs it. The tables may say so at any time. */
static void test_ingress_and_leases_leave_each_other_room(void **state)
{
	static struct client many[MANY];
	struct sp_desc d[MANY], l[MANY];
	uint32_t in, n, half, most;

	(void)state;
	start(1, 60000, 16);
	half = count() / 2;
	most = count() - count() / 4;
	in = fill(many, d);
	assert_int_equal(in, rig.layout.buffer_count);
	answer(many, d, in);
	rig_wiring.calls = 1;
	rig_update(&rig);
	rig_hear(&rig, WIRING_UPDATED);
	in = fill(many, d);
	assert_int_equal(in, rig.layout.buffer_count - half - rig.layout.classes[1].count / 2);
	n = lease_all(RIG_FN_SLOT, 1, half, l);
	ask(RIG_FN_SLOT, 1, 1); /* the class is empty: from the next one */
	assert_true(granted(RIG_FN_SLOT, 1).buf >= count());
	answer(many, d, in);
	n += lease_all(RIG_FN_SLOT, 1, most - half, l + n);
	assert_int_equal(n, most);
	ask(RIG_FN_SLOT, 1, 1);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig_stats(&rig).leased, most + 1);
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, most + 1);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_waits_is_served_in_order),
		cmocka_unit_test(test_who_waits_may_ask_for_another_class),
		cmocka_unit_test(test_any_worker_wakes_who_waits),
		cmocka_unit_test(test_no_cache_keeps_what_is_waited_for),
		cmocka_unit_test(test_the_dead_wait_for_nothing),
		cmocka_unit_test(test_at_the_end_who_waits_is_denied),
		cmocka_unit_test(test_a_waiting_question_survives_as_a_denial),
		cmocka_unit_test(test_ingress_and_leases_leave_each_other_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
