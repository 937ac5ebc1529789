// SPDX-License-Identifier: Apache-2.0
#include "gateway/ingress.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sproxy/rule.h"

/* Longest literal part first, exact before prefix. */
static int path_more_specific(const struct gw_ingress *x, const struct gw_ingress *y)
{
	uint32_t literal_x = x->path_len - x->prefix, literal_y = y->path_len - y->prefix;

	if (literal_x != literal_y)
		return literal_x > literal_y ? -1 : 1;
	return (int)x->prefix - (int)y->prefix;
}

/* Exact hosts before wildcards, longer before shorter, any host last. */
static int host_more_specific(const struct gw_ingress *x, const struct gw_ingress *y)
{
	if ((x->host_len == 0) != (y->host_len == 0))
		return (x->host_len == 0) - (y->host_len == 0);
	if (x->wildcard != y->wildcard)
		return x->wildcard - y->wildcard;
	return (int)y->host_len - (int)x->host_len;
}

/* By host; then longest literal part first, exact before prefix. */
static int more_specific(const void *a, const void *b)
{
	const struct gw_ingress *x = a, *y = b;
	int by_host = host_more_specific(x, y);

	if (by_host)
		return by_host;
	return path_more_specific(x, y);
}

static void allow_add(struct gw_ingress *entry, const char *method, size_t len)
{
	if (entry->allow_len + len + 2 > sizeof(entry->allow))
		return;
	if (entry->allow_len > 0) {
		memcpy(entry->allow + entry->allow_len, ", ", 2);
		entry->allow_len += 2;
	}
	memcpy(entry->allow + entry->allow_len, method, len);
	entry->allow_len += (uint32_t)len;
}

static bool method_listed(const struct gw_ingress *entry, const char *method, size_t len)
{
	for (uint32_t i = 0; i < entry->method_count; i++) {
		if (len == entry->method_lens[i] && memcmp(method, entry->methods[i], len) == 0)
			return true;
	}
	return false;
}

static void entry_init(struct gw_ingress *entry, const struct wiring_ingress *from,
		       const struct wiring_heap *heap)
{
	memset(entry, 0, sizeof(*entry));
	entry->host = wiring_get(heap, from->host);
	entry->wildcard = strncmp(entry->host, "*.", 2) == 0;
	entry->host += entry->wildcard;
	entry->host_len = (uint32_t)strlen(entry->host);
	entry->path = wiring_get(heap, from->path);
	entry->path_len = (uint32_t)strlen(entry->path);
	entry->prefix =
		entry->path_len >= 2 && strcmp(entry->path + entry->path_len - 2, "/*") == 0;
	entry->max_body = from->max_body;
	entry->method_count =
		from->method_count < WIRING_METHOD_MAX ? from->method_count : WIRING_METHOD_MAX;
	for (uint32_t i = 0; i < entry->method_count; i++) {
		entry->methods[i] = wiring_get(heap, from->methods[i]);
		entry->method_lens[i] = (uint32_t)strlen(entry->methods[i]);
		allow_add(entry, entry->methods[i], entry->method_lens[i]);
	}
	if (method_listed(entry, "GET", 3) && !method_listed(entry, "HEAD", 4)) {
		entry->head = true;
		allow_add(entry, "HEAD", 4);
	}
}

void gw_ingress_init(struct gw_ingress_table *table, const struct wiring_gateway *wiring)
{
	table->count = wiring->ingress_count;
	table->max_body = 0;
	for (uint32_t i = 0; i < table->count; i++) {
		entry_init(&table->entries[i], &wiring->ingress[i], &wiring->heap);
		if (table->entries[i].max_body > table->max_body)
			table->max_body = table->entries[i].max_body;
	}
	qsort(table->entries, table->count, sizeof(*table->entries), more_specific);
}

/* Bytes of a host without its port and the dot at its end. */
static size_t host_name_len(h2o_iovec_t host)
{
	size_t len = host.len;

	while (len > 0 && host.base[len - 1] >= '0' && host.base[len - 1] <= '9')
		len--;
	len = len > 0 && host.base[len - 1] == ':' ? len - 1 : host.len;
	return len > 0 && host.base[len - 1] == '.' ? len - 1 : len;
}

static bool host_match(const struct gw_ingress *entry, const char *host, size_t len)
{
	if (entry->host_len == 0)
		return true;
	if (entry->wildcard ? len <= entry->host_len : len != entry->host_len)
		return false;
	return strncasecmp(host + len - entry->host_len, entry->host, entry->host_len) == 0;
}

const struct gw_ingress *gw_ingress_find(const struct gw_ingress_table *table, h2o_iovec_t host,
					 h2o_iovec_t path)
{
	size_t host_len = host_name_len(host);

	for (uint32_t i = 0; i < table->count; i++) {
		const struct gw_ingress *entry = &table->entries[i];

		if (host_match(entry, host.base, host_len) &&
		    rule_path_match(entry->path, entry->path_len, path.base, path.len))
			return entry;
	}
	return NULL;
}

bool gw_ingress_allows(const struct gw_ingress *ingress, const char *method, size_t len)
{
	if (ingress->method_count == 0 || method_listed(ingress, method, len))
		return true;
	return ingress->head && len == 4 && memcmp(method, "HEAD", 4) == 0;
}
