/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local.c - a function with variables that it must have for itself, wherever it runs: static and
 * thread-local ones, also in a thread that it makes, and a counter. It appends to the body what
 * they are. For the tests of `sprocket run --inline`.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "functions/sdk/sprocket.h"

static _Thread_local int requests = 1000;
static _Thread_local char zero[3000];
static _Thread_local const char *word = "whole";
static int runs;
static sp_counter counted = { "local_requests", NULL };

static void *in_thread(void *arg)
{
	int *ret = arg;

	*ret = requests == 1000 && zero[2999] == 0 && strcmp(word, "whole") == 0;
	requests = -1;
	zero[2999] = 1;
	word = "";
	return NULL;
}

static sp_verdict handle(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);
	char before[512];
	pthread_t thread;
	int fresh = 0;

	(void)state;
	requests++;
	zero[2999]++;
	runs++;
	sp_count(&counted, 1);
	if (pthread_create(&thread, NULL, in_thread, &fresh) != 0)
		return sp_fail(req, SP_EINTERNAL, "no thread");
	pthread_join(thread, NULL);
	snprintf(before, sizeof(before), "%.*s", (int)body.len, (const char *)body.data);
	sp_log(req, SP_INFO, "logged by %.*s", SP_ARG(sp_meta_of(req)->function));
	if (sp_print(req, "%s%.*s: requests=%d zero=%d runs=%d word=%s fresh=%d\n", before,
		     SP_ARG(sp_meta_of(req)->function), requests, zero[2999], runs, word,
		     fresh) < 0)
		return sp_fail(req, SP_EINTERNAL, "no room");
	return SP_NEXT;
}

SP_FUNCTION(.name = "local", .on_request = handle);
