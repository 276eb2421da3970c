#include "cli/flag.h"

#include "base/clock.h"

#define NEAR_EDITS      2  /* a misspelt name is at most so many edits away */
#define NEAR_NAME_BYTES 40 /* longer words are not compared */

/* ---- Names ---- */

/* Edits (insert, delete, replace) from one word to the other; both are short. */
static size_t edit_distance(str a, str b)
{
    size_t row[NEAR_NAME_BYTES + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replaced = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t shifted = 1 + MIN(row[j], row[j - 1]);
            diagonal = row[j];
            row[j] = MIN(replaced, shifted);
        }
    }
    return row[b.len];
}

const char *flag_nearest(str word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t least = NEAR_EDITS + 1;
    for (size_t i = 0; i < count; i++) {
        str candidate = str_of(words[i]);
        if (word.len > NEAR_NAME_BYTES || candidate.len > NEAR_NAME_BYTES) continue;
        size_t distance = edit_distance(word, candidate);
        if (distance < least && distance < candidate.len) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

struct found {
    const struct flag *flag;
    void *options;
};

static struct found find_name(const struct flag_set *sets, size_t set_count, str name)
{
    for (size_t s = 0; s < set_count; s++) {
        for (size_t i = 0; i < sets[s].count; i++) {
            const struct flag *flag = &sets[s].flags[i];
            if (str_is(name, flag->name)) return (struct found){flag, sets[s].options};
        }
    }
    return (struct found){0};
}

static struct found find_letter(const struct flag_set *sets, size_t set_count, char letter)
{
    for (size_t s = 0; s < set_count; s++) {
        for (size_t i = 0; i < sets[s].count; i++) {
            const struct flag *flag = &sets[s].flags[i];
            if (flag->letter == letter) return (struct found){flag, sets[s].options};
        }
    }
    return (struct found){0};
}

static err *unknown_name(arena *a, const struct flag_set *sets, size_t set_count, str name)
{
    const char **names = NULL;
    size_t count = 0, room = 0;
    for (size_t s = 0; s < set_count; s++) {
        for (size_t i = 0; i < sets[s].count; i++) {
            *ARENA_PUSH(a, names, count, room) = sets[s].flags[i].name;
        }
    }
    const char *nearest = flag_nearest(name, names, count);
    if (nearest) {
        return err_invalid("unknown flag --" STR_FMT ", did you mean --%s?", STR_ARG(name),
                           nearest);
    }
    return err_invalid("unknown flag --" STR_FMT, STR_ARG(name));
}

/* ---- Values ---- */

static bool parse_bool(str text, bool *out)
{
    *out = str_eq_fold(text, STR("true")) || str_is(text, "1");
    return *out || str_eq_fold(text, STR("false")) || str_is(text, "0");
}

static bool is_choice(const struct flag *flag, str text)
{
    if (!flag->choices) return true;
    for (const char *const *choice = flag->choices; *choice; choice++) {
        if (str_is(text, *choice)) return true;
    }
    return false;
}

static err *wrong_choice(arena *a, const struct flag *flag, str text)
{
    buf names = BUF(a);
    for (const char *const *choice = flag->choices; *choice; choice++) {
        if (names.len) BUF_ADD(&names, ", ");
        buf_add(&names, str_of(*choice));
    }
    return err_invalid("--%s: '" STR_FMT "' is not one of " STR_FMT, flag->name, STR_ARG(text),
                       STR_ARG(buf_str(&names)));
}

static void append(arena *a, struct flag_list *list, str text)
{
    size_t bytes = list->count * sizeof(str);
    list->items = arena_grow(a, list->items, bytes, bytes + sizeof(str));
    list->items[list->count++] = text;
}

static err *append_items(arena *a, const struct flag *flag, struct flag_list *list, str text)
{
    if (flag->split_off) {
        append(a, list, text);
        return NULL;
    }
    for (str piece; str_next(&text, ',', &piece);) {
        piece = str_trim(piece);
        if (!is_choice(flag, piece)) return wrong_choice(a, flag, piece);
        if (piece.len) append(a, list, piece);
    }
    return NULL;
}

static err *set_value(arena *a, const struct flag *flag, void *options, str text)
{
    void *slot = (char *)options + flag->offset;
    switch (flag->type) {
    case FLAG_BOOL:
        must(flag->size == sizeof(bool));
        if (parse_bool(text, slot)) return NULL;
        return err_invalid("--%s: '" STR_FMT "' is neither true nor false", flag->name,
                           STR_ARG(text));
    case FLAG_INT:
        must(flag->size == sizeof(int64_t));
        if (str_to_int(text, slot)) return NULL;
        return err_invalid("--%s: '" STR_FMT "' is not a whole number", flag->name, STR_ARG(text));
    case FLAG_DURATION:
        must(flag->size == sizeof(int64_t));
        if (clock_parse_duration(text, slot) && *(int64_t *)slot >= 0) return NULL;
        return err_invalid("--%s: '" STR_FMT "' is not a duration such as 30s or 5m", flag->name,
                           STR_ARG(text));
    case FLAG_STR:
        must(flag->size == sizeof(str));
        if (!is_choice(flag, text)) return wrong_choice(a, flag, text);
        *(str *)slot = text;
        return NULL;
    case FLAG_LIST:
        must(flag->size == sizeof(struct flag_list));
        return append_items(a, flag, slot, text);
    }
    must(!"every type has a case");
    return NULL;
}

err *flag_defaults(arena *a, struct flag_set set)
{
    for (size_t i = 0; i < set.count; i++) {
        const struct flag *flag = &set.flags[i];
        const char *given = flag->env ? getenv(flag->env) : NULL;
        if (given && *given) {
            err *e = set_value(a, flag, set.options, str_of(given));
            if (e) return err_wrap(e, "environment variable %s", flag->env);
        } else if (flag->fallback) {
            TRY(set_value(a, flag, set.options, str_of(flag->fallback)));
        }
    }
    return NULL;
}

/* ---- The words of the command line ---- */

struct reader {
    arena *a;
    const struct flag_set *sets;
    size_t set_count;
    const str *words;
    size_t word_count, at;
    struct flag_list **begun; /* lists that the command line has begun: their fallback is gone */
    size_t begun_count, begun_room;
    bool help;
};

/* The first value of a list replaces its fallback, the others are added. */
static void begin_list(struct reader *reader, struct found found)
{
    struct flag_list *list = (void *)((char *)found.options + found.flag->offset);
    for (size_t i = 0; i < reader->begun_count; i++) {
        if (reader->begun[i] == list) return;
    }
    *list = (struct flag_list){0};
    *ARENA_PUSH(reader->a, reader->begun, reader->begun_count, reader->begun_room) = list;
}

static err *take(struct reader *reader, struct found found, str value)
{
    if (found.flag->type == FLAG_LIST) begin_list(reader, found);
    return set_value(reader->a, found.flag, found.options, value);
}

/* The value of a flag that has none attached: the next word. */
static err *take_next(struct reader *reader, struct found found)
{
    if (found.flag->type == FLAG_BOOL) return take(reader, found, STR("true"));
    if (reader->at == reader->word_count) {
        return err_invalid("--%s needs a value", found.flag->name);
    }
    return take(reader, found, reader->words[reader->at++]);
}

static err *read_long(struct reader *reader, str word)
{
    str name, value;
    bool attached = str_cut(str_skip(word, 2), '=', &name, &value);
    if (str_is(name, "help")) {
        reader->help = true;
        return NULL;
    }
    struct found found = find_name(reader->sets, reader->set_count, name);
    if (!found.flag) return unknown_name(reader->a, reader->sets, reader->set_count, name);
    return attached ? take(reader, found, value) : take_next(reader, found);
}

/* "-An ns", "-nns", "-n=ns". */
static err *read_letters(struct reader *reader, str word)
{
    for (size_t i = 1; i < word.len; i++) {
        if (word.data[i] == 'h') {
            reader->help = true;
            continue;
        }
        struct found found = find_letter(reader->sets, reader->set_count, word.data[i]);
        if (!found.flag) return err_invalid("unknown flag -%c", word.data[i]);

        str rest = str_skip(word, i + 1);
        bool attached =
            str_strip_prefix(&rest, STR("=")) || (rest.len && found.flag->type != FLAG_BOOL);
        if (attached) return take(reader, found, rest);
        TRY(take_next(reader, found));
    }
    return NULL;
}

err *flag_parse(arena *a, const struct flag_set *sets, size_t set_count, const str *words,
                size_t word_count, str **args_out, size_t *arg_count_out, bool *help_out)
{
    struct reader reader = {a, sets, set_count, words, word_count};
    str *args = NEW_ARRAY(a, str, word_count);
    size_t arg_count = 0;
    bool flags_end = false;
    while (reader.at < word_count) {
        str word = words[reader.at++];
        if (flags_end || word.len < 2 || word.data[0] != '-') {
            args[arg_count++] = word;
        } else if (str_is(word, "--")) {
            flags_end = true;
        } else if (word.data[1] == '-') {
            TRY(read_long(&reader, word));
        } else {
            TRY(read_letters(&reader, word));
        }
    }
    *args_out = args;
    *arg_count_out = arg_count;
    *help_out = reader.help;
    return NULL;
}

bool flag_takes_next(const struct flag *flags, size_t count, str word)
{
    struct flag_set set = {flags, count, NULL};
    struct found found = str_starts(word, STR("--")) ? find_name(&set, 1, str_skip(word, 2))
                         : word.len == 2             ? find_letter(&set, 1, word.data[1])
                                                     : (struct found){0};
    return found.flag && found.flag->type != FLAG_BOOL;
}

/* ---- Help ---- */

static const char *value_name(const struct flag *flag)
{
    if (flag->value) return flag->value;
    switch (flag->type) {
    case FLAG_BOOL:
        return "";
    case FLAG_INT:
        return "number";
    case FLAG_DURATION:
        return "duration";
    case FLAG_STR:
    case FLAG_LIST:
        return "text";
    }
    return "";
}

static str flag_head(arena *a, const struct flag *flag)
{
    char letter[5] = "    ";
    if (flag->letter) snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    const char *value = value_name(flag);
    return str_printf(a, "  %s--%s%s%s", letter, flag->name, *value ? " " : "", value);
}

void flag_help(buf *b, const struct flag *flags, size_t count)
{
    arena a AUTO(arena_done) = {0};
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        if (!flags[i].hidden) width = MAX(width, flag_head(&a, &flags[i]).len);
    }
    for (size_t i = 0; i < count; i++) {
        const struct flag *flag = &flags[i];
        if (flag->hidden) continue;
        str head = flag_head(&a, flag);
        buf_add(b, head);
        buf_fill(b, ' ', width - head.len + 3);
        buf_add(b, str_of(flag->help));
        for (const char *const *choice = flag->choices; choice && *choice; choice++) {
            buf_printf(b, "%s%s", choice == flag->choices ? ": " : ", ", *choice);
        }
        if (flag->fallback && flag->fallback[0]) buf_printf(b, " (default %s)", flag->fallback);
        if (flag->env) buf_printf(b, " [$%s]", flag->env);
        buf_add_char(b, '\n');
    }
}
