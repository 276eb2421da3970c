/*
 * Reads the sources and says where they leave the rules of layout and style:
 * layers, names that are addresses, lengths, banned words, dead files. Run from
 * the top of the tree. Prints "file:line: message" and counts as cmocka does.
 *
 * It is no compiler: it knows comments, strings and braces, and takes what
 * stands outside of all braces for a declaration. That is exact for code that
 * clang-format has seen.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/map.h"

#define FILE_BYTES_MAX     (4u * 1024 * 1024)
#define FILE_LINES_MAX     1000
#define FUNCTION_LINES_MAX 70
#define COLUMNS_MAX        100

/* A file may include its own folder and folders on lower layers. */
static const struct layer {
    const char *folder;
    int level;
} layers[] = {
    {"base", 0},  {"doc", 1},    {"net", 1},     {"kube", 2},   {"tmpl", 2},    {"cloud", 3},
    {"git", 4},   {"oci", 4},    {"crypt", 4},   {"source", 5}, {"render", 5},  {"apply", 5},
    {"image", 5}, {"notify", 5}, {"control", 6}, {"serve", 7},  {"sandbox", 7}, {"cli", 8},
};
#define LEVEL_MAIN 9

/* Everything that may break a rule, and why. The lists only shrink. */
static const struct prefix {
    const char *file, *prefix, *reason;
} prefixes[] = {
    {"src/doc/doc.h", "node_", "doc.h is about documents and the nodes they are made of"},
};
static const struct exception {
    const char *subject, *reason;
} long_files[] =
    {
        {"", ""},
},
  long_functions[] =
      {
          {"", ""},
},
  heap_users[] =
      {
          {"", ""},
},
  included_by_build[] =
      {
          {"src/base/ban.h", "the build includes it before every file"},
},
  any_prefix[] = {
      {"src/base/lang.h", "its words are part of the language we write in"},
};
#define EXCEPTED(list, subject) is_excepted((list), COUNT(list), (subject))

static const char *const banned_words[] = {"TO"
                                           "DO",
                                           "FIX"
                                           "ME",
                                           "X"
                                           "XX"};
/* The first group is for base/; the second also for the file of a type that lives on the heap,
 * which is one whose header says how it ends. */
static const char *const libc_words[] = {"malloc",  "calloc",   "realloc",  "strdup",
                                         "strndup", "asprintf", "vasprintf"};
static const char *const owner_words[] = {"free", "lang_alloc", "lang_zalloc", "lang_realloc"};
static const char *const ends[] = {"_free", "_unref", "_close", "_stop"};
static const char *const folders[] = {"src", "tests", "tools", "setup", "demo", "install"};
/* Files that are data, or text that others made. */
static const char *const data_folders[] = {"tests/golden", "tests/fuzz/corpus"};

struct source {
    str path, text;
    str code; /* text with comments, strings and directives blanked, lines kept */
    bool is_c, is_header;
    bool failed;
};

struct tidy {
    arena a;
    struct source *sources;
    size_t count, room;
    struct map stems;    /* "watch" -> the first path of that name without suffix */
    struct map included; /* path of a header -> path of a file that includes it */
};

static void complain(struct source *source, size_t line, const char *format, ...) PRINTF(3, 4);
static void complain(struct source *source, size_t line, const char *format, ...)
{
    printf(STR_FMT ":%zu: ", STR_ARG(source->path), line);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    source->failed = true;
}

static bool is_excepted(const struct exception *list, size_t count, str subject)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(subject, list[i].subject)) return true;
    return false;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "src/kube/watch.h" -> "kube"; "src/main.c" and files elsewhere -> "". */
static str folder_of(str path)
{
    if (!str_strip_prefix(&path, STR("src/"))) return (str){0};
    str folder, rest;
    return str_cut(path, '/', &folder, &rest) ? folder : (str){0};
}

static int level_of(str folder)
{
    for (size_t i = 0; i < COUNT(layers); i++)
        if (str_is(folder, layers[i].folder)) return layers[i].level;
    return -1;
}

/* "src/kube/watch.h" -> "watch" */
static str stem_of(str path)
{
    str stem = fs_base(path), suffix;
    str_cut_last(stem, '.', &stem, &suffix);
    return stem;
}

