#include "git/pktline.h"

enum { LENGTH_DIGITS = 4, LENGTH_MAX = 65520 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static err *parse_length(str rest, size_t *out)
{
    size_t length = 0;
    if (rest.len < LENGTH_DIGITS) return err_invalid("the answer ends within a pkt-line");
    for (int i = 0; i < LENGTH_DIGITS; i++) {
        int digit = hex_value(rest.data[i]);
        if (digit < 0) return err_invalid("the answer is not in pkt-lines");
        length = length * 16 + (size_t)digit;
    }
    if (length == 3 || length > LENGTH_MAX) {
        return err_invalid("the answer has a pkt-line of the impossible length %zu", length);
    }
    if (length > rest.len) return err_invalid("the answer ends within a pkt-line");
    *out = length;
    return NULL;
}

err *pktline_next(str *rest, enum pktline_kind *kind, str *line)
{
    size_t length = 0;
    TRY(parse_length(*rest, &length));
    *line = (str){0};
    if (length < LENGTH_DIGITS) {
        *kind = length == 0 ? PKTLINE_FLUSH : length == 1 ? PKTLINE_DELIMITER : PKTLINE_END;
        *rest = str_skip(*rest, LENGTH_DIGITS);
        return NULL;
    }
    *kind = PKTLINE_DATA;
    *line = str_slice(*rest, LENGTH_DIGITS, length);
    str_strip_suffix(line, STR("\n"));
    *rest = str_skip(*rest, length);
    return NULL;
}

void pktline_add(buf *b, str line)
{
    must(line.len + 1 + LENGTH_DIGITS <= LENGTH_MAX);
    buf_printf(b, "%04zx" STR_FMT "\n", line.len + 1 + LENGTH_DIGITS, STR_ARG(line));
}

void pktline_add_mark(buf *b, enum pktline_kind mark)
{
    must(mark != PKTLINE_DATA);
    buf_printf(b, "000%d", (int)mark - (int)PKTLINE_FLUSH);
}
