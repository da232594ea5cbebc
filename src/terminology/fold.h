/*
 * terminology/fold.h
 *		Texts folded for comparison.
 */
#ifndef MEDREC_FOLD_H
#define MEDREC_FOLD_H

/* A text folded for comparison, and the key that the indexes hold. */
typedef struct FoldedTerm
{
	char	   *text;
	int			len;
	int64		key;
} FoldedTerm;

extern void term_fold(const char *str, int len, FoldedTerm *folded);
extern void term_from_folded(char *text, int len, FoldedTerm *folded);
extern bool term_equals(const FoldedTerm *folded, const char *str, int len);

#endif							/* MEDREC_FOLD_H */
