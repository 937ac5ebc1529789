// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_operator.c - any bytes as what an operator sends to sprocketd: the path of a request, and
 * a declared chain as it is stored.
 *
 * How: the first byte says which: 0: method, a space, and a path; else the JSON of a document,
 * whose chain is then parsed. No executable is run: what they declare is part of the document.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/api_private.h"
#include "controller/daemon/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void route(const char *text, size_t size, bool metrics)
{
	struct api api = { .options = { .socket_path = "/run/socket" } };
	struct api_client client = { .api = &api, .allowed = true, .metrics = metrics };
	struct api_request request = { .api = &api, .client = &client };
	char *line = strndup(text, size), *url;

	require(line != NULL);
	url = strchr(line, ' ');
	if (url) {
		*url++ = '\0';
		api_route(&request, url, line);
		require(request.route != NULL || request.response != NULL);
		for (size_t i = 0; i < API_SEGMENT_MAX; i++) {
			require(!request.segments[i] || strlen(request.segments[i]) > 0);
			free(request.segments[i]);
		}
		if (request.response)
			MHD_destroy_response(request.response);
	}
	free(line);
}

static void document(const char *text, size_t size)
{
	struct document *d = NULL, *again = NULL;
	struct chain *chain = NULL;
	size_t errors_len, len;
	char *errors, *written;
	FILE *file;
	int r = document_parse(text, size, &d);

	require(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	/* What is written is read as the same. */
	written = document_text(d, &len);
	require(written != NULL);
	require(document_parse(written, len, &again) == 0);
	require(again->yaml_len == d->yaml_len && !memcmp(again->yaml, d->yaml, d->yaml_len) &&
		!strcmp(again->name, d->name) && again->declared.count == d->declared.count);
	document_free(again);
	free(written);
	file = open_memstream(&errors, &errors_len);
	require(file != NULL);
	r = document_chain(d, file, &chain);
	fclose(file);
	require(r == 0 || (r == -EINVAL && errors_len > 0));
	free(errors);
	chain_free(chain);
	document_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] < 2)
		route((const char *)data + 1, size - 1, data[0]);
	else
		document((const char *)data + 1, size - 1);
	return 0;
}
