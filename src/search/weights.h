/*
 * weights.h
 *		Every weight and threshold that decides between answers, in one table.
 *
 * X(stage, type, name, value, meaning, sets): sets names up to three sets of
 * questions of bench/suggest/eval on which a change by a fifth moves the largest
 * share of answers ("eval --try NAME" measures it); "unit test" where only
 * test/unit/search_weights_test.c asks what the weight decides.  The weights were
 * chosen by eval with the seeds 1 and 7 (doc/benchmarks.md).  In the server they
 * are constants; a program that is compiled with SEARCH_TUNABLE can change them
 * while it runs (weights.c).  Sizes of arrays and bounds of the work that a query
 * may do stand where they are used.
 */
#ifndef MEDREC_SEARCH_WEIGHTS_H
#define MEDREC_SEARCH_WEIGHTS_H

#include <stddef.h>

#define SEARCH_WEIGHTS(X) \
	/* Words: what they weigh where the query lacks them, as a share of their rarity */ \
	X(BUILD, float, word_initial, 0.15f, "initial (encounter)", "tables, prefixes, damaged + title") \
	X(BUILD, float, word_open, 0.8f, "open", "pcs misspelt") \
	X(BUILD, float, word_closed, 0.3f, "closed", "unit test") \
	X(BUILD, float, word_displaced, 0.5f, "displaced", "short titles, misspelt 2, misspelt 1") \
	X(BUILD, float, word_nondisplaced, 0.6f, "nondisplaced", "short titles, misspelt 2, damaged + title") \
	X(BUILD, float, word_course, 0.9f, "acute, chronic", "hcpcs misspelt, inclusion, misspelt 1") \
	X(BUILD, float, word_sex, 0.8f, "male, female", "index, prefixes, damaged + title") \
	X(BUILD, float, word_accidental, 0.5f, "accidental", "tables") \
	X(BUILD, float, word_unintentional, 0.3f, "unintentional", "tables") \
	X(BUILD, float, word_cause, 0.9f, "primary, secondary", "tables, hcpcs misspelt, icd9") \
	X(BUILD, float, word_elsewhere, 0.2f, "elsewhere", "damaged + title, inclusion, index") \
	X(BUILD, float, word_without, 0.6f, "without, no", "hcpcs misspelt, damaged + title") \
	X(BUILD, float, word_not, 0.3f, "not", "hcpcs misspelt") \
	X(BUILD, float, word_joining, 0.3f, "with, and, or, in, to, by, on, at", "hcpcs misspelt, damaged + title, pcs misspelt") \
	X(BUILD, float, word_article, 0.1f, "of, the, a, an", "pcs misspelt, damaged + title, misspelt 1") \
	X(BUILD, float, word_for, 0.2f, "for", "hcpcs misspelt, short titles, misspelt 2") \
	X(BUILD, float, word_due, 0.4f, "due", "inclusion, damaged + title, icd9") \
	X(BUILD, float, word_encounter, 0.1f, "encounter", "tables, damaged + title, short titles") \
	X(BUILD, float, word_unspecified, 0.1f, "unspecified, uncomplicated", "damaged + title, short titles, shuffled") \
	X(BUILD, float, word_nos, 0.05f, "NOS", "inclusion, icd9, index") \
	X(BUILD, float, word_nec, 0.3f, "NEC", "tables, index, icd9") \
	X(BUILD, float, word_site, 0.2f, "site, classified", "damaged + title, inclusion, index") \
	X(BUILD, float, word_other, 0.5f, "other, specified", "icd9, misspelt 2, shuffled") \
	X(BUILD, float, word_disease, 0.5f, "disease, disorder, syndrome, condition", "inclusion, index, icd9") \
	/* Forms of words */ \
	X(BUILD, int, root_letters, 5, "least letters of a root", "prefixes, hcpcs misspelt, index") \
	X(BUILD, int, akin_letters, 4, "first letters that two forms of a word share", "index, damaged + title, misspelt 2") \
	/* What is learned from the terms, while building */ \
	X(BUILD, int, abbr_given, 245, "fit of an abbreviation, of 255", "short titles, prefixes, pcs misspelt") \
	X(BUILD, int, abbr_reversed, 225, "fit of an abbreviation for what it stands for, of 255", "icd9, damaged + title, misspelt 1") \
	X(BUILD, int, abbr_learned, 240, "fit of a learned abbreviation, of 255", "short titles, prefixes") \
	X(BUILD, int, abbr_learned_seldom, 200, "fit of one that stands for another word more than twice as often, of 255", "prefixes, short titles") \
	X(BUILD, int, learn_pair_seen, 3, "titles in which a word has to be contracted so", "prefixes") \
	X(BUILD, int, learn_best_share, 8, "the commonest meaning may be so many times as common as another", "prefixes, short titles") \
	X(BUILD, int, swap_least, 60, "places that two words have to share, in sixtieths", "index, inclusion, hcpcs misspelt") \
	X(BUILD, int, swap_share, 25, "one in so many places of a word another takes too, to stand for it", "pcs misspelt, index, hcpcs misspelt") \
	/* What one word of a query may mean */ \
	X(QUERY, float, learned_fit, 0.55f, "fit of a word that stands for another in some terms", "index, damaged + title, inclusion") \
	X(QUERY, float, learned_slope, 0.4f, "more of it, the oftener it does", "index, damaged + title, pcs misspelt") \
	X(QUERY, float, inflect_fit, 0.98f, "fit of another inflection of an unknown word", "prefixes") \
	X(QUERY, float, inflect_root_fit, 0.8f, "fit of what has only the root of an unknown word", "prefixes") \
	X(QUERY, int, inflect_root, 4, "letters of a root below which nothing is looked for", "prefixes") \
	X(QUERY, int, inflect_root_alone, 5, "letters of a root that is enough by itself", "prefixes") \
	X(QUERY, int, inflect_longer, 6, "letters that another inflection may be longer", "prefixes") \
	X(QUERY, int, root_word_letters, 5, "letters of a word whose other forms are looked for", "prefixes, icd9") \
	X(QUERY, float, root_fit, 0.85f, "fit of other forms of a known word", "inclusion, hcpcs misspelt, index") \
	X(QUERY, float, prefix_base, 0.75f, "fit of a word that the query's word begins", "prefixes") \
	X(QUERY, float, prefix_slope, 0.25f, "more of it, the less is missing", "prefixes") \
	X(QUERY, float, prefix_later, 0.96f, "factor for all but the commonest such word", "prefixes") \
	X(QUERY, int, prefix_rarity, 200, "the commonest such word may be so many times as common as another", "prefixes") \
	X(QUERY, float, prefix_typing_known, 0.9f, "factor while typing, where the word is one already", "prefixes") \
	X(QUERY, float, prefix_abbreviation, 0.75f, "factor where the word is an abbreviation", "prefixes") \
	X(QUERY, float, prefix_unknown, 0.95f, "factor where the word is unknown", "prefixes") \
	X(QUERY, float, prefix_typed, 0.8f, "factor for a known word before the one that is being typed", "prefixes") \
	X(QUERY, int, prefix_typed_letters, 6, "most letters of such a word", "prefixes") \
	X(QUERY, float, prefix_short, 0.6f, "factor for a short known word", "hcpcs misspelt, short titles, inclusion") \
	X(QUERY, int, prefix_short_letters, 4, "most letters of such a word", "hcpcs misspelt, tables, inclusion") \
	/* Spelling: costs in hundredths of an edit */ \
	X(QUERY, int, cost_edit, 100, "a letter more, less or other", "misspelt 2, prefixes, misspelt 1") \
	X(QUERY, int, cost_near, 75, "a neighbour on the keyboard", "misspelt 2, pcs misspelt, prefixes") \
	X(QUERY, int, cost_swap, 70, "two letters in the wrong order", "misspelt 2, damaged + title, misspelt 1") \
	X(QUERY, int, cost_double, 55, "one letter of two the same", "misspelt 2") \
	X(QUERY, int, cost_vowel, 75, "a vowel for another", "prefixes") \
	X(QUERY, int, cost_sound, 30, "written otherwise, sounds the same", "misspelt 2, pcs misspelt, misspelt 1") \
	X(QUERY, int, cost_first, 30, "another first letter, which is seldom wrong", "misspelt 2, damaged + title, hcpcs misspelt") \
	X(QUERY, int, spell_limit_3, 80, "most that a word of three letters may cost", "prefixes") \
	X(QUERY, int, spell_limit_4, 110, "of four", "prefixes, misspelt 2") \
	X(QUERY, int, spell_limit_5, 140, "of five", "damaged + title, hcpcs misspelt, pcs misspelt") \
	X(QUERY, int, spell_limit_8, 210, "of six to eight", "misspelt 2, prefixes") \
	X(QUERY, int, spell_limit_long, 260, "of more", "index") \
	X(QUERY, int, spell_limit_begun, 130, "of one that begins known words", "prefixes") \
	X(QUERY, int, spell_limit_prefix, 110, "for the beginning of a longer word", "index, misspelt 1, prefixes") \
	X(QUERY, int, spell_longer, 60, "what it costs that the word goes on", "prefixes, misspelt 2, pcs misspelt") \
	X(QUERY, int, spell_worse, 90, "more than the best", "hcpcs misspelt, misspelt 2") \
	X(QUERY, int, spell_letters, 3, "most letters that the other word does not have at all", "prefixes, misspelt 2, pcs misspelt") \
	X(QUERY, int, spell_prefix_letters, 5, "least letters of a beginning with an error", "prefixes") \
	X(QUERY, int, spell_common_1, 1000, "a word is very common in more terms than this", "misspelt 2") \
	X(QUERY, int, spell_common_2, 100, "common", "prefixes") \
	X(QUERY, int, spell_common_3, 10, "not rare", "prefixes") \
	X(QUERY, int, spell_bonus_1, 30, "for a very common word", "hcpcs misspelt, pcs misspelt") \
	X(QUERY, int, spell_bonus_2, 22, "for a common one", "prefixes") \
	X(QUERY, int, spell_bonus_3, 12, "for one that is not rare", "unit test") \
	X(QUERY, float, spell_fit_cost, 500.0f, "cost at which nothing would be left of the fit", "misspelt 2, damaged + title, misspelt 1") \
	X(QUERY, int, spell_second_gap, 20, "more than the best, to be worse", "prefixes") \
	X(QUERY, float, spell_second, 0.05f, "off the fit of those that are worse", "misspelt 2, prefixes, pcs misspelt") \
	/* Words run together, torn apart or contracted */ \
	X(QUERY, int, halves_cost, 75, "cost of spelling above which a word may be two", "prefixes") \
	X(QUERY, int, halves_letters, 6, "least letters of two words in one", "prefixes") \
	X(QUERY, int, halves_count, 2, "the rarer half is in more terms than this", "prefixes, hcpcs misspelt, misspelt 2") \
	X(QUERY, float, halves_fit, 0.95f, "fit of the halves", "prefixes") \
	X(QUERY, int, join_letters, 5, "least letters of two words that are one", "short titles, misspelt 2, hcpcs misspelt") \
	X(QUERY, float, join_fit, 0.96f, "fit of the one word", "hcpcs misspelt, tables, misspelt 2") \
	X(QUERY, int, contract_letters, 12, "most letters of a contraction", "unit test") \
	X(QUERY, int, contract_times, 4, "what is contracted is at most so many times as long", "misspelt 2, hcpcs misspelt, pcs misspelt") \
	X(QUERY, int, contract_count, 3, "least terms with what is contracted", "index, misspelt 1") \
	X(QUERY, float, contract_fit, 0.6f, "fit of what is contracted", "index, misspelt 2") \
	X(QUERY, float, contract_step, 0.03f, "less for each likelier one", "misspelt 2, hcpcs misspelt") \
	/* Abbreviations in a query */ \
	X(QUERY, float, abbr_step, 0.05f, "off the fit for each likelier meaning", "index, short titles, prefixes") \
	X(QUERY, float, abbr_least, 0.6f, "least fit of a meaning", "prefixes, short titles") \
	X(QUERY, float, abbr_own_words, 0.6f, "fit of the words themselves, where they are more than they mean", "short titles, icd9, hcpcs misspelt") \
	X(QUERY, float, abbr_root_fit, 0.8f, "fit of other forms of what is meant", "short titles, prefixes, shuffled") \
	/* What a query term is worth */ \
	X(QUERY, float, meant_fit, 0.1f, "below the best fit, to count among what is meant", "prefixes, misspelt 1, misspelt 2") \
	X(QUERY, float, decides_fit, 0.07f, "below the best fit, to say a side, negate and the like", "prefixes") \
	X(QUERY, float, unknown_weight, 0.5f, "weight of a word that nothing is known of", "short titles") \
	X(QUERY, float, unspecified_share, 0.4f, "share of a word that says \"unspecified\"", "short titles, misspelt 2, misspelt 1") \
	X(QUERY, float, optional_share, 0.25f, "share of a word that is welcome, not asked for", "hcpcs misspelt, icd9, short titles") \
	/* Retrieval */ \
	X(QUERY, float, title_share, 0.45f, "share of the query that is looked for in the titles only", "tables, prefixes, icd9") \
	X(QUERY, float, count_base, 0.7f, "of a query term's weight, for any term of a row that has it", "tables, prefixes") \
	X(QUERY, float, count_impact, 0.3f, "more, the larger its share in the term", "tables, prefixes") \
	X(QUERY, float, count_root, 0.2f, "share of another form of the word", "index, inclusion, prefixes") \
	X(QUERY, int, shortlist, 400, "rows whose titles are looked at", "prefixes, pcs misspelt, short titles") \
	X(QUERY, int, ranked_rows, 130, "rows that are scored in full", "tables, short titles") \
	X(QUERY, int, rare_terms, 2, "query terms that may be rare", "tables") \
	X(QUERY, int, rare_postings, 24, "postings of a word so rare that each counts", "icd9, inclusion, tables") \
	X(QUERY, float, rare_fit, 0.8f, "least fit of such a word", "icd9, inclusion, index") \
	/* Match of the query with a term */ \
	X(QUERY, float, cover_base, 0.4f, "of the covered share of the query", "damaged + title, misspelt 1, pcs misspelt") \
	X(QUERY, float, cover_slope, 0.6f, "more, the larger it is", "damaged + title, misspelt 1, pcs misspelt") \
	X(QUERY, float, fill_share, 0.4f, "of a score that rests on the filled share of the term", "damaged + title, pcs misspelt, shuffled") \
	X(QUERY, float, negated_share, 0.3f, "weight of what a title negates, where the query lacks it", "hcpcs misspelt") \
	X(QUERY, float, opposed_fit, 0.7f, "fit of what one negates and the other does not", "hcpcs misspelt, damaged + title, shuffled") \
	X(QUERY, float, opposed_weight, 0.15f, "weight of such a word above which the whole contradicts", "hcpcs misspelt, damaged + title, prefixes") \
	X(QUERY, float, opposed_clash, 0.8f, "factor for that", "hcpcs misspelt, shuffled, damaged + title") \
	X(QUERY, float, clash_side, 0.5f, "factor for another side or encounter than asked for", "damaged + title, shuffled, misspelt 1") \
	X(QUERY, float, clash_other, 0.75f, "factor for another opposite", "tables, short titles, shuffled") \
	X(QUERY, float, unasked_side, 0.93f, "factor for a side that nobody asked for", "index, inclusion, pcs misspelt") \
	X(QUERY, float, unasked_side_unspecified, 0.85f, "where \"unspecified\" was asked for", "short titles, shuffled, prefixes") \
	X(QUERY, float, lacking_side, 0.93f, "factor for no side where one was asked for", "misspelt 1, short titles, shuffled") \
	X(QUERY, float, unasked_encounter, 0.9f, "factor for a later encounter that nobody asked for", "short titles, tables, prefixes") \
	X(QUERY, float, unasked_open, 0.93f, "factor for an open fracture that nobody asked for", "pcs misspelt, short titles") \
	X(QUERY, float, unasked_nondisplaced, 0.97f, "factor for a nondisplaced fracture that nobody asked for", "prefixes, short titles") \
	X(QUERY, float, unasked_intent, 0.94f, "factor for an intent that nobody asked for", "tables, inclusion, icd9") \
	X(QUERY, float, unasked_context, 0.93f, "factor for birth, screening and the like that nobody asked for", "icd9, index, inclusion") \
	X(QUERY, float, unasked_other, 0.96f, "factor for \"other\" that nobody asked for", "icd9, inclusion, index") \
	X(QUERY, float, lacking_other, 0.95f, "factor for no \"other\" where it was asked for", "misspelt 2, shuffled, damaged + title") \
	/* Score of a row */ \
	X(QUERY, float, kind_short, 0.97f, "factor for a short title", "short titles, prefixes") \
	X(QUERY, float, kind_inclusion, 0.99f, "for an inclusion term", "inclusion, icd9, index") \
	X(QUERY, float, kind_index, 0.98f, "for an entry of an index", "index, tables, icd9") \
	X(QUERY, float, kind_synonym, 0.98f, "for any other synonym", "unit test") \
	X(QUERY, float, union_share, 0.7f, "of what the row's other terms cover beyond its best", "short titles, prefixes, index") \
	X(QUERY, float, header_factor, 0.96f, "factor for a header", "tables, short titles, inclusion") \
	/* Relatives of the best candidates */ \
	X(QUERY, float, family_promise, 0.6f, "of the best promise, to look at relatives", "tables, index, icd9") \
	X(QUERY, float, family_covered, 0.97f, "covered share of the query from which only what is below is looked at", "short titles, tables, index") \
	X(QUERY, int, family_key, 4, "characters of a code up to which only what is below is looked at", "index, inclusion, damaged + title") \
	X(QUERY, float, sibling_covered, 0.02f, "difference in the covered share up to which siblings are alike", "misspelt 2, prefixes, short titles") \
	X(QUERY, float, relative_inherits, 0.95f, "of a fit that is inherited", "tables, short titles, index") \
	X(QUERY, float, relative_news, 0.01f, "covered share beyond the candidate's that is worth it", "short titles") \
	X(QUERY, float, relative_factor, 0.97f, "factor for a relative", "tables, short titles, index") \
	X(QUERY, float, relative_excess, 0.2f, "off for what only the relative's title has", "tables, index, inclusion") \
	X(QUERY, float, relative_filled, 0.9f, "of the candidate's filled share", "inclusion, tables, short titles") \
	/* Neighbours of a code: how likely each change is */ \
	X(QUERY, float, near_alike, 0.75f, "a character that looks alike", "damaged + title, damaged codes") \
	X(QUERY, float, near_next_digit, 0.4f, "the digit before or after", "damaged codes, damaged + title") \
	X(QUERY, float, near_digit, 0.2f, "another digit", "damaged codes, damaged + title") \
	X(QUERY, float, near_letter, 0.15f, "another letter", "damaged codes") \
	X(QUERY, float, near_other_kind, 0.06f, "a letter for a digit", "damaged codes, damaged + title") \
	X(QUERY, float, near_placeholder, 0.75f, "a placeholder left out", "damaged + title") \
	X(QUERY, float, near_doubled, 0.45f, "one of two the same left out", "damaged codes, damaged + title") \
	X(QUERY, float, near_dropped, 0.3f, "another character left out", "damaged codes, damaged + title") \
	X(QUERY, float, near_usual_variant, 0.6f, "the last character left out, where it is the usual variant", "damaged codes, damaged + title") \
	X(QUERY, float, near_last_dropped, 0.3f, "another last character left out", "damaged + title, damaged codes") \
	X(QUERY, float, near_twice, 0.5f, "one of two the same too many", "damaged + title, damaged codes") \
	X(QUERY, float, near_last_extra, 0.6f, "the last character too many", "damaged codes, damaged + title") \
	X(QUERY, float, near_extra, 0.45f, "another character too many", "damaged codes, damaged + title") \
	X(QUERY, float, near_swapped, 0.7f, "two characters swapped", "damaged codes, damaged + title") \
	X(QUERY, float, near_all_digits, 0.75f, "letters for digits all over", "damaged + title") \
	X(QUERY, float, near_placeholders, 0.8f, "placeholders left out", "damaged + title") \
	X(QUERY, float, near_two_changes, 0.25f, "one that looks alike and a swap", "damaged codes, damaged + title") \
	X(QUERY, float, near_header, 0.8f, "factor for a header", "damaged codes, damaged + title") \
	X(QUERY, float, near_given_header, 0.3f, "the header itself that was given", "damaged codes, damaged + title") \
	X(QUERY, float, near_below, 0.6f, "a code below the one given", "damaged + title, damaged codes") \
	X(QUERY, float, near_above, 0.35f, "a code above the one given", "damaged codes, damaged + title") \
	X(QUERY, float, near_beside, 0.2f, "a code below one above", "damaged codes, damaged + title") \
	X(QUERY, int, near_enough, 3, "neighbours with which no more are looked for above", "damaged codes, damaged + title") \
	X(QUERY, float, below_step, 0.02f, "off the last of the codes below", "damaged codes, damaged + title") \
	X(QUERY, float, below_usual, 1.1f, "factor for one character more that is usual", "damaged codes, damaged + title") \
	X(QUERY, float, below_second, 1.06f, "for the second variant", "damaged codes, damaged + title") \
	X(QUERY, float, below_third, 1.05f, "for the third variant", "damaged codes, damaged + title") \
	X(QUERY, float, below_deep_usual, 0.9f, "for several characters more, the last of which is usual", "damaged codes") \
	X(QUERY, float, below_deep, 0.75f, "for others", "damaged codes, damaged + title") \
	/* Code and description together */ \
	X(QUERY, int, shared_least, 2, "characters that a code shares with the one given, to count", "damaged + title") \
	X(QUERY, float, shared_share, 0.2f, "of what is missing to 1, where all are shared", "damaged + title") \
	X(QUERY, float, coded_share, 0.6f, "of what is missing to 1, for a neighbour that is sure", "damaged + title") \
	/* Order: of codes below a header the usual ones first */ \
	X(QUERY, int, usual_variant, 2, "points for the usual variant", "tables, inclusion, index") \
	X(QUERY, int, usual_digit, 1, "for the character that says \"unspecified\"", "inclusion, index, icd9") \
	X(QUERY, int, usual_unspecified, 2, "for a title that says so", "prefixes, misspelt 2, shuffled") \
	X(QUERY, int, usual_negated, 2, "for a title that negates something", "inclusion, misspelt 1") \
	X(QUERY, int, usual_least, 2, "points that a code needs to stand for its header", "prefixes, inclusion, misspelt 2") \
	X(QUERY, float, usual_share, 0.93f, "of the best one's score, to be as good", "inclusion, icd9, tables") \
	X(QUERY, float, billable_share, 0.85f, "of a header's score that the usual code below it needs to stand before it", "tables, inclusion, index") \
	X(QUERY, float, billable_other_share, 0.94f, "and any other code", "icd9, inclusion, index") \
	X(QUERY, int, crowd_variants, 2, "variants of one code that may stand together", "pcs misspelt, short titles, prefixes") \
	X(QUERY, float, crowd_factor, 0.85f, "factor for further ones", "short titles, prefixes, inclusion") \
	X(QUERY, float, header_near, 0.9f, "of the first one's score, for a header to be as good", "short titles, prefixes, misspelt 2") \
	X(QUERY, float, header_filled, 0.005f, "filled share beyond, for a header to say it better", "inclusion") \
	/* How sure the first suggestion is */ \
	X(QUERY, double, unsure, 0.89, "most that any but a sure one scores", "damaged + title, shuffled, pcs misspelt") \
	X(QUERY, double, lead_synonym, 0.28, "needed over the next, where a synonym led to it", "tables, index, inclusion") \
	X(QUERY, double, lead_title, 0.05, "and else", "prefixes, short titles, damaged codes") \
	X(QUERY, double, lead_full, 0.97, "score below which more lead is needed", "prefixes, tables, short titles") \
	X(QUERY, double, lead_loss, 0.35, "off where there is no lead", "tables, prefixes, index") \
	X(QUERY, float, sure_excess, 0.2f, "weight beyond the query that a sure neighbour of a code may have", "unit test") \
	X(QUERY, float, sure_excess_synonym, 0.05f, "and a sure synonym", "unit test") \
	X(QUERY, int, sure_usual, 1, "points with which the header may be meant instead", "inclusion, index, icd9")

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
