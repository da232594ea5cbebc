/*
 * eval.c
 *		Asks the suggestion index what it was not told, and counts.
 *
 * A fifth of the index and inclusion terms, and a fifth of the short titles,
 * are held out by a seeded hash; the rest is loaded.  A query is right when
 * the code itself is given; "compatible" also counts a code above or below.
 * Index and inclusion terms of 2017 often lead to a header, before which a
 * billable code has to stand: "below@1" also counts the first suggestion when
 * it lies below the header that is the truth, and "bill@1" counts only the
 * queries whose truth is billable.  Terms whose code is not in the
 * 2025 release are left out.  Times are of the processor.
 *
 *		eval [-s seed] [-n queries per set] [-x file.tsv] [-v set] [-o set]
 *			[--part k] [--weight name=value]... [--answers file] [--try names]
 *			[--trace text]
 *
 * -v prints the questions of a set whose answer is not among the first five, -w
 * those whose answer is not the first, -c those that are sure of another one; -o
 * asks one set only; --part takes one category of codes in k; -x writes the
 * questions, --answers all answers with their scores.  --weight changes a weight
 * of src/search/weights.h for this run; --try prints, for some weights or for "all",
 * on how many questions of each set the answers move when it is a fifth smaller
 * and a quarter larger, and by how much hit@1 and hit@5 change.  --trace
 * asks for one text and prints what each step makes of it.  "eval --list" prints
 * the weights.
 */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data.h"
#include "search/weights.h"
#include "trace.h"

#define ON_DATE		9131		/* 2025-01-01, from 2000-01-01 */
#define MAX_QUERY	1200
#define MAX_HITS	10

typedef struct Query
{
	const char *set;
	int			system;
	int			flags;
	char	   *text;
	char	   *code;
	int			truth;			/* index into Data.codes */
} Query;

typedef struct Tally
{
	const char *set;
	int			n;
	int			hit1;
	int			billable;		/* whose truth is */
	int			hit1_billable;	/* of those */
	int			hit1_below;		/* or below the header that is the truth */
	int			hit5;
	int			hit10;
	int			compat5;
	int			sure;			/* suggestions that score 0.9 or more */
	int			sure_right;
	int			sure_below;		/* right, or below the header that is the
								 * truth */
	double		p50;
	double		p99;
	double		most;
} Tally;

static uint64_t seed = 1;
static uint64_t state;
static Data data;
static Query *queries;
static int	nqueries;
static int	per_set = 2000;
static int	part = 1;
static const char *set_names[32];
static int	nsets;
static FILE *dump;
static FILE *answers;
static int *cm_by_key;
static int	ncm;

/* A hash of a string and the seed. */
static uint64_t
seeded(const char *s, const char *salt)
{
	uint64_t	h = 1469598103934665603ULL + seed * 0x9E3779B97F4A7C15ULL;

	for (; *salt; salt++)
		h = (h ^ (unsigned char) *salt) * 1099511628211ULL;
	for (; *s; s++)
		h = (h ^ (unsigned char) *s) * 1099511628211ULL;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	return h ^ (h >> 29);
}

/* A hash of a string. */
static uint64_t
text_hash(const char *s)
{
	uint64_t	h = 1469598103934665603ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char) *s) * 1099511628211ULL;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	return h ^ (h >> 29);
}

/* The next random number below n. */
static uint32_t
draw(uint32_t n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t) ((state >> 33) % (n ? n : 1));
}

/* Seconds of processor time, so that other work on the machine counts little. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Notes a query. */
static void
ask(const char *set, int system, int flags, const char *text, const char *code, int truth)
{
	Query	   *q;

	if ((nqueries & (nqueries - 1)) == 0)
		queries = realloc(queries, (size_t) (nqueries ? nqueries * 2 : 1) * sizeof(Query));
	if (nsets == 0 || set_names[nsets - 1] != set)
		set_names[nsets++] = set;
	q = &queries[nqueries++];
	q->set = set;
	q->system = system;
	q->flags = flags;
	q->text = text ? strdup(text) : NULL;
	q->code = code ? strdup(code) : NULL;
	q->truth = truth;
}

