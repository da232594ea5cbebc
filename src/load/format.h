/*
 * load/format.h
 *		File formats: how one is recognized, and its reader.
 */
#ifndef MEDREC_LOAD_FORMAT_H
#define MEDREC_LOAD_FORMAT_H

#include "load/input.h"

/* a file format */
typedef struct LoadFormat
{
	const char *name;			/* as given to load_release() and stored */
	const char *what;			/* for messages: "CMS order file" */
	const char *content;		/* as in code_release.content */
	const char *systems;		/* names of the systems it is for, between
								 * bars; NULL: any */
	bool		needs_line_end; /* a last line without line end is a cut file */
	bool		lists_leaves;	/* the file has no headers, and no mark for
								 * them */
	bool		(*detect) (const Load *load);
	void		(*read) (Load *load);
} LoadFormat;

/* the formats */
extern const LoadFormat load_format_cms_order;
extern const LoadFormat load_format_cms_codes;
extern const LoadFormat load_format_icd9_long;
extern const LoadFormat load_format_hcpcs;
extern const LoadFormat load_format_mce;
extern const LoadFormat load_format_nchs_tabular;
extern const LoadFormat load_format_nchs_index;
extern const LoadFormat load_format_nchs_drugs;
extern const LoadFormat load_format_nchs_neoplasms;
extern const LoadFormat load_format_nchs_external;
extern const LoadFormat load_format_cvx;
extern const LoadFormat load_format_fda_ndc;
extern const LoadFormat load_format_loinc;
extern const LoadFormat load_format_rxnorm;
extern const LoadFormat load_format_rf2;
extern const LoadFormat load_format_csv;

#endif							/* MEDREC_LOAD_FORMAT_H */
