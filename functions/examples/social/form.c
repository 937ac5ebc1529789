/* SPDX-License-Identifier: Apache-2.0 */
/* form.c - see form.h. */
#include "form.h"

#include <errno.h>
#include <string.h>

int str_is(sp_str text, const char *other)
{
	return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

int str_begins(sp_str text, const char *other)
{
	return text.len >= strlen(other) && memcmp(text.data, other, strlen(other)) == 0;
}

int list_next(sp_str *list, char mark, sp_str *ret)
{
	const char *end;

	if (list->len == 0)
		return -ENOENT;
	end = memchr(list->data, mark, list->len);
	*ret = (sp_str){ list->data, end ? (size_t)(end - list->data) : list->len };
	list->len -= ret->len + (end ? 1 : 0);
	list->data += ret->len + (end ? 1 : 0);
	return 0;
}

int number_read(sp_str text, uint64_t *ret)
{
	uint64_t number = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint64_t digit = (uint64_t)text.data[i] - '0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return -EBADMSG;
		number = number * 10 + digit;
	}
	if (number == 0)
		return -EBADMSG;
	*ret = number;
	return 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Returns the length of the decoded text, or as form_get(). */
static int decode(sp_str value, char *ret, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			if (value.len - i < 3 || hex(value.data[i + 1]) < 0 ||
			    hex(value.data[i + 2]) < 0)
				return -EBADMSG;
			c = (char)(hex(value.data[i + 1]) * 16 + hex(value.data[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return -EBADMSG;
		if (len + 1 >= size)
			return -EMSGSIZE;
		ret[len++] = c;
	}
	ret[len] = '\0';
	return (int)len;
}

int form_get(sp_str form, const char *name, char *ret, size_t size)
{
	size_t len = strlen(name);
	sp_str field;

	while (list_next(&form, '&', &field) == 0)
		if (str_begins(field, name) && field.len > len && field.data[len] == '=')
			return decode((sp_str){ field.data + len + 1, field.len - len - 1 }, ret,
				      size);
	return -ENOENT;
}

int form_number(sp_str form, const char *name, uint64_t *ret)
{
	char text[NUMBER_TEXT_MAX + 1];
	int len = form_get(form, name, text, sizeof(text));

	return len < 0 ? -EBADMSG : number_read((sp_str){ text, (size_t)len }, ret);
}

void form_put(struct out *out, const char *name, sp_str value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~,/:";
	static const char digits[] = "0123456789ABCDEF";

	if (out->len > 0)
		out_add(out, SP_S("&"));
	out_add(out, (sp_str){ name, strlen(name) });
	out_add(out, SP_S("="));
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		char escaped[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (c == ' ')
			out_add(out, SP_S("+"));
		else if (c != '\0' && strchr(plain, c))
			out_add(out, (sp_str){ value.data + i, 1 });
		else
			out_add(out, (sp_str){ escaped, 3 });
	}
}
