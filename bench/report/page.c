// SPDX-License-Identifier: Apache-2.0
#include "bench/report/page.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int bench_page_open(struct bench_page *page, const char *title)
{
	page->out = open_memstream(&page->html, &page->html_len);
	page->plots = open_memstream(&page->commands, &page->commands_len);
	if (!page->out || !page->plots)
		return -ENOMEM;
	/* The policy makes sure of it: nothing is loaded from anywhere, nothing is run. */
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
	      page->out);
	bench_html(page->out, title, 0);
	fputs("</title>\n<style>", page->out);
	for (size_t i = 0; bench_page_style[i]; i++)
		fputs(bench_page_style[i], page->out);
	fputs("</style></head>\n<body>\n", page->out);
	return 0;
}

static int write_all(const char *path, const char *text, size_t len)
{
	FILE *to = fopen(path, "we");
	int r = 0;

	if (!to)
		return -errno;
	if (fwrite(text, 1, len, to) != len || fflush(to) || fsync(fileno(to)))
		r = errno ? -errno : -EIO;
	if (fclose(to) && r == 0)
		r = -errno;
	return r;
}

static int write_page(const struct bench_page *page, const char *folder,
		      char error[BENCH_ERROR_TEXT])
{
	char *path = NULL, *part = NULL;
	int r = -ENOMEM;

	if (asprintf(&path, "%s/index.html", folder) >= 0 &&
	    asprintf(&part, "%s/.index.html.part", folder) >= 0) {
		r = write_all(part, page->html, page->html_len);
		if (r == 0 && rename(part, path))
			r = -errno;
		if (r < 0)
			unlink(part);
	}
	if (r < 0)
		snprintf(error, BENCH_ERROR_TEXT, "%s/index.html: %s; --out names another folder",
			 folder, strerror(-r));
	free(path);
	free(part);
	return r;
}

static void release(struct bench_page *page)
{
	if (page->out)
		fclose(page->out);
	if (page->plots)
		fclose(page->plots);
	for (size_t i = 0; i < page->file_count; i++)
		free(page->files[i]);
	free(page->files);
	free(page->html);
	free(page->commands);
	*page = (struct bench_page){ 0 };
}

int bench_page_close(struct bench_page *page, const char *folder, char error[BENCH_ERROR_TEXT])
{
	int r = -ENOMEM;

	if (page->out && page->plots) {
		fputs("</body></html>\n", page->out);
		if (fflush(page->out) || fflush(page->plots))
			page->failed = true;
	}
	if (page->failed || !page->html || !page->commands)
		snprintf(error, BENCH_ERROR_TEXT, "no memory for the report; give it fewer files");
	else if (mkdir(folder, 0777) && errno != EEXIST)
		snprintf(error, BENCH_ERROR_TEXT, "%s: %s; --out names another folder", folder,
			 strerror(-(r = -errno)));
	else
		r = write_page(page, folder, error);
	if (r == 0 && page->file_count > 0)
		r = bench_gnuplot(folder, page, error);
	release(page);
	return r;
}

static const char *file_name(struct bench_page *page, const char *what)
{
	char **moved, *name = NULL;
	int len;

	if (page->documents > 1 && page->document > 0)
		len = asprintf(&name, "%u-%s.png", page->document, what);
	else
		len = asprintf(&name, "%s%s.png", page->document ? "" : "all-", what);
	moved = len < 0 ? NULL :
			  reallocarray(page->files, page->file_count + 1, sizeof(*page->files));
	if (!moved) {
		if (len >= 0)
			free(name);
		page->failed = true;
		return NULL;
	}
	page->files = moved;
	page->files[page->file_count++] = name;
	return name;
}

