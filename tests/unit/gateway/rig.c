// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/memory.h"

struct wiring_gateway rig_wiring;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int table_new(const char *name, size_t size, void **ret)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)((size + 4095) / 4096 * 4096)), 0);
	*ret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(*ret, MAP_FAILED);
	return fd;
}

static int listener_new(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
	socklen_t len = sizeof(a);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 256), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void size_set(struct wiring_gateway *w)
{
	w->size = (uint32_t)(offsetof(struct wiring_gateway, heap.data) + w->heap.used);
}

void rig_ingress_add(struct wiring_gateway *w, const char *host, const char *path,
		     uint32_t max_body)
{
	struct wiring_ingress *in = &w->ingress[w->ingress_count++];

	assert_int_equal(wiring_put(&w->heap, host, &in->host), 0);
	assert_int_equal(wiring_put(&w->heap, path, &in->path), 0);
	in->max_body = max_body;
	size_set(w);
}

static void method_add(struct wiring_gateway *w, const char *method)
{
	struct wiring_ingress *in = &w->ingress[w->ingress_count - 1];

	assert_int_equal(wiring_put(&w->heap, method, &in->methods[in->method_count++]), 0);
	size_set(w);
}

static void rule_add(struct wiring_gateway *w, enum rule_kind kind, const char *value, uint8_t edge)
{
	struct rule *rule = &w->rules.rules[w->rules.count++];

	rule->kind = (uint16_t)kind;
	rule->wire_edge = edge;
	rule->value_len = (uint16_t)strlen(value);
	memcpy(rule->value, value, rule->value_len);
}

static void wiring_fill(struct wiring_gateway *w, const struct rig *rig,
			const struct rig_config *config)
{
	w->abi = WIRING_ABI;
	w->worker_count = config->workers;
	w->trace = config->trace;
	w->front = config->front;
	w->timeout_ns = config->timeout_ms * 1000000ULL;
	w->fn_count = 2;
	w->layout = rig->layout;
	for (uint32_t i = 0; i < config->workers; i++) {
		w->slots[i] = rig->slots[i];
		w->cpus[i] = UINT32_MAX;
	}
	wiring_put(&w->heap, "rigged", &w->chain);
	wiring_put(&w->heap, "first", &w->fn_names[1]);
	wiring_put(&w->heap, "second", &w->fn_names[2]);
	rig_ingress_add(w, "", "/any/*", 60000);
	rig_ingress_add(w, "", "/work", 8192);
	method_add(w, "POST");
	method_add(w, "GET");
	rig_ingress_add(w, "", "/lost", 8192);
	rule_add(w, RULE_TOPIC, "to.second", 2);
	rule_add(w, RULE_PATH, "/work", 1);
	rule_add(w, RULE_PATH, "/any/*", 1);
}

static void gateway_exec(int control, uint32_t fd_limit)
{
	const char *binary = getenv("SPROCKET_GATEWAY");
	struct rlimit limit = { fd_limit, fd_limit };
	char number[16];

	if (fd_limit > 0)
		setrlimit(RLIMIT_NOFILE, &limit);

	snprintf(number, sizeof(number), "%d", dup(control));
	setenv(WIRING_ENV, number, 1);
	execl(binary, binary, (char *)NULL);
	perror("rig: SPROCKET_GATEWAY must name the gateway's binary");
	_exit(127);
}

static void pair_new(int type, int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
}

static int front_new(struct rig *rig)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(rig->front, sizeof(rig->front), "/tmp/rig-%d.sock", (int)getpid());
	unlink(rig->front);
	memcpy(a.sun_path, rig->front, sizeof(rig->front));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 256), 0);
	return fd;
}

static void gateway_launch(struct rig *rig)
{
	int control[2];

	pair_new(SOCK_SEQPACKET, control);
	rig->control = control[0];
	rig->pid = fork();
	assert_true(rig->pid >= 0);
	if (rig->pid == 0)
		gateway_exec(control[1], rig->config.fd_limit);
	close(control[1]);
	assert_int_equal(wiring_send(rig->control, &rig_wiring, rig_wiring.size, rig->fds,
				     rig->fd_count),
			 0);
}

static void tables_new(struct rig *rig)
{
	void *map;

	rig->fds[WIRING_GW_MEMORY] = table_new("memory", rig->layout.size, &map);
	rig->base = map;
	rig->fds[WIRING_GW_OWNERS] =
		table_new("owners", rig->layout.buffer_count * sizeof(*rig->owners), &map);
	rig->owners = map;
	rig->fds[WIRING_GW_INSTANCES] =
		table_new("instances", SP_INST_MAX * sizeof(*rig->instances), &map);
	rig->instances = map;
	rig->fds[WIRING_GW_STATS] = table_new("stats", sizeof(*rig->stats), &map);
	rig->stats = map;
}

