// SPDX-License-Identifier: Apache-2.0
#include "controller/sandbox.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/capability.h>

#include "controller/chain_value.h"
#include "controller/hash.h"
#include "controller/privilege.h"
#include "controller/sandbox_paths.h"
#include "controller/sandbox_root.h"
#include "controller/sandbox_rules.h"
#include "sproxy/filter.h"

struct sandbox {
	uint64_t print; /* of what it was made from */
	uint32_t count;
	int mount_ns, net_ns;
	char lacks[SANDBOX_WHY_MAX];
	struct sandbox_child children[SP_FN_MAX];
};

/* ---- does it fit? ---- */

/* A file that was replaced is another, and a folder that was. */
static void hash_place(uint64_t *hash, const char *path, bool content)
{
	struct stat st = { 0 };
	uint64_t what[5];

	if (stat(path, &st) < 0)
		st = (struct stat){ 0 };
	what[0] = st.st_dev;
	what[1] = st.st_ino;
	what[2] = content ? (uint64_t)st.st_size : 0;
	what[3] = content ? (uint64_t)st.st_mtim.tv_sec : 0;
	what[4] = content ? (uint64_t)st.st_mtim.tv_nsec : 0;
	hash_text(hash, path);
	hash_add(hash, what, sizeof(what));
}

static void hash_function(uint64_t *hash, const struct chain_function *f)
{
	const struct chain_security *s = &f->security;
	const uint32_t numbers[] = { s->host_network, s->user_kind, s->calls,
				     (uint32_t)s->read.count, (uint32_t)f->secrets.count };

	hash_text(hash, f->name);
	hash_text(hash, s->user);
	hash_add(hash, numbers, sizeof(numbers));
	for (size_t i = 0; i < f->secrets.count; i++) {
		hash_text(hash, f->secrets.items[i].key);
		hash_place(hash, f->secrets.items[i].value, true);
	}
}

static uint64_t print_of(const struct chain *chain, const struct sandbox_paths *paths)
{
	uint64_t hash = HASH_START;

	for (uint32_t i = 0; i < chain->function_count; i++)
		hash_function(&hash, &chain->functions[i]);
	for (size_t i = 0; i < paths->count; i++) {
		const struct sandbox_path *p = &paths->items[i];
		const uint64_t whose[] = { p->users, p->writers };

		hash_place(&hash, p->path, false);
		hash_add(&hash, whose, sizeof(whose));
	}
	return hash;
}

bool sandbox_fits(const struct sandbox *sandbox, const struct chain *chain)
{
	struct sandbox_paths paths;
	/* What cannot be found, sandbox_new() says. */
	bool fits =
		sandbox_paths_find(chain, &paths) == 0 && sandbox->print == print_of(chain, &paths);

	sandbox_paths_free(&paths);
	return fits;
}

/* ---- users and filters ---- */

static int user_find(const struct chain_function *f, struct sandbox_child *ret,
		     char why[SANDBOX_WHY_MAX])
{
	const char *text = f->security.user;
	uint64_t number;
	bool is_number = chain_value_number(text, &number) == 0;
	const struct passwd *user = is_number ? getpwuid((uid_t)number) : getpwnam(text);

	if (!user && !is_number) {
		snprintf(why, SANDBOX_WHY_MAX,
			 "%s: security.user %s: this machine has no such user: make one, or use "
			 "auto",
			 f->name, text);
		return -EINVAL;
	}
	ret->uid = user ? user->pw_uid : (uid_t)number;
	ret->gid = user ? user->pw_gid : (gid_t)number;
	return 0;
}

static int child_make(const struct chain_function *f, uid_t uid, struct sandbox_child *ret,
		      char why[SANDBOX_WHY_MAX])
{
	const struct chain_security *s = &f->security;
	int r = 0;

	ret->own_user = uid > 0 && s->user_kind != CHAIN_USER_KEEP;
	ret->uid = ret->gid = uid;
	if (ret->own_user && s->user_kind == CHAIN_USER_NAMED) {
		r = user_find(f, ret, why);
		if (r < 0)
			return r;
	}
	if (f->secrets.count > 0)
		snprintf(ret->secrets, sizeof(ret->secrets), SANDBOX_SECRETS "/%s", f->name);
	return 0;
}

static uint32_t calls_of(const struct chain *chain, uint32_t i)
{
	const struct chain_security *s = &chain->functions[i].security;

	return s->calls | (s->host_network ? 1U << FILTER_SOCKET : 0);
}

/* Most functions have the same one: it is made once. */
static int filter_give(struct sandbox *sandbox, const struct chain *chain, uint32_t i,
		       char why[SANDBOX_WHY_MAX])
{
	int r;

	for (uint32_t n = 0; n < i; n++) {
		if (calls_of(chain, n) == calls_of(chain, i)) {
			sandbox->children[i].filter = sandbox->children[n].filter;
			return 0;
		}
	}
	r = filter_function(calls_of(chain, i), &sandbox->children[i].filter);
	if (r < 0)
		snprintf(why, SANDBOX_WHY_MAX, "%s: cannot make its filter of system calls: %s",
			 chain->functions[i].name, strerror(-r));
	return r;
}

