/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - chaos-client: requests at a rate, and what became of every single one.
 *
 * For: the fault injector. A load generator tells how many failed; this one must tell which, when,
 * why, and whether in time: "exactly one answer each" is checked here.
 * How: one thread, HTTP/1.1, one request at a time on a connection. What is due is known before
 * the first request is sent and does not wait for answers, only for a free connection. Each body
 * begins with the request's number; an answer without it is another's. Each request has one line
 * in the log (struct record), written when it has ended, however it did.
 * Thread-safety: a single thread.
 * Failure modes: no memory or no socket ends the program with 3; whatever the server does is a
 * class of `enum outcome`.
 */
#ifndef SPROCKET_TESTS_CHAOS_CLIENT_H
#define SPROCKET_TESTS_CHAOS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_SIZE 96     /* bytes of each request's body */
#define NONCE_SIZE 34    /* its first bytes: no two requests' are the same */
#define ANSWER_MAX 16384 /* bytes of an answer, head included */
#define REASONS_MAX 32   /* different reasons of problem documents */
#define REASON_SIZE 40
#define KINDS_MAX 32
#define HEADER_MAX 512

/* What became of a request; X(name). */
#define OUTCOMES(X)                                                         \
	X(ok)            /* 2xx, with its own nonce */                      \
	X(problem)       /* a problem document that names its reason */     \
	X(unexplained)   /* an error without a reason */                    \
	X(wrong)         /* another request's answer, or a changed body */  \
	X(malformed)     /* no HTTP */                                      \
	X(refused)       /* nobody listened */                              \
	X(connect)       /* connecting failed otherwise */                  \
	X(closed)        /* a new connection ended without a byte */        \
	X(closed_reused) /* the same, of a connection that served before */ \
	X(cut)           /* it ended within the answer */                   \
	X(hang)          /* no end until the deadline and the grace */      \
	X(unsent)        /* no connection was free until the end */

enum outcome {
#define X(name) OUTCOME_##name,
	OUTCOMES(X)
#undef X
		OUTCOME_COUNT,
};

enum expect {
	EXPECT_ECHO, /* the body comes back as it was */
	EXPECT_HAS,  /* the nonce is somewhere in it */
	EXPECT_ANY,  /* any answer: an order whose report says nothing of its body */
};

struct kind {
	uint32_t weight;
	enum expect expect;
	char path[128];
	char header[HEADER_MAX]; /* whole lines with their ends, or "" */
};

/* One request, in the log; times of CLOCK_MONOTONIC. */
struct record {
	uint64_t due_ns, sent_ns, done_ns;
	uint16_t status;
	uint8_t outcome, reason, kind, late;
	uint16_t pad;
};
_Static_assert(sizeof(struct record) == 32, "a line of the log");

/* All requests together. */
struct tally {
	uint64_t ended, outcomes[OUTCOME_COUNT];
	uint64_t late, late_max_ns; /* beyond the deadline */
	uint64_t extra;             /* connections with more than one answer to one request */
	uint64_t opened;            /* connections */
	uint64_t stall_max_ns;      /* that the client itself was not run */
	uint32_t reason_count;
	uint64_t reasons[REASONS_MAX];
	char reason_names[REASONS_MAX][REASON_SIZE];
};

/* Counts a problem's reason and returns its number. */
uint8_t tally_reason(struct tally *tally, const char *name);

/* As JSON, on standard output. */
void tally_print(const struct tally *tally);

/* An answer, as far as it has come. */
struct answer {
	char text[ANSWER_MAX + 1];
	size_t len, head_len, body_len;
	int status;
	bool whole, close, problem;
};

void answer_init(struct answer *answer);

/* Looks again after more has come. Returns 0, or -EBADMSG when it is no HTTP of ours. */
int answer_parse(struct answer *answer);

/* Judges a whole answer. Returns its outcome and, of a problem, *reason (may be cut). */
enum outcome answer_judge(const struct answer *answer, const char *body, enum expect expect,
			  char reason[REASON_SIZE]);

/* "WEIGHT echo|has|any PATH [HEADER-LINE]". Returns 0 or -EINVAL. */
int kind_parse(const char *text, struct kind *ret);

#endif
