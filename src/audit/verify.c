/*
 * audit/verify.c
 *		medrec.verify_audit(): recomputes the audit trail and lists what is wrong.
 *
 * The seals come first: their numbers, ranges, sums, and the tree over them.
 * Then each event's leaf is computed again from all its fields, whichever
 * partition it is in, and the events are sorted by (era, transaction, number);
 * only the leaves are sorted, within work_mem. The root of each range is
 * compared with its seal. Last come the indexes, which must find every event.
 */
#include "base/medrec.h"

#include "access/timeline.h"
#include "access/transam.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/varlena.h"

#include "audit/access_verify.h"
#include "audit/archive.h"
#include "audit/canon.h"
#include "audit/era.h"
#include "audit/event.h"
#include "audit/indexes.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "audit/verify.h"
#include "base/array.h"
#include "base/relations.h"
#include "base/settings.h"
#include "hash/base64.h"

/* the order of events as one number: era, then transaction id */
#define XID_BITS		48
#define XID_LIMIT		(INT64CONST(1) << XID_BITS)
#define ERA_LIMIT		(1 << 15)
#define EVENT_KEY(era, xid)	((int64) (era) << XID_BITS | (int64) (xid))

/* how far the clocks of a primary and a standby may differ */
#define CLOCK_SKEW		"'5 minutes'::pg_catalog.interval"

/* findings name transactions and seals by number, or leave them out */
#define NONE			INT64CONST(-1)

/* what is needed of a seal when its events are read */
typedef struct Range
{
	int64		seal;
	int64		first;			/* EVENT_KEY */
	int64		end;
	int64		events;
	int64		archived;		/* its events that are no longer in any table */
	uint8		root[SHA256_LENGTH];
} Range;

typedef struct Verifier
{
	ReturnSetInfo *rsinfo;
	int64		first_seal;		/* events of these seals only */
	int64		last_seal;
	int32		present_era;
	int64		next_xid;

	/* the seals */
	int64		count;			/* last number seen */
	AuditSeal	last;
	MerkleTree	log;
	bool		log_known;		/* false after missing seals */
	int64		checkpoint_size;
	uint8		checkpoint_root[SHA256_LENGTH];
	bool		checkpoint_met;
	CheckpointTrail trail;		/* the timelines in the checkpoint */
	bool		forked;			/* this trail left that way */
	bool		lost;			/* and lacks events that the checkpoint covers */
	CheckpointFork fork;
	AuditEra	fork_era;		/* the era after the fork */
	AuditSeal	common;			/* the last seal before the fork */
	int64		survived;		/* events before the fork that the checkpoint
								 * covers, in later seals or none */
	int64		nranges;
	int64		ranges_size;
	Range	   *ranges;
	MemoryContext context;

	/* the eras, as of before the events were read */
	int			neras;
	AuditEra   *eras;
	bool	   *told;			/* an event describes it as it is recorded */
	List	   *untold;			/* what other events tell */

	/* the events */
	Tuplesortstate *sort;
	TupleTableSlot *sort_slot;
	int64		at;				/* place in ranges */
	MerkleTree	stored;
	MerkleTree	computed;
	bool		differ;			/* stored and computed leaves do */
	int64		found;
} Verifier;

/* an event among the sorted leaves */
typedef struct SortedEvent
{
	int64		key;			/* era and xid */
	int32		n;
	int32		era;
	int64		xid;
	const uint8 *leaf;			/* as it is stored */
	const uint8 *computed;		/* computed from the content, NULL if it is
								 * the same */
} SortedEvent;

static void Report(Verifier *v, const char *kind, int64 seal, int64 era, int64 xid,
				   int64 n, const char *detail);
static void CheckNumbers(Verifier *v, const AuditSeal *seal, StringInfo wrong);
static bool IsPossible(const Verifier *v, const AuditSeal *seal);
static bool ReadOwnTree(const AuditSeal *seal, MerkleTree *own);
static void CheckHeads(Verifier *v, const AuditSeal *seal, StringInfo wrong);
static void AddRange(Verifier *v, const AuditSeal *seal);
static void CheckSeal(const AuditSeal *seal, void *arg);
static void ReadCheckpoint(Verifier *v, const char *text);
static void FindFork(Verifier *v);
static void CheckHead(Verifier *v, const AuditSeal *seal);
static void TakeSurvived(TupleTableSlot *slot, void *arg);
static void ReportLost(Verifier *v);
static void CheckSize(Verifier *v);
static void CheckEras(Verifier *v);
static bool CheckTimelines(Verifier *v);
static bool TextIs(AuditText text, const char *value);
static void TakePromoted(Verifier *v, const AuditEvent *event);
static void TakeArchived(TupleTableSlot *slot, void *arg);
static void CheckEvent(TupleTableSlot *slot, void *arg);
static void SortLeaf(Verifier *v, int64 key, int32 n, const uint8 *stored, const uint8 *computed);
static void ScanEvents(Verifier *v, Oid archive);
static void AddArchived(int64 seal, int64 count, const ArchivedLeaf *leaf, void *arg);
static void FinishRange(Verifier *v);
static void ReadSorted(TupleTableSlot *slot, SortedEvent *event);
static void AddToRange(Verifier *v, const SortedEvent *event);
static void CheckUncovered(Verifier *v, const SortedEvent *event, int64 from);
static void CheckOrder(Verifier *v);
static void CheckGuards(Verifier *v);
static void CheckTrail(Verifier *v);
static void ReceiveLost(TupleTableSlot *slot, void *arg);
static void ReceiveUnsealed(TupleTableSlot *slot, void *arg);
static void CheckSealed(Verifier *v, const AuditSeal *last);
static void ReceiveLack(int32 era, int64 xid, int32 n, const char *detail, void *arg);
static void ReceiveGuard(TupleTableSlot *slot, void *arg);
static void ReceiveAccess(int64 seal, const char *detail, void *arg);

