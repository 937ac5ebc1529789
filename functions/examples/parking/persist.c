/* SPDX-License-Identifier: Apache-2.0 */
/*
 * persist.c - after index: writes down what is known of a visitor, before anything is charged.
 *
 * Config `file` names the file; none is an unnamed one that goes with the process. Each ticket
 * has a line of its own in it, always of the same length, so the file grows no further than
 * there are tickets, and whoever reads it finds whole lines only. With config `sync: yes` the
 * record is on the disk before the request goes on; without it the kernel has it, which is
 * enough against everything but a power cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprocket.h>

#include "record.h"

#define LINE_BYTES 96U /* ticket, plate, minutes, holder and blanks up to the line's end */
#define UNNAMED_FOLDER "/tmp"

static const char *const config[] = { "file=", "sync=no", NULL };

struct journal {
	int fd;
	bool sync;
};

SP_COUNTER(records_persisted);

static int init(sp_worker *worker, void **state)
{
	const char *file = sp_config(worker, "file").data, *sync = sp_config(worker, "sync").data;
	struct journal *journal;
	int fd, r;

	if (strcmp(sync, "yes") != 0 && strcmp(sync, "no") != 0) {
		sp_log(NULL, SP_ERROR, "sync %s: expected yes or no", sync);
		return -EINVAL;
	}
	fd = file[0] ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) :
		       open(UNNAMED_FOLDER, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		sp_log(NULL, SP_ERROR, "file %s: %s", file[0] ? file : "in " UNNAMED_FOLDER,
		       strerror(-r));
		return r;
	}
	journal = malloc(sizeof(*journal));
	if (!journal) {
		close(fd);
		return -ENOMEM;
	}
	*journal = (struct journal){ .fd = fd, .sync = strcmp(sync, "yes") == 0 };
	*state = journal;
	return 0;
}

static void fini(void *state)
{
	struct journal *journal = state;

	close(journal->fd);
	free(journal);
}

/* Returns 0 or -errno; part of a line is never left for the next one to be mistaken for. */
static int journal_write(const struct journal *journal, const struct record *record)
{
	char line[LINE_BYTES + 16]; /* numbers of a record have five digits */
	ssize_t written;

	snprintf(line, sizeof(line), "%5u %-10s %5u %-*s\n", record->ticket, record->plate,
		 record->minutes, (int)(LINE_BYTES - 24), record->holder);
	written = pwrite(journal->fd, line, LINE_BYTES,
			 (off_t)(record->ticket - 1) * (off_t)LINE_BYTES);
	if (written != (ssize_t)LINE_BYTES)
		return written < 0 ? -errno : -ENOSPC;
	return journal->sync && fdatasync(journal->fd) < 0 ? -errno : 0;
}

static sp_verdict persist(sp_request *req, void *state)
{
	struct record record;
	int r;

	if (record_read(req, &record) < 0 || record.ticket == 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of index");
	r = journal_write(state, &record);
	if (r < 0) {
		sp_log(req, SP_ERROR, "ticket %u cannot be written: %s", record.ticket,
		       strerror(-r));
		return sp_fail(req, SP_EUNAVAILABLE, "the visitor cannot be written down");
	}
	sp_count(&records_persisted, 1);
	return SP_NEXT;
}

SP_FUNCTION(.name = "persist", .version = "1", .init = init, .fini = fini, .on_request = persist,
	    .config = config);
