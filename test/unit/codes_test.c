/*
 * codes_test.c
 *		Unit tests of src/codes, TAP on standard output.
 *
 * cc -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -O2 -Isrc \
 *		-o build/codes_test test/unit/codes_test.c src/codes/[a-z]*.c
 * MEDREC_DATA=../shared/data prove build/codes_test
 *
 * Without MEDREC_DATA the tests against the official files are skipped.
 */
#include "codes/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	tests;
static int	failures;

/* Reports one test. */
static void
ok(bool passed, const char *what, const char *name)
{
	printf("%sok %d - %s: %s\n", passed ? "" : "not ", ++tests, what, name);
	if (!passed)
		failures++;
}

/* Prints a text with what cannot be printed escaped, so that a line stays a line. */
static const char *
shown(const char *s, size_t len)
{
	static char buf[400];
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len && n < sizeof(buf) - 5; i++)
	{
		if (s[i] >= ' ' && s[i] < 0x7F && s[i] != '#')
			buf[n++] = s[i];
		else
			n += sprintf(buf + n, "<%02X>", (unsigned char) s[i]);
	}
	buf[n] = '\0';
	return buf;
}

/* The system of a name; the tests cannot go on without it. */
static const CodeSystem *
system_of(const char *name)
{
	const CodeSystem *cs = code_system_find(name, strlen(name));

	if (cs == NULL)
	{
		printf("Bail out! no system %s\n", name);
		exit(1);
	}
	return cs;
}

/* Checks a code and what must hold for every result. */
static bool
check(const CodeSystem *cs, const char *in, size_t len, CodeCheck *c)
{
	CodeCheck	again;

	memset(c, 0x5A, sizeof(*c));
	code_check(cs, in, len, c);
	if (c->verdict != CODE_OK)
		return c->code[0] == '\0' && c->len == 0 && c->fault[0] != '\0';
	if (c->fault[0] != '\0' || c->len < 1 || c->len > CODE_MAX_LEN ||
		strlen(c->code) != (size_t) c->len)
		return false;
	code_check(cs, c->code, c->len, &again);
	return again.verdict == CODE_OK && strcmp(again.code, c->code) == 0;
}

/* ---- samples ---- */

typedef struct Sample
{
	const char *system;
	const char *in;
	const char *code;			/* normal form, or NULL where refused */
	const char *fault;			/* exactly, where refused */
} Sample;

