// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sproxy.skel.h"
#include "sproxy/state.h"

#define PROGRAM_SLOT 0 /* the one that the entry program calls */

const char *map_name(enum sproxy_map map)
{
	static const char *const names[] = {
#define X(name) #name,
		SPROXY_MAPS(X)
#undef X
	};

	return names[map];
}

static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN && getenv("SPROCKET_DEBUG") ? vfprintf(stderr, format, args) :
								  0;
}

/* FNV-1a over the object file: another build of the program is another program. */
static uint64_t program_hash(void)
{
	size_t size;
	const unsigned char *bytes = sproxy_bpf__elf_bytes(&size);
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3U;
	return hash;
}

/* The object, sized for this chain, not yet loaded. */
static int object_open(const struct sproxy *proxy, struct sproxy_bpf **ret)
{
	struct sproxy_bpf *skel;
	uint64_t key;
	int r;

	libbpf_set_print(print_warnings);
	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		return -errno;
	skel = sproxy_bpf__open();
	if (!skel)
		return -errno;
	skel->rodata->draw_key = key;
	skel->rodata->buffer_count = proxy->buffer_count;
	r = bpf_map__set_max_entries(skel->maps.owners, proxy->buffer_count);
	if (r == 0)
		r = bpf_map__set_max_entries(skel->maps.function_counts, proxy->fn_count + 1);
	if (r < 0) {
		sproxy_bpf__destroy(skel);
		return r;
	}
	*ret = skel;
	return 0;
}

static struct bpf_map *object_map(const struct sproxy_bpf *skel, enum sproxy_map map)
{
	return bpf_object__find_map_by_name(skel->obj, map_name(map));
}

/* Keeps the object's maps beyond the object. */
static int maps_take(struct sproxy *proxy, const struct sproxy_bpf *skel)
{
	for (int i = 0; i < MAP_COUNT; i++) {
		proxy->maps[i] = fcntl(bpf_map__fd(object_map(skel, (enum sproxy_map)i)),
				       F_DUPFD_CLOEXEC, 0);
		if (proxy->maps[i] < 0)
			return -errno;
	}
	return 0;
}

/* The hash last: whoever is killed before it replaces the program once more. */
static int slot_fill(int programs, int settings, int program)
{
	struct sp_settings value = { 0 };
	uint32_t key = PROGRAM_SLOT, first = 0;

	if (bpf_map_update_elem(programs, &key, &program, BPF_ANY) < 0 ||
	    bpf_map_lookup_elem(settings, &first, &value) < 0)
		return -errno;
	value.program = program_hash();
	return bpf_map_update_elem(settings, &first, &value, BPF_ANY) < 0 ? -errno : 0;
}

int program_load(struct sproxy *proxy)
{
	struct sproxy_bpf *skel;
	int r = object_open(proxy, &skel);

	if (r < 0)
		return r;
	r = sproxy_bpf__load(skel);
	if (r == 0)
		r = slot_fill(bpf_map__fd(skel->maps.programs), bpf_map__fd(skel->maps.settings),
			      bpf_program__fd(skel->progs.sproxy));
	/* Before any socket is in the map: one inserted earlier would never run it. */
	if (r == 0 && bpf_prog_attach(bpf_program__fd(skel->progs.sproxy_entry),
				      bpf_map__fd(skel->maps.senders), BPF_SK_MSG_VERDICT, 0) < 0)
		r = -errno;
	if (r == 0)
		r = maps_take(proxy, skel);
	sproxy_bpf__destroy(skel);
	return r;
}

static bool map_fits(const struct bpf_map *want, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == bpf_map__type(want) &&
	       info.key_size == bpf_map__key_size(want) &&
	       info.value_size == bpf_map__value_size(want) &&
	       info.max_entries == bpf_map__max_entries(want) &&
	       info.map_flags == bpf_map__map_flags(want);
}

int program_check(struct sproxy *proxy)
{
	struct sproxy_bpf *skel;
	int r = object_open(proxy, &skel);

	if (r < 0)
		return r;
	for (int i = 0; r == 0 && i < MAP_COUNT; i++)
		if (!map_fits(object_map(skel, (enum sproxy_map)i), proxy->maps[i]))
			r = -ESTALE;
	sproxy_bpf__destroy(skel);
	return r;
}

int program_replace(struct sproxy *proxy)
{
	struct sproxy_bpf *skel;
	int r;

	if (proxy->settings->program == program_hash())
		return 0;
	r = object_open(proxy, &skel);
	if (r < 0)
		return r;
	for (int i = 0; r == 0 && i < MAP_COUNT; i++)
		r = bpf_map__reuse_fd(object_map(skel, (enum sproxy_map)i), proxy->maps[i]);
	/* The entry stays the one that the sockets have. */
	if (r == 0)
		r = bpf_program__set_autoload(skel->progs.sproxy_entry, false);
	if (r == 0)
		r = sproxy_bpf__load(skel);
	if (r == 0)
		r = slot_fill(proxy->maps[MAP_programs], proxy->maps[MAP_settings],
			      bpf_program__fd(skel->progs.sproxy));
	sproxy_bpf__destroy(skel);
	return r;
}
