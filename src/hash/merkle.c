/*
 * hash/merkle.c
 *		Merkle trees as RFC 6962 has them: roots, proofs, and their checks.
 */
#include "hash/merkle.h"

#include <string.h>

static void Join(MerkleTree *tree, const uint8_t *left, uint8_t *right,
				 uint64_t start, uint64_t middle, uint64_t end);
static uint64_t SplitOf(uint64_t n);
static void RootOf(const uint8_t *leaves, uint64_t n, uint8_t *root);

/* The hash of a leaf. */
void
merkle_leaf(const void *data, size_t len, uint8_t *hash)
{
	const uint8_t prefix = 0;
	Sha256		sha;

	sha256_init(&sha);
	sha256_update(&sha, &prefix, 1);
	sha256_update(&sha, data, len);
	sha256_final(&sha, hash);
}

/* The hash of an inner node; it may be written over one of the two below. */
void
merkle_node(const uint8_t *left, const uint8_t *right, uint8_t *hash)
{
	uint8_t		text[1 + 2 * SHA256_LENGTH];
	Sha256		sha;

	text[0] = 1;
	memcpy(text + 1, left, SHA256_LENGTH);
	memcpy(text + 1 + SHA256_LENGTH, right, SHA256_LENGTH);
	sha256_init(&sha);
	sha256_update(&sha, text, sizeof(text));
	sha256_final(&sha, hash);
}

/* Starts an empty tree. */
void
merkle_init(MerkleTree *tree)
{
	tree->size = 0;
	tree->nnodes = 0;
	tree->watching = false;
	tree->path_len = 0;
}

/* Asks, before it is added, for the way from a leaf to the root. */
void
merkle_watch(MerkleTree *tree, uint64_t index)
{
	tree->watching = true;
	tree->watched = index;
	tree->path_len = 0;
}

/* Replaces the right one of two nodes by their parent; the leaves are [start, middle) and [middle, end). */
static void
Join(MerkleTree *tree, const uint8_t *left, uint8_t *right,
	 uint64_t start, uint64_t middle, uint64_t end)
{
	if (tree->watching && tree->watched >= start && tree->watched < end &&
		tree->path_len < MERKLE_LEVELS)
		memcpy(tree->path[tree->path_len++],
			   tree->watched < middle ? right : left, SHA256_LENGTH);
	merkle_node(left, right, right);
}

/* Adds a leaf, given its hash. */
void
merkle_add(MerkleTree *tree, const uint8_t *leaf)
{
	uint8_t		hash[SHA256_LENGTH];
	uint64_t	end = tree->size + 1;
	uint64_t	width = 1;

	memcpy(hash, leaf, SHA256_LENGTH);
	/* like the carry of an addition */
	for (; tree->size & width; width <<= 1)
	{
		tree->nnodes--;
		Join(tree, tree->nodes[tree->nnodes], hash, end - 2 * width, end - width, end);
	}
	memcpy(tree->nodes[tree->nnodes++], hash, SHA256_LENGTH);
	tree->size = end;
}

/* The root of the tree as it is; that of an empty one is the hash of nothing. */
void
merkle_root(MerkleTree *tree, uint8_t *root)
{
	uint64_t	middle = tree->size;
	uint64_t	width = 1;
	int			i;

	if (tree->size == 0)
	{
		Sha256		sha;

		sha256_init(&sha);
		sha256_final(&sha, root);
		return;
	}
	memcpy(root, tree->nodes[tree->nnodes - 1], SHA256_LENGTH);
	while (!(tree->size & width))
		width <<= 1;
	middle -= width;
	for (i = tree->nnodes - 2; i >= 0; i--)
	{
		do
			width <<= 1;
		while (!(tree->size & width));
		Join(tree, tree->nodes[i], root, middle - width, middle, tree->size);
		middle -= width;
	}
}

/* Makes a tree from the roots of its full subtrees; false if they do not fit its size. */
bool
merkle_restore(MerkleTree *tree, uint64_t size, const uint8_t *nodes, size_t len)
{
	uint64_t	rest;
	int			ones = 0;

	for (rest = size; rest; rest &= rest - 1)
		ones++;
	merkle_init(tree);
	if (len != (size_t) ones * SHA256_LENGTH)
		return false;
	tree->size = size;
	tree->nnodes = ones;
	if (len > 0)
		memcpy(tree->nodes, nodes, len);
	return true;
}

