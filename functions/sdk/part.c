// SPDX-License-Identifier: Apache-2.0
/*
 * part.c - what the function at a join is given: the answers of a fan-out's branches.
 */
#include <errno.h>
#include <string.h>

#include "functions/sdk/request.h"

size_t sp_part_count(sp_request *req)
{
	return req->part_count;
}

int sp_part_at(sp_request *req, size_t i, sp_part *ret)
{
	const struct sp_worker *worker = req->worker;
	struct sdk_port *port = worker->port;
	struct sdk_part *part;
	const struct shm_header *h;
	const char *name;

	if (i >= req->part_count)
		return -ENOENT;
	part = &req->parts[i];
	h = &part->header;
	name = sdk_function_name(worker, h->part_fn);
	*ret = (sp_part){ .function = { name, strlen(name) },
			  .error = h->error < SP_ERROR_COUNT ? (sp_error)h->error : SP_EINTERNAL,
			  .status = h->status,
			  .body = { shm_buffer_payload(part->slot.at), part->len } };
	if (h->body_buf != 0)
		ret->body = (sp_str){ port->view(port, h->body_buf - 1, h->body_len), h->body_len };
	return 0;
}