static size_t line_at(str text, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset; i++)
        line += text.data[i] == '\n';
    return line;
}

/* ---- reading ---- */

/* Where the comment, literal or directive that begins at i ends; i when none does. */
static size_t end_of_blank(str text, size_t i, bool at_line_start)
{
    const char *t = text.data;
    char c = t[i], next = i + 1 < text.len ? t[i + 1] : 0;
    if (c == '/' && next == '*') {
        ptrdiff_t end = str_find(str_skip(text, i + 2), STR("*/"));
        return end < 0 ? text.len : i + 2 + (size_t)end + 2;
    }
    if ((c == '/' && next == '/') || (c == '#' && at_line_start)) {
        size_t end = i;
        while (end < text.len && (t[end] != '\n' || t[end - 1] == '\\'))
            end++;
        return end;
    }
    if (c != '"' && c != '\'') return i;
    size_t end = i + 1;
    while (end < text.len && t[end] != c)
        end += t[end] == '\\' ? 2 : 1;
    return MIN(end + 1, text.len);
}

/* What the compiler would look at, every byte at its old place. */
static str code_of(arena *a, str text)
{
    char *code = str_z(a, text);
    bool at_line_start = true;
    for (size_t i = 0; i < text.len;) {
        size_t end = end_of_blank(text, i, at_line_start);
        for (size_t k = i; k < end; k++)
            if (code[k] != '\n') code[k] = ' ';
        if (end == i) end++;
        at_line_start = code[end - 1] == '\n' || (at_line_start && code[end - 1] == ' ');
        i = end;
    }
    return str_from(code, text.len);
}

static bool is_read(str path)
{
    static const char *const suffixes[] = {".c", ".h", ".cc", ".py"};
    for (size_t i = 0; i < COUNT(suffixes); i++)
        if (str_ends(path, str_of(suffixes[i]))) return true;
    return str_find_char(fs_base(path), '.') < 0; /* Makefile and scripts */
}

static err *read_file(struct tidy *tidy, str path)
{
    if (!is_read(path)) return NULL;
    struct source source = {.path = path};
    TRY(fs_read(&tidy->a, path, FILE_BYTES_MAX, &source.text));
    source.is_header = str_ends(path, STR(".h"));
    source.is_c = source.is_header || str_ends(path, STR(".c"));
    if (source.is_c) source.code = code_of(&tidy->a, source.text);
    *ARENA_PUSH(&tidy->a, tidy->sources, tidy->count, tidy->room) = source;
    return NULL;
}

static err *read_folder(struct tidy *tidy, str folder)
{
    for (size_t i = 0; i < COUNT(data_folders); i++)
        if (str_is(folder, data_folders[i])) return NULL;

    str *names;
    size_t count;
    TRY(fs_list(&tidy->a, folder, &names, &count));
    for (size_t i = 0; i < count; i++) {
        str path = fs_join(&tidy->a, folder, names[i]);
        if (str_eq(names[i], STR("__pycache__"))) continue;
        TRY(fs_is_dir(path) ? read_folder(tidy, path) : read_file(tidy, path));
    }
    return NULL;
}

/* ---- text ---- */

static size_t columns_of(str line)
{
    size_t columns = 0;
    for (size_t i = 0; i < line.len; i++)
        columns += ((unsigned char)line.data[i] & 0xC0) != 0x80;
    return columns;
}

/* The first place at or after `from` where word stands alone, or -1. */
static ptrdiff_t find_word(str text, str word, size_t from)
{
    for (;;) {
        ptrdiff_t at = str_find(str_skip(text, from), word);
        if (at < 0) return -1;
        size_t start = from + (size_t)at, end = start + word.len;
        bool alone = (start == 0 || !is_word_char(text.data[start - 1])) &&
                     (end == text.len || !is_word_char(text.data[end]));
        if (alone) return (ptrdiff_t)start;
        from = end;
    }
}

