/*
 * weights.h
 *		Every weight and threshold that decides between answers, in one table.
 *
 * X(stage, type, name, value, meaning, sets): sets names the sets of questions of
 * bench/suggest/eval on which a change of the weight shows most, which are
 * those that it was chosen by ("eval -t NAME" measures it).  In the server the
 * weights are constants; a program that is compiled with SEARCH_TUNABLE can
 * change them while it runs (weights.c).  Sizes of arrays and bounds of the work
 * that a query may do stand where they are used.
 */
#ifndef MEDREC_SEARCH_WEIGHTS_H
#define MEDREC_SEARCH_WEIGHTS_H

#include <stddef.h>

#define SEARCH_WEIGHTS(X) \
	/* Words: what they weigh where the query lacks them, as a share of their rarity */ \
	X(BUILD, float, word_initial, 0.15f, "initial (encounter)", "") \
	X(BUILD, float, word_open, 0.8f, "open", "") \
	X(BUILD, float, word_closed, 0.3f, "closed", "") \
	X(BUILD, float, word_displaced, 0.5f, "displaced", "") \
	X(BUILD, float, word_nondisplaced, 0.6f, "nondisplaced", "") \
	X(BUILD, float, word_course, 0.9f, "acute, chronic", "") \
	X(BUILD, float, word_sex, 0.8f, "male, female", "") \
	X(BUILD, float, word_accidental, 0.5f, "accidental", "") \
	X(BUILD, float, word_unintentional, 0.3f, "unintentional", "") \
	X(BUILD, float, word_cause, 0.9f, "primary, secondary", "") \
	X(BUILD, float, word_elsewhere, 0.2f, "elsewhere", "") \
	X(BUILD, float, word_without, 0.6f, "without, no", "") \
	X(BUILD, float, word_not, 0.3f, "not", "") \
	X(BUILD, float, word_joining, 0.3f, "with, and, or, in, to, by, on, at", "") \
	X(BUILD, float, word_article, 0.1f, "of, the, a, an", "") \
	X(BUILD, float, word_for, 0.2f, "for", "") \
	X(BUILD, float, word_due, 0.4f, "due", "") \
	X(BUILD, float, word_encounter, 0.1f, "encounter", "") \
	X(BUILD, float, word_unspecified, 0.1f, "unspecified, uncomplicated", "") \
	X(BUILD, float, word_nos, 0.05f, "NOS", "") \
	X(BUILD, float, word_nec, 0.3f, "NEC", "") \
	X(BUILD, float, word_site, 0.2f, "site, classified", "") \
	X(BUILD, float, word_other, 0.5f, "other, specified", "") \
	X(BUILD, float, word_disease, 0.5f, "disease, disorder, syndrome, condition", "") \
	/* Forms of words */ \
	X(BUILD, int, root_letters, 5, "least letters of a root", "") \
	X(BUILD, int, akin_letters, 4, "first letters that two forms of a word share", "") \
	/* What is learned from the terms, while building */ \
	X(BUILD, int, abbr_given, 245, "fit of an abbreviation, of 255", "") \
	X(BUILD, int, abbr_reversed, 225, "fit of an abbreviation for what it stands for, of 255", "") \
	X(BUILD, int, abbr_learned, 240, "fit of a learned abbreviation, of 255", "") \
	X(BUILD, int, abbr_learned_seldom, 200, "fit of one that stands for another word more than twice as often, of 255", "") \
	X(BUILD, int, learn_pair_seen, 3, "titles in which a word has to be contracted so", "") \
	X(BUILD, int, learn_best_share, 8, "the commonest meaning may be so many times as common as another", "") \
	X(BUILD, int, swap_least, 60, "places that two words have to share, in sixtieths", "") \
	X(BUILD, int, swap_share, 25, "one in so many places of a word another takes too, to stand for it", "") \
	/* What one word of a query may mean */ \
	X(QUERY, float, learned_fit, 0.55f, "fit of a word that stands for another in some terms", "") \
	X(QUERY, float, learned_slope, 0.4f, "more of it, the oftener it does", "") \
	X(QUERY, float, inflect_fit, 0.98f, "fit of another inflection of an unknown word", "") \
	X(QUERY, float, inflect_root_fit, 0.8f, "fit of what has only the root of an unknown word", "") \
	X(QUERY, int, inflect_root, 4, "letters of a root below which nothing is looked for", "") \
	X(QUERY, int, inflect_root_alone, 5, "letters of a root that is enough by itself", "") \
	X(QUERY, int, inflect_longer, 6, "letters that another inflection may be longer", "") \
	X(QUERY, int, root_word_letters, 5, "letters of a word whose other forms are looked for", "") \
	X(QUERY, float, root_fit, 0.85f, "fit of other forms of a known word", "") \
	X(QUERY, float, prefix_base, 0.75f, "fit of a word that the query's word begins", "") \
	X(QUERY, float, prefix_slope, 0.25f, "more of it, the less is missing", "") \
	X(QUERY, float, prefix_later, 0.96f, "factor for all but the commonest such word", "") \
	X(QUERY, int, prefix_rarity, 200, "the commonest such word may be so many times as common as another", "") \
	X(QUERY, float, prefix_typing_known, 0.9f, "factor while typing, where the word is one already", "") \
	X(QUERY, float, prefix_abbreviation, 0.75f, "factor where the word is an abbreviation", "") \
	X(QUERY, float, prefix_unknown, 0.95f, "factor where the word is unknown", "") \
	X(QUERY, float, prefix_typed, 0.8f, "factor for a known word before the one that is being typed", "") \
	X(QUERY, int, prefix_typed_letters, 6, "most letters of such a word", "") \
	X(QUERY, float, prefix_short, 0.6f, "factor for a short known word", "") \
	X(QUERY, int, prefix_short_letters, 4, "most letters of such a word", "") \
	/* Spelling: costs in hundredths of an edit */ \
	X(QUERY, int, cost_edit, 100, "a letter more, less or other", "") \
	X(QUERY, int, cost_near, 75, "a neighbour on the keyboard", "") \
	X(QUERY, int, cost_swap, 70, "two letters in the wrong order", "") \
	X(QUERY, int, cost_double, 55, "one letter of two the same", "") \
	X(QUERY, int, cost_vowel, 75, "a vowel for another", "") \
	X(QUERY, int, cost_sound, 30, "written otherwise, sounds the same", "") \
	X(QUERY, int, cost_first, 30, "another first letter, which is seldom wrong", "") \
	X(QUERY, int, spell_limit_3, 80, "most that a word of three letters may cost", "") \
	X(QUERY, int, spell_limit_4, 110, "of four", "") \
	X(QUERY, int, spell_limit_5, 140, "of five", "") \
	X(QUERY, int, spell_limit_8, 210, "of six to eight", "") \
	X(QUERY, int, spell_limit_long, 260, "of more", "") \
	X(QUERY, int, spell_limit_begun, 130, "of one that begins known words", "") \
	X(QUERY, int, spell_limit_prefix, 110, "for the beginning of a longer word", "") \
	X(QUERY, int, spell_longer, 60, "what it costs that the word goes on", "") \
	X(QUERY, int, spell_worse, 90, "more than the best", "") \
	X(QUERY, int, spell_letters, 3, "most letters that the other word does not have at all", "") \
	X(QUERY, int, spell_prefix_letters, 5, "least letters of a beginning with an error", "") \
	X(QUERY, int, spell_common_1, 1000, "a word is very common in more terms than this", "") \
	X(QUERY, int, spell_common_2, 100, "common", "") \
	X(QUERY, int, spell_common_3, 10, "not rare", "") \
	X(QUERY, int, spell_bonus_1, 30, "for a very common word", "") \
	X(QUERY, int, spell_bonus_2, 22, "for a common one", "") \
	X(QUERY, int, spell_bonus_3, 12, "for one that is not rare", "") \
	X(QUERY, float, spell_fit_cost, 500.0f, "cost at which nothing would be left of the fit", "") \
	X(QUERY, int, spell_second_gap, 20, "more than the best, to be worse", "") \
	X(QUERY, float, spell_second, 0.05f, "off the fit of those that are worse", "") \
	/* Words run together, torn apart or contracted */ \
	X(QUERY, int, halves_cost, 75, "cost of spelling above which a word may be two", "") \
	X(QUERY, int, halves_letters, 6, "least letters of two words in one", "") \
	X(QUERY, int, halves_count, 2, "the rarer half is in more terms than this", "") \
	X(QUERY, float, halves_fit, 0.95f, "fit of the halves", "") \
	X(QUERY, int, join_letters, 5, "least letters of two words that are one", "") \
	X(QUERY, float, join_fit, 0.96f, "fit of the one word", "") \
	X(QUERY, int, contract_letters, 12, "most letters of a contraction", "") \
	X(QUERY, int, contract_times, 4, "what is contracted is at most so many times as long", "") \
	X(QUERY, int, contract_count, 3, "least terms with what is contracted", "") \
	X(QUERY, float, contract_fit, 0.6f, "fit of what is contracted", "") \
	X(QUERY, float, contract_step, 0.03f, "less for each likelier one", "") \
	/* Abbreviations in a query */ \
	X(QUERY, float, abbr_step, 0.05f, "off the fit for each likelier meaning", "") \
	X(QUERY, float, abbr_least, 0.6f, "least fit of a meaning", "") \
	X(QUERY, float, abbr_own_words, 0.6f, "fit of the words themselves, where they are more than they mean", "") \
	X(QUERY, float, abbr_root_fit, 0.8f, "fit of other forms of what is meant", "") \
	/* What a query term is worth */ \
	X(QUERY, float, meant_fit, 0.1f, "below the best fit, to count among what is meant", "") \
	X(QUERY, float, decides_fit, 0.07f, "below the best fit, to say a side, negate and the like", "") \
	X(QUERY, float, unknown_weight, 0.5f, "weight of a word that nothing is known of", "") \
	X(QUERY, float, unspecified_share, 0.4f, "share of a word that says \"unspecified\"", "") \
	X(QUERY, float, optional_share, 0.25f, "share of a word that is welcome, not asked for", "") \
	/* Retrieval */ \
	X(QUERY, float, title_share, 0.45f, "share of the query that is looked for in the titles only", "") \
	X(QUERY, float, count_base, 0.7f, "of a query term's weight, for any term of a row that has it", "") \
	X(QUERY, float, count_impact, 0.3f, "more, the larger its share in the term", "") \
	X(QUERY, float, count_root, 0.2f, "share of another form of the word", "") \
	X(QUERY, int, shortlist, 400, "rows whose titles are looked at", "") \
	X(QUERY, int, ranked_rows, 130, "rows that are scored in full", "") \
	X(QUERY, int, rare_terms, 2, "query terms that may be rare", "") \
	X(QUERY, int, rare_postings, 24, "postings of a word so rare that each counts", "") \
	X(QUERY, float, rare_fit, 0.8f, "least fit of such a word", "") \
	/* Match of the query with a term */ \
	X(QUERY, float, cover_base, 0.4f, "of the covered share of the query", "") \
	X(QUERY, float, cover_slope, 0.6f, "more, the larger it is", "") \
	X(QUERY, float, fill_share, 0.4f, "of a score that rests on the filled share of the term", "") \
	X(QUERY, float, negated_share, 0.3f, "weight of what a title negates, where the query lacks it", "") \
	X(QUERY, float, opposed_fit, 0.7f, "fit of what one negates and the other does not", "") \
	X(QUERY, float, opposed_weight, 0.15f, "weight of such a word above which the whole contradicts", "") \
	X(QUERY, float, opposed_clash, 0.8f, "factor for that", "") \
	X(QUERY, float, clash_side, 0.5f, "factor for another side or encounter than asked for", "") \
	X(QUERY, float, clash_other, 0.75f, "factor for another opposite", "") \
	X(QUERY, float, unasked_side, 0.93f, "factor for a side that nobody asked for", "") \
	X(QUERY, float, unasked_side_unspecified, 0.85f, "where \"unspecified\" was asked for", "") \
	X(QUERY, float, lacking_side, 0.93f, "factor for no side where one was asked for", "") \
	X(QUERY, float, unasked_encounter, 0.9f, "factor for a later encounter that nobody asked for", "") \
	X(QUERY, float, unasked_open, 0.93f, "factor for an open fracture that nobody asked for", "") \
	X(QUERY, float, unasked_nondisplaced, 0.97f, "factor for a nondisplaced fracture that nobody asked for", "") \
	X(QUERY, float, unasked_intent, 0.94f, "factor for an intent that nobody asked for", "") \
	X(QUERY, float, unasked_context, 0.93f, "factor for birth, screening and the like that nobody asked for", "") \
	X(QUERY, float, unasked_other, 0.96f, "factor for \"other\" that nobody asked for", "") \
	X(QUERY, float, lacking_other, 0.95f, "factor for no \"other\" where it was asked for", "") \
	/* Score of a row */ \
	X(QUERY, float, kind_short, 0.97f, "factor for a short title", "") \
	X(QUERY, float, kind_inclusion, 0.99f, "for an inclusion term", "") \
	X(QUERY, float, kind_index, 0.98f, "for an entry of an index", "") \
	X(QUERY, float, kind_synonym, 0.98f, "for any other synonym", "") \
	X(QUERY, float, union_share, 0.7f, "of what the row's other terms cover beyond its best", "") \
	X(QUERY, float, header_factor, 0.96f, "factor for a header", "") \
	/* Relatives of the best candidates */ \
	X(QUERY, float, family_promise, 0.6f, "of the best promise, to look at relatives", "") \
	X(QUERY, float, family_covered, 0.97f, "covered share of the query from which only what is below is looked at", "") \
	X(QUERY, int, family_key, 4, "characters of a code up to which only what is below is looked at", "") \
	X(QUERY, float, sibling_covered, 0.02f, "difference in the covered share up to which siblings are alike", "") \
	X(QUERY, float, relative_inherits, 0.95f, "of a fit that is inherited", "") \
	X(QUERY, float, relative_news, 0.01f, "covered share beyond the candidate's that is worth it", "") \
	X(QUERY, float, relative_factor, 0.97f, "factor for a relative", "") \
	X(QUERY, float, relative_excess, 0.2f, "off for what only the relative's title has", "") \
	X(QUERY, float, relative_filled, 0.9f, "of the candidate's filled share", "") \
	/* Neighbours of a code: how likely each change is */ \
	X(QUERY, float, near_alike, 0.75f, "a character that looks alike", "") \
	X(QUERY, float, near_next_digit, 0.4f, "the digit before or after", "") \
	X(QUERY, float, near_digit, 0.2f, "another digit", "") \
	X(QUERY, float, near_letter, 0.15f, "another letter", "") \
	X(QUERY, float, near_other_kind, 0.06f, "a letter for a digit", "") \
	X(QUERY, float, near_placeholder, 0.75f, "a placeholder left out", "") \
	X(QUERY, float, near_doubled, 0.45f, "one of two the same left out", "") \
	X(QUERY, float, near_dropped, 0.3f, "another character left out", "") \
	X(QUERY, float, near_usual_variant, 0.6f, "the last character left out, where it is the usual variant", "") \
	X(QUERY, float, near_last_dropped, 0.3f, "another last character left out", "") \
	X(QUERY, float, near_twice, 0.5f, "one of two the same too many", "") \
	X(QUERY, float, near_last_extra, 0.6f, "the last character too many", "") \
	X(QUERY, float, near_extra, 0.45f, "another character too many", "") \
	X(QUERY, float, near_swapped, 0.7f, "two characters swapped", "") \
	X(QUERY, float, near_all_digits, 0.75f, "letters for digits all over", "") \
	X(QUERY, float, near_placeholders, 0.8f, "placeholders left out", "") \
	X(QUERY, float, near_two_changes, 0.25f, "one that looks alike and a swap", "") \
	X(QUERY, float, near_header, 0.8f, "factor for a header", "") \
	X(QUERY, float, near_given_header, 0.3f, "the header itself that was given", "") \
	X(QUERY, float, near_below, 0.6f, "a code below the one given", "") \
	X(QUERY, float, near_above, 0.35f, "a code above the one given", "") \
	X(QUERY, float, near_beside, 0.2f, "a code below one above", "") \
	X(QUERY, int, near_enough, 3, "neighbours with which no more are looked for above", "") \
	X(QUERY, float, below_step, 0.02f, "off the last of the codes below", "") \
	X(QUERY, float, below_usual, 1.1f, "factor for one character more that is usual", "") \
	X(QUERY, float, below_second, 1.06f, "for the second variant", "") \
	X(QUERY, float, below_third, 1.05f, "for the third variant", "") \
	X(QUERY, float, below_deep_usual, 0.9f, "for several characters more, the last of which is usual", "") \
	X(QUERY, float, below_deep, 0.75f, "for others", "") \
	/* Code and description together */ \
	X(QUERY, int, shared_least, 2, "characters that a code shares with the one given, to count", "") \
	X(QUERY, float, shared_share, 0.2f, "of what is missing to 1, where all are shared", "") \
	X(QUERY, float, coded_share, 0.6f, "of what is missing to 1, for a neighbour that is sure", "") \
	/* Order: of codes below a header the usual ones first */ \
	X(QUERY, int, usual_variant, 2, "points for the usual variant", "") \
	X(QUERY, int, usual_digit, 1, "for the character that says \"unspecified\"", "") \
	X(QUERY, int, usual_unspecified, 2, "for a title that says so", "") \
	X(QUERY, int, usual_negated, 2, "for a title that negates something", "") \
	X(QUERY, int, usual_least, 2, "points that a code needs to stand for its header", "") \
	X(QUERY, float, usual_share, 0.93f, "of the best one's score, to be as good", "") \
	X(QUERY, float, billable_share, 0.85f, "of a header's score that the usual code below it needs to stand before it", "") \
	X(QUERY, float, billable_other_share, 0.94f, "and any other code", "") \
	X(QUERY, int, crowd_variants, 2, "variants of one code that may stand together", "") \
	X(QUERY, float, crowd_factor, 0.85f, "factor for further ones", "") \
	X(QUERY, float, header_near, 0.9f, "of the first one's score, for a header to be as good", "") \
	X(QUERY, float, header_filled, 0.005f, "filled share beyond, for a header to say it better", "") \
	/* How sure the first suggestion is */ \
	X(QUERY, double, unsure, 0.89, "most that any but a sure one scores", "") \
	X(QUERY, double, lead_synonym, 0.28, "needed over the next, where a synonym led to it", "") \
	X(QUERY, double, lead_title, 0.05, "and else", "") \
	X(QUERY, double, lead_full, 0.97, "score below which more lead is needed", "") \
	X(QUERY, double, lead_loss, 0.35, "off where there is no lead", "") \
	X(QUERY, float, sure_excess, 0.2f, "weight beyond the query that a sure neighbour of a code may have", "") \
	X(QUERY, float, sure_excess_synonym, 0.05f, "and a sure synonym", "") \
	X(QUERY, int, sure_usual, 1, "points with which the header may be meant instead", "")

#define WEIGHT_FIELD(stage, type, name, value, meaning, sets) type name;
#define WEIGHT_VALUE(stage, type, name, value, meaning, sets) value,

typedef struct SearchWeights
{
	SEARCH_WEIGHTS(WEIGHT_FIELD)
} SearchWeights;

#ifndef SEARCH_TUNABLE

static const SearchWeights search_weights = {SEARCH_WEIGHTS(WEIGHT_VALUE)};

#else

extern SearchWeights search_weights;

/* A weight, for programs that change it. */
typedef struct SearchWeight
{
	const char *name;
	const char *stage;			/* "BUILD", "QUERY" */
	const char *type;			/* "float", "double", "int" */
	const char *meaning;
	const char *sets;
	size_t		off;			/* in SearchWeights */
} SearchWeight;

extern const SearchWeight search_weight_list[];
extern const int search_weight_count;

extern const SearchWeight *search_weight_find(const char *name);
extern double search_weight_get(const SearchWeight *weight);
extern void search_weight_set(const SearchWeight *weight, double value);

#endif

#define W search_weights

#endif							/* MEDREC_SEARCH_WEIGHTS_H */
