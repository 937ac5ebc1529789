/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.h - which of several entries, each for a host and a path, takes a request.
 *
 * For: a gateway's ingress, and the front, which must see them alike.
 * How: entries are sorted, the most specific first, and the first that holds is taken. The
 * host goes before the path: a name, then a pattern of subdomains (longer before shorter),
 * then any. Of paths the longer literal part goes first, an exact one before a prefix.
 * Thread-safety: an entry is read-only once made.
 */
#ifndef SPROCKET_GATEWAY_MATCH_H
#define SPROCKET_GATEWAY_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_match {
	const char *host; /* "": any; "*.x": subdomains of x */
	uint32_t host_len;
	const char *path;
	uint32_t path_len;
	bool prefix; /* the path ends in a star */
};

/* Makes an entry of two strings, which it keeps pointing to. */
void gw_match_init(struct gw_match *match, const char *host, const char *path);

/* For sorting: negative when `a` is to be asked before `b`. */
int gw_match_compare(const struct gw_match *a, const struct gw_match *b);

/* True when the entry takes requests for this host (in any case, without port) and path. */
bool gw_match_holds(const struct gw_match *match, const char *host, size_t host_len,
		    const char *path, size_t path_len);

/* Bytes of an authority ("shop.example:80", "[::1]:80") that are its host, without the dot at
 * its end. */
size_t gw_match_host_len(const char *authority, size_t len);

#endif
