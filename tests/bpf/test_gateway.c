// SPDX-License-Identifier: Apache-2.0
/*
 * test_gateway.c - the real gateway and the real kernel program: calls, messages, parts,
 * references and cancels, with the test in the place of the functions. No send may be refused,
 * and every buffer comes back.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "functions/sdk/sprocket.h"
#include "tests/bpf/chain.h"
#include "tests/unit/gateway/client.h"
#include "tests/unit/gateway/rig.h"

static struct rig rig;
static struct client client;
static struct reply reply;

static int start(void **state)
{
	int r = setup(state);
	struct fixture *f = *state;
	struct rig_kernel kernel = {
		.owners_fd = sproxy_owners_fd(f->proxy),
		.instances_fd = sproxy_instances_fd(f->proxy),
		.owners = sproxy_owners(f->proxy),
		.instances = sproxy_instances(f->proxy),
		.send = { f->ends[GW].send, f->ends[GW2].send },
		.receive = { f->ends[GW].receive, f->ends[GW2].receive },
	};
	struct rig_config config = {
		.workers = 2, .timeout_ms = 5000, .buffers = 16, .calls = true, .kernel = &kernel
	};

	if (r < 0)
		return r;
	rig_start(&rig, &config);
	client_open(&client, rig.port);
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	if (client.fd >= 0)
		client_close(&client);
	rig_assert_all_free(&rig);
	for (uint32_t i = 0; i < rig.layout.buffer_count; i++)
		assert_int_equal(owner(f, i)->refs | owner(f, i)->ref, 0);
	assert_int_equal(rig_stats(&rig).leased, 0);
	assert_int_equal(events(f), 0);
	rig_stop(&rig);
	return teardown(state);
}

/* The next descriptor at a function's slot. */
static struct sp_desc await(struct fixture *f, uint32_t slot)
{
	struct pollfd p = { .fd = f->ends[slot].receive, .events = POLLIN };
	struct sp_desc d;

	assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
	assert_int_equal(take(f, slot, &d, 1), 1);
	return d;
}

static struct sp_desc post(struct fixture *f)
{
	client_post(&client, "/work", "", "body", 4);
	return await(f, A);
}

static struct sp_desc lease(struct fixture *f, uint32_t slot)
{
	struct sp_desc d = { .len = 1, .edge = SP_EDGE_REFILL, .home = GW };

	assert_int_equal(put_one(f, slot, d), 0);
	d = await(f, slot);
	assert_int_equal(d.edge, SP_EDGE_GRANT);
	assert_int_equal(d.flags, 0);
	return d;
}

/* Sends a buffer by an edge. */
static struct sp_desc send_by(struct fixture *f, uint32_t slot, struct sp_desc d, uint8_t edge,
			      uint32_t home, uint8_t flags)
{
	d.edge = edge;
	d.home = (uint16_t)home;
	d.flags = flags;
	assert_int_equal(put_one(f, slot, d), 0);
	return d;
}

static void answered(struct fixture *f, uint32_t slot, struct sp_desc request)
{
	send_by(f, slot, request, SP_EDGE_REPLY, request.home, 0);
	client_reply(&client, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "body");
}

static void gone(struct fixture *f, uint32_t slot, uint32_t fn)
{
	sproxy_detach(f->proxy, slot);
	close(f->ends[slot].send);
	close(f->ends[slot].receive);
	rig_tell(&rig, WIRING_LOST, slot, fn, 0);
	rig_hear(&rig, WIRING_RECLAIMED);
}

static void back(struct fixture *f, uint32_t slot, uint32_t fn)
{
	const struct sproxy_place place = { .fn = fn, .lender = GW };

	assert_int_equal(sproxy_attach(f->proxy, slot, &place, &f->ends[slot]), 0);
	assert_int_equal(sproxy_enable(f->proxy, slot, 8), 0);
	rig_tell(&rig, WIRING_UP, 0, fn, 0);
}

/* A asks B while both read one payload; the caller's copy of it goes last. */
static void test_a_call_by_reference(void **state)
{
	struct fixture *f = *state;
	struct sp_desc request = post(f), b = lease(f, A), tee = lease(f, A), d;

	b.len = tee.len = request.buf;
	send_by(f, A, b, EDGE_CALL, A, SP_DESC_SHARES);
	send_by(f, A, tee, EDGE_NEXT, GW, SP_DESC_SHARES);
	assert_int_equal(owner(f, request.buf)->refs, 2);
	d = await(f, B);
	assert_int_equal(d.home, A);
	send_by(f, B, d, SP_EDGE_REPLY, d.home, 0);
	d = await(f, A);
	assert_int_equal(d.buf, b.buf);
	send_by(f, A, d, SP_EDGE_RELEASE, GW, 0);
	answered(f, A, request);
	/* The client has its answer, and the message still reads the request. */
	assert_int_equal(rig_stats(&rig).in_flight, 0);
	assert_true(rig_holder(&rig, request.buf) != SP_HOLDER_FREE);
	d = await(f, B);
	assert_int_equal(d.buf, tee.buf);
	send_by(f, B, d, SP_EDGE_REPLY, d.home, 0);
}

