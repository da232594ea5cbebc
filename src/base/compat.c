/*
 * base/compat.c
 *		Differences between PostgreSQL versions that take more than a macro.
 */
#include "base/medrec.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/rel.h"

/*
 * The connection's struct, which is laid out the same with and without GSSAPI, so
 * that GSSAPI's headers are not needed to build.
 */
#undef ENABLE_GSS
#include "libpq/libpq-be.h"

/* The role that the connection logged in as; NULL if there is no connection. */
const char *
medrec_login_role(void)
{
	return MyProcPort ? MyProcPort->user_name : NULL;
}

/* The identity that authentication established; up to version 15 it is in the connection's Port. */
const char *
medrec_authenticated_identity(void)
{
#if PG_VERSION_NUM >= 160000
	return MyClientConnectionInfo.authn_id;
#else
	return MyProcPort ? MyProcPort->authn_id : NULL;
#endif
}

/* Makes a range table of one relation, of which one column is updated. */
void
medrec_init_range_table(EState *estate, Relation rel, int updated_column)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	Bitmapset  *updated = bms_make_singleton(updated_column - FirstLowInvalidHeapAttributeNumber);

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	{
		List	   *permissions = NIL;

		addRTEPermissionInfo(&permissions, rte)->updatedCols = updated;
#if PG_VERSION_NUM >= 180000
		ExecInitRangeTable(estate, list_make1(rte), permissions, bms_make_singleton(1));
#else
		ExecInitRangeTable(estate, list_make1(rte), permissions);
#endif
	}
#else
	rte->updatedCols = updated;
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

/* Makes the index entries of an updated row; indexes as table_tuple_update() said. */
void
medrec_insert_index_entries(ResultRelInfo *result, TupleTableSlot *slot,
							EState *estate, int indexes)
{
#if PG_VERSION_NUM >= 160000
	(void) ExecInsertIndexTuples(result, slot, estate, true, false, NULL, NIL,
								 indexes == TU_Summarizing);
#else
	(void) ExecInsertIndexTuples(result, slot, estate, true, false, NULL, NIL);
#endif
}

/* Makes a lexer, which the caller may put on the stack only since 17. */
JsonLexContext *
medrec_json_lexer(const char *text, int len, bool need_escapes)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, text, len, GetDatabaseEncoding(), need_escapes);
#else
	return makeJsonLexContextCstringLen(unconstify(char *, text), len, GetDatabaseEncoding(),
										need_escapes);
#endif
}

/* Frees it. */
void
medrec_json_lexer_free(JsonLexContext *lex)
{
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(lex);
#else
	if (lex->strval != NULL)
	{
		pfree(lex->strval->data);
		pfree(lex->strval);
	}
	pfree(lex);
#endif
}

/*
 * Reads a token with its text. Version 15 raises an error for an escape of a
 * character that the server's encoding does not have; only memory is held at
 * that point.
 */
bool
medrec_json_lex_text(JsonLexContext *lex)
{
#if PG_VERSION_NUM >= 160000
	return json_lex(lex) == JSON_SUCCESS;
#else
	volatile bool read = false;
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		read = json_lex(lex) == JSON_SUCCESS;
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (code != ERRCODE_UNTRANSLATABLE_CHARACTER && code != ERRCODE_FEATURE_NOT_SUPPORTED &&
			code != ERRCODE_UNDEFINED_FUNCTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return read;
#endif
}

/* Is a text JSON? Raises no error. */
bool
medrec_is_json(char *text, int len)
{
	return pg_parse_json(medrec_json_lexer(text, len, false), &nullSemAction) == JSON_SUCCESS;
}

/* Finds or creates a small piece of shared memory; NULL if there is no room. */
void *
medrec_shared_memory(const char *name, Size size, void (*init) (void *ptr))
{
#if PG_VERSION_NUM >= 170000
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found);
#else
	void	   *volatile ptr = NULL;
	MemoryContext context = CurrentMemoryContext;
	uint32		holdoff;

	/* without room it raises an error, having only taken the lock */
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	holdoff = InterruptHoldoffCount;
	PG_TRY();
	{
		bool		found;

		ptr = ShmemInitStruct(name, size, &found);
		if (!found)
			init(ptr);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		InterruptHoldoffCount = holdoff;	/* the error has reset it, but the
											 * lock is still held */
		ptr = NULL;
	}
	PG_END_TRY();
	LWLockRelease(AddinShmemInitLock);
	return ptr;
#endif
}
