/*
 * registry.c
 *		The table of the code systems, and finding one by any of its names.
 */
#include "codes/codes.h"
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

/* The 7th character is the encounter, the initial one where nothing is said; X
 * fills the places before it; 9 is "unspecified", of an eye and the like 0. */
static const CodeShape icd10cm_shape = {7, "ADS", 'X', '9', 5};

/* The 7th character is the qualifier, by which neighbours differ.  "A" counts as
 * the usual one because the weights were measured so. */
static const CodeShape icd10pcs_shape = {7, "A", '\0', '9', 5};

/* 9 is "unspecified" in the other editions of ICD-9 and ICD-10. */
static const CodeShape icd_shape = {0, "", '\0', '9', 0};

/*
 * URIs and OIDs are those of HL7's terminology registry (terminology.hl7.org).
 * Volumes 1/2 and 3 of ICD-9-CM share one URI there and differ only in their
 * OIDs; the shared one means the diagnoses here, and the procedures go by the
 * URI that FHIR listed for them (DSTU2) before.
 */
static const CodeSystem code_system[] = {
	{"ICD-10-CM", "http://hl7.org/fhir/sid/icd-10-cm", "2.16.840.1.113883.6.90",
		"International Classification of Diseases, 10th Revision, Clinical Modification",
	true, icd10cm_check, icd10cm_parent, &icd10cm_shape},
	{"ICD-10-PCS", "http://www.cms.gov/Medicare/Coding/ICD10", "2.16.840.1.113883.6.4",
		"International Classification of Diseases, 10th Revision, Procedure Coding System",
	true, icd10pcs_check, icd10pcs_parent, &icd10pcs_shape},
	{"ICD-10", "http://hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.3",
		"International Classification of Diseases, 10th Revision",
	true, icd10_check, icd10_parent, &icd_shape},
	{"ICD-9-CM", "http://hl7.org/fhir/sid/icd-9-cm", "2.16.840.1.113883.6.103",
		"International Classification of Diseases, 9th Revision, Clinical Modification, volumes 1 and 2",
	true, icd9cm_check, icd9cm_parent, &icd_shape},
	{"ICD-9-PCS", "http://hl7.org/fhir/sid/icd-9-cm/procedure", "2.16.840.1.113883.6.104",
		"International Classification of Diseases, 9th Revision, Clinical Modification, volume 3",
	true, icd9pcs_check, icd9pcs_parent, &icd_shape},
	{"ICD-11", "http://id.who.int/icd/release/11/mms", "2.16.840.1.113883.6.347",
		"International Classification of Diseases, 11th Revision, Mortality and Morbidity Statistics",
	true, icd11_check, icd11_parent, NULL},
	{"SNOMED CT", "http://snomed.info/sct", "2.16.840.1.113883.6.96",
		"SNOMED Clinical Terms",
	false, snomed_check, NULL, NULL},
	{"LOINC", "http://loinc.org", "2.16.840.1.113883.6.1",
		"Logical Observation Identifiers, Names and Codes",
	false, loinc_check, NULL, NULL},
	{"RxNorm", "http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88",
		"RxNorm, normalized names of clinical drugs",
	false, rxnorm_check, NULL, NULL},
	{"NDC", "http://hl7.org/fhir/sid/ndc", "2.16.840.1.113883.6.69",
		"National Drug Code",
	false, ndc_check, ndc_parent, NULL},
	{"CPT", "http://www.ama-assn.org/go/cpt", "2.16.840.1.113883.6.12",
		"Current Procedural Terminology",
	false, cpt_check, scan_parent_base, NULL},
	{"HCPCS", "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "2.16.840.1.113883.6.285",
		"Healthcare Common Procedure Coding System, Level II",
	false, hcpcs_check, scan_parent_base, NULL},
	{"CVX", "http://hl7.org/fhir/sid/cvx", "2.16.840.1.113883.12.292",
		"Vaccines Administered",
	false, cvx_check, NULL, NULL},
	{"ATC", "http://www.whocc.no/atc", "2.16.840.1.113883.6.73",
		"Anatomical Therapeutic Chemical Classification System",
	false, atc_check, atc_parent, NULL}
};

#define SYSTEMS	((int) (sizeof(code_system) / sizeof(code_system[0])))

/*
 * Other names in use, folded as find_key() folds: upper case, without hyphens,
 * spaces and underscores; URIs without their scheme.
 */
typedef struct Alias
{
	const char *key;
	const char *name;			/* of the system, as stored */
} Alias;

