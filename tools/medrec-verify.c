/*
 * medrec-verify.c
 *		Checks proofs of medrec's audit trail, without a database.
 *
 *	medrec-verify [-k KEY -n NAME] event PROOF CHECKPOINT
 *		the event of an inclusion proof (medrec.audit_proof()) is in the trail that
 *		the checkpoint covers; prints the event's fields
 *	medrec-verify [-k KEY -n NAME] growth PROOF OLD NEW
 *		the trail of the old checkpoint is the beginning of the new one's
 *		(medrec.consistency_proof()); where the server was promoted in between, or
 *		restored to a point in time, and lost seals of the old checkpoint, that what
 *		is from before is the same (ends with 3)
 *	medrec-verify sign KEY NAME CHECKPOINT
 *		prints the checkpoint, signed with an Ed25519 key (PEM) as a C2SP signed note
 *	medrec-verify [-k KEY -n NAME] sealed CHECKPOINT SECONDS
 *		when the checkpoint was taken, no event older than that was without a seal
 *	medrec-verify -k KEY -n NAME signature CHECKPOINT
 *		the checkpoint bears a signature of that name with that public key (PEM)
 *
 * With -k and -n every checkpoint has to bear that signature.  A file named - is
 * standard input.  Ends with 0 when all is well, 1 when it is not, 2 when it was
 * called wrongly, 3 when seals were lost at a promotion and all else is well.
 */
#include "hash/base64.h"
#include "hash/checkpoint.h"
#include "hash/merkle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

/* no proof or checkpoint is larger; an event with a row of gigabytes is not proved */
#define MAX_FILE	(512L * 1024 * 1024)

#define ED25519_LENGTH	64
#define KEY_ID_LENGTH	4
#define DASH	"\xe2\x80\x94 " /* what signature lines begin with */

typedef struct Checkpoint
{
	char	   *origin;
	uint64_t	size;
	uint8_t		root[SHA256_LENGTH];
	CheckpointTrail trail;
	const char *unsealed;		/* what it says of events without a seal, or
								 * NULL */
} Checkpoint;

typedef struct Path
{
	int			len;
	uint8_t		nodes[MERKLE_LEVELS + 1][SHA256_LENGTH];
} Path;

static const char *key_file;
static const char *key_name;

