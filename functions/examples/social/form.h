/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form.h - what travels from function to function: fields, as a browser sends a form.
 *
 *     user=ada&text=Hello%2C+%40grace&media=17.png
 *
 * For: all functions of the chain. How: names are plain, values percent-encoded, so a record
 * is one line whatever is in it, and records of several functions make one by an ampersand
 * between them. The client's requests have the same form.
 * Thread-safety: no state.
 */
#ifndef SOCIAL_FORM_H
#define SOCIAL_FORM_H

#include <stddef.h>
#include <stdint.h>

#include <sprocket.h>

#include "out.h"

/*
 * Reads the value of the first field of that name, and puts a NUL behind it.
 * Returns its length; -ENOENT when there is none; -EBADMSG for a broken escape, or one of a
 * NUL; -EMSGSIZE when it is longer than size - 1.
 */
SP_MUST_USE int form_get(sp_str form, const char *name, char *ret, size_t size);

/* A field that is a number above 0. Returns 0 and *ret, or -EBADMSG. */
SP_MUST_USE int form_number(sp_str form, const char *name, uint64_t *ret);

/* Appends a field. */
void form_put(struct out *out, const char *name, sp_str value);

/* Takes the next item of a list out of *list: items are parted by `mark`, the last one may
 * have one too. Returns 0 and *ret, or -ENOENT at the end. */
SP_MUST_USE int list_next(sp_str *list, char mark, sp_str *ret);

/* A number above 0. Returns 0 and *ret, or -EBADMSG. */
SP_MUST_USE int number_read(sp_str text, uint64_t *ret);

/* Is it this text, as a whole? */
int str_is(sp_str text, const char *other);
/* Does it begin with this? */
int str_begins(sp_str text, const char *other);

#endif
