/*
 * data.c
 *		Reads the reference data for the evaluation and the tests.
 *
 * The XML is read line by line, as the files are laid out: one element a line.
 * In the server XMLTABLE does this.
 */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

#define MAX_LEVEL 12

/* The name of a code system. */
const char *
data_system_name(int system)
{
	static const char *const names[] = {"ICD-10-CM", "ICD-10-PCS", "ICD-9-CM", "ICD-9-PCS", "HCPCS"};

	return names[system];
}

/* What the codes of a system look like. */
const CodeShape *
data_system_shape(int system)
{
	const char *name = data_system_name(system);

	return code_system_find(name, strlen(name))->shape;
}

/* Opens a gzipped file for reading. */
static FILE *
open_gz(const char *dir, const char *file)
{
	char		cmd[1200];
	FILE	   *f;

	snprintf(cmd, sizeof(cmd), "gzip -dc '%s/%s'", dir, file);
	f = popen(cmd, "r");
	if (f == NULL)
	{
		perror(file);
		exit(2);
	}
	return f;
}

/* Cuts white space from the end. */
static char *
trim(char *s)
{
	size_t		n = strlen(s);

	while (n > 0 && isspace((unsigned char) s[n - 1]))
		s[--n] = '\0';
	while (isspace((unsigned char) *s))
		s++;
	return s;
}

/* Makes room for one more of an array that grows by doubling. */
static void *
grown(void *array, int n, size_t size)
{
	return (n & (n - 1)) == 0 ? realloc(array, (size_t) (n ? n * 2 : 1) * size) : array;
}

/* A new code at the end of the list. */
static DataCode *
new_code(Data *d, int system)
{
	DataCode   *c;

	d->codes = grown(d->codes, d->ncodes, sizeof(DataCode));
	c = &d->codes[d->ncodes++];
	memset(c, 0, sizeof(*c));
	c->system = system;
	c->from = SEARCH_DAY_MIN;
	c->to = SEARCH_DAY_MAX;
	return c;
}

/* Fills in a code's two forms; dot is after how many characters, 0 for none. */
static void
set_code(DataCode *c, const char *key, int dot)
{
	int			n = (int) strlen(key);

	snprintf(c->key, sizeof(c->key), "%s", key);
	if (dot > 0 && n > dot)
		snprintf(c->code, sizeof(c->code), "%.*s.%s", dot, key, key + dot);
	else
		snprintf(c->code, sizeof(c->code), "%s", key);
}

/* CMS order files: ICD-10-CM and ICD-10-PCS. */
void
data_load_order(Data *d, const char *dir, const char *file, int system)
{
	FILE	   *f = open_gz(dir, file);
	char		line[1024];

	while (fgets(line, sizeof(line), f) != NULL)
	{
		DataCode   *c;
		char		brief[64];
		char		key[16];

		if (strlen(line) < 80)
			continue;
		c = new_code(d, system);
		snprintf(key, sizeof(key), "%.7s", line + 6);
		set_code(c, trim(key), system == SYS_CM ? 3 : 0);
		c->billable = line[14] == '1';
		c->title = strdup(trim(line + 77));
		snprintf(brief, sizeof(brief), "%.60s", line + 16);
		c->brief = strdup(trim(brief));
	}
	pclose(f);
}

/* ICD-9-CM: code, blanks, long title. */
void
data_load_icd9(Data *d, const char *dir, const char *file, int system)
{
	FILE	   *f = open_gz(dir, file);
	char		line[1024];

	while (fgets(line, sizeof(line), f) != NULL)
	{
		char	   *space = strchr(line, ' ');
		DataCode   *c;

		if (space == NULL)
			continue;
		*space = '\0';
		c = new_code(d, system);
		set_code(c, line, system == SYS_ICD9P ? 2 : line[0] == 'E' ? 4 : 3);
		c->billable = 1;
		c->title = strdup(trim(space + 1));
	}
	pclose(f);
}

/* Days since 2000-01-01 of yyyymmdd. */
static int32_t
day_of(const char *s)
{
	int			y;
	int			m;
	int			d;

	if (sscanf(s, "%4d%2d%2d", &y, &m, &d) != 3)
		return SEARCH_DAY_MIN;
	if (m < 3)
	{
		y--;
		m += 12;
	}
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * (m - 3) + 2) / 5 + d - 1 - 730425;
}

