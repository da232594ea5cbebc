/*
 * icd11.c
 *		ICD-11 for mortality and morbidity statistics: 1A00, 2C25.5, XH74S1,
 *		and clusters of these: 2C25.5&XH74S1, 8B20/MG30.1.
 *
 * As WHO's reference guide has it: no code has an I or an O; stem codes run from
 * 1A00.00 to ZZ9Z.ZZ, the 1st character being the chapter's, the 2nd always a
 * letter (which tells the code from ICD-10's) and the 3rd always a digit (lest
 * words come out); up to two more letters or digits follow the dot.  An
 * extension code begins with X and has no dot; it is a code of the
 * classification, but in a cluster it only follows a stem.  "/" joins a further
 * stem, "&" an extension.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define STEM_LEN	4			/* before the dot */

/* Checks a stem or extension code, which is all of s, and adds it to the cluster. */
static bool
check_member(Scan *s, bool first, char join, Scan *cluster, CodeCheck *out)
{
	bool		extension = s->text[0] == 'X';
	int			dot_after = extension ? s->len : STEM_LEN;

	if (extension)
	{
		if (memchr(s->text, '.', s->len) != NULL)
			return scan_fault(out, CODE_MALFORMED, "an extension code has no dot");
		if (!scan_length(s, 4, 6, out))
			return false;
		if (!first && join == '/')
			return scan_fault(out, CODE_MALFORMED,
							  "/ joins stem codes, an extension code follows &");
	}
	else
	{
		if (!scan_dot(s, STEM_LEN, out) ||
			!scan_length(s, STEM_LEN, STEM_LEN + 2, out) ||
			!scan_expect(s, 0, SCAN_DIGIT | SCAN_LETTER, out))
			return false;
		if (s->text[0] == '0')
			return scan_fault(out, CODE_MALFORMED, "there is no chapter 0");
		if (!first && join == '&')
			return scan_fault(out, CODE_MALFORMED,
							  "& adds extension codes (X...), a stem code follows /");
	}
	if (!scan_expect(s, 1, SCAN_LETTER, out) ||
		!scan_expect(s, 2, SCAN_DIGIT, out) ||
		!scan_all(s, 3, s->len, SCAN_DIGIT | SCAN_LETTER, out))
		return false;
	if (!first)
		cluster->text[cluster->len++] = join;
	memcpy(cluster->text + cluster->len, s->text, dot_after);
	cluster->len += dot_after;
	if (s->len > dot_after)
	{
		cluster->text[cluster->len++] = '.';
		memcpy(cluster->text + cluster->len, s->text + dot_after, s->len - dot_after);
		cluster->len += s->len - dot_after;
	}
	return true;
}

/* Checks an ICD-11 code or cluster. */
void
icd11_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	Scan		member;
	Scan		cluster;
	int			from = 0;
	char		join = '\0';

	if (!scan_read(in, len, &s, out) || !scan_join(&s, 4, out))
		return;
	if (s.more)
	{
		scan_fault(out, CODE_TOO_LONG, "longer than %d characters", CODE_MAX_LEN);
		return;
	}
	cluster.len = 0;
	cluster.more = false;
	member.more = false;
	for (;;)
	{
		int			to = from;

		while (to < s.len && s.text[to] != '&' && s.text[to] != '/')
			to++;
		member.len = to - from;
		memcpy(member.text, s.text + from, member.len);
		member.text[member.len] = '\0';
		if (member.len == 0)
		{
			scan_fault(out, CODE_MALFORMED, "a code is missing at %c",
					   to < s.len ? s.text[to] : join);
			return;
		}
		if (!check_member(&member, from == 0, join, &cluster, out))
			return;
		if (to >= s.len)
			break;
		if (cluster.text[0] == 'X')
		{
			scan_fault(out, CODE_MALFORMED, "a cluster begins with a stem code");
			return;
		}
		if (cluster.len > CODE_MAX_LEN)
			break;
		join = s.text[to];
		from = to + 1;
	}
	cluster.text[cluster.len] = '\0';
	scan_accept(&cluster, 0, out);
}

/*
 * The code above: a stem without its last character after the dot. What is
 * above four characters (a block) is not in the text, and a cluster is not a
 * node.
 */
int
icd11_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	if (code[0] == 'X' || memchr(code, '&', len) != NULL ||
		memchr(code, '/', len) != NULL)
	{
		out[0] = '\0';
		return 0;
	}
	return scan_parent(code, len, STEM_LEN, out);
}
