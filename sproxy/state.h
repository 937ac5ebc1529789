/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - what the parts of the sproxy library share: the kernel's maps, mapped tables, slots.
 *
 * For: sproxy.c, instances.c, program.c, pins.c, stats.c, rings.c; nobody else includes it.
 * How: everything works on map fds. Whether these came from a program just loaded or from
 * pins makes no difference after sproxy_open() or sproxy_adopt().
 * Thread-safety: one thread per struct sproxy.
 * Ownership: the fds, the mappings, and the kept ends belong to the struct.
 */
#ifndef SPROCKET_SPROXY_STATE_H
#define SPROCKET_SPROXY_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include "sproxy/sproxy.h"

/* The maps of bpf/sproxy_maps.bpf.h; a pin has the same name. */
#define SPROXY_MAPS(X)     \
	X(senders)         \
	X(receivers)       \
	X(sink)            \
	X(programs)        \
	X(identities)      \
	X(owners)          \
	X(instances)       \
	X(functions)       \
	X(routes)          \
	X(counters)        \
	X(function_counts) \
	X(settings)        \
	X(taps)            \
	X(events)

enum sproxy_map {
#define X(name) MAP_##name,
	SPROXY_MAPS(X)
#undef X
		MAP_COUNT,
};

struct slot {
	bool used;
	bool enabled;
	struct sproxy_kept kept;
};

struct sproxy {
	int maps[MAP_COUNT];
	int sink[2]; /* end in the map, end to read */
	char *pins;  /* folder, as it is called in the bpffs; NULL: none */
	struct ring_buffer *events;
	struct ring_buffer *taps;
	struct sp_owner *owners;
	struct sp_instance *instances;
	struct sp_function_slots *functions;
	struct sp_route *routes;
	struct sp_settings *settings;
	uint32_t buffer_count;
	uint32_t fn_count;
	sproxy_event_fn *on_event;
	void *on_event_arg;
	sproxy_tap_fn *on_tap;
	void *on_tap_arg;
	struct slot slots[SP_INST_MAX];
};

/* The map's name in the program and its pin. */
const char *map_name(enum sproxy_map map);

void close_fd(int *fd);

/* program.c: loads and attaches, and fills proxy->maps. */
int program_load(struct sproxy *proxy);
/* With proxy->maps filled: -ESTALE when they are not this build's; then puts this build's
 * program in the entry's slot, unless it is there. */
int program_check(struct sproxy *proxy);
int program_replace(struct sproxy *proxy);

/* pins.c: the maps of proxy->maps in the folder proxy->pins. */
int pins_path(const char *folder, char **ret);
int pins_make(const struct sproxy *proxy);
int pins_open(struct sproxy *proxy); /* -ENOENT when one is missing */
int pins_remove(const char *path);

/* rings.c */
int rings_open(struct sproxy *proxy);
void rings_close(struct sproxy *proxy);

/* instances.c */
int sink_open(struct sproxy *proxy);
/* Puts right what a controller left that was killed between two stores. */
void functions_repair(struct sproxy *proxy);

#endif
