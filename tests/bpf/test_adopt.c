// SPDX-License-Identifier: Apache-2.0
/* A chain that outlives the process that made it; a program replaced below live
 * sockets. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "tests/bpf/chain.h"

#define PINS_ROOT "/sys/fs/bpf"

static char pins[64];

static struct sproxy_options options_of(void)
{
	return (struct sproxy_options){ .buffer_count = BUFFERS, .fn_count = 3, .pins = pins };
}

static int setup_pinned(void **state)
{
	snprintf(pins, sizeof(pins), PINS_ROOT "/sprocket-test-%d/chain.1", getpid());
	return setup_with(state, pins);
}

static int teardown_pinned(void **state)
{
	char above[sizeof(pins)];

	teardown(state);
	assert_int_equal(sproxy_remove_pins(pins), 0);
	snprintf(above, sizeof(above), PINS_ROOT "/sprocket-test-%d", getpid());
	assert_int_equal(rmdir(above), 0);
	return 0;
}

/* What a daemon does that ends, and the next one: the kept ends live on in between. */
static void leave_and_adopt(struct fixture *f)
{
	const struct sproxy_options options = options_of();
	struct sproxy_kept kept[SLOTS];

	for (uint32_t s = GW; s < SLOTS; s++) {
		struct sproxy_kept own = sproxy_kept(f->proxy, s);

		kept[s].send = fcntl(own.send, F_DUPFD_CLOEXEC, 0);
		kept[s].receive = fcntl(own.receive, F_DUPFD_CLOEXEC, 0);
	}
	f->proxy = sproxy_leave(f->proxy);
	assert_int_equal(sproxy_adopt(&options, &f->proxy), 0);
	for (uint32_t s = GW; s < SLOTS; s++)
		assert_int_equal(sproxy_adopt_slot(f->proxy, s, kept[s]), 0);
}

static int pin_open(const char *map)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PINS_ROOT "/sprocket-test-%d/chain:1/%s", getpid(), map);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

/* The next adoption then finds another build's program in the entry's slot. */
static void program_age(void)
{
	int settings = pin_open("settings");
	struct sp_settings value;
	uint32_t key = 0;

	assert_int_equal(bpf_map_lookup_elem(settings, &key, &value), 0);
	value.program++;
	assert_int_equal(bpf_map_update_elem(settings, &key, &value, BPF_ANY), 0);
	close(settings);
}

static uint32_t program_id(void)
{
	int programs = pin_open("programs");
	uint32_t key = 0, id = 0;

	assert_int_equal(bpf_map_lookup_elem(programs, &key, &id), 0);
	close(programs);
	return id;
}

static void test_adopted_chain_goes_on(void **state)
{
	struct fixture *f = *state;
	struct sp_function_stats stats;
	struct sp_desc d;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	leave_and_adopt(f);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);
	assert_int_equal(take(f, A, &d, 1), 1); /* what was queued before */
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 0);
	assert_int_equal(take(f, B, &d, 1), 1);
	assert_int_equal(put_one(f, B, desc(0, SP_EDGE_REPLY)), 0);
	assert_int_equal(holder(f, 0), GW);
	assert_int_equal(sproxy_function_stats(f->proxy, 1, &stats), 0);
	assert_int_equal(stats.in, 1);
	assert_int_equal(stats.out, 1);
	/* and still checks */
	assert_int_equal(put_one(f, B, desc(0, EDGE_NEXT)), -EACCES);
	assert_true(events(f) >= 1);
	assert_int_equal(f->last_reason, SP_VIOLATION_OWNER);
}

