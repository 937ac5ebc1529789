// SPDX-License-Identifier: Apache-2.0
/*
 * fdstore_main.c - sprocket-fdstore: holds fds for sprocketd while there is none.
 *
 * How: one thread, one poll over the listening socket (fd 3, from fdstore_start.c) and the
 * one client. A request is one message and its answer; nothing is kept between two. Entries
 * lie in slots, found by name through a hash. Statically linked and without stdio: it must
 * stay small and has nothing to say.
 * Failure modes: no memory and no fds are answers. A client that does not read its answers
 * is disconnected. Ends by FDSTORE_QUIT when empty; every signal that can be ignored is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "controller/fdstore_start.h"
#include "controller/fdstore_wire.h"

/* uthash would end the process when it has no memory: it sets this instead. */
static bool hash_failed;
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) (hash_failed = true)
#include <uthash.h>

#define SLOTS_STEP 64
#define SLOTS_MAX 65536

struct entry {
	char name[FDSTORE_NAME_MAX];
	UT_hash_handle hh;
	uint32_t slot;
	size_t len;
	char *data; /* NULL when empty */
	size_t fd_count;
	int *fds; /* NULL when there are none */
};

struct program {
	int listener;
	int client; /* -1: none */
	const char *path;
	struct stat bound; /* what `path` was at the start */
	struct entry *by_name;
	struct entry **slots; /* NULL where free */
	uint32_t slot_count;
	struct fdstore_message message; /* the request, then its answer */
	struct fdstore_fds fds;
};

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	for (size_t i = 0; i < entry->fd_count; i++)
		close(entry->fds[i]);
	free(entry->fds);
	free(entry->data);
	free(entry);
}

static struct entry *entry_find(const struct program *p)
{
	struct entry *found;

	HASH_FIND_STR(p->by_name, p->message.name, found);
	return found;
}

/* A copy of `len` bytes; NULL for none. Returns 0 or -ENOMEM. */
static int copy(const void *bytes, size_t len, void **ret)
{
	void *made = len > 0 ? malloc(len) : NULL;

	if (len > 0 && !made)
		return -ENOMEM;
	if (len > 0)
		memcpy(made, bytes, len);
	*ret = made;
	return 0;
}

static int slot_find(struct program *p, uint32_t *ret)
{
	struct entry **more;
	uint32_t slot = 0;

	while (slot < p->slot_count && p->slots[slot])
		slot++;
	if (slot == p->slot_count) {
		if (slot >= SLOTS_MAX)
			return -ENOSPC;
		more = realloc(p->slots, sizeof(*more) * (slot + SLOTS_STEP));
		if (!more)
			return -ENOMEM;
		memset(more + slot, 0, sizeof(*more) * SLOTS_STEP);
		p->slots = more;
		p->slot_count += SLOTS_STEP;
	}
	*ret = slot;
	return 0;
}

/* Adds an empty entry of the message's name. */
static int entry_add(struct program *p, struct entry **ret)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	int r = entry ? slot_find(p, &entry->slot) : -ENOMEM;

	if (r < 0) {
		free(entry);
		return r;
	}
	memcpy(entry->name, p->message.name, sizeof(entry->name));
	hash_failed = false;
	HASH_ADD_STR(p->by_name, name, entry);
	if (hash_failed) {
		free(entry);
		return -ENOMEM;
	}
	p->slots[entry->slot] = entry;
	*ret = entry;
	return 0;
}

static int on_put(struct program *p, size_t len)
{
	struct entry *entry = entry_find(p), old;
	void *data = NULL, *fds = NULL;
	int r = p->message.name[0] ? copy(p->message.data, len, &data) : -EINVAL;

	if (r == 0)
		r = copy(p->fds.fd, sizeof(*p->fds.fd) * p->fds.count, &fds);
	if (r == 0 && !entry)
		r = entry_add(p, &entry);
	if (r < 0) {
		free(data);
		free(fds);
		return r;
	}
	old = *entry;
	entry->data = data;
	entry->len = len;
	entry->fds = fds;
	entry->fd_count = p->fds.count;
	p->fds.count = 0; /* the entry's from here on */
	for (size_t i = 0; i < old.fd_count; i++)
		close(old.fds[i]);
	free(old.fds);
	free(old.data);
	return 0;
}

static int on_set(struct program *p, size_t len)
{
	struct entry *entry = entry_find(p);
	void *data = NULL;
	int r = entry ? copy(p->message.data, len, &data) : -ENOENT;

	if (r < 0)
		return r;
	free(entry->data);
	entry->data = data;
	entry->len = len;
	return 0;
}

static int on_remove(struct program *p)
{
	struct entry *entry = entry_find(p);

	if (entry) {
		HASH_DEL(p->by_name, entry);
		p->slots[entry->slot] = NULL;
		entry_free(entry);
	}
	return 0;
}

