/*
 * load/format_mce.c
 *		The lists of the Medicare Code Editor, as rules on the use of codes.
 */
#include "base/medrec.h"

#include "load/format.h"
#include "load/input.h"
#include "load/table.h"


enum
{
	MCE_VERSION, MCE_EDIT, MCE_TYPE, MCE_CODE, MCE_TEXT
};
static const TableColumn mce_columns[] = {
	[MCE_VERSION] = {"mce_version", true},
	[MCE_EDIT] = {"mce_edit_type", true},
	[MCE_TYPE] = {"icd_code_type", true},
	[MCE_CODE] = {"icd_code", true},
	[MCE_TEXT] = {"icd_desc", true},
};

/* Maternity was 12 to 55 years until version 36 and is 9 to 64 since. */
#define MATERNITY_CHANGED	37

/* The lists that become rules, with the ages that the Editor gives them. */
static const struct
{
	const char *list;
	const char *rule;
	int16		age_min;
	int16		age_max;
}			mce_rules[] =

{
	{"Newborn_Only", "newborn", 0, 0},
	{"Pediatric_Only", "pediatric", 0, 17},
	{"Maternity_Only", "maternity", 9, 64},
	{"Adult_Only", "adult", 15, 124},
	{"Female_Only", "female", -1, -1},
	{"Male_Only", "male", -1, -1},
	{"Principal_Manifestation", "manifestation", -1, -1},
	{"Principal_Unacceptable", "unacceptable-principal", -1, -1},
	{"Principal_Questionable_Admit", "questionable-admission", -1, -1},
};

/* The lists of what Medicare pays for, which do not concern records. */
static const char *const coverage_lists[] = {
	"Noncovered_Always", "Noncovered_Over60", "Noncovered_LOS_96hr", "Limited_Coverage",
	"Wrong_Performed",
};

/* Whether the file is one of these lists. */
static bool
DetectMce(const Load *load)
{
	return table_detect(load, '\t', false, mce_columns, lengthof(mce_columns));
}

/* A list's place in mce_rules, -1 if it is about coverage. */
static int
FindRule(const Load *load, Slice list)
{
	for (int i = 0; i < lengthof(mce_rules); i++)
		if (slice_is(list, mce_rules[i].list))
			return i;
	for (int i = 0; i < lengthof(coverage_lists); i++)
		if (slice_is(list, coverage_lists[i]))
			return -1;
	load_fail(load, load->line, "unknown edit");
}

/* The version of the Editor, 1 to 999. */
static int
EditorVersion(const Load *load, Slice s)
{
	int			version = 0;

	for (int i = 0; i < s.len; i++)
	{
		if (s.s[i] < '0' || s.s[i] > '9' || i > 2)
			load_fail(load, load->line, "MCE_Version is not a number up to 999");
		version = version * 10 + (s.s[i] - '0');
	}
	if (version == 0)
		load_fail(load, load->line, "MCE_Version is not a number up to 999");
	return version;
}

/* Reads the lists; of the two kinds of codes only the system's own. */
static void
ReadMce(Load *load)
{
	const char *type = strcmp(load->system->name, "ICD-10-PCS") == 0 ? "P" : "D";
	TableReader table;

	table_begin(&table, load, '\t', false, mce_columns, lengthof(mce_columns));
	if (table_record(&table))
		table_header(&table);
	while (table_next(&table))
	{
		int			version = EditorVersion(load, table_value(&table, MCE_VERSION));
		int			i = FindRule(load, table_value(&table, MCE_EDIT));
		Slice		code_type = table_value(&table, MCE_TYPE);
		char		code[CODE_MAX_LEN + 1];
		Slice		none = {NULL, 0};
		LoadedRule *rule;

		if (!slice_is(code_type, "D") && !slice_is(code_type, "P"))
			load_fail(load, load->line, "ICD_Code_Type is neither D nor P");
		load->editor_version = Max(load->editor_version, version);
		if (i < 0 || !slice_is(code_type, type))
			continue;
		load_check_code(load, table_value(&table, MCE_CODE), code);
		rule = load_add_rule(load, code, mce_rules[i].rule, none);
		rule->age_min = mce_rules[i].age_min;
		rule->age_max = mce_rules[i].age_max;
		if (strcmp(rule->rule, "maternity") == 0 && version < MATERNITY_CHANGED)
		{
			rule->age_min = 12;
			rule->age_max = 55;
		}
	}
}

const LoadFormat load_format_mce = {
	.name = "mce",
	.what = "Medicare Code Editor list",
	.content = "edits",
	.systems = "|ICD-10-CM|ICD-10-PCS|",
	.detect = DetectMce,
	.read = ReadMce,
};
