// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/front/accept.h"
#include "gateway/front/worker.h"

#define FILES_MAX 3 /* of one message */

void front_control_tell(int control, enum front_type type, uint32_t number, const char *text)
{
	struct front_msg msg = { .abi = FRONT_ABI, .type = type, .number = number };
	struct pollfd p = { .fd = control, .events = POLLOUT };

	if (text)
		snprintf(msg.text, sizeof(msg.text), "%s", text);
	while (wiring_send(control, &msg, sizeof(msg), NULL, 0) == -EAGAIN)
		poll(&p, 1, -1);
}

void front_control_settle(struct front *front)
{
	bool all = true;

	pthread_mutex_lock(&front->lock);
	for (uint32_t i = 0; i < front->worker_count; i++)
		all &= __atomic_load_n(&front->workers[i].applied, __ATOMIC_ACQUIRE) ==
		       front->posted;
	if (all && front->told != front->posted) {
		front->told = front->posted;
		front_control_tell(front->gateway.control, FRONT_DONE, front->told, NULL);
	}
	pthread_mutex_unlock(&front->lock);
}

/* Reads a whole memfd of at most `max` bytes; malloc'ed, a NUL behind. 0 or -errno. */
static int memfd_read(int fd, size_t max, struct front_bytes *ret)
{
	struct stat st;
	struct front_bytes b;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (size_t)st.st_size > max)
		return -EFBIG;
	b.len = (size_t)st.st_size;
	b.data = malloc(b.len + 1);
	if (!b.data)
		return -ENOMEM;
	if (pread(fd, b.data, b.len, 0) != (ssize_t)b.len) {
		free(b.data);
		return -EIO;
	}
	b.data[b.len] = '\0';
	*ret = b;
	return 0;
}

static void post_all(struct front *front, uint32_t number, struct front_table *table, SSL_CTX *tls)
{
	pthread_mutex_lock(&front->lock);
	front->posted = number;
	pthread_mutex_unlock(&front->lock);
	for (uint32_t i = 0; i < front->worker_count; i++)
		front_worker_post(&front->workers[i], number, table, tls);
}

static const char *routes_take(struct front *front, const struct front_msg *msg, const int *fds,
			       size_t fd_count)
{
	struct front_bytes bytes = { NULL, 0 };
	struct front_table *table;
	size_t size = msg->count * sizeof(struct front_route);
	int r;

	if (fd_count != 1 || msg->count > FRONT_ROUTE_MAX || memfd_read(fds[0], size, &bytes) < 0 ||
	    bytes.len != size) {
		free(bytes.data);
		return "the routes are no table";
	}
	r = front_table_new((struct front_route *)(void *)bytes.data, msg->count, &table);
	if (r < 0) {
		free(bytes.data);
		return r == -ENOMEM ? "no memory for the routes" : "a route is malformed";
	}
	/* libh2o cuts an upload off there; below it the chain's gateway answers. */
	__atomic_store_n(&front->gateway.http.max_request_entity_size,
			 (size_t)table->max_body * 2 + 1, __ATOMIC_RELAXED);
	post_all(front, msg->number, table, NULL);
	front_table_unref(table);
	return NULL;
}

static const char *certificate_take(struct front *front, const struct front_msg *msg,
				    const int *fds, size_t fd_count, char why[FRONT_WHY_MAX])
{
	struct front_bytes files[FILES_MAX] = { { NULL, 0 } };
	const char *fault = NULL;
	SSL_CTX *tls;

	if (fd_count != (msg->flags & FRONT_CLIENT_CA ? 3U : 2U))
		return "the certificate's files are missing";
	for (size_t i = 0; i < fd_count && !fault; i++)
		if (memfd_read(fds[i], FRONT_FILE_MAX, &files[i]) < 0)
			fault = "a certificate's file is longer than 1 MiB, or cannot be read";
	if (!fault && front_tls_new(&files[0], &files[1], &files[2], &tls, why) < 0)
		fault = why;
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (files[i].data)
			explicit_bzero(files[i].data, files[i].len);
		free(files[i].data);
	}
	if (fault)
		return fault;
	front_accept_watch(tls);
	post_all(front, msg->number, NULL, tls);
	SSL_CTX_free(tls);
	return NULL;
}

static void message_handle(struct front *front, const struct front_msg *msg, const int *fds,
			   size_t fd_count)
{
	char why[FRONT_WHY_MAX];
	const char *fault = "of an unknown kind";

	if (msg->type == FRONT_ROUTES)
		fault = routes_take(front, msg, fds, fd_count);
	else if (msg->type == FRONT_CERTIFICATE)
		fault = certificate_take(front, msg, fds, fd_count, why);
	if (fault)
		front_control_tell(front->gateway.control, FRONT_REFUSED, msg->number, fault);
}

static void on_control(h2o_socket_t *sock, const char *err)
{
	struct front *front = sock->data;
	struct front_msg msg;
	int fds[FILES_MAX];
	size_t fd_count = 0;
	ssize_t n;

	(void)err;
	while ((n = wiring_receive(front->gateway.control, &msg, sizeof(msg), fds, FILES_MAX,
				   &fd_count)) > 0) {
		if (n == (ssize_t)sizeof(msg) && msg.abi == FRONT_ABI)
			message_handle(front, &msg, fds, fd_count);
		for (size_t i = 0; i < fd_count; i++)
			close(fds[i]);
	}
	if (n == -EAGAIN || n == -EBADMSG)
		return;
	h2o_socket_read_stop(sock);
	for (uint32_t i = 0; i < front->worker_count; i++)
		front_worker_post_drain(&front->workers[i]);
}

void front_control_join(struct front_worker *worker)
{
	struct front *front = worker->front;
	h2o_socket_t *sock = h2o_evloop_socket_create(worker->gw.loop, front->gateway.control,
						      H2O_SOCKET_FLAG_DONT_READ);

	sock->data = front;
	h2o_socket_read_start(sock, on_control);
	front_control_tell(front->gateway.control, FRONT_READY, 0, NULL);
}
