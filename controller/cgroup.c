// SPDX-License-Identifier: Apache-2.0
#include "controller/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "controller/cgroup_file.h"
#include "controller/runstate_file.h"

#define SELF_FOLDER "/sprocket-self"

/* What the machine has for us, and where it goes. */
static struct {
	bool known;
	int version[CGROUP_KIND_COUNT];
	char base[CGROUP_KIND_COUNT][CGROUP_PATH_MAX];
	char why[256];
} machine;

const char *cgroup_kind_name(enum cgroup_kind kind)
{
	static const char *const names[] = {
#define X(id, name) name,
		CGROUP_KINDS(X)
#undef X
	};

	return names[kind];
}

/* ---- what the machine has ---- */

static bool is_mount(const char *folder)
{
	char path[CGROUP_PATH_MAX];

	for (unsigned n = 0; cgroup_mount_nth(n, path) == 0; n++)
		if (!strcmp(path, folder))
			return true;
	return false;
}

/* Has whoever orders this group given us what is below it? */
static bool delegated(const char *folder)
{
	static const char *const names[] = { "user.delegate", "trusted.delegate" };
	char path[CGROUP_PATH_MAX + 32];
	char value[2];

	for (size_t i = 0; i < 2; i++)
		if (getxattr(folder, names[i], value, sizeof(value)) > 0 && value[0] == '1')
			return true;
	/* The root of a container's: the machine's own has no such file. */
	snprintf(path, sizeof(path), "%s/cgroup.type", folder);
	return is_mount(folder) && access(path, F_OK) == 0;
}

/* Has the group `base` share out a controller. One that has processes cannot: they are ours, and
 * move below it, when it is ours to order. */
static int share_out(char base[CGROUP_PATH_MAX], const char *controller)
{
	char *self = strstr(base, SELF_FOLDER), below[CGROUP_PATH_MAX + 32], text[32];
	int r;

	if (self && !self[strlen(SELF_FOLDER)]) /* so did the one before us */
		*self = '\0';
	snprintf(text, sizeof(text), "+%s", controller);
	r = cgroup_write(base, "cgroup.subtree_control", text);
	if (r != -EBUSY)
		return r;
	if (!delegated(base))
		return -EPERM;
	snprintf(below, sizeof(below), "%s%s", base, SELF_FOLDER);
	if (mkdir(below, 0755) < 0 && errno != EEXIST)
		return -errno;
	r = cgroup_write(below, "cgroup.procs", "0");
	return r < 0 ? r : cgroup_write(base, "cgroup.subtree_control", text);
}

static void lack(enum cgroup_kind kind, const char *reason)
{
	size_t used = strlen(machine.why);

	machine.version[kind] = 0;
	snprintf(machine.why + used, sizeof(machine.why) - used, "%s%s: %s", used ? "; " : "",
		 cgroup_kind_name(kind), reason);
}

static void look(enum cgroup_kind kind)
{
	char *base = machine.base[kind];
	int r;

	machine.version[kind] = cgroup_find(0, kind, base);
	if (machine.version[kind] == 0) {
		lack(kind, "no hierarchy of control groups has it");
		return;
	}
	r = machine.version[kind] == 2 ? share_out(base, cgroup_kind_name(kind)) : 0;
	if (r == 0 && access(base, W_OK) < 0)
		r = -errno;
	if (r == -EPERM && machine.version[kind] == 2)
		lack(kind, "our control group is not delegated to us (systemd: Delegate=yes)");
	else if (r < 0)
		lack(kind, strerror(-r));
}

static void machine_look(void)
{
	if (machine.known)
		return;
	machine.known = true;
	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++)
		look(kind);
}

bool cgroup_has(enum cgroup_kind kind)
{
	return cgroup_version(kind) != 0;
}

int cgroup_version(enum cgroup_kind kind)
{
	machine_look();
	return machine.version[kind];
}

const char *cgroup_why(void)
{
	machine_look();
	return machine.why;
}

/* ---- life ---- */

static void name_make(const char *chain, const char *function, bool outlives, char *ret,
		      size_t size)
{
	static uint64_t start;
	static unsigned number;

	if (!start)
		runstate_process_start(getpid(), &start);
	snprintf(ret, size, CGROUP_PREFIX "%d-%" PRIu64 "-%c.%s.%s.%u", (int)getpid(), start,
		 outlives ? 'k' : 'r', chain, function, number++);
}

static int folder_make(struct cgroup *cgroup, enum cgroup_kind kind, const char *name)
{
	char path[2 * CGROUP_PATH_MAX];
	int r = snprintf(path, sizeof(path), "%s/%s", machine.base[kind], name);

	/* In v2 it may be there for another controller. */
	if (r >= CGROUP_PATH_MAX || (mkdir(path, 0755) < 0 && errno != EEXIST))
		return r >= CGROUP_PATH_MAX ? -ENAMETOOLONG : -errno;
	cgroup->made = true;
	cgroup->folder[kind] = strdup(path);
	return cgroup->folder[kind] ? 0 : -ENOMEM;
}

static void events_open(struct cgroup *cgroup)
{
	char path[CGROUP_PATH_MAX + 32];

	if (!cgroup->folder[CGROUP_PIDS])
		return;
	snprintf(path, sizeof(path), "%s/pids.events", cgroup->folder[CGROUP_PIDS]);
	cgroup->events = open(path, O_RDONLY | O_CLOEXEC);
}

