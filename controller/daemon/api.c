/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.c - see api.h: libmicrohttpd in the loop, and the life of a request.
 */
#include "controller/daemon/api_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "controller/chain_yaml.h"
#include "controller/clock.h"

/* Of a body that is too large, so much is read before the answer; some clients write all
 * before they read. */
#define API_DISCARD_MAX (8U << 20)
#define API_CLOSE_TURNS 4 /* of libmicrohttpd, to send what is left at the end */

static void request_free(struct api_request *request)
{
	if (request->change)
		request->change->request = NULL;
	stream_free(request->stream);
	if (request->response)
		MHD_destroy_response(request->response);
	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	for (size_t i = 0; i < API_SEGMENT_MAX; i++)
		free(request->segments[i]);
	free(request->body);
	free(request);
}

static struct api_request *request_new(struct api *api, struct MHD_Connection *connection)
{
	struct api_request *request = calloc(1, sizeof(*request));
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	if (!request)
		return NULL;
	request->api = api;
	request->connection = connection;
	request->client = info->socket_context;
	request->next = api->requests;
	request->link = &api->requests;
	if (request->next)
		request->next->link = &request->next;
	api->requests = request;
	return request;
}

static void limit_arm(struct api_client *client, uint64_t delay_ns)
{
	loop_arm(client->api->options.loop, &client->limit, delay_ns);
}

void api_resume(struct api_request *request)
{
	if (!request->suspended)
		return;
	request->suspended = false;
	loop_remove(request->api->options.loop, &request->client->on_hangup);
	MHD_resume_connection(request->connection);
	loop_arm(request->api->options.loop, &request->api->pump, 0);
}

/* The client hung up while its request waited. */
static void on_hangup(void *arg, uint32_t events)
{
	struct api_request *request = arg;

	(void)events;
	request->gone = true;
	if (request->stream)
		stream_end(request->stream);
	api_resume(request);
}

static void suspend(struct api_request *request)
{
	struct api_client *client = request->client;

	client->on_hangup = (struct loop_source){ client->fd, on_hangup, request };
	if (loop_add(request->api->options.loop, &client->on_hangup, 0) < 0)
		client->on_hangup.fd = -1;
	request->suspended = true;
	MHD_suspend_connection(request->connection);
}

static ssize_t on_read(void *cls, uint64_t at, char *buf, size_t max)
{
	struct api_request *request = cls;
	ssize_t len = request->gone ? -2 : stream_take(request->stream, buf, max);

	(void)at;
	if (len == 0)
		suspend(request);
	return len == -1 ? MHD_CONTENT_READER_END_OF_STREAM :
	       len == -2 ? MHD_CONTENT_READER_END_WITH_ERROR :
			   len;
}

static void on_stream(void *arg)
{
	struct api_request *request = arg;

	if (request->stream->ended) /* what is left is to be taken now */
		limit_arm(request->client, API_SEND_NS);
	api_resume(request);
}

struct stream *api_stream(struct api_request *request, void (*on_close)(void *arg), void *arg)
{
	struct MHD_Response *response;

	request->stream = stream_new(request, NULL);
	response = request->stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384,
								       on_read, request, NULL) :
				     NULL;
	if (!response) {
		request->stream = stream_free(request->stream);
		api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory", "out of memory");
		return NULL;
	}
	request->stream->wake = on_stream;
	request->stream->on_close = on_close;
	request->stream->arg = arg;
	MHD_add_response_header(response, "Content-Type", "application/x-ndjson");
	request->response = response;
	request->status = MHD_HTTP_OK;
	return request->stream;
}

/* Hands the answer over. */
static enum MHD_Result respond(struct api_request *request)
{
	enum MHD_Result result;

	if (!request->stream || request->stream->ended)
		limit_arm(request->client, API_SEND_NS);
	result = MHD_queue_response(request->connection, request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	request->answered = true;
	return result;
}

/* The first call of a request: its head is here. */
static enum MHD_Result begin(struct api *api, struct MHD_Connection *connection, const char *url,
			     const char *method, void **ret)
{
	struct api_request *request = request_new(api, connection);
	const char *length =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

	if (!request)
		return MHD_NO;
	*ret = request;
	api_route(request, url, method);
	if (length && strtoull(length, NULL, 10) > API_DISCARD_MAX) {
		if (!request->response)
			api_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "TooLarge",
				 "a chain file has at most %u MiB", CHAIN_FILE_MAX >> 20);
		request->handled = true;
		return respond(request);
	}
	return MHD_YES;
}

static enum MHD_Result receive(struct api_request *request, const char *data, size_t len)
{
	char *body;

	request->received += len;
	if (request->received > API_DISCARD_MAX)
		return MHD_NO;
	if (request->response || !request->route->body || request->received > CHAIN_FILE_MAX)
		return MHD_YES;
	body = realloc(request->body, request->received + 1);
	if (!body)
		return MHD_NO;
	memcpy(body + request->body_len, data, len);
	body[request->received] = '\0';
	request->body = body;
	request->body_len = request->received;
	return MHD_YES;
}