static int children_make(struct sandbox *sandbox, const struct chain *chain, uid_t uid,
			 char why[SANDBOX_WHY_MAX])
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < chain->function_count; i++)
		r = child_make(&chain->functions[i], uid, &sandbox->children[i], why);
	for (uint32_t i = 0; r == 0 && i < chain->function_count; i++)
		r = filter_give(sandbox, chain, i, why);
	return r;
}

/* ---- namespaces and rules ---- */

/* Everybody who gets here may write, and nobody takes away what is another's. */
static bool core_folder_make(const char *folder)
{
	return folder && (mkdir(folder, 0700) == 0 || errno == EEXIST) && chmod(folder, 01733) == 0;
}

static void lacks_say(struct sandbox *sandbox, const struct sandbox_made *made, bool user)
{
	char *at = sandbox->lacks;
	size_t size = sizeof(sandbox->lacks), len = 0;

#define SAY(...)                                                                    \
	do {                                                                        \
		if (len < size)                                                     \
			len += (size_t)snprintf(at + len, size - len, __VA_ARGS__); \
	} while (0)
	if (!user)
		SAY("no user of their own (this needs root)");
	if (made->mount_ns < 0)
		SAY("%sno root folder of their own", len ? "; " : "");
	if (made->net_error < 0)
		SAY("%sno empty network", len ? "; " : "");
	if (made->rulesets[0] < 0)
		SAY("%sno landlock", len ? "; " : "");
#undef SAY
}

static int secrets_check(const struct chain *chain, const struct sandbox_made *made,
			 char why[SANDBOX_WHY_MAX])
{
	for (uint32_t i = 0; made->mount_ns < 0 && i < chain->function_count; i++) {
		if (chain->functions[i].secrets.count == 0)
			continue;
		snprintf(why, SANDBOX_WHY_MAX,
			 "%s has secrets, which can be kept from others only by root, with a mount "
			 "namespace: run as root, or take them out",
			 chain->functions[i].name);
		return -EPERM;
	}
	return 0;
}

static int places_make(struct sandbox *sandbox, const struct chain *chain, const char *core_folder,
		       bool user, char why[SANDBOX_WHY_MAX])
{
	struct sandbox_paths paths;
	struct sandbox_plan plan = { .chain = chain,
				     .children = sandbox->children,
				     .paths = &paths,
				     .root = privilege_has(CAP_SYS_ADMIN) &&
					     privilege_has(CAP_SYS_CHROOT) };
	struct sandbox_made made = { .mount_ns = -1 };
	int r = sandbox_paths_find(chain, &paths);

	for (uint32_t i = 0; i < chain->function_count; i++)
		plan.network |= !chain->functions[i].security.host_network;
	sandbox->print = print_of(chain, &paths);
	if (r == 0 && plan.root && core_folder_make(core_folder))
		plan.core_folder = core_folder;
	if (r == 0)
		r = sandbox_root_make(&plan, &made);
	sandbox_paths_free(&paths);
	if (r < 0) {
		snprintf(why, SANDBOX_WHY_MAX, "%s", made.why[0] ? made.why : strerror(-r));
		return r;
	}
	lacks_say(sandbox, &made, user);
	for (uint32_t i = 0; i < chain->function_count; i++) {
		struct sandbox_child *c = &sandbox->children[i];

		c->mount_ns = made.mount_ns;
		c->net_ns = chain->functions[i].security.host_network ? -1 : made.net_ns;
		c->ruleset = made.rulesets[i];
		c->cores = plan.core_folder && made.mount_ns >= 0;
	}
	sandbox->mount_ns = made.mount_ns;
	sandbox->net_ns = made.net_ns;
	return secrets_check(chain, &made, why);
}

int sandbox_new(const struct chain *chain, uid_t uid, const char *core_folder, struct sandbox **ret,
		char why[SANDBOX_WHY_MAX])
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
	int r;

	why[0] = '\0';
	if (!sandbox)
		return -ENOMEM;
	sandbox->mount_ns = sandbox->net_ns = -1;
	sandbox->count = chain->function_count;
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		sandbox->children[i].mount_ns = sandbox->children[i].net_ns =
			sandbox->children[i].ruleset = -1;
	r = children_make(sandbox, chain, uid, why);
	if (r == 0)
		r = places_make(sandbox, chain, core_folder, uid > 0, why);
	if (r < 0) {
		sandbox_free(sandbox);
		return r;
	}
	*ret = sandbox;
	return 0;
}

const struct sandbox_child *sandbox_child(const struct sandbox *sandbox, uint32_t index)
{
	return &sandbox->children[index];
}

const char *sandbox_lacks(const struct sandbox *sandbox)
{
	return sandbox->lacks;
}

/* A shared one is the last one's that has it. */
static void filter_done(struct sandbox *sandbox, uint32_t i)
{
	for (uint32_t n = i + 1; n < sandbox->count; n++)
		if (sandbox->children[n].filter.filter == sandbox->children[i].filter.filter)
			return;
	filter_free(&sandbox->children[i].filter);
}

struct sandbox *sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return NULL;
	for (uint32_t i = 0; i < sandbox->count; i++) {
		filter_done(sandbox, i);
		if (sandbox->children[i].ruleset >= 0)
			close(sandbox->children[i].ruleset);
	}
	if (sandbox->mount_ns >= 0)
		close(sandbox->mount_ns);
	if (sandbox->net_ns >= 0)
		close(sandbox->net_ns);
	free(sandbox);
	return NULL;
}
