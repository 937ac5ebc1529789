// SPDX-License-Identifier: Apache-2.0
#include "shm/field.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *const reserved[] = {
	/* hop by hop, or how the message is framed */
	"connection",
	"keep-alive",
	"proxy-connection",
	"proxy-authenticate",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
	"content-length",
	/* the gateway's own */
	"date",
	"server",
	"x-request-id",
	"traceparent",
	"server-timing",
};

static bool name_is_reserved(const struct shm_field *field)
{
	if (field->name[0] == ':')
		return true;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strlen(reserved[i]) == field->name_len &&
		    strncasecmp(reserved[i], field->name, field->name_len) == 0)
			return true;
	return false;
}

static bool is_token_char(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool name_is_token(const struct shm_field *field)
{
	for (uint32_t i = 0; i < field->name_len; i++)
		if (!is_token_char((unsigned char)field->name[i]))
			return false;
	return true;
}

static bool value_is_text(const struct shm_field *field)
{
	for (uint32_t i = 0; i < field->value_len; i++) {
		unsigned char c = (unsigned char)field->value[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

int shm_field_check(const struct shm_field *field)
{
	if (field->name_len == 0 || field->name_len > SHM_NAME_MAX ||
	    field->value_len > SHM_VALUE_MAX)
		return -EINVAL;
	if (name_is_reserved(field))
		return -EPERM;
	return name_is_token(field) && value_is_text(field) ? 0 : -EINVAL;
}
