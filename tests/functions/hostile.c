/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.c - the loop of the hostile function: wiring, orders, and honest service otherwise.
 * See hostile.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "functions/sdk/sprocket.h"
#include "shm/memory.h"
#include "tests/functions/hostile.h"

struct shm_header *hostile_slot(const struct hostile *h, uint32_t index)
{
	return (struct shm_header *)(void *)(h->base +
					     shm_layout_offset(&h->wiring->layout, index));
}

uint64_t hostile_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

int hostile_send(struct hostile *h, const char *what, const void *bytes, size_t len)
{
	int err = send(h->fds[WIRING_FN_SEND], bytes, len, MSG_NOSIGNAL) < 0 ? errno : 0;

	if (what)
		fprintf(stderr, "%s: %zu bytes: %s\n", what, len, err ? strerror(err) : "sent");
	return -err;
}

uint8_t hostile_edge(const struct hostile *h)
{
	const struct rule_table *rules =
		&h->page->rules[__atomic_load_n(&h->page->active, __ATOMIC_ACQUIRE) & 1];

	for (uint32_t i = 0; i < rules->count && i < RULE_MAX; i++)
		if (rules->rules[i].from_edge == 0 && rules->rules[i].kind == RULE_ALWAYS)
			return rules->rules[i].wire_edge;
	return SP_EDGE_REPLY;
}

void hostile_forward(struct hostile *h, struct sp_desc d)
{
	d.edge = hostile_edge(h);
	d.flags &= SP_DESC_QOS_MASK | SP_DESC_ELEPHANT;
	h->last = d;
	hostile_send(h, NULL, &d, sizeof(d));
}

/* In the topic of a call, which brings no headers: "a.call=one;bad.x-attack=stale". */
static bool find_in_topic(const struct shm_header *header, const struct shm_header *slot,
			  const char *name, struct shm_field *ret)
{
	const char *at = (const char *)slot + header->topic.off, *end = at + header->topic.len;
	size_t len = strlen(name);

	for (; at && at + len + 2 <= end; at++) {
		const char *value = at + len + 2, *stop;

		if (at[0] != '.' || memcmp(at + 1, name, len) != 0 || at[len + 1] != '=')
			continue;
		stop = memchr(value, ';', (size_t)(end - value));
		ret->value = value;
		ret->value_len = (uint32_t)((stop ? stop : end) - value);
		return true;
	}
	return false;
}

static bool find(const struct shm_header *header, const struct shm_header *slot, const char *name,
		 struct shm_field *ret)
{
	return shm_record_find(slot, header->request_headers, name, strlen(name), ret) ||
	       find_in_topic(header, slot, name, ret);
}

static void find_word(const struct shm_header *header, const struct shm_header *slot,
		      const char *name, char ret[HOSTILE_WORD_MAX])
{
	struct shm_field field;

	ret[0] = '\0';
	if (find(header, slot, name, &field) && field.value_len < HOSTILE_WORD_MAX) {
		memcpy(ret, field.value, field.value_len);
		ret[field.value_len] = '\0';
	}
}

static bool find_number(const struct shm_header *header, const struct shm_header *slot,
			const char *name, uint64_t *ret)
{
	char word[HOSTILE_WORD_MAX];

	find_word(header, slot, name, word);
	if (word[0])
		*ret = strtoull(word, NULL, 0);
	return word[0] != '\0';
}

static size_t parse_hex(const char *text, size_t len, uint8_t *ret, size_t max)
{
	size_t n = 0;

	for (; n < max && 2 * n + 1 < len; n++) {
		char pair[3] = { text[2 * n], text[2 * n + 1], '\0' };

		ret[n] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

static void read_order(const struct shm_header *header, const struct shm_header *slot,
		       struct order *ret)
{
	struct shm_field field;

	memset(ret, 0, sizeof(*ret));
	find_word(header, slot, "x-attack", ret->kind);
	find_word(header, slot, "x-field", ret->field);
	ret->has_value = find_number(header, slot, "x-value", &ret->value);
	find_number(header, slot, "x-seed", &ret->seed);
	ret->count = 1;
	find_number(header, slot, "x-count", &ret->count);
	if (find(header, slot, "x-bytes", &field))
		ret->byte_count =
			parse_hex(field.value, field.value_len, ret->bytes, sizeof(ret->bytes));
}

/* Returns true when the request was used up. */
static bool obey(struct hostile *h, struct sp_desc d, const struct order *order)
{
	const struct hostile_kind *tables[] = { hostile_attacks, hostile_lies, hostile_misdeeds,
						hostile_greeds };

	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct hostile_kind *k = tables[t]; k->name; k++)
			if (strcmp(k->name, order->kind) == 0)
				return k->obey(h, d, order);
	fprintf(stderr, "no such attack: %s\n", order->kind);
	abort();
}

static size_t tell_desc(char *text, size_t room, const char *name, const struct sp_desc *d)
{
	const uint8_t *bytes = (const uint8_t *)d;
	int n = snprintf(text, room, ",\"%s\":\"", name);

	for (size_t i = 0; i < sizeof(*d); i++)
		n += snprintf(text + n, room - (size_t)n, "%02x", bytes[i]);
	n += snprintf(text + n, room - (size_t)n, "\"");
	return (size_t)n;
}

/* Replaces the body by what is known; the smallest class of the tests' chains has the room. */
static void tell(struct hostile *h, struct sp_desc *d)
{
	const struct shm_class *c = shm_layout_class(&h->wiring->layout, d->buf);
	char text[640];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "{\"pid\":%d,\"slot\":%u,\"fn\":%u,\"home\":%u,\"buffers\":%u,"
			     "\"size\":%u,\"held_count\":%u,\"buf\":%u,\"gen\":%u",
			     getpid(), h->wiring->workers[0].slot, h->wiring->fn, d->home,
			     h->wiring->layout.buffer_count, c->size, h->held_count, d->buf,
			     d->gen);
	n += tell_desc(text + n, sizeof(text) - n, "desc", d);
	n += tell_desc(text + n, sizeof(text) - n, "last", &h->last);
	if (h->held_count)
		n += tell_desc(text + n, sizeof(text) - n, "held", &h->held[h->held_count - 1]);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "}\n");
	if (n <= c->size) {
		memcpy(shm_buffer_payload(hostile_slot(h, d->buf)), text, n);
		d->len = (uint32_t)n;
	}
}

