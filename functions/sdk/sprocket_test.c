// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/sprocket_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "functions/sdk/counter.h"
#include "functions/sdk/log.h"
#include "functions/sdk/sprocket_test_private.h"

#define POOL_MEMORY (64U << 20) /* of the layout only: buffers are allocated one by one */

void *test_must(void *p)
{
	if (!p)
		test_die("no memory");
	return p;
}

void *test_copy(const void *from, size_t len)
{
	void *to = test_must(malloc(len + 1));

	if (len > 0)
		memcpy(to, from, len);
	return to;
}

void test_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sprocket-test: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/* ---- the log ---- */

static void log_take(void *arg, const char *line, size_t len)
{
	struct sp_test *t = arg;

	t->log = test_must(realloc(t->log, t->log_len + len + 1));
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

static void emitted_free(struct sp_test_result *r)
{
	for (size_t i = 0; i < r->emitted_count; i++)
		free((char *)(uintptr_t)r->emitted[i].body.data);
	free((sp_test_emitted *)(uintptr_t)r->emitted);
}

static struct sp_test *refuse(struct sp_test *t, const char *why, int error)
{
	fputs(t->log, stderr);
	fprintf(stderr, "%s: %s\n", t->worker.name ? t->worker.name : "function", why);
	t->worker.function = NULL; /* nothing to stop */
	sp_test_free(t);
	errno = -error;
	return NULL;
}

/* Once found, of the process. */
static const char *folder_of_test(void)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	if (strrchr(path, '/'))
		*strrchr(path, '/') = '\0';
	return path;
}

sp_test *sp_test_new(const sp_function *function, const char *const *config)
{
	static const uint32_t sizes[] = { 2U << 10, 16U << 10, 64U << 10, 1U << 20 };
	struct sp_test *t = test_must(calloc(1, sizeof(*t)));
	char why[256];
	int r;

	t->log = test_must(calloc(1, 1));
	log_begin(t);
	shm_layout_compute(sizes, sizeof(sizes) / sizeof(sizes[0]), POOL_MEMORY, 1, &t->layout,
			   NULL);
	sdk_counters_snapshot(&t->before);
	test_port_init(t);
	t->worker = (struct sp_worker){ .function = function,
					.chain = "test",
					.name = function->name,
					.folder = folder_of_test(),
					.layout = &t->layout,
					.port = &t->port };
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
	free(t->last_body);
	emitted_free(&t->result);
	free(t->buffers);
	free(t->log);
	free(t);
	return NULL;
}

/* ---- one request ---- */

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

static void keep_result(struct sp_test *t, struct test_run *run, sp_verdict verdict)
{
	struct sp_request *req = &run->req;
	struct sp_test_result *r = &t->result;
	sp_str payload = verdict == SP_DROP ? (sp_str){ "", 0 } : sdk_body(req);

	free(t->last);
	free(t->last_body);
	emitted_free(r);
	t->last = test_copy(req->slot.at, req->slot.stride);
	t->last_body = test_copy(payload.data, payload.len);
	t->last_calls = run->calls;
	t->header = *t->last;
	payload.data = t->last_body;
	*r = (sp_test_result){ .verdict = verdict,
			       .edge = verdict == SP_NEXT ? "next" :
				       verdict >= 0       ? t->worker.function->edges[verdict] :
							    NULL,
			       .status = status_of(t, verdict),
			       .error = (sp_error)t->header.error,
			       .moves = run->moves,
			       .emitted = run->emitted,
			       .emitted_count = run->emitted_count };
	if (t->header.topic.len > 0)
		r->topic =
			(sp_str){ shm_slice_data(t->last, t->header.topic), t->header.topic.len };
	if (verdict == SP_FAILED)
		r->error_text = payload;
	else
		r->body = payload;
}

/* What the handler returned, or sp_complete was given later. */
static sp_verdict handle(struct sp_test *t, struct sp_request *req)
{
	sp_verdict verdict = sdk_request_run(req), given;

	if (!req->token.out)
		return verdict;
	/* Who holds the token may use the request until it is complete. */
	given = test_await(t, req);
	return verdict == SP_DEFERRED ? sdk_request_check(req, given) : verdict;
}

const sp_test_result *sp_test_run(sp_test *t, const sp_test_request *request)
{
	struct test_run run = { .outer = t->run };
	sp_verdict verdict;

	if (!run.outer)
		log_begin(t);
	test_request_begin(t, &run, request);
	__atomic_store_n(&t->run, &run, __ATOMIC_RELEASE);
	verdict = handle(t, &run.req);
	t->port.give_back_kept(&t->port, &run.req);
	sdk_request_end(&run.req, verdict);
	keep_result(t, &run, verdict);
	t->port.give_back_kept(&t->port, &run.req);
	__atomic_store_n(&t->run, run.outer, __ATOMIC_RELEASE);
	test_request_end(t, &run);
	return &t->result;
}

/* ---- calls ---- */

static struct test_mock *mock_of(struct sp_test *t, const char *call)
{
	const char *const *calls = t->worker.function->calls;

	for (uint32_t i = 0; calls && calls[i]; i++)
		if (strcmp(calls[i], call) == 0)
			return &t->mocks[i];
	test_die("%s declares no call \"%s\" in .calls", t->worker.name, call);
}

void sp_test_on_call(sp_test *t, const char *call, sp_test_reply_fn *fn, void *arg)
{
	struct test_mock *mock = mock_of(t, call);

	mock->fn = fn;
	mock->arg = arg;
}

static void answer(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	const struct test_mock *mock = arg;

	(void)call;
	reply->body = mock->answer;
}

void sp_test_answer(sp_test *t, const char *call, sp_str body)
{
	struct test_mock *mock = mock_of(t, call);

	*mock = (struct test_mock){ .fn = answer, .arg = mock, .answer = body };
}

size_t sp_test_calls(const sp_test *t)
{
	return t->run ? t->run->calls : t->last_calls;
}

void sp_test_cancel(sp_test *t)
{
	struct test_run *run = __atomic_load_n(&t->run, __ATOMIC_ACQUIRE);

	if (run)
		__atomic_store_n(&run->req.canceled, true, __ATOMIC_RELAXED);
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
