// SPDX-License-Identifier: Apache-2.0
/* target_url.c - an http:// URL taken apart, and where it leads. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/explain.h"
#include "bench/target/process.h"
#include "bench/target/target_names.h"

#define SCHEME "http://"
#define FORM \
	"expected http://HOST[:PORT][/PATH], as in http://127.0.0.1:8080/ or http://[::1]:8080/"

static int refuse(const char *url, const char *why, char error[BENCH_ERROR_TEXT])
{
	return bench_explain(error, -EINVAL, "%.80s: %s: " FORM, url, why);
}

/* A port from 1 to 65535, all of the text. */
static int port_check(const char *port, size_t len)
{
	size_t digits = strspn(port, "0123456789");

	return digits == len && len > 0 && len <= 5 && atoi(port) > 0 && atoi(port) < 65536;
}

/* Of "HOST:PORT" or "[V6]:PORT". Returns NULL, or what is wrong. */
static const char *authority_split(const char *text, size_t len, char host[128], char port[8])
{
	const char *colon = memchr(text, ':', len), *end = text + len, *host_end;
	bool v6 = len > 0 && text[0] == '[';

	if (len == 0)
		return "it names no host";
	if (len >= 128)
		return "the host is too long";
	if (memchr(text, '@', len))
		return "users and passwords are not sent";
	host_end = v6 ? memchr(text, ']', len) : colon ? colon : end;
	if (!host_end)
		return "a ] is missing";
	colon = v6 ? host_end + 1 : host_end;
	if (colon < end && *colon != ':')
		return "what follows the host is no port";
	if (colon < end && !port_check(colon + 1, (size_t)(end - colon) - 1))
		return "the port is no number from 1 to 65535";
	snprintf(port, 8, "%.*s", colon < end ? (int)(end - colon) - 1 : 2,
		 colon < end ? colon + 1 : "80");
	snprintf(host, 128, "%.*s", (int)(host_end - text) - v6, text + v6);
	return host[0] ? NULL : "it names no host";
}

static int address_find(struct bench_target *t, const char *host, const char *port,
			char error[BENCH_ERROR_TEXT])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	int r = getaddrinfo(host, port, &hints, &found);

	if (r != 0) {
		return bench_explain(error, -EHOSTUNREACH, "%.80s: no address of %.80s: %s", t->url,
				     host, gai_strerror(r));
	}
	memcpy(&t->address, found->ai_addr, found->ai_addrlen);
	t->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int bench_target_url(struct bench_target *t, const char *url, char error[BENCH_ERROR_TEXT])
{
	const char *authority = url + strlen(SCHEME), *path, *wrong;
	char host[128], port[8];

	if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
		return refuse(url, "only http is spoken", error);
	if (strlen(url) >= sizeof(t->url))
		return refuse(url, "it is too long", error);
	if (strchr(url, '#'))
		return refuse(url, "a # is never sent", error);
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return refuse(url, "write blanks and other characters as %XX", error);
	path = authority + strcspn(authority, "/?");
	wrong = authority_split(authority, (size_t)(path - authority), host, port);
	if (wrong)
		return refuse(url, wrong, error);
	strcpy(t->url, url);
	snprintf(t->host, sizeof(t->host), "%.*s", (int)(path - authority), authority);
	snprintf(t->path, sizeof(t->path), "%s%s", *path == '/' ? "" : "/", path);
	return address_find(t, host, port, error);
}
