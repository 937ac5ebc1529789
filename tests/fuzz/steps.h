/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps.h - descriptors as fuzz inputs write them: short, and near to what could be true.
 *
 * For: fuzz targets that send what functions send. Thread-safety: pure.
 */
#ifndef SPROCKET_TESTS_FUZZ_STEPS_H
#define SPROCKET_TESTS_FUZZ_STEPS_H

#include "tests/bpf/model.h"

enum { STEPS_DESC = 8 };

/* Eight bytes: buffer, generation less that of the model, length (two), edge, flags, home (two;
 * 0xff in the second: whose home the buffer has). */
static inline struct sp_desc steps_desc(const struct model *m, const uint8_t *at)
{
	const struct model_buffer *b = &m->buffers[at[0] % MODEL_BUFFERS];

	return (struct sp_desc){
		.buf = at[0] < 250 ? at[0] % MODEL_BUFFERS : (uint32_t)at[0] << 24,
		.gen = b->gen + (uint32_t)(int8_t)at[1],
		.len = (uint32_t)(at[2] | at[3] << 8),
		.edge = at[4],
		.flags = at[5],
		.home = at[7] == 0xff ? b->home : (uint16_t)(at[6] | at[7] << 8),
	};
}

#endif
