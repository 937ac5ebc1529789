// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "controller/daemon/front_private.h"
#include "controller/programs.h"
#include "controller/runstate_file.h"

#define LISTENERS "front/listeners"
#define PROCESS "front/process"

static int failed(struct front *front, const char *what, int r)
{
	events_add(front->events, "", "Warning", "FrontFailed", "%s: %s", what, strerror(-r));
	return r;
}

/* ---- the fdstore ---- */

/* An entry that cannot be kept costs the next daemon the front, not this one. */
static void entry_put(struct front *front, const char *name, json_t *object, const int *fds,
		      size_t fd_count)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	int r = text ? fdstore_put(front->fdstore, name, text, strlen(text), fds, fd_count) :
		       -ENOMEM;

	free(text);
	json_decref(object);
	if (r < 0)
		failed(front, "the fdstore does not take the front's fds", r);
}

static void listeners_put(struct front *front)
{
	const struct front_options *o = &front->options;

	entry_put(front, LISTENERS,
		  json_pack("{s:s, s:s, s:i, s:s, s:s}", "listen", o->listen ? o->listen : "",
			    "listenTls", o->listen_tls ? o->listen_tls : "", "workers",
			    (int)o->workers, "address", front->addresses[0], "addressTls",
			    front->addresses[1]),
		  front->listeners, front->listener_count);
}

static void process_put(struct front *front)
{
	const int fds[] = { front->process.wiring, front->process.log };
	uint64_t start = 0;

	runstate_process_start(front->process.pid, &start);
	entry_put(front, PROCESS,
		  json_pack("{s:i, s:I}", "pid", (int)front->process.pid, "start",
			    (json_int_t)start),
		  fds, 2);
}

void front_keep(struct front *front)
{
	listeners_put(front);
	if (front->process.pid > 0)
		process_put(front);
}

/* ---- listeners ---- */

/* Where the listeners of the plain address, or of the one with TLS, begin. */
static int *listeners_of(struct front *front, bool tls)
{
	return front->listeners + (tls && front->options.listen ? front->options.workers : 0);
}

/* Opens what is not there already. */
static int listeners_open(struct front *front)
{
	const char *addresses[] = { front->options.listen, front->options.listen_tls };

	for (int i = 0; i < 2; i++) {
		int r;

		if (!addresses[i] || front->addresses[i][0])
			continue;
		r = listen_open(addresses[i], front->options.workers, listeners_of(front, i),
				front->addresses[i]);
		if (r < 0)
			return failed(front, addresses[i], r);
	}
	listeners_put(front);
	return 0;
}

static bool same_text(const json_t *object, const char *key, const char *text)
{
	const char *have = json_string_value(json_object_get(object, key));

	return have && strcmp(have, text ? text : "") == 0;
}

/* Takes `have` listeners, as many as there are workers: workers may share one. What is too much
 * is closed with the entry, when the front before us has ended. */
static void address_adopt(struct front *front, bool tls, int *fds, uint32_t have,
			  const char *address)
{
	int *to = listeners_of(front, tls);

	for (uint32_t i = 0; i < front->options.workers; i++) {
		to[i] = fcntl(fds[i % have], F_DUPFD_CLOEXEC, 0);
		if (to[i] >= 0)
			continue;
		while (i > 0) {
			close(to[--i]);
			to[i] = -1;
		}
		return;
	}
	strncpy(front->addresses[tls], address, LISTEN_ADDRESS_MAX - 1);
}

/* Takes those listeners of an entry that we want, and says whether they are just what we want:
 * then its front is ours, too. */