/* HCPCS: fixed width, long titles over several lines. */
void
data_load_hcpcs(Data *d, const char *dir)
{
	FILE	   *f = open_gz(dir, "hcpcs/HCPC2020_ANWEB_w_disclaimer.txt.gz");
	char		line[1024];
	DataCode   *c = NULL;

	while (fgets(line, sizeof(line), f) != NULL)
	{
		char		part[128];
		char		key[16];
		size_t		n = strlen(line);

		if (n < 20 || !isdigit((unsigned char) line[5]) || !isdigit((unsigned char) line[7]) ||
			!isdigit((unsigned char) line[10]))
			continue;
		snprintf(key, sizeof(key), "%.5s", line);
		snprintf(part, sizeof(part), "%.80s", line + 11);
		if (line[10] == '3' || line[10] == '7')
		{
			c = new_code(d, SYS_HCPCS);
			set_code(c, trim(key), 0);
			c->billable = 1;
			c->title = strdup(trim(part));
			if (n > 119)
			{
				snprintf(part, sizeof(part), "%.28s", line + 91);
				c->brief = strdup(trim(part));
			}
			if (n > 292)
				c->from = day_of(line + 268);
			if (n > 292 && isdigit((unsigned char) line[284]))
				c->to = day_of(line + 284);
		}
		else if (c != NULL)
		{
			char	   *more = trim(part);
			char	   *title = malloc(strlen(c->title) + strlen(more) + 2);

			sprintf(title, "%s %s", c->title, more);
			free(c->title);
			c->title = title;
		}
	}
	pclose(f);
}

/* Replaces the few entities that the files have, in place. */
static void
unescape(char *s)
{
	static const struct
	{
		const char *from;
		char		to;
	}			entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&apos;", '\''}, {"&quot;", '"'}};
	char	   *o = s;
	size_t		i;

	while (*s)
	{
		for (i = 0; i < 5; i++)
		{
			if (strncmp(s, entities[i].from, strlen(entities[i].from)) == 0)
				break;
		}
		if (i < 5)
		{
			*o++ = entities[i].to;
			s += strlen(entities[i].from);
		}
		else
			*o++ = *s++;
	}
	*o = '\0';
}

/* The text between a tag's brackets; tags inside are dropped, with what they
 * hold when it is a nonessential modifier and keep is 0. */
static void
inner_text(const char *line, const char *tag, int keep, char *out, size_t size)
{
	const char *p = strstr(line, tag);
	size_t		n = 0;
	int			skip = 0;

	out[0] = '\0';
	if (p == NULL)
		return;
	p = strchr(p, '>');
	if (p == NULL)
		return;
	for (p++; *p && !(strncmp(p, "</", 2) == 0 && strncmp(p + 2, tag + 1, strlen(tag) - 1) == 0); p++)
	{
		if (*p == '<')
		{
			if (strncmp(p, "<nemod", 6) == 0)
			{
				skip = !keep;
				if (n + 1 < size)
					out[n++] = ' ';
			}
			else if (strncmp(p, "</nemod", 7) == 0)
				skip = 0;
			p = strchr(p, '>');
			if (p == NULL)
				break;
			continue;
		}
		if (!skip && n + 1 < size)
			out[n++] = *p;
	}
	out[n] = '\0';
	unescape(out);
	memmove(out, trim(out), strlen(trim(out)) + 1);
}

/* The code in a line without its dot and dash. */
static void
code_in(const char *line, char *key)
{
	const char *p = strchr(line, '>');
	int			n = 0;

	for (p = p ? p + 1 : ""; *p && *p != '<'; p++)
	{
		if (isalnum((unsigned char) *p) && n < 7)
			key[n++] = *p;
	}
	key[n] = '\0';
}

/* Adds a term. */
static void
new_term(Data *d, DataTermFrom from, const char *key, const char *text, const char *query)
{
	DataTerm   *t;

	if (key[0] == '\0' || text[0] == '\0')
		return;
	d->terms = grown(d->terms, d->nterms, sizeof(DataTerm));
	t = &d->terms[d->nterms++];
	t->from = from;
	snprintf(t->key, sizeof(t->key), "%s", key);
	t->text = strdup(text);
	t->query = strdup(query);
	t->target = -1;
}

/* A way through the index, folded, and the term that stands at its end. */
typedef struct Way
{
	char	   *key;
	int			term;
} Way;

/* A term that says only where to look. */
typedef struct Reference
{
	char	   *text;
	char	   *target;
} Reference;

/* A folded copy: of the first title what stands before its comma, then the
 * rest. */
static char *
folded_way(const char *first, const char *rest)
{
	char		way[4096];
	char		out[4096];

	snprintf(way, sizeof(way), "%.*s %s", (int) strcspn(first, ","), first, rest);
	search_fold(way, strlen(way), out, sizeof(out));
	return strdup(out);
}

/* For sorting ways. */
static int
compare_ways(const void *x, const void *y)
{
	return strcmp(((const Way *) x)->key, ((const Way *) y)->key);
}

/* Adds the references of an index as terms of the one code that they lead to. */
static void
add_references(Data *d, Way *ways, int nways, const Reference *refs, int nrefs)
{
	int			i;

	qsort(ways, (size_t) nways, sizeof(Way), compare_ways);
	for (i = 0; i < nrefs; i++)
	{
		Way			want;
		Way		   *found;
		char		key[sizeof(d->terms->key)];

		want.key = folded_way("", refs[i].target);
		found = nways == 0 ? NULL : bsearch(&want, ways, (size_t) nways, sizeof(Way), compare_ways);
		free(want.key);
		if (found == NULL)
			continue;
		while (found > ways && strcmp(found[-1].key, found->key) == 0)
			found--;
		/* the same way to two codes leads nowhere */
		if (found + 1 < ways + nways && strcmp(found[1].key, found->key) == 0)
			continue;
		strcpy(key, d->terms[found->term].key);
		new_term(d, FROM_REFERENCE, key, refs[i].text, refs[i].text);
		d->terms[d->nterms - 1].target = found->term;
	}
}

