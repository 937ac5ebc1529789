// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/sprocket_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bpf/wire.h"
#include "functions/sdk/clock.h"
#include "functions/sdk/counter.h"
#include "functions/sdk/log.h"
#include "functions/sdk/request.h"

#define POOL_MEMORY (64U << 20) /* of the layout only: buffers are allocated one by one */
#define SLOT_ALIGN 64

struct sp_test {
	struct sdk_source source; /* first: its calls get back to the test by it */
	struct sp_worker worker;
	struct sp_request req;
	struct shm_layout layout;
	uint32_t next_index;
	bool deny;
	struct shm_header header; /* of the last result */
	struct shm_header *last;  /* its slot, copied; NULL before the first */
	struct sp_test_result result;
	struct shm_counters before; /* the counters as they were at the start */
	char *log;                  /* NUL-terminated */
	size_t log_len;
};

static void *must(void *p)
{
	if (!p) {
		fputs("sprocket-test: no memory\n", stderr);
		abort();
	}
	return p;
}

/* ---- buffers from the heap ---- */

static struct sdk_slot slot_new(struct sp_test *t, uint32_t cls)
{
	const struct shm_class *c = &t->layout.classes[cls];

	return (struct sdk_slot){ .at = must(aligned_alloc(SLOT_ALIGN, c->stride)),
				  .index = t->next_index++,
				  .gen = 1,
				  .size = c->size,
				  .stride = c->stride };
}

static int take(struct sdk_source *source, uint32_t cls, struct sdk_slot *ret)
{
	struct sp_test *t = (struct sp_test *)source;

	if (t->deny)
		return -ENOBUFS;
	*ret = slot_new(t, cls);
	return 0;
}

static void moved(struct sdk_source *source, const struct sp_request *req,
		  const struct sdk_slot *from, const struct sdk_slot *to)
{
	(void)req;
	(void)from;
	(void)to;
	((struct sp_test *)source)->result.moves++;
}

static void retire(struct sdk_source *source, const struct sdk_slot *slot)
{
	(void)source;
	free(slot->at);
}

/* ---- the log ---- */

static void log_take(void *arg, const char *line, size_t len)
{
	struct sp_test *t = arg;

	t->log = must(realloc(t->log, t->log_len + len + 1));
	memcpy(t->log + t->log_len, line, len);
	t->log_len += len;
	t->log[t->log_len] = '\0';
}

static void log_begin(struct sp_test *t)
{
	t->log_len = 0;
	t->log[0] = '\0';
	sdk_log_to(log_take, t);
}

/* ---- start and end ---- */

static struct sp_test *refuse(struct sp_test *t, const char *why, int error)
{
	fputs(t->log, stderr);
	fprintf(stderr, "%s: %s\n", t->worker.name ? t->worker.name : "function", why);
	t->worker.function = NULL; /* nothing to stop */
	sp_test_free(t);
	errno = -error;
	return NULL;
}

sp_test *sp_test_new(const sp_function *function, const char *const *config)
{
	static const uint32_t sizes[] = { 2U << 10, 16U << 10, 64U << 10, 1U << 20 };
	struct sp_test *t = must(calloc(1, sizeof(*t)));
	char why[256];
	int r;

	t->log = must(calloc(1, 1));
	log_begin(t);
	shm_layout_compute(sizes, sizeof(sizes) / sizeof(sizes[0]), POOL_MEMORY, 1, &t->layout,
			   NULL);
	sdk_counters_snapshot(&t->before);
	t->source = (struct sdk_source){ .take = take, .moved = moved, .retire = retire };
	t->worker = (struct sp_worker){ .function = function,
					.chain = "test",
					.name = function->name,
					.layout = &t->layout,
					.source = &t->source };
	for (; config && config[0] && config[1] && t->worker.config_count < SDK_CONFIG_MAX;
	     config += 2)
		t->worker.config[t->worker.config_count++] =
			(struct sdk_pair){ config[0], config[1] };
	r = sdk_function_check(function, why, sizeof(why));
	if (r == 0)
		r = sdk_worker_start(&t->worker, why, sizeof(why));
	return r < 0 ? refuse(t, why, r) : t;
}

