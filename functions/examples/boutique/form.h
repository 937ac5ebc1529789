/* SPDX-License-Identifier: Apache-2.0 */
/* form.h - what a browser sends with POST: application/x-www-form-urlencoded. */
#ifndef BOUTIQUE_FORM_H
#define BOUTIQUE_FORM_H

#include "wire.h"

#define FORM_FIELDS 24U

struct form {
	size_t count;
	struct {
		sp_str name;
		sp_str value; /* without blanks around it */
	} fields[FORM_FIELDS];
};

/* Takes `body` apart, in place: the form lies in it. 0; -EINVAL: not such a form, or a text
 * that is not UTF-8 or has control characters; -E2BIG: more than FORM_FIELDS. */
int form_read(struct form *form, sp_buf body);
/* The first field of that name; empty when there is none. */
sp_str form_get(const struct form *form, const char *name);
/* It as a number of min to max. 0 or -EINVAL. */
int form_number(const struct form *form, const char *name, int64_t min, int64_t max, int64_t *ret);

#endif
