// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_sdk.c - any descriptors and any memory as a function's process reads them: the real loop,
 * with its calls, fan-outs, stock and deferred requests, stays inside what it was given.
 *
 * How: an input is a byte (lowest bits 01: memory changes meanwhile; the rest: which routes), a seed for
 * the handler, then chunks: a length byte and so many bytes, which one recv() brings each. First
 * all the memory is filled from the input's bytes, so that headers are mutated, too: every slot
 * begins as a header of a real request. recv() and send() are ours.
 * What the kernel has checked always holds: a descriptor's buffer is one of the pool, and arrives
 * when it is not here already. In turn what the loop sends must be here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "functions/sdk/loop.h"
#include "functions/sdk/poison.h"
#include "tests/fuzz/mutator.h"
#include "tests/fuzz/small_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_recv(int fd, void *to, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);

enum { EACH = 8, BUFFERS_MAX = 3 * EACH, TURNS_MAX = 64 };

static struct {
	const uint8_t *data;
	size_t size;
	uint32_t turns;
	uint32_t random;
	struct shm_layout layout;
	char *memory, *view; /* twice, as in a function's process */
	struct wiring_page page;
	int fds[2];
	bool held[BUFFERS_MAX];
	bool woken; /* its wake comes back next */
	struct sp_desc wake;
} f;

static volatile size_t sink;

static uint32_t next(uint32_t limit)
{
	f.random = f.random * 1664525U + 1013904223U;
	return (uint32_t)((uint64_t)(f.random >> 4) * limit >> 28);
}

/* ---- the socket ---- */

static bool names_no_buffer(const struct sp_desc *d)
{
	return d->edge == SP_EDGE_WAKE || (d->edge == SP_EDGE_GRANT && d->flags & SP_DESC_DENIED);
}

/* Leaves out what the kernel would not have handed over; returns how many there are. */
static size_t arrive(struct sp_desc *d, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (d[i].edge == SP_EDGE_WAKE)
			continue; /* from itself alone */
		if (!names_no_buffer(&d[i])) {
			d[i].buf %= f.layout.buffer_count;
			d[i].len %= shm_layout_class(&f.layout, d[i].buf)->size + 1;
			if (d[i].edge != SP_EDGE_CANCEL && f.held[d[i].buf])
				continue;
			f.held[d[i].buf] |= d[i].edge != SP_EDGE_CANCEL;
		}
		d[kept++] = d[i];
	}
	return kept;
}

ssize_t __wrap_recv(int fd, void *to, size_t size, int flags)
{
	struct sp_desc *d = to;
	size_t len;

	(void)fd;
	(void)flags;
	if (f.woken) {
		f.woken = false;
		f.wake.gen++;
		*d = f.wake;
		return sizeof(*d);
	}
	if (f.size < 2 || f.turns++ >= TURNS_MAX)
		return 0;
	len = f.data[0];
	f.data++;
	f.size--;
	len = len < f.size ? len : f.size;
	len = len < size ? len : size;
	len -= len % sizeof(*d);
	memcpy(to, f.data, len);
	f.data += len;
	f.size -= len;
	len = arrive(to, len / sizeof(*d)) * sizeof(*d);
	if (len > 0)
		return (ssize_t)len;
	errno = EAGAIN;
	return -1;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	const struct sp_desc *d = data;

	(void)fd;
	(void)flags;
	if (size == 0 || size % sizeof(*d) || size > SP_BATCH_MAX * sizeof(*d))
		abort();
	/* What the kernel would call a violation, and no bytes it read can be to blame for. */
	for (size_t i = 0; i < size / sizeof(*d); i++) {
		if (d[i].edge != d[0].edge)
			abort();
		if (d[i].edge == SP_EDGE_WAKE) {
			f.woken = true;
			f.wake = d[i];
		}
		if (d[i].edge == SP_EDGE_REFILL || d[i].edge == SP_EDGE_WAKE ||
		    d[i].edge == SP_EDGE_CANCEL)
			continue;
		if (d[i].buf >= f.layout.buffer_count || !f.held[d[i].buf])
			abort();
		f.held[d[i].buf] = false;
	}
	return (ssize_t)size;
}