void rig_start(struct rig *rig, const struct rig_config *config)
{
	const uint32_t sizes[] = { 2048, 65536 };
	uint32_t n = WIRING_GW_WORKERS;
	int pair[2];

	memset(rig, 0, sizeof(*rig));
	memset(&rig_wiring, 0, sizeof(rig_wiring));
	rig->config = *config;
	rig->workers = config->workers;
	assert_int_equal(shm_layout_compute(sizes, 2, (uint64_t)config->buffers * 75000,
					    config->buffers, &rig->layout, NULL),
			 0);
	tables_new(rig);
	for (uint32_t i = 0; i < config->workers; i++) {
		rig->slots[i] = i + 1;
		rig->fds[n++] = listener_new(&rig->port);
		pair_new(SOCK_STREAM, pair);
		rig->fds[n++] = pair[0];
		rig->from_gateway[i] = pair[1];
		pair_new(SOCK_STREAM, pair);
		rig->fds[n++] = pair[0];
		rig->to_gateway[i] = pair[1];
	}
	if (config->front)
		rig->fds[n++] = front_new(rig);
	rig->fd_count = n;
	wiring_fill(&rig_wiring, rig, config);
	gateway_launch(rig);
	rig_hear(rig, WIRING_READY);
}

void rig_kill(struct rig *rig)
{
	int status;

	assert_int_equal(kill(rig->pid, SIGKILL), 0);
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	assert_true(WIFSIGNALED(status));
	rig->pid = 0;
	close(rig->control);
}

void rig_launch(struct rig *rig)
{
	rig_wiring.takeover = 1;
	gateway_launch(rig);
}

void rig_again(struct rig *rig)
{
	rig_launch(rig);
	rig_hear(rig, WIRING_READY);
}

void rig_update(struct rig *rig)
{
	assert_int_equal(wiring_send(rig->control, &rig_wiring, rig_wiring.size, NULL, 0), 0);
}

