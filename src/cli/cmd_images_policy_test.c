/* images policy-test: which of the tags on standard input a policy chooses. */
#include "base/fs.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "control/imagepolicy_spec.h"
#include "doc/yaml.h"
#include "image/tag_store.h"

struct options {
    str file, semver, alphabetical, numerical, pattern, extract;
};

static const char *const orders[] = {"asc", "desc", NULL};

static const struct flag flags[] = {
    FLAG(struct options, file, "file", 'f', FLAG_STR, .value = "path",
         .help = "a file with the ImagePolicy, instead of the other flags"),
    FLAG(struct options, semver, "select-semver", 0, FLAG_STR, .value = "range",
         .help = "the highest version in the range"),
    FLAG(struct options, alphabetical, "select-alpha", 0, FLAG_STR, .value = "order",
         .choices = orders, .help = "the last tag in the order of bytes; desc: the first"),
    FLAG(struct options, numerical, "select-numeric", 0, FLAG_STR, .value = "order",
         .choices = orders, .help = "the largest number; desc: the smallest"),
    FLAG(struct options, pattern, "filter-regex", 0, FLAG_STR, .value = "expression",
         .help = "only tags that match"),
    FLAG(struct options, extract, "filter-extract", 0, FLAG_STR, .value = "template",
         .help = "what is ranked, made of the expression's groups"),
};

static err *read_file(struct cli *cli, str path, struct policy *out)
{
    node *object, **objects;
    size_t count;
    str text;
    struct imagepolicy_spec *spec = NEW(cli->a, struct imagepolicy_spec);
    TRY(fs_read(cli->a, path, LIMIT_FILE_BYTES, &text));
    err *e = yaml_parse_all(cli->a, text, (struct yaml_options){0}, &objects, &count);
    if (e) return err_wrap(e, "reading '" STR_FMT "'", STR_ARG(path));
    object = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!str_is(node_get_str(objects[i], STR("kind")), "ImagePolicy")) continue;
        if (object) return err_invalid("'" STR_FMT "' has several ImagePolicies", STR_ARG(path));
        object = objects[i];
    }
    if (!object) return err_invalid("'" STR_FMT "' has no ImagePolicy", STR_ARG(path));
    TRY(imagepolicy_spec_decode(cli->a, object, spec));
    return imagepolicy_spec_policy(spec, out);
}

static err *read_flags(const struct options *options, struct policy *out)
{
    struct policy policy = {.pattern = options->pattern, .extract = options->extract};
    int given = !!options->semver.len + !!options->alphabetical.len + !!options->numerical.len;
    if (given != 1)
        return err_invalid("one of --select-semver, --select-alpha, --select-numeric and --file "
                           "is needed");
    if (options->extract.len && !options->pattern.len)
        return err_invalid("--filter-extract needs --filter-regex");
    policy.rank = options->semver.len         ? POLICY_SEMVER
                  : options->alphabetical.len ? POLICY_ALPHABETICAL
                                              : POLICY_NUMERICAL;
    policy.range = options->semver;
    policy.lowest = str_is(options->alphabetical, "desc") || str_is(options->numerical, "desc");
    *out = policy;
    return NULL;
}

static err *read_tags(arena *a, struct tag_list *out)
{
    str text, line, *tags = NULL;
    size_t count = 0, room = 0;
    TRY(fs_read(a, STR("/dev/stdin"), (size_t)LIMIT_OCI_TAGS * (LIMIT_OCI_TAG_BYTES + 1), &text));
    while (str_next_line(&text, &line))
        if (str_trim(line).len) *ARENA_PUSH(a, tags, count, room) = str_trim(line);
    *out = tag_store_order(a, tags, count);
    return NULL;
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    struct policy policy;
    struct tag_list list;
    str tag;
    bool others = options->semver.len || options->alphabetical.len || options->numerical.len ||
                  options->pattern.len || options->extract.len;
    if (options->file.len && others) return err_invalid("--file goes without the other flags");
    TRY(options->file.len ? read_file(cli, options->file, &policy) : read_flags(options, &policy));
    TRY(read_tags(cli->a, &list));
    TRY(policy_choose(cli->a, &policy, list.items, list.count, &tag));
    buf_printf(&cli->out, STR_FMT "\n", STR_ARG(tag));
    return NULL;
}

COMMAND(images_policy_test) = {
    .path = "images policy-test",
    .summary = "show which of the tags on standard input a policy chooses",
    .help = "Tags stand one a line. The chosen one is printed; it is an error when there is none.\n"
            "Talks to no cluster.",
    .examples = "  skopeo list-tags docker://ghcr.io/org/app | jq -r .Tags[] |\n"
                "    fixpoint images policy-test --select-semver '>=1.0.0-0'\n"
                "  fixpoint images policy-test -f policy.yaml <tags.txt",
    COMMAND_FLAGS(flags, struct options),
    .bare = true,
    .run = run,
};
