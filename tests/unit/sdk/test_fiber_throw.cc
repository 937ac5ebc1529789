// SPDX-License-Identifier: Apache-2.0
/* test_fiber_throw.cc - exceptions of one handler are not those of another. Speaks TAP. */
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

extern "C" {
#include "functions/sdk/fiber.h"
}

static struct sdk_fibers pool;
static int number;

static void check(bool good, const char *what)
{
	std::printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, what);
}

struct Parks { /* on its way out, while an exception passes */
	int *uncaught;
	~Parks()
	{
		sdk_fiber_park(&pool);
		*uncaught = std::uncaught_exceptions();
	}
};

static void handles_while_parked(void *arg)
{
	std::string *seen = static_cast<std::string *>(arg);

	try {
		try {
			throw std::runtime_error(*seen + " thrown");
		} catch (const std::exception &e) {
			sdk_fiber_park(&pool);
			throw; /* the one that this handler handles */
		}
	} catch (const std::exception &e) {
		*seen = e.what();
	}
}

static void unwinds_while_parked(void *arg)
{
	try {
		Parks parks{ static_cast<int *>(arg) };
		throw 1;
	} catch (int) {
	}
}

static struct sdk_fiber *run(sdk_fiber_fn *fn, void *arg)
{
	struct sdk_fiber *fiber;

	if (sdk_fiber_run(&pool, fn, arg, &fiber))
		std::abort();
	return fiber;
}

int main()
{
	std::string first = "first", second = "second";
	int uncaught = -1;

	std::printf("1..6\n");
	if (sdk_fibers_init(&pool, 0))
		return 1;
	struct sdk_fiber *one = run(handles_while_parked, &first);
	struct sdk_fiber *two = run(handles_while_parked, &second);
	check(!std::current_exception(), "the thread handles none");
	check(sdk_fiber_resume(&pool, one) && first == "first thrown", "the first is its own");
	check(sdk_fiber_resume(&pool, two) && second == "second thrown", "the second is its own");

	struct sdk_fiber *passing = run(unwinds_while_parked, &uncaught);
	check(std::uncaught_exceptions() == 0, "none passes through the thread");
	try {
		throw std::runtime_error("the thread's");
	} catch (const std::exception &) {
		check(sdk_fiber_resume(&pool, passing) && uncaught == 1,
		      "one passes in its handler");
		check(std::current_exception() != nullptr, "the thread still handles its own");
	}
	sdk_fibers_done(&pool);
	return 0;
}
