/* SPDX-License-Identifier: Apache-2.0 */
/* card_check.h - is this a credit card that the shop takes? */
#ifndef BOUTIQUE_CARD_CHECK_H
#define BOUTIQUE_CARD_CHECK_H

#include "order.h"

/* NULL: yes. Else why not, in words for the customer. `month`: of today, as month_of gives. */
const char *card_refusal(const struct card *card, int month);

/* The last four digits, for the log. */
void card_ending(const struct card *card, char ret[5]);

#endif
