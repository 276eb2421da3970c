#pragma once
/*
 * Tables as flux prints them: headers in upper case, columns padded with
 * blanks and ended by a tab, no lines. Pure.
 */
#include "base/buf.h"

struct grid {
    arena *a;
    str *cells; /* row by row; the first row is the header */
    size_t cell_count, cell_room;
    size_t columns;
};

struct grid grid_begin(arena *a, const char *const *headers, size_t columns);
/* Exactly `columns` cells; texts are borrowed. New lines in a cell are printed as blanks. */
void grid_add(struct grid *grid, const str *cells);
size_t grid_rows(const struct grid *grid); /* without the header */
void grid_write(buf *b, const struct grid *grid, bool header);
