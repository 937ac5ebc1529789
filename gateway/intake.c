// SPDX-License-Identifier: Apache-2.0
#include "gateway/intake.h"

#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/gateway.h"
#include "gateway/problem.h"

void gw_intake_http(h2o_globalconf_t *http, void (*handler)(h2o_pathconf_t *path))
{
	h2o_hostconf_t *host;

	h2o_config_init(http);
	http->server_name = h2o_iovec_init(H2O_STRLIT(""));
	http->http1.req_timeout = GW_IDLE_MS;
	http->http2.idle_timeout = GW_IDLE_MS;
	host = h2o_config_register_host(http, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	host->http2.reprioritize_blocking_assets = 0;
	host->http2.push_preload = 0;
	host->fallback_path.error_log.emit_request_errors = 0;
	gw_problem_filter(&host->fallback_path);
	handler(&host->fallback_path);
}

uint32_t gw_intake_fds(void)
{
	struct rlimit limit;
	uint64_t usable;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = limit.rlim_max = 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	usable = limit.rlim_cur > UINT32_MAX ? UINT32_MAX : limit.rlim_cur;
	return usable > GW_FD_RESERVE + 16 ? (uint32_t)usable - GW_FD_RESERVE : 16;
}

bool gw_intake_hop_by_hop(h2o_iovec_t connection, const h2o_header_t *h)
{
	if (h2o_iovec_is_token(h->name)) {
		const h2o_token_t *token = H2O_STRUCT_FROM_MEMBER(h2o_token_t, buf, h->name);

		if (token->proxy_should_drop_for_req || token == H2O_TOKEN_CONNECTION ||
		    token == H2O_TOKEN_KEEP_ALIVE || token == H2O_TOKEN_TE ||
		    token == H2O_TOKEN_TRANSFER_ENCODING || token == H2O_TOKEN_UPGRADE)
			return true;
	} else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("trailer"))) {
		return true;
	}
	if (h->name->len > 6 && memcmp(h->name->base, "proxy-", 6) == 0)
		return true;
	return connection.len > 0 && h2o_contains_token(connection.base, connection.len,
							h->name->base, h->name->len, ',');
}

h2o_iovec_t gw_intake_connection(h2o_mem_pool_t *pool, h2o_iovec_t connection, h2o_iovec_t next)
{
	return connection.len == 0 ?
		       next :
		       h2o_concat(pool, connection, h2o_iovec_init(H2O_STRLIT(", ")), next);
}

bool gw_intake_host_known(const h2o_req_t *req)
{
	return req->authority.base != req->hostconf->authority.hostport.base;
}

void gw_intake_target_resolve(h2o_req_t *req)
{
	const char *colon;
	h2o_url_t url;

	if (req->version >= 0x200 || req->path.len == 0 || req->path.base[0] == '/')
		return;
	/* A scheme is the same in any case; libh2o knows it in lower case. */
	colon = memchr(req->path.base, ':', req->path.len);
	if (colon)
		h2o_strtolower(req->path.base, (size_t)(colon - req->path.base));
	if (h2o_url_parse(req->path.base, req->path.len, &url) < 0 ||
	    memchr(url.authority.base, '?', url.authority.len))
		return;
	req->authority = url.authority;
	req->path = url.path;
	req->path_normalized = h2o_url_normalize_path(&req->pool, url.path.base, url.path.len,
						      &req->query_at, &req->norm_indexes);
}

bool gw_intake_path_valid(const h2o_req_t *req)
{
	if (req->path.len == 0 || req->path.base[0] != '/')
		return false;
	for (size_t i = 0; i < req->path_normalized.len; i++) {
		unsigned char c = (unsigned char)req->path_normalized.base[i];

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}
