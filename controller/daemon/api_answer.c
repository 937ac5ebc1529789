/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_answer.c - answers: JSON, text, errors.
 *
 * How: an error is {"error": a sentence, "reason": a word for programs, "errors": [lines]}.
 * Failure modes: without memory the answer is a fixed text.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/api_private.h"
#include "controller/daemon/utf8.h"

#define SENTENCE_MAX 1024

static char no_memory[] = "{\"error\": \"out of memory\", \"reason\": \"OutOfMemory\"}\n";

static void set(struct api_request *request, unsigned status, const char *type,
		struct MHD_Response *response)
{
	if (request->response)
		MHD_destroy_response(request->response);
	if (response)
		MHD_add_response_header(response, "Content-Type", type);
	request->response = response;
	request->status = status;
	request->gone |= !response; /* nothing can be said: the connection is closed */
	api_resume(request);
}

static void answer_no_memory(struct api_request *request)
{
	set(request, MHD_HTTP_SERVICE_UNAVAILABLE, "application/json",
	    MHD_create_response_from_buffer(sizeof(no_memory) - 1, no_memory,
					    MHD_RESPMEM_PERSISTENT));
}

void api_answer_text(struct api_request *request, unsigned status, const char *type, char *text,
		     size_t len)
{
	struct MHD_Response *response =
		text ? MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE) : NULL;

	if (response) {
		set(request, status, type, response);
	} else {
		free(text);
		answer_no_memory(request);
	}
}

void api_answer(struct api_request *request, unsigned status, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(object);
	if (text)
		text[len++] = '\n';
	api_answer_text(request, status, "application/json", text, len);
}

static void fail(struct api_request *request, unsigned status, const char *reason, json_t *lines,
		 const char *format, va_list args)
{
	char sentence[SENTENCE_MAX];

	vsnprintf(sentence, sizeof(sentence), format, args);
	api_answer(request, status,
		   json_pack("{s:o, s:s, s:o*}", "error", utf8_json(sentence, strlen(sentence)),
			     "reason", reason, "errors", lines));
}

void api_fail(struct api_request *request, unsigned status, const char *reason, const char *format,
	      ...)
{
	va_list args;

	va_start(args, format);
	fail(request, status, reason, NULL, format, args);
	va_end(args);
}

void api_fail_lines(struct api_request *request, unsigned status, const char *reason, json_t *lines,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(request, status, reason, lines, format, args);
	va_end(args);
}
