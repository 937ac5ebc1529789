/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - what one function of the chain tells the next: the body between them.
 *
 * For: all functions. How: JSON of one fixed shape, so that any hop can be looked at
 * with a plain eye, written by one format and read by its mirror:
 *
 *     {"plate":"AB-1234","box":[118,127,90,22],"image":[320,240]
 *      ,"holder":"Ada Lovelace","minutes":95    once search or index know it
 *      ,"ticket":7}                             of a visitor
 *
 * Thread-safety: no state.
 */
#ifndef PARKING_RECORD_H
#define PARKING_RECORD_H

#include <stdint.h>

#include <sprocket.h>

#include "finder.h"
#include "plate.h"

#define RECORD_TEXT_MAX 256U
#define RECORD_NUMBER_MAX 99999U /* of every number in it: five digits */
#define RECORD_HOLDER_MAX 48U    /* bytes; printable, without quote and backslash */

struct record {
	char plate[PLATE_LENGTH_MAX + 1];
	char holder[RECORD_HOLDER_MAX + 1]; /* "": not known yet */
	struct box box;                     /* of the plate, in pixels of the image */
	uint32_t image_width;
	uint32_t image_height;
	uint32_t minutes; /* parked so far */
	uint32_t ticket;  /* of a visitor; 0 = none */
};

/* Reads the request's body. Returns 0 and *ret, or -EBADMSG when it is no record. */
SP_MUST_USE int record_read(sp_request *req, struct record *ret);

/* Replaces the body by the record. Returns 0 or -ENOSPC. */
SP_MUST_USE int record_write(sp_request *req, const struct record *record);

#endif
