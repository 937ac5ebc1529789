/* SPDX-License-Identifier: Apache-2.0 */
#include "card_check.h"

#define DIGITS_MIN 13U
#define DIGITS_MAX 19U
/* Cards are given out for a few years; anything far beyond is a slip of the keyboard. */
#define MONTHS_MAX (100 * 12)

/* Digits of the number, without the blanks and dashes that people put between them; 0 when
 * there is anything else, or not as many as a card has. */
static size_t digits_of(sp_str number, unsigned char digits[DIGITS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < number.len; i++) {
		char c = number.data[i];

		if (c == ' ' || c == '-')
			continue;
		if (c < '0' || c > '9' || count == DIGITS_MAX)
			return 0;
		digits[count++] = (unsigned char)(c - '0');
	}
	return count >= DIGITS_MIN ? count : 0;
}

/* Luhn: every second digit from the right counts twice; the digits' sum ends with 0. */
static bool luhn(const unsigned char *digits, size_t count)
{
	unsigned sum = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned d = digits[count - 1 - i];

		if (i % 2 == 1)
			d = d > 4 ? 2 * d - 9 : 2 * d;
		sum += d;
	}
	return sum % 10 == 0;
}

static bool visa(const unsigned char *d, size_t count)
{
	return d[0] == 4 && (count == 13 || count == 16 || count == 19);
}

/* 51 to 55, and 2221 to 2720. */
static bool mastercard(const unsigned char *d, size_t count)
{
	unsigned first = d[0] * 1000U + d[1] * 100U + d[2] * 10U + d[3];

	return count == 16 &&
	       ((first >= 5100 && first <= 5599) || (first >= 2221 && first <= 2720));
}

static bool cvv_valid(sp_str cvv)
{
	for (size_t i = 0; i < cvv.len; i++)
		if (cvv.data[i] < '0' || cvv.data[i] > '9')
			return false;
	return cvv.len == 3;
}

const char *card_refusal(const struct card *card, int month)
{
	unsigned char digits[DIGITS_MAX];
	size_t count = digits_of(card->number, digits);
	int expiry = card->year * 12 + card->month - 1;

	if (count == 0 || !luhn(digits, count))
		return "The credit card's number is not valid.";
	if (!visa(digits, count) && !mastercard(digits, count))
		return "Only VISA and MasterCard are accepted.";
	if (card->month < 1 || card->month > 12 || expiry > month + MONTHS_MAX)
		return "The credit card's expiration date is not valid.";
	if (expiry < month)
		return "The credit card has expired.";
	if (!cvv_valid(card->cvv))
		return "The card's security code is not valid: expected three digits.";
	return NULL;
}

void card_ending(const struct card *card, char ret[5])
{
	unsigned char digits[DIGITS_MAX];
	size_t count = digits_of(card->number, digits);

	for (size_t i = 0; i < 4; i++)
		ret[i] = count ? (char)('0' + digits[count - 4 + i]) : '?';
	ret[4] = '\0';
}
