/*
 * server_export.c
 *		Writes what the offline evaluation loads and asks, for a server to do the same.
 *
 *		server_export SEED QUERIES_PER_SET DIRECTORY
 *
 * codes.tsv, terms.tsv and queries.tsv.  It is the evaluation's own program, so
 * that what is held out there is held out here.
 */
#define main eval_main
#include "eval.c"
#undef main

/* A day as SQL reads it, \N where it is open. */
static void
put_day(FILE *f, int32_t day, int add)
{
	if (day == SEARCH_DAY_MIN || day == SEARCH_DAY_MAX)
		fputs("\t\\N", f);
	else
		fprintf(f, "\t%d", day + add);
}

/* A text for COPY. */
static void
put_text(FILE *f, const char *text)
{
	fputc('\t', f);
	for (; *text; text++)
	{
		if (*text == '\\')
			fputc('\\', f);
		fputc(*text == '\t' || *text == '\n' || *text == '\r' ? ' ' : *text, f);
	}
}

/* Opens a file of the directory. */
static FILE *
create(const char *dir, const char *name)
{
	char		path[1200];
	FILE	   *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL)
	{
		perror(path);
		exit(2);
	}
	return f;
}

/* The length of a UTF-8 character, 0 where there is none. */
static int
utf8_length(const unsigned char *p)
{
	int			n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 :
		p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
	int			i;

	for (i = 1; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

/* Old files are latin-1: what is no UTF-8 becomes it. */
static void
to_utf8(const char *dir, const char *name)
{
	char		from[1200];
	char		to[1200];
	unsigned char line[16384];
	FILE	   *in;
	FILE	   *out;

	snprintf(from, sizeof(from), "%s/%s", dir, name);
	snprintf(to, sizeof(to), "%s/%s.utf8", dir, name);
	in = fopen(from, "r");
	out = fopen(to, "w");
	if (in == NULL || out == NULL)
	{
		perror(name);
		exit(2);
	}
	while (fgets((char *) line, sizeof(line), in) != NULL)
	{
		unsigned char *p = line;

		while (*p)
		{
			int			n = utf8_length(p);

			if (n == 0)
				fprintf(out, "%c%c", 0xC0 | *p >> 6, 0x80 | (*p & 0x3F));
			else
				fwrite(p, 1, (size_t) n, out);
			p += n ? n : 1;
		}
	}
	fclose(in);
	if (fclose(out) != 0 || rename(to, from) != 0)
	{
		perror(to);
		exit(2);
	}
}

/* Reads the data as the evaluation does, and writes. */
int
main(int argc, char **argv)
{
	const char *dir = getenv("MEDREC_DATA");
	char		path[1200];
	FILE	   *f;
	int			i;

	if (argc != 4 || dir == NULL)
	{
		fprintf(stderr, "usage: MEDREC_DATA=... server_export SEED QUERIES_PER_SET DIRECTORY\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 10);
	per_set = atoi(argv[2]);
	load_data(dir);
	draw_queries();

	f = create(argv[3], "codes.tsv");
	for (i = 0; i < data.ncodes; i++)
	{
		const DataCode *c = &data.codes[i];

		fprintf(f, "%s\t%s\t%s", data_system_name(c->system), c->code, c->billable ? "t" : "f");
		put_day(f, c->from, 0);
		put_day(f, c->to, 1);	/* the first day that it is not */
		put_text(f, c->title);
		if (c->brief != NULL && !brief_held_out(c))
			put_text(f, c->brief);
		else
			fputs("\t\\N", f);
		fputc('\n', f);
	}
	fclose(f);

	f = create(argv[3], "terms.tsv");
	for (i = 0; i < data.nterms; i++)
	{
		const DataTerm *t = &data.terms[i];
		int			c = find_cm(t->key);

		if (c < 0 || held_out(t))
			continue;
		fprintf(f, "%s\t%s\t%s", data_system_name(SYS_CM), data.codes[c].code,
				t->from == FROM_INCLUSION ? "inclusion" : "index");
		put_text(f, t->text);
		fputc('\n', f);
	}
	fclose(f);

	snprintf(path, sizeof(path), "%s/queries.tsv", argv[3]);
	export_queries(path);
	to_utf8(argv[3], "codes.tsv");
	to_utf8(argv[3], "terms.tsv");
	to_utf8(argv[3], "queries.tsv");
	return 0;
}
