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
