/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sprocket.h - write a function of a Sprocket chain in C.
 *
 * Ownership, in one sentence: the request and everything reached through it are yours
 * until the handler returns; never free it, never keep it.
 *
 *     #include <sprocket.h>
 *     #include <ctype.h>
 *
 *     static sp_verdict upper(sp_request *req, void *state)
 *     {
 *             sp_buf body = sp_body(req);
 *
 *             (void)state;
 *             if (body.len == 0)
 *                     return sp_fail(req, SP_EINPUT, "empty body");
 *             for (size_t i = 0; i < body.len; i++)
 *                     body.data[i] = (char)toupper((unsigned char)body.data[i]);
 *             return SP_NEXT;
 *     }
 *
 *     SP_FUNCTION(.name = "upper", .on_request = upper)
 *
 * How: SP_FUNCTION registers the handler and supplies main(), so the file is a whole
 * program. Started by a controller it serves requests; started by hand, `--describe`
 * prints what it declares as JSON. Linked with libsprocket-test it runs in a unit test.
 * Thread-safety: a function has one thread, or as many as `workers` in the chain file says;
 * each has a state of its own, and never runs two handlers at the same time. While a handler
 * waits (sp_call_one, sp_call_all, sp_alloc, sp_await, and where a body needs a larger
 * buffer) its thread handles other requests: whatever the state held may have changed when
 * the call returns. Calls that take an sp_request are for the handler's thread only.
 * Errors: calls return 0 or a negative errno, or a value with a NULL pointer in it.
 * The header is C11, C17 and C++17.
 */
#ifndef SPROCKET_H
#define SPROCKET_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SP_ABI 2U

#if defined(__GNUC__)
#define SP_API __attribute__((visibility("default")))
#define SP_MUST_USE __attribute__((warn_unused_result))
#define SP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SP_WEAK __attribute__((weak))
#else
#define SP_API
#define SP_MUST_USE
#define SP_PRINTF(fmt, args)
#define SP_WEAK
#endif

/* ---- values ---- */

typedef struct sp_request sp_request; /* one request, while the handler runs */
typedef struct sp_worker sp_worker;   /* what the function lives in */

/* Bytes to read. Not NUL-terminated. {NULL, 0} where there is nothing. */
typedef struct sp_str {
	const char *data;
	size_t len;
} sp_str;

/* Bytes to read and write in place. */
typedef struct sp_buf {
	char *data;
	size_t len; /* bytes that are the body */
	size_t cap; /* bytes that may be used without sp_resize moving anything */
} sp_buf;

#ifdef __cplusplus
#define SP_S(literal) (sp_str{ "" literal, sizeof(literal) - 1 })
#else
#define SP_S(literal) ((sp_str){ "" literal, sizeof(literal) - 1 })
#endif
/* For "%.*s". */
#define SP_ARG(s) (int)(s).len, (s).data

/* What a handler returns: one of these, or the index of an edge in .edges. */
typedef int sp_verdict;
enum {
	SP_NEXT = -1,    /* on by the default edge of the chain file */
	SP_REPLY = -2,   /* the body as it is now is the answer */
	SP_DROP = -3,    /* no answer to give: the client gets 204 and no body */
	SP_FAILED = -4,  /* what sp_fail returned */
	SP_DEFERRED = -5 /* sp_complete will say; only after sp_defer */
};

/* Errors of sp_fail: X(name, HTTP status, title). */
#define SP_ERRORS(X)                                      \
	X(SP_EINPUT, 400, "bad input")                    \
	X(SP_EDENIED, 403, "denied")                      \
	X(SP_ENOTFOUND, 404, "not found")                 \
	X(SP_ECONFLICT, 409, "conflict")                  \
	X(SP_ETOOBIG, 413, "too big")                     \
	X(SP_EUNSUPPORTED, 415, "unsupported media type") \
	X(SP_ECANCELED, 499, "client closed request")     \
	X(SP_EINTERNAL, 500, "internal error")            \
	X(SP_EUPSTREAM, 502, "upstream failed")           \
	X(SP_EUNAVAILABLE, 503, "unavailable")            \
	X(SP_ETIMEOUT, 504, "timed out")                  \
	X(SP_ELOOP, 508, "loop detected")

#define SP_ERROR_NAME_(name, status, title) name,
typedef enum sp_error { SP_OK = 0, SP_ERRORS(SP_ERROR_NAME_) SP_ERROR_COUNT } sp_error;
#undef SP_ERROR_NAME_

