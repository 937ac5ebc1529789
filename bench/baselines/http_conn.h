/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_conn.h - one HTTP connection of a function: what was read, what is still to be written.
 *
 * For: http_function.c, for those who call it and for those that it calls.
 * How: a connection is in one epoll set from its first to its last moment and waits there for
 * input, and for room to write only while something is left to be written. What is written is
 * not copied: it stays in the buffer that it was read into until the peer has it. A closed
 * connection is freed by conn_sweep(), once no event of the same round can name it any more.
 * Thread-safety: one thread.
 * Failure modes: without memory, or when epoll refuses, the process ends and says so.
 */
#ifndef SPROCKET_BENCH_HTTP_CONN_H
#define SPROCKET_BENCH_HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bench/baselines/http_message.h"

struct http_buffer {
	char *data;
	size_t len, size;
};

enum http_state {
	HTTP_READING,   /* a caller's request, or nothing yet */
	HTTP_CALLING,   /* it is with the next function */
	HTTP_ANSWERING, /* the answer is being written */
	HTTP_CALLED,    /* to the next function: a request is there, or on its way */
	HTTP_IDLE,      /* to the next function: can be used */
};

struct http_conn {
	int fd; /* -1: closed, to be freed */
	enum http_state state;
	uint32_t watched;       /* events that epoll waits for */
	struct http_buffer in;  /* bytes from the peer */
	struct http_buffer out; /* the next function's answer, while a caller is sent it */
	struct http_head head;  /* of the message in `in` */
	char head_text[HTTP_HEAD_TEXT];
	struct iovec left[2]; /* what is to be written */
	struct http_conn
		*other;         /* while CALLING and CALLED: whom it is called for, who is called */
	struct http_conn *next; /* among the idle, or among the closed */
};

/* Takes over `fd`, which does not block. */
struct http_conn *conn_new(int epoll, int fd, enum http_state state);

/* Closes and forgets the other end of the pair; conn_sweep() frees it. */
void conn_close(struct http_conn *c);
void conn_sweep(void);

/* Reads once. Returns the number of bytes, 0 when there are none now or no room for any, or
 * -errno (-ECONNRESET at the end of the stream). */
ptrdiff_t conn_read(struct http_conn *c);

/* Makes room for `size` bytes altogether in `in`. */
void conn_reserve(struct http_conn *c, size_t size);

/* Begins to write the first `head_len` bytes of head_text and `data`, which must stay; conn_flush
 * goes on. Return 0 when all is written, -EAGAIN when epoll will tell, or another -errno. */
int conn_write(struct http_conn *c, int epoll, size_t head_len, char *data, size_t len);
int conn_flush(struct http_conn *c, int epoll);

/* All that was to be written is. */
bool conn_written(const struct http_conn *c);

/* Sets what epoll waits for by what the connection can do. */
void conn_watch(struct http_conn *c, int epoll);

#endif