static void handle(struct api_request *request)
{
	request->handled = true;
	loop_disarm(request->api->options.loop, &request->client->limit);
	if (request->response)
		return;
	if (request->route->body && request->received > CHAIN_FILE_MAX)
		api_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "TooLarge",
			 "a chain file has at most %u MiB", CHAIN_FILE_MAX >> 20);
	else
		request->route->handle(request);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **con_cls)
{
	struct api_request *request = *con_cls;

	(void)version;
	if (!request)
		return begin(cls, connection, url, method, con_cls);
	if (*len > 0) {
		enum MHD_Result result = receive(request, data, *len);

		*len = 0;
		return result;
	}
	if (!request->handled)
		handle(request);
	if (request->gone)
		return MHD_NO;
	if (request->response)
		return respond(request);
	suspend(request);
	return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct api *api = cls;
	struct api_request *request = *con_cls;
	bool last;

	(void)connection;
	(void)code;
	if (!request)
		return;
	last = request->last;
	limit_arm(request->client, API_RECEIVE_NS); /* for the next request */
	request_free(request);
	*con_cls = NULL;
	if (last)
		api->options.on_shutdown(api->options.on_shutdown_arg);
}

static void on_limit(void *arg)
{
	struct api_client *client = arg;

	shutdown(client->fd, SHUT_RDWR);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct api *api = cls;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		/* api_serve() has put it in front. */
		*context = api->clients;
	} else if (*context) {
		api_client_free(*context);
		*context = NULL;
	}
}

/* Does what libmicrohttpd has to do, and asks when it wants to be called again. */
static void pump(void *arg)
{
	struct api *api = arg;
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(api->http);
	if (MHD_get_timeout(api->http, &ms) == MHD_YES)
		loop_arm(api->options.loop, &api->pump, ms * UINT64_C(1000000));
	else
		loop_disarm(api->options.loop, &api->pump);
}

static void on_http(void *arg, uint32_t events)
{
	(void)events;
	pump(arg);
}

int api_serve(struct api *api, struct api_client *client, const struct sockaddr *address,
	      socklen_t len)
{
	int fd = client->fd;

	client->limit = (struct loop_timer){ .on_time = on_limit, .arg = client };
	client->on_hangup.fd = -1;
	client->next = api->clients;
	api->clients = client;
	if (MHD_add_connection(api->http, fd, address, len) != MHD_YES)
		return -ENOMEM; /* it has closed the fd, and told on_connection, or neither */
	limit_arm(client, API_RECEIVE_NS);
	pump(api);
	return 0;
}

/* Returns 0 or -errno. */
static int http_start(struct api *api)
{
	const union MHD_DaemonInfo *info;

	api->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET |
					     MHD_ALLOW_SUSPEND_RESUME,
				     0, NULL, NULL, on_request, api, MHD_OPTION_CONNECTION_LIMIT,
				     API_CLIENT_MAX + 1U, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				     (size_t)API_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
				     MHD_OPTION_NOTIFY_COMPLETED, on_completed, api,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, api,
				     MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (!api->http)
		return -ENOMEM;
	info = MHD_get_daemon_info(api->http, MHD_DAEMON_INFO_EPOLL_FD);
	api->on_http = (struct loop_source){ info->epoll_fd, on_http, api };
	api->pump = (struct loop_timer){ .on_time = pump, .arg = api };
	return loop_add(api->options.loop, &api->on_http, EPOLLIN);
}

int api_open(const struct api_options *options, struct api **ret, char why[API_WHY_MAX])
{
	struct api *api = calloc(1, sizeof(*api));
	int err = -ENOMEM;

	snprintf(why, API_WHY_MAX, "out of memory");
	if (!api)
		return err;
	api->options = *options;
	api->started_ns = clock_ns(CLOCK_REALTIME);
	api->on_http.fd = -1;
	for (size_t i = 0; i < 2; i++)
		api->listeners[i].fd = api->listeners[i].on_ready.fd = -1;
	api->describer = describer_new(options->loop);
	if (api->describer && api_watch_open(api) == 0)
		err = http_start(api);
	if (!err)
		err = api_listen(api, why);
	if (err)
		api_close(api);
	else
		*ret = api;
	return err;
}

static void end_requests(struct api *api)
{
	for (struct api_request *request = api->requests; request; request = request->next) {
		request->gone = !request->stream;
		if (request->stream)
			stream_end(request->stream);
		api_resume(request);
	}
}

struct api *api_close(struct api *api)
{
	if (!api)
		return NULL;
	api_unlisten(api);
	end_requests(api);
	for (int i = 0; api->http && i < API_CLOSE_TURNS; i++)
		MHD_run(api->http);
	end_requests(api); /* none may be suspended below */
	loop_remove(api->options.loop, &api->on_http);
	if (api->http)
		MHD_stop_daemon(api->http);
	loop_disarm(api->options.loop, &api->pump);
	api_watch_close(api);
	api_changes_close(api);
	describer_free(api->describer);
	free(api);
	return NULL;
}