/* What is known of a request besides its body. Valid until the handler returns. */
typedef struct sp_meta {
	uint64_t number;      /* unique in the chain's life */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0 = none */
	sp_str id;            /* X-Request-Id */
	sp_str chain;
	sp_str function; /* this function's name in the chain */
	sp_str method;
	sp_str path;
	sp_str query; /* without the question mark */
	sp_str topic;
	sp_str content_type;  /* of the request */
	uint8_t trace_id[16]; /* W3C trace context */
	uint8_t parent_id[8];
	uint8_t trace_flags;
	uint8_t qos;      /* class, 0 is the highest */
	uint8_t elephant; /* 1: part of an elephant flow */
	uint8_t hop;      /* functions that handled it before, 0 for the first */
} sp_meta;

/* ---- registration ---- */

typedef struct sp_function {
	unsigned abi;     /* SP_ABI; filled in by SP_FUNCTION */
	const char *name; /* required */
	const char *version;
	sp_verdict (*on_request)(sp_request *req, void *state); /* required */
	/* Once in each thread, before its first request. Non-zero (a negative errno) stops the
	 * start; say why with sp_log. fini is not called then. */
	int (*init)(sp_worker *worker, void **state);
	void (*fini)(void *state); /* once in each thread, after its last request */
	int (*ready)(void *state); /* 0: ready to serve. Asked once after init; else fini. */
	const char *const *edges;  /* names, NULL at the end; indices are verdicts */
	const char *const *calls;  /* functions it calls, NULL at the end; at most 32 */
	const char *const *config; /* "key=default", "key!" (required) or "key"; NULL at the end */
	size_t stack_size;         /* bytes of a handler's stack; 0: 256 KiB. An overflow ends the
				    * process (SIGSEGV), it never writes elsewhere */
} sp_function;

/* The function of this program, as SP_FUNCTION registers it; for unit tests. */
SP_API extern const sp_function sp_function_registered;

/* Runs a function until its controller stops it. Exit codes: 0 stopped in order, 1 failed
 * (the reason is on stderr), 2 wrong arguments or not started by a controller. */
SP_API int sp_main(int argc, char **argv, const sp_function *function);

#ifdef __cplusplus
#define SP_ASSERT_ static_assert
#define SP_PARTIAL_ _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#else
#define SP_ASSERT_ _Static_assert
#define SP_PARTIAL_
#endif

/* What `sprocket run --inline` finds in a program that it loads into another process. */
struct sp_entry_ {
	const sp_function *function;
	int (*main)(int argc, char **argv, const sp_function *function);
};

/* Kept also by a linker that drops what nothing refers to. */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define SP_ENTRY_ __attribute__((used, retain, section("sprocket_entry")))
#endif
#endif
#ifndef SP_ENTRY_
#define SP_ENTRY_ __attribute__((used, section("sprocket_entry")))
#endif

/* Registers the function and supplies main(), which a unit test's own main() overrides.
 * Once per program. In C++ (20) the initialisers go in the order of the fields above. */
#define SP_FUNCTION(...)                                                                       \
	SP_PARTIAL_                                                                            \
	const sp_function sp_function_registered = { .abi = SP_ABI, __VA_ARGS__ };             \
	SP_ENTRY_ static struct sp_entry_ sp_entry_at_ = { &sp_function_registered, sp_main }; \
	SP_WEAK int main(int argc, char **argv)                                                \
	{                                                                                      \
		return sp_main(argc, argv, &sp_function_registered);                           \
	}                                                                                      \
	SP_ASSERT_(SP_ABI == 2U, "takes the semicolon")

/* ---- the request ---- */

SP_API const sp_meta *sp_meta_of(sp_request *req);

/* The body, in place. Take it again after sp_resize, sp_set_body, sp_print, sp_set_header
 * or sp_set_topic: each of them may move the request to a larger buffer.
 * Where others read the same body (after a tee or a fan-out, or sp_emit_same) it is copied
 * first: who only reads uses sp_view. data == NULL only when that copy could not be made
 * before the deadline; the request then fails whatever the handler returns. */
SP_API sp_buf sp_body(sp_request *req);

/* The body, to be read: never copied. A write to one that others read, too, ends the process
 * (SIGSEGV). */
SP_API sp_str sp_view(sp_request *req);