static void test_a_callee_dies(void **state)
{
	struct fixture *f = *state;
	struct sp_desc request = post(f), b = lease(f, A), d;

	send_by(f, A, b, EDGE_CALL, A, 0);
	await(f, B);
	gone(f, B, 2);
	d = await(f, A);
	assert_int_equal(d.buf, b.buf);
	assert_int_equal(d.edge, SP_EDGE_REPLY);
	assert_int_equal(d.flags, SP_DESC_FAILED);
	assert_int_equal(d.len, strlen("second died"));
	assert_int_equal(rig_slot(&rig, d.buf)->error, SP_EUPSTREAM);
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, d.buf)), "second died", d.len);
	assert_int_equal(owner(f, d.buf)->leased, SP_LEASE_STOCK);
	/* It comes back, and lets go of the next one. */
	back(f, B, 2);
	send_by(f, A, d, EDGE_CALL, A, 0);
	send_by(f, B, await(f, B), SP_EDGE_RELEASE, GW2, 0);
	d = await(f, A);
	assert_int_equal(d.flags, SP_DESC_FAILED);
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, d.buf)), "second let the call go",
			    d.len);
	send_by(f, A, d, SP_EDGE_RELEASE, GW, 0);
	answered(f, A, request);
}

/* Of two that wait for each other both die: what is left comes to who lends. */
static void test_a_caller_dies(void **state)
{
	struct fixture *f = *state;
	struct sp_desc b = lease(f, A), own = lease(f, A), d;

	send_by(f, A, b, EDGE_CALL, A, 0);
	d = await(f, B);
	own = send_by(f, A, own, EDGE_CALL, A, 0);
	await(f, B);
	gone(f, A, 1);
	send_by(f, B, d, SP_EDGE_REPLY, d.home, 0); /* nobody is home */
	rig_assert_free(&rig, b.buf);
	gone(f, B, 2); /* so is nobody for the gateway's answer */
	rig_assert_free(&rig, own.buf);
	back(f, A, 1);
	back(f, B, 2);
}

static void test_messages_and_parts_wait(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[3] = { post(f), lease(f, A), lease(f, A) }, message = lease(f, A), d;

	gone(f, B, 2);
	rig_slot(&rig, batch[0].buf)->parts = 2;
	for (int i = 0; i < 3; i++) {
		batch[i].edge = EDGE_NEXT;
		batch[i].home = batch[0].home;
		batch[i].flags = i ? SP_DESC_PART : 0;
	}
	send_by(f, A, message, EDGE_NEXT, GW, 0);
	assert_int_equal(put(f, A, batch, sizeof(batch)), sizeof(batch));
	while (rig_stats(&rig).held < 2)
		;
	back(f, B, 2);
	for (int n = 0, i = 0; n < 4; n++) {
		d = await(f, B);
		if (d.buf == message.buf) { /* of another worker, maybe: before them or after */
			assert_true(i == 0 || i == 3);
			assert_int_equal(d.flags, 0);
			send_by(f, B, d, SP_EDGE_REPLY, d.home, 0);
			continue;
		}
		assert_int_equal(d.buf, batch[i].buf);
		batch[i].gen = d.gen;
		assert_int_equal(d.flags, batch[i].flags);
		assert_int_equal(owner(f, d.buf)->leased, i ? SP_LEASE_STOCK : SP_LEASE_NONE);
		i++;
	}
	send_by(f, B, batch[1], SP_EDGE_RELEASE, GW, 0);
	send_by(f, B, batch[2], SP_EDGE_RELEASE, GW2, 0);
	answered(f, B, batch[0]);
}

static void test_who_has_it_is_told(void **state)
{
	struct fixture *f = *state;
	struct sp_desc request = post(f), d;

	send_by(f, A, request, EDGE_NEXT, request.home, 0);
	request = await(f, B);
	client_reset(&client);
	d = await(f, B);
	assert_int_equal(d.edge, SP_EDGE_CANCEL);
	assert_int_equal(d.buf, request.buf);
	assert_int_equal(d.gen, request.gen);
	assert_int_equal(d.home, request.home);
	send_by(f, B, request, SP_EDGE_REPLY, request.home, 0);
}

/* Nothing to lend: A waits, and gets what it gives back itself. */
static void test_a_refill_waits(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .len = 1, .edge = SP_EDGE_REFILL, .home = GW };
	uint32_t most = rig.layout.classes[0].count, n = most - most / 4;
	struct sp_desc all[64];

	assert_in_range(n, 1, 64);
	for (uint32_t i = 0; i < n; i++)
		all[i] = lease(f, A);
	assert_int_equal(put_one(f, A, d), 0);
	rig_stats(&rig);
	assert_int_equal(sproxy_instances(f->proxy)[A].refill, 1);
	send_by(f, A, all[0], SP_EDGE_RELEASE, GW2, 0);
	all[0] = await(f, A);
	assert_int_equal(all[0].edge, SP_EDGE_GRANT);
	for (uint32_t i = 0; i < n; i++)
		send_by(f, A, all[i], SP_EDGE_RELEASE, i % 2 ? GW : GW2, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
		T(test_a_call_by_reference),     T(test_a_callee_dies),      T(test_a_caller_dies),
		T(test_messages_and_parts_wait), T(test_who_has_it_is_told), T(test_a_refill_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
