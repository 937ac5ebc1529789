/* SPDX-License-Identifier: Apache-2.0 */
/* client_private.h - what client.c and client_stream.c share: the connection itself. */
#ifndef SPROCKET_CONTROLLER_CLI_CLIENT_PRIVATE_H
#define SPROCKET_CONTROLLER_CLI_CLIENT_PRIVATE_H

#include <curl/curl.h>

#include "controller/cli/client.h"

struct client {
	CURL *curl;
	const char *command;
	const char *socket;
	long timeout_ms;
	bool quiet;
	char path[CLIENT_PATH_MAX];
};

/* A growing text, NUL-terminated, of at most `max` bytes. */
struct client_text {
	char *data;
	size_t len, size, max;
};

/* Returns 0, -EMSGSIZE or -ENOMEM; the text stays as it was then. */
int client_text_add(struct client_text *text, const char *data, size_t len);

/* Sets what every request needs. Returns a curl code. */
CURLcode client_prepare(struct client *client, const char *path);

/* Returns when somebody listens there, or nobody has for CLIENT_START_MS. */
void client_socket_wait(const char *path);

/* Says what kept a request from being answered. Returns the exit code. */
int client_broken(const struct client *client, CURLcode code);

__attribute__((format(printf, 2, 3))) void client_say(const struct client *client,
						      const char *format, ...);

#endif