sp_test *sp_test_free(sp_test *t)
{
	if (!t)
		return NULL;
	if (t->worker.function)
		sdk_worker_stop(&t->worker);
	sdk_log_to(NULL, NULL);
	free(t->last);
	free(t->log);
	free(t);
	return NULL;
}

/* ---- one request ---- */

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
static bool fill(const struct sdk_slot *slot, const sp_test_request *q)
{
	const char *path = q->path ? q->path : "/", *query = strchr(path, '?');
	uint32_t len = (uint32_t)q->body.len;
	struct shm_header *h = slot->at;

	shm_header_init(h, slot->stride);
	if (len > shm_buffer_capacity(h, slot->size))
		return false;
	if (len > 0)
		memcpy(shm_buffer_payload(h), q->body.data, len);
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

static struct sdk_slot place(struct sp_test *t, const sp_test_request *q)
{
	for (uint32_t cls = 0; cls < t->layout.class_count; cls++) {
		struct sdk_slot slot = slot_new(t, cls);

		if (fill(&slot, q))
			return slot;
		free(slot.at);
	}
	fputs("sprocket-test: the request is larger than the largest buffer (1 MiB)\n", stderr);
	abort();
}

static int status_of(const struct sp_test *t, sp_verdict verdict)
{
	static const uint16_t of_error[] = { 200,
#define X(name, status, title) status,
					     SP_ERRORS(X)
#undef X
	};

	if (verdict == SP_FAILED)
		return of_error[t->header.error];
	if (verdict == SP_DROP)
		return 204;
	return t->header.status ? t->header.status : 200;
}

static void keep_result(struct sp_test *t, sp_verdict verdict)
{
	struct sp_request *req = &t->req;
	struct sp_test_result *r = &t->result;
	sp_str payload;

	free(t->last);
	t->last = must(malloc(req->slot.stride));
	memcpy(t->last, req->slot.at, req->slot.stride);
	t->header = *t->last;
	payload = (sp_str){ shm_buffer_payload(t->last), req->len };
	r->verdict = verdict;
	r->edge = verdict == SP_NEXT ? "next" :
		  verdict >= 0       ? t->worker.function->edges[verdict] :
				       NULL;
	r->status = status_of(t, verdict);
	r->error = (sp_error)t->header.error;
	if (t->header.topic.len > 0)
		r->topic =
			(sp_str){ shm_slice_data(t->last, t->header.topic), t->header.topic.len };
	if (verdict == SP_FAILED)
		r->error_text = payload;
	else
		r->body = payload;
}

const sp_test_result *sp_test_run(sp_test *t, const sp_test_request *request)
{
	struct sp_request *req = &t->req;
	struct sdk_slot slot;
	sp_verdict verdict;

	log_begin(t);
	memset(&t->result, 0, sizeof(t->result));
	slot = place(t, request);
	req->home = 0;
	req->flags = (uint8_t)((request->qos & SP_DESC_QOS_MASK) |
			       (request->elephant ? SP_DESC_ELEPHANT : 0));
	sdk_request_begin(req, &t->worker, &slot, (uint32_t)request->body.len);
	verdict = sdk_request_run(req);
	sdk_request_end(req, verdict);
	keep_result(t, verdict);
	free(req->slot.at);
	return &t->result;
}

/* ---- what is asked afterwards ---- */

sp_str sp_test_header_at(const sp_test *t, const char *name, size_t i)
{
	struct shm_field field;
	uint32_t pos = 0;

	while (t->last && shm_record_next(t->last, t->header.response_headers, &pos, &field) == 1) {
		if (field.name_len != strlen(name) ||
		    strncasecmp(field.name, name, field.name_len) != 0)
			continue;
		if (i-- == 0)
			return (sp_str){ field.value, field.value_len };
	}
	return (sp_str){ NULL, 0 };
}

sp_str sp_test_header(const sp_test *t, const char *name)
{
	return sp_test_header_at(t, name, 0);
}

uint64_t sp_test_counter(const sp_test *t, const char *name)
{
	return sdk_counter_value(name) - sdk_counter_value_in(&t->before, name);
}

const char *sp_test_log(const sp_test *t)
{
	return t->log;
}

void sp_test_deny(sp_test *t, int deny)
{
	t->deny = deny != 0;
}

int sp_test_equals(sp_str bytes, const char *text)
{
	return bytes.len == strlen(text) &&
	       (bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}