static const Sample sample[] = {
	/* ICD-10-CM */
	{"ICD-10-CM", "e119", "E11.9", NULL},
	{"ICD-10-CM", "E11.9", "E11.9", NULL},
	{"ICD-10-CM", " E11.9\r\n", "E11.9", NULL},
	{"ICD-10-CM", "E11. 9", "E11.9", NULL},
	{"ICD-10-CM", "E11 9", "E11.9", NULL},
	{"ICD-10-CM", "E11.", "E11", NULL},
	{"ICD-10-CM", "\357\274\245\357\274\221\357\274\221\357\274\216\357\274\231", "E11.9", NULL},	/* full width */
	{"ICD-10-CM", "E11\302\2679", "E11.9", NULL},	/* middle dot */
	{"ICD-10-CM", "\357\273\277E11.9\342\200\213", "E11.9", NULL},	/* BOM, zero width */
	{"ICD-10-CM", "\302\240E11.9\343\200\200", "E11.9", NULL},	/* no-break and wide
																 * space */
	{"ICD-10-CM", "QA0.0101", "QA0.0101", NULL},
	{"ICD-10-CM", "C7A.00", "C7A.00", NULL},
	{"ICD-10-CM", "T36.0X1A", "T36.0X1A", NULL},
	{"ICD-10-CM", "O40.1XX0", "O40.1XX0", NULL},
	{"ICD-10-CM", "W00.0XXA", "W00.0XXA", NULL},
	{"ICD-10-CM", "X08.8XXA", "X08.8XXA", NULL},
	{"ICD-10-CM", "W03.XXXA", "W03.XXXA", NULL},
	{"ICD-10-CM", "H21.1X", "H21.1X", NULL},
	{"ICD-10-CM", "J09.X", "J09.X", NULL},
	{"ICD-10-CM", "J34.8200", "J34.8200", NULL},
	{"ICD-10-CM", "Y93.I1", "Y93.I1", NULL},
	{"ICD-10-CM", "S72.001", "S72.001", NULL},	/* a header */
	{"ICD-10-CM", "", NULL, "empty"},
	{"ICD-10-CM", "  ", NULL, "empty"},
	{"ICD-10-CM", "E1", NULL, "shorter than 3 characters"},
	{"ICD-10-CM", "E11.99999", NULL, "longer than 7 characters"},
	{"ICD-10-CM", "E1.19", NULL, "the dot belongs after the 3rd character"},
	{"ICD-10-CM", "E119.", NULL, "the dot belongs after the 3rd character"},
	{"ICD-10-CM", "E11.9.", NULL, "more than one dot"},
	{"ICD-10-CM", "E1O.9", NULL, "3rd character is the letter O, expected a digit"},
	{"ICD-10-CM", "EI1.9", NULL, "2nd character is the letter I, expected a digit"},
	{"ICD-10-CM", "111.9", NULL, "1st character is 1, expected a letter"},
	{"ICD-10-CM", "E11-9", NULL, "4th character is -, expected a letter or a digit"},
	{"ICD-10-CM", "CAT", NULL, "2nd and 3rd character are both letters"},
	{"ICD-10-CM", "EX1.9", NULL, "placeholder X before the 4th character"},
	{"ICD-10-CM", "W00.0XX", NULL, "7th character missing"},
	{"ICD-10-CM", "W00.0XXX", NULL, "7th character missing"},
	{"ICD-10-CM", "S00.33X", NULL, "7th character missing"},
	{"ICD-10-CM", "W00.XXA", NULL, "6th character is A after two placeholders, expected X"},
	{"ICD-10-CM", "W00.XX1A", NULL, "6th character is 1 after two placeholders, expected X"},
	{"ICD-10-CM", "W00.0XA", NULL, "encounter A is the 6th character, expected as the 7th"},
	{"ICD-10-CM", "S72.XD", NULL, "encounter D is the 5th character, expected as the 7th"},
	{"ICD-10-CM", "S06.0XA", "S06.0XA", NULL},
	{"ICD-10-CM", "W85.XX", NULL, "7th character missing"},
	{"ICD-10-CM", "W00.0XXB", NULL, "7th character is B, expected one of ADS"},
	{"ICD-10-CM", "W00.0XX1", NULL, "7th character is 1, expected one of ADS"},
	{"ICD-10-CM", "E11.9XXA", NULL, "7th character is A, expected one of 1239"},
	{"ICD-10-CM", "A00.0XXA", NULL, "codes with A have no 7th character A"},
	{"ICD-10-CM", "S72.0011", NULL, "7th character is 1, expected one of ABCDEFGHJKMNPQRS"},
	{"ICD-10-CM", "E11.9 J45", NULL, "a space between two codes"},
	{"ICD-10-CM", "E11.9\001", NULL, "a control character"},
	{"ICD-10-CM", "E11.9\177", NULL, "a control character"},
	{"ICD-10-CM", "E11.9\300\200", NULL, "not valid UTF-8"},
	{"ICD-10-CM", "E11.9\355\240\200", NULL, "not valid UTF-8"},	/* a surrogate */
	{"ICD-10-CM", "E11.9\342\200", NULL, "not valid UTF-8"},	/* cut off */
	{"ICD-10-CM", "\320\22511.9", NULL, "a character that no code of this system has"}, /* Cyrillic */
	/* ICD-10-PCS */
	{"ICD-10-PCS", "0dtj4zz", "0DTJ4ZZ", NULL},
	{"ICD-10-PCS", "0DT", "0DT", NULL},
	{"ICD-10-PCS", "XW033E5", "XW033E5", NULL},
	{"ICD-10-PCS", "0DTJ 4ZZ", "0DTJ4ZZ", NULL},
	{"ICD-10-PCS", "ODTJ4ZZ", NULL, "I and O are not used"},
	{"ICD-10-PCS", "0DTI4ZZ", NULL, "I and O are not used"},
	{"ICD-10-PCS", "ADTJ4ZZ", NULL, "1st character is A, expected a section 0-9, B, C, D, F, G, H or X"},
	{"ICD-10-PCS", "0DTJ", NULL, "4 characters, expected 7, or 3 for a table"},
	{"ICD-10-PCS", "0DTJ4ZZZ", NULL, "longer than 7 characters"},
	{"ICD-10-PCS", "0D", NULL, "shorter than 3 characters"},
	{"ICD-10-PCS", "0DT.J4ZZ", NULL, "longer than 7 characters"},
	{"ICD-10-PCS", "0DT.J4Z", NULL, "4th character is ., expected a letter or a digit"},
	/* ICD-10 */
	{"ICD-10", "e119", "E11.9", NULL},
	{"ICD-10", "M00.01", "M00.01", NULL},
	{"ICD-10", "A17.0\342\200\240", "A17.0", NULL}, /* dagger */
	{"ICD-10", "A170+", "A17.0", NULL},
	{"ICD-10", "G01 *", "G01", NULL},
	{"ICD-10", "G01\357\274\212", "G01", NULL},
	{"ICD-10", "A17.0+ G01*", NULL, "a dagger is only valid at the end of a code; store two codes in two records"},
	{"ICD-10", "*G01", NULL, "an asterisk is only valid at the end of a code; store two codes in two records"},
	{"ICD-10", "E1O.9", NULL, "3rd character is O, expected a digit"},
	{"ICD-10", "E11.-", NULL, "4th character is -, expected a digit"},
	{"ICD-10", "M00.001", NULL, "longer than 5 characters"},
	{"ICD-10", "+", NULL, "shorter than 3 characters"},
	/* ICD-9-CM */
	{"ICD-9-CM", "25000", "250.00", NULL},
	{"ICD-9-CM", "250", "250", NULL},
	{"ICD-9-CM", "v5867", "V58.67", NULL},
	{"ICD-9-CM", "E8120", "E812.0", NULL},
	{"ICD-9-CM", "E812", "E812", NULL},
	{"ICD-9-CM", "2500.0", NULL, "the dot belongs after the 3rd character"},
	{"ICD-9-CM", "E81.20", NULL, "the dot belongs after the 4th character"},
	{"ICD-9-CM", "25O.00", NULL, "3rd character is O, expected a digit"},
	{"ICD-9-CM", "M12", NULL, "1st character is M, expected a digit, V or E"},
	{"ICD-9-CM", "E81", NULL, "shorter than 4 characters"},
	{"ICD-9-CM", "250.000", NULL, "longer than 5 characters"},
	/* ICD-9-PCS */
	{"ICD-9-PCS", "4513", "45.13", NULL},
	{"ICD-9-PCS", "45.1", "45.1", NULL},
	{"ICD-9-PCS", "451.3", NULL, "the dot belongs after the 2nd character"},
	{"ICD-9-PCS", "45.133", NULL, "longer than 4 characters"},
	{"ICD-9-PCS", "4", NULL, "shorter than 2 characters"},
	/* ICD-11 */
	{"ICD-11", "1a00", "1A00", NULL},
	{"ICD-11", "1A0011", "1A00.11", NULL},
	{"ICD-11", "ZZ9Z.ZZ", "ZZ9Z.ZZ", NULL},
	{"ICD-11", "xn109", "XN109", NULL},
	{"ICD-11", "2C25.5 & XH74S1", "2C25.5&XH74S1", NULL},
	{"ICD-11", "8B20/MG30.1", "8B20/MG30.1", NULL},
	{"ICD-11", "8B20\342\201\204MG301", "8B20/MG30.1", NULL},	/* fraction slash */
	{"ICD-11", "1A0O", NULL, "I and O are not used"},
	{"ICD-11", "0A00", NULL, "there is no chapter 0"},
	{"ICD-11", "1100", NULL, "2nd character is 1, expected a letter"},
	{"ICD-11", "1AA0", NULL, "3rd character is A, expected a digit"},
	{"ICD-11", "1A00.111", NULL, "longer than 6 characters"},
	{"ICD-11", "XN1.09", NULL, "an extension code has no dot"},
	{"ICD-11", "XK8G/1A00", NULL, "a cluster begins with a stem code"},
	{"ICD-11", "1A00/XK8G", NULL, "/ joins stem codes, an extension code follows &"},
	{"ICD-11", "1A00&1A01", NULL, "& adds extension codes (X...), a stem code follows /"},
	{"ICD-11", "1A00&", NULL, "a code is missing at &"},
	{"ICD-11", "NC72.Z&XK8G&XJ1C6&XN109", NULL, "longer than 20 characters"},
	/* SNOMED CT */
	{"SNOMED CT", "195662009", "195662009", NULL},
	{"SNOMED CT", "428211000124100", "428211000124100", NULL},
	{"SNOMED CT", "386 661 006", "386661006", NULL},
	{"SNOMED CT", "\357\274\221\357\274\231\357\274\225\357\274\226\357\274\226\357\274\222\357\274\220\357\274\220\357\274\231", "195662009", NULL},
	{"SNOMED CT", "195662004", NULL, "check digit is 4, expected 9"},
	{"SNOMED CT", "0195662009", NULL, "leading zero"},
	{"SNOMED CT", "19566", NULL, "shorter than 6 characters"},
	{"SNOMED CT", "1956620091956620091", NULL, "longer than 18 characters"},
	{"SNOMED CT", "19566200a", NULL, "9th character is A, expected a digit"},
	{"SNOMED CT", "680946014", NULL, "identifier of a description, not of a concept"},
	{"SNOMED CT", "22298006 73211009", NULL, "a space between two codes"},
	/* LOINC */
	{"LOINC", "2345-7", "2345-7", NULL},
	{"LOINC", "2345\342\200\2237", "2345-7", NULL}, /* en dash */
	{"LOINC", "2345 - 7", "2345-7", NULL},
	{"LOINC", "la6576-8", "LA6576-8", NULL},
	{"LOINC", "LP14635-4", "LP14635-4", NULL},
	{"LOINC", "LP7057-5", "LP7057-5", NULL},
	{"LOINC", "LL1000-0", "LL1000-0", NULL},
	{"LOINC", "6580-7", "6580-7", NULL},	/* published so */
	{"LOINC", "2345-4", NULL, "check digit is 4, expected 7"},
	{"LOINC", "LA6576-7", NULL, "check digit is 7, expected 8"},
	{"LOINC", "23457", NULL, "hyphen and check digit missing"},
	{"LOINC", "2345-", NULL, "check digit missing"},
	{"LOINC", "2345-77", NULL, "more than one check digit"},
	{"LOINC", "-7", NULL, "no digits before the hyphen"},
	{"LOINC", "LA-7", NULL, "no digits before the hyphen"},
	{"LOINC", "LX12-7", NULL, "L begins only LP, LA, LL and LG"},
	{"LOINC", "L", NULL, "L begins only LP, LA, LL and LG"},
	{"LOINC", "02345-7", NULL, "leading zero"},
	{"LOINC", "12345678-1", NULL, "more than 7 digits before the hyphen"},
	{"LOINC", "2345-X", NULL, "6th character is X, expected a digit"},
	/* RxNorm */
	{"RxNorm", "313782", "313782", NULL},
	{"RxNorm", "0313782", NULL, "leading zero"},
	{"RxNorm", "123456789", NULL, "longer than 8 characters"},
	{"RxNorm", "31 42", NULL, "a space between two codes"},
	{"RxNorm", "31378O", NULL, "6th character is O, expected a digit"},
	/* NDC */
	{"NDC", "0002-0152-01", "00002-0152-01", NULL},
	{"NDC", "12345-678-90", "12345-0678-90", NULL},
	{"NDC", "12345-6789-0", "12345-6789-00", NULL},
	{"NDC", "12345-6789-01", "12345-6789-01", NULL},
	{"NDC", "00002015201", "00002-0152-01", NULL},
	{"NDC", "0002 0152 01", "00002-0152-01", NULL},
	{"NDC", "0002-0152", "00002-0152", NULL},
	{"NDC", "12345-678", "12345-0678", NULL},
	{"NDC", "0002015201", NULL, "10 digits without hyphens may be 4-4-2, 5-3-2 or 5-4-1"},
	{"NDC", "000020152", NULL, "fewer than 11 digits"},
	{"NDC", "000020152011", NULL, "more than 11 digits"},
	{"NDC", "123-4567-89", NULL, "parts of 3-4-2 digits, expected 4-4-2, 5-3-2, 5-4-1 or 5-4-2"},
	{"NDC", "1234-567-8", NULL, "parts of 4-3-1 digits, expected 4-4-2, 5-3-2, 5-4-1 or 5-4-2"},
	{"NDC", "12345-", NULL, "parts of 5-0 digits, expected 4-4, 5-3 or 5-4"},
	{"NDC", "1-2-3-4", NULL, "more than three parts"},
	{"NDC", "0002-O152-01", NULL, "6th character is O, expected a digit"},
	/* CPT */
	{"CPT", "99213", "99213", NULL},
	{"CPT", "99213-25", "99213-25", NULL},
	{"CPT", "99213:25", "99213-25", NULL},
	{"CPT", "99213 25", "99213-25", NULL},
	{"CPT", "9921325rt", "99213-25-RT", NULL},
	{"CPT", "99213-25-59-RT-LT", "99213-25-59-RT-LT", NULL},
	{"CPT", "0001f", "0001F", NULL},
	{"CPT", "0042T", "0042T", NULL},
	{"CPT", "0001U", "0001U", NULL},
	{"CPT", "0002M", "0002M", NULL},
	{"CPT", "0001A", "0001A", NULL},
	{"CPT", "25", "25", NULL},
	{"CPT", "1P", "1P", NULL},
	{"CPT", "9921O", NULL, "5th character is O, expected a digit, F, T, U, M or A"},
	{"CPT", "9921", NULL, "shorter than 5 characters"},
	{"CPT", "A9213", NULL, "1st character is A, expected a digit"},
	{"CPT", "00099", NULL, "below the first code, 00100"},
	{"CPT", "0000T", NULL, "below the first code, 0001"},
	{"CPT", "99213-2", NULL, "a modifier has 2 letters or digits"},
	{"CPT", "99213-", NULL, "a modifier has 2 letters or digits"},
	{"CPT", "99213-11", NULL, "11 is not a modifier"},
	{"CPT", "99213-O1", NULL, "a modifier does not begin with O"},
	{"CPT", "99213-25-59-RT-LT-76", NULL, "more than 4 modifiers"},
	{"CPT", "99213 99214", NULL, "a space between two codes"},
	/* HCPCS */
	{"HCPCS", "j1885", "J1885", NULL},
	{"HCPCS", "J1885-RT", "J1885-RT", NULL},
	{"HCPCS", "J1885RTLT", "J1885-RT-LT", NULL},
	{"HCPCS", "J1885-59", "J1885-59", NULL},
	{"HCPCS", "RT", "RT", NULL},
	{"HCPCS", "GO", "GO", NULL},
	{"HCPCS", "25", NULL, "1st character is 2, expected a letter"},
	{"HCPCS", "W1234", NULL, "1st character is W, expected A to V"},
	{"HCPCS", "O1234", NULL, "I and O are not used"},
	{"HCPCS", "J188", NULL, "shorter than 5 characters"},
	{"HCPCS", "J18B5", NULL, "4th character is B, expected a digit"},
	/* CVX */
	{"CVX", "8", "08", NULL},
	{"CVX", "08", "08", NULL},
	{"CVX", "008", "08", NULL},
	{"CVX", "140", "140", NULL},
	{"CVX", "0", NULL, "zero is not a code"},
	{"CVX", "000", NULL, "zero is not a code"},
	{"CVX", "1400", NULL, "longer than 3 characters"},
	{"CVX", "08 1", NULL, "a space between two codes"},
	{"CVX", "O8", NULL, "1st character is O, expected a digit"},
	/* ATC */
	{"ATC", "a10ba02", "A10BA02", NULL},
	{"ATC", "A10BA", "A10BA", NULL},
	{"ATC", "A10B", "A10B", NULL},
	{"ATC", "A10", "A10", NULL},
	{"ATC", "A", "A", NULL},
	{"ATC", "A1", NULL, "2 characters, expected 1, 3, 4, 5 or 7"},
	{"ATC", "A10BA0", NULL, "6 characters, expected 1, 3, 4, 5 or 7"},
	{"ATC", "A1OBA02", NULL, "3rd character is O, expected a digit"},
	{"ATC", "E10", NULL, "E is not a main group"},
	{"ATC", "QA10", NULL, "2nd character is A, expected a digit"},
	{"ATC", "Q10", NULL, "Q is not a main group (Q begins the codes of ATCvet)"},
	{"ATC", "A10BA022", NULL, "longer than 7 characters"}
};