/* ---- the function ---- */

static void touch(sp_str s)
{
	for (size_t i = 0; i < s.len; i++)
		sink += (unsigned char)s.data[i];
}

static void read_all(sp_request *req)
{
	const sp_meta *m = sp_meta_of(req);
	sp_str name, value;
	sp_part part;

	touch(m->id);
	touch(m->method);
	touch(m->path);
	touch(m->query);
	touch(m->topic);
	touch(m->content_type);
	touch(sp_view(req));
	touch(sp_header(req, "content-type"));
	for (size_t i = 0; i < 70 && sp_header_at(req, i, &name, &value) == 0; i++) {
		touch(name);
		touch(value);
	}
	for (size_t i = 0; i < 40 && sp_part_at(req, i, &part) == 0; i++) {
		touch(part.function);
		touch(part.body);
	}
	sink += sp_part_count(req) + (size_t)sp_remaining_ns(req) + (size_t)sp_canceled(req);
}

static void write_some(sp_request *req)
{
	sp_buf body = sp_body(req);

	for (size_t i = 0; body.data && i < body.cap; i += 61)
		body.data[i] = 'w';
	body = sp_resize(req, next(3000));
	if (body.data && body.len > 0)
		body.data[body.len - 1] = 'r';
	if (sp_set_header(req, "x-fuzz", SP_S("value")) == 0)
		touch(sp_view(req));
	sink += (size_t)sp_set_topic(req, SP_S("topic")) + (size_t)sp_set_status(req, 201) +
		(size_t)sp_print(req, "%u", next(100));
}

static void call_some(sp_request *req)
{
	sp_call calls[2] = {
		{ .fn = 0, .body = SP_S("one") },
		{ .fn = (int)next(3), .timeout_ns = 1 + next(1000), .body = SP_S("two") }
	};
	sp_buf message = sp_alloc(req, next(600));

	if (message.data && next(2)) {
		calls[0].message = message;
		calls[0].message.len = next((uint32_t)message.cap + 1);
	} else if (message.data) {
		sp_release(req, message);
	}
	calls[0].by_reference = !calls[0].message.data && next(2);
	sp_call_all(req, calls, 2);
	for (int i = 0; i < 2; i++)
		if (calls[i].reply.data)
			touch((sp_str){ calls[i].reply.data, calls[i].reply.len });
}

static sp_verdict on_request(sp_request *req, void *state)
{
	(void)state;
	read_all(req);
	if (next(2))
		write_some(req);
	if (next(3) == 0)
		call_some(req);
	if (next(4) == 0)
		sink += (size_t)sp_emit(req, (sp_verdict)next(2) - 1, SP_S("extra"));
	if (next(6) == 0)
		sink += (size_t)sp_emit_same(req, SP_NEXT);
	read_all(req);
	if (next(8) == 0) {
		sp_complete(sp_defer(req), SP_REPLY);
		return SP_DEFERRED;
	}
	switch (next(8)) {
	case 0:
		return SP_REPLY;
	case 1:
		return SP_DROP;
	case 2:
		return sp_fail(req, SP_EINPUT, "%s", "said no");
	case 3:
		return 0;
	case 4:
		return (sp_verdict)next(20) - 8;
	default:
		return SP_NEXT;
	}
}

static const char *const names[] = { "", "a", "b", "c" };
static const sp_function function = { .abi = SP_ABI,
				      .name = "fuzz",
				      .on_request = on_request,
				      .edges = (const char *const[]){ "edge", NULL },
				      .calls = (const char *const[]){ "a", "b", NULL } };

/* ---- what the controller hands over ---- */

