#include "cli/grid.h"

struct grid grid_begin(arena *a, const char *const *headers, size_t columns)
{
    struct grid grid = {.a = a, .columns = columns};
    for (size_t i = 0; i < columns; i++) {
        *ARENA_PUSH(a, grid.cells, grid.cell_count, grid.cell_room) =
            str_upper(a, str_of(headers[i]));
    }
    return grid;
}

/* One line, without anything a terminal would act on. */
static str clean_cell(arena *a, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != 0x7f) continue;
        str copy = str_dup(a, text);
        for (char *at = (char *)copy.data; at < copy.data + copy.len; at++) {
            if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = ' ';
        }
        return copy;
    }
    return text;
}

void grid_add(struct grid *grid, const str *cells)
{
    for (size_t i = 0; i < grid->columns; i++) {
        *ARENA_PUSH(grid->a, grid->cells, grid->cell_count, grid->cell_room) =
            clean_cell(grid->a, cells[i]);
    }
}

size_t grid_rows(const struct grid *grid)
{
    return grid->cell_count / grid->columns - 1;
}

/* Columns of a terminal that the text takes, as far as UTF-8 tells. */
static size_t cell_width(str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return width;
}

void grid_write(buf *b, const struct grid *grid, bool header)
{
    size_t columns = grid->columns, first = header ? 0 : columns;
    size_t *widths = NEW_ARRAY(grid->a, size_t, columns);
    for (size_t i = first; i < grid->cell_count; i++) {
        widths[i % columns] = MAX(widths[i % columns], cell_width(grid->cells[i]));
    }
    for (size_t i = first; i < grid->cell_count; i++) {
        buf_add(b, grid->cells[i]);
        buf_fill(b, ' ', widths[i % columns] - cell_width(grid->cells[i]));
        buf_add_char(b, '\t');
        if (i % columns == columns - 1) buf_add_char(b, '\n');
    }
}
