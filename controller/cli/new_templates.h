/* SPDX-License-Identifier: Apache-2.0 */
/*
 * new_templates.h - the files that `sprocket new fn` writes.
 *
 * How: @NAME@ stands for the function's name, @ID@ for its name as part of a C identifier.
 * Binaries go to build/, so that a function may be called "test" or "clean".
 */
#ifndef SPROCKET_CONTROLLER_CLI_NEW_TEMPLATES_H
#define SPROCKET_CONTROLLER_CLI_NEW_TEMPLATES_H

static const char template_function[] =
	"#include <ctype.h>\n"
	"#include <sprocket.h>\n"
	"\n"
	"static sp_verdict on_@ID@(sp_request *req, void *state)\n"
	"{\n"
	"\tsp_buf body = sp_body(req);\n"
	"\n"
	"\t(void)state;\n"
	"\tfor (size_t i = 0; i < body.len; i++)\n"
	"\t\tbody.data[i] = (char)toupper((unsigned char)body.data[i]);\n"
	"\treturn SP_NEXT;\n"
	"}\n"
	"\n"
	"SP_FUNCTION(.name = \"@NAME@\", .on_request = on_@ID@);\n";

static const char template_test[] =
	"/* Runs the function without a runtime: make test */\n"
	"#include <stdio.h>\n"
	"#include <sprocket_test.h>\n"
	"\n"
	"static int failures;\n"
	"\n"
	"#define CHECK(what) \\\n"
	"\t((what) ? (void)0 : (void)(failures++, printf(\"line %d: not so: %s\\n\", __LINE__, #what)))\n"
	"\n"
	"int main(void)\n"
	"{\n"
	"\tsp_test *test = sp_test_new(&sp_function_registered, NULL);\n"
	"\tconst sp_test_result *r;\n"
	"\n"
	"\tif (!test)\n"
	"\t\treturn 1;\n"
	"\tr = SP_TEST(test, .body = SP_S(\"hello\"));\n"
	"\tCHECK(r->verdict == SP_NEXT);\n"
	"\tCHECK(sp_test_equals(r->body, \"HELLO\"));\n"
	"\tsp_test_free(test);\n"
	"\tputs(failures ? \"FAILED\" : \"ok\");\n"
	"\treturn failures != 0;\n"
	"}\n";

static const char template_chain[] =
	"apiVersion: sprocket.dev/v1alpha1\n"
	"kind: Chain\n"
	"metadata: {name: \"@NAME@\"}\n"
	"spec:\n"
	"  ingress:\n"
	"  - http: {path: \"/@NAME@\", methods: [POST], maxBody: 64Ki}\n"
	"  timeout: 2s\n"
	"  functions:\n"
	"  - {name: \"@NAME@\", exec: \"build/@NAME@\"}\n"
	"  steps: [\"@NAME@\"]\n";

static const char template_makefile[] =
	"# make         builds the function\n"
	"# make test    runs its test; no runtime, no root\n"
	"# make run     serves it at http://127.0.0.1:8080/@NAME@ until Ctrl-C\n"
	"PKG_CONFIG ?= pkg-config\n"
	"SPROCKET ?= sprocket\n"
	"CFLAGS ?= -O2 -g\n"
	"FLAGS = -std=gnu17 -Wall -Wextra $(shell $(PKG_CONFIG) --cflags sprocket) $(CFLAGS)\n"
	"LIBS = $(shell $(PKG_CONFIG) --libs sprocket) \\\n"
	"\t-Wl,-rpath,$(shell $(PKG_CONFIG) --variable=libdir sprocket)\n"
	"TEST_LIBS = $(shell $(PKG_CONFIG) --libs sprocket-test)\n"
	"\n"
	"ifneq ($(shell $(PKG_CONFIG) --exists sprocket sprocket-test && echo found),found)\n"
	"$(error $(PKG_CONFIG) does not find sprocket: install the SDK, or name the folder of its "
	"sprocket.pc in PKG_CONFIG_PATH)\n"
	"endif\n"
	"\n"
	"all: build/@NAME@\n"
	"\n"
	"build/%.o: %.c\n"
	"\t@mkdir -p build\n"
	"\t$(CC) $(FLAGS) -c -o $@ $<\n"
	"\n"
	"build/@NAME@: build/@NAME@.o\n"
	"\t$(CC) $(FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)\n"
	"\n"
	"build/test_@NAME@: build/test_@NAME@.o build/@NAME@.o\n"
	"\t$(CC) $(FLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)\n"
	"\n"
	"test: build/test_@NAME@\n"
	"\t./build/test_@NAME@\n"
	"\n"
	"run: all\n"
	"\t$(SPROCKET) run chain.yaml\n"
	"\n"
	"clean:\n"
	"\trm -rf build\n"
	"\n"
	".PHONY: all test run clean\n"
	".SECONDARY:\n";

static const char template_readme[] =
	"# @NAME@\n"
	"\n"
	"A function of a Sprocket chain.\n"
	"\n"
	"    make test    # the unit test: no runtime, no root\n"
	"    make run     # serve it until Ctrl-C\n"
	"    curl --data hello http://127.0.0.1:8080/@NAME@\n"
	"\n"
	"- `@NAME@.c` the function\n"
	"- `test_@NAME@.c` its test\n"
	"- `chain.yaml` the chain it runs in; `sprocket validate chain.yaml` checks it\n"
	"\n"
	"To call another function, here one of the chain's that is named `rates`:\n"
	"\n"
	"```c\n"
	"static const char *const calls[] = { \"rates\", NULL }; /* .calls = calls in SP_FUNCTION */\n"
	"\n"
	"\tsp_call ask = { .fn = 0, .body = SP_S(\"EUR\") };\n"
	"\n"
	"\tif (sp_call_one(req, &ask) != SP_OK)\n"
	"\t\treturn sp_fail(req, SP_EUPSTREAM, \"no rates: %.*s\", SP_ARG(ask.reply));\n"
	"```\n"
	"and `calls: [rates]` beside `exec` in the chain file, where `rates` is a function, too. In the\n"
	"test `sp_test_answer(test, \"rates\", SP_S(\"1.25\"));` answers. `man sp_call` has the rest.\n";

#endif