static void test_adopted_slots_are_steered(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	leave_and_adopt(f);
	assert_true(sproxy_enabled(f->proxy, A));
	assert_false(sproxy_enabled(f->proxy, A2));
	assert_int_equal(sproxy_adopt_slot(f->proxy, A, (struct sproxy_kept){ -1, -1 }), -EBUSY);
	assert_int_equal(sproxy_enable(f->proxy, A2, 8), 0);
	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	sproxy_disable(f->proxy, A);
	assert_int_equal(put_one(f, GW, desc(1, 1)), 0);
	assert_int_equal(holder(f, 1), A2);
	sproxy_detach(f->proxy, A2);
	assert_int_equal(put_one(f, GW, desc(2, 1)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
}

static uint32_t tap_setting(void)
{
	int settings = pin_open("settings");
	struct sp_settings value;
	uint32_t key = 0;

	assert_int_equal(bpf_map_lookup_elem(settings, &key, &value), 0);
	close(settings);
	return value.tap;
}

static void test_tap_ends_with_its_listener(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	assert_int_equal(tap_setting(), 1);
	leave_and_adopt(f);
	assert_int_equal(tap_setting(), 0);
}

static void test_detach_many(void **state)
{
	struct fixture *f = *state;
	const uint32_t slots[] = { A, B, SP_INST_MAX, A };
	char byte;

	sproxy_detach_many(f->proxy, slots, 4);
	assert_int_equal(sproxy_kept(f->proxy, A).send, -1);
	assert_int_equal(sproxy_kept(f->proxy, B).receive, -1);
	assert_true(sproxy_kept(f->proxy, A2).receive >= 0);
	assert_int_equal(read(f->ends[A].receive, &byte, 1), 0);
}

static void test_idle(void **state)
{
	struct fixture *f = *state;

	assert_false(sproxy_idle(f->proxy, &(uint32_t){ A }, 1)); /* enabled */
	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	sproxy_disable(f->proxy, A);
	assert_false(sproxy_idle(f->proxy, &(uint32_t){ A }, 1)); /* has one */
	leave_and_adopt(f);
	assert_false(sproxy_idle(f->proxy, &(uint32_t){ A }, 1));
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	assert_true(sproxy_idle(f->proxy, &(uint32_t){ A }, 1));
	sproxy_detach(f->proxy, A);
	assert_false(sproxy_idle(f->proxy, &(uint32_t){ A }, 1)); /* there is no such instance */
}

static void test_program_is_replaced_below_live_sockets(void **state)
{
	struct fixture *f = *state;
	uint32_t before = program_id(), sent = 0;
	uint64_t counters[SP_COUNT_MAX];
	struct sp_desc d;

	leave_and_adopt(f);
	assert_int_equal(program_id(), before); /* the same build: nothing to replace */
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 8; i++)
			assert_int_equal(put_one(f, GW, desc(sent++, 1)), 0);
		program_age();
		leave_and_adopt(f);
	}
	assert_int_not_equal(program_id(), before);
	for (uint32_t i = 0; i < sent; i++) {
		assert_int_equal(take(f, A, &d, 1), 1);
		assert_int_equal(d.buf, i);
		assert_int_equal(put_one(f, A, desc(i, EDGE_NEXT)), 0);
	}
	assert_int_equal(sproxy_counters(f->proxy, counters), 0);
	assert_int_equal(counters[SP_COUNT_DESCRIPTORS], 2 * sent);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 0);
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, sent);
}

static void test_empty_entry_refuses(void **state)
{
	struct fixture *f = *state;
	int programs = pin_open("programs");
	uint32_t key = 0;
	char byte;

	assert_int_equal(bpf_map_delete_elem(programs, &key), 0);
	close(programs);
	assert_int_equal(put_one(f, GW, desc(0, 1)), -EACCES);
	assert_int_equal(holder(f, 0), GW);
	/* and nothing gets by */
	assert_int_equal(recv(sproxy_kept(f->proxy, GW).send, &byte, 1, MSG_DONTWAIT), -1);
}

static void test_what_cannot_be_adopted(void **state)
{
	struct fixture *f = *state;
	struct sproxy_options options = options_of();
	struct sproxy *other = NULL;
	char path[128];

	assert_int_equal(sproxy_open(&options, &other), -EEXIST);
	options.buffer_count++;
	assert_int_equal(sproxy_adopt(&options, &other), -ESTALE);
	options = options_of();
	options.fn_count++;
	assert_int_equal(sproxy_adopt(&options, &other), -ESTALE);
	options = options_of();
	options.pins = "/tmp/no-bpffs-here/x";
	assert_int_equal(sproxy_adopt(&options, &other), -ENOTSUP);
	assert_int_equal(sproxy_open(&options, &other), -ENOTSUP);
	assert_int_equal(access("/tmp/no-bpffs-here", F_OK), -1);
	assert_int_equal(sproxy_remove_pins("/tmp"), -ENOTSUP);
	options.pins = PINS_ROOT "/sprocket-test-nothing";
	assert_int_equal(sproxy_adopt(&options, &other), -ENOENT);
	snprintf(path, sizeof(path), PINS_ROOT "/sprocket-test-%d/chain:1/taps", getpid());
	assert_int_equal(unlink(path), 0);
	options.pins = pins;
	assert_int_equal(sproxy_adopt(&options, &other), -ENOENT);
	assert_null(other);
	assert_int_equal(put_one(f, GW, desc(0, 1)), 0); /* none of it disturbed the chain */
}