PG_FUNCTION_INFO_V1(medrec_verify_audit);

/* Adds a finding to the result. */
static void
Report(Verifier *v, const char *kind, int64 seal, int64 era, int64 xid, int64 n,
	   const char *detail)
{
	Datum		values[6];
	bool		nulls[6] = {false, seal == NONE, era == NONE, xid == NONE, n == NONE, false};

	values[0] = CStringGetTextDatum(kind);
	values[1] = Int64GetDatum(seal);
	values[2] = Int32GetDatum((int32) era);
	values[3] = Int64GetDatum(xid);
	values[4] = Int32GetDatum((int32) n);
	values[5] = CStringGetTextDatum(detail);
	tuplestore_putvalues(v->rsinfo->setResult, v->rsinfo->setDesc, values, nulls);
}

/* Compares a seal's numbers with those of the seals before it; returns what is wrong. */
static void
CheckNumbers(Verifier *v, const AuditSeal *seal, StringInfo wrong)
{
	const AuditSeal *last = &v->last;
	int64		first_xid = last->seal > 0 && last->era == seal->era ? last->end_xid : 0;

	if (seal->seal != v->count + 1)
	{
		Report(v, "seal_missing", v->count + 1, NONE, NONE, NONE,
			   psprintf("seals " INT64_FORMAT " to " INT64_FORMAT " are missing",
						v->count + 1, seal->seal - 1));
		v->log_known = false;
	}
	else if (last->seal > 0)
	{
		if (seal->first_xid != first_xid)
			appendStringInfoString(wrong, " range");
		if (seal->total != last->total + seal->events)
			appendStringInfoString(wrong, " total");
	}
	else if (seal->first_xid != 0 || seal->total != seal->events)
		appendStringInfoString(wrong, " range or total");
}

/* Whether a seal's era, range and count are plausible. */
static bool
IsPossible(const Verifier *v, const AuditSeal *seal)
{
	if (seal->first_xid < 0 || seal->end_xid <= seal->first_xid || seal->end_xid > XID_LIMIT)
		return false;
	if (seal->era < 1 || seal->era >= ERA_LIMIT)
		return false;
	return seal->era >= v->last.era && seal->era <= v->present_era && seal->events >= 1;
}

/* Reads the tree of the log that a seal records; false if its head is not the root of that tree. */
static bool
ReadOwnTree(const AuditSeal *seal, MerkleTree *own)
{
	uint8		hash[SHA256_LENGTH];

	if (!merkle_restore(own, seal->seal, seal->frontier, seal->frontier_len))
		return false;
	merkle_root(own, hash);
	return memcmp(hash, seal->head, SHA256_LENGTH) == 0;
}

/* Adds a seal to the log's tree, and compares the heads before and after it. */
static void
CheckHeads(Verifier *v, const AuditSeal *seal, StringInfo wrong)
{
	uint8		hash[SHA256_LENGTH];

	if (!v->log_known)
		return;
	merkle_root(&v->log, hash);
	if (memcmp(hash, seal->previous_head, SHA256_LENGTH) != 0)
		appendStringInfoString(wrong, " previous head");
	audit_seal_leaf(seal, hash);
	merkle_add(&v->log, hash);
	merkle_root(&v->log, hash);
	if (memcmp(hash, seal->head, SHA256_LENGTH) != 0)
		appendStringInfoString(wrong, " head");
}

/* Keeps the range of a seal, whose events are to be checked. */
static void
AddRange(Verifier *v, const AuditSeal *seal)
{
	int64		era = seal->era & (ERA_LIMIT - 1);
	Range	   *range;

	array_room(v->context, v->ranges, v->nranges, v->ranges_size);
	range = &v->ranges[v->nranges++];
	range->seal = seal->seal;
	range->first = EVENT_KEY(era, Min(Max(seal->first_xid, 0), XID_LIMIT - 1));
	range->end = EVENT_KEY(era, Min(Max(seal->end_xid, 0), XID_LIMIT - 1));
	/* a manipulated seal must not make the search run backwards */
	if (v->nranges > 1 && range->first < range[-1].end)
		range->first = range[-1].end;
	range->end = Max(range->end, range->first);
	range->events = seal->events;
	range->archived = 0;
	memcpy(range->root, seal->root, SHA256_LENGTH);
}

/*
 * Checks a seal against those before it. A fault is reported only where it is:
 * the seals after it are compared with its own data, if these are consistent.
 */