static void check_line(struct source *source, size_t number, str line)
{
    bool is_make = str_eq(fs_base(source->path), STR("Makefile"));
    if (columns_of(line) > COLUMNS_MAX)
        complain(source, number, "%zu columns, at most %d", columns_of(line), COLUMNS_MAX);
    if (str_trim_right(line).len != line.len)
        complain(source, number, "white space at the end of the line");
    if (!is_make && str_has_char(line, '\t') && source->is_c) complain(source, number, "tabulator");
    for (size_t i = 0; i < COUNT(banned_words); i++)
        if (find_word(line, str_of(banned_words[i]), 0) >= 0)
            complain(source, number, "'%s': fix it, or open an issue", banned_words[i]);
}

static void check_text(struct source *source)
{
    str rest = source->text, line;
    size_t number = 0;
    for (; rest.len && str_next_line(&rest, &line);)
        check_line(source, ++number, line);
    if (source->text.len && !str_ends(source->text, STR("\n")))
        complain(source, number, "no end of line at the end of the file");
    if (number > FILE_LINES_MAX && !EXCEPTED(long_files, source->path))
        complain(source, number, "%zu lines, at most %d: split it by noun", number, FILE_LINES_MAX);
}

/* ---- declarations ---- */

/* What stands outside of braces, from one end of a declaration to the next. */
struct declaration {
    str head;      /* up to the body, initializer or semicolon */
    size_t start;  /* offset of the head */
    size_t end;    /* offset behind it all */
    bool has_body; /* a function with its body */
    str name;      /* of the function; empty when it is none */
    size_t name_at;
};

static bool is_macro_name(str word)
{
    for (size_t i = 0; i < word.len; i++)
        if (islower((unsigned char)word.data[i])) return false;
    return true;
}

static size_t skip_balanced(str code, size_t i, char open, char close)
{
    size_t depth = 0;
    for (; i < code.len; i++) {
        depth += code.data[i] == open;
        depth -= code.data[i] == close;
        if (!depth) return i + 1;
    }
    return code.len;
}

/* The name in "static err *load(arena *a, str path) PRINTF(1, 2)". */
static str function_name(str head, size_t *at_out)
{
    for (size_t i = 0; i < head.len; i++) {
        if (head.data[i] != '(') continue;
        if (str_starts(str_skip(head, i), STR("(*"))) return (str){0}; /* a pointer to a function */
        size_t end = i;
        while (end > 0 && head.data[end - 1] == ' ')
            end--;
        size_t start = end;
        while (start > 0 && is_word_char(head.data[start - 1]))
            start--;
        str word = str_slice(head, start, end);
        bool is_attribute =
            is_macro_name(word) || str_is(word, "__attribute__") || str_is(word, "__typeof__");
        if (word.len && !is_attribute) {
            *at_out = start;
            return word;
        }
        i = skip_balanced(head, i, '(', ')') - 1;
    }
    return (str){0};
}

/* The declaration that begins at or after offset; false at the end of the file. */
static bool next_declaration(str code, size_t offset, struct declaration *out)
{
    while (offset < code.len && (isspace((unsigned char)code.data[offset]) ||
                                 code.data[offset] == ';' || code.data[offset] == '}'))
        offset++;
    if (offset >= code.len) return false;

    size_t i = offset, head_end = 0;
    bool has_body = false, is_assigned = false;
    for (; i < code.len && code.data[i] != ';'; i++) {
        char c = code.data[i];
        if (c == '(') {
            i = skip_balanced(code, i, '(', ')') - 1;
        } else if (c == '=') {
            is_assigned = true;
            if (!head_end) head_end = i;
        } else if (c == '{') {
            if (!head_end) head_end = i;
            str before = str_trim_right(str_slice(code, offset, i));
            has_body = !is_assigned && str_ends(before, STR(")"));
            i = skip_balanced(code, i, '{', '}') - 1;
            if (has_body) break;
        }
    }
    if (!head_end) head_end = i;
    *out = (struct declaration){.start = offset, .end = MIN(i + 1, code.len), .has_body = has_body};
    out->head = str_slice(code, offset, head_end);
    str shape = str_trim_right(out->head);
    if (has_body || (!is_assigned && str_ends(shape, STR(")")))) {
        out->name = function_name(out->head, &out->name_at);
        out->name_at += offset;
    }
    return true;
}

