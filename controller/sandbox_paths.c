// SPDX-License-Identifier: Apache-2.0
#include "controller/sandbox_paths.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS_MAX 64
#define DYNAMIC_MAX 1024 /* entries */
#define RUNPATH_MAX 4096

/* Of these only what is named is shown: all of it would be too much. */
static const char *const roots[] = { "/",    "/tmp",  "/etc", "/home", "/root", "/var", "/run",
				     "/dev", "/proc", "/sys", "/boot", "/mnt",  "/srv", "/opt" };

static bool is_root(const char *path)
{
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (!strcmp(path, roots[i]))
			return true;
	return false;
}

/* Of a list, for some functions. */
struct adding {
	struct sandbox_paths *paths;
	uint64_t users;
	uint64_t writers;
};

static int add(const struct adding *to, const char *path)
{
	struct sandbox_paths *paths = to->paths;
	struct sandbox_path *item;
	size_t i = 0;

	while (i < paths->count && strcmp(paths->items[i].path, path) != 0)
		i++;
	if (i == SANDBOX_PATHS_MAX)
		return -E2BIG;
	item = &paths->items[i];
	if (i == paths->count) {
		*item = (struct sandbox_path){ .path = strdup(path) };
		if (!item->path)
			return -ENOMEM;
		paths->count++;
	}
	item->users |= to->users;
	item->writers |= to->writers;
	return 0;
}

/* By its name, and by the place that links lead to. What is not there is left out. */
static int add_both(const struct adding *to, const char *path)
{
	char real[PATH_MAX];
	int r;

	if (!realpath(path, real))
		return 0;
	r = is_root(real) ? 0 : add(to, real);
	if (r < 0 || !strcmp(path, real) || strstr(path, "/..") || is_root(path))
		return r;
	return add(to, path);
}

/* The folder of a program, or where that has too much, the program alone. */
static int add_folder(const struct adding *to, const char *exec)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", exec);
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return add_both(to, *folder && !is_root(folder) ? folder : exec);
}

static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

/* Where in the file the byte at a virtual address is. */
static bool file_offset(const Elf64_Phdr *segments, size_t count, uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		const Elf64_Phdr *s = &segments[i];

		if (s->p_type == PT_LOAD && address >= s->p_vaddr &&
		    address - s->p_vaddr < s->p_filesz) {
			*ret = s->p_offset + (address - s->p_vaddr);
			return true;
		}
	}
	return false;
}

/* The text of DT_RUNPATH or DT_RPATH in the dynamic segment. */
static bool dynamic_read(int fd, const Elf64_Phdr *segments, size_t count,
			 const Elf64_Phdr *dynamic, char ret[RUNPATH_MAX])
{
	uint64_t strings = 0, at = UINT64_MAX, offset;
	ssize_t n;

	for (uint64_t i = 0; i < DYNAMIC_MAX && i * sizeof(Elf64_Dyn) < dynamic->p_filesz; i++) {
		Elf64_Dyn entry;

		if (!read_at(fd, &entry, sizeof(entry), dynamic->p_offset + i * sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_STRTAB)
			strings = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH)
			at = entry.d_un.d_val;
	}
	if (!strings || at == UINT64_MAX || !file_offset(segments, count, strings + at, &offset) ||
	    offset > INT64_MAX)
		return false;
	n = pread(fd, ret, RUNPATH_MAX - 1, (off_t)offset);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool runpath_read(const char *exec, char ret[RUNPATH_MAX])
{
	Elf64_Phdr segments[SEGMENTS_MAX];
	const Elf64_Phdr *dynamic = NULL;
	bool found = false;
	Elf64_Ehdr head;
	int fd = open(exec, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	if (read_at(fd, &head, sizeof(head), 0) && !memcmp(head.e_ident, ELFMAG, SELFMAG) &&
	    head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_phentsize == sizeof(Elf64_Phdr) &&
	    head.e_phnum <= SEGMENTS_MAX &&
	    read_at(fd, segments, head.e_phnum * sizeof(*segments), head.e_phoff)) {
		for (size_t i = 0; i < head.e_phnum; i++)
			if (segments[i].p_type == PT_DYNAMIC)
				dynamic = &segments[i];
		found = dynamic && dynamic_read(fd, segments, head.e_phnum, dynamic, ret);
	}
	close(fd);
	return found;
}

/* One of the folders; $ORIGIN is the program's. */
static int add_library(const struct adding *to, const char *item, const char *exec)
{
	static const char *const words[] = { "$ORIGIN", "${ORIGIN}" };
	const char *slash = strrchr(exec, '/');
	char path[PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(item, words[i], len) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%.*s%s", (int)(slash - exec), exec, item + len) >=
		    (int)sizeof(path))
			return 0;
		return add_both(to, path);
	}
	return item[0] == '/' ? add_both(to, item) : 0;
}

static int add_libraries(const struct adding *to, const char *exec)
{
	char text[RUNPATH_MAX], *rest = text, *item;
	int r = 0;

	if (!runpath_read(exec, text))
		return 0;
	while (r == 0 && (item = strsep(&rest, ":")))
		r = add_library(to, item, exec);
	return r;
}

static int add_program(const struct adding *to, const char *exec)
{
	char real[PATH_MAX];
	int r;

	if (!realpath(exec, real))
		return 0;
	r = add_folder(to, exec);
	if (r == 0 && strcmp(exec, real) != 0)
		r = add_folder(to, real);
	return r == 0 ? add_libraries(to, real) : r;
}

/* The functions that have the program of `first`; none when an earlier one has it. */
static uint64_t users_of(const struct chain *chain, uint32_t first)
{
	const char *exec = chain->functions[first].exec;
	uint64_t users = 0;

	for (uint32_t i = 0; exec && i < chain->function_count; i++) {
		if (!chain->functions[i].exec || strcmp(chain->functions[i].exec, exec) != 0)
			continue;
		if (i < first)
			return 0;
		users |= UINT64_C(1) << i;
	}
	return users;
}

int sandbox_paths_find(const struct chain *chain, struct sandbox_paths *ret)
{
	int r = 0;

	ret->count = 0;
	for (uint32_t i = 0; r == 0 && i < chain->function_count; i++) {
		const struct chain_security *s = &chain->functions[i].security;
		const uint64_t own = UINT64_C(1) << i;
		const struct adding program = { ret, users_of(chain, i), 0 };
		const struct adding reads = { ret, own, 0 }, writes = { ret, own, own };

		if (program.users)
			r = add_program(&program, chain->functions[i].exec);
		for (size_t n = 0; r == 0 && n < s->read.count; n++)
			r = add_both(&reads, s->read.items[n]);
		for (size_t n = 0; r == 0 && n < s->write.count; n++)
			r = add_both(&writes, s->write.items[n]);
	}
	return r;
}

void sandbox_paths_free(struct sandbox_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->items[i].path);
	paths->count = 0;
}