static void
CheckSeal(const AuditSeal *seal, void *arg)
{
	Verifier   *v = arg;
	StringInfoData wrong;
	MerkleTree	own;
	bool		own_sound;

	initStringInfo(&wrong);
	CheckNumbers(v, seal, &wrong);
	if (!IsPossible(v, seal))
		appendStringInfoString(&wrong, " era, range or events");
	if (!seal->well_formed)
		appendStringInfoString(&wrong, " length of hashes");
	own_sound = ReadOwnTree(seal, &own);
	if (!own_sound)
		appendStringInfoString(&wrong, " frontier");
	CheckHeads(v, seal, &wrong);
	if (wrong.len > 0)
		Report(v, "seal_altered", seal->seal, seal->era, NONE, NONE,
			   psprintf("does not agree with the seals before it:%s", wrong.data));
	if ((wrong.len > 0 || !v->log_known) && own_sound)
	{
		v->log = own;
		v->log_known = true;
	}

	CheckHead(v, seal);
	if (seal->seal >= v->first_seal && seal->seal <= v->last_seal)
		AddRange(v, seal);
	v->count = seal->seal;
	v->last = *seal;
	v->last.sealed_by = NULL;
}

/* Compares the log as of a seal with the checkpoint. */
static void
CheckHead(Verifier *v, const AuditSeal *seal)
{
	const uint8 *wanted = NULL;
	uint8		hash[SHA256_LENGTH];
	int			i;

	if (v->forked && seal->seal <= v->fork.seals)
	{
		v->common = *seal;
		v->common.sealed_by = NULL;
		for (i = 0; i < v->trail.nheads; i++)
			if (v->trail.heads[i].seals == seal->seal)
				wanted = v->trail.heads[i].head;
	}
	if (seal->seal == v->checkpoint_size)
	{
		v->checkpoint_met = true;
		wanted = v->checkpoint_root;
	}
	if (wanted == NULL)
		return;
	merkle_root(&v->log, hash);
	if (memcmp(hash, wanted, SHA256_LENGTH) == 0 &&
		memcmp(seal->head, wanted, SHA256_LENGTH) == 0)
		return;
	if (v->forked && seal->seal > v->fork.seals)
		v->lost = true;
	else
		Report(v, "checkpoint_differs", seal->seal, seal->era, NONE, NONE,
			   "the checkpoint was taken of another trail");
}

/* Reads size and root from a checkpoint in the form of C2SP's tlog-checkpoint. */
static void
ReadCheckpoint(Verifier *v, const char *text)
{
	const char *size = strchr(text, '\n');
	const char *root = size ? strchr(size + 1, '\n') : NULL;
	int			len = root ? strcspn(root + 1, "\r\n") : 0;
	char	   *end = NULL;

	if (root && base64_decode(root + 1, len, v->checkpoint_root, SHA256_LENGTH) == SHA256_LENGTH)
	{
		errno = 0;
		v->checkpoint_size = strtoi64(size + 1, &end, 10);
	}
	if (end == NULL || errno != 0 || end == size + 1 || (*end != '\n' && *end != '\r') ||
		v->checkpoint_size < 0 || checkpoint_read_trail(text, &v->trail) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid checkpoint"),
				 errhint("A checkpoint has lines with origin, number of seals and head in base64, as medrec.audit_checkpoint() returns them.")));
}

/* Looks where this trail left the timelines in the checkpoint, if it did. */
static void
FindFork(Verifier *v)
{
	CheckpointTimeline *timelines;
	int			at = 0;
	int			first;
	int			ntimelines;

	if (v->trail.ntimelines == 0)
		return;
	while (at < v->neras && strcmp(audit_era_cluster(&v->eras[at]), v->trail.cluster) != 0)
		at++;
	if (at == v->neras)
		return;
	timelines = audit_era_timelines(v->eras, v->neras, at, &first, &ntimelines);
	v->forked = checkpoint_fork(&v->trail, timelines, ntimelines, &v->fork);
	if (v->forked)
		v->fork_era = v->eras[first + v->fork.next];
}

/* Reads the number of events that survived a promotion without a seal. */
static void
TakeSurvived(TupleTableSlot *slot, void *arg)
{
	((Verifier *) arg)->survived = DatumGetInt64(slot->tts_values[0]);
}

/* Reports the events that the checkpoint covers and a promotion lost. */
static void
ReportLost(Verifier *v)
{
	const CheckpointTrail *trail = &v->trail;
	int64		lost;

	/*
	 * events before the fork that were not sealed there and that the
	 * checkpoint covers
	 */
	audit_scan(psprintf("SELECT count(*) FROM %s WHERE era >= %d AND era < %d"
						" AND (era > %d OR xid >= '" INT64_FORMAT "'::bigint)"
						" AND (era < %d OR era = %d AND xid < '" INT64_FORMAT "'::bigint)",
						audit_trail(), v->common.era, v->fork_era.era, v->common.era, v->common.end_xid,
						trail->era, trail->era, (int64) trail->end_xid),
			   TakeSurvived, v);
	lost = trail->events - v->common.total - v->survived;
	Report(v, "events_lost_at_promotion", v->common.seal + 1, v->fork_era.era, NONE, NONE,
		   psprintf("%s" INT64_FORMAT " events that the checkpoint covers were not on the server"
					" that switched from timeline %u to timeline %u at %X/%X with " INT64_FORMAT
					" seals; the checkpoint has " INT64_FORMAT,
					v->fork.exact ? "" : "at most ", Max(lost, 0), v->fork.from,
					v->fork_era.timeline, LSN_FORMAT_ARGS(v->fork.at), v->common.seal,
					v->checkpoint_size));
}