/* The answer's data and fds. The fds stay the entry's: they must not be closed after. */
static int on_next(struct program *p, size_t *ret_len, struct fdstore_fds *ret_fds)
{
	uint32_t slot = p->message.slot;
	const struct entry *entry;

	while (slot < p->slot_count && !p->slots[slot])
		slot++;
	if (slot >= p->slot_count)
		return -ENOENT;
	entry = p->slots[slot];
	memcpy(p->message.name, entry->name, sizeof(entry->name));
	if (entry->len > 0)
		memcpy(p->message.data, entry->data, entry->len);
	if (entry->fd_count > 0)
		memcpy(ret_fds->fd, entry->fds, sizeof(*entry->fds) * entry->fd_count);
	ret_fds->count = entry->fd_count;
	p->message.slot = slot;
	*ret_len = entry->len;
	return 0;
}

/* Removes the socket, unless somebody has another one there by now. */
static void socket_remove(const struct program *p)
{
	struct stat now;

	if (stat(p->path, &now) == 0 && now.st_ino == p->bound.st_ino &&
	    now.st_dev == p->bound.st_dev)
		unlink(p->path);
}

static void client_drop(struct program *p)
{
	if (p->client >= 0)
		close(p->client);
	p->client = -1;
}

/* Takes one request and answers it. Returns true when the program is to end. */
static bool client_serve(struct program *p)
{
	static struct fdstore_fds answer_fds;
	ssize_t n = fdstore_receive(p->client, &p->message, &p->fds);
	size_t answer_len = 0;
	int r = (int)n;
	bool ends;

	answer_fds.count = 0;
	if (n == -EAGAIN)
		return false;
	if (n == -EPIPE) {
		client_drop(p);
		return false;
	}
	if (n >= 0) {
		switch (p->message.op) {
		case FDSTORE_PUT:
			r = on_put(p, (size_t)n);
			break;
		case FDSTORE_SET:
			r = on_set(p, (size_t)n);
			break;
		case FDSTORE_REMOVE:
			r = on_remove(p);
			break;
		case FDSTORE_NEXT:
			r = on_next(p, &answer_len, &answer_fds);
			break;
		case FDSTORE_QUIT:
			r = p->by_name ? -EBUSY : 0;
			break;
		default:
			r = -ENOSYS; /* of a newer daemon */
		}
	}
	ends = p->message.op == FDSTORE_QUIT && r == 0;
	if (ends)
		socket_remove(p);
	fdstore_fds_close(&p->fds);
	p->message.magic = FDSTORE_MAGIC;
	p->message.result = r;
	p->message.name[FDSTORE_NAME_MAX - 1] = '\0'; /* of a message that was refused for it */
	n = fdstore_send(p->client, &p->message, answer_len, &answer_fds);
	if (n < 0)
		client_drop(p);
	return ends;
}

static void client_accept(struct program *p)
{
	int sock = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (sock < 0 && (errno == EMFILE || errno == ENFILE) && p->client >= 0) {
		client_drop(p); /* the new one takes its place, and its fd */
		sock = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	if (sock < 0)
		return;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		close(sock);
		return;
	}
	client_drop(p);
	p->client = sock;
}

/* The daemon's entries may need more fds than any other process of the machine. */
static void files_limit_raise(void)
{
	struct rlimit limit;
	char text[32] = "";
	int fd = open("/proc/sys/fs/nr_open", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0) {
		limit.rlim_cur = limit.rlim_max = strtoul(text, NULL, 10);
		if (limit.rlim_max > 0)
			setrlimit(RLIMIT_NOFILE, &limit); /* root may */
	}
	if (fd >= 0)
		close(fd);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Ends only on purpose. */
static void signals_ignore(void)
{
	for (int number = 1; number < NSIG; number++)
		if (number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGILL &&
		    number != SIGABRT && number != SIGSYS)
			signal(number, SIG_IGN); /* refused for KILL and STOP */
}

static void serve(struct program *p)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = p->listener, .events = POLLIN },
			{ .fd = p->client, .events = POLLIN }, /* -1 is passed over */
		};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && client_serve(p))
			return;
		if (fds[0].revents)
			client_accept(p);
	}
}

/* All it does is with fds that it is handed, and with a path that is its user's. */
static void rights_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	syscall(SYS_capset, &head, none);
}

int main(int argc, char **argv)
{
	static const char usage[] = "sprocket-fdstore is started by sprocketd, with its socket.\n";
	static struct program program = { .listener = FDSTORE_LISTENER, .client = -1 };
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (argc != 2 ||
	    getsockopt(FDSTORE_LISTENER, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    !listening || stat(argv[1], &program.bound) < 0) {
		if (write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0)
			return 1;
		return 2;
	}
	fcntl(FDSTORE_LISTENER, F_SETFD, FD_CLOEXEC);
	program.path = argv[1];
	signals_ignore();
	files_limit_raise();
	rights_drop();
	serve(&program);
	return 0;
}
