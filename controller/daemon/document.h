/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - what was declared of one chain: the text as it was given, and what is needed to
 * read it again later without the executables.
 *
 * For: the daemon. The store keeps it on disk, the fdstore beside a running chain.
 * How: a plain struct and its JSON. The chain itself is never stored: it is parsed from the
 * text each time, so that there is one parser and one truth.
 * Trust: the JSON comes from our own disk, and is checked as if it did not.
 * Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_DOCUMENT_H
#define SPROCKET_CONTROLLER_DAEMON_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/chain.h"
#include "controller/chain_describe.h"

#define DOCUMENT_VERSION 1
#define DOCUMENT_MAX (32U << 20) /* bytes of its JSON: a chain file and 254 descriptions fit */

struct document {
	char *name; /* of the chain */
	char *file; /* absolute path that `yaml` was read from: relative ones begin there */
	char *yaml; /* NUL-terminated */
	size_t yaml_len;
	struct chain_declarations declared;
	bool drained;         /* stays declared, does not run */
	uint64_t rolled_back; /* bit n: function n, a second revision, was rolled back since */
	uint64_t generation;
	uint64_t created_s; /* CLOCK_REALTIME */
};

/* Parses the text. Returns 0 and *ret; -EINVAL with lines on `errors`; -ENOMEM. */
int document_chain(const struct document *document, FILE *errors, struct chain **ret);

/* Its JSON, NUL-terminated, of the caller; NULL without memory, or when a text is no UTF-8. */
char *document_text(const struct document *document, size_t *ret_len);

/* Returns 0 and *ret; -EBADMSG when the text is no document; -ENOMEM. */
int document_parse(const char *text, size_t len, struct document **ret);

/* Takes NULL; returns NULL. */
struct document *document_free(struct document *document);

#endif
