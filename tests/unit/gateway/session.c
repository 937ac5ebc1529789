// SPDX-License-Identifier: Apache-2.0
#include "session.h"

struct rig rig;
struct client c, other;
struct reply reply;

void start(uint32_t workers, uint32_t timeout_ms, uint32_t buffers)
{
	struct rig_config config = { .workers = workers,
				     .timeout_ms = timeout_ms,
				     .buffers = buffers };

	rig_start(&rig, &config);
	client_open(&c, rig.port);
}

void stop(void)
{
	if (c.fd >= 0)
		client_close(&c);
	rig_assert_all_free(&rig);
	rig_stop(&rig);
}

struct sp_desc post(void)
{
	client_post(&c, "/work", "", "body", 4);
	return rig_take(&rig);
}

struct sp_desc session_lease(uint32_t cls)
{
	struct sp_desc ask = {
		.gen = RIG_FN_SLOT, .buf = cls, .len = 1, .edge = SP_EDGE_REFILL, .home = 1
	};
	struct sp_desc d;

	rig.instances[RIG_FN_SLOT].refill = 1U << cls;
	rig_write(&rig, 1, &ask, sizeof(ask));
	d = rig_take_raw(&rig);
	assert_int_equal(d.edge, SP_EDGE_GRANT);
	rig_hand_over(&rig, &d, RIG_FN_SLOT, 1);
	d.home = 1;
	shm_header_init(rig_slot(&rig, d.buf), shm_layout_class(&rig.layout, d.buf)->stride);
	return d;
}

struct sp_desc session_leave(uint32_t home, uint32_t to)
{
	struct sp_desc d = session_lease(0);
	struct sp_owner *o = &rig.owners[d.buf];

	o->hops = 0;
	o->home = (uint16_t)home;
	o->leased = SP_LEASE_OUT;
	rig_hand_over(&rig, &d, to, SESSION_CALLEE_FN);
	d.home = (uint16_t)home;
	return d;
}