/* Compares the number of seals with that of the checkpoint, when all have been read. */
static void
CheckSize(Verifier *v)
{
	int64		wanted = v->checkpoint_size;

	if (v->forked && wanted > v->fork.seals)
	{
		wanted = v->fork.seals;
		v->lost = v->lost || v->checkpoint_size > v->count;
	}
	if (v->lost)
		ReportLost(v);
	if (wanted > v->count || (wanted > 0 && !v->checkpoint_met && !v->lost))
		Report(v, "seals_cut_off", v->count, NONE, NONE, NONE,
			   psprintf("the checkpoint covers " INT64_FORMAT " seals, there are " INT64_FORMAT,
						v->checkpoint_size, v->count));
}

/* All events that are in the database, archived months included, for a FROM. */
char *
audit_trail(void)
{
	Oid			archived = audit_archived();
	char	   *present = psprintf("SELECT %s FROM medrec." AUDIT_TABLE,
								   audit_event_columns(medrec_relation(AUDIT_TABLE)));

	if (!OidIsValid(archived))
		return psprintf("(%s) AS trail", present);
	return psprintf("(%s UNION ALL SELECT %s FROM medrec." AUDIT_ARCHIVED_TABLE ") AS trail",
					present, audit_event_columns(archived));
}

/* Whether a text is a string. */
static bool
TextIs(AuditText text, const char *value)
{
	return text && VARSIZE_ANY_EXHDR(text) == strlen(value) &&
		memcmp(VARDATA_ANY(text), value, strlen(value)) == 0;
}

/* Records which era the event of a promotion describes. */
static void
TakePromoted(Verifier *v, const AuditEvent *event)
{
	MemoryContext old;
	int			i;

	for (i = 1; i < v->neras; i++)
		if (v->eras[i].recorded &&
			TextIs(event->text[AUDIT_NEW_VALUES], audit_era_json(&v->eras[i], &v->eras[i - 1])))
		{
			v->told[i] = true;
			return;
		}
	old = MemoryContextSwitchTo(v->context);
	v->untold = lappend(v->untold, event->text[AUDIT_NEW_VALUES] ?
						text_to_cstring(event->text[AUDIT_NEW_VALUES]) : "");
	MemoryContextSwitchTo(old);
}

/* Computes an event's leaf again, and adds it to the sort. */
static void
CheckEvent(TupleTableSlot *slot, void *arg)
{
	Verifier   *v = arg;
	AuditEvent	event;
	Sha256		shared;
	uint8		computed[SHA256_LENGTH];
	bool		fits = audit_event_of_slot(slot, &event);

	audit_hash_texts(&event, &shared);
	audit_hash_times(&event, &shared);
	audit_hash_leaf(&event, &shared, computed);
	if (event.era == 0)
	{
		/*
		 * 0.1 wrote such events after an error on audit_era; no seal covers
		 * them
		 */
		Report(v, "event_without_era", NONE, 0, event.xid, event.n,
			   fits && memcmp(computed, event.leaf, SHA256_LENGTH) == 0 ?
			   "content and leaf agree, but no seal covers it" :
			   "content and leaf do not agree, and no seal covers it");
		return;
	}
	if (event.era < 1 || event.era > v->present_era || event.era >= ERA_LIMIT ||
		event.xid < 0 || event.xid >= XID_LIMIT || event.n < 1)
	{
		Report(v, "event_impossible", NONE, event.era, event.xid, event.n,
			   "there is no such era, transaction or number");
		return;
	}
	if (TextIs(event.text[AUDIT_ACTION], AUDIT_PROMOTED) &&
		TextIs(event.text[AUDIT_TABLE_NAME], AUDIT_ERA_TABLE))
		TakePromoted(v, &event);
	SortLeaf(v, EVENT_KEY(event.era, event.xid), event.n, event.leaf,
			 fits && memcmp(computed, event.leaf, SHA256_LENGTH) == 0 ? NULL : computed);
}

/* Adds a leaf to the sort; computed: the computed leaf, if it differs from the stored one. */
static void
SortLeaf(Verifier *v, int64 key, int32 n, const uint8 *stored, const uint8 *computed)
{
	TupleTableSlot *slot = v->sort_slot;
	struct
	{
		int32		header;
		uint8		data[SHA256_LENGTH];
	}			leaves[2];

	ExecClearTuple(slot);
	SET_VARSIZE(&leaves[0], sizeof(leaves[0]));
	memcpy(leaves[0].data, stored, SHA256_LENGTH);
	slot->tts_values[0] = Int64GetDatum(key);
	slot->tts_values[1] = Int32GetDatum(n);
	slot->tts_values[2] = PointerGetDatum(&leaves[0]);
	slot->tts_isnull[0] = slot->tts_isnull[1] = slot->tts_isnull[2] = false;
	slot->tts_isnull[3] = computed == NULL;
	if (computed)
	{
		SET_VARSIZE(&leaves[1], sizeof(leaves[1]));
		memcpy(leaves[1].data, computed, SHA256_LENGTH);
		slot->tts_values[3] = PointerGetDatum(&leaves[1]);
	}
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(v->sort, slot);
	ExecClearTuple(slot);
}

