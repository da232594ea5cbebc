/*
 * terminology/fold.c
 *		Texts folded for comparison: without case, accents and punctuation.
 */
#include "base/medrec.h"

#include "common/hashfn.h"

#include "search/search.h"
#include "terminology/code_systems.h"
#include "terminology/fold.h"

/* Folds a text in the server's encoding, and finds its key. */
void
term_fold(const char *str, int len, FoldedTerm *folded)
{
	int			utf8len;
	char	   *utf8 = to_utf8(str, len, &utf8len);

	/*
	 * Folding never makes a text much longer; a text beyond the limit is not
	 * a title of any release.
	 */
	folded->text = palloc(SEARCH_TERM_MAX + 1);
	term_from_folded(folded->text,
					 (int) search_fold(utf8, utf8len, folded->text, SEARCH_TERM_MAX + 1), folded);
	if (utf8 != str)
		pfree(utf8);
}

/* Takes a text that is folded already, and finds its key. */
void
term_from_folded(char *text, int len, FoldedTerm *folded)
{
	folded->text = text;
	folded->len = len;
	folded->key = (int64) hash_bytes_extended((unsigned char *) text, len, 0);
}

/* Does a text, folded, equal the folded one? */
bool
term_equals(const FoldedTerm *folded, const char *str, int len)
{
	FoldedTerm	other;
	bool		equal;

	term_fold(str, len, &other);
	equal = other.key == folded->key && other.len == folded->len &&
		memcmp(other.text, folded->text, other.len) == 0;
	pfree(other.text);
	return equal;
}

PG_FUNCTION_INFO_V1(medrec_term_key);

/* medrec.term_key(text): what the indexes on titles and terms hold. */
Datum
medrec_term_key(PG_FUNCTION_ARGS)
{
	text	   *term = PG_GETARG_TEXT_PP(0);
	FoldedTerm	folded;

	term_fold(VARDATA_ANY(term), VARSIZE_ANY_EXHDR(term), &folded);
	pfree(folded.text);
	PG_RETURN_INT64(folded.key);
}
