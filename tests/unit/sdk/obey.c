// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sdk/obey.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

SP_COUNTER(handled);
SP_COUNTER(finished);
static char *kept;

/* The body's first letter says what to do. */
static sp_verdict obey(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);

	(void)state;
	sp_count(&handled, 1);
	for (size_t i = 1; i < body.len; i++)
		body.data[i] = (char)toupper((unsigned char)body.data[i]);
	switch (body.len ? body.data[0] : 'n') {
	case 'r':
		return SP_REPLY;
	case 'd':
		return SP_DROP;
	case '0':
		return 0;
	case '1':
		return 1;
	case 'x':
		return 17;
	case 'f':
		return sp_fail(req, SP_ENOTFOUND, "no %.*s", SP_ARG(sp_meta_of(req)->path));
	case 'k':
		kept = body.data;
		return SP_NEXT;
	case 'K':
		kept[0] = '!';
		return SP_NEXT;
	case 's':
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		return SP_NEXT;
	case 'w':
		while (toupper(__atomic_load_n(&body.data[1], __ATOMIC_ACQUIRE)) != 'G')
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
		return SP_NEXT;
	case 'l':
		sp_log(req, SP_INFO, "seen");
		return SP_NEXT;
	default:
		return SP_NEXT;
	}
}

static void fini(void *state)
{
	(void)state;
	sp_count(&finished, 1);
}

static const char *const edges[] = { "found", "none", NULL };
static const sp_function function = {
	.abi = SP_ABI, .name = "obey", .on_request = obey, .fini = fini, .edges = edges
};

void obey_launch(struct rig *rig)
{
	struct wiring_msg msg;

	rig_init(rig);
	rig_rule(rig, 0, 5);
	rig_rule(rig, 1, 6);
	msg = rig_launch(rig, &function);
	assert_int_equal(msg.type, WIRING_READY);
	assert_int_equal(msg.slot, 40);
	assert_int_equal(msg.fn, 3);
}

struct sp_desc obey_one(struct rig *rig, const char *body)
{
	struct sp_desc d = rig_request(rig, 0, body), got[ALL];

	rig_send(rig, &d, 1);
	assert_int_equal(rig_read(rig, got), 1);
	assert_int_equal(got[0].buf, 0);
	assert_int_equal(got[0].gen, 1000);
	assert_int_equal(got[0].home, 1);
	return got[0];
}

void obey_stop(struct rig *rig)
{
	rig_eof(rig);
	assert_int_equal(rig_wait(rig), 0);
	assert_string_equal(rig_log(rig), "");
}

void obey_expect_failed(struct rig *rig, struct sp_desc d, sp_error error, const char *text)
{
	assert_int_equal(d.edge, SP_EDGE_REPLY);
	assert_int_equal(d.flags, rig_failed_flags(error));
	assert_int_equal(rig_slot(rig, d.buf)->error, error);
	assert_int_equal(d.len, strlen(text));
	assert_memory_equal(rig_body(rig, d.buf), text, strlen(text));
}
