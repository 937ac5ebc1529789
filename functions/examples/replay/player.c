/* SPDX-License-Identifier: Apache-2.0 */
/* player.c - see replay.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <curl/curl.h>

#include "../parking/timing.h"
#include "replay.h"

#define URL_MAX (ARRIVAL_LINE_MAX + 256U)
#define LEAD_NS 20000000U /* the first request is due so long after the start */

struct answer {
	size_t len;
	char data[REPLAY_ANSWER_MAX + 1];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void wait_until(uint64_t ns)
{
	struct timespec until = { .tv_sec = (time_t)(ns / 1000000000U),
				  .tv_nsec = (long)(ns % 1000000000U) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* What is over the limit is received all the same: only its beginning is kept. */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * count, room = REPLAY_ANSWER_MAX - answer->len;

	memcpy(answer->data + answer->len, data, len < room ? len : room);
	answer->len += len < room ? len : room;
	return len;
}

/* The functions that the answer's Server-Timing names, if there is one. */
static char *answer_path(CURL *curl)
{
	struct curl_header *header;
	struct timing timing;
	char path[REPLAY_PATH_MAX];

	if (curl_easy_header(curl, "Server-Timing", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
	    timing_parse(header->value, &timing) < 0)
		return NULL;
	timing_path(&timing, path, sizeof(path));
	return strdup(path);
}

static void ask(const struct player *player, CURL *curl, size_t i, struct answer *answer)
{
	const struct arrival *arrival = &player->arrivals->list[i];
	const struct arrival_body *body = &player->arrivals->bodies[arrival->body];
	struct outcome *outcome = &player->outcomes[i];
	uint64_t due = player->began_ns + (uint64_t)((double)arrival->due_ns / player->speed);
	char url[URL_MAX];

	snprintf(url, sizeof(url), "%s%s", player->url, arrival->path);
	answer->len = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (strcmp(arrival->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (strcmp(arrival->method, "GET") != 0) {
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, arrival->method);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
	}
	wait_until(due);
	outcome->late_ns = now_ns() - due;
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &outcome->status);
	outcome->took_ns = now_ns() - due;
	outcome->path = answer_path(curl);
	answer->data[answer->len] = '\0';
	if (player->keep)
		outcome->answer = strdup(answer->data);
}

/* A connection: curl keeps it open from one request to the next. */
static void *play(void *arg)
{
	struct player *player = arg;
	struct answer *answer = malloc(sizeof(*answer));
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	CURL *curl = curl_easy_init();
	size_t i;

	/* Without it the kernel may wake us 50 us late. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	headers = curl_slist_append(headers, "Content-Type: application/octet-stream");
	if (curl && answer) {
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(player->timeout_s * 1000));
	}
	while (curl && answer &&
	       (i = __atomic_fetch_add(&player->next, 1, __ATOMIC_RELAXED)) <
		       player->arrivals->count)
		ask(player, curl, i, answer);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(answer);
	return NULL;
}

int player_run(struct player *player)
{
	pthread_t threads[REPLAY_CONNECTION_MAX];
	unsigned started = 0;
	int r = 0;

	player->outcomes = calloc(player->arrivals->count, sizeof(*player->outcomes));
	if (!player->outcomes)
		return -ENOMEM;
	player->next = 0;
	/* The first arrival is due at once, whatever time of day the file begins with. */
	player->began_ns = now_ns() + LEAD_NS -
			   (uint64_t)((double)player->arrivals->list[0].due_ns / player->speed);
	while (r == 0 && started < player->connections) {
		r = -pthread_create(&threads[started], NULL, play, player);
		started += r == 0;
	}
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	player->ended_ns = now_ns();
	return started > 0 ? 0 : r;
}

void player_done(struct player *player)
{
	for (size_t i = 0; player->outcomes && i < player->arrivals->count; i++) {
		free(player->outcomes[i].answer);
		free(player->outcomes[i].path);
	}
	free(player->outcomes);
	player->outcomes = NULL;
}
