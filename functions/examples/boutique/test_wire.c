/* SPDX-License-Identifier: Apache-2.0 */
/* test_wire.c - messages and money: what is taken, what is refused, exact sums. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "order.h"
#include "product.h"

static void check_number(const char *text, bool good, int64_t want)
{
	char line[64];
	struct wire_in in;
	int64_t have;

	snprintf(line, sizeof(line), "%s\n", text);
	in = wire_in(text_of(line));
	have = wire_number(&in, WIRE_LINE, -1000, INT64_C(999999999999999999));
	if (wire_done(&in) != good || have != want)
		fail_msg("%s: %d %lld", text, !in.bad, (long long)have);
}

static void test_numbers(void **state)
{
	(void)state;
	check_number("0", true, 0);
	check_number("-1000", true, -1000);
	check_number("999999999999999999", true, INT64_C(999999999999999999));
	check_number("-1001", false, 0);
	check_number("9999999999999999999", false, 0);
	check_number("18446744073709551617", false, 0);
	check_number("", false, 0);
	check_number("-", false, 0);
	check_number("-0", false, 0);
	check_number("00", false, 0);
	check_number("+1", false, 0);
	check_number("1 ", false, 0);
	check_number("0x1", false, 0);
}

static void test_fields(void **state)
{
	struct wire_in in = wire_in(SP_S("a\t\tb\nc"));

	(void)state;
	assert_true(text_is(wire_text(&in, WIRE_TAB, 1, 1), "a"));
	assert_int_equal(wire_text(&in, WIRE_TAB, 0, 1).len, 0);
	assert_false(in.bad);
	assert_true(text_is(wire_text(&in, WIRE_LINE, 1, 1), "b"));
	assert_true(wire_more(&in));
	/* The last line has no end, and one error stays. */
	assert_int_equal(wire_text(&in, WIRE_LINE, 0, 9).len, 0);
	assert_true(in.bad && !wire_more(&in) && !wire_done(&in));
	assert_int_equal(wire_number(&in, WIRE_LINE, 0, 9), 0);

	in = wire_in(SP_S("a\tb\n"));
	wire_text(&in, WIRE_LINE, 0, 9); /* a line of one field has two */
	assert_true(in.bad);
	in = wire_in(SP_S("a\x01\n"));
	wire_text(&in, WIRE_LINE, 0, 9);
	assert_true(in.bad);
	in = wire_in(SP_S("abc\n"));
	wire_text(&in, WIRE_LINE, 0, 2);
	assert_true(in.bad);
	in = wire_in((sp_str){ NULL, 0 });
	assert_true(wire_done(&in));
}

static void test_writer(void **state)
{
	char data[8];
	struct wire_out out = WIRE_OUT(data);

	(void)state;
	wire_put(&out, SP_S("abc"), WIRE_TAB);
	wire_put_number(&out, -12, WIRE_LINE);
	assert_false(out.bad);
	assert_int_equal(out.len, 8);
	assert_memory_equal(data, "abc\t-12\n", 8);
	wire_put(&out, SP_S(""), WIRE_LINE); /* full */
	assert_true(out.bad);
	assert_int_equal(wire_since(&out, 0).len, 0);
	out = (struct wire_out)WIRE_OUT(data);
	wire_put(&out, SP_S("a\tb"), WIRE_LINE); /* would be two fields */
	assert_true(out.bad);
}

