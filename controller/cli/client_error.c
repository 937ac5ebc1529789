// SPDX-License-Identifier: Apache-2.0
/* See client.h: what went wrong, as a sentence that names what to do. */
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cli/cli.h"
#include "controller/cli/client_private.h"

void client_say(const struct client *client, const char *format, ...)
{
	va_list args;

	if (client->quiet)
		return;
	fprintf(stderr, "sprocket %s: ", client->command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static int say_no_access(const struct client *client)
{
	struct stat at;
	const struct group *group = stat(client->socket, &at) == 0 ? getgrgid(at.st_gid) : NULL;

	if (group && at.st_gid != 0)
		client_say(client,
			   "%s: you may not use it. Join its group: sudo usermod -aG %s $USER, "
			   "then log in again; or use sudo",
			   client->socket, group->gr_name);
	else
		client_say(client, "%s: you may not use it; use sudo", client->socket);
	return CLI_UNPRIVILEGED;
}

static int say_not_connected(const struct client *client)
{
	long error = 0;

	curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &error);
	if (error == EACCES || error == EPERM)
		return say_no_access(client);
	if (error == ENOENT || error == ECONNREFUSED)
		client_say(client,
			   "sprocketd is not running (nobody listens at %s): "
			   "systemctl start sprocketd, or sprocketd &",
			   client->socket);
	else
		client_say(client, "%s: %s; is it sprocketd's socket?", client->socket,
			   error ? strerror((int)error) : "cannot connect");
	return CLI_FAILED;
}

int client_broken(const struct client *client, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return say_not_connected(client);
	case CURLE_OPERATION_TIMEDOUT:
		client_say(client,
			   "sprocketd did not answer within %ld s; what it was told may still "
			   "happen: sprocket get, sprocket events",
			   client->timeout_ms / 1000);
		return CLI_FAILED;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		client_say(client,
			   "sprocketd went away in the middle of its answer; is it running? "
			   "systemctl status sprocketd");
		return CLI_FAILED;
	case CURLE_OUT_OF_MEMORY:
		client_say(client, "%s", strerror(ENOMEM));
		return CLI_FAILED;
	case CURLE_WRITE_ERROR:
		client_say(client, "sprocketd's answer is larger than %u MiB",
			   CLIENT_ANSWER_MAX >> 20);
		return CLI_FAILED;
	default:
		client_say(client,
			   "sprocketd's answer is not understood (%s): are sprocket and "
			   "sprocketd of one version?",
			   curl_easy_strerror(code));
		return CLI_FAILED;
	}
}

int client_refusal(const struct client *client, const struct client_answer *answer,
		   const char *what)
{
	const char *why = json_string_value(json_object_get(answer->json, "error"));

	if (answer->status >= 200 && answer->status < 300)
		return CLI_OK;
	if (answer->status == 403 && !why)
		return say_no_access(client);
	if (why)
		client_say(client, "%s%s%s", what ? what : "", what ? ": " : "", why);
	else
		client_say(client,
			   "%s%ssprocketd answered HTTP %ld without a reason; its log may say "
			   "more: journalctl -u sprocketd",
			   what ? what : "", what ? ": " : "", answer->status);
	return answer->status == 403 ? CLI_UNPRIVILEGED : CLI_FAILED;
}
