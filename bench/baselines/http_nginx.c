/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/http_nginx.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATHS_ELSEWHERE "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin"

/* Where stdin is /dev/null, /proc/self/fd/0 is a pid file that is written nowhere, and that
 * nginx cannot remove when it ends. The folders for temporary files must be there, and nothing is
 * put into them; `user` keeps nginx from giving them to somebody else. */
static const char settings[] = "daemon off;\n"
			       "master_process off;\n"
			       "worker_processes 1;\n"
			       "%s"
			       "pid /proc/self/fd/0;\n"
			       "error_log stderr crit;\n"
			       "events {\n"
			       "  use epoll;\n"
			       "  worker_connections 8192;\n"
			       "  multi_accept on;\n"
			       "}\n"
			       "http {\n"
			       "  access_log off;\n"
			       "  server_tokens off;\n"
			       "  tcp_nodelay on;\n"
			       "  keepalive_timeout 1d;\n"
			       "  keepalive_requests 1000000000;\n"
			       "  lingering_close off;\n"
			       "  client_max_body_size %zu;\n"
			       "  client_body_buffer_size %zu;\n"
			       "  client_body_temp_path /tmp;\n"
			       "  proxy_temp_path /tmp;\n"
			       "  fastcgi_temp_path /tmp;\n"
			       "  uwsgi_temp_path /tmp;\n"
			       "  scgi_temp_path /tmp;\n"
			       "  upstream function {\n"
			       "    server %s max_fails=0;\n"
			       "    keepalive 4096;\n"
			       "    keepalive_requests 1000000000;\n"
			       "    keepalive_timeout 1d;\n"
			       "  }\n"
			       "  server {\n"
			       "    listen %s reuseport backlog=4096;\n"
			       "    location / {\n"
			       "      proxy_pass http://function;\n"
			       "      proxy_http_version 1.1;\n"
			       "      proxy_set_header Connection \"\";\n"
			       "      proxy_max_temp_file_size 0;\n"
			       "      proxy_buffer_size 16k;\n"
			       "      proxy_buffers 8 64k;\n"
			       "      proxy_busy_buffers_size 128k;\n"
			       "      proxy_next_upstream off;\n"
			       "    }\n"
			       "  }\n"
			       "}\n";

static const char *find_in(const char *paths)
{
	static char found[4096];

	for (const char *end; *paths; paths = end + (*end == ':')) {
		end = strchrnul(paths, ':');
		snprintf(found, sizeof(found), "%.*s/nginx", (int)(end - paths), paths);
		if (end > paths && access(found, X_OK) == 0)
			return found;
	}
	return NULL;
}

const char *http_nginx_find(void)
{
	const char *path = getenv("PATH");
	const char *found = path ? find_in(path) : NULL;

	return found ? found : find_in(PATHS_ELSEWHERE);
}

static const char *address_text(const struct sockaddr_in *address, char text[32])
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address->sin_addr, host, sizeof(host));
	snprintf(text, 32, "%s:%u", host, ntohs(address->sin_port));
	return text;
}

/* Returns a memfd that the program inherits. */
static int settings_write(const struct http_nginx *nginx)
{
	char listen[32], server[32];
	const char *user = geteuid() == 0 ? "user root;\n" : "";
	int fd = memfd_create("nginx.conf", 0);

	if (fd < 0 || dprintf(fd, settings, user, nginx->body_max, nginx->body_max,
			      address_text(&nginx->server, server),
			      address_text(&nginx->address, listen)) < 0)
		err(1, "nginx.conf");
	return fd;
}

_Noreturn void http_nginx_exec(const char *program, const struct http_nginx *nginx)
{
	int fd = settings_write(nginx);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	execl(program, "nginx", "-e", "/dev/null", "-p", "/", "-c", path, (char *)NULL);
	err(1, "%s", program);
}
