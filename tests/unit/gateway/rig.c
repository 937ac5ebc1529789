// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/dpdk_folder.h"
#include "shm/memory.h"

struct wiring_gateway rig_wiring;

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
	w->calls = config->calls;
	w->timeout_ns = config->timeout_ms * 1000000ULL;
	w->max_queue = 64;
	w->target_ms = 5;
	w->interval_ms = 100;
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
	rig->fds[WIRING_GW_STATS] = table_new("stats", sizeof(*rig->stats), &map);
	rig->stats = map;
	if (rig->config.kernel) {
		rig->fds[WIRING_GW_OWNERS] = dup(rig->config.kernel->owners_fd);
		rig->owners = rig->config.kernel->owners;
		rig->fds[WIRING_GW_INSTANCES] = dup(rig->config.kernel->instances_fd);
		rig->instances = rig->config.kernel->instances;
		return;
	}
	rig->fds[WIRING_GW_OWNERS] =
		table_new("owners", rig->layout.buffer_count * sizeof(*rig->owners), &map);
	rig->owners = map;
	rig->fds[WIRING_GW_INSTANCES] =
		table_new("instances", SP_INST_MAX * sizeof(*rig->instances), &map);
	rig->instances = map;
}

/* A worker's sockets; those of the rig's own are pairs, whose other end it keeps. */
static void sockets_new(struct rig *rig, uint32_t worker, int *ret_send, int *ret_receive)
{
	int pair[2];

	if (rig->config.kernel) {
		*ret_send = dup(rig->config.kernel->send[worker]);
		*ret_receive = dup(rig->config.kernel->receive[worker]);
		rig->from_gateway[worker] = rig->to_gateway[worker] = -1;
		return;
	}
	pair_new(SOCK_STREAM, pair);
	*ret_send = pair[0];
	rig->from_gateway[worker] = pair[1];
	pair_new(SOCK_STREAM, pair);
	*ret_receive = pair[0];
	rig->to_gateway[worker] = pair[1];
}

void rig_start(struct rig *rig, const struct rig_config *config)
{
	const uint32_t sizes[] = { 2048, 65536 };
	uint32_t n = WIRING_GW_WORKERS;

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
		sockets_new(rig, i, &rig->fds[n], &rig->fds[n + 1]);
		n += 2;
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
	shm_dpdk_folder_remove(rig->pid); /* as its controller does: it may just have started */
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
	if (rig->config.kernel)
		return;
	munmap(rig->owners, rig->layout.buffer_count * sizeof(*rig->owners));
	munmap(rig->instances, SP_INST_MAX * sizeof(*rig->instances));
}