/* Every sample gives exactly its code or its fault. */
static void
test_samples(void)
{
	size_t		i;

	for (i = 0; i < sizeof(sample) / sizeof(sample[0]); i++)
	{
		const Sample *s = &sample[i];
		CodeCheck	c;
		bool		sound = check(system_of(s->system), s->in, strlen(s->in), &c);
		bool		as_expected;

		if (s->code != NULL)
			as_expected = c.verdict == CODE_OK && strcmp(c.code, s->code) == 0;
		else
			as_expected = c.verdict != CODE_OK && strcmp(c.fault, s->fault) == 0;
		ok(sound && as_expected, s->system, shown(s->in, strlen(s->in)));
		if (!sound || !as_expected)
			printf("# got [%s] fault [%s], expected [%s] fault [%s]\n", c.code, c.fault,
				   s->code ? s->code : "", s->fault ? s->fault : "");
	}
}

/* The verdicts tell the kinds of fault apart. */
static void
test_verdicts(void)
{
	static const struct
	{
		const char *system;
		const char *in;
		CodeVerdict verdict;
	}			expected[] =
	{
		{"NDC", "0002015201", CODE_AMBIGUOUS},
		{"SNOMED CT", "195662004", CODE_BAD_CHECK_DIGIT},
		{"LOINC", "2345-4", CODE_BAD_CHECK_DIGIT},
		{"SNOMED CT", "680946014", CODE_MALFORMED},
		{"ICD-11", "NC72.Z&XK8G&XJ1C6&XN109", CODE_TOO_LONG},
		{"ICD-10-CM", "E11.99999", CODE_MALFORMED},
	};
	CodeCheck	c;
	char		many[5000];
	size_t		i;
	int			k;

	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		code_check(system_of(expected[i].system), expected[i].in,
				   strlen(expected[i].in), &c);
		ok(c.verdict == expected[i].verdict, "verdict", expected[i].in);
	}

	check(system_of("ICD-10-CM"), "E11.9\0", 6, &c);
	ok(c.verdict == CODE_MALFORMED && strcmp(c.fault, "a control character") == 0,
	   "ICD-10-CM", "a NUL byte at the end is refused");

	memset(many, ' ', sizeof(many));
	memcpy(many + 4000, "E11.9", 5);
	ok(check(system_of("ICD-10-CM"), many, sizeof(many), &c) &&
	   strcmp(c.code, "E11.9") == 0, "ICD-10-CM", "any number of spaces around it");

	memset(many, '1', sizeof(many));
	for (k = 0; k < code_system_count(); k++)
	{
		ok(check(code_system_at(k), many, sizeof(many), &c) && c.verdict != CODE_OK,
		   code_system_at(k)->name, "5000 digits are refused");
		ok(check(code_system_at(k), "", 0, &c) && strcmp(c.fault, "empty") == 0,
		   code_system_at(k)->name, "an empty text is refused");
		ok(check(code_system_at(k), "1\xE2\x82\xAC", 4, &c) && c.verdict == CODE_MALFORMED,
		   code_system_at(k)->name, "a euro sign is refused");
	}
}

