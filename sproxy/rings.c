// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "sproxy/state.h"

static int on_ring_event(void *arg, void *data, size_t size)
{
	struct sproxy *proxy = arg;

	if (size >= sizeof(struct sp_event) && proxy->on_event)
		proxy->on_event(data, proxy->on_event_arg);
	return 0;
}

static int on_ring_tap(void *arg, void *data, size_t size)
{
	struct sproxy *proxy = arg;

	if (size >= sizeof(struct sp_tap) && proxy->on_tap)
		proxy->on_tap(data, proxy->on_tap_arg);
	return 0;
}

int rings_open(struct sproxy *proxy)
{
	proxy->events = ring_buffer__new(proxy->maps[MAP_events], on_ring_event, proxy, NULL);
	if (!proxy->events)
		return -errno;
	proxy->taps = ring_buffer__new(proxy->maps[MAP_taps], on_ring_tap, proxy, NULL);
	return proxy->taps ? 0 : -errno;
}

void rings_close(struct sproxy *proxy)
{
	ring_buffer__free(proxy->events);
	ring_buffer__free(proxy->taps);
}

int sproxy_events_fd(const struct sproxy *proxy)
{
	return ring_buffer__epoll_fd(proxy->events);
}

int sproxy_events_read(struct sproxy *proxy, sproxy_event_fn *on_event, void *arg)
{
	proxy->on_event = on_event;
	proxy->on_event_arg = arg;
	return ring_buffer__consume(proxy->events);
}

int sproxy_tap(struct sproxy *proxy, bool on)
{
	int r = 0;

	/* What an earlier listener left is nobody's. */
	if (on && !proxy->settings->tap)
		r = sproxy_tap_read(proxy, NULL, NULL);
	__atomic_store_n(&proxy->settings->tap, on, __ATOMIC_RELAXED);
	return r < 0 ? r : 0;
}

int sproxy_tap_fd(const struct sproxy *proxy)
{
	return ring_buffer__epoll_fd(proxy->taps);
}

int sproxy_tap_read(struct sproxy *proxy, sproxy_tap_fn *on_tap, void *arg)
{
	proxy->on_tap = on_tap;
	proxy->on_tap_arg = arg;
	return ring_buffer__consume(proxy->taps);
}