static void page_make(uint8_t which)
{
	struct rule_table *t = &f.page.rules[0];

	memset(&f.page, 0, sizeof(f.page));
	t->count = 2;
	t->rules[0] = (struct rule){ .kind = RULE_ALWAYS, .wire_edge = 1 };
	t->rules[1] = (struct rule){
		.from_edge = 1, .kind = RULE_TOPIC, .value_len = 1, .value = "t", .wire_edge = 2
	};
	t->call_count = 2;
	t->calls[0] = (struct rule_call){ 4, 1 };
	t->calls[1] = (struct rule_call){ 5, 2 };
	if (which & 1) {
		t->rules[0].tee_count = 2;
		t->rules[0].tees[0] = 6;
		t->rules[0].tees[1] = 7;
	}
	if (which & 2) {
		t->rules[0].group = 1;
		t->group_count = 1;
		t->groups[0] = (struct rule_group){ .count = 2,
						    .need = which & 4 ? 1 : 2,
						    .partial = !!(which & 8),
						    .members = { { 8, 1 }, { 9, 2 } } };
	}
}

static void once(void)
{
	const uint32_t sizes[] = { 512, 2048, 8192 };
	int memory;

	if (f.memory)
		return;
	f.layout = small_layout(sizes, 3, EACH);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f.fds) < 0)
		abort();
	memory = memfd_create("pool", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, (off_t)f.layout.size) < 0)
		abort();
	f.memory = mmap(NULL, f.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	f.view = mmap(NULL, f.layout.size, PROT_READ, MAP_SHARED, memory, 0);
	if (f.memory == MAP_FAILED || f.view == MAP_FAILED)
		abort();
}

static void memory_fill(const uint8_t *data, size_t size)
{
	sdk_unpoison(f.memory, f.layout.size);
	memset(f.memory, 0, f.layout.size);
	for (uint32_t i = 0; i < f.layout.buffer_count; i++) {
		struct shm_header *h =
			(struct shm_header *)(void *)(f.memory + shm_layout_offset(&f.layout, i));
		const struct shm_class *c = shm_layout_class(&f.layout, i);
		struct shm_field field = { "content-type", "text/plain", 12, 10 };
		uint8_t *bytes = (uint8_t *)h;

		shm_header_init(h, c->stride);
		sink += (size_t)shm_meta_put_at(h, h, 100, "GET", 3, &h->method);
		sink += (size_t)shm_meta_put_at(h, h, 100, "/path", 5, &h->path);
		sink += (size_t)shm_record_push_at(h, h, 100, &h->request_headers, &field);
		h->parts = i % 5 == 4 ? 2 : 0;
		/* Three in four bytes of the input change something. */
		for (size_t at = i; at + 2 < size && i % 3; at += EACH)
			bytes[(data[at] | (uint32_t)(data[at + 1] & 1) << 8) % SHM_HEADER_SIZE] ^=
				(uint8_t)(data[at + 2] & data[at]);
	}
	sdk_poison(f.memory, f.layout.size);
	memset(f.held, 0, sizeof(f.held));
	f.woken = false;
}

static void run_loop(uint8_t which)
{
	struct sdk_loop *loop = calloc(1, sizeof(*loop));
	char why[128];

	if (!loop)
		abort();
	loop->worker.function = &function;
	loop->worker.chain = "chain";
	loop->worker.name = "fuzz";
	loop->worker.folder = "/";
	loop->worker.fn_names = names;
	loop->worker.fn_count = 4;
	loop->slot = 3;
	loop->home = 1;
	loop->gateway_count = 1;
	loop->concurrency = 4;
	loop->max_hops = which & 16 ? 8 : 0;
	loop->page = &f.page;
	loop->layout = &f.layout;
	loop->memory = f.memory;
	loop->view = f.view;
	if (sdk_loop_init(loop, f.fds[0], f.fds[1]) < 0 ||
	    sdk_worker_start(&loop->worker, why, sizeof(why)) < 0)
		abort();
	sink += (size_t)sdk_loop_run(loop);
	sdk_worker_stop(&loop->worker);
	sdk_loop_done(loop);
	free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool changes;

	once();
	if (size < 3)
		return 0;
	changes = (data[0] & 3) == 1;
	page_make(data[0] >> 2);
	memory_fill(data, size);
	f.random = data[1];
	f.data = data + 2;
	f.size = size - 2;
	f.turns = 0;
	if (changes)
		mutator_begin(f.memory, f.layout.size, f.random);
	run_loop(data[0] >> 2);
	if (changes)
		mutator_end();
	sdk_unpoison(f.memory, f.layout.size);
	return 0;
}
