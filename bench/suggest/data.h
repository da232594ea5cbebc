/*
 * data.h
 *		Reads the reference data for the evaluation and the tests.
 */
#ifndef SUGGEST_DATA_H
#define SUGGEST_DATA_H

#include <stdio.h>

#include "search/search.h"

/* The harness's numbers for the code systems. */
#define SYS_CM		0
#define SYS_PCS		1
#define SYS_ICD9	2
#define SYS_ICD9P	3
#define SYS_HCPCS	4
#define SYSTEMS		5

typedef struct DataCode
{
	int			system;
	char		code[16];		/* as shown, with its dot */
	char		key[16];		/* without */
	int			billable;
	int32_t		from;
	int32_t		to;
	char	   *title;
	char	   *brief;			/* official short title, NULL when there is
								 * none */
} DataCode;

typedef enum DataTermFrom
{
	FROM_INDEX,
	FROM_EXTERNAL,
	FROM_NEOPLASM,
	FROM_DRUG,
	FROM_INCLUSION,
	FROM_REFERENCE,				/* "see ..." of an index */
	FROM_SYNONYM				/* of no file here */
} DataTermFrom;

typedef struct DataTerm
{
	DataTermFrom from;
	char		key[16];		/* the code without dot and dash */
	char	   *text;			/* as loaded, with what may be left out in
								 * brackets */
	char	   *query;			/* as somebody would ask: without the brackets */
	int			target;			/* of a reference the term that it leads to,
								 * else -1 */
} DataTerm;

typedef struct Data
{
	DataCode   *codes;
	int			ncodes;
	DataTerm   *terms;
	int			nterms;
} Data;

extern const char *data_system_name(int system);
extern const CodeShape *data_system_shape(int system);
extern void data_load_order(Data *d, const char *dir, const char *file, int system);
extern void data_load_icd9(Data *d, const char *dir, const char *file, int system);
extern void data_load_hcpcs(Data *d, const char *dir);
extern void data_load_index(Data *d, const char *dir, const char *file, DataTermFrom from);
extern void data_load_tabular(Data *d, const char *dir);

#endif							/* SUGGEST_DATA_H */
