/*
 * audit/era.h
 *		Eras of the audit trail: one per cluster, database and timeline.
 */
#ifndef MEDREC_AUDIT_ERA_H
#define MEDREC_AUDIT_ERA_H

#include "access/xlogdefs.h"
#include "fmgr.h"

#include "hash/checkpoint.h"

/* action of the event of an era that began with a promotion */
#define AUDIT_PROMOTED	"PROMOTED"

/* last_seal of an era that is not recorded yet: all seals are from before */
#define ALL_SEALS	PG_INT64_MAX

typedef struct AuditEra
{
	int32		era;
	uint64		system_identifier;
	Oid			database;
	TimestampTz opened_at;
	int64		first_xid;		/* transaction that recorded it */
	TimeLineID	timeline;		/* 0: not known */
	XLogRecPtr	begin;			/* of the timeline, where the era began with
								 * it */
	int64		last_seal;		/* seals made before; -1: not known */
	bool		recorded;
} AuditEra;

extern void audit_era_changed(Oid relid);
extern int32 audit_current_era(void);
extern Datum medrec_audit_open_era(PG_FUNCTION_ARGS);
extern int32 audit_era_to_write(void);
extern TimeLineID audit_timeline(XLogRecPtr *position);
extern bool audit_era_here(const AuditEra *era);
extern AuditEra *audit_read_eras(int *n);
extern CheckpointTimeline *audit_era_timelines(const AuditEra *eras, int n, int at,
											   int *first, int *ntimelines);
extern char *audit_era_cluster(const AuditEra *era);
extern bool audit_is_subscribed(void);
extern bool audit_has_begun(void);
extern void audit_check_subscriber(void);
extern char *audit_era_json(const AuditEra *era, const AuditEra *before);

#endif							/* MEDREC_AUDIT_ERA_H */
