// SPDX-License-Identifier: Apache-2.0
#include "controller/inline/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/inline/image.h"

#define SDK_NAME "libsprocket.so.1"
#define ENTRY_SECTION "sprocket_entry"

struct load {
	const struct inline_function *from;
	struct elf_file file;
	char *why;
	size_t why_size;
};

static int wrong(struct load *l, const char *format, ...)
{
	size_t len;
	va_list args;

	len = (size_t)snprintf(l->why, l->why_size, "%s cannot be run inline: ", l->from->path);
	if (len >= l->why_size)
		return -1;
	va_start(args, format);
	vsnprintf(l->why + len, l->why_size - len, format, args);
	va_end(args);
	return -1;
}

static int file_open(struct load *l, int fd)
{
	int r = elf_open(fd, &l->file);

	if (r == -ENOEXEC)
		return wrong(l,
			     "it is no program of this machine's kind (scripts cannot be loaded)");
	if (r < 0)
		return wrong(l, "cannot read it: %s", strerror(-r));
	return 0;
}

static int file_check(struct load *l)
{
	if (elf_header(&l->file)->e_type != ET_DYN)
		return wrong(l, "it is not position-independent: compile it with -fPIE and link it "
				"with -pie");
	if (!elf_segment(&l->file, PT_INTERP, 0) || !elf_dynamic(&l->file, DT_STRTAB, 0))
		return wrong(l, "it is linked statically: link it without -static and -static-pie");
	if (!elf_section(&l->file, ENTRY_SECTION, sizeof(struct inline_entry)))
		return wrong(l,
			     "it has no section " ENTRY_SECTION
			     ": build it again with this version's sprocket.h, whose SP_FUNCTION "
			     "makes it (and without stripping section headers)");
	return 0;
}

/* Thread-local variables, as far as the file tells; their values are loaded later. */
static int tls_take(struct load *l, struct inline_tls *ret)
{
	const Elf64_Phdr *s = elf_segment(&l->file, PT_TLS, 0);

	*ret = (struct inline_tls){ .name = l->from->name };
	if (!s)
		return 0;
	if (s->p_memsz > INLINE_TLS_MAX || s->p_align > INLINE_TLS_ALIGN ||
	    s->p_filesz > s->p_memsz)
		return wrong(l,
			     "it has %zu thread-local bytes aligned to %zu, at most %d and %d "
			     "work: put large data on the heap",
			     (size_t)s->p_memsz, (size_t)s->p_align, INLINE_TLS_MAX,
			     INLINE_TLS_ALIGN);
	if (!inline_tls_works())
		return wrong(l, "thread-local variables cannot be placed on this machine");
	ret->from = l->file.at + s->p_offset;
	ret->from_size = s->p_filesz;
	ret->size = s->p_memsz;
	ret->align = s->p_align;
	return 0;
}

/* ---- a libsprocket.so of its own ---- */

