/*
 * medrec.c
 *		Module magic, GUCs and _PG_init - nothing else.
 */
#include "base/medrec.h"

#include "utils/guc.h"

#include "access/careteam.h"
#include "access/careteam_stats.h"
#include "access/login.h"
#include "access/redact.h"
#include "access/unfiltered.h"
#include "audit/seal.h"
#include "audit/worker.h"
#include "base/actor.h"
#include "base/settings.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Settings of who may do what: care teams, tokens, passwords. */
static void
DefineAccessSettings(void)
{
	/*
	 * medrec.care_team_mode: whether a clinician sees the patients of their
	 * teams only. Like all settings below, it must not be settable by the
	 * users that it restricts: ALTER DATABASE ... SET, or the configuration
	 * file.
	 */
	DefineCustomBoolVariable("medrec.care_team_mode",
							 "Whether clinicians see the patients of their care teams only.",
							 NULL,
							 &medrec_care_team_mode,
							 false,
							 PGC_SUSET,
							 0,
							 NULL, medrec_assign_care_team_mode, NULL);

	/*
	 * medrec.break_glass_time: how long break_glass() opens a patient.
	 */
	DefineCustomIntVariable("medrec.break_glass_time",
							"How long medrec.break_glass() opens a patient.",
							NULL,
							&medrec_break_glass_time,
							4 * 3600, 60, 7 * 86400,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	/*
	 * medrec.token_lifetime: how long a token of login() may be used.
	 */
	DefineCustomIntVariable("medrec.token_lifetime",
							"How long a token may be used after the login.",
							NULL,
							&medrec_token_lifetime,
							8 * 3600, 1, 30 * 86400,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	/*
	 * medrec.password_cost: bcrypt's cost for new hashes; each step doubles
	 * the time.  Stored hashes of another cost are renewed at the next login.
	 */
	DefineCustomIntVariable("medrec.password_cost",
							"Cost of bcrypt for passwords: the logarithm of its rounds.",
							NULL,
							&medrec_password_cost,
							12, 4, 16,
							PGC_SUSET,
							0,
							NULL, NULL, NULL);

	/*
	 * medrec.outside_accounts: whether a token whose account (sub) medrec
	 * does not know is accepted with the role that it names; for an outside
	 * identity provider that keeps the accounts.
	 */
	DefineCustomBoolVariable("medrec.outside_accounts",
							 "Whether tokens of accounts that medrec does not know are accepted.",
							 NULL,
							 &medrec_outside_accounts,
							 false,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	/*
	 * medrec.redact_log: whether the server's log keeps out what this
	 * session's client sends.  PostgREST's sessions are so without it.  The
	 * library must be loaded: session_preload_libraries.
	 */
	DefineCustomBoolVariable("medrec.redact_log",
							 "Whether entries in the server's log are kept free of what clients send.",
							 NULL,
							 &medrec_redact_log,
							 false,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	/*
	 * medrec.token_audience: what the claim "aud" of a token must say. Tokens
	 * of login() do; those of an outside provider are to be told. Empty:
	 * anything.
	 */
	DefineCustomStringVariable("medrec.token_audience",
							   "Audience that a token's claim \"aud\" must name; if empty, the claim is not checked.",
							   NULL,
							   &medrec_token_audience,
							   "medrec",
							   PGC_SUSET,
							   0,
							   NULL, NULL, NULL);
}

/* Settings of the audit trail; audit/worker.c has one more. */
static void
DefineAuditSettings(void)
{
	/*
	 * medrec.reason: why the changes of this session or transaction are made.
	 * Anyone may set it; it is written into each audit event.
	 */
	DefineCustomStringVariable("medrec.reason",
							   "Reason of the changes that follow, as the audit trail records it.",
							   NULL,
							   &medrec_reason,
							   "",
							   PGC_USERSET,
							   0,
							   medrec_check_reason, NULL, NULL);

	/*
	 * medrec.archive_min_age: how long a month of the audit trail has to be
	 * over before archive_audit() takes it.  Six years, as HIPAA's
	 * documentation.
	 */
	DefineCustomIntVariable("medrec.archive_min_age",
							"How long a month of the audit trail has to be over before it is archived.",
							NULL,
							&medrec_archive_min_age,
							2192 * 24 * 60, 0, 100 * 366 * 24 * 60,
							PGC_SUSET,
							GUC_UNIT_MIN,
							NULL, NULL, NULL);

	/*
	 * medrec.seal_max_age: how old an event may become before it is sealed;
	 * of an older one verify_audit() says not_sealed.
	 */
	DefineCustomIntVariable("medrec.seal_max_age",
							"How old an event of the audit trail may become before it is sealed.",
							NULL,
							&medrec_seal_max_age,
							3600, 1, 366 * 86400,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL, NULL, NULL);
}

/* Called by the server when it loads the library. */
void
_PG_init(void)
{
	DefineAccessSettings();
	DefineAuditSettings();

	audit_seal_hook = login_note_lost;
	audit_worker_init();
	medrec_init_statistics();
	redact_init();
	unfiltered_init();

	MarkGUCPrefixReserved("medrec");
}
