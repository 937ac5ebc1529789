// SPDX-License-Identifier: Apache-2.0
/*
 * random.c - numbers from a seed.
 *
 * log and exp are our own: libm's differ in the last bit from one machine to the next (it chooses
 * by what the CPU has), and a schedule must be the same on all of them. What is used here, + - * /
 * and sqrt, is exact to the bit by IEEE 754; bench/meson.build forbids to fuse them.
 */
#include "bench/load/random.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide;

static uint64_t rotate(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

void bench_random_seed(struct bench_random *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		r->s[i] = z ^ (z >> 31);
	}
}

uint64_t bench_random_next(struct bench_random *r)
{
	uint64_t *s = r->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* Lemire: the upper half of a product is fair but for the few values that are refused. */
uint64_t bench_random_below(struct bench_random *r, uint64_t limit)
{
	wide product = (wide)bench_random_next(r) * limit;

	if ((uint64_t)product < limit) {
		uint64_t refused = -limit % limit;

		while ((uint64_t)product < refused)
			product = (wide)bench_random_next(r) * limit;
	}
	return (uint64_t)(product >> 64);
}

double bench_random_unit(struct bench_random *r)
{
	return ((double)(bench_random_next(r) >> 12) + 0.5) * 0x1p-52;
}

/* ln of x > 0: x = m 2^e with m near 1, and ln m = 2 atanh((m - 1) / (m + 1)). */
static double natural_log(double x)
{
	int e;
	double m = frexp(x, &e), s, sum = 0;

	if (m < 0.70710678118654752) {
		m *= 2;
		e--;
	}
	s = (m - 1) / (m + 1);
	for (int k = 23; k > 0; k -= 2) /* |s| < 0.172: what is left out is below 1e-18 */
		sum = sum * s * s + 1.0 / k;
	return 2 * s * sum + e * 0.69314718055994531;
}

/* e^x for x <= 0: 2^k e^t with |t| < 0.35. */
static double natural_exp(double x)
{
	double k = floor(x / 0.69314718055994531 + 0.5), t = x - k * 0.69314718055994531, sum = 1;

	if (k < -1100)
		return 0;
	for (int i = 18; i > 0; i--)
		sum = 1 + sum * t / i;
	return ldexp(sum, (int)k);
}

double bench_random_exponential(struct bench_random *r)
{
	return -natural_log(bench_random_unit(r));
}

/* Marsaglia's polar method; its second number is not kept: there is no state beside s[]. */
static double normal(struct bench_random *r)
{
	double x, y, q;

	do {
		x = 2 * bench_random_unit(r) - 1;
		y = 2 * bench_random_unit(r) - 1;
		q = x * x + y * y;
	} while (q >= 1 || q == 0);
	return x * sqrt(-2 * natural_log(q) / q);
}

double bench_random_gamma(struct bench_random *r, double shape)
{
	double d, c, x, v, boost = 1;

	if (shape < 1) { /* gamma(a) = gamma(a + 1) * unit^(1/a) */
		boost = natural_exp(natural_log(bench_random_unit(r)) / shape);
		shape += 1;
	}
	d = shape - 1.0 / 3;
	c = 1 / sqrt(9 * d);
	for (;;) {
		do {
			x = normal(r);
			v = 1 + c * x;
		} while (v <= 0);
		v = v * v * v;
		if (natural_log(bench_random_unit(r)) < 0.5 * x * x + d * (1 - v + natural_log(v)))
			return boost * d * v;
	}
}
