/*
 * load/format_csv.c
 *		Formats whose files are tables with a header: plain CSV, LOINC, CVX, FDA NDC.
 */
#include "base/medrec.h"

#include "load/format.h"
#include "load/input.h"
#include "load/table.h"


static const Slice no_slice = {NULL, 0};

/* A boolean as people write it; an empty one is "if_empty". */
static bool
BooleanValue(const Load *load, Slice s, const char *what, bool if_empty)
{
	static const char *const yes[] = {"1", "t", "true", "y", "yes"};
	static const char *const no[] = {"0", "f", "false", "n", "no"};

	if (s.len == 0)
		return if_empty;
	for (int i = 0; i < lengthof(yes); i++)
	{
		if (s.len == (int) strlen(yes[i]) && pg_strncasecmp(s.s, yes[i], s.len) == 0)
			return true;
		if (s.len == (int) strlen(no[i]) && pg_strncasecmp(s.s, no[i], s.len) == 0)
			return false;
	}
	load_fail(load, load->line, "%s is neither true nor false", what);
}

/* Adds each part of a list as a synonym of a code. */
static void
AddSynonyms(Load *load, const char *code, Slice list, char separator)
{
	const char *s = list.s;
	const char *end = list.s + list.len;

	while (s && s < end)
	{
		const char *stop = memchr(s, separator, end - s);
		Slice		part;

		if (!stop)
			stop = end;
		part.s = s;
		part.len = (int) (stop - s);
		part = slice_trim(part);
		if (part.len > 0)
			load_add_term(load, code, "synonym", part);
		s = stop + 1;
	}
}

/*
 * Plain CSV: comma, semicolon or tab, whichever makes the first line a header.
 */
enum
{
	CSV_CODE, CSV_DISPLAY, CSV_SHORT, CSV_BILLABLE, CSV_FROM, CSV_TO, CSV_SYNONYMS
};
static const TableColumn csv_columns[] = {
	[CSV_CODE] = {"code", true},
	[CSV_DISPLAY] = {"display|title|long_description|description|name", true},
	[CSV_SHORT] = {"short_display|short_title|short_description", false},
	[CSV_BILLABLE] = {"billable", false},
	[CSV_FROM] = {"active_from", false},
	[CSV_TO] = {"active_to", false},
	[CSV_SYNONYMS] = {"synonyms|synonym", false},
};

/* The delimiter with which the first line is a header; NUL if there is none. */
static char
CsvDelimiter(const Load *load)
{
	for (const char *d = ",;\t"; *d; d++)
		if (table_detect(load, *d, true, csv_columns, lengthof(csv_columns)))
			return *d;
	return '\0';
}

/* Whether the file is plain CSV. */
static bool
DetectCsv(const Load *load)
{
	return CsvDelimiter(load) != '\0';
}

/* Reads plain CSV. */
static void
ReadCsv(Load *load)
{
	char		delimiter = CsvDelimiter(load);
	TableReader table;

	table_begin(&table, load, delimiter ? delimiter : ',', true,
				csv_columns, lengthof(csv_columns));
	if (table_record(&table))
		table_header(&table);
	while (table_next(&table))
	{
		LoadedCode *c = load_add_code(load, table_value(&table, CSV_CODE),
									  table_value(&table, CSV_DISPLAY),
									  table_value(&table, CSV_SHORT));

		c->billable = BooleanValue(load, table_value(&table, CSV_BILLABLE), "billable", true);
		c->active_from = load_date(load, table_value(&table, CSV_FROM), "active_from",
								   DATEVAL_NOBEGIN);
		c->active_to = load_date(load, table_value(&table, CSV_TO), "active_to", DATEVAL_NOEND);
		if (c->active_to < c->active_from)
			load_fail(load, load->line, "active_to is before active_from");
		AddSynonyms(load, c->code, table_value(&table, CSV_SYNONYMS), '|');
	}
}

const LoadFormat load_format_csv = {
	.name = "csv",
	.what = "CSV file",
	.content = "codes",
	.needs_line_end = true,
	.detect = DetectCsv,
	.read = ReadCsv,
};

/*
 * LOINC table (Loinc.csv, LoincTableCore.csv).  A deprecated term was in use once,
 * but the file does not say until when: its last day is -infinity.
 */
enum
{
	LOINC_NUM, LOINC_LONG, LOINC_SHORT, LOINC_STATUS, LOINC_CONSUMER, LOINC_DISPLAY
};
static const TableColumn loinc_columns[] = {
	[LOINC_NUM] = {"loinc_num", true},
	[LOINC_LONG] = {"long_common_name", true},
	[LOINC_SHORT] = {"shortname", false},
	[LOINC_STATUS] = {"status", true},
	[LOINC_CONSUMER] = {"consumer_name", false},
	[LOINC_DISPLAY] = {"displayname", false},
};

/* Whether the file is the LOINC table. */
static bool
DetectLoinc(const Load *load)
{
	return table_detect(load, ',', true, loinc_columns, lengthof(loinc_columns));
}

