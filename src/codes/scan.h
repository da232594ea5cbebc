/*
 * scan.h
 *		What the code systems share: reading what people paste, saying what is
 *		wrong with it, and writing the normal form.
 *
 * A system's check reads the input once with scan_read(), which folds it to
 * upper-case ASCII; from there on it works on a short text whose characters
 * are all known.  Every function that can find a fault returns false after
 * having written it, so that a check is one chain of "if (!...) return".
 */
#ifndef MEDREC_CODES_SCAN_H
#define MEDREC_CODES_SCAN_H

#include "codes/codes.h"

/* No code of any system, with all its separators, is longer than this. */
#define SCAN_MAX	64

typedef struct Scan
{
	int			len;			/* of text */
	bool		more;			/* the input held more than SCAN_MAX */
	bool		spaces;			/* the text holds some */
	char		text[SCAN_MAX + 1]; /* upper-case printable ASCII; ' ' only
									 * between two letters or digits */
} Scan;

/* Sets of characters for scan_expect(). I and O are separate, because most
 * systems leave them out so that they are not read as 1 and 0. */
#define SCAN_DIGIT		0x01
#define SCAN_LETTER		0x02	/* A-Z without I and O */
#define SCAN_IO			0x04	/* I and O */

extern const unsigned char scan_class[128];

/* Whether a folded character belongs to a set. */
#define scan_is(c, set)	((scan_class[(unsigned char) (c) & 0x7f] & (set)) != 0)

extern bool scan_fault(CodeCheck *out, CodeVerdict verdict, const char *fmt,...)
#if defined(__GNUC__)
			__attribute__((format(printf, 3, 4)))
#endif
		   ;
extern bool scan_read(const char *in, size_t len, Scan *s, CodeCheck *out);
extern bool scan_join(Scan *s, int whole, CodeCheck *out);
extern bool scan_dot(Scan *s, int after, CodeCheck *out);
extern bool scan_length(const Scan *s, int min, int max, CodeCheck *out);
extern bool scan_expect(const Scan *s, int pos, int set, CodeCheck *out);
extern bool scan_all(const Scan *s, int from, int to, int set, CodeCheck *out);
extern bool scan_modifier(const Scan *s, int pos, CodeCheck *out);
extern bool scan_modifiers(Scan *s, int from, CodeCheck *out);
extern void scan_accept(const Scan *s, int dot_after, CodeCheck *out);
extern const char *scan_ordinal(int pos);
extern int	scan_parent(const char *code, int len, int least,
						char out[CODE_MAX_LEN + 1]);
extern int	scan_parent_base(const char *code, int len,
							 char out[CODE_MAX_LEN + 1]);

#endif							/* MEDREC_CODES_SCAN_H */
