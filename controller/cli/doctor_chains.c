// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_chains.c - what a sprocketd that is gone has left.
 *
 * How: while somebody holds the daemon's lock there is nothing to say. Otherwise its chains may
 * still run, kept by sprocket-fdstore, for the next daemon to take over: that is no disorder,
 * so they are ended only when asked for by name. The lock is held meanwhile. Pins without an
 * fdstore are of use to nobody.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "controller/cli/doctor.h"
#include "controller/fdstore.h"
#include "controller/runtime_keep.h"
#include "sproxy/sproxy.h"

#define CHECK "daemon"

/* The fd that has the lock; -ENOENT: there never was a daemon; -EBUSY: one runs. */
static int lock_try(const char *run)
{
	char path[PATH_MAX];
	int fd, r;

	snprintf(path, sizeof(path), "%s/sprocketd.pid", run);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return r;
}

struct kept {
	struct fdstore *store;
	struct keep_entries *chains;
	struct fdstore_entry front; /* its process; name "": there is none */
	unsigned count;             /* of chains */
};

static int on_entry(struct fdstore_entry *entry, void *arg)
{
	struct kept *kept = arg;
	int r = keep_sort(&kept->chains, entry);

	if (r == 1 && kept->front.name[0] == '\0' && strstr(entry->name, "/process"))
		kept->front = *entry; /* its fds are closed by whoever lists them */
	return r < 0 ? r : 0;
}

static void kept_free(struct kept *kept)
{
	while (kept->chains) {
		struct keep_entries *next = kept->chains->next;

		keep_entries_free(kept->chains);
		kept->chains = next;
	}
	kept->store = fdstore_close(kept->store);
}

/* 0, also when there is no fdstore; or -errno. */
static int kept_read(const char *run, struct kept *ret)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/fdstore.sock", run);
	r = fdstore_open(path, false, &ret->store);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return 0;
	if (r == 0)
		r = fdstore_list(ret->store, on_entry, ret);
	for (const struct keep_entries *e = ret->chains; e; e = e->next)
		ret->count++;
	return r;
}

static int entry_remove(struct fdstore_entry *entry, void *arg)
{
	char(*name)[FDSTORE_NAME_MAX] = arg;

	memcpy(*name, entry->name, sizeof(*name));
	return 1;
}

/* Ends all of it, the fdstore last. Returns 0 or -errno. */
static int kept_end(struct kept *kept, const char *pins, FILE *report)
{
	char path[PATH_MAX], name[FDSTORE_NAME_MAX];

	for (struct keep_entries *e = kept->chains; e; e = e->next) {
		snprintf(path, sizeof(path), "%s/%s", pins, e->name);
		keep_discard(kept->store, e, path);
		fprintf(report, "daemon: ended %s\n", e->name);
	}
	if (kept->front.name[0])
		keep_entry_end(kept->store, &kept->front);
	while (fdstore_list(kept->store, entry_remove, &name) == 1)
		if (fdstore_remove(kept->store, name) < 0)
			break;
	return fdstore_quit(kept->store);
}

/* Pins in the folder; they are removed with `clean`. */
static unsigned pins_look(const char *pins, bool clean, FILE *report)
{
	DIR *dir = opendir(pins);
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX];
		int r = 0;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", pins, entry->d_name);
		if (clean)
			r = sproxy_remove_pins(path);
		count += !clean || r < 0;
		fprintf(report, "daemon: %s %s%s%s\n", clean && r == 0 ? "removed" : "left", path,
			r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
	}
	if (dir)
		closedir(dir);
	if (clean)
		rmdir(pins);
	return count;
}

static void say_chains(struct doctor *doctor, const struct kept *kept, FILE *report)
{
	for (const struct keep_entries *e = kept->chains; e; e = e->next)
		fprintf(report, "daemon: %s waits for one\n", e->name);
	doctor_add(doctor, DOCTOR_WARN, CHECK, "%u chain%s of a sprocketd that does not run",
		   kept->count, kept->count == 1 ? "" : "s");
	doctor_fix(doctor,
		   "systemctl start sprocketd, which takes them over; or end them: sprocket "
		   "doctor --clean --chains");
}

static void look(struct doctor *doctor, const struct doctor_chains_options *options, FILE *report)
{
	struct kept kept = { 0 };
	bool ends = options->clean && options->chains;
	unsigned left = 0;
	int r = kept_read(options->run, &kept);

	if (r == 0 && kept.store && ends)
		r = kept_end(&kept, options->pins, report);
	if (r == 0 && (!kept.store || ends))
		left = pins_look(options->pins, options->clean, report);
	if (r < 0) {
		doctor_add(doctor, DOCTOR_FAIL, CHECK,
			   "what a sprocketd has left cannot be looked at or ended: %s",
			   strerror(-r));
		doctor_fix(doctor, "run this as root");
	} else if (kept.store && kept.count > 0 && !ends) {
		say_chains(doctor, &kept, report);
	} else if (left > 0) {
		doctor_add(doctor, DOCTOR_WARN, CHECK, "pins of %u chains that are gone in %s",
			   left, options->pins);
		doctor_fix(doctor, "sudo sprocket doctor --clean");
	} else {
		doctor_add(doctor, DOCTOR_OK, CHECK, "none runs, and none has left anything");
	}
	kept_free(&kept);
}

void doctor_chains(struct doctor *doctor, const struct doctor_chains_options *options, FILE *report)
{
	int lock = lock_try(options->run);

	if (lock == -EBUSY) {
		doctor_add(doctor, DOCTOR_OK, CHECK, "sprocketd runs, and looks after its chains");
		return;
	}
	look(doctor, options, report);
	if (lock >= 0)
		close(lock);
}
