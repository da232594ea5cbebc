/*
 * sha256.c
 *		SHA-256 (FIPS 180-4) in plain C, with the processor's own instructions
 *		where it has them.
 *
 * Not the server's pg_cryptohash: that allocates for each hash, which costs more
 * than the two blocks of a Merkle node, and is not there without a server.
 */
#include "sha256.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define SHA256_X86
#include <cpuid.h>
#include <immintrin.h>
#endif

typedef void (*CompressFunction) (uint32_t *state, const uint8_t *data, size_t blocks);

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

#define ROTR(x, n)	(((x) >> (n)) | ((x) << (32 - (n))))

/* Takes in whole blocks, in portable C. */
static void
CompressPortable(uint32_t *state, const uint8_t *data, size_t blocks)
{
	for (; blocks > 0; blocks--, data += SHA256_BLOCK)
	{
		uint32_t	w[64];
		uint32_t	a = state[0],
					b = state[1],
					c = state[2],
					d = state[3],
					e = state[4],
					f = state[5],
					g = state[6],
					h = state[7];
		int			i;

		for (i = 0; i < 16; i++)
			w[i] = (uint32_t) data[i * 4] << 24 | (uint32_t) data[i * 4 + 1] << 16 |
				(uint32_t) data[i * 4 + 2] << 8 | (uint32_t) data[i * 4 + 3];
		for (; i < 64; i++)
			w[i] = w[i - 16] + w[i - 7] +
				(ROTR(w[i - 15], 7) ^ ROTR(w[i - 15], 18) ^ (w[i - 15] >> 3)) +
				(ROTR(w[i - 2], 17) ^ ROTR(w[i - 2], 19) ^ (w[i - 2] >> 10));
		for (i = 0; i < 64; i++)
		{
			uint32_t	t1 = h + (ROTR(e, 6) ^ ROTR(e, 11) ^ ROTR(e, 25)) +
				((e & f) ^ (~e & g)) + k[i] + w[i];
			uint32_t	t2 = (ROTR(a, 2) ^ ROTR(a, 13) ^ ROTR(a, 22)) +
				((a & b) ^ (a & c) ^ (b & c));

			h = g;
			g = f;
			f = e;
			e = d + t1;
			d = c;
			c = b;
			b = a;
			a = t1 + t2;
		}
		state[0] += a;
		state[1] += b;
		state[2] += c;
		state[3] += d;
		state[4] += e;
		state[5] += f;
		state[6] += g;
		state[7] += h;
	}
}

#ifdef SHA256_X86

/* Takes in whole blocks with the SHA extensions. */
__attribute__((target("sha,sse4.1,ssse3")))
static void
CompressX86(uint32_t *state, const uint8_t *data, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
	__m128i		abef,
				cdgh,
				t;

	/* the instructions want the state as ABEF and CDGH */
	t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) &state[0]), 0xB1);
	cdgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) &state[4]), 0x1B);
	abef = _mm_alignr_epi8(t, cdgh, 8);
	cdgh = _mm_blend_epi16(cdgh, t, 0xF0);

	for (; blocks > 0; blocks--, data += SHA256_BLOCK)
	{
		__m128i		abef_before = abef;
		__m128i		cdgh_before = cdgh;
		__m128i		m[4];
		int			i;

		for (i = 0; i < 4; i++)
			m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) (data + i * 16)), swap);
#pragma GCC unroll 16
		for (i = 0; i < 16; i++)
		{
			__m128i		w = _mm_add_epi32(m[i & 3],
										  _mm_loadu_si128((const __m128i *) &k[i * 4]));

			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, w);
			if (i >= 3 && i < 15)
			{
				t = _mm_alignr_epi8(m[i & 3], m[(i - 1) & 3], 4);
				m[(i + 1) & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(m[(i + 1) & 3], t), m[i & 3]);
			}
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(w, 0x0E));
			if (i >= 1 && i < 13)
				m[(i - 1) & 3] = _mm_sha256msg1_epu32(m[(i - 1) & 3], m[i & 3]);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}

	t = _mm_shuffle_epi32(abef, 0x1B);
	cdgh = _mm_shuffle_epi32(cdgh, 0xB1);
	_mm_storeu_si128((__m128i *) &state[0], _mm_blend_epi16(t, cdgh, 0xF0));
	_mm_storeu_si128((__m128i *) &state[4], _mm_alignr_epi8(cdgh, t, 8));
}

/* Whether the processor has the SHA extensions and what they need. */
static int
HaveX86(void)
{
	unsigned int a,
				b,
				c,
				d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}
#endif							/* SHA256_X86 */

/* The fastest way that this processor has. */
static CompressFunction
ChooseCompress(void)
{
#ifdef SHA256_X86
	if (HaveX86())
		return CompressX86;
#endif
	return CompressPortable;
}

/* Takes in whole blocks. */
static void
Compress(uint32_t *state, const uint8_t *data, size_t blocks)
{
	static CompressFunction compress = NULL;

	if (compress == NULL)
		compress = ChooseCompress();
	compress(state, data, blocks);
}

/* Starts a hash. */
void
sha256_init(Sha256 *hash)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	memcpy(hash->state, start, sizeof(start));
	hash->length = 0;
}

/* Takes in some bytes. */
void
sha256_update(Sha256 *hash, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t		used = hash->length % SHA256_BLOCK;

	hash->length += len;
	if (used > 0)
	{
		size_t		part = SHA256_BLOCK - used;

		if (len < part)
		{
			if (len > 0)
				memcpy(hash->rest + used, p, len);
			return;
		}
		memcpy(hash->rest + used, p, part);
		Compress(hash->state, hash->rest, 1);
		p += part;
		len -= part;
	}
	if (len >= SHA256_BLOCK)
	{
		Compress(hash->state, p, len / SHA256_BLOCK);
		p += len / SHA256_BLOCK * SHA256_BLOCK;
		len %= SHA256_BLOCK;
	}
	if (len > 0)
		memcpy(hash->rest, p, len);
}

/* Ends the hash and writes its 32 bytes. */
void
sha256_final(Sha256 *hash, uint8_t *digest)
{
	uint64_t	bits = hash->length * 8;
	size_t		used = hash->length % SHA256_BLOCK;
	int			i;

	hash->rest[used++] = 0x80;
	if (used > SHA256_BLOCK - 8)
	{
		memset(hash->rest + used, 0, SHA256_BLOCK - used);
		Compress(hash->state, hash->rest, 1);
		used = 0;
	}
	memset(hash->rest + used, 0, SHA256_BLOCK - 8 - used);
	for (i = 0; i < 8; i++)
		hash->rest[SHA256_BLOCK - 8 + i] = (uint8_t) (bits >> (56 - i * 8));
	Compress(hash->state, hash->rest, 1);
	for (i = 0; i < 8; i++)
	{
		digest[i * 4] = (uint8_t) (hash->state[i] >> 24);
		digest[i * 4 + 1] = (uint8_t) (hash->state[i] >> 16);
		digest[i * 4 + 2] = (uint8_t) (hash->state[i] >> 8);
		digest[i * 4 + 3] = (uint8_t) hash->state[i];
	}
}
