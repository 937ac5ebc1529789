#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The public headers compile alone, as strict C11, C17 and C++17, with every compiler there
# is. Usage: header_alone.sh SDK_FOLDER. Speaks TAP.
set -u
sdk=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0

# $1 compiler, $2 language, $3 standard, $4 name, $5 source
check() {
	number=$((number + 1))
	if ! command -v "$1" >/dev/null 2>&1; then
		echo "ok $number - $4 as $3 by $1 # SKIP $1 is not installed"
	elif printf '%s\n' "$5" >"$work/t" &&
	     "$1" -x "$2" "-std=$3" -Wall -Wextra -Wpedantic -Wshadow -Werror -I"$sdk" \
		  -fsyntax-only "$work/t" 2>"$work/err"; then
		echo "ok $number - $4 as $3 by $1"
	else
		echo "not ok $number - $4 as $3 by $1"
		sed 's/^/# /' "$work/err"
	fi
}

fn='#include <sprocket.h>
SP_COUNTER(seen);
static sp_verdict f(sp_request *req, void *state) {
	(void)state;
	sp_count(&seen, 1);
	return sp_set_body(req, SP_S("x").data, 1) ? SP_FAILED : SP_NEXT; }
SP_FUNCTION(.name = "f", .on_request = f);'

echo "1..20"
for header in sprocket.h sprocket_test.h; do
	for standard in c11 c17; do
		for cc in gcc clang; do
			check "$cc" c "$standard" "$header" "#include <$header>"
		done
	done
	for cc in g++ clang++; do
		check "$cc" c++ c++17 "$header" "#include <$header>"
		check "$cc" c++ c++20 "$header" "#include <$header>"
	done
done
for cc in gcc clang; do
	check "$cc" c c11 "a function" "$fn"
done
for cc in g++ clang++; do
	check "$cc" c++ c++20 "a function" "$fn"
done