static void test_clean(void **state)
{
	static const char *const bad[] = { "\x1f",
					   "\x7f",
					   "\x80",
					   "\xc3",
					   "\xc0\xaf",
					   "\xc2\x80",
					   "\xe0\x80\xaf",
					   "\xed\xa0\x80",
					   "\xf0\x80\x80\x80",
					   "\xf4\x90\x80\x80",
					   "\xff",
					   "a\n" };

	(void)state;
	assert_true(text_clean(SP_S("")));
	assert_true(text_clean(SP_S("a ~ \xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x92 \xc2\xa0")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (text_clean(text_of(bad[i])))
			fail_msg("taken: number %zu", i);
}

static struct money usd(int64_t units, int32_t nanos)
{
	return (struct money){ "USD", nanos, units };
}

static void test_money(void **state)
{
	struct money m = usd(1, 990000000), other = { "EUR", 0, 1 }, small = usd(0, -1);

	(void)state;
	assert_int_equal(money_add(&m, &m), 0);
	assert_int_equal(m.units, 3);
	assert_int_equal(m.nanos, 980000000);
	assert_int_equal(money_times(&m, 9999, &m), 0);
	assert_int_equal(m.units, 39796);
	assert_int_equal(m.nanos, 20000000);
	assert_int_equal(money_add(&m, &other), -EINVAL);
	/* The sign goes across zero. */
	m = usd(0, 0);
	assert_int_equal(money_add(&m, &small), 0);
	assert_int_equal(m.nanos, -1);
	m = usd(MONEY_UNITS_MAX, 999999999);
	assert_int_equal(money_times(&m, 2, &other), -ERANGE);
	other = m;
	assert_int_equal(money_add(&other, &m), -ERANGE);
	assert_memory_equal(&other, &m, sizeof(m));
	/* Half a nano goes away from zero: 1 / 2. */
	m = usd(0, 1);
	assert_int_equal(money_convert(&m, SP_S("EUR"), 2, 1, &other), 0);
	assert_int_equal(other.nanos, 1);
	m = usd(0, -1);
	assert_int_equal(money_convert(&m, SP_S("EUR"), 2, 1, &other), 0);
	assert_int_equal(other.nanos, -1);
	assert_int_equal(money_convert(&m, SP_S("EUR"), 200001, 100000, &other), 0);
	assert_int_equal(other.nanos, 0);
}

static void check_text(const char *code, int64_t units, int32_t nanos, const char *want)
{
	struct money money = { .units = units, .nanos = nanos };
	char text[MONEY_TEXT_MAX];

	money_code_set(&money, text_of(code));
	if (!text_is(money_text(&money, text), want))
		fail_msg("expected %s, have %s", want, text);
}

static void test_money_text(void **state)
{
	(void)state;
	check_text("USD", 19, 990000000, "$19.99");
	check_text("USD", 0, 5000000, "$0.01");
	check_text("USD", 0, 4999999, "$0.00");
	check_text("EUR", 999, 995000000,
		   "\xe2\x82\xac"
		   "1,000.00");
	check_text("JPY", 2236, 500000000,
		   "\xc2\xa5"
		   "2,237");
	check_text("CHF", 1234567, 0, "CHF 1,234,567.00");
	check_text("GBP", -3, -500000000,
		   "-\xc2\xa3"
		   "3.50");
	check_text("IDR", MONEY_UNITS_MAX, 999999999, "IDR 1,000,000,000,000,000.00");
}

static void test_round(void **state)
{
	struct money m = usd(1, 5000000), yen = { "JPY", 500000000, 12 };

	(void)state;
	money_round(&m);
	assert_int_equal(m.nanos, 10000000);
	money_round(&yen);
	assert_int_equal(yen.units, 13);
	assert_int_equal(yen.nanos, 0);
	m = usd(-1, -4999999);
	money_round(&m);
	assert_int_equal(m.nanos, 0);
}

/* What one wrote the other reads, and nothing of it that is cut short or longer. */
static void test_order(void **state)
{
	struct order order = { .id = SP_S("id"),
			       .tracking = SP_S("T"),
			       .email = SP_S("a@b"),
			       .shipping = { "USD", 990000000, 8 },
			       .total = { "USD", 0, 9 },
			       .address = { SP_S("s"), SP_S("c"), SP_S(""), SP_S("z"), SP_S("x") },
			       .items = { { { SP_S("MUG"), 3 }, SP_S("Mug"), { "USD", 0, 2 } },
					  { { SP_S("JAR"), 1 }, SP_S("Jar"), { "USD", 0, 1 } } },
			       .count = 2 };
	char data[1024];
	struct wire_out out = WIRE_OUT(data);
	struct order read;
	struct wire_in in;

	(void)state;
	assert_int_equal(order_sum(&order), 0);
	assert_int_equal(order.total.units, 15);
	assert_int_equal(order.total.nanos, 990000000);
	order_write(&out, &order);
	assert_false(out.bad);
	in = wire_in(wire_since(&out, 0));
	order_read(&in, &read);
	assert_true(wire_done(&in));
	assert_int_equal(read.count, 2);
	assert_int_equal(read.items[0].line.quantity, 3);
	assert_true(text_is(read.items[1].name, "Jar"));
	assert_int_equal(read.total.units, 15);
	for (size_t len = 0; len < out.len; len++) {
		/* Whole lines of items may be missing; then it is a smaller order. */
		in = wire_in((sp_str){ data, len });
		order_read(&in, &read);
		if (wire_done(&in) && read.count != 1)
			fail_msg("taken: the first %zu of %zu bytes", len, out.len);
	}
	order.items[0].cost.code[0] = 'X';
	assert_int_equal(order_sum(&order), -EINVAL);
}

static void test_too_many(void **state)
{
	char data[1024];
	struct wire_out out = WIRE_OUT(data);
	struct line lines[LINES_MAX];
	struct wire_in in;

	(void)state;
	for (unsigned i = 0; i < LINES_MAX; i++)
		line_write(&out, &(struct line){ SP_S("MUG"), 1 + i });
	in = wire_in(wire_since(&out, 0));
	assert_int_equal(lines_read(&in, lines), LINES_MAX);
	assert_true(wire_done(&in));
	line_write(&out, &(struct line){ SP_S("MUG"), 1 });
	in = wire_in(wire_since(&out, 0));
	assert_int_equal(lines_read(&in, lines), 0);
	assert_false(wire_done(&in));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),  cmocka_unit_test(test_fields),
		cmocka_unit_test(test_writer),   cmocka_unit_test(test_clean),
		cmocka_unit_test(test_money),    cmocka_unit_test(test_money_text),
		cmocka_unit_test(test_round),    cmocka_unit_test(test_order),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
