/*
 * Runs during the build: turns the tables of src/render into sorted constant
 * arrays, which src/render/tables.c includes. The formats are told in the tables.
 *
 *     tables fieldspecs.tbl mergekeys.tbl > tables_data.h
 *
 * Any mistake in a table stops the build with its line. Memory is the
 * operating system's to collect.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, ROWS_MAX = 1024, TYPES_MAX = 128, FIELDS_MAX = 512, KEYS_MAX = 2 };
enum { LISTS_MAX = 16, REFERENCES_MAX = 64 };

/* One line of a table. */
static const char *file_name;
static int line_number;
static char *words[WORDS_MAX];
static int word_count;
static bool indented;

static _Noreturn void stop(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file_name, line_number);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static bool next_line(FILE *file)
{
    static char *line;
    static size_t room;
    while (getline(&line, &room, file) >= 0) {
        line_number++;
        indented = line[0] == ' ';
        word_count = 0;
        char *rest = strdup(line);
        for (char *word; (word = strsep(&rest, " \n"));) {
            if (word[0] == '#') break;
            if (!word[0]) continue;
            if (word_count == WORDS_MAX) stop("more than %d words", WORDS_MAX);
            words[word_count++] = word;
        }
        if (word_count) return true;
    }
    return false;
}

/* Runs `header` for a line that begins a section and `body` for the lines in it. */
static void read_table(const char *path, void (*header)(void), void (*body)(void))
{
    FILE *file = fopen(path, "r");
    file_name = path;
    line_number = 0;
    if (!file) stop("cannot be read");
    while (next_line(file)) (indented ? body : header)();
    fclose(file);
}

static void print_text(const char *text)
{
    printf("STR_INIT(\"");
    for (; *text; text++) {
        if (*text == '\\' || *text == '"') putchar('\\');
        putchar(*text);
    }
    printf("\"), ");
}

/* A number for an object of a kind; sorted by kind, then version. */
struct row {
    const char *version, *kind;
    int value;
};

struct rows {
    struct row items[ROWS_MAX];
    int count;
};

static struct rows cluster, ranks, objects;

static void add_row(struct rows *rows, const char *version, const char *kind, int value)
{
    if (rows->count == ROWS_MAX) stop("more than %d rows", ROWS_MAX);
    rows->items[rows->count++] = (struct row){version, kind, value};
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcmp(x->kind, y->kind);
    return order ? order : strcmp(x->version, y->version);
}

static void print_rows(const char *name, struct rows *rows)
{
    qsort(rows->items, (size_t)rows->count, sizeof rows->items[0], compare_rows);
    printf("static const struct tables_row %s[] = {\n", name);
    for (int i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        if (i && compare_rows(row - 1, row) == 0) stop("'%s' is there twice", row->kind);
        printf("    {");
        print_text(row->version);
        print_text(row->kind);
        printf("%d},\n", row->value);
    }
    printf("};\n\n");
}

/* --- fieldspecs.tbl --- */

static enum { SECTION_NONE, SECTION_SPECS, SECTION_CLUSTER, SECTION_FIRST, SECTION_LAST } section;
static const char *list_names[LISTS_MAX];
static int list_count, reference_count;
static struct {
    const char *group, *version, *kind;
} references[REFERENCES_MAX];
static bool array_open;
static int first_count, last_count;

static void close_array(void)
{
    if (array_open) printf("};\n\n");
    array_open = false;
}

static const char *option(const char *name)
{
    size_t len = strlen(name);
    for (int i = 1; i < word_count; i++)
        if (strncmp(words[i], name, len) == 0 && words[i][len] == '=') return words[i] + len + 1;
    return "";
}

/* The word that is neither an option nor the flag. */
static const char *kind_word(void)
{
    for (int i = 1; i < word_count; i++)
        if (!strchr(words[i], '=') && strcmp(words[i], "create") != 0) return words[i];
    return "";
}

static void specs_header(void)
{
    close_array();
    section = SECTION_NONE;
    if (strcmp(words[0], "cluster") == 0) section = SECTION_CLUSTER;
    if (strcmp(words[0], "first") == 0) section = SECTION_FIRST;
    if (section == SECTION_FIRST && ranks.count) stop("'first' comes before 'last', once");
    if (strcmp(words[0], "last") == 0) section = SECTION_LAST;
    if (section) return;
    if (word_count < 2) stop("'%s' is no section", words[0]);

    section = SECTION_SPECS;
    array_open = true;
    if (strcmp(words[0], "list") == 0) {
        if (list_count == LISTS_MAX) stop("more than %d lists", LISTS_MAX);
        list_names[list_count++] = words[1];
        printf("static const struct field_spec list_%s[] = {\n", words[1]);
    } else if (strcmp(words[0], "reference") == 0) {
        if (reference_count == REFERENCES_MAX) stop("more than %d references", REFERENCES_MAX);
        references[reference_count].group = option("group");
        references[reference_count].version = option("version");
        references[reference_count].kind = words[1];
        printf("static const struct field_spec reference_%d[] = {\n", reference_count++);
    } else {
        stop("'%s' is no section", words[0]);
    }
}

