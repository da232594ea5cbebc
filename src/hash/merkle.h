/*
 * hash/merkle.h
 *		Merkle trees as RFC 6962 has them: roots, proofs, and their checks.
 *
 * Without the server's headers: medrec-verify uses it as well.
 */
#ifndef MEDREC_MERKLE_H
#define MEDREC_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash/sha256.h"

/* no tree is higher */
#define MERKLE_LEVELS	64

/*
 * A tree that grows by one leaf after the other, in constant memory: the roots
 * of its full subtrees, the largest first.  Where a leaf is watched, the way from
 * it to the root is collected.
 */
typedef struct MerkleTree
{
	uint64_t	size;
	int			nnodes;			/* number of ones in size */
	uint8_t		nodes[MERKLE_LEVELS][SHA256_LENGTH];
	bool		watching;
	uint64_t	watched;		/* place of the leaf, from 0 */
	int			path_len;
	uint8_t		path[MERKLE_LEVELS][SHA256_LENGTH];
} MerkleTree;

extern void merkle_leaf(const void *data, size_t len, uint8_t *hash);
extern void merkle_node(const uint8_t *left, const uint8_t *right, uint8_t *hash);

extern void merkle_init(MerkleTree *tree);
extern void merkle_watch(MerkleTree *tree, uint64_t index);
extern void merkle_add(MerkleTree *tree, const uint8_t *leaf);
extern void merkle_root(MerkleTree *tree, uint8_t *root);
extern bool merkle_restore(MerkleTree *tree, uint64_t size, const uint8_t *nodes, size_t len);

/* leaves: n hashes one behind the other; path: room for MERKLE_LEVELS + 1 hashes */
extern int	merkle_consistency(const uint8_t *leaves, uint64_t old_size, uint64_t new_size,
							   uint8_t path[][SHA256_LENGTH]);

extern bool merkle_check_inclusion(const uint8_t *leaf, uint64_t index, uint64_t size,
								   const uint8_t path[][SHA256_LENGTH], int path_len,
								   const uint8_t *root);
extern bool merkle_check_consistency(uint64_t old_size, const uint8_t *old_root,
									 uint64_t new_size, const uint8_t *new_root,
									 const uint8_t path[][SHA256_LENGTH], int path_len);

#endif							/* MEDREC_MERKLE_H */
