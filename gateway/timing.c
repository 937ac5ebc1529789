// SPDX-License-Identifier: Apache-2.0
#include "gateway/timing.h"

#include <stdio.h>
#include <string.h>

#include "gateway/request.h"
#include "gateway/worker.h"

/* Milliseconds with four decimals: a stamp is good for 0.1 us. */
static double milliseconds(uint32_t ns)
{
	return (double)ns / 1e6;
}

/* "64Ki", "1Mi", "100". */
static int size_format(char *to, size_t size, uint32_t bytes)
{
	if (bytes >= 1U << 20 && bytes % (1U << 20) == 0)
		return snprintf(to, size, "%uMi", bytes >> 20);
	if (bytes >= 1U << 10 && bytes % (1U << 10) == 0)
		return snprintf(to, size, "%uKi", bytes >> 10);
	return snprintf(to, size, "%u", bytes);
}

void gw_timing_put(const struct gw_request *r)
{
	const struct gateway *g = r->worker->gateway;
	const struct sp_owner *o = &g->owners[r->buf];
	uint32_t hops = o->hops < SP_HOPS_MAX ? o->hops : SP_HOPS_MAX;
	size_t size = 128, len = 0;
	char class_size[16];
	char *text;

	for (uint32_t i = 0; i < hops; i++)
		size += strlen(gw_function_name(g, o->hop[i].fn)) + 64;
	text = h2o_mem_alloc_pool(&r->req->pool, size);
	for (uint32_t i = 0; i + 1 < hops; i++) {
		const struct sp_hop *hop = &o->hop[i];

		len += (size_t)snprintf(text + len, size - len, "%s;dur=%.4f;desc=\"slot %u\", ",
					gw_function_name(g, hop->fn),
					milliseconds(hop[1].at_ns - hop->at_ns), hop->slot);
	}
	size_format(class_size, sizeof(class_size),
		    shm_layout_class(&g->wiring.layout, r->buf)->size);
	len += (size_t)snprintf(text + len, size - len, "total;dur=%.4f, buffer;desc=\"%s/%u\"",
				milliseconds(hops ? o->hop[hops - 1].at_ns : 0), class_size,
				r->buf);
	h2o_add_header_by_str(&r->req->pool, &r->req->res.headers, H2O_STRLIT("server-timing"), 0,
			      NULL, text, len);
}
