// SPDX-License-Identifier: Apache-2.0
/*
 * sprocket_test_request.c - makes requests as the gateway does, and what the kernel and a fan-out
 * bring with them.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "functions/sdk/clock.h"
#include "functions/sdk/sprocket_test_private.h"

static bool put(struct shm_header *h, uint32_t len, const char *text, size_t text_len,
		struct shm_slice *ret)
{
	return text_len == 0 || shm_meta_put(h, len, text, text_len, ret) == 0;
}

static bool put_text(struct shm_header *h, uint32_t len, const char *text, struct shm_slice *ret)
{
	return !text || put(h, len, text, strlen(text), ret);
}

static bool put_headers(struct shm_header *h, uint32_t len, const char *const *headers)
{
	for (; headers && headers[0] && headers[1]; headers += 2) {
		char name[SHM_NAME_MAX];
		struct shm_field field = { .name = name,
					   .value = headers[1],
					   .name_len = (uint32_t)strlen(headers[0]),
					   .value_len = (uint32_t)strlen(headers[1]) };

		if (field.name_len > sizeof(name))
			return false;
		for (uint32_t i = 0; i < field.name_len; i++) {
			char c = headers[0][i];

			name[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		}
		if (shm_record_push(h, len, &h->request_headers, &field) < 0)
			return false;
	}
	return true;
}

/* Fills a buffer as the gateway does. False when it is too small. */
static bool fill(const struct sdk_slot *slot, const sp_test_request *q, sp_str body)
{
	const char *path = q->path ? q->path : "/", *query = strchr(path, '?');
	uint32_t len = (uint32_t)body.len;
	struct shm_header *h = slot->at;

	shm_header_init(h, slot->stride);
	if (len > shm_buffer_capacity(h, slot->size))
		return false;
	if (len > 0)
		memcpy(shm_buffer_payload(h), body.data, len);
	h->hops = q->hop;
	h->qos = q->qos;
	if (q->remaining_ns != 0)
		h->deadline_ns = (uint64_t)((int64_t)sdk_now_ns() + q->remaining_ns);
	return put_text(h, len, q->method ? q->method : "POST", &h->method) &&
	       put(h, len, path, query ? (size_t)(query - path) : strlen(path), &h->path) &&
	       put_text(h, len, query ? query + 1 : NULL, &h->query) &&
	       put_text(h, len, q->id ? q->id : "test", &h->id) &&
	       put_text(h, len, q->topic, &h->topic) && put_headers(h, len, q->headers);
}

static struct sdk_slot place(struct sp_test *t, const sp_test_request *q, sp_str body)
{
	for (uint32_t cls = 0; cls < t->layout.class_count; cls++) {
		struct sdk_slot slot = test_slot_new(t, cls, false);

		if (fill(&slot, q, body))
			return slot;
		test_slot_free(t, &slot);
	}
	test_die("the request is larger than the largest buffer (1 MiB)");
}

/* A buffer with this payload and no meta data. */
static struct sdk_slot payload(struct sp_test *t, sp_str body, bool mapped)
{
	uint32_t cls = sdk_class_for(&t->layout, body.len, 0);
	struct sdk_slot slot;

	if (cls == t->layout.class_count)
		test_die("a body is larger than the largest buffer (1 MiB)");
	slot = test_slot_new(t, cls, mapped);
	shm_header_init(slot.at, slot.stride);
	if (body.len > 0)
		memcpy(shm_buffer_payload(slot.at), body.data, body.len);
	return slot;
}

static void lend(struct sp_test *t, struct test_run *run, struct sdk_slot *slot, sp_str body)
{
	run->lent = payload(t, body, true);
	test_slot_protect(&run->lent);
	slot->at->body_buf = run->lent.index + 1;
	slot->at->body_len = (uint32_t)body.len;
}

static struct sdk_part part_make(struct sp_test *t, struct test_run *run, size_t i)
{
	const sp_test_part *p = &run->asked->parts[i];
	sp_str body = p->unchanged ? (sp_str){ NULL, 0 } : p->body;
	struct sdk_part part = { .slot = payload(t, body, false), .len = (uint32_t)body.len };
	struct shm_header *h = part.slot.at;

	h->part_fn = (uint16_t)(i + 1);
	h->error = (uint8_t)p->error;
	h->status = (uint16_t)p->status;
	if (p->unchanged) {
		run->referred = true;
		h->body_buf = run->root + 1;
		h->body_len = (uint32_t)run->asked->body.len;
	}
	part.header = *h;
	return part;
}

/* The functions of the chain are those that this run's parts come from. */
static void names_of(struct sp_test *t, const struct test_run *run)
{
	t->worker.fn_names = run ? run->names : NULL;
	t->worker.fn_count = run && run->names ? 1 + (uint32_t)run->asked->part_count : 0;
}

void test_request_begin(struct sp_test *t, struct test_run *run, const sp_test_request *q)
{
	sp_str own = q->shared ? (sp_str){ NULL, 0 } : q->body;
	struct sdk_slot slot = place(t, q, own);
	struct sp_request *req = &run->req;

	run->asked = q;
	if (q->shared)
		lend(t, run, &slot, q->body);
	run->root = q->shared ? run->lent.index : slot.index;
	req->home = 0;
	req->flags = (uint8_t)((q->qos & SP_DESC_QOS_MASK) | (q->elephant ? SP_DESC_ELEPHANT : 0));
	sdk_request_begin(req, &t->worker, &slot, (uint32_t)own.len);
	if (q->part_count == 0)
		return;
	run->parts = test_must(calloc(q->part_count, sizeof(*run->parts)));
	run->names = test_must(calloc(q->part_count + 1, sizeof(*run->names)));
	for (size_t i = 0; i < q->part_count; i++) {
		run->parts[i] = part_make(t, run, i);
		run->names[1 + i] = q->parts[i].function ? q->parts[i].function : "";
	}
	names_of(t, run);
	req->parts = run->parts;
	req->part_count = (uint32_t)q->part_count;
	if (run->referred && !q->shared) {
		req->shared = true;
		test_slot_read(t, run->root, req->len);
	}
}

void test_request_end(struct sp_test *t, struct test_run *run)
{
	for (size_t i = 0; i < run->req.part_count; i++)
		test_slot_free(t, &run->parts[i].slot);
	names_of(t, run->outer);
	free(run->names);
	free(run->parts);
	free(run->kept);
	test_slot_free(t, &run->lent);
	test_slot_free(t, &run->req.slot);
}
