// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/daemon/front_private.h"

/* ---- what is sent ---- */

static void certificate_close(struct front_certificate *c)
{
	while (c->count > 0)
		close(c->fds[--c->count]);
}

/* 0, or -errno: nothing was sent. */
static int message_send(struct front *front, enum front_type type, uint32_t count, uint32_t flags,
			const int *fds, int fd_count)
{
	struct front_msg msg = { .abi = FRONT_ABI,
				 .type = type,
				 .number = front->number + 1,
				 .count = count,
				 .flags = flags };
	int r = wiring_send(front->process.wiring, &msg, sizeof(msg), fds, (size_t)fd_count);

	if (r == 0)
		front->number++;
	return r;
}

static int routes_send(struct front *front)
{
	int fd = front_routes_memfd(&front->routes), r;

	if (fd < 0)
		return fd;
	r = message_send(front, FRONT_ROUTES, front->routes.count, 0, &fd, 1);
	close(fd);
	if (r == 0) {
		front->routes_changed = false;
		front->routes_number = front->number;
	}
	return r;
}

static int certificate_send(struct front *front)
{
	struct front_certificate c = { .count = 0 };
	int r = front_files_memfds(&front->files, c.fds);

	if (r < 0)
		return r;
	c.count = r;
	r = message_send(front, FRONT_CERTIFICATE, 0,
			 front->options.client_ca ? FRONT_CLIENT_CA : 0, c.fds, c.count);
	if (r < 0) {
		certificate_close(&c);
		return r;
	}
	certificate_close(&front->sent);
	front->sent = c;
	front->sent_number = front->number;
	front->certificate_changed = false;
	return 0;
}

static void changes_send(struct front *front)
{
	int r = 0;

	if (front->process.pid <= 0)
		return;
	if (front->certificate_changed)
		r = certificate_send(front);
	if (r == 0 && front->serving && front->routes_changed)
		r = routes_send(front);
	/* -EPIPE: it is dead, and the next one is sent all. */
	if (r < 0 && r != -EPIPE)
		loop_arm(front->loop, &front->again, FRONT_AGAIN_NS);
}

void front_resend(struct front *front)
{
	const struct front_certificate *good = &front->good;

	/* First what is known to be good: what has been read since may be refused. */
	if (good->count > 0)
		message_send(front, FRONT_CERTIFICATE, 0,
			     good->count == FRONT_FILES ? FRONT_CLIENT_CA : 0, good->fds,
			     good->count);
	certificate_close(&front->sent);
	front->certificate_changed = front->flags & FRONT_TLS;
	front->routes_changed = true;
	changes_send(front);
}

static void on_again(void *arg)
{
	changes_send(arg);
}

/* ---- what is heard ---- */

