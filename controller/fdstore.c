// SPDX-License-Identifier: Apache-2.0
#include "controller/fdstore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "controller/fdstore_start.h"
#include "controller/fdstore_wire.h"

#define START_TRIES 400
#define START_WAIT_NS 5000000

struct fdstore {
	int sock;
	bool broken; /* an answer may still come: it would pass for the next one's */
	struct fdstore_message message;
	struct fdstore_fds fds;
	struct sockaddr_un addr;
};

static int address_set(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret->sun_path, path);
	return 0;
}

/* Returns a connected socket or -errno. */
static int connect_to(const struct sockaddr_un *addr)
{
	const struct timeval limit = { .tv_sec = FDSTORE_ANSWER_MS / 1000 };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r = 0;

	if (sock < 0)
		return -errno;
	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		r = -errno;
	if (r == 0)
		return sock;
	close(sock);
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

/* Names the message and fills in its bytes. */
static int message_set(struct fdstore *store, uint32_t op, const char *name, const void *data,
		       size_t len)
{
	size_t name_len = strlen(name);

	if (name_len == 0)
		return -EINVAL;
	if (name_len >= FDSTORE_NAME_MAX)
		return -ENAMETOOLONG;
	if (len > FDSTORE_DATA_MAX)
		return -E2BIG;
	store->message = (struct fdstore_message){ .magic = FDSTORE_MAGIC, .op = op };
	memcpy(store->message.name, name, name_len);
	if (len > 0)
		memcpy(store->message.data, data, len);
	store->fds.count = 0;
	return 0;
}

/* Sends store->message and takes the answer into it. Returns its bytes or -errno. */
static ssize_t ask(struct fdstore *store, size_t len)
{
	uint32_t op = store->message.op;
	ssize_t n;

	if (store->broken)
		return -EPIPE;
	n = fdstore_send(store->sock, &store->message, len, &store->fds);
	if (n == -EBADF || n == -ETOOMANYREFS)
		return n; /* the kernel took nothing */
	if (n == 0)
		n = fdstore_receive(store->sock, &store->message, &store->fds);
	if (n == -EAGAIN)
		n = -ETIMEDOUT;
	if (n >= 0 && store->message.op != op)
		n = -EBADMSG;
	/* Its answer came whole but for the fds, which we have no room for. */
	store->broken = n < 0 && n != -EMFILE;
	if (store->broken) /* whoever watches it is to know */
		shutdown(store->sock, SHUT_RDWR);
	if (n < 0)
		return n;
	if (store->message.result < 0) {
		fdstore_fds_close(&store->fds);
		return store->message.result;
	}
	return n;
}

/* Connects, and asks something: a program that is being killed still takes connections. */
static int greet(struct fdstore *store, const struct sockaddr_un *addr)
{
	ssize_t n;

	store->sock = connect_to(addr);
	if (store->sock < 0)
		return store->sock;
	store->broken = false;
	store->message = (struct fdstore_message){ .magic = FDSTORE_MAGIC,
						   .op = FDSTORE_NEXT,
						   .slot = UINT32_MAX };
	store->fds.count = 0;
	n = ask(store, 0);
	if (n == -ENOENT)
		return 0;
	close(store->sock);
	return n == -EPIPE ? -ECONNREFUSED : n < 0 ? (int)n : -EBADMSG;
}

static int greet_or_start(struct fdstore *store, const struct sockaddr_un *addr)
{
	const struct timespec wait = { .tv_nsec = START_WAIT_NS };
	int r = greet(store, addr);

	for (int i = 0; i < START_TRIES && (r == -ECONNREFUSED || r == -ENOENT); i++) {
		r = fdstore_start(addr);
		if (r == -EEXIST) /* another one starts it, or it is about to be gone */
			nanosleep(&wait, NULL);
		else if (r < 0)
			return r;
		r = greet(store, addr);
	}
	return r == -ECONNREFUSED || r == -ENOENT ? -EBUSY : r;
}

int fdstore_open(const char *socket_path, bool start, struct fdstore **ret)
{
	struct fdstore *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	r = address_set(socket_path, &store->addr);
	if (r == 0)
		r = start ? greet_or_start(store, &store->addr) : greet(store, &store->addr);
	if (r < 0) {
		free(store);
		return r;
	}
	*ret = store;
	return 0;
}

int fdstore_reopen(struct fdstore *store)
{
	close(store->sock);
	store->broken = false;
	return greet_or_start(store, &store->addr);
}

struct fdstore *fdstore_close(struct fdstore *store)
{
	if (store) {
		close(store->sock);
		free(store);
	}
	return NULL;
}

/* As ask(), of what has nothing but a result. */
static int ask_plain(struct fdstore *store, size_t len)
{
	ssize_t n = ask(store, len);

	if (n < 0)
		return (int)n;
	fdstore_fds_close(&store->fds);
	return 0;
}

int fdstore_put(struct fdstore *store, const char *name, const void *data, size_t len,
		const int *fds, size_t fd_count)
{
	int r = message_set(store, FDSTORE_PUT, name, data, len);

	if (r < 0)
		return r;
	if (fd_count > FDSTORE_FD_MAX)
		return -E2BIG;
	if (fd_count > 0)
		memcpy(store->fds.fd, fds, sizeof(*fds) * fd_count);
	store->fds.count = fd_count;
	return ask_plain(store, len);
}

int fdstore_set(struct fdstore *store, const char *name, const void *data, size_t len)
{
	int r = message_set(store, FDSTORE_SET, name, data, len);

	return r < 0 ? r : ask_plain(store, len);
}

int fdstore_remove(struct fdstore *store, const char *name)
{
	int r = message_set(store, FDSTORE_REMOVE, name, NULL, 0);

	return r < 0 ? r : ask_plain(store, 0);
}

/* Asks for the first entry at *slot or above and moves *slot behind it. */
static int next(struct fdstore *store, uint32_t *slot, struct fdstore_entry *ret)
{
	ssize_t n;

	store->message = (struct fdstore_message){ .magic = FDSTORE_MAGIC,
						   .op = FDSTORE_NEXT,
						   .slot = *slot };
	store->fds.count = 0;
	n = ask(store, 0);
	if (n < 0)
		return (int)n;
	memcpy(ret->name, store->message.name, sizeof(ret->name));
	memcpy(ret->data, store->message.data, (size_t)n);
	ret->data[n] = '\0';
	ret->len = (size_t)n;
	memcpy(ret->fds, store->fds.fd, sizeof(*ret->fds) * store->fds.count);
	ret->fd_count = store->fds.count;
	*slot = store->message.slot + 1;
	return 0;
}

int fdstore_list(struct fdstore *store, int (*on_entry)(struct fdstore_entry *entry, void *arg),
		 void *arg)
{
	struct fdstore_entry *entry = malloc(sizeof(*entry));
	uint32_t slot = 0;
	int r = entry ? 0 : -ENOMEM;

	while (r == 0) {
		r = next(store, &slot, entry);
		if (r == -ENOENT) { /* the end */
			r = 0;
			break;
		}
		if (r < 0)
			break;
		r = on_entry(entry, arg);
		for (size_t i = 0; i < entry->fd_count; i++)
			if (entry->fds[i] >= 0)
				close(entry->fds[i]);
	}
	free(entry);
	return r;
}

int fdstore_fd(const struct fdstore *store)
{
	return store->sock;
}

int fdstore_quit(struct fdstore *store)
{
	store->message = (struct fdstore_message){ .magic = FDSTORE_MAGIC, .op = FDSTORE_QUIT };
	store->fds.count = 0;
	return ask_plain(store, 0);
}
