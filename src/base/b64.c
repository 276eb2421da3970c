#include "base/b64.h"

#include "base/arena.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static str encode(arena *a, str bytes, const char *alphabet, bool padded)
{
    char *text = arena_alloc(a, (bytes.len + 2) / 3 * 4 + 1), *at = text;
    const unsigned char *p = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = MIN(bytes.len - i, (size_t)3);
        uint32_t word = (uint32_t)p[i] << 16;
        if (left > 1) word |= (uint32_t)p[i + 1] << 8;
        if (left > 2) word |= p[i + 2];
        for (size_t k = 0; k <= left; k++) *at++ = alphabet[word >> (18 - 6 * k) & 63];
        for (size_t k = left; padded && k < 3; k++) *at++ = '=';
    }
    *at = '\0';
    return (str){text, (size_t)(at - text)};
}

str b64_encode(arena *a, str bytes)
{
    return encode(a, bytes, standard, true);
}

str b64_encode_url(arena *a, str bytes)
{
    return encode(a, bytes, url_safe, false);
}

static int digit_of(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

static err *decode(arena *a, str text, const char *alphabet, bool padding_needed, str *out)
{
    char *bytes = arena_alloc(a, text.len / 4 * 3 + 4);
    size_t len = 0, digits = 0, pads = 0;
    uint32_t word = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\n' || c == '\r') continue;
        int digit = digit_of(c, alphabet);
        bool pad = c == '=' && digits % 4 >= 2 && digits % 4 + pads < 4;
        if (pad) {
            pads++;
            continue;
        }
        if (digit < 0 || pads) return err_invalid("illegal base64 data at input byte %zu", i);
        word = word << 6 | (uint32_t)digit;
        if (++digits % 4 == 0) {
            bytes[len++] = (char)(word >> 16);
            bytes[len++] = (char)(word >> 8);
            bytes[len++] = (char)word;
        }
    }
    size_t rest = digits % 4;
    if (rest == 1 || (rest && padding_needed && rest + pads != 4) || (!rest && pads)) {
        /* compat: Go names where the incomplete group begins, or where padding ends too soon. */
        return err_invalid("illegal base64 data at input byte %zu",
                           pads ? text.len : text.len - rest);
    }
    if (rest >= 2) bytes[len++] = (char)(word >> (rest == 2 ? 4 : 10));
    if (rest == 3) bytes[len++] = (char)(word >> 2);
    *out = (str){bytes, len};
    return NULL;
}

err *b64_decode(arena *a, str text, str *out)
{
    return decode(a, text, standard, true, out);
}

err *b64_decode_url(arena *a, str text, str *out)
{
    return decode(a, text, url_safe, false, out);
}