static bool listeners_adopt(struct front *front, struct fdstore_entry *entry, const json_t *object)
{
	static const char *const keys[2][2] = { { "listen", "address" },
						{ "listenTls", "addressTls" } };
	const char *wanted[] = { front->options.listen, front->options.listen_tls };
	json_int_t workers = json_integer_value(json_object_get(object, "workers"));
	bool same = workers == front->options.workers;
	size_t at = 0;

	for (int i = 0; i < 2; i++) {
		const char *address = json_string_value(json_object_get(object, keys[i][1]));

		same &= same_text(object, keys[i][0], wanted[i]);
		if (same_text(object, keys[i][0], NULL))
			continue;
		if (workers <= 0 || workers > WIRING_WORKER_MAX ||
		    at + (size_t)workers > entry->fd_count)
			return false;
		if (wanted[i] && address && same_text(object, keys[i][0], wanted[i]))
			address_adopt(front, i, entry->fds + at, (uint32_t)workers, address);
		at += (size_t)workers;
	}
	return same;
}

/* ---- the program ---- */

static void on_restart(void *arg);

static void sources_remove(struct front *front)
{
	loop_remove(front->loop, &front->exit);
	loop_remove(front->loop, &front->wiring);
	loop_remove(front->loop, &front->log);
}

static void on_log(void *arg, uint32_t events)
{
	struct front *front = arg;

	(void)events;
	if (logs_read(&front->logs, front->process.log) == 1)
		loop_remove(front->loop, &front->log);
}

static void on_wiring(void *arg, uint32_t events)
{
	struct front *front = arg;
	struct front_msg msg;
	size_t fd_count;
	ssize_t n;

	(void)events;
	while ((n = wiring_receive(front->process.wiring, &msg, sizeof(msg), NULL, 0, &fd_count)) >
	       0)
		if (n == (ssize_t)sizeof(msg) && msg.abi == FRONT_ABI)
			front_heard(front, &msg);
	if (n != -EAGAIN && n != -EBADMSG)
		loop_remove(front->loop, &front->wiring); /* its exit follows */
}

static void on_exit_of_it(void *arg, uint32_t events)
{
	struct front *front = arg;
	uint64_t age = loop_now_ns() - front->started_ns;
	char how[128];

	(void)events;
	process_reap(&front->process, how, sizeof(how));
	logs_drain(&front->logs, front->process.log);
	sources_remove(front);
	process_done(&front->process);
	front->backoff_ns = age > FRONT_YOUNG_NS ? FRONT_BACKOFF_MIN_NS : front->backoff_ns * 2;
	if (front->backoff_ns > FRONT_BACKOFF_MAX_NS)
		front->backoff_ns = FRONT_BACKOFF_MAX_NS;
	events_add(front->events, "", "Warning", "FrontDied",
		   "sprocket-front ended: %s; connections wait for the next one", how);
	loop_arm(front->loop, &front->restart, front->backoff_ns);
}

/* Joins a process, started or taken over, to the loop. */
static int process_join(struct front *front)
{
	struct process *p = &front->process;
	int r;

	/* A front that does not read must not hold us. */
	fcntl(p->wiring, F_SETFL, O_NONBLOCK);
	front->started_ns = loop_now_ns();
	logs_init(&front->logs, "front", NULL);
	front->exit = (struct loop_source){ p->pidfd, on_exit_of_it, front };
	front->wiring = (struct loop_source){ p->wiring, on_wiring, front };
	front->log = (struct loop_source){ p->log, on_log, front };
	r = loop_add(front->loop, &front->exit, EPOLLIN);
	if (r == 0)
		r = loop_add(front->loop, &front->wiring, EPOLLIN);
	if (r == 0)
		r = loop_add(front->loop, &front->log, EPOLLIN);
	return r;
}

static int start_send(struct front *front)
{
	struct front_msg msg = { .abi = FRONT_ABI,
				 .type = FRONT_START,
				 .flags = front->flags,
				 .count = front->options.workers };

	memset(msg.cpus, 0xff, sizeof(msg.cpus)); /* not pinned: it goes where there is room */
	return wiring_send(front->process.wiring, &msg, sizeof(msg), front->listeners,
			   front->listener_count);
}