/* The largest power of two below n, which is more than 1. */
static uint64_t
SplitOf(uint64_t n)
{
	uint64_t	k = 1;

	while (k < n - k)
		k <<= 1;
	return k;
}

/* The root over n leaves. */
static void
RootOf(const uint8_t *leaves, uint64_t n, uint8_t *root)
{
	MerkleTree	tree;
	uint64_t	i;

	merkle_init(&tree);
	for (i = 0; i < n; i++)
		merkle_add(&tree, leaves + i * SHA256_LENGTH);
	merkle_root(&tree, root);
}

/*
 * The proof that a tree of new_size leaves begins with the one of old_size;
 * returns its length.  0 < old_size <= new_size.
 */
int
merkle_consistency(const uint8_t *leaves, uint64_t old_size, uint64_t new_size,
				   uint8_t path[][SHA256_LENGTH])
{
	/* what goes into the path on the way down comes out on the way up */
	uint8_t		down[MERKLE_LEVELS][SHA256_LENGTH];
	int			depth = 0;
	int			len = 0;
	uint64_t	m = old_size;
	uint64_t	n = new_size;
	bool		whole = true;

	while (m != n)
	{
		uint64_t	k = SplitOf(n);

		if (m <= k)
		{
			RootOf(leaves + k * SHA256_LENGTH, n - k, down[depth++]);
			n = k;
		}
		else
		{
			RootOf(leaves, k, down[depth++]);
			leaves += k * SHA256_LENGTH;
			m -= k;
			n -= k;
			whole = false;
		}
	}
	if (!whole)
		RootOf(leaves, m, path[len++]);
	while (depth > 0)
		memcpy(path[len++], down[--depth], SHA256_LENGTH);
	return len;
}

/* Whether a path leads from a leaf to the root (RFC 9162, 2.1.3.2). */
bool
merkle_check_inclusion(const uint8_t *leaf, uint64_t index, uint64_t size,
					   const uint8_t path[][SHA256_LENGTH], int path_len,
					   const uint8_t *root)
{
	uint8_t		hash[SHA256_LENGTH];
	uint64_t	fn = index;
	uint64_t	sn = size - 1;
	int			i;

	if (index >= size)
		return false;
	memcpy(hash, leaf, SHA256_LENGTH);
	for (i = 0; i < path_len; i++)
	{
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn)
		{
			merkle_node(path[i], hash, hash);
			while (!(fn & 1) && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		else
			merkle_node(hash, path[i], hash);
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(hash, root, SHA256_LENGTH) == 0;
}

/* Whether a path shows that the new tree begins with the old one (RFC 9162, 2.1.4.2). */
bool
merkle_check_consistency(uint64_t old_size, const uint8_t *old_root,
						 uint64_t new_size, const uint8_t *new_root,
						 const uint8_t path[][SHA256_LENGTH], int path_len)
{
	uint8_t		old_hash[SHA256_LENGTH];
	uint8_t		new_hash[SHA256_LENGTH];
	uint64_t	fn = old_size - 1;
	uint64_t	sn = new_size - 1;
	int			i = 0;

	if (old_size == 0 || old_size > new_size)
		return false;
	if (old_size == new_size)
		return path_len == 0 && memcmp(old_root, new_root, SHA256_LENGTH) == 0;

	/* an old tree that is a full subtree is the first node itself */
	if ((old_size & (old_size - 1)) == 0)
		memcpy(old_hash, old_root, SHA256_LENGTH);
	else
	{
		if (path_len == 0)
			return false;
		memcpy(old_hash, path[i++], SHA256_LENGTH);
	}
	memcpy(new_hash, old_hash, SHA256_LENGTH);
	while (fn & 1)
	{
		fn >>= 1;
		sn >>= 1;
	}
	for (; i < path_len; i++)
	{
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn)
		{
			merkle_node(path[i], old_hash, old_hash);
			merkle_node(path[i], new_hash, new_hash);
			while (!(fn & 1) && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		else
			merkle_node(new_hash, path[i], new_hash);
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(old_hash, old_root, SHA256_LENGTH) == 0 &&
		memcmp(new_hash, new_root, SHA256_LENGTH) == 0;
}
