// SPDX-License-Identifier: Apache-2.0
/*
 * sprocket_test_port.c - what a request has in place of a chain: buffers from the heap, one
 * allocation each, and mocks that answer its calls while it waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bpf/wire.h"
#include "functions/sdk/clock.h"
#include "functions/sdk/sprocket_test_private.h"

#define SLOT_ALIGN 64
#define ROOM_SIZE (64U << 10) /* for a mock to build its answer in */
#define TOKEN_WAIT_S 10

static struct sp_test *test_of(struct sdk_port *port)
{
	return (struct sp_test *)port;
}

static struct test_run *run_of(struct sp_request *req)
{
	return (struct test_run *)req;
}

/* ---- buffers ---- */

static void *slot_memory(uint32_t size, bool mapped)
{
	void *at;

	if (!mapped)
		return aligned_alloc(SLOT_ALIGN, size);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

struct sdk_slot test_slot_new(struct sp_test *t, uint32_t cls, bool mapped)
{
	const struct shm_class *c = &t->layout.classes[cls];
	struct sdk_slot slot = { .at = test_must(slot_memory(c->stride, mapped)),
				 .index = t->next_index++,
				 .gen = 1,
				 .size = c->size,
				 .stride = c->stride };
	size_t size = (t->buffer_count + 1) * sizeof(*t->buffers);

	t->buffers = test_must(realloc(t->buffers, size));
	t->buffers[t->buffer_count++] = (struct test_buffer){ .slot = slot, .mapped = mapped };
	return slot;
}

static struct test_buffer *buffer_find(const struct sp_test *t, uint32_t index)
{
	for (size_t i = 0; i < t->buffer_count; i++)
		if (t->buffers[i].slot.index == index)
			return &t->buffers[i];
	return NULL;
}

static uint64_t sum_of(const struct test_buffer *buffer) /* FNV-1a */
{
	const char *payload = shm_buffer_payload(buffer->slot.at);
	uint64_t sum = 0xcbf29ce484222325;

	for (uint32_t i = 0; i < buffer->read; i++)
		sum = (sum ^ (uint8_t)payload[i]) * 0x100000001b3;
	return sum;
}

void test_slot_read(struct sp_test *t, uint32_t index, uint32_t len)
{
	struct test_buffer *buffer = buffer_find(t, index);

	buffer->read = len;
	buffer->sum = sum_of(buffer);
}

void test_slot_free(struct sp_test *t, const struct sdk_slot *slot)
{
	struct test_buffer *buffer;

	if (!slot->at)
		return;
	buffer = buffer_find(t, slot->index);
	if (buffer->read > 0 && sum_of(buffer) != buffer->sum)
		test_die("%s wrote to a body that others read: after sp_emit_same, sp_body gives "
			 "the copy to write to",
			 t->worker.name);
	if (buffer->mapped)
		munmap(slot->at, slot->stride);
	else
		free(slot->at);
	*buffer = t->buffers[--t->buffer_count];
}

void test_slot_protect(const struct sdk_slot *slot)
{
	mprotect(slot->at, slot->stride, PROT_READ);
}

static int take(struct sdk_port *port, struct sp_request *req, uint32_t cls, struct sdk_slot *ret)
{
	struct sp_test *t = test_of(port);

	(void)req;
	if (t->deny)
		return -ENOBUFS;
	*ret = test_slot_new(t, cls, false);
	return 0;
}

static void give_back(struct sdk_port *port, const struct sdk_slot *slot, bool reusable)
{
	(void)reusable;
	test_slot_free(test_of(port), slot);
}

static void keep(struct sdk_port *port, struct sp_request *req, const struct sdk_slot *slot,
		 bool reusable)
{
	struct test_run *run = run_of(req);
	size_t size = (run->kept_count + 1) * sizeof(*run->kept);

	(void)port;
	run->kept = test_must(realloc(run->kept, size));
	run->kept[run->kept_count++] = (struct test_kept){ *slot, reusable };
}

static int unkeep(struct sdk_port *port, struct sp_request *req, const char *payload,
		  struct sdk_slot *ret, bool *ret_reusable)
{
	struct test_run *run = run_of(req);

	(void)port;
	for (size_t i = 0; i < run->kept_count; i++) {
		struct test_kept *kept = &run->kept[i];

		if (shm_buffer_payload(kept->slot.at) != payload)
			continue;
		*ret = kept->slot;
		*ret_reusable = kept->reusable;
		*kept = run->kept[--run->kept_count];
		return 0;
	}
	return -ENOENT;
}

static void give_back_kept(struct sdk_port *port, struct sp_request *req)
{
	struct test_run *run = run_of(req);

	while (run->kept_count > 0)
		test_slot_free(test_of(port), &run->kept[--run->kept_count].slot);
}

/* What parts refer to stays until the handler returns. */
static void moved(struct sdk_port *port, const struct sp_request *req, const struct sdk_slot *from,
		  const struct sdk_slot *to)
{
	struct test_run *run = test_of(port)->run;

	(void)to;
	run->moves++;
	if (run->referred && from->index == run->root)
		keep(port, (struct sp_request *)(uintptr_t)req, from, false);
	else
		test_slot_free(test_of(port), from);
}

static const char *view(struct sdk_port *port, uint32_t index, uint32_t len)
{
	const struct test_buffer *buffer = buffer_find(test_of(port), index);

	return buffer && len <= buffer->slot.size ? shm_buffer_payload(buffer->slot.at) : NULL;
}

/* ---- calls ---- */

static bool is_canceled(const struct sp_request *req)
{
	return __atomic_load_n(&req->canceled, __ATOMIC_RELAXED);
}

static void call_end(struct sp_test *t, struct sdk_call *c, sp_error error)
{
	test_slot_free(t, &c->slot);
	c->slot.at = NULL;
	c->error = (uint8_t)error;
}

/* The mock's answer becomes the payload of the message's buffer, or of a larger one. */
static void reply_put(struct sp_test *t, struct sdk_call *c, const sp_test_reply *reply)
{
	bool failed = reply->error != SP_OK;
	sp_str data = failed ? (sp_str){ reply->text, strlen(reply->text) } : reply->body;
	struct sdk_slot was = c->slot;

	if (data.len > was.size) {
		uint32_t cls = sdk_class_for(&t->layout, data.len, 0);

		if (cls == t->layout.class_count)
			test_die("the answer to call \"%s\" is larger than the largest buffer "
				 "(1 MiB)",
				 t->worker.function->calls[c->fn]);
		c->slot = test_slot_new(t, cls, false);
	}
	if (data.len > 0)
		memmove(shm_buffer_payload(c->slot.at), data.data, data.len);
	if (c->slot.at != was.at) {
		test_slot_free(t, &was);
		c->by_reference = false; /* what the callee moved to refers to nothing */
	}
	shm_header_init(c->slot.at, c->slot.stride);
	c->slot.at->status = failed ? 0 : (uint16_t)reply->status;
	c->slot.at->error = (uint8_t)reply->error;
	c->len = (uint32_t)data.len;
	c->flags = failed ? SP_DESC_FAILED : 0;
}

static sp_test_call asked_of(struct sp_test *t, const struct sdk_call *c)
{
	struct shm_header *h = c->slot.at;
	sp_test_call asked = { .call = t->worker.function->calls[c->fn],
			       .body = { shm_buffer_payload(h), c->len },
			       .by_reference = h->body_buf != 0,
			       .remaining_ns = INT64_MAX };

	if (h->topic.len > 0)
		asked.topic = (sp_str){ shm_slice_data(h, h->topic), h->topic.len };
	if (h->body_buf != 0)
		asked.body = (sp_str){ view(&t->port, h->body_buf - 1, h->body_len), h->body_len };
	if (c->deadline_ns != 0)
		asked.remaining_ns = (int64_t)(c->deadline_ns - sdk_now_ns());
	return asked;
}

static void call_one(struct sp_test *t, struct sp_request *req, struct sdk_call *c)
{
	const struct test_mock *mock = &t->mocks[c->fn];
	sp_test_call asked = asked_of(t, c);
	sp_test_reply reply = { .error = SP_OK };
	char *room;

	if (is_canceled(req)) {
		call_end(t, c, SP_ECANCELED);
		return;
	}
	if (asked.remaining_ns <= 0) {
		call_end(t, c, SP_ETIMEOUT);
		return;
	}
	if (!mock->fn) {
		sp_log(req, SP_WARNING,
		       "nobody answers call \"%s\": sp_test_on_call(test, \"%s\", ...) has a mock "
		       "do it",
		       asked.call, asked.call);
		call_end(t, c, SP_EUNAVAILABLE);
		return;
	}
	room = test_must(malloc(ROOM_SIZE));
	reply.room = (sp_buf){ room, 0, ROOM_SIZE };
	mock->fn(mock->arg, &asked, &reply);
	if (is_canceled(req))
		call_end(t, c, SP_ECANCELED);
	else if (reply.error != SP_OK && !reply.text)
		call_end(t, c, reply.error);
	else
		reply_put(t, c, &reply);
	free(room);
}

static void call(struct sdk_port *port, struct sp_request *req, struct sdk_call *calls,
		 size_t count)
{
	struct test_run *run = run_of(req);

	if (!is_canceled(req))
		for (size_t i = 0; i < count; i++)
			run->calls += calls[i].slot.at != NULL;
	for (size_t i = 0; i < count; i++)
		if (calls[i].slot.at)
			call_one(test_of(port), req, &calls[i]);
}

/* ---- messages ---- */

static int emit(struct sdk_port *port, struct sp_request *req, sp_verdict edge,
		const struct sdk_slot *slot, uint32_t len, bool by_reference)
{
	const char *const *edges = req->worker->function->edges;
	struct test_run *run = run_of(req);
	struct shm_header *h = slot->at;
	sp_str body = { shm_buffer_payload(h), len };
	sp_test_emitted *e;
	char *bytes;

	if (h->body_buf != 0) {
		body = (sp_str){ view(port, h->body_buf - 1, h->body_len), h->body_len };
		test_slot_read(test_of(port), h->body_buf - 1, h->body_len);
	}
	run->emitted =
		test_must(realloc(run->emitted, (run->emitted_count + 1) * sizeof(*run->emitted)));
	e = &run->emitted[run->emitted_count++];
	bytes = test_must(malloc(body.len + h->topic.len + 1));
	if (body.len > 0)
		memcpy(bytes, body.data, body.len);
	if (h->topic.len > 0)
		memcpy(bytes + body.len, shm_slice_data(h, h->topic), h->topic.len);
	*e = (sp_test_emitted){ .edge = edge == SP_NEXT ? "next" : edges[edge],
				.body = { bytes, body.len },
				.same = by_reference };
	if (h->topic.len > 0)
		e->topic = (sp_str){ bytes + body.len, h->topic.len };
	test_slot_free(test_of(port), slot);
	return 0;
}

/* ---- tokens ---- */

sp_verdict test_await(struct sp_test *t, struct sp_request *req)
{
	struct sp_token *token = &req->token;
	struct timespec until;
	sp_verdict verdict;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TOKEN_WAIT_S;
	pthread_mutex_lock(&t->lock);
	while (!token->done)
		if (pthread_cond_timedwait(&t->completed, &t->lock, &until) == ETIMEDOUT)
			test_die("%s: nobody called sp_complete on its token within %d s",
				 t->worker.name, TOKEN_WAIT_S);
	token->out = false;
	token->done = false;
	verdict = token->verdict;
	pthread_mutex_unlock(&t->lock);
	return verdict;
}

static sp_verdict await(struct sdk_port *port, struct sp_request *req)
{
	return test_await(test_of(port), req);
}

static void complete(struct sdk_port *port, struct sp_token *token)
{
	struct sp_test *t = test_of(port);

	pthread_mutex_lock(&t->lock);
	token->done = true;
	pthread_cond_broadcast(&t->completed);
	pthread_mutex_unlock(&t->lock);
}

void test_port_init(struct sp_test *t)
{
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->completed, NULL);
	t->port = (struct sdk_port){ .take = take,
				     .give_back = give_back,
				     .moved = moved,
				     .keep = keep,
				     .unkeep = unkeep,
				     .give_back_kept = give_back_kept,
				     .view = view,
				     .call = call,
				     .emit = emit,
				     .await = await,
				     .complete = complete };
}
