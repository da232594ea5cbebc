/*
 * terminology/edits.c
 *		Coding edits: reads medrec.code_rule by direct index scans.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"
#include "terminology/code_systems.h"
#include "terminology/edits.h"
#include "terminology/issues.h"


/* columns of medrec.code_rule */
enum
{
	RULE_ID = 1, RULE_SYSTEM, RULE_CODE, RULE_RULE, RULE_FROM, RULE_TO, RULE_AGE_MIN,
	RULE_AGE_MAX, RULE_OTHER_FROM, RULE_OTHER_TO, RULE_TEXT
};

/* longest part of a note that an issue shows, in bytes */
#define NOTE_SHOWN	300

typedef struct Edits
{
	const CodeSystem *cs;
	const char *code;
	const EditContext *context;
	const char *partner;		/* code whose excludes1 notes are checked,
								 * NULL: the code itself */
	List	   *issues;
	Relation	rules;
	Oid			index;
} Edits;

typedef void (*RuleFunction) (Edits *edits, HeapTuple rule, const char *owner);

/* A text column of a rule, NULL if it is null. */
static char *
RuleText(const Edits *edits, HeapTuple rule, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(rule, column, RelationGetDescr(edits->rules), &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A number column of a rule, -1 if it is null. */
static int
RuleNumber(const Edits *edits, HeapTuple rule, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(rule, column, RelationGetDescr(edits->rules), &isnull);

	return isnull ? -1 : DatumGetInt16(value);
}

/* Whether a rule holds on the day. */
static bool
RuleHolds(const Edits *edits, HeapTuple rule)
{
	TupleDesc	desc = RelationGetDescr(edits->rules);
	DateADT		day = edits->context->on_date;
	bool		isnull;

	if (day < DatumGetDateADT(heap_getattr(rule, RULE_FROM, desc, &isnull)))
		return false;
	return day < DatumGetDateADT(heap_getattr(rule, RULE_TO, desc, &isnull)) || isnull;
}

/* Calls a function for the rules of a code that hold on the day. */
static void
EachRule(Edits *edits, const char *code, RuleFunction function)
{
	SysScanDesc scan;
	ScanKeyData key[2];
	HeapTuple	rule;

	ScanKeyInit(&key[0], RULE_SYSTEM, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(edits->cs->name));
	ScanKeyInit(&key[1], RULE_CODE, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(code));
	scan = systable_beginscan(edits->rules, edits->index, true, GetActiveSnapshot(), 2, key);
	while (HeapTupleIsValid(rule = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		if (RuleHolds(edits, rule))
			function(edits, rule, code);
	}
	systable_endscan(scan);
}

/* Whether a code is in a range whose ends include all codes below them. */
static bool
InRange(const char *code, const char *from, const char *to)
{
	return strcmp(code, from) >= 0 &&
		(strcmp(code, to) <= 0 || strncmp(code, to, strlen(to)) == 0);
}

/* Adds an issue. */
static void
Warn(Edits *edits, const char *text)
{
	edits->issues = issue_add(edits->issues, ISSUE_WARNING, "code-rule", "code", "%s", text);
}

/* The part of a note that an issue shows, truncated at a character boundary. */
static char *
ShortNote(const char *note)
{
	int			len = (int) strlen(note);

	if (len <= NOTE_SHOWN)
		return pstrdup(note);
	return psprintf("%.*s...", pg_mbcliplen(note, len, NOTE_SHOWN), note);
}

/* Is the patient's age outside of a rule on age? */
static bool
BreaksAge(const EditContext *context, int age_min, int age_max)
{
	return age_min >= 0 && context->age >= 0 &&
		(context->age < age_min || context->age > age_max);
}

/*
 * Is the patient's gender different from that of a rule? A gender other than
 * male and female breaks no rule.
 */
static bool
BreaksGender(const EditContext *context, const char *rule)
{
	if (context->gender == NULL)
		return false;
	return (strcmp(rule, "female") == 0 && strcmp(context->gender, "male") == 0) ||
		(strcmp(rule, "male") == 0 && strcmp(context->gender, "female") == 0);
}

/* The issue of a rule on principal diagnoses, NULL if the rule is about something else. */
static const char *
PrincipalFault(const char *rule)
{
	static const struct
	{
		const char *rule;
		const char *fault;
	}			faults[] = {
		{"manifestation", "the code is a manifestation and cannot be the principal diagnosis"},
		{"unacceptable-principal", "the code is not acceptable as principal diagnosis"},
		{"questionable-admission", "the code is questionable as the reason for an admission"}
	};

	for (int i = 0; i < lengthof(faults); i++)
		if (strcmp(rule, faults[i].rule) == 0)
			return faults[i].fault;
	return NULL;
}

/* Checks the code against one of its own rules. */
static void
CheckOwnRule(Edits *edits, HeapTuple rule, const char *owner)
{
	const EditContext *context = edits->context;
	char	   *name = RuleText(edits, rule, RULE_RULE);
	int			age_min = RuleNumber(edits, rule, RULE_AGE_MIN);
	int			age_max = RuleNumber(edits, rule, RULE_AGE_MAX);

	if (BreaksAge(context, age_min, age_max))
		Warn(edits, age_max == 0 ? "the code is for newborns, the patient is not of that age" :
			 psprintf("the code is for patients of %d to %d years (%s), the patient is not of that age",
					  age_min, age_max, name));
	else if (BreaksGender(context, name))
		Warn(edits, psprintf("the code is for %s patients", name));
	else if (context->principal && PrincipalFault(name) != NULL)
		Warn(edits, PrincipalFault(name));
	else if (strcmp(name, "seventh-character") == 0)
	{
		char	   *text = RuleText(edits, rule, RULE_TEXT);

		Warn(edits, text ? psprintf("7th character missing: %s", ShortNote(text)) :
			 "7th character missing");
	}
}

/* Checks the other codes against an excludes1 rule of the code or one above it. */
static void
CheckExcludes(Edits *edits, HeapTuple rule, const char *owner)
{
	char	   *from;
	char	   *to;
	ListCell   *lc;

	if (strcmp(RuleText(edits, rule, RULE_RULE), "excludes1") != 0)
		return;
	from = RuleText(edits, rule, RULE_OTHER_FROM);
	to = RuleText(edits, rule, RULE_OTHER_TO);
	foreach(lc, edits->context->other_codes)
	{
		const char *other = lfirst(lc);

		if (InRange(other, from, to))
		{
			char	   *note = RuleText(edits, rule, RULE_TEXT);

			Warn(edits, psprintf("the code excludes %s of the same visit (excludes1 note of %s%s%s)",
								 edits->partner ? edits->partner : other, owner, note ? ": " : "", note ? ShortNote(note) : ""));
		}
	}
}

/* Calls a function for the rules of a code and of all codes above it. */
static void
EachRuleUpwards(Edits *edits, const char *code, RuleFunction function)
{
	char		at[CODE_MAX_LEN + 1];

	strlcpy(at, code, sizeof(at));
	do
		EachRule(edits, at, function);
	while (codesystem_ascend(edits->cs, at));
}

/* Are any rules loaded?  An emptied table may look loaded until it is vacuumed. */
bool
edits_loaded(void)
{
	Relation	rules = table_open(medrec_relation("code_rule"), AccessShareLock);
	bool		loaded = RelationGetNumberOfBlocks(rules) > 0;

	table_close(rules, AccessShareLock);
	return loaded;
}

/* Calls a function for the rules that restrict suggestions. */
void
edits_each_restriction(void (*function) (const Restriction *, void *), void *arg)
{
	Edits		edits = {0};
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "medrec rules",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	SysScanDesc scan;
	HeapTuple	rule;

	edits.rules = table_open(medrec_relation("code_rule"), AccessShareLock);
	scan = systable_beginscan(edits.rules, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	/* freed only now, because the scan returns rows in it */
	old = MemoryContextSwitchTo(per_row);
	while (HeapTupleIsValid(rule = systable_getnext(scan)))
	{
		Restriction restriction;
		char	   *name;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(per_row);
		name = RuleText(&edits, rule, RULE_RULE);
		restriction.gender = strcmp(name, "female") == 0 || strcmp(name, "male") == 0 ? name : NULL;
		restriction.age_min = RuleNumber(&edits, rule, RULE_AGE_MIN);
		restriction.age_max = RuleNumber(&edits, rule, RULE_AGE_MAX);
		if (restriction.gender == NULL &&
			(restriction.age_min < 0 ||
			 !heap_attisnull(rule, RULE_TO, RelationGetDescr(edits.rules))))
			continue;
		restriction.cs = codesystem_lookup(cstring_to_text(RuleText(&edits, rule, RULE_SYSTEM)));
		restriction.code = RuleText(&edits, rule, RULE_CODE);
		if (restriction.cs != NULL)
			function(&restriction, arg);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	systable_endscan(scan);
	table_close(edits.rules, AccessShareLock);
}

/* Adds an issue for each rule that the code breaks. */
List *
edits_check(const CodeSystem *cs, const char *code, const EditContext *context, List *issues)
{
	Edits		edits;
	ListCell   *lc;

	edits.cs = cs;
	edits.code = code;
	edits.context = context;
	edits.partner = NULL;
	edits.issues = issues;
	edits.rules = table_open(medrec_relation("code_rule"), AccessShareLock);
	edits.index = medrec_relation("code_rule_code_idx");

	EachRule(&edits, code, CheckOwnRule);
	if (context->other_codes != NIL)
	{
		EditContext turned = *context;

		EachRuleUpwards(&edits, code, CheckExcludes);

		/*
		 * and the other way round: a pair is excluded whichever code has the
		 * note
		 */
		turned.other_codes = list_make1(unconstify(char *, code));
		edits.context = &turned;
		foreach(lc, context->other_codes)
		{
			CHECK_FOR_INTERRUPTS();
			edits.partner = lfirst(lc);
			EachRuleUpwards(&edits, edits.partner, CheckExcludes);
		}
	}
	table_close(edits.rules, AccessShareLock);
	return edits.issues;
}
