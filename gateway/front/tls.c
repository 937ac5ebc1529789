// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/next.h"

#define SUBJECT_MAX 1024 /* a longer one is not passed on: the client is refused instead */

static int refuse(char why[FRONT_WHY_MAX], const char *text)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(why, FRONT_WHY_MAX, "%s%s%s%s", text, reason ? " (" : "", reason ? reason : "",
		 reason ? ")" : "");
	ERR_clear_error();
	return -EINVAL;
}

/* A key with a passphrase is an error, not a question on a terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *bio_of(const struct front_bytes *bytes)
{
	return BIO_new_mem_buf(bytes->data, (int)bytes->len);
}

/* True at the end of a PEM file, false at garbage in it. */
static bool pem_ended(void)
{
	unsigned long e = ERR_peek_last_error();

	if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static int chain_use(SSL_CTX *ctx, BIO *bio)
{
	X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
	int ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
		if (!ok)
			X509_free(cert);
	}
	return ok && pem_ended() ? 0 : -EINVAL;
}

static int key_use(SSL_CTX *ctx, BIO *bio)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	int ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	return ok ? 0 : -EINVAL;
}

static int authorities_use(SSL_CTX *ctx, BIO *bio)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509 *cert;
	int count = 0, ok = 1;

	while (ok && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		ok = X509_STORE_add_cert(store, cert) == 1 && SSL_CTX_add_client_CA(ctx, cert) == 1;
		X509_free(cert);
		count++;
	}
	return ok && count > 0 && pem_ended() ? 0 : -EINVAL;
}

static int use(SSL_CTX *ctx, const struct front_bytes *bytes, int (*take)(SSL_CTX *, BIO *))
{
	BIO *bio = bio_of(bytes);
	int r = bio ? take(ctx, bio) : -EINVAL;

	BIO_free(bio);
	return r;
}

static int files_use(SSL_CTX *ctx, const struct front_bytes *cert, const struct front_bytes *key,
		     const struct front_bytes *client_ca, char why[FRONT_WHY_MAX])
{
	if (use(ctx, cert, chain_use) < 0)
		return refuse(why, "the certificate file is not a chain of PEM certificates");
	if (use(ctx, key, key_use) < 0)
		return refuse(why, "the key file is not the certificate's PEM key without a "
				   "passphrase");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(why, "certificate and key do not belong together");
	if (!client_ca->data)
		return 0;
	if (use(ctx, client_ca, authorities_use) < 0)
		return refuse(why, "the file of client authorities has no PEM certificates, or "
				   "something else");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

/* RFC 7301, 3.2: who knows none of ours is refused. libh2o's would let a client of any other
 * protocol, brought here by somebody between, take what HTTP/1 says for its own. */
static int on_protocols(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
			const unsigned char *theirs, unsigned len, void *arg)
{
	static const unsigned char ours[] = "\2h2\10http/1.1";
	unsigned char *selected;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&selected, ret_len, ours, sizeof(ours) - 1, theirs, len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = selected;
	return SSL_TLSEXT_ERR_OK;
}

int front_tls_new(const struct front_bytes *cert, const struct front_bytes *key,
		  const struct front_bytes *client_ca, SSL_CTX **ret, char why[FRONT_WHY_MAX])
{
	static const unsigned char name[] = "sprocket-front";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	ERR_clear_error();
	if (!ctx)
		return refuse(why, "OpenSSL gives no context");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* A session of a client with a certificate can be resumed only within a named context. */
	SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1);
	SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
	r = files_use(ctx, cert, key, client_ca, why);
	if (r < 0) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}

/* libh2o calls it by its dynamic symbol; the one here, exported by the executable, takes its place.
 * After a client's close_notify OpenSSL reads no more, and libh2o would keep all that still comes:
 * so from the second time on it is an error, which ends the connection. */
__attribute__((visibility("default"))) int SSL_read(SSL *ssl, void *buf, int len)
{
	static void *cache;
	int (*next)(SSL *, void *, int);
	bool ended = SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN;
	int n;

	*(void **)&next = gw_next(&cache, "SSL_read");
	n = next(ssl, buf, len);
	return n == 0 && ended ? -1 : n;
}

char *front_tls_subject(const SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	BIO *bio = cert ? BIO_new(BIO_s_mem()) : NULL;
	char *text = NULL, *data;
	long len;

	if (bio && SSL_get_verify_result(ssl) == X509_V_OK &&
	    X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
		len = BIO_get_mem_data(bio, &data);
		if (len > 0 && len <= SUBJECT_MAX)
			text = strndup(data, (size_t)len);
	}
	BIO_free(bio);
	return text;
}
