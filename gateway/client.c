// SPDX-License-Identifier: Apache-2.0
#include "gateway/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/address.h"
#include "gateway/linger.h"
#include "gateway/worker.h"

#define LOG_EVERY_MS 10000 /* a worker says at most so often that it cut clients off */

static const struct {
	uint32_t burst, rate;
	const char *name, *text;
} limits[GW_ABUSE_COUNT] = {
#define X(kind, burst, rate, text) [GW_ABUSE_##kind] = { burst, rate, #kind, text },
	GW_ABUSES(X)
#undef X
};

const char gw_client_unread[2];

void gw_client_open(struct gw_client *client, struct gw_worker *worker, h2o_socket_t *sock)
{
	client->worker = worker;
	client->sock = sock;
	client->refs = 1;
	for (int i = 0; i < GW_ABUSE_COUNT; i++)
		client->budgets[i] = (struct gw_budget){ limits[i].burst, h2o_now(worker->loop) };
	GW_COUNT(worker, connections, 1);
}

struct gw_client *gw_client_ref(struct gw_client *client)
{
	client->refs++;
	return client;
}

void gw_client_unref(struct gw_client *client)
{
	if (--client->refs == 0)
		free(client);
}

void gw_client_close(struct gw_client *client)
{
	client->sock = NULL;
	if (client->linger)
		gw_linger_closed(client->linger);
	GW_COUNT(client->worker, connections, -1);
	gw_address_leave(client->worker->gateway, client->place);
	gw_client_unref(client);
}

struct gw_client *gw_client_of(const h2o_conn_t *conn)
{
	h2o_socket_t *sock = conn->callbacks->get_socket((h2o_conn_t *)(uintptr_t)conn);

	return sock->on_close.data;
}

struct gw_client *gw_client_cancelled(h2o_req_t *req)
{
	struct gw_client *client;

	/* The other kind has one request at a time, and ends with it. */
	if (req->version < 0x200)
		return NULL;
	client = gw_client_of(req->conn);
	client->cancelled++;
	return gw_client_ref(client);
}

void gw_client_returned(struct gw_client *client)
{
	client->cancelled--;
	gw_client_unref(client);
}

static uint32_t budget_fill(struct gw_budget *b, enum gw_abuse kind, uint64_t now)
{
	uint64_t earned = (now - b->since_ms) * limits[kind].rate / 1000;

	if (earned == 0)
		return 0;
	b->since_ms = now;
	return earned < limits[kind].burst ? (uint32_t)earned : limits[kind].burst;
}

bool gw_client_spend(struct gw_client *client, enum gw_abuse kind)
{
	struct gw_budget *b = &client->budgets[kind];

	if (b->left == 0)
		b->left = budget_fill(b, kind, h2o_now(client->worker->loop));
	if (b->left == 0)
		return false;
	b->left--;
	return true;
}

void gw_client_earn(struct gw_client *client, enum gw_abuse kind, uint32_t count)
{
	if (client->budgets[kind].left + count <= limits[kind].burst)
		client->budgets[kind].left += count;
}

const char *gw_client_cut(struct gw_client *client, enum gw_abuse kind)
{
	struct gw_worker *w = client->worker;
	uint64_t now = h2o_now(w->loop);

	switch (kind) {
#define X(kind, burst, rate, text)          \
	case GW_ABUSE_##kind:               \
		GW_COUNT(w, cut_##kind, 1); \
		break;
		GW_ABUSES(X)
#undef X
	case GW_ABUSE_COUNT:
		break;
	}
	/* What is unread when a socket closes would take the GOAWAY with it. */
	gw_linger_last(w, client->sock);
	w->cut++;
	if (w->cut_said_ms != 0 && now - w->cut_said_ms < LOG_EVERY_MS)
		return limits[kind].text;
	fprintf(stderr,
		"sprocket: %" PRIu64 " client connection(s) cut off, the last for: %s (%s)\n",
		w->cut, limits[kind].text, limits[kind].name);
	w->cut = 0;
	w->cut_said_ms = now;
	return limits[kind].text;
}
