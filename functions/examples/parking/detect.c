/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detect.c - first function of the chain: from a camera's JPEG to the plate in it.
 *
 * The picture is replaced by a record of a hundred bytes, in the same buffer: nothing
 * larger travels on.
 */
#include <errno.h>
#include <stdlib.h>

#include <sprocket.h>

#include "reader.h"
#include "record.h"

SP_COUNTER(plates_read);
SP_COUNTER(plates_missed);
SP_COUNTER(pictures_refused);

static int init(sp_worker *worker, void **state)
{
	struct reader *reader = malloc(sizeof(*reader));

	(void)worker;
	if (!reader || reader_init(reader) < 0) {
		free(reader);
		return -ENOMEM;
	}
	*state = reader;
	return 0;
}

static void fini(void *state)
{
	reader_done(state);
	free(state);
}

static sp_verdict refuse(sp_request *req, int error, const char *reason)
{
	switch (error) {
	case -ENOENT:
		sp_count(&plates_missed, 1);
		return sp_fail(req, SP_EINPUT, "the picture shows no readable plate");
	case -ETIME:
		return sp_fail(req, SP_ETIMEOUT, "%s", reason);
	}
	sp_count(&pictures_refused, 1);
	return sp_fail(req,
		       error == -EPROTONOSUPPORT ? SP_EUNSUPPORTED :
		       error == -EFBIG           ? SP_ETOOBIG :
						   SP_EINPUT,
		       "%s", reason);
}

static sp_verdict detect(sp_request *req, void *state)
{
	struct reader *reader = state;
	struct record record = { 0 };
	sp_buf body = sp_body(req);
	int r;

	reader->picture.deadline_ns = sp_meta_of(req)->deadline_ns;
	r = reader_read_jpeg(reader, body.data, body.len, record.plate, &record.box);
	if (r < 0)
		return refuse(req, r, reader->picture.reason);
	record.image_width = reader->picture.full_width;
	record.image_height = reader->picture.full_height;
	if (record_write(req, &record) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the record");
	sp_count(&plates_read, 1);
	return SP_NEXT;
}

SP_FUNCTION(.name = "detect", .version = "1", .init = init, .fini = fini, .on_request = detect);
