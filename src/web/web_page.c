/* SPDX-License-Identifier: Apache-2.0
 * The wallboard's page, taken into the program as it is written in wallboard.html. */
#include "web/internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

extern const char web_wallboard[], web_wallboard_end[];
__asm__(".section .rodata\n"
        ".global web_wallboard, web_wallboard_end\n"
        ".hidden web_wallboard, web_wallboard_end\n"
        "web_wallboard:\n"
        ".incbin \"src/web/wallboard.html\"\n"
        "web_wallboard_end:\n"
        ".byte 0\n"
        ".previous\n");

const char *web_page(size_t *length) {
    *length = (size_t)(web_wallboard_end - web_wallboard);
    return web_wallboard;
}

/* 'sha256-BASE64' of what stands between the two tags (Content Security Policy Level 2). */
static int hash_between(const char *open, const char *close, char *out, size_t size) {
    unsigned char digest[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    unsigned length;
    const char *from = strstr(web_wallboard, open), *to = from ? strstr(from, close) : NULL;
    if (!to)
        return -EINVAL;
    from += strlen(open);
    if (!EVP_Digest(from, (size_t)(to - from), digest, &length, EVP_sha256(), NULL))
        return -ENOMEM;
    EVP_EncodeBlock(text, digest, (int)length);
    return snprintf(out, size, "'sha256-%s'", (char *)text) < (int)size ? 0 : -ENAMETOOLONG;
}

int web_page_policy(char *policy, size_t size) {
    char script[80], style[80];
    int err = hash_between("<script>", "</script>", script, sizeof script);
    if (!err)
        err = hash_between("<style>", "</style>", style, sizeof style);
    if (err)
        return err;
    int n =
        snprintf(policy, size,
                 "default-src 'none'; script-src %s; style-src %s; connect-src 'self'; img-src 'self' data:; "
                 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                 script, style);
    return n < (int)size ? 0 : -ENAMETOOLONG;
}
