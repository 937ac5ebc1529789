// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/outbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

void sdk_outbox_init(struct sdk_outbox *outbox, int fd)
{
	outbox->fd = fd;
	outbox->error = 0;
	outbox->used = 0;
}

static int row_send(struct sdk_outbox *outbox, const struct sdk_row *row)
{
	size_t len = row->count * sizeof(row->desc[0]);
	ssize_t n;

	do
		n = send(outbox->fd, row->desc, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* The receiver died between the verdict and the redirect. It owns the buffers all the
	 * same, so they are taken back from it as those that reached it. */
	if (n < 0 && errno == EPIPE)
		return 0;
	if (n < 0)
		return -errno;
	/* The program judges whole messages; a part would be a violation at the next send. */
	return (size_t)n == len ? 0 : -EIO;
}

static int send_rows(struct sdk_outbox *outbox, bool releases)
{
	int r;

	for (uint32_t i = 0; i < outbox->used; i++) {
		const struct sdk_row *row = &outbox->rows[i];

		if ((row->edge == SP_EDGE_RELEASE) != releases)
			continue;
		r = row_send(outbox, row);
		if (r < 0)
			return r;
	}
	return 0;
}

int sdk_outbox_flush(struct sdk_outbox *outbox)
{
	if (outbox->error || outbox->used == 0)
		return outbox->error;
	outbox->error = send_rows(outbox, true);
	if (!outbox->error)
		outbox->error = send_rows(outbox, false);
	outbox->used = 0;
	return outbox->error;
}

static struct sdk_row *row_find(struct sdk_outbox *outbox, const struct sp_desc *desc)
{
	for (uint32_t i = 0; i < outbox->used; i++) {
		struct sdk_row *row = &outbox->rows[i];

		if (row->edge == desc->edge && row->home == desc->home)
			return row;
	}
	return NULL;
}

int sdk_outbox_put(struct sdk_outbox *outbox, const struct sp_desc *desc)
{
	struct sdk_row *row = row_find(outbox, desc);

	if (row ? row->count == SP_BATCH_MAX : outbox->used == SDK_ROWS) {
		sdk_outbox_flush(outbox);
		row = NULL;
	}
	if (outbox->error)
		return outbox->error;
	if (!row) {
		row = &outbox->rows[outbox->used++];
		row->edge = desc->edge;
		row->home = desc->home;
		row->count = 0;
	}
	row->desc[row->count++] = *desc;
	return 0;
}
