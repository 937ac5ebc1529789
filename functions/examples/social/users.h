/* SPDX-License-Identifier: Apache-2.0 */
/*
 * users.h - who there is: names, numbered from 1.
 *
 * For: user, user-mention, graph and timelines. How: config `users`, names with commas
 * between; the same in each of these functions.
 * Thread-safety: read-only once loaded.
 */
#ifndef SOCIAL_USERS_H
#define SOCIAL_USERS_H

#include <stdint.h>

#include <sprocket.h>

#define USERS_MAX 256U
#define USER_NAME_MAX 16U /* bytes: a-z, 0-9 and _ */
#define USERS_CONFIG "users=ada,barbara,dennis,edsger,grace,ken,linus,margaret"

struct users {
	uint32_t count;
	char names[USERS_MAX + 1][USER_NAME_MAX + 1]; /* [0] is nobody */
};

/* Takes the names of the configuration. Returns 0, or -EINVAL after saying what is wrong. */
SP_MUST_USE int users_init(struct users *users, sp_worker *worker);

/* The same as the init of a function that has no other state; free() is its fini. */
int users_new(sp_worker *worker, void **state);

/* The number of a name; 0: there is none. */
uint32_t users_find(const struct users *users, sp_str name);

/* The name of a number that is not above `count`. */
sp_str users_name(const struct users *users, uint32_t number);

/* Can a name have this character? */
int user_name_char(char c);

#endif
