/* SPDX-License-Identifier: Apache-2.0 */
/*
 * post.h - a post on its way: its fields, and how long they may be.
 *
 *     user      name of who posts                        from the client
 *     text      what is said, UTF-8                      from the client; `text` shortens its URLs
 *     media     ID.TYPE, with commas between             from the client; `media` checks them
 *     id        64 bits, rising with time                from `unique-id`
 *     author    number of the user                       from `user`
 *     mentions  numbers of users, with commas between    from `text`
 *
 * For: all functions of the chain. Fields are encoded as form.h says.
 */
#ifndef SOCIAL_POST_H
#define SOCIAL_POST_H

#define POST_TEXT_MAX 1024U /* bytes of the text */
#define POST_MEDIA_MAX 128U /* bytes of the field */
#define POST_MEDIA_COUNT 4U
#define POST_LINK_COUNT 8U /* URLs in a text */
#define POST_MENTION_COUNT 8U
#define POST_RECORD_MAX 8192U /* bytes of a record: every byte of a text may need three */

/* What the body is, told by the topic. */
#define TOPIC_POST "post"           /* a record */
#define TOPIC_READ "read"           /* to store: ids, one a line */
#define TOPIC_SHORTEN "shorten"     /* to url-shorten: URLs, one a line */
#define TOPIC_RESOLVE "resolve"     /* to user-mention: names, one a line */
#define TOPIC_FOLLOWERS "followers" /* to graph: number of a user */

#endif