/* Finds an ICD-10-CM code; -1 when the release does not have it. */
static int
find_cm(const char *key)
{
	int			lo = 0;
	int			hi = ncm;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;
		int			c = strcmp(data.codes[cm_by_key[mid]].key, key);

		if (c == 0)
			return cm_by_key[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

/* One slip of the keyboard in a text of lower-case words. */
static void
slip(char *s)
{
	static const char *const near_keys[] = {"qwsz", "vghn", "xdfv", "erfcxs", "wsdr", "rtgvcd", "tyhbvf",
		"yujnbg", "ujko", "uikmnh", "iolmj", "opk", "njk", "bhjm", "iklp", "ol", "wa", "edft",
	"wedxza", "rfgy", "yhji", "cfgb", "qase", "zsdc", "tghu", "asx"};
	size_t		n = strlen(s);
	int			tries;

	for (tries = 0; tries < 100; tries++)
	{
		size_t		i = draw((uint32_t) n);
		size_t		from = i;
		size_t		to = i;
		int			kind = (int) draw(5);

		if (!isalpha((unsigned char) s[i]))
			continue;
		while (from > 0 && isalpha((unsigned char) s[from - 1]))
			from--;
		while (isalpha((unsigned char) s[to]))
			to++;
		if (to - from < 4)		/* nobody could tell a wrong short word */
			continue;
		if (kind == 0)			/* dropped */
			memmove(s + i, s + i + 1, n - i);
		else if (kind == 1)		/* doubled */
			memmove(s + i + 1, s + i, n - i + 1);
		else if (kind == 2 && i + 1 < to && s[i] != s[i + 1])	/* swapped */
		{
			char		c = s[i];

			s[i] = s[i + 1];
			s[i + 1] = c;
		}
		else if (kind == 3)		/* neighbour on the keyboard */
		{
			const char *near = near_keys[tolower((unsigned char) s[i]) - 'a'];

			s[i] = near[draw((uint32_t) strlen(near))];
		}
		else if (kind == 4)		/* any other letter */
			s[i] = (char) ('a' + draw(26));
		else
			continue;
		return;
	}
}

/* Lower case, for queries as people type them. */
static char *
lowered(const char *s, char *out)
{
	size_t		n = 0;

	for (; *s && n < MAX_QUERY - 8; s++)
		out[n++] = (char) tolower((unsigned char) *s);
	out[n] = '\0';
	return out;
}

/* The first letters of each word. */
static void
shorten(const char *s, char *out)
{
	size_t		n = 0;

	while (*s)
	{
		int			keep = 3 + (int) draw(4);
		int			k = 0;

		while (*s && !isalnum((unsigned char) *s))
			s++;
		for (; isalnum((unsigned char) *s); s++, k++)
		{
			if (k < keep && n < MAX_QUERY - 2)
				out[n++] = (char) tolower((unsigned char) *s);
		}
		if (k > 0)
			out[n++] = ' ';
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/* The words in another order, without the small ones. */
static void
shuffle(const char *s, char *out)
{
	char		words[64][64];
	int			n = 0;
	int			i;

	while (*s && n < 64)
	{
		int			k = 0;

		while (*s && !isalnum((unsigned char) *s))
			s++;
		for (; isalnum((unsigned char) *s) || (*s == '-' && k > 0); s++)
		{
			if (k < 63)
				words[n][k++] = (char) tolower((unsigned char) *s);
		}
		words[n][k] = '\0';
		if (k > 0 && strcmp(words[n], "of") && strcmp(words[n], "the") && strcmp(words[n], "and") &&
			strcmp(words[n], "for") && strcmp(words[n], "in") && strcmp(words[n], "to"))
			n++;
	}
	out[0] = '\0';
	for (i = 0; i < n; i++)
	{
		int			j = i + (int) draw((uint32_t) (n - i));
		char		swap[64];

		memcpy(swap, words[i], 64);
		memcpy(words[i], words[j], 64);
		memcpy(words[j], swap, 64);
		if (i > 0)
			strcat(out, " ");
		strcat(out, words[i]);
	}
}

/* Damages a code of ICD-10-CM as people do; 0 when the result is a code again. */
static int
damage(const DataCode *c, char *out)
{
	static const char *const like = "O0I1S5B8Z2G6D0Q0L1";
	char		s[32];
	int			n;
	int			i;
	int			kind = (int) draw(7);

	strcpy(s, c->key);
	n = (int) strlen(s);
	i = (int) draw((uint32_t) n);
	switch (kind)
	{
		case 0:					/* looks alike */
			{
				const char *p = strchr(like, s[i]);

				if (p == NULL)
					return 0;
				s[i] = like[(p - like) ^ 1];
				break;
			}
		case 1:					/* swapped */
			if (i + 1 >= n || s[i] == s[i + 1])
				return 0;
			s[i] ^= s[i + 1];
			s[i + 1] ^= s[i];
			s[i] ^= s[i + 1];
			break;
		case 2:					/* dropped */
			memmove(s + i, s + i + 1, (size_t) (n - i));
			break;
		case 3:					/* one too many */
			memmove(s + i + 1, s + i, (size_t) (n - i + 1));
			if (draw(2))
				s[i] = (char) ('0' + draw(10));
			break;
		case 4:					/* seventh character missing */
			if (n < 7 || c->system != SYS_CM)
				return 0;
			s[n - 1] = '\0';
			break;
		case 5:					/* placeholder missing */
			{
				char	   *x = strchr(s, 'X');

				if (x == NULL)
					return 0;
				memmove(x, x + 1, strlen(x));
				break;
			}
		default:				/* a neighbouring digit */
			if (!isdigit((unsigned char) s[i]) || s[i] == '0' || s[i] == '9')
				return 0;
			s[i] = (char) (s[i] + (draw(2) ? 1 : -1));
	}
	if (kind != 4 && find_cm(s) >= 0)
		return 0;
	if (c->system == SYS_CM && strlen(s) > 3)
		sprintf(out, "%.3s.%s", s, s + 3);
	else
		strcpy(out, s);
	return 1;
}

/* A random billable code of a system. */
static int
draw_code(int system)
{
	for (;;)
	{
		int			i = (int) draw((uint32_t) data.ncodes);

		if (data.codes[i].system == system && data.codes[i].billable && data.codes[i].from <= ON_DATE &&
			data.codes[i].to >= ON_DATE)
			return i;
	}
}

/* Is a term held out?  A reference also where the term is that it leads to. */
static int
held_out(const DataTerm *t)
{
	char		salt[32];

	if (t->target >= 0 && held_out(&data.terms[t->target]))
		return 1;
	snprintf(salt, sizeof(salt), "%s%d", t->key, (int) t->from);
	return seeded(t->text, salt) % 5 == 0;
}

/* Is a code's short title held out? */
static int
brief_held_out(const DataCode *c)
{
	return seeded(c->key, c->system == SYS_CM ? "cm" : "x") % 5 == 0;
}

/* Draws queries from the held-out terms of some origins. */
static void
ask_terms(const char *set, int from_a, int from_b)
{
	int		   *pick = malloc((size_t) data.nterms * sizeof(int));
	int			n = 0;
	int			i;

	for (i = 0; i < data.nterms; i++)
	{
		const DataTerm *t = &data.terms[i];

		if (((int) t->from == from_a || (int) t->from == from_b) && held_out(t) && find_cm(t->key) >= 0)
			pick[n++] = i;
	}
	for (i = 0; i < n && i < per_set; i++)
	{
		int			j = i + (int) draw((uint32_t) (n - i));
		int			swap = pick[i];
		char		buf[MAX_QUERY];

		pick[i] = pick[j];
		pick[j] = swap;
		ask(set, SYS_CM, 0, lowered(data.terms[pick[i]].query, buf), NULL, find_cm(data.terms[pick[i]].key));
	}
	free(pick);
}

/* British spelling of some words. */
static void
britannize(char *s)
{
	static const char *const pairs[][2] = {{"hemorrh", "haemorrh"}, {"edema", "oedema"}, {"tumor", "tumour"},
	{"anemia", "anaemia"}, {"esophag", "oesophag"}, {"diarrhea", "diarrhoea"}, {"leukemia", "leukaemia"},
	{"hematom", "haematom"}, {"ischemi", "ischaemi"}, {"fetus", "foetus"}, {"paralyze", "paralyse"},
	{"septicemia", "septicaemia"}, {"anesthe", "anaesthe"}, {"orthopedic", "orthopaedic"}, {NULL, NULL}};
	int			i;

	for (i = 0; pairs[i][0] != NULL; i++)
	{
		char	   *p = strstr(s, pairs[i][0]);

		if (p != NULL && strlen(s) < MAX_QUERY - 8)
		{
			size_t		a = strlen(pairs[i][0]);
			size_t		b = strlen(pairs[i][1]);

			memmove(p + b, p + a, strlen(p + a) + 1);
			memcpy(p, pairs[i][1], b);
		}
	}
}

/* The parts between commas, last first. */
static void
reverse_parts(const char *s, char *out)
{
	const char *end = s + strlen(s);

	out[0] = '\0';
	while (end > s)
	{
		const char *p = end;

		while (p > s && p[-1] != ',')
			p--;
		while (*p == ' ')
			p++;
		if (out[0])
			strcat(out, " ");
		strncat(out, p, (size_t) (end - p));
		while (p > s && p[-1] != ',')
			p--;
		end = p > s ? p - 1 : s;
	}
}

/* What a text says, whatever its case and commas. */
static uint64_t
wording(const char *text)
{
	char		folded[MAX_QUERY];

	search_fold(text, strlen(text), folded, sizeof(folded));
	return seeded(folded, "");
}

/* A wording of a code of ICD-10-CM. */
typedef struct Wording
{
	uint64_t	hash;
	int			code;			/* index into Data.codes */
} Wording;

/* Orders wordings, then codes. */
static int
compare_wordings(const void *a, const void *b)
{
	const Wording *x = a;
	const Wording *y = b;

	return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash) : x->code - y->code;
}

/* All wordings of ICD-10-CM, in order. */
static Wording *
cm_wordings(int *n)
{
	Wording    *all = malloc(((size_t) ncm + (size_t) data.nterms) * sizeof(Wording));
	int			i;

	*n = 0;
	for (i = 0; i < ncm; i++)
	{
		const DataCode *c = &data.codes[cm_by_key[i]];

		all[*n].hash = wording(c->title);
		all[(*n)++].code = cm_by_key[i];
	}
	for (i = 0; i < data.nterms; i++)
	{
		all[*n].hash = wording(data.terms[i].text);
		all[*n].code = find_cm(data.terms[i].key);
		*n += all[*n].code >= 0;
	}
	qsort(all, (size_t) *n, sizeof(Wording), compare_wordings);
	return all;
}

/* The one code that has a wording, -1 when none or several have. */
static int
code_worded(const Wording *all, int n, const char *text)
{
	uint64_t	hash = wording(text);
	int			lo = 0;
	int			hi = n;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (all[mid].hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n || all[lo].hash != hash)
		return -1;
	for (hi = lo; hi < n && all[hi].hash == hash; hi++)
	{
		if (all[hi].code != all[lo].code)
			return -1;
	}
	return all[lo].code;
}

/* ICD-9-CM titles that are worded like a title or term of ICD-10-CM; asked
 * with the parts between commas reversed and in British spelling.  The truth
 * holds only by that identity. */
static void
ask_icd9(void)
{
	int			i;
	int			n = 0;
	int			start = (int) draw((uint32_t) data.ncodes);
	int			nall;
	Wording    *all = cm_wordings(&nall);

	for (i = 0; i < data.ncodes && n < per_set; i++)
	{
		const DataCode *c = &data.codes[(start + i) % data.ncodes];
		char		buf[MAX_QUERY];
		char		turned[MAX_QUERY];
		int			code = c->system == SYS_ICD9 ? code_worded(all, nall, c->title) : -1;

		if (code < 0)
			continue;
		reverse_parts(lowered(c->title, buf), turned);
		britannize(turned);
		ask("icd9", SYS_CM, 0, turned, NULL, code);
		n++;
	}
	free(all);
}

/* Draws all sets. */
static void
draw_queries(void)
{
	char		buf[MAX_QUERY];
	char		out[MAX_QUERY];
	int			i;

	ask_terms("index", FROM_INDEX, FROM_EXTERNAL);
	ask_terms("inclusion", FROM_INCLUSION, FROM_INCLUSION);
	ask_terms("tables", FROM_NEOPLASM, FROM_DRUG);
	for (i = 0; i < per_set; i++)
	{
		int			c = draw_code(SYS_CM);

		lowered(data.codes[c].title, buf);
		slip(buf);
		ask("misspelt 1", SYS_CM, 0, buf, NULL, c);
	}
	for (i = 0; i < per_set; i++)
	{
		int			c = draw_code(SYS_CM);

		lowered(data.codes[c].title, buf);
		slip(buf);
		slip(buf);
		ask("misspelt 2", SYS_CM, 0, buf, NULL, c);
	}
	for (i = 0; i < per_set; i++)
	{
		int			c = draw_code(SYS_CM);

		shorten(data.codes[c].title, out);
		ask("prefixes", SYS_CM, SEARCH_PREFIX, out, NULL, c);
	}
	for (i = 0; i < per_set;)
	{
		int			c = draw_code(SYS_CM);

		if (!brief_held_out(&data.codes[c]) || strcmp(data.codes[c].brief, data.codes[c].title) == 0)
			continue;
		ask("short titles", SYS_CM, 0, lowered(data.codes[c].brief, buf), NULL, c);
		i++;
	}
	for (i = 0; i < per_set; i++)
	{
		int			c = draw_code(SYS_CM);

		shuffle(data.codes[c].title, out);
		ask("shuffled", SYS_CM, 0, out, NULL, c);
	}
	for (i = 0; i < per_set / 2;)
	{
		int			c = draw_code(SYS_PCS);

		shuffle(data.codes[c].title, out);
		slip(out);
		ask("pcs misspelt", SYS_PCS, 0, out, NULL, c);
		i++;
	}
	for (i = 0; i < per_set / 4; i++)
	{
		int			c = draw_code(SYS_HCPCS);

		lowered(data.codes[c].title, buf);
		slip(buf);
		ask("hcpcs misspelt", SYS_HCPCS, 0, buf, NULL, c);
	}
	ask_icd9();
	for (i = 0; i < per_set / 2;)
	{
		int			c = draw_code(SYS_CM);

		if (!damage(&data.codes[c], out))
			continue;
		ask("damaged codes", SYS_CM, 0, NULL, out, c);
		i++;
	}
	for (i = 0; i < per_set / 2;)
	{
		int			c = draw_code(SYS_CM);

		if (!damage(&data.codes[c], out))
			continue;
		lowered(data.codes[c].title, buf);
		slip(buf);
		ask("damaged + title", SYS_CM, 0, buf, out, c);
		i++;
	}
}

/* For the builder. */
static void *
eval_alloc(void *opaque, size_t size)
{
	(void) opaque;
	return malloc(size);
}

/* For the builder. */
static void *
eval_realloc(void *opaque, void *p, size_t size)
{
	(void) opaque;
	return realloc(p, size);
}

/* For the builder. */
static void
eval_free(void *opaque, void *p)
{
	(void) opaque;
	free(p);
}

/* The kind of a term by its origin. */
static SearchTermKind
term_kind(DataTermFrom from)
{
	return from == FROM_INCLUSION ? SEARCH_TERM_INCLUSION : from == FROM_SYNONYM ? SEARCH_TERM_SYNONYM : SEARCH_TERM_INDEX;
}

/* Builds the image of everything that is not held out; copies > 1 adds each
 * code again under other systems, to measure growth. */
static void *
build(size_t *size, int copies)
{
	SearchAllocator a = {eval_alloc, eval_realloc, eval_free, NULL};
	SearchBuilder *b = search_builder_create(&a, NULL, NULL);
	int32_t    *refs = malloc((size_t) data.ncodes * sizeof(int32_t));
	void	   *image;
	int			i;
	int			k;

	search_add_default_abbreviations(b);
	for (k = 0; k < copies; k++)
	{
		for (i = 0; i < SYSTEMS; i++)
			search_set_shape(b, i + 8 * k, data_system_shape(i));
		for (i = 0; i < data.ncodes; i++)
		{
			const DataCode *c = &data.codes[i];
			SearchCode	code = {c->system + 8 * k, c->code, strlen(c->code), c->from, c->to, c->billable != 0,
			SEARCH_SEX_ANY, 0, SEARCH_AGE_MAX};

			refs[i] = search_add_code(b, &code);
			search_add_term(b, refs[i], SEARCH_TERM_LONG, c->title, strlen(c->title));
			if (c->brief != NULL && !brief_held_out(c))
				search_add_term(b, refs[i], SEARCH_TERM_SHORT, c->brief, strlen(c->brief));
		}
		for (i = 0; i < data.nterms; i++)
		{
			const DataTerm *t = &data.terms[i];
			int			c = find_cm(t->key);

			if (c >= 0 && !held_out(t))
				search_add_term(b, refs[c], term_kind(t->from), t->text, strlen(t->text));
		}
	}
	image = search_builder_finish(b, size);
	search_builder_free(b);
	free(refs);
	return image;
}

/* For sorting codes by key. */
static int
compare_keys(const void *x, const void *y)
{
	return strcmp(data.codes[*(const int *) x].key, data.codes[*(const int *) y].key);
}

/* Keeps the codes of one category in so many, with all that is below it. */
static void
keep_part(void)
{
	int			n = 0;
	int			i;

	for (i = 0; i < data.ncodes; i++)
	{
		char		category[4];

		snprintf(category, sizeof(category), "%.3s", data.codes[i].key);
		if (text_hash(category) % (uint64_t) part == 0)
			data.codes[n++] = data.codes[i];
	}
	data.ncodes = n;
}

/* Makes the codes of ICD-10-CM to be found by key. */
static void
index_codes(void)
{
	int			i;

	cm_by_key = realloc(cm_by_key, (size_t) data.ncodes * sizeof(int));
	ncm = 0;
	for (i = 0; i < data.ncodes; i++)
	{
		if (data.codes[i].system == SYS_CM)
			cm_by_key[ncm++] = i;
	}
	qsort(cm_by_key, (size_t) ncm, sizeof(int), compare_keys);
}

/* Reads everything, and seeds what is drawn. */
static void
load_data(const char *dir)
{
	state = seed * 77777 + 1;
	data_load_order(&data, dir, "icd-10-cm/icd10cm_order_2025.txt.gz", SYS_CM);
	data_load_order(&data, dir, "icd-10-pcs/icd10pcs_order_2025.txt.gz", SYS_PCS);
	data_load_icd9(&data, dir, "icd-9-cm/CMS32_DESC_LONG_DX.txt.gz", SYS_ICD9);
	data_load_icd9(&data, dir, "icd-9-cm/CMS32_DESC_LONG_SG.txt.gz", SYS_ICD9P);
	data_load_hcpcs(&data, dir);
	data_load_index(&data, dir, "icd-10-cm/icd10cm_index_2017.xml.gz", FROM_INDEX);
	data_load_index(&data, dir, "icd-10-cm/icd10cm_eindex_2017.xml.gz", FROM_EXTERNAL);
	data_load_index(&data, dir, "icd-10-cm/icd10cm_neoplasm_2017.xml.gz", FROM_NEOPLASM);
	data_load_index(&data, dir, "icd-10-cm/icd10cm_drug_2017.xml.gz", FROM_DRUG);
	data_load_tabular(&data, dir);
	if (part > 1)
		keep_part();
	index_codes();
}

/* For sorting times. */
static int
compare_double(const void *x, const void *y)
{
	double		a = *(const double *) x;
	double		b = *(const double *) y;

	return a < b ? -1 : a > b;
}

/* Is one code's text the beginning of the other's? */
static int
related(const char *a, const char *b)
{
	size_t		n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, n) == 0;
}

/* Asks one question. */
static int
ask_query(const void *image, void *scratch, const Query *q, SearchHit *hits, int max)
{
	SearchRequest r;

	memset(&r, 0, sizeof(r));
	r.system = q->system;
	r.display = q->text;
	r.display_len = q->text ? strlen(q->text) : 0;
	r.code = q->code;
	r.code_len = q->code ? strlen(q->code) : 0;
	r.on_date = ON_DATE;
	r.age = SEARCH_AGE_UNKNOWN;
	r.max_results = max;
	r.flags = q->flags;
	return search_query(image, &r, scratch, hits, NULL);
}

/* Writes an answer, with its scores to the last bit. */
static void
write_answer(const Query *q, const SearchHit *hits, int n)
{
	int			k;

	fprintf(answers, "%s\t%s\t%s\n", q->set, q->text ? q->text : "", q->code ? q->code : "");
	for (k = 0; k < n; k++)
		fprintf(answers, "\t%s\t%.17g\t%s\t%s\n", hits[k].code, hits[k].score, search_source_name(hits[k].source),
				hits[k].reason);
}

/* Asks one set and counts. */
static void
run_set(const void *image, void *scratch, const char *set, int verbose, Tally *t)
{
	double	   *times = malloc((size_t) nqueries * sizeof(double));
	SearchHit	hits[MAX_HITS];
	int			i;
	int			k;

	memset(t, 0, sizeof(*t));
	t->set = set;
	for (i = 0; i < nqueries; i++)
	{
		const Query *q = &queries[i];
		const DataCode *c;
		int			n;
		int			at = -1;
		int			compat = -1;
		double		start;

		if (q->set != set)
			continue;
		c = &data.codes[q->truth];
		start = now();
		n = ask_query(image, scratch, q, hits, MAX_HITS);
		times[t->n++] = now() - start;
		if (answers != NULL)
			write_answer(q, hits, n);
		for (k = n - 1; k >= 0; k--)
		{
			if (strcmp(hits[k].code, c->code) == 0)
				at = k;
			if (related(hits[k].code, c->code))
				compat = k;
			if (hits[k].score >= 0.9)
			{
				t->sure++;
				t->sure_right += strcmp(hits[k].code, c->code) == 0;
				t->sure_below += strcmp(hits[k].code, c->code) == 0 ||
					(!c->billable && strncmp(hits[k].code, c->code, strlen(c->code)) == 0);
			}
		}
		if (dump != NULL && n > 0)
			fprintf(dump, "%s\t%.4f\t%.4f\t%d\t%d\n", set, hits[0].score, n > 1 ? hits[1].score : 0.0,
					(int) hits[0].source, at == 0);
		t->hit1 += at == 0;
		t->billable += c->billable;
		t->hit1_billable += c->billable && at == 0;
		t->hit1_below += n > 0 && (at == 0 ||
								   (!c->billable && strncmp(hits[0].code, c->code, strlen(c->code)) == 0));
		t->hit5 += at >= 0 && at < 5;
		t->hit10 += at >= 0;
		t->compat5 += compat >= 0 && compat < 5;
		if ((verbose == 1 && (at < 0 || at >= 5)) || (verbose == 2 && at != 0) ||
			(verbose == 3 && n > 0 && hits[0].score >= 0.9 && at != 0))
		{
			printf("? %s %s -> %s %s (at %d)\n", q->code ? q->code : "", q->text ? q->text : "", c->code, c->title, at + 1);
			for (k = 0; k < n && k < 5; k++)
				printf("     %.3f %-9s %.*s | %s: %s\n", hits[k].score, hits[k].code, hits[k].title_len, hits[k].title,
					   search_source_name(hits[k].source), hits[k].reason);
		}
	}
	qsort(times, (size_t) t->n, sizeof(double), compare_double);
	if (t->n > 0)
	{
		t->p50 = times[t->n / 2] * 1e3;
		t->p99 = times[t->n * 99 / 100] * 1e3;
		t->most = times[t->n - 1] * 1e3;
	}
	free(times);
}

/* Writes the queries for others to ask. */
static void
export_queries(const char *file)
{
	FILE	   *f = fopen(file, "w");
	int			i;

	if (f == NULL)
	{
		perror(file);
		exit(2);
	}
	fprintf(f, "system\tset\tquery\tcode\ttruth\tprefix\n");
	for (i = 0; i < nqueries; i++)
		fprintf(f, "%s\t%s\t%s\t%s\t%s\t%d\n", data_system_name(queries[i].system), queries[i].set,
				queries[i].text ? queries[i].text : "", queries[i].code ? queries[i].code : "",
				data.codes[queries[i].truth].code, (queries[i].flags & SEARCH_PREFIX) != 0);
	fclose(f);
}

/* Prints one line of the table. */
static void
print_tally(const Tally *t)
{
	double		n = t->n > 0 ? t->n : 1;

	printf("%-16s %6d %7.1f %7.1f %7.1f %7.1f %7.1f %7.1f %7d %6.1f %6.1f %8.3f %8.3f %8.3f\n", t->set, t->n, 100 * t->hit1 / n,
		   100.0 * t->hit1_billable / (t->billable ? t->billable : 1), 100 * t->hit1_below / n, 100 * t->hit5 / n, 100 * t->hit10 / n, 100 * t->compat5 / n,
		   t->sure, 100.0 * t->sure_right / (t->sure ? t->sure : 1),
		   100.0 * t->sure_below / (t->sure ? t->sure : 1), t->p50, t->p99, t->most);
}

/* What the command line asks for. */
typedef struct Options
{
	const char *export;			/* file for the questions */
	const char *verbose_set;
	const char *only;			/* set */
	const char *try;			/* weights, or "all" */
	const char *trace;			/* a text to ask for, step by step */
	int			verbose;
	int			copies;
}			Options;

/* A hash of what an answer says, score and reason included. */
static uint64_t
answer_hash(const SearchHit *hits, int n)
{
	uint64_t	h = 1469598103934665603ULL;
	int			k;

	for (k = 0; k < n; k++)
	{
		char		line[64 + SEARCH_REASON_LEN];
		const char *p;

		snprintf(line, sizeof(line), "%u %.17g %d %s", hits[k].row, hits[k].score, (int) hits[k].source, hits[k].reason);
		for (p = line; *p; p++)
			h = (h ^ (unsigned char) *p) * 1099511628211ULL;
	}
	return h;
}

/* What one question was answered. */
typedef struct Outcome
{
	uint64_t	hash;
	int			place;			/* of the truth, from 0; -1 when it is missing */
}			Outcome;

/* Asks everything. */
static void
ask_all(const void *image, void *scratch, Outcome * out)
{
	SearchHit	hits[MAX_HITS];
	int			i;
	int			k;

	for (i = 0; i < nqueries; i++)
	{
		int			n = ask_query(image, scratch, &queries[i], hits, MAX_HITS);

		out[i].hash = answer_hash(hits, n);
		out[i].place = -1;
		for (k = n - 1; k >= 0; k--)
		{
			if (strcmp(hits[k].code, data.codes[queries[i].truth].code) == 0)
				out[i].place = k;
		}
	}
}

#ifdef SEARCH_TUNABLE

/* A weight changed by a factor; an integer by one at least. */
static double
changed(const SearchWeight *w, double factor)
{
	double		old = search_weight_get(w);
	double		value = old * factor;

	if (strcmp(w->type, "int") != 0)
		return value;
	value = (int) (value + (factor > 1 ? 0.999 : 0));
	return value != old ? value : factor > 1 ? old + 1 : old - 1;
}

/* Is a name one of those between commas, or are all? */
static int
is_named(const char *name, const char *list)
{
	size_t		n = strlen(name);
	const char *p;

	for (p = list; p != NULL; p = strchr(p, ','))
	{
		p += *p == ',';
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return 1;
	}
	return strcmp(list, "all") == 0;
}

/* Prints on how many questions of each set the answers move. */
static void
print_moves(const SearchWeight *w, double value, const Outcome * before, const Outcome * after)
{
	int			s;
	int			i;

	printf("%-24s %8g", w->name, value);
	for (s = 0; s < nsets; s++)
	{
		int			moved = 0;
		int			hit1 = 0;
		int			hit5 = 0;

		for (i = 0; i < nqueries; i++)
		{
			if (queries[i].set != set_names[s])
				continue;
			moved += before[i].hash != after[i].hash;
			hit1 += (after[i].place == 0) - (before[i].place == 0);
			hit5 += (after[i].place >= 0 && after[i].place < 5) - (before[i].place >= 0 && before[i].place < 5);
		}
		if (moved > 0)
			printf("  %s: %d%+d%+d", set_names[s], moved, hit1, hit5);
	}
	printf("\n");
}

/* Changes a weight, or all in turn, and prints what moves. */
static void
try_weights(const char *names, const void *image, void *scratch)
{
	static const double factors[] = {0.8, 1.25};
	Outcome    *before = malloc((size_t) nqueries * sizeof(Outcome));
	Outcome    *after = malloc((size_t) nqueries * sizeof(Outcome));
	int			i;
	int			k;

	printf("weight, value; set: questions whose answer moves, more at 1, more among 5\n");
	ask_all(image, scratch, before);
	for (i = 0; i < search_weight_count; i++)
	{
		const SearchWeight *w = &search_weight_list[i];
		bool		builds = strcmp(w->stage, "BUILD") == 0;
		double		old = search_weight_get(w);

		if (!is_named(w->name, names))
			continue;
		for (k = 0; k < 2; k++)
		{
			size_t		size;
			void	   *other;

			search_weight_set(w, changed(w, factors[k]));
			other = builds ? build(&size, 1) : NULL;
			ask_all(builds ? other : image, scratch, after);
			print_moves(w, search_weight_get(w), before, after);
			free(other);
			search_weight_set(w, old);
		}
	}
	free(before);
	free(after);
}

/* Prints the weights. */
static void
list_weights(void)
{
	int			i;

	for (i = 0; i < search_weight_count; i++)
	{
		const SearchWeight *w = &search_weight_list[i];

		printf("%-24s %-6s %8g  %s (%s)\n", w->name, w->stage, search_weight_get(w), w->meaning, w->sets);
	}
}

/* Changes a weight as "name=value" says; exits where there is none. */
static void
set_weight(const char *arg)
{
	char		name[64];
	double		value;
	const SearchWeight *w = NULL;

	if (sscanf(arg, "%63[^=]=%lf", name, &value) == 2)
		w = search_weight_find(name);
	if (w == NULL)
	{
		fprintf(stderr, "no weight \"%s\": eval --list prints them\n", arg);
		exit(2);
	}
	search_weight_set(w, value);
}

#endif

/* Opens a file for writing, or exits. */
static FILE *
open_output(const char *file)
{
	FILE	   *f = fopen(file, "w");

	if (f == NULL)
	{
		perror(file);
		exit(2);
	}
	return f;
}

/* Reads one of the long options. */
static void
long_option(const char *name, const char *value, Options * o)
{
	if (strcmp(name, "--answers") == 0)
		answers = open_output(value);
	else if (strcmp(name, "--part") == 0)
		part = atoi(value);
	else if (strcmp(name, "--trace") == 0)
		o->trace = value;
#ifdef SEARCH_TUNABLE
	else if (strcmp(name, "--weight") == 0)
		set_weight(value);
	else if (strcmp(name, "--try") == 0)
		o->try = value;
#endif
	else
	{
		fprintf(stderr, "eval: unknown option %s\n", name);
		exit(2);
	}
}

/* Reads the command line. */
static void
read_options(int argc, char **argv, Options * o)
{
	int			i;

	memset(o, 0, sizeof(*o));
	o->copies = 1;
	for (i = 1; i + 1 < argc; i += 2)
	{
		const char *value = argv[i + 1];

		switch (argv[i][1])
		{
			case 's':
				seed = strtoull(value, NULL, 10);
				break;
			case 'n':
				per_set = atoi(value);
				break;
			case 'x':
				o->export = value;
				break;
			case 'v':
			case 'w':
			case 'c':
				o->verbose_set = value;
				o->verbose = argv[i][1] == 'v' ? 1 : argv[i][1] == 'w' ? 2 : 3;
				break;
			case 'o':
				o->only = value;
				break;
			case 'd':
				dump = open_output(value);
				break;
			case 'g':
				o->copies = atoi(value);
				break;
			case '-':
				long_option(argv[i], value, o);
				break;
		}
	}
}

/* Asks the sets and prints the table. */
static void
report(const Options * o, const void *image, void *scratch)
{
	int			sure = 0;
	int			sure_right = 0;
	double		sum1 = 0;
	double		sum5 = 0;
	int			i;

	printf("%-16s %6s %7s %7s %7s %7s %7s %7s %7s %6s %6s %8s %8s %8s\n", "set", "n", "hit@1", "bill@1", "below@1", "hit@5", "hit@10", "compat5",
		   ">=0.9", "right", "below", "p50 ms", "p99 ms", "max ms");
	for (i = 0; i < nsets; i++)
	{
		Tally		t;

		if (o->only != NULL && strcmp(o->only, set_names[i]) != 0)
			continue;
		run_set(image, scratch, set_names[i],
				o->verbose_set != NULL && strcmp(set_names[i], o->verbose_set) == 0 ? o->verbose : 0, &t);
		sure += t.sure;
		sure_right += t.sure_right;
		print_tally(&t);
		sum1 += 100.0 * t.hit1 / (t.n ? t.n : 1);
		sum5 += 100.0 * t.hit5 / (t.n ? t.n : 1);
	}
	printf("mean hit@1 %.1f, hit@5 %.1f; score >= 0.9: %d, right %.1f %%\n", sum1 / nsets, sum5 / nsets, sure,
		   sure ? 100.0 * sure_right / sure : 0.0);
}

/* Asks for one text and prints what each step makes of it. */
static void
trace_text(const void *image, void *scratch, const char *text)
{
	Query		q = {"trace", SYS_CM, 0, (char *) text, NULL, 0};
	SearchHit	hits[MAX_HITS];

	trace_query(scratch, hits, ask_query(image, scratch, &q, hits, MAX_HITS));
}

/* Reads the data, builds, asks, prints. */
int
main(int argc, char **argv)
{
	const char *dir = getenv("MEDREC_DATA");
	Options		o;
	size_t		size;
	void	   *image;
	void	   *scratch = malloc(SEARCH_SCRATCH_SIZE);
	double		start;
	SearchImageInfo info;

#ifdef SEARCH_TUNABLE
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
	{
		list_weights();
		return 0;
	}
#endif
	read_options(argc, argv, &o);
	if (dir == NULL)
	{
		fprintf(stderr, "MEDREC_DATA is not set\n");
		return 2;
	}
	load_data(dir);
	start = now();
	image = build(&size, o.copies);
	if (image == NULL || search_image_check(image, size) != NULL)
	{
		fprintf(stderr, "no image\n");
		return 1;
	}
	search_image_info(image, &info);
	printf("seed %llu: %u codes, %u terms, %u words, %u abbreviations; built in %.2f s; image %.1f MB\n",
		   (unsigned long long) seed, info.rows, info.terms, info.words, info.abbreviations, now() - start,
		   (double) size / 1048576);
	if (o.trace != NULL)
	{
		trace_text(image, scratch, o.trace);
		return 0;
	}
	draw_queries();
	if (o.export != NULL)
		export_queries(o.export);
#ifdef SEARCH_TUNABLE
	if (o.try != NULL)
	{
		try_weights(o.try, image, scratch);
		return 0;
	}
#endif
	report(&o, image, scratch);
	return 0;
}