/* An index: the titles from the main term down, joined by commas. */
void
data_load_index(Data *d, const char *dir, const char *file, DataTermFrom from)
{
	static const char *const neoplasm[] = {"malignant primary", "malignant secondary", "carcinoma in situ",
	"benign", "uncertain behavior", "unspecified behavior"};
	static const char *const drug[] = {"poisoning, accidental (unintentional)",
		"poisoning, intentional self-harm", "poisoning, assault", "poisoning, undetermined",
	"adverse effect", "underdosing"};
	FILE	   *f = open_gz(dir, file);
	char		line[4096];
	static char text[MAX_LEVEL][512];
	static char query[MAX_LEVEL][512];
	int			level = 0;
	Way		   *ways = NULL;
	Reference  *refs = NULL;
	int			nways = 0;
	int			nrefs = 0;
	int			open = 0;		/* the last reference's term has no code so
								 * far */

	while (fgets(line, sizeof(line), f) != NULL)
	{
		char	   *p = strstr(line, "level=\"");
		char		key[16];
		char		whole[4096];
		char		asked[4096];
		int			i;
		int			col = 0;

		if (strstr(line, "<mainTerm") != NULL)
			level = 0;
		if (p != NULL)
			level = atoi(p + 7) < MAX_LEVEL ? atoi(p + 7) : MAX_LEVEL - 1;
		if (strstr(line, "</term>") != NULL && level > 0)
			level--;
		if (strstr(line, "<title>") != NULL)
		{
			inner_text(line, "<title", 1, text[level], sizeof(text[0]));
			inner_text(line, "<title", 0, query[level], sizeof(query[0]));
			open = 0;
			continue;
		}
		if (strstr(line, "<see>") != NULL)
		{
			refs = grown(refs, nrefs, sizeof(Reference));
			inner_text(line, "<see", 1, asked, sizeof(asked));
			refs[nrefs].target = strdup(asked);
			whole[0] = '\0';
			for (i = 0; i <= level; i++)
			{
				strcat(whole, i > 0 ? ", " : "");
				strcat(whole, text[i]);
			}
			refs[nrefs++].text = strdup(whole);
			open = 1;
			continue;
		}
		if ((p = strstr(line, "<cell col=\"")) != NULL)
			col = atoi(p + 11);
		else if ((p = strstr(line, "<code>")) == NULL)
			continue;
		code_in(p, key);
		if (strlen(key) < 3)
			continue;
		/* what has a code of its own is no mere reference */
		if (col == 0 && open)
		{
			free(refs[--nrefs].text);
			free(refs[nrefs].target);
			open = 0;
		}
		whole[0] = asked[0] = '\0';
		for (i = 0; i <= level; i++)
		{
			if (i > 0)
			{
				strcat(whole, ", ");
				strcat(asked, " ");
			}
			strcat(whole, text[i]);
			strcat(asked, query[i]);
		}
		if (col >= 2 && col <= 7)
		{
			strcat(whole, ", ");
			strcat(whole, from == FROM_DRUG ? drug[col - 2] : neoplasm[col - 2]);
			strcat(asked, " ");
			strcat(asked, from == FROM_DRUG ? drug[col - 2] : neoplasm[col - 2]);
		}
		new_term(d, from, key, whole, asked);
		ways = grown(ways, nways, sizeof(Way));
		ways[nways].key = folded_way(query[0], asked + strlen(query[0]));
		ways[nways++].term = d->nterms - 1;
	}
	pclose(f);
	add_references(d, ways, nways, refs, nrefs);
	for (nways--; nways >= 0; nways--)
		free(ways[nways].key);
	for (nrefs--; nrefs >= 0; nrefs--)
	{
		free(refs[nrefs].text);
		free(refs[nrefs].target);
	}
	free(ways);
	free(refs);
}

/* The tabular list: inclusion terms and "includes" notes of codes. */
void
data_load_tabular(Data *d, const char *dir)
{
	FILE	   *f = open_gz(dir, "icd-10-cm/icd10cm_tabular_2017.xml.gz");
	char		line[8192];
	char		key[16] = "";
	int			inside = 0;

	while (fgets(line, sizeof(line), f) != NULL)
	{
		char		note[1024];

		if (strstr(line, "<section ") != NULL || strstr(line, "<chapter>") != NULL)
			key[0] = '\0';
		if (strstr(line, "<name>") != NULL)
			code_in(line, key);
		else if (strstr(line, "<inclusionTerm>") != NULL || strstr(line, "<includes>") != NULL)
			inside = 1;
		else if (strstr(line, "</inclusionTerm>") != NULL || strstr(line, "</includes>") != NULL)
			inside = 0;
		else if (inside && key[0] != '\0' && strstr(line, "<note>") != NULL)
		{
			inner_text(line, "<note", 1, note, sizeof(note));
			new_term(d, FROM_INCLUSION, key, note, note);
		}
	}
	pclose(f);
}
