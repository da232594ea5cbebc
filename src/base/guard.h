/*
 * base/guard.h
 *		The event trigger that keeps medrec's tables and columns.
 */
#ifndef MEDREC_GUARD_H
#define MEDREC_GUARD_H

/* set while migrate() runs its steps, which may drop and rename */
extern bool medrec_guard_asleep;

/* the advisory lock of a migration: "medrec" */
#define MIGRATE_LOCK \
	"SELECT pg_catalog.pg_advisory_xact_lock(x'6d6564726563'::pg_catalog.int8)"

/*
 * An ordinary table: created here and not by the first step, because it
 * records which steps have run.
 */
#define MIGRATE_STEPS_TABLE \
	"CREATE TABLE IF NOT EXISTS medrec.schema_migration (" \
	" version integer PRIMARY KEY," \
	" name text NOT NULL," \
	" applied_at timestamptz NOT NULL DEFAULT pg_catalog.now())"

#define MIGRATE_STEPS	"schema_migration"

#endif							/* MEDREC_GUARD_H */