/* Says what is wrong and ends. */
static void
fail(const char *fmt,...)
{
	va_list		args;

	fputs("FAILED: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* Says how to call it and ends. */
static void
usage(void)
{
	fputs("usage: medrec-verify [-k PUBLIC-KEY -n NAME] event PROOF CHECKPOINT\n"
		  "       medrec-verify [-k PUBLIC-KEY -n NAME] growth PROOF OLD-CHECKPOINT NEW-CHECKPOINT\n"
		  "       medrec-verify [-k PUBLIC-KEY -n NAME] sealed CHECKPOINT SECONDS\n"
		  "       medrec-verify -k PUBLIC-KEY -n NAME signature CHECKPOINT\n"
		  "       medrec-verify sign PRIVATE-KEY NAME CHECKPOINT\n", stderr);
	exit(2);
}

/* Memory, or the end. */
static void *
allocate(size_t size)
{
	void	   *p = malloc(size ? size : 1);

	if (p == NULL)
		fail("out of memory");
	return p;
}

/* Reads a file, with a final zero that is no part of it. */
static char *
read_file(const char *name, size_t *len)
{
	FILE	   *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
	size_t		size = 65536;
	char	   *data = allocate(size);

	if (file == NULL)
		fail("%s: %s", name, strerror(errno));
	*len = 0;
	for (;;)
	{
		size_t		n = fread(data + *len, 1, size - *len - 1, file);

		*len += n;
		if (n == 0)
			break;
		if (size - *len < 2)
		{
			if (size > MAX_FILE)
				fail("%s is too large", name);
			size *= 2;
			data = realloc(data, size);
			if (data == NULL)
				fail("out of memory");
		}
	}
	if (ferror(file))
		fail("%s: %s", name, strerror(errno));
	if (file != stdin)
		fclose(file);
	data[*len] = '\0';
	if (strlen(data) != *len)
		fail("%s holds a zero byte", name);
	return data;
}

/* Ends the line at p with a zero and returns where the next one begins, NULL at the end. */
static char *
next_line(char *p)
{
	char	   *end = strchr(p, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	if (end > p && end[-1] == '\r')
		end[-1] = '\0';
	return end[1] ? end + 1 : NULL;
}

/* A number without sign, spaces or leading zeros. */
static uint64_t
number(const char *text, const char *what)
{
	char	   *end;
	uint64_t	value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || (*text == '0' && text[1]) || *end || errno)
		fail("%s is no number", what);
	return value;
}

/* A hash in base64. */
static void
hash_of(const char *text, uint8_t *hash, const char *what)
{
	if (base64_decode(text, strlen(text), hash, SHA256_LENGTH) != SHA256_LENGTH)
		fail("%s is no hash in base64", what);
}

/* The hash that names a key in a signature line. */
static void
key_id(const char *name, const uint8_t *public_key, uint8_t *id)
{
	uint8_t		digest[SHA256_LENGTH];
	Sha256		sha;

	sha256_init(&sha);
	sha256_update(&sha, name, strlen(name));
	sha256_update(&sha, "\n\001", 2);
	sha256_update(&sha, public_key, 32);
	sha256_final(&sha, digest);
	memcpy(id, digest, KEY_ID_LENGTH);
}


/* Reads an Ed25519 key, private or public. */
static EVP_PKEY *
read_key(const char *name, int private)
{
	FILE	   *file = fopen(name, "r");
	EVP_PKEY   *key;

	if (file == NULL)
		fail("%s: %s", name, strerror(errno));
	key = private ? PEM_read_PrivateKey(file, NULL, NULL, NULL) :
		PEM_read_PUBKEY(file, NULL, NULL, NULL);
	fclose(file);
	if (key == NULL || EVP_PKEY_id(key) != EVP_PKEY_ED25519)
		fail("%s holds no %s Ed25519 key", name, private ? "private" : "public");
	return key;
}

/* The name of a key in signature lines. */
static void
id_of_key(EVP_PKEY *key, const char *name, uint8_t *id)
{
	uint8_t		public_key[32];
	size_t		len = sizeof(public_key);

	if (EVP_PKEY_get_raw_public_key(key, public_key, &len) != 1 || len != 32)
		fail("the key has no public part");
	key_id(name, public_key, id);
}

/* Whether a checkpoint has the requested signature. */
static void
check_signature(const char *file, const char *text)
{
	EVP_PKEY   *key = read_key(key_file, 0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *body_end = strstr(text, "\n\n");
	const char *line = body_end ? body_end + 2 : "";
	uint8_t		id[KEY_ID_LENGTH];
	int			good = 0;

	id_of_key(key, key_name, id);
	while (!good && strncmp(line, DASH, strlen(DASH)) == 0)
	{
		const char *name = line + strlen(DASH);
		size_t		name_len = strcspn(name, " \n");
		const char *value = name + name_len + (name[name_len] == ' ');
		size_t		value_len = strcspn(value, "\r\n");
		uint8_t		signature[KEY_ID_LENGTH + ED25519_LENGTH];

		if (name_len == strlen(key_name) && strncmp(name, key_name, name_len) == 0 &&
			base64_decode(value, value_len, signature, sizeof(signature)) == sizeof(signature) &&
			memcmp(signature, id, KEY_ID_LENGTH) == 0)
			good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
				EVP_DigestVerify(ctx, signature + KEY_ID_LENGTH, ED25519_LENGTH,
								 (const uint8_t *) text, body_end + 1 - text) == 1;
		line = value + value_len;
		line += strspn(line, "\r\n");
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (!good)
		fail("%s bears no signature of %s with that key", file, key_name);
}

/* Prints a checkpoint with a signature. */
static void
sign(const char *private_key, const char *name, const char *file)
{
	size_t		len;
	char	   *text = read_file(file, &len);
	char	   *rest = strstr(text, "\n\n");
	EVP_PKEY   *key = read_key(private_key, 1);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t		signature[KEY_ID_LENGTH + ED25519_LENGTH];
	size_t		signature_len = ED25519_LENGTH;
	char		line[BASE64_LENGTH(sizeof(signature))];

	if (*name == '\0' || strpbrk(name, " +\r\n"))
		fail("a name has no spaces, plus signs or line ends");
	/* psql adds an empty line to what ends with a line end */
	len = rest ? (size_t) (rest + 1 - text) : len;
	if (len == 0 || text[len - 1] != '\n')
		fail("%s is no checkpoint", file);
	id_of_key(key, name, signature);
	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
		EVP_DigestSign(ctx, signature + KEY_ID_LENGTH, &signature_len,
					   (const uint8_t *) text, len) != 1)
		fail("could not sign");
	base64_encode(signature, sizeof(signature), line);
	fwrite(text, 1, len, stdout);
	printf("\n%s", rest && strncmp(rest + 2, DASH, strlen(DASH)) == 0 ? rest + 2 : "");
	printf(DASH "%s %s\n", name, line);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	free(text);
}

/* Reads a checkpoint, and checks its signature where one is asked for. */
static void
read_checkpoint(const char *file, Checkpoint *checkpoint)
{
	size_t		len;
	char	   *text = read_file(file, &len);
	char	   *size;
	char	   *root;
	char	   *line;

	if (key_file)
		check_signature(file, text);
	if (checkpoint_read_trail(text, &checkpoint->trail) < 0)
		fail("%s is no checkpoint", file);
	checkpoint->origin = text;
	size = next_line(text);
	root = size ? next_line(size) : NULL;
	if (root == NULL)
		fail("%s is no checkpoint", file);
	checkpoint->unsealed = NULL;
	/* signatures follow an empty line */
	for (line = next_line(root); line && *line != '\n' && *line != '\r'; line = next_line(line))
		if (strncmp(line, CHECKPOINT_UNSEALED, strlen(CHECKPOINT_UNSEALED)) == 0)
			checkpoint->unsealed = line + strlen(CHECKPOINT_UNSEALED);
	checkpoint->size = number(size, "the checkpoint's size");
	hash_of(root, checkpoint->root, "the checkpoint's root");
}

/* Adds a node to a path. */
static void
add_node(Path *path, const char *text)
{
	if (path->len > MERKLE_LEVELS)
		fail("the path is too long");
	hash_of(text, path->nodes[path->len++], "a node of the path");
}

/* The value of a line "key: value", NULL if the line has another key. */
static const char *
value_of(const char *line, const char *key)
{
	size_t		len = strlen(key);

	return strncmp(line, key, len) == 0 && line[len] == ':' && line[len + 1] == ' ' ?
		line + len + 2 : NULL;
}

/* A text in base64, with a final zero. */
static char *
text_of(const char *value, size_t *len, const char *what)
{
	size_t		size = strlen(value);
	char	   *text = allocate(size + 1);
	long		n = base64_decode(value, size, (uint8_t *) text, size);

	if (n < 0)
		fail("%s is no base64", what);
	text[n] = '\0';
	*len = (size_t) n;
	return text;
}

/*
 * The next field of a canonical text, which begins at *p; returns where it
 * begins and sets its length, NULL for a field that is null.
 */
static const char *
field(const char **p, const char *end, size_t *len)
{
	const char *start;
	uint64_t	n = 0;

	*len = 0;
	if (end - *p >= 2 && memcmp(*p, "-;", 2) == 0)
	{
		*p += 2;
		return NULL;
	}
	start = *p;
	while (*p < end && **p >= '0' && **p <= '9' && n < MAX_FILE)
		n = n * 10 + (uint64_t) (*(*p)++ - '0');
	if (*p == start || *p == end || **p != ':' || n + 1 >= (uint64_t) (end - *p) ||
		(*p)[n + 1] != ';')
		fail("the text is damaged");
	start = ++*p;
	*p += n + 1;
	*len = (size_t) n;
	return start;
}

/* Prints the fields of an event. */
static void
print_event(const char *text, size_t len)
{
	static const char *const names[] = {
		"table_name", "action", "account", "jti", "role", "session_role", "effective_role",
		"client_addr", "request_id", "method", "path", "application_name", "reason",
		/* these in the second form only */
		"login_role", "login_identity", "socket_addr", "backend_pid", "backend_start",
		"era", "xid",
		"logged_at", "transaction_at", "statement_at", "n", "row_id", "patient_id",
		"old_values", "new_values", "salt"
	};
	static const char versions[][sizeof("medrec-audit-1;")] = {"medrec-audit-1;", "medrec-audit-2;"};
	const size_t begin = strlen(versions[0]);
	int			second;
	const char *p = text + begin;
	const char *end = text + len;
	size_t		i;

	if (len < begin)
		fail("the event has a form that is not known");
	second = memcmp(text, versions[1], begin) == 0;
	if (!second && memcmp(text, versions[0], begin) != 0)
		fail("the event has a form that is not known");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		size_t		n;
		const char *value;

		if (!second && i >= 13 && i < 18)
			continue;
		value = field(&p, end, &n);

		if (value)
			printf("%s: %.*s\n", names[i], (int) n, value);
	}
	if (p != end)
		fail("the event is damaged");
}

/* Takes the root of its events out of a seal's text. */
static void
root_of_seal(const char *text, size_t len, uint8_t *root)
{
	/* 2 has the digest of a snapshot of rights behind all else */
	static const char version[] = "medrec-seal-1;";
	static const char with_access[] = "medrec-seal-2;";
	const char *p = text + strlen(version);
	const char *end = text + len;
	const char *value = NULL;
	size_t		n = 0;
	int			i;

	if (len < strlen(version) || (memcmp(text, version, strlen(version)) != 0 &&
								  memcmp(text, with_access, strlen(with_access)) != 0))
		fail("the seal has a form that is not known");

	/*
	 * seal, era, first_xid, end_xid, events, total, sealed_at, sealed_by,
	 * root
	 */
	for (i = 0; i < 9; i++)
		value = field(&p, end, &n);
	if (value == NULL || n != 2 * SHA256_LENGTH)
		fail("the seal is damaged");
	for (i = 0; i < SHA256_LENGTH; i++)
	{
		char		digits[3] = {value[2 * i], value[2 * i + 1], '\0'};
		char	   *rest;

		root[i] = (uint8_t) strtoul(digits, &rest, 16);
		if (*rest)
			fail("the seal is damaged");
	}
}

/* event: checks an inclusion proof. */
static void
check_event(const char *proof_file, const char *checkpoint_file)
{
	static Checkpoint checkpoint;
	size_t		len;
	char	   *line = read_file(proof_file, &len);
	char	   *next = next_line(line);
	char	   *event = NULL;
	char	   *seal = NULL;
	size_t		event_len = 0;
	size_t		seal_len = 0;
	uint64_t	index = 0,
				size = 0,
				log_index = 0,
				log_size = 0;
	static Path path;
	static Path log_path;
	uint8_t		leaf[SHA256_LENGTH];
	uint8_t		root[SHA256_LENGTH];

	read_checkpoint(checkpoint_file, &checkpoint);
	if (strcmp(line, "medrec-inclusion-proof-1") != 0)
		fail("%s is no inclusion proof", proof_file);
	while ((line = next) != NULL)
	{
		const char *value;

		next = next_line(line);
		if ((value = value_of(line, "event")))
			event = text_of(value, &event_len, "the event");
		else if ((value = value_of(line, "seal")))
			seal = text_of(value, &seal_len, "the seal");
		else if ((value = value_of(line, "index")))
			index = number(value, "index");
		else if ((value = value_of(line, "size")))
			size = number(value, "size");
		else if ((value = value_of(line, "log-index")))
			log_index = number(value, "log-index");
		else if ((value = value_of(line, "log-size")))
			log_size = number(value, "log-size");
		else if ((value = value_of(line, "path")))
			add_node(&path, value);
		else if ((value = value_of(line, "log-path")))
			add_node(&log_path, value);
		else if (*line)
			fail("the proof has a line that is not known");
	}
	if (event == NULL || seal == NULL)
		fail("the proof is incomplete");

	merkle_leaf(event, event_len, leaf);
	root_of_seal(seal, seal_len, root);
	if (!merkle_check_inclusion(leaf, index, size,
								(const uint8_t (*)[SHA256_LENGTH]) path.nodes, path.len, root))
		fail("the event is not in its seal");
	if (log_size != checkpoint.size)
		fail("the proof is for %" PRIu64 " seals, the checkpoint covers %" PRIu64,
			 log_size, checkpoint.size);
	merkle_leaf(seal, seal_len, leaf);
	if (!merkle_check_inclusion(leaf, log_index, log_size,
								(const uint8_t (*)[SHA256_LENGTH]) log_path.nodes, log_path.len,
								checkpoint.root))
		fail("the seal is not in the checkpoint's trail");

	printf("ok: event %" PRIu64 " of %" PRIu64 " in seal %" PRIu64 " of %" PRIu64 " of %s\n",
		   index + 1, size, log_index + 1, log_size, checkpoint.origin);
	print_event(event, event_len);
}

/*
 * Where the trail of the new checkpoint left the way of the old one before it had
 * all its seals: makes the old one say what it covered of what is common.
 */
static int
find_loss(Checkpoint *old, const Checkpoint *new, CheckpointFork *fork)
{
	const CheckpointTrail *kept = &old->trail;
	const CheckpointHead *head = NULL;
	int			i;

	if (kept->ntimelines == 0 || new->trail.ntimelines == 0 ||
		strcmp(kept->cluster, new->trail.cluster) != 0 ||
		!checkpoint_fork(kept, new->trail.timelines, new->trail.ntimelines, fork) ||
		fork->seals < 0 || old->size <= (uint64_t) fork->seals)
		return 0;
	for (i = 0; i < kept->nheads; i++)
		if (kept->heads[i].seals <= fork->seals &&
			(head == NULL || kept->heads[i].seals > head->seals))
			head = &kept->heads[i];
	if (head == NULL)
		fail("the old checkpoint names no head of the %" PRId64 " seals that are from before the promotion",
			 fork->seals);
	old->size = (uint64_t) head->seals;
	memcpy(old->root, head->head, SHA256_LENGTH);
	return 1;
}

/* growth: checks a consistency proof. */
static int
check_growth(const char *proof_file, const char *old_file, const char *new_file)
{
	static Checkpoint old;
	static Checkpoint new;
	CheckpointFork fork;
	uint64_t	covered;
	int			lost;
	size_t		len;
	char	   *line = read_file(proof_file, &len);
	char	   *next = next_line(line);
	uint64_t	old_size = 0;
	uint64_t	new_size = 0;
	static Path path;

	read_checkpoint(old_file, &old);
	read_checkpoint(new_file, &new);
	if (strcmp(line, "medrec-consistency-proof-1") != 0)
		fail("%s is no consistency proof", proof_file);
	while ((line = next) != NULL)
	{
		const char *value;

		next = next_line(line);
		if ((value = value_of(line, "old")))
			old_size = number(value, "old");
		else if ((value = value_of(line, "new")))
			new_size = number(value, "new");
		else if ((value = value_of(line, "path")))
			add_node(&path, value);
		else if (*line)
			fail("the proof has a line that is not known");
	}
	if (strcmp(old.origin, new.origin) != 0)
		fail("the checkpoints are of different trails");
	covered = old.size;
	lost = find_loss(&old, &new, &fork);
	if (lost && (old_size != old.size || new_size != new.size))
		fail("the server was promoted, and of the old checkpoint's %" PRIu64 " seals the first %" PRIu64
			 " can be checked: with medrec.consistency_proof(%" PRIu64 ", %" PRIu64 ")",
			 covered, old.size, old.size, new.size);
	if (old_size != old.size || new_size != new.size)
		fail("the proof is for other numbers of seals than the checkpoints");
	if (!merkle_check_consistency(old.size, old.root, new.size, new.root,
								  (const uint8_t (*)[SHA256_LENGTH]) path.nodes, path.len))
		fail("the new trail does not begin with the old one");
	if (lost)
	{
		printf("lost: seals %" PRId64 " to %" PRIu64 " of the old checkpoint were not on the server that went on"
			   " from timeline %" PRIu32 " to timeline %" PRIu32 " at %" PRIX32 "/%" PRIX32
			   " with %" PRId64 " seals; the first %" PRIu64 " are the same\n",
			   fork.seals + 1, covered, fork.from, new.trail.timelines[fork.next].timeline,
			   (uint32_t) (fork.at >> 32), (uint32_t) fork.at, fork.seals, old.size);
		return 3;
	}
	printf("ok: the trail of %" PRIu64 " seals begins with that of %" PRIu64 "\n",
		   new.size, old.size);
	return 0;
}

/* Checks that events were sealed in time, as far as a checkpoint shows. */
static void
check_sealed(const char *file, const char *seconds)
{
	static Checkpoint checkpoint;
	uint64_t	limit = number(seconds, "the number of seconds");
	uint64_t	events;
	uint64_t	age;
	int			len = 0;

	read_checkpoint(file, &checkpoint);
	if (checkpoint.unsealed == NULL)
		fail("%s does not say what was sealed: it is of an earlier version", file);
	if (sscanf(checkpoint.unsealed, "events=%" SCNu64 " age=%" SCNu64 "%n", &events, &age, &len) != 2 ||
		checkpoint.unsealed[len] != '\0')
		fail("%s is damaged where it says what was sealed", file);
	if (events > 0 && age > limit)
		fail("%" PRIu64 " events were not sealed, the oldest for %" PRIu64 " seconds", events, age);
	printf("ok: %" PRIu64 " events were not sealed yet, the oldest for %" PRIu64 " seconds\n",
		   events, age);
}

int
main(int argc, char **argv)
{
	int			option;
	int			status = 0;

	while ((option = getopt(argc, argv, "k:n:")) != -1)
	{
		if (option == 'k')
			key_file = optarg;
		else if (option == 'n')
			key_name = optarg;
		else
			usage();
	}
	argc -= optind;
	argv += optind;
	if (argc < 2 || (key_file == NULL) != (key_name == NULL))
		usage();
	if (strcmp(argv[0], "event") == 0 && argc == 3)
		check_event(argv[1], argv[2]);
	else if (strcmp(argv[0], "growth") == 0 && argc == 4)
		status = check_growth(argv[1], argv[2], argv[3]);
	else if (strcmp(argv[0], "sign") == 0 && argc == 4 && key_file == NULL)
		sign(argv[1], argv[2], argv[3]);
	else if (strcmp(argv[0], "sealed") == 0 && argc == 3)
		check_sealed(argv[1], argv[2]);
	else if (strcmp(argv[0], "signature") == 0 && argc == 2 && key_file)
	{
		static Checkpoint checkpoint;

		read_checkpoint(argv[1], &checkpoint);
		printf("ok: signed by %s\n", key_name);
	}
	else
		usage();
	return fflush(stdout) == 0 && !ferror(stdout) ? status : 1;
}
