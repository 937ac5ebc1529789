/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/arguments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX_DEFAULT (64UL << 10)

/* Digits, then Ki or Mi where `units`. False: not a number in range. */
static bool number_read(const char *text, bool units, size_t min, size_t max, size_t *ret)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (units && n <= max && (strcmp(end, "Ki") == 0 || strcmp(end, "Mi") == 0)) {
		n <<= *end == 'K' ? 10 : 20;
		end += 2;
	}
	if (errno || *end || n < min || n > max)
		return false;
	*ret = n;
	return true;
}

static bool listen_read(const char *text, struct sockaddr_in *ret)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	size_t port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) ||
	    !number_read(colon + 1, false, 0, 65535, &port))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	ret->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &ret->sin_addr) == 1;
}

void arguments_read(struct arguments *ret, const char *name, unsigned least, int argc, char **argv)
{
	static const struct option options[] = { { "functions", required_argument, NULL, 'f' },
						 { "listen", required_argument, NULL, 'l' },
						 { "body-max", required_argument, NULL, 'b' },
						 { NULL, 0, NULL, 0 } };
	unsigned most = least ? PEER_FUNCTIONS_MAX : 0;
	size_t count = 0;
	bool right = true;
	int c;

	*ret = (struct arguments){ .address.sin_family = AF_INET,
				   .address.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				   .body_max = BODY_MAX_DEFAULT };
	while (right && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			right = number_read(optarg, false, least, most, &count);
		else if (c == 'l')
			right = listen_read(optarg, &ret->address);
		else
			right = c == 'b' &&
				number_read(optarg, true, 1, PEER_BODY_MAX, &ret->body_max);
	}
	ret->functions = (unsigned)count;
	if (right && optind == argc && count >= least)
		return;
	fprintf(stderr,
		"usage: %s --functions N [--listen 127.0.0.1:PORT] [--body-max BYTES]\n"
		"N: %u to %u; BYTES: up to 16Mi, 64Ki unless told; PORT: a free one unless told\n",
		name, least, most);
	exit(2);
}
