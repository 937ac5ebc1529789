// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct front_pool *front_pool_ref(struct front_pool *pool)
{
	pool->refs++;
	return pool;
}

void front_pool_unref(struct front_pool *pool)
{
	if (--pool->refs == 0)
		free(pool);
}

static struct front_pool *pool_new(struct front_worker *worker, const char *path)
{
	struct front_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->worker = worker;
	strncpy(pool->path, path, sizeof(pool->path) - 1);
	h2o_linklist_init_anchor(&pool->idle);
	return pool;
}

static void pool_retire(struct front_pool *pool)
{
	pool->retired = true;
	while (!h2o_linklist_is_empty(&pool->idle))
		front_upstream_close(H2O_STRUCT_FROM_MEMBER(struct front_upstream, link,
							    pool->idle.next));
}

static struct front_pool *pool_find(const struct front_worker *worker, const char *path)
{
	for (uint32_t i = 0; worker->table && i < worker->table->target_count; i++)
		if (strcmp(worker->pools[i]->path, path) == 0)
			return worker->pools[i];
	return NULL;
}

/* Those of the old table that nothing but it holds, or that the new one does not name. */
static void pools_leave(struct front_pool **pools, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct front_pool *pool = pools[i];

		/* Its idle connections hold references too: closed before ours is given up. */
		if (pool->retired)
			pool_retire(pool);
		front_pool_unref(pool);
	}
	free(pools);
}

int front_pools_change(struct front_worker *worker, const struct front_table *table)
{
	uint32_t old = worker->table ? worker->table->target_count : 0;
	struct front_pool **pools = calloc(table->target_count + 1, sizeof(struct front_pool *));

	for (uint32_t i = 0; pools && i < table->target_count; i++) {
		pools[i] = pool_find(worker, table->targets[i]);
		if (!pools[i])
			pools[i] = pool_new(worker, table->targets[i]);
		if (!pools[i]) {
			pools_leave(pools, i);
			return -ENOMEM;
		}
		front_pool_ref(pools[i]);
	}
	if (!pools)
		return -ENOMEM;
	for (uint32_t i = 0; i < old; i++)
		worker->pools[i]->retired = true;
	for (uint32_t i = 0; i < table->target_count; i++)
		pools[i]->retired = false;
	pools_leave(worker->pools, old);
	worker->pools = pools;
	return 0;
}

static void on_idle_read(h2o_socket_t *sock, const char *err)
{
	(void)err; /* the end, or bytes that nobody asked for */
	front_upstream_close(sock->data);
}

static int socket_open(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	memcpy(addr.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static void idle_close_one(struct front_worker *w)
{
	for (uint32_t i = 0; i < w->table->target_count; i++) {
		h2o_linklist_t *idle = &w->pools[i]->idle;

		if (h2o_linklist_is_empty(idle))
			continue;
		front_upstream_close(H2O_STRUCT_FROM_MEMBER(struct front_upstream, link,
							    idle->next));
		return;
	}
}

static bool has_room(const struct front_pool *pool)
{
	const struct front_worker *w = pool->worker;
	uint32_t limit = w->front->upstream_limit, targets = w->table->target_count;
	bool beyond_share = pool->count >= limit / (targets > 0 ? targets : 1);

	return w->upstream_count < limit - (beyond_share ? limit / 4 : 0);
}

static int upstream_new(struct front_pool *pool, struct front_upstream **ret)
{
	struct front_worker *w = pool->worker;
	struct front_upstream *up;
	int fd;

	if (w->upstream_count >= w->front->upstream_limit)
		idle_close_one(w);
	if (!has_room(pool))
		return -EMFILE;
	up = calloc(1, sizeof(*up));
	fd = up ? socket_open(pool->path) : -ENOMEM;
	if (fd < 0) {
		free(up);
		return fd;
	}
	up->sock = h2o_evloop_socket_create(w->gw.loop, fd, 0);
	up->sock->data = up;
	up->pool = front_pool_ref(pool);
	w->upstream_count++;
	pool->count++;
	*ret = up;
	return 0;
}

int front_upstream_get(struct front_pool *pool, bool fresh, struct front_upstream **ret)
{
	struct front_upstream *up;

	if (fresh || h2o_linklist_is_empty(&pool->idle))
		return upstream_new(pool, ret);
	up = H2O_STRUCT_FROM_MEMBER(struct front_upstream, link, pool->idle.prev);
	h2o_linklist_unlink(&up->link);
	up->reused = true;
	*ret = up;
	return 0;
}

void front_upstream_put(struct front_upstream *up)
{
	if (up->pool->retired || h2o_socket_is_writing(up->sock) || up->sock->input->size > 0) {
		front_upstream_close(up);
		return;
	}
	up->sock->data = up;
	h2o_linklist_insert(&up->pool->idle, &up->link);
	h2o_socket_read_start(up->sock, on_idle_read);
}

void front_upstream_close(struct front_upstream *up)
{
	if (h2o_linklist_is_linked(&up->link))
		h2o_linklist_unlink(&up->link);
	up->pool->worker->upstream_count--;
	up->pool->count--;
	h2o_socket_close(up->sock);
	front_pool_unref(up->pool);
	free(up);
}