/* Reads the events of the ranges, or all of them, in physical order. */
static void
ScanEvents(Verifier *v, Oid archive)
{
	StringInfoData sql;
	char	   *condition = "";

	/* some seals of one era: the index finds them */
	if ((v->first_seal > 1 || v->last_seal < v->count) && v->nranges > 0)
	{
		int64		first = v->ranges[0].first;
		int64		end = v->ranges[v->nranges - 1].end;

		if (first >> XID_BITS == end >> XID_BITS)
			condition = psprintf(" WHERE era = %d AND xid >= '" INT64_FORMAT "'::bigint"
								 " AND xid < '" INT64_FORMAT "'::bigint",
								 (int) (first >> XID_BITS), first & (XID_LIMIT - 1),
								 end & (XID_LIMIT - 1));
	}
	else if (v->first_seal > v->count && v->count > 0)
		return;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT * FROM %s%s", audit_trail(), condition);
	if (OidIsValid(archive) && !audit_is_attached(archive))
		appendStringInfo(&sql, " UNION ALL SELECT %s FROM %s%s", audit_event_columns(archive),
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(archive)),
													get_rel_name(archive)),
						 condition);
	audit_scan(sql.data, CheckEvent, v);
}

/* Adds what an archived month has of a seal. */
static void
AddArchived(int64 seal, int64 count, const ArchivedLeaf *leaf, void *arg)
{
	Verifier   *v = arg;
	int64		low = 0;
	int64		high = v->nranges;

	if (leaf)
	{
		SortLeaf(v, EVENT_KEY(leaf->era & (ERA_LIMIT - 1), leaf->xid & (XID_LIMIT - 1)),
				 leaf->n, leaf->leaf, NULL);
		return;
	}
	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (v->ranges[middle].seal < seal)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < v->nranges && v->ranges[low].seal == seal)
		v->ranges[low].archived += count;
}

/* Compares the events of a range with its seal. */
static void
FinishRange(Verifier *v)
{
	Range	   *range = &v->ranges[v->at];
	int64		era = range->first >> XID_BITS;
	uint8		root[SHA256_LENGTH];
	bool		match;

	merkle_root(&v->stored, root);
	match = memcmp(root, range->root, SHA256_LENGTH) == 0 ||
		(range->archived == range->events && v->found == 0);
	if (!match && v->differ)
	{
		/* otherwise the content is unchanged, and the leaf has been altered */
		merkle_root(&v->computed, root);
		match = memcmp(root, range->root, SHA256_LENGTH) == 0;
	}
	if (v->found + range->archived < range->events)
		Report(v, "events_removed", range->seal, era, NONE, NONE,
			   psprintf(INT64_FORMAT " events were sealed, " INT64_FORMAT " are there",
						range->events, v->found + range->archived));
	else if (v->found + range->archived > range->events)
		Report(v, "events_inserted", range->seal, era, NONE, NONE,
			   psprintf(INT64_FORMAT " events were sealed, " INT64_FORMAT " are there",
						range->events, v->found + range->archived));
	else if (!match)
		Report(v, "events_replaced", range->seal, era, NONE, NONE,
			   "as many events as were sealed, but not the same or not in the same order");

	merkle_init(&v->stored);
	v->differ = false;
	v->found = 0;
	v->at++;
}

/* Reads an event from the sorted leaves. */
static void
ReadSorted(TupleTableSlot *slot, SortedEvent *event)
{
	slot_getallattrs(slot);
	event->key = DatumGetInt64(slot->tts_values[0]);
	event->n = DatumGetInt32(slot->tts_values[1]);
	event->leaf = (const uint8 *) VARDATA_ANY(DatumGetPointer(slot->tts_values[2]));
	event->computed = slot->tts_isnull[3] ? NULL :
		(const uint8 *) VARDATA_ANY(DatumGetPointer(slot->tts_values[3]));
	event->era = event->key >> XID_BITS;
	event->xid = event->key & (XID_LIMIT - 1);
}

/*
 * Adds an event to the trees of the current range: its stored leaf, and the
 * one computed from its content.
 */
static void
AddToRange(Verifier *v, const SortedEvent *event)
{
	if (event->computed && !v->differ)
	{
		v->computed = v->stored;
		v->differ = true;
	}
	merkle_add(&v->stored, event->leaf);
	if (v->differ)
		merkle_add(&v->computed, event->computed ? event->computed : event->leaf);
	v->found++;
}

/* Reports an event without a seal, if it should have one. from: where the seals begin. */
static void
CheckUncovered(Verifier *v, const SortedEvent *event, int64 from)
{
	if (v->at < v->nranges && event->key > from)
		Report(v, "events_inserted", NONE, event->era, event->xid, event->n,
			   v->ranges[v->at].first >> XID_BITS > event->era ?
			   "its era was sealed to the end without it" :
			   "no seal covers it, though later ones are sealed");
	else if (event->era == v->present_era && event->xid >= v->next_xid)
		Report(v, "event_impossible", NONE, event->era, event->xid, event->n,
			   "its transaction id has not been used yet");
}