void front_heard(struct front *front, const struct front_msg *msg)
{
	char text[sizeof(msg->text)];

	memcpy(text, msg->text, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	if (msg->type == FRONT_DONE) {
		front->done = msg->number;
		if (front->sent.count > 0 && (int32_t)(msg->number - front->sent_number) >= 0) {
			certificate_close(&front->good);
			front->good = front->sent;
			front->sent.count = 0;
			events_add(front->events, "", "Normal", "FrontCertificate",
				   "the front uses the certificate of %s", front->options.cert);
		}
	} else if (msg->type == FRONT_REFUSED && msg->number == front->sent_number) {
		certificate_close(&front->sent);
		events_add(front->events, "", "Warning", "FrontCertificateRefused",
			   "%s and %s: %s; the front goes on with what it had", front->options.cert,
			   front->options.key, text);
	} else if (msg->type == FRONT_REFUSED || msg->type == FRONT_FAILED) {
		events_add(front->events, "", "Warning", "FrontFailed", "sprocket-front: %s", text);
	}
}

/* ---- certificates ---- */

static int files_read(struct front *front)
{
	const char *path;
	int r = front_files_read(&front->files, &path);

	if (r < 0)
		events_add(front->events, "", "Warning", "FrontCertificateUnreadable",
			   "cannot read %s: %s", path, strerror(-r));
	return r;
}

static void on_files(void *arg)
{
	front_reload(arg);
}

void front_reload(struct front *front)
{
	if (!(front->flags & FRONT_TLS) || files_read(front) <= 0)
		return;
	front->certificate_changed = true;
	changes_send(front);
}

static int files_open(struct front *front)
{
	const char *paths[FRONT_FILES] = { front->options.cert, front->options.key,
					   front->options.client_ca };
	int r;

	if (!paths[0] || !paths[1]) {
		events_add(front->events, "", "Warning", "FrontFailed",
			   "TLS needs both a certificate and a key");
		return -EINVAL;
	}
	r = front_files_init(&front->files, front->loop, paths, on_files, front);
	if (r < 0) {
		events_add(front->events, "", "Warning", "FrontFailed",
			   "cannot watch the folders of %s and %s: %s", paths[0], paths[1],
			   strerror(-r));
		return r;
	}
	r = files_read(front);
	front->certificate_changed = true;
	return r < 0 ? r : 0;
}

/* ---- life ---- */

static int text_own(const char **text)
{
	if (!*text)
		return 0;
	*text = strdup(*text);
	return *text ? 0 : -ENOMEM;
}

static int options_own(struct front *front, const struct front_options *options)
{
	struct front_options o = { .workers = options->workers ? options->workers : 1 };
	int r = 0;

	if (o.workers > WIRING_WORKER_MAX)
		o.workers = WIRING_WORKER_MAX;
	front->options = o;
#define OWN(field)                                                     \
	do {                                                           \
		front->options.field = r == 0 ? options->field : NULL; \
		if (r == 0)                                            \
			r = text_own(&front->options.field);           \
	} while (0)
	OWN(listen);
	OWN(listen_tls);
	OWN(cert);
	OWN(key);
	OWN(client_ca);
#undef OWN
	return r;
}

static struct front *front_free(struct front *front)
{
	const char *texts[] = { front->options.listen, front->options.listen_tls,
				front->options.cert, front->options.key, front->options.client_ca };

	loop_disarm(front->loop, &front->again);
	if (front->files.loop)
		front_files_done(&front->files);
	front_routes_done(&front->routes);
	certificate_close(&front->good);
	certificate_close(&front->sent);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free((void *)(uintptr_t)texts[i]);
	free(front);
	return NULL;
}

int front_open(struct loop *loop, struct fdstore *fdstore, const struct front_options *options,
	       struct events *events, struct front **ret)
{
	struct front *front = calloc(1, sizeof(*front));
	int r;

	if (!front)
		return -ENOMEM;
	front->loop = loop;
	front->fdstore = fdstore;
	front->events = events;
	front->again = (struct loop_timer){ .on_time = on_again, .arg = front };
	front->backoff_ns = FRONT_BACKOFF_MIN_NS;
	/* Other numbers than those that a daemon before us gave. */
	front->number = front->done = (uint32_t)(loop_now_ns() / 1000);
	front->routes_changed = true;
	front->flags = (options->listen ? FRONT_PLAIN : 0) | (options->listen_tls ? FRONT_TLS : 0);
	r = options_own(front, options);
	if (r == 0 && front->flags & FRONT_TLS)
		r = files_open(front);
	if (r == 0)
		r = front_process_open(front);
	if (r < 0) {
		front_free(front);
		return r;
	}
	changes_send(front);
	*ret = front;
	return 0;
}

struct front *front_close(struct front *front)
{
	if (!front)
		return NULL;
	front_process_close(front);
	return front_free(front);
}

struct front *front_stop(struct front *front)
{
	if (!front)
		return NULL;
	front_process_stop(front);
	return front_free(front);
}

void front_serve(struct front *front)
{
	front->serving = true;
	changes_send(front);
}

const char *front_address(const struct front *front, bool tls)
{
	return front->addresses[tls];
}

static json_t *url(const char *scheme, const char *address, const struct chain_ingress *ingress)
{
	const char *port = strrchr(address, ':');

	return ingress->host ?
		       json_sprintf("%s://%s%s%s", scheme, ingress->host, port, ingress->path) :
		       json_sprintf("%s://%s%s", scheme, address, ingress->path);
}

json_t *front_urls(const struct front *front, const struct chain_ingress *ingress, uint32_t count)
{
	static const char *const schemes[] = { "http", "https" };
	json_t *urls = json_array();

	for (uint32_t i = 0; i < count; i++)
		for (int tls = 0; tls < 2; tls++)
			if (front->addresses[tls][0])
				json_array_append_new(urls, url(schemes[tls], front->addresses[tls],
								&ingress[i]));
	return urls;
}

/* ---- routes ---- */

int front_route_add(struct front *front, const char *chain, const char *socket_path,
		    const struct chain_ingress *ingress, uint32_t count)
{
	int r = front_routes_add(&front->routes, chain, socket_path, ingress, count);

	if (r < 0)
		return r;
	front->routes_changed = true;
	changes_send(front);
	return 0;
}

void front_route_remove(struct front *front, const char *chain)
{
	if (!front_routes_remove(&front->routes, chain))
		return;
	front->routes_changed = true;
	changes_send(front);
}

bool front_settled(const struct front *front)
{
	return front->process.pid > 0 && front->serving && !front->routes_changed &&
	       (int32_t)(front->done - front->routes_number) >= 0;
}

bool front_conflict(const struct front *front, const char *chain,
		    const struct chain_ingress *ingress, uint32_t count, char why[FRONT_WHY_MAX])
{
	return front_routes_conflict(&front->routes, chain, ingress, count, why, FRONT_WHY_MAX);
}