/* Reads the LOINC table. */
static void
ReadLoinc(Load *load)
{
	TableReader table;

	table_begin(&table, load, ',', true, loinc_columns, lengthof(loinc_columns));
	if (table_record(&table))
		table_header(&table);
	while (table_next(&table))
	{
		Slice		status = table_value(&table, LOINC_STATUS);
		LoadedCode *c = load_add_code(load, table_value(&table, LOINC_NUM),
									  table_value(&table, LOINC_LONG),
									  table_value(&table, LOINC_SHORT));

		if (slice_is(status, "DEPRECATED"))
			c->active_to = DATEVAL_NOBEGIN;
		else if (!slice_is(status, "ACTIVE") && !slice_is(status, "TRIAL") &&
				 !slice_is(status, "DISCOURAGED"))
			load_fail(load, load->line, "unknown status");
		for (int column = LOINC_CONSUMER; column <= LOINC_DISPLAY; column++)
		{
			Slice		name = table_value(&table, column);

			if (name.len > 0)
				load_add_term(load, c->code, "synonym", name);
		}
	}
}

const LoadFormat load_format_loinc = {
	.name = "loinc",
	.what = "LOINC table",
	.content = "codes",
	.systems = "|LOINC|",
	.needs_line_end = true,
	.detect = DetectLoinc,
	.read = ReadLoinc,
};

/*
 * CVX: the CDC's own file (bars, no header), or a tab-separated table.  An
 * inactive vaccine is no longer given, but its code remains right for doses
 * that were; so all codes stay in use.
 */
enum
{
	CVX_CODE, CVX_NAME, CVX_SYNONYM
};
static const TableColumn cvx_columns[] = {
	[CVX_CODE] = {"identifier", true},
	[CVX_NAME] = {"name", true},
	[CVX_SYNONYM] = {"synonyms", true},
};
enum
{
	CDC_CODE, CDC_SHORT, CDC_FULL, CDC_NOTES, CDC_STATUS, CDC_ID, CDC_NONVACCINE, CDC_DATE
};
static const TableColumn cdc_columns[] = {
	[CDC_CODE] = {"code", true},
	[CDC_SHORT] = {"short description", true},
	[CDC_FULL] = {"full name", true},
	[CDC_NOTES] = {"notes", true},
	[CDC_STATUS] = {"status", true},
	[CDC_ID] = {"id", true},
	[CDC_NONVACCINE] = {"nonvaccine", true},
	[CDC_DATE] = {"date", true},
};

/* Whether the file begins as the CDC's does: eight fields, the first one a number. */
static bool
IsCdcFile(const Load *load)
{
	Slice		line = load_peek_line(load);
	int			bars = 0;

	for (int i = 0; i < line.len; i++)
		bars += line.s[i] == '|';
	return line.len > 0 && bars == lengthof(cdc_columns) - 1 &&
		line.s[0] >= '0' && line.s[0] <= '9';
}

/* Whether the file is a CVX file. */
static bool
DetectCvx(const Load *load)
{
	return IsCdcFile(load) || table_detect(load, '\t', false, cvx_columns, lengthof(cvx_columns));
}

/* Reads a CVX file. */
static void
ReadCvx(Load *load)
{
	TableReader table;

	if (IsCdcFile(load))
	{
		table_begin(&table, load, '|', false, cdc_columns, lengthof(cdc_columns));
		table_no_header(&table, lengthof(cdc_columns));
		while (table_next(&table))
			load_add_code(load, table_value(&table, CDC_CODE), table_value(&table, CDC_FULL),
						  table_value(&table, CDC_SHORT));
		return;
	}
	table_begin(&table, load, '\t', false, cvx_columns, lengthof(cvx_columns));
	if (table_record(&table))
		table_header(&table);
	while (table_next(&table))
		load_add_code(load, table_value(&table, CVX_CODE), table_value(&table, CVX_NAME),
					  table_value(&table, CVX_SYNONYM));
}

const LoadFormat load_format_cvx = {
	.name = "cvx",
	.what = "CVX file",
	.content = "codes",
	.systems = "|CVX|",
	.needs_line_end = true,
	.detect = DetectCvx,
	.read = ReadCvx,
};

/*
 * FDA NDC directory: the package file has the codes, the product file the names.
 * Both in one content, one after the other, give full titles; the package file
 * alone is loaded with its own descriptions.
 */
enum
{
	PRODUCT_ID, PRODUCT_NAME, PRODUCT_SUFFIX, PRODUCT_GENERIC, PRODUCT_FORM
};
static const TableColumn product_columns[] = {
	[PRODUCT_ID] = {"productid", true},
	[PRODUCT_NAME] = {"proprietaryname", true},
	[PRODUCT_SUFFIX] = {"proprietarynamesuffix", false},
	[PRODUCT_GENERIC] = {"nonproprietaryname", true},
	[PRODUCT_FORM] = {"dosageformname", true},
};
enum
{
	PACKAGE_ID, PACKAGE_CODE, PACKAGE_TEXT, PACKAGE_FROM, PACKAGE_TO
};
static const TableColumn package_columns[] = {
	[PACKAGE_ID] = {"productid", true},
	[PACKAGE_CODE] = {"ndcpackagecode", true},
	[PACKAGE_TEXT] = {"packagedescription", true},
	[PACKAGE_FROM] = {"startmarketingdate", true},
	[PACKAGE_TO] = {"endmarketingdate", true},
};