static bool has_own_prefix(struct source *source, str name)
{
    str stem = stem_of(source->path);
    if (str_strip_prefix(&name, stem)) return name.len == 0 || name.data[0] == '_';
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        bool same = str_eq(stem, stem_of(str_of(prefixes[i].file)));
        if (same && str_starts(name, str_of(prefixes[i].prefix))) return true;
    }
    return false;
}

static void check_declaration(struct source *source, const struct declaration *declaration)
{
    size_t line = line_at(source->code, declaration->name_at);
    str name = declaration->name;
    bool is_private = find_word(declaration->head, STR("static"), 0) >= 0 && !source->is_header;
    bool is_type = str_starts(declaration->head, STR("typedef"));
    bool is_named = str_starts(source->path, STR("src/")) && !EXCEPTED(any_prefix, source->path);
    if (name.len && !is_private && !is_type && is_named && !str_is(name, "main") &&
        !has_own_prefix(source, name))
        complain(source, line, "'" STR_FMT "' is public, so its name begins with '" STR_FMT "_'",
                 STR_ARG(name), STR_ARG(stem_of(source->path)));

    if (!declaration->has_body) return;
    size_t first = line_at(source->code, declaration->start);
    size_t lines = line_at(source->code, declaration->end) - first + 1;
    if (lines > FUNCTION_LINES_MAX && !EXCEPTED(long_functions, name))
        complain(source, first, "'" STR_FMT "' has %zu lines, at most %d", STR_ARG(name), lines,
                 FUNCTION_LINES_MAX);
}

static void check_calls(struct source *source, const char *const *words, size_t count,
                        const char *advice)
{
    for (size_t i = 0; i < count; i++) {
        str word = str_of(words[i]);
        ptrdiff_t at = find_word(source->code, word, 0);
        for (; at >= 0; at = find_word(source->code, word, (size_t)at + word.len)) {
            str after = str_skip(source->code, (size_t)at + word.len);
            char before = at ? source->code.data[at - 1] : ' ';
            if (str_starts(after, STR("(")) && before != '.' && before != '>')
                complain(source, line_at(source->code, (size_t)at), "'%s': %s", words[i], advice);
        }
    }
}

/* Is this the file of a type on the heap: does its header declare x_free or the like? */
static bool owns_heap(struct tidy *tidy, struct source *source)
{
    str stem = stem_of(source->path);
    str path = str_printf(&tidy->a, STR_FMT "/" STR_FMT ".h", STR_ARG(fs_dir(source->path)),
                          STR_ARG(stem));
    for (size_t i = 0; i < tidy->count; i++) {
        if (!str_eq(tidy->sources[i].path, path)) continue;
        for (size_t k = 0; k < COUNT(ends); k++) {
            str name = str_concat(&tidy->a, stem, str_of(ends[k]));
            if (find_word(tidy->sources[i].code, name, 0) >= 0) return true;
        }
    }
    return false;
}

static void check_heap(struct tidy *tidy, struct source *source)
{
    str folder = folder_of(source->path);
    if (!folder.len || str_is(folder, "base") || EXCEPTED(heap_users, source->path)) return;
    check_calls(source, libc_words, COUNT(libc_words), "use an arena, or base/lang");
    if (!owns_heap(tidy, source))
        check_calls(source, owner_words, COUNT(owner_words),
                    "only the file of a type on the heap may: use an arena");
}

static void check_code(struct tidy *tidy, struct source *source)
{
    struct declaration declaration = {0};
    while (next_declaration(source->code, declaration.end, &declaration))
        check_declaration(source, &declaration);
    check_heap(tidy, source);
    if (source->is_header && str_find(source->text, STR("#pragma once")) < 0)
        complain(source, 1, "no '#pragma once'");
}

/* ---- the tree ---- */

/* An include of ours: #include "folder/file.h". */
static void check_include(struct tidy *tidy, struct source *source, size_t line, str target)
{
    str path = str_concat(&tidy->a, STR("src/"), target);
    bool is_own = str_eq(stem_of(source->path), stem_of(path));
    if (!is_own) map_put(&tidy->included, path, source);

    if (!str_starts(source->path, STR("src/"))) return;
    if (!str_has_char(target, '/')) {
        str sibling = fs_join(&tidy->a, fs_dir(source->path), target);
        if (fs_exists(sibling)) complain(source, line, "include it with its folder");
        return; /* made by the build */
    }
    str from = folder_of(source->path), to = folder_of(path);
    int from_level = from.len ? level_of(from) : LEVEL_MAIN, to_level = level_of(to);
    if (to_level < 0)
        complain(source, line, "'" STR_FMT "/' is no folder of the layout", STR_ARG(to));
    else if (!str_eq(from, to) && to_level >= from_level)
        complain(source, line, "%s/ (layer %d) may not include " STR_FMT "/ (layer %d)",
                 str_z(&tidy->a, from), from_level, STR_ARG(to), to_level);
}

