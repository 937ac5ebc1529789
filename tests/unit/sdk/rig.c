// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sdk/rig.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

static void pool_make(struct rig *rig)
{
	const struct shm_layout *layout = &rig->table.layout;

	rig->memory_fd = memfd_create("pool", MFD_CLOEXEC);
	assert_int_equal(ftruncate(rig->memory_fd, (off_t)layout->size), 0);
	rig->memory = map(rig->memory_fd, layout->size);
	rig->buffers = calloc(layout->buffer_count, sizeof(*rig->buffers));
	assert_non_null(rig->buffers);
}

static void pool_free(struct rig *rig)
{
	close(rig->memory_fd);
	munmap(rig->memory, rig->table.layout.size);
	free(rig->buffers);
}

void rig_layout(struct rig *rig, const uint32_t *sizes, uint32_t class_count, uint32_t count)
{
	struct shm_layout *layout = &rig->table.layout;
	uint64_t memory;

	pool_free(rig);
	assert_int_equal(shm_layout_compute(sizes, class_count, 0, count, layout, &memory),
			 -ENOSPC);
	assert_int_equal(shm_layout_compute(sizes, class_count, memory, count, layout, NULL), 0);
	pool_make(rig);
}

void rig_init(struct rig *rig)
{
	static const uint32_t sizes[] = { 2048, 16384, 65536, 262144 };
	struct wiring_function *w = &rig->table;

	memset(rig, 0, sizeof(*rig));
	w->abi = WIRING_ABI;
	w->fn = 3;
	w->worker_count = 1;
	for (uint32_t i = 0; i < RIG_WORKERS; i++)
		w->workers[i] = (struct wiring_worker){ .slot = RIG_SLOT + i,
							.home = RIG_HOME,
							.cpu = UINT32_MAX };
	w->concurrency = 32;
	w->gateway_count = RIG_HOME;
	w->max_hops = 8;
	assert_int_equal(shm_layout_compute(sizes, 4, 16U << 20, 4, &w->layout, NULL), 0);
	assert_int_equal(wiring_put(&w->heap, "chain", &w->chain), 0);
	assert_int_equal(wiring_put(&w->heap, "fn", &w->name), 0);
	pool_make(rig);
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

void rig_call(struct rig *rig, uint32_t wire, uint32_t fn, const char *name)
{
	struct wiring_function *w = &rig->table;

	rig->rules.calls[rig->rules.call_count++] =
		(struct rule_call){ .edge = (uint8_t)wire, .fn = (uint8_t)fn };
	rig->call_edges |= 1ULL << wire;
	if (w->fn_count < fn)
		w->fn_count = fn;
	assert_int_equal(wiring_put(&w->heap, name, &w->fn_names[fn]), 0);
}

static void __attribute__((noreturn))
child(const struct rig *rig, const sp_function *function, int sock)
{
	char name[] = "fn", number[16];
	char *argv[] = { name, NULL };

	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
	setrlimit(RLIMIT_CORE, &none);    /* some die on purpose, which is not cmocka's business */
	signal(SIGSEGV, SIG_DFL);
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

/* The page that the child shares with its controller. */
static int page_make(struct rig *rig)
{
	int page = memfd_create("page", MFD_CLOEXEC);

	assert_int_equal(ftruncate(page, sizeof(struct wiring_page)), 0);
	rig->page = map(page, sizeof(struct wiring_page));
	rig->counters = &rig->page->counters;
	wiring_page_rules(rig->page, &rig->rules);
	return page;
}

struct wiring_msg rig_launch(struct rig *rig, const sp_function *function)
{
	int wiring[2], in[2], out[2], fds[WIRING_FN_FDS_MAX];
	uint32_t workers = rig->table.worker_count, fd_count = WIRING_FN_WORKERS + 2 * workers;
	struct wiring_msg msg = { 0 };
	size_t size = offsetof(struct wiring_function, heap.data) + rig->table.heap.used - rig->cut;

	pair(SOCK_SEQPACKET, wiring);
	rig->wiring = wiring[OURS];
	fds[WIRING_FN_MEMORY] = rig->memory_fd;
	fds[WIRING_FN_PAGE] = page_make(rig);
	for (uint32_t i = 0; i < workers && i < RIG_WORKERS; i++) {
		pair(SOCK_SEQPACKET, in);
		pair(SOCK_STREAM, out);
		rig->ins[i] = in[OURS];
		rig->outs[i] = out[OURS];
		fds[WIRING_FN_SEND + 2 * i] = in[THEIRS];
		fds[WIRING_FN_RECEIVE + 2 * i] = out[THEIRS];
	}
	rig_use(rig, 0);
	rig->pid = fork();
	if (rig->pid == 0) {
		close(wiring[OURS]);
		for (uint32_t i = WIRING_FN_PAGE; i < fd_count; i++)
			close(fds[i]);
		for (uint32_t i = 0; i < workers; i++) {
			close(rig->ins[i]);
			close(rig->outs[i]);
		}
		child(rig, function, wiring[THEIRS]);
	}
	close(wiring[THEIRS]);
	if (!rig->table.size)
		rig->table.size = (uint32_t)size;
	assert_int_equal(wiring_send(rig->wiring, &rig->table, size, fds, fd_count), 0);
	for (uint32_t i = WIRING_FN_PAGE; i < fd_count; i++)
		close(fds[i]);
	wait_readable(rig->wiring);
	assert_int_equal(wiring_receive(rig->wiring, &msg, sizeof(msg), NULL, 0, NULL),
			 sizeof(msg));
	return msg;
}

void rig_use(struct rig *rig, uint32_t worker)
{
	rig->worker = worker;
	rig->in = rig->ins[worker];
	rig->out = rig->outs[worker];
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

struct sp_desc rig_request_of_caller(struct rig *rig, uint32_t index, const char *body)
{
	struct sp_desc d = rig_request(rig, index, body);

	d.home = RIG_CALLER;
	return d;
}

void rig_write(struct rig *rig, const void *bytes, size_t len)
{
	assert_int_equal(send(rig->out, bytes, len, MSG_NOSIGNAL), len);
}

void rig_send(struct rig *rig, const struct sp_desc *descs, uint32_t count)
{
	rig_give(rig, descs, count);
	rig_write(rig, descs, count * sizeof(*descs));
}

bool rig_sends(struct rig *rig, int ms)
{
	struct pollfd p = { .fd = rig->in, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

size_t rig_read(struct rig *rig, struct sp_desc ret[SP_BATCH_MAX])
{
	ssize_t n;

	do {
		wait_readable(rig->in);
		n = recv(rig->in, ret, SP_BATCH_MAX * sizeof(*ret), MSG_TRUNC);
		assert_true(n > 0 && n % (ssize_t)sizeof(*ret) == 0);
		assert_true((size_t)n <= SP_BATCH_MAX * sizeof(*ret));
		rig_judge(rig, ret, (uint32_t)((size_t)n / sizeof(*ret)));
	} while (ret[0].edge == SP_EDGE_WAKE);
	return (size_t)n / sizeof(*ret);
}

struct sp_desc rig_expect(struct rig *rig, uint8_t edge)
{
	struct sp_desc got[SP_BATCH_MAX];

	assert_int_equal(rig_read(rig, got), 1);
	assert_int_equal(got[0].edge, edge);
	return got[0];
}

void rig_expect_refill(struct rig *rig, uint32_t cls, uint32_t count)
{
	struct sp_desc d = rig_expect(rig, SP_EDGE_REFILL);

	assert_int_equal(d.buf, cls);
	assert_int_equal(d.len, count);
}

void rig_eof(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->table.worker_count; i++)
		assert_int_equal(shutdown(rig->outs[i], SHUT_WR), 0);
}

void rig_drain(struct rig *rig)
{
	struct sp_desc got[SP_BATCH_MAX];

	for (uint32_t i = 0; i < rig->table.worker_count; i++) {
		rig_use(rig, i);
		for (wait_readable(rig->in); recv(rig->in, got, 1, MSG_PEEK) > 0;
		     wait_readable(rig->in))
			rig_read(rig, got);
	}
}

static void log_read(struct rig *rig)
{
	ssize_t n = pread(rig->log, rig->text, sizeof(rig->text) - 1, 0);

	rig->text[n > 0 ? n : 0] = '\0';
	close(rig->log);
}

int rig_wait(struct rig *rig)
{
	int status;

	wait_readable(rig->wiring); /* EOF: the child is gone */
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	close(rig->wiring);
	for (uint32_t i = 0; i < rig->table.worker_count && i < RIG_WORKERS; i++) {
		close(rig->ins[i]);
		close(rig->outs[i]);
	}
	pool_free(rig);
	rig->last = *rig->counters;
	munmap(rig->page, sizeof(struct wiring_page));
	rig->counters = &rig->last;
	log_read(rig);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A sanitizer says it in words and ends the process itself. */
void rig_expect_fault(struct rig *rig)
{
	int code = rig_wait(rig);

	if (code != 128 + SIGSEGV && !strstr(rig->text, "SEGV") &&
	    !strstr(rig->text, "stack-overflow"))
		fail_msg("ended with %d: %s", code, rig->text);
}

uint64_t rig_counter(const struct rig *rig, const char *name)
{
	for (uint32_t i = 0; i < rig->counters->used; i++)
		if (strcmp(rig->counters->counters[i].name, name) == 0)
			return rig->counters->counters[i].value;
	return 0;
}

const char *rig_log(struct rig *rig)
{
	return rig->text;
}
