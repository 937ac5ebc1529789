/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_listen.c - the API's sockets, and who may use them.
 *
 * Failure modes: above the limits a connection is closed at once; without fds or memory we
 * accept again after RETRY_NS, so that the loop does not turn in vain.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/daemon/api_private.h"

#define RETRY_NS UINT64_C(100000000)
#define BACKLOG 4096     /* a client that does not wait is refused when it is full */
#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

void api_client_free(struct api_client *client)
{
	struct api_client **at = &client->api->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	loop_disarm(client->api->options.loop, &client->limit);
	loop_remove(client->api->options.loop, &client->on_hangup);
	free(client);
}

static bool in_groups(int fd, gid_t group)
{
	socklen_t len = GROUPS_MAX * sizeof(gid_t);
	gid_t *groups = malloc(len);
	bool found = false;

	if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
		for (size_t i = 0; i < len / sizeof(*groups); i++)
			found |= groups[i] == group;
	}
	free(groups);
	return found;
}

/* Asks the kernel who is at the other end. */
static void peer_check(struct api_client *client, gid_t group)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	client->uid = peer.uid;
	client->allowed = peer.uid == 0 || peer.uid == geteuid() || peer.gid == group ||
			  in_groups(client->fd, group);
}

static bool has_room(const struct api *api, const struct api_client *newcomer)
{
	unsigned all = 0, same = 0;

	for (const struct api_client *client = api->clients; client; client = client->next) {
		all++;
		same += newcomer->metrics ? client->metrics :
					    !client->metrics && client->uid == newcomer->uid;
	}
	if (!newcomer->metrics && newcomer->uid == 0)
		return all < API_CLIENT_MAX;
	return same < API_SHARE_MAX && all < API_CLIENT_MAX - API_SHARE_MAX;
}

static void serve(struct api_listener *listener, int fd, const struct sockaddr *address,
		  socklen_t len)
{
	struct api *api = listener->api;
	struct api_client *client = calloc(1, sizeof(*client));

	if (client) {
		client->api = api;
		client->fd = fd;
		client->metrics = client->allowed = listener->metrics;
		if (!listener->metrics)
			peer_check(client, api->options.group);
	}
	if (!client || !has_room(api, client)) {
		free(client);
		close(fd);
		return;
	}
	if (api_serve(api, client, address, len) < 0 && api->clients == client)
		api_client_free(client);
}

static void on_retry(void *arg)
{
	struct api_listener *listener = arg;

	listener->on_ready.fd = listener->fd;
	if (loop_add(listener->api->options.loop, &listener->on_ready, EPOLLIN) < 0)
		loop_arm(listener->api->options.loop, &listener->retry, RETRY_NS);
}

static void on_ready(void *arg, uint32_t events)
{
	struct api_listener *listener = arg;
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	int fd = accept4(listener->fd, (struct sockaddr *)&address, &len,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		serve(listener, fd, (struct sockaddr *)&address, len);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		loop_remove(listener->api->options.loop, &listener->on_ready);
		loop_arm(listener->api->options.loop, &listener->retry, RETRY_NS);
	}
}

/* Makes the socket, visible only once its rights are set. Returns the fd or -errno. */
static int unix_listen(const char *path, gid_t group)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err = 0;
	mode_t mask;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path); /* of a killed daemon: the lock says that none runs */
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err = -errno;
	umask(mask);
	if (!err &&
	    (chown(path, (uid_t)-1, group) < 0 || chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Takes `fd`. Returns 0 or -errno. */
static int listener_open(struct api *api, size_t i, int fd)
{
	struct api_listener *listener = &api->listeners[i];

	*listener = (struct api_listener){
		.api = api,
		.fd = fd,
		.metrics = i == 1,
		.on_ready = { fd, on_ready, listener },
		.retry = { .on_time = on_retry, .arg = listener },
	};
	return loop_add(api->options.loop, &listener->on_ready, EPOLLIN);
}

int api_listen(struct api *api, char why[API_WHY_MAX])
{
	const struct api_options *options = &api->options;
	int fd = unix_listen(options->socket_path, options->group), err;

	err = fd < 0 ? fd : listener_open(api, 0, fd);
	if (err) {
		snprintf(why, API_WHY_MAX, "cannot listen on %s: %s (choose another with --socket)",
			 options->socket_path, strerror(-err));
		return err;
	}
	if (!options->metrics)
		return 0;
	err = listen_open(options->metrics, 1, &fd, api->metrics_address);
	if (!err)
		err = listener_open(api, 1, fd);
	if (err == -EINVAL)
		snprintf(why, API_WHY_MAX, "--metrics %s: not an address such as 127.0.0.1:9090",
			 options->metrics);
	else if (err)
		snprintf(why, API_WHY_MAX, "--metrics %s: %s", options->metrics, strerror(-err));
	return err;
}

void api_unlisten(struct api *api)
{
	for (size_t i = 0; i < 2; i++) {
		struct api_listener *listener = &api->listeners[i];

		loop_remove(api->options.loop, &listener->on_ready);
		loop_disarm(api->options.loop, &listener->retry);
		if (listener->fd < 0)
			continue;
		close(listener->fd);
		if (i == 0)
			unlink(api->options.socket_path);
		listener->fd = -1;
	}
}

const char *api_metrics_address(const struct api *api)
{
	return api->metrics_address;
}
