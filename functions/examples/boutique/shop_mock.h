/* SPDX-License-Identifier: Apache-2.0 */
/* shop_mock.h - for tests of the frontend: the other functions, and a browser with cookies. */
#ifndef BOUTIQUE_SHOP_MOCK_H
#define BOUTIQUE_SHOP_MOCK_H

#include <sprocket_test.h>

#define FORM "application/x-www-form-urlencoded"
#define CHECKOUT                                                                        \
	"email=ada%40example.com&street_address=1+Square&zip_code=SW1Y+4JH&city=London" \
	"&state=&country=UK&credit_card_number=4432-8015-6152-0454"                     \
	"&credit_card_expiration_month=01&credit_card_expiration_year=2039&credit_card_cvv=672"

/* What the others answer. */
struct shop_mock {
	const char *fail; /* "function.topic" that fails, */
	sp_error error;   /* with this, */
	const char *garbage;
	const char *cart;
	char last[512]; /* body of the last call of cart, checkout, recommendation or ad */
};

/* ada's, who pays in EUR. */
extern const char *const cookies[];

/* The function, with all calls mocked; the month is July 2026. */
sp_test *start(struct shop_mock *m);
/* The page's status is `status`, and the text is in it. */
void shows(const sp_test_result *r, int status, const char *text);

#define GET(t, where) SP_TEST(t, .method = "GET", .path = (where), .headers = cookies)
#define POST(t, where, form) SP_TEST(t, .path = (where), .headers = cookies, .body = SP_S(form))

#endif