/*
 * Makes the body `len` bytes long, keeping what was there (new bytes are undefined). In
 * place while the capacity allows; otherwise it moves to a larger buffer, and what
 * sp_body, sp_header or sp_meta_of gave before is no longer valid.
 * data == NULL: over the chain's largest buffer, or the pool has none left; the request is
 * unchanged.
 */
SP_API SP_MUST_USE sp_buf sp_resize(sp_request *req, size_t len);

/* Replaces the body. `data` may lie in the old one. 0, or -ENOSPC as sp_resize. */
SP_API SP_MUST_USE int sp_set_body(sp_request *req, const void *data, size_t len);

/* Replaces the body by formatted text; the arguments may point into the old one.
 * 0, -ENOSPC, or -EINVAL for a format that vsnprintf refuses. */
SP_API SP_MUST_USE int sp_print(sp_request *req, const char *format, ...) SP_PRINTF(2, 3);

/* A header field of the request, name in any case; {NULL, 0} when absent. */
SP_API sp_str sp_header(sp_request *req, const char *name);

/* The i-th header field of the request, names in lower case. Returns 0, -ENOENT at the end. */
SP_API int sp_header_at(sp_request *req, size_t i, sp_str *name, sp_str *value);

/*
 * Adds a header field to the response (Set-Cookie may come twice; else the last one wins).
 * `value` may lie in the request.
 * 0; -EPERM for a field that belongs to the gateway (Connection, Content-Length,
 * Transfer-Encoding, Date, Server, X-Request-Id, ...); -EINVAL for a name that is no token
 * or a value with control characters; -ENOSPC.
 */
SP_API SP_MUST_USE int sp_set_header(sp_request *req, const char *name, sp_str value);

/* HTTP status of the response, 200 to 599. 0 or -EINVAL. */
SP_API int sp_set_status(sp_request *req, int status);

/* Topic that routes with `when: {topic: ...}` look at. 0 or -ENOSPC. */
SP_API SP_MUST_USE int sp_set_topic(sp_request *req, sp_str topic);

/* Ends the request with an error: the client gets the error's status and a problem
 * document (RFC 9457) with the formatted text, of which 511 bytes are kept. The arguments
 * may point into the request. Return what it returns. */
SP_API sp_verdict sp_fail(sp_request *req, sp_error error, const char *format, ...) SP_PRINTF(3, 4);

/* Nanoseconds until the deadline; 0 when it has passed, INT64_MAX when there is none. */
SP_API int64_t sp_remaining_ns(sp_request *req);

SP_API sp_worker *sp_worker_of(sp_request *req);

/* ---- calls ---- */

/*
 * One call of another function: set what is asked, read what came back. `body` is copied
 * into a new buffer; with `message` nothing is copied: a buffer of sp_alloc, or the reply of
 * an earlier call, changes hands.
 *
 *     sp_call rates = { .fn = CURRENCY, .topic = SP_S("rates") };
 *
 *     if (sp_call_one(req, &rates) != SP_OK)
 *             return sp_fail(req, SP_EUPSTREAM, "no rates");
 */
typedef struct sp_call {
	int fn;             /* index into .calls */
	int by_reference;   /* 1: the callee reads this request's body where it lies; no other */
	sp_str topic;       /* sp_meta.topic of the callee: what it is asked to do */
	sp_str body;        /* copied */
	sp_buf message;     /* instead of body, when data is not NULL: given away, also when the
			      * call fails */
	int64_t timeout_ns; /* 0: as long as the request itself has */
	/* What came back. */
	sp_error error; /* SP_OK, or why there is no reply: what the callee said (sp_fail),
			 * SP_ETIMEOUT, SP_ECANCELED (nobody waits for this request any more),
			 * SP_EUPSTREAM (it died), SP_EUNAVAILABLE (it is not there),
			 * SP_ELOOP (maxHops), SP_ETOOBIG, SP_EINTERNAL (the chain file declares
			 * no such call) */
	int status;     /* that the callee set, or 0 */
	sp_buf reply;   /* yours until the handler returns; of a failed call its text, or {NULL} */
} sp_call;

/* Calls, and waits for the reply. Returns call->error. */
SP_API SP_MUST_USE sp_error sp_call_one(sp_request *req, sp_call *call);

/* Makes all calls at once and waits for all replies, or for the last timeout. Returns SP_OK
 * when all have succeeded, else the error of the first that has not; each call holds its own, so
 * what this returns may be left alone where some replies are enough. */
SP_API sp_error sp_call_all(sp_request *req, sp_call *calls, size_t count);

