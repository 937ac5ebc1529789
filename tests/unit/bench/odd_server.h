/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd_server.h - a real HTTP/1.1 server on loopback that misbehaves on purpose.
 *
 * For: tests of the client. How: a thread that accepts, one for each connection. A request is
 * echoed, but each `every`-th is treated as `oddity` says, and counted.
 * Thread-safety: the counters may be read while it runs.
 */
#ifndef SPROCKET_TESTS_ODD_SERVER_H
#define SPROCKET_TESTS_ODD_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ODD_CONNECTIONS_MAX 4096U

enum oddity {
	ODD_NONE,
	ODD_STALL, /* all of them, for 100 ms of each second */
	ODD_RESET, /* instead of an answer */
	ODD_CLOSE, /* instead of an answer */
	ODD_HALF,  /* of an answer, then closed */
	ODD_GARBAGE,
	ODD_MORE,     /* bytes behind the answer */
	ODD_LONGER,   /* by one byte, and says so */
	ODD_BODY,     /* its last byte is another one */
	ODD_STATUS,   /* 500 */
	ODD_SHED,     /* 503 */
	ODD_NEVER,    /* no answer */
	ODD_DRIP,     /* byte by byte */
	ODD_LEAVES,   /* a right answer with `connection: close` */
	ODD_TO_CLOSE, /* a right answer without a length */
	ODD_DIES,     /* at that one, for good: nobody listens any more */
	ODD_AFTER,    /* a right answer, and a moment later bytes that belong to none */
	ODD_STOPS,    /* tells the client's owner to stop; answered rightly */
};

struct odd_connection {
	struct odd_server *server;
	pthread_t thread;
	int fd;
};

struct odd_server {
	enum oddity oddity;
	unsigned every;
	const char *field;  /* one more of each answer, with CRLF; NULL: none */
	const char *sought; /* in requests' heads; counted in `found` */
	atomic_bool *stop;  /* ODD_STOPS */
	uint16_t port;
	int listener;
	atomic_bool over;
	atomic_uint requests, odd, accepted, found;
	uint64_t began_ns;
	pthread_t thread;
	unsigned count;
	struct odd_connection connections[ODD_CONNECTIONS_MAX];
};

void odd_server_start(struct odd_server *s, enum oddity oddity, unsigned every);
/* All its threads have ended. */
void odd_server_stop(struct odd_server *s);

#endif
