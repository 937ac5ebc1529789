// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sdk/rig.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OURS, THEIRS };

static void pair(int type, int ret[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret), 0);
}

static void *map(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

void rig_init(struct rig *rig)
{
	static const uint32_t sizes[] = { 2048, 16384, 65536, 262144 };
	struct wiring_function *w = &rig->table;

	memset(rig, 0, sizeof(*rig));
	w->abi = WIRING_ABI;
	w->fn = 3;
	w->worker_count = 1;
	w->workers[0] = (struct wiring_worker){ .slot = 40, .home = RIG_HOME, .cpu = UINT32_MAX };
	w->concurrency = 32;
	w->gateway_count = RIG_HOME;
	w->max_hops = 8;
	assert_int_equal(shm_layout_compute(sizes, 4, 16U << 20, 4, &w->layout, NULL), 0);
	assert_int_equal(wiring_put(&w->heap, "chain", &w->chain), 0);
	assert_int_equal(wiring_put(&w->heap, "fn", &w->name), 0);
	rig->memory_fd = memfd_create("pool", MFD_CLOEXEC);
	assert_int_equal(ftruncate(rig->memory_fd, (off_t)w->layout.size), 0);
	rig->memory = map(rig->memory_fd, w->layout.size);
	rig->log = memfd_create("log", MFD_CLOEXEC);
}

void rig_rule(struct rig *rig, uint32_t from, uint32_t wire)
{
	struct rule_table *rules = &rig->rules;

	rules->rules[rules->count++] = (struct rule){ .from_edge = (uint8_t)from,
						      .wire_edge = (uint8_t)wire,
						      .kind = RULE_ALWAYS };
}

void rig_config(struct rig *rig, const char *key, const char *value)
{
	struct wiring_pair *p = &rig->table.config[rig->table.config_count++];

	assert_int_equal(wiring_put(&rig->table.heap, key, &p->key), 0);
	assert_int_equal(wiring_put(&rig->table.heap, value, &p->value), 0);
}

static void __attribute__((noreturn))
child(const struct rig *rig, const sp_function *function, int sock)
{
	char name[] = "fn", number[16];
	char *argv[] = { name, NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
	dup2(rig->log, STDERR_FILENO);
	snprintf(number, sizeof(number), "%d", sock);
	setenv(WIRING_ENV, number, 1);
	_exit(sp_main(1, argv, function));
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
}

struct wiring_msg rig_launch(struct rig *rig, const sp_function *function)
{
	int wiring[2], in[2], out[2], fds[WIRING_FN_FDS], page;
	struct wiring_msg msg = { 0 };
	size_t size = offsetof(struct wiring_function, heap.data) + rig->table.heap.used - rig->cut;

	pair(SOCK_SEQPACKET, wiring);
	pair(SOCK_SEQPACKET, in);
	pair(SOCK_STREAM, out);
	page = memfd_create("page", MFD_CLOEXEC);
	assert_int_equal(ftruncate(page, sizeof(struct wiring_page)), 0);
	rig->page = map(page, sizeof(struct wiring_page));
	rig->counters = &rig->page->counters;
	wiring_page_rules(rig->page, &rig->rules);
	rig->wiring = wiring[OURS];
	rig->in = in[OURS];
	rig->out = out[OURS];
	rig->pid = fork();
	if (rig->pid == 0) {
		close(wiring[OURS]);
		close(in[OURS]);
		close(out[OURS]);
		close(in[THEIRS]);
		close(out[THEIRS]);
		child(rig, function, wiring[THEIRS]);
	}
	close(wiring[THEIRS]);
	if (!rig->table.size)
		rig->table.size = (uint32_t)size;
	fds[WIRING_FN_SEND] = in[THEIRS];
	fds[WIRING_FN_RECEIVE] = out[THEIRS];
	fds[WIRING_FN_MEMORY] = rig->memory_fd;
	fds[WIRING_FN_PAGE] = page;
	assert_int_equal(wiring_send(rig->wiring, &rig->table, size, fds, WIRING_FN_FDS), 0);
	close(in[THEIRS]);
	close(out[THEIRS]);
	close(page);
	wait_readable(rig->wiring);
	assert_int_equal(wiring_receive(rig->wiring, &msg, sizeof(msg), NULL, 0, NULL),
			 sizeof(msg));
	return msg;
}

struct shm_header *rig_slot(const struct rig *rig, uint32_t index)
{
	return (struct shm_header *)(void *)(rig->memory +
					     shm_layout_offset(&rig->table.layout, index));
}

char *rig_body(const struct rig *rig, uint32_t index)
{
	return shm_buffer_payload(rig_slot(rig, index));
}

struct sp_desc rig_request(struct rig *rig, uint32_t index, const char *body)
{
	struct shm_header *h = rig_slot(rig, index);
	uint32_t len = (uint32_t)strlen(body);

	shm_header_init(h, shm_layout_class(&rig->table.layout, index)->stride);
	h->number = index;
	memcpy(shm_buffer_payload(h), body, len);
	assert_int_equal(shm_meta_put(h, len, "/path", 5, &h->path), 0);
	return (struct sp_desc){ .buf = index, .gen = 1000 + index, .len = len, .home = 1 };
}

void rig_write(struct rig *rig, const void *bytes, size_t len)
{
	assert_int_equal(send(rig->out, bytes, len, MSG_NOSIGNAL), len);
}

size_t rig_read(struct rig *rig, struct sp_desc ret[SP_BATCH_MAX])
{
	ssize_t n;

	wait_readable(rig->in);
	n = recv(rig->in, ret, SP_BATCH_MAX * sizeof(*ret), MSG_TRUNC);
	assert_true(n > 0 && n % (ssize_t)sizeof(*ret) == 0);
	assert_true((size_t)n <= SP_BATCH_MAX * sizeof(*ret));
	for (size_t i = 1; i < (size_t)n / sizeof(*ret); i++) {
		assert_int_equal(ret[i].edge, ret[0].edge);
		assert_int_equal(ret[i].home, ret[0].home);
	}
	return (size_t)n / sizeof(*ret);
}

void rig_grant(struct rig *rig, uint32_t first, uint32_t count)
{
	struct sp_desc d[SP_BATCH_MAX];

	for (uint32_t i = 0; i < count; i++) {
		shm_header_init(rig_slot(rig, first + i),
				shm_layout_class(&rig->table.layout, first + i)->stride);
		d[i] = (struct sp_desc){ .buf = first + i,
					 .gen = 5000 + first + i,
					 .len = count - 1 - i,
					 .edge = SP_EDGE_GRANT,
					 .home = 40 };
	}
	rig_write(rig, d, count * sizeof(d[0]));
}

void rig_deny(struct rig *rig)
{
	struct sp_desc d = { .edge = SP_EDGE_GRANT, .flags = SP_DESC_DENIED, .home = 40 };

	rig_write(rig, &d, sizeof(d));
}

void rig_eof(struct rig *rig)
{
	assert_int_equal(shutdown(rig->out, SHUT_WR), 0);
}

int rig_wait(struct rig *rig)
{
	int status;

	wait_readable(rig->wiring); /* EOF: the child is gone */
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	close(rig->wiring);
	close(rig->in);
	close(rig->out);
	close(rig->memory_fd);
	munmap(rig->memory, rig->table.layout.size);
	rig->last = *rig->counters;
	munmap(rig->page, sizeof(struct wiring_page));
	rig->counters = &rig->last;
	rig->text[0] = '\0';
	if (lseek(rig->log, 0, SEEK_SET) == 0) {
		ssize_t n = read(rig->log, rig->text, sizeof(rig->text) - 1);

		rig->text[n > 0 ? n : 0] = '\0';
	}
	close(rig->log);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *rig_log(struct rig *rig)
{
	return rig->text;
}
