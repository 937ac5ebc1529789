/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - what is known of a client's connection besides its requests.
 *
 * For: accounting of what a client asks for without wanting an answer (guard.c, headers.c), of its
 * pace (sweep.c), and of its requests that were cancelled and still run (request.c).
 * How: one struct for each accepted socket, found by the socket's on_close data. Each kind of frame
 * that costs us more than its sender has a budget: so many at once, and so many more in a second.
 * A frame takes one from a counter; the clock is read when it is empty. Beyond the budget the
 * connection ends with GOAWAY(ENHANCE_YOUR_CALM) and is counted, by kind.
 * A request whose client cancelled it, and which runs on, keeps the struct until it comes back.
 * Thread-safety: a client belongs to its worker.
 */
#ifndef SPROCKET_GATEWAY_CLIENT_H
#define SPROCKET_GATEWAY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http.h"

struct gw_worker;
struct lingering;

/* Why clients are cut off; X(kind, frames at once, frames in a second, text of the GOAWAY). The
 * last two are no frames. Each has a count `cut_KIND` in sproxy/wiring.h. */
#define GW_ABUSES(X)                                           \
	X(reset, 1000, 200, "too many streams reset")          \
	X(error, 500, 50, "too many stream errors provoked")   \
	X(continuation, 64, 64, "too many CONTINUATION")       \
	X(ping, 1000, 100, "too many PING")                    \
	X(settings, 200, 20, "too many SETTINGS")              \
	X(priority, 5000, 500, "too many PRIORITY")            \
	X(window, 20000, 5000, "too many WINDOW_UPDATE")       \
	X(data, 20000, 2000, "too many tiny DATA")             \
	X(empty, 200, 20, "too many empty DATA")               \
	X(frame, 200, 20, "too many GOAWAY or unknown frames") \
	X(header, 0, 0, "too many header fields or bytes")     \
	X(memory, 100, 10, "too many bytes of bodies at once") \
	X(slow, 0, 0, "too slow")                              \
	X(limit, 0, 0, "too many connections")

enum gw_abuse {
#define X(kind, burst, rate, text) GW_ABUSE_##kind,
	GW_ABUSES(X)
#undef X
		GW_ABUSE_COUNT,
};

#define GW_CLIENT_LATE 64U /* streams that we reset last and whose frames may still arrive */

struct gw_budget {
	uint32_t left;
	uint64_t since_ms; /* when it was filled last */
};

struct gw_client {
	struct gw_worker *worker;
	h2o_socket_t *sock; /* NULL: closed */
	struct lingering
		*linger; /* lets what it still sends run out; NULL: nothing does (linger.h) */
	uint32_t refs;
	uint32_t place;     /* where its address is counted (address.h); 0: nowhere */
	uint32_t cancelled; /* requests that it cancelled and that still run */
	/* ---- of HTTP/2: guard.c ---- */
	h2o_socket_cb read; /* libh2o's reader; NULL: not HTTP/2 */
	struct gw_budget budgets[GW_ABUSE_COUNT];
	bool greeted;                  /* its first frame was SETTINGS */
	bool over;                     /* out of `why`: ends with the next frame */
	uint8_t why;                   /* enum gw_abuse */
	uint8_t rst_code;              /* of the RST_STREAM that libh2o writes next; 0: its own */
	uint32_t block_stream;         /* whose header block is being read */
	uint32_t resetting;            /* stream that it resets just now */
	uint32_t blocks;               /* header blocks so far */
	uint64_t frames;               /* so far */
	uint64_t data;                 /* bytes of bodies so far */
	size_t buffered;               /* bytes of bodies that are in memory */
	uint32_t late[GW_CLIENT_LATE]; /* by stream: reset by us */
	/* ---- its pace: sweep.c ---- */
	uint64_t unit;     /* the request, frame or block that was incomplete at the last sweep */
	uint64_t seen;     /* bytes that had arrived then */
	uint64_t written;  /* bytes of answers that had left then */
	uint32_t unit_ms;  /* how long it has been incomplete */
	uint32_t write_ms; /* how long no byte has left */
	int32_t credit_ms; /* how long a body may still stand still */
};

/* Makes `client` (zeroed) the socket's, in the worker's count of connections. Its owner sets
 * on_close of the socket, with the struct as data, and calls gw_client_close() there. */
void gw_client_open(struct gw_client *client, struct gw_worker *worker, h2o_socket_t *sock);

/* The socket closes. The struct is freed, by free(), once no request keeps it. */
void gw_client_close(struct gw_client *client);

/* In place of the body (`entity.base`) of an HTTP/2 request that is refused before it has come: of
 * one that still comes, and of one that has ended since. */
extern const char gw_client_unread[2];

static inline bool gw_client_is_unread(const h2o_req_t *req)
{
	return req->entity.base == &gw_client_unread[0] || req->entity.base == &gw_client_unread[1];
}

/* The client of a connection. */
struct gw_client *gw_client_of(const h2o_conn_t *conn);

/* Keeps the struct while its socket may close. */
struct gw_client *gw_client_ref(struct gw_client *client);
void gw_client_unref(struct gw_client *client);

/* A request was cancelled by its client and runs on, and comes back. */
struct gw_client *gw_client_cancelled(h2o_req_t *req);
void gw_client_returned(struct gw_client *client);

/* Takes one from the client's budget; false when it is used up. */
bool gw_client_spend(struct gw_client *client, enum gw_abuse kind);

/* Gives `count` back: what the client did was worth it. */
void gw_client_earn(struct gw_client *client, enum gw_abuse kind, uint32_t count);

/* Counts a client that is cut off, says so in the log, once in a while, and has what it still
 * sends discarded, so that a GOAWAY arrives. Returns the reason, for the GOAWAY. */
const char *gw_client_cut(struct gw_client *client, enum gw_abuse kind);

#endif