int cgroup_make(const char *chain, const char *function, const struct chain_limits *limits,
		bool outlives, struct cgroup *ret)
{
	struct cgroup cgroup = { .events = -1 };
	char name[CGROUP_PATH_MAX];
	int r = 0;

	machine_look();
	name_make(chain, function, outlives, name, sizeof(name));
	for (enum cgroup_kind kind = 0; r == 0 && kind < CGROUP_KIND_COUNT; kind++) {
		if (!cgroup_wanted(limits, kind) || !machine.version[kind])
			continue;
		r = folder_make(&cgroup, kind, name);
		if (r == 0)
			r = cgroup_limit_set(&cgroup, kind, limits);
	}
	if (r < 0) {
		cgroup_remove(&cgroup);
		return r;
	}
	events_open(&cgroup);
	*ret = cgroup;
	return 0;
}

static bool is_ours(const char *folder)
{
	const char *name = strrchr(folder, '/');
	uint64_t start;
	bool outlives;
	pid_t maker;

	return name && cgroup_name_parse(name + 1, &maker, &start, &outlives);
}

int cgroup_adopt_folders(const char *const folders[CGROUP_KIND_COUNT], struct cgroup *ret)
{
	struct cgroup cgroup = { .events = -1 };

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++) {
		if (!folders[kind] || !is_ours(folders[kind]) || access(folders[kind], F_OK) < 0)
			continue;
		cgroup.folder[kind] = strdup(folders[kind]);
		cgroup.made |= cgroup.folder[kind] != NULL;
	}
	if (!cgroup.made)
		return -ENOENT;
	events_open(&cgroup);
	*ret = cgroup;
	return 0;
}

int cgroup_adopt(pid_t pid, struct cgroup *ret)
{
	char found[CGROUP_KIND_COUNT][CGROUP_PATH_MAX];
	const char *folders[CGROUP_KIND_COUNT] = { NULL };

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++)
		if (cgroup_has(kind) && cgroup_find(pid, kind, found[kind]) != 0)
			folders[kind] = found[kind];
	return cgroup_adopt_folders(folders, ret);
}

int cgroup_join_open(const struct cgroup *cgroup, int fds[CGROUP_KIND_COUNT + 1])
{
	uint32_t count = 0;
	int into = -1;

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++) {
		const char *folder = cgroup->folder[kind];
		char path[CGROUP_PATH_MAX + 32];
		int fd;

		if (!folder)
			continue;
		if (cgroup_version(kind) == 2) { /* the same for all kinds */
			if (into < 0)
				into = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
			continue;
		}
		snprintf(path, sizeof(path), "%s/tasks", folder);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0)
			fds[count++] = fd;
	}
	fds[count] = -1;
	return into;
}

void cgroup_join_close(int into, int fds[CGROUP_KIND_COUNT + 1])
{
	if (into >= 0)
		close(into);
	for (uint32_t i = 0; fds[i] >= 0; i++)
		close(fds[i]);
}

int cgroup_change(struct cgroup *cgroup, const char *chain, const char *function,
		  const struct chain_limits *limits, bool outlives, pid_t pid)
{
	char name[CGROUP_PATH_MAX], text[16];
	int r = 0;

	name_make(chain, function, outlives, name, sizeof(name));
	snprintf(text, sizeof(text), "%d", (int)pid);
	for (enum cgroup_kind kind = 0; r == 0 && kind < CGROUP_KIND_COUNT; kind++) {
		bool fresh =
			!cgroup->folder[kind] && cgroup_wanted(limits, kind) && cgroup_has(kind);
		const char *there = cgroup->folder[CGROUP_PIDS];

		if (fresh && cgroup_version(kind) == 2 && there) {
			cgroup->folder[kind] = strdup(there);
			r = cgroup->folder[kind] ? 0 : -ENOMEM;
		} else if (fresh) {
			r = folder_make(cgroup, kind, name);
			if (r == 0)
				r = cgroup_write(cgroup->folder[kind], "cgroup.procs", text);
		}
		if (r == 0 && cgroup->folder[kind])
			r = cgroup_limit_set(cgroup, kind, limits);
	}
	return r;
}

void cgroup_events_read(const struct cgroup *cgroup, struct cgroup_events *ret)
{
	const char *memory = cgroup->folder[CGROUP_MEMORY], *pids = cgroup->folder[CGROUP_PIDS];

	*ret = (struct cgroup_events){ 0 };
	if (memory)
		cgroup_read_number(memory,
				   cgroup_version(CGROUP_MEMORY) == 2 ? "memory.events" :
									"memory.oom_control",
				   "oom_kill", &ret->oom_kills);
	if (pids)
		cgroup_read_number(pids, "pids.events", "max", &ret->refused_forks);
}

void cgroup_kill(const struct cgroup *cgroup)
{
	const char *folder = cgroup->folder[CGROUP_PIDS];

	for (enum cgroup_kind kind = 0; !folder && kind < CGROUP_KIND_COUNT; kind++)
		folder = cgroup->folder[kind];
	if (folder)
		cgroup_folder_kill(folder);
}

int cgroup_remove(struct cgroup *cgroup)
{
	int r = 0;

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++) {
		if (!cgroup->folder[kind])
			continue;
		if (rmdir(cgroup->folder[kind]) < 0 && errno != ENOENT) {
			r = -errno;
			continue;
		}
		free(cgroup->folder[kind]);
		cgroup->folder[kind] = NULL;
	}
	if (r == 0)
		cgroup_let_go(cgroup);
	return r;
}

void cgroup_let_go(struct cgroup *cgroup)
{
	if (!cgroup->made)
		return;
	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++)
		free(cgroup->folder[kind]);
	if (cgroup->events >= 0)
		close(cgroup->events);
	*cgroup = (struct cgroup){ .events = -1 };
}
