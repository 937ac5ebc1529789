/* SPDX-License-Identifier: Apache-2.0 */
/* users.c - see users.h. */
#include "users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"

int user_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

uint32_t users_find(const struct users *users, sp_str name)
{
	for (uint32_t i = 1; i <= users->count; i++)
		if (str_is(name, users->names[i]))
			return i;
	return 0;
}

sp_str users_name(const struct users *users, uint32_t number)
{
	return (sp_str){ users->names[number], strlen(users->names[number]) };
}

static int refuse(sp_str name, const char *why)
{
	sp_log(NULL, SP_ERROR, "users: \"%.*s\": %s", SP_ARG(name), why);
	return -EINVAL;
}

int users_init(struct users *users, sp_worker *worker)
{
	sp_str list = sp_config(worker, "users"), name = { "", 0 };

	users->count = 0;
	while (list_next(&list, ',', &name) == 0) {
		size_t good = 0;

		while (good < name.len && user_name_char(name.data[good]))
			good++;
		if (good == 0 || good < name.len || name.len > USER_NAME_MAX)
			return refuse(name, "a name is 1 to 16 of a-z, 0-9 and _");
		if (users_find(users, name) > 0)
			return refuse(name, "is there twice");
		if (users->count == USERS_MAX)
			return refuse(name, "there are at most 256");
		memcpy(users->names[++users->count], name.data, name.len);
		users->names[users->count][name.len] = '\0';
	}
	return users->count > 0 ? 0 : refuse(name, "expected names with commas between");
}

int users_new(sp_worker *worker, void **state)
{
	struct users *users = calloc(1, sizeof(*users));
	int r = users ? users_init(users, worker) : -ENOMEM;

	if (r < 0)
		free(users);
	else
		*state = users;
	return r;
}
