#include "render/quote.h"

#include "base/buf.h"

static bool is_printable(uint32_t rune)
{
    return rune >= 0xa1 && rune != 0xad && (rune < 0xd800 || rune > 0xf8ff) && rune != 0xfeff &&
           (rune < 0x2000 || rune > 0x200f) && (rune < 0x2028 || rune > 0x202f);
}

static void put_ascii(buf *b, char c)
{
    static const char names[] = "\"\\\a\b\f\n\r\t\v", letters[] = "\"\\abfnrtv";
    const char *name = c ? strchr(names, c) : NULL;
    if (name)
        buf_printf(b, "\\%c", letters[name - names]);
    else if (c < 0x20 || c == 0x7f)
        buf_printf(b, "\\x%02x", c);
    else
        buf_add_char(b, c);
}

str quote_go(struct arena *a, str text)
{
    buf b = BUF(a);
    buf_add_char(&b, '"');
    while (text.len) {
        uint32_t rune;
        size_t len = str_rune(text, &rune);
        if (!len) {
            len = 1;
            buf_printf(&b, "\\x%02x", (unsigned char)text.data[0]);
        } else if (rune < 0x80) {
            put_ascii(&b, (char)rune);
        } else if (is_printable(rune)) {
            buf_add(&b, str_head(text, len));
        } else {
            buf_printf(&b, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
        }
        text = str_skip(text, len);
    }
    buf_add_char(&b, '"');
    return buf_str(&b);
}