static int process_begin(struct front *front)
{
	char path[CHAIN_PATH_MAX];
	struct process_spec spec = {
		.path = path, .name = "sprocket-front", .exec_fd = -1, .detached = true
	};
	int r = programs_front(path);

	if (r < 0)
		return failed(front, "sprocket-front is not installed", r);
	r = process_start(&spec, &front->process);
	if (r < 0)
		return failed(front, "cannot start sprocket-front", r);
	r = process_join(front);
	if (r == 0)
		r = start_send(front);
	if (r < 0 && r != -EPIPE) { /* -EPIPE: its exit tells */
		failed(front, "cannot wire sprocket-front", r);
		front_process_stop(front);
		return r;
	}
	process_put(front);
	return 0;
}

/* A new front gets all: the certificate that its predecessor used, then what is new. */
static void on_restart(void *arg)
{
	struct front *front = arg;

	if (process_begin(front) < 0) {
		loop_arm(front->loop, &front->restart, FRONT_BACKOFF_MAX_NS);
		return;
	}
	front_resend(front);
}

/* ---- taking over ---- */

struct found {
	struct front *front;
	bool same; /* its listeners are those that we want */
	pid_t pid;
	uint64_t start;
	int fds[2];
};

static int on_entry(struct fdstore_entry *entry, void *arg)
{
	struct found *found = arg;
	json_t *object;

	if (strcmp(entry->name, LISTENERS) != 0 && strcmp(entry->name, PROCESS) != 0)
		return 0;
	object = json_loadb(entry->data, entry->len, 0, NULL);
	if (object && strcmp(entry->name, LISTENERS) == 0)
		found->same = listeners_adopt(found->front, entry, object);
	else if (object && entry->fd_count == 2) {
		found->pid = (pid_t)json_integer_value(json_object_get(object, "pid"));
		found->start = (uint64_t)json_integer_value(json_object_get(object, "start"));
		for (int i = 0; i < 2; i++) {
			found->fds[i] = entry->fds[i];
			entry->fds[i] = -1;
		}
	}
	json_decref(object);
	return 0;
}

/* Ends a front with other addresses than ours: its end of the wiring is the order. */
static void found_drop(struct front *front, struct found *found)
{
	for (int i = 0; i < 2; i++)
		if (found->fds[i] >= 0)
			close(found->fds[i]);
	fdstore_remove(front->fdstore, PROCESS);
}

int front_process_open(struct front *front)
{
	struct found found = { .front = front, .fds = { -1, -1 } };
	int r;

	front->restart = (struct loop_timer){ .on_time = on_restart, .arg = front };
	front->exit.fd = front->wiring.fd = front->log.fd = -1;
	front->listener_count = front->options.workers * ((front->options.listen ? 1 : 0) +
							  (front->options.listen_tls ? 1 : 0));
	memset(front->listeners, 0xff, sizeof(front->listeners));
	r = fdstore_list(front->fdstore, on_entry, &found);
	if (r < 0)
		return failed(front, "cannot ask the fdstore for the front", r);
	if (found.pid > 0 && found.same &&
	    process_adopt(found.pid, found.start, found.fds[0], found.fds[1], &front->process) == 0)
		return process_join(front);
	found_drop(front, &found);
	r = listeners_open(front);
	return r < 0 ? r : process_begin(front);
}

static void listeners_close(struct front *front)
{
	while (front->listener_count > 0)
		if (front->listeners[--front->listener_count] >= 0)
			close(front->listeners[front->listener_count]);
}

void front_process_close(struct front *front)
{
	loop_disarm(front->loop, &front->restart);
	sources_remove(front);
	if (front->process.pid > 0)
		process_done(&front->process);
	listeners_close(front);
}

void front_drop(struct fdstore *fdstore)
{
	fdstore_remove(fdstore, PROCESS);
	fdstore_remove(fdstore, LISTENERS);
}

void front_process_stop(struct front *front)
{
	front_drop(front->fdstore);
	front_process_close(front);
}
