// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/wire.h"
#include "functions/sdk/clock.h"
#include "functions/sdk/counter.h"

/* Where its body is, when that is another buffer. */
static int body_find(struct sp_request *req)
{
	struct sdk_port *port = req->worker->port;

	req->body = NULL;
	if (req->header.body_buf == 0)
		return 0;
	req->body = port->view(port, req->header.body_buf - 1, req->header.body_len);
	return req->body ? 0 : -EBADMSG;
}

int sdk_request_begin(struct sp_request *req, struct sp_worker *worker, const struct sdk_slot *slot,
		      uint32_t len)
{
	int r;

	req->worker = worker;
	req->slot = *slot;
	req->left.at = NULL;
	req->len = len;
	req->meta_known = false;
	req->unwritable = false;
	req->canceled = false;
	req->error = SP_OK;
	req->text_len = 0;
	req->body = NULL;
	req->waits_for = NULL;
	req->take_until_ns = 0;
	req->collects = 0;
	req->parts = NULL;
	req->part_count = 0;
	req->token = (struct sp_token){ .req = req };
	r = shm_header_check(slot->at, slot->stride, len, &req->header);
	if (r == 0)
		r = body_find(req);
	if (r < 0) {
		shm_header_init(&req->header, slot->stride);
		req->len = 0;
	}
	return r;
}

sp_verdict sdk_request_check(struct sp_request *req, sp_verdict verdict)
{
	const struct sp_worker *worker = req->worker;

	if (verdict >= 0 && (uint32_t)verdict >= worker->edge_count)
		return sp_fail(req, SP_EINTERNAL, "%s returned edge %d, but declares %u",
			       worker->name, verdict, worker->edge_count);
	if (verdict < SP_DEFERRED)
		return sp_fail(req, SP_EINTERNAL, "%s returned %d, which is no verdict",
			       worker->name, verdict);
	if (verdict == SP_DEFERRED && !req->token.out && !req->token.done)
		return sp_fail(req, SP_EINTERNAL, "%s returned SP_DEFERRED without sp_defer",
			       worker->name);
	if (verdict == SP_FAILED && req->error == SP_OK)
		return sp_fail(req, SP_EINTERNAL, "%s failed without saying why", worker->name);
	if (verdict != SP_FAILED && req->unwritable && worker->read_only)
		return sp_fail(req, SP_EINTERNAL,
			       "%s asked for a body to write to, but the chain has it only read "
			       "(memory.readOnly): sp_view shows the body",
			       worker->name);
	if (verdict != SP_FAILED && req->unwritable)
		return sp_fail(req, SP_ETIMEOUT, "no buffer for a copy of a body that others read");
	return verdict;
}

sp_verdict sdk_request_run(struct sp_request *req)
{
	struct sp_worker *worker = req->worker;

	return sdk_request_check(req, worker->function->on_request(req, worker->state));
}

/* The text becomes the payload: plain, as much as fits; the gateway makes the document. */
static void put_failure(struct sp_request *req)
{
	uint32_t cap;

	/* Not where others read. Without another buffer the error goes without its text. */
	if (req->shared && sdk_request_move(req, req->text_len, 0, 0) < 0)
		req->text_len = 0;
	sdk_request_settle(req);
	cap = shm_buffer_capacity(&req->header, req->slot.size);
	req->len = req->text_len < cap ? req->text_len : cap;
	if (req->len > 0)
		memcpy(sdk_payload(req), req->text, req->len);
	req->body = NULL;
	req->header.body_buf = 0;
	req->header.error = req->error;
	req->header.status = 0;
	sdk_count_error((sp_error)req->error);
}

/* Where nothing can be written: the error goes without its text, as the length of what there is
 * not; everything else as it came. */
static void end_unwritten(struct sp_request *req, sp_verdict verdict)
{
	if (verdict == SP_FAILED) {
		sp_log(req, SP_WARNING, "failed: %.*s", (int)req->text_len, req->text);
		sdk_count_error((sp_error)req->error);
		req->len = req->error;
	} else if (verdict == SP_DROP) {
		req->len = 0;
	}
}

void sdk_request_end(struct sp_request *req, sp_verdict verdict)
{
	if (req->worker->read_only) {
		end_unwritten(req, verdict);
		return;
	}
	sdk_request_settle(req);
	req->header.error = SP_OK;
	req->header.parts = 0;
	if (verdict == SP_FAILED)
		put_failure(req);
	else if (verdict == SP_DROP)
		req->len = req->header.body_buf = 0;
	if (req->header.hops < UINT8_MAX)
		req->header.hops++;
	*req->slot.at = req->header;
}

sp_verdict sp_fail(sp_request *req, sp_error error, const char *format, ...)
{
	va_list args;
	int n;

	req->error = error > SP_OK && error < SP_ERROR_COUNT ? (uint8_t)error : SP_EINTERNAL;
	va_start(args, format);
	n = vsnprintf(req->text, sizeof(req->text), format, args);
	va_end(args);
	if (n < 0)
		n = 0;
	req->text_len = (uint32_t)n < sizeof(req->text) ? (uint32_t)n : sizeof(req->text) - 1;
	return SP_FAILED;
}

static sp_str text_of(const char *text)
{
	return (sp_str){ text, strlen(text) };
}

const sp_meta *sp_meta_of(sp_request *req)
{
	const struct shm_header *h = &req->header;
	sp_meta *m = &req->meta;

	if (req->meta_known)
		return m;
	m->number = h->number;
	m->deadline_ns = h->deadline_ns;
	m->id = sdk_str(req, h->id);
	m->chain = text_of(req->worker->chain);
	m->function = text_of(req->worker->name);
	m->method = sdk_str(req, h->method);
	m->path = sdk_str(req, h->path);
	m->query = sdk_str(req, h->query);
	m->topic = sdk_str(req, h->topic);
	m->content_type = sp_header(req, "content-type");
	memcpy(m->trace_id, h->trace_id, sizeof(m->trace_id));
	memcpy(m->parent_id, h->parent_id, sizeof(m->parent_id));
	m->trace_flags = h->trace_flags;
	m->qos = req->flags & SP_DESC_QOS_MASK;
	m->elephant = (req->flags & SP_DESC_ELEPHANT) != 0;
	m->hop = h->hops;
	req->meta_known = true;
	return m;
}

int64_t sp_remaining_ns(sp_request *req)
{
	uint64_t deadline = req->header.deadline_ns, now;

	if (deadline == 0)
		return INT64_MAX;
	now = sdk_now_ns();
	if (now >= deadline)
		return 0;
	return deadline - now > INT64_MAX ? INT64_MAX : (int64_t)(deadline - now);
}

sp_worker *sp_worker_of(sp_request *req)
{
	return req->worker;
}
