/*
 * hash/checkpoint.h
 *		What a checkpoint says about its server in addition to size and head:
 *		the timelines, and some earlier heads.
 *
 * Pure C: medrec-verify reads it as well.
 */
#ifndef MEDREC_CHECKPOINT_H
#define MEDREC_CHECKPOINT_H

#include <stdint.h>

#include "hash/sha256.h"

/* lines behind size and head begin with these (C2SP: extension lines) */
#define CHECKPOINT_TRAIL	"medrec-trail: "
#define CHECKPOINT_HEAD		"medrec-head: "
/* events that were not sealed when it was taken, and the age of the oldest in seconds */
#define CHECKPOINT_UNSEALED	"medrec-unsealed: "

/* a longer way through timelines is told by its end */
#define CHECKPOINT_TIMELINES	128
#define CHECKPOINT_HEADS		64

/* a timeline, where the trail left it (0: not known), and the seals there were then */
typedef struct CheckpointTimeline
{
	uint32_t	timeline;		/* 0: not known */
	uint64_t	until;			/* WAL position; of the last one: where it was
								 * taken */
	int64_t		seals;
} CheckpointTimeline;

typedef struct CheckpointHead
{
	int64_t		seals;
	uint8_t		head[SHA256_LENGTH];
} CheckpointHead;

typedef struct CheckpointTrail
{
	char		cluster[32];	/* system identifier in hexadecimal, slash,
								 * OID of the database */
	int32_t		era;			/* of the last seal */
	int64_t		end_xid;
	int64_t		events;			/* in all seals */
	int			ntimelines;
	CheckpointTimeline timelines[CHECKPOINT_TIMELINES];
	int			nheads;
	CheckpointHead heads[CHECKPOINT_HEADS];
} CheckpointTrail;

/* where a trail left the way of a checkpoint */
typedef struct CheckpointFork
{
	uint32_t	from;			/* the last timeline in common */
	uint64_t	at;
	int64_t		seals;			/* in common */
	int			next;			/* place of the timeline that the trail went
								 * on in */
	int			exact;			/* all that the trail has of that timeline is
								 * in common */
} CheckpointFork;

/* 1: read; 0: the checkpoint does not say; -1: damaged */
extern int	checkpoint_read_trail(const char *text, CheckpointTrail *trail);
extern int	checkpoint_fork(const CheckpointTrail *kept, const CheckpointTimeline *own, int nown,
							CheckpointFork *fork);

#endif							/* MEDREC_CHECKPOINT_H */
