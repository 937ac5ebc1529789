// SPDX-License-Identifier: Apache-2.0
/* See client.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "controller/cli/cli.h"
#include "controller/cli/client_private.h"

#define QUIET_MS 1000
#define ADDRESS "http://sprocketd"

int client_text_add(struct client_text *text, const char *data, size_t len)
{
	if (len > text->max - text->len)
		return -EMSGSIZE;
	if (text->len + len + 1 > text->size) {
		size_t size = 2 * (text->len + len + 1);
		char *more = realloc(text->data, size);

		if (!more)
			return -ENOMEM;
		text->data = more;
		text->size = size;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
	return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	return client_text_add(arg, data, size * count) < 0 ? 0 : size * count;
}

CURLcode client_prepare(struct client *client, const char *path)
{
	char url[CLIENT_PATH_MAX + sizeof(ADDRESS)];
	CURL *curl = client->curl;
	CURLcode code;

	snprintf(url, sizeof(url), ADDRESS "%s", path);
	curl_easy_reset(curl); /* keeps the connection */
	code = curl_easy_setopt(curl, CURLOPT_URL, url);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* whatever http_proxy says */
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CLIENT_CONNECT_MS);
	return code;
}

static CURLcode send_request(struct client *client, const char *method, const char *path,
			     const void *body, size_t len, struct client_text *text)
{
	CURL *curl = client->curl;
	CURLcode code = client_prepare(client, path);
	/* No "Expect: 100-continue": the daemon takes the body at once. */
	struct curl_slist *headers =
		curl_slist_append(curl_slist_append(NULL, "Expect:"),
				  "Content-Type: application/yaml"); /* no other body is sent */

	if (code == CURLE_OK && headers) {
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, client->timeout_ms);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
		if (body) {
			curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
			curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		}
		code = curl_easy_perform(curl);
	}
	/* The headers are ours, and the next request sets its own. */
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return headers ? code : CURLE_OUT_OF_MEMORY;
}

int client_call(struct client *client, const char *method, const char *path, const void *body,
		size_t len, struct client_answer *ret)
{
	struct client_text text = { .max = CLIENT_ANSWER_MAX };
	CURLcode code;

	/* An empty answer is a text, too. */
	if (client_text_add(&text, "", 0) < 0)
		return client_broken(client, CURLE_OUT_OF_MEMORY);
	code = send_request(client, method, path, body, len, &text);
	if (code != CURLE_OK) {
		free(text.data);
		return client_broken(client, code);
	}
	*ret = (struct client_answer){ .text = text.data, .len = text.len };
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &ret->status);
	ret->json = json_loadb(text.data, text.len, 0, NULL);
	return CLI_OK;
}

void client_answer_done(struct client_answer *answer)
{
	free(answer->text);
	json_decref(answer->json);
	*answer = (struct client_answer){ 0 };
}

int client_ask(struct client *client, const char *method, const char *path, const char *what,
	       json_t **ret)
{
	struct client_answer answer = { 0 };
	int code = client_call(client, method, path, NULL, 0, &answer);

	if (code != CLI_OK)
		return code;
	code = client_refusal(client, &answer, what);
	if (code == CLI_OK && !json_is_object(answer.json)) {
		client_say(client,
			   "sprocketd's answer is no JSON object: are sprocket and sprocketd of "
			   "one version?");
		code = CLI_FAILED;
	}
	if (code == CLI_OK)
		*ret = json_incref(answer.json);
	client_answer_done(&answer);
	return code;
}

const char *client_path(struct client *client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(client->path, sizeof(client->path), format, args);
	va_end(args);
	return client->path;
}

const char *client_query(struct client *client, const char *key, const char *value)
{
	size_t len = strlen(client->path);
	char *escaped = curl_easy_escape(client->curl, value, 0);

	snprintf(client->path + len, sizeof(client->path) - len, "%c%s=%s",
		 strchr(client->path, '?') ? '&' : '?', key, escaped ? escaped : "");
	curl_free(escaped);
	return client->path;
}

void client_set_timeout(struct client *client, long timeout_ms)
{
	client->timeout_ms = timeout_ms;
}

/* Does the daemon speak our API? */
static int check_version(struct client *client)
{
	struct client_answer answer = { 0 };
	const char *api;
	int code = client_call(client, "GET", "/v1/version", NULL, 0, &answer);

	if (code != CLI_OK)
		return code;
	api = json_string_value(json_object_get(answer.json, "api"));
	if (answer.status == 403) {
		code = client_refusal(client, &answer, NULL);
	} else if (!api) {
		client_say(client,
			   "%s is answered by something else than a sprocketd of API " CLIENT_API
			   " (HTTP %ld): name sprocketd's socket by --socket, or install "
			   "sprocket and sprocketd of one version",
			   client->socket, answer.status);
		code = CLI_FAILED;
	} else if (strcmp(api, CLIENT_API) != 0) {
		client_say(client,
			   "sprocketd speaks API %s, this command " CLIENT_API
			   ": install sprocket and sprocketd of one version",
			   api);
		code = CLI_FAILED;
	}
	client_answer_done(&answer);
	return code;
}

static int open_with(const struct client *options, struct client **ret)
{
	struct client *client = malloc(sizeof(*client));
	int code;

	if (!client)
		return client_broken(options, CURLE_OUT_OF_MEMORY);
	*client = *options;
	client->socket = client_socket_path();
	if (strlen(client->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		client_say(client, "%s: a socket's path has at most %zu characters", client->socket,
			   sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
		free(client);
		return CLI_USAGE;
	}
	if (!client->quiet)
		client_socket_wait(client->socket);
	client->curl = curl_easy_init();
	code = client->curl ? check_version(client) : CLI_FAILED; /* said */
	if (code != CLI_OK) {
		client_close(client);
		return code;
	}
	*ret = client;
	return CLI_OK;
}

int client_open(const char *command, struct client **ret)
{
	return open_with(&(struct client){ .command = command, .timeout_ms = CLIENT_ANSWER_MS },
			 ret);
}

int client_open_quietly(struct client **ret)
{
	return open_with(&(struct client){ .command = "", .timeout_ms = QUIET_MS, .quiet = true },
			 ret);
}

struct client *client_close(struct client *client)
{
	if (client && client->curl)
		curl_easy_cleanup(client->curl);
	free(client);
	return NULL;
}
