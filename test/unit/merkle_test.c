/*
 * merkle_test.c
 *		Unit tests of src/sha256.h and src/merkle.c, TAP on standard output.
 *
 * The trees are compared with the definitions of RFC 6962, written down here as
 * they stand there; every proof of every tree of up to 70 leaves is checked, and
 * that none passes with anything about it changed.
 */
#include "hash/sha256.h"
#include "hash/merkle.c"

#include <stdio.h>
#include <stdlib.h>

#define LEAVES	70

static uint8_t leaves[LEAVES][SHA256_LENGTH];
static int	tests;
static int	failures;

/* Reports one test. */
static void
ok(bool passed, const char *what)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, what);
	if (!passed)
		failures++;
}

/* Hexadecimal of a hash. */
static const char *
hex(const uint8_t *hash)
{
	static char text[2 * SHA256_LENGTH + 1];
	int			i;

	for (i = 0; i < SHA256_LENGTH; i++)
		sprintf(text + 2 * i, "%02x", hash[i]);
	return text;
}

/* MTH of RFC 6962, 2.1. */
static void
reference(int from, int n, uint8_t *hash)
{
	uint8_t		left[SHA256_LENGTH];
	uint8_t		right[SHA256_LENGTH];
	int			k = 1;

	if (n == 1)
	{
		memcpy(hash, leaves[from], SHA256_LENGTH);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	reference(from, k, left);
	reference(from + k, n - k, right);
	merkle_node(left, right, hash);
}

/* One hash of a text, in two pieces. */
static const char *
hash_of(const char *text, size_t len, size_t cut)
{
	static uint8_t digest[SHA256_LENGTH];
	Sha256		sha;

	sha256_init(&sha);
	sha256_update(&sha, text, cut);
	sha256_update(&sha, text + cut, len - cut);
	sha256_final(&sha, digest);
	return hex(digest);
}

/* SHA-256 itself: the examples of FIPS 180-4. */
static void
test_sha256(void)
{
	const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	char	   *million = malloc(1000000);

	memset(million, 'a', 1000000);
	ok(strcmp(hash_of("", 0, 0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") == 0, "SHA-256 of nothing");
	ok(strcmp(hash_of("abc", 3, 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0, "SHA-256 of abc");
	ok(strcmp(hash_of(two_blocks, 56, 3), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") == 0, "SHA-256 of two blocks");
	ok(strcmp(hash_of(million, 1000000, 77777), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0, "SHA-256 of a million letters");
	free(million);
}

/* Roots and inclusion proofs of all trees. */
static void
test_inclusion(void)
{
	bool		roots = true;
	bool		proofs = true;
	bool		honest = true;
	int			n;
	int			i;

	for (n = 1; n <= LEAVES; n++)
	{
		uint8_t		root[SHA256_LENGTH];

		reference(0, n, root);
		for (i = 0; i < n; i++)
		{
			MerkleTree	tree;
			uint8_t		found[SHA256_LENGTH];
			int			j;

			merkle_init(&tree);
			merkle_watch(&tree, i);
			for (j = 0; j < n; j++)
				merkle_add(&tree, leaves[j]);
			merkle_root(&tree, found);
			roots = roots && memcmp(root, found, SHA256_LENGTH) == 0;
			proofs = proofs && merkle_check_inclusion(leaves[i], i, n, tree.path, tree.path_len, root);

			honest = honest && !merkle_check_inclusion(leaves[(i + 1) % LEAVES], i, n, tree.path, tree.path_len, root);
			honest = honest && !merkle_check_inclusion(leaves[i], i + n, n, tree.path, tree.path_len, root);
			if (n > 1)
			{
				honest = honest && !merkle_check_inclusion(leaves[i], i, n, tree.path, tree.path_len - 1, root);
				honest = honest && !merkle_check_inclusion(leaves[i], i ^ 1, n, tree.path, tree.path_len, root);
				j = rand() % tree.path_len;
				tree.path[j][rand() % SHA256_LENGTH] ^= 1;
				honest = honest && !merkle_check_inclusion(leaves[i], i, n, tree.path, tree.path_len, root);
			}
		}
	}
	ok(roots, "roots are those of RFC 6962, up to 70 leaves");
	ok(proofs, "every leaf's path leads to the root");
	ok(honest, "another leaf, place, shorter or changed path does not lead to the root");
}

/* Consistency proofs between all trees. */
static void
test_consistency(void)
{
	bool		proofs = true;
	bool		honest = true;
	int			m;
	int			n;

	for (n = 1; n <= LEAVES; n++)
		for (m = 1; m <= n; m++)
		{
			uint8_t		path[MERKLE_LEVELS + 1][SHA256_LENGTH];
			uint8_t		old_root[SHA256_LENGTH];
			uint8_t		new_root[SHA256_LENGTH];
			uint8_t		wrong[SHA256_LENGTH];
			int			len = merkle_consistency(leaves[0], m, n, path);

			reference(0, m, old_root);
			reference(0, n, new_root);
			proofs = proofs && merkle_check_consistency(m, old_root, n, new_root, path, len);

			memcpy(wrong, old_root, SHA256_LENGTH);
			wrong[m % SHA256_LENGTH] ^= 1;
			honest = honest && !merkle_check_consistency(m, wrong, n, new_root, path, len);
			memcpy(wrong, new_root, SHA256_LENGTH);
			wrong[n % SHA256_LENGTH] ^= 1;
			honest = honest && !merkle_check_consistency(m, old_root, n, wrong, path, len);
			if (len > 0)
			{
				honest = honest && !merkle_check_consistency(m, old_root, n, new_root, path, len - 1);
				path[rand() % len][0] ^= 1;
				honest = honest && !merkle_check_consistency(m, old_root, n, new_root, path, len);
			}
			honest = honest && !merkle_check_consistency(n + 1, old_root, n, new_root, path, len);
		}
	ok(proofs, "every tree is proved to begin with every smaller one");
	ok(honest, "another root, shorter or changed path is refused");
	ok(!merkle_check_consistency(0, leaves[0], 1, leaves[0], NULL, 0), "a proof from an empty tree is refused");
}

/* Trees that are put away and taken up again. */
static void
test_restore(void)
{
	bool		same = true;
	int			n;
	MerkleTree	tree;

	merkle_init(&tree);
	for (n = 0; n < LEAVES; n++)
	{
		MerkleTree	again;
		uint8_t		a[SHA256_LENGTH];
		uint8_t		b[SHA256_LENGTH];

		same = same && merkle_restore(&again, tree.size, tree.nodes[0], (size_t) tree.nnodes * SHA256_LENGTH);
		same = same && !merkle_restore(&again, tree.size + 1, tree.nodes[0], (size_t) (tree.nnodes + 3) * SHA256_LENGTH);
		same = same && merkle_restore(&again, tree.size, tree.nodes[0], (size_t) tree.nnodes * SHA256_LENGTH);
		merkle_add(&tree, leaves[n]);
		merkle_add(&again, leaves[n]);
		merkle_root(&tree, a);
		merkle_root(&again, b);
		same = same && memcmp(a, b, SHA256_LENGTH) == 0;
	}
	ok(same, "a tree can be continued from its frontier");
}

int
main(void)
{
	int			i;

	for (i = 0; i < LEAVES; i++)
		merkle_leaf(&i, sizeof(i), leaves[i]);
	test_sha256();
	test_inclusion();
	test_consistency();
	test_restore();
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}
