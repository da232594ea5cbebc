/*
 * hash/checkpoint.c
 *		Reads the timelines in a checkpoint, and finds where another trail
 *		diverged from them: at a promotion, or at a restore to a point in time.
 */
#include "hash/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash/base64.h"

static const char *read_timelines(const char *text, CheckpointTrail *trail);
static int	read_trail_line(const char *line, CheckpointTrail *trail);
static int	read_head_line(const char *line, CheckpointTrail *trail);

/*
 * Reads timelines, "1:0/5000060:24,2:0/7A21F80:30"; returns where they end,
 * NULL if they are invalid.
 */
static const char *
read_timelines(const char *text, CheckpointTrail *trail)
{
	for (;;)
	{
		CheckpointTimeline *timeline = &trail->timelines[trail->ntimelines];
		unsigned int high;
		unsigned int low;
		int			len = 0;

		if (trail->ntimelines == CHECKPOINT_TIMELINES ||
			sscanf(text, "%" SCNu32 ":%8x/%8x:%" SCNd64 "%n",
				   &timeline->timeline, &high, &low, &timeline->seals, &len) != 4 ||
			len == 0 || timeline->seals < 0)
			return NULL;
		timeline->until = (uint64_t) high << 32 | low;
		trail->ntimelines++;
		text += len;
		if (*text != ',')
			return text;
		text++;
	}
}

/* Reads the line with the timelines; false if it is damaged. */
static int
read_trail_line(const char *line, CheckpointTrail *trail)
{
	char		copy[8192];
	size_t		size = strcspn(line, "\r\n");
	const char *end;
	int			len = 0;

	/* a copy: sscanf() looks for the end of its string first */
	if (size >= sizeof(copy) || trail->ntimelines > 0)
		return 0;
	memcpy(copy, line, size);
	copy[size] = '\0';
	if (sscanf(copy, CHECKPOINT_TRAIL "cluster=%31s era=%" SCNd32 " end-xid=%" SCNd64
			   " events=%" SCNd64 " timelines=%n", trail->cluster, &trail->era,
			   &trail->end_xid, &trail->events, &len) != 4 || len == 0 ||
		trail->era < 0 || trail->end_xid < 0 || trail->events < 0)
		return 0;
	end = read_timelines(copy + len, trail);
	return end != NULL && *end == '\0';
}

/* Reads the line of an earlier head; false if it is damaged. */
static int
read_head_line(const char *line, CheckpointTrail *trail)
{
	CheckpointHead *head = &trail->heads[trail->nheads];
	const char *number = line + strlen(CHECKPOINT_HEAD);
	char	   *end;

	if (trail->nheads == CHECKPOINT_HEADS)
		return 0;
	head->seals = strtoll(number, &end, 10);
	if (end == number || *end != ' ' || head->seals < 1 ||
		base64_decode(end + 1, strcspn(end + 1, "\r\n"), head->head,
					  SHA256_LENGTH) != SHA256_LENGTH)
		return 0;
	trail->nheads++;
	return 1;
}

/* Reads the timelines and earlier heads in a checkpoint. */
int
checkpoint_read_trail(const char *text, CheckpointTrail *trail)
{
	const char *line = text;
	int			number;

	memset(trail, 0, sizeof(*trail));
	/* signatures follow an empty line */
	for (number = 0; line && *line && *line != '\n' && *line != '\r'; number++)
	{
		if (number >= 3 && strncmp(line, CHECKPOINT_TRAIL, strlen(CHECKPOINT_TRAIL)) == 0)
		{
			if (!read_trail_line(line, trail))
				return -1;
		}
		else if (number >= 3 && strncmp(line, CHECKPOINT_HEAD, strlen(CHECKPOINT_HEAD)) == 0)
		{
			if (!read_head_line(line, trail))
				return -1;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return trail->ntimelines > 0;
}

/*
 * Whether a trail with these timelines diverged from those of a checkpoint, so
 * that it cannot have what the checkpoint covers after that point, and where.
 * False if the checkpoint is on its timelines, or if nothing is known.
 */
int
checkpoint_fork(const CheckpointTrail *kept, const CheckpointTimeline *own, int nown,
				CheckpointFork *fork)
{
	int			start = 0;
	int			i;

	while (start < nown && own[start].timeline != kept->timelines[0].timeline)
		start++;
	/* what is not known may be the same */
	if (start == nown && nown > 0 &&
		(own[0].timeline == 0 || kept->timelines[0].timeline == 0))
		start = 0;
	own += start;
	nown -= start;
	for (i = 0; i < kept->ntimelines; i++)
	{
		const CheckpointTimeline *a = &kept->timelines[i];
		const CheckpointTimeline *b = &own[i];

		/* the trail is still where the checkpoint's way has gone on from */
		if (i >= nown)
			return 0;
		fork->exact = 1;
		if (i > 0 && a->timeline != b->timeline)
		{
			/* two promotions at the same place */
			fork->from = b[-1].timeline;
			fork->at = b[-1].until;
			fork->seals = b[-1].seals;
			fork->next = start + i;
			return 1;
		}
		if (i == nown - 1)
			return 0;
		if (a->until == 0 || b->until == 0)
			return 0;
		if (a->until != b->until && (a->until > b->until || i < kept->ntimelines - 1))
		{
			const CheckpointTimeline *first = a->until > b->until ? b : a;

			fork->from = b->timeline;
			fork->at = first->until;
			fork->seals = first->seals;
			fork->next = start + i + 1;
			fork->exact = first == b;
			return 1;
		}
	}
	return 0;
}