static void handle_request(struct hostile *h, struct sp_desc d)
{
	struct shm_header *slot = hostile_slot(h, d.buf), header;
	static struct order order; /* too large for a stack, one thread */
	char at[HOSTILE_WORD_MAX];
	uint64_t flag;

	if (shm_header_check(slot, shm_layout_class(&h->wiring->layout, d.buf)->stride, d.len,
			     &header) < 0) {
		hostile_forward(h, d);
		return;
	}
	find_word(&header, slot, "x-at", at);
	if (at[0] && strcmp(at, wiring_get(&h->wiring->heap, h->wiring->name)) != 0) {
		hostile_forward(h, d);
		return;
	}
	if (find_number(&header, slot, "x-hold", &flag) && h->held_count < HOSTILE_HELD_MAX) {
		h->held[h->held_count++] = d;
		return;
	}
	if (find_number(&header, slot, "x-free", &flag))
		while (h->held_count)
			hostile_forward(h, h->held[--h->held_count]);
	if (find_number(&header, slot, "x-tell", &flag))
		tell(h, &d);
	read_order(&header, slot, &order);
	if (!order.kind[0] || !obey(h, d, &order))
		hostile_forward(h, d);
}

/* A lease buffer that was asked for: kept, and the next one asked for. */
static void handle_grant(struct hostile *h, struct sp_desc d)
{
	struct sp_desc ask = { .buf = 0, .len = 1, .edge = SP_EDGE_REFILL, .home = d.home };

	ask.home = (uint16_t)h->wiring->workers[0].home;
	if (d.flags & SP_DESC_DENIED) {
		fprintf(stderr, "denied after %u lease buffers\n", h->hoarded);
		h->hoard_left = 0;
		return;
	}
	if (h->moves) {
		hostile_move(h, d);
		return;
	}
	h->hoarded++;
	if (h->hoard_left && --h->hoard_left)
		hostile_send(h, NULL, &ask, sizeof(ask));
	else
		fprintf(stderr, "hoarded %u lease buffers\n", h->hoarded);
}

static int serve(struct hostile *h)
{
	struct sp_desc batch[SP_BATCH_MAX];

	for (;;) {
		ssize_t n = recv(h->fds[WIRING_FN_RECEIVE], batch, sizeof(batch), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0;
		for (size_t i = 0; i < (size_t)n / sizeof(*batch); i++) {
			if (batch[i].edge == SP_EDGE_GRANT)
				handle_grant(h, batch[i]);
			else
				handle_request(h, batch[i]);
		}
	}
}

static int start(struct hostile *h)
{
	static struct wiring_function wiring;
	struct wiring_msg ready = { .type = WIRING_READY };
	size_t fd_count = 0;
	void *base, *page;

	h->wiring = &wiring;
	h->wiring_sock = wiring_inherited();
	if (h->wiring_sock < 0)
		return h->wiring_sock;
	if (wiring_receive(h->wiring_sock, &wiring, sizeof(wiring), h->fds, WIRING_FN_FDS,
			   &fd_count) <= 0 ||
	    fd_count != WIRING_FN_FDS)
		return -EPROTO;
	if ((wiring.read_only ? shm_memory_view : shm_memory_map)(h->fds[WIRING_FN_MEMORY],
								  wiring.layout.size, &base) < 0 ||
	    shm_memory_map(h->fds[WIRING_FN_PAGE], sizeof(*h->page), &page) < 0)
		return -ENOMEM;
	h->base = base;
	h->page = page;
	ready.slot = wiring.workers[0].slot;
	ready.fn = wiring.fn;
	/* Says why it cannot, in colour, and in a line of another. */
	if (getenv("HOSTILE_EXCUSE")) {
		ready.type = WIRING_FAILED;
		snprintf(ready.text, sizeof(ready.text), "an \033[31mexcuse\nsprocket: \xff");
		wiring_send(h->wiring_sock, &ready, sizeof(ready), NULL, 0);
		return -EPROTO;
	}
	return wiring_send(h->wiring_sock, &ready, sizeof(ready), NULL, 0);
}

int main(int argc, char **argv)
{
	static struct hostile h;
	int err;

	if (argc > 1 && strcmp(argv[1], "--describe") == 0) {
		printf("{\"name\":\"hostile\",\"version\":\"1\",\"abi\":%u,\"edges\":[],"
		       "\"config\":[]}\n",
		       SP_ABI);
		return 0;
	}
	err = start(&h);
	if (err < 0) {
		fprintf(stderr, "hostile: cannot start: %s\n", strerror(-err));
		return err == -ENOENT ? 2 : 1;
	}
	err = serve(&h);
	/* A stubborn function does not go when it is told to. */
	while (getenv("HOSTILE_STUBBORN"))
		pause();
	return err;
}