int rig_exit(struct rig *rig)
{
	int status = 0;

	if (rig->pid > 0) {
		assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
		rig->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	rig->pid = 0;
	return rig->exit_code;
}

void rig_stop(struct rig *rig)
{
	close(rig->control);
	/* Drained before, or ended by this; anything else is a crash or a sanitizer's report. */
	if (rig_exit(rig) != 0)
		assert_int_equal(rig->exit_code, 1);
	for (uint32_t i = 0; i < rig->workers; i++) {
		close(rig->from_gateway[i]);
		close(rig->to_gateway[i]);
	}
	for (uint32_t i = 0; i < rig->fd_count; i++)
		close(rig->fds[i]);
	if (rig->front[0])
		unlink(rig->front);
	munmap(rig->stats, sizeof(*rig->stats));
	munmap(rig->base, rig->layout.size);
	munmap(rig->owners, rig->layout.buffer_count * sizeof(*rig->owners));
	munmap(rig->instances, SP_INST_MAX * sizeof(*rig->instances));
}

void rig_tell(struct rig *rig, enum wiring_type type, uint32_t slot, uint32_t fn, uint32_t count)
{
	struct wiring_msg msg = { .type = type, .slot = slot, .fn = fn, .count = count };

	assert_int_equal(wiring_send(rig->control, &msg, sizeof(msg), NULL, 0), 0);
}

struct wiring_msg rig_hear(struct rig *rig, enum wiring_type type)
{
	struct pollfd p = { .fd = rig->control, .events = POLLIN };
	struct wiring_msg msg;
	size_t fds;

	do {
		assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
		assert_int_equal(wiring_receive(rig->control, &msg, sizeof(msg), NULL, 0, &fds),
				 sizeof(msg));
		if (msg.type == WIRING_FAILED)
			fail_msg("the gateway does not start: %s", msg.text);
	} while (msg.type != type);
	return msg;
}

struct wiring_stats rig_stats(struct rig *rig)
{
	struct wiring_stats sum = { 0 };

	rig_update(rig); /* each worker passes its mailbox */
	rig_hear(rig, WIRING_UPDATED);
	for (uint32_t i = 0; i < rig->workers; i++) {
		const struct wiring_stats *s = &rig->stats->worker[i];

#define X(field, text) sum.field += __atomic_load_n(&s->field, __ATOMIC_RELAXED);
		WIRING_STATS_FIELDS(X)
#undef X
	}
	return sum;
}

static int worker_waiting(struct rig *rig, int ms)
{
	struct pollfd p[WIRING_WORKER_MAX];

	for (uint32_t i = 0; i < rig->workers; i++)
		p[i] = (struct pollfd){ .fd = rig->from_gateway[i], .events = POLLIN };
	if (poll(p, rig->workers, ms) <= 0)
		return -1;
	for (uint32_t i = 0; i < rig->workers; i++) {
		if (p[i].revents & POLLIN)
			return (int)i;
	}
	return -1;
}

bool rig_waiting(struct rig *rig, int ms)
{
	return worker_waiting(rig, ms) >= 0;
}

void rig_discard(struct rig *rig)
{
	struct sp_desc d;

	assert_int_equal(recv(rig->from_gateway[worker_waiting(rig, RIG_WAIT_MS)], &d, sizeof(d),
			      MSG_WAITALL),
			 sizeof(d));
}

struct sp_desc rig_take_raw(struct rig *rig)
{
	int worker = worker_waiting(rig, RIG_WAIT_MS);
	struct sp_desc d;

	assert_true(worker >= 0);
	assert_int_equal(recv(rig->from_gateway[worker], &d, sizeof(d), MSG_WAITALL), sizeof(d));
	if (d.edge == SP_EDGE_GRANT && d.flags & SP_DESC_DENIED)
		return d;
	assert_true(d.buf < rig->layout.buffer_count);
	assert_int_equal(__atomic_load_n(&rig->owners[d.buf].word, __ATOMIC_ACQUIRE),
			 SP_OWNER_WORD(d.gen, rig->slots[worker]));
	assert_int_equal(rig->owners[d.buf].home, rig->slots[worker]);
	assert_true(d.edge == SP_EDGE_GRANT || d.home == rig->slots[worker]);
	return d;
}

struct sp_desc rig_take(struct rig *rig)
{
	struct sp_desc d = rig_take_raw(rig);

	assert_true(d.edge == 1 || d.edge == 2);
	rig_hand_over(rig, &d, RIG_FN_SLOT, d.edge);
	return d;
}

void rig_hand_over(struct rig *rig, const struct sp_desc *d, uint32_t to, uint32_t fn)
{
	struct sp_owner *o = &rig->owners[d->buf];
	uint32_t i = o->hops < SP_HOPS_MAX ? o->hops : SP_HOPS_MAX - 1;

	if (i == 0)
		o->start_ns = now_ns();
	o->hop[i] =
		(struct sp_hop){ (uint32_t)(now_ns() - o->start_ns), (uint16_t)fn, (uint16_t)to };
	o->hops = (uint8_t)(i + 1);
	__atomic_store_n(&o->word, SP_OWNER_WORD(d->gen, to), __ATOMIC_RELEASE);
}

void rig_write(struct rig *rig, uint32_t slot, const void *bytes, size_t len)
{
	for (uint32_t i = 0; i < rig->workers; i++) {
		if (rig->slots[i] == slot)
			assert_int_equal(send(rig->to_gateway[i], bytes, len, MSG_NOSIGNAL), len);
	}
}

void rig_send(struct rig *rig, struct sp_desc d, uint8_t edge, uint8_t flags)
{
	d.edge = edge;
	d.flags = flags;
	rig_hand_over(rig, &d, d.home, flags & SP_DESC_UNDELIVERABLE ? 1 : SP_GATEWAY_FN);
	rig_write(rig, d.home, &d, sizeof(d));
}

uint64_t rig_sleeps(struct rig *rig)
{
	uint64_t sum = 0;
	char path[320], line[128];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)rig->pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		bool ours = false; /* a sanitizer has a thread of its own */
		unsigned long n;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)rig->pid,
			 entry->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			ours |= !strncmp(line, "Name:\tgateway/", 14) ||
				!strncmp(line, "Name:\teal-", 10);
			if (ours && sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
				sum += n;
		}
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return sum;
}

struct shm_header *rig_slot(struct rig *rig, uint32_t index)
{
	return (struct shm_header *)(void *)(rig->base + shm_layout_offset(&rig->layout, index));
}

uint32_t rig_holder(struct rig *rig, uint32_t index)
{
	return (uint32_t)__atomic_load_n(&rig->owners[index].word, __ATOMIC_ACQUIRE);
}

void rig_assert_all_free(struct rig *rig)
{
	uint64_t until = now_ns() + RIG_WAIT_MS * 1000000ULL;

	for (uint32_t i = 0; i < rig->layout.buffer_count; i++) {
		while (rig_holder(rig, i) != SP_HOLDER_FREE) {
			if (now_ns() > until)
				fail_msg("buffer %u is still held by %u", i, rig_holder(rig, i));
			poll(NULL, 0, 1);
		}
	}
}