static void check_includes(struct tidy *tidy, struct source *source)
{
    str rest = source->text, line;
    for (size_t number = 1; rest.len && str_next_line(&rest, &line); number++) {
        str quote, target, after;
        if (!str_starts(line, STR("#include \""))) continue;
        if (str_cut(line, '"', &quote, &after) && str_cut(after, '"', &target, &after))
            check_include(tidy, source, number, target);
    }
}

/* File names are unique, so a symbol tells its file; folders are two levels, never three. */
static void check_place(struct tidy *tidy, struct source *source)
{
    if (!str_starts(source->path, STR("src/"))) return;
    str folder = folder_of(source->path);
    if (folder.len && level_of(folder) < 0)
        complain(source, 1, "'" STR_FMT "/' is no folder of the layout", STR_ARG(folder));
    if (folder.len && !str_eq(fs_dir(source->path), str_concat(&tidy->a, STR("src/"), folder)))
        complain(source, 1, "folders have two levels, never three");

    struct source *first = map_get(&tidy->stems, stem_of(source->path));
    if (!first)
        map_put(&tidy->stems, stem_of(source->path), source);
    else if (!str_eq(fs_dir(first->path), fs_dir(source->path)))
        complain(source, 1, "the name is taken by " STR_FMT, STR_ARG(first->path));
}

/* Is a row of a roster in this file? Then the linker finds it without a header. */
static bool has_row(struct source *source)
{
    struct declaration declaration = {0};
    while (next_declaration(source->code, declaration.end, &declaration)) {
        str word = str_trim(declaration.head), rest;
        str_cut(word, '(', &word, &rest);
        if (word.len && is_macro_name(word)) return true;
    }
    return false;
}

static void check_use(struct tidy *tidy, struct source *source)
{
    if (!folder_of(source->path).len) return;
    if (source->is_header) {
        if (!map_has(&tidy->included, source->path) && !EXCEPTED(included_by_build, source->path))
            complain(source, 1, "no other file includes it");
        return;
    }
    str header = str_concat(&tidy->a, str_head(source->path, source->path.len - 1), STR("h"));
    if (!fs_exists(header) && !has_row(source))
        complain(source, 1, "neither a header nor a row of a roster: nobody can call it");
}

static void check_source(struct tidy *tidy, struct source *source)
{
    check_text(source);
    if (!source->is_c) return;
    check_place(tidy, source);
    check_includes(tidy, source);
    check_code(tidy, source);
}

static err *check_tree(struct tidy *tidy)
{
    for (size_t i = 0; i < COUNT(folders); i++)
        if (fs_is_dir(str_of(folders[i]))) TRY(read_folder(tidy, str_of(folders[i])));
    TRY(read_file(tidy, STR("Makefile")));
    for (size_t i = 0; i < tidy->count; i++)
        check_source(tidy, &tidy->sources[i]);
    for (size_t i = 0; i < tidy->count; i++)
        if (tidy->sources[i].is_c) check_use(tidy, &tidy->sources[i]);
    return NULL;
}

int main(void)
{
    struct tidy tidy = {0};
    err *e AUTO(err_done) = check_tree(&tidy);
    if (e) printf("%s\n", e->message);

    size_t failed = e != NULL;
    for (size_t i = 0; i < tidy.count; i++)
        failed += tidy.sources[i].failed;
    printf("[  PASSED  ] %zu test(s).\n", tidy.count - (failed - (e != NULL)));
    if (failed) printf("[  FAILED  ] %zu test(s).\n", failed);
    map_done(&tidy.stems);
    map_done(&tidy.included);
    arena_done(&tidy.a);
    return failed > 0;
}
