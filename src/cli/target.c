#include "cli/target.h"

/* "source" and "sources" name the family "source". */
static bool names_family(const struct kind *kind, str word)
{
    if (!kind->family) return false;
    str_strip_suffix(&word, STR("s"));
    return str_is(word, kind->family);
}

static bool names_kind(const struct kind *kind, str word)
{
    for (size_t i = 0; i < COUNT(kind->words) && kind->words[i]; i++) {
        if (str_is(word, kind->words[i])) return true;
    }
    return false;
}

/* How the kind is called after a verb: "source git", "kustomization". */
static str kind_words(arena *a, const struct kind *kind)
{
    return str_printf(a, "%s%s%s", kind->family ? kind->family : "", kind->family ? " " : "",
                      kind->words[0]);
}

void target_help(buf *b)
{
    arena a AUTO(arena_done) = {0};
    size_t count;
    const struct kind **all = kind_all(&a, &count);
    BUF_ADD(b, "\nKinds:\n");
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, "  " STR_FMT, STR_ARG(kind_words(&a, all[i])));
        for (size_t word = 1; word < COUNT(all[i]->words) && all[i]->words[word]; word++) {
            buf_printf(b, ", %s", all[i]->words[word]);
        }
        BUF_ADD(b, "\n");
    }
}

static err *unknown_kind(arena *a, str word)
{
    size_t count;
    const struct kind **all = kind_all(a, &count);
    buf known = BUF(a);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&known, "%s'" STR_FMT "'", i ? ", " : "", STR_ARG(kind_words(a, all[i])));
    }
    return err_invalid("unknown kind '" STR_FMT "'; known are: " STR_FMT, STR_ARG(word),
                       STR_ARG(buf_str(&known)));
}

static void drop_args(struct cli *cli, size_t count)
{
    cli->args += count;
    cli->arg_count -= count;
}

static void one(arena *a, const struct kind *kind, struct target *out)
{
    *out = (struct target){NEW(a, const struct kind *), 1, false};
    out->kinds[0] = kind;
}

/* The kinds of a family: those that the second word names. */
static err *take_of_family(struct cli *cli, bool allow_all, const struct kind **kinds, size_t count,
                           struct target *out)
{
    if (cli->arg_count < 2) {
        return err_invalid("'" STR_FMT "' needs one more word: which kind", STR_ARG(cli->args[0]));
    }
    str word = cli->args[1];
    if (allow_all && str_is(word, "all")) {
        drop_args(cli, 2);
        *out = (struct target){kinds, count, true};
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (!names_kind(kinds[i], word)) continue;
        drop_args(cli, 2);
        one(cli->a, kinds[i], out);
        return NULL;
    }
    return unknown_kind(
        cli->a, str_printf(cli->a, STR_FMT " " STR_FMT, STR_ARG(cli->args[0]), STR_ARG(word)));
}

err *target_take(struct cli *cli, bool allow_all, struct target *out)
{
    must(cli->arg_count > 0);
    size_t count, family_count = 0;
    const struct kind **all = kind_all(cli->a, &count);
    str word = cli->args[0];
    if (allow_all && str_is(word, "all")) {
        drop_args(cli, 1);
        *out = (struct target){all, count, true};
        return NULL;
    }

    const struct kind **family = NEW_ARRAY(cli->a, const struct kind *, count);
    const struct kind *found = kind_find_word(word);
    for (size_t i = 0; i < count; i++) {
        if (names_family(all[i], word)) family[family_count++] = all[i];
        if (!found && !all[i]->family && names_kind(all[i], word)) found = all[i];
    }
    if (family_count) return take_of_family(cli, allow_all, family, family_count, out);
    if (!found) return unknown_kind(cli->a, word);
    drop_args(cli, 1);
    one(cli->a, found, out);
    return NULL;
}

struct kube_ref target_ref(const struct kind *kind, str namespace, str name)
{
    return (struct kube_ref){kind_gvk(kind), namespace, name};
}