/* What home buffers go to when an instance is gone has to be known from the start. */
static void test_every_slot_has_a_lender(void **state)
{
	struct fixture *f = *state;
	const struct sproxy_place nobody = { .fn = 1 },
				  worker = { .fn = SP_GATEWAY_FN, .lender = GW };
	struct sproxy_ends ends;

	assert_int_equal(sproxy_attach(f->proxy, SLOTS, &nobody, &ends), -EINVAL);
	assert_int_equal(sproxy_attach(f->proxy, SLOTS, &worker, &ends), 0);
	assert_int_equal(sproxy_instances(f->proxy)[SLOTS].lender, SLOTS); /* its own */
	assert_int_equal(sproxy_instances(f->proxy)[A].lender, GW);
	sproxy_detach(f->proxy, SLOTS);
	close(ends.send);
	close(ends.receive);
	sproxy_instances(f->proxy)[SLOTS].lender = SP_SLOT_NONE; /* as a build before knew it */
	assert_int_equal(sproxy_adopt_slot(f->proxy, SLOTS, (struct sproxy_kept){ -1, -1 }),
			 -ESTALE);
}

/* Killed between the stores of sproxy_disable(): the last instance is there twice. */
static void test_torn_table_is_put_right(void **state)
{
	struct fixture *f = *state;
	int functions = pin_open("functions");
	struct sp_function_slots slots;
	uint32_t key = 1;

	assert_int_equal(sproxy_enable(f->proxy, A2, 8), 0);
	assert_int_equal(bpf_map_lookup_elem(functions, &key, &slots), 0);
	slots.slot[0] = A2;
	assert_int_equal(bpf_map_update_elem(functions, &key, &slots, BPF_ANY), 0);
	leave_and_adopt(f);
	assert_int_equal(bpf_map_lookup_elem(functions, &key, &slots), 0);
	close(functions);
	assert_int_equal(slots.count, 1);
	assert_int_equal(slots.slot[0], A2);
	for (uint32_t cpu = 0; cpu < SP_CPU_MAX; cpu++)
		assert_true(slots.on_cpu[cpu] == SP_SLOT_NONE || slots.on_cpu[cpu] == A2);
	assert_false(sproxy_enabled(f->proxy, A));
	assert_true(sproxy_enabled(f->proxy, A2));
}

static uint32_t maps_alive(const uint32_t ids[], uint32_t count)
{
	uint32_t alive = 0;

	for (uint32_t i = 0; i < count; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		alive += fd >= 0;
		if (fd >= 0)
			close(fd);
	}
	return alive;
}

static void test_nothing_is_left(void **state)
{
	static const char *const names[] = { "senders", "owners", "taps", "function_counts" };
	struct fixture *f = *state;
	uint32_t ids[4], len;
	struct stat st;

	for (uint32_t i = 0; i < 4; i++) {
		struct bpf_map_info info = { 0 };
		int fd = pin_open(names[i]);

		len = sizeof(info);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		ids[i] = info.id;
		close(fd);
	}
	snprintf(pins, sizeof(pins), PINS_ROOT "/sprocket-test-%d/chain:1", getpid());
	assert_int_equal(stat(pins, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	f->proxy = sproxy_leave(f->proxy);
	assert_int_equal(maps_alive(ids, 4), 4);
	assert_int_equal(sproxy_remove_pins(pins), 0);
	assert_int_equal(stat(pins, &st), -1);
	for (int i = 0; i < 1000 && maps_alive(ids, 4) > 0; i++)
		usleep(10000); /* the kernel frees them when it gets to it */
	assert_int_equal(maps_alive(ids, 4), 0);
	assert_int_equal(sproxy_remove_pins(pins), 0);
}

#define PINNED(name) cmocka_unit_test_setup_teardown(name, setup_pinned, teardown_pinned)
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PINNED(test_adopted_chain_goes_on),
		PINNED(test_adopted_slots_are_steered),
		PINNED(test_tap_ends_with_its_listener),
		PINNED(test_idle),
		PINNED(test_program_is_replaced_below_live_sockets),
		PINNED(test_empty_entry_refuses),
		PINNED(test_what_cannot_be_adopted),
		PINNED(test_torn_table_is_put_right),
		PINNED(test_nothing_is_left),
		CASE(test_detach_many),
		CASE(test_every_slot_has_a_lender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
