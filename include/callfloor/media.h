/* SPDX-License-Identifier: Apache-2.0
 *
 * media: the audio engine. RTP, digits, prompts, joining; on a thread of its own, which shares with the
 * control thread only two rings. Implements media_port; see ports.h.
 */
#ifndef CALLFLOOR_MEDIA_H
#define CALLFLOOR_MEDIA_H

#include "callfloor/loop.h"
#include "callfloor/ports.h"

struct conf;
struct media;

/* Loads all prompts of conf->prompts_dir (*.wav, any rate, mono or stereo; converted once to both G.711
 * laws); an unreadable file is logged and left out. Starts the thread. */
int media_create(struct media **mp, struct loop *loop, const struct conf *conf);
struct media_port media_get_port(struct media *media);
void media_start(struct media *media, const struct media_sink *sink);
/* Loads new and changed prompts; ones in use stay until they are no longer heard. */
int media_reload(struct media *media, const struct conf *conf);
void media_destroy(struct media *media);

/* Which prompts named in conf have no file: calls fn with each. For `callfloord -t`; starts nothing. */
void media_missing_prompts(const struct conf *conf, void (*fn)(void *arg, const char *name), void *arg);

#endif