typedef struct NdcProduct
{
	Slice		id;
	Slice		name;			/* with suffix */
	Slice		generic;
	Slice		form;
} NdcProduct;

/* Whether the file is one of the FDA's, or both. */
static bool
DetectNdc(const Load *load)
{
	return table_detect(load, '\t', false, product_columns, lengthof(product_columns)) ||
		table_detect(load, '\t', false, package_columns, lengthof(package_columns));
}

/* Order of products: by id. */
static int
CompareProducts(const void *a, const void *b)
{
	Slice		x = ((const NdcProduct *) a)->id;
	Slice		y = ((const NdcProduct *) b)->id;
	int			order = memcmp(x.s, y.s, Min(x.len, y.len));

	return order ? order : x.len - y.len;
}

/* Gives the packages the names of their products. */
static void
NamePackages(Load *load, LoadArray *products, LoadArray *ids)
{
	if (products->n > 0)
		qsort(products->items, products->n, sizeof(NdcProduct), CompareProducts);
	for (size_t i = 0; i < load->codes.n; i++)
	{
		LoadedCode *c = load_item(load->codes, LoadedCode, i);
		NdcProduct	wanted = {*load_item(*ids, Slice, i), no_slice, no_slice, no_slice};
		NdcProduct *p = products->n == 0 ? NULL :
			bsearch(&wanted, products->items, products->n, sizeof(NdcProduct), CompareProducts);

		if (!p)
		{
			if (products->n > 0)
				load_fail(load, c->line, "the product of this package is not in the file");
			continue;
		}
		c->display = load_join(load, "%.*s%s%.*s%s, %.*s: %.*s",
							   p->name.len, p->name.s, p->generic.len ? " (" : "",
							   p->generic.len, p->generic.s, p->generic.len ? ")" : "",
							   p->form.len, p->form.s, c->display.len, c->display.s);
		c->short_display = p->name;
		if (p->generic.len > 0)
			load_add_term(load, c->code, "synonym", p->generic);
	}
}

/* Reads the product file, the package file, or both. */
static void
ReadNdc(Load *load)
{
	LoadArray	products = {NULL, 0, 0};
	LoadArray	ids = {NULL, 0, 0}; /* of the packages' products */
	TableReader product;
	TableReader package;
	TableReader *table = NULL;

	table_begin(&product, load, '\t', false, product_columns, lengthof(product_columns));
	table_begin(&package, load, '\t', false, package_columns, lengthof(package_columns));
	while (table_record(&product))
	{
		/* a header tells which file begins here */
		bool		is_product = table_is_header(&product);

		if (product.nfields == 1 && slice_trim(product.fields[0]).len == 0)
			continue;
		package.fields = product.fields;
		package.nfields = product.nfields;
		if (is_product || table_is_header(&package))
		{
			table = is_product ? &product : &package;
			table_header(table);
			continue;
		}
		if (!table)
			load_fail(load, load->line, "no header of the product or package file");
		if (table->nfields != table->width)
			load_fail(load, load->line, "%d fields, expected %d", table->nfields, table->width);
		if (table == &product)
		{
			NdcProduct *p = load_push(load, &products, sizeof(NdcProduct));
			Slice		suffix = table_value(table, PRODUCT_SUFFIX);

			p->id = table_value(table, PRODUCT_ID);
			p->name = table_value(table, PRODUCT_NAME);
			p->generic = table_value(table, PRODUCT_GENERIC);
			p->form = table_value(table, PRODUCT_FORM);
			if (p->name.len == 0)
				p->name = p->generic;
			if (p->name.len == 0)
				load_fail(load, load->line, "the product has no name");
			if (suffix.len > 0)
				p->name = load_join(load, "%.*s %.*s", p->name.len, p->name.s, suffix.len, suffix.s);
		}
		else
		{
			LoadedCode *c = load_add_code(load, table_value(table, PACKAGE_CODE),
										  table_value(table, PACKAGE_TEXT), no_slice);
			Slice	   *id = load_push(load, &ids, sizeof(Slice));

			*id = table_value(table, PACKAGE_ID);
			c->active_from = load_date(load, table_value(table, PACKAGE_FROM),
									   "STARTMARKETINGDATE", DATEVAL_NOBEGIN);
			c->active_to = load_date(load, table_value(table, PACKAGE_TO),
									 "ENDMARKETINGDATE", DATEVAL_NOEND);
		}
	}
	if (load->codes.n == 0)
		load_fail(load, 0, "it has no packages; the codes are in the package file, load it together with the product file");
	NamePackages(load, &products, &ids);
}

const LoadFormat load_format_fda_ndc = {
	.name = "fda-ndc",
	.what = "FDA NDC file",
	.content = "codes",
	.systems = "|NDC|",
	.needs_line_end = true,
	.detect = DetectNdc,
	.read = ReadNdc,
};
