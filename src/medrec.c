/*
 * medrec.c
 *		Module magic, GUCs and _PG_init - nothing else.
 */
#include "medrec.h"

#include "utils/guc.h"

PG_MODULE_MAGIC;

char	   *medrec_reason;

void		_PG_init(void);

/* Defines the GUCs when the library is loaded. */
void
_PG_init(void)
{
	/*
	 * medrec.reason: why the changes of this session or transaction are made.
	 * Anyone may set it; it is written into each audit event.
	 */
	DefineCustomStringVariable("medrec.reason",
							   "Why the changes that follow are made, as the audit trail is to show it.",
							   NULL,
							   &medrec_reason,
							   "",
							   PGC_USERSET,
							   0,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("medrec");
}