static void specs_body(void)
{
    switch (section) {
    case SECTION_SPECS: {
        bool create = word_count > 1 && strcmp(words[1], "create") == 0;
        printf("    {");
        print_text(option("group"));
        print_text(option("version"));
        print_text(kind_word());
        print_text(words[0]);
        printf("%d},\n", create);
        return;
    }
    case SECTION_CLUSTER:
        for (int i = 1; i < word_count; i++) add_row(&cluster, words[0], words[i], 1);
        return;
    case SECTION_FIRST: add_row(&ranks, "", words[0], first_count++); return;
    case SECTION_LAST: add_row(&ranks, "", words[0], ++last_count); return;
    default: stop("a line outside a section");
    }
}

/* namePrefix is TABLES_NAME_PREFIX. */
static void print_constant(const char *name)
{
    printf("TABLES_");
    for (; *name; name++) printf(isupper((unsigned char)*name) ? "_%c" : "%c", toupper(*name));
}

static void print_lists(void)
{
    printf("static const struct field_specs lists[TABLES_LIST_COUNT] = {\n");
    for (int i = 0; i < list_count; i++) {
        printf("    [");
        print_constant(list_names[i]);
        printf("] = {list_%s, COUNT(list_%s)},\n", list_names[i], list_names[i]);
    }
    printf("};\n\nstatic const struct name_reference references[] = {\n");
    for (int i = 0; i < reference_count; i++) {
        printf("    {");
        print_text(references[i].group);
        print_text(references[i].version);
        print_text(references[i].kind);
        printf("{reference_%d, COUNT(reference_%d)}},\n", i, i);
    }
    printf("};\n\n");
}

static void print_specs(void)
{
    close_array();
    print_lists();
    for (int i = 0; i < first_count; i++) ranks.items[i].value -= first_count; /* ends at -1 */
    print_rows("cluster", &cluster);
    print_rows("ranks", &ranks);
}

/* --- mergekeys.tbl --- */

struct field {
    const char *name, *keys[KEYS_MAX];
    int type, key_count;
    bool list;
};

/* Types count from 1; 0 is a value that nothing is known about. A type has the fields from its own
 * first one to that of the next type. */
static const char *type_names[TYPES_MAX];
static int type_fields[TYPES_MAX + 1];
static int type_count;
static struct field fields[FIELDS_MAX];
static int field_count;
static int objects_type; /* of the section "objects" at hand, or 0 */

static int type_number(const char *name)
{
    if (strcmp(name, "-") == 0) return 0;
    for (int i = 1; i <= type_count; i++)
        if (strcmp(type_names[i], name) == 0) return i;
    stop("no type '%s' above", name);
}

static void merge_header(void)
{
    if (word_count != 2) stop("two words begin a section");
    if (strcmp(words[0], "objects") == 0) {
        objects_type = type_number(words[1]);
    } else if (strcmp(words[0], "type") == 0) {
        if (objects_type) stop("types come before objects");
        if (type_count == TYPES_MAX - 1) stop("more than %d types", TYPES_MAX - 1);
        type_names[++type_count] = words[1];
        type_fields[type_count] = field_count;
    } else {
        stop("'%s' is no section", words[0]);
    }
}

static void merge_body(void)
{
    if (objects_type) {
        for (int i = 1; i < word_count; i++) add_row(&objects, words[0], words[i], objects_type);
        return;
    }
    if (!type_count || word_count < 2) stop("a field has a type");
    if (field_count == FIELDS_MAX) stop("more than %d fields", FIELDS_MAX);
    if (field_count > type_fields[type_count] &&
        strcmp(fields[field_count - 1].name, words[0]) >= 0)
        stop("fields are sorted by name");

    struct field field = {.name = words[0], .list = strcmp(words[1], "list") == 0};
    if (word_count < 2 + field.list || word_count > 2 + field.list * (1 + KEYS_MAX))
        stop("FIELD TYPE, or FIELD list TYPE and at most %d keys", KEYS_MAX);
    field.type = type_number(words[1 + field.list]);
    for (int i = 3; i < word_count; i++) field.keys[field.key_count++] = words[i];
    fields[field_count++] = field;
}

static void print_merge(void)
{
    type_fields[type_count + 1] = field_count;
    printf("static const struct merge_field merge_fields[] = {\n");
    for (int i = 0; i < field_count; i++) {
        const struct field *f = &fields[i];
        printf("    {");
        print_text(f->name);
        printf("%d, %d, %d, {", f->type, f->list, f->key_count);
        for (int k = 0; k < KEYS_MAX; k++) print_text(f->keys[k] ? f->keys[k] : "");
        printf("}},\n");
    }
    printf("};\n\nstatic const uint16_t type_fields[] = {0");
    for (int i = 1; i <= type_count + 1; i++) printf(", %d", type_fields[i]);
    printf("};\n\n");
    print_rows("objects", &objects);
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    printf("/* Made by tools/tables.c. */\n\n");
    read_table(argv[1], specs_header, specs_body);
    print_specs();
    read_table(argv[2], merge_header, merge_body);
    print_merge();
    return fflush(stdout) || ferror(stdout);
}
