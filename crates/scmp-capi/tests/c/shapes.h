/*
 * Filters of random shapes, the same with every library: 1 to 800 rules, all operators, 1 to 6 comparisons, 1 to 4
 * architectures.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SHAPES_H
#define SHAPES_H

#include <seccomp.h>
#include <stdint.h>

struct shape {
	int rules;
	int syscalls;
	int comparisons;
	int arches;
	/* A comparison of SCMP_CMP_NE to SCMP_CMP_MASKED_EQ; 0 for any, -1 for equalities with and without masks. */
	int operator;
	/* Constants: 0 any, 1 single bits, 2 small numbers. */
	int constants;
};

static __thread uint64_t shape_state;

static uint64_t shape_random(uint64_t below)
{
	shape_state += 0x9e3779b97f4a7c15u;
	uint64_t z = shape_state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

/* The shape of a number, and the state from which its rules follow. */
static struct shape shape_of(unsigned long number)
{
	static const int sizes[] = {3, 12, 40, 150, 800};
	struct shape shape;

	shape_state = number * 0x2545f4914f6cdd1du;
	shape.rules = 1 + (int)shape_random((uint64_t)sizes[shape_random(5)]);
	shape.syscalls = 1 + (int)shape_random(shape_random(2) ? 4 : 300);
	shape.comparisons = (int)shape_random(7);
	shape.arches = 1 + (int)shape_random(4);
	shape.operator = shape_random(3) ? (int)shape_random(9) - 1 : -1;
	shape.constants = (int)shape_random(3);
	return shape;
}

static uint64_t shape_constant(int kind)
{
	switch (kind) {
	case 0: return shape_random(UINT64_MAX) << shape_random(2) * 32;
	case 1: return UINT64_C(1) << shape_random(64);
	default: return shape_random(64);
	}
}

/* The next rule: how many comparisons it has. */
static unsigned int shape_rule(const struct shape *shape, struct scmp_arg_cmp *args, int *syscall)
{
	unsigned int count = shape->comparisons ? 1 + (unsigned int)shape_random((uint64_t)shape->comparisons) : 0;

	*syscall = (int)shape_random((uint64_t)shape->syscalls);
	for (unsigned int i = 0; i < count; i++) {
		int operator = shape->operator;

		if (operator == 0)
			operator = 1 + (int)shape_random(7);
		if (operator < 0)
			operator = shape_random(2) ? SCMP_CMP_EQ : SCMP_CMP_MASKED_EQ;
		args[i].arg = i;
		args[i].op = (enum scmp_compare)operator;
		args[i].datum_a = shape_constant(shape->constants);
		args[i].datum_b = shape_random(2) ? args[i].datum_a : 0;
	}
	return count;
}

#endif
