/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greed.c - what a hostile function takes from the machine and from the others: processes,
 * memory, CPU, descriptors, and bytes that are not its own. See hostile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/functions/hostile.h"

static _Noreturn void loop_for_ever(void)
{
	for (volatile unsigned n = 0;;)
		n++;
}

/* Processes that start processes; with a value each in a session of its own. Those that cannot
 * start more use the CPU. */
static bool do_fork_bomb(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d;
	for (unsigned failed = 0; failed < 1000;) {
		pid_t pid = fork();

		if (pid == 0 && order->value)
			setsid();
		failed += pid < 0;
	}
	loop_for_ever();
}

static bool do_loop(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d, (void)order;
	loop_for_ever();
}

/* Memory that is used, until there is none or `value` MiB. */
static bool do_memory(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d;
	for (uint64_t i = 0; !order->value || i < order->value; i++) {
		char *block = malloc(1U << 20);

		if (!block)
			break;
		memset(block, 0x5a, 1U << 20);
	}
	return false;
}

/* Every fd there is, then on as before. */
static bool do_fds(struct hostile *h, struct sp_desc d, const struct order *order)
{
	unsigned count = 0;

	(void)h, (void)d, (void)order;
	while (count < 100000 && dup(STDIN_FILENO) >= 0)
		count++;
	fprintf(stderr, "%u fds, then: %s\n", count, strerror(errno));
	return false;
}

/* A file of `value` MiB at most in the folder for such things. */
static bool do_files(struct hostile *h, struct sp_desc d, const struct order *order)
{
	static char block[1 << 20];
	char path[] = "/tmp/sprocket-hostile-XXXXXX";
	int fd = mkstemp(path);
	uint64_t done = 0;

	(void)h, (void)d;
	unlink(path);
	while (fd >= 0 && done < order->value && write(fd, block, sizeof(block)) > 0)
		done++;
	fprintf(stderr, "%u MiB of files\n", (unsigned)done);
	if (fd >= 0)
		close(fd);
	return false;
}

/* A child that leaves its parent's process group, hears no signal that it may refuse, and stays. */
static bool do_linger(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d, (void)order;
	if (fork() == 0) {
		setsid();
		for (int s = 1; s < 32; s++)
			signal(s, SIG_IGN);
		for (;;)
			pause();
	}
	return false;
}

/* Waits for ever in a system call, deaf to every signal that it may refuse. */
static bool do_stuck(struct hostile *h, struct sp_desc d, const struct order *order)
{
	char byte;
	int ends[2];

	(void)h, (void)d, (void)order;
	for (int s = 1; s < 32; s++)
		signal(s, SIG_IGN);
	if (pipe(ends) == 0)
		while (read(ends[0], &byte, 1) < 0)
			;
	return true;
}

/* ---- memory that is not its own ---- */

/* Bytes of the request's slot, beyond what it carries, that are not zero, as the answer. */
static bool do_peek(struct hostile *h, struct sp_desc d, const struct order *order)
{
	const struct shm_class *c = shm_layout_class(&h->wiring->layout, d.buf);
	struct shm_header *slot = hostile_slot(h, d.buf);
	uint32_t low = slot->meta_low, count = 0;
	const char *bytes = (const char *)slot;

	(void)order;
	if (low > c->stride)
		low = c->stride;
	for (uint32_t i = SHM_HEADER_SIZE + d.len; i < low; i++)
		count += bytes[i] != 0;
	d.len = (uint32_t)snprintf(shm_buffer_payload(slot), c->size, "%u", count);
	hostile_forward(h, d);
	return true;
}

/* Fills all of its slot that others do not need: beyond the payload, below the meta data. */
static bool do_smear(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct shm_header *slot = hostile_slot(h, d.buf);
	const struct shm_class *c = shm_layout_class(&h->wiring->layout, d.buf);
	uint32_t from = SHM_HEADER_SIZE + d.len, low = slot->meta_low;

	(void)order;
	if (low <= c->stride && from < low)
		memset((char *)slot + from, 0xee, low - from);
	return false;
}

static void try_write(const char *how, void *at, int error)
{
	fprintf(stderr, "write %s: %s\n", how, at == MAP_FAILED ? strerror(error) : "allowed");
	if (at != MAP_FAILED)
		memset(at, 0x66, 64);
}

/* Every way to write to a pool that is mapped for reading. */
static bool do_write_pool(struct hostile *h, struct sp_desc d, const struct order *order)
{
	int fd = h->fds[WIRING_FN_MEMORY], again;
	size_t size = h->wiring->layout.size;
	char path[64], byte = 0x66;
	void *at;

	(void)d, (void)order;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	try_write("mapping", at, errno);
	at = mprotect(h->base, size, PROT_READ | PROT_WRITE) < 0 ? MAP_FAILED : h->base;
	try_write("mprotect", at, errno);
	at = mremap(h->base, 0, 2U << 20, MREMAP_MAYMOVE);
	if (at != MAP_FAILED && mprotect(at, 2U << 20, PROT_READ | PROT_WRITE) < 0)
		at = MAP_FAILED;
	try_write("mremap", at, errno);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	at = again < 0 ? MAP_FAILED :
			 mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
	try_write("reopened", at, errno);
	fprintf(stderr, "write file: %s\n",
		pwrite(again < 0 ? fd : again, &byte, 1, 0) < 0 ? strerror(errno) : "allowed");
	fprintf(stderr, "write hole: %s\n",
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 << 20) < 0 ?
			strerror(errno) :
			"allowed");
	fprintf(stderr, "write done\n");
	if (again >= 0)
		close(again);
	return false;
}

const struct hostile_kind hostile_greeds[] = {
	{ "fork-bomb", do_fork_bomb },
	{ "loop", do_loop },
	{ "memory", do_memory },
	{ "fds", do_fds },
	{ "files", do_files },
	{ "linger", do_linger },
	{ "stuck", do_stuck },
	{ "peek", do_peek },
	{ "smear", do_smear },
	{ "write-pool", do_write_pool },
	{ NULL, NULL },
};
