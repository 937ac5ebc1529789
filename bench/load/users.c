// SPDX-License-Identifier: Apache-2.0
/* users.c - who asks what next, and with which words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/mix.h"

#define QUANTITY_MAX 10U

/* As functions/examples/boutique/mix.txt says. */
static const char *const products[] = {
	"OLJCESPC7Z", "66VCHSJNUP", "1YMWWN1N4O", "L9ECAV7KIM", "2ZYFJ3GM2N",
	"0PUK6V6EV0", "LS4PSXUNUM", "9SIQT8TOJO", "6E92ZMYYFZ",
};
static const char *const currencies[] = { "EUR", "USD", "JPY", "CAD", "GBP", "TRY" };

#define PRODUCTS (sizeof(products) / sizeof(products[0]))
#define PRODUCT_LEN 10U
#define CURRENCIES (sizeof(currencies) / sizeof(currencies[0]))
#define CURRENCY_LEN 3U
#define WORD_MAX 10U /* a product's bytes, a number's digits */

enum word { WORD_NONE, WORD_PRODUCT, WORD_QUANTITY, WORD_CURRENCY, WORD_USER };

/* Whether `text` begins with that literal, with the length known when it is compiled. */
#define BEGINS(text, len, literal) \
	((len) >= sizeof(literal) - 1 && !memcmp(text, literal, sizeof(literal) - 1))

/* Which word `text`, which begins with a brace, is; *ret_len with both braces. */
static enum word word_at(const char *text, size_t len, size_t *ret_len)
{
	if (BEGINS(text, len, "{product}")) {
		*ret_len = sizeof("{product}") - 1;
		return WORD_PRODUCT;
	}
	if (BEGINS(text, len, "{user}")) {
		*ret_len = sizeof("{user}") - 1;
		return WORD_USER;
	}
	*ret_len = sizeof("{quantity}") - 1; /* and of currency */
	if (BEGINS(text, len, "{quantity}"))
		return WORD_QUANTITY;
	return BEGINS(text, len, "{currency}") ? WORD_CURRENCY : WORD_NONE;
}

/* The first word of a text; NULL: none. */
static const char *word_find(const char *text, size_t len, enum word *ret, size_t *ret_len)
{
	const char *end = text + len, *brace = text;

	while (brace < end && (brace = memchr(brace, '{', (size_t)(end - brace)))) {
		*ret = word_at(brace, (size_t)(end - brace), ret_len);
		if (*ret != WORD_NONE)
			return brace;
		brace++;
	}
	return NULL;
}

bool bench_text_filled(const char *text, size_t len)
{
	enum word word;
	size_t word_len;

	return len && word_find(text, len, &word, &word_len);
}

int bench_users_init(struct bench_users *u, const struct bench_mix *mix, uint32_t count,
		     uint32_t first_number, uint64_t seed)
{
	struct bench_user *users;

	if (!count || !mix->weight)
		return -EINVAL;
	users = calloc(count, sizeof(*users));
	if (!users)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		users[i].step = mix->visits[0].steps; /* at its end: begins another one */
	*u = (struct bench_users){
		.mix = mix, .count = count, .first_number = first_number, .users = users
	};
	bench_random_seed(&u->random, seed);
	return 0;
}

void bench_users_done(struct bench_users *u)
{
	free(u->users);
	*u = (struct bench_users){ 0 };
}

/* The visit whose share of the weights holds `at`. */
static uint32_t visit_at(const struct bench_mix *mix, uint64_t at)
{
	uint32_t low = 0, high = mix->visit_count - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (at < mix->visits[middle].below)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void begin_visit(struct bench_users *u, struct bench_user *user)
{
	const struct bench_mix *mix = u->mix;
	uint32_t chosen;

	user->step = 0;
	if (mix->visit_count > 1)
		user->visit = visit_at(mix, bench_random_below(&u->random, mix->weight));
	chosen = (uint32_t)bench_random_below(&u->random, PRODUCTS * CURRENCIES * QUANTITY_MAX);
	user->product = chosen % PRODUCTS;
	user->currency = chosen / PRODUCTS % CURRENCIES;
	user->quantity = chosen / PRODUCTS / CURRENCIES + 1;
}

uint32_t bench_users_next(struct bench_users *u, uint32_t *ret_user)
{
	struct bench_user *user = &u->users[u->turn];

	*ret_user = u->turn;
	if (++u->turn == u->count)
		u->turn = 0;
	if (user->step == u->mix->visits[user->visit].steps)
		begin_visit(u, user);
	return u->mix->visits[user->visit].first + user->step++;
}

void bench_users_keep(struct bench_users *u, uint32_t user, const char *field, size_t len)
{
	const char *end = memchr(field, ';', len);
	size_t pair = end ? (size_t)(end - field) : len;
	char *to = u->users[user].cookie;

	if (pair >= BENCH_COOKIE_MAX)
		return;
	memcpy(to, field, pair);
	to[pair] = '\0';
}

static size_t put_number(uint32_t number, char to[WORD_MAX])
{
	size_t len = 1;

	for (uint32_t rest = number; rest >= 10; rest /= 10)
		len++;
	for (size_t i = len; i-- > 0; number /= 10)
		to[i] = (char)('0' + number % 10);
	return len;
}

/* Writes what stands for `word`; up to WORD_MAX bytes are written over. */
static size_t put_word(const struct bench_users *u, uint32_t user, enum word word,
		       char to[WORD_MAX])
{
	const struct bench_user *who = &u->users[user];

	switch (word) {
	case WORD_PRODUCT:
		memcpy(to, products[who->product], PRODUCT_LEN);
		return PRODUCT_LEN;
	case WORD_CURRENCY:
		memcpy(to, currencies[who->currency], CURRENCY_LEN);
		return CURRENCY_LEN;
	case WORD_QUANTITY:
		return put_number(who->quantity, to);
	default:
		return put_number(u->first_number + user, to);
	}
}

int bench_users_fill(const struct bench_users *u, uint32_t user, const char *text, size_t len,
		     char *to, size_t size)
{
	const char *at;
	size_t used = 0, word_len;
	enum word word;

	while (len && (at = word_find(text, len, &word, &word_len))) {
		size_t before = (size_t)(at - text), put_len;
		char put[WORD_MAX];

		put_len = put_word(u, user, word, put);
		if (size - used < before + put_len)
			return -E2BIG;
		memcpy(to + used, text, before);
		used += before;
		if (size - used >= WORD_MAX) /* as one store, not a call */
			memcpy(to + used, put, WORD_MAX);
		else
			memcpy(to + used, put, put_len);
		used += put_len;
		text = at + word_len;
		len -= before + word_len;
	}
	if (size - used < len)
		return -E2BIG;
	if (len)
		memcpy(to + used, text, len);
	return (int)(used + len);
}