/* Where the program's own folders of libraries have it. */
static int sdk_open_beside(struct load *l, const char *name)
{
	const Elf64_Dyn *entry = elf_dynamic(&l->file, DT_RUNPATH, 0);
	const char *list = elf_string(&l->file, entry ? entry : elf_dynamic(&l->file, DT_RPATH, 0));
	char path[2 * PATH_MAX], own[PATH_MAX];

	snprintf(own, sizeof(own), "%s", l->from->path);
	for (dirname(own); list && *list; list += strspn(list, ":")) {
		size_t len = strcspn(list, ":");
		bool origin = len >= 7 && memcmp(list, "$ORIGIN", 7) == 0;
		int fd;

		snprintf(path, sizeof(path), "%s%.*s/%s", origin ? own : "",
			 (int)(origin ? len - 7 : len), origin ? list + 7 : list, name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		list += len;
	}
	return -ENOENT;
}

/* Where the machine has it. Loaded for a moment, as only the dynamic linker knows. */
static int sdk_open_known(const char *name)
{
	void *handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
	struct link_map *map;
	int fd = -ENOENT;

	if (handle && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
		fd = open(map->l_name, O_RDONLY | O_CLOEXEC);
	if (handle)
		dlclose(handle);
	return fd;
}

static int sdk_load(struct load *l, int fd, const char *name, const char *own)
{
	struct elf_file file;
	char path[INLINE_FOLDER_MAX + 64], *soname;
	int r = elf_open(fd, &file);

	if (r < 0)
		return wrong(l, "cannot read %s: %s", name, strerror(-r));
	soname = elf_string(&file, elf_dynamic(&file, DT_SONAME, 0));
	if (soname && strlen(soname) == strlen(own))
		strcpy(soname, own);
	snprintf(path, sizeof(path), "%s/%s", l->from->folder, own);
	r = elf_write(&file, path);
	elf_close(&file);
	if (r < 0)
		return wrong(l, "cannot write %s: %s", path, strerror(-r));
	if (!dlopen(path, RTLD_NOW | RTLD_LOCAL))
		return wrong(l, "%s", dlerror());
	return 0;
}

/* If the program needs the shared library: one that only it uses. */
static int sdk_own(struct load *l)
{
	char own[sizeof(SDK_NAME)], *name = NULL;
	int fd, r;

	for (unsigned n = 0;; n++) {
		const Elf64_Dyn *needed = elf_dynamic(&l->file, DT_NEEDED, n);

		if (!needed)
			return 0;
		name = elf_string(&l->file, needed);
		if (name && strcmp(name, SDK_NAME) == 0)
			break;
	}
	fd = sdk_open_beside(l, name);
	if (fd < 0)
		fd = sdk_open_known(name);
	if (fd < 0)
		return wrong(l, "it needs %s, which is not found: set LD_LIBRARY_PATH", name);
	snprintf(own, sizeof(own), INLINE_SDK_FORMAT, l->from->fn % 100);
	r = sdk_load(l, fd, name, own);
	close(fd);
	if (r == 0)
		strcpy(name, own); /* in the program's copy, also for its symbols' versions */
	return r;
}

/* ---- the program ---- */

static int program_load(struct load *l, void **ret)
{
	Elf64_Dyn *flags = elf_dynamic(&l->file, DT_FLAGS_1, 0);
	char path[INLINE_FOLDER_MAX + INLINE_NAME_MAX + 1];
	int r;

	if (flags)
		flags->d_un.d_val &= ~(uint64_t)DF_1_PIE;
	snprintf(path, sizeof(path), "%s/%s", l->from->folder, l->from->name);
	r = elf_write(&l->file, path);
	if (r < 0)
		return wrong(l, "cannot write %s: %s", path, strerror(-r));
	*ret = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	return *ret ? 0 :
		      wrong(l, "%s (TMPDIR must be a folder that programs can run in)", dlerror());
}

static int program_take(struct load *l, void *handle, struct inline_program *ret)
{
	const Elf64_Phdr *tls = elf_segment(&l->file, PT_TLS, 0);
	uint64_t at = elf_section(&l->file, ENTRY_SECTION, sizeof(struct inline_entry));
	struct link_map *map;

	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
		return wrong(l, "%s", dlerror());
	/* With their addresses filled in, other than in the file. */
	if (tls)
		ret->tls.from = (const void *)(map->l_addr + tls->p_vaddr);
	ret->entry = (const struct inline_entry *)(map->l_addr + at);
	return 0;
}

int inline_load(const struct inline_function *from, int exec_fd, struct inline_program *ret,
		char *why, size_t why_size)
{
	struct load l = { .from = from, .why = why, .why_size = why_size };
	void *handle;
	int r = file_open(&l, exec_fd);

	if (r < 0)
		return r;
	r = file_check(&l);
	if (r == 0)
		r = tls_take(&l, &ret->tls);
	if (r == 0)
		r = sdk_own(&l);
	if (r == 0) {
		inline_tls_enter(&ret->tls); /* its constructors run in this thread */
		r = program_load(&l, &handle);
	}
	if (r == 0)
		r = program_take(&l, handle, ret);
	elf_close(&l.file);
	return r;
}