static const Alias alias[] = {
	{"ICD10CMDX", "ICD-10-CM"},
	{"I10CM", "ICD-10-CM"},
	{"ICD10PROC", "ICD-10-PCS"},
	{"I10PCS", "ICD-10-PCS"},
	{"HL7.ORG/FHIR/SID/ICD10PCS", "ICD-10-PCS"},
	{"WWW.ICD10DATA.COM/ICD10PCS", "ICD-10-PCS"},
	{"ICD10WHO", "ICD-10"},
	{"ICD9", "ICD-9-CM"},
	{"ICD9CMDX", "ICD-9-CM"},
	{"I9CDX", "ICD-9-CM"},
	{"HL7.ORG/FHIR/SID/ICD9", "ICD-9-CM"},
	{"HL7.ORG/FHIR/SID/ICD9CM/DIAGNOSIS", "ICD-9-CM"},
	{"2.16.840.1.113883.6.2", "ICD-9-CM"},
	{"2.16.840.1.113883.6.42", "ICD-9-CM"},
	{"ICD9PROC", "ICD-9-PCS"},
	{"ICD9CMPCS", "ICD-9-PCS"},
	{"ICD9CMPROC", "ICD-9-PCS"},
	{"ICD11MMS", "ICD-11"},
	{"ID.WHO.INT/ICD11/MMS", "ICD-11"},
	{"SNOMED", "SNOMED CT"},
	{"SCT", "SNOMED CT"},
	{"SNM", "SNOMED CT"},
	{"LN", "LOINC"},
	{"RXNORMCUI", "RxNorm"},
	{"RXCUI", "RxNorm"},
	{"CPT4", "CPT"},
	{"C4", "CPT"},
	{"HCPCSII", "HCPCS"},
	{"HCPCSLEVELII", "HCPCS"},
	{"HCPCSLEVEL2", "HCPCS"},
	{"HCPCS2", "HCPCS"},
	{"TERMINOLOGY.HL7.ORG/CODESYSTEM/HCPCS", "HCPCS"},
	{"2.16.840.1.113883.6.14", "HCPCS"},
	{"2.16.840.1.113883.6.59", "CVX"}
};

#define ALIASES	((int) (sizeof(alias) / sizeof(alias[0])))

/* Whether a character counts when names are compared. */
static bool
key_char(char c)
{
	return c != '-' && c != ' ' && c != '_';
}

/* Folds a name or URI to the form in which they are compared; false if too long. */
static bool
find_key(const char *name, size_t len, char *key)
{
	static const char *const prefix[] = {"URN:OID:", "HTTP://", "HTTPS://"};
	CodeCheck	fault;
	Scan		s;
	const char *p;
	int			n = 0;
	int			i;

	if (!scan_read(name, len, &s, &fault) || s.more)
		return false;
	p = s.text;
	for (i = 0; i < (int) (sizeof(prefix) / sizeof(prefix[0])); i++)
	{
		if (strncmp(p, prefix[i], strlen(prefix[i])) == 0)
		{
			p += strlen(prefix[i]);
			break;
		}
	}
	for (; *p != '\0'; p++)
	{
		if (key_char(*p))
			key[n++] = *p;
	}
	if (n > 0 && key[n - 1] == '/')
		n--;
	key[n] = '\0';
	return n > 0;
}

/* Whether a registered name or URI folds to a key. */
static bool
key_matches(const char *key, const char *name)
{
	const char *scheme = strstr(name, "://");

	if (scheme != NULL)
		name = scheme + 3;
	for (; *name != '\0'; name++)
	{
		char		c = *name >= 'a' && *name <= 'z' ? *name - ('a' - 'A') : *name;

		if (key_char(c) && c != *key++)
			return false;
	}
	return *key == '\0';
}

/* The system that is stored under exactly this name. */
static const CodeSystem *
find_stored(const char *name, size_t len)
{
	int			i;

	for (i = 0; i < SYSTEMS; i++)
	{
		/* the name may hold NUL bytes, so no strncmp */
		if (strlen(code_system[i].name) == len &&
			memcmp(code_system[i].name, name, len) == 0)
			return &code_system[i];
	}
	return NULL;
}

/* How many systems there are. */
int
code_system_count(void)
{
	return SYSTEMS;
}

/* The system at an index, NULL beyond the last. */
const CodeSystem *
code_system_at(int i)
{
	return i >= 0 && i < SYSTEMS ? &code_system[i] : NULL;
}

/* The index of a system. */
int
code_system_index(const CodeSystem *cs)
{
	return (int) (cs - code_system);
}

/* The system of a name, URI or OID, NULL if there is none. */
const CodeSystem *
code_system_find(const char *name, size_t len)
{
	const CodeSystem *cs;
	char		key[SCAN_MAX + 1];
	int			i;

	if (name == NULL || len == 0)
		return NULL;
	cs = find_stored(name, len);
	if (cs != NULL)
		return cs;
	if (!find_key(name, len, key))
		return NULL;
	for (i = 0; i < SYSTEMS; i++)
	{
		cs = &code_system[i];
		if (key_matches(key, cs->name) || key_matches(key, cs->uri) ||
			strcmp(key, cs->oid) == 0)
			return cs;
	}
	for (i = 0; i < ALIASES; i++)
	{
		if (strcmp(key, alias[i].key) == 0)
			return find_stored(alias[i].name, strlen(alias[i].name));
	}
	return NULL;
}

/* Checks and normalises a code. */
void
code_check(const CodeSystem *cs, const char *in, size_t len, CodeCheck *out)
{
	out->mark = '\0';
	cs->check(in, len, out);
}