/* Merges the sorted leaves with the seals. */
static void
CheckOrder(Verifier *v)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(v->sort_slot->tts_tupleDescriptor,
													&TTSOpsMinimalTuple);
	int64		last_key = NONE;
	int32		last_n = 0;
	int64		from = v->nranges > 0 ? v->ranges[0].first : 0;
	bool		all = v->first_seal <= 1 && v->last_seal >= v->count;

	merkle_init(&v->stored);
	v->at = 0;
	v->found = 0;
	v->differ = false;
	while (tuplesort_gettupleslot(v->sort, true, false, slot, NULL))
	{
		SortedEvent event;
		int64		seal = NONE;

		CHECK_FOR_INTERRUPTS();
		ReadSorted(slot, &event);
		while (v->at < v->nranges && event.key >= v->ranges[v->at].end)
			FinishRange(v);
		if (v->at < v->nranges && event.key >= v->ranges[v->at].first)
		{
			seal = v->ranges[v->at].seal;
			AddToRange(v, &event);
		}
		else if (!all)
			continue;			/* belongs to a seal that was not asked for */
		else
			CheckUncovered(v, &event, from);

		if (event.key == last_key && event.n == last_n)
			Report(v, "event_duplicate", seal, event.era, event.xid, event.n,
				   "another event has the same number");
		if (event.computed)
			Report(v, "event_altered", seal, event.era, event.xid, event.n,
				   "content and leaf do not agree");
		last_key = event.key;
		last_n = event.n;
	}
	while (v->at < v->nranges)
		FinishRange(v);
	ExecDropSingleTupleTableSlot(slot);
}

/* Reports an event that an index lacks. */
static void
ReceiveLack(int32 era, int64 xid, int32 n, const char *detail, void *arg)
{
	Report(arg, "event_not_indexed", NONE, era < 0 ? NONE : era, era < 0 ? NONE : xid,
		   era < 0 ? NONE : n, detail);
}

/* Reports a missing guard. */
static void
ReceiveGuard(TupleTableSlot *slot, void *arg)
{
	Report(arg, "guard_missing", NONE, NONE, NONE, NONE,
		   TextDatumGetCString(slot->tts_values[0]));
}

/* Reports a snapshot of rights that does not match its seal. */
static void
ReceiveAccess(int64 seal, const char *detail, void *arg)
{
	Report(arg, "access_altered", seal > 0 ? seal : NONE, NONE, NONE, NONE, detail);
}

/* Whether the triggers that write and guard the trail are as migrate() has set them. */
static void
CheckGuards(Verifier *v)
{
	audit_scan("WITH wanted (name, trigger, function, type) AS ("
			   " SELECT t.name, 'medrec_audit_' || e.event, 'audit', e.type"
			   " FROM (VALUES ('account'), ('patient'), ('diagnosis'), ('treatment'), ('code_release'),"
			   "  ('login_lockout'), ('auditor_change'), ('token_generation'), ('jwt_key'), ('care_team'), ('care_team_member'),"
			   "  ('care_team_patient'), ('break_glass')) AS t (name),"
			   "  (VALUES ('insert', 4), ('update', 16), ('delete', 8), ('truncate', 32)) AS e (event, type)"
	/* which step 60 makes */
			   " WHERE t.name <> 'auditor_change'"
			   "  OR EXISTS (SELECT FROM medrec.schema_migration AS m WHERE m.version = 60)"
			   " UNION ALL"
			   " SELECT t.name, 'medrec_append_only', 'audit_append_only', 62"
			   " FROM (VALUES ('audit_event'), ('audit_seal'), ('audit_era'), ('audit_archive'), ('audit_archive_seal')) AS t (name)"
			   " UNION ALL"
			   " SELECT c.relname, 'medrec_append_only', 'audit_append_only', 62"
			   " FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
			   " WHERE i.inhparent IN (pg_catalog.to_regclass('medrec.audit_event'), pg_catalog.to_regclass('medrec.audit_archived'))"
			   " UNION ALL"
			   " SELECT t.name, 'medrec_append_only_row', 'audit_append_only', 27"
			   " FROM (VALUES ('audit_event'), ('audit_seal'), ('audit_era')) AS t (name)"
			   " UNION ALL"
			   " SELECT t.name, e.trigger, 'audit_append_only', e.type"
			   " FROM (VALUES ('audit_archived'), ('audit_key')) AS t (name),"
			   "  (VALUES ('medrec_append_only', 62), ('medrec_append_only_row', 27)) AS e (trigger, type)"
			   " WHERE pg_catalog.to_regclass('medrec.' || t.name) IS NOT NULL"
			   ")"
			   " SELECT pg_catalog.format('trigger %I on medrec.%I is missing, disabled or another one', w.trigger, w.name)"
			   " FROM wanted AS w"
			   " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t"
			   "  JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid"
			   "  JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid"
			   "  WHERE c.relnamespace = 'medrec'::pg_catalog.regnamespace AND c.relname = w.name"
			   "   AND t.tgname = w.trigger AND p.proname = w.function"
			   "   AND p.pronamespace = 'medrec'::pg_catalog.regnamespace"
			   "   AND t.tgenabled = 'A' AND t.tgtype = w.type AND t.tgqual IS NULL AND t.tgattr = '')"
			   " UNION ALL"
			   " SELECT pg_catalog.format('trigger %I on %s is disabled', t.tgname, t.tgrelid::pg_catalog.regclass)"
			   " FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid"
			   " JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid"
			   " WHERE p.proname = 'audit' AND p.pronamespace = 'medrec'::pg_catalog.regnamespace"
			   " AND t.tgenabled = 'D' AND NOT EXISTS (SELECT FROM wanted AS w"
			   "  WHERE w.name = c.relname AND w.trigger = t.tgname)"
			   " UNION ALL"
			   " SELECT pg_catalog.format('event trigger %I is missing or disabled', w.name)"
			   " FROM (VALUES ('medrec_audit_ddl'), ('medrec_audit_drop'), ('medrec_audit_rights')) AS w (name)"
			   " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e"
			   "  WHERE e.evtname = w.name AND e.evtenabled = 'A')"
			   " AND (w.name <> 'medrec_audit_rights' OR pg_catalog.to_regclass('medrec.audit_access') IS NOT NULL)"
			   " UNION ALL"
			   " SELECT pg_catalog.format('%s is recorded as archived, but no event says so', a.partition)"
			   " FROM medrec.audit_archive AS a"
			   " WHERE NOT EXISTS (SELECT FROM medrec.audit_event AS e"
			   "  WHERE e.action = 'ARCHIVE' AND e.table_name = a.partition"
			   "  AND e.logged_at >= a.archived_at AND e.logged_at < a.archived_at + '1 day'::interval)"
			   " AND NOT EXISTS (SELECT FROM medrec.audit_archive AS b WHERE b.partition ="
			   "  pg_catalog.to_char(a.archived_at AT TIME ZONE 'UTC', '\"audit_event_\"YYYY_MM'))",
			   ReceiveGuard, v);
}