void bench_page_figure(struct bench_page *page, struct bench_chart *chart, const char *file)
{
	bool drawn = bench_chart_settle(chart);
	double *ends = drawn ? calloc(chart->row_count + 1, sizeof(*ends)) : NULL;
	char id[24];

	page->failed |= chart->failed || (drawn && !ends);
	if (ends && (chart->file = file_name(page, file))) {
		snprintf(id, sizeof(id), "figure-%u", ++page->figures);
		fprintf(page->out, "<figure><h3>");
		bench_html(page->out, chart->title, 0);
		fputs("</h3>\n", page->out);
		bench_chart_legend(chart, page->out);
		bench_chart_svg(chart, id, page->out);
		fputs("<figcaption>", page->out);
		bench_html(page->out, chart->text, 0);
		fputs("</figcaption></figure>\n", page->out);
		bench_chart_gnuplot(chart, ends, page->plots);
	}
	free(ends);
	bench_chart_done(chart);
}

void bench_page_note(struct bench_page *page, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		page->failed = true;
		return;
	}
	fputs("<p>", page->out);
	bench_html(page->out, text, 0);
	fputs("</p>\n", page->out);
	free(text);
}

void bench_page_tile(struct bench_page *page, const char *name, enum bench_unit unit, double value)
{
	char text[BENCH_LABEL_TEXT] = "–";

	if (isfinite(value))
		bench_unit_text(unit, value, text);
	fputs("<div><dt>", page->out);
	bench_html(page->out, name, 0);
	fprintf(page->out, "</dt><dd>%s</dd></div>\n", text);
}

/* ---- tables ---- */

void bench_page_table(struct bench_page *page, const char *caption, const char *const *heads)
{
	fputs("<h3 class=\"of-table\">", page->out);
	bench_html(page->out, caption, 0);
	/* A table that is too wide moves within its own box, which the keyboard can reach, too. */
	fputs("</h3><div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"", page->out);
	bench_html(page->out, caption, 0);
	fputs("\"><table aria-label=\"", page->out);
	bench_html(page->out, caption, 0);
	fputs("\"><thead><tr>", page->out);
	for (size_t i = 0; heads[i]; i++) {
		bool text = heads[i][0] == '<';

		fprintf(page->out, "<th scope=\"col\"%s>", text ? " class=\"text\"" : "");
		bench_html(page->out, heads[i] + text, 0);
		fputs("</th>", page->out);
	}
	fputs("</tr></thead>\n<tbody>", page->out);
}

void bench_page_row(struct bench_page *page, const char *name, bool valid)
{
	fprintf(page->out, "<tr%s><th scope=\"row\">", valid ? "" : " class=\"invalid\"");
	bench_html(page->out, name, 0);
	fputs("</th>", page->out);
}

void bench_page_text(struct bench_page *page, const char *text)
{
	fputs("<td class=\"text\">", page->out);
	bench_html(page->out, text, 0);
	fputs("</td>", page->out);
}

/* 1234567 as 1,234,567; small ones with three digits. */
void bench_page_number(struct bench_page *page, double value)
{
	double magnitude = fabs(value);
	char digits[64];
	int len, first;

	if (!isfinite(value)) {
		fputs("<td>–</td>", page->out);
		return;
	}
	if (magnitude < 1000 && magnitude != floor(magnitude)) {
		int decimals = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;

		fprintf(page->out, "<td>%.*f</td>", decimals, value);
		return;
	}
	fprintf(page->out, "<td>%s", value < 0 ? "−" : "");
	len = snprintf(digits, sizeof(digits), "%.0f", fmin(magnitude, 1e18));
	first = len % 3 ? len % 3 : 3;
	for (int i = 0; i < len; i++)
		fprintf(page->out, "%s%c", i >= first && (i - first) % 3 == 0 ? "," : "",
			digits[i]);
	fputs("</td>", page->out);
}

void bench_page_row_end(struct bench_page *page)
{
	fputs("</tr>\n", page->out);
}

void bench_page_table_end(struct bench_page *page)
{
	fputs("</tbody></table></div>\n", page->out);
}
