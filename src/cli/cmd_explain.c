/* explain: what a kind, or a field of it, is for; from the same tables as the CRDs. */
#include "cli/target.h"

static void write_fields(buf *b, const struct schema *schema, const char *indent)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        buf_printf(b, "%s%s <%s>%s\n%s    %s\n", indent, field->name, schema_type_name(field),
                   field->required ? " required" : "", indent, field->doc);
    }
}

static void write_facts(buf *b, const struct field *field)
{
    if (field->required) BUF_ADD(b, "Required: yes\n");
    if (field->fallback) buf_printf(b, "Default: %s\n", field->fallback);
    if (field->pattern) buf_printf(b, "Pattern: %s\n", field->pattern);
    if (field->min_length) buf_printf(b, "Least length: %u\n", field->min_length);
    if (field->max_length) buf_printf(b, "Greatest length: %u\n", field->max_length);
    for (const char *const *choice = field->choices; choice && *choice; choice++) {
        buf_printf(b, "%s%s", choice == field->choices ? "One of: " : ", ", *choice);
    }
    if (field->choices) BUF_ADD(b, "\n");
}

static void write_kind(buf *b, const struct kind *kind)
{
    buf_printf(b, "%s (%s/%s)\n%s\n\nspec:\n", kind->kind, kind->group, kind->version, kind->doc);
    write_fields(b, kind->spec, "  ");
    BUF_ADD(b, "\nstatus:\n");
    write_fields(b, kind->status, "  ");
}

static void write_field(buf *b, const struct kind *kind, str path, const struct field *field)
{
    buf_printf(b, "%s." STR_FMT " <%s>\n%s\n\n", kind->kind, STR_ARG(path), schema_type_name(field),
               field->doc);
    write_facts(b, field);
    if (!field->schema) return;
    BUF_ADD(b, "Fields:\n");
    write_fields(b, field->schema, "  ");
}

static err *run(struct cli *cli, const void *options)
{
    (void)options;
    str word, path, top, rest;
    str_cut(cli->args[0], '.', &word, &path);
    const struct kind *kind = kind_find_word(word);
    if (!kind) return err_invalid("unknown kind '" STR_FMT "'", STR_ARG(word));
    if (!path.len) {
        write_kind(&cli->out, kind);
        return NULL;
    }

    str_cut(path, '.', &top, &rest);
    const struct schema *schema = str_is(top, "spec")     ? kind->spec
                                  : str_is(top, "status") ? kind->status
                                                          : NULL;
    if (schema && !rest.len) {
        write_fields(&cli->out, schema, "");
        return NULL;
    }
    const struct field *field = schema ? schema_find(schema, rest) : NULL;
    if (!field) {
        return err_not_found("%s has no field '" STR_FMT "'", kind->kind, STR_ARG(path));
    }
    write_field(&cli->out, kind, path, field);
    return NULL;
}

COMMAND(explain) = {
    .path = "explain",
    .usage = "KIND[.FIELD]",
    .summary = "show what a kind or a field of it is for",
    .examples = "  fixpoint explain ks\n"
                "  fixpoint explain kustomization.spec.postBuild.substituteFrom",
    .args_min = 1,
    .args_max = 1,
    .bare = true,
    .run = run,
};
