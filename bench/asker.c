/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asker.c - bench-asker: a function that measures what its calls take.
 *
 * For: the figures of a call and its return, and of nine calls at once.
 * How: a request is the order for one sample; its body is how many times each is done. Within the
 * handler one call, nine at once of one function, and nine at once of nine functions take turns
 * in runs of CHUNK; the clock is read between the runs. The functions only answer. The answer is
 * "ONE NINE ALL", ns of each. What comes back and is not what was sent fails the request.
 * Thread-safety: one thread.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sprocket.h>

#define NINE 9
#define CHUNK 32

static const char *const calls[] = { "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", NULL };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Makes `count` calls at once: of the first function, or of as many. Returns what went wrong,
 * or NULL. */
static const char *ask(sp_request *req, size_t count, bool each)
{
	static const sp_str question = { "a question", 10 };
	sp_call batch[NINE];
	const char *wrong = NULL;

	memset(batch, 0, sizeof(batch));
	for (size_t i = 0; i < count; i++) {
		batch[i].fn = each ? (int)i : 0;
		batch[i].body = question;
	}
	if (sp_call_all(req, batch, count) != SP_OK)
		wrong = "a call failed";
	for (size_t i = 0; i < count; i++) {
		if (!wrong && (batch[i].reply.len != question.len ||
			       memcmp(batch[i].reply.data, question.data, question.len) != 0))
			wrong = "an answer is not what was sent";
		sp_release(req, batch[i].reply);
	}
	return wrong;
}

/* ns for each of CHUNK times. */
static double run(sp_request *req, size_t count, bool each, const char **wrong)
{
	uint64_t start = now_ns();

	for (int i = 0; i < CHUNK && !*wrong; i++)
		*wrong = ask(req, count, each);
	return (double)(now_ns() - start) / CHUNK;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	sp_str body = sp_view(req);
	unsigned long chunks = 0;
	const char *wrong = NULL;
	double one = 0, nine = 0, all = 0;
	char text[16];

	(void)state;
	if (body.len < sizeof(text)) {
		memcpy(text, body.data, body.len);
		text[body.len] = '\0';
		chunks = strtoul(text, NULL, 10) / CHUNK;
	}
	if (chunks == 0)
		return sp_fail(req, SP_EINPUT, "expected a number from %d", CHUNK);
	for (unsigned long i = 0; i < chunks && !wrong; i++) {
		one += run(req, 1, false, &wrong);
		nine += run(req, NINE, false, &wrong);
		all += run(req, NINE, true, &wrong);
	}
	if (wrong)
		return sp_fail(req, SP_EUPSTREAM, "%s", wrong);
	if (sp_print(req, "%.1f %.1f %.1f\n", one / (double)chunks, nine / (double)chunks,
		     all / (double)chunks) < 0)
		return sp_fail(req, SP_ETOOBIG, "no room");
	return SP_NEXT;
}

SP_FUNCTION(.name = "asker", .on_request = on_request, .calls = calls);
