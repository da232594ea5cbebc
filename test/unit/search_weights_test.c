/*
 * search_weights_test.c
 *		Each weight of src/search/weights.h moves some answer.  Prints TAP.
 *
 * A weight that nothing depends on is one that nobody can choose, and goes.  The
 * questions are those of bench/suggest/eval, over one category of codes in so
 * many; they are asked until an answer moves, a weight's own ones first.
 */
#define main eval_main
#include "eval.c"
#undef main

#define PART		24
#define QUESTIONS	120			/* of each set */

static void *scratch;
static uint64_t *expected;		/* the answers before any change */
static int *order;				/* of the questions: what moved last is asked first */
static int	nasked;

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

	for (i = 0; i < nasked; i++)
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

/* Further questions, for what no set asks. */
static void
ask_more(void)
{
	static const char *const texts[] = {
		"fracture femur 7thd", "htn", "nec", NULL
	};
	int			i;

	for (i = 0; texts[i] != NULL; i++)
		ask("more", SYS_CM, 0, texts[i], NULL, cm_by_key[0]);
}

/* Changes all weights in turn. */
int
main(void)
{
	static const double factors[] = {0.8, 1.25, 0.5, 2};
	const char *dir = getenv("MEDREC_DATA");
	void	   *image;
	size_t		size;
	int			failed = 0;
	int			i;
	int			k;

	if (dir == NULL)
	{
		printf("ok 1 - each weight moves an answer # skip MEDREC_DATA is not set\n1..1\n");
		return 0;
	}
	part = PART;
	per_set = QUESTIONS;
	load_data(dir);
	image = build(&size, 1);
	draw_queries();
	ask_more();
	scratch = malloc(SEARCH_SCRATCH_SIZE);
	expected = malloc((size_t) nqueries * sizeof(uint64_t));
	order = malloc((size_t) nqueries * sizeof(int));
	for (nasked = 0; nasked < nqueries; nasked++)
	{
		order[nasked] = nasked;
		expected[nasked] = answer_of(image, nasked);
	}
	for (i = 0; i < search_weight_count; i++)
	{
		const SearchWeight *w = &search_weight_list[i];
		bool		moved = false;

		for (k = 0; k < 4 && !moved; k++)
			moved = moves_by(w, factors[k], image);
		failed += !moved;
		printf("%sok %d - %s moves an answer\n", moved ? "" : "not ", i + 1, w->name);
	}
	printf("1..%d\n", search_weight_count);
	return failed > 0;
}
