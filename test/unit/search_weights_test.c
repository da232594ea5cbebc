/*
 * search_weights_test.c
 *		Each weight of src/search/weights.h moves some answer.  Prints TAP.
 *
 * A weight that nothing depends on is one that nobody can choose, and goes.  The
 * questions are those of bench/suggest/eval and some more; they are asked until
 * an answer moves.  A weight of the builder has the image built again for each
 * change; so that image holds one category of codes in PART.
 */
#define main eval_main
#include "eval.c"
#undef main

#define PART		8
#define QUESTIONS	100			/* of each set */
#define MIN_QUESTIONS	800		/* of all sets: fewer were not drawn as meant */
#define CONTROLS	3			/* tests of a stage beside its weights */

static void *scratch;
static uint64_t *expected;		/* the answers before any change */
static int *order;				/* of the questions: what moved last is asked
								 * first */

/* Words that are hard to read, for the weights of what is guessed. */
static const char *const garbled[] = {
	"hyprtrchss upper", "otrhnlrynglgcl", "ohr", "ealng nondisplaced", "arrris lower", "organniss", "fracre",
	"prolbfe", "thih", "shat closed", "inil biceps", "xrotid carotid", "congee congenital", "contal shortening",
	"pertoenal", "copli vehicle", NULL
};

/* The hash of a question's answer. */
static uint64_t
answer_of(const void *image, int query)
{
	SearchHit	hits[MAX_HITS];

	return answer_hash(hits, ask_query(image, scratch, &queries[query], hits, MAX_HITS));
}

/* Does an answer of the image differ from what is expected?  The question is
 * asked first the next time. */
static bool
moves(const void *image)
{
	int			i;

	for (i = 0; i < nqueries; i++)
	{
		int			query = order[i];

		if (answer_of(image, query) == expected[query])
			continue;
		memmove(&order[1], &order[0], (size_t) i * sizeof(int));
		order[0] = query;
		return true;
	}
	return false;
}

/* Does a change of the weight by a factor move an answer? */
static bool
moves_by(const SearchWeight *w, double factor, const void *image)
{
	double		old = search_weight_get(w);
	void	   *other = NULL;
	size_t		size;
	bool		moved;

	search_weight_set(w, changed(w, factor));
	if (strcmp(w->stage, "BUILD") == 0)
		other = build(&size, 1);
	moved = moves(other != NULL ? other : image);
	search_weight_set(w, old);
	free(other);
	return moved;
}

/* Draws the questions, and asks them before any change. */
static void
expect(const void *image)
{
	int			i;

	nqueries = nsets = 0;
	draw_queries();
	for (i = 0; garbled[i] != NULL; i++)
		ask("garbled", SYS_CM, 0, garbled[i], NULL, cm_by_key[0]);
	expected = realloc(expected, (size_t) nqueries * sizeof(uint64_t));
	order = realloc(order, (size_t) nqueries * sizeof(int));
	for (i = 0; i < nqueries; i++)
	{
		order[i] = i;
		expected[i] = answer_of(image, i);
	}
}

/* Reports one test. */
static int
ok(bool good, const char *name, const char *what)
{
	printf("%sok - %s%s\n", good ? "" : "not ", name, what);
	return !good;
}

/* Without a change no answer moves, and most answers are right: so what moves
 * does so by the weight, and it is a good answer that moves. */
static int
change_nothing(const char *stage, const void *image)
{
	size_t		size;
	void	   *other = build(&size, 1);
	SearchHit	hits[MAX_HITS];
	int			right = 0;
	int			failed;
	int			i;

	failed = ok(!moves(image), "no answer moves where no weight is changed: ", stage);
	failed += ok(!moves(other), "an image built again gives equal answers: ", stage);
	for (i = 0; i < nqueries; i++)
		right += ask_query(image, scratch, &queries[i], hits, MAX_HITS) > 0 &&
			strcmp(hits[0].code, data.codes[queries[i].truth].code) == 0;
	failed += ok(nqueries > MIN_QUESTIONS && right > nqueries / 2,
				 "more than half of the questions find their code first: ", stage);
	free(other);
	return failed;
}

/* Changes the weights of a stage in turn; returns how many move nothing. */
static int
change_weights(const char *stage)
{
	static const double factors[] = {0.8, 1.25, 0.5, 2};
	size_t		size;
	void	   *image = build(&size, 1);
	int			failed;
	int			i;
	int			k;

	expect(image);
	failed = change_nothing(stage, image);
	for (i = 0; i < search_weight_count; i++)
	{
		const SearchWeight *w = &search_weight_list[i];
		bool		moved = false;

		if (strcmp(w->stage, stage) != 0)
			continue;
		for (k = 0; k < 4 && !moved; k++)
			moved = moves_by(w, factors[k], image);
		failed += ok(moved, w->name, " moves an answer");
	}
	free(image);
	return failed;
}

/* Changes all weights in turn. */
int
main(void)
{
	const char *dir = getenv("MEDREC_DATA");
	int			failed;
	int			i;

	if (dir == NULL)
	{
		printf("1..1\nok 1 - each weight moves an answer # skip MEDREC_DATA is not set\n");
		return 0;
	}
	printf("1..%d\n", search_weight_count + 2 * CONTROLS);
	per_set = QUESTIONS;
	load_data(dir);
	/* no file here has synonyms */
	for (i = 0; i < data.nterms; i += 10)
		data.terms[i].from = FROM_SYNONYM;
	scratch = malloc(SEARCH_SCRATCH_SIZE);
	failed = change_weights("QUERY");
	part = PART;
	keep_part();
	index_codes();
	failed += change_weights("BUILD");
	return failed > 0;
}
