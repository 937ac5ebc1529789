// SPDX-License-Identifier: Apache-2.0
/*
 * later.c - requests that something else than the handler's thread completes.
 */
#include "functions/sdk/request.h"

sp_token *sp_defer(sp_request *req)
{
	req->token.out = true;
	req->token.done = false;
	__atomic_store_n(&req->token.given, false, __ATOMIC_RELAXED);
	return &req->token;
}

void sp_complete(sp_token *token, sp_verdict verdict)
{
	struct sdk_port *port = token->req->worker->port;

	if (__atomic_exchange_n(&token->given, true, __ATOMIC_RELAXED)) {
		sp_log(NULL, SP_ERROR,
		       "sp_complete was called twice on one token: the first holds");
		return;
	}
	token->verdict = verdict == SP_DEFERRED ? SP_FAILED : verdict;
	port->complete(port, token);
}

sp_verdict sp_await(sp_request *req)
{
	struct sdk_port *port = req->worker->port;

	if (!req->token.out && !req->token.done) {
		sp_log(req, SP_ERROR, "sp_await without sp_defer");
		return sp_fail(req, SP_EINTERNAL, "sp_await without sp_defer");
	}
	return port->await(port, req);
}

int sp_canceled(sp_request *req)
{
	return sdk_request_canceled(req) || sp_remaining_ns(req) == 0;
}
