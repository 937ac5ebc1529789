/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - a program or library, mapped to be read and changed before it is copied.
 *
 * Failure modes: whatever lies outside the file is NULL; nothing that the file says leads out
 * of the mapping. Thread-safety: one thread per struct elf_file.
 */
#ifndef SPROCKET_CONTROLLER_INLINE_IMAGE_H
#define SPROCKET_CONTROLLER_INLINE_IMAGE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
	char *at; /* private: changes are ours */
	size_t size;
};

/* Maps a file that the kernel of this machine could run or load. Returns 0 and *ret;
 * -ENOEXEC, or -errno. The fd stays the caller's. */
int elf_open(int fd, struct elf_file *ret);
void elf_close(struct elf_file *file);

Elf64_Ehdr *elf_header(const struct elf_file *file);
/* The n-th program header of a type; NULL: there are not so many. */
const Elf64_Phdr *elf_segment(const struct elf_file *file, uint32_t type, unsigned n);
/* The n-th entry of the dynamic section with a tag. */
Elf64_Dyn *elf_dynamic(const struct elf_file *file, int64_t tag, unsigned n);
/* The string that a dynamic entry names; NULL also for an entry that is NULL. */
char *elf_string(const struct elf_file *file, const Elf64_Dyn *entry);
/* The address of a section of at least `size` bytes, 0: there is none. */
uint64_t elf_section(const struct elf_file *file, const char *name, size_t size);

/* Writes it as it is now to a file that is not there yet. Returns 0 or -errno. */
int elf_write(const struct elf_file *file, const char *path);

#endif
