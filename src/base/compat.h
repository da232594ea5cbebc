/*
 * base/compat.h
 *		Every difference between the PostgreSQL versions that medrec builds on.
 */
#ifndef MEDREC_COMPAT_H
#define MEDREC_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "medrec needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 has pg_noreturn instead, which comes before the declaration */
#if PG_VERSION_NUM >= 180000 && !defined(pg_attribute_noreturn)
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/* ExecInsertIndexTuples() of a newly inserted row */
#if PG_VERSION_NUM >= 160000
#define InsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL, false)
#else
#define InsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL)
#endif

/* since 17 access methods may need a cleanup after inserting */
#if PG_VERSION_NUM >= 170000
#define medrec_index_insert_cleanup(index, info)	index_insert_cleanup(index, info)
#else
#define medrec_index_insert_cleanup(index, info)	((void) (index), (void) (info))
#endif

/* the backend's local transaction id moved within PGPROC in 17 */
#if PG_VERSION_NUM >= 170000
#define medrec_my_lxid()	(MyProc->vxid.lxid)
#else
#define medrec_my_lxid()	(MyProc->lxid)
#endif

/* ExecutorRun() is told whether it runs once up to 17 */
#if PG_VERSION_NUM >= 180000
#define MEDREC_RUN_PARAMS	QueryDesc *query, ScanDirection direction, uint64 count
#define MEDREC_RUN_ARGS		query, direction, count
#else
#define MEDREC_RUN_PARAMS	QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define MEDREC_RUN_ARGS		query, direction, count, once
#endif

/* EXPLAIN can turn rows into text and throw them away since 17 */
#if PG_VERSION_NUM >= 170000
#define medrec_serializes_for_explain(dest)	((dest) == DestExplainSerialize)
#else
#define medrec_serializes_for_explain(dest)	((void) (dest), false)
#endif

/* index_beginscan() takes instrumentation since 18 */
#if PG_VERSION_NUM >= 180000
#define medrec_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define medrec_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* RelationGetPrimaryKeyIndex() is asked since 18 whether a deferrable key will do */
#if PG_VERSION_NUM >= 180000
#define medrec_primary_key_index(rel)	RelationGetPrimaryKeyIndex(rel, true)
#else
#define medrec_primary_key_index(rel)	RelationGetPrimaryKeyIndex(rel)
#endif

/* tuplesort_getdatum() says whether to copy since 16; a number by value needs none */
#if PG_VERSION_NUM >= 160000
#define medrec_tuplesort_getdatum(sort, value, isnull) \
	tuplesort_getdatum(sort, true, false, value, isnull, NULL)
#else
#define medrec_tuplesort_getdatum(sort, value, isnull) \
	tuplesort_getdatum(sort, true, value, isnull, NULL)
#endif

/* BRIN's summaries are read without a snapshot since 17 */
#if PG_VERSION_NUM >= 170000
#define medrec_brin_revmap(index, pages, snapshot) \
	((void) (snapshot), brinRevmapInitialize(index, pages))
#define medrec_brin_tuple(revmap, block, buffer, offset, size, mode, snapshot) \
	((void) (snapshot), brinGetTupleForHeapBlock(revmap, block, buffer, offset, size, mode))
#else
#define medrec_brin_revmap(index, pages, snapshot) \
	brinRevmapInitialize(index, pages, snapshot)
#define medrec_brin_tuple(revmap, block, buffer, offset, size, mode, snapshot) \
	brinGetTupleForHeapBlock(revmap, block, buffer, offset, size, mode, snapshot)
#endif

/* 18 brings virtual generated columns */
#if PG_VERSION_NUM >= 180000
#define medrec_has_generated_columns(constr) \
	((constr)->has_generated_stored || (constr)->has_generated_virtual)
#else
#define medrec_has_generated_columns(constr)	((constr)->has_generated_stored)
#endif

/* what table_tuple_update() says of the indexes: a boolean until 16 */
#if PG_VERSION_NUM >= 160000
#define IndexesToUpdate		TU_UpdateIndexes
#else
#define IndexesToUpdate		bool
#endif

struct EState;
struct RelationData;
struct ResultRelInfo;
struct TupleTableSlot;

/* gives an updated row the index entries that it needs, if any */
#define medrec_needs_index_entries(indexes)	((indexes) != 0)
extern void medrec_insert_index_entries(struct ResultRelInfo *result, struct TupleTableSlot *slot,
										struct EState *estate, int indexes);

/*
 * Gives an executor state the one-relation range table that index insertion
 * looks the updated column up in.
 */
extern void medrec_init_range_table(struct EState *estate, struct RelationData *rel,
									int updated_column);

/* bytes in base64 are bytes since 18 */
#if PG_VERSION_NUM >= 180000
#define medrec_b64_encode(data, len, out, size)	pg_b64_encode(data, len, out, size)
#define medrec_b64_decode(text, len, out, size)	pg_b64_decode(text, len, out, size)
#else
#define medrec_b64_encode(data, len, out, size) \
	pg_b64_encode((const char *) (data), len, out, size)
#define medrec_b64_decode(text, len, out, size) \
	pg_b64_decode(text, len, (char *) (out), size)
#endif

struct JsonLexContext;

/* a lexer over a text, with or without the texts that strings stand for; to be freed */
extern struct JsonLexContext *medrec_json_lexer(const char *text, int len, bool need_escapes);
extern void medrec_json_lexer_free(struct JsonLexContext *lex);

/*
 * reads a token; false if it is invalid, or has a character that the server's
 * encoding does not have
 */
extern bool medrec_json_lex_text(struct JsonLexContext *lex);

/* whether a text is JSON, which no function of the server says without an error before 16 */
extern bool medrec_is_json(char *text, int len);

/* the role that the connection logged in as; NULL in a process without one */
extern const char *medrec_login_role(void);

/* the identity that authentication established, in the method's own terms; NULL for trust */
extern const char *medrec_authenticated_identity(void);

/*
 * A few bytes of the main shared memory without preloading: named DSM segments
 * since 17, before that from the spare room in every server's shared memory.
 */
extern void *medrec_shared_memory(const char *name, Size size, void (*init) (void *ptr));

#endif							/* MEDREC_COMPAT_H */
