// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
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

/* Takes a cancel, which may come at any time, out of the way. */
static bool cancel_taken(struct rig *rig, int fd)
{
	struct sp_desc d;

	if (recv(fd, &d, sizeof(d), MSG_PEEK | MSG_WAITALL) != sizeof(d) ||
	    d.edge != SP_EDGE_CANCEL)
		return false;
	assert_int_equal(recv(fd, &rig->cancel, sizeof(d), MSG_WAITALL), sizeof(d));
	rig->cancels++;
	return true;
}

static int worker_waiting(struct rig *rig, int ms)
{
	struct pollfd p[WIRING_WORKER_MAX];
	bool cancel = false;

	for (uint32_t i = 0; i < rig->workers; i++)
		p[i] = (struct pollfd){ .fd = rig->from_gateway[i], .events = POLLIN };
	if (poll(p, rig->workers, ms) <= 0)
		return -1;
	for (uint32_t i = 0; i < rig->workers; i++) {
		if (p[i].revents & POLLIN && !cancel_taken(rig, p[i].fd))
			return (int)i;
		cancel |= p[i].revents & POLLIN;
	}
	return cancel ? worker_waiting(rig, ms) : -1;
}

void rig_await_cancels(struct rig *rig, uint32_t count)
{
	uint64_t until = now_ns() + RIG_WAIT_MS * 1000000ULL;

	while (rig->cancels < count) {
		assert_true(now_ns() < until);
		assert_false(rig_waiting(rig, 1));
	}
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
	if (d.edge == SP_EDGE_REPLY) { /* a call that the gateway answers */
		assert_int_equal(d.home, rig->owners[d.buf].home);
		return d;
	}
	assert_true(d.edge == SP_EDGE_GRANT || d.home == rig->slots[worker]);
	if (rig->owners[d.buf].leased != SP_LEASE_STOCK)
		assert_int_equal(rig->owners[d.buf].home, rig->slots[worker]);
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

void rig_assert_free(struct rig *rig, uint32_t index)
{
	uint64_t until = now_ns() + RIG_WAIT_MS * 1000000ULL;

	while (rig_holder(rig, index) != SP_HOLDER_FREE) {
		if (now_ns() > until)
			fail_msg("buffer %u is still held by %u", index, rig_holder(rig, index));
		poll(NULL, 0, 1);
	}
}

void rig_assert_all_free(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->layout.buffer_count; i++)
		rig_assert_free(rig, i);
}