/* Reports a table that adds rows to one of medrec's. */
static void
ReceiveChild(TupleTableSlot *slot, void *arg)
{
	Report(arg, "child_table", NONE, NONE, NONE, NONE,
		   TextDatumGetCString(slot->tts_values[0]));
}

/* Reports tables that inherit from medrec's: queries of the parent show their rows. */
static void
CheckChildren(Verifier *v)
{
	audit_scan("SELECT pg_catalog.format('%s inherits from %s', i.inhrelid::pg_catalog.regclass, i.inhparent::pg_catalog.regclass)"
			   " FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhparent"
			   " WHERE c.relnamespace = 'medrec'::pg_catalog.regnamespace AND c.relkind = 'r'"
			   " ORDER BY 1", ReceiveChild, v);
}

/* Whether the timelines of the eras are in this server's history. */
static bool
CheckTimelines(Verifier *v)
{
	bool		sound = true;
	TimeLineID	timeline = audit_timeline(NULL);
	List	   *history = readTimeLineHistory(timeline);
	int			i;

	for (i = 0; i < v->neras; i++)
	{
		const AuditEra *era = &v->eras[i];
		bool		known = false;
		ListCell   *cell;

		if (!audit_era_here(era) || era->timeline == 0)
			continue;
		foreach(cell, history)
		{
			TimeLineHistoryEntry *entry = lfirst(cell);

			if (entry->tli == era->timeline)
				known = XLogRecPtrIsInvalid(era->begin) || era->begin == entry->begin;
		}
		/* a missing history file proves nothing */
		if (!known && (list_length(history) > 1 || timeline == 1 || era->timeline > timeline))
		{
			sound = false;
			Report(v, "era_altered", NONE, era->era, NONE, NONE,
				   psprintf("the history of this server has no timeline %u from there on",
							era->timeline));
		}
	}
	list_free_deep(history);
	return sound;
}

/* Records that a month is archived. */
static void
TakeArchived(TupleTableSlot *slot, void *arg)
{
	*(bool *) arg = true;
}

/* Checks the eras that began with a promotion against their events. */
static void
CheckEras(Verifier *v)
{
	AuditEra   *eras;
	int			n;
	int			i;
	ListCell   *cell;

	for (i = 1; i < v->neras; i++)
	{
		bool		archived = false;

		if (!v->eras[i].recorded || v->eras[i].last_seal < 0 || v->told[i])
			continue;
		audit_scan(psprintf("SELECT FROM medrec.audit_archive AS a WHERE a.partition = pg_catalog.to_char("
							"('2000-01-01'::timestamp + '" INT64_FORMAT " us'::interval), '\"audit_event_\"YYYY_MM')",
							v->eras[i].opened_at), TakeArchived, &archived);
		if (!archived)
			Report(v, "era_altered", NONE, v->eras[i].era, NONE, NONE,
				   "it differs from its event, or has no event");
	}

	/* includes those that were recorded while the events were read */
	eras = audit_read_eras(&n);
	foreach(cell, v->untold)
	{
		for (i = 1; i < n; i++)
			if (eras[i].recorded &&
				strcmp(lfirst(cell), audit_era_json(&eras[i], &eras[i - 1])) == 0)
				break;
		if (i >= n)
			Report(v, "era_altered", NONE, NONE, NONE, NONE,
				   psprintf("an event records an era that medrec.audit_era does not have, or not in this way: %s",
							(char *) lfirst(cell)));
	}
}

/* Reports that a trail has begun later than its tables. */
static void
ReceiveLost(TupleTableSlot *slot, void *arg)
{
	Report(arg, "trail_missing", NONE, NONE, NONE, NONE,
		   TextDatumGetCString(slot->tts_values[0]));
}

/*
 * Whether the trail is as old as its tables: the step that makes them opens the
 * first era.  A restore that lost the trail has no era, or one of its own.
 */
static void
CheckTrail(Verifier *v)
{
	audit_scan("SELECT CASE WHEN f.opened_at IS NULL THEN"
			   "   'no era is recorded: the trail has been lost, or not been loaded'"
			   "  ELSE pg_catalog.format('the tables were made at %s, and the first era was opened at %s',"
			   "   m.applied_at, f.opened_at) END"
			   " FROM (SELECT pg_catalog.min(s.applied_at) AS applied_at"
			   "  FROM medrec.schema_migration AS s WHERE s.version = 4) AS m,"
			   " (SELECT pg_catalog.min(e.opened_at) AS opened_at FROM medrec.audit_era AS e) AS f"
			   " WHERE f.opened_at IS NULL OR f.opened_at > m.applied_at + '1 hour'::interval",
			   ReceiveLost, v);
}

