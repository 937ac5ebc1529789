// SPDX-License-Identifier: Apache-2.0
/* histogram_text.c - a histogram told to others: .hgrm and JSON. */
#include "bench/histogram.h"
