// SPDX-License-Identifier: Apache-2.0
#include "controller/inline/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

/* `size` bytes of the file. */
static void *part(const struct elf_file *file, uint64_t offset, uint64_t size)
{
	if (offset > file->size || size > file->size - offset)
		return NULL;
	return file->at + offset;
}

Elf64_Ehdr *elf_header(const struct elf_file *file)
{
	return (Elf64_Ehdr *)(void *)file->at;
}

static bool is_ours(const struct elf_file *file)
{
	const Elf64_Ehdr *header = elf_header(file);

	return file->size >= sizeof(*header) && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == MACHINE &&
	       header->e_phentsize == sizeof(Elf64_Phdr);
}

int elf_open(int fd, struct elf_file *ret)
{
	struct elf_file file;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -ENOEXEC;
	file.size = (size_t)st.st_size;
	file.at = mmap(NULL, file.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (file.at == MAP_FAILED)
		return -errno;
	if (!is_ours(&file)) {
		elf_close(&file);
		return -ENOEXEC;
	}
	*ret = file;
	return 0;
}

void elf_close(struct elf_file *file)
{
	munmap(file->at, file->size);
	file->at = NULL;
}

const Elf64_Phdr *elf_segment(const struct elf_file *file, uint32_t type, unsigned n)
{
	const Elf64_Ehdr *header = elf_header(file);
	const Elf64_Phdr *all =
		part(file, header->e_phoff, (uint64_t)header->e_phnum * sizeof(*all));

	for (unsigned i = 0; all && i < header->e_phnum; i++)
		if (all[i].p_type == type && n-- == 0)
			return part(file, all[i].p_offset, all[i].p_filesz) ? &all[i] : NULL;
	return NULL;
}

Elf64_Dyn *elf_dynamic(const struct elf_file *file, int64_t tag, unsigned n)
{
	const Elf64_Phdr *segment = elf_segment(file, PT_DYNAMIC, 0);
	Elf64_Dyn *all = segment ? part(file, segment->p_offset, segment->p_filesz) : NULL;
	size_t count = segment ? segment->p_filesz / sizeof(*all) : 0;

	for (size_t i = 0; all && i < count && all[i].d_tag != DT_NULL; i++)
		if (all[i].d_tag == tag && n-- == 0)
			return &all[i];
	return NULL;
}

/* Where in the file an address is; the size of a file: nowhere. */
static uint64_t offset_of(const struct elf_file *file, uint64_t address)
{
	const Elf64_Phdr *s;

	for (unsigned n = 0; (s = elf_segment(file, PT_LOAD, n)); n++)
		if (address >= s->p_vaddr && address - s->p_vaddr < s->p_filesz)
			return s->p_offset + (address - s->p_vaddr);
	return file->size;
}

/* A string that ends within the file. */
static char *text(const struct elf_file *file, uint64_t offset)
{
	char *at = part(file, offset, 1);

	return at && memchr(at, '\0', file->size - offset) ? at : NULL;
}

char *elf_string(const struct elf_file *file, const Elf64_Dyn *entry)
{
	const Elf64_Dyn *table = elf_dynamic(file, DT_STRTAB, 0);
	uint64_t begin;

	if (!entry || !table)
		return NULL;
	begin = offset_of(file, table->d_un.d_ptr);
	if (entry->d_un.d_val >= file->size - begin)
		return NULL;
	return text(file, begin + entry->d_un.d_val);
}

uint64_t elf_section(const struct elf_file *file, const char *name, size_t size)
{
	const Elf64_Ehdr *header = elf_header(file);
	const Elf64_Shdr *all =
		part(file, header->e_shoff, (uint64_t)header->e_shnum * sizeof(*all));

	if (!all || header->e_shentsize != sizeof(*all) || header->e_shstrndx >= header->e_shnum)
		return 0;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		uint64_t names = all[header->e_shstrndx].sh_offset;
		const char *own;

		if (names > file->size || all[i].sh_size < size)
			continue;
		own = text(file, names + all[i].sh_name);
		if (own && strcmp(own, name) == 0)
			return all[i].sh_addr;
	}
	return 0;
}

int elf_write(const struct elf_file *file, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700), r = 0;
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (r == 0 && done < file->size) {
		ssize_t n = write(fd, file->at + done, file->size - done);

		if (n < 0 && errno != EINTR)
			r = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}