/* ---- registry ---- */

/* Every name by which a system is known finds it. */
static void
test_registry(void)
{
	static const char *const found[][2] = {
		{"icd10cm", "ICD-10-CM"}, {"ICD 10 CM", "ICD-10-CM"}, {"icd-10_cm", "ICD-10-CM"},
		{" ICD-10-CM ", "ICD-10-CM"}, {"ICD\342\200\22110\342\200\221CM", "ICD-10-CM"},
		{"http://hl7.org/fhir/sid/icd-10-cm", "ICD-10-CM"},
		{"https://hl7.org/fhir/sid/icd-10-cm/", "ICD-10-CM"},
		{"2.16.840.1.113883.6.90", "ICD-10-CM"},
		{"urn:oid:2.16.840.1.113883.6.90", "ICD-10-CM"},
		{"URN:OID:2.16.840.1.113883.6.90", "ICD-10-CM"},
		{"ICD10PCS", "ICD-10-PCS"}, {"http://www.cms.gov/Medicare/Coding/ICD10", "ICD-10-PCS"},
		{"http://hl7.org/fhir/sid/icd-10-pcs", "ICD-10-PCS"},
		{"icd10", "ICD-10"}, {"http://hl7.org/fhir/sid/icd-10", "ICD-10"},
		{"2.16.840.1.113883.6.3", "ICD-10"},
		{"ICD9", "ICD-9-CM"}, {"icd9cm", "ICD-9-CM"},
		{"http://hl7.org/fhir/sid/icd-9-cm", "ICD-9-CM"},
		{"http://hl7.org/fhir/sid/icd-9-cm/diagnosis", "ICD-9-CM"},
		{"2.16.840.1.113883.6.103", "ICD-9-CM"},
		{"icd9pcs", "ICD-9-PCS"}, {"2.16.840.1.113883.6.104", "ICD-9-PCS"},
		{"http://hl7.org/fhir/sid/icd-9-cm/procedure", "ICD-9-PCS"},
		{"icd11", "ICD-11"}, {"http://id.who.int/icd/release/11/mms", "ICD-11"},
		{"SNOMED", "SNOMED CT"}, {"SNOMEDCT", "SNOMED CT"}, {"sct", "SNOMED CT"},
		{"SNOMED-CT", "SNOMED CT"}, {"http://snomed.info/sct", "SNOMED CT"},
		{"2.16.840.1.113883.6.96", "SNOMED CT"},
		{"loinc", "LOINC"}, {"http://loinc.org", "LOINC"}, {"http://loinc.org/", "LOINC"},
		{"RXNORM", "RxNorm"}, {"http://www.nlm.nih.gov/research/umls/rxnorm", "RxNorm"},
		{"ndc", "NDC"}, {"http://hl7.org/fhir/sid/ndc", "NDC"},
		{"cpt-4", "CPT"}, {"http://www.ama-assn.org/go/cpt", "CPT"},
		{"HCPCS Level II", "HCPCS"}, {"2.16.840.1.113883.6.14", "HCPCS"},
		{"https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "HCPCS"},
		{"http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "HCPCS"},
		{"urn:oid:2.16.840.1.113883.6.285", "HCPCS"},
		{"cvx", "CVX"}, {"http://hl7.org/fhir/sid/cvx", "CVX"},
		{"atc", "ATC"}, {"http://www.whocc.no/atc", "ATC"}
	};
	static const char *const unknown[] = {
		"", " ", "-", "ICD", "ICD-1", "ICD-10-C", "ICD-10-CMX", "X", "urn:oid:", "http://",
		"2.16.840.1.113883.6", "2.16.840.1.113883.6.900", "http://hl7.org/fhir/sid/",
		"SNOMED CT\001", "\377"
	};
	size_t		i;
	int			k;

	ok(code_system_count() == 14, "registry", "there are fourteen systems");
	ok(code_system_at(-1) == NULL && code_system_at(14) == NULL, "registry", "an index out of range finds no system");
	for (k = 0; k < code_system_count(); k++)
	{
		const CodeSystem *cs = code_system_at(k);
		char		urn[80];

		snprintf(urn, sizeof(urn), "urn:oid:%s", cs->oid);
		ok(code_system_index(cs) == k && system_of(cs->name) == cs &&
		   system_of(cs->uri) == cs && system_of(cs->oid) == cs && system_of(urn) == cs &&
		   strlen(cs->name) <= 20,
		   "registry finds by name, URI and OID", cs->name);
	}
	for (i = 0; i < sizeof(found) / sizeof(found[0]); i++)
	{
		const CodeSystem *cs = code_system_find(found[i][0], strlen(found[i][0]));

		ok(cs != NULL && strcmp(cs->name, found[i][1]) == 0, "registry finds", found[i][0]);
	}
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		ok(code_system_find(unknown[i], strlen(unknown[i])) == NULL,
		   "registry does not know", shown(unknown[i], strlen(unknown[i])));
	ok(code_system_find("ICD-10-CM", 6) == system_of("ICD-10"), "registry",
	   "the length counts, not a NUL");
	ok(code_system_find("LOINC\0", 6) == NULL, "registry", "a NUL is not part of a name");
	ok(code_system_find(NULL, 0) == NULL, "registry", "NULL finds no system");
}

/* ---- hierarchy ---- */

/* A mark of WHO's is no part of the code, and is told apart. */
static void
test_marks(void)
{
	static const struct
	{
		const char *system;
		const char *code;
		char		mark;
	}			sample[] = {
		{"ICD-10", "A17.0+", '+'}, {"ICD-10", "A17.0\342\200\240", '+'}, {"ICD-10", "G01*", '*'},
		{"ICD-10", "A17.0", '\0'}, {"ICD-10", "A17.0+ G01*", '\0'}, {"ICD-10-CM", "A17.0", '\0'}
	};
	size_t		i;

	for (i = 0; i < sizeof(sample) / sizeof(sample[0]); i++)
	{
		CodeCheck	c;

		memset(&c, 0x5A, sizeof(c));
		code_check(system_of(sample[i].system), sample[i].code, strlen(sample[i].code), &c);
		ok(c.mark == sample[i].mark, "dagger and asterisk are distinguished", sample[i].code);
	}
}

/* The code above, per system. */
static void
test_parents(void)
{
	static const char *const parent[][3] = {
		{"ICD-10-CM", "E11.9", "E11"}, {"ICD-10-CM", "E11", ""},
		{"ICD-10-CM", "W00.0XXA", "W00.0"}, {"ICD-10-CM", "W03.XXXA", "W03"},
		{"ICD-10-CM", "S00.33XA", "S00.33"}, {"ICD-10-CM", "T36.0X1A", "T36.0X1"},
		{"ICD-10-CM", "T36.0X1", "T36.0X"}, {"ICD-10-CM", "T36.0X", "T36.0"},
		{"ICD-10-CM", "M01.X11", "M01.X1"}, {"ICD-10-CM", "J09.X", "J09"},
		{"ICD-10-PCS", "0DTJ4ZZ", "0DT"}, {"ICD-10-PCS", "0DT", ""},
		{"ICD-10", "A17.0", "A17"}, {"ICD-10", "M00.01", "M00.0"}, {"ICD-10", "G01", ""},
		{"ICD-9-CM", "250.00", "250.0"}, {"ICD-9-CM", "250.0", "250"}, {"ICD-9-CM", "250", ""},
		{"ICD-9-CM", "E812.0", "E812"}, {"ICD-9-CM", "E812", ""},
		{"ICD-9-PCS", "45.13", "45.1"}, {"ICD-9-PCS", "45.1", "45"}, {"ICD-9-PCS", "45", ""},
		{"ICD-11", "1A00.11", "1A00.1"}, {"ICD-11", "1A00.1", "1A00"}, {"ICD-11", "1A00", ""},
		{"ICD-11", "XN109", ""}, {"ICD-11", "8B20/MG30.1", ""},
		{"NDC", "00002-0152-01", "00002-0152"}, {"NDC", "00002-0152", ""},
		{"CPT", "99213-25-59", "99213"}, {"CPT", "99213", ""},
		{"HCPCS", "J1885-RT", "J1885"}, {"HCPCS", "RT", ""},
		{"ATC", "A10BA02", "A10BA"}, {"ATC", "A10BA", "A10B"}, {"ATC", "A10B", "A10"},
		{"ATC", "A10", "A"}, {"ATC", "A", ""}
	};
	static const char *const flat[] = {"SNOMED CT", "LOINC", "RxNorm", "CVX"};
	size_t		i;

	for (i = 0; i < sizeof(parent) / sizeof(parent[0]); i++)
	{
		char		up[CODE_MAX_LEN + 1];
		int			n = system_of(parent[i][0])->parent(parent[i][1],
														(int) strlen(parent[i][1]), up);

		ok(strcmp(up, parent[i][2]) == 0 && n == (int) strlen(up), "the code above",
		   parent[i][1]);
	}
	for (i = 0; i < sizeof(flat) / sizeof(flat[0]); i++)
		ok(system_of(flat[i])->parent == NULL, "no hierarchy in the text", flat[i]);
}

/* ---- check digits, against a second reckoning of our own ---- */

/* The dihedral group's product by its definition, where the source has a table. */
static int
dihedral(int a, int b)
{
	int			turn = a < 5 ? a % 5 + b % 5 : a % 5 - b % 5 + 5;

	return turn % 5 + ((a < 5) == (b < 5) ? 0 : 5);
}

/* Whether digits end in their Verhoeff digit. */
static bool
verhoeff_holds(const char *digits)
{
	static const int perm[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
	int			n = (int) strlen(digits);
	int			c = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			d = digits[n - 1 - i] - '0';
		int			k;

		for (k = 0; k < i % 8; k++)
			d = perm[d];
		c = dihedral(c, d);
	}
	return c == 0;
}

/* Whether digits are a SNOMED CT concept identifier. */
static bool
is_concept(const char *digits)
{
	size_t		n = strlen(digits);

	return n >= 6 && n <= 18 && digits[0] != '0' && verhoeff_holds(digits) &&
		digits[n - 2] == '0' &&
		(digits[n - 3] == '0' || (digits[n - 3] == '1' && n >= 11));
}

/* Whether a LOINC code's check digit is right, by the Users' Guide's eight steps. */
static bool
loinc_holds(const char *code)
{
	const char *hyphen = strchr(code, '-');
	long long	odd = 0;
	long long	scale = 1;
	int			sum = 0;
	int			n;
	int			i;

	if (hyphen == NULL || hyphen == code || strlen(hyphen) != 2 || code[0] == '0')
		return false;
	n = (int) (hyphen - code);
	for (i = 0; i < n; i++)
	{
		int			d = code[n - 1 - i] - '0';

		if (i % 2 == 0)
		{
			odd += d * scale;
			scale *= 10;
		}
		else
			sum += d;
	}
	for (odd *= 2; odd > 0; odd /= 10)
		sum += (int) (odd % 10);
	return (sum + hyphen[1] - '0') % 10 == 0;
}

typedef struct Tally
{
	long		tried;
	long		wrong;			/* result differs from the second computation */
	long		missed;			/* error accepted that the method always
								 * detects */
} Tally;

/* Checks one mistyped code. */
static void
try_code(const CodeSystem *cs, const char *typed, bool valid, bool always, Tally *t)
{
	CodeCheck	c;

	code_check(cs, typed, strlen(typed), &c);
	t->tried++;
	if ((c.verdict == CODE_OK) != valid)
	{
		t->wrong++;
		printf("# %s %s: %s\n", cs->name, typed, c.fault);
	}
	if (always && c.verdict == CODE_OK)
		t->missed++;
}

/* Mistypes a right code in all ways that change one place. */
static void
mistype(const CodeSystem *cs, const char *code, bool (*valid) (const char *),
		bool luhn, Tally *t)
{
	char		typed[40];
	size_t		n = strlen(code);
	size_t		i;
	char		d;

	for (i = 0; i < n; i++)
	{
		strcpy(typed, code);
		for (d = '0'; d <= '9' && code[i] != '-'; d++)
		{
			typed[i] = d;
			if (d != code[i])
				try_code(cs, typed, valid(typed), true, t);
		}
		strcpy(typed, code);
		if (i + 1 < n && code[i] != code[i + 1])
		{
			typed[i] = code[i + 1];
			typed[i + 1] = code[i];
			try_code(cs, typed, valid(typed),
					 !luhn || (code[i] != '-' && code[i + 1] != '-' &&
							   (code[i] - '0') + (code[i + 1] - '0') != 9) ||
					 code[i] == '-' || code[i + 1] == '-', t);
		}
		memcpy(typed, code, i);
		strcpy(typed + i, code + i + 1);
		try_code(cs, typed, valid(typed), code[i] == '-', t);
	}
}

/* What a check digit can detect is refused; what it cannot detect is accepted. */
static void
test_check_digits(void)
{
	static const char *const loinc[] = {
		"718-7", "2345-7", "4548-4", "2160-0", "8480-6", "8462-4", "8867-4", "29463-7",
		"8302-2", "39156-5", "2085-9", "2093-3", "13457-7", "2571-8", "6690-2", "789-8",
		"777-3", "4544-3", "785-6", "786-4", "787-2", "33914-3", "17861-6", "2951-2",
		"2823-3", "2075-0", "2028-9", "3094-0", "6299-2", "1920-8", "1742-6", "1975-2",
		"2885-2", "1751-7", "59408-5", "94500-6", "72166-2", "10331-7", "883-9", "85354-9",
		"93030-5", "93159-2", "95530-2"
	};
	static const char *const concept[] = {
		"195662009", "22298006", "73211009", "38341003", "44054006", "386661006",
		"428211000124100", "138875005", "404684003", "1085006", "900000000000207008"
	};
	Tally		t = {0, 0, 0};
	Tally		u = {0, 0, 0};
	CodeCheck	c;
	size_t		i;
	long		bad = 0;
	char		note[80];

	for (i = 0; i < sizeof(loinc) / sizeof(loinc[0]); i++)
	{
		if (!check(system_of("LOINC"), loinc[i], strlen(loinc[i]), &c) ||
			c.verdict != CODE_OK || !loinc_holds(loinc[i]))
			bad++;
		mistype(system_of("LOINC"), loinc[i], loinc_holds, true, &t);
	}
	for (i = 0; i < sizeof(concept) / sizeof(concept[0]); i++)
	{
		if (!check(system_of("SNOMED CT"), concept[i], strlen(concept[i]), &c) ||
			c.verdict != CODE_OK || !is_concept(concept[i]))
			bad++;
		mistype(system_of("SNOMED CT"), concept[i], is_concept, false, &u);
	}
	ok(bad == 0, "check digits", "right codes are accepted");
	snprintf(note, sizeof(note), "%ld mistyped codes are accepted or refused as expected", t.tried);
	ok(t.tried > 1000 && t.wrong == 0, "LOINC", note);
	ok(t.missed == 0, "LOINC", "every substitution, swap but 09, and lost hyphen is refused");
	snprintf(note, sizeof(note), "%ld mistyped codes are accepted or refused as expected", u.tried);
	ok(u.tried > 1000 && u.wrong == 0, "SNOMED CT", note);
	ok(u.missed == 0, "SNOMED CT", "every substitution and swap is refused");
}

/* ---- the official files ---- */

/* Opens a file of MEDREC_DATA, through gzip where it ends in .gz; for pclose(). */
static FILE *
open_data(const char *path)
{
	const char *root = getenv("MEDREC_DATA");
	char		full[1000];
	char		command[1100];
	FILE	   *f;

	if (root == NULL || root[0] == '\0')
		return NULL;
	snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "rb");
	if (f == NULL)
		return NULL;
	fclose(f);
	snprintf(command, sizeof(command), "%s '%s'",
			 strcmp(full + strlen(full) - 3, ".gz") == 0 ? "gzip -dc" : "cat", full);
	return popen(command, "r");
}

/* Cuts the nth field, from 0, out of a line. */
static bool
cut(const char *line, char separator, int nth, char *field, size_t room)
{
	size_t		n = 0;

	for (; nth > 0; nth--)
	{
		line = strchr(line, separator);
		if (line == NULL)
			return false;
		line++;
	}
	while (line[n] != '\0' && line[n] != separator && line[n] != '\r' && line[n] != '\n' &&
		   n < room - 1)
	{
		field[n] = line[n];
		n++;
	}
	field[n] = '\0';
	return n > 0;
}

/* How a line of each kind of file yields a code. */
static bool
cut_order(const char *line, char *code, size_t room)
{
	return strlen(line) > 14 && cut(line + 6, ' ', 0, code, room);
}

static bool
cut_first_word(const char *line, char *code, size_t room)
{
	return cut(line, ' ', 0, code, room);
}

static bool
cut_hcpcs(const char *line, char *code, size_t room)
{
	if (strlen(line) < 100 || strspn(line + 5, "0123456789") < 6)
		return false;
	if (line[0] == ' ')
		snprintf(code, room, "%.2s", line + 3); /* a modifier */
	else
		snprintf(code, room, "%.5s", line);
	return true;
}

static bool
cut_tab_0(const char *line, char *code, size_t room)
{
	return strncmp(line, "identifier", 10) != 0 && cut(line, '\t', 0, code, room);
}

static bool
cut_ndc_product(const char *line, char *code, size_t room)
{
	return cut(line, '\t', 1, code, room) && code[0] != 'P';
}

static bool
cut_ndc_package(const char *line, char *code, size_t room)
{
	return cut(line, '\t', 2, code, room) && code[0] != 'N';
}

static bool
cut_mce_diagnosis(const char *line, char *code, size_t room)
{
	return cut(line, '\t', 5, code, room) && strcmp(code, "D") == 0 &&
		cut(line, '\t', 6, code, room);
}

static bool
cut_mce_procedure(const char *line, char *code, size_t room)
{
	return cut(line, '\t', 5, code, room) && strcmp(code, "P") == 0 &&
		cut(line, '\t', 6, code, room);
}

static bool
cut_medication(const char *line, char *code, size_t room)
{
	return strncmp(line, "START", 5) != 0 && cut(line, ',', 5, code, room);
}

static bool
cut_immunization(const char *line, char *code, size_t room)
{
	return strncmp(line, "DATE", 4) != 0 && cut(line, ',', 3, code, room);
}

static bool
cut_condition(const char *line, char *code, size_t room)
{
	return strncmp(line, "START", 5) != 0 && cut(line, ',', 4, code, room);
}

static bool
cut_encounter(const char *line, char *code, size_t room)
{
	return strncmp(line, "Id", 2) != 0 && cut(line, ',', 8, code, room);
}

typedef struct DataFile
{
	const char *path;
	const char *system;
	bool		(*cut) (const char *line, char *code, size_t room);
	long		codes;			/* in the file */
	const char *dropped;		/* characters that the normal form adds */
	long		orphans;		/* codes without the one above them, -1: not
								 * looked at */
} DataFile;

static const DataFile data_file[] = {
	{"icd-10-cm/icd10cm_order_2023.txt.gz", "ICD-10-CM", cut_order, 96795, ".", 1}, /* of H54.512A */
	{"icd-10-cm/icd10cm_order_2024.txt.gz", "ICD-10-CM", cut_order, 97296, ".", 0},
	{"icd-10-cm/icd10cm_order_2025.txt.gz", "ICD-10-CM", cut_order, 97584, ".", 0},
	{"icd-10-pcs/icd10pcs_order_2024.txt.gz", "ICD-10-PCS", cut_order, 79543, "", 0},
	{"icd-10-pcs/icd10pcs_order_2025.txt.gz", "ICD-10-PCS", cut_order, 79856, "", 0},
	{"icd-9-cm/CMS32_DESC_LONG_DX.txt.gz", "ICD-9-CM", cut_first_word, 14567, ".", -1},
	{"icd-9-cm/CMS32_DESC_LONG_SG.txt.gz", "ICD-9-PCS", cut_first_word, 3882, ".", -1},
	{"hcpcs/HCPC2020_ANWEB_w_disclaimer.txt.gz", "HCPCS", cut_hcpcs, 7079, "", -1},
	{"cvx/cvx.tsv", "CVX", cut_tab_0, 287, "", -1},
	{"ndc/product_sample_2025-07-11.txt", "NDC", cut_ndc_product, 72, "0", -1},
	{"ndc/package_sample_2025-07-11.txt", "NDC", cut_ndc_package, 100, "0", -1},
	{"mce/MCE_v37.txt.gz", "ICD-10-CM", cut_mce_diagnosis, 9793, ".", -1},
	{"mce/MCE_v37.txt.gz", "ICD-10-PCS", cut_mce_procedure, 4360, "", -1},
	{"records/synthea/medications.csv", "RxNorm", cut_medication, 663, "", -1},
	{"records/synthea/immunizations.csv", "CVX", cut_immunization, 29, "", -1},
	{"records/synthea/procedures.csv", "SNOMED CT", cut_condition, 249, "", -1},
	{"records/synthea/encounters.csv", "SNOMED CT", cut_encounter, 604, "", -1}
};

typedef char Code[CODE_MAX_LEN + 1];

/* For qsort and bsearch. */
static int
compare_codes(const void *a, const void *b)
{
	return strcmp((const char *) a, (const char *) b);
}

/* Whether the file's code is the normal one without the characters it adds. */
static bool
same_code(const char *file, const char *normal, const char *added)
{
	for (; *normal != '\0'; normal++)
	{
		if (*file == *normal)
			file++;
		else if (strchr(added, *normal) == NULL)
			return false;
	}
	return *file == '\0';
}

/* Every code of every official file passes and round-trips. */
static void
test_data(const DataFile *d)
{
	const CodeSystem *cs = system_of(d->system);
	FILE	   *f = open_data(d->path);
	char		line[4096];
	char		code[40];
	char		note[200];
	Code	   *all = NULL;
	long		n = 0;
	long		bad = 0;
	long		orphans = 0;
	long		i;

	if (f == NULL)
	{
		printf("ok %d # skip %s is not in MEDREC_DATA\n", ++tests, d->path);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
	{
		CodeCheck	c;

		if (!d->cut(line, code, sizeof(code)))
			continue;
		if (n % 1024 == 0)
			all = realloc(all, (n + 1024) * sizeof(Code));
		if (!check(cs, code, strlen(code), &c) || c.verdict != CODE_OK ||
			!same_code(code, c.code, d->dropped))
		{
			if (bad++ < 10)
				printf("# %s [%s]: %s\n", code, c.code, c.fault);
		}
		strcpy(all[n++], c.code);
	}
	pclose(f);
	snprintf(note, sizeof(note), "%ld codes of %s are accepted and round-trip", n, d->path);
	ok(bad == 0 && n == d->codes, d->system, note);
	if (d->orphans >= 0 && n > 0)
	{
		qsort(all, n, sizeof(Code), compare_codes);
		for (i = 0; i < n; i++)
		{
			Code		up;

			if (cs->parent(all[i], (int) strlen(all[i]), up) > 0 &&
				bsearch(up, all, n, sizeof(Code), compare_codes) == NULL)
			{
				if (orphans++ >= d->orphans)
					printf("# %s is not there, above %s\n", up, all[i]);
			}
		}
		snprintf(note, sizeof(note), "the code above each of %s is there too", d->path);
		ok(orphans == d->orphans, d->system, note);
	}
	free(all);
}

/* The corrupt identifier among the synthetic conditions is found in every row. */
static void
test_corrupt_conditions(void)
{
	const CodeSystem *cs = system_of("SNOMED CT");
	FILE	   *f = open_data("records/synthea/conditions.csv");
	char		line[4096];
	char		code[40];
	long		n = 0;
	long		corrupt = 0;
	long		other = 0;

	if (f == NULL)
	{
		printf("ok %d # skip conditions.csv is not in MEDREC_DATA\n", ++tests);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
	{
		CodeCheck	c;

		if (!cut_condition(line, code, sizeof(code)))
			continue;
		n++;
		check(cs, code, strlen(code), &c);
		if (c.verdict == CODE_OK)
			continue;
		if (strcmp(code, "10939881000119104") == 0 && c.verdict == CODE_BAD_CHECK_DIGIT &&
			strcmp(c.fault, "check digit is 4, expected 5") == 0)
			corrupt++;
		else
		{
			other++;
			printf("# %s: %s\n", code, c.fault);
		}
	}
	pclose(f);
	ok(n == 438 && corrupt == 4 && other == 0 && verhoeff_holds("10939881000119105"),
	   "SNOMED CT", "the corrupt id of four conditions is found and its check digit named");
}

int
main(void)
{
	size_t		i;

	test_samples();
	test_verdicts();
	test_registry();
	test_marks();
	test_parents();
	test_check_digits();
	for (i = 0; i < sizeof(data_file) / sizeof(data_file[0]); i++)
		test_data(&data_file[i]);
	test_corrupt_conditions();
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
