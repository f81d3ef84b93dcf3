/* SPDX-License-Identifier: Apache-2.0
 * One WAV file to both laws: libsndfile reads, channels are averaged, speexdsp resamples. */
#include "media/prompt.h"
#include "media/rtp.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <speex/speex_resampler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 4096, MAX_CHANNELS = 8, RESAMPLER_QUALITY = 7, MAX_RATE = 384000 };

/* 16-bit samples at 8 kHz, growing. */
struct pcm {
    int16_t *sample;
    size_t count, room;
};

static int pcm_append(struct pcm *pcm, const float *from, size_t count) {
    if (pcm->count + count > (size_t)PROMPT_MAX_SECONDS * RTP_RATE)
        return -EFBIG;
    if (pcm->count + count > pcm->room) {
        size_t room = (pcm->count + count) * 2;
        int16_t *grown = realloc(pcm->sample, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        pcm->sample = grown;
        pcm->room = room;
    }
    for (size_t i = 0; i < count; i++) {
        float v = from[i] * 32768.0f;
        if (!(v > -32768.0f)) /* also takes NaN out */
            v = -32768.0f;
        if (v > 32767.0f)
            v = 32767.0f;
        pcm->sample[pcm->count++] = (int16_t)lrintf(v);
    }
    return 0;
}

static int resample(SpeexResamplerState *state, struct pcm *pcm, const float *in, size_t count) {
    float out[1024];
    while (count) {
        spx_uint32_t taken = (spx_uint32_t)count, made = ARRAY_LEN(out);
        if (speex_resampler_process_float(state, 0, in, &taken, out, &made) != RESAMPLER_ERR_SUCCESS)
            return -EINVAL;
        int err = pcm_append(pcm, out, made);
        if (err)
            return err;
        if (!taken && !made)
            return -EINVAL;
        in += taken;
        count -= taken;
    }
    return 0;
}

/* The resampler holds back its filter's length: push it out with silence, and keep the length exact. */
static int flush(SpeexResamplerState *state, struct pcm *pcm, size_t wanted) {
    static const float zeros[256];
    while (pcm->count < wanted) {
        int err = resample(state, pcm, zeros, ARRAY_LEN(zeros));
        if (err)
            return err;
    }
    pcm->count = wanted;
    return 0;
}

static int read_all(SNDFILE *file, const SF_INFO *info, SpeexResamplerState *state, struct pcm *pcm) {
    float *block = malloc(sizeof *block * BLOCK * (size_t)info->channels), mono[BLOCK];
    int err = block ? 0 : -ENOMEM;
    uint64_t frames = 0;
    sf_count_t got;
    while (!err && (got = sf_readf_float(file, block, BLOCK)) > 0) {
        for (sf_count_t i = 0; i < got; i++) {
            float sum = 0;
            for (int c = 0; c < info->channels; c++)
                sum += block[i * info->channels + c];
            mono[i] = sum / (float)info->channels;
        }
        frames += (uint64_t)got;
        err = state ? resample(state, pcm, mono, (size_t)got) : pcm_append(pcm, mono, (size_t)got);
    }
    if (!err && state)
        err = flush(state, pcm, (size_t)(frames * RTP_RATE / (uint64_t)info->samplerate));
    free(block);
    return err;
}

static int encode(struct prompt **promptp, const struct pcm *pcm) {
    struct prompt *prompt = calloc(1, sizeof *prompt);
    if (!prompt)
        return -ENOMEM;
    prompt->samples = (uint32_t)pcm->count;
    for (int law = 0; law < LAWS; law++) {
        prompt->law[law] = malloc(pcm->count);
        if (!prompt->law[law]) {
            prompt_free(prompt);
            return -ENOMEM;
        }
        law_encode(prompt->law[law], pcm->sample, pcm->count, law);
    }
    *promptp = prompt;
    return 0;
}

int prompt_load(struct prompt **promptp, const char *path, char *error, size_t error_size) {
    SF_INFO info = {0};
    struct pcm pcm = {0};
    SpeexResamplerState *state = NULL;
    int err = 0, speex_err = 0;
    struct stat st;
    snprintf(error, error_size, "%s", "");
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a fifo would block us */
        snprintf(error, error_size, "not a regular file");
        return -EINVAL;
    }
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file) {
        snprintf(error, error_size, "%s", sf_strerror(NULL));
        return stat(path, &st) ? -ENOENT : -EINVAL;
    }
    if (info.channels < 1 || info.channels > MAX_CHANNELS || info.samplerate < 1000 ||
        info.samplerate > MAX_RATE) {
        snprintf(error, error_size, "%d channels at %d Hz", info.channels, info.samplerate);
        err = -EINVAL;
        goto out;
    }
    if (info.samplerate != RTP_RATE) {
        state =
            speex_resampler_init(1, (spx_uint32_t)info.samplerate, RTP_RATE, RESAMPLER_QUALITY, &speex_err);
        err = state ? 0 : -ENOMEM;
        if (state)
            speex_resampler_skip_zeros(state);
    }
    if (!err)
        err = read_all(file, &info, state, &pcm);
    if (!err && pcm.count == 0)
        err = -EINVAL;
    if (!err)
        err = encode(promptp, &pcm);
    if (err)
        snprintf(error, error_size, "%s",
                 err == -EFBIG    ? "longer than two hours"
                 : err == -EINVAL ? "no audio in it"
                                  : strerror(-err));
out:
    if (state)
        speex_resampler_destroy(state);
    free(pcm.sample);
    sf_close(file);
    return err;
}

void prompt_free(struct prompt *prompt) {
    if (!prompt)
        return;
    for (int law = 0; law < LAWS; law++)
        free(prompt->law[law]);
    free(prompt);
}
