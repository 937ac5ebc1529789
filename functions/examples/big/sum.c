/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sum.c - adds up a body of any size where it lies, and says so in a header of the answer.
 *
 * Config `times`: how often it reads all of it; 0: it does not look at it. Config `answer`:
 * "yes" makes the sum the body of the answer; for the last of a chain.
 * The sum: of the body's 64-bit words, lowest byte first, the last one filled up with zeros;
 * modulo 2^64.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

struct sum {
	char header[80]; /* x-sum-NAME */
	unsigned long times;
	int answer;
};

static int init(sp_worker *worker, void **state)
{
	sp_str times = sp_config(worker, "times"), answer = sp_config(worker, "answer");
	struct sum *sum = calloc(1, sizeof(*sum));
	char *end;

	if (!sum)
		return -ENOMEM;
	sum->times = strtoul(times.data, &end, 10);
	sum->answer = strcmp(answer.data, "yes") == 0;
	if (end == times.data || *end || (!sum->answer && strcmp(answer.data, "no") != 0)) {
		sp_log(NULL, SP_ERROR, "times %s, answer %s: expected a number, yes or no",
		       times.data, answer.data);
		free(sum);
		return -EINVAL;
	}
	*state = sum;
	return 0;
}

static uint64_t add_up(const char *data, size_t len)
{
	uint64_t sum = 0, word;
	size_t at = 0;

	for (; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, data + at, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, data + at, len - at);
	return sum + word;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct sum *sum = state;
	sp_str body = sp_view(req);
	uint64_t total = 0;
	char text[24];
	sp_str value = { text, 0 };

	for (unsigned long i = 0; i < sum->times; i++) {
		total = add_up(body.data, body.len);
		/* The compiler must not find out that the next time nothing has changed. */
		__asm__ volatile("" : : : "memory");
	}
	value.len = (size_t)snprintf(text, sizeof(text), "%016" PRIx64, total);
	if (!sum->header[0]) {
		sp_str name = sp_meta_of(req)->function;

		snprintf(sum->header, sizeof(sum->header), "x-sum-%.*s", SP_ARG(name));
	}
	if (sp_set_header(req, sum->header, value) < 0)
		return sp_fail(req, SP_ETOOBIG, "no room for a header");
	if (sum->answer && sp_set_body(req, value.data, value.len) < 0)
		return sp_fail(req, SP_ETOOBIG, "no room for the answer");
	return SP_NEXT;
}

static const char *const config[] = { "times=1", "answer=no", NULL };

SP_FUNCTION(.name = "sum", .init = init, .fini = free, .on_request = on_request, .config = config);
