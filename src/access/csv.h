/*
 * access/csv.h
 *		Lists as CSV, without cells that a spreadsheet would take for formulas.
 */
#ifndef MEDREC_CSV_H
#define MEDREC_CSV_H

/* takes the hook, for the session that loads the library */
extern void csv_init(void);

#endif							/* MEDREC_CSV_H */
