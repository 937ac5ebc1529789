// SPDX-License-Identifier: Apache-2.0
#include "gateway/ingress.h"

#include <stdlib.h>
#include <string.h>

static int more_specific(const void *a, const void *b)
{
	const struct gw_ingress *x = a, *y = b;

	return gw_match_compare(&x->match, &y->match);
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
	gw_match_init(&entry->match, wiring_get(heap, from->host), wiring_get(heap, from->path));
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

const struct gw_ingress *gw_ingress_find(const struct gw_ingress_table *table, h2o_iovec_t host,
					 h2o_iovec_t path)
{
	size_t host_len = gw_match_host_len(host.base, host.len);

	for (uint32_t i = 0; i < table->count; i++) {
		const struct gw_ingress *entry = &table->entries[i];

		if (gw_match_holds(&entry->match, host.base, host_len, path.base, path.len))
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
