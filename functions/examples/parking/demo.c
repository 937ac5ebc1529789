/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo.c - the command `parking-demo URL`: posts pictures to the chain and checks answers.
 *
 * Each line shows what was posted, what came back, and the path that the request took
 * through the chain, out of the Server-Timing header. The expected charges are those of
 * chain.yaml and table.txt.
 * Exit codes: 0 every answer was the expected one; 1 one was not, or none came; 2 usage.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>

#include "snapshot.h"
#include "timing.h"

#define ANSWER_MAX 4096U
#define LINE_MAX_BYTES 512U
#define TIMEOUT_S 10L
#define NO_CHARGE -1.0

struct demo_case {
	const char *title;
	const char *plate; /* NULL: none in the picture; "": not even a picture */
	uint32_t width;
	size_t bytes; /* of the picture */
	long status;
	const char *holder; /* NULL: the answer is no charge */
	double charge;
	const char *path; /* functions that it went through */
};

static const struct demo_case cases[] = {
	{ "a small picture, a registered plate", "AB-1234", 320, 4096, 200, "Ada Lovelace", 5.00,
	  "detect search charge" },
	{ "64 KiB, another registered plate", "KT-0042", 1024, 64 << 10, 200, "Ken Thompson", 10.00,
	  "detect search charge" },
	{ "1 MiB, a registered plate", "GH-4711", 1600, 1 << 20, 200, "Grace Hopper", 2.50,
	  "detect search charge" },
	{ "a plate that is not registered", "ZZ-9999", 320, 4096, 200, "visitor", 2.50,
	  "detect search index persist charge" },
	{ "the same visitor again, 1 MiB", "ZZ-9999", 1600, 1 << 20, 200, "visitor", 2.50,
	  "detect search index persist charge" },
	{ "a car without a plate", NULL, 320, 4096, 400, NULL, NO_CHARGE, "detect" },
	{ "no picture at all", "", 0, 0, 415, NULL, NO_CHARGE, "detect" },
};
#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

struct answer {
	long status;
	double seconds;
	size_t len;
	char body[ANSWER_MAX + 1];
	char timing[ANSWER_MAX + 1]; /* Server-Timing, "" when there is none */
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;

	if (size * count > ANSWER_MAX - answer->len)
		return 0; /* ends the transfer with an error: no answer is that long */
	memcpy(answer->body + answer->len, data, size * count);
	answer->len += size * count;
	return size * count;
}

static int post(CURL *curl, const char *url, const void *data, size_t len, struct answer *ret)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: image/jpeg");
	struct curl_header *timing;
	CURLcode r;

	/* curl asks before it sends more than 1 MiB; the demo is to be seen without. */
	headers = curl_slist_append(headers, "Expect:");
	memset(ret, 0, sizeof(*ret));
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, data);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	r = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	if (r != CURLE_OK) {
		fprintf(stderr, "parking-demo: %s: %s\n", url, curl_easy_strerror(r));
		return -EIO;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &ret->seconds);
	if (curl_easy_header(curl, "Server-Timing", 0, CURLH_HEADER, -1, &timing) == CURLHE_OK)
		snprintf(ret->timing, sizeof(ret->timing), "%s", timing->value);
	return 0;
}

/* Is it the JSON that charge answers with, and does it say what is expected? */
static bool charge_expected(const struct demo_case *c, const char *body)
{
	const char *plate, *holder, *currency;
	double charge;
	int ticket = 0;
	json_t *json = json_loads(body, 0, NULL);
	bool ok = json &&
		  json_unpack(json, "{s:s, s:s, s:F, s:s, s?i}", "plate", &plate, "holder", &holder,
			      "charge", &charge, "currency", &currency, "ticket", &ticket) == 0 &&
		  strcmp(plate, c->plate) == 0 && strcmp(holder, c->holder) == 0 &&
		  (int)(charge * 100 + 0.5) == (int)(c->charge * 100 + 0.5) &&
		  strcmp(currency, "EUR") == 0 && (ticket > 0) == (strcmp(holder, "visitor") == 0);

	json_decref(json);
	return ok;
}

/* A refusal is a problem document that names its status. */
static bool problem_expected(const struct demo_case *c, const char *body)
{
	int status = 0;
	json_t *json = json_loads(body, 0, NULL);
	bool ok = json && json_unpack(json, "{s:i}", "status", &status) == 0 && status == c->status;

	json_decref(json);
	return ok;
}

/* Prints the path. Returns false when it is told and is not the expected one. */
static bool path_check(const struct demo_case *c, const struct answer *answer)
{
	struct timing timing;
	char line[LINE_MAX_BYTES];

	if (!answer->timing[0]) {
		printf("   path    not told: the answer has no Server-Timing header\n");
		return true;
	}
	if (timing_parse(answer->timing, &timing) < 0) {
		printf("   path    not understood: %s\n", answer->timing);
		return false;
	}
	timing_print(&timing, line, sizeof(line));
	printf("   path    %s\n", line);
	timing_path(&timing, line, sizeof(line));
	return strcmp(line, c->path) == 0;
}

static bool answer_check(const struct demo_case *c, struct answer *answer)
{
	bool ok = answer->status == c->status && (c->holder ? charge_expected(c, answer->body) :
							      problem_expected(c, answer->body));

	answer->body[strcspn(answer->body, "\n")] = '\0';
	printf("   answer  %ld %s\n", answer->status, answer->body);
	ok = path_check(c, answer) && ok;
	if (!ok)
		printf("   WRONG   expected %ld%s%s by %s\n", c->status, c->holder ? " for " : "",
		       c->holder ? c->holder : "", c->path);
	return ok;
}

/* Makes what the case posts. Returns 0 and *ret (free it), *ret_len, or -errno. */
static int case_body(const struct demo_case *c, uint32_t seed, uint8_t **ret, size_t *ret_len)
{
	static const char text[] = "GIF89a, or so it says";
	struct snapshot snapshot = { .quality = 95, .bytes = c->bytes };

	if (c->plate && !c->plate[0]) {
		*ret = (uint8_t *)strdup(text);
		*ret_len = strlen(text);
		return *ret ? 0 : -ENOMEM;
	}
	snapshot.scene = (struct scene){ .plate = c->plate,
					 .width = c->width,
					 .height = c->width * 3 / 4,
					 .seed = seed,
					 .noise = c->bytes > 65536 ? 24 : 3 };
	return snapshot_make(&snapshot, ret, ret_len);
}

static bool case_run(CURL *curl, const char *url, size_t i)
{
	struct answer answer;
	uint8_t *data;
	size_t len;
	bool ok;
	int r = case_body(&cases[i], (uint32_t)i + 1, &data, &len);

	if (r < 0) {
		fprintf(stderr, "parking-demo: picture %zu: %s\n", i + 1, strerror(-r));
		return false;
	}
	printf("%zu. %s: %zu bytes\n", i + 1, cases[i].title, len);
	ok = post(curl, url, data, len, &answer) == 0 && answer_check(&cases[i], &answer);
	free(data);
	return ok;
}

int main(int argc, char **argv)
{
	size_t good = 0;
	CURL *curl;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: parking-demo URL\n"
				"Posts camera pictures to a running chain and checks its answers:\n"
				"    parking-demo http://127.0.0.1:8080/snapshot\n");
		return 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	curl = curl_easy_init();
	for (size_t i = 0; curl && i < CASE_COUNT; i++)
		good += case_run(curl, argv[1], i);
	curl_easy_cleanup(curl);
	curl_global_cleanup();
	printf("%zu of %zu answers as expected\n", good, CASE_COUNT);
	return good == CASE_COUNT ? 0 : 1;
}
