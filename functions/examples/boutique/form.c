/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "form.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What is decoded is never longer than what it was written as. */
static int decode(char *data, size_t len, sp_str *ret)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '%') {
			if (len - i < 3 || hex(data[i + 1]) < 0 || hex(data[i + 2]) < 0)
				return -EINVAL;
			data[out++] = (char)(hex(data[i + 1]) << 4 | hex(data[i + 2]));
			i += 2;
		} else {
			data[out++] = data[i] == '+' ? ' ' : data[i];
		}
	}
	*ret = (sp_str){ data, out };
	return text_clean(*ret) ? 0 : -EINVAL;
}

static sp_str trimmed(sp_str text)
{
	while (text.len && text.data[0] == ' ') {
		text.data++;
		text.len--;
	}
	while (text.len && text.data[text.len - 1] == ' ')
		text.len--;
	return text;
}

static int field_read(struct form *form, char *data, size_t len)
{
	char *equals = memchr(data, '=', len);
	size_t name_len = equals ? (size_t)(equals - data) : len;
	sp_str name, value = { NULL, 0 };

	if (form->count == FORM_FIELDS)
		return -E2BIG;
	if (decode(data, name_len, &name) < 0 ||
	    (equals && decode(equals + 1, len - name_len - 1, &value) < 0))
		return -EINVAL;
	form->fields[form->count].name = name;
	form->fields[form->count++].value = trimmed(value);
	return 0;
}

int form_read(struct form *form, sp_buf body)
{
	char *at = body.data, *end = body.data + body.len, *next;
	int r;

	form->count = 0;
	for (; at < end; at = next + 1) {
		next = memchr(at, '&', (size_t)(end - at));
		next = next ? next : end;
		r = next > at ? field_read(form, at, (size_t)(next - at)) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

sp_str form_get(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++)
		if (text_is(form->fields[i].name, name))
			return form->fields[i].value;
	return (sp_str){ NULL, 0 };
}

int form_number(const struct form *form, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	sp_str text = form_get(form, name);
	int64_t number = 0;

	/* People may write 01 for January. */
	if (text.len == 0 || text.len > 9)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -EINVAL;
		number = number * 10 + (text.data[i] - '0');
	}
	if (number < min || number > max)
		return -EINVAL;
	*ret = number;
	return 0;
}
