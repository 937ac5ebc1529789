// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/outbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "functions/sdk/handover.h"

void sdk_outbox_init(struct sdk_outbox *outbox, int fd)
{
	outbox->fd = fd;
	outbox->error = 0;
	outbox->used = 0;
	outbox->refers = false;
}

char sdk_handover;

int sdk_send(int fd, const struct sp_desc *descs, uint32_t count)
{
	size_t len = count * sizeof(*descs);
	ssize_t n;

	sdk_handover_sends();
	do
		n = send(fd, descs, len, MSG_NOSIGNAL);
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

enum rank { RELEASES, REFERRING, REST };

static enum rank rank_of(const struct sdk_row *row)
{
	return row->edge == SP_EDGE_RELEASE ? RELEASES : row->refers ? REFERRING : REST;
}

static int send_rows(struct sdk_outbox *outbox, enum rank rank)
{
	int r;

	for (uint32_t i = 0; i < outbox->used; i++) {
		const struct sdk_row *row = &outbox->rows[i];

		if (rank_of(row) != rank)
			continue;
		r = sdk_send(outbox->fd, row->desc, row->count);
		if (r < 0)
			return r;
	}
	return 0;
}

int sdk_outbox_flush(struct sdk_outbox *outbox)
{
	if (outbox->error || outbox->used == 0)
		return outbox->error;
	if (outbox->used == 1) {
		outbox->error = sdk_send(outbox->fd, outbox->rows[0].desc, outbox->rows[0].count);
	} else {
		outbox->error = send_rows(outbox, RELEASES);
		if (!outbox->error && outbox->refers)
			outbox->error = send_rows(outbox, REFERRING);
		if (!outbox->error)
			outbox->error = send_rows(outbox, REST);
	}
	outbox->used = 0;
	outbox->refers = false;
	return outbox->error;
}

int sdk_outbox_send(struct sdk_outbox *outbox, const struct sp_desc *descs, uint32_t count)
{
	sdk_outbox_flush(outbox);
	if (!outbox->error)
		outbox->error = sdk_send(outbox->fd, descs, count);
	return outbox->error;
}

#define CALLS 0xffffU /* in place of a row's home */

/* What refers has rows of its own: a request in one would leave before what refers to it in the
 * next. */
static struct sdk_row *row_find(struct sdk_outbox *outbox, uint8_t edge, uint16_t home, bool refers)
{
	for (uint32_t i = 0; i < outbox->used; i++) {
		struct sdk_row *row = &outbox->rows[i];

		if (row->edge == edge && row->home == home && row->refers == refers)
			return row;
	}
	return NULL;
}

static int put(struct sdk_outbox *outbox, const struct sp_desc *desc, uint16_t home)
{
	bool refers = desc->edge < SP_EDGE_MAX && desc->flags & SP_DESC_SHARES;
	struct sdk_row *row = row_find(outbox, desc->edge, home, refers);

	if (row ? row->count == SP_BATCH_MAX : outbox->used == SDK_ROWS) {
		sdk_outbox_flush(outbox);
		row = NULL;
	}
	if (outbox->error)
		return outbox->error;
	if (!row) {
		row = &outbox->rows[outbox->used++];
		row->edge = desc->edge;
		row->home = home;
		row->refers = refers;
		row->count = 0;
	}
	outbox->refers |= refers;
	row->desc[row->count++] = *desc;
	return 0;
}

int sdk_outbox_put(struct sdk_outbox *outbox, const struct sp_desc *desc)
{
	return put(outbox, desc, desc->home);
}

int sdk_outbox_put_call(struct sdk_outbox *outbox, const struct sp_desc *desc)
{
	return put(outbox, desc, CALLS);
}
