#include "render/tables.h"

/* A number for objects of a kind; sorted by kind, then version. */
struct tables_row {
    str version, kind;
    int value;
};

#define STR_INIT(text) {text, sizeof(text) - 1}
#include "tables_data.h"

struct field_specs tables_field_specs(enum tables_list list)
{
    must(list < TABLES_LIST_COUNT);
    return lists[list];
}

const struct name_reference *tables_name_references(size_t *count_out)
{
    *count_out = COUNT(references);
    return references;
}

/* The value of the row, or 0. */
static int row_value(const struct tables_row *rows, size_t count, str version, str kind)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct tables_row *row = &rows[middle];
        int order = str_cmp(kind, row->kind);
        if (!order) order = str_cmp(version, row->version);
        if (!order) return row->value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

bool tables_cluster_scoped(str api_version, str kind)
{
    return row_value(cluster, COUNT(cluster), api_version, kind) != 0;
}

int tables_kind_rank(str kind)
{
    return row_value(ranks, COUNT(ranks), STR(""), kind);
}

uint16_t tables_type(str api_version, str kind)
{
    return (uint16_t)row_value(objects, COUNT(objects), api_version, kind);
}

const struct merge_field *tables_merge_field(uint16_t type, str name)
{
    if (!type) return NULL;
    size_t low = type_fields[type], high = type_fields[type + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(name, merge_fields[middle].name);
        if (!order) return &merge_fields[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
