// SPDX-License-Identifier: Apache-2.0
/* See client.h: answers of which each line is a JSON object, taken as they come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/client_private.h"

struct stream {
	struct client *client;
	client_object_fn *on_object;
	void *arg;
	struct client_text line; /* of a refusal: all of it */
	int code;                /* CLI_OK: goes on */
};

static int fail(struct stream *stream, const char *why)
{
	client_say(stream->client, "%s", why);
	return CLI_FAILED;
}

static int take_line(struct stream *stream)
{
	const char *why;
	json_t *object;
	int code;

	if (strspn(stream->line.data, " \t\r") == stream->line.len)
		return CLI_OK; /* an empty line keeps a quiet connection alive */
	object = json_loadb(stream->line.data, stream->line.len, 0, NULL);
	why = json_string_value(json_object_get(object, "error"));
	if (why)
		code = fail(stream, why); /* the daemon's last word */
	else if (json_is_object(object))
		code = stream->on_object(object, stream->arg);
	else
		code = fail(stream,
			    "sprocketd sent a line that is no JSON object: are sprocket and "
			    "sprocketd of one version?");
	json_decref(object);
	if (code == CLI_OK && ferror(stdout))
		code = CLI_FAILED; /* nobody reads any more; main() says so */
	return code;
}

_Static_assert(CLIENT_LINE_MAX == 1048576, "the sentence below says so");

static int add(struct stream *stream, const char *data, size_t len)
{
	int r = client_text_add(&stream->line, data, len);

	if (r == -EMSGSIZE)
		return fail(stream, "sprocketd sent a line above 1 MiB, the limit of one");
	return r < 0 ? fail(stream, strerror(-r)) : CLI_OK;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	struct stream *stream = arg;
	size_t len = size * count, at = 0;
	long status = 0;

	curl_easy_getinfo(stream->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		stream->code = add(stream, data, len);
		return stream->code == CLI_OK ? len : 0;
	}
	while (at < len && stream->code == CLI_OK) {
		const char *end = memchr(data + at, '\n', len - at);
		size_t part = end ? (size_t)(end - data) - at : len - at;

		stream->code = add(stream, data + at, part);
		at += part + (end != NULL);
		if (end && stream->code == CLI_OK) {
			stream->code = take_line(stream);
			stream->line.len = 0;
		}
	}
	return stream->code == CLI_OK ? len : 0;
}

/* What the end of the stream means. */
static int end(struct stream *stream, CURLcode code)
{
	struct client_answer answer = { .text = stream->line.data, .len = stream->line.len };
	int r;

	if (stream->code != CLI_OK)
		return stream->code;
	if (code != CURLE_OK)
		return client_broken(stream->client, code);
	curl_easy_getinfo(stream->client->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	if (answer.status == 200)
		return stream->line.len ? client_broken(stream->client, CURLE_PARTIAL_FILE) :
					  CLI_OK;
	answer.json = json_loadb(answer.text, answer.len, 0, NULL);
	r = client_refusal(stream->client, &answer, NULL);
	json_decref(answer.json);
	return r == CLI_OK ? CLI_FAILED : r;
}

int client_stream(struct client *client, const char *path, client_object_fn *on_object, void *arg)
{
	struct stream stream = { .client = client,
				 .on_object = on_object,
				 .arg = arg,
				 .line = { .max = CLIENT_LINE_MAX } };
	CURLcode code;
	int r;

	if (add(&stream, "", 0) != CLI_OK)
		return CLI_FAILED;
	code = client_prepare(client, path);
	if (code == CURLE_OK) {
		curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_data);
		curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &stream);
		code = curl_easy_perform(client->curl);
	}
	r = end(&stream, code);
	free(stream.line.data);
	return r;
}