/* A buffer to build a message in: {data, 0, cap} with cap >= size; set len to what is
 * used. It waits, in order, while the pool has none. Yours until the handler returns or it is
 * given away. data == NULL: over the chain's largest buffer, or none came before the deadline. */
SP_API SP_MUST_USE sp_buf sp_alloc(sp_request *req, size_t size);

/* Gives back a buffer of sp_alloc or a reply before the handler returns: for loops. */
SP_API void sp_release(sp_request *req, sp_buf message);

/*
 * Sends an extra message by an edge (a declared one, or SP_NEXT): a request of its own that
 * nobody waits for and no tee reads along, with this request's id, trace context, topic and
 * deadline. Its answer is dropped.
 * sp_emit copies `body`; sp_emit_message gives `message` away, as in struct sp_call;
 * sp_emit_same has the receiver read this request's body where it lies, to which nobody
 * writes from then on (see sp_body).
 * 0; -EINVAL for no such edge; -ENOTSUP when it leads to a reply or a join; -ENOSPC as sp_alloc.
 */
SP_API SP_MUST_USE int sp_emit(sp_request *req, sp_verdict edge, sp_str body);
SP_API SP_MUST_USE int sp_emit_message(sp_request *req, sp_verdict edge, sp_buf message);
SP_API SP_MUST_USE int sp_emit_same(sp_request *req, sp_verdict edge);

/* What one branch of a fan-out answered, for the function at its join. */
typedef struct sp_part {
	sp_str function; /* its name in the chain */
	sp_error error;  /* SP_OK, or what it failed with; body is then the text */
	int status;      /* that it set, or 0 */
	sp_str body;     /* the fanned-out body itself when it left that as it was */
} sp_part;

/* The i-th answer, in the order of the chain file; those that did not come are left out.
 * 0, or -ENOENT at the end. Valid until the handler returns. */
SP_API int sp_part_at(sp_request *req, size_t i, sp_part *ret);
SP_API size_t sp_part_count(sp_request *req);

/* ---- later ---- */

typedef struct sp_token sp_token; /* a request that a handler left unanswered */

/*
 * For libraries with threads of their own: take a token, give it to the library, and either
 * return SP_DEFERRED or wait with sp_await. sp_complete may be called from any thread, once
 * for each token; with SP_DEFERRED returned, its verdict is the handler's, and until then the
 * body (sp_body, sp_view, in place only) is for who holds the token. SP_FAILED is SP_EINTERNAL
 * then. The client's deadline passes all the same.
 */
SP_API sp_token *sp_defer(sp_request *req);
SP_API void sp_complete(sp_token *token, sp_verdict verdict);

/* Waits until sp_complete was called on the request's token. Returns the verdict given. */
SP_API sp_verdict sp_await(sp_request *req);

/* 1: nobody waits for the answer any more: the client is gone or the deadline has passed. */
SP_API int sp_canceled(sp_request *req);

/* ---- around it ---- */

/* Folder of the function's executable, where files that go with it are: absolute, of a unit test
 * that of the test. NUL-terminated beyond its length; valid for the process's life. */
SP_API sp_str sp_folder(const sp_worker *worker);

/* Which of the function's threads this is: 0 to `workers` - 1. */
SP_API unsigned sp_worker_index(const sp_worker *worker);

/* A configuration value of the chain file, or the declared default; {NULL, 0} for a key
 * without either. NUL-terminated beyond its length; valid for the process's life. */
SP_API sp_str sp_config(sp_worker *worker, const char *key);

typedef enum sp_level { SP_DEBUG, SP_INFO, SP_WARNING, SP_ERROR } sp_level;

/* One line to the log; with the request's id and trace id when `req` is not NULL. At most
 * 100 lines a second; what was dropped is counted and said. SP_DEBUG only with
 * SPROCKET_DEBUG set in the environment. Any thread, when `req` is NULL. */
SP_API void sp_log(sp_request *req, sp_level level, const char *format, ...) SP_PRINTF(3, 4);

/* A named count, visible to the operator: SP_COUNTER(plates_unknown); ...
 * sp_count(&plates_unknown, 1); Any thread. At most 50 per function, names of at most 55
 * bytes; what is above counts nowhere. Counters of one name are one. */
typedef struct sp_counter {
	const char *name;
	uint64_t *value;
} sp_counter;
#define SP_COUNTER(id) static sp_counter id = { #id, NULL }
SP_API void sp_count(sp_counter *counter, uint64_t n);

#ifdef __cplusplus
}
#endif

#endif
