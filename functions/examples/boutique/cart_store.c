/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cart_store.h"

struct cart_store {
	struct cart *carts;
	uint32_t *table; /* 1 + index of the first cart with this hash */
	uint32_t mask;
	uint32_t capacity;
	uint32_t count; /* in use */
	uint32_t used;  /* ever taken; beyond it all are fresh */
	uint32_t free;  /* given back */
	uint32_t newest;
	uint32_t oldest;
	uint64_t key;
};

struct cart_store *cart_store_new(uint32_t capacity)
{
	struct cart_store *store = calloc(1, sizeof(*store));
	uint32_t size = 16;

	if (!store)
		return NULL;
	while (size < capacity)
		size *= 2;
	store->carts = calloc(capacity, sizeof(*store->carts));
	store->table = calloc(size, sizeof(*store->table));
	store->mask = size - 1;
	store->capacity = capacity;
	if (!store->carts || !store->table ||
	    getrandom(&store->key, sizeof(store->key), 0) != sizeof(store->key))
		return cart_store_free(store);
	return store;
}

struct cart_store *cart_store_free(struct cart_store *store)
{
	if (store) {
		free(store->carts);
		free(store->table);
		free(store);
	}
	return NULL;
}

static struct cart *cart_at(struct cart_store *store, uint32_t number)
{
	return &store->carts[number - 1];
}

static uint32_t number_of(const struct cart_store *store, const struct cart *cart)
{
	return (uint32_t)(cart - store->carts) + 1;
}

static uint32_t *bucket_of(struct cart_store *store, sp_str user)
{
	/* The key goes in twice: FNV alone lets its seed cancel out. */
	return &store->table[(text_hash(user, store->key) * (store->key | 1)) >> 32 & store->mask];
}

static struct cart *find(struct cart_store *store, sp_str user)
{
	for (uint32_t n = *bucket_of(store, user); n; n = cart_at(store, n)->next)
		if (text_is(user, cart_at(store, n)->user))
			return cart_at(store, n);
	return NULL;
}

static void age_unlink(struct cart_store *store, struct cart *cart)
{
	*(cart->newer ? &cart_at(store, cart->newer)->older : &store->newest) = cart->older;
	*(cart->older ? &cart_at(store, cart->older)->newer : &store->oldest) = cart->newer;
}

static void age_newest(struct cart_store *store, struct cart *cart)
{
	uint32_t number = number_of(store, cart);

	cart->newer = 0;
	cart->older = store->newest;
	*(store->newest ? &cart_at(store, store->newest)->newer : &store->oldest) = number;
	store->newest = number;
}

static void drop(struct cart_store *store, struct cart *cart)
{
	uint32_t number = number_of(store, cart), *link = bucket_of(store, text_of(cart->user));

	while (*link != number)
		link = &cart_at(store, *link)->next;
	*link = cart->next;
	age_unlink(store, cart);
	cart->next = store->free;
	store->free = number;
	store->count--;
}

static struct cart *take(struct cart_store *store, sp_str user, bool *ret_evicted)
{
	uint32_t *bucket, number;
	struct cart *cart;

	*ret_evicted = store->count == store->capacity;
	if (*ret_evicted)
		drop(store, cart_at(store, store->oldest));
	number = store->free;
	if (number)
		store->free = cart_at(store, number)->next;
	else
		number = ++store->used;
	cart = cart_at(store, number);
	memset(cart, 0, sizeof(*cart));
	memcpy(cart->user, user.data, user.len);
	bucket = bucket_of(store, user);
	cart->next = *bucket;
	*bucket = number;
	age_newest(store, cart);
	store->count++;
	return cart;
}

const struct cart *cart_get(struct cart_store *store, sp_str user)
{
	struct cart *cart = find(store, user);

	if (cart && store->newest != number_of(store, cart)) {
		age_unlink(store, cart);
		age_newest(store, cart);
	}
	return cart;
}

int cart_add(struct cart_store *store, sp_str user, const struct line *line, bool *ret_evicted)
{
	struct cart *cart = find(store, user);
	uint32_t i = 0;

	*ret_evicted = false;
	while (cart && i < cart->count && !text_is(line->id, cart->lines[i].id))
		i++;
	if (i == LINES_MAX)
		return -ENOSPC;
	if (cart && i < cart->count && cart->lines[i].quantity > QUANTITY_MAX - line->quantity)
		return -ERANGE;
	if (!cart)
		cart = take(store, user, ret_evicted);
	if (i == cart->count) {
		memcpy(cart->lines[i].id, line->id.data, line->id.len);
		cart->count++;
	}
	cart->lines[i].quantity += line->quantity;
	cart_get(store, user);
	return 0;
}

void cart_empty(struct cart_store *store, sp_str user)
{
	struct cart *cart = find(store, user);

	if (cart)
		drop(store, cart);
}

uint32_t cart_count(const struct cart_store *store)
{
	return store->count;
}
