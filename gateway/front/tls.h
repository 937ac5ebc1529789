/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - what the front shows its clients: certificate, protocols, and whom it asks for one.
 *
 * How: a context of OpenSSL, TLS 1.2 and later, ALPN h2 and http/1.1, from bytes in memory. A
 * new certificate is a new context: handshakes that have begun go on with theirs.
 * Thread-safety: a context is shared by the workers; OpenSSL counts its references.
 */
#ifndef SPROCKET_GATEWAY_FRONT_TLS_H
#define SPROCKET_GATEWAY_FRONT_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>

#define FRONT_WHY_MAX 256

struct front_bytes {
	char *data;
	size_t len;
};

/* Makes a context. `client_ca` with data NULL: clients need no certificate. Returns 0 and
 * *ret, or -EINVAL with a sentence in `why`. */
int front_tls_new(const struct front_bytes *cert, const struct front_bytes *key,
		  const struct front_bytes *client_ca, SSL_CTX **ret, char why[FRONT_WHY_MAX]);

/* The subject of a verified client's certificate (RFC 2253, ASCII), malloc'ed; or NULL. */
char *front_tls_subject(const SSL *ssl);

#endif