/* The condition that events of audit_event are after the last seal. */
char *
audit_unsealed(const AuditSeal *last)
{
	char	   *here = psprintf("era = %d AND xid >= '" INT64_FORMAT "'::bigint", last->era, last->end_xid);

	if (last->seal == 0)
		return "era > 0";
	return audit_current_era() <= last->era ? here :
		psprintf("(%s OR era > %d)", here, last->era);
}

/* Reports events that should have been sealed. */
static void
ReceiveUnsealed(TupleTableSlot *slot, void *arg)
{
	Report(arg, "not_sealed", NONE, NONE, NONE, NONE, TextDatumGetCString(slot->tts_values[0]));
}

/*
 * Checks for events that have waited for a seal longer than they should. An
 * event with a time in the future could wait for ever: it was forged, or a
 * clock was set back.
 */
static void
CheckSealed(Verifier *v, const AuditSeal *last)
{
	audit_scan(psprintf("SELECT pg_catalog.format(CASE WHEN pg_catalog.max(logged_at) > pg_catalog.clock_timestamp() + " CLOCK_SKEW
						" THEN '%%s events are not sealed, the oldest is of %%s, and the newest of %%s, which is in the future'"
						" ELSE '%%s events are not sealed, the oldest is of %%s' END,"
						" pg_catalog.count(*), pg_catalog.min(logged_at), pg_catalog.max(logged_at))"
						" FROM medrec.audit_event WHERE %s"
						" HAVING pg_catalog.min(logged_at) < pg_catalog.clock_timestamp() - %d * '1 second'::interval"
						" OR pg_catalog.max(logged_at) > pg_catalog.clock_timestamp() + " CLOCK_SKEW,
						audit_unsealed(last), medrec_seal_max_age), ReceiveUnsealed, v);
}

/* medrec.verify_audit(): lists what is wrong with the audit trail. */
Datum
medrec_verify_audit(PG_FUNCTION_ARGS)
{
	AttrNumber	columns[] = {1, 2};
	Oid			operators[] = {Int8LessOperator, Int4LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	Oid			archive = PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3);
	Verifier	verifier = {0};
	Verifier   *v = &verifier;
	TupleDesc	desc;
	Oid			user;
	int			sec_context;
	int64		last_seal;

	InitMaterializedSRF(fcinfo, 0);
	v->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	v->context = CurrentMemoryContext;
	v->first_seal = PG_ARGISNULL(0) ? 1 : PG_GETARG_INT64(0);
	v->last_seal = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT64(1);
	v->checkpoint_size = NONE;
	if (!PG_ARGISNULL(2))
		ReadCheckpoint(v, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (OidIsValid(archive))
		audit_check_archive(archive);

	audit_become_owner(&user, &sec_context);
	/* no month may be detached during the verification */
	LockRelationOid(medrec_relation(AUDIT_TABLE), AccessShareLock);
	v->present_era = audit_current_era();

	merkle_init(&v->log);
	v->log_known = true;
	/* in this order, because later seals include the promotion */
	(void) audit_read_last_seal(&v->last);
	last_seal = v->last.seal;
	memset(&v->last, 0, sizeof(v->last));
	v->eras = audit_read_eras(&v->neras);
	v->told = palloc0(v->neras * sizeof(bool));
	/* a forged promotion does not excuse missing events */
	if (CheckTimelines(v))
		FindFork(v);
	if (v->forked && v->fork.seals == ALL_SEALS)
		v->fork.seals = last_seal;
	audit_read_seals(PG_INT64_MIN, PG_INT64_MAX, CheckSeal, v);
	CheckSize(v);

	desc = CreateTemplateTupleDesc(4);
	TupleDescInitEntry(desc, 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "n", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 3, "stored", BYTEAOID, -1, 0);
	TupleDescInitEntry(desc, 4, "computed", BYTEAOID, -1, 0);
	v->sort_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	v->sort = tuplesort_begin_heap(desc, 2, columns, operators, collations, nulls_first,
								   work_mem, NULL, TUPLESORT_NONE);
	v->next_xid = PG_INT64_MAX;
	ScanEvents(v, archive);
	audit_read_archived(v->first_seal, v->last_seal, archive, AddArchived, v);
	/* a transaction that was seen in an event is not later than this */
	if (!RecoveryInProgress())
		v->next_xid = (int64) U64FromFullTransactionId(ReadNextFullTransactionId());
	tuplesort_performsort(v->sort);
	CheckOrder(v);
	tuplesort_end(v->sort);
	ExecDropSingleTupleTableSlot(v->sort_slot);
	if (v->first_seal <= 1 && v->last_seal >= v->count)
	{
		CheckTrail(v);
		CheckEras(v);
		CheckSealed(v, &v->last);
		audit_check_indexes(GetLatestSnapshot(), ReceiveLack, v);
		CheckGuards(v);
		CheckChildren(v);
		access_check_snapshots(ReceiveAccess, v);
	}

	SetUserIdAndSecContext(user, sec_context);
	return (Datum) 0;
}
